"""What a user sees of an error: his own lines, one line of ours, and the reason.

The way through this library says nothing to whoever called it, and hides the line that did. What was cut off goes to the
logger `ouc.traceback` at DEBUG, for those who look for a fault in the library itself.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

from ..errors import OUCError
from ..visible import logger

__all__ = ["entering", "short", "short_class", "shortened"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_E = TypeVar("_E", bound=BaseException)
_C = TypeVar("_C", bound=type)
_log = logger("ouc.traceback")

#: What is raised to tell the caller something, and is no mistake in this library.
_TOLD = (OUCError, TimeoutError)


def short(error: _E) -> _E:
    """The same error without the way it has come; raise it where the caller's own call is."""
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("the whole way of an error", exc_info=(type(error), error, error.__traceback__))
    cause: BaseException | None = error
    while cause is not None:
        cause.__traceback__ = None
        cause = cause.__cause__
    return error


def shortened(call: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorator of a function, plain or async: what it tells comes with one line of ours."""

    @functools.wraps(call)
    def plain(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return call(*args, **kwargs)
        except _TOLD as error:
            raise short(error) from error.__cause__

    @functools.wraps(call)
    async def waiting(*args: Any, **kwargs: Any) -> Any:
        try:
            return await call(*args, **kwargs)  # type: ignore[misc]
        except _TOLD as error:
            raise short(error) from error.__cause__

    return waiting if inspect.iscoroutinefunction(call) else plain  # type: ignore[return-value]


def short_class(kind: _C) -> _C:
    """Class decorator: what its public methods tell comes with one line of ours. Generators look after themselves."""
    for name, member in tuple(vars(kind).items()):
        public = not name.startswith("_") or name in ("__init__", "__enter__", "__exit__", "__anext__")
        if public and inspect.isfunction(member) and not inspect.isgeneratorfunction(member):
            setattr(kind, name, shortened(member))
        elif public and isinstance(member, property) and member.fget is not None:
            setattr(kind, name, property(shortened(member.fget), doc=member.__doc__))
    return kind


class _Entering(AbstractAsyncContextManager[_T], Generic[_T]):
    """An async context manager whose own errors come with one line of ours; those of its body are left alone."""

    def __init__(self, manager: AbstractAsyncContextManager[_T]) -> None:
        self._manager = manager

    async def __aenter__(self) -> _T:
        try:
            return await self._manager.__aenter__()
        except _TOLD as error:
            raise short(error) from error.__cause__

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return await self._manager.__aexit__(kind, error, trace)
        except _TOLD as raised:
            if raised is error:
                raise
            raise short(raised) from raised.__cause__


def entering(
    open_it: Callable[_P, AbstractAsyncContextManager[_T]],
) -> Callable[_P, AbstractAsyncContextManager[_T]]:
    """Decorator of a function that gives an async context manager; see `_Entering`."""

    @functools.wraps(open_it)
    def opened(*args: _P.args, **kwargs: _P.kwargs) -> AbstractAsyncContextManager[_T]:
        return _Entering(open_it(*args, **kwargs))

    return opened
