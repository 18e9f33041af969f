"""How the parts of a state are written into the project file: one JSON row each, beside the blobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs

from .entry import Entry, Summary, Tab
from .state import DeviceConfig, Event, Group, RevocationList, Sighting
from .vault import Cost, User

__all__ = [
    "crl_from", "device_from", "device_row", "entry_from", "entry_row", "event_from", "group_from", "group_row",
    "sighting_from", "sighting_row", "user_from",
]  # fmt: skip


def _plain(_: type, __: attrs.Attribute[Any], value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value.value if isinstance(value, Tab) else value


def _dump(value: Any, *leave_out: str) -> str:
    row = attrs.asdict(
        value, filter=lambda attribute, _: attribute.name not in leave_out, value_serializer=lambda _o, a, v: _plain(_o, a, v)
    )
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def _when(row: dict[str, Any], *names: str) -> None:
    for name in names:
        if row[name] is not None:
            row[name] = datetime.fromisoformat(row[name])


def _tuples(row: dict[str, Any], *names: str) -> None:
    for name in names:
        row[name] = tuple(row[name])


def entry_row(entry: Entry) -> str:
    """Everything but the certificate and the key, which are blobs."""
    return _dump(entry, "id", "der", "sealed")


def entry_from(number: int, der: bytes, sealed: bytes, text: str) -> Entry:
    """The inverse of `entry_row`."""
    row = json.loads(text)
    facts = row.pop("facts")
    _when(facts, "not_before", "not_after")
    _tuples(facts, "san", "addresses", "names")
    _when(row, "revoked")
    _tuples(row, "notes")
    row["tab"] = Tab(row["tab"])
    return Entry(id=number, der=bytes(der), sealed=bytes(sealed), facts=Summary(**facts), **row)


def device_row(device: DeviceConfig) -> str:
    """A device and its tables."""
    return _dump(device, "name")


def device_from(name: str, text: str) -> DeviceConfig:
    """The inverse of `device_row`."""
    row = {"former": (), **json.loads(text)}
    _tuples(row, "addresses", "names", "own", "partners", "former")
    return DeviceConfig(name=name, **row)


def group_row(group: Group) -> str:
    """A group of anchors."""
    return _dump(group, "id")


def group_from(number: int, text: str) -> Group:
    """The inverse of `group_row`."""
    row = json.loads(text)
    _tuples(row, "members")
    return Group(number, **row)


def sighting_row(sighting: Sighting) -> str:
    """What a partner presented."""
    return _dump(sighting, "device", "partner")


def sighting_from(device: str, partner: str, text: str) -> Sighting:
    """The inverse of `sighting_row`."""
    row = json.loads(text)
    _when(row, "at", "not_after")
    return Sighting(device=device, partner=partner, **row)


def crl_from(issuer_id: int, number: str, foreign: int, der: bytes) -> RevocationList:
    """A revocation list; its number has up to 160 bits and is kept as text."""
    return RevocationList(issuer_id, int(number), bytes(der), bool(foreign))


def user_from(name: str, right: Any, salt: bytes, n: int, r: int, p: int, sealed: bytes) -> User:
    """A user."""
    return User(name=name, right=right, salt=bytes(salt), cost=Cost(n, r, p), sealed=bytes(sealed))


def event_from(at: str, number: int, what: str, common_name: str, fingerprint: str, note: str) -> Event:
    """A line of history."""
    return Event(datetime.fromisoformat(at), number, what, common_name, fingerprint, note)


def changed(old: Mapping[Any, Any], new: Mapping[Any, Any], same: Callable[[Any, Any], bool]) -> tuple[list[Any], list[Any]]:
    """Keys to write and keys to take out, to come from one mapping to the other."""
    write = [key for key, value in new.items() if key not in old or not same(old[key], value)]
    return write, [key for key in old if key not in new]
