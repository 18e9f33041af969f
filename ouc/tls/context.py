"""From a policy and credentials to OpenSSL's context, built once and never changed.

A context is shared by every connection with the same settings; what belongs to one connection (clock, expected address,
what was observed) is set on the connection. Another content of the device's certificates means new contexts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal

import attrs
from cryptography import x509
from OpenSSL import SSL, crypto

from .. import certs
from ..certs.extensions import UNREADABLE
from ..errors import CertificateError, Failure, LocalProtocolError
from ..status import Status
from ..visible import logger
from . import _openssl
from .credentials import Credentials
from .policy import Policy
from .resumption import LIFETIME, ClientSessions, ServerSessions, Shelf
from .verdict import Observed, reason

__all__ = ["Contexts", "TLSContext"]

_log = logger("ouc.tls")

_VERSIONS: Final = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}

KeyLog = Callable[[bytes], None]


@attrs.define
class Session:
    """What OpenSSL's callbacks know about one connection; hangs on the connection itself."""

    observed: Observed
    clock: Callable[[], datetime]
    server_side: bool
    asked_for_certificate: bool = False
    idle_messages: int = 0
    ticket_seen: bool = False
    version_agreed: bool = False
    chain: dict[int, x509.Certificate] = attrs.field(factory=dict)
    # Resumption on a server: where its sessions are kept, their names, and the name of the session that was resumed.
    shelf: Shelf | None = None
    given_out: list[bytes] = attrs.field(factory=list)
    resumed: bytes = b""


@attrs.frozen(eq=False)
class TLSContext:
    """An OpenSSL context together with what it was made from, and the sessions that may be resumed, if any may."""

    policy: Policy
    credentials: Credentials
    server_side: bool
    ssl: SSL.Context = attrs.field(repr=False)
    sessions: ClientSessions | ServerSessions | None = attrs.field(default=None, repr=False)

    @classmethod
    def build(
        cls, policy: Policy, credentials: Credentials, *, server_side: bool, key_log: KeyLog | None = None
    ) -> TLSContext:
        """Build a context from memory; no certificate or key touches a file.

        Args:
            policy: Versions, groups, suites and habits.
            credentials: Own certificate and trust, already resolved.
            server_side: True for the passive side.
            key_log: Called with each line of an NSS key log. Whoever holds the log can read the traffic: only for
                captures that were asked for by name.
        """

        def make(cache: int = SSL.SESS_CACHE_OFF) -> SSL.Context:
            return _make(policy, credentials, server_side=server_side, key_log=key_log, cache=cache)

        sessions: ClientSessions | ServerSessions | None = None
        if policy.resumption:
            _openssl.require_resumption(server_side=server_side)
            sessions = ServerSessions(partial(make, SSL.SESS_CACHE_SERVER)) if server_side else ClientSessions()
        return cls(policy, credentials, server_side, make(), sessions)


