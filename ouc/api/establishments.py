"""The establishments of a connection that is kept up: each a conversation of its own, and those that may still be wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

import trio

from ..connection import Link, Port, SendJob
from ..errors import ConnectionLost, Failure, LocalProtocolError, OUCError
from ..station import Happening
from ..status import Status
from ..tls import TLSFacts
from ..visible import logger
from ..wire import Delivery
from .bell import Bell
from .conversation import Conversation

__all__ = ["Establishments", "HeldConnection"]

_log = logger("ouc.api")

# What establishments that are over may keep for a program that does not look: how many, and bytes. Ours; a partner that
# sends, leaves and comes back must not fill the memory.
_MOST, _LARGEST = 64, 16 * 1024 * 1024


class _Keeper(Protocol):
    """What an establishment needs of the connection that is kept up."""

    link: Link
    bell: Bell
    port: Port

    def room_made(self) -> None: ...


class HeldConnection(Conversation):
    """One establishment of a held connection, from the partner's coming to its going.

    What the partner sent before it went can still be received afterwards. Iterating ends when the establishment is over,
    however that came; `loss` tells why and whether the partner said goodbye, `incomplete` whether a record was cut off.
    """

    def __init__(self, held: _Keeper, happening: Happening) -> None:
        super().__init__(held.link)
        self._held = held
        self._happening = happening
        #: Which establishment of the connection this is, counted from 1.
        self.number = held.link.epoch
        # Its own: the next establishment begins with another one.
        self._inbox = held.link.inbox
        self._receiving = False
        self._turn = trio.Lock()
        self._pending: SendJob | None = None
        #: Whether the program has it; nobody else misses what it has received.
        self.shown = False

    @property
    def partner(self) -> str:
        """Plant address and port of the other end."""
        return self._happening.partner

    @property
    def tls(self) -> TLSFacts | None:
        """What TLS agreed on, None on a plain connection."""
        return self._happening.facts

    @property
    def established(self) -> bool:
        """Whether this establishment still stands."""
        return self._link.established and self._link.epoch == self.number

    @property
    def unread(self) -> int:
        """Bytes that have arrived and that nobody has received."""
        return len(self._left) + len(self._inbox)

    def _lost(self) -> ConnectionLost:
        failure = (self.loss and self.loss.failure) or Failure(
            "the connection was closed from this side", Status(0x80C5)
        )
        return ConnectionLost(failure.what, status=failure.status, where=failure.where, remedy=failure.remedy)

    def _ends_iteration(self) -> bool:
        if self.incomplete:
            _log.warning(
                "connection %d: the connection ended in the middle of a record, after %d bytes of it: %s",
                self.connection_id,
                len(self._left),
                self._lost(),
            )
        return True

    async def _hand_over(self, data: memoryview) -> None:
        # Several tasks take turns in the order in which they came.
        async with self._turn:
            # A send that was cancelled goes out all the same, whole; the next one waits for its turn.
            while self._pending is not None and not (self._pending.done or self._pending.failure):
                await self._held.bell.wait()
            if not self.established:
                raise self._lost()
            job = self._pending = self._held.port.send(self._link, bytes(data))
            await self._held.bell.until(lambda: job.done or job.failure)
        if job.failure is not None:
            raise _raised(job.failure, self._lost() if not self.established else None)

    async def _arrived(self, limit: int) -> bytes:
        if self._receiving:
            raise LocalProtocolError("another task is already receiving on this connection")
        self._receiving = True
        area = bytearray(min(limit, 65_536) if not self._has_messages else 65_536)
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            while True:
                taken = self._inbox.take(memoryview(area), Delivery.AD_HOC)
                if taken:
                    self._held.room_made()
                    return bytes(area[:taken])
                if not self.established:
                    if self.loss is not None and self.loss.orderly:
                        return b""
                    raise self._lost()
                await self._held.bell.wait()
        finally:
            self._receiving = False


def _raised(failure: Failure, lost: ConnectionLost | None) -> OUCError:
    # A job that the end of its connection overtook (80A7) fails for the reason of that end.
    return lost if lost is not None and failure.status == 0x80A7 else ConnectionLost.of(failure)


class Establishments:
    """The present establishment, and earlier ones with bytes that nobody has received yet, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[HeldConnection] = deque()
        # The latest one that an iteration has given, and that receiving over all of them has done with.
        self._given = self._received = 0

    def __iter__(self) -> Iterator[HeldConnection]:
        return iter(self._kept)

    @property
    def latest(self) -> HeldConnection | None:
        """The one that came last; it may be over."""
        return self._kept[-1] if self._kept else None

    def begin(self, one: HeldConnection) -> None:
        """Another partner has come, or the same one again."""
        self._kept = deque(other for other in self._kept if _wanted(other))
        self._kept.append(one)
        while len(self._kept) > _MOST or sum(other.unread for other in self._kept) > _LARGEST:
            gone = self._kept.popleft()
            if not gone.shown:
                _log.warning(
                    "connection %d: %d bytes that nobody received went with the connection",
                    gone.connection_id,
                    gone.unread,
                )

    def next_given(self) -> HeldConnection | None:
        """What an iteration gives next: whatever can still be received of, or the latest one; None if it has that."""
        coming = (one for one in self._kept if one.number > self._given)
        return next((one for one in coming if _wanted(one) or one is self.latest), None)

    def give(self, one: HeldConnection) -> HeldConnection:
        """An iteration has it."""
        self._given, one.shown = one.number, True
        return one

    def give_back(self, one: HeldConnection) -> None:
        """The iteration gives it again."""
        self._given = one.number - 1

    def source(self) -> HeldConnection | None:
        """The oldest one of which something can still be received; None if there is none."""
        return next((one for one in self._kept if one.number > self._received and _wanted(one)), None)

    def done_with(self, one: HeldConnection) -> None:
        """Receiving goes over to the next one."""
        self._received = max(self._received, one.number)

    def not_done_with(self, one: HeldConnection) -> None:
        """Receiving goes back to it."""
        self._received = min(self._received, one.number - 1)


def _wanted(one: HeldConnection) -> bool:
    return one.established or one.unread > 0
