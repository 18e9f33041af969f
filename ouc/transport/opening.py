"""Opening a connection: dial or welcome a partner, check that it is the one described, agree with it on TLS.

One attempt each; what is tried again, and when, is the station's business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from ipaddress import IPv4Address

import attrs
import trio

from .. import causes
from ..causes import Evidence, Moment, Opening
from ..certs import Device, DeviceStore
from ..errors import CertificateError, OUCError, ParameterError, RemoteProtocolError
from ..params import ISO_PORT, Endpoint
from ..profiles import Profile
from ..tls import DEFAULT, Contexts, Credentials, Policy, TLSContext, TLSEngine, TLSFacts, resolve_credentials, utc_now
from ..visible import logger
from ..wire import IsoConnection
from .addresses import AddressMap
from .failures import Attempt, explain, listening
from .iso import ISOStream
from .listener import BACKLOG, Listener, listen
from .names import NameServer, resolve
from .supervision import Supervision
from .tcp import Direction, Tap, TCPStream, dial
from .tls import TLSStream
from .udp import UDPPort

__all__ = ["Opener", "Wire", "policy_of"]

_log = logger("ouc.transport")

# Seconds that a partner who was refused has to take the reason; ours.
_LAST_WORDS = 1.0
# Seconds that noting a partner's certificate may hold a connection up; ours.
_NOTE = 5.0


@attrs.frozen(kw_only=True, eq=False)
class Wire:
    """An open connection: where its bytes go, and the socket below."""

    stream: trio.abc.Stream
    tcp: TCPStream
    partner: str
    facts: TLSFacts | None = None


@attrs.define(eq=False, kw_only=True)
class Opener:
    """What it takes to open the connections of one station.

    Attributes:
        device: Whose certificates secure connections use, None for plain ones only.
        profile: Time limits.
        policy: TLS settings.
        address: Plant address of the station.
        addresses: Where plant addresses are on this computer.
        bind: Local address to listen on and to dial from where no map says so; None for all of them.
        iso_port: Where ISO-on-TCP is spoken, on both sides.
        servers: DNS servers; None for the platform's resolver, an empty tuple for none.
        clock: Tells the time at which certificates are judged (aware); None for the host's clock.
        tap: Called with connection ID, direction and bytes as they cross the socket.
        key_log: Called with the lines of an NSS key log.
    """

    device: Device | None
    profile: Profile
    policy: Policy
    address: IPv4Address | None
    addresses: AddressMap
    bind: IPv4Address | None = None
    clock: Callable[[], datetime] | None = None
    tap: Callable[[int, Direction, bytes], None] | None = None
    key_log: Callable[[bytes], None] | None = None
    iso_port: int = ISO_PORT
    servers: tuple[NameServer, ...] | None = None
    # Notes of certificates wait for a file: in a thread that nobody else needs. In one, because partners go on in the order
    # in which their notes end, and nobody may overtake.
    _writers: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1), init=False)
    _contexts: tuple[bytes, Contexts] | None = None

    @property
    def limits(self) -> Supervision:
        """When a partner that does not answer counts as lost."""
        profile = self.profile
        return Supervision(profile.keep_alive, profile.keep_alive_interval, profile.keep_alive_probes)

    async def open_active(self, end: Endpoint) -> Wire:
        """Dial the partner and, on a secure connection, agree with it on TLS; one attempt.

        Raises:
            OUCError: What a block would show, with its remedy.
        """
        self.credentials(end)  # a wrong reference is told before a packet leaves
        iso = end.protocol == "ISO-on-TCP"
        attempt = self._attempt(end)
        try:
            limit = self.profile.connect_timeout
            target = end.remote_address or await resolve(end.remote_name or "", servers=self.servers, limit=limit)
            with trio.fail_after(limit):
                tcp = await dial(
                    self.addresses.to_local(target),
                    self.iso_port if iso else end.remote_port,
                    local_address=self.local(),
                    local_port=0 if iso else end.local_port,
                    limits=self.limits,
                )
        except trio.TooSlowError as error:
            raise attempt.failed(error, opening=Opening.NO_ANSWER, limit=self.profile.connect_timeout) from None
        except OUCError as error:
            raise attempt.failed(error, opening=Opening.UNRESOLVED) from error
        except OSError as error:
            raise attempt.failed(error) from error
        expect: IPv4Address | str | None = None
        if end.check_subject_alternative_name:
            expect = end.remote_name or end.remote_address
        if iso:
            return await self._agree(tcp, end, attempt)
        return await self._secure(tcp, end, attempt, expect=expect)

    async def open_passive(self, end: Endpoint, tcp: TCPStream, *, received: bytes = b"") -> Wire:
        """Check an accepted partner against the description, then agree with it on TLS or ISO-on-TCP.

        Args:
            end: The passive end that is meant.
            tcp: Accepted.
            received: On ISO-on-TCP: what was read to learn which end is meant.

        Raises:
            OUCError: What a block would show, with its remedy; the connection is closed then.
        """
        attempt = self._attempt(end, tcp)
        host, port = tcp.partner
        address = self.addresses.to_plant(host)
        wanted = end.remote_address
        iso = end.protocol == "ISO-on-TCP"
        stranger = wanted is not None and int(wanted) != 0 and address is not None and address != wanted
        if stranger or (end.remote_port and not iso and port != end.remote_port):
            tcp.abort()
            said = f"this connection expects {wanted}:{'*' if iso else end.remote_port or '*'}"
            if not stranger:
                said = f"{said}: the address fits, the port does not"
            raise causes.named("other-partner", attempt.seen, said=said)
        if iso:
            return await self._agree(tcp, end, attempt, received=received)
        return await self._secure(tcp, end, attempt)

    def _attempt(self, end: Endpoint, tcp: TCPStream | None = None) -> Attempt:
        """What is known of a connection before anything has happened; an accepted one has its socket already."""
        iso = end.protocol == "ISO-on-TCP"
        host = str(end.remote_address or (end.remote_name or "").removesuffix("."))
        port = self.iso_port if iso else end.remote_port if end.active else end.local_port
        local = self.local()
        seen = Evidence(
            role="client" if end.active else "server",
            moment=Moment.DIALLING if tcp is None else Moment.HANDSHAKE,
            where=f"{host}:{port}" if tcp is None else self.partner_of(tcp),
            port=port,
            local_address="" if local is None else str(local),
            local_port=0 if iso and end.active else end.local_port,
            plain=not end.secure,
            own_address=self._own_address(tcp),
        )
        return Attempt(seen=seen, closer=causes.closer(seen.role, host, port) if port else "")

    def _own_address(self, tcp: TCPStream | None) -> str:
        """Our address as the partner sees it, empty if the connection has gone again."""
        if self.address is not None:
            return str(self.address)
        try:
            return "" if tcp is None else str(self.addresses.to_plant(tcp.local[0]) or "")
        except OSError:
            return ""

    async def _secure(
        self,
        tcp: TCPStream,
        end: Endpoint,
        attempt: Attempt,
        *,
        expect: IPv4Address | str | None = None,
    ) -> Wire:
        where, limit = attempt.seen.where, self.profile.handshake_timeout
        tcp.tap = self._tap(end)
        if not end.secure:
            return Wire(stream=tcp, tcp=tcp, partner=where)
        try:
            engine = TLSEngine(
                self.context(end), expect=expect, clock=self.clock, partner=where if end.active else None
            )
            stream = TLSStream(
                tcp,
                engine,
                late_tickets=self.policy.tickets == "late",
            )
            with trio.fail_after(limit):
                if not end.active and self.policy.known_groups:
                    await self._insist_on_known_groups(stream)
                await stream.do_handshake()
            if end.active:
                await stream.confirm(self.policy.confirmation_grace)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # FIN, not RST: the alert that tells the partner the reason is still on its way.
            await tcp.close_with(b"", limit=_LAST_WORDS, spoke=False)
            raise attempt.with_tls(engine.evidence()).failed(error) from error
        except trio.TooSlowError as error:
            tcp.abort()
            raise attempt.with_tls(engine.evidence()).failed(error, limit=limit) from None
        except BaseException:
            # Cancelled, or a hello that a controller would reset.
            tcp.abort()
            raise
        try:
            facts = stream.facts
            await self._note_partner(where, facts)
        except BaseException:
            tcp.abort()
            raise
        return Wire(stream=stream, tcp=tcp, partner=where, facts=facts)

    async def _note_partner(self, where: str, facts: TLSFacts) -> None:
        """Tell the certificate manager what the partner showed; a roll-out of new certificates is watched that way."""
        if self.device is None or not self.device.takes_notes or facts.partner is None:
            return
        write = partial(self.device.saw, where.rpartition(":")[0], facts.partner, (self.clock or utc_now)())
        with trio.move_on_after(_NOTE):
            try:
                # May write to the project's file: not in this thread, and nothing depends on it.
                await trio.to_thread.run_sync(write, limiter=self._writers, abandon_on_cancel=True)
            except (OUCError, OSError) as error:
                _log.warning("what %s showed could not be noted: %s", where, error)
            return
        _log.warning("what %s showed was not noted within %g s: the project's file is busy", where, _NOTE)

    async def _insist_on_known_groups(self, stream: TLSStream) -> None:
        hello = await stream.read_hello()
        unknown = [name for name in hello.group_names if name not in self.policy.known_groups]
        if unknown:
            raise RemoteProtocolError(
                f"the partner's hello offers key-exchange groups that this firmware does not know: {', '.join(unknown)}",
                status=0x80E1,
                remedy=f"Let the partner offer {', '.join(self.policy.known_groups)} only; real controllers reset such a hello",
            )

    def _tap(self, end: Endpoint) -> Tap | None:
        return None if self.tap is None else partial(self.tap, end.connection_id)

    async def _agree(self, tcp: TCPStream, end: Endpoint, attempt: Attempt, *, received: bytes = b"") -> Wire:
        """Agree on ISO-on-TCP."""
        where = attempt.seen.where
        tcp.tap = self._tap(end)
        machine = IsoConnection(
            active=end.active, local=end.local_selector, remote=end.remote_selector, limit=self.profile.max_len
        )
        if end.active:
            machine.connect()
        stream = ISOStream(tcp, machine)
        try:
            with trio.fail_after(self.profile.handshake_timeout):
                await stream.establish(received)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            await tcp.close_with(b"", limit=_LAST_WORDS, spoke=False)
            raise attrs.evolve(attempt, closer="").iso_failed(error) from error
        except trio.TooSlowError:
            tcp.abort()
            seen = attrs.evolve(attempt.seen, limit=self.profile.handshake_timeout)
            raise causes.named("not-iso", seen) from None
        except BaseException:
            tcp.abort()
            raise
        return Wire(stream=stream, tcp=tcp, partner=where)

    def listen(self, end: Endpoint) -> Listener:
        """Open the local port of a passive end.

        Raises:
            OUCError: The port is in use (80A1), reserved (80A2), or the address is not this computer's (80C4).
        """
        port = self.iso_port if end.protocol == "ISO-on-TCP" else end.local_port
        try:
            # All partners that there can be may come in one instant, after a power failure say.
            waiting = max(BACKLOG, self.profile.connections)
            return listen(self.local(), port, backlog=waiting, limits=self.limits)
        except OSError as error:
            raise explain(error, seen=listening(port, self.local())) from error

    def open_datagrams(self, end: Endpoint, *, ttl: int) -> UDPPort:
        """Open the local UDP port, and join the multicast group that the description names.

        Args:
            end: A UDP end.
            ttl: Routers that a multicast datagram may pass.

        Raises:
            OUCError: As `listen`.
        """
        partner = end.remote_address
        group = self.addresses.to_local(partner) if partner is not None and partner.is_multicast else None
        try:
            return UDPPort(
                self.local(),
                end.local_port,
                group=group,
                broadcast=self.addresses.broadcast_to_hear,
                ttl=ttl,
                tap=self._tap(end),
            )
        except OSError as error:
            raise explain(error, seen=listening(end.local_port, self.local(), kind="UDP")) from error

    async def place_of(self, to: tuple[IPv4Address | str, int]) -> tuple[IPv4Address, int]:
        """Where on this computer's network a partner of a datagram is.

        Raises:
            OUCError: Its name cannot be resolved.
        """
        host, port = to
        address = host if isinstance(host, IPv4Address) else await resolve(
            host, servers=self.servers, limit=self.profile.connect_timeout
        )
        return self.addresses.to_local(address), port

    def local(self) -> IPv4Address | None:
        """The address to bind: the mapped one in a lab, the one asked for, or the system's choice."""
        if self.address is not None and self.addresses.plant is not None:
            return self.addresses.to_local(self.address)
        return self.bind

    def partner_of(self, tcp: TCPStream) -> str:
        """Plant address and port of an accepted partner, empty if it has gone again."""
        try:
            host, port = tcp.partner
        except OSError:
            return ""
        return f"{self.addresses.to_plant(host) or host}:{port}"

    def store(self) -> DeviceStore:
        """The device's certificates as of now.

        Raises:
            CertificateError: The station has no device (16#80E9).
        """
        if self.device is None:
            raise CertificateError(
                "this station has no certificates", status=0x80E9, remedy="Give the station a device of a project"
            )
        store = self.device.download()
        if len(store.held) > self.profile.certificates:
            raise CertificateError(
                f"the device holds {len(store.held)} certificates, and {self.profile.name} takes {self.profile.certificates}",
                remedy="Trust a CA instead of many certificates, or unassign what is not used",
            )
        return store

    def context(self, end: Endpoint) -> TLSContext:
        """The context for the certificates of this very moment.

        One snapshot answers both questions. Certificates resolved earlier, before dialling say, would enter the cache of
        a download that has already renewed them. Contexts, and the sessions that may be resumed in them, belong to the
        content of a snapshot, never to its number: another file can bring the same number.

        Raises:
            CertificateError: A reference does not do what its role needs, or the own certificate cannot be used.
        """
        store = self.store()
        if self._contexts is None or self._contexts[0] != store.digest:
            self._contexts = (store.digest, Contexts(key_log=self.key_log))
        return self._contexts[1].get(self.policy, self._resolve(store, end), server_side=not end.active)

    def credentials(self, end: Endpoint) -> Credentials | None:
        """What the references of a description mean on this device now, None on a plain connection.

        Raises:
            CertificateError: A reference does not do what its role needs.
        """
        return self._resolve(self.store(), end) if end.secure else None

    def _resolve(self, store: DeviceStore, end: Endpoint) -> Credentials:
        profile = self.profile
        return resolve_credentials(
            store,
            active=end.active,
            server_reference=end.tls_server_cert_ref,
            client_reference=end.tls_client_cert_ref,
            request_client_certificate=end.request_client_certificate,
            unknown_trust=profile.unknown_trust_server if end.active else profile.unknown_trust_client,
            stale_crl_passes=profile.stale_crl_passes,
        )


