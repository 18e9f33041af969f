"""Every private name of pyOpenSSL that the project uses, in one place.

pyOpenSSL has no public call for six things that secure OUC cannot do without. Each function below names what it needs,
why, and what follows when the name goes away: a clear refusal while the context is built, never a silently wider offer
or a weaker check. Measured with pyOpenSSL 26.4 and OpenSSL 4.0.3.
"""

from __future__ import annotations

import calendar
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

from OpenSSL import SSL

from ..errors import LocalProtocolError

__all__ = [
    "LEAF_ONLY",
    "expect_address",
    "expect_name",
    "require_resumption",
    "session_name",
    "set_groups",
    "set_signature_algorithms",
    "set_time",
    "was_resumed",
]

# SSL_MODE_NO_AUTO_CHAIN (ssl.h): a server whose store holds its own CA sends the leaf only, as a CPU does.
LEAF_ONLY = 0x8
# X509_CHECK_FLAG_NEVER_CHECK_SUBJECT (x509v3.h): the common name is no address (RFC 6125, 6.4.4).
_NEVER_CHECK_SUBJECT = 0x20

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
