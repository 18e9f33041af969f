"""The one table of causes. The first row that fits a piece of evidence is the reason.

Facts about controllers: certificates.md 4.3, 6.3 and 9, ouc-blocks.md 3.2. Where a row with the same name stands twice, what
is seen differs and what is wrong does not.
"""

from __future__ import annotations

import errno
from typing import Final

from . import remedies as do
from .alerts import ABOUT_OUR_CERTIFICATE
from .evidence import End, Evidence, Moment, Opening
from .table import CERTIFICATE, PARAMETER, PROTOCOL, Row

__all__ = ["GONE", "NAMED", "PARTNER_CERTIFICATE", "RESET", "ROWS", "UNKNOWN"]

# -- what was seen -------------------------------------------------------------------------------------------------------


def _number(*numbers: str) -> frozenset[int]:
    """Error numbers by name; those that this system does not have are left out."""
    return frozenset(getattr(errno, one) for one in numbers if hasattr(errno, one))


RESET: Final = _number("ECONNRESET", "ECONNABORTED", "WSAECONNRESET", "WSAECONNABORTED")
GONE: Final = RESET | _number("EPIPE", "ENOTCONN", "ESHUTDOWN")


_IN_USE: Final = _number("EADDRINUSE", "WSAEADDRINUSE")


def _local(seen: Evidence) -> bool:
    return seen.moment in {Moment.DIALLING, Moment.LISTENING}


def _tpkt(seen: Evidence) -> bool:
    # RFC 1006: version 3, reserved 0, length; then a COTP TPDU.
    return seen.first[:2] == b"\x03\x00" and len(seen.first) >= 4


_WORDS: Final = (b"HTTP/", b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b"PUT ", b"DELETE ", b"CONNECT ", b"PRI ")


def _http(seen: Evidence) -> bool:
    return seen.first.startswith(_WORDS) or seen.first.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))


def _opc_ua(seen: Evidence) -> bool:
    # OPC 10000-6, 7.1.2: three letters and F (final).
    return seen.first[:4] in {b"HELF", b"ACKF", b"ERRF", b"RHEF"}


def _is_tls(seen: Evidence) -> bool:
    # RFC 8446 5.1: record types 20 to 24, then major version 3.
    return len(seen.first) >= 2 and 20 <= seen.first[0] <= 24 and seen.first[1] == 3


def _hello_back(seen: Evidence) -> bool:
    # A ClientHello (RFC 8446 4: type 1) where a server should answer.
    return seen.client and seen.first[:1] == b"\x16" and seen.first[1:2] == b"\x03" and seen.first[5:6] == b"\x01"


def _not_tls(seen: Evidence) -> bool:
    return bool(seen.first) and not _is_tls(seen)


def _old(seen: Evidence) -> bool:
    if not seen.client:
        return seen.old
    # A ServerHello (RFC 5246 7.4.1.3) with its version behind record and handshake header.
    return seen.first[:1] == b"\x16" and seen.first[5:6] == b"\x02" and b"\x03\x00" <= seen.first[9:11] < b"\x03\x03"


def _early_alert(seen: Evidence, *numbers: int) -> bool:
    """The partner refused us: in the handshake, or by its late verdict on our certificate."""
    late = seen.moment is Moment.AFTER_CERTIFICATE
    return seen.told in numbers and (seen.shaking_hands or late)


def _missing(seen: Evidence) -> bool:
    return seen.client and seen.own is None and (seen.told == 116 or (seen.asked and _early_alert(seen, 40, 42)))


def _expired(seen: Evidence) -> bool:
    return seen.own is not None and seen.now is not None and seen.now > seen.own.valid_to


def _too_early(seen: Evidence) -> bool:
    return seen.own is not None and seen.now is not None and seen.now < seen.own.valid_from


def _elsewhere(seen: Evidence) -> bool:
    return (
        not seen.client
        and seen.own is not None
        and bool(seen.own_address)
        and f"IP:{seen.own_address}" not in seen.own.san
    )


def _said(seen: Evidence, *parts: str) -> bool:
    return any(part in seen.reason for part in parts)


# -- the table -----------------------------------------------------------------------------------------------------------

