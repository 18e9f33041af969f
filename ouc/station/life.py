"""What every connection has in common: tasks that end with it, and the order in which it is closed."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Protocol

import trio

from ..connection import Effect, Link, LinkEvent, Port, SendJob
from ..errors import Failure
from ..profiles import Profile
from ..status import Status
from ..tls import TLSFacts
from ..transport import Opener

__all__ = ["Host", "Life", "overtaken"]


class Host(Protocol):
    """What a life needs of its station."""

    opener: Opener
    port: Port
    profile: Profile
    chance: random.Random

    def start_soon(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a task of the station."""

    def report(self, link: Link, event: LinkEvent, failure: Failure | None = None) -> None:
        """Report to the port, unless the station is being left."""

    def tell(
        self,
        link: Link,
        event: LinkEvent,
        *,
        failure: Failure | None = None,
        partner: str = "",
        facts: TLSFacts | None = None,
        orderly: bool = False,
    ) -> None:
        """Report to the port, to the log and to whoever listens."""


class Life(ABC):
    """The communication side of one connection.

    Args:
        host: The station.
        link: The connection.
    """

    #: Effect -> what this kind of life does.
    EFFECTS: ClassVar[dict[Effect, Callable[[Any], None]]] = {}

    def __init__(self, host: Host, link: Link) -> None:
        self.host = host
        self.link = link
        self._scopes: set[trio.CancelScope] = set()
        self._idle = trio.Event()

    def perform(self, effect: Effect) -> None:
        """Begin to carry out an effect of the link table."""
        self.EFFECTS[effect](self)

    @abstractmethod
    def transmit(self, job: SendJob) -> None:
        """Begin to send."""

    @abstractmethod
    def room_made(self) -> None:
        """Go on reading if reading waits for room."""

    @abstractmethod
    def abort(self) -> None:
        """Close sockets at once; the station is being left."""

    @property
    def polite(self) -> bool:
        """Whether something is said to the partner before everything ends."""
        return False

    async def farewell(self) -> None:  # noqa: B027 - most kinds of life have nothing to say
        """Say it."""

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a task; its cancel scope exists before the task runs, so that closing always reaches it."""
        if not self._scopes:
            self._idle = trio.Event()
        scope = trio.CancelScope()
        self._scopes.add(scope)

        async def run() -> None:
            try:
                with scope:
                    await work()
            finally:
                self._scopes.discard(scope)
                if not self._scopes:
                    self._idle.set()

        self.host.start_soon(run)

    def close(self) -> None:
        """End everything, at once unless a farewell takes its time, then report GONE."""
        if not self.polite:
            self._end_all()
        self.host.start_soon(self._bury)

    def _end_all(self) -> None:
        self.abort()
        for scope in self._scopes:
            scope.cancel()

    async def _bury(self) -> None:
        if self.polite:
            await self.farewell()
        # Whatever was decided before: the partner may have gone in the instant in which a farewell was still meant.
        self._end_all()
        if self._scopes:
            await self._idle.wait()
        self.host.report(self.link, LinkEvent.GONE)


def overtaken() -> Failure:
    """Why a job ends that was neither done nor failed (ouc-blocks.md 3.2: 80A7)."""
    return Failure("the connection was reset or closed before the job was done", Status(0x80A7))
