"""The own end of a connection as the options describe it: one structure, a station to run it, and an open port.

Every command ends in a TCON_ structure, whether the options say so one by one or `--connect` names a source, so that the
rules a CPU applies are applied here too.
"""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any, Literal

import attrs
import trio

from ..api import Station
from ..errors import ParameterError
from ..params import (
    ISO_PORT,
    TCON_IP_RFC,
    TCON_IP_V4_SEC,
    TCON_QDN,
    TCON_QDN_SEC,
    Description,
    Endpoint,
    TCON_IP_v4,
    view,
)
from ..profiles import DEFAULT as PROFILE
from ..profiles import Profile, paused
from ..station import Happening
from ..transport import Listener, Opener, explain, listen
from ..transport.failures import listening
from ._descriptions import descriptions
from ._partners import Certificates, Target, certificates, place
from ._projects import note
from ._usage import UsageError
from ._wire import ANY, Version, opener, reference_of

__all__ = ["End", "Options", "settle"]

_HEX = re.compile(r"(?:16#|0x)?((?:[0-9A-F]{2}[. ]?)*[0-9A-F]{2})\Z", re.IGNORECASE)
_ANYBODY = IPv4Address(0)


@attrs.frozen(kw_only=True)
class Options:
    """The options of `ouc send`, `receive` and `serve` that speak about the connection.

    Attributes:
        role: What the command does with its HOST:PORT where no `--connect` says so.
        target: HOST:PORT as typed; of the partner for an active end, the own one for a passive end.
        connect: `FILE` or `FILE#variable`.
    """

    role: Literal["active", "passive"]
    target: str | None = None
    connect: str | None = None
    project: Path | None = None
    device: str | None = None
    own: int | None = None
    trust: str | None = None
    ca: list[Path] | None = None
    cert: Path | None = None
    key: Path | None = None
    password_file: Path | None = None
    tls: Version | None = None
    plain: bool = False
    iso: bool = False
    udp: bool = False
    local_tsap: str | None = None
    remote_tsap: str | None = None
    local_port: int | None = None
    partner: str | None = None
    require: bool = False
    retry_first: float | None = None
    retry_max: float | None = None
    check_address: bool | None = None
    code_page: str = "cp1252"

    @property
    def active(self) -> bool:
        """The role without `--connect`."""
        return self.role == "active"

    def given(self, *names: str) -> list[str]:
        """Which of these were typed, as they are typed."""
        spelled = {"require": "--require-client-certificate"}
        return [
            spelled.get(name, f"--{name.replace('_', '-')}")
            for name in names
            if getattr(self, name) not in (None, False)
            or (name == "check_address" and self.check_address is not None)
        ]


