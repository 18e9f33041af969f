"""What every S7 type offers, and how a value that does not fit is told.

A type reads from and writes to an *image*: the bytes of a block as they lie in the CPU's memory, big-endian. It knows
nothing of the place it was declared at, so a refusal starts as `Unfit` without a path; each level it passes on its way
up adds its step, and the view that the user holds turns it into a `ParameterError` which names the whole path.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Any, Protocol, TypeAlias

from ..errors import ParameterError
from ..visible import visible
from .values import DTL, S5Time, duration_text, nanoseconds

__all__ = ["MAX_DEPTH", "MAX_IMAGE", "Image", "Type", "Unfit", "even", "nearest", "quoted", "shown", "spelled"]

Image: TypeAlias = "bytearray | memoryview"

#: Largest block image in bytes. The largest data block of an S7-1500 with standard access is 64 KiB; the rest is room
#: for sources that were never loaded into a CPU, bounded so that a hostile array cannot take all memory.
MAX_IMAGE = 16 * 1024 * 1024

#: Levels of structures inside one another that STEP 7 permits.
MAX_DEPTH = 8

_PLAIN_NAME = re.compile(r"[^\W\d]\w*\Z")


def even(size: int) -> int:
    """Round up to the next even number: where words, structures and arrays of standard access begin and end."""
    return size + (size & 1)


def spelled(name: str) -> str:
    """A member's name as a path holds it: in double quotes unless it is a plain identifier."""
    return name if _PLAIN_NAME.match(name) else f'"{name}"'


def quoted(text: str) -> str:
    """A text in quotes as a message may hold it: never long, nothing that acts on a terminal, no Python."""
    seen = visible(text[:101])
    mark = '"' if "'" in seen else "'"
    return f"{mark}{seen if len(seen) <= 100 else f'{seen[:97]}...'}{mark}"


def shown(value: Any) -> str:
    """A refused value as a message may hold it: in STEP 7's words where it has some, never long, never Python's."""
    # A hostile integer of a million digits must not become a message of a million characters (nor a ValueError
    # of Python's own limit on converting it).
    if isinstance(value, int) and value.bit_length() > 256:
        return "an integer of more than 256 bits"
    write = next((write for kinds, write in _WORDS if isinstance(value, kinds)), None)
    text = f"a value of the type {type(value).__name__}" if write is None else write(value)
    return text if len(text) <= 104 else f"{text[:97]}..."


def _bytes(value: bytes | bytearray | memoryview) -> str:
    some = bytes(value[:16]).hex(" ").upper()
    return f"{some or 'no bytes'}{f' … ({len(value)} bytes)' if len(value) > 16 else ''}"


_WORDS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (str, quoted),
    (bool, lambda value: "TRUE" if value else "FALSE"),
    (type(None), lambda _: "nothing"),
    ((int, float, IPv4Address, IPv6Address, S5Time, DTL), str),
    (dt.datetime, lambda value: value.isoformat(" ")),
    ((dt.date, dt.time), lambda value: value.isoformat()),
    (dt.timedelta, lambda value: f"T#{duration_text(nanoseconds(value))}"),
    ((bytes, bytearray, memoryview), _bytes),
    (Mapping, lambda value: f"a mapping of {len(value)} members"),
    ((list, tuple, set, frozenset), lambda value: f"a list of {len(value)} values"),
)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant; bounded, since both sides may come from a stranger."""
    if len(name) > 64:
        return None
    candidates = [other for other in islice(known, 2000) if len(other) <= 64]
    near = difflib.get_close_matches(name, candidates, 1)
    return near[0] if near else None


class Unfit(Exception):
    """A value or an image that a type cannot take; `path` grows while it travels up."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def under(self, step: str) -> Unfit:
        """The same refusal one level further up: `step` is a member's spelled name or an index in brackets."""
        joint = "." if step and self.path and not self.path.startswith("[") else ""
        return Unfit(self.reason, f"{step}{joint}{self.path}")

    def error(self, where: str = "") -> ParameterError:
        """What the user sees; `where` is the path of the view the refusal has reached."""
        return ParameterError(self.reason, where=self.under(where).path)


class Type(Protocol):
    """An S7 data type with a size; sizes and offsets are bytes counted from the start of the image."""

    @property
    def name(self) -> str:
        """As TIA Portal prints it: `Int`, `String[10]`, `Array[1..4] of Byte`."""

    @property
    def size(self) -> int:
        """Bytes in a standard-access block, a Bool that stands alone taking one."""

    @property
    def align(self) -> int:
        """1: starts at any byte; 2: at an even byte."""

    @property
    def depth(self) -> int:
        """How many structures lie inside one another, 0 for what is none."""

    @property
    def blank(self) -> bytes:
        """The image that holds the type's start value."""

    def read(self, image: Image, offset: int) -> Any:
        """The Python value at `offset`, detached from the image."""

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store a value; raises `Unfit` and leaves scalars untouched when it does not fit."""

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether two places mean the same, whatever lies in bytes that carry no meaning."""
