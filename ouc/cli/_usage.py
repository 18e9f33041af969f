"""How a command ends: scripts tell a mistake in the words, a failure and a look that was not possible by the exit status."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address
from typing import Annotated, Any, Final, TypeVar

import typer

from .. import profiles
from ..errors import OUCError, ParameterError
from ..s7 import codepage, quoted
from ._show import complain

__all__ = [
    "COULD_NOT_LOOK", "CodePage", "UsageError", "among", "in_one_line", "ipv4", "judged", "known_profile", "looking",
]  # fmt: skip

#: Exit status of a command that looks for something and could not; 1 is for what it found.
COULD_NOT_LOOK: Final = 3

_F = TypeVar("_F", bound=Callable[..., None])


class UsageError(ParameterError):
    """The words are wrong or do not go together, and nothing was begun; exit status 2, as for an unknown option."""


def judged(judge: Callable[[str], object]) -> Callable[[typer.Context, typer.CallbackParam, Any], Any]:
    """Callback of an option whose values can be judged by themselves, before any file is opened.

    Args:
        judge: Raises a ParameterError about what was typed. Of an option that may be repeated it judges each.
    """

    def callback(_: typer.Context, parameter: typer.CallbackParam, typed: Any) -> Any:
        for one in (typed,) if isinstance(typed, str) else typed or ():
            try:
                judge(one)
            except ParameterError as error:
                raise UsageError(error.failure.what, where=parameter.opts[0], remedy=error.failure.remedy) from None
        return typed

    return callback


def among(what: str, words: Iterable[str]) -> Callable[[typer.Context, typer.CallbackParam, Any], Any]:
    """Callback of an option that takes one of these words."""
    known = tuple(words)

    def judge(word: str) -> None:
        if word not in known:
            raise ParameterError(f"{what} {quoted(word[:100])} is not known", remedy=f"Choose among {', '.join(known)}")

    return judged(judge)


def _profile(name: str) -> None:
    if name:  # an empty name is a device without one
        profiles.profile(name)


known_profile: Final = judged(_profile)
known_page: Final = judged(codepage)


def ipv4(_: typer.Context, parameter: typer.CallbackParam, typed: str | None) -> str | None:
    """Callback of an option that takes an IPv4 address."""
    try:
        IPv4Address(typed or 0)
    except ValueError:
        raise UsageError(f"{typed} is no IPv4 address", where=parameter.opts[0], remedy="Write 192.168.0.1") from None
    return typed


CodePage = Annotated[
    str,
    typer.Option(
        "--code-page", metavar="NAME", callback=known_page,
        help="The Windows code page of the engineering PC: how sources without byte order mark are read.",
    ),
]  # fmt: skip


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