@attrs.frozen(kw_only=True)
class End:
    """What a command needs to run one end.

    Attributes:
        description: The structure; its LocalPort is 0 where a free port is to be taken.
        opener: What opens its connections.
        partner: HOST and port of a UDP partner, None where none is named.
        shown: The own address, as typed or as it follows from the rest; told, not bound.
        profile: The library's, with the pauses that the options name.
    """

    description: Description
    opener: Opener
    shown: str
    partner: tuple[str, int] | None = None
    profile: Profile = PROFILE

    @property
    def endpoint(self) -> Endpoint:
        """The description in the words that all structures share."""
        return view(self.description)

    @property
    def protocol(self) -> str:
        """`TCP`, `ISO-on-TCP` or `UDP`."""
        return self.endpoint.protocol or ""

    @property
    def udp(self) -> bool:
        """It speaks UDP."""
        return self.endpoint.protocol == "UDP"

    @property
    def messages(self) -> bool:
        """The protocol has message boundaries."""
        return self.endpoint.protocol != "TCP"

    @property
    def active(self) -> bool:
        """It opens the connection."""
        return self.endpoint.active

    @asynccontextmanager
    async def running(
        self, on_event: Callable[[Happening], None], listening: Callable[[str], None], until: trio.CancelScope
    ) -> AsyncIterator[tuple[Station, Description]]:
        """A station for the body, and the description with a port that is open already where this end waits for partners.

        Args:
            on_event: Called with every `Happening`.
            listening: Called with HOST:PORT when a partner may come; a UDP port is open only under `Station.datagrams`.
            until: Cancelled, it ends the body. The station outlives the body, so that partners are told of the end.

        Raises:
            OUCError: The description or its certificates cannot be used, or the port cannot be opened.
        """
        end, description = self.endpoint, self.description
        with ExitStack() as stack:
            opener = _Doorkeeper.like(self.opener) if not self.active and not self.udp else self.opener
            if self.udp and end.local_port == 0:
                description = _with_local_port(description, _free_datagram_port())
            # Before the port: whoever types a wrong reference need not wonder about the port.
            station = Station(
                self.opener.device, address=self.opener.address, addresses=self.opener.addresses, on_event=on_event,
                policy=self.opener.policy, profile=self.profile,
            )  # fmt: skip
            station.opener = opener
            port = view(description).local_port
            if isinstance(opener, _Doorkeeper):
                station.check(_with_local_port(description, port or 2000))
                door = stack.enter_context(_open(opener, opener.iso_port if end.protocol == "ISO-on-TCP" else port))
                opener.door, port = door, door.port
                opener.iso_port = port if end.protocol == "ISO-on-TCP" else opener.iso_port
                description = _with_local_port(description, port)
            else:
                station.check(description)
            async with station:
                if isinstance(opener, _Doorkeeper):
                    listening(f"{self.shown}:{port}")
                with until:
                    yield station, description


@attrs.define(eq=False, kw_only=True)
class _Doorkeeper(Opener):
    """Opens the port once more only if the one that was opened to learn its number is in use no longer."""

    door: Listener | None = None

    @classmethod
    def like(cls, other: Opener) -> _Doorkeeper:
        known = [field.name for field in attrs.fields(Opener) if field.init and not field.name.startswith("_")]
        return cls(**{name: getattr(other, name) for name in known})

    def listen(self, end: Endpoint) -> Listener:
        """The open port, or the same one again."""
        door, self.door = self.door, None
        return door if door is not None else _open(self, self.iso_port if end.protocol == "ISO-on-TCP" else end.local_port)


def _open(opener: Opener, port: int) -> Listener:
    try:
        while True:
            found = listen(opener.local(), port, limits=opener.limits)
            if port or found.port not in PROFILE.reserved_ports:
                return found
            found.close()
    except OSError as error:
        raise explain(error, seen=listening(port, opener.local())) from error


def _free_datagram_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        return int(sock.getsockname()[1])


# -- from options to a structure ---------------------------------------------------------------------------------------


def settle(options: Options) -> End:
    """Make sense of the options.

    Raises:
        UsageError: Options that exclude each other or lack another.
        ParameterError: A file that cannot be used.
    """
    profile = _paused(options)
    return attrs.evolve(_settled(options), profile=profile)


