"""The probe's sockets: one connection, looked at and closed. No byte of data is sent unless a survey asks a question.

By default one connection is all a probe makes, because a passive end of a CPU has one partner: while the probe talks to
it, its real partner cannot.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from typing import Any

import attrs
import trio
from cryptography import x509

from ..certs import OwnCertificate, Trust
from ..errors import OUCError, ParameterError
from ..profiles import DEFAULT as PROFILE
from ..tls import DEFAULT, Policy
from ..tls.engine import Need
from ..transport import IDENTITY, AddressMap, Listener, TCPStream, dial, explain, listen
from ..transport.failures import listening as known_port
from ..transport.names import resolve
from .inspector import Inspector
from .observation import End, Observation, Opening

__all__ = ["Means", "ask", "wait"]

# Seconds that leaving may take: a partner that never stops talking has nothing to tell a probe.
_LAST_WORDS = 1.0
# Types of a TLS record, alert and handshake: what may be worth a handshake though it came too early.
_RECORDS = (b"\x15", b"\x16")


def _utc() -> datetime:
    return datetime.now(UTC)


@attrs.frozen(kw_only=True)
class Means:
    """What a probe works with.

    Attributes:
        trust: What the partner is verified with; None to look without judging its issuer.
        own: Certificate to show where one is asked for; needed to wait for an active PLC.
        known: Certificates of the project that the device does not hold, by ID, to name a missing intermediate.
        policy: What TLS offers.
        addresses: Where plant addresses are on this computer.
        check_address: A subjectAltName without the partner's address is a fault, else a remark.
        ask: When waiting: ask the PLC for its certificate.
        own_address: Our plant address, if the socket's is another; where plant addresses are mapped, also what is bound.
        listen_on: When waiting: the plant address to listen on, None for all, or the device's own where addresses are mapped.
        connect_timeout: Seconds for TCP.
        handshake_timeout: Seconds for TLS.
        listen_before: Seconds in which a partner may speak or leave before our hello; tells plain TCP and an occupied
            end from a failed handshake.
        grace: Seconds for the partner's verdict on our certificate after a TLS 1.3 handshake.
        clock: The time at which certificates are judged, aware.
    """

    trust: Trust | None = None
    own: OwnCertificate | None = None
    known: dict[int, x509.Certificate] = attrs.field(factory=dict, repr=False)
    policy: Policy = DEFAULT
    addresses: AddressMap = IDENTITY
    check_address: bool = True
    ask: bool = True
    own_address: IPv4Address | None = None
    listen_on: IPv4Address | None = None
    connect_timeout: float = PROFILE.connect_timeout
    handshake_timeout: float = PROFILE.handshake_timeout
    listen_before: float = 0.25
    grace: float = PROFILE.confirmation_grace
    clock: Callable[[], datetime] = _utc

    @property
    def bound(self) -> IPv4Address | None:
        """The local address to bind: the mapped one in a lab, the system's choice otherwise."""
        if self.own_address is None or self.addresses.plant is None:
            return None
        return self.addresses.to_local(self.own_address)


# -- we dial -------------------------------------------------------------------------------------------------------------


async def ask(
    host: str, port: int, means: Means, *, protocols: tuple[bytes, ...] = (), question: bytes = b"", plain: bool = False
) -> Observation:
    """Make one connection to a passive partner and tell what it showed.

    Args:
        host: Plant address or name.
        port: 1 to 65535.
        means: What to work with.
        protocols: ALPN names to offer; a survey's question.
        question: Bytes to send once the connection stands, to see what comes back; a survey's question.
        plain: Send the question at once, without TLS.
    """
    if not 1 <= port <= 65535:
        raise ParameterError(f"port {port} does not exist", where="port", remedy="Choose 1 to 65535")
    address, name = await _resolve(host, means.connect_timeout)
    seen = Observation(
        role="client", where=f"{host.removesuffix('.')}:{port}",
        port=port, now=means.clock(), address=None if name else address, name=name,
        check_address=means.check_address, trust=means.trust, own=means.own, known=means.known,
        limit=means.connect_timeout,
    )  # fmt: skip
    if address is None:
        return attrs.evolve(seen, opening=Opening.UNRESOLVED)
    try:
        with trio.fail_after(means.connect_timeout):
            tcp = await dial(means.addresses.to_local(address), port, local_address=means.bound)
    except trio.TooSlowError:
        return attrs.evolve(seen, opening=Opening.NO_ANSWER)
    except OSError as error:
        return attrs.evolve(seen, number=error.errno or 0, **_opening(error))
    seen = attrs.evolve(seen, limit=means.handshake_timeout)
    if plain:
        return await _plainly(tcp, seen, question)
    inspector = Inspector(means.policy, "client", own=means.own, protocols=protocols, now=seen.now)
    return await _Look(tcp, inspector, means).at(seen, question)


