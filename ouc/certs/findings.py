"""What is wrong with certificates that devices use: everything the project knows, for checks that ask before a partner does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

import attrs

from .devices import ids_on
from .entry import Entry
from .fitness import remarks
from .links import chain_ids
from .revocation import named_on, speaks_for
from .revoke import crl_of
from .state import DeviceConfig, State

__all__ = ["CertificateFinding", "findings", "revoked_at"]


@attrs.frozen
class CertificateFinding:
    """Something wrong with a certificate in use.

    Attributes:
        id: Of the certificate.
        what: `revoked`, `below a revoked CA`, `refused by TLS` or `revocation list`.
        common_name: Of its subject.
        devices: Names of the devices that hold it.
        message: One sentence without a final full stop.
        remedy: What to do about it.
    """

    id: int
    what: str
    common_name: str
    devices: tuple[str, ...]
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"certificate {self.id} ({self.common_name}) {self.message}; on {', '.join(self.devices)}. {self.remedy}"


def revoked_at(state: State, entry: Entry) -> datetime | None:
    """When a certificate was revoked: in this project, or on a list that was imported; None if it was not."""
    if entry.revoked is not None or entry.issuer_id in (None, entry.id):
        return entry.revoked
    listed = state.crls.get(entry.issuer_id or 0)
    issuer = state.entries.get(entry.issuer_id or 0)
    if listed is None or issuer is None:
        return None
    crl = crl_of(listed.der)
    return named_on(crl, entry.certificate) if speaks_for(crl, issuer.certificate) else None


_RENEW: Final = (
    "Renew it, which keeps its ID (ouc cert renew PROJECT {id}), and download; or take it out: "
    "ouc cert unassign PROJECT {id} DEVICE"
)


def _revoked(state: State, entry: Entry) -> tuple[str, str] | None:
    at = revoked_at(state, entry)
    if at is None:
        return None
    reason = f", {entry.reason}" if entry.reason else ""
    return f"was revoked on {at:%Y-%m-%d}{reason}", _RENEW.format(id=entry.id)


def _below_revoked(state: State, entry: Entry) -> tuple[str, str] | None:
    above = chain_ids(entry.id, lambda one: state.entries[one].issuer_id if one in state.entries else None)[0]
    for number in above:
        if revoked_at(state, state.entries[number]) is not None:
            return f"was issued below CA {number}, which is revoked", "Issue it from another CA: ouc cert renew PROJECT " \
                f"{entry.id} --issuer ID"
    return None


def _refused(_: State, entry: Entry) -> tuple[str, str] | None:
    told = remarks(entry.certificate)
    # What the project made has the names of its device, or was asked to have none; a note says so there.
    found = next((one for one in told if entry.imported or "subjectAltName" not in one.what), None)
    return None if found is None else (f"has a fault: {found.what}", found.remedy)


CHECKS: Final[Mapping[str, Callable[[State, Entry], tuple[str, str] | None]]] = {
    "revoked": _revoked, "below a revoked CA": _below_revoked, "refused by TLS": _refused,
}  # fmt: skip


def findings(state: State) -> tuple[CertificateFinding, ...]:
    """What is wrong with what the devices of a project use, by ID. Dates are told by `expiring`."""
    users: dict[int, list[str]] = {}
    for device in state.devices.values():
        for number in ids_on(state, device):
            users.setdefault(number, []).append(device.name)
    found = [one for number in sorted(users) for one in _of(state, state.entries[number], tuple(sorted(users[number])))]
    return (*found, *(one for device in state.devices.values() for one in _lists(state, device)))


def _of(state: State, entry: Entry, devices: tuple[str, ...]) -> Iterator[CertificateFinding]:
    for what, check in CHECKS.items():
        told = check(state, entry)
        if told is not None:
            yield CertificateFinding(entry.id, what, entry.common_name, devices, *told)


def _lists(state: State, device: DeviceConfig) -> Iterator[CertificateFinding]:
    """CAs whose certificates a device refuses, because it requires a list and there is none."""
    if device.revocation != "required":
        return
    held = ids_on(state, device)
    issuing = {state.entries[one].issuer_id for one in held if state.entries[one].issuer_id != one}
    for number in sorted(one for one in issuing if one in held and one not in state.crls):
        entry = state.entries[number]
        yield CertificateFinding(
            number, "revocation list", entry.common_name, (device.name,), "has no revocation list, and one is required",
            f"Make one (ouc cert crl PROJECT {number} --days 30) or import it (--import FILE), and download",
        )
