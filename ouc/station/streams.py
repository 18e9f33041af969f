"""Connections over TCP, TLS and ISO-on-TCP: dial or wait, attend to the partner, and try again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

import trio

from ..connection import Effect, Link, LinkEvent, LinkState, SendJob
from ..errors import ConnectionLost, Failure, OUCError
from ..status import Status
from ..transport import Listener, Reception, TCPStream, Wire, explain
from .life import Host, Life, overtaken

__all__ = ["StreamLife"]

# Seconds between two looks at a connection whose inbox is full; ours.
_LOOK_EVERY = 1.0
# Seconds that a graceful TDISCON waits for a send job that is under way; ours.
_LAST_JOB = 5.0


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
        self.wire: Wire | None = None
        self.attending: trio.Nursery | None = None
        self.loss: OUCError | None = None
        self.sending = trio.Lock()
        self._door = door
        self._room: trio.Event | None = None
        self._vacant = trio.Event()
        self._pause_length = 0.0

    # -- what the port asks for ------------------------------------------------------------------------------------

    def transmit(self, job: SendJob) -> None:
        """Begin to send."""
        if self.attending is None or self.wire is None:
            # Lost already, though the table does not say so yet; else never there.
            job.failure = (
                self.loss.failure if self.loss is not None else Failure("the connection is not established", Status(0x80A1))
            )
        else:
            self.attending.start_soon(self._transmit, job, self.attending, self.wire)

    def room_made(self) -> None:
        """Let the reader go on if it waits for room."""
        if self._room is not None and self.link.inbox.room > 0:
            self._room.set()
            self._room = None

    def abort(self) -> None:
        """Reset the connection, as a CPU closes."""
        self._door.leave(self)
        if self.wire is not None:
            self.wire.tcp.abort()

    def give_up(self, failure: Failure) -> None:
        """The partner counts as dead: the connection is lost for this reason."""
        if self.wire is not None:
            self.loss = ConnectionLost.of(failure)
            self.wire.tcp.abort()

    def _dial_soon(self) -> None:
        self.start(self._dial)

    def _pause_soon(self) -> None:
        self.start(self._pause)

    def _drop(self) -> None:
        if self.attending is not None:
            self.attending.cancel_scope.cancel()

    def _listen(self) -> None:
        # At once: whoever dials after `establish` has returned finds the port open.
        try:
            if self.link.endpoint.protocol == "ISO-on-TCP":
                self._door.enter(self)
            else:
                self.start(partial(self._accept, self.host.opener.listen(self.link.endpoint)))
        except OUCError as error:
            self.start(partial(self._port_taken, error))

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
        profile = self.host.profile
        self._pause_length = min(profile.retry_max, self._pause_length * 2) if self._pause_length else profile.retry_first
        await trio.sleep(self._pause_length * (1 + profile.retry_jitter * self.host.chance.uniform(-1, 1)))
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

    def _begin(self, wire: Wire) -> None:
        # The pauses between attempts start over.
        self.wire, self.loss, self._pause_length = wire, None, 0.0

    def _end(self, wire: Wire) -> None:
        """Attended to no longer; the next one may be already."""
        if self.wire is wire:
            self.attending = self.wire = self._room = None
            self._vacant.set()
            self._vacant = trio.Event()

    async def _attend(self, wire: Wire) -> None:
        """Keep an established connection until it is lost, dropped or closed."""
        link = self.link
        self._begin(wire)
        polite = False
        try:
            async with trio.open_nursery() as nursery:
                self.attending = nursery
                self.host.tell(link, LinkEvent.UP, partner=wire.partner, facts=wire.facts)
                epoch = link.epoch
                try:
                    polite = await self._collect(wire)
                finally:
                    # A nursery that is being left takes no new task: a job that comes now comes too late. After a reset
                    # the next partner may have one already.
                    if self.wire is wire:
                        self.attending = None
                nursery.cancel_scope.cancel()
            self._end(wire)
            if link.established and link.epoch == epoch:
                # Without a reason its socket was closed from this side; that is a loss too, or the end would wait for ever.
                loss = self.loss or ConnectionLost("the connection was closed from this side", status=0x80C5)
                self.host.tell(link, LinkEvent.LOST, failure=loss.failure, partner=wire.partner, orderly=polite)
            elif link.endpoint.active:
                # Dropped by COM_RST or T_RESET, perhaps while it broke: a short interruption, then the connection again.
                self.host.report(link, LinkEvent.RETRY_DUE)
            if polite:
                await wire.stream.aclose()
        finally:
            self._end(wire)
            wire.tcp.abort()

    async def _collect(self, wire: Wire) -> bool:
        """Fill the inbox until the connection ends; True if the partner said goodbye and deserves an answer."""
        link = self.link
        inbox = link.inbox
        try:
            while True:
                if inbox.room <= 0:
                    self._room = trio.Event()
                    # What is not read cannot tell of its end: ask the socket now and then.
                    with trio.move_on_after(_LOOK_EVERY):
                        await self._room.wait()
                    wire.tcp.check()
                    continue
                data = bytes(await wire.stream.receive_some(inbox.room))
                if not data:
                    self.loss = ConnectionLost(
                        "the partner has closed the connection", status=0x80C5, where=wire.partner
                    )
                    return True
                inbox.put(data)
                link.received += len(data)
                link.stir()
        except trio.BrokenResourceError as error:
            self.loss = self.loss or explain(error, where=wire.partner)
        except trio.ClosedResourceError:
            pass  # closed from this side: nothing is lost, unless it was given up
        return False

    async def _transmit(self, job: SendJob, nursery: trio.Nursery, wire: Wire) -> None:
        try:
            async with self.sending:
                await wire.stream.send_all(job.data)
            job.done = True
            self.link.sent += len(job.data)
        except trio.BrokenResourceError as error:
            self.loss = self.loss or explain(error, where=wire.partner)
            job.failure = self.loss.failure
            nursery.cancel_scope.cancel()
        except trio.ClosedResourceError:
            pass  # closed from this side; the job learns it below
        except OUCError as error:
            job.failure = error.failure  # longer than the protocol can carry: the job's own fault
        finally:
            if not job.done and job.failure is None:
                # Ended with the connection, or because the program wanted it to.
                job.failure = overtaken() if self.loss is None else self.loss.failure
            self.link.stir()

    @property
    def polite(self) -> bool:
        """With GracefulShutdown TCP is ended by FIN, otherwise by RST (ouc-blocks.md 2.2)."""
        return self.wire is not None and bool(self.link.settings.graceful_shutdown)

    async def farewell(self) -> None:
        """Let the job under way finish, then FIN; what was handed over is delivered."""
        wire = self.wire
        assert wire is not None  # noqa: S101 - `polite` has looked
        with trio.move_on_after(_LAST_JOB):
            async with self.sending:
                await wire.stream.aclose()
