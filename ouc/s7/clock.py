"""The types of date and time.

Python's own values where they are lossless (Time, Date, Time_Of_Day, Date_And_Time), exact ones of `values` elsewhere.
Nothing here has a time zone: a controller's clock is what its project says it is, so aware values are refused rather
than shifted silently. Times finer than the type counts are refused as well, S5Time excepted, where a CPU cuts too.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import ParameterError
from .base import Image, Unfit, shown
from .scalars import Scalar
from .values import DTL, LDT, LTime, LTimeOfDay, S5Time, nanoseconds

__all__ = ["TIMES", "dtl_fields"]

_DATE_EPOCH = dt.date(1990, 1, 1)
_MIDNIGHT = dt.datetime(1970, 1, 1)
_DAY_MS = 86_400_000
_I32, _U32, _I64, _U64 = (struct.Struct(f">{code}") for code in "iIqQ")
_DTL = struct.Struct(">HBBBBBBI")

# Every byte as two decimal digits, None where a nibble is none.
_FROM_BCD = [byte // 16 * 10 + byte % 16 if byte // 16 < 10 and byte % 16 < 10 else None for byte in range(256)]


def _bcd(number: int) -> int:
    return number // 10 * 16 + number % 10


def _refuse(value: Any, name: str, limits: str) -> Unfit:
    return Unfit(f"{shown(value)} does not fit {name}: {limits}")


def _ordinal(
    name: str,
    size: int,
    limits: str,
    *,
    packer: struct.Struct,
    low: int,
    high: int,
    to_python: Callable[[int], Any],
    to_count: Callable[[Any], int],
) -> Scalar:
    """A type that counts units from an origin; `to_count` raises TypeError or ValueError for what it cannot take."""
    unpack, pack = packer.unpack_from, packer.pack_into

    def read(image: Image, offset: int) -> Any:
        count = unpack(image, offset)[0]
        if not low <= count <= high:
            raise Unfit(f"{name} holds {count}, which is none: {limits}")
        return to_python(count)

    def write(image: Image, offset: int, value: Any) -> None:
        try:
            count = to_count(value)
        except (TypeError, ValueError, OverflowError):
            raise _refuse(value, name, limits) from None
        if not low <= count <= high:
            raise _refuse(value, name, limits)
        pack(image, offset, count)

    return Scalar(name, size, 2, read, write, bytes(size), limits, name.lower())


_Moment = TypeVar("_Moment", dt.time, dt.datetime)


def _naive(value: _Moment) -> _Moment:
    if value.tzinfo is not None:
        raise ValueError
    return value


def _whole(count: int, unit: int) -> int:
    quotient, rest = divmod(count, unit)
    if rest:
        raise ValueError
    return quotient


def _time_to_count(value: Any) -> int:
    if not isinstance(value, dt.timedelta):
        raise TypeError
    return _whole(nanoseconds(value), 10**6)


def _ltime_to_count(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return nanoseconds(value) if isinstance(value, dt.timedelta) else _integer(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return int(value)


def _date_to_count(value: Any) -> int:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise TypeError
    return (value - _DATE_EPOCH).days


def _since_midnight(value: dt.time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 10**9 + _naive(value).microsecond * 1000


def _tod_to_count(value: Any) -> int:
    if not isinstance(value, dt.time):
        raise TypeError
    return _whole(_since_midnight(value), 10**6)


def _ltod_to_count(value: Any) -> int:
    return _since_midnight(value) if isinstance(value, dt.time) else _integer(value)


def _ldt_to_count(value: Any) -> int:
    return int(LDT.of(_naive(value))) if isinstance(value, dt.datetime) else _integer(value)


_S5_LIMITS = "0 to 2 h 46 min 30 s (S5T#0MS to S5T#2H_46M_30S)"


def _read_s5time(image: Image, offset: int) -> S5Time:
    high, low = _FROM_BCD[image[offset] & 0x0F], _FROM_BCD[image[offset + 1]]
    base = image[offset] >> 4
    if high is None or low is None or base > 3:
        raise Unfit(f"S5Time holds 16#{image[offset]:02X}{image[offset + 1]:02X}, which is none")
    return S5Time(high * 100 + low, base)


def _write_s5time(image: Image, offset: int, value: Any) -> None:
    try:
        value = S5Time.of(value) if isinstance(value, dt.timedelta) else value
    except ParameterError:
        raise _refuse(value, "S5Time", _S5_LIMITS) from None
    if not isinstance(value, S5Time):
        raise _refuse(value, "S5Time", _S5_LIMITS)
    image[offset] = value.base << 4 | value.count // 100
    image[offset + 1] = _bcd(value.count % 100)


_DT_LIMITS = "1990-01-01 00:00:00.000 to 2089-12-31 23:59:59.999 in whole milliseconds, without a time zone"


def _read_dt(image: Image, offset: int) -> dt.datetime:
    data = bytes(image[offset : offset + 8])
    digits = [_FROM_BCD[byte] for byte in data[:7]]
    last, weekday = data[7] >> 4, data[7] & 0x0F
    if None in digits or last > 9 or not 1 <= weekday <= 7:
        raise Unfit(f"Date_And_Time holds {data.hex(' ').upper()}, which is none")
    year, month, day, hour, minute, second, hundredths = (digit or 0 for digit in digits)
    try:
        year += 1900 if year >= 90 else 2000
        milliseconds = hundredths * 10 + last
        return dt.datetime(year, month, day, hour, minute, second, milliseconds * 1000)
    except ValueError:
        raise Unfit(f"Date_And_Time holds {data.hex(' ').upper()}, which is none") from None


def _write_dt(image: Image, offset: int, value: Any) -> None:
    fits = isinstance(value, dt.datetime) and value.tzinfo is None
    if not fits or not 1990 <= value.year <= 2089 or value.microsecond % 1000:
        raise _refuse(value, "Date_And_Time", _DT_LIMITS)
    milliseconds = value.microsecond // 1000
    parts = (value.year % 100, value.month, value.day, value.hour, value.minute, value.second, milliseconds // 10)
    weekday = value.isoweekday() % 7 + 1
    image[offset : offset + 8] = bytes([*map(_bcd, parts), milliseconds % 10 << 4 | weekday])


_DTL_LIMITS = "1970-01-01 00:00:00 to 2262-04-11 23:47:16.854775807, without a time zone"


def dtl_fields(image: Image, offset: int) -> tuple[int, ...]:
    """The eight numbers of a DTL as they lie there, not yet believed: the weekday is the fourth."""
    return _DTL.unpack_from(image, offset)


def _read_dtl(image: Image, offset: int) -> DTL:
    year, month, day, weekday, hour, minute, second, nanosecond = dtl_fields(image, offset)
    if not 1 <= weekday <= 7:
        raise Unfit(f"DTL holds the weekday {weekday}, which is none: 1 (Sunday) to 7 (Saturday)")
    try:
        return DTL(year, month, day, hour, minute, second, nanosecond)
    except ParameterError as error:
        raise Unfit(error.failure.what) from None


def _write_dtl(image: Image, offset: int, value: Any) -> None:
    try:
        value = DTL.of(_naive(value)) if isinstance(value, dt.datetime) else value
    except ValueError:  # ParameterError is one
        raise _refuse(value, "DTL", _DTL_LIMITS) from None
    if not isinstance(value, DTL):
        raise _refuse(value, "DTL", _DTL_LIMITS)
    date, clock = (value.year, value.month, value.day), (value.hour, value.minute, value.second, value.nanosecond)
    _DTL.pack_into(image, offset, *date, value.weekday, *clock)


#: Every type of date and time, by its name in lower case.
TIMES: dict[str, Scalar] = {
    scalar.name.lower(): scalar
    for scalar in (
        Scalar("S5Time", 2, 2, _read_s5time, _write_s5time, bytes(2), _S5_LIMITS, "s5time"),
        _ordinal(
            "Time", 4, "-24d_20h_31m_23s_648ms to +24d_20h_31m_23s_647ms in whole milliseconds",
            packer=_I32, low=-(1 << 31), high=(1 << 31) - 1,
            to_python=lambda count: dt.timedelta(milliseconds=count), to_count=_time_to_count,
        ),
        _ordinal(
            "LTime", 8, "-106751d_23h_47m_16s_854ms_775us_808ns to +106751d_23h_47m_16s_854ms_775us_807ns",
            packer=_I64, low=-(1 << 63), high=(1 << 63) - 1, to_python=LTime, to_count=_ltime_to_count,
        ),
        _ordinal(
            "Date", 2, "1990-01-01 to 2169-06-06", packer=struct.Struct(">H"), low=0, high=0xFFFF,
            to_python=lambda count: _DATE_EPOCH + dt.timedelta(days=count), to_count=_date_to_count,
        ),
        _ordinal(
            "Time_Of_Day", 4, "00:00:00.000 to 23:59:59.999 in whole milliseconds, without a time zone",
            packer=_U32, low=0, high=_DAY_MS - 1,
            to_python=lambda count: (_MIDNIGHT + dt.timedelta(milliseconds=count)).time(), to_count=_tod_to_count,
        ),
        _ordinal(
            "LTime_Of_Day", 8, "00:00:00 to 23:59:59.999999999, without a time zone",
            packer=_U64, low=0, high=_DAY_MS * 10**6 - 1, to_python=LTimeOfDay, to_count=_ltod_to_count,
        ),
        # The weekday of a defaulted value was not seen; it is written as every other one is: 1990-01-01 was a Monday.
        Scalar("Date_And_Time", 8, 2, _read_dt, _write_dt, bytes.fromhex("9001010000000002"), _DT_LIMITS,
               "date_and_time"),
        _ordinal(
            "LDT", 8, "1970-01-01 00:00:00 to 2262-04-11 23:47:16.854775807, without a time zone",
            packer=_U64, low=0, high=(1 << 63) - 1, to_python=LDT, to_count=_ldt_to_count,
        ),
        Scalar("DTL", 12, 2, _read_dtl, _write_dtl, bytes.fromhex("07B201010500000000000000"), _DTL_LIMITS, "dtl"),
    )
}  # fmt: skip
