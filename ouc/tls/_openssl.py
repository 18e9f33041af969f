"""Every private name of pyOpenSSL that the project uses, in one place.

pyOpenSSL has no public call for seven things that secure OUC cannot do without. Each function below names what it needs,
why, and what follows when the name goes away: a clear refusal while the context is built, never a silently wider offer
or a weaker check. Measured with pyOpenSSL 26.4 and OpenSSL 4.0.3.
"""

from __future__ import annotations

import calendar
import contextlib
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto

from ..certs.extensions import load_certificate
from ..errors import LocalProtocolError

__all__ = [
    "LEAF_ONLY",
    "expect_address",
    "expect_name",
    "parsed",
    "provoke_alert",
    "require_resumption",
    "sent",
    "session_name",
    "set_groups",
    "set_signature_algorithms",
    "set_time",
    "shown",
    "was_resumed",
]

# SSL_MODE_NO_AUTO_CHAIN (ssl.h): a server whose store holds its own CA sends the leaf only, as a CPU does.
LEAF_ONLY = 0x8
# X509_CHECK_FLAG_NEVER_CHECK_SUBJECT (x509v3.h): the common name is no address (RFC 6125, 6.4.4).
_NEVER_CHECK_SUBJECT = 0x20
# Read as records from any place on: of type 3, which there is not, each 776 bytes long. As many as fill up the longest
# record (RFC 5246 6.2.3) and make one more.
_RECORD = 16_384
_NONSENSE = b"\x03" * (5 + _RECORD + 2048 + 776)
_TOO_LONG = b"\x17\x03\x03\xff\xff"

_lib: Any = getattr(SSL, "_lib", None)
_ffi: Any = getattr(SSL, "_ffi", None)


def _call(name: str, purpose: str) -> Any:
    function = getattr(_lib, name, None)
    if function is None:
        raise LocalProtocolError(
            f"the installed pyOpenSSL cannot {purpose} ({name} is gone)",
            remedy="Install a version of pyopenssl that this version of ouc names in its requirements",
        )
    return function


def set_groups(context: SSL.Context, groups: tuple[str, ...]) -> None:
    """Offer exactly these key-exchange groups, in this order.

    No public call takes more than one NIST curve. Without a choice OpenSSL 3.5 and later offers ML-KEM hybrids, and real
    controllers have been seen to reset such a hello (certificates.md 6.3).
    """
    function = _call("SSL_CTX_set1_curves_list", "choose key-exchange groups")
    if function(context._context, ":".join(groups).encode()) != 1:  # noqa: SLF001
        raise LocalProtocolError(f"OpenSSL does not know all of these key-exchange groups: {', '.join(groups)}")


def set_signature_algorithms(context: SSL.Context, algorithms: tuple[str, ...]) -> None:
    """Offer and accept exactly these signature algorithms, in this order."""
    function = _call("SSL_CTX_set1_sigalgs_list", "choose signature algorithms")
    if function(context._context, ":".join(algorithms).encode()) != 1:  # noqa: SLF001
        raise LocalProtocolError(f"OpenSSL does not know all of these signature algorithms: {', '.join(algorithms)}")


def _param(connection: SSL.Connection, purpose: str) -> Any:
    return _call("SSL_get0_param", purpose)(connection._ssl)  # noqa: SLF001


def set_time(connection: SSL.Connection, now: datetime) -> None:
    """Judge validity periods of this connection at `now` (aware) instead of the host's clock.

    The public `X509Store.set_time` belongs to the store and only its first call counts; a station's clock moves on.
    """
    seconds = calendar.timegm(now.utctimetuple())
    _call("X509_VERIFY_PARAM_set_time", "verify at a given time")(_param(connection, "verify at a given time"), seconds)


def expect_address(connection: SSL.Connection, address: IPv4Address) -> None:
    """Let OpenSSL compare the partner's iPAddress entries; a mismatch is answered with bad_certificate (42)."""
    what = "check an address against the subjectAltName"
    if _call("X509_VERIFY_PARAM_set1_ip", what)(_param(connection, what), address.packed, 4) != 1:
        raise LocalProtocolError(f"OpenSSL did not accept {address} for the check of the subjectAltName")


def expect_name(connection: SSL.Connection, name: str) -> None:
    """Let OpenSSL compare the partner's dNSName entries with `name` (without a final dot), never the common name."""
    what = "check a name against the subjectAltName"
    param = _param(connection, what)
    encoded = name.encode("idna")
    _call("X509_VERIFY_PARAM_set_hostflags", what)(param, _NEVER_CHECK_SUBJECT)
    if _call("X509_VERIFY_PARAM_set1_host", what)(param, encoded, len(encoded)) != 1:
        raise LocalProtocolError(f"OpenSSL did not accept the name {name!r} for the check of the subjectAltName")


