"""Devices of a project as the rules see them: facts about certificates, groups, addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

import attrs

from ..certs import DeviceStore, Facts, Project

__all__ = ["Known", "known"]


@attrs.frozen(kw_only=True)
class Known:
    """What a project tells of one device.

    Attributes:
        addresses: Its IPv4 addresses.
        certificates: What it may show and trust, by ID.
        groups: IDs that stand for several certificates; 0 for every CA.
    """

    addresses: tuple[str, ...]
    certificates: Mapping[int, Facts]
    groups: Mapping[int, Sequence[int]]


def known(project: Project, devices: Sequence[str]) -> dict[str, Known]:
    """What a project tells of some of its devices.

    Raises:
        ParameterError: No such device.
    """
    above = {entry.id: entry.issuer_id for entry in project.entries()}
    return {name: _known(project, name, above) for name in devices}


def _known(project: Project, name: str, above: Mapping[int, int | None]) -> Known:
    device = project.device(name)
    store = device.download()
    certificates = {number: _with_issuers(facts, above) for number, facts in _usable(store).items()}
    groups: dict[int, Sequence[int]] = {0: store.zero, **store.groups}
    for number, members in groups.items():
        held = [certificates[one] for one in members if one in certificates]
        if number and held:
            certificates[number] = attrs.evolve(held[0], id=number)
    # Connection descriptions know no others.
    addresses = tuple(one for one in device.addresses if ip_address(one).version == 4)
    return Known(addresses=addresses, certificates=certificates, groups=groups)


def _usable(store: DeviceStore) -> dict[int, Facts]:
    """Certificates above an own one are sent along, and trusted only where they are assigned."""
    return {number: facts for number, facts in store.facts().items() if store.held[number].role != "chain"}


def _with_issuers(facts: Facts, above: Mapping[int, int | None]) -> Facts:
    """An own certificate with its whole chain: the device that shows it need not hold the CAs, its partner must."""
    if not facts.has_key:
        return facts
    chain: list[int] = []
    number = facts.id
    issuer = above.get(number)
    while issuer is not None and issuer != number and issuer not in chain:
        chain.append(issuer)
        number, issuer = issuer, above.get(issuer)
    return attrs.evolve(facts, issuer_ids=tuple(chain), complete=issuer is not None)
