"""Connections over TCP, TLS and ISO-on-TCP: dial or wait, attend to the partner, and try again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

import trio

from ..connection import Effect, Link, LinkEvent, LinkState, SendJob
from ..errors import ConnectionLost, Failure, OUCError
from ..status import Status
from ..transport import LIMIT, Listener, Reception, TCPStream, Wire
from .attendance import Attendance
from .life import Host, Life
from .pauses import Pauses

__all__ = ["StreamLife"]

# Seconds for the end of a connection whose partner takes no more bytes; ours.
_STUCK = 1.0


class Door(Protocol):
    """The port that all passive ISO-on-TCP ends of a station share."""

    def enter(self, life: StreamLife) -> None:
        """Wait for partners of this end too."""

    def leave(self, life: StreamLife) -> None:
        """Wait for them no longer."""


class StreamLife(Life):
    """One connection with one partner at a time.

    Args:
        host: The station.
        link: The connection.
        door: Where a passive ISO-on-TCP end waits for its partner.
    """

    def __init__(self, host: Host, link: Link, door: Door) -> None:
        super().__init__(host, link)
        self.attendance: Attendance | None = None
        self._loss: OUCError | None = None
        self._door = door
        self._vacant = trio.Event()
        self._pauses = Pauses(host.profile, host.chance)

    @property
    def wire(self) -> Wire | None:
        """The open connection, None while there is none."""
        return None if self.attendance is None else self.attendance.wire

    # -- what the port asks for ------------------------------------------------------------------------------------

    def transmit(self, job: SendJob) -> None:
        """Begin to send."""
        if self.attendance is not None:
            self.attendance.transmit(job)
        elif self._loss is not None:
            # Lost already, though the table does not say so yet.
            job.failure = self._loss.failure
        else:
            job.failure = Failure("the connection is not established", Status(0x80A1))

    def room_made(self) -> None:
        """Let the reader go on if it waits for room."""
        if self.attendance is not None:
            self.attendance.room_made()

    def abort(self) -> None:
        """Reset the connection, as a CPU closes."""
        self._door.leave(self)
        if self.wire is not None:
            self.wire.tcp.abort()

    def give_up(self, failure: Failure) -> None:
        """The partner counts as dead: the connection is lost for this reason."""
        if self.attendance is not None:
            self.attendance.lose(ConnectionLost.of(failure))

    def _dial_soon(self) -> None:
        self.start(self._dial)

    def _pause_soon(self) -> None:
        self.start(self._pause)

    def _drop(self) -> None:
        if self.attendance is not None:
            self.attendance.drop()

    def _listen(self) -> None:
        # At once: whoever dials after `establish` has returned finds the port open.
        try:
            if self.link.endpoint.protocol == "ISO-on-TCP":
                self._door.enter(self)
            else:
                self.start(partial(self._accept, self.host.opener.listen(self.link.endpoint)))
        except OUCError as error:
            self.start(partial(self._port_taken, error))
        else:
            self._pauses.forget()

    EFFECTS: ClassVar[dict[Effect, Callable[[Any], None]]] = {
        Effect.DIAL: _dial_soon,
        Effect.LISTEN: _listen,
        Effect.PAUSE: _pause_soon,
        Effect.DROP: _drop,
        Effect.CLOSE: Life.close,
    }

    # -- opening -----------------------------------------------------------------------------------------------------

    async def _dial(self) -> None:
        try:
            wire = await self.host.opener.open_active(self.link.endpoint)
        except OUCError as error:
            self.host.tell(self.link, LinkEvent.REFUSED, failure=error.failure)
            return
        if self.link.state is LinkState.CONNECTING:
            await self._attend(wire)
        else:
            # Terminated in the instant in which it came up.
            wire.tcp.abort()

    async def _pause(self) -> None:
        await trio.sleep(self._pauses.next())
        self.host.report(self.link, LinkEvent.RETRY_DUE)

    async def _port_taken(self, error: OUCError) -> None:
        self.host.tell(self.link, LinkEvent.REFUSED, failure=error.failure)
        await self._pause()

    async def _accept(self, listener: Listener) -> None:
        with listener:
            door: Reception[Wire] = Reception(
                listener,
                judge=partial(self.host.opener.open_passive, self.link.endpoint),
                admit=self.admit,
                refuse=self.refuse,
                # The end has its partner, or is saying goodbye to it: a second one is refused by a reset, or left waiting.
                occupied=lambda: self.link.state is not LinkState.LISTENING,
                vacancy=None if self.host.profile.refuse_second_partner else self._vacancy,
            )
            await door.run()

    async def _vacancy(self) -> None:
        while self.link.established:
            await self._vacant.wait()

    def refuse(self, tcp: TCPStream, error: OUCError) -> None:
        """A partner did not pass; told once, and the end goes on waiting."""
        if not self.link.established:
            self.host.tell(
                self.link, LinkEvent.REFUSED, failure=error.failure, partner=self.host.opener.partner_of(tcp)
            )

    async def admit(self, wire: Wire) -> None:
        """A partner passed; the first one stays."""
        if self.link.state is LinkState.LISTENING:
            await self._attend(wire)
        else:
            wire.tcp.abort()

    # -- an established connection -----------------------------------------------------------------------------------

    def _end(self, attendance: Attendance) -> None:
        """Attended to no longer; the next one may be already."""
        if self.attendance is attendance:
            self.attendance, self._loss = None, attendance.loss
            self._vacant.set()
            self._vacant = trio.Event()

    async def _attend(self, wire: Wire) -> None:
        """Keep an established connection until it is lost, dropped or closed."""
        link, since = self.link, trio.current_time()
        attendance = self.attendance = Attendance(link, wire)
        orderly = False
        try:
            self.host.tell(link, LinkEvent.UP, partner=wire.partner, facts=wire.facts)
            epoch = link.epoch
            orderly = await attendance.run()
            self._end(attendance)
            self._pauses.was_established(trio.current_time() - since)
            if link.established and link.epoch == epoch:
                # Without a reason its socket was closed from this side; that is a loss too, or the end would wait for ever.
                loss = attendance.loss or ConnectionLost("the connection was closed from this side", status=0x80C5)
                self.host.tell(link, LinkEvent.LOST, failure=loss.failure, partner=wire.partner, orderly=orderly)
            elif link.endpoint.active:
                # Dropped by COM_RST or T_RESET, perhaps while it broke: a short interruption, then the connection again.
                self.host.report(link, LinkEvent.RETRY_DUE)
            if orderly:
                await wire.stream.aclose()
        finally:
            self._end(attendance)
            wire.tcp.abort()

    @property
    def polite(self) -> bool:
        """With GracefulShutdown TCP is ended by FIN, otherwise by RST (ouc-blocks.md 2.2)."""
        return self.wire is not None and bool(self.link.settings.graceful_shutdown)

    async def farewell(self) -> None:
        """Let the jobs under way finish, then FIN; what was handed over is delivered, as long as the partner takes it."""
        attendance = self.attendance
        assert attendance is not None  # noqa: S101 - `polite` has looked
        stuck = False
        with trio.move_on_after(LIMIT):
            async with trio.open_nursery() as nursery:

                async def finish() -> None:
                    await attendance.work_off()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(finish)
                await attendance.wire.tcp.wait_stalled()
                nursery.cancel_scope.cancel()
                stuck = True
            # A partner that takes nothing had its time.
            with trio.move_on_after(_STUCK if stuck else LIMIT):
                await attendance.wire.stream.aclose()
