"""Making certificates: from an order and a signer to a signed X.509 certificate, request or revocation list.

Pure functions over keys that somebody else keeps. SHA-1 exists for one purpose only, the self-signature of default CA 1
and what a named legacy policy asks for; `cryptography` refuses to sign with it, so that signature is made by pyOpenSSL.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes, CertificatePublicKeyTypes
from OpenSSL import crypto

from ..errors import ParameterError
from .extensions import extension
from .keys import PrivateKey
from .templates import Template, key_usage

__all__ = [
    "DEFAULT_DAYS", "HASHES", "Order", "Revoked", "Signer", "issuable", "issue", "make_crl", "make_request", "moment",
    "reason_flag", "reissue",
]  # fmt: skip

# The dialog's preset runs about 13 years (R42). Vendor advice is months to a few years: say --days.
DEFAULT_DAYS: Final = 4748
MAX_DAYS: Final = 36525
# RFC 5280 4.1.2.5.1: UTCTime begins there.
_FIRST_YEAR: Final = 1950

Hash: TypeAlias = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

HASHES: Final[dict[str, Hash | hashes.SHA1]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha1": hashes.SHA1(),  # noqa: S303 - legacy, by name only
}


@attrs.frozen
class Signer:
    """A CA that signs: its certificate and its private key."""

    certificate: x509.Certificate
    key: PrivateKey = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Order:
    """Everything that goes into a certificate except its key and its issuer.

    Attributes:
        subject: Distinguished name.
        template: Usage; decides KeyUsage and ExtendedKeyUsage.
        san: Entries of the subjectAltName, empty for none.
        not_before, not_after: Validity, aware; seconds count, fractions do not.
        hash: `sha256`, `sha384`, `sha512`, or `sha1` for legacy partners.
        path_length: For a CA: how many CAs may follow below it; None for any number.
    """

    subject: x509.Name
    template: Template
    san: tuple[x509.GeneralName, ...] = ()
    not_before: datetime
    not_after: datetime
    hash: str = "sha256"
    path_length: int | None = None


def moment(now: datetime) -> datetime:
    """`now` in UTC without fractions of a second, which X.509 cannot write.

    Raises:
        ParameterError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ParameterError("a time without time zone", where="now", remedy="Use datetime.now(timezone.utc)")
    return now.astimezone(UTC).replace(microsecond=0)


def issue(
    order: Order, public_key: CertificateIssuerPublicKeyTypes, signer: Signer | None, own_key: PrivateKey | None
) -> x509.Certificate:
    """Make a certificate for `public_key`.

    Args:
        order: What is in it.
        public_key: Whose certificate it is.
        signer: The issuing CA; None for a self-signed certificate.
        own_key: The private key of `public_key`, needed for a self-signed certificate only.

    Raises:
        ParameterError: The validity is empty, ends after the issuer's, or the hash is unknown.
    """
    _check_validity(order, signer)
    algorithm = HASHES.get(order.hash)
    if algorithm is None:
        raise ParameterError(f"hash {order.hash!r} is not known", where="hash", remedy=f"Choose among {', '.join(HASHES)}")
    key = own_key if signer is None else signer.key
    if key is None:
        raise ParameterError(
            "a self-signed certificate needs its own private key", where="issuer",
            remedy="Choose a CA of the project as issuer",
        )
    subject_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
    builder = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(order.subject)
        .issuer_name(order.subject if signer is None else signer.certificate.subject)
        .public_key(public_key)
        .not_valid_before(order.not_before)
        .not_valid_after(order.not_after)
        .add_extension(x509.BasicConstraints(ca=order.template.is_ca, path_length=order.path_length), critical=True)
        .add_extension(key_usage(order.template, is_rsa=isinstance(public_key, rsa.RSAPublicKey)), critical=True)
        .add_extension(subject_id, critical=False)
        .add_extension(_authority(signer, subject_id), critical=False)
    )
    if order.template.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(order.template.purposes), critical=False)
    if order.san:
        builder = builder.add_extension(x509.SubjectAlternativeName(order.san), critical=False)
    if not isinstance(algorithm, hashes.SHA1):
        return builder.sign(key, algorithm)
    return _sign_sha1(builder.sign(key, hashes.SHA256()), key)


def _check_validity(order: Order, signer: Signer | None) -> None:
    if order.not_after <= order.not_before:
        raise ParameterError(
            "the validity ends before it begins", where="valid until", remedy="Choose a later end, or an earlier start"
        )
    if order.not_before.year < _FIRST_YEAR:
        raise ParameterError(
            f"a validity from {order.not_before:%Y-%m-%d} cannot be written", where="valid from",
            remedy=f"Choose a start from {_FIRST_YEAR} on",
        )  # fmt: skip
    if signer is not None and order.not_after > signer.certificate.not_valid_after_utc:
        raise ParameterError(
            f"the certificate would outlive its issuer, which ends on {signer.certificate.not_valid_after_utc:%Y-%m-%d}",
            where="valid until",
            remedy="Choose fewer days, or renew the CA first",
        )


