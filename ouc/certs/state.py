"""The content of a project as one immutable value, and the draft in which an operation changes it.

An operation works on a `Draft` and either finishes, and the draft becomes the next `State` in one step, or raises, and
nothing has happened. Where the state is kept (memory, a file) is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs
from cryptography import x509

from ..errors import ParameterError
from .entry import Entry, Tab
from .issue import Signer
from .keys import KeySource, PrivateKey, spki
from .links import find_issuer
from .snapshot import Revocation
from .vault import User, Vault

__all__ = [
    "LAST_ID", "DeviceConfig", "DeviceKind", "Draft", "Event", "Group", "Protection", "RevocationList", "Sighting",
    "State",
]  # fmt: skip

LAST_ID: Final = 0xFFFF_FFFF  # an ID is a UDInt in the connection description
# 1 to 3 belong to the default CAs (R33, R34), so the first certificate of a device is 4, as in the published example.
FIRST_FREE_ID: Final = 4

DeviceKind: TypeAlias = Literal["CPU", "CP", "PC"]
# `process`: in memory. `none`: a file whose keys are in memory only. `clear`: a file with keys in clear.
Protection: TypeAlias = Literal["password", "process", "none", "clear"]


@attrs.frozen(kw_only=True)
class DeviceConfig:
    """A device of the project and what its tables list.

    Attributes:
        name: Unique in the project.
        addresses: IP addresses of every interface, as text.
        names: DNS names.
        kind: `CPU`, `CP` (one device certificate only) or `PC`.
        profile: Firmware profile by name, such as `S7-1500 V3.1`; empty for a partner without documented limits.
        global_settings: "Use global security settings for certificate manager" (R25).
        web, opcua: The server is switched on.
        revocation: What verification does with revocation lists; a CPU ignores them.
        own: IDs of its own certificates.
        partners: IDs in "Certificates of partner devices": CAs, intermediates, partners' certificates.
        roles: "Used as" of a CP's certificates by ID: `device`, `web`.
        former: Addresses and names that it has given up, as subjectAltName entries (`IP:…`, `DNS:…`).
    """

    name: str
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    kind: DeviceKind = "CPU"
    profile: str = "S7-1500 V3.1"
    global_settings: bool = True
    web: bool = False
    opcua: bool = False
    revocation: Revocation = "off"
    own: tuple[int, ...] = ()
    partners: tuple[int, ...] = ()
    roles: Mapping[str, int] = attrs.field(factory=dict)
    former: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """`S7-1500`, `S7-1200`, or empty."""
        return self.profile.partition(" ")[0]


@attrs.frozen
class Group:
    """Several anchors behind one reference, for a rolling change of a CA. Has an ID of its own."""

    id: int
    name: str
    members: tuple[int, ...]


@attrs.frozen
class RevocationList:
    """The current revocation list of one issuer of the project."""

    issuer_id: int
    number: int
    der: bytes = attrs.field(repr=False)
    foreign: bool = False


@attrs.frozen
class Sighting:
    """What a partner presented when a station last saw it."""

    device: str
    partner: str
    at: datetime
    fingerprint: str
    common_name: str
    issuer: str
    issuer_id: int | None
    not_after: datetime


@attrs.frozen
class Event:
    """One line of the history of an ID."""

    at: datetime
    id: int
    what: str
    common_name: str
    fingerprint: str
    note: str = ""


def _frozen(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(dict(value))


@attrs.frozen(kw_only=True)
class State:
    """Everything a project holds except its history. Mappings are read-only."""

    name: str
    uuid: str
    generation: int = 0
    next_id: int = FIRST_FREE_ID
    mirror: bool = False
    protection: Protection = "process"
    entries: Mapping[int, Entry] = attrs.field(factory=dict, converter=_frozen, repr=False)
    devices: Mapping[str, DeviceConfig] = attrs.field(factory=dict, converter=_frozen, repr=False)
    groups: Mapping[int, Group] = attrs.field(factory=dict, converter=_frozen, repr=False)
    crls: Mapping[int, RevocationList] = attrs.field(factory=dict, converter=_frozen, repr=False)
    users: Mapping[str, User] = attrs.field(factory=dict, converter=_frozen, repr=False)
    sightings: Mapping[tuple[str, str], Sighting] = attrs.field(factory=dict, converter=_frozen, repr=False)
    # Keys of requests that went out, by the SHA-256 of their public key, until the signed certificate comes back.
    pending: Mapping[str, bytes] = attrs.field(factory=dict, converter=_frozen, repr=False)
    retired: frozenset[int] = attrs.field(default=frozenset(), repr=False)
    fingerprints: Mapping[str, int] = attrs.field(factory=dict, converter=_frozen, repr=False)

    def used(self, number: int) -> bool:
        """Whether an ID is, or ever was, in use."""
        return number in self.entries or number in self.groups or number in self.retired

    def entry(self, number: int) -> Entry:
        """The entry under an ID.

        Raises:
            ParameterError: There is none now; says whether there was one.
        """
        found = self.entries.get(number)
        if found is None:
            was = "was deleted" if number in self.retired else "does not exist"
            raise ParameterError(f"certificate {number} {was}", where=self.name, remedy="List the IDs: ouc cert list")
        return found

    def device(self, name: str) -> DeviceConfig:
        """The device of a name.

        Raises:
            ParameterError: There is none.
        """
        found = self.devices.get(name)
        if found is None:
            known = ", ".join(sorted(self.devices)[:8]) or "none"
            raise ParameterError(f"there is no device {name!r}", where=self.name, remedy=f"Devices of the project: {known}")
        return found


class Draft:
    """A state being changed by one operation.

    Args:
        state: What to start from.
        vault: The keys that the session can use.
        now: Time of the operation.
        make_key: Where new keys come from.
    """

    def __init__(self, state: State, *, vault: Vault, now: datetime, make_key: KeySource) -> None:
        self.before: Final = state
        self.vault: Final = vault
        self.now: Final = now
        self.make_key: Final = make_key
        self.entries = dict(state.entries)
        self.devices = dict(state.devices)
        self.groups = dict(state.groups)
        self.crls = dict(state.crls)
        self.users = dict(state.users)
        self.sightings = dict(state.sightings)
        self.pending = dict(state.pending)
        self.retired = set(state.retired)
        self.fingerprints = dict(state.fingerprints)
        self.next_id = state.next_id
        self.protection: Protection = state.protection
        self.events: list[Event] = []
        # The key that authenticates the project from now on, where the operation has given it a password.
        self.integrity: bytes | None = None

    def finished(self) -> State:
        """The next state."""
        return attrs.evolve(
            self.before, generation=self.before.generation + 1, next_id=self.next_id, protection=self.protection,
            entries=self.entries, devices=self.devices, groups=self.groups, crls=self.crls, users=self.users,
            sightings=self.sightings, pending=self.pending, retired=frozenset(self.retired), fingerprints=self.fingerprints,
        )  # fmt: skip

    def _used(self, number: int) -> bool:
        return number in self.entries or number in self.groups or number in self.retired

    def allocate(self, wanted: int | None = None, *, reserved: bool = False) -> int:
        """An ID that was never used.

        Args:
            wanted: This one and no other, such as the ID that TIA Portal gave.
            reserved: It is a default CA's own ID; where that is taken the next free one serves.

        Raises:
            ParameterError: The wanted ID was used before or is no ID; or the project takes its IDs from TIA Portal.
        """
        if wanted is not None and not reserved:
            if not 1 <= wanted <= LAST_ID:
                raise ParameterError(
                    f"{wanted} is not an ID; IDs are 1 to {LAST_ID}", where="id",
                    remedy="List the IDs: ouc cert list",
                )
            if self._used(wanted):
                raise ParameterError(
                    f"ID {wanted} was used before; IDs are never used again", where="id",
                    remedy="Leave the ID out, and the next free one is taken",
                )
            return wanted
        if self.before.mirror:
            raise ParameterError(
                "this project mirrors another one and gives out no IDs of its own",
                where=self.before.name,
                remedy="Name the ID that TIA Portal gave: --id",
            )
        if wanted is not None and not self._used(wanted):
            return wanted
        while self._used(self.next_id):
            self.next_id += 1
        if self.next_id > LAST_ID:
            raise ParameterError("every ID has been used", where=self.before.name, remedy="Start another project")
        self.next_id += 1
        return self.next_id - 1

    def entry(self, number: int) -> Entry:
        """As `State.entry`, in the draft."""
        found = self.entries.get(number)
        if found is None:
            was = "was deleted" if number in self.retired else "does not exist"
            raise ParameterError(
                f"certificate {number} {was}", where=self.before.name, remedy="List the IDs: ouc cert list"
            )
        return found

    def device(self, name: str) -> DeviceConfig:
        """As `State.device`, in the draft."""
        return self.devices[name] if name in self.devices else self.before.device(name)

    def put(self, entry: Entry, what: str, note: str = "") -> Entry:
        """Store an entry under its ID, new or changed, and write the line of history."""
        old = self.entries.get(entry.id)
        if old is None or old.facts.fingerprint != entry.facts.fingerprint:
            twin = self.fingerprints.get(entry.facts.fingerprint)
            if twin is not None:
                raise ParameterError(
                    f"this certificate is in the project already, as ID {twin}", remedy=f"Use ID {twin}"
                )
            if old is not None:
                del self.fingerprints[old.facts.fingerprint]
            self.fingerprints[entry.facts.fingerprint] = entry.id
        self.entries[entry.id] = entry
        self.log(entry, what, note)
        return entry

    def remove(self, number: int, what: str = "deleted") -> None:
        """Take an entry out; its ID is retired for good, and nothing refers to it any more."""
        entry = self.entries.pop(number)
        del self.fingerprints[entry.facts.fingerprint]
        self.retired.add(number)
        self.crls.pop(number, None)
        for name, device in self.devices.items():
            if number in device.own or number in device.partners:
                self.devices[name] = attrs.evolve(
                    device,
                    own=tuple(one for one in device.own if one != number),
                    partners=tuple(one for one in device.partners if one != number),
                    roles={role: one for role, one in device.roles.items() if one != number},
                )
        for group in tuple(self.groups.values()):
            if number in group.members:
                self.groups[group.id] = attrs.evolve(group, members=tuple(one for one in group.members if one != number))
        self.log(entry, what)

    def log(self, entry: Entry, what: str, note: str = "") -> None:
        """Write a line of history."""
        self.events.append(Event(self.now, entry.id, what, entry.common_name, entry.facts.fingerprint, note))

    def key(self, entry: Entry) -> PrivateKey:
        """The private key of an entry.

        Raises:
            ParameterError: It is not in the project, or not open to this session.
        """
        if not entry.has_key:
            raise ParameterError(
                f"the private key of certificate {entry.id} is not in the project", where=self.before.name,
                remedy="Import it with its key (PKCS#12)",
            )  # fmt: skip
        return self.vault.unseal(entry.sealed, entry.ring, spki(entry.certificate.public_key()))

    def signer(self, number: int) -> Signer:
        """A CA of the project, ready to sign.

        Raises:
            ParameterError: It is no CA, has been revoked, or its private key is not here (R49).
        """
        entry = self.entry(number)
        if entry.tab is not Tab.CA or not entry.facts.is_ca:
            raise ParameterError(f"certificate {number} is not a CA", where="issuer", remedy="Choose the ID of a CA")
        if entry.revoked is not None:
            raise ParameterError(f"CA {number} has been revoked", where="issuer", remedy="Choose another CA")
        return Signer(entry.certificate, self.key(entry))

    def issuer_of(self, certificate: x509.Certificate, *, own_id: int) -> int | None:
        """ID of the certificate in the project that signed this one; `own_id` if it signed itself."""
        candidates: Iterable[tuple[int, x509.Certificate]] = (
            (one.id, one.certificate)
            for one in self.entries.values()
            if one.facts.is_ca and one.certificate.subject == certificate.issuer
        )
        if certificate.subject == certificate.issuer and find_issuer(certificate, ((own_id, certificate),)) is not None:
            return own_id
        return find_issuer(certificate, candidates)

    def children(self, number: int) -> tuple[Entry, ...]:
        """What an issuer of the project signed, by ID."""
        return tuple(
            one for one in sorted(self.entries.values(), key=lambda one: one.id)
            if one.issuer_id == number and one.id != number
        )  # fmt: skip

    def link(self) -> None:
        """Look for issuers that were missing when a certificate came: the CA may have been imported after it."""
        for one in tuple(self.entries.values()):
            if one.issuer_id is None:
                found = self.issuer_of(one.certificate, own_id=one.id)
                if found is not None:
                    self.entries[one.id] = attrs.evolve(one, issuer_id=found)