def _settled(options: Options) -> End:
    _exclude(options, "iso", "udp")
    _exclude(options, "plain", "tls")
    for name in ("iso", "udp"):
        if options.given(name):
            _exclude(options, name, "plain", "own", "trust", "ca", "cert", "key", "require", "tls", "check_address")
    if options.given("local_tsap", "remote_tsap") and not options.iso:
        raise UsageError(
            f"{options.given('local_tsap', 'remote_tsap')[0]} belongs to ISO-on-TCP", remedy="Give --iso as well"
        )
    if options.connect is not None:
        return _described(options, options.connect)
    if options.target is None:
        what, example = ("no partner is named", "192.168.0.1:2000") if options.active else ("no own port", "2000")
        raise UsageError(what, where="HOST:PORT", remedy=f"Write {example}, or --connect FILE#variable")
    target = place(options.target, own=not options.active)
    own = None if options.active else _own_address(target)
    if options.iso or options.udp:
        return _unsecured(options, target, own)
    if options.require and (options.trust == ANY or options.plain):
        raise UsageError("--require-client-certificate verifies a partner", remedy=f"Leave out --plain and --trust {ANY}")
    found = _certificates(options)
    if not (options.active or options.require):
        _tell_unused(options, "--require-client-certificate")
    opens = opener(found, options.tls, plain=options.plain, trust=options.trust, active=options.active)
    if options.require and not found.trusts:
        raise UsageError("nothing to verify partners with", status=0x80E4, remedy="Give --ca FILE")
    _warn(options.trust, "--plain" if options.plain else None)
    bits = int(options.active and not options.plain and options.check_address is not False)
    server, client = (found.trust or 0, found.own) if options.active else (found.own, found.trust or 0)
    description = _tcp(
        options, target, ActivateSecureConn=not options.plain, TLSServerReqClientCert=options.require,
        ExtTLSCapabilities=bits, TLSServerCertRef=server, TLSClientCertRef=client,
    )  # fmt: skip
    return _end(description, opens, target, own)


def _end(description: Description, opens: Opener, target: Target | None, own: IPv4Address | None, **more: Any) -> End:
    """Passive ends listen where HOST:PORT says; in a lab, at the device's place."""
    wanted = view(description)
    if wanted.secure and not wanted.active and not wanted.request_client_certificate:
        note("nobody is verified: whoever connects is admitted. --require-client-certificate and --ca ask for a certificate")
    if own is not None and own != _ANYBODY:
        opens = attrs.evolve(opens, address=own, bind=own)
    if own is not None and target is not None:
        return End(description=description, opener=opens, shown=target.host, **more)
    in_lab = opens.address if opens.addresses.plant is not None else None
    return End(description=description, opener=opens, shown=str(in_lab or _ANYBODY), **more)


def _tcp(options: Options, target: Target, **security: Any) -> Description:
    if not options.active:
        passive = TCON_IP_v4(
            ActiveEstablished=False, RemoteAddress=_partner(options) or _ANYBODY, RemotePort=0, LocalPort=target.port
        )
        return TCON_IP_V4_SEC(ConnPara=passive, **security)
    local_port = options.local_port or 0
    if target.address is None:
        by_name = TCON_QDN(remote_qdn=_qualified(target.host), remote_port=target.port, local_port=local_port)
        return TCON_QDN_SEC(ConnPara=by_name, **security)
    by_address = TCON_IP_v4(RemoteAddress=target.address, RemotePort=target.port, LocalPort=local_port)
    return TCON_IP_V4_SEC(ConnPara=by_address, **security)


def _unsecured(options: Options, target: Target, own: IPv4Address | None) -> End:
    """--iso and --udp: neither has TLS, and saying so is asking for it."""
    found = Certificates()
    if options.project is not None or options.device is not None:
        raise UsageError(
            f"{'--iso' if options.iso else '--udp'} and certificates exclude each other",
            remedy="Leave out --project and --device",
        )
    opens = opener(found, None, plain=True, trust=None, active=options.active)
    _warn(None, "--iso" if options.iso else "--udp")
    if options.udp:
        local = target.port if not options.active else options.local_port or 0
        partner = _partner(options)
        datagrams = TCON_IP_v4(
            ConnectionType=19, ActiveEstablished=False, RemoteAddress=partner or _ANYBODY, RemotePort=0, LocalPort=local
        )
        return _end(datagrams, opens, target, own, partner=(target.host, target.port) if options.active else None)
    if options.local_port is not None:
        raise UsageError("--local-port and --iso exclude each other", remedy="ISO-on-TCP has selectors instead")
    remote = target.address if options.active else _partner(options)
    if remote is None:
        raise UsageError(
            "ISO-on-TCP knows its partner by an IPv4 address", status=0x80B7,
            where="HOST:PORT" if options.active else "--partner",
            remedy="Write 192.168.0.1:102" if options.active else "Give --partner 192.168.0.2",
        )  # fmt: skip
    description = TCON_IP_RFC(
        active_established=options.active, remote_address=remote,
        local_tselector=_selector(options.local_tsap, "--local-tsap"),
        remote_tselector=_selector(options.remote_tsap, "--remote-tsap"),
    )  # fmt: skip
    return _end(description, attrs.evolve(opens, iso_port=target.port), target, own)


