"""What TLS said, as a STATUS word, a cause and a remedy.

Three tables: results of certificate verification (OpenSSL's numbers, x509_vfy.h), alerts (RFC 8446 section 6.2), and what
OpenSSL's library says in words where neither number exists. The side that refuses knows why and says it; the side that was
refused knows an alert's name at most, and says that (certificates.md 4.3, ../design/defaults.md).
"""

from __future__ import annotations

from typing import Final

import attrs
from OpenSSL import SSL

from ..errors import CertificateError, Failure, OUCError, RemoteProtocolError
from ..status import Status

__all__ = ["ALERTS", "REASONS", "VERIFY_RESULTS", "Cause", "Observed", "judge", "reason"]


@attrs.frozen
class Cause:
    """A row of the tables: what a CPU shows, what happened, what to do."""

    status: int
    what: str
    remedy: str = ""


_IMPORT_CHAIN = (
    "Import the CA under 'Trusted certificates and root certification authorities', add it and every intermediate to "
    "the device's 'Certificates of partner devices', download, and enter its ID in the trust reference"
)
_CLOCK = "Set the clock of this station (an S7 CPU that was never set says 2012-01-01), or renew the certificate"
_TEMPLATE = "Create the certificate with the usage 'TLS client/server'"
_RENEW = "Renew the certificate in the certificate manager (it keeps its ID) and download"
_NAME = (
    "Put the partner's address (or name) into the certificate's subjectAltName and renew it, or clear bit 0 of "
    "ExtTLSCapabilities (check_address=False in Python, --no-check-address at the command line)"
)

# Where several numbers mean the same to the user they share a row.
_NO_ISSUER = Cause(0x80E4, "no CA on this device leads to the partner's certificate", _IMPORT_CHAIN)
_NO_CRL = Cause(0x80E4, "no current revocation list of the issuer is on this device", "Import the issuer's current CRL")
_CONSTRAINT = Cause(0x80E2, "a CA of the partner's chain may not issue this certificate (constraints)", _TEMPLATE)
_WEAK = Cause(0x80E2, "the partner's certificate uses a key or hash that is too weak", _RENEW)
_MISMATCH = Cause(0x80E1, "the partner's certificate does not carry the configured address or name", _NAME)

VERIFY_RESULTS: Final[dict[int, Cause]] = {
    2: _NO_ISSUER, 18: _NO_ISSUER, 19: _NO_ISSUER, 20: _NO_ISSUER, 21: _NO_ISSUER, 27: _NO_ISSUER,
    3: _NO_CRL, 11: _NO_CRL, 12: _NO_CRL, 33: _NO_CRL, 44: _NO_CRL,
    4: Cause(0x80E6, "a signature in the partner's chain cannot be decoded", _RENEW),
    6: Cause(0x80E2, "the public key of an issuer cannot be decoded", _RENEW),
    7: Cause(0x80E6, "a signature in the partner's chain is wrong", "The certificate is damaged or forged; replace it"),
    8: Cause(0x80E4, "the signature of the revocation list is wrong", "Import the issuer's genuine CRL"),
    9: Cause(0x80E2, "a certificate of the partner's chain is not yet valid", _CLOCK),
    10: Cause(0x80E5, "a certificate of the partner's chain has expired", _RENEW),
    13: Cause(0x80E2, "the start of validity of a certificate cannot be read", _RENEW),
    14: Cause(0x80E2, "the end of validity of a certificate cannot be read", _RENEW),
    22: Cause(0x80E2, "the partner's chain is too long", "Use a chain of at most three certificates"),
    23: Cause(0x80E3, "the partner's certificate was revoked by its issuer", "Give the partner a new certificate"),
    24: Cause(0x80E2, "the issuer of the partner's certificate is no CA", "Issue the certificate from a CA"),
    25: _CONSTRAINT, 32: _CONSTRAINT, 47: _CONSTRAINT, 48: _CONSTRAINT, 49: _CONSTRAINT, 50: _CONSTRAINT,
    51: _CONSTRAINT, 52: _CONSTRAINT, 53: _CONSTRAINT, 79: _CONSTRAINT,
    26: Cause(0x80E2, "the partner's certificate is not meant for its role (extended key usage)", _TEMPLATE),
    28: Cause(0x80E3, "the partner's certificate was rejected", _RENEW),
    34: Cause(0x80E7, "a certificate of the partner's chain has a critical extension nobody here knows",
              "Create the certificate without that extension"),
    62: _MISMATCH, 63: _MISMATCH, 64: _MISMATCH,
    66: _WEAK, 67: _WEAK, 68: _WEAK,
}  # fmt: skip

