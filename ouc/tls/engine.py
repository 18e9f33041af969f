"""The TLS machine: records and plaintext go in, plaintext and records come out, and nothing ever waits.

OpenSSL works on a pair of memory buffers here. Every call answers with a result or with `Need.READ` ("feed me records
first"); the caller owns the transport, the clock and all the waiting. `b""` from `read` means that the partner said
close_notify; a transport that ends without it is a failure, because an attacker can cut a connection but cannot forge
a close_notify.

A second footing, directly on a non-blocking socket, will share this face (handshake, read, write, close).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable
from datetime import datetime
from ipaddress import IPv4Address

import attrs
from cryptography import x509
from OpenSSL import SSL

from ..causes import Evidence
from ..errors import CertificateError, Failure, LocalProtocolError, OUCError, RemoteProtocolError
from ..status import Status
from . import _openssl
from .context import Session, TLSContext, utc_now
from .hello import HelloReader
from .resumption import ClientSessions, Expected, Remembered, ServerSessions, judge_again
from .verdict import Observed
from .witness import Witness

__all__ = ["DataReceived", "Event", "HandshakeCompleted", "Need", "PeerClosed", "TLSEngine", "TLSFacts"]

# The most plaintext that one record holds (RFC 8446 5.1); asking for more gains nothing.
RECORD = 16_384
# A fatal alert in clear, protocol_version (RFC 8446 5.1, 6.2): OpenSSL leaves those without a word who speak no TLS at all,
# and they would take its silence for consent.
_PROTOCOL_VERSION = bytes.fromhex("15 03 01 0002 02 46")
# Records of data that make up for one message without data; see `Policy.max_key_updates`. Ours.
_MAKES_UP = 16
_CONNECT_AGAIN = "Connect again: a full handshake follows by itself. If it comes back, look who is at the other end"


class Need(enum.Enum):
    """The machine cannot go on before the caller has done this."""

    READ = "feed records from the transport"


@attrs.frozen
class HandshakeCompleted:
    """Both sides agree on keys. Under TLS 1.3 a server may still refuse the client's certificate."""


@attrs.frozen
class DataReceived:
    """Plaintext of one record.

    Attributes:
        data: 1 to 16,384 bytes.
    """

    data: bytes


@attrs.frozen
class PeerClosed:
    """The partner said close_notify: nothing was cut off, nothing more will come."""


Event = HandshakeCompleted | DataReceived | PeerClosed


@attrs.frozen(kw_only=True)
class TLSFacts:
    """What was agreed on, for people and for diagnosis; holds no secret.

    Attributes:
        version: `"TLS 1.2"` or `"TLS 1.3"`.
        suite: Cipher suite by OpenSSL's name.
        group: Key-exchange group by OpenSSL's name, empty where OpenSSL does not tell.
        partner: The partner's certificate, None if it sent none.
        chain: The verified chain from the partner's certificate to the root, empty if nothing was verified.
        asked_for_certificate: On a client: whether the server asked for our certificate in this handshake.
        verified: Whether the partner's certificate was verified. A server that asks for none does not know who is there.
        resumed: A session of an earlier connection was resumed: `partner` and `chain` are those of that session, and the
            chain was verified again.
    """

    version: str
    suite: str
    group: str
    partner: x509.Certificate | None = attrs.field(default=None, repr=False)
    chain: tuple[x509.Certificate, ...] = attrs.field(default=(), repr=False)
    asked_for_certificate: bool = False
    resumed: bool = False
    verified: bool = attrs.field(init=False)

    @verified.default
    def _verified(self) -> bool:
        return bool(self.chain)


