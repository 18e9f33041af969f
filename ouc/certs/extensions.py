"""Reading certificates that anybody may have made, and their extensions.

`cryptography` parses a certificate piece by piece, so what is damaged inside shows only when it is looked at, and in several
kinds of exception. They are named once, here.

A serial number that is zero or negative breaks RFC 5280 4.1.2.2, which asks users of certificates to handle it all the same:
there are roots like that in the field. `cryptography` reads them too, with a warning each time, which is an error where a
program has made warnings errors. So the number is read here by hand, and the warning is kept back while such a certificate
is loaded.
"""

from __future__ import annotations

import warnings
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

__all__ = [
    "UNREADABLE", "complaint", "extension", "has_explicit_curve", "load_certificate", "load_crl", "serial_bytes",
    "serial_of",
]  # fmt: skip

UNREADABLE: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip

E = TypeVar("E", bound=x509.ExtensionType)


def complaint(certificate: x509.Certificate) -> str:
    """Why a certificate cannot be read; empty if all of it can. Touches every part, so nothing raises later."""
    try:
        _ = (
            certificate.version, certificate.tbs_certificate_bytes, certificate.issuer, certificate.subject,
            certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.extensions,
            certificate.public_key(),
        )  # fmt: skip
    except UNREADABLE as error:
        return str(error) or type(error).__name__
    return ""


def extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """The value of an extension; None where it is absent or cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None


def load_certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate, whatever its serial number.

    Raises:
        ValueError: It is damaged.
        cryptography.x509.InvalidVersion: It is of no version that exists.
    """
    inside = _content(der, 0)
    number = _serial(der, inside) if inside is not None else b"\1"
    if any(number) and number[0] < 0x80:
        return x509.load_der_x509_certificate(der)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parsed a serial number")
        return x509.load_der_x509_certificate(der)


def load_crl(der: bytes) -> x509.CertificateRevocationList:
    """Parse a revocation list. Touches every part but its lines, so nothing else raises later.

    Raises:
        One of `UNREADABLE`: It is damaged.
    """
    crl = x509.load_der_x509_crl(der)
    _ = crl.issuer, crl.last_update_utc, crl.next_update_utc, crl.extensions, crl.signature
    return crl


def serial_bytes(certificate: x509.Certificate) -> bytes:
    """The serial number as it is written: two's complement, 1 to 20 octets in a good one."""
    return _serial(certificate.tbs_certificate_bytes, 0)


def serial_of(certificate: x509.Certificate) -> int:
    """The serial number, which may be zero or negative."""
    return int.from_bytes(serial_bytes(certificate), "big", signed=True)


_VERSION, _INTEGER = 0xA0, 0x02


def _serial(data: bytes, at: int) -> bytes:
    """The INTEGER behind the version of a TBSCertificate; a plain 1 where there is none."""
    start = _content(data, at)
    if start is not None and data[start : start + 1] == bytes([_VERSION]):
        start = _end(data, start)
    if start is None or data[start : start + 1] != bytes([_INTEGER]):
        return b"\1"
    begin, end = _content(data, start), _end(data, start)
    return data[begin:end] or b"\1"


def _content(data: bytes, at: int) -> int | None:
    """Where the content of an element begins; None where there is no element."""
    if at + 2 > len(data):
        return None
    length = data[at + 1]
    return at + 2 + (length & 0x7F if length > 0x80 else 0)


def _end(data: bytes, at: int) -> int | None:
    begin = _content(data, at)
    if begin is None:
        return None
    size = data[at + 2 : begin]
    return begin + (int.from_bytes(size, "big") if size else data[at + 1])


# SubjectPublicKeyInfo of an elliptic key (id-ecPublicKey) whose parameters are a SEQUENCE instead of a curve's name.
_EXPLICIT: Final = bytes.fromhex("06072a8648ce3d020130")


def has_explicit_curve(certificate: x509.Certificate) -> bool:
    """Whether the key brings its curve as numbers, which RFC 5480 2.1.1 forbids: they may be anybody's own curve."""
    return _EXPLICIT in certificate.tbs_certificate_bytes
