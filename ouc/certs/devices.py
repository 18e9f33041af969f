"""Local managers: what each device's tables list, and what switching something on does by itself.

Sources: certificates.md 1.1, 1.2, 1.8; requirements.md R24 to R30, R57, R58, R142, R143.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final

import attrs

from ..errors import ParameterError
from ..profiles import profile
from .create import Wish, create, lacking, renew
from .entry import Entry, Tab
from .keys import PrivateKey
from .links import chain_ids
from .names import san_entries
from .renewal import former_entries, renewed_san
from .snapshot import CERTIFICATE_LIMIT, Held, Revocation, Role
from .state import DeviceConfig, Draft, State
from .templates import TEMPLATES

__all__ = [
    "SMALLER", "add_device", "assign", "check_limits", "content", "delete", "held_by", "ids_on", "overfull", "readdress",
    "remove_device", "set_profile", "set_revocation", "switch_on", "too_many", "unassign", "use_global_settings",
    "use_local_settings",
]  # fmt: skip

SMALLER: Final = "Trust a CA instead of many certificates, or unassign what is not used"

# "Used as" in the Assign dialog of a CP (certificates.md 1.8), and what the manager's column then says.
ROLES: Final = {"device": "SSL certificate", "web": "Web server", "trusted": ""}


def add_device(draft: Draft, device: DeviceConfig) -> Entry | None:
    """Put a device into the project; a CPU brings the certificate of its PG/HMI communication (R28).

    Raises:
        ParameterError: The name is taken or unusable, or an address is none.
    """
    if device.name in draft.devices:
        raise ParameterError(
            f"there is a device {device.name!r} already", where=draft.before.name,
            remedy="Choose another name",
        )
    if not 0 < len(device.name) <= 40 or not device.name.isprintable() or "/" in device.name:
        raise ParameterError(f"{device.name!r} cannot be the name of a device", where="name",
                             remedy="1 to 40 characters without '/'")  # fmt: skip
    if device.kind not in ("CPU", "CP", "PC"):
        raise ParameterError(f"kind {device.kind!r} is not known", where="kind", remedy="Choose among CPU, CP, PC")
    draft.devices[device.name] = attrs.evolve(
        device, addresses=_addresses(device.addresses), profile=_profile_name(device.profile)
    )
    set_revocation(draft, device.name, device.revocation)
    return _communication(draft, device.name)


def _communication(draft: Draft, name: str) -> Entry | None:
    """The certificate of the PG/HMI communication, for a CPU whose firmware secures it (R18, R28)."""
    device = draft.devices[name]
    if device.kind != "CPU" or draft.before.mirror or lacking(device, TEMPLATES["communication"]):
        return None
    if any(draft.entries[number].usage == "communication" for number in device.own):
        return None
    return create(draft, Wish(usage="communication", device=name))


def _profile_name(given: str) -> str:
    """A profile in the one spelling that is compared; empty for a partner without documented limits."""
    return profile(given).name if given else ""


def set_profile(draft: Draft, name: str, wanted: str) -> tuple[int, ...]:
    """Another CPU or firmware for a device.

    Returns:
        IDs of its own certificates that this firmware has no use for.

    Raises:
        ParameterError: There is no such profile.
    """
    device = draft.devices[name] = attrs.evolve(draft.device(name), profile=_profile_name(wanted))
    _communication(draft, name)
    rows = ((number, TEMPLATES.get(draft.entries[number].usage)) for number in device.own)
    return tuple(number for number, row in rows if row is not None and lacking(device, row))


def _addresses(given: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(str(ip_address(one)) for one in given))
    except ValueError as error:
        raise ParameterError(str(error), where="addresses", remedy="Write 192.168.0.1") from None


_SERVICES: Final = ("web", "opcua")


def switch_on(draft: Draft, name: str, service: str) -> Entry:
    """Activate the web server or the OPC UA server, which brings its certificate (R29).

    Returns:
        The certificate, new or already there.
    """
    device = draft.device(name)
    if service not in _SERVICES:
        raise ParameterError(f"service {service!r} is not known", remedy=f"Choose among {', '.join(_SERVICES)}")
    draft.devices[name] = attrs.evolve(
        device, web=device.web or service == "web", opcua=device.opcua or service == "opcua"
    )
    for number in device.own:
        if draft.entries[number].usage == service:
            return draft.entries[number]
    return create(draft, Wish(usage=service, device=name))


def use_global_settings(draft: Draft, name: str) -> tuple[int, ...]:
    """Switch "Use global security settings" on: the local manager is wiped and its automatic certificates made anew.

    Private keys cannot be restored, and IDs change; programs that name them have to be corrected (R30).

    Returns:
        The IDs that are gone.
    """
    device = draft.device(name)
    if device.global_settings:
        return ()
    gone = tuple(number for number in device.own if draft.entries[number].device == name)
    services = [draft.entries[number].usage for number in gone]
    for number in gone:
        draft.remove(number, "deleted with the local manager")
    draft.devices[name] = attrs.evolve(draft.devices[name], global_settings=True)
    for usage in services:
        if usage in ("communication", *_SERVICES):
            create(draft, Wish(usage=usage, device=name))
    return gone


def use_local_settings(draft: Draft, name: str) -> None:
    """Switch it off: the device keeps what it made itself and loses sight of everything else (R25)."""
    device = draft.device(name)
    local = tuple(number for number in device.own if draft.entries[number].issuer_id == number)
    draft.devices[name] = attrs.evolve(device, global_settings=False, own=local, partners=(), roles={})


def readdress(draft: Draft, name: str, addresses: Sequence[str], names: Sequence[str] | None) -> tuple[int, ...]:
    """Change a device's addresses; its local certificates follow by themselves, global ones do not (R142, R143).

    Returns:
        IDs of the certificates that still carry the old addresses and have to be renewed by hand.
    """
    before = draft.device(name)
    device = attrs.evolve(before, addresses=_addresses(addresses), names=before.names if names is None else tuple(names))
    draft.devices[name] = device = attrs.evolve(device, former=former_entries(before, device))
    stale = []
    for number in device.own:
        entry = draft.entries[number]
        if entry.device != name or renewed_san(entry, device) == san_entries(entry.certificate):
            continue
        if device.global_settings:
            stale.append(number)
        else:
            renew(draft, number, Wish(usage=entry.usage), keep_key=True)
    return tuple(stale)


def assign(draft: Draft, number: int, name: str, used_as: str | None) -> Entry:
    """List a certificate in a device's tables, as its own or as a partner's (R24, R57, R58).

    Args:
        draft: The operation's draft.
        number: ID of the certificate.
        name: The device.
        used_as: `device`, `web` or `trusted`; by default `device` where the private key is here, else `trusted`.

    Raises:
        ParameterError: The key is missing, the role of the CP is taken, or the device holds 64 certificates.
    """
    entry, device = draft.entry(number), draft.device(name)
    role = used_as or ("device" if entry.has_key and entry.tab is Tab.DEVICE else "trusted")
    if role not in ROLES:
        raise ParameterError(f"'used as' {role!r} is not known", remedy=f"Choose among {', '.join(ROLES)}")
    if not device.global_settings:
        raise ParameterError(
            f"{name} uses its local certificate manager, which knows no certificates but its own", where=name,
            remedy="Switch on 'Use global security settings for certificate manager': ouc device set --global",
        )  # fmt: skip
    if role == "trusted":
        if number not in device.partners:
            device = attrs.evolve(device, partners=(*device.partners, number))
    else:
        if not entry.has_key or entry.facts.is_ca:
            raise ParameterError(
                f"certificate {number} cannot be a device's own: "
                + ("it is a CA" if entry.facts.is_ca else "its private key is not in the project"),
                remedy="Import it with its private key: ouc cert import --as device --key FILE",
            )
        taken = device.roles.get(role)
        if device.kind == "CP" and taken not in (None, number):
            raise ParameterError(
                f"{name} has its {role} certificate already, ID {taken}", remedy=f"Unassign {taken} first"
            )
        roles: Mapping[str, int] = {**device.roles, role: number} if device.kind == "CP" else device.roles
        own = device.own if number in device.own else (*device.own, number)
        device = attrs.evolve(device, own=own, roles=roles)
        row = TEMPLATES.get(entry.usage)
        entry = attrs.evolve(entry, used_as=row.used_as if row is not None and role == "device" else ROLES[role])
    draft.devices[name] = device
    draft.entries[number] = entry
    draft.log(entry, "assigned", f"{name}, {role}")
    return entry


def overfull(state: State | Draft) -> dict[str, int]:
    """Devices that a download would bring more certificates than fit, with how many."""
    counts = {name: len(_roles(state.entries, device)) for name, device in state.devices.items()}
    return {name: count for name, count in counts.items() if count > CERTIFICATE_LIMIT}


def too_many(name: str, count: int) -> str:
    """What is said about such a device."""
    return f"{count} certificates for {name}; at most {CERTIFICATE_LIMIT} fit"


def check_limits(draft: Draft) -> None:
    """Refuse an operation after which more certificates belong to a device than fit, also by way of chains.

    What was too much before, in a project of an earlier version, may become less step by step.

    Raises:
        ParameterError: There are too many; says for which device.
    """
    full = overfull(draft)
    before = overfull(draft.before) if full else {}
    for name, count in full.items():
        if count > before.get(name, CERTIFICATE_LIMIT):
            raise ParameterError(too_many(name, count), where=name, remedy=SMALLER)


def unassign(draft: Draft, number: int, name: str) -> Entry:
    """Take a certificate out of a device's tables. It stays in the project; a local one has nowhere else to be."""
    entry, device = draft.entry(number), draft.device(name)
    if number not in device.own and number not in device.partners:
        raise ParameterError(
            f"certificate {number} is not assigned to {name}", where=name,
            remedy="List what it holds: ouc device show",
        )
    if not device.global_settings:
        draft.remove(number)
        return entry
    draft.devices[name] = attrs.evolve(
        device,
        own=tuple(one for one in device.own if one != number),
        partners=tuple(one for one in device.partners if one != number),
        roles={role: one for role, one in device.roles.items() if one != number},
    )
    if entry.tab is Tab.DEVICE and not any(number in other.own for other in draft.devices.values()):
        entry = draft.entries[number] = attrs.evolve(entry, used_as="Not assigned")
    draft.log(entry, "unassigned", name)
    return entry


