"""What a handler of a server lets out: whose fault it is, and how loudly it is told.

A time limit that a silent partner exceeds, bytes that are no number where one is expected: most of what fails in a handler was
caused by its partner, and a partner must not end the service for all others. So an exception ends its own partner, with its
traceback in the log. What no partner can cause ends the service: a cancellation, Ctrl-C, `sys.exit`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ..errors import Failure, OUCError
from ..status import Status
from ..transport import Repeats
from ..visible import logger

__all__ = ["Mistakes", "parted"]

_log = logger("ouc.api")


def parted(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """What ends one partner, and what ends the service; a group may hold both."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(Exception)
    return (error, None) if isinstance(error, Exception) else (None, error)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _place(error: BaseException) -> tuple[str, str, int]:
    """Exceptions of one type from one line are one kind."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__, "", 0
    return type(error).__name__, trace.tb_frame.f_code.co_filename, trace.tb_lineno


class Mistakes:
    """The failures of one server's handler: each kind with its traceback, and its repetitions counted."""

    def __init__(self) -> None:
        self._repeats = Repeats()

    def failure(self, error: BaseException, partner: str) -> Failure:
        """Why a partner was lost; whatever is not an `OUCError` goes to the log with its traceback."""
        leaves = tuple(_leaves(error))
        others = [one for one in leaves if not isinstance(one, OUCError)]
        if not others:
            assert isinstance(leaves[0], OUCError)  # noqa: S101 - none is another
            return leaves[0].failure
        self._tell(error, others[0], partner)
        name = type(others[0]).__name__
        return Failure(
            f"the handler of this partner failed ({name})", Status(0x80A1), partner, "Its traceback is in the log"
        )

    def _tell(self, error: BaseException, first: BaseException, partner: str) -> None:
        times = self._repeats.count(_place(first))
        if times >= 10:
            _loud("the handler of %s failed, %d times by now: %r", partner, times, first)
        elif times:
            _loud("the handler of %s failed; its partner is disconnected", partner, exc_info=error)


def _loud(text: str, *members: Any, exc_info: BaseException | None = None) -> None:
    """To the log, and to standard error where the program has set up no log: a mistake is never silent."""
    _log.error(text, *members, exc_info=exc_info)
    if not _is_heard() and logging.lastResort is not None:
        information = (type(exc_info), exc_info, exc_info.__traceback__) if exc_info is not None else None
        logging.lastResort.handle(_log.makeRecord(_log.name, logging.ERROR, __file__, 0, text, members, information))


def _is_heard() -> bool:
    one: logging.Logger | None = _log
    while one is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in one.handlers):
            return True
        one = one.parent if one.propagate else None
    return False
