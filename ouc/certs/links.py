"""Who signed whom: the links between certificates that chains are made of.

A name alone proves nothing and an authority key identifier is only a hint; the signature decides. `cryptography` does not
verify SHA-1, so the one signature that may carry it, that of an old CA, is checked here by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from .extensions import UNREADABLE, extension

__all__ = ["authority_key", "chain_ids", "find_issuer", "may_be_issuer", "signed_by", "signs_itself", "subject_key"]

Id = TypeVar("Id")

# Signatures that are checked to find one issuer. A CA that renewed its certificate has a few of one name.
SIGNATURE_LIMIT: Final = 64


def subject_key(certificate: x509.Certificate) -> bytes | None:
    """The subject key identifier, None without one."""
    found = extension(certificate, x509.SubjectKeyIdentifier)
    return None if found is None else found.digest


def authority_key(certificate: x509.Certificate) -> bytes | None:
    """The key identifier of the issuer, None without one."""
    found = extension(certificate, x509.AuthorityKeyIdentifier)
    return None if found is None else found.key_identifier


def may_be_issuer(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Names fit, and so do the key identifiers where both are there. Cheap; proves nothing."""
    if certificate.issuer != issuer.subject:
        return False
    wanted, offered = authority_key(certificate), subject_key(issuer)
    return wanted is None or offered is None or wanted == offered


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the certificate's signature. Says nothing about the right to do so."""
    try:
        algorithm = certificate.signature_hash_algorithm
        if isinstance(algorithm, hashes.SHA1):
            _verify_sha1(certificate, issuer)
        else:
            certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _verify_sha1(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    key = issuer.public_key()
    digest = hashes.SHA1()  # noqa: S303 - what an old certificate was signed with
    match key:
        case rsa.RSAPublicKey():
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), digest)
        case ec.EllipticCurvePublicKey():
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(digest))
        case _:
            raise TypeError("no SHA-1 signature is made with such a key")


@lru_cache(maxsize=256)
def signs_itself(certificate: x509.Certificate) -> bool:
    """Whether a certificate is its own issuer, signature included. Remembered: a device asks for its roots each time."""
    return may_be_issuer(certificate, certificate) and signed_by(certificate, certificate)


def find_issuer(certificate: x509.Certificate, candidates: Iterable[tuple[Id, x509.Certificate]]) -> Id | None:
    """The first candidate that signed the certificate; a self-signed certificate finds itself among them.

    Only so many signatures are checked: a bundle of a thousand CAs of one name would cost a million.
    """
    likely = (one for one in candidates if may_be_issuer(certificate, one[1]))
    return next((found for found, one in islice(likely, SIGNATURE_LIMIT) if signed_by(certificate, one)), None)


def chain_ids(start: int, issuer_of: Callable[[int], int | None]) -> tuple[tuple[int, ...], bool]:
    """IDs above `start`, nearest first, and whether they end at a self-signed one.

    Args:
        start: ID to begin at.
        issuer_of: ID of the issuer of an ID: its own for a self-signed one, None where the issuer is not held.
    """
    above: list[int] = []
    at = start
    while (up := issuer_of(at)) is not None and up not in (at, start) and up not in above:
        above.append(up)
        at = up
    return tuple(above), issuer_of(at) == at
