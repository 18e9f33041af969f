"""One established connection and what is done about it: one task reads, one sends, and neither ends the other.

A failed send says nothing about what the partner has sent before: that lies in the socket, or is still on its way behind
a full inbox. So whatever goes wrong, first the socket is emptied into the inbox, and then the loss is reported. Linux keeps
the bytes of a connection that was reset until they are read; where a system drops them, only what was read ahead is there.
"""

from __future__ import annotations

from collections import deque

import trio

from .. import causes
from ..connection import Link, SendJob
from ..errors import Failure, OUCError
from ..transport import Wire, explain
from ..visible import logger
from .life import overtaken

__all__ = ["Attendance"]

_log = logger("ouc.station")

# Seconds between two looks at a connection whose inbox is full; ours.
_LOOK_EVERY = 1.0
# Seconds that a goodbye, ours or the partner's, waits for send jobs that were handed over before; ours.
_LAST_JOBS = 5.0
# After trouble: seconds without a byte that end the reading, seconds that it may take at most, and bytes. All ours. A broken
# socket needs none of them; they are for a partner that goes on sending to an end that has given it up.
_QUIET, _LONGEST_RESCUE, _LARGEST_RESCUE = 0.2, 5.0, 16 * 1024 * 1024
_PIECE = 65_536


class Attendance:
    """Attends to one established connection, from the partner's coming to its going.

    Args:
        link: The connection; its inbox is filled.
        wire: The open connection.
    """

    def __init__(self, link: Link, wire: Wire) -> None:
        self.wire = wire
        #: Why the connection is lost, None while it is not and where it is closed from this side.
        self.loss: OUCError | None = None
        self._link = link
        self._inbox = link.inbox
        self._jobs: deque[SendJob] = deque()
        self._handed_over = trio.Event()
        self._worked_off = trio.Event()
        self._worked_off.set()
        self._room: trio.Event | None = None
        self._reading, self._everything = trio.CancelScope(), trio.CancelScope()
        self._broken = self._over = False

    # -- from outside ------------------------------------------------------------------------------------------------

    def transmit(self, job: SendJob) -> None:
        """Send after everything that was handed over before."""
        if self._over or self.loss is not None:
            job.failure = self._reason()
            return
        self._jobs.append(job)
        if self._worked_off.is_set():
            self._worked_off = trio.Event()
        self._handed_over.set()

    def room_made(self) -> None:
        """Let the reader go on if it waits for room."""
        if self._room is not None and self._inbox.room > 0:
            self._room.set()

    def lose(self, error: OUCError) -> None:
        """The connection is lost for this reason; what has arrived is still taken in. The first reason stays."""
        self.loss, self._broken = self.loss or error, True
        self._reading.cancel()

    def drop(self) -> None:
        """End at once; what has arrived is of no interest any more."""
        self._everything.cancel()

    async def work_off(self) -> None:
        """Wait until every send job is done or has failed."""
        while self._jobs:
            await self._worked_off.wait()

    def _reason(self) -> Failure:
        return overtaken() if self.loss is None else self.loss.failure

    # -- the life of a connection --------------------------------------------------------------------------------------

    async def run(self) -> bool:
        """Attend to the connection until it ends; True if the partner said goodbye and deserves an answer.

        Call it in the instant in which the connection was reported: the inbox is the one of this establishment.
        """
        self._inbox, orderly = self._link.inbox, False
        try:
            with self._everything:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._send)
                    orderly = await self._read()
                    if orderly:
                        # The partner has ended its direction only: what was handed over before may still reach it.
                        with trio.move_on_after(_LAST_JOBS):
                            await self.work_off()
                    nursery.cancel_scope.cancel()
        finally:
            self._over = True
            for job in self._jobs:
                job.failure = job.failure or self._reason()
            self._jobs.clear()
            self._worked_off.set()
            self._link.stir()
        return orderly and not self._broken

    # -- sending -----------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        """Work off the jobs in the order in which they were handed over, as a PLC does."""
        while True:
            self._handed_over = trio.Event()
            while self._jobs:
                await self._send_one(self._jobs[0])
                self._jobs.popleft()
                self._link.stir()
            self._worked_off.set()
            await self._handed_over.wait()

    async def _send_one(self, job: SendJob) -> None:
        if self._broken:
            job.failure = self._reason()
            return
        try:
            await self.wire.stream.send_all(job.data)
            job.done = True
            self._link.sent += len(job.data)
        except trio.BrokenResourceError as error:
            self.lose(explain(error, where=self.wire.partner))
            job.failure = self._reason()
        except trio.ClosedResourceError:
            job.failure = self._reason()  # closed from this side
        except OUCError as error:
            job.failure = error.failure  # longer than the protocol can carry: the job's own fault

    # -- receiving -----------------------------------------------------------------------------------------------------

    async def _read(self) -> bool:
        """Fill the inbox until the connection ends; True if that was the partner's goodbye and nothing else."""
        at_end = False
        with self._reading:
            at_end = await self._fill()
        if not at_end:
            at_end = await self._rescue()
        orderly = at_end and self.loss is None
        if orderly:
            self.loss = causes.closed(self.wire.partner)
        return orderly

    async def _fill(self) -> bool:
        """Read as the inbox has room; True at the partner's goodbye, False when it cannot go on like this."""
        try:
            while True:
                if self._inbox.room <= 0:
                    if not await self._wait_for_room():
                        return False
                elif not await self._take_in(self._inbox.room):
                    return True
        except trio.BrokenResourceError as error:
            self.lose(explain(error, where=self.wire.partner))
        except trio.ClosedResourceError:
            pass  # closed from this side: nothing is lost, unless it was given up
        return False

    async def _take_in(self, most: int) -> int:
        data = bytes(await self.wire.stream.receive_some(most))
        if data:
            self._inbox.put(data)
            self._link.received += len(data)
            self._link.stir()
        return len(data)

    async def _wait_for_room(self) -> bool:
        """False if the partner has gone meanwhile."""
        self._room = trio.Event()
        # A broken connection is only detected by reading: ask the socket now and then.
        with trio.move_on_after(_LOOK_EVERY):
            await self._room.wait()
        self.wire.tcp.check()
        return self._inbox.room > 0 or not self.wire.tcp.end_waits()

    async def _rescue(self) -> bool:
        """Take in what the socket still has, whatever room there is; True at the partner's goodbye."""
        latest, before, failures = trio.current_time() + _LONGEST_RESCUE, len(self._inbox), 0
        while trio.current_time() < latest and len(self._inbox) - before < _LARGEST_RESCUE:
            with trio.move_on_after(_QUIET) as quiet:
                try:
                    if not await self._take_in(_PIECE):
                        return True
                except trio.BrokenResourceError as error:
                    # TLS may have failed at an answer of its own, with unread bytes below. A second failure is the end.
                    self.lose(explain(error, where=self.wire.partner))
                    failures += 1
                    if failures > 1:
                        return False
                except trio.ClosedResourceError:
                    return False
            if quiet.cancelled_caught:
                return False
        _log.warning(
            "connection %d: the partner went on sending to a connection that is lost; what came later is dropped",
            self._link.connection_id,
        )
        return False
