"""Plant addresses and local ones."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from ouc.transport import IDENTITY, AddressMap

PLANT = AddressMap(IPv4Network("192.168.0.0/24"), IPv4Network("127.0.0.0/24"))
SHARED = AddressMap(IPv4Network("192.168.0.0/24"), IPv4Network("127.0.0.1/32"))


@given(st.integers(0, 255))
def test_a_mapped_address_comes_back(host: int) -> None:
    plant = IPv4Address("192.168.0.0") + host
    assert PLANT.to_local(plant) == IPv4Address("127.0.0.0") + host
    assert PLANT.to_plant(PLANT.to_local(plant)) == plant


@given(st.ip_addresses(v=4))
def test_without_a_map_nothing_changes(address: IPv4Address) -> None:
    assert IDENTITY.to_local(address) == address
    assert IDENTITY.to_plant(address) == address


@given(st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_outside_the_plant_nothing_changes(address: IPv4Address) -> None:
    assert PLANT.to_local(address) == address
    assert PLANT.to_plant(address) == address


def test_where_all_share_one_address_nobody_claims_to_know_the_partner() -> None:
    assert SHARED.to_local(IPv4Address("192.168.0.7")) == IPv4Address("127.0.0.1")
    assert SHARED.to_plant(IPv4Address("127.0.0.1")) is None
