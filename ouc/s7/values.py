"""Exact values where Python's own would lose something: nanoseconds, the time base of S5Time, the fields of DTL.

All of them print as the literal that TIA Portal shows: `LT#1S`, `S5T#1H_2M`, `DTL#2008-12-16-20:30:20.250`.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import attrs

from ..errors import ParameterError

__all__ = ["DTL", "LDT", "S5T_BASES", "LTime", "LTimeOfDay", "S5Time", "duration_text", "fraction_text"]

_DAY = 86_400_000_000_000
_HOUR, _MINUTE = 3_600_000_000_000, 60_000_000_000
_UNITS = (("D", _DAY), ("H", _HOUR), ("M", _MINUTE), ("S", 10**9), ("MS", 10**6), ("US", 1000), ("NS", 1))
_EPOCH = dt.datetime(1970, 1, 1)

#: What one count of an S5Time is worth, in milliseconds, by its time base 0 to 3.
S5T_BASES = (10, 100, 1_000, 10_000)


def duration_text(nanoseconds: int) -> str:
    """A duration as TIA Portal exports it: `-20M_34S`, `12S_345NS`, `0MS`."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    parts = []
    for unit, worth in _UNITS:
        count, rest = divmod(rest, worth)
        if count:
            parts.append(f"{count}{unit}")
    return sign + ("_".join(parts) or "0MS")


def fraction_text(nanoseconds: int) -> str:
    """The part of a second behind the point, as short as it can be told in groups of three digits, or nothing."""
    digits = f"{nanoseconds:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""


def nanoseconds(duration: dt.timedelta) -> int:
    """A timedelta in nanoseconds, exact."""
    return (duration.days * 86400 + duration.seconds) * 10**9 + duration.microseconds * 1000


class LTime(int):
    """A duration in nanoseconds: the value of LTime, signed 64 bit."""

    __slots__ = ()

    @property
    def timedelta(self) -> dt.timedelta:
        """The same in whole microseconds, cut towards minus infinity."""
        return dt.timedelta(microseconds=int(self) // 1000)

    def __str__(self) -> str:
        return f"LT#{duration_text(int(self))}"

    def __repr__(self) -> str:
        return f"LTime({int(self)})"


class LTimeOfDay(int):
    """Nanoseconds since midnight: the value of LTime_Of_Day, 0 to 86 399 999 999 999."""

    __slots__ = ()

    @property
    def time(self) -> dt.time:
        """The same in whole microseconds, cut."""
        return (_EPOCH + dt.timedelta(microseconds=int(self) // 1000)).time()

    def __str__(self) -> str:
        seconds, rest = divmod(int(self), 10**9)
        return f"LTOD#{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction_text(rest)}"

    def __repr__(self) -> str:
        return f"LTimeOfDay({int(self)})"


class LDT(int):
    """Nanoseconds since 1970-01-01 00:00 without a time zone: the value of LDT, 0 to 2**63 - 1."""

    __slots__ = ()

    @property
    def datetime(self) -> dt.datetime:
        """The same in whole microseconds, cut; naive, because the controller's data has no zone."""
        return _EPOCH + dt.timedelta(microseconds=int(self) // 1000)

    @classmethod
    def of(cls, moment: dt.datetime) -> LDT:
        """The LDT of a naive datetime."""
        return cls(nanoseconds(moment - _EPOCH))

    def __str__(self) -> str:
        moment = self.datetime
        return f"LDT#{moment:%Y-%m-%d-%H:%M:%S}{fraction_text(int(self) % 10**9)}"

    def __repr__(self) -> str:
        return f"LDT({int(self)})"


@attrs.frozen
class S5Time:
    """A duration as S5Time stores it: up to 999 counts of a time base.

    Several encodings of one duration exist (100 ms is 10 counts of 10 ms or one of 100 ms), and blocks differ in them;
    therefore the base is part of the value.

    Attributes:
        count: 0 to 999.
        base: 0 counts 10 ms, 1 counts 100 ms, 2 counts 1 s, 3 counts 10 s.
    """

    count: int
    base: int = 0

    def __attrs_post_init__(self) -> None:
        if not (0 <= self.count <= 999 and 0 <= self.base <= 3):
            raise ParameterError(f"S5Time({self.count}, {self.base}) does not exist: 0 to 999 counts of base 0 to 3")

    @classmethod
    def of(cls, duration: dt.timedelta) -> S5Time:
        """The duration in the smallest base that can hold it; digits finer than the base are lost, as on a CPU.

        Raises:
            ParameterError: Negative, or longer than 2 h 46 min 30 s.
        """
        milliseconds = nanoseconds(duration) // 10**6
        for base, worth in enumerate(S5T_BASES):
            if 0 <= milliseconds // worth <= 999:
                return cls(milliseconds // worth, base)
        raise ParameterError(f"{duration} does not fit S5Time: 0 to 2 h 46 min 30 s")

    @property
    def timedelta(self) -> dt.timedelta:
        """What it lasts."""
        return dt.timedelta(milliseconds=self.count * S5T_BASES[self.base])

    def __str__(self) -> str:
        return f"S5T#{duration_text(nanoseconds(self.timedelta))}"


@attrs.frozen(order=True)
class DTL:
    """A date with time of day in nanoseconds, without a time zone.

    The weekday is derived from the date, as a CPU derives it; one that was read and does not match is not an error.

    Raises:
        ParameterError: No such date, or outside 1970-01-01 to 2262-04-11 23:47:16.854775807.
    """

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanosecond: int = 0

    LAST: ClassVar[tuple[int, ...]] = (2262, 4, 11, 23, 47, 16, 854_775_807)

    def __attrs_post_init__(self) -> None:
        fields = attrs.astuple(self)
        try:
            dt.datetime(*fields[:6])
            fits = self.year >= 1970 and fields <= self.LAST and 0 <= self.nanosecond <= 999_999_999
        except (ValueError, TypeError, OverflowError):
            fits = False
        if not fits:
            limits = "1970-01-01-00:00:00 to 2262-04-11-23:47:16.854775807"
            raise ParameterError(f"{self._text()} does not fit DTL: {limits}")

    @classmethod
    def of(cls, moment: dt.datetime) -> DTL:
        """The DTL of a naive datetime."""
        clock = (moment.hour, moment.minute, moment.second, moment.microsecond * 1000)
        return cls(moment.year, moment.month, moment.day, *clock)

    @property
    def datetime(self) -> dt.datetime:
        """The same in whole microseconds, cut; naive, because the controller's data has no zone."""
        clock = (self.hour, self.minute, self.second, self.nanosecond // 1000)
        return dt.datetime(self.year, self.month, self.day, *clock)

    @property
    def weekday(self) -> int:
        """1 = Sunday to 7 = Saturday."""
        return self.datetime.isoweekday() % 7 + 1

    def _text(self) -> str:
        date = f"{self.year!s:0>4}-{self.month!s:0>2}-{self.day!s:0>2}"
        clock = f"{self.hour!s:0>2}:{self.minute!s:0>2}:{self.second!s:0>2}"
        return f"DTL#{date}-{clock}" + (f".{self.nanosecond}" if self.nanosecond else "")

    def __str__(self) -> str:
        return self._text().partition(".")[0] + fraction_text(self.nanosecond)
