"""All rules against one description."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

from ..errors import ParameterError
from ..profiles import DEFAULT, Profile
from ..profiles import profile as known_profile
from ..s7 import quoted
from .description import Description
from .endpoints import view
from .facts import CertificateFacts, Certificates, by_id
from .findings import Finding
from .rules import RULES
from .subject import Subject

__all__ = ["address", "check"]

# Results kept per description; a station asks with one profile and one address, a comparison with a handful.
_MEMORY = 16


def check(
    description: Description,
    *,
    profile: Profile | str | None = None,
    own_address: IPv4Address | str | None = None,
    block_id: int | None = None,
    dns_server: bool | None = None,
    others: Iterable[Description] = (),
    certificates: Certificates | Iterable[CertificateFacts] | None = None,
    now: datetime | None = None,
) -> tuple[Finding, ...]:
    """Everything that is wrong with one side of a connection, before a packet leaves; nothing found: an empty tuple.

    The result is remembered on the frozen description as long as neither `others` nor `certificates` are given, so
    asking in every scan costs nothing.

    Args:
        description: A TCON_* structure.
        profile: The firmware, a `Profile` or its name; the library's own by default.
        own_address: IPv4 address of the device.
        block_id: What stands at the pin ID of the block.
        dns_server: Whether the device has a DNS server; None if unknown.
        others: The other connections of the device, for IDs and ports used twice.
        certificates: What the device holds; without them references are not followed.
        now: The time at which certificates are judged, aware; without it dates are not looked at.

    Raises:
        ParameterError: It is no connection description (16#8089), or there is no such profile or address.
    """
    chosen = DEFAULT if profile is None else known_profile(profile) if isinstance(profile, str) else profile
    own = address(own_address)
    rivals = tuple(others)
    memory: dict[Any, Any] | None = None
    key = (chosen, own, block_id, dns_server)
    end = view(description)
    if certificates is None and not rivals:
        memory = description.remembered
        if key in memory:
            return memory[key]  # type: ignore[no-any-return]
    subject = Subject(
        description=description,
        end=end,
        profile=chosen,
        own_address=own,
        block_id=block_id,
        dns_server=dns_server,
        others=rivals,
        certificates=None if certificates is None else by_id(certificates),
        now=now,
    )
    findings = tuple(rule.finding(subject) for rule in RULES if rule.broken(subject))
    if memory is not None:
        if len(memory) >= _MEMORY:
            memory.clear()
        memory[key] = findings
    return findings


def address(given: IPv4Address | str | None) -> IPv4Address | None:
    """An address that may be given as text.

    Raises:
        ParameterError: It is none.
    """
    if given is None or isinstance(given, IPv4Address):
        return given
    try:
        return IPv4Address(given)
    except ValueError:
        raise ParameterError(
            f"{quoted(str(given)[:64])} is no IPv4 address", where="address", remedy="Write it like 192.168.0.1"
        ) from None