_TCP: Final = (
    Row(cause="name-unknown", status=0x80D3, what="the name in {where} cannot be resolved", remedy=do.NAME,
        applies=lambda s: s.opening is Opening.UNRESOLVED),
    Row(cause="refused", status=0x80C5, what="nobody listens on {port}: the partner refused the connection",
        remedy=do.PASSIVE_END,
        applies=lambda s: s.opening is Opening.REFUSED or s.number in _number("ECONNREFUSED", "WSAECONNREFUSED")),
    Row(cause="port-in-use", status=0x80A1, what="the local {local_port} is already in use", remedy=do.LOCAL_PORT,
        applies=lambda s: s.number in _IN_USE and (bool(s.local_port) or not (s.client and s.moment is Moment.DIALLING))),
    Row(cause="no-port-free", status=0x80C3, what="this computer has no free local port left for a connection to {where}",
        remedy=do.EPHEMERAL, applies=lambda s: s.number in _IN_USE),
    Row(cause="no-such-address", status=0x80C4, what="this computer does not have the local address {local_address}",
        remedy=do.LOCAL_ADDRESS, applies=lambda s: s.number in _number("EADDRNOTAVAIL", "WSAEADDRNOTAVAIL")),
    Row(cause="port-not-allowed", status=0x80A2, what="the system does not allow this program the local {local_port}",
        remedy=do.PRIVILEGED, applies=lambda s: s.number in _number("EACCES") and (bool(s.local_port) or not s.client)),
    Row(cause="not-permitted", status=0x80C6, what="this computer does not permit sending to {where}", remedy=do.FIREWALL,
        applies=lambda s: s.number in _number("EACCES", "EPERM")),
    Row(cause="no-descriptors", status=0x80C3, what="this program has no free descriptor left for another connection",
        remedy=do.DESCRIPTORS, applies=lambda s: s.number in _number("EMFILE", "WSAEMFILE")),
    Row(cause="no-descriptors", status=0x80C3, what="this computer has no free descriptor left for another connection",
        remedy=do.SYSTEM, applies=lambda s: s.number in _number("ENFILE")),
    Row(cause="no-memory", status=0x80C3, what="this computer has no buffer left for another connection", remedy=do.SYSTEM,
        applies=lambda s: s.number in _number("ENOBUFS", "ENOMEM", "WSAENOBUFS")),
    Row(cause="network-unreachable", status=0x80C6, what="no route leads to the network of {where}", remedy=do.ROUTE,
        applies=lambda s: s.number in _number("ENETUNREACH", "WSAENETUNREACH")),
    Row(cause="network-down", status=0x80C6, what="the network interface of this computer is down", remedy=do.ROUTE,
        applies=lambda s: s.number in _number("ENETDOWN", "ENETRESET", "ENONET", "ENODEV")),
    Row(cause="unreachable", status=0x80C6, what="{where} cannot be reached", remedy=do.ROUTE,
        applies=lambda s: s.number in _number("EHOSTUNREACH", "EHOSTDOWN", "WSAEHOSTUNREACH")),
    Row(cause="no-answer", status=0x80C6, what="no answer from {where} within {limit} s", remedy=do.ROUTE,
        applies=lambda s: s.opening is Opening.NO_ANSWER),
    Row(cause="no-answer", status=0x80C6, what="no answer from {where}", remedy=do.ROUTE,
        applies=lambda s: _local(s) and s.number in _number("ETIMEDOUT", "WSAETIMEDOUT")),
    Row(cause="no-longer-answers", status=0x80C6, what="the partner no longer answers", remedy=do.ROUTE,
        applies=lambda s: s.number in _number("ETIMEDOUT", "WSAETIMEDOUT")),
    Row(cause="unreachable", status=0x80C6, what="{where} cannot be reached", remedy=do.ROUTE,
        applies=lambda s: s.opening is Opening.UNREACHABLE),
    Row(cause="nobody-connected", status=0x80C6, what="no PLC connected to {port} within {limit} s", remedy=do.ACTIVE_END,
        applies=lambda s: s.opening is Opening.NOBODY),
    Row(cause="network-failed", status=0x80C4, what="the network of this computer failed: {reason} (error {number})",
        remedy=do.NETWORK, applies=lambda s: bool(s.number) and s.number not in GONE),
)  # fmt: skip

