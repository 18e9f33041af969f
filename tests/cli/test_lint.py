"""`ouc lint`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emulator.published import CLIENT, SERVER, example_file
from ouc.certs import Project
from ouc.cli._projects import PASSWORD
from ouc.cli._usage import UsageError
from ouc.params import TCON_IP_v4, to_toml

from ..params import strategies as sides
from .commands import run

PLC_1, PLC_2 = example_file(SERVER), example_file(CLIENT)
SENT, RECEIVED = example_file("Send_Data.db"), example_file("Received_Data.db")


def toml(folder: Path, name: str, **descriptions: Any) -> Path:
    file = folder / name
    file.write_text(to_toml(descriptions), "utf-8")
    return file


def statuses(*arguments: object) -> list[tuple[str, str | None]]:
    return [(found["side"], found["status"]) for found in run("lint", *arguments, "--json").json["findings"]]


def test_the_published_pair_has_no_finding() -> None:
    ran = run("lint", PLC_1, PLC_2, "--data-a", RECEIVED, "--data-b", SENT, "--profile-a", "S7-1500 V3.1")
    assert ran.exit_code == 0
    assert "nothing found" in ran.stdout
    assert "Server IP_V4_ConnectionSEC meets Client IP_V4_Connection_SEC" in ran.stdout


def test_one_side_alone_is_checked_too() -> None:
    assert run("lint", PLC_1).exit_code == 0
    assert statuses(PLC_1, "--profile-a", "S7-1200 V4.3") == [("", "16#809A")]


def test_a_variable_is_named_behind_the_file() -> None:
    assert run("lint", f"{PLC_1}#Server IP_V4_ConnectionSEC").exit_code == 0


def test_findings_end_with_exit_status_1_and_a_table(tmp_path: Path) -> None:
    wrong = toml(tmp_path, "a.toml", one=TCON_IP_v4(RemotePort=0, RemoteAddress="10.0.0.1"))
    ran = run("lint", wrong)
    assert ran.exit_code == 1
    assert "16#80B7" in ran.stdout
    assert "RemotePort" in ran.stdout


def test_warnings_alone_end_with_exit_status_0(tmp_path: Path) -> None:
    odd = toml(tmp_path, "a.toml", one=sides.changed(sides.CLIENT, "ExtTLSCapabilities", 2))
    ran = run("lint", odd, "--json")
    assert ran.exit_code == 0
    assert (ran.json["errors"], ran.json["warnings"]) == (0, 1)


def test_what_only_the_pair_shows_has_no_STATUS() -> None:
    assert statuses(PLC_1, PLC_1) == [("A-B", None), ("A-B", None)]


def test_IDs_used_twice_in_one_file_are_told_for_both(tmp_path: Path) -> None:
    one = TCON_IP_v4(RemoteAddress="10.0.0.1", LocalPort=0)
    both = toml(tmp_path, "a.toml", one=one, other=TCON_IP_v4(RemoteAddress="10.0.0.2", LocalPort=0))
    found = run("lint", both, "--json").json["findings"]
    assert [(row["where"], row["status"]) for row in found] == [("one", "16#80C8"), ("other", "16#80C8")]


def test_all_pairs_that_can_meet_are_checked(tmp_path: Path) -> None:
    active = [TCON_IP_v4(ID=number, RemoteAddress="10.0.0.1", RemotePort=port, LocalPort=0)
              for number, port in ((1, 2000), (2, 2001))]  # fmt: skip
    passive = [TCON_IP_v4(ID=number, ActiveEstablished=False, RemotePort=0, LocalPort=port)
               for number, port in ((1, 2001), (2, 2000))]  # fmt: skip
    a = toml(tmp_path, "a.toml", first=active[0], second=active[1])
    b = toml(tmp_path, "b.toml", third=passive[0], fourth=passive[1])
    ran = run("lint", a, b, "--json")
    assert ran.exit_code == 0
    assert ran.json["pairs"] == [["first", "fourth"], ["second", "third"]]


def test_files_of_which_nothing_meets_are_an_error(tmp_path: Path) -> None:
    one = TCON_IP_v4(ID=1, RemoteAddress="10.0.0.1", LocalPort=0)
    two = TCON_IP_v4(ID=2, RemoteAddress="10.0.0.1", LocalPort=0)
    a = toml(tmp_path, "a.toml", one=one, two=two)
    ran = run("lint", a, a, "--json")
    assert ran.exit_code == 1
    assert [row["rule"] for row in ran.json["findings"]] == ["nobody meets"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--data-a", RECEIVED, "--len-a", "259", "--data-b", SENT], [("A", "16#8088"), ("A-B", None)]),
        (["--data-a", RECEIVED, "--data-b", SENT, "--len-b", "20"], [("A-B", None)]),
        (["--data-a", f"{RECEIVED}#Received_Data", "--data-b", f"{SENT}#Send_Data"], []),
    ],
)
def test_LEN_and_DATA_are_compared(options: list[object], expected: list[tuple[str, str | None]]) -> None:
    assert statuses(PLC_1, PLC_2, *options) == expected


def told(*arguments: object, env: dict[str, str] | None = None) -> str:
    """The one line for a look that was not possible, or for a mistake in the words."""
    ran = run("lint", *arguments, env=env)
    if isinstance(ran.error, UsageError):
        return str(ran.error)
    assert (ran.error, ran.exit_code, ran.stdout) == (None, 3, "")
    assert len(ran.stderr.splitlines()) == 1
    return ran.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nowhere.db"], "nowhere.db"),
        (["nowhere.toml"], "nowhere.toml"),
        ([f"{PLC_1}#nothing"], "nothing"),
        ([SENT], "no connection description"),
        ([PLC_1, "--profile-a", "S7-400"], "no profile"),
        ([PLC_1, "--address-a", "here"], "no IPv4 address"),
        ([PLC_1, "--len-a", "5"], "needs an area"),
        ([PLC_1, "--profile-b", "Python"], "side B"),
        ([PLC_1, "--device-a", "PLC-1"], "--project"),
        ([PLC_1, "--project", "plant.ouc"], "which device"),
        ([PLC_1, "--project", "nowhere.ouc", "--device-a", "PLC-1"], "nowhere.ouc"),
    ],
)
def test_a_mistake_is_one_error_with_its_place(arguments: list[object], part: str) -> None:
    assert part in told(*arguments)


def test_a_broken_source_is_told_with_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "broken.db"
    file.write_text('DATA_BLOCK "x"\nVAR\n  a : ;\nEND_VAR\n', "utf-8")
    assert f"{file}:3:" in told(file)


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"[x]\nstructure = 5", b"x = ["])
def test_a_broken_TOML_file_is_one_error(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(text)
    assert str(file) in told(file)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's project as a file: CA 3, PLC-1 with server certificate 9, PLC-2 with client certificate 11."""
    file = tmp_path_factory.mktemp("project") / "plant.ouc"
    now = datetime.now(UTC)
    project = Project.create("Example", path=file, password="Secret-12345", now=now)
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=now)
    for _ in range(3):
        project.delete(project.new(usage="tls", issuer=3, device="PLC-1", now=now).id)
    project.enable_web_server("PLC-1", now=now)
    project.new(usage="tls", issuer=3, device="PLC-1", common_name="PLC-1/TLS", now=now)
    project.add_device("PLC-2", addresses=["192.168.0.2"], now=now)
    project.new(usage="tls", issuer=3, device="PLC-2", common_name="PLC-2/TLS", now=now)
    return file


