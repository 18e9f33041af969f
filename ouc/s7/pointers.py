"""POINTER and ANY: addresses as data.

A POINTER is the number of a data block (0 where there is none) and a pointer: the code of a memory area, then the
address in bits. An ANY has the identifier 16#10, the code of a data type and a count in front (STEP 7 manual "Programming
with STEP 7", A.3.4, "Format of the parameter types POINTER and ANY"). Programs read and write both as raw bytes;
literals are `P#M50.0` and `P#DB1.DBX0.0 BYTE 10`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from .base import Image, Type, Unfit, shown
from .scalars import Scalar

__all__ = ["POINTERS", "pointer_text", "read_pointer"]

_ANY_IDENTIFIER: Final = 0x10
_ANY_SIZE: Final = 10

_UNITS: Final[Mapping[str, int]] = {
    "BOOL": 0x01, "BYTE": 0x02, "CHAR": 0x03, "WORD": 0x04, "INT": 0x05, "DWORD": 0x06, "DINT": 0x07, "REAL": 0x08,
    "DATE": 0x09, "TIME_OF_DAY": 0x0A, "TIME": 0x0B, "S5TIME": 0x0C, "DATE_AND_TIME": 0x0E, "STRING": 0x13,
    "TOD": 0x0A, "DT": 0x0E,
}  # fmt: skip
# International and German names; the first name of a code is the one that is written.
_AREAS: Final[Mapping[str, int]] = {
    "": 0x00, "P": 0x80, "I": 0x81, "Q": 0x82, "M": 0x83, "DBX": 0x84, "DIX": 0x85, "L": 0x86, "V": 0x87, "E": 0x81,
    "A": 0x82,
}  # fmt: skip
_UNIT_NAMES: Final = {code: name for name, code in reversed(list(_UNITS.items()))}
_AREA_NAMES: Final = {code: name for name, code in reversed(list(_AREAS.items()))}
_BITS_OF_AN_ADDRESS: Final = 19  # 16 for the byte, 3 for the bit

_POINTER: Final = re.compile(
    r"(?:DB(\d{1,5})\.)?([A-Z]*) *(\d{1,5})\.([0-7])(?:\s+([A-Z_0-9]+)\s+(\d{1,5}))?\Z", re.IGNORECASE
)


def read_pointer(kind: Type, body: str) -> bytes:
    """The bytes of a literal, given without its `P#`; raises ValueError where it is none of the type."""
    match = _POINTER.match(body)
    if body.upper() == "NULL" or (match and (match[5] or "").upper() == "VOID"):
        return bytes([_ANY_IDENTIFIER]).ljust(kind.size, b"\0") if kind.size == _ANY_SIZE else bytes(kind.size)
    area = _AREAS.get(match[2].upper()) if match else None
    if match is None or area is None or (match[1] is not None and match[2].upper() != "DBX"):
        raise ValueError
    block, byte = int(match[1] or 0), int(match[3])
    if max(block, byte) > 0xFFFF or (match[1] is not None and not block):
        raise ValueError
    address = block.to_bytes(2, "big") + (area << 24 | byte << 3 | int(match[4])).to_bytes(4, "big")
    return _counted(match, area) + address if kind.size == _ANY_SIZE else _bare(match, address)


def _bare(match: re.Match[str], address: bytes) -> bytes:
    if match[5] is not None:
        raise ValueError
    return address


def _counted(match: re.Match[str], area: int) -> bytes:
    unit, count = _UNITS.get((match[5] or "").upper()), int(match[6] or 0)
    begins = unit == _UNITS["BOOL"] or match[4] == "0"
    if unit is None or not area or not begins or not 1 <= count <= 0xFFFF:
        raise ValueError
    return bytes([_ANY_IDENTIFIER, unit]) + count.to_bytes(2, "big")


def pointer_text(kind: Type, data: bytes) -> str:
    """The literal that stands for raw bytes; raises `Unfit` where there is none."""
    address = int.from_bytes(data[-4:], "big")
    area, place = _AREA_NAMES.get(address >> 24), address & 0xFFFFFF
    block = int.from_bytes(data[-6:-4], "big")
    if kind.size == _ANY_SIZE and data == bytes([_ANY_IDENTIFIER]).ljust(kind.size, b"\0"):
        return "NULL"
    text = f"P#{f'DB{block}.' if block else ''}{area}{place >> 3}.{place & 7}"
    if kind.size == _ANY_SIZE:
        text += f" {_UNIT_NAMES.get(data[1], '')} {int.from_bytes(data[2:4], 'big')}"
    try:
        if area is not None and not place >> _BITS_OF_AN_ADDRESS and read_pointer(kind, text[2:]) == data:
            return text
    except ValueError:
        pass
    raise Unfit(f"{data.hex(' ').upper()} has no literal of {kind.name}")


def _pointer(name: str, size: int, kind: str) -> Scalar:
    def read(image: Image, offset: int) -> bytes:
        return bytes(image[offset : offset + size])

    def write(image: Image, offset: int, value: Any) -> None:
        if not isinstance(value, bytes | bytearray | memoryview) or len(value) != size:
            raise Unfit(f"{shown(value)} does not fit {name}: {size} raw bytes")
        image[offset : offset + size] = bytes(value)

    return Scalar(name, size, 2, read, write, bytes(size), f"{size} raw bytes", kind)


#: Types that hold an address, by name in lower case. REMOTE is an ANY by another name.
POINTERS: Final[dict[str, Scalar]] = {
    kind.name.lower(): kind
    for kind in (_pointer("POINTER", 6, "pointer"), _pointer("ANY", 10, "any"), _pointer("REMOTE", 10, "any"))
}
