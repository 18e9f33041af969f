"""The door of a passive end: whoever connects is judged in a task of its own, and nobody can keep others out.

Only so many are judged at once; one more ends the oldest, so that silent strangers lock nobody out. Whoever passes is handed
on and stays in its task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from ..errors import ConnectionLost, OUCError
from .tcp import Listener, TCPStream

__all__ = ["Reception"]

# Partners that are judged at once where one is wanted.
AT_ONCE = 8

_T = TypeVar("_T")


class Reception(Generic[_T]):
    """Accepts partners until it is cancelled.

    Args:
        listener: The open port; closed by whoever opened it.
        judge: Checks a partner and agrees with it on everything; raises an `OUCError` and closes it otherwise. Ended by
            anything else, a cancellation say, the partner is closed here.
        admit: What becomes of a partner that passed, in its own task.
        refuse: Told who was refused, and why.
        occupied: Whether a further partner is turned away at the moment, by a reset and without a word.
        vacancy: Waits until it is not: a further partner then gets no answer until its turn comes, instead of being reset.
        at_once: Partners judged at once; a server whose partners all come after a power failure needs more.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        judge: Callable[[TCPStream], Awaitable[_T]],
        admit: Callable[[_T], Awaitable[None]],
        refuse: Callable[[TCPStream, OUCError], None],
        occupied: Callable[[], bool] = lambda: False,
        vacancy: Callable[[], Awaitable[None]] | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._listener = listener
        self._judge = judge
        self._admit = admit
        self._refuse = refuse
        self._occupied = occupied
        self._vacancy = vacancy
        self._at_once = at_once
        self._judged: list[TCPStream] = []

    async def run(self) -> None:
        """Accept and judge."""
        async with trio.open_nursery() as nursery:
            while True:
                tcp = await self._listener.accept()
                if self._occupied():
                    if self._vacancy is None:
                        tcp.abort()
                        continue
                    try:
                        await self._vacancy()
                    except BaseException:
                        tcp.abort()
                        raise
                if len(self._judged) >= self._at_once:
                    self._judged.pop(0).abort()
                self._judged.append(tcp)
                nursery.start_soon(self._welcome, tcp)

    async def _verdict(self, tcp: TCPStream) -> _T:
        passed = await self._judge(tcp)
        if tcp not in self._judged:
            # Its socket was closed while it passed; nobody may take it for a partner that is there.
            raise ConnectionLost("more partners came than are judged at once, and this one made room", status=0x80C5)
        return passed

    async def _welcome(self, tcp: TCPStream) -> None:
        try:
            passed = await self._verdict(tcp)
        except OUCError as error:
            self._refuse(tcp, error)
            return
        except BaseException:
            tcp.abort()
            raise
        finally:
            if tcp in self._judged:
                self._judged.remove(tcp)
        await self._admit(passed)