def provoke_alert(connection: SSL.Connection, *, established: bool) -> None:
    """Let OpenSSL end a connection by a fatal alert; there is no call for an alert of one's own.

    It is given something to refuse in the place of what the partner has sent, and answers unexpected_message: in clear
    before there are keys, and under them afterwards. Under the keys of TLS 1.2 everything strange is a damaged record,
    except one that is too long: record_overflow. In the middle of a record of the partner's, bad_record_mac is what is left.

    Args:
        connection: In use or in its handshake; of no use afterwards, except for what it has to send.
        established: The handshake is complete.
    """
    _drop_unread(connection)
    under_keys_12 = established and connection.get_protocol_version() < SSL.TLS1_3_VERSION
    connection.bio_write(_TOO_LONG + _NONSENSE if under_keys_12 else _NONSENSE)
    with contextlib.suppress(SSL.Error):
        while not established:
            connection.do_handshake()
        while True:  # what is left of a record that was read in part
            connection.recv(_RECORD)


def _drop_unread(connection: SSL.Connection) -> None:
    """Throw away what was fed and not read yet; the rest of a record that OpenSSL has begun to read stays with it."""
    read = _call("BIO_read", "drop what a partner has sent")
    buffer = _ffi.new("char[]", 65_536)
    while read(connection._into_ssl, buffer, len(buffer)) > 0:  # noqa: SLF001
        pass


_RESUME = "tell a resumed handshake from a full one"


def require_resumption(*, server_side: bool) -> None:
    """Refuse resumption where this pyOpenSSL cannot do it safely.

    Without SSL_session_reused nobody could tell a handshake in which nothing was verified; without i2d_SSL_SESSION a
    server could not tell which session a partner names.
    """
    _call("SSL_session_reused", _RESUME)
    if server_side:
        _call("SSL_get_session", _RESUME)
        _call("i2d_SSL_SESSION", _RESUME)


def was_resumed(connection: SSL.Connection) -> bool:
    """Whether this handshake resumed a session, so that nobody showed a certificate in it."""
    return bool(_call("SSL_session_reused", _RESUME)(connection._ssl))  # noqa: SLF001


def session_name(connection: SSL.Connection) -> bytes:
    """The session ID of a server's current session, empty if it has none.

    pyOpenSSL binds no call that tells it; it is the fourth field of the session's DER form (SSL_SESSION_ASN1 in
    OpenSSL's ssl/ssl_asn1.c: version, ssl_version, cipher, session_id).
    """
    session = _call("SSL_get_session", _RESUME)(connection._ssl)  # noqa: SLF001
    if session == _ffi.NULL:
        return b""
    encode = _call("i2d_SSL_SESSION", _RESUME)
    size = encode(session, _ffi.NULL)
    if size <= 0:  # a session without a cipher, before the hellos are done
        return b""
    image = _ffi.new("unsigned char[]", size)
    encode(session, _ffi.new("unsigned char **", image))
    return _field(bytes(_ffi.buffer(image, size)), 3)


def parsed(certificate: crypto.X509) -> x509.Certificate:
    """A certificate of OpenSSL's, whatever its serial number.

    Raises:
        One of `ouc.certs.extensions.UNREADABLE`: OpenSSL can read it and cryptography cannot.
    """
    return load_certificate(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate))


def shown(connection: SSL.Connection) -> x509.Certificate | None:
    """The certificate that the partner showed, None if it showed none."""
    found = connection.get_peer_certificate()
    return None if found is None else parsed(found)


def sent(connection: SSL.Connection) -> tuple[x509.Certificate, ...]:
    """What the partner sent, as OpenSSL keeps it: on a client with the leaf, on a server without."""
    return tuple(parsed(one) for one in connection.get_peer_cert_chain() or ())


def _field(sequence: bytes, number: int) -> bytes:
    """The content of one field of a DER sequence that OpenSSL made."""

    def header(at: int) -> tuple[int, int]:
        size, at = sequence[at + 1], at + 2
        if size & 0x80:  # long form: that many bytes of length follow
            end = at + (size & 0x7F)
            size, at = int.from_bytes(sequence[at:end]), end
        return at, at + size

    at, _ = header(0)
    for _ in range(number):
        at = header(at)[1]
    start, end = header(at)
    return sequence[start:end]