_OTHER_PROTOCOLS: Final = (
    Row(cause="tls-expected", status=0x80C5,
        what="the partner speaks TLS on this port, and this side does not: it answered plain bytes with a TLS record",
        remedy=do.SECURE, kind=PROTOCOL, applies=lambda s: s.plain and _is_tls(s)),
    Row(cause="turned-away", status=0x80C5,
        what="the connection was accepted and closed at once: the passive end is occupied, or it expects another partner",
        remedy=do.ONE_PARTNER, applies=lambda s: s.client and s.silent and s.spoke and s.ended and s.port != 102),
    Row(cause="port-102", status=0x80E0, what="the partner speaks ISO-on-TCP (TPKT), as on port 102: no TLS before COTP there",
        remedy=do.ISO, kind=PROTOCOL, applies=lambda s: s.shaking_hands and _tpkt(s)),
    Row(cause="port-102", status=0x80C5, what="port 102 is ISO-on-TCP: the partner {how} when TLS was spoken to it",
        remedy=do.ISO, applies=lambda s: s.client and s.port == 102 and s.silent and s.ended),
    Row(cause="port-102", status=0x80C7, what="port 102 is ISO-on-TCP: the partner did not answer a TLS hello within {limit} s",
        remedy=do.ISO, applies=lambda s: s.client and s.port == 102 and s.silent and s.end is End.TIMEOUT),
    Row(cause="http", status=0x80E0, what="the partner speaks HTTP, not TLS: a web server's plain port, or a browser",
        remedy=do.OTHER_SERVICE, kind=PROTOCOL,
        applies=lambda s: s.shaking_hands and (_http(s) or _said(s, "http request"))),
    Row(cause="opc-ua", status=0x80E0, what="the partner speaks OPC UA, which has a security of its own and no TLS",
        remedy=do.OTHER_SERVICE, kind=PROTOCOL, applies=lambda s: s.shaking_hands and _opc_ua(s)),
    Row(cause="ssh", status=0x80E0, what="the partner speaks SSH, not TLS", remedy=do.OTHER_SERVICE, kind=PROTOCOL,
        applies=lambda s: s.shaking_hands and s.first.startswith(b"SSH-")),
    Row(cause="echo", status=0x80E0,
        what="the partner answers our hello with a hello of its own: an echo service, or an end that dials too",
        remedy=do.ECHO, kind=PROTOCOL, applies=lambda s: s.shaking_hands and _hello_back(s)),
    Row(cause="plain", status=0x80E0, what="the partner speaks plain TCP, not TLS: its first bytes are {first}",
        remedy=do.PLAIN, kind=PROTOCOL, applies=lambda s: s.shaking_hands and not s.plain and _not_tls(s)),
    Row(cause="plain", status=0x80C7,
        what="the connection is there, but the partner said nothing in TLS within {limit} s: it probably expects plain TCP",
        remedy=do.PLAIN, applies=lambda s: s.silent and s.end is End.TIMEOUT),
)  # fmt: skip

