"""`ouc serve` and `ouc send`, against each other and against faulty partners."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from ouc.certs import Project
from ouc.errors import CertificateError, ConnectionLost, OUCError, ParameterError, RemoteProtocolError

from ..certs.strategies import KeyPool
from ..plant import PAYLOAD, free_port
from .wire import LONG, PASSWORD, Files, Serving, files, passive, planned, plant_file, run

LOCAL = "127.0.0.1:0"
LIMIT = ("--timeout", LONG)


@pytest.fixture
def held(tmp_path: Path) -> Files:
    return files(planned("none", "server"), tmp_path)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_an_echo_over_mutual_tls_comes_back_whole(version: str, held: Files, monkeypatch: Any, tmp_path: Path) -> None:
    back, kept = tmp_path / "back", tmp_path / "kept"
    with Serving(
        monkeypatch, LOCAL, *held.mutual, "--require-client-certificate", "--echo", "--count", 1, "--output", kept, *LIMIT
    ) as server:
        ran = run(
            "send", server.where, *held.mutual, "--hex", PAYLOAD.hex(), "--echo", "--count", 3, "--tls", version,
            "--output", back,
        )  # fmt: skip
    assert (ran.exit_code, ran.error) == (0, None)
    assert ran.stdout.startswith(f"774 bytes sent to {server.where}, 774 received (TLS {version}, ")
    assert back.read_bytes() == kept.read_bytes() == 3 * PAYLOAD
    lines = server.rest()
    assert f"TLS {version}" in lines[0]
    assert lines[-1].endswith("774 bytes received")


def test_a_file_is_sent_and_a_server_s_file_comes_back(held: Files, monkeypatch: Any, tmp_path: Path) -> None:
    source, greeting, back, kept = (tmp_path / name for name in ("source", "greeting", "back", "kept"))
    source.write_bytes(bytes(range(256)) * 300)
    greeting.write_bytes(b"from the server")
    options = (*held.showing, "--file", greeting, "--output", kept, "--count", 1, *LIMIT)
    with Serving(monkeypatch, LOCAL, *options) as server:
        ran = run("send", server.where, *held.trusting, "--file", source, "--output", back, "--timeout", 1)
    assert (ran.exit_code, ran.error) == (0, None)
    assert kept.read_bytes() == source.read_bytes()
    assert back.read_bytes() == b"from the server"


def test_an_echo_that_never_comes_ends_with_the_time_limit(held: Files, monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, *held.showing, "--count", 1, *LIMIT) as server:
        ran = run("send", server.where, *held.trusting, "--hex", "01", "--echo", "--timeout", 0.3)
    assert isinstance(ran.error, ConnectionLost)
    assert ran.error.status == 0x80C7


def test_standard_input_is_sent_where_nothing_else_is_named(held: Files, monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, *held.showing, "--count", 1, "--hex", *LIMIT) as server:
        ran = run("send", server.where, *held.trusting, data=b"\x00typed\n")
    assert ran.exit_code == 0
    assert any(line.endswith("7 bytes: 00 74 79 70 65 64 0a") for line in server.rest())


def test_partners_are_served_one_after_another_and_a_refused_one_does_not_count(held: Files, monkeypatch: Any) -> None:
    options = (*held.mutual, "--require-client-certificate", "--count", 2, "--json", *LIMIT)
    with Serving(monkeypatch, LOCAL, *options) as server:
        assert run("send", server.where, *held.mutual, "--hex", "01").exit_code == 0
        refused = run("send", server.where, *held.trusting, "--hex", "02")
        assert isinstance(refused.error, OUCError)
        assert refused.error.status == 0x80E1
        assert run("send", server.where, *held.mutual, "--hex", "03").exit_code == 0
    events = server.events()
    assert [one["event"] for one in events if one["event"] != "received"] == [
        "connected", "closed", "refused", "connected", "closed",
    ]  # fmt: skip
    (told,) = [one for one in events if one["event"] == "refused"]
    assert told["status"] == "16#80E2"
    assert "TLSClientCertRef" in told["remedy"]


def test_a_silent_partner_does_not_keep_others_waiting(held: Files, monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, *held.showing, "--count", 1, *LIMIT) as server:
        host, _, port = server.where.rpartition(":")
        with socket.create_connection((host, int(port))):
            assert run("send", server.where, *held.trusting, "--hex", "01").exit_code == 0


def test_plain_partners_speak_without_certificates_and_are_warned(monkeypatch: Any, capfd: Any) -> None:
    with Serving(monkeypatch, LOCAL, "--plain", "--echo", "--count", 1, *LIMIT) as server:
        ran = run("send", server.where, "--plain", "--hex", "0102", "--echo")
    assert ran.exit_code == 0
    assert ran.stdout.endswith("2 received (plain TCP)\n")
    assert "nobody is verified" in ran.stderr


def test_the_address_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    plan = planned("wrong-address", "server")
    trusting = files(plan, tmp_path).trusting
    with passive(plan) as where:
        strict = run("send", where, *trusting, "--hex", "01")
        lax = run("send", where, *trusting, "--hex", "01", "--no-check-address")
    assert isinstance(strict.error, CertificateError)
    assert strict.error.status == 0x80E1
    assert (lax.exit_code, lax.error) == (0, None)


@pytest.mark.parametrize(
    ("fault", "status"),
    [("expired", 0x80E5), ("not-yet-valid", 0x80E2), ("unknown-ca", 0x80E4), ("wrong-usage", 0x80E2), ("revoked", 0x80E3)],
)
def test_a_partner_that_must_be_refused_is_refused_and_gets_no_data(fault: str, status: int, tmp_path: Path) -> None:
    plan = planned(fault, "server")
    with passive(plan) as where:
        ran = run("send", where, *files(plan, tmp_path).trusting, "--hex", "01")
        insecure = run("send", where, "--trust", "any-insecure", "--hex", "01")
    assert isinstance(ran.error, OUCError)
    assert ran.error.status == status
    assert (insecure.exit_code, insecure.error) == (0, None)
    assert "whoever answers is believed" in insecure.stderr


def test_a_project_is_opened_with_the_password_from_the_environment(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "plant.ouc"
    project = Project.create("Plant", path=path, password="a good password 1")
    project.add_device("PLC-1", addresses=["127.0.0.1"])
    own = project.new(usage="tls", issuer=3, device="PLC-1", key="ec-p256")
    monkeypatch.setenv("OUC_PROJECT_PASSWORD", "a good password 1")
    options = ("--project", path, "--device", "PLC-1", "--own", own.id, "--trust", 3)
    with Serving(monkeypatch, LOCAL, *options, "--require-client-certificate", "--count", 1, *LIMIT) as server:
        ran = run("send", server.where, *options, "--hex", "01", "--json")
    assert (ran.exit_code, ran.error) == (0, None)
    assert ran.json["sent"] == 1


def test_too_few_partners_in_time_is_a_failure(held: Files, monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, *held.showing, "--count", 1, "--timeout", 0.05) as server:
        pass
    assert server.ran is not None
    assert isinstance(server.ran.error, ConnectionLost)
    assert "only 0 of 1 partners" in str(server.ran.error)


def test_a_port_that_is_taken_is_told_with_its_status(held: Files, monkeypatch: Any) -> None:
    with Serving(monkeypatch, LOCAL, *held.showing, "--count", 1, *LIMIT) as server:
        ran = run("serve", server.where, *held.showing)
        assert run("send", server.where, *held.trusting, "--hex", "01").exit_code == 0
    assert isinstance(ran.error, OUCError)
    assert ran.error.status == 0x80A1


def test_an_echo_that_differs_is_told_with_the_place(tmp_path: Path) -> None:
    # A plain PLC that sends 258 bytes of its own, whatever it gets.
    with passive(planned("plain", "server")) as where:
        ran = run("send", where, "--plain", "--echo", "--hex", "0100fe0c49")
    assert isinstance(ran.error, RemoteProtocolError)
    assert "from byte 4 on" in str(ran.error)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("send", "127.0.0.1:1", "--hex", "01"), "no certificates"),
        (("serve", LOCAL), "no certificates"),
        (("send", "127.0.0.1:1", "--plain", "--trust", "any-insecure", "--hex", "01"), "exclude each other"),
        (("send", "127.0.0.1:1", "--plain", "--hex", "0"), "hexadecimal"),
        (("send", "127.0.0.1:1", "--plain", "--hex", ""), "nothing to send"),
        (("send", "127.0.0.1:0", "--plain", "--hex", "01"), "no HOST:PORT"),
        (("serve", LOCAL, "--plain", "--require-client-certificate"), "verifies a partner"),
        (("send", "127.0.0.1:1", "--plain", "--tls", "1.3", "--hex", "01"), "--plain and --tls exclude each other"),
        (("serve", LOCAL, "--plain", "--tls", "1.2"), "--plain and --tls exclude each other"),
        (("send", "--plain", "--hex", "01"), "HOST:PORT: no partner is named. Write 192.168.0.1:2000"),
        (("serve", "--plain"), "HOST:PORT: no own port. Write 2000"),
        (("serve", "plc.plant:2000", "--plain"), "no own IPv4 address"),
    ],
)
def test_options_that_cannot_be_meant_end_in_one_clear_error(arguments: Any, what: str) -> None:
    ran = run(*arguments)
    assert isinstance(ran.error, ParameterError)
    assert what in str(ran.error)
    assert ran.error.failure.remedy


def test_a_server_without_a_certificate_of_its_own_does_not_start(held: Files) -> None:
    ran = run("serve", LOCAL, *held.trusting)
    assert isinstance(ran.error, OUCError)
    assert ran.error.status == 0x80E9


@pytest.mark.parametrize("name", ["serve", "receive"])
def test_a_CA_that_locks_nobody_out_is_told(name: str, held: Files) -> None:
    ran = run(name, LOCAL, *held.mutual, "--timeout", 0.01)
    assert (ran.exit_code, ran.error) == (0, None)
    assert "--ca is not used: without --require-client-certificate any client is let in" in ran.stderr
    locked = run(name, LOCAL, *held.mutual, "--require-client-certificate", "--timeout", 0.01)
    assert (locked.exit_code, locked.error) == (0, None)
    assert "--ca" not in locked.stderr


def test_a_reference_that_locks_nobody_out_is_told(tmp_path: Path) -> None:
    options = ("--project", plant_file(tmp_path), "--device", "PLC-1", "--own", 9)
    env = {"OUC_PROJECT_PASSWORD": PASSWORD}
    ran = run("serve", LOCAL, *options, "--trust", 3, "--timeout", 0.01, env=env)
    silent = run("serve", LOCAL, *options, "--timeout", 0.01, env=env)
    assert (ran.error, silent.error) == (None, None)
    assert "--trust" not in silent.stderr
    assert "nobody is verified" in silent.stderr
    assert "--trust is not used: without --require-client-certificate any client is let in" in ran.stderr


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "pc.p12"
    project = Project.create("Plant", make_key=KeyPool())
    project.add_device("PC-1", kind="PC")
    entry = project.new(usage="tls", issuer="self", device="PC-1")
    path.write_bytes(project.export(entry.id, "p12", password=PASSWORD).data)
    return path


def test_the_password_of_an_own_archive_comes_from_a_file_only_and_the_remedy_names_the_option(archive: Path) -> None:
    # The environment has the project's password, and an archive is none.
    closed = run("serve", LOCAL, "--cert", archive, "--timeout", 0.01, env={"OUC_PROJECT_PASSWORD": PASSWORD})
    assert isinstance(closed.error, ParameterError)
    assert closed.error.failure.remedy == "Give its password: --password-file"
    secret = archive.with_suffix(".password")
    secret.write_text(PASSWORD + "\n", "utf-8")
    assert run("serve", LOCAL, "--cert", archive, "--password-file", secret, "--timeout", 0.01).error is None


def test_a_missing_key_is_asked_for_in_the_words_of_the_command_line(held: Files) -> None:
    ran = run("serve", LOCAL, "--cert", held.cert)
    assert isinstance(ran.error, ParameterError)
    assert ran.error.failure.remedy == "Give --key FILE as well"


@pytest.mark.parametrize(
    ("password", "remedy"),
    [(PASSWORD, "Give --device NAME, one of PLC-1, PLC-2"), ("", "Give --device NAME; `ouc device list {path}` shows them")],
)
def test_a_project_without_a_device_is_told_with_the_names_it_has(password: str, remedy: str, tmp_path: Path) -> None:
    path = plant_file(tmp_path)
    ran = run("serve", LOCAL, "--project", path, env={"OUC_PROJECT_PASSWORD": password})
    assert isinstance(ran.error, ParameterError)
    assert str(ran.error) == f"{path}: is a project. {remedy.format(path=path)}"


@pytest.mark.parametrize(("device", "what"), [((), "is not a device file"), (("--device", "PLC-1"), "is not a project file")])
def test_a_file_of_another_kind_is_no_project_and_the_remedy_says_where_one_comes_from(
    device: tuple[str, ...], what: str, held: Files
) -> None:
    ran = run("serve", LOCAL, "--project", held.cert, *device)
    assert isinstance(ran.error, ParameterError)
    assert ran.error.failure.what == what
    assert "ouc " in ran.error.failure.remedy


@pytest.mark.parametrize(("content", "why"), [(None, "No such file or directory"), (b"\xff\n", "it is not UTF-8 text")])
def test_a_password_file_that_cannot_be_read_is_named_once(content: bytes | None, why: str, tmp_path: Path) -> None:
    secret = tmp_path / "nopw"
    if content is not None:
        secret.write_bytes(content)
    ran = run("serve", LOCAL, "--cert", tmp_path / "pc.p12", "--password-file", secret)
    assert str(ran.error).startswith(f"{secret}: the password of the key cannot be read: {why}. ")
    assert str(ran.error).count(str(secret)) == 1


def test_a_partner_that_is_not_there_is_told_in_one_error(held: Files) -> None:
    ran = run("send", f"127.0.0.1:{free_port()}", *held.trusting, "--hex", "01")
    assert isinstance(ran.error, ConnectionLost)
    assert ran.error.status == 0x80C5


def test_a_block_of_another_code_page_is_sent_in_its_bytes(tmp_path: Path, monkeypatch: Any) -> None:
    block, back = tmp_path / "block.db", tmp_path / "back"
    text = (
        "DATA_BLOCK \"X\"\n{ S7_Optimized_Access := 'FALSE' }\nSTRUCT\n s : String[3] := 'Źťý';\n"
        "END_STRUCT;\nBEGIN\nEND_DATA_BLOCK\n"
    )
    block.write_bytes(text.encode("cp1250"))
    with Serving(monkeypatch, LOCAL, "--plain", "--count", 1, "--output", back, *LIMIT) as server:
        ran = run("send", server.where, "--plain", "--data", block, "--code-page", "cp1250")
        assert (ran.exit_code, ran.error) == (0, None)
    assert back.read_bytes()[:5] == b"\x03\x03" + "Źťý".encode("cp1250")
