"""Literals: what a user types and a source holds, and back.

`parse` takes every form the reference lists for a type (1.1), letter case ignored, with or without the type's prefix,
and returns the Python value that the type's `write` takes. `literal` gives the form that exports of TIA Portal use.
The value is checked against the range where it is written, not here.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..errors import ParameterError
from .base import Type, Unfit, shown
from .composite import Record
from .pointers import pointer_text, read_pointer
from .scalars import Scalar
from .text import Codepage, String, WString, codepage
from .values import DTL, LDT, LTime, LTimeOfDay, S5Time, duration_text, fraction_text, nanoseconds

__all__ = ["literal", "parse"]

_NUMBER = re.compile(r"[+-]?\d[\d_]*\Z")
_BASED = re.compile(r"(2|8|10|16)#([+-]?[0-9A-F_]+)\Z", re.IGNORECASE)
_REAL = re.compile(r"[+-]?\d[\d_]*(?:\.\d[\d_]*)?(?:E[+-]?\d+)?\Z", re.IGNORECASE)
_PREFIX = re.compile(r"([^\W\d]\w*)#", re.IGNORECASE)
_DURATION = re.compile(
    r"([+-]?)(?:(\d+(?:\.\d+)?)D_?)?(?:(\d+(?:\.\d+)?)H_?)?(?:(\d+(?:\.\d+)?)M_?(?!S))?(?:(\d+(?:\.\d+)?)S_?)?"
    r"(?:(\d+(?:\.\d+)?)MS_?)?(?:(\d+(?:\.\d+)?)US_?)?(?:(\d+(?:\.\d+)?)NS_?)?\Z",
    re.IGNORECASE,
)
_WORTH = (86_400 * 10**9, 3600 * 10**9, 60 * 10**9, 10**9, 10**6, 1000, 1)
_DATE = r"(\d{1,4})-(\d{1,2})-(\d{1,2})"
_CLOCK = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.([\d_]+))?)?"
_DATE_ONLY, _CLOCK_ONLY = re.compile(rf"{_DATE}\Z"), re.compile(rf"{_CLOCK}\Z")
_MOMENT = re.compile(rf"{_DATE}-{_CLOCK}\Z")
_ESCAPE = re.compile(r"\$([0-9A-F]{4}|[0-9A-F]{2}|.)", re.IGNORECASE | re.DOTALL)
_LETTERS = {"l": "\n", "n": "\r\n", "p": "\f", "r": "\r", "t": "\t"}
_SPECIAL = {"$": "$$", "'": "$'", "\n": "$L", "\f": "$P", "\r": "$R", "\t": "$T"}

_INTEGER_PREFIXES = frozenset({
    "bool", "byte", "b", "word", "w", "dword", "dw", "lword", "lw",
    "sint", "int", "dint", "l", "lint", "usint", "uint", "udint", "ulint",
})  # fmt: skip
# Kind of a type → the prefixes its literals may carry.
_PREFIXES: dict[str, frozenset[str]] = {
    "bool": frozenset({"bool"}),
    "bits": _INTEGER_PREFIXES | {"c"},
    "signed": _INTEGER_PREFIXES,
    "unsigned": _INTEGER_PREFIXES,
    "real": frozenset({"real", "lreal"}) | _INTEGER_PREFIXES,
    "char": frozenset({"char"}),
    "wchar": frozenset({"wchar", "char"}),
    "string": frozenset({"string", "char"}),
    "wstring": frozenset({"wstring", "string", "wchar"}),
    "s5time": frozenset({"s5t", "s5time"}),
    "time": frozenset({"t", "time"}),
    "ltime": frozenset({"lt", "ltime", "t", "time"}),
    "date": frozenset({"d", "date"}),
    "time_of_day": frozenset({"tod", "time_of_day"}),
    "ltime_of_day": frozenset({"ltod", "ltime_of_day", "tod", "time_of_day"}),
    "date_and_time": frozenset({"dt", "date_and_time"}),
    "ldt": frozenset({"ldt", "date_and_ltime", "dt", "date_and_time"}),
    "dtl": frozenset({"dtl"}),
    "ip_v4": frozenset(),
    "pointer": frozenset({"p"}),
    "any": frozenset({"p"}),
}

_NEED_PREFIX = frozenset({
    "s5time", "time", "ltime", "date", "time_of_day", "ltime_of_day", "date_and_time", "ldt", "dtl", "pointer", "any",
})  # fmt: skip
_NULLABLE = frozenset({"pointer", "any"})


def _kind(kind: Type) -> str:
    if isinstance(kind, Record):
        kind = kind.scalar
    if isinstance(kind, Scalar):
        return kind.kind
    return "string" if isinstance(kind, String) else "wstring" if isinstance(kind, WString) else ""


def parse(kind: Type, text: str) -> Any:
    """The value that a literal means for a type.

    Args:
        kind: An elementary type, a string, DTL or IP_V4.
        text: Such as `16#0F`, `T#5s`, `'Name'`, `DTL#2008-12-16-20:30:20.250`, `-3.402823E+38`, `TRUE`.

    Raises:
        Unfit: The text is no literal of the type.
    """
    family = _kind(kind)
    if not family:
        raise Unfit(f"{kind.name} has no literal; its members or elements have")
    text = text.strip()
    body = text
    prefix = _PREFIX.match(text)
    if prefix and prefix[1].lower() in _PREFIXES[family]:
        body = text[prefix.end() :]
        if prefix[1] in "cC":  # BCD, as STL writes it: the digits are those of the hexadecimal number
            body = f"16#{body}" if body.isdecimal() else ""
    elif prefix or (family in _NEED_PREFIX and not (family in _NULLABLE and body.upper() == "NULL")):
        raise Unfit(f"{shown(text)} is no literal of {kind.name}")
    try:
        return _PARSERS[family](kind, body)
    except (ValueError, OverflowError) as error:
        wrong = f"{shown(text)} is no literal of {kind.name}"
        raise Unfit(error.failure.what if isinstance(error, ParameterError) else wrong) from None


def _integer(body: str) -> tuple[int, bool]:
    """The number, and whether it was written as a bit pattern."""
    if len(body) > 100:
        raise ValueError
    if based := _BASED.match(body):
        base = int(based[1])
        if base != 10 and based[2][0] in "+-":
            raise ValueError
        return int(based[2].replace("_", ""), base), base != 10
    if not _NUMBER.match(body):
        raise ValueError
    return int(body.replace("_", "")), False


def _parse_integer(kind: Type, body: str) -> int:
    if body[:1] == "(" and _kind(kind) == "bits":  # B#(1,2,3,4), byte by byte
        parts = [int(part) for part in body.strip("()").split(",")]
        if len(parts) != kind.size:
            raise ValueError
        return int.from_bytes(bytes(parts), "big")
    number, pattern = _integer(body)
    width = 8 * kind.size
    # SINT#16#FF is accepted and means -1; the larger signed types take positive patterns only. Bit strings take a
    # signed number of their width, as -1 for 16#FF.
    if pattern and kind.name == "SInt" and 128 <= number <= 255:
        return number - 256
    if _kind(kind) == "bits" and -(1 << width - 1) <= number < 0:
        return number + (1 << width)
    return number


def _parse_bool(_: Type, body: str) -> bool:
    if body.upper() in ("TRUE", "FALSE"):
        return body.upper() == "TRUE"
    number, _pattern = _integer(body)
    if number not in (0, 1):
        raise ValueError
    return bool(number)


def _parse_real(kind: Type, body: str) -> float:
    number = float(body.replace("_", "")) if _REAL.match(body) else float(_integer(body)[0])
    if math.isinf(number) or (not _stored(kind, number) and re.search("[1-9]", body.upper().partition("E")[0])):
        raise ValueError  # too large, or so small that nothing of it would be stored
    return number


def _stored(kind: Type, number: float) -> float:
    """The number as the type keeps it."""
    try:
        stored: float = struct.unpack(">f", struct.pack(">f", number))[0] if kind.size == 4 else number
    except OverflowError:
        return number  # told where it is written
    return stored


def _unquoted(body: str, page: Codepage | None) -> str:
    """The text between single quotes with its escapes resolved; a bare text is taken as it is by the callers."""
    if len(body) < 2 or body[0] != "'" or body[-1] != "'":
        raise ValueError

    def character(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 1:
            return _LETTERS.get(code.lower(), code)
        if page is None:
            return chr(int(code, 16))
        # Two digits in the one-byte types: what follows them is text.
        return page.decode(bytes([int(code[:2], 16)])) + code[2:]

    return _ESCAPE.sub(character, body[1:-1])


def _parse_text(kind: Type, body: str) -> str:
    if isinstance(kind, String):
        return _unquoted(body, kind.page)
    return _unquoted(body, None if _kind(kind) in ("wstring", "wchar") else codepage())


def _parse_duration(body: str) -> int:
    match = _DURATION.match(body)
    if match is None or not any(match.groups()[1:]) or len(body) > 100:
        raise ValueError
    parts = zip(match.groups()[1:], _WORTH, strict=True)
    total = sum((Fraction(part) * worth for part, worth in parts if part), Fraction())
    if total.denominator != 1:
        raise ValueError
    return -int(total) if match[1] == "-" else int(total)


def _timedelta(_: Type, body: str) -> dt.timedelta:
    duration = _parse_duration(body)
    if duration % 1000:
        raise ValueError
    return dt.timedelta(microseconds=duration // 1000)


def _parse_s5time(kind: Type, body: str) -> S5Time:
    """Digits finer than the time base are lost, as on a CPU; what would lose everything is a mistake."""
    duration = _timedelta(kind, body)
    value = S5Time.of(duration)
    if duration and not value.count:
        raise ValueError
    return value


def _fraction(digits: str | None) -> int:
    digits = (digits or "").replace("_", "")
    if len(digits) > 9:
        raise ValueError
    return int(digits.ljust(9, "0"))


def _clock(match: re.Match[str], first: int) -> tuple[int, int, int, int]:
    return int(match[first]), int(match[first + 1]), int(match[first + 2] or 0), _fraction(match[first + 3])


def _parse_tod(_: Type, body: str) -> dt.time:
    hour, minute, second, rest = _clock(_match(_CLOCK_ONLY, body), 1)
    if rest % 1000:
        raise ValueError
    return dt.time(hour, minute, second, rest // 1000)


def _parse_ltod(_: Type, body: str) -> int:
    hour, minute, second, rest = _clock(_match(_CLOCK_ONLY, body), 1)
    dt.time(hour, minute, second)
    return LTimeOfDay(((hour * 60 + minute) * 60 + second) * 10**9 + rest)


def _year(digits: str) -> int:
    """A year; of two digits as Date_And_Time stores it: 90 to 99 are 1990 to 1999, 00 to 89 are 2000 to 2089."""
    year = int(digits)
    return year if len(digits) != 2 else year + (1900 if year >= 90 else 2000)


def _parse_date(_: Type, body: str) -> dt.date:
    match = _match(_DATE_ONLY, body)
    return dt.date(_year(match[1]), int(match[2]), int(match[3]))


def _parse_dt(_: Type, body: str) -> dt.datetime:
    year, month, day, hour, minute, second, rest = _moment(body)
    if rest % 1000:
        raise ValueError
    return dt.datetime(year, month, day, hour, minute, second, rest // 1000)


def _parse_ldt(_: Type, body: str) -> LDT:
    year, month, day, hour, minute, second, rest = _moment(body)
    return LDT(LDT.of(dt.datetime(year, month, day, hour, minute, second)) + rest)


def _moment(body: str) -> tuple[int, ...]:
    match = _match(_MOMENT, body)
    return (_year(match[1]), int(match[2]), int(match[3]), *_clock(match, 4))


def _match(pattern: re.Pattern[str], body: str) -> re.Match[str]:
    match = pattern.match(body)
    if match is None:
        raise ValueError
    return match


_PARSERS: dict[str, Callable[[Type, str], Any]] = {
    "bool": _parse_bool,
    "bits": _parse_integer,
    "signed": _parse_integer,
    "unsigned": _parse_integer,
    "real": _parse_real,
    "char": _parse_text,
    "wchar": _parse_text,
    "string": _parse_text,
    "wstring": _parse_text,
    "s5time": _parse_s5time,
    "time": _timedelta,
    "ltime": lambda _, body: LTime(_parse_duration(body)),
    "date": _parse_date,
    "time_of_day": _parse_tod,
    "ltime_of_day": _parse_ltod,
    "date_and_time": _parse_dt,
    "ldt": _parse_ldt,
    "dtl": lambda _, body: DTL(*_moment(body)),
    "ip_v4": lambda _, body: body.strip("'"),
    "pointer": read_pointer,
    "any": read_pointer,
}


def literal(kind: Type, value: Any) -> str:
    """The literal of a value, as exports of TIA Portal write it: `16#00FF`, `T#5S`, `WSTRING#'Ω'`.

    Args:
        kind: The elementary type it belongs to.
        value: What the type's `read` gives.

    Raises:
        Unfit: STEP 7 has no literal for it: NaN, an infinity, the content of an opaque type.
    """
    family = _kind(kind)
    if not family:
        raise Unfit(f"{kind.name} has no literal")
    return _WRITERS[family](kind, value)


def _grouped(digits: str, size: int, width: int) -> str:
    """Digits in groups of three or four from the right, from 32 bits on."""
    if size < 4:
        return digits
    head = len(digits) % width
    groups = [digits[:head]] if head else []
    return "_".join(groups + [digits[at : at + width] for at in range(head, len(digits), width)])


def _write_bits(kind: Type, value: int) -> str:
    return f"16#{_grouped(f'{value:0{2 * kind.size}X}', kind.size, 4)}"


def _write_integer(kind: Type, value: int) -> str:
    return ("-" if value < 0 else "") + _grouped(str(abs(value)), kind.size, 3)


def _write_real(kind: Type, value: float) -> str:
    if not math.isfinite(value):
        raise Unfit(f"{value} has no literal of {kind.name}")
    if kind.size == 8:
        text = repr(value)
    else:
        stored = struct.pack(">f", value)
        # The shortest decimal that means the same 32 bits; nine digits always do.
        text = next(f"{value:.{digits}g}" for digits in range(1, 10) if _packs_to(f"{value:.{digits}g}", stored))
    mantissa, _, exponent = text.partition("e")
    mantissa += "" if "." in mantissa else ".0"
    return f"{mantissa}E{int(exponent):+03}" if exponent else mantissa


def _packs_to(text: str, stored: bytes) -> bool:
    try:
        return struct.pack(">f", float(text)) == stored
    except OverflowError:
        return False


def _quoted(text: str, digits: int, page: Codepage | None = None) -> str:
    parts = []
    for character in text:
        code = page.encode(character)[0] if page else ord(character)
        shape = _SPECIAL.get(character)
        parts.append(shape or (character if character.isprintable() else f"${code:0{digits}X}"))
    return f"'{''.join(parts)}'"


def _write_clock(value: dt.time | dt.datetime) -> str:
    return f"{value:%H:%M:%S}{fraction_text(value.microsecond * 1000)}"


def _text_writer(prefix: str, digits: int) -> Callable[[Type, Any], str]:
    def write(kind: Type, value: str) -> str:
        page = kind.page if isinstance(kind, String) else codepage() if digits == 2 else None
        return prefix + _quoted(value, digits, page)

    return write


_WRITERS: dict[str, Callable[[Type, Any], str]] = {
    "bool": lambda _, value: "TRUE" if value else "FALSE",
    "bits": _write_bits,
    "signed": _write_integer,
    "unsigned": _write_integer,
    "real": _write_real,
    "char": _text_writer("", 2),
    "wchar": _text_writer("WCHAR#", 4),
    "string": _text_writer("", 2),
    "wstring": _text_writer("WSTRING#", 4),
    "s5time": lambda _, value: str(value),
    "time": lambda _, value: f"T#{duration_text(nanoseconds(value))}",
    "ltime": lambda _, value: str(LTime(value)),
    "date": lambda _, value: f"D#{value.year:04}-{value.month:02}-{value.day:02}",
    "time_of_day": lambda _, value: f"TOD#{_write_clock(value)}",
    "ltime_of_day": lambda _, value: str(LTimeOfDay(value)),
    "date_and_time": lambda _, value: f"DT#{value:%Y-%m-%d}-{_write_clock(value)}",
    "ldt": lambda _, value: str(LDT(value)),
    "dtl": lambda _, value: str(value),
    "ip_v4": lambda _, value: f"'{value}'",
    "pointer": pointer_text,
    "any": pointer_text,
}
