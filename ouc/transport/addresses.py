"""Addresses of the plant and addresses of this computer.

Descriptions and certificates speak of plant addresses (192.168.0.1). In a lab or in CI the partner is somewhere else, on
the loopback interface say. The map is applied where a socket is opened and where an accepted partner is looked at, and
nowhere else; RemoteAddress and subjectAltName are always compared as plant addresses.
"""

from __future__ import annotations

import os
import sys
from ipaddress import IPv4Address, IPv4Network
from typing import Final

import attrs

from ..errors import ParameterError

__all__ = ["IDENTITY", "AddressMap", "loopback"]


@attrs.frozen
class AddressMap:
    """Maps a network of the plant onto one of this computer, host part by host part.

    Attributes:
        plant: The network that descriptions name; None maps nothing.
        local: A network of the same size, or a single address (/32) when all plant addresses share it.
    """

    plant: IPv4Network | None = None
    local: IPv4Network = attrs.field(factory=lambda: IPv4Network("127.0.0.0/24"))

    def to_local(self, address: IPv4Address) -> IPv4Address:
        """The address to open a socket on or to; unchanged outside the mapped network."""
        if self.plant is None or address not in self.plant:
            return address
        if self.local.prefixlen == 32:
            return self.local.network_address
        if address == self.plant.broadcast_address and self.broadcast_to_hear is not None:
            return self.broadcast_to_hear
        return self.local.network_address + (int(address) - int(self.plant.network_address))

    @property
    def broadcast_to_hear(self) -> IPv4Address | None:
        """Where the plant's broadcasts are on this computer, None where nothing is mapped: the loopback network has one."""
        return _LOOPBACK_BROADCAST if self.plant is not None and self.local.is_loopback else None

    def to_plant(self, address: IPv4Address) -> IPv4Address | None:
        """The plant address of an accepted partner, None where several share the local one and nobody can tell."""
        if self.plant is None or address not in self.local:
            return address
        if self.local.prefixlen == 32:
            return None
        return self.plant.network_address + (int(address) - int(self.local.network_address))


_LOOPBACK_BROADCAST: Final = IPv4Address("127.255.255.255")
IDENTITY: Final = AddressMap()


def loopback(plant: str = "192.168.0.0/24") -> AddressMap:
    """A map for tests and demos: 192.168.0.N becomes 127.0.0.N.

    The environment variable `OUC_LOOPBACK` names another loopback network (`127.45.12.0/24`), so that several plants can
    run on one computer at once without meeting at their ports. macOS configures only 127.0.0.1; there all addresses share
    it.

    Args:
        plant: The network that descriptions and certificates name.

    Raises:
        ParameterError: `OUC_LOOPBACK` is no loopback network of the plant's size.
    """
    network = IPv4Network(plant)
    if sys.platform == "darwin":
        return AddressMap(network, IPv4Network("127.0.0.1/32"))
    wanted = os.environ.get("OUC_LOOPBACK", f"127.0.0.0/{network.prefixlen}")
    try:
        local = IPv4Network(wanted)
    except ValueError:
        local = network
    if not local.is_loopback or local.prefixlen != network.prefixlen:
        raise ParameterError(
            f"{wanted!r} cannot stand in for {plant}",
            where="OUC_LOOPBACK",
            remedy=f"Name a network inside 127.0.0.0/8 with /{network.prefixlen}, such as 127.45.12.0/{network.prefixlen}",
        )
    return AddressMap(network, local)
