"""What runs out, and when: for a glance, for cron, and for monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import attrs

from ..visible import visible
from .issue import moment
from .session import Session
from .state import Sighting

__all__ = ["Expiring", "Rollout", "expiring", "gauges", "rollout"]


@attrs.frozen
class Expiring:
    """Something that devices use and that ends.

    Attributes:
        id: Of the certificate, or of the CA whose revocation list is meant.
        what: `certificate` or `revocation list`.
        common_name: Of its subject.
        devices: Names of the devices that hold it.
        not_after: End of validity, or when the next list is due.
        days: Whole days that are left at the time of asking; negative once it is over.
    """

    id: int
    what: str
    common_name: str
    devices: tuple[str, ...]
    not_after: datetime
    days: int


def _in_use(project: Session, now: datetime) -> Iterator[Expiring]:
    users: dict[int, list[str]] = {}
    consulting: dict[int, list[str]] = {}
    for device in project.devices:
        for entry in project.entries(device=device.name):
            users.setdefault(entry.id, []).append(device.name)
            if entry.facts.is_ca and device.revocation != "off":
                consulting.setdefault(entry.id, []).append(device.name)
    for number, names in sorted(users.items()):
        entry = project.entry(number)
        end = entry.facts.not_after
        yield Expiring(number, "certificate", entry.common_name, tuple(names), end, (end - now) // timedelta(days=1))
    for number, names in sorted(consulting.items()):
        crl = project.crl(number)
        due = crl.next_update_utc if crl is not None else None
        if due is not None:
            name = project.entry(number).common_name
            yield Expiring(number, "revocation list", name, tuple(names), due, (due - now) // timedelta(days=1))


def expiring(project: Session, *, now: datetime, days: int) -> tuple[Expiring, ...]:
    """What the devices use and what ends within `days` days from `now`, soonest first; what has ended included."""
    limit = moment(now) + timedelta(days=days)
    return tuple(sorted((one for one in _in_use(project, now) if one.not_after <= limit), key=lambda one: one.not_after))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def gauges(project: Session, *, now: datetime) -> str:
    """The same as gauges in Prometheus' text format: seconds since 1970 at which each thing ends, per device."""
    names = {"certificate": "ouc_certificate_not_after_seconds", "revocation list": "ouc_crl_next_update_seconds"}
    lines = {metric: [f"# TYPE {metric} gauge"] for metric in names.values()}
    for one in _in_use(project, now):
        for device in one.devices:
            labels = {"project": project.name, "device": device, "id": str(one.id), "common_name": one.common_name}
            inside = ",".join(f'{key}="{_escaped(visible(value))}"' for key, value in labels.items())
            lines[names[one.what]].append(f"{names[one.what]}{{{inside}}} {one.not_after.timestamp():.0f}")
    return "\n".join(line for metric in lines.values() for line in metric) + "\n"


@attrs.frozen
class Rollout:
    """How far a partner has come in a change of CA.

    Attributes:
        sighting: What it presented last.
        stage: `old`, `new`, or `other` for a certificate of neither.
    """

    sighting: Sighting
    stage: str


def rollout(project: Session, *, old: int, new: int) -> tuple[Rollout, ...]:
    """Every partner that a station of the project has seen, and whether it shows a certificate of the new CA yet.

    Raises:
        ParameterError: One of the two IDs does not exist.
    """
    project.entry(old)
    project.entry(new)
    stages = {old: "old", new: "new"}
    return tuple(Rollout(one, stages.get(one.issuer_id or 0, "other")) for one in project.sightings())