def delete(draft: Draft, number: int) -> Entry:
    """Delete an entry for good (certificates.md 1.1, R39).

    Raises:
        ParameterError: It is a default CA, a CP's, or a CA whose certificates are still in use.
    """
    entry = draft.entry(number)
    if entry.default_ca:
        raise ParameterError(
            f"certificate {number} is a CA of the project itself and cannot be deleted",
            remedy="Make a successor under its ID: ouc cert renew",
        )
    for device in draft.devices.values():
        if device.kind == "CP" and number in device.roles.values():
            raise ParameterError(
                f"certificate {number} is assigned to {device.name}", remedy=f"Unassign it from {device.name} first"
            )
    children = draft.children(number)
    if children:
        ids = ", ".join(str(child.id) for child in children[:8])
        raise ParameterError(f"CA {number} has issued certificates that are still here: {ids}", remedy="Delete them first")
    draft.remove(number)
    return entry


def remove_device(draft: Draft, name: str) -> None:
    """Take a device out; what its local manager alone held goes with it."""
    device = draft.device(name)
    if not device.global_settings:
        for number in device.own:
            draft.remove(number, "deleted with its device")
    del draft.devices[name]


def set_revocation(draft: Draft, name: str, policy: Revocation) -> None:
    """Choose what a device does with revocation lists."""
    if policy not in ("off", "if-present", "required"):
        raise ParameterError(f"policy {policy!r} is not known", remedy="Choose among off, if-present, required")
    draft.devices[name] = attrs.evolve(draft.device(name), revocation=policy)


