"""`--connect`, `--data` and `--set`: everything from the sources of TIA Portal."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from emulator.published import CLIENT, SERVER, example_file
from ouc.cli._descriptions import descriptions
from ouc.errors import CertificateError, OUCError, ParameterError
from ouc.params import view
from ouc.source import DataBlock

from ..plant import PAYLOAD, free_port
from .wire import LONG, PASSWORD, Receiving, Sending, Serving, files, planned, plant_file, run

LIMIT = ("--timeout", LONG)
SEND = example_file("Send_Data.db")

TWO = """DATA_BLOCK "Two"
{ S7_Optimized_Access := 'TRUE' }
VERSION : 0.1
   VAR
      One {InstructionName := 'TCON_IP_v4'; LibVersion := '1.0'} : TCON_IP_v4;
      Other {InstructionName := 'TCON_IP_v4'; LibVersion := '1.0'} : TCON_IP_v4;
   END_VAR
BEGIN
   One.InterfaceId := 64;
   One.ID := 1;
   One.ConnectionType := 11;
   One.ActiveEstablished := FALSE;
   One.RemotePort := 0;
   Other.InterfaceId := 64;
   Other.ID := 2;
   Other.ConnectionType := 19;
   Other.ActiveEstablished := FALSE;
   Other.RemotePort := 0;
   Other.LocalPort := {port};
END_DATA_BLOCK
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "Two.db"
    path.write_text(TWO.replace("{port}", str(free_port())), "utf-8")
    return path


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.setenv("OUC_PROJECT_PASSWORD", PASSWORD)
    return plant_file(tmp_path)


def test_a_source_says_everything_about_a_connection(plant: Path, monkeypatch: Any, tmp_path: Path) -> None:
    for name in (SERVER, CLIENT):
        shutil.copy(example_file(name), tmp_path)
    port = free_port()
    for name in (SERVER, CLIENT):
        source = tmp_path / name
        source.write_text(source.read_text("utf-8-sig").replace("Port := 2000", f"Port := {port}"), "utf-8-sig")
    # The published addresses, on this computer.
    monkeypatch.setenv("OUC_LOOPBACK", "127.0.0.0/24")
    kept = tmp_path / "kept"
    server = ("--connect", tmp_path / SERVER, "--project", plant, "--device", "PLC-1", "--output", kept, "--count", 1)
    receiver = Receiving(monkeypatch, *server, *LIMIT)
    receiver.begin()
    receiver.until(f":{port}")
    ran = run(
        "send", "--connect", tmp_path / CLIENT, "--project", plant, "--device", "PLC-2", "--data", SEND,
        "--set", "Var1=TRUE", "--set", "Var2=Hello World!",
    )  # fmt: skip
    receiver.__exit__()
    assert (ran.exit_code, ran.error) == (0, None)
    assert ran.stdout.startswith(f"258 bytes sent to 192.168.0.1:{port} (TLS 1.3")
    assert kept.read_bytes() == PAYLOAD


def test_another_place_may_stand_for_the_one_in_the_source(tmp_path: Path, monkeypatch: Any) -> None:
    trusted = files(planned("none", "server"), tmp_path)
    passive = ("127.0.0.1:0", "--connect", example_file(SERVER), *trusted.mutual)
    # The source admits PLC-2 only, whose address this computer does not have.
    with Serving(monkeypatch, *passive, *LIMIT, ends_at="refused") as server:
        run("send", server.where, "--connect", example_file(CLIENT), *trusted.mutual, "--hex", "01")
        assert "16#80C9" in server.until("refused")


def test_loose_files_stand_for_the_references_of_the_source(tmp_path: Path, monkeypatch: Any) -> None:
    trusted = files(planned("none", "server"), tmp_path)
    with Serving(monkeypatch, "127.0.0.1:0", *trusted.mutual, "--count", 1, *LIMIT) as server:
        ran = run("send", server.where, "--connect", example_file(CLIENT), *trusted.mutual, "--hex", "01")
    assert (ran.exit_code, ran.error) == (0, None)
    assert "TLS 1.3" in ran.stdout


def test_any_insecure_is_reachable_over_a_source_too_and_warns(tmp_path: Path, monkeypatch: Any) -> None:
    trusted = files(planned("none", "server"), tmp_path)
    with Serving(monkeypatch, "127.0.0.1:0", *trusted.showing, "--count", 1, *LIMIT) as server:
        ran = run("send", server.where, "--connect", example_file(CLIENT), "--trust", "any-insecure", "--hex", "01")
    assert (ran.exit_code, ran.error) == (0, None)
    assert "whoever answers is believed" in ran.stderr


