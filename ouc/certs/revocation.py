"""Asking revocation lists: which list speaks for a certificate, whether it is current, and what it says (RFC 5280 6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509

from .extensions import UNREADABLE, extension
from .names import common_name
from .rules import Broken

__all__ = ["check_revocation"]

_IMPORT: Final = "Import the issuer's current revocation list: ouc cert crl --import"
# Critical extensions of a list whose rules are known; lists that cover only some certificates or reasons, and differences
# to another list, do not answer the question and are left aside.
_KNOWN: Final = frozenset({x509.AuthorityKeyIdentifier.oid, x509.CRLNumber.oid})


def check_revocation(
    path: Sequence[x509.Certificate],
    crls: Sequence[x509.CertificateRevocationList],
    *,
    now: datetime,
    required: bool,
    warnings: list[str],
    stale_passes: bool = True,
) -> tuple[int, Broken] | None:
    """The first certificate, from the root down, that is revoked or cannot be cleared.

    Args:
        path: Leaf first, root last; the root is its own judge and not asked about.
        crls: Lists that the device holds.
        now: Time of judgement.
        required: A current list is needed for every certificate; otherwise what is there is consulted, also when stale.
        warnings: Gets a sentence for every stale list that was consulted.
        stale_passes: A stale list passes what it does not name, where none is required.

    Returns:
        Depth and broken rule, None if nothing is revoked.
    """
    for depth in range(len(path) - 2, -1, -1):
        one, issuer = path[depth], path[depth + 1]
        usable = [crl for crl in crls if crl.issuer == one.issuer and _speaks(crl, issuer)]
        current = [crl for crl in usable if _current(crl, now)]
        if any(_lists(crl, one) for crl in usable):
            return depth, Broken(0x80E3, "{} was revoked by its issuer", "Give the partner a new certificate")
        if current:
            continue
        issued_by = common_name(issuer.subject)
        if required or (usable and not stale_passes):
            what = "is out of date" if usable else "is not on this device"
            quoted = issued_by.replace("{", "(").replace("}", ")")
            told = f"the revocation list of {quoted!r} {what}, and a current one is needed for {{}}"
            return depth, Broken(0x80E4, told, _IMPORT)
        if usable:
            warnings.append(f"the revocation list of {issued_by!r} is out of date")
    return None


def _speaks(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    usage = extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        return False
    try:
        if any(extension.critical and extension.oid not in _KNOWN for extension in crl.extensions):
            return False
        return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # TypeError for a key that signs nothing
    except UNREADABLE:
        return False


def _current(crl: x509.CertificateRevocationList, now: datetime) -> bool:
    until = crl.next_update_utc
    return crl.last_update_utc <= now and until is not None and now <= until


def _lists(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    return crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
