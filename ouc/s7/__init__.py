"""S7 data types, their layout in standard-access blocks, and values over a block's bytes."""

from __future__ import annotations

from .base import MAX_DEPTH, MAX_IMAGE, Image, Type, Unfit, nearest, quoted, shown, spelled
from .block import DataBlock, NamedPaths
from .changes import Change, changed, leaves
from .clock import dtl_fields
from .composite import Array, Member, Opaque, Record, Slot, Struct
from .literals import literal, parse
from .names import find, typeof
from .paths import Paths, Place, locate, split
from .scalars import Scalar
from .structure import Structure, s7
from .text import Codepage, String, WString, codepage
from .values import DTL, LDT, LTime, LTimeOfDay, S5Time
from .views import ArrayView, StructView

__all__ = [
    "DTL",
    "LDT",
    "MAX_DEPTH",
    "MAX_IMAGE",
    "Array",
    "ArrayView",
    "Change",
    "Codepage",
    "DataBlock",
    "Image",
    "LTime",
    "LTimeOfDay",
    "Member",
    "NamedPaths",
    "Opaque",
    "Paths",
    "Place",
    "Record",
    "S5Time",
    "Scalar",
    "Slot",
    "String",
    "Struct",
    "StructView",
    "Structure",
    "Type",
    "Unfit",
    "WString",
    "changed",
    "codepage",
    "dtl_fields",
    "find",
    "leaves",
    "literal",
    "locate",
    "nearest",
    "parse",
    "quoted",
    "s7",
    "shown",
    "spelled",
    "split",
    "typeof",
]