def test_a_reference_that_the_device_lacks_is_told_before_a_packet_leaves(plant: Path, tmp_path: Path) -> None:
    source = tmp_path / CLIENT
    source.write_text(
        example_file(CLIENT).read_text("utf-8-sig").replace("TLSClientCertRef := 11", "TLSClientCertRef := 12"), "utf-8"
    )
    ran = run("send", "--connect", source, "--project", plant, "--device", "PLC-2", "--hex", "01")
    assert isinstance(ran.error, OUCError)
    assert ran.error.status == 0x80E2


def test_a_plain_source_is_served_without_certificates_and_warned_about(two: Path, monkeypatch: Any) -> None:
    with Serving(monkeypatch, "127.0.0.1:0", "--connect", f"{two}#One", "--count", 1, *LIMIT) as server:
        assert run("send", server.where, "--plain", "--hex", "01").exit_code == 0
    assert server.ran is not None
    assert server.ran.error is None


def test_UDP_of_a_source_goes_to_the_place_that_is_typed(two: Path, monkeypatch: Any) -> None:
    with Receiving(monkeypatch, "127.0.0.1:0", "--udp", "--count", 1, *LIMIT) as receiver:
        ran = run("send", receiver.where, "--connect", f"{two}#Other", "--hex", "0102")
    assert (ran.exit_code, ran.error) == (0, None)
    assert "nothing is encrypted" in ran.stderr
    port = view(descriptions(f"{two}#Other")[0].value).local_port
    assert any(f"127.0.0.1:{port}:" in line for line in receiver.rest())


def test_a_passive_source_sends_to_the_partner_that_comes(two: Path, monkeypatch: Any, capfd: Any) -> None:
    port = free_port()
    sender = Sending(
        monkeypatch, f"127.0.0.1:{port}", "--connect", f"{two}#One", "--hex", "0102", "--repeat", 0, "--count", 1
    )
    monkeypatch.setattr("ouc.cli.send.note", sender.lines.put)
    sender.begin()
    sender.until("is passive: the partner has to connect; `ouc partner")
    sender.until("listening")
    active = two.parent / "active.toml"
    active.write_text(
        f'[up]\nstructure = "TCON_IP_v4"\nRemoteAddress = "127.0.0.1"\nRemotePort = {port}\nLocalPort = 0\n', "utf-8"
    )
    ran = run("receive", "--connect", active, "--once", "--count", 1, "--size", 2, "--hex", *LIMIT)
    sender.__exit__()
    assert (ran.exit_code, ran.error) == (0, None)
    assert "2 bytes: 01 02" in ran.stdout


