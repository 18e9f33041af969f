"""Plant addresses and local ones."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.transport import IDENTITY, AddressMap, loopback

PLANT = AddressMap(IPv4Network("192.168.0.0/24"), IPv4Network("127.0.0.0/24"))
SHARED = AddressMap(IPv4Network("192.168.0.0/24"), IPv4Network("127.0.0.1/32"))


def test_the_plants_broadcast_is_the_one_of_the_loopback_network() -> None:
    assert PLANT.to_local(IPv4Address("192.168.0.255")) == IPv4Address("127.255.255.255") == PLANT.broadcast_to_hear
    assert IDENTITY.broadcast_to_hear is None


@given(st.integers(0, 254))
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


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has one loopback address")
def test_each_plant_may_have_a_loopback_network_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUC_LOOPBACK", "127.45.12.0/24")
    assert loopback().to_local(IPv4Address("192.168.0.1")) == IPv4Address("127.45.12.1")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has one loopback address")
@pytest.mark.parametrize("wrong", ["", "10.0.0.0/24", "127.0.0.0/8", "127.0.0.1/24", "nonsense"])
def test_a_network_that_cannot_stand_in_is_refused(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUC_LOOPBACK", wrong)
    with pytest.raises(ParameterError, match="cannot stand in"):
        loopback()
