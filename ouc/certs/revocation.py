"""Asking revocation lists: which list speaks for a certificate, whether it is current, and what it says (RFC 5280 6.3).

A list that cannot be used is never passed over in silence: it is a warning where lists are consulted if they are there, and
the reason for refusing where one is required. Under a strict policy it refuses in both cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import attrs
from cryptography import x509

from .extensions import UNREADABLE, extension, serial_of
from .names import common_name
from .rules import Broken

__all__ = ["check_revocation", "named_on", "speaks_for", "unusable"]

_IMPORT: Final = "Import the issuer's current revocation list, complete and signed by it: ouc cert crl PROJECT --import FILE"
_REPLACE: Final = "Give the partner a new certificate"
# Critical extensions of a list whose rules are known.
_KNOWN: Final = frozenset({x509.AuthorityKeyIdentifier.oid, x509.CRLNumber.oid})
# A reason code is never critical (RFC 5280 5.3.1) and needs no rules: revoked is revoked.
_KNOWN_IN_LINES: Final = frozenset({x509.CRLReason.oid})

Crl = x509.CertificateRevocationList


def check_revocation(
    path: Sequence[x509.Certificate],
    crls: Sequence[Crl],
    *,
    now: datetime,
    required: bool,
    strict: bool = False,
    warnings: list[str],
    stale_passes: bool = True,
) -> tuple[int, Broken] | None:
    """The first certificate, from the root down, that is revoked or cannot be cleared.

    Args:
        path: Leaf first, root last; the root is its own judge and not asked about.
        crls: Lists that the device holds.
        now: Time of judgement.
        required: A current list is needed for every certificate; otherwise what is there is consulted, also when stale.
        strict: A list that cannot be used refuses, and lists keep what RFC 5280 demands of those who issue them.
        warnings: Gets a sentence for every stale list that was consulted and for every list that cannot be used.
        stale_passes: A stale list passes what it does not name, where none is required.

    Returns:
        Depth and broken rule, None if nothing is revoked.
    """
    asked = _Asked(now=now, required=required, strict=strict, stale_passes=stale_passes)
    for depth in range(len(path) - 2, -1, -1):
        broken = _check_one(path[depth], path[depth + 1], crls, asked, warnings)
        if broken is not None:
            return depth, broken
    return None


@attrs.frozen(kw_only=True)
class _Asked:
    """How one verdict asks."""

    now: datetime
    required: bool
    strict: bool
    stale_passes: bool


def _check_one(
    one: x509.Certificate, issuer: x509.Certificate, crls: Sequence[Crl], asked: _Asked, warnings: list[str]
) -> Broken | None:
    judged = [(crl, unusable(crl, issuer, strict=asked.strict)) for crl in crls if crl.issuer == one.issuer]
    usable = [crl for crl, reason in judged if not reason]
    if any(named_on(crl, one) is not None for crl in usable):
        return Broken(0x80E3, "{} was revoked by its issuer", _REPLACE)
    whose = f"the revocation list of {common_name(issuer.subject)!r}"
    bad = [f"{whose} cannot be used: {reason}" for _, reason in judged if reason]
    late = [f"{whose} is {when}" for crl in usable if (when := _out_of_time(crl, asked.now))]
    warnings += bad
    if bad and asked.strict:
        return _refused(bad[0])
    if len(late) < len(usable):
        return None
    if asked.required or (late and not asked.stale_passes):
        return _refused((late + bad or [f"{whose} is not on this device"])[0])
    warnings += late[:1]
    return None


def _refused(why: str) -> Broken:
    quoted = why.replace("{", "(").replace("}", ")")
    return Broken(0x80E4, f"{quoted}, and it is needed for {{}}", _IMPORT)


def speaks_for(crl: Crl, issuer: x509.Certificate) -> bool:
    """Whether a list is this issuer's, and can be used."""
    return crl.issuer == issuer.subject and not unusable(crl, issuer)


class _List:
    """A list as a key: cryptography compares lists and has no hash for them."""

    def __init__(self, crl: Crl) -> None:
        self.crl = crl

    def __hash__(self) -> int:
        return hash(self.crl.signature)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _List) and self.crl == other.crl