_OUR_CERTIFICATE: Final = (
    Row(cause="no-client-certificate", status=0x80E1,
        what="the partner refused us: it demands a client certificate and we showed none (alert {alert})",
        remedy=do.SHOW_OWN, kind=CERTIFICATE, applies=_missing),
    Row(cause="own-expired", status=0x80E1, what="the partner refused {own}: it has expired{own_until} (alert {alert})",
        remedy=do.RENEW, kind=CERTIFICATE, applies=lambda s: _early_alert(s, 42, 45, 46) and _expired(s)),
    Row(cause="own-not-yet-valid", status=0x80E1,
        what="the partner refused {own}: it is not valid{own_from} (alert {alert})",
        remedy=do.CLOCK, kind=CERTIFICATE, applies=lambda s: _early_alert(s, 42, 45, 46) and _too_early(s)),
    Row(cause="own-wrong-address", status=0x80E1,
        what="the partner refused {own}: its subjectAltName does not carry our address {own_address} (it carries {own_san}) "
        "(alert {alert})",
        remedy=do.SAN, kind=CERTIFICATE, applies=lambda s: _early_alert(s, 42, 46) and _elsewhere(s)),
    Row(cause="own-not-valid", status=0x80E1,
        what="the partner refused {own}: not yet valid by its clock, or not for the address that it checks (it carries "
        "{own_san}) (alert {alert})",
        remedy=f"{do.CLOCK}. {do.SAN}", kind=CERTIFICATE, applies=lambda s: _early_alert(s, 42)),
    Row(cause="own-wrong-usage", status=0x80E1,
        what="the partner refused {own}: it is not meant for this role (extended key usage) (alert {alert})",
        remedy=do.TEMPLATE, kind=CERTIFICATE, applies=lambda s: _early_alert(s, 43)),
    Row(cause="own-revoked", status=0x80E1, what="the partner refused {own}: it was revoked (alert {alert})",
        remedy=do.NEW_OWN, kind=CERTIFICATE, applies=lambda s: _early_alert(s, 44)),
    Row(cause="own-expired", status=0x80E1,
        what="the partner refused {own}: it has expired by the partner's clock (alert {alert})",
        remedy=f"{do.RENEW}. {do.CLOCK}", kind=CERTIFICATE, applies=lambda s: _early_alert(s, 45)),
    Row(cause="own-unknown-ca", status=0x80E1,
        what="the partner refused {own}: it does not hold {own_ca}, or lacks an intermediate or the root (alert {alert})",
        remedy=do.PARTNER_IMPORT, kind=CERTIFICATE, applies=lambda s: _early_alert(s, 48)),
    Row(cause="own-refused", status=0x80E1, what="the partner refused {own}: {meaning} (alert {alert})",
        remedy=do.PARTNER_IMPORT, kind=CERTIFICATE, applies=lambda s: _early_alert(s, *ABOUT_OUR_CERTIFICATE)),
)  # fmt: skip

