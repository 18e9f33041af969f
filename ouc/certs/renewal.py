"""What a successor of a certificate takes over from it, and in what it differs.

A renewed certificate should serve as its predecessor did, on the device as it is now: the span of validity stays, addresses
that the device has given up go, its present ones come in, and what somebody entered by hand stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509

from .entry import Entry
from .issue import MAX_DAYS, Signer
from .names import parse_san, san_entries, san_text
from .state import DeviceConfig

__all__ = ["differences", "former_entries", "own_entries", "renewed_end", "renewed_san"]


def own_entries(device: DeviceConfig) -> tuple[str, ...]:
    """The subjectAltName entries of a device's addresses and names."""
    return (*(f"IP:{one}" for one in device.addresses), *(f"DNS:{one}" for one in device.names))


def former_entries(before: DeviceConfig, now: DeviceConfig) -> tuple[str, ...]:
    """What a device has given up, all of it since it was made."""
    present = own_entries(now)
    return tuple(one for one in dict.fromkeys((*before.former, *own_entries(before))) if one not in present)


def renewed_san(old: Entry, device: DeviceConfig | None) -> tuple[x509.GeneralName, ...]:
    """The subjectAltName of a successor.

    Addresses and names are looked at apart: where the certificate carries one that is or was the device's, former ones go and
    present ones come in. Where it carries addresses and none of them is or was the device's, all of them are taken for former
    ones: projects of earlier versions did not note what a device has given up. Whatever else is in it stays.
    """
    entries = san_entries(old.certificate)
    if device is None:
        return entries
    carried = [san_text(one) for one in entries]
    stale, fresh = set(device.former), []
    for kind in ("IP:", "DNS:"):
        present = [one for one in own_entries(device) if one.startswith(kind)]
        mine = [one for one in carried if one.startswith(kind)]
        if not {*present, *stale}.intersection(mine):
            if kind == "DNS:" or not (mine and present):
                continue
            stale |= set(mine)
        fresh += [one for one in present if one not in mine]
    kept = [one for one, text in zip(entries, carried, strict=True) if text not in stale]
    return (*kept, *parse_san(fresh))


def renewed_end(old: Entry, start: datetime, signer: Signer | None) -> datetime:
    """End of validity: the span stays, within the issuer's."""
    span = min(old.facts.not_after - old.facts.not_before, timedelta(days=MAX_DAYS))
    return start + span if signer is None else min(start + span, signer.certificate.not_valid_after_utc)


def _days(entry: Entry) -> int:
    # Certificates of some tools end one second before the day does.
    return round((entry.facts.not_after - entry.facts.not_before) / timedelta(days=1))


def differences(old: Entry, new: Entry) -> tuple[str, ...]:
    """In what a certificate differs from its predecessor under the same ID, one sentence each, without what always does."""
    before, now = old.facts, new.facts
    pairs: Sequence[tuple[str, object, object]] = (
        ("common name", before.common_name, now.common_name),
        ("issuer", before.issuer, now.issuer),
        ("key", before.key_type, now.key_type),
        ("signature", before.algorithm, now.algorithm),
        ("days of validity", _days(old), _days(new)),
    )
    found = [f"{what}: {one} became {other}" for what, one, other in pairs if one != other]
    gone = [text for text in before.san if text not in now.san]
    come = [text for text in now.san if text not in before.san]
    if come or gone:
        parts = [f"{verb} {', '.join(texts)}" for verb, texts in (("without", gone), ("with", come)) if texts]
        found.append(f"subjectAltName: {', '.join(parts)}")
    return tuple(found)
