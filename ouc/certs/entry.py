"""What the certificate manager knows of one certificate: the row of its table and the facts behind it.

The facts are read out of a certificate once, when it enters the store; ten thousand rows are listed without parsing one
certificate again.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Final

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import SignatureAlgorithmOID

from ..errors import CertificateError
from .extensions import UNREADABLE, extension, load_certificate, serial_of
from .keys import key_length, key_type
from .names import common_name, issuer_text, san_addresses, san_entries, san_names, san_text
from .vault import Ring

__all__ = [
    "COLUMNS", "Entry", "Facts", "Summary", "Tab", "certificate_of", "der_of", "is_ca", "is_self_issued",
    "path_length", "summary",
]  # fmt: skip

# A certificate larger than this is no use to a controller (GDS push stops at 4096 bytes) and a burden to everybody else.
MAX_CERTIFICATE: Final = 65536

COLUMNS: Final = (
    "ID", "Common name of subject", "Serial number", "Issuer", "Valid to", "Used as", "Private key",
    "Signature algorithm", "Key length",
)  # fmt: skip


class Tab(Enum):
    """The three tabs of the global manager (R38)."""

    CA = "ca"
    DEVICE = "device"
    TRUSTED = "trusted"


# Arcs of signature algorithm OIDs: PKCS#1 (RFC 8017), ANSI X9.62 (RFC 5758), RFC 8410.
_FAMILIES: Final = (("1.2.840.113549.1.1.10", "RSA-PSS"), ("1.2.840.113549.1.1.", "RSA"), ("1.2.840.10045.4.", "ecdsa"))
_SIGNATURES_WITHOUT_HASH: Final = {SignatureAlgorithmOID.ED25519: "ed25519", SignatureAlgorithmOID.ED448: "ed448"}


def signature_algorithm(certificate: x509.Certificate) -> str:
    """As the column shows it: `RSA-SHA1`, `RSA-SHA256`, `ecdsa-SHA256`; an OID where there is no such word."""
    oid = certificate.signature_algorithm_oid
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return oid.dotted_string
    if algorithm is None:
        return _SIGNATURES_WITHOUT_HASH.get(oid, oid.dotted_string)
    family = next((word for prefix, word in _FAMILIES if oid.dotted_string.startswith(prefix)), oid.dotted_string)
    return f"{family}-{algorithm.name.upper()}"


def is_ca(certificate: x509.Certificate) -> bool:
    """BasicConstraints says CA. A version 1 certificate says nothing and is none."""
    found = extension(certificate, x509.BasicConstraints)
    return found is not None and found.ca


def path_length(certificate: x509.Certificate) -> int | None:
    """How many CAs may follow below this one; None for any number, and for what is no CA."""
    found = extension(certificate, x509.BasicConstraints)
    return None if found is None else found.path_length


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Subject and issuer are the same name."""
    return certificate.subject == certificate.issuer


@attrs.frozen(kw_only=True)
class Summary:
    """The facts of a certificate that tables and checks ask for, without the certificate.

    Attributes:
        fingerprint: SHA-256 over the DER, 64 hex digits.
        serial: In hex, upper case.
        not_before, not_after: Aware, UTC.
        algorithm: As the column `Signature algorithm`.
        key_type, key_length: `ec-p256`, 256.
        self_signed: Subject and issuer agree.
        is_ca: May issue certificates.
        san: Entries in the written form of `ouc.certs.names`.
        addresses, names: Those of them that are IP addresses and DNS names.
    """

    common_name: str
    issuer: str
    fingerprint: str
    serial: str
    not_before: datetime
    not_after: datetime
    algorithm: str
    key_type: str
    key_length: int
    self_signed: bool
    is_ca: bool
    san: tuple[str, ...]
    addresses: tuple[str, ...]
    names: tuple[str, ...]


def summary(certificate: x509.Certificate) -> Summary:
    """Read the facts out of a certificate.

    Raises:
        CertificateError: A part of it cannot be read (16#80E2).
    """
    try:
        public = certificate.public_key()
        _ = certificate.extensions  # doubled and malformed ones show here and nowhere earlier
        return Summary(
            common_name=common_name(certificate.subject),
            issuer=issuer_text(certificate.issuer),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            serial=f"{serial_of(certificate):X}",
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            algorithm=signature_algorithm(certificate),
            key_type=key_type(public),
            key_length=key_length(public),
            self_signed=is_self_issued(certificate),
            is_ca=is_ca(certificate),
            san=tuple(san_text(name) for name in san_entries(certificate)),
            addresses=san_addresses(certificate),
            names=san_names(certificate),
        )
    except UNREADABLE as error:
        raise CertificateError(
            f"the certificate cannot be read: {error}", status=0x80E2,
            remedy="Ask for the certificate again, from whoever made it",
        ) from error


