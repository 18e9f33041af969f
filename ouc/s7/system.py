"""System records: types that Siemens ships, with the lengths and members it publishes (reference 1.4).

Where only a length is published the content is opaque: it goes through as raw bytes, and no offset is invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from .base import Image, Type, Unfit, shown
from .clock import TIMES
from .composite import Array, Member, Opaque, Record, Struct
from .scalars import BITS, HARDWARE_TYPES, NUMBERS, Scalar

__all__ = ["SYSTEM_TYPES"]

_SCALARS: dict[str, Type] = {**NUMBERS, **HARDWARE_TYPES, **TIMES, "bool": BITS[0]}


def _struct(name: str, **members: str | Type) -> Struct:
    kinds = ((key, _SCALARS[kind.lower()] if isinstance(kind, str) else kind) for key, kind in members.items())
    return Struct([Member(key, kind) for key, kind in kinds], name=name)


def _read_address(image: Image, offset: int) -> IPv4Address:
    return IPv4Address(bytes(image[offset : offset + 4]))


def _write_address(image: Image, offset: int, value: Any) -> None:
    try:
        if isinstance(value, int | bool):
            raise AddressValueError
        if isinstance(value, list | tuple):
            value = bytes(value)
        elif isinstance(value, str):
            value = value.strip()
        image[offset : offset + 4] = IPv4Address(value).packed
    except (ValueError, TypeError):
        raise Unfit(f"{shown(value)} does not fit IP_V4: an IPv4 address such as 192.168.0.1") from None


_IP_V4 = Record(
    Scalar("IP_V4", 4, 2, _read_address, _write_address, bytes(4), "an IPv4 address", "ip_v4"),
    _struct("IP_V4", ADDR=Array(((1, 4),), NUMBERS["byte"])),
)

_DTL = Record(
    TIMES["dtl"],
    _struct(
        "DTL", YEAR="UInt", MONTH="USInt", DAY="USInt", WEEKDAY="USInt", HOUR="USInt", MINUTE="USInt", SECOND="USInt",
        NANOSECOND="UDInt",
    ),
)  # fmt: skip

_CREF = _struct("CREF", BLOCK_TYPE="Byte", CB_NUMBER="UInt", OFFSET="UDInt")
_NREF = _struct("NREF", AREA="Byte", DB_NUMBER="UInt", OFFSET="UDInt")
_ERROR_STRUCT = _struct(
    "ErrorStruct", ERROR_ID="Word", FLAGS="Byte", REACTION="Byte", CODE_ADDRESS=_CREF, MODE="Byte",
    OPERAND_NUMBER="UInt", POINTER_NUMBER_LOCATION="UInt", SLOT_NUMBER_SCOPE="UInt", DATA_ADDRESS=_NREF,
)  # fmt: skip


def _visible(**members: str) -> Mapping[str, Type]:
    return {key.lower(): _SCALARS[kind.lower()] for key, kind in members.items()}


def _counter(name: str, length: int, count: str) -> Opaque:
    flags = dict.fromkeys(("CU", "CD", "R", "LD", "QU", "QD"), "Bool")
    return Opaque(name, length, _visible(**flags, PV=count, CV=count))


_OPAQUE = (
    Opaque("IEC_TIMER", 16, _visible(PT="Time", ET="Time", IN="Bool", Q="Bool")),
    Opaque("IEC_LTIMER", 32, _visible(PT="LTime", ET="LTime", IN="Bool", Q="Bool")),
    _counter("IEC_SCOUNTER", 3, "SInt"),
    _counter("IEC_USCOUNTER", 3, "USInt"),
    _counter("IEC_COUNTER", 6, "Int"),
    _counter("IEC_UCOUNTER", 6, "UInt"),
    _counter("IEC_DCOUNTER", 12, "DInt"),
    _counter("IEC_UDCOUNTER", 12, "UDInt"),
    _counter("IEC_LCOUNTER", 24, "LInt"),
    _counter("IEC_ULCOUNTER", 24, "ULInt"),
    Opaque("SSL_HEADER", 4),
    Opaque("CONDITIONS", 52),
    Opaque("HSC_Period", 12),
    Opaque("AssocValues", 16),
    Opaque("VREF", 12),
)

# Timers and counters are also declared under the names of the instructions that use them: TON_TIME, CTU_INT.
_INSTRUCTIONS = {
    **{f"{name}{suffix}": _OPAQUE[0] for name in ("ton", "tof", "tp", "tonr") for suffix in ("", "_time")},
    **{f"{name}_ltime": _OPAQUE[1] for name in ("ton", "tof", "tp", "tonr")},
    **{
        f"{name}_{count}": counter
        for counter in _OPAQUE[2:10]
        for name in ("ctu", "ctd", "ctud")
        for count in (counter.members["cv"].name.lower(),)
    },
}

#: System records and opaque types by their name in lower case.
SYSTEM_TYPES: dict[str, Type] = {
    "ip_v4": _IP_V4,
    "dtl": _DTL,
    "cref": _CREF,
    "nref": _NREF,
    "errorstruct": _ERROR_STRUCT,
    "error_struct": _ERROR_STRUCT,
    **{kind.name.lower(): kind for kind in _OPAQUE},
    **{name: Opaque(name.upper(), kind.length, kind.members) for name, kind in _INSTRUCTIONS.items()},
}
