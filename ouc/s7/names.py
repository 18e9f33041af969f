"""From the name of a type, as declarations spell it, to the type.

`find` knows every elementary, hardware and system type; `typeof` reads a whole type expression, `Array[1..4] of Byte`
or `String[22]`, which is what declared structures and quick scripts write. Sources of TIA Portal have a grammar of
their own (`ouc.source`) and come here for the names only.
"""

from __future__ import annotations

import re

from ..errors import ParameterError
from .base import Type, quoted
from .clock import TIMES
from .composite import Array
from .mail import mail_type
from .pointers import POINTERS
from .scalars import BITS, HARDWARE_TYPES, NUMBERS
from .system import SYSTEM_TYPES
from .text import Codepage, String, WString, char, codepage, wchar

__all__ = ["find", "typeof"]

_ALIASES = {
    "tod": "time_of_day",
    "ltod": "ltime_of_day",
    "dt": "date_and_time",
    "date_and_ltime": "ldt",
}

_TYPES: dict[str, Type] = {
    **NUMBERS, **HARDWARE_TYPES, **TIMES, **POINTERS, **SYSTEM_TYPES, "bool": BITS[0], "wchar": wchar(),
}  # fmt: skip

_STRING = re.compile(r"(w?)string(?:\s*\[\s*(\d{1,9})\s*\])?\Z", re.IGNORECASE)
_ARRAY = re.compile(r"array\s*\[([^\]]*)\]\s*of\s+(.+)\Z", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"\s*([+-]?\d{1,10})\s*\.\.\s*([+-]?\d{1,10})\s*\Z")


def find(name: str, page: Codepage | None = None) -> Type | None:
    """The elementary, hardware or system type of that name, letter case ignored; None if Siemens has none.

    Args:
        name: Such as `Int`, `TOD`, `HW_ANY`, `IEC_TIMER`; `String` is `String[254]`.
        page: The code page of Char and String, cp1252 unless told.
    """
    key = name.lower()
    if key == "char":
        return char(page or codepage())
    if key == "string":
        return String(254, page or codepage())
    if key == "wstring":
        return WString()
    return _TYPES.get(_ALIASES.get(key, key)) or mail_type(name, page or codepage())


def typeof(text: str, page: Codepage | None = None) -> Type:
    """The type that a type expression names: `Int`, `String[22]`, `Array[1..2, 0..7] of Bool`.

    Raises:
        ParameterError: Unknown name, impossible length or bounds.
    """
    text = text.strip()
    if match := _STRING.match(text):
        length = int(match[2]) if match[2] else 254
        return WString(length) if match[1] else String(length, page or codepage())
    if match := _ARRAY.match(text):
        ranges = [_RANGE.match(part) for part in match[1].split(",")]
        if not all(ranges):
            raise ParameterError(f"{quoted(text)} is no type: bounds are written like 1..4 or 0..1, 1..8")
        return Array(tuple((int(part[1]), int(part[2])) for part in ranges if part), typeof(match[2], page))
    found = find(text, page)
    if found is None:
        raise ParameterError(f"{quoted(text)} is no S7 data type", remedy="Write it as TIA Portal shows it, such as UInt")
    return found