def ids_on(state: State, device: DeviceConfig) -> tuple[int, ...]:
    """IDs that a download brings to the device."""
    return tuple(_roles(state.entries, device))


def content(state: State, device: DeviceConfig) -> tuple[object, ...]:
    """What a download consists of, comparable: equal content is no new generation for the device."""
    roles = _roles(state.entries, device)
    on_device = ((role, state.entries[number]) for number, role in roles.items())
    return (
        tuple((one.id, role, one.facts.fingerprint, one.has_key, one.issuer_id) for role, one in on_device),
        device.revocation,
        tuple(state.groups.values()),
        tuple((issuer, crl.number, crl.der) for issuer, crl in state.crls.items() if issuer in roles),
    )


def _roles(entries: Mapping[int, Entry], device: DeviceConfig) -> dict[int, Role]:
    """What a download brings to the device, by ID (certificates.md 1.1).

    Own certificates with the CAs above them: CAs of the project verify partners, foreign ones only once they are assigned.
    Partners' certificates and CAs with everything above them that the project knows.
    """
    def above(number: int) -> tuple[int, ...]:
        return chain_ids(number, lambda one: entries[one].issuer_id if one in entries else None)[0]

    found: dict[int, Role] = {}
    for number in device.own:
        for up in above(number):
            found[up] = "chain" if entries[up].imported else "authority"
    for number in device.partners:
        for one in (number, *above(number)):
            found[one] = "authority" if entries[one].facts.is_ca else "partner"
    # Last: a device's own certificate stays its own, whatever else lists it.
    found |= dict.fromkeys(device.own, "own")
    return found


def held_by(state: State, device: DeviceConfig, keys: Mapping[int, PrivateKey]) -> tuple[Held, ...]:
    """The certificates of a device with the private keys of its own ones."""
    found = []
    for number, role in _roles(state.entries, device).items():
        entry = state.entries[number]
        found.append(
            Held(id=number, certificate=entry.certificate, facts=entry.facts, key=keys.get(number), role=role,
                 issuer_id=entry.issuer_id)
        )  # fmt: skip
    return tuple(found)
