"""How a command ends: scripts tell a mistake in the words, a failure and a look that was not possible by the exit status."""

from __future__ import annotations

import functools
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final, TypeVar

import typer

from .. import profiles
from ..errors import OUCError, ParameterError
from ._show import complain

__all__ = ["COULD_NOT_LOOK", "UsageError", "in_one_line", "ipv4", "known_profile", "looking"]

#: Exit status of a command that looks for something and could not; 1 is for what it found.
COULD_NOT_LOOK: Final = 3

_F = TypeVar("_F", bound=Callable[..., None])


class UsageError(ParameterError):
    """The words are wrong or do not go together, and nothing was begun; exit status 2, as for an unknown option."""


def known_profile(_: typer.Context, parameter: typer.CallbackParam, name: str | None) -> str | None:
    """Callback of an option that names a firmware; an empty name is a device without one."""
    if name:
        try:
            profiles.profile(name)
        except ParameterError as error:
            raise UsageError(error.failure.what, where=parameter.opts[0], remedy=error.failure.remedy) from None
    return name


def ipv4(_: typer.Context, parameter: typer.CallbackParam, typed: str | None) -> str | None:
    """Callback of an option that takes an IPv4 address."""
    try:
        IPv4Address(typed or 0)
    except ValueError:
        raise UsageError(f"{typed} is no IPv4 address", where=parameter.opts[0], remedy="Write 192.168.0.1") from None
    return typed


def looking(command: _F) -> _F:
    """Decorator of a command that looks for something: what keeps it from looking is no finding, and ends with 3."""

    @functools.wraps(command)
    def looks(*args: object, **kwargs: object) -> None:
        try:
            command(*args, **kwargs)
        except UsageError:
            raise
        except (OUCError, OSError) as error:
            complain(in_one_line(error))
            raise typer.Exit(COULD_NOT_LOOK) from None

    return looks  # type: ignore[return-value]


def in_one_line(error: OUCError | OSError) -> str:
    """What a person is told about a failure."""
    return str(error) if isinstance(error, OUCError) else f"{error.filename or 'ouc'}: {error.strerror or error}"
