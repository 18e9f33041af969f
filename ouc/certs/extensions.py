"""Reading the extensions of certificates that anybody may have made.

`cryptography` parses a certificate piece by piece, so what is damaged inside shows only when it is looked at, and in several
kinds of exception. They are named once, here.
"""

from __future__ import annotations

from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

__all__ = ["UNREADABLE", "complaint", "extension"]

UNREADABLE: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip

E = TypeVar("E", bound=x509.ExtensionType)


def complaint(certificate: x509.Certificate) -> str:
    """Why a certificate cannot be read; empty if all of it can. Touches every part, so nothing raises later."""
    try:
        _ = (
            certificate.version, certificate.serial_number, certificate.issuer, certificate.subject,
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
