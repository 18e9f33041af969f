"""Functions of the program that the station calls in its own thread, and how long they keep everything else waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from ..visible import logger

__all__ = ["Stopwatch"]

_log = logger("ouc.station")

# Seconds from which a call is slow: a handshake, a heartbeat and other connections wait that long. Ours.
_SLOW = 0.1


class Stopwatch:
    """Calls functions and warns of slow ones, once for each of them."""

    def __init__(self) -> None:
        # Not a set: a program's callable need not be hashable.
        self._told: list[object] = []

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function; whatever it raises is raised.

        Args:
            function: A listener or a tap.
            arguments: What it takes.
        """
        begun = trio.current_time()
        try:
            function(*arguments)
        finally:
            self._judge(function, trio.current_time() - begun)

    def _judge(self, function: Callable[..., object], seconds: float) -> None:
        if seconds < _SLOW or function in self._told:
            return
        self._told.append(function)
        _log.warning(
            "%s took %.1f s, and meanwhile every connection of this station waited (this is said once); let it hand over "
            "to a queue or a thread of its own, and return at once",
            getattr(function, "__qualname__", type(function).__name__),
            seconds,
        )