def against(plant: Path, a: Path, b: Path) -> list[tuple[str, str | None, str]]:
    ran = run(
        "lint", a, b, "--project", plant, "--device-a", "PLC-1", "--device-b", "PLC-2", "--json",
        "--profile-a", "S7-1500", "--profile-b", "S7-1500", env={PASSWORD: "Secret-12345"},
    )  # fmt: skip
    return [(found["side"], found["status"], found["rule"]) for found in ran.json["findings"]]


def test_references_of_the_published_pair_are_right_in_its_project(plant: Path) -> None:
    assert against(plant, PLC_1, PLC_2) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("TLSServerCertRef", 10, ("A", "16#80ED", "own certificate not usable")),
        ("TLSServerCertRef", 3, ("A", "16#80ED", "own certificate not usable")),
        ("TLSClientCertRef", 9, ("A", "16#80E2", "trusted certificate verifies nobody")),
        ("TLSClientCertRef", 11, ("A", "16#80E4", "trusted certificate unknown")),
    ],
)
def test_a_wrong_reference_is_found_in_the_project(
    plant: Path, tmp_path: Path, path: str, value: int, expected: tuple[str, str, str]
) -> None:
    wrong = toml(tmp_path, "a.toml", server=sides.changed(sides.SERVER, path, value))
    assert expected in against(plant, wrong, PLC_2)


@pytest.mark.parametrize(("number", "side"), [(9, "A"), (11, "B")])
def test_a_revoked_certificate_is_found_in_the_project(plant: Path, tmp_path: Path, number: int, side: str) -> None:
    copy = tmp_path / "copy.ouc"
    with Project.open(plant, password="Secret-12345") as project:
        project.backup(copy)
    with Project.open(copy, password="Secret-12345") as project:
        project.revoke(number, reason="key-compromise")
    assert against(copy, PLC_1, PLC_2) == [(side, "16#80E3", "own certificate revoked")]


def test_a_wrong_password_is_one_error_without_it(plant: Path) -> None:
    said = told(PLC_1, "--project", plant, "--device-a", "PLC-1", env={PASSWORD: "Wrong-12345"})
    assert "Wrong-12345" not in said