def unusable(crl: Crl, issuer: x509.Certificate, *, strict: bool = False) -> str:
    """Why a list says nothing about the certificates of an issuer of its name; empty if it does speak for them."""
    return _unusable(_List(crl), issuer, strict)


# Remembered: a station asks before every handshake, and a list may have a hundred thousand lines.
@lru_cache(maxsize=32)
def _unusable(listed: _List, issuer: x509.Certificate, strict: bool) -> str:  # noqa: FBT001
    try:
        checks = (*_CHECKS, *_STRICT) if strict else _CHECKS
        return next((reason for check in checks if (reason := check(listed.crl, issuer))), "")
    except UNREADABLE as error:
        return f"a part of it cannot be read ({error})"


def _may_sign(_: Crl, issuer: x509.Certificate) -> str:
    """RFC 5280 6.3.3 f."""
    usage = extension(issuer, x509.KeyUsage)
    return "" if usage is None or usage.crl_sign else "its issuer may not sign lists (key usage without cRLSign)"


def _is_complete(crl: Crl, _: x509.Certificate) -> str:
    """Lists that cover some certificates or reasons only, and differences to another list, do not answer the question."""
    held = {one.oid for one in crl.extensions}
    if x509.DeltaCRLIndicator.oid in held:
        return "it is only the difference to another list (delta)"
    return "it covers only a part (issuing distribution point)" if x509.IssuingDistributionPoint.oid in held else ""


def _is_understood(crl: Crl, _: x509.Certificate) -> str:
    """RFC 5280 5.2 and 5.3: a list with a critical extension that is not known must not be used."""
    for one in crl.extensions:
        if one.critical and one.oid not in _KNOWN:
            return f"its critical extension {one.oid.dotted_string} is not supported"
    for line in crl:
        for one in line.extensions:
            if one.critical and one.oid not in _KNOWN_IN_LINES:
                return f"the critical extension {one.oid.dotted_string} of one of its lines is not supported"
    return ""


def _is_signed(crl: Crl, issuer: x509.Certificate) -> str:
    try:
        good = crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # TypeError: a key that signs nothing
    except UNREADABLE:
        return "its signature is of a kind that is not supported"
    return "" if good else "its signature is not its issuer's"


def _is_numbered(crl: Crl, _: x509.Certificate) -> str:
    """RFC 5280 5.2.3: issuers must number their lists, in an extension that is not critical."""
    found = next((one for one in crl.extensions if one.oid == x509.CRLNumber.oid), None)
    return "it has no number" if found is None else "its number is a critical extension" if found.critical else ""


def _names_its_key(crl: Crl, _: x509.Certificate) -> str:
    """RFC 5280 5.2.1: issuers must name the key that signed."""
    found = next((one for one in crl.extensions if isinstance(one.value, x509.AuthorityKeyIdentifier)), None)
    good = found is not None and not found.critical and found.value.key_identifier is not None
    return "" if good else "it does not name its issuer's key (authority key identifier)"


def _has_an_end(crl: Crl, _: x509.Certificate) -> str:
    """RFC 5280 5.1.2.5: issuers must say when the next list comes."""
    return "" if crl.next_update_utc is not None else "it does not say when the next one is due"


_CHECKS: Final[tuple[Callable[[Crl, x509.Certificate], str], ...]] = (_may_sign, _is_signed, _is_complete, _is_understood)
# RFC 5280's demands on those who issue lists, for a strict policy.
_STRICT: Final[tuple[Callable[[Crl, x509.Certificate], str], ...]] = (_is_numbered, _names_its_key, _has_an_end)


def _out_of_time(crl: Crl, now: datetime) -> str:
    until = crl.next_update_utc
    if crl.last_update_utc > now:
        return "not yet valid"
    return "out of date" if until is None or now > until else ""


def named_on(crl: Crl, certificate: x509.Certificate) -> datetime | None:
    """When a list says that a certificate was revoked; None if it does not name it."""
    number = serial_of(certificate)
    if number < 0:  # cryptography does not look for those
        line = next((one for one in crl if one.serial_number == number), None)
    else:
        line = crl.get_revoked_certificate_by_serial_number(number)
    return None if line is None else line.revocation_date_utc
