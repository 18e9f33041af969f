"""The declarations against the published tables, and their images."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.params import (
    STRUCTURES,
    TCON_IP_RFC,
    TCON_IP_V4_SEC,
    TCON_QDN,
    TCON_QDN_SEC,
    TADDR_Param,
    TCON_Configured,
    TCON_IP_v4,
    TCON_Param,
)
from ouc.s7 import Structure

from ..s7.strategies import structures
from .strategies import CLIENT, DESCRIPTIONS, SERVER

# Size in bytes, and offsets that the published tables print (ouc-blocks.md 1.2 to 1.11).
PUBLISHED: dict[str, tuple[int, dict[str, int]]] = {
    "TCON_IP_v4": (
        14,
        {"InterfaceId": 0, "ID": 2, "ConnectionType": 4, "ActiveEstablished": 5, "RemoteAddress": 6, "RemotePort": 10,
         "LocalPort": 12},
    ),
    "TCON_IP_V4_SEC": (
        28,
        {"ConnPara": 0, "ActivateSecureConn": 16, "TLSServerReqClientCert": 17, "ExtTLSCapabilities": 18,
         "TLSServerCertRef": 20, "TLSClientCertRef": 24},
    ),
    "TCON_QDN": (
        266,
        {"interface_id": 0, "id": 2, "connection_type": 4, "active_established": 5, "remote_qdn": 6, "remote_port": 262,
         "local_port": 264},
    ),
    "TCON_QDN_SEC": (
        284,
        {"ConnPara": 0, "ActivateSecureConn": 272, "TLSServerReqClientCert": 273, "ExtTLSCapabilities": 274,
         "TLSServerCertRef": 276, "TLSClientCertRef": 280},
    ),
    "TCON_IP_RFC": (80, {"remote_address": 8, "remote_tselector": 12, "local_tselector": 46}),
    "TCON_Configured": (6, {"InterfaceID": 0, "ID": 2, "ConnectionType": 4}),
    "TCON_Param": (
        64,
        {"block_length": 0, "id": 2, "connection_type": 4, "active_est": 5, "local_device_id": 6, "local_tsap_id_len": 7,
         "rem_subnet_id_len": 8, "rem_staddr_len": 9, "rem_tsap_id_len": 10, "next_staddr_len": 11, "local_tsap_id": 12,
         "rem_subnet_id": 28, "rem_staddr": 34, "rem_tsap_id": 40, "next_staddr": 56, "spare": 62},
    ),
    "TSelector": (34, {"TSelLength": 0, "TSel": 2}),
    "TADDR_Param": (8, {"rem_ip_addr": 0, "rem_port_nr": 4, "reserved": 6}),
    "TADDR_SEND_QDN": (260, {"RemoteQDN": 0, "RemotePort": 256, "reserved": 258}),
    "TADDR_RCV_IP": (20, {"RemoteAddress": 0, "RemotePort": 16, "RemAddrType": 18, "reserved": 19}),
    "TCON_ISOnative": (
        98,
        {"RemoteMacAddress": 8, "LocalMacAddress": 14, "RemoteTSelector": 20, "LocalTSelector": 54,
         "CrRetransmitionTime": 88, "DataRetransmitionTime": 90, "MaxRetransmitionCount": 92, "InactivityTime": 94,
         "WindowTime": 96},
    ),
    "TCON_FDL": (14, {"ActiveEstablished": 5, "PBAddresses": 6, "RemoteLSAP": 10, "LocalLSAP": 12}),
    "TCON_Phone": (32, {"ActiveEstablished": 5, "PhoneNumber": 8}),
    "TDiag_Status": (16, {"State": 6, "Kind": 7, "SentBytes": 8, "ReceivedBytes": 12}),
    "TDiag_StatusExt": (48, {"ConnTrials": 16, "LastConnErrTimeStamp": 28, "LastDisconnTimeStamp": 40}),
    "TCON_TCPTermination": (2, {"GracefulShutdown": 0}),
    "TCON_IPMulticastTTL": (2, {"IPMulticastTTLValue": 0}),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_and_offsets_are_those_of_the_published_tables(name: str) -> None:
    size, offsets = PUBLISHED[name]
    layout = STRUCTURES[name].layout()
    placed = {slot.name: slot.offset for slot in layout}
    assert layout.size == size
    assert {member: placed[member] for member in offsets} == offsets


def test_no_structure_is_missing_from_the_published_sizes() -> None:
    assert set(PUBLISHED) == set(STRUCTURES)


@pytest.mark.parametrize("kind", STRUCTURES.values(), ids=STRUCTURES)
@given(data=st.data())
def test_a_structure_survives_its_own_image(kind: type[Structure], data: st.DataObject) -> None:
    value = data.draw(structures(kind))
    image = value.to_bytes()
    assert len(image) == kind.SIZE
    assert kind.from_bytes(image) == value


@pytest.mark.parametrize("kind", STRUCTURES.values(), ids=STRUCTURES)
@given(data=st.data())
def test_a_structure_survives_its_own_dictionary(kind: type[Structure], data: st.DataObject) -> None:
    value = data.draw(structures(kind))
    assert kind(**value.to_dict()) == value


@pytest.mark.parametrize("kind", STRUCTURES.values(), ids=STRUCTURES)
def test_start_values_make_a_structure_without_any_member_given(kind: type[Structure]) -> None:
    blank = kind.layout().blank
    by_role = {TCON_IP_v4, TCON_QDN, TCON_IP_V4_SEC, TCON_QDN_SEC}  # their ports, where a program leaves them out
    assert kind().to_bytes() == blank or kind in by_role
    assert kind.from_bytes(blank).to_bytes() == blank


@pytest.mark.parametrize("kind", [TCON_IP_v4, TCON_QDN, TCON_IP_V4_SEC, TCON_QDN_SEC])
@pytest.mark.parametrize("active", [True, False])
def test_ports_that_are_left_out_follow_from_the_role(kind: Any, *, active: bool) -> None:
    inner = {"active_established": active}

    def made(**members: Any) -> Any:
        return kind(ConnPara=members) if kind in (TCON_IP_V4_SEC, TCON_QDN_SEC) else kind(**members)

    end = made(**inner).endpoint
    assert (end.remote_port, end.local_port) == ((2000, 0) if active else (0, 2000))
    given = made(**inner, local_port=7, remote_port=8)
    assert (given.endpoint.remote_port, given.endpoint.local_port) == (8, 7)


@pytest.mark.parametrize("kind", [TCON_IP_v4, TCON_QDN, TCON_IP_V4_SEC, TCON_QDN_SEC])
def test_the_start_values_of_a_data_block_stay_the_published_ones(kind: Any) -> None:
    declared = kind.from_bytes(kind.layout().blank)
    assert (declared.endpoint.remote_port, declared.endpoint.local_port) == (2000, 2000)


def test_the_published_example_has_the_published_image() -> None:
    # ouc-blocks.md 1.13 in the offsets of 1.2 and 1.3.
    assert SERVER.to_bytes().hex(" ") == (
        "00 40 00 01 0b 00 c0 a8 00 02 00 00 07 d0 00 00 01 01 00 00 00 00 00 09 00 00 00 03"
    )
    assert CLIENT.to_bytes().hex(" ") == (
        "00 40 00 01 0b 01 c0 a8 00 01 07 d0 00 00 00 00 01 00 00 00 00 00 00 03 00 00 00 0b"
    )


@pytest.mark.parametrize("given", ["192.168.0.1", IPv4Address("192.168.0.1"), b"\xc0\xa8\0\1", [192, 168, 0, 1]])
def test_addresses_are_taken_in_every_usual_form(given: Any) -> None:
    assert TCON_IP_v4(RemoteAddress=given).RemoteAddress == IPv4Address("192.168.0.1")
    assert TCON_IP_RFC(remote_address=given).remote_address == IPv4Address("192.168.0.1")
    assert TCON_Param(rem_staddr=bytes(IPv4Address("192.168.0.1").packed) + b"\0\0").endpoint.remote_address == (  # type: ignore[arg-type]
        IPv4Address("192.168.0.1")
    )


@pytest.mark.parametrize("given", ["192.168.0.1", IPv4Address("192.168.0.1"), b"\xc0\xa8\0\1", (192, 168, 0, 1)])
def test_an_array_of_numbers_takes_an_address_too(given: Any) -> None:
    value = TADDR_Param(rem_ip_addr=given, rem_port_nr=2000)
    assert value.address == IPv4Address("192.168.0.1")
    assert value.to_bytes().hex() == "c0a8000107d00000"


def test_both_documented_spellings_make_the_same_value() -> None:
    assert TCON_QDN(RemoteQDN="a.", RemotePort=3, InterfaceId=0, ID=7) == TCON_QDN(  # type: ignore[call-arg]
        remote_qdn="a.", remote_port=3, interface_id=0, id=7
    )


def test_a_selector_may_be_bytes_or_text() -> None:
    value = TCON_IP_RFC(local_tselector=b"\xe0\x01", remote_tselector="PLC-1")  # type: ignore[arg-type]
    assert value.local_tselector.selector == b"\xe0\x01"
    assert value.remote_tselector.selector == b"PLC-1"


def test_a_short_image_of_a_configured_connection_is_the_documented_five_bytes() -> None:
    assert TCON_Configured.from_bytes(bytes.fromhex("00400005fe")).ID == 5


@pytest.mark.parametrize(
    ("make", "member"),
    [
        (lambda: TCON_IP_v4(RemotePort=65536), "TCON_IP_v4.RemotePort"),
        (lambda: TCON_IP_v4(ID=-1), "TCON_IP_v4.ID"),
        (lambda: TCON_IP_v4(RemoteAddress="192.168.0.256"), "TCON_IP_v4.RemoteAddress"),
        (lambda: TCON_IP_V4_SEC(TLSServerCertRef=2**32), "TCON_IP_V4_SEC.TLSServerCertRef"),
        (lambda: TCON_QDN(remote_qdn="x" * 255), "TCON_QDN.remote_qdn"),
        (lambda: TADDR_Param(rem_ip_addr="nowhere"), "TADDR_Param.rem_ip_addr"),  # type: ignore[arg-type]
        (lambda: TCON_IP_RFC(local_tselector=b"x" * 33), "TCON_IP_RFC.local_tselector"),  # type: ignore[arg-type]
    ],
)
def test_what_no_structure_can_hold_is_refused_where_it_is_written(make: Any, member: str) -> None:
    with pytest.raises(ParameterError) as caught:
        make()
    assert caught.value.failure.where.startswith(member)


def test_every_structure_at_CONNECT_is_a_description_and_no_other_is() -> None:
    assert {kind.__name__ for kind in DESCRIPTIONS} == {name for name in STRUCTURES if name.startswith("TCON_")} - {
        "TCON_TCPTermination",
        "TCON_IPMulticastTTL",
    }
