"""Revocation that works: reasons, numbered lists with an end, and lists of foreign CAs.

TIA Portal itself exports empty lists only and its CPUs consult none (certificates.md 3); what is here is for partners that
do, and for devices of this library whose policy is `if-present` or `required`.
"""

from __future__ import annotations

from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import CertificateError, ParameterError
from .entry import Entry
from .extensions import UNREADABLE, extension, load_crl, serial_of
from .issue import Revoked, make_crl, reason_flag
from .revocation import named_on, unusable
from .state import Draft, RevocationList

__all__ = ["CRL_DAYS", "empty_crl", "import_crl", "make_list", "revoke"]

# Days until the next list is due, where nobody says otherwise.
CRL_DAYS: Final = 30
# What fits into a line of a list (RFC 5280 4.1.2.2: 20 octets, positive).
_SERIAL_BITS: Final = 159

_UNASSIGN: Final = "Take it out of the devices that trust it: ouc cert unassign"


def revoke(draft: Draft, number: int, reason: str) -> Entry:
    """Revoke a certificate that a CA of the project issued, and put it on a new list.

    Raises:
        ParameterError: It is revoked already, signs itself, or its CA's key is not in the project.
    """
    entry = draft.entry(number)
    reason_flag(reason)
    if entry.revoked is not None:
        raise ParameterError(
            f"certificate {number} was revoked on {entry.revoked:%Y-%m-%d}",
            remedy="Give its owner a new one: ouc cert renew",
        )
    if entry.issuer_id is None or entry.issuer_id == number:
        raise ParameterError(
            f"certificate {number} was not issued by a CA of the project", remedy=_UNASSIGN
        )
    serial = serial_of(entry.certificate)
    if serial <= 0 or serial.bit_length() > _SERIAL_BITS:
        raise ParameterError(
            f"no revocation list can name certificate {number}: its serial number is not positive, or longer than 20 octets",
            remedy=_UNASSIGN,
        )
    revoked = attrs.evolve(entry, revoked=draft.now, reason=reason)
    draft.entries[number] = revoked
    draft.log(revoked, "revoked", reason)
    # A certificate that lost its place to a renewal may still be abroad: the old serial stays on the list too.
    make_list(draft, entry.issuer_id, CRL_DAYS)
    return revoked