_HANDSHAKE: Final = (
    Row(cause="wrong-version", status=0x80E1, what="no TLS version in common; offered were {versions}{told}",
        remedy=do.VERSIONS, kind=PROTOCOL,
        applies=lambda s: s.shaking_hands
        and (s.told == 70 or _old(s) or _said(s, "unsupported protocol", "version too low", "version too high"))),
    *_OUR_CERTIFICATE,
    Row(cause="handshake-refused", status=0x80E1, what="the partner refused the handshake: {meaning} (alert {alert})",
        remedy=do.CONFIGURE, kind=PROTOCOL, applies=lambda s: s.told is not None and not s.established),
    Row(cause="no-client-certificate", status=0x80E2, what="the partner sent no certificate although this side demands one",
        remedy=do.PARTNER_SHOWS, kind=CERTIFICATE, applies=lambda s: _said(s, "peer did not return a certificate")),
    Row(cause="no-common-settings", status=0x80E1, what="no cipher suite, group or signature algorithm in common: {reason}",
        remedy=do.CONFIGURE, kind=PROTOCOL,
        applies=lambda s: _said(s, "no shared cipher", "no suitable key share", "no suitable groups", "no shared group",
                                "no shared signature algorithms", "dh key too small", "unsafe legacy", "renegotiation",
                                "wrong cipher", "wrong curve", "unsupported elliptic", "bad key share")),
    Row(cause="own-key-type", status=0x80E1,
        what="the key of {own} fits no signature algorithm that the partner accepts", remedy=do.KEY_TYPE,
        kind=PROTOCOL, applies=lambda s: _said(s, "no suitable signature algorithm")),
    Row(cause="weak-certificate", status=0x80E2, what="the partner's certificate uses a key or hash that is too weak",
        remedy=do.RENEW, kind=CERTIFICATE,
        applies=lambda s: _said(s, "ca md too weak", "ee key too small", "ca key too small")),
    Row(cause="false-proof", status=0x80E6, what="the partner's proof that it holds its private key is wrong: {reason}",
        remedy=do.DAMAGED_CERTIFICATE, kind=PROTOCOL, applies=lambda s: _said(s, "bad signature", "digest check failed")),
    Row(cause="damaged", status=0x80E0, what="a record arrived damaged: {reason}", remedy=do.DAMAGED, kind=PROTOCOL,
        applies=lambda s: _said(s, "bad record mac", "decryption failed", "packet length too long", "wrong version number")),
    Row(cause="closed-after-handshake", status=0x80C5,
        what="the partner {how} right after the handshake, without an alert", remedy=do.INTERRUPTED,
        applies=lambda s: s.moment is Moment.AFTER_CERTIFICATE and (s.ended or s.number in GONE)),
    Row(cause="reset-after-hello", status=0x80C5,
        what="the partner reset the connection right after our hello; offered were the groups {groups}", remedy=do.GROUPS,
        applies=lambda s: s.client and s.silent and s.end is End.RESET),
    Row(cause="closed-after-hello", status=0x80C5, what="the partner {how} after our hello without an answer",
        remedy=do.CLOSED_AFTER_HELLO, applies=lambda s: s.client and s.silent and s.ended),
    Row(cause="left-again", status=0x80C5, what="the partner connected and left again without a word", remedy=do.ACTIVE_END,
        applies=lambda s: s.silent and s.ended),
    Row(cause="reset-after-hello", status=0x80C5,
        what="the partner {how} after its hello, without an alert; it offered the groups {groups}", remedy=do.CLIENT_GONE,
        applies=lambda s: not s.client and s.shaking_hands and s.ended),
    Row(cause="broken-off", status=0x80C5, what="the partner {how} in the middle of the handshake, without an alert",
        remedy=do.INTERRUPTED, applies=lambda s: s.shaking_hands and s.ended),
    Row(cause="handshake-stalled", status=0x80C7, what="the handshake began and was not finished within {limit} s",
        remedy=do.STALLED, applies=lambda s: s.shaking_hands and s.end is End.TIMEOUT),
    Row(cause="handshake-failed", status=0x80E0, what="the partner's messages break the rules of TLS: {reason}",
        remedy=do.PARTNER_FAULT, kind=PROTOCOL, applies=lambda s: bool(s.reason)),
)  # fmt: skip

_ESTABLISHED: Final = (
    Row(cause="ended-by-alert", status=0x80C5, what="the partner ended the connection: {meaning} (alert {alert})",
        remedy=do.ENDED, kind=PROTOCOL, applies=lambda s: s.established and s.told is not None),
    Row(cause="damaged", status=0x80E0, what="a record arrived damaged: {reason}", remedy=do.DAMAGED, kind=PROTOCOL,
        applies=lambda s: s.established and _said(s, "bad record mac", "decryption failed", "packet length", "wrong version")),
    Row(cause="broken-rules", status=0x80E0, what="the partner's messages break the rules of TLS: {reason}",
        remedy=do.PARTNER_FAULT, kind=PROTOCOL, applies=lambda s: s.established and bool(s.reason) and not s.number),
    Row(cause="lost-by-reset", status=0x80C5, what="the partner reset the connection", remedy=do.ENDED,
        applies=lambda s: s.established and (s.end is End.RESET or s.number in RESET)),
    Row(cause="cut-off", status=0x80C5, what="the partner ended the connection without a TLS close_notify", remedy=do.CUT,
        applies=lambda s: s.established and not s.plain and s.end is End.CLOSED and not s.farewell),
    Row(cause="closed", status=0x80C5, what="the partner has closed the connection", remedy=do.ENDED,
        applies=lambda s: s.established),
)  # fmt: skip

ROWS: Final = (*_TCP, *_ESTABLISHED, *_OTHER_PROTOCOLS, *_HANDSHAKE)

#: What no row fits: there is always an answer.
UNKNOWN: Final = Row(
    cause="unknown", status=0x80C4, what="the connection failed for a reason that nobody told", remedy=do.INTERRUPTED,
    applies=lambda _: True,
)  # fmt: skip

