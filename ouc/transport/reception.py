"""The door of a passive end: whoever connects is judged in a task of its own, and nobody can keep others out.

How many are judged at once, and who has to make room, is the business of `crowd`. Whoever passes is handed on and stays in its
task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from ..errors import ConnectionLost, OUCError
from ..visible import logger
from .crowd import Crowd
from .listener import Listener
from .repeats import Repeats
from .tcp import TCPStream

__all__ = ["Reception"]

_log = logger("ouc.transport")

_T = TypeVar("_T")


class Reception(Generic[_T]):
    """Accepts partners until it is cancelled.

    Args:
        listener: The open port; closed by whoever opened it.
        judge: Checks a partner and agrees with it on everything; raises an `OUCError` and closes it otherwise. Ended by
            anything else, a cancellation say, the partner is closed here. Any other exception is a mistake of ours that
            the partner has caused; it ends the partner, and goes to the log with its traceback.
        admit: What becomes of a partner that passed, in its own task.
        refuse: Told who was refused, and why.
        occupied: Whether a further partner is turned away at the moment, by a reset and without a word.
        vacancy: Waits until it is not: a further partner then gets no answer until its turn comes, instead of being reset.
        crowd: Who shares the places of those that are judged; by default everybody in this trio run.
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
        crowd: Crowd | None = None,
    ) -> None:
        self._listener = listener
        self._judge = judge
        self._admit = admit
        self._refuse = refuse
        self._occupied = occupied
        self._vacancy = vacancy
        self._given = crowd
        self._mistakes = Repeats()

    async def run(self) -> None:
        """Accept and judge."""
        self._crowd = Crowd.here() if self._given is None else self._given
        async with trio.open_nursery() as nursery:
            while True:
                tcp = await self._listener.accept(self._crowd.make_room)
                try:
                    if await self._lets_in():
                        await self._crowd.enter(tcp, self._listener.port)
                        nursery.start_soon(self._welcome, tcp)
                        continue
                except BaseException:
                    tcp.abort()
                    raise
                tcp.abort()

    async def _lets_in(self) -> bool:
        if not self._occupied():
            return True
        if self._vacancy is None:
            return False
        await self._vacancy()
        return True

    async def _welcome(self, tcp: TCPStream) -> None:
        try:
            passed = await self._judge(tcp)
        except OUCError as error:
            self._refuse(tcp, error if tcp in self._crowd else _made_room(error))
            return
        except Exception as error:
            tcp.abort()
            if self._mistakes.count(type(error).__name__):
                _log.exception("a partner could not be judged")
            self._refuse(tcp, _failed(error))
            return
        except BaseException:
            tcp.abort()
            raise
        else:
            if tcp not in self._crowd:
                # Its socket was closed while it passed; nobody may take it for a partner that is there.
                self._refuse(tcp, _made_room())
                return
        finally:
            self._crowd.leave(tcp)
        await self._admit(passed)


def _made_room(error: OUCError | None = None) -> ConnectionLost:
    return ConnectionLost(
        "it did not go on with its handshake while more partners came than can be judged at once", status=0x80C5,
        where="" if error is None else error.failure.where,
        remedy="Who connects and says nothing, a scanner or a partner without TLS? A firewall keeps strangers away",
    )  # fmt: skip


def _failed(error: Exception) -> ConnectionLost:
    return ConnectionLost(
        f"it could not be judged ({type(error).__name__})", status=0x80C4,
        remedy="The traceback is in the log; report it: this is a mistake in ouc",
    )  # fmt: skip
