"""The other side of a connection, derived."""

from __future__ import annotations

from ipaddress import IPv4Address

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.params import (
    TCON_IP_V4_SEC,
    Description,
    TCON_Configured,
    TCON_IP_v4,
    check,
    endpoint,
    partner,
    partners,
)

from .strategies import CLIENT, CPU, SERVER, foreign, ip_v4, qdn, rfc, rules, secure, secure_by_name, tcon_param, udp

turnable = st.one_of(ip_v4(), udp(), secure(), qdn(), secure_by_name(), rfc(), tcon_param())


def test_each_side_of_the_published_example_is_the_partner_of_the_other() -> None:
    assert partner(SERVER, own_address="192.168.0.1", own=11) == CLIENT
    assert partner(CLIENT, own_address="192.168.0.2", own=9) == SERVER
    assert SERVER.partner(own_address="192.168.0.1", own=11) == CLIENT


@given(turnable)
def test_roles_and_ports_are_swapped_and_the_protocol_stays(value: Description) -> None:
    one, other = endpoint(value), endpoint(partner(value, own_address="192.168.0.9"))
    assert other.protocol == one.protocol
    assert other.active == (one.protocol != "UDP" and not one.active)
    assert (other.remote_port, other.local_port) == (one.local_port, one.remote_port)
    assert (other.remote_selector, other.local_selector) == (one.local_selector, one.remote_selector)
    assert other.secure == one.secure


@given(secure() | secure_by_name())
def test_own_stays_own_and_trust_stays_trust(value: Description) -> None:
    one, other = endpoint(value), endpoint(partner(value))
    assert (other.own_reference, other.trust_reference) == (one.own_reference, one.trust_reference)


@given(secure(), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_references_that_are_given_take_their_place_by_role(value: Description, own: int, trust: int) -> None:
    other = endpoint(partner(value, own=own, trust=trust))
    assert (other.own_reference, other.trust_reference) == (own, trust)


@given(turnable)
def test_the_partner_of_the_partner_has_the_own_roles_ports_and_references(value: Description) -> None:
    one, back = endpoint(value), endpoint(partner(partner(value)))
    for name in ("active", "remote_port", "local_port", "local_selector", "own_reference", "trust_reference", "secure"):
        assert getattr(back, name) == getattr(one, name)


@given(secure(active=True))
def test_a_passive_partner_asks_for_a_certificate_where_the_client_names_one(value: TCON_IP_V4_SEC) -> None:
    assert endpoint(partner(value)).request_client_certificate == (value.TLSClientCertRef != 0)


@given(secure(active=False) | udp() | ip_v4(ActiveEstablished=False))
def test_the_partner_of_a_sound_passive_side_is_sound(value: Description) -> None:
    passive = endpoint(value)
    other = partner(value, own_address="192.168.0.255")
    # UDP may leave the partner's port open; as the partner's own port it has to be chosen.
    expected = ["UDP without local port"] if passive.protocol == "UDP" and not passive.remote_port else []
    assert rules(check(other, profile=CPU)) == expected


@given(turnable)
def test_an_address_that_is_not_known_is_0_0_0_0_and_the_check_tells_where_it_is_needed(value: Description) -> None:
    other = partner(value)
    end = endpoint(other)
    if end.remote_address is not None:
        assert end.remote_address == IPv4Address(0)
        told = {"active without address", "ISO-on-TCP without address"} & set(rules(check(other, profile=CPU)))
        assert bool(told) == (end.protocol == "ISO-on-TCP" or (end.protocol == "TCP" and end.active))


@given(st.lists(turnable, max_size=12))
def test_partners_on_one_device_get_different_IDs(values: list[Description]) -> None:
    turned = partners(values)
    numbers = [endpoint(one).connection_id for one in turned]
    assert len(set(numbers)) == len(values)
    assert all(1 <= number <= 4095 for number in numbers)


def test_IDs_that_are_free_are_kept_and_the_others_renumbered() -> None:
    given = [TCON_IP_v4(ID=number, RemoteAddress="10.0.0.1") for number in (1, 1, 7, 1)]
    assert [endpoint(one).connection_id for one in partners(given)] == [1, 2, 7, 3]
    assert [endpoint(one).connection_id for one in partners(given, connection_id=100)] == [100, 101, 102, 103]


def test_more_connections_than_IDs_are_refused() -> None:
    with pytest.raises(ParameterError, match="no connection ID"):
        partners([TCON_IP_v4(RemoteAddress="10.0.0.1")] * 2, connection_id=4095)


@given(foreign | st.builds(TCON_Configured))
def test_what_an_IP_station_cannot_be_has_no_partner(value: Description) -> None:
    with pytest.raises(ParameterError) as caught:
        partner(value)
    assert caught.value.status == 0x809A


def test_a_plain_connection_of_a_secure_structure_stays_plain() -> None:
    plain = attrs.evolve(CLIENT, ActivateSecureConn=False)
    assert not endpoint(partner(plain)).secure
    assert not partner(plain).TLSServerReqClientCert  # type: ignore[attr-defined]
