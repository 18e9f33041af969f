"""What a call takes, as a table of kinds: one test and one wording for all faces, applied before anything starts.

A wrong option must not be lost (`plain="False"` is true to Python) and must not come to light in the middle of a job, when
bytes have left already.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any, Final

import attrs

from .errors import ParameterError

__all__ = [
    "ADDRESS",
    "CALLABLE",
    "FINITE",
    "HOST",
    "MATERIAL",
    "MATERIALS",
    "PATH",
    "PAUSE",
    "PORT",
    "PORT_OR_ANY",
    "SECONDS",
    "SECRET",
    "TEXT",
    "TIME_LIMIT",
    "YES_NO",
    "Kind",
    "aware",
    "check",
    "check_all",
    "instance",
    "optional",
    "time_limit",
    "whole",
]


@attrs.frozen
class Kind:
    """What one argument may be.

    Attributes:
        words: What the argument takes, as the error says it.
        fits: Whether a value is of this kind.
    """

    words: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isnan(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_address(value: Any) -> bool:
    if isinstance(value, IPv4Address):
        return True
    try:
        return isinstance(value, str) and bool(IPv4Address(value))
    except ValueError:
        return False


def _is_material(value: Any) -> bool:
    return isinstance(value, (str, bytes, os.PathLike)) and value not in ("", b"")


def _are_materials(value: Any) -> bool:
    if isinstance(value, (str, bytes, os.PathLike)):
        return _is_material(value)
    return isinstance(value, Sequence) and bool(value) and all(_is_material(element) for element in value)


def whole(lowest: int, highest: int | None = None) -> Kind:
    """A whole number in a range; True and False are none."""
    words = f"a whole number from {lowest} to {highest}" if highest is not None else f"a whole number, {lowest} or more"
    above = math.inf if highest is None else highest
    return Kind(
        words, lambda value: isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= above
    )


def optional(kind: Kind) -> Kind:
    """The same, or None."""
    return Kind(f"{kind.words}, or None", lambda value: value is None or kind.fits(value))


def instance(words: str, *types: type) -> Kind:
    """An object of one of these types."""
    return Kind(words, lambda value: isinstance(value, types))


YES_NO: Final = Kind("True or False", lambda value: isinstance(value, bool))
TEXT: Final = Kind("a text", lambda value: isinstance(value, str) and bool(value))
SECRET: Final = instance("a text or bytes", str, bytes)
SECONDS: Final = Kind("seconds as a number, 0 or more", lambda value: _is_number(value) and value >= 0)
FINITE: Final = Kind("seconds as a number, 0 or more", lambda value: _is_number(value) and 0 <= value < math.inf)
PAUSE: Final = Kind("seconds as a number, 0.01 or more", lambda value: _is_number(value) and 0.01 <= value < math.inf)
PORT: Final = whole(1, 65535)
PORT_OR_ANY: Final = whole(0, 65535)
ADDRESS: Final = Kind("an IPv4 address", _is_address)
HOST: Final = Kind(
    "an IPv4 address or a name, as a text", lambda value: isinstance(value, IPv4Address) or TEXT.fits(value)
)
PATH: Final = Kind("the path of a file", lambda value: isinstance(value, (str, os.PathLike)) and value != "")
MATERIAL: Final = Kind("a path, or the bytes of a file", _is_material)
MATERIALS: Final = Kind("a path, the bytes of a file, or a list with at least one of them", _are_materials)
CALLABLE: Final = Kind("a function", callable)
TIME_LIMIT: Final = optional(SECONDS)

# Seconds that no program lives to see; what is longer would overflow the clocks of some systems.
_FOREVER: Final = 1e9

# Type -> what the error calls a value of it; the value itself may be a secret.
_NAMES: Final[Mapping[type, str]] = {
    type(None): "None",
    bool: "a truth value",
    str: "a text",
    bytes: "bytes",
    list: "a list",
    tuple: "a tuple",
    dict: "a dictionary",
}


def _described(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) or abs(value) < 10**15 else "too large a number"
    if value in ("", b"", [], ()):
        return "empty"
    return _NAMES.get(type(value), f"an object of the type {type(value).__name__}")


def check(name: str, value: Any, kind: Kind) -> None:
    """Refuse a value that is not of its kind.

    Args:
        name: Of the argument, as the caller wrote it.
        value: What was given; it is not shown, because it may be a secret.
        kind: What the argument takes.

    Raises:
        ParameterError: It is something else.
    """
    if not kind.fits(value):
        raise ParameterError(
            f"{name} takes {kind.words}, and this is {_described(value)}", where=name, remedy=f"Give {kind.words}"
        )


def check_all(given: Mapping[str, Any], kinds: Mapping[str, Kind]) -> None:
    """As `check`, for every argument that has a kind.

    Raises:
        ParameterError: The first one that is something else.
    """
    for name, value in given.items():
        if name in kinds:
            check(name, value, kinds[name])


def time_limit(timeout: Any) -> float | None:
    """Seconds that a call may take, None for no limit; what no clock can count is no limit either.

    Raises:
        ParameterError: Neither seconds nor None.
    """
    check("timeout", timeout, TIME_LIMIT)
    return None if timeout is None or timeout > _FOREVER else float(timeout)


def aware(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """A clock whose every answer is looked at; asked once now.

    Raises:
        ParameterError: It does not tell an aware time: nobody could say which moment is meant. Raised later, too, by
            what is returned here.
    """

    def told() -> datetime:
        now = clock()
        if not isinstance(now, datetime) or now.tzinfo is None:
            raise ParameterError(
                "clock must return an aware datetime", where="clock", remedy="datetime.now(UTC), for example"
            )
        return now

    check("clock", clock, CALLABLE)
    told()
    return told