def _make(
    policy: Policy, credentials: Credentials, *, server_side: bool, key_log: KeyLog | None, cache: int
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(min(_VERSIONS[version] for version in policy.versions))
    context.set_max_proto_version(max(_VERSIONS[version] for version in policy.versions))
    try:
        context.set_cipher_list(f"{':'.join(policy.suites_12)}:@SECLEVEL={policy.security_level}".encode())
        context.set_tls13_ciphersuites(":".join(policy.suites_13).encode())
    except SSL.Error as error:
        raise LocalProtocolError(
            f"OpenSSL knows none of these cipher suites: {', '.join((*policy.suites_12, *policy.suites_13))}"
        ) from error
    _openssl.set_groups(context, policy.groups)
    _openssl.set_signature_algorithms(context, policy.signatures)
    # OP_NO_TICKET turns off stateless tickets: TLS 1.3 then sends two of 79 bytes, as the recorded CPU did, and
    # nothing about a partner leaves this process. Without a session cache a server resumes nothing; a client resumes
    # what it is handed, cache or not.
    context.set_options(
        SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_session_cache_mode(cache)
    context.set_timeout(LIFETIME)
    context.set_session_id(b"ouc")
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    if not policy.send_chain:
        context.set_mode(_openssl.LEAF_ONLY)
    if credentials.own is not None:
        try:
            context.use_certificate(credentials.own.certificate)
            context.use_privatekey(credentials.own.key)
        except SSL.Error as error:
            # The usual reason: RSA 1024 or SHA-1, which only a legacy policy admits.
            raise CertificateError(
                f"the own certificate {credentials.own.id} cannot be used ({reason(error)})",
                status=0x80E2,
                remedy="Renew it with a key of at least 2048 bits (RSA) and SHA-256, or lower `security_level` by name",
            ) from error
        for above in credentials.own.chain if policy.send_chain else ():
            context.add_extra_chain_cert(above)
    _trust(context, credentials.trust, server_side=server_side, depth=policy.max_depth)
    context.set_info_callback(_watch)
    if key_log is not None:
        context.set_keylog_callback(lambda _connection, line: key_log(line))
    return context


def _trust(context: SSL.Context, trust: certs.Trust | None, *, server_side: bool, depth: int) -> None:
    if trust is None:
        context.set_verify(SSL.VERIFY_NONE)
        return
    store = context.get_cert_store()
    assert store is not None  # noqa: S101 - a context made by us always has one
    for certificate in trust.pool:
        store.add_cert(crypto.X509.from_cryptography(certificate))

    # Warnings that stand in the log already: a context lives as long as the device's certificates stay what they are.
    told: set[str] = set()

    def verify(connection: SSL.Connection, certificate: crypto.X509, error: int, at: int, ok: int) -> bool:
        # Called from the root down to the leaf. `ok` is OpenSSL's verdict; the first bad one is the reason.
        session: Session = connection.get_app_data()
        if not ok:
            if not session.observed.verify_result:
                session.observed.verify_result, session.observed.verify_depth = error, at
                with suppress(*UNREADABLE):  # to be named in the message; without it the number has to do
                    session.observed.refused = _openssl.parsed(certificate)
            return False
        try:
            session.chain[at] = _openssl.parsed(certificate)
        except UNREADABLE as problem:
            session.observed.verdict = Failure(
                f"a certificate of the partner cannot be read: {problem}", Status(0x80E2)
            )
        else:
            if at == 0:
                session.observed.verdict = _second_opinion(session, trust, told)
        return session.observed.verdict is None

    mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if server_side else 0)
    context.set_verify(mode, verify)
    context.set_verify_depth(depth)


def _second_opinion(session: Session, trust: certs.Trust, told: set[str]) -> Failure | None:
    """Ask our own verification too.

    It knows what OpenSSL cannot be told: that the chain must pass through the referenced certificate, and the device's
    policy on revocation lists ("if present" has no flag there).
    """
    chain = tuple(session.chain[depth] for depth in sorted(session.chain))
    purpose: Literal["client", "server"] = "client" if session.server_side else "server"
    verdict = certs.verify(chain, purpose=purpose, trust=trust, now=session.clock())
    for warning in verdict.warnings:
        if warning not in told:
            told.add(warning)
            _log.warning("%s. Import its current one: ouc cert crl PROJECT --import FILE", warning)
    return verdict.failure


_STATES_ASKED: Final = frozenset({b"SSLv3/TLS read server certificate request"})
_STATES_TICKET: Final = frozenset({b"SSLv3/TLS read server session ticket"})
_STATES_UPDATE: Final = frozenset({b"TLSv1.3 read server key update", b"TLSv1.3 read client key update"})
_STATES_HELLO: Final = frozenset({b"SSLv3/TLS read client hello"})
# From here on OpenSSL's cache may hold the session: under TLS 1.3 with each ticket, under TLS 1.2 after the handshake.
_STATE_GIVEN_OUT: Final = {
    SSL.TLS1_3_VERSION: b"SSLv3/TLS write session ticket",
    SSL.TLS1_2_VERSION: b"SSLv3/TLS read finished",
}
# From here on a client knows the version; before, OpenSSL names the highest one that was offered.
_STATES_AGREED: Final = frozenset({b"SSLv3/TLS read server hello"})
_WARNING, _FATAL = 1, 2
_CLOSE_NOTIFY, _USER_CANCELED, _NO_RENEGOTIATION = 0, 90, 100


def _watch(connection: SSL.Connection, where: int, value: int) -> None:
    """OpenSSL's info callback: alerts of both directions, and the states that no other call reports."""
    session: Session | None = connection.get_app_data()
    if session is None:
        return
    if where & SSL.SSL_CB_ALERT:
        level, description = value >> 8, value & 0xFF
        if description == _NO_RENEGOTIATION:  # a warning: one more message without data
            session.idle_messages += 1
        if not where & SSL.SSL_CB_READ:
            if level == _FATAL:
                session.observed.alert_sent = description
        elif _ends(connection, session, level, description):
            session.observed.alert_received = description
        elif description not in (_CLOSE_NOTIFY, _USER_CANCELED):
            session.observed.warned = description
    elif where & SSL.SSL_CB_LOOP:
        state = connection.get_state_string()
        if state in _STATES_ASKED:
            session.asked_for_certificate = True
        elif state in _STATES_TICKET:
            session.observed.confirmed = session.ticket_seen = True
            session.idle_messages += 1
        elif state in _STATES_UPDATE:
            session.idle_messages += 1
        elif state in _STATES_AGREED:
            session.version_agreed = True
        elif session.shelf is not None:
            _note_session(connection, session, session.shelf, state)


def _ends(connection: SSL.Connection, session: Session, level: int, description: int) -> bool:
    """Whether OpenSSL ends the connection because of this alert of the partner (ssl/record/rec_layer_s3.c).

    Under TLS 1.3 the level means nothing (RFC 8446 6). Before, a warning ends nothing, so it must not become the reason
    of what fails later: anybody can put one on the wire while there are no keys. The one exception is no_renegotiation.
    """
    agreed = session.server_side or session.version_agreed
    if agreed and connection.get_protocol_version() == SSL.TLS1_3_VERSION:
        return description not in (_CLOSE_NOTIFY, _USER_CANCELED)
    return level == _FATAL or (level, description) == (_WARNING, _NO_RENEGOTIATION)


def _note_session(connection: SSL.Connection, session: Session, shelf: Shelf, state: bytes) -> None:
    """On a server that resumes: which session was found, and which ones partners will name later."""
    if state in _STATES_HELLO and _openssl.was_resumed(connection):
        session.resumed = _openssl.session_name(connection)
    elif state == _STATE_GIVEN_OUT.get(connection.get_protocol_version()):
        name = _openssl.session_name(connection)
        if name and name not in session.given_out:
            shelf.gave_out(name)
            session.given_out.append(name)


def utc_now() -> datetime:
    """The host's clock, aware."""
    return datetime.now(UTC)


class Contexts:
    """The contexts of one snapshot of a device's certificates, each built once; another snapshot needs contexts of its own.

    Args:
        key_log: Passed to every context that is built; see `TLSContext.build`.
    """

    def __init__(self, *, key_log: KeyLog | None = None) -> None:
        self._key_log = key_log
        self._built: dict[tuple[object, ...], TLSContext] = {}

    def get(self, policy: Policy, credentials: Credentials, *, server_side: bool) -> TLSContext:
        """The context for these settings, built at the first call."""
        own, trust = credentials.own, credentials.trust
        key = (policy, server_side, own.id if own else None, trust.reference if trust else None)
        if key not in self._built:
            self._built[key] = TLSContext.build(policy, credentials, server_side=server_side, key_log=self._key_log)
        return self._built[key]