def _authority(signer: Signer | None, own: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    if signer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    above = extension(signer.certificate, x509.SubjectKeyIdentifier)
    if above is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above)


def reissue(old: x509.Certificate, signer: Signer, *, not_before: datetime, not_after: datetime) -> x509.Certificate:
    """The same certificate from another issuer: subject, key and extensions stay, serial and signature are new."""
    builder = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(old.subject)
        .issuer_name(signer.certificate.subject)
        .public_key(issuable(old.public_key()))
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    for kept in old.extensions:
        if kept.oid != x509.AuthorityKeyIdentifier.oid:
            builder = builder.add_extension(kept.value, critical=kept.critical)
    subject_id = x509.SubjectKeyIdentifier.from_public_key(old.public_key())
    return builder.add_extension(_authority(signer, subject_id), critical=False).sign(signer.key, hashes.SHA256())


def issuable(key: CertificatePublicKeyTypes) -> CertificateIssuerPublicKeyTypes:
    """A public key that a certificate may be made for: RSA or an elliptic curve."""
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return key
    raise ParameterError(
        f"a key of the kind {type(key).__name__} cannot be certified here", where="key",
        remedy="Use RSA or EC: rsa-2048, ec-p256",
    )


def _sign_sha1(certificate: x509.Certificate, key: PrivateKey) -> x509.Certificate:
    with warnings.catch_warnings():
        # pyOpenSSL would have us sign with cryptography, which does not sign with SHA-1.
        warnings.simplefilter("ignore", DeprecationWarning)
        weak = crypto.X509.from_cryptography(certificate)
        weak.sign(crypto.PKey.from_cryptography_key(key), "sha1")
        return weak.to_cryptography()


def make_request(order: Order, key: PrivateKey) -> x509.CertificateSigningRequest:
    """A PKCS#10 request with the subject, usage and subjectAltName of an order."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(order.subject)
        .add_extension(x509.BasicConstraints(ca=order.template.is_ca, path_length=order.path_length), critical=True)
        .add_extension(key_usage(order.template, is_rsa=isinstance(key, rsa.RSAPrivateKey)), critical=True)
    )
    if order.template.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(order.template.purposes), critical=False)
    if order.san:
        builder = builder.add_extension(x509.SubjectAlternativeName(order.san), critical=False)
    return builder.sign(key, hashes.SHA256())


# Both spellings: `key-compromise` as people write it, `keyCompromise` as the standard does.
_REASONS: Final = {
    spelling: flag for flag in x509.ReasonFlags for spelling in (flag.value.lower(), flag.name.replace("_", "-"))
}


def reason_flag(reason: str) -> x509.ReasonFlags:
    """A reason for revocation by its name (RFC 5280 5.3.1): `key-compromise`, `superseded`, …

    Raises:
        ParameterError: There is no such reason, or it cannot be given to a certificate.
    """
    flag = _REASONS.get(reason.lower())
    if flag in (None, x509.ReasonFlags.remove_from_crl):
        names = sorted({f.name.replace("_", "-") for f in x509.ReasonFlags} - {"remove-from-crl"})
        raise ParameterError(f"reason {reason!r} is not known", where="reason", remedy=f"Choose among {', '.join(names)}")
    assert flag is not None  # noqa: S101 - refused above
    return flag


@attrs.frozen
class Revoked:
    """One line of a revocation list."""

    serial: int
    at: datetime
    reason: str = "unspecified"


def make_crl(
    signer: Signer, revoked: Iterable[Revoked], *, number: int, now: datetime, days: int
) -> x509.CertificateRevocationList:
    """A complete revocation list of one CA.

    Args:
        signer: The CA.
        revoked: Its revoked certificates; none for the empty list that some clients insist on.
        number: CRL number, growing by each list.
        now: thisUpdate.
        days: Until nextUpdate, 1 to 36525.

    Raises:
        ParameterError: `days` is outside its range.
    """
    if not 1 <= days <= MAX_DAYS:
        raise ParameterError(
            f"a revocation list cannot be valid for {days} days", where="days",
            remedy="Give 1 to 36525 days",
        )
    subject_id = x509.SubjectKeyIdentifier.from_public_key(signer.key.public_key())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(now)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_authority(signer, subject_id), critical=False)
    )
    for line in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(line.serial).revocation_date(line.at)
        flag = reason_flag(line.reason)
        if flag is not x509.ReasonFlags.unspecified:  # RFC 5280 5.3.1: leave it out rather than say "unspecified"
            entry = entry.add_extension(x509.CRLReason(flag), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer.key, hashes.SHA256())