def _described(options: Options, source: str) -> End:
    """--connect: everything comes from the source."""
    _exclude(
        options, "connect", "own", "plain", "iso", "udp", "local_tsap", "remote_tsap", "local_port", "partner", "require",
        "check_address",
    )  # fmt: skip
    if options.trust is not None and options.trust != ANY:
        raise UsageError(
            "--connect and --trust exclude each other", remedy="The references stand in the description"
        )
    found = descriptions(source, code_page=options.code_page)
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise UsageError(
            f"holds {len(found)} connection descriptions", where=source, remedy=f"Write FILE#NAME with one of {names}"
        )
    description = found[0].value
    end = view(description)
    if end.protocol is None:
        raise ParameterError(
            f"{end.structure} needs hardware that a computer does not have", status=0x809A, where=source,
            remedy="Describe the connection with TCON_IP_v4, TCON_QDN, their secure forms or TCON_IP_RFC",
        )  # fmt: skip
    active = end.active
    if options.given("retry_first", "retry_max") and not active:
        raise UsageError("--retry-first and --retry-max are of an end that dials", where=source, remedy="Leave them out")
    held = _certificates(options)
    if end.secure and not (active or end.request_client_certificate):
        _tell_unused(options, f"TLSServerReqClientCert TRUE in {source}")
    if end.secure and not held.from_project and options.trust != ANY:
        # Loose files have no IDs of a plant.
        server, client = (held.trust or 0, held.own) if active else (held.own, held.trust or 0)
        description = _changed(description, TLSServerCertRef=server, TLSClientCertRef=client)
    elif end.secure:
        held = attrs.evolve(held, own=end.own_reference)
    opens = opener(held, options.tls, plain=not end.secure, trust=options.trust, active=active, described=True)
    _warn(options.trust, None if end.secure else source)
    if options.target is None:
        opens = attrs.evolve(opens, iso_port=ISO_PORT)
        known = end.remote_port and (end.remote_name or end.remote_address not in (None, _ANYBODY))
        partner = (str(end.remote_name or end.remote_address), end.remote_port) if known else None
        return _end(description, opens, None, None, partner=partner)
    target = place(options.target, own=not active and options.role == "passive")
    if end.protocol == "ISO-on-TCP":
        opens = attrs.evolve(opens, iso_port=target.port)
    if active or (end.protocol == "UDP" and options.active):
        if end.protocol == "UDP":
            return _end(description, opens, None, None, partner=(target.host, target.port))
        return _end(_towards(description, target, source), opens, None, None)
    return _end(_with_local_port(description, target.port), opens, target, _own_address(target))


def _certificates(options: Options) -> Certificates:
    return certificates(
        project=options.project, device=options.device, own=options.own, trust=reference_of(options.trust),
        ca=options.ca, cert=options.cert, key=options.key, password_file=options.password_file,
    )  # fmt: skip


