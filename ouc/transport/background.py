"""Tasks that live as long as an `async with`, without changing what its body raises."""

from __future__ import annotations

from types import TracebackType

import trio

__all__ = ["Background"]


class Background:
    """A nursery for the tasks behind an object; leaving it cancels them.

    A plain nursery wraps an exception of its body in a group of one, because it cannot know whether its tasks failed too.
    Ours are cancelled before the nursery is left, so the body's exception leaves as it is; only a failure of a background
    task, which is a bug, comes as a group.
    """

    async def __aenter__(self) -> trio.Nursery:
        # Made here, so that an object with a background can be built before trio runs.
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        return self._nursery

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._nursery.cancel_scope.cancel()
        if error is None or not isinstance(error, (trio.Cancelled, BaseExceptionGroup)):
            await self._manager.__aexit__(None, None, None)
            return None
        # Cancelled may be ours: raised in the body because a background task has failed.
        return await self._manager.__aexit__(kind, error, trace)
