"""What stands in a source, unresolved: names of types are names, start values are text, each with its position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

__all__ = [
    "ArrayOf",
    "Assignment",
    "Block",
    "Constant",
    "Fields",
    "Init",
    "Items",
    "Line",
    "Name",
    "Named",
    "Reference",
    "Repeat",
    "Section",
    "StructOf",
    "TextOf",
    "TypeRef",
]


@attrs.frozen
class Name:
    """A name with its place; `quoted` tells whether it stood in double quotes."""

    text: str
    line: int
    column: int
    quoted: bool = False


@attrs.frozen
class Constant:
    """A literal or the name of a constant, as written; `space` is the named value type in front of it."""

    text: str
    line: int
    column: int
    named: bool = False
    space: str = ""


@attrs.frozen
class Repeat:
    """A repetition factor: `10(0)`."""

    count: Constant
    items: tuple[Init, ...]


@attrs.frozen
class Items:
    """Start values of array elements: `[1, 2, 3(0)]`, or the classic list without brackets."""

    items: tuple[Init | Repeat, ...]
    line: int
    column: int


@attrs.frozen
class Fields:
    """Start values of a structure's members: `(2, x := 5, ())`; an empty one keeps the defaults."""

    fields: tuple[tuple[Name | None, Init], ...]
    line: int
    column: int


Init: TypeAlias = "Constant | Items | Fields | Repeat"


@attrs.frozen
class Named:
    """A type by name: elementary, system, PLC data type, function block."""

    name: str
    line: int
    column: int
    quoted: bool = False


@attrs.frozen
class TextOf:
    """String or WString with its length, if one is given."""

    name: str
    length: Constant | None
    line: int
    column: int


@attrs.frozen
class ArrayOf:
    """An array; bounds are None where the source writes `*`."""

    bounds: tuple[tuple[Constant, Constant] | None, ...]
    element: TypeRef
    line: int
    column: int


@attrs.frozen
class StructOf:
    """An anonymous structure."""

    lines: tuple[Line, ...]
    line: int
    column: int


@attrs.frozen
class Reference:
    """REF_TO a type."""

    to: TypeRef
    line: int
    column: int


TypeRef: TypeAlias = "Named | TextOf | ArrayOf | StructOf | Reference"


@attrs.frozen
class Line:
    """One declaration, of one or more names."""

    names: tuple[Name, ...]
    type: TypeRef
    init: Init | None
    shares: Name | None
    attributes: Mapping[str, str]
    comment: str = ""


@attrs.frozen
class Section:
    """VAR … END_VAR with the words behind VAR."""

    kind: str
    modifiers: frozenset[str]
    lines: tuple[Line, ...]


@attrs.frozen
class Assignment:
    """A line of BEGIN: steps of the path, and the value if one is given."""

    path: tuple[str | Constant, ...]
    value: Init | None
    line: int
    column: int


@attrs.frozen
class Block:
    """A block or type.

    Attributes:
        kind: `DATA_BLOCK`, `TYPE`, `FUNCTION_BLOCK`, `FUNCTION`, `ORGANIZATION_BLOCK` or `VALUES` (named values).
        name: Without quotes; `DB10` for `DB 10`.
        base: The type that a data block is made of, None where it declares its members itself.
        sections: Its declarations; the STRUCT of a data block or type is a section of kind `STRUCT`.
        init: Start values behind END_STRUCT of a type.
    """

    kind: str
    name: Name
    attributes: Mapping[str, str]
    headers: Mapping[str, str]
    flags: frozenset[str]
    sections: tuple[Section, ...]
    base: TypeRef | None
    init: Init | None
    assignments: tuple[Assignment, ...]
