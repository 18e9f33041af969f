"""The alerts of TLS (RFC 8446 section 6.2, RFC 5246 section 7.2) by name."""

from __future__ import annotations

from typing import Final

__all__ = ["ABOUT_OUR_CERTIFICATE", "ALERTS"]

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

#: The alerts that speak about our certificate rather than about the handshake.
ABOUT_OUR_CERTIFICATE: Final = frozenset({42, 43, 44, 45, 46, 48, 49, 116})