_VERSIONS = "Compare the TLS versions of both firmware profiles; TLS 1.3 needs S7-1500 V2.9 or S7-1200 V4.5"
_CONFIGURE = "Compare TLS versions, cipher suites and key-exchange groups of both sides"

# name, STATUS when *we* send it, what it means when the partner sends it
ALERTS: Final[dict[int, tuple[str, int, str]]] = {
    0: ("close_notify", 0x80C5, "it closed the connection"),
    10: ("unexpected_message", 0x80E0, "it did not expect our message"),
    20: ("bad_record_mac", 0x80E0, "a record from us arrived damaged"),
    22: ("record_overflow", 0x80E0, "a record from us was too long"),
    40: ("handshake_failure", 0x80E1, "no common settings, or under TLS 1.2 our certificate is missing"),
    42: ("bad_certificate", 0x80E2, "our certificate is not valid for it: not yet valid by its clock, or another address"),
    43: ("unsupported_certificate", 0x80E2, "our certificate is not meant for this role"),
    44: ("certificate_revoked", 0x80E3, "our certificate was revoked"),
    45: ("certificate_expired", 0x80E5, "our certificate has expired by its clock"),
    46: ("certificate_unknown", 0x80E3, "our certificate was not accepted"),
    47: ("illegal_parameter", 0x80E0, "a field of our message is not allowed"),
    48: ("unknown_ca", 0x80E4, "it does not hold the CA of our certificate, or only a part of the chain"),
    49: ("access_denied", 0x80E3, "our certificate has no access there"),
    50: ("decode_error", 0x80E0, "it could not decode our message"),
    51: ("decrypt_error", 0x80E6, "a signature or checksum of our handshake is wrong for it"),
    70: ("protocol_version", 0x80E1, "it speaks no TLS version that we offer"),
    71: ("insufficient_security", 0x80E1, "our settings are too weak for it"),
    80: ("internal_error", 0x80E6, "it had an internal error"),
    86: ("inappropriate_fallback", 0x80E1, "it saw a downgrade of the TLS version"),
    90: ("user_canceled", 0x80E1, "its user stopped the handshake"),
    100: ("no_renegotiation", 0x80E1, "renegotiation is not supported"),
    109: ("missing_extension", 0x80E1, "our hello lacks an extension"),
    110: ("unsupported_extension", 0x80E7, "our hello has an extension it does not know"),
    112: ("unrecognized_name", 0x80E1, "it does not serve that name"),
    116: ("certificate_required", 0x80E2, "we sent no certificate, and it demands one"),
    120: ("no_application_protocol", 0x80E1, "no common application protocol"),
}  # fmt: skip

# The alerts that speak about our certificate rather than about the handshake.
_ABOUT_OUR_CERTIFICATE: Final = frozenset({42, 43, 44, 45, 46, 48, 49, 116})

_OWN_CERTIFICATE = (
    "Check at the partner that the CA of our certificate is on the device with its whole chain and that its trust "
    "reference names it; check its clock and our certificate's dates"
)

_MISSING = (
    "Give this side a certificate of its own, with its key: TLSClientCertRef in the connection description (cert= and own= "
    "in Python, --cert or --own at the command line)"
)