def _opening(error: OSError) -> dict[str, Any]:
    match error.errno:
        case errno.ECONNREFUSED:
            return {"opening": Opening.REFUSED}
        case errno.ECONNRESET | errno.ECONNABORTED:
            # Accepted and reset before this program had a chance to see the connection.
            return {"spoke": True, "end": End.RESET}
        case errno.ETIMEDOUT:
            return {"opening": Opening.NO_ANSWER}
        case _:
            return {"opening": Opening.UNREACHABLE}


async def _resolve(host: str, limit: float) -> tuple[IPv4Address | None, str | None]:
    try:
        return IPv4Address(host), None
    except AddressValueError:
        pass
    name = host.removesuffix(".")
    try:
        with trio.fail_after(limit):
            return await resolve(name), name
    except (OUCError, OSError, trio.TooSlowError):
        return None, name


async def _plainly(tcp: TCPStream, seen: Observation, question: bytes) -> Observation:
    answer, end = b"", End.OURS
    try:
        with trio.move_on_after(seen.limit) as scope:
            await tcp.send_all(question)
            answer = (await tcp.receive_some(64))[:64]
        end = End.TIMEOUT if scope.cancelled_caught else End.OURS if answer else End.CLOSED
    except trio.BrokenResourceError:
        end = End.RESET
    await tcp.close_with(b"", limit=_LAST_WORDS, spoke=False)
    return attrs.evolve(seen, answer=answer, first=answer, end=end)


# -- we wait -------------------------------------------------------------------------------------------------------------


async def wait(
    port: int, means: Means, *, patience: float, listening: Callable[[int], None] | None = None
) -> Observation:
    """Wait for one active PLC, agree with it on TLS as far as it goes, and tell what it showed.

    Args:
        port: 0 takes any free one.
        means: What to work with; `own` is what the PLC is shown.
        patience: Seconds until waiting is given up.
        listening: Called with the port as soon as a PLC can connect.

    Raises:
        ParameterError: There is no certificate to show.
        OUCError: The port cannot be opened.
    """
    if means.own is None:
        raise ParameterError(
            "waiting for a PLC needs a certificate to show", status=0x80E9, where="own",
            remedy="Give --own ID with --project and --device, or --cert and --key",
        )  # fmt: skip
    bound = means.bound if means.listen_on is None else means.addresses.to_local(means.listen_on)
    try:
        listener = listen(bound, port)
    except OSError as error:
        raise explain(error, seen=known_port(port, bound)) from error
    with listener:
        if listening is not None:
            listening(listener.port)
        return await _welcome(listener, means, patience)


async def _welcome(listener: Listener, means: Means, patience: float) -> Observation:
    seen = Observation(
        role="server", where=f"local port {listener.port}", port=listener.port, now=means.clock(), limit=patience,
        check_address=means.check_address, trust=means.trust, own=means.own, known=means.known,
    )  # fmt: skip
    with trio.move_on_after(patience) as scope:
        tcp = await listener.accept()
    if scope.cancelled_caught:
        return attrs.evolve(seen, opening=Opening.NOBODY)
    where, address, own_address = seen.where, None, means.own_address
    try:
        host, number = tcp.partner
        address = means.addresses.to_plant(host)
        where = f"{address or host}:{number}"
        own_address = own_address or means.addresses.to_plant(tcp.local[0])
    except OSError:
        pass  # it has gone already; the looking will tell
    seen = attrs.evolve(
        seen, where=where, address=address, own_address=own_address, now=means.clock(), limit=means.handshake_timeout
    )
    inspector = Inspector(means.policy, "server", own=means.own, ask=means.ask, now=seen.now)
    return await _Look(tcp, inspector, means).at(seen)


