"""From a path such as `Motor[3].Speed` to a place in the image, once; afterwards a dictionary knows it.

Paths are spelled as in TIA Portal: members by name with letter case ignored, names that are no plain identifier in
double quotes (`"Motor 1".Speed`), array elements by all their indices (`Matrix[0,2]`). Absolute addresses are those of
the S7 world: `DBX0.0` a bit, `DBB4` a byte, `DBW2` a word, `DBD6` a double word, `P#DB1.DBX0.0 BYTE 100` a stretch of
bytes, each with or without `%` and `DB1.` in front.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs

from .base import Image, Type, Unfit, shown, spelled
from .composite import Array, Opaque, Record, Struct
from .scalars import BITS, NUMBERS

__all__ = ["Paths", "Place", "Raw", "absolute", "locate", "split"]

_NAME = re.compile(r'"([^"]*)"|([^."\[\]]+)')
_INDICES = re.compile(r"\[\s*([+-]?\d+(?:\s*,\s*[+-]?\d+)*)\s*\]")
_ABSOLUTE = re.compile(r"%?(?:DB\d{1,5}\.)?DB([XBWD])(\d{1,8})(?:\.(\d))?\Z", re.IGNORECASE)
_POINTER = re.compile(r"P#(?:DB\d{1,5}\.)?DBX(\d{1,8})\.([0-7])\s+([A-Z_0-9]+)\s+(\d{1,8})\Z", re.IGNORECASE)

# How many bytes one unit of a pointer is worth.
_UNITS = {
    "BYTE": 1, "CHAR": 1, "WORD": 2, "INT": 2, "DATE": 2, "S5TIME": 2, "DWORD": 4, "DINT": 4, "REAL": 4, "TIME": 4,
    "TOD": 4, "TIME_OF_DAY": 4, "DT": 8, "DATE_AND_TIME": 8,
}  # fmt: skip

Step = str | int


class Place:
    """Where a path leads: a type at an offset, with its accessors at hand."""

    __slots__ = ("composite", "offset", "path", "read", "type", "write")

    def __init__(self, kind: Type, offset: int, path: str) -> None:
        self.type = kind
        self.offset = offset
        self.path = path
        self.read: Callable[[Image, int], Any] = kind.read
        self.write: Callable[[Image, int, Any], None] = kind.write
        self.composite = isinstance(kind, Struct | Array)


@attrs.frozen
class Raw:
    """A stretch of bytes by absolute address; reading gives a memoryview, nothing is copied."""

    size: int
    name: str
    align: int = 1
    depth: int = 0

    @property
    def blank(self) -> bytes:
        """Zeros."""
        return bytes(self.size)

    def read(self, image: Image, offset: int) -> memoryview:
        """The bytes in place."""
        return memoryview(image)[offset : offset + self.size]

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store exactly as many bytes."""
        if not isinstance(value, bytes | bytearray | memoryview) or len(value) != self.size:
            raise Unfit(f"{shown(value)} does not fit {self.name}: {self.size} bytes")
        image[offset : offset + self.size] = bytes(value)

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether the bytes agree."""
        return one[at : at + self.size] == other[there : there + self.size]


def split(path: str) -> list[Step]:
    """The steps of a path: names without quotes, and indices one by one.

    Raises:
        Unfit: It is no path.
    """
    steps: list[Step] = []
    at = 0
    while at < len(path):
        if path[at] == "[" and (indices := _INDICES.match(path, at)):
            steps += [int(index) for index in indices[1].split(",")]
            at = indices.end()
            continue
        at += bool(steps) and path[at] == "."
        name = _NAME.match(path, at)
        if name is None or (steps and path[at - 1] != "."):
            raise Unfit(f"{shown(path)} is no path; write it like Motor[3].Speed")
        steps.append(name[1] if name[1] is not None else name[2].strip())
        at = name.end()
    if not steps:
        raise Unfit("an empty path leads nowhere")
    return steps


def locate(kind: Type, steps: list[Step]) -> Place:
    """Follow steps from a type; the place's path has the declared spelling.

    Raises:
        Unfit: No such member or element; its path is how far the steps led.
    """
    offset, path = 0, ""
    indices: list[str] = []  # those given so far of an array of several dimensions
    for step in steps:
        if isinstance(step, int) and isinstance(kind, Record) and len(kind.inner.slots) == 1:
            # Siemens' tables write an address both as a record with ADDR[1..4] and as the bare array.
            only = kind.inner.slots[0]
            kind, path = only.type, f"{path}.{only.name}"
        try:
            inner, at = _follow(kind, step)
        except Unfit as refusal:
            raise Unfit(refusal.reason, path) from None
        offset += at
        if isinstance(step, str):
            path += ("." if path else "") + spelled(_declared(kind, step))
        else:
            indices.append(str(step))
            if isinstance(kind, Array) and len(kind.bounds) == 1:
                path += f"[{','.join(indices)}]"
                indices = []
        kind = inner
    return Place(kind, offset, path + (f"[{','.join(indices)}]" if indices else ""))


def _follow(kind: Type, step: Step) -> tuple[Type, int]:
    if isinstance(kind, Record):
        kind = kind.inner
    if isinstance(step, str) and isinstance(kind, Struct):
        slot = kind.slot(step)
        return slot.type, slot.offset
    if isinstance(step, int) and isinstance(kind, Array):
        return kind.step(step)
    if isinstance(kind, Opaque):
        raise Unfit(f"what lies inside {kind.name} is not published")
    wanted = f"the index {step}" if isinstance(step, int) else f"the member {spelled(step)}"
    raise Unfit(f"{kind.name} does not have {wanted}")


def _declared(kind: Type, step: str) -> str:
    struct = kind.inner if isinstance(kind, Record) else kind
    return struct.slot(step).name if isinstance(struct, Struct) else step


def absolute(text: str) -> Place | None:
    """The place of an absolute address; None if the text is none. A block's number in it is not looked at.

    Raises:
        Unfit: It is one that does not exist, such as `DBX0.9`.
    """
    text = text.strip()
    if match := _ABSOLUTE.match(text):
        width, byte, bit = match[1].upper(), int(match[2]), match[3]
        if (width == "X") != (bit is not None) or (bit is not None and int(bit) > 7):
            raise Unfit(f"{text} is no address: DBX has a bit 0 to 7, DBB, DBW and DBD have none")
        kind = BITS[int(bit or 0)] if width == "X" else NUMBERS[{"B": "byte", "W": "word", "D": "dword"}[width]]
        return Place(kind, byte, text)
    if match := _POINTER.match(text):
        byte, bit, unit, count = int(match[1]), int(match[2]), match[3].upper(), int(match[4])
        if unit == "BOOL" and count == 1:
            return Place(BITS[bit], byte, text)
        if unit not in _UNITS or bit:
            raise Unfit(f"{text} does not begin at a byte or has an unknown unit; write it like P#DB1.DBX0.0 BYTE 100")
        return Place(Raw(_UNITS[unit] * count, text), byte, text)
    return None


class Paths(dict[str, Place]):
    """The places of one structure by the paths that were asked for; filled on demand, bounded, shared by all views."""

    LIMIT = 100_000

    def __init__(self, struct: Struct) -> None:
        super().__init__()
        self.struct = struct

    def __missing__(self, path: str) -> Place:
        if not isinstance(path, str):
            raise Unfit(f"{shown(path)} is no member of {self.struct.name}; members have names")
        # A name that is no plain identifier needs its quotes only where it would be read as a path.
        direct = self.struct.find(path)
        place = locate(self.struct, [path] if direct else split(path))
        return self.keep(path, place)

    def keep(self, path: str, place: Place) -> Place:
        """Remember a place; when there are too many, the others are forgotten."""
        if len(self) >= self.LIMIT:
            self.clear()
        self[path] = place
        return place
