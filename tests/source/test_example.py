"""The four sources of the published example: what issue and reference say they hold."""

from __future__ import annotations

from importlib.resources import files
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from ouc.errors import ParameterError
from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4
from ouc.source import DataBlock, load, load_block

EXAMPLE = Path(str(files("emulator"))) / "example"


def test_the_client_is_described_as_published() -> None:
    value = load(EXAMPLE / "Client_Connection_Parameters.db")["Client IP_V4_Connection_SEC"]
    assert value == TCON_IP_V4_SEC(
        ConnPara=TCON_IP_v4(
            InterfaceId=64, ID=1, ConnectionType=11, ActiveEstablished=True,
            RemoteAddress=IPv4Address("192.168.0.1"), RemotePort=2000, LocalPort=0,
        ),
        ActivateSecureConn=True, TLSServerReqClientCert=False, ExtTLSCapabilities=0,
        TLSServerCertRef=3, TLSClientCertRef=11,
    )  # fmt: skip


def test_the_server_is_described_as_published() -> None:
    value = load(EXAMPLE / "Server_Connection_Parameters.db")["Server IP_V4_ConnectionSEC"]
    assert value.to_bytes() == bytes.fromhex(
        "0040 0001 0B 00 C0A80002 0000 07D0 0000"  # ConnPara with its reserve
        "01 01 0000 00000009 00000003"
    )


@pytest.mark.parametrize("name", ["Send_Data", "Received_Data"])
def test_the_data_blocks_are_the_published_258_bytes(name: str) -> None:
    db = DataBlock.from_source(EXAMPLE / f"{name}.db")
    assert bytes(db) == bytes.fromhex("00 00 FE 00") + bytes(254)
    db["Var1"] = True
    db["Var2"] = "Hello World!"
    assert bytes(db) == bytes.fromhex("01 00 FE 0C 48 65 6C 6C 6F 20 57 6F 72 6C 64 21") + bytes(242)


def test_both_ends_have_the_same_layout_and_compare_by_value() -> None:
    sent, received = load_block(EXAMPLE / "Send_Data.db"), load_block(EXAMPLE / "Received_Data.db")
    sent["Var2"] = "Hello World!"
    assert sent != received
    received.image[:] = bytes(sent)
    assert sent == received


def test_the_files_keep_mark_and_line_ends() -> None:
    for file in EXAMPLE.glob("*.db"):
        data = file.read_bytes()
        assert data.startswith(b"\xef\xbb\xbfDATA_BLOCK")
        assert data.count(b"\n") == data.count(b"\r\n") > 5
    assert len(list(EXAMPLE.glob("*.db"))) == 4


def test_a_connection_block_has_no_image_and_the_error_says_which_attribute_to_change() -> None:
    db = load_block(EXAMPLE / "Client_Connection_Parameters.db")
    assert db["Client IP_V4_Connection_SEC.ConnPara.RemotePort"] == 2000
    for ask in (lambda: bytes(db), lambda: db.image, lambda: bytes(db.copy())):
        with pytest.raises(ParameterError, match="Optimized block access"):
            ask()
    with pytest.raises(ParameterError, match="no member DBW0"):
        db["DBW0"]


def test_all_descriptions_of_a_file_are_listed() -> None:
    (variable,) = load(EXAMPLE / "Client_Connection_Parameters.db").structures()
    assert (variable.block, variable.name) == ("Client_Connection_Parameters", "Client IP_V4_Connection_SEC")
    assert variable.value.to_bytes()[16] == 1


@pytest.mark.parametrize(
    "name",
    [
        "Client IP_V4_Connection_SEC.ConnPara.RemotePort",
        '"Client IP_V4_Connection_SEC".ConnPara.remote_port',
        "Client_Connection_Parameters.Client IP_V4_Connection_SEC.ConnPara.RemotePort",
        '"client_connection_parameters"."Client IP_V4_Connection_SEC".ConnPara.RemotePort',
    ],
)
def test_a_variable_is_found_by_its_path_with_or_without_the_block(name: str) -> None:
    assert load(EXAMPLE / "Client_Connection_Parameters.db")[name] == 2000


def test_what_a_file_does_not_hold_is_told_with_what_it_holds() -> None:
    file = load(EXAMPLE / "Send_Data.db")
    with pytest.raises(ParameterError, match=r"no variable 'Var3'\. Did you mean 'Var"):
        file["Var3"]
    with pytest.raises(ParameterError, match=r"no block 'Sent_Data'\. Did you mean 'Send_Data'"):
        file.block("Sent_Data")
    with pytest.raises(ParameterError, match="there is no such file") as caught:
        load(EXAMPLE / "nothing.db")
    assert caught.value.failure.where.endswith("nothing.db")