# Parts of OpenSSL's error texts (lower case), first match wins.
REASONS: Final[tuple[tuple[str, Cause], ...]] = (
    ("peer did not return a certificate",
     Cause(0x80E2, "the partner sent no certificate although this side demands one",
           "Give the client an own certificate and enter its ID in TLSClientCertRef of its connection description")),
    ("http request", Cause(0x80E0, "the partner speaks HTTP, not TLS", "Compare the port numbers")),
    ("wrong version number",
     Cause(0x80E0, "the partner's bytes are no TLS: it probably speaks plain TCP here",
           "Set ActivateSecureConn on both sides, and compare the port numbers")),
    ("packet length too long", Cause(0x80E0, "the partner's bytes are no TLS", "Compare the port numbers")),
    ("unsupported protocol", Cause(0x80E1, "no common TLS version", _VERSIONS)),
    ("version too low", Cause(0x80E1, "no common TLS version", _VERSIONS)),
    ("no shared cipher", Cause(0x80E1, "no common cipher suite", _CONFIGURE)),
    ("no suitable key share", Cause(0x80E1, "no common key-exchange group", _CONFIGURE)),
    ("no suitable groups", Cause(0x80E1, "no common key-exchange group", _CONFIGURE)),
    ("no shared group", Cause(0x80E1, "no common key-exchange group", _CONFIGURE)),
    ("no suitable signature algorithm",
     Cause(0x80E1, "the key of our certificate fits no signature algorithm that the partner accepts",
           "Create the certificate with a key the partner's firmware supports (EC prime256v1, RSA 2048)")),
    ("no shared signature algorithms", Cause(0x80E1, "no common signature algorithm", _CONFIGURE)),
    ("dh key too small", Cause(0x80E1, "the partner's key exchange is too weak", _CONFIGURE)),
    ("excessive message size", Cause(0x80E0, "a handshake message of the partner is too large", "")),
    ("bad record mac", Cause(0x80E0, "a record arrived damaged: its checksum is wrong",
                             "Look for a device on the path that changes the bytes")),
    ("decryption failed", Cause(0x80E0, "a record arrived damaged", "")),
    ("bad signature", Cause(0x80E6, "the partner's proof that it holds its private key is wrong", _RENEW)),
    ("digest check failed", Cause(0x80E6, "the checksum over the handshake is wrong", "")),
    ("renegotiation", Cause(0x80E1, "the partner asked for renegotiation, which is not supported", "")),
    ("unsafe legacy", Cause(0x80E1, "the partner knows only insecure renegotiation", "")),
    ("unexpected message", Cause(0x80E0, "a message of the partner came out of turn", "")),
    ("ca md too weak", _WEAK),
    ("ee key too small", _WEAK),
)  # fmt: skip


@attrs.define
class Observed:
    """What one TLS machine saw on its way to a failure; filled by callbacks, read once by `judge`."""

    verify_result: int = 0
    verify_depth: int = 0
    verdict: Failure | None = None
    alert_sent: int | None = None
    alert_received: int | None = None
    established: bool = False
    confirmed: bool = False


def judge(observed: Observed, error: SSL.Error) -> OUCError:
    """Turn what OpenSSL raised and what was observed into the one failure that everybody speaks from."""
    if observed.alert_received is not None:
        return _refused_by_partner(observed, observed.alert_received)
    if observed.verdict is not None:
        return CertificateError.of(observed.verdict)
    if observed.verify_result:
        unknown = Cause(
            0x80E2, f"the partner's certificate is not acceptable (verification result {observed.verify_result})"
        )
        cause = VERIFY_RESULTS.get(observed.verify_result, unknown)
        where = "" if observed.verify_depth == 0 else f"certificate {observed.verify_depth} of the partner's chain"
        return CertificateError(cause.what, status=cause.status, where=where, remedy=cause.remedy)
    text = reason(error)
    for part, cause in REASONS:
        if part in text:
            kind = CertificateError if cause.status == 0x80E2 else RemoteProtocolError
            return kind(cause.what, status=cause.status, remedy=cause.remedy)
    name, status, _ = ALERTS.get(observed.alert_sent or 80, ("internal_error", 0x80E6, ""))
    return RemoteProtocolError(f"TLS failed ({text or name}); we answered {name}", status=status)


def _refused_by_partner(observed: Observed, alert: int) -> OUCError:
    name, _, meaning = ALERTS.get(alert, (f"alert {alert}", 0x80E1, "for a reason that has no name"))
    if observed.established and observed.confirmed:
        return RemoteProtocolError(f"the partner ended the connection: {meaning} (alert {name})", status=0x80C5)
    about_us = alert in _ABOUT_OUR_CERTIFICATE
    subject = "us" if alert == 116 else "our certificate" if about_us else "the handshake"
    remedy = _MISSING if alert == 116 else _OWN_CERTIFICATE if about_us else _CONFIGURE
    kind = CertificateError if about_us else RemoteProtocolError
    return kind(f"the partner refused {subject}: {meaning} (alert {name})", status=Status(0x80E1), remedy=remedy)


def reason(error: SSL.Error) -> str:
    """OpenSSL's reasons, lower case; they name no secret."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(entry[2]) for entry in queue).lower()