def der_of(certificate: x509.Certificate) -> bytes:
    """The certificate in DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def certificate_of(der: bytes) -> x509.Certificate:
    """Parse a certificate.

    Raises:
        CertificateError: It is damaged or larger than 65536 bytes (16#80E2).
    """
    if len(der) > MAX_CERTIFICATE:
        raise CertificateError(
            f"a certificate of {len(der)} bytes; at most {MAX_CERTIFICATE} are read", status=0x80E2,
            remedy="Give the file of a single certificate",
        )
    try:
        return load_certificate(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise CertificateError(
            f"the certificate is damaged: {error}", status=0x80E2,
            remedy="Copy or export the file again",
        ) from error


@attrs.frozen(kw_only=True)
class Facts:
    """What checks of connection descriptions need to know of a certificate on a device.

    Attributes:
        id: Its ID on the device.
        has_key: The device holds its private key.
        is_ca: It may issue certificates.
        not_before, not_after: Validity, aware.
        key_type: `ec-p256`, `rsa-2048`, …
        addresses: iPAddress entries of its subjectAltName.
        names: dNSName entries of its subjectAltName.
        issuer_ids: IDs of the certificates above it, nearest first, as far as the device holds them.
        complete: `issuer_ids` end at a self-signed certificate, or it is self-signed itself.
        common_name: For messages.
        fingerprint: SHA-256, 64 hex digits.
        revoked: When a revocation list on the device says that it was revoked.
        refused_as_server, refused_as_client: Why every TLS partner refuses it in that role; empty if nobody has to.
    """

    id: int
    has_key: bool
    is_ca: bool
    not_before: datetime
    not_after: datetime
    key_type: str
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    issuer_ids: tuple[int, ...] = ()
    complete: bool = True
    common_name: str = ""
    fingerprint: str = ""
    revoked: datetime | None = None
    refused_as_server: str = ""
    refused_as_client: str = ""


@attrs.frozen(kw_only=True, slots=False)
class Entry:
    """One row of the certificate manager; immutable, so an older one still tells what was.

    Attributes:
        id: Unique in the project, never reused.
        der: The certificate.
        facts: What is in it.
        tab: Where TIA Portal lists it.
        usage: Name of the template it was made from, empty if it was imported.
        issuer_id: ID of the certificate in the project that signed it, its own for a self-signed one, None if the
            issuer is not in the project.
        device: Name of the device it was made for, empty for none.
        used_as: Column `Used as`.
        sealed: Its private key as the vault keeps it, empty where the project has none.
        imported: It came from outside.
        default_ca: One of the default CAs, which cannot be deleted: `rsa-sha1`, `rsa`, `ec`; empty for all others.
        revoked: When it was revoked, None if it was not.
        reason: Why.
        notes: What a user should know about it, one sentence each.
    """

    id: int
    der: bytes = attrs.field(repr=False)
    facts: Summary
    tab: Tab
    usage: str = ""
    issuer_id: int | None = None
    device: str = ""
    used_as: str = "Not assigned"
    sealed: bytes = attrs.field(default=b"", repr=False)
    imported: bool = False
    default_ca: str = ""
    revoked: datetime | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The certificate, parsed at the first access."""
        return certificate_of(self.der)

    @property
    def has_key(self) -> bool:
        """Its private key is in the project."""
        return bool(self.sealed)

    @property
    def ring(self) -> Ring:
        """Which keyring its private key belongs to."""
        return "authority" if self.facts.is_ca else "device"

    @property
    def common_name(self) -> str:
        """Common name of the subject."""
        return self.facts.common_name

    def columns(self) -> dict[str, str]:
        """The nine columns of TIA Portal's table, in its order (R36); a revoked certificate is marked behind its end."""
        facts = self.facts
        values = (
            str(self.id), facts.common_name, facts.serial, facts.issuer,
            f"{facts.not_after:%Y-%m-%d %H:%M:%S}" + (" (revoked)" if self.revoked is not None else ""),
            self.used_as, "Yes" if self.has_key else "No", facts.algorithm, f"{facts.key_length} bit",
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True))
