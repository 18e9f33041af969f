"""One side in the words that all structures share."""

from __future__ import annotations

from ipaddress import IPv4Address

import attrs
import pytest
from hypothesis import given

from ouc.errors import ParameterError
from ouc.params import TCON_IP_V4_SEC, Description, TCON_Configured, TCON_IP_v4, TCON_Param, endpoint

from .strategies import CLIENT, SERVER, any_description, foreign, port_bytes, qdn, rfc, secure, sound


def test_the_published_client_is_an_active_secure_endpoint() -> None:
    end = endpoint(CLIENT)
    assert attrs.asdict(end) == {
        "structure": "TCON_IP_V4_SEC",
        "connection_id": 1,
        "interface_id": 64,
        "connection_type": 11,
        "protocol": "TCP",
        "active": True,
        "remote_address": IPv4Address("192.168.0.1"),
        "remote_name": None,
        "remote_port": 2000,
        "local_port": 0,
        "remote_selector": b"",
        "local_selector": b"",
        "secure": True,
        "request_client_certificate": False,
        "check_subject_alternative_name": False,
        "tls_server_cert_ref": 3,
        "tls_client_cert_ref": 11,
    }


def test_own_and_trust_exchange_members_with_the_role() -> None:
    client, server = endpoint(CLIENT), endpoint(SERVER)
    assert (client.own_reference, client.trust_reference) == (11, 3)
    assert (server.own_reference, server.trust_reference) == (9, 3)


@given(secure())
def test_a_connection_that_is_not_secure_shows_nothing_of_TLS(value: TCON_IP_V4_SEC) -> None:
    end = endpoint(attrs.evolve(value, ActivateSecureConn=False))
    assert end == attrs.evolve(endpoint(value.ConnPara), structure="TCON_IP_V4_SEC")


@given(qdn())
def test_a_partner_known_by_name_has_no_address(value: Description) -> None:
    end = endpoint(value)
    assert end.remote_address is None
    assert end.remote_name is not None


@given(rfc())
def test_ISO_on_TCP_uses_port_102_and_selectors(value: Description) -> None:
    end = endpoint(value)
    assert (end.protocol, end.remote_port, end.local_port) == ("ISO-on-TCP", 102, 102)
    assert end.local_selector.startswith(b"\xe0")


def test_ports_of_TCON_Param_are_read_with_the_high_byte_first() -> None:
    value = TCON_Param(rem_staddr="10.0.0.1", rem_tsap_id=port_bytes(2001))  # type: ignore[arg-type]
    assert endpoint(value).remote_port == 2001
    assert endpoint(value).remote_address == IPv4Address("10.0.0.1")


def test_TCON_Param_without_a_partner_admits_any() -> None:
    value = TCON_Param(
        active_est=False, rem_staddr_len=0, rem_staddr=(1, 2, 3, 4, 0, 0), rem_tsap_id_len=0, local_tsap_id_len=2,
        local_tsap_id=port_bytes(2000),
    )  # fmt: skip
    end = endpoint(value)
    assert (end.remote_address, end.remote_port, end.local_port) == (IPv4Address(0), 0, 2000)


@given(foreign)
def test_hardware_that_an_IP_station_lacks_is_809A(value: Description) -> None:
    with pytest.raises(ParameterError) as caught:
        endpoint(value)
    assert caught.value.status == 0x809A


def test_a_configured_connection_is_none_that_a_station_has() -> None:
    with pytest.raises(ParameterError) as caught:
        endpoint(TCON_Configured(ID=5))
    assert caught.value.status == 0x80A3


def test_an_unknown_ConnectionType_is_80B6() -> None:
    with pytest.raises(ParameterError) as caught:
        endpoint(TCON_IP_v4(ConnectionType=12))
    assert caught.value.status == 0x80B6


@pytest.mark.parametrize("value", [None, 5, b"\0" * 28, "TCON_IP_v4"])
def test_what_is_no_description_is_8089(value: object) -> None:
    with pytest.raises(ParameterError) as caught:
        endpoint(value)  # type: ignore[arg-type]
    assert caught.value.status == 0x8089


@given(any_description)
def test_an_endpoint_is_worked_out_once_per_value(value: Description) -> None:
    try:
        first = endpoint(value)
    except ParameterError:
        return
    assert endpoint(value) is first
    assert value.endpoint is first


@given(sound)
def test_remembering_changes_neither_equality_nor_hash(value: Description) -> None:
    twin = type(value).from_bytes(value.to_bytes())
    value.check()
    assert value == twin
    assert hash(value) == hash(twin)
