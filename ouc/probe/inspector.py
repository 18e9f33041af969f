"""A TLS machine that wants to know rather than to decide: it accepts any certificate and tells everything it was shown.

Nothing is sent over a connection that an inspector opened, so nothing is at risk; the judging is done afterwards, by
`ouc.certs.verify` on the certificates that came. That way one handshake tells all: what the partner shows, what it asks
for, and what it thinks of us.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from OpenSSL import SSL

from ..certs import OwnCertificate
from ..errors import OUCError
from ..tls import ClientHello, Credentials, Policy, TLSContext, TLSEngine, read_client_hello_untrusted
from ..tls._openssl import sent, shown
from .observation import Role, Shown

__all__ = ["Inspector"]

# Certificates and names of CAs taken over from a partner; more are of no use to anybody.
_MOST = 16


class Inspector(TLSEngine):
    """One handshake to look at, over memory buffers like every `TLSEngine`.

    Args:
        policy: What to offer.
        role: What we are.
        own: Certificate to show; a server needs one.
        ask: As server: ask for a client certificate. Whatever comes, or nothing, is accepted and told.
        protocols: ALPN names to offer, none by default: controllers have no use for them.
        now: Fixed time of the connection, aware.
    """

    def __init__(
        self,
        policy: Policy,
        role: Role,
        *,
        own: OwnCertificate | None = None,
        ask: bool = False,
        protocols: tuple[bytes, ...] = (),
        now: datetime,
    ) -> None:
        server_side = role == "server"
        context = TLSContext.build(policy, Credentials(own=own), server_side=server_side)
        if ask and server_side:
            # This context is nobody else's.
            context.ssl.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        if protocols:
            context.ssl.set_alpn_protos(list(protocols))
        super().__init__(context, clock=lambda: now)
        self._asks = ask and server_side
        self._first = b""
        self._first_flight = b""
        self._hello_seen: ClientHello | None = None

    def feed(self, records: bytes) -> None:
        """As `TLSEngine.feed`; the beginning is kept, and a client's hello read as soon as it is whole."""
        self._first += records[: 64 - len(self._first)]
        super().feed(records)
        if self._session.server_side and self._hello_seen is None and not self.established:
            self._hello_seen = self._read(bytes(self._witness.heard))

    def take(self) -> bytes:
        """As `TLSEngine.take`; the first flight is kept for the reader of hellos."""
        records = super().take()
        self._first_flight = self._first_flight or records
        return records

    @property
    def first(self) -> bytes:
        """The first bytes from the partner, at most 64."""
        return self._first

    @property
    def hello(self) -> ClientHello | None:
        """The ClientHello that crossed the wire, None if there was none or it is unreadable."""
        return self._hello_seen if self._session.server_side else self._read(self._first_flight)

    def _read(self, records: bytes) -> ClientHello | None:
        try:
            return read_client_hello_untrusted(records)
        except OUCError:
            return None

    @property
    def alert(self) -> int | None:
        """Number of the alert that the partner sent, close_notify excepted."""
        return self._session.observed.alert_received

    @property
    def shown(self) -> Shown:
        """Everything the partner has shown so far; also before the handshake is complete, and after it failed."""
        version = suite = group = protocol = ""
        if self.established:
            facts = self.facts
            version, suite, group = facts.version, facts.suite, facts.group
            protocol = self._ssl.get_alpn_proto_negotiated().decode("latin-1")
        names = () if self._session.server_side else self._ssl.get_client_ca_list()[:_MOST]
        return Shown(
            version=version,
            suite=suite,
            group=group,
            chain=self._chain(),
            asked=self._asks or self._session.asked_for_certificate,
            issuers=tuple(str(name.commonName or name.organizationName or "(no name)") for name in names),
            complete=self.established,
            confirmed=self.confirmed,
            protocol=protocol,
        )

    def _chain(self) -> tuple[x509.Certificate, ...]:
        # OpenSSL leaves the leaf out of the chain on a server and has it in on a client.
        leaf = shown(self._ssl)
        if leaf is None:
            return ()
        return (leaf, *(one for one in sent(self._ssl)[:_MOST] if one != leaf))
