"""Waiting for changes of a link, for programs that wait where a block would be called again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from ..connection import Link

__all__ = ["Bell"]


class Bell:
    """Rings whenever something about a link has changed; any number of tasks may wait for it.

    Args:
        link: What to watch.
    """

    def __init__(self, link: Link) -> None:
        self._event = trio.Event()
        self._link = link
        link.watchers.append(self.ring)

    def ring(self) -> None:
        """Let everybody who waits look again."""
        self._event.set()
        self._event = trio.Event()

    async def wait(self) -> None:
        """Wait for the next change."""
        await self._event.wait()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until it holds; at once if it does already."""
        await trio.lowlevel.checkpoint()
        while not condition():
            await self._event.wait()