#: Causes that only a caller can see; they are asked for by name.
NAMED: Final = (
    Row(cause="other-partner", status=0x80C9, what="{said}", remedy=do.OTHER_PARTNER,
        meaning="a passive end is described with another partner's address or port"),
    Row(cause="no-dns-server", status=0x80D2, what="no DNS server is configured to resolve {name}", kind=PARAMETER,
        remedy="Enter a DNS server in the device configuration, or use the partner's IP address"),
    Row(cause="iso-refused", status=0x80C5, what="the partner {how} before ISO-on-TCP was agreed on", remedy=do.SELECTORS),
    Row(cause="plain-refused", status=0x80C5,
        what="the partner {how} as soon as it had plain bytes: it probably expects TLS", remedy=do.SECURE,
        meaning="a partner that speaks TLS closed a plain connection at its first bytes"),
    Row(cause="not-iso", status=0x80C7, what="ISO-on-TCP was not agreed on within {limit} s",
        remedy="Does the partner speak ISO-on-TCP on this port (TCON_IP_RFC, port 102)? Compare the protocols of both sides"),
)  # fmt: skip

#: What verification finds in the partner's certificate; the sentence is the verification's own.
PARTNER_CERTIFICATE: Final = {
    row.cause: row
    for row in (
        Row(cause="expired", status=0x80E5, what="{said}", remedy=do.RENEW, kind=CERTIFICATE,
            meaning="a certificate of the partner's chain has ended"),
        Row(cause="not-yet-valid", status=0x80E2, what="{said}", remedy=do.CLOCK, kind=CERTIFICATE,
            meaning="a certificate of the partner's chain has not begun, or a clock was never set"),
        Row(cause="wrong-address", status=0x80E1, what="{said}", remedy=do.SAN, kind=CERTIFICATE,
            meaning="the address or name is not in the subjectAltName; a note with --no-check-address"),
        Row(cause="unknown-ca", status=0x80E4, what="{said}", remedy=do.TRUST_CA, kind=CERTIFICATE,
            meaning="no CA on this device leads to the partner's certificate"),
        Row(cause="unknown-self-signed", status=0x80E4, what="{said}", remedy=do.TRUST_IT, kind=CERTIFICATE,
            meaning="the partner's certificate signs itself and is not on this device"),
        Row(cause="other-key", status=0x80E4, what="{said}", remedy=do.TRUST_AGAIN, kind=CERTIFICATE,
            meaning="this device holds a certificate of the same name with another key: it was created again"),
        Row(cause="missing-intermediate", status=0x80E4, what="{said}", remedy=do.ASSIGN, kind=CERTIFICATE,
            meaning="the project holds the intermediate, the device does not"),
        Row(cause="other-ca", status=0x80E4, what="{said}", remedy=do.OTHER_REFERENCE, kind=CERTIFICATE,
            meaning="the chain is good, but does not pass through the certificate that the reference names"),
        Row(cause="no-client-certificate", status=0x80E2, what="{said}", remedy=do.PARTNER_SHOWS, kind=CERTIFICATE,
            meaning="the PLC was asked for a certificate and sent none"),
        Row(cause="wrong-usage", status=0x80E2, what="{said}", remedy=do.TEMPLATE, kind=CERTIFICATE,
            meaning="the certificate is not meant for its role (key usage, extended key usage)"),
        Row(cause="revoked", status=0x80E3, what="{said}", remedy=do.NEW_CERTIFICATE, kind=CERTIFICATE,
            meaning="the certificate is on its issuer's revocation list"),
        Row(cause="no-crl", status=0x80E4, what="{said}", remedy=do.CURRENT_CRL, kind=CERTIFICATE,
            meaning="a revocation list is required, and missing or out of date"),
        Row(cause="forged", status=0x80E6, what="{said}", remedy=do.DAMAGED_CERTIFICATE, kind=CERTIFICATE,
            meaning="a signature in the chain is wrong"),
        Row(cause="bad-ca", status=0x80E2, what="{said}", remedy=do.REISSUE, kind=CERTIFICATE,
            meaning="an issuer in the chain may not issue certificates"),
        Row(cause="bad-certificate", status=0x80E2, what="{said}", remedy=do.REPLACE, kind=CERTIFICATE,
            meaning="another rule for certificates is broken: strength, names, size"),
    )
}  # fmt: skip