def test_a_passive_source_that_nobody_connects_to_is_told_so_with_the_member_that_makes_an_end_dial(
    two: Path,
) -> None:
    port = free_port()
    ran = run("send", f"127.0.0.1:{port}", "--connect", f"{two}#One", "--hex", "00", "--timeout", 0.2)
    assert isinstance(ran.error, OUCError)
    told = ran.error.failure
    assert (told.cause, told.status) == ("nobody-connected", 0x80C6)
    assert "ActiveEstablished = TRUE" in told.remedy
    assert str(ran.error).endswith(f"look closer: ouc probe --listen {port}")


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (("--connect", "nowhere.db"), "nowhere.db", ""),
        (("--connect", "{two}"), "holds 2 connection descriptions", "One, Other"),
        (("--connect", "{two}#Third"), "'Third'", "It holds One, Other"),
        (("--connect", "{two}#Other"), "no partner is named", "get the datagrams"),
        (("--connect", str(SEND)), "no connection description", "no TCON_ structure"),
        (("--connect", "{two}#One", "--plain"), "--connect and --plain exclude", "Leave one"),
        (("--connect", "{two}#One", "--own", "9"), "--connect and --own exclude", "Leave one"),
        (("--connect", "{two}#One", "--trust", "3"), "--connect and --trust exclude", "references stand"),
        (("--connect", "{two}#One", "--no-check-address"), "--connect and --check-address exclude", "Leave one"),
        (("--connect", "{two}#One", "--iso"), "--connect and --iso exclude", "Leave one"),
        (
            ("plc.plant:2000", "--connect", str(example_file(CLIENT)), "--trust", "any-insecure"),
            "no IPv4 address",
            "Write",
        ),
        (("--connect", str(example_file(CLIENT))), "no certificates", "Give --project"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_with_its_remedy(arguments: Any, what: str, remedy: str, two: Path) -> None:
    ran = run("send", *(one.format(two=two) for one in arguments), "--hex", "01")
    assert isinstance(ran.error, ParameterError), ran
    assert what in str(ran.error)
    assert remedy in str(ran.error)


def test_an_active_description_does_not_serve() -> None:
    ran = run("serve", "--connect", example_file(CLIENT), "--trust", "any-insecure")
    assert isinstance(ran.error, ParameterError)
    assert "only a passive end serves" in str(ran.error)


# -- --data and --set ----------------------------------------------------------------------------------------------------


def test_a_data_block_is_sent_with_its_start_values(monkeypatch: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with Receiving(
        monkeypatch, "127.0.0.1:0", "--plain", "--size", 258, "--count", 1, "--output", kept, *LIMIT
    ) as receiver:
        ran = run("send", receiver.where, "--plain", "--data", SEND)
    assert ran.exit_code == 0
    assert kept.read_bytes() == bytes(DataBlock.from_source(SEND))


@pytest.mark.parametrize(
    ("assignment", "what"),
    [
        ("Var1", "write it as PATH=VALUE"),
        ("Var3=1", "Var3"),
        ("Var1=seven", "Var1: 'seven' is no literal of Bool"),
        ("Var2=" + "x" * 255, "at most 254"),
    ],
)
def test_a_wrong_change_names_file_member_and_remedy(assignment: str, what: str) -> None:
    ran = run("send", "127.0.0.1:1", "--plain", "--data", SEND, "--set", assignment)
    assert isinstance(ran.error, ParameterError)
    assert what in str(ran.error)
    assert str(ran.error).startswith(str(SEND))
    assert ran.error.failure.remedy


def test_a_block_with_optimized_access_has_nothing_to_send() -> None:
    ran = run("send", "127.0.0.1:1", "--plain", "--data", example_file(CLIENT))
    assert isinstance(ran.error, ParameterError)
    assert "optimized" in str(ran.error)


def test_more_than_a_datagram_holds_is_told_with_its_status(tmp_path: Path) -> None:
    big = tmp_path / "Big.db"
    big.write_text(
        "DATA_BLOCK \"Big\"\n{ S7_Optimized_Access := 'FALSE' }\nVERSION : 0.1\n   STRUCT\n"
        "      Bytes : Array[0..2999] of Byte;\n   END_STRUCT;\nBEGIN\nEND_DATA_BLOCK\n",
        "utf-8",
    )
    ran = run("send", "127.0.0.1:2000", "--udp", "--data", big)
    assert isinstance(ran.error, ParameterError)
    assert ran.error.status == 0x8085


def test_a_CA_that_a_source_makes_no_use_of_is_told(tmp_path: Path) -> None:
    source = tmp_path / "server.toml"
    source.write_text(
        '[server]\nstructure = "TCON_IP_V4_SEC"\nActivateSecureConn = true\nTLSServerCertRef = 9\n\n'
        "[server.ConnPara]\nActiveEstablished = false\nRemotePort = 0\n",
        "utf-8",
    )
    options = files(planned("none", "server"), tmp_path).mutual
    ran = run("serve", "127.0.0.1:0", "--connect", source, *options, "--timeout", 0.01)
    assert (ran.exit_code, ran.error) == (0, None)
    assert f"--ca is not used: without TLSServerReqClientCert TRUE in {source} any client is let in" in ran.stderr


def test_a_certificate_is_asked_for_where_the_source_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    trusted = files(planned("none", "server"), tmp_path)
    source = tmp_path / "server.toml"
    source.write_text(
        '[server]\nstructure = "TCON_IP_V4_SEC"\nActivateSecureConn = true\nTLSServerReqClientCert = true\n'
        "TLSServerCertRef = 9\nTLSClientCertRef = 3\n\n[server.ConnPara]\nActiveEstablished = false\nRemotePort = 0\n",
        "utf-8",
    )
    options = ("--connect", source, *trusted.mutual, *LIMIT)
    with Serving(monkeypatch, "127.0.0.1:0", *options, ends_at="refused") as server:
        ran = run("send", server.where, "--trust", "any-insecure", "--hex", "01")
        assert "16#80E2" in server.until("refused")
    assert isinstance(ran.error, CertificateError)
    assert ran.error.status == 0x80E1