def _towards(description: Description, target: Target, source: str) -> Description:
    """The same description with another partner."""
    inner = getattr(description, "ConnPara", description)
    if isinstance(inner, TCON_QDN):
        moved: Any = attrs.evolve(inner, remote_qdn=_qualified(target.host), remote_port=target.port)
    elif target.address is None:
        raise UsageError(
            f"{target.host!r} is no IPv4 address, and {source} knows its partner by one", where="HOST:PORT",
            remedy="Write 192.168.0.1:2000",
        )  # fmt: skip
    elif isinstance(inner, TCON_IP_RFC):
        moved = attrs.evolve(inner, remote_address=target.address)
    elif isinstance(inner, TCON_IP_v4):
        moved = attrs.evolve(inner, RemoteAddress=target.address, RemotePort=target.port)
    else:
        raise UsageError(
            f"HOST:PORT cannot replace the partner in {type(inner).__name__}", where=source, remedy="Leave HOST:PORT out"
        )
    return moved if inner is description else _changed(description, ConnPara=moved)


def _with_local_port(description: Description, port: int) -> Description:
    """The same description at another local port; ISO-on-TCP has none."""
    inner = getattr(description, "ConnPara", description)
    if isinstance(inner, TCON_IP_v4):
        moved: Any = attrs.evolve(inner, LocalPort=port)
    elif isinstance(inner, TCON_QDN):
        moved = attrs.evolve(inner, local_port=port)
    elif isinstance(inner, TCON_IP_RFC) or view(description).local_port == port:
        return description
    else:
        raise UsageError(
            f"HOST:PORT cannot replace the port in {type(inner).__name__}", where="HOST:PORT", remedy="Leave it out"
        )
    return moved if inner is description else _changed(description, ConnPara=moved)


def _changed(description: Any, **members: Any) -> Description:
    # Only secure structures have these members; which one it is does not matter.
    return attrs.evolve(description, **members)  # type: ignore[no-any-return]


def _qualified(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _own_address(target: Target) -> IPv4Address:
    if target.address is None:
        raise UsageError(f"{target.host!r} is no own IPv4 address", remedy="Write 0.0.0.0:2000 for all of them")
    return target.address


def _partner(options: Options) -> IPv4Address | None:
    if options.partner is None:
        return None
    try:
        return IPv4Address(options.partner)
    except AddressValueError:
        raise UsageError(
            f"{options.partner!r} is no IPv4 address", where="--partner", remedy="Write 192.168.0.2"
        ) from None


def _selector(typed: str | None, where: str) -> Any:
    """Hex where it can be hex, text otherwise; text in quotes is always text."""
    if typed is None:
        return b""
    if typed[:1] in "'\"" and len(typed) > 1 and typed[-1] == typed[0]:
        data = typed[1:-1].encode("ascii", "replace")
    elif found := _HEX.match(typed):
        data = bytes.fromhex(found[1].replace(".", " "))
    else:
        data = typed.encode("ascii", "replace")
    if len(data) > 32 or not data:
        raise UsageError(
            f"a selector of {len(data)} bytes", status=0x80B7, where=where, remedy="Give 1 to 32 bytes: E0.01, or a text"
        )
    return data


def _paused(options: Options) -> Profile:
    try:
        return paused(options.retry_first, options.retry_max)
    except ParameterError as error:
        raise UsageError(error.failure.what, where="--retry-first", remedy="Give --retry-max a larger number") from None


def _exclude(options: Options, one: str, *others: str) -> None:
    """Refuse options that cannot be meant together."""
    if options.given(one) and (clash := options.given(*others)):
        raise UsageError(
            f"{options.given(one)[0]} and {clash[0]} exclude each other", remedy="Leave one of them out"
        )


def _tell_unused(options: Options, missing: str) -> None:
    """Whoever names a CA at a waiting end may take it for a lock."""
    if typed := options.given("ca", *(["trust"] if options.trust != ANY else [])):
        note(f"{'/'.join(typed)} is not used: without {missing} any client is let in")


def _warn(trust: str | None, plain: str | None) -> None:
    """At each start, on standard error."""
    if trust == ANY:
        note(f"--trust {ANY}: whoever answers is believed. For commissioning only, never in a plant")
    if plain is not None:
        note(f"{plain}: nothing is encrypted and nobody is verified")
