"""The station itself: what it is, who lives in it, and how it is entered and left."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from ipaddress import IPv4Address
from types import TracebackType
from typing import Any, Final

import trio

from .. import arguments, params, profiles
from ..arguments import Kind, aware, check_all, instance, optional
from ..certs import Device
from ..connection import Effect, Link, LinkEvent, Port, SendJob
from ..errors import Failure, OUCError, ParameterError
from ..params import ISO_PORT
from ..status import Status
from ..tls import Policy, TLSFacts
from ..transport import IDENTITY, AddressMap, Background, Direction, NameServer, Opener, Wire, policy_of
from ..visible import logger
from .datagrams import DatagramLife
from .happening import Happening, Journal, guarded
from .iso_door import IsoDoor
from .life import Life
from .stopwatch import Stopwatch
from .streams import StreamLife

__all__ = ["Station"]

_log = logger("ouc.station")

# The rule of `params.RULES` that finds certificates named in a description that sends in the clear all the same.
_IN_THE_CLEAR: Final = "TLS members of a plain connection"
_LISTENER = optional(arguments.CALLABLE)
# Argument -> what it takes.
_KINDS: Final[Mapping[str, Kind]] = {
    "device": optional(instance("a Device of a project", Device)),
    "profile": instance("a Profile or its name", profiles.Profile, str),
    "address": optional(arguments.ADDRESS),
    "addresses": instance("an AddressMap", AddressMap),
    "policy": optional(instance("a Policy", Policy)),
    "on_event": _LISTENER,
    "tap": _LISTENER,
    "key_log": _LISTENER,
    "chance": optional(instance("a random.Random", random.Random)),
    "dns": optional(instance("a list of DNS servers", list, tuple)),
    "iso_port": arguments.PORT,
}


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
        on_event: Called with every `Happening`, in the station's thread: everything waits until it returns. One that takes
            0.1 s or longer is named in the log, once; the same holds for `tap`.
        tap: Called with connection ID, direction and bytes as they cross the socket; for captures.
        key_log: Called with the lines of an NSS key log. Whoever holds them can read the traffic; loud in the log.
        chance: Source of jitter, for reproducible runs.
        dns: DNS servers for partners known by name, as addresses or as pairs of address and port; None asks the platform's
            resolver, and an empty sequence is a device without a DNS server (80D2).
        iso_port: Where ISO-on-TCP is spoken, on both sides; 102 needs rights that a lab may not have.
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
        dns: Sequence[IPv4Address | str | tuple[IPv4Address | str, int]] | None = None,
        iso_port: int = ISO_PORT,
    ) -> None:
        check_all(
            {
                "device": device, "profile": profile, "address": address, "addresses": addresses, "policy": policy,
                "on_event": on_event, "tap": tap, "key_log": key_log, "chance": chance, "dns": dns, "iso_port": iso_port,
            },
            _KINDS,
        )  # fmt: skip
        clock = None if clock is None else aware(clock)
        self.device = device
        self.profile = profiles.profile(profile) if isinstance(profile, str) else profile
        self.address = self._own_address(address)
        self._stopwatch = Stopwatch()
        self.opener = Opener(
            device=device,
            profile=self.profile,
            policy=policy or policy_of(self.profile),
            address=self.address,
            addresses=addresses,
            bind=None if address is None else self.address,
            clock=clock,
            tap=guarded(None if tap is None else partial(self._stopwatch.call, tap)),
            key_log=key_log,
            iso_port=iso_port,
            servers=None if dns is None else tuple(_name_server(one) for one in dns),
        )
        self._on_event = on_event
        #: Called with every `Happening`, like `on_event`; for those who come and go.
        self.listeners: list[Callable[[Happening], None]] = []
        self.journal = Journal()
        self.chance = chance or random.Random()  # noqa: S311 - spreads retries, hides nothing
        self._lives: dict[Link, Life] = {}
        self._iso_door = IsoDoor(self)
        # Connections that Python programs hold themselves.
        self._direct: dict[Link, Wire] = {}
        self._background = Background()
        self._nursery: trio.Nursery | None = None
        self.port = Port(
            self,
            check=self._check,
            profile=self.profile,
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
            life.abort()
        for wire in tuple(self._direct.values()):
            wire.tcp.abort()
        self._nursery = None
        try:
            return await self._background.__aexit__(kind, error, trace)
        finally:
            self._lives.clear()
            self.port.clear()

    def check(self, description: Any) -> None:
        """Refuse a description that no attempt could make good: a broken rule, a wrong reference.

        Raises:
            OUCError: What a block would show, before a packet leaves.
        """
        for finding in self._check(description):
            if finding.is_error:
                raise ParameterError(
                    finding.message, status=finding.status, where=finding.member, remedy=finding.remedy
                )
        self.opener.credentials(params.endpoint(description))

    def give_up(self, link: Link, failure: Failure) -> None:
        """Treat the partner of a connection as dead; the connection is lost for that reason, and tried again."""
        life = self._lives.get(link)
        if isinstance(life, StreamLife):
            life.give_up(failure)

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
        if effect in (Effect.DIAL, Effect.LISTEN):
            self._warn_of(link)
        if link.direct:
            # Whoever opened the link in Python style does its waiting himself, and learns of TDISCON, T_RESET and STOP
            # from its stream. The partners of a server share one description.
            if effect in (Effect.CLOSE, Effect.DROP):
                for other, wire in tuple(self._direct.items()):
                    if other.description is link.description:
                        wire.tcp.abort()
            if effect is Effect.CLOSE:
                self.report(link, LinkEvent.GONE)
            return
        if link not in self._lives:
            datagrams = link.endpoint.protocol == "UDP"
            self._lives[link] = DatagramLife(self, link) if datagrams else StreamLife(self, link, self._iso_door)
        self._lives[link].perform(effect)

    def _warn_of(self, link: Link) -> None:
        """What is insecure about a connection because its description says so; once per connection."""
        end = link.endpoint
        if end.secure and not end.active and not end.request_client_certificate:
            self.journal.warn(
                link.connection_id,
                f"nobody is verified: whoever reaches local port {end.local_port} is admitted. Ask for a client certificate "
                "(TLSServerReqClientCert; ca= of the plain calls)",
            )
        for finding in self._check(link.description):
            if finding.rule == _IN_THE_CLEAR:
                self.journal.warn(
                    link.connection_id,
                    f"everything is sent in the clear, though the description names certificates. {finding.remedy}",
                )

    def transmit(self, link: Link, job: SendJob) -> None:
        """Begin to send."""
        life = self._lives.get(link)
        if life is None:
            job.failure = Failure("the connection is not established", Status(0x80A1))
        else:
            life.transmit(job)

    def room_made(self, link: Link) -> None:
        """Let the reader go on if it waits for room."""
        life = self._lives.get(link)
        if life is not None:
            life.room_made()

    # -- what lives ask for (Host) -------------------------------------------------------------------------------

    def start_soon(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a task that ends with the station, at the latest."""
        assert self._nursery is not None  # noqa: S101 - effects come only while the station runs
        self._nursery.start_soon(work)

    def report(self, link: Link, event: LinkEvent, failure: Failure | None = None) -> None:
        """Report to the port, unless the station is being left: nothing is tried again then."""
        if event is LinkEvent.GONE:
            self._lives.pop(link, None)
            self.journal.forget(link.connection_id)
        if self._nursery is not None:
            self.port.report(link, event, failure)

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
        happening = self.happened(link, event, failure=failure, partner=partner, facts=facts, orderly=orderly)
        self.journal.tell(happening)
        self.report(link, event, failure)
        self.announce(happening)

    def happened(self, link: Link, event: LinkEvent, *, facts: TLSFacts | None = None, **members: Any) -> Happening:
        """What happened, with the ID under which the device holds the partner's certificate."""
        known = self._known(facts) if self._on_event is not None or self.listeners else None
        return Happening(connection_id=link.connection_id, event=event, facts=facts, partner_id=known, **members)

    def announce(self, happening: Happening) -> None:
        """Tell whoever listens."""
        for listener in (*self.listeners, self._on_event):
            if listener is not None:
                self._call(listener, happening)

    def _call(self, listener: Callable[[Happening], None], happening: Happening) -> None:
        try:
            self._stopwatch.call(listener, happening)
        except Exception:
            # Whoever only listens must not end connections.
            _log.exception("on_event failed at connection %d %s", happening.connection_id, happening.event.name)

    def _known(self, facts: TLSFacts | None) -> int | None:
        """The ID under which the device holds the partner's certificate."""
        if facts is None or facts.partner is None or self.device is None:
            return None
        try:
            return self.opener.store().identify(facts.partner)
        except OUCError:
            return None

    def _check(self, description: Any) -> tuple[params.Finding, ...]:
        no_server = self.opener.servers == ()
        return params.check(
            description,
            profile=self.profile,
            own_address=self.address,
            dns_server=False if no_server else None,
        )


def _name_server(given: Any) -> NameServer:
    host, port = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    if not arguments.ADDRESS.fits(host) or not (port is None or arguments.PORT.fits(port)):
        raise ParameterError(
            "dns names something that is no DNS server", where="dns",
            remedy="Give IPv4 addresses, or pairs of address and port",
        )  # fmt: skip
    return IPv4Address(host) if port is None else (IPv4Address(host), port)