# -- one connection --------------------------------------------------------------------------------------------------------


class _Look:
    """Carries records between one socket and one inspector until there is nothing more to learn."""

    def __init__(self, tcp: TCPStream, inspector: Inspector, means: Means) -> None:
        self._tcp = tcp
        self._inspector = inspector
        self._means = means
        self._end = End.OURS
        self._failure: OUCError | None = None
        self._spoke = False
        self._waited = False

    async def at(self, seen: Observation, question: bytes = b"") -> Observation:
        answer = b""
        try:
            with trio.move_on_after(self._means.handshake_timeout) as scope:
                await self._handshake(client=seen.role == "client")
            if scope.cancelled_caught:
                self._end = End.TIMEOUT
            elif self._inspector.established:
                answer = await self._afterwards(question)
            known = self._inspector.evidence()
            return attrs.evolve(
                seen, end=self._end, spoke=self._spoke, first=self._inspector.first, hello=self._inspector.hello,
                alert=self._inspector.alert, tls=self._inspector.shown, answer=answer, reason=known.reason,
                farewell=known.farewell, settled=self._waited,
                failure=None if self._failure is None else self._failure.failure,
            )  # fmt: skip
        finally:
            await self._leave()

    async def _handshake(self, *, client: bool) -> None:
        if client:
            with trio.move_on_after(self._means.listen_before):
                self._spoke = True
                await self._receive()
            self._spoke = self._spoke and (self._end is not End.OURS or bool(self._inspector.first))
            if self._spoke and self._inspector.first[:1] not in _RECORDS:
                # A TLS server never speaks first: whatever this is, a hello would only disturb it.
                return
        try:
            while self._inspector.handshake() is Need.READ:
                await self._flush()
                if not await self._receive():
                    return
        except OUCError as error:
            self._failure = error
            if self._inspector.evidence().farewell:
                self._end = End.CLOSED
        await self._flush()

    async def _afterwards(self, question: bytes) -> bytes:
        """A server's verdict on our certificate, and the answer to a question."""
        answer = b""
        try:
            with trio.move_on_after(self._means.grace) as scope:
                if question:
                    self._inspector.write(question)
                    await self._flush()
                while not self._settled(answer, question):
                    data = self._inspector.read()
                    if data is Need.READ:
                        # Reading may have been the confirmation: a ticket is no data.
                        if not self._settled(answer, question) and not await self._receive():
                            break
                    elif data:
                        answer = data[:64]
                    else:
                        self._end = End.CLOSED
                        break
            self._waited = scope.cancelled_caught
        except OUCError as error:
            self._failure = error
        return answer

    def _settled(self, answer: bytes, question: bytes) -> bool:
        return self._inspector.confirmed and bool(answer or not question)

    async def _receive(self) -> bool:
        """Take what the partner says; False once it has ended."""
        try:
            data = await self._tcp.receive_some()
        except trio.BrokenResourceError:
            self._end = End.RESET
            return False
        if not data:
            self._end = End.CLOSED
            return False
        self._inspector.feed(data)
        return True

    async def _flush(self) -> None:
        records = self._inspector.take()
        if records:
            try:
                await self._tcp.send_all(records)
            except trio.BrokenResourceError:
                self._end = End.RESET

    async def _leave(self) -> None:
        try:
            self._inspector.close()
            await self._flush()
        except OUCError:
            pass  # the failure is told already
        await self._tcp.close_with(b"", limit=_LAST_WORDS, spoke=False)
