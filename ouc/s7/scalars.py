"""Bits, bit strings, integers and floating-point numbers, and the hardware types that are names for integers.

Sizes, ranges and start values: TIA Portal Information System, "Data types"; every row is in the reference's table 1.1,
the hardware types in 1.4.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import attrs

from .base import Image, Unfit, shown

__all__ = ["BITS", "HARDWARE_TYPES", "NUMBERS", "Scalar"]

Reader = Callable[[Image, int], Any]
Writer = Callable[[Image, int, Any], None]


@attrs.frozen(eq=False)
class Scalar:
    """A type whose value is one Python object of fixed size.

    Attributes:
        name: As TIA Portal prints it.
        size: Bytes.
        align: 1 or 2, the multiple at which standard access lets it start.
        read: Image and offset to value.
        write: Image, offset and value; raises `Unfit`.
        blank: The image of the type's start value.
        limits: The permitted range in words.
        low: Smallest integer, None where the value is no integer.
        high: Largest integer.
        kind: The family that literals are read by: `bits`, `signed`, `unsigned`, `bool`, `real`, or the type's name.
        bit: 0 to 7 for a Bool, None for everything else.
    """

    name: str
    size: int
    align: int
    read: Reader = attrs.field(repr=False)
    write: Writer = attrs.field(repr=False)
    blank: bytes = attrs.field(repr=False)
    limits: str = attrs.field(repr=False)
    kind: str = attrs.field(repr=False)
    low: int | None = attrs.field(default=None, repr=False)
    high: int | None = attrs.field(default=None, repr=False)
    bit: int | None = attrs.field(default=None, repr=False)
    depth: int = attrs.field(default=0, repr=False)

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether two places mean the same; a weekday that does not match its date means nothing."""
        if self.bit is not None:
            return not (one[at] ^ other[there]) >> self.bit & 1
        if one[at : at + self.size] == other[there : there + self.size]:
            return True
        try:
            return self.kind in ("dtl", "date_and_time") and bool(self.read(one, at) == self.read(other, there))
        except Unfit:
            return False


def _bool(bit: int) -> Scalar:
    mask = 1 << bit
    clear = 0xFF ^ mask

    def read(image: Image, offset: int) -> bool:
        return bool(image[offset] & mask)

    def write(image: Image, offset: int, value: Any) -> None:
        if value is True or (value is not False and _is_bit(value) and value):
            image[offset] |= mask
        else:
            image[offset] &= clear

    return Scalar("Bool", 1, 1, read, write, b"\0", "TRUE or FALSE", "bool", bit=bit)


def _is_bit(value: Any) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return True
    raise Unfit(f"{shown(value)} does not fit Bool: TRUE or FALSE")


#: Bool at bit 0 (least significant) to bit 7 of its byte.
BITS = tuple(_bool(bit) for bit in range(8))


def _integer(name: str, size: int, kind: str) -> Scalar:
    code = {1: "b", 2: "h", 4: "i", 8: "q"}[size]
    low, high = -(1 << size * 8 - 1), (1 << size * 8 - 1) - 1
    if kind != "signed":
        code, low, high = code.upper(), 0, (1 << size * 8) - 1
    limits = f"{low} to {high}" if kind != "bits" else f"16#0 to 16#{high:X}"
    packer = struct.Struct(f">{code}")
    unpack, pack = packer.unpack_from, packer.pack_into

    def read(image: Image, offset: int) -> int:
        value: int = unpack(image, offset)[0]
        return value

    def write(image: Image, offset: int, value: Any) -> None:
        # A Bool is no number: STEP 7 does not convert it either.
        if value is not True and value is not False:
            try:
                pack(image, offset, value)
            except (struct.error, TypeError, OverflowError):
                pass
            else:
                return
        raise Unfit(f"{shown(value)} does not fit {name}: {limits}")

    return Scalar(name, size, min(size, 2), read, write, bytes(size), limits, kind, low, high)


def _real(name: str, code: str, size: int, limits: str) -> Scalar:
    packer = struct.Struct(f">{code}")
    unpack, pack = packer.unpack_from, packer.pack_into

    def read(image: Image, offset: int) -> float:
        value: float = unpack(image, offset)[0]
        return value

    def write(image: Image, offset: int, value: Any) -> None:
        try:
            pack(image, offset, None if value is True or value is False else value)
        except (struct.error, TypeError, OverflowError):
            raise Unfit(f"{shown(value)} does not fit {name}: {limits}") from None

    return Scalar(name, size, 2, read, write, bytes(size), limits, "real")


#: Everything that is a number, by its name in lower case.
NUMBERS: dict[str, Scalar] = {
    scalar.name.lower(): scalar
    for scalar in (
        _integer("Byte", 1, "bits"),
        _integer("Word", 2, "bits"),
        _integer("DWord", 4, "bits"),
        _integer("LWord", 8, "bits"),
        _integer("SInt", 1, "signed"),
        _integer("Int", 2, "signed"),
        _integer("DInt", 4, "signed"),
        _integer("LInt", 8, "signed"),
        _integer("USInt", 1, "unsigned"),
        _integer("UInt", 2, "unsigned"),
        _integer("UDInt", 4, "unsigned"),
        _integer("ULInt", 8, "unsigned"),
        # NaN and infinities occur in real blocks and pass in both directions; a finite number too large does not.
        _real("Real", "f", 4, "-3.402823e+38 to +3.402823e+38"),
        _real("LReal", "d", 8, "-1.7976931348623157e+308 to +1.7976931348623157e+308"),
    )
}

# Name → size and kind of the integer it stands for. AOM_IDENT and the events are widely treated as DWord; no source
# states their size.
_HARDWARE = {
    (2, "unsigned"): (
        "HW_ANY HW_DEVICE HW_DPMASTER HW_DPSLAVE HW_IO HW_IOSYSTEM HW_SUBMODULE HW_MODULE HW_INTERFACE HW_IEPORT "
        "HW_HSC HW_PWM HW_PTO PORT DB_ANY DB_WWW DB_DYN PIP RTM"
    ),
    (2, "bits"): "CONN_ANY CONN_PRG CONN_OUC",
    (4, "bits"): "CONN_R_ID EVENT_ANY EVENT_ATT EVENT_HWINT AOM_IDENT",
    (2, "signed"): (
        "OB_ANY OB_DELAY OB_TOD OB_CYCLIC OB_ATT OB_PCYCLE OB_HWINT OB_DIAG OB_TIMEERROR OB_STARTUP"
    ),
}

#: Hardware and system types that are names for integers, by their name in lower case.
HARDWARE_TYPES: dict[str, Scalar] = {
    name.lower(): _integer(name, size, kind) for (size, kind), names in _HARDWARE.items() for name in names.split()
}
