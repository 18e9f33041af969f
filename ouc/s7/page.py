"""The reference page of S7 data types, made from the types themselves."""

from __future__ import annotations

from .base import Type
from .clock import TIMES
from .composite import Opaque, Record, Struct
from .literals import literal
from .mail import MAIL_TYPES
from .names import find, typeof
from .pointers import POINTERS
from .scalars import BITS, HARDWARE_TYPES, NUMBERS, Scalar
from .system import SYSTEM_TYPES

__all__ = ["page"]

_HEAD = """\
# S7 data types

Every type that a data block may declare, with its place in standard access and its value in Python. This page is made
from the types in `ouc/s7`. "Align" is the multiple of bytes a member begins at; nothing is aligned to more than 2. Where
members lie follows from the rules in [Why the bytes lie where they lie](../explanation/layout.md).

## Elementary types

| type | bytes | align | range | Python | start value |
| --- | --- | --- | --- | --- | --- |"""

_HARDWARE = """
`TOD`, `LTOD`, `DT` and `DATE_AND_LTIME` are other names for Time_Of_Day, LTime_Of_Day, Date_And_Time and LDT. Texts are in
the Windows code page of the engineering PC, cp1252 unless told (`code_page=`, `--code-page`). Writing a text clears what
lay behind it. Values with a time zone, and times finer than the type counts, are refused; S5Time is cut as on a CPU.

Writing takes more than reading gives: LTime takes a `timedelta`, LTime_Of_Day a `time`, LDT and DTL a naive `datetime`,
S5Time a `timedelta`, IP_V4 text.

## Hardware and system types

Names for integers:

| types | stand for |
| --- | --- |"""

_RECORDS = """
Records:

| type | bytes | members |
| --- | --- | --- |"""

_POINTERS = """
Addresses as data, read and written as raw bytes; start values are literals such as `P#M50.0` and `P#DB1.DBX0.0 BYTE 10`,
or `NULL`:

| type | bytes |
| --- | --- |"""

_OPAQUE = """
Opaque types, of which only the length is published. They are read and written as raw bytes and end at an even byte; start
values inside them are kept but have no place, so a block that has some has no image.

| bytes | types |
| --- | --- |"""

_TAIL = """\

The offsets of `TMAIL_…` follow from the layout rules; no table of them is published.
The structures of connections (`TCON_IP_v4` and its relatives) are in [Connection descriptions](connection-descriptions.md).
"""

_PYTHON = {
    "bool": "`bool`", "bits": "`int`", "signed": "`int`", "unsigned": "`int`", "real": "`float`", "char": "`str` of length 1",
    "wchar": "`str` of length 1", "s5time": "`ouc.s7.S5Time` (count and time base)", "time": "`timedelta`",
    "ltime": "`ouc.s7.LTime` (`int` of ns)", "date": "`date`", "time_of_day": "`time`",
    "ltime_of_day": "`ouc.s7.LTimeOfDay` (`int` of ns)", "date_and_time": "`datetime`", "ldt": "`ouc.s7.LDT` (`int` of ns)",
    "dtl": "`ouc.s7.DTL`",
}  # fmt: skip
_LAYOUT_ORDER = ("Char", "WChar")


def page() -> str:
    """The page as Markdown."""
    scalars = [BITS[0], *NUMBERS.values(), *(find(name) for name in _LAYOUT_ORDER), *TIMES.values()]
    lines = [_HEAD, *(_scalar(kind) for kind in scalars if isinstance(kind, Scalar))]
    for name, header, unit in (("String", 2, 1), ("WString", 4, 2)):
        size = f"{unit if unit > 1 else ''}n + {header}"
        most = {"String": 254, "WString": 16382}[name]
        lines.append(f"| {name}[n] | {size} | 2 | n 0 to {most}, 254 when not given | `str` | empty |")
    lines.append(_HARDWARE)
    bases: dict[str, list[str]] = {}
    for hardware in HARDWARE_TYPES.values():
        bases.setdefault(_base(hardware), []).append(f"`{hardware.name}`")
    lines += [f"| {', '.join(names)} | {base} |" for base, names in bases.items()]
    lines.append(_POINTERS)
    lines += [f"| {kind.name} | {kind.size} |" for kind in POINTERS.values()]
    lines.append(_RECORDS)
    records = {kind.name: kind for kind in SYSTEM_TYPES.values() if not isinstance(kind, Opaque)}
    records |= {name: kind for name in ("EMAIL_ADDR", *MAIL_TYPES) if (kind := find(name)) is not None}
    lines += [f"| {kind.name} | {kind.size} | {_members(kind)} |" for kind in records.values()]
    lines.append(_OPAQUE)
    lengths: dict[int, list[str]] = {}
    for kind in SYSTEM_TYPES.values():
        if isinstance(kind, Opaque):
            lengths.setdefault(kind.length, []).append(f"`{kind.name}`")
    lines += [f"| {length} | {', '.join(lengths[length])} |" for length in sorted(lengths)]
    return "\n".join([*lines, _TAIL])


def _scalar(kind: Scalar) -> str:
    size = "1 bit" if kind.bit is not None else str(kind.size)
    start = literal(kind, kind.read(bytearray(kind.blank), 0)).replace("' '", "a space")
    start = "a space" if start.endswith("a space") else f"`{start}`"
    align = "bit" if kind.bit is not None else str(kind.align)
    return f"| {kind.name} | {size} | {align} | {kind.limits} | {_PYTHON[kind.kind]} | {start} |"


def _base(kind: Scalar) -> str:
    twins = ("Word", "DWord", "UInt", "Int")
    return next(name for name in twins if (typeof(name).size, NUMBERS[name.lower()].kind) == (kind.size, kind.kind))


def _members(kind: Type) -> str:
    inner = kind.inner if isinstance(kind, Record) else kind
    return (
        ", ".join(f"{slot.offset} {slot.name} {slot.type.name}" for slot in inner) if isinstance(inner, Struct) else ""
    )