def _suites(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Cipher suites by TLS version, OpenSSL's names: those of TLS 1.3 alone begin with TLS_."""
    named = profile.cipher_suites
    if named is None:
        return {"1.2": DEFAULT.suites_12, "1.3": DEFAULT.suites_13}
    newer = tuple(one for one in named if one.startswith("TLS_"))
    return {"1.2": tuple(one for one in named if one not in newer), "1.3": newer}


def policy_of(profile: Profile) -> Policy:
    """TLS settings of a firmware profile, everything else as the library's default.

    A firmware without TLS keeps the default: its secure descriptions are refused by the rules before TLS is asked. Where the
    profile names cipher suites they are all there are, and a version for which it names none is not offered.

    Raises:
        ParameterError: The suites belong to no version of the profile.
    """
    versions, suites = profile.tls_versions or DEFAULT.versions, _suites(profile)
    offered = tuple(one for one in versions if suites[one])
    if not offered:
        raise ParameterError(
            "no cipher suite of the profile belongs to a TLS version that it offers",
            where="cipher_suites",
            remedy=f"Name suites of TLS {' or '.join(versions)}; those of TLS 1.3 begin with TLS_",
        )
    return attrs.evolve(
        DEFAULT,
        versions=offered,
        suites_12=suites["1.2"] or DEFAULT.suites_12,
        suites_13=suites["1.3"] or DEFAULT.suites_13,
        refused_status=profile.refused_status,
        groups=profile.groups,
        confirmation_grace=profile.confirmation_grace,
        tickets=profile.tickets,
    )