def make_list(draft: Draft, issuer_id: int, days: int) -> RevocationList:
    """A new complete list of a CA: the next number, what is revoked now and what the last list said."""
    signer = draft.signer(issuer_id)
    usage = extension(signer.certificate, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        raise ParameterError(
            f"CA {issuer_id} may not sign revocation lists (key usage without cRLSign), so nobody would believe one",
            remedy=f"Renew the CA, which keeps its key: ouc cert renew PROJECT {issuer_id}",
        )
    last = draft.crls.get(issuer_id)
    if last is not None and last.foreign:
        raise ParameterError(
            f"CA {issuer_id} has a list from elsewhere, number {last.number}", remedy="Import its next list instead"
        )
    lines = {
        int(one.facts.serial, 16): Revoked(int(one.facts.serial, 16), one.revoked, one.reason)
        for one in draft.children(issuer_id)
        if one.revoked is not None
    }
    for old in crl_of(last.der) if last is not None else ():
        lines.setdefault(old.serial_number, Revoked(old.serial_number, old.revocation_date_utc, _reason(old)))
    number = 1 if last is None else last.number + 1
    crl = make_crl(signer, lines.values(), number=number, now=draft.now, days=days)
    draft.crls[issuer_id] = RevocationList(issuer_id, number, crl.public_bytes(Encoding.DER))
    draft.log(draft.entry(issuer_id), "revocation list", f"number {number}, {len(lines)} revoked")
    return draft.crls[issuer_id]


def _reason(line: x509.RevokedCertificate) -> str:
    try:
        return line.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return "unspecified"


def empty_crl(draft: Draft, issuer_id: int, days: int) -> bytes:
    """The empty list that TIA Portal exports, for clients that insist on one per CA. Not kept.

    Raises:
        ParameterError: Certificates of this CA are revoked: an empty list would bring them back.
    """
    if issuer_id in draft.crls:
        current = crl_of(draft.crls[issuer_id].der)
        what = "has revoked certificates; an empty list would make them valid again" if len(current) else (
            f"has a list already, number {draft.crls[issuer_id].number}; numbers only grow")  # fmt: skip
        raise ParameterError(
            f"CA {issuer_id} {what}", remedy="Write its current list (ouc cert crl -o FILE), or make the next one (--days N)"
        )
    # Number 0, below the first list that is kept: whoever has the empty one must take that one over.
    crl = make_crl(draft.signer(issuer_id), (), number=0, now=draft.now, days=days)
    return crl.public_bytes(Encoding.DER)


def import_crl(draft: Draft, crl: x509.CertificateRevocationList) -> RevocationList:
    """Take over a list from the CA that issued it; only a newer one replaces what is there.

    Raises:
        CertificateError: No CA of the project made its signature, or no check could use it (16#80E4).
        ParameterError: It is older than the one that is there.
    """
    reason = ""
    for entry in sorted(draft.entries.values(), key=lambda one: one.id):
        if entry.facts.is_ca and entry.certificate.subject == crl.issuer:
            reason = unusable(crl, entry.certificate)
            if not reason:
                return _take(draft, entry, crl)
    if reason:
        raise CertificateError(
            f"this revocation list cannot be used: {reason}", status=0x80E4, where=crl.issuer.rfc4514_string(),
            remedy="Get the complete list that the CA itself has signed",
        )  # fmt: skip
    raise CertificateError(
        "no CA of the project signed this revocation list", status=0x80E4, where=crl.issuer.rfc4514_string(),
        remedy="Import the CA first",
    )  # fmt: skip


def _take(draft: Draft, entry: Entry, crl: x509.CertificateRevocationList) -> RevocationList:
    last = draft.crls.get(entry.id)
    number = crl_number(crl)
    if last is not None:
        if not last.foreign:
            raise ParameterError(f"CA {entry.id} keeps its own list here", remedy="Revoke with: ouc cert revoke")
        _refuse_older(crl, crl_of(last.der))
    draft.crls[entry.id] = RevocationList(entry.id, number, crl.public_bytes(Encoding.DER), foreign=True)
    draft.log(entry, "revocation list", f"number {number} imported, {len(crl)} revoked")
    mark_listed(draft)
    return draft.crls[entry.id]


def mark_listed(draft: Draft) -> None:
    """Mark what foreign lists name, and nothing else that their CAs issued: a hold may have been lifted."""
    for listed in draft.crls.values():
        if not listed.foreign:
            continue
        crl = crl_of(listed.der)
        for child in draft.children(listed.issuer_id):
            at = named_on(crl, child.certificate)
            if at != child.revoked:
                marked = draft.entries[child.id] = attrs.evolve(child, revoked=at, reason="" if at is None else "listed")
                draft.log(marked, "revoked" if at is not None else "no longer revoked", f"list {listed.number}")


def _refuse_older(crl: x509.CertificateRevocationList, last: x509.CertificateRevocationList) -> None:
    """Numbers only grow (RFC 5280 5.2.3), and dates decide between equal ones; a list without number has its date alone."""
    numbers = crl_number(crl), crl_number(last)
    if numbers[0] < numbers[1] or (numbers[0] == numbers[1] and crl.last_update_utc < last.last_update_utc):
        raise ParameterError(
            f"revocation list {numbers[0]} of {crl.last_update_utc:%Y-%m-%d %H:%M} is older than number {numbers[1]} of "
            f"{last.last_update_utc:%Y-%m-%d %H:%M}, which is here already",
            remedy="Get the current list of the CA",
        )


def crl_of(der: bytes) -> x509.CertificateRevocationList:
    """Parse a stored list.

    Raises:
        ParameterError: It is damaged.
    """
    try:
        return load_crl(der)
    except UNREADABLE as error:
        what = f"a stored revocation list is damaged: {error}"
        raise ParameterError(what, remedy="Restore a backup of the project") from error


def crl_number(crl: x509.CertificateRevocationList) -> int:
    """Its number; 0 where it has none."""
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (x509.ExtensionNotFound, ValueError):
        return 0
