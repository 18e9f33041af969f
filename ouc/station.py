"""The local end of all connections, "the device": its certificates, its connection table, the tasks that do the waiting.

Everything that decides stands in tables below (`ouc.connection`, `ouc.tls`); a station dials, listens, reads, writes and
pauses when an effect asks for it, and reports what came of it. One task lives per connection, a second one while a send job
runs. Errors are translated once and reported as one `Failure`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from ipaddress import IPv4Address
from types import TracebackType
from typing import Any

import attrs
import trio

from . import params, profiles
from .certs import Device
from .connection import Effect, Link, LinkEvent, LinkState, Port, SendJob
from .errors import ConnectionLost, Failure, OUCError, ParameterError
from .status import Status
from .tls import Policy, TLSFacts
from .transport import (
    IDENTITY,
    AddressMap,
    Background,
    Direction,
    Listener,
    Opener,
    TCPStream,
    Wire,
    explain,
    policy_of,
)

__all__ = ["Happening", "Station"]

_log = logging.getLogger("ouc.station")

# Handshakes that one passive end carries on at once. One more ends the oldest, so that silent ones lock nobody out.
_HANDSHAKES_AT_ONCE = 8
# Seconds between two looks at a connection whose inbox is full; ours.
_LOOK_EVERY = 1.0


@attrs.frozen(kw_only=True)
class Happening:
    """Something that happened to a connection, for a diagnostics buffer, a log or a demo.

    Attributes:
        connection_id: 1 to 4095.
        event: `UP`, `REFUSED` or `LOST`.
        partner: Plant address and port of the other end, empty if there was none.
        failure: The reason, for `REFUSED` and `LOST`.
        facts: What TLS agreed on, for `UP` of a secure connection.
        partner_id: ID under which the device holds the partner's certificate, None if it does not.
    """

    connection_id: int
    event: LinkEvent
    partner: str = ""
    failure: Failure | None = None
    facts: TLSFacts | None = None
    partner_id: int | None = None


@attrs.define(eq=False)
class _Life:
    """What the shell keeps per connection."""

    link: Link
    scopes: set[trio.CancelScope] = attrs.field(factory=set)
    idle: trio.Event = attrs.field(factory=trio.Event)
    wire: Wire | None = None
    attending: trio.Nursery | None = None
    room: trio.Event | None = None
    loss: OUCError | None = None
    sending: trio.Lock = attrs.field(factory=trio.Lock)
    handshakes: list[TCPStream] = attrs.field(factory=list)
    pause: float = 0.0

    def begin(self, wire: Wire) -> None:
        """An established connection is attended to; the pauses between attempts start over."""
        self.wire, self.loss, self.pause = wire, None, 0.0

    def end(self, wire: Wire) -> None:
        """It is attended to no longer; the next one may be already."""
        if self.wire is wire:
            self.attending = self.wire = self.room = None


class Station:
    """The communication side of a device, for programs in PLC style; `ouc.api` adds the Pythonic face.

    An async context manager; leaving it closes every connection.

    Args:
        device: Whose certificates the references of secure connections name; None for plain connections only.
        profile: The firmware to behave as: a `Profile` or its name.
        address: Plant address of this station; the device's first one by default. Given here, it is also the one to
            listen on and to dial from; without it a station listens on every address of the computer.
        addresses: Where plant addresses are on this computer.
        clock: Tells the time at which certificates are judged (aware); the host's clock by default.
        policy: TLS settings; by default those of the profile.
        on_event: Called with every `Happening`, in the station's thread.
        tap: Called with connection ID, direction and bytes as they cross the socket; for captures.
        key_log: Called with the lines of an NSS key log. Whoever holds them can read the traffic; loud in the log.
        chance: Source of jitter, for reproducible runs.
    """

    def __init__(
        self,
        device: Device | None = None,
        *,
        profile: profiles.Profile | str = profiles.DEFAULT,
        address: IPv4Address | str | None = None,
        addresses: AddressMap = IDENTITY,
        clock: Callable[[], datetime] | None = None,
        policy: Policy | None = None,
        on_event: Callable[[Happening], None] | None = None,
        tap: Callable[[int, Direction, bytes], None] | None = None,
        key_log: Callable[[bytes], None] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.device = device
        self.profile = profiles.profile(profile) if isinstance(profile, str) else profile
        self.address = self._own_address(address)
        self.opener = Opener(
            device=device,
            profile=self.profile,
            policy=policy or policy_of(self.profile),
            address=self.address,
            addresses=addresses,
            bind=None if address is None else self.address,
            clock=clock,
            tap=_guarded(tap),
            key_log=key_log,
        )
        self._on_event = on_event
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, hides nothing
        self._lives: dict[Link, _Life] = {}
        # Connections that Python programs hold themselves.
        self._direct: dict[Link, Wire] = {}
        self._background = Background()
        self._nursery: trio.Nursery | None = None
        self.port = Port(
            self,
            check=self._check,
            resources=self.profile.connections,
            receive_buffer=self.profile.receive_buffer,
            max_length=self.profile.max_len,
            clock=clock,
        )
        if key_log is not None:
            _log.warning("the TLS keys of this station are logged: whoever reads the log can read the traffic")

    def _own_address(self, address: IPv4Address | str | None) -> IPv4Address | None:
        if address is None:
            held = self.device.addresses if self.device is not None else ()
            return IPv4Address(held[0]) if held else None
        return IPv4Address(address)

    # -- life of the station -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Station:
        self._nursery = await self._background.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        for life in self._lives.values():
            if life.wire is not None:
                life.wire.tcp.abort()
        for wire in tuple(self._direct.values()):
            wire.tcp.abort()
        self._nursery = None
        try:
            return await self._background.__aexit__(kind, error, trace)
        finally:
            self._lives.clear()
            self.port.clear()

    def _start(self, work: Callable[[], Awaitable[None]], life: _Life) -> None:
        """Begin a task of a connection; its cancel scope exists before the task runs, so that CLOSE always reaches it."""
        assert self._nursery is not None  # noqa: S101 - `perform` has looked
        if not life.scopes:
            life.idle = trio.Event()
        scope = trio.CancelScope()
        life.scopes.add(scope)

        async def run() -> None:
            try:
                with scope:
                    await work()
            finally:
                life.scopes.discard(scope)
                if not life.scopes:
                    life.idle.set()

        self._nursery.start_soon(run)

    # -- what the port asks for (Shell) --------------------------------------------------------------------------

    def perform(self, effect: Effect, link: Link) -> None:
        """Begin to carry out an effect of the link table.

        Raises:
            ParameterError: The station is not running.
        """
        if self._nursery is None:
            raise ParameterError(
                "the station is not running", remedy="Use it inside 'async with Station(...) as station:'"
            )
        if link.direct:
            # Whoever opened the link in Python style does its waiting himself.
            if effect is Effect.CLOSE:
                self.port.report(link, LinkEvent.GONE)
            return
        life = self._lives.setdefault(link, _Life(link))
        if effect is Effect.DIAL:
            self._start(partial(self._dial, life), life)
        elif effect is Effect.LISTEN:
            self._listen(life)
        elif effect is Effect.PAUSE:
            self._start(partial(self._pause, life), life)
        elif effect is Effect.DROP:
            if life.attending is not None:
                life.attending.cancel_scope.cancel()
        elif effect is Effect.CLOSE:
            self._close(life)

    def transmit(self, link: Link, job: SendJob) -> None:
        """Begin to send."""
        life = self._lives.get(link)
        if life is None or life.attending is None:
            job.failure = Failure("the connection is not established", Status(0x80A1))
        else:
            life.attending.start_soon(self._transmit, life, job)

    def room_made(self, link: Link) -> None:
        """Let the reader go on if it waits for room."""
        life = self._lives.get(link)
        if life is not None and life.room is not None and link.inbox.room > 0:
            life.room.set()
            life.room = None

    # -- tasks -----------------------------------------------------------------------------------------------------

    async def _dial(self, life: _Life) -> None:
        try:
            wire = await self.opener.open_active(life.link.endpoint)
        except OUCError as error:
            self._tell(life.link, LinkEvent.REFUSED, failure=error.failure)
            return
        await self._attend(life, wire)

    async def _pause(self, life: _Life) -> None:
        first, most, jitter = self.profile.retry_first, self.profile.retry_max, self.profile.retry_jitter
        life.pause = min(most, life.pause * 2) if life.pause else first
        await trio.sleep(life.pause * (1 + jitter * self._chance.uniform(-1, 1)))
        self._report(life.link, LinkEvent.RETRY_DUE)

    def _listen(self, life: _Life) -> None:
        # At once: whoever dials after `establish` has returned finds the port open.
        try:
            listener = self.opener.listen(life.link.endpoint)
        except OUCError as error:
            self._start(partial(self._port_taken, life, error), life)
        else:
            self._start(partial(self._accept, life, listener), life)

    async def _port_taken(self, life: _Life, error: OUCError) -> None:
        self._tell(life.link, LinkEvent.REFUSED, failure=error.failure)
        await self._pause(life)

    async def _accept(self, life: _Life, listener: Listener) -> None:
        with listener:
            async with trio.open_nursery() as nursery:
                while True:
                    tcp = await listener.accept()
                    if life.link.established:
                        # The end has its partner: a second one is refused by a reset.
                        tcp.abort()
                        continue
                    if len(life.handshakes) >= _HANDSHAKES_AT_ONCE:
                        life.handshakes[0].abort()
                        del life.handshakes[0]
                    life.handshakes.append(tcp)
                    nursery.start_soon(self._welcome, life, tcp)

    async def _welcome(self, life: _Life, tcp: TCPStream) -> None:
        partner = self.opener.partner_of(tcp)
        try:
            wire = await self.opener.open_passive(life.link.endpoint, tcp)
        except OUCError as error:
            if not life.link.established:
                self._tell(life.link, LinkEvent.REFUSED, failure=error.failure, partner=partner)
            return
        finally:
            if tcp in life.handshakes:
                life.handshakes.remove(tcp)
        if life.link.state is LinkState.LISTENING:
            await self._attend(life, wire)
        else:
            wire.tcp.abort()

    async def _attend(self, life: _Life, wire: Wire) -> None:
        """Keep an established connection until it is lost, dropped or closed."""
        link = life.link
        life.begin(wire)
        polite = False
        try:
            async with trio.open_nursery() as nursery:
                life.attending = nursery
                self._tell(link, LinkEvent.UP, partner=wire.partner, facts=wire.facts)
                epoch = link.epoch
                polite = await self._collect(life, wire)
                nursery.cancel_scope.cancel()
            life.end(wire)
            if life.loss is not None and link.established and link.epoch == epoch:
                self._tell(link, LinkEvent.LOST, failure=life.loss.failure, partner=wire.partner)
            elif link.endpoint.active:
                # Dropped by COM_RST or T_RESET, perhaps while it broke: a short interruption, then the connection again.
                self._report(link, LinkEvent.RETRY_DUE)
            if polite:
                await wire.stream.aclose()
        finally:
            life.end(wire)
            wire.tcp.abort()

    async def _collect(self, life: _Life, wire: Wire) -> bool:
        """Fill the inbox until the connection ends; True if the partner said goodbye and deserves an answer."""
        inbox = life.link.inbox
        try:
            while True:
                if inbox.room <= 0:
                    life.room = trio.Event()
                    # What is not read cannot tell of its end: ask the socket now and then.
                    with trio.move_on_after(_LOOK_EVERY):
                        await life.room.wait()
                    wire.tcp.check()
                    continue
                data = bytes(await wire.stream.receive_some(inbox.room))
                if not data:
                    life.loss = ConnectionLost(
                        "the partner has closed the connection", status=0x80C5, where=wire.partner
                    )
                    return True
                inbox.put(data)
                life.link.received += len(data)
        except trio.BrokenResourceError as error:
            life.loss = life.loss or explain(error, where=wire.partner)
        except trio.ClosedResourceError:
            pass  # closed from this side: nothing is lost
        return False

    async def _transmit(self, life: _Life, job: SendJob) -> None:
        assert life.wire is not None and life.attending is not None  # noqa: S101, PT018 - runs inside `_attend` only
        nursery, wire = life.attending, life.wire
        try:
            async with life.sending:
                await wire.stream.send_all(job.data)
            job.done = True
            life.link.sent += len(job.data)
        except trio.BrokenResourceError as error:
            life.loss = life.loss or explain(error, where=wire.partner)
            job.failure = life.loss.failure
            nursery.cancel_scope.cancel()
        except trio.ClosedResourceError:
            pass  # closed from this side; the job learns it below
        finally:
            if not job.done and job.failure is None:
                job.failure = Failure("the connection was reset or closed before the job was done", Status(0x80A7))

    def _close(self, life: _Life) -> None:
        if life.wire is not None:
            life.wire.tcp.abort()
        for scope in life.scopes:
            scope.cancel()
        assert self._nursery is not None  # noqa: S101 - effects come only while the station runs
        self._nursery.start_soon(self._bury, life)

    async def _bury(self, life: _Life) -> None:
        if life.scopes:
            await life.idle.wait()
        self._lives.pop(life.link, None)
        self.port.report(life.link, LinkEvent.GONE)

    # -- small print -------------------------------------------------------------------------------------------------

    def _check(self, description: Any) -> tuple[params.Finding, ...]:
        findings = params.check(description, profile=self.profile, own_address=self.address)
        if not any(one.is_error for one in findings) and (protocol := params.endpoint(description).protocol) != "TCP":
            raise ParameterError(
                f"this station does not speak {protocol or 'the protocol of this ConnectionType'}",
                status=0x80B6,
                where="ConnectionType",
                remedy="Use TCP (ConnectionType 11)",
            )
        return findings

    def _report(self, link: Link, event: LinkEvent, failure: Failure | None = None) -> None:
        """Report to the port, unless the station is being left: nothing is tried again then."""
        if self._nursery is not None:
            self.port.report(link, event, failure)

    def _tell(
        self,
        link: Link,
        event: LinkEvent,
        *,
        failure: Failure | None = None,
        partner: str = "",
        facts: TLSFacts | None = None,
    ) -> None:
        """Report to the port, to the log and to whoever listens."""
        level = logging.INFO if event is LinkEvent.UP else logging.WARNING
        _log.log(level, "connection %d %s: %s", link.connection_id, event.name, failure or partner)
        self._report(link, event, failure)
        if self._on_event is None:
            return
        try:
            known = (
                self.opener.store().identify(facts.partner) if facts is not None and facts.partner is not None else None
            )
            self._on_event(
                Happening(
                    connection_id=link.connection_id,
                    event=event,
                    partner=partner,
                    failure=failure,
                    facts=facts,
                    partner_id=known,
                )
            )
        except Exception:
            # Whoever only listens must not end connections.
            _log.exception("on_event failed at connection %d %s", link.connection_id, event.name)


def _guarded(tap: Callable[[int, Direction, bytes], None] | None) -> Callable[[int, Direction, bytes], None] | None:
    """A tap whose failure (a full disk, say) ends the tapping and not the connections."""
    if tap is None:
        return None
    broken = False

    def guarded(connection_id: int, direction: Direction, data: bytes) -> None:
        nonlocal broken
        if broken:
            return
        try:
            tap(connection_id, direction, data)
        except Exception:
            broken = True
            _log.exception("the tap failed: nothing more is captured")

    return guarded