class TLSEngine:
    """One TLS connection over memory buffers.

    Args:
        context: Settings and credentials, shared with other connections.
        expect: On a client, what the server's subjectAltName must carry: an address (iPAddress entries), a name
            (dNSName entries), or None for no check (ExtTLSCapabilities bit 0 clear).
        clock: Tells the time at which certificates are judged; the host's clock by default.
        partner: On a client that resumes sessions: whom we talk to, such as address and port. A session is offered to
            the partner and expected identity that it was made with only; without a partner none is offered or kept.
    """

    def __init__(
        self,
        context: TLSContext,
        *,
        expect: Expected = None,
        clock: Callable[[], datetime] | None = None,
        partner: Hashable = None,
    ) -> None:
        self._policy = context.policy
        self._context, self._expect, self._clock, self._partner = context, expect, clock, partner
        self._session = Session(Observed(), clock or utc_now, context.server_side)
        self._offered: Remembered | None = None
        self._resumed = False
        # A server that resumes looks at the hello first; what has arrived of it waits here.
        self._hello = HelloReader() if isinstance(context.sessions, ServerSessions) else None
        self._waiting = bytearray()
        self._ssl = self._connection(context.ssl)
        if isinstance(context.sessions, ClientSessions) and partner is not None:
            self._offer(context.sessions)
        self._witness = Witness(context, self._session, expect)
        self._fed = self._records = 0
        # What came beyond the limit of a handshake: data, if the handshake is over without it.
        self._beyond = b""
        self._ended = False
        self._closing = False
        # What OpenSSL would not say.
        self._parting = b""
        self._failure: OUCError | None = None
        self.established = False

    def _connection(self, ssl: SSL.Context) -> SSL.Connection:
        connection = SSL.Connection(ssl)
        connection.set_app_data(self._session)
        if self._clock is not None:
            _openssl.set_time(connection, self._clock())
        if isinstance(self._expect, IPv4Address):
            _openssl.expect_address(connection, self._expect)
        elif self._expect is not None:
            _openssl.expect_name(connection, self._expect.removesuffix("."))
        if self._session.server_side:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
        return connection

    # -- the face that every footing has -------------------------------------------------------------------------

    def handshake(self) -> Need | None:
        """Go on with the handshake.

        Returns:
            None once it is complete, else `Need.READ`. Either way there may be records to take.

        Raises:
            CertificateError: A certificate is the reason, ours or the partner's; `status` says which kind.
            RemoteProtocolError: The partner's bytes are not acceptable or more than the policy allows (16#80E0), or no
                common settings exist.
            ConnectionLost: The transport ended first (16#80C5).
        """
        self._check_usable()
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            if self._beyond:
                limit = self._policy.max_handshake
                raise self.refuse(
                    RemoteProtocolError(
                        f"a handshake of more than {limit} bytes is refused",
                        status=0x80E0,
                        remedy="Look who answers there: no genuine handshake is so long. Otherwise shorten the partner's chain",
                    )
                ) from None
            if self._ended:
                raise self._fail(self._witness.judge(self._ssl, None)) from None
            return Need.READ
        except SSL.ZeroReturnError:
            # An alert that is no failure to OpenSSL: nothing was answered, and nobody refused anything.
            self._witness.farewell = True
            raise self._fail(self._witness.judge(self._ssl, None)) from None
        except SSL.Error as error:
            if self._session.server_side and self._session.observed.alert_sent is None and _is_no_tls(error):
                self._parting = _PROTOCOL_VERSION
            raise self._fail(self._translate(error)) from error
        self._resumed = self._context.sessions is not None and _openssl.was_resumed(self._ssl)
        if self._resumed:
            self._verify_resumed()
        self.established = self._session.observed.established = True
        self._witness.heard.clear()
        if self._beyond:
            self._ssl.bio_write(self._beyond)
            self._beyond = b""
        if not self._verdict_is_open():
            self._session.observed.confirmed = True
        return None

    def _verdict_is_open(self) -> bool:
        # RFC 8446 4.4.2.4: a TLS 1.3 server judges the client's certificate after the client has finished.
        asked = not self._session.server_side and self._session.asked_for_certificate
        return asked and self._speaks_1_3()

    def _speaks_1_3(self) -> bool:
        return self._ssl.get_protocol_version() == SSL.TLS1_3_VERSION

    def read(self, limit: int = RECORD) -> bytes | Need:
        """Take plaintext.

        Args:
            limit: The most bytes wanted, at least 1; one call never gives more than one record (16,384 bytes).

        Returns:
            Data, or `b""` after the partner's close_notify, or `Need.READ`.

        Raises:
            ConnectionLost: The transport ended without close_notify: what was said may have been cut off (16#80C5).
            CertificateError: Under TLS 1.3, the partner refused our certificate after the handshake (16#80E1).
            RemoteProtocolError: A record is damaged (16#80E0), or the partner broke the rules.
        """
        self._check_usable()
        try:
            data = self._ssl.recv(min(limit, RECORD))
        except SSL.WantReadError:
            self._refuse_idle_messages()
            if self._ended:
                raise self._fail(self._witness.judge(self._ssl, None)) from None
            return Need.READ
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            raise self._fail(self._translate(error)) from error
        # Data proves that the partner accepted us: from here on an alert is an end, not a refusal.
        self._session.observed.confirmed = True
        self._refuse_idle_messages()
        if self._session.idle_messages:
            self._records += 1
            if self._records % _MAKES_UP == 0:
                self._session.idle_messages -= 1
        return data

    def _refuse_idle_messages(self) -> None:
        # Each costs us a new key or an answer and the partner next to nothing.
        if self._session.idle_messages > self._policy.max_key_updates:
            raise self.refuse(
                RemoteProtocolError(
                    f"the partner sent {self._session.idle_messages} messages without data "
                    "(key updates, tickets, attempts to renegotiate)",
                    status=0x80E0,
                    remedy="Look who is at the other end: no genuine partner does so. Otherwise raise `max_key_updates`",
                )
            )

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt all of `data`; 16,384 bytes at most go into one record. Empty data is no record at all.

        Raises:
            LocalProtocolError: Before the handshake is complete, or after `close`.
        """
        self._check_usable()
        if self._closing:
            raise LocalProtocolError("sending after close")
        if not self.established:
            raise LocalProtocolError("sending before the handshake is complete", status=0x80EE)
        # An empty SSL_write is reported as a system error without a number; it means nothing anyway.
        if len(data):
            try:
                self._ssl.sendall(data)
            except SSL.Error as error:
                raise self._fail(self._translate(error)) from error

    def close(self) -> None:
        """Say close_notify, once. The partner may still send; `read` goes on until its own close_notify."""
        if self._closing or not self.established or self._failure is not None:
            return
        self._closing = True
        try:
            self._ssl.shutdown()
        except SSL.Error as error:
            raise self._fail(self._translate(error)) from error
        self._keep()

    # -- what belongs to the memory footing ------------------------------------------------------------------------

    def feed(self, records: bytes) -> None:
        """Take what the transport delivered; `b""` means that it has ended."""
        if not records:
            self._ended = True
            return
        if not self.established:
            self._witness.hear(records)
            self._fed += len(records)
            if (beyond := self._fed - self._policy.max_handshake) > 0:
                # Data may follow the handshake in the same piece; `handshake` tells whether it could do without.
                within = max(0, len(records) - beyond)
                self._beyond += records[within:]
                records = records[:within]
                if not records:
                    return
        if self._hello is None:
            self._ssl.bio_write(records)
        else:
            self._admit(self._hello, records)

    def take(self) -> bytes:
        """Records for the transport, all that there are; `b""` if there are none."""
        parts: list[bytes] = []
        if self._parting:
            parts, self._parting = [self._parting], b""
        while True:
            try:
                parts.append(self._ssl.bio_read(65_536))
            except SSL.WantReadError:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def receive_data(self, records: bytes) -> list[Event]:
        """Feed records and collect everything that they reveal, in order.

        No network is touched. Replies that TLS wants to give wait in `take`, so send those before reading again.

        Args:
            records: What the transport delivered; empty means that it has ended.

        Raises:
            OUCError: As `handshake` and `read` do; alerts for the partner wait in `take`.
        """
        self.feed(records)
        events: list[Event] = []
        if not self.established:
            if self.handshake() is Need.READ:
                return events
            events.append(HandshakeCompleted())
        while True:
            data = self.read()
            if isinstance(data, Need):
                return events
            if not data:
                events.append(PeerClosed())
                return events
            events.append(DataReceived(data))

    # -- resumption (ouc.tls.resumption) -----------------------------------------------------------------------------

    def _judge_again(self, remembered: Remembered) -> tuple[Failure | None, tuple[x509.Certificate, ...]]:
        return judge_again(
            self._context.credentials,
            remembered,
            server_side=self._session.server_side,
            expect=self._expect,
            now=self._session.clock(),
        )

    def _offer(self, sessions: ClientSessions) -> None:
        remembered = sessions.take((self._partner, self._expect))
        if remembered is None or remembered.session is None or self._judge_again(remembered)[0] is not None:
            return
        self._ssl.set_session(remembered.session)
        self._offered = remembered

    def _admit(self, reader: HelloReader, records: bytes) -> None:
        """Collect the client's hello, then choose the context that may see it."""
        self._waiting += records
        try:
            hello = reader.feed(records)
            if hello is None:
                return
        except RemoteProtocolError:
            hello = None  # OpenSSL finds its own words for it, and the alert
        self._hello = None
        sessions = self._context.sessions
        assert isinstance(sessions, ServerSessions)  # noqa: S101 - who has a reader has them
        if hello is not None:
            shelf, self._offered = sessions.choose(hello, lambda one: self._judge_again(one)[0] is None)
            if shelf is not None:
                self._session.shelf = shelf
                self._ssl = self._connection(shelf.ssl)
        self._ssl.bio_write(bytes(self._waiting))
        self._waiting.clear()

    def _verify_resumed(self) -> None:
        """After a handshake in which OpenSSL has verified nothing.

        Raises:
            CertificateError: What a full handshake would have said at this moment.
        """
        failure: Failure | None = Failure(
            "the partner resumed a session that is not kept here", Status(0x80E1), "", _CONNECT_AGAIN
        )
        chain: tuple[x509.Certificate, ...] = ()
        if self._offered is not None and self._session.resumed == self._offered.name:
            failure, chain = self._judge_again(self._offered)
        if failure is not None:
            # Our part of the handshake stays here, so the partner never believes that the connection stands.
            self.take()
            raise self._fail(CertificateError.of(failure))
        self._session.chain = dict(enumerate(chain))

    def _keep(self) -> None:
        """After our close_notify: the session may be resumed by the next connection."""
        sessions, chain = self._context.sessions, self._session.chain
        verified = tuple(chain[depth] for depth in sorted(chain))
        if self._session.shelf is not None:
            for name in self._session.given_out:
                self._session.shelf.keep(Remembered(name=name, chain=verified))
        elif isinstance(sessions, ClientSessions) and self._partner is not None:
            session = self._ssl.get_session()
            # Under TLS 1.3 there is nothing to resume before the server's ticket has come.
            if session is not None and (self._session.ticket_seen or not self._speaks_1_3()):
                sessions.keep((self._partner, self._expect), Remembered(session=session, chain=verified))

    # -- facts ---------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> TLSFacts:
        """What was agreed on. Only after the handshake."""
        if not self.established:
            raise LocalProtocolError("no TLS facts before the handshake is complete", status=0x80EE)
        chain = self._session.chain
        return TLSFacts(
            version=self._ssl.get_protocol_version_name().replace("TLSv", "TLS "),
            suite=self._ssl.get_cipher_name() or "",
            group=self._ssl.get_group_name() or "",
            partner=_openssl.shown(self._ssl),
            chain=tuple(chain[depth] for depth in sorted(chain)),
            asked_for_certificate=self._session.asked_for_certificate,
            resumed=self._resumed,
        )

    @property
    def gives_tickets(self) -> bool:
        """Whether the records after the handshake begin with session tickets, which a partner may never read."""
        return self.established and self._session.server_side and self._speaks_1_3()

    @property
    def confirmed(self) -> bool:
        """Whether the partner is known to have accepted us.

        Under TLS 1.3 a client completes its handshake before the server has judged its certificate; the first thing
        the server says afterwards (a ticket, or data) is the proof.
        """
        return self._session.observed.confirmed

    # -- failures --------------------------------------------------------------------------------------------------

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise self._failure

    def refuse(self, error: OUCError) -> OUCError:
        """Give up for a reason that OpenSSL does not know, and tell the partner by an alert, which waits in `take`.

        Returns:
            `error`, which every later call raises.
        """
        _openssl.provoke_alert(self._ssl, established=self.established)
        return self._fail(error)

    def _fail(self, error: OUCError) -> OUCError:
        self._failure = error
        return error

    def _translate(self, error: SSL.Error) -> OUCError:
        return self._witness.judge(self._ssl, None if isinstance(error, SSL.SysCallError) else error)

    def settle(self) -> None:
        """Wait no longer for the partner's verdict on our certificate: what it says from now on is about the connection."""
        self._session.observed.settled = True

    def evidence(self) -> Evidence:
        """What this machine knows about a failure; the transport's owner adds what only it can know."""
        return self._witness.evidence()


def _is_no_tls(error: SSL.Error) -> bool:
    """Whether OpenSSL failed at the first bytes: they are no record of TLS."""
    reasons = {part for entry in (error.args[0] if error.args else ()) for part in entry[2:]}
    return bool(reasons & {"wrong version number", "http request", "https proxy request", "packet length too long"})
