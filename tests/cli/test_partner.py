"""`ouc partner`."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.published import CLIENT, SERVER, example_file
from ouc import params, source
from ouc.errors import ParameterError
from ouc.params import TCON_Configured, to_toml

from ..params import strategies as sides
from .commands import run

PLC_1, PLC_2 = example_file(SERVER), example_file(CLIENT)


def test_the_partner_of_the_published_server_is_the_published_client_as_a_source() -> None:
    ran = run("partner", PLC_1, "--address", "192.168.0.1", "--own", "11")
    assert ran.exit_code == 0
    assert ran.stderr == ""
    assert source.loads(ran.stdout)["Server IP_V4_ConnectionSEC"] == sides.CLIENT


def test_a_source_is_written_as_TIA_Portal_writes_it(tmp_path: Path) -> None:
    file = tmp_path / "partner.db"
    assert run("partner", PLC_2, "--address", "192.168.0.2", "--own", "9", "--output", file).exit_code == 0
    assert file.read_bytes().startswith(b"\xef\xbb\xbfDATA_BLOCK")
    assert b"\r\n" in file.read_bytes()
    assert source.load(file)["Client IP_V4_Connection_SEC"] == sides.SERVER


def test_TOML_and_Python_say_the_same(tmp_path: Path) -> None:
    options = ("--address", "192.168.0.1", "--own", "11")
    as_toml = run("partner", PLC_1, *options, "--format", "toml")
    assert params.loads(as_toml.stdout) == {"Server IP_V4_ConnectionSEC": sides.CLIENT}
    file = tmp_path / "partner.toml"
    run("partner", PLC_1, *options, "--format", "toml", "-o", file)
    assert params.loads(file.read_text("utf-8")) == params.loads(as_toml.stdout)
    as_python = run("partner", file, "--format", "python", "--address", "192.168.0.2", "--own", "9")
    made: dict[str, object] = {}
    exec(as_python.stdout, made)
    assert made["server_ip_v4_connectionsec"] == sides.SERVER


def test_many_controllers_with_ID_1_get_different_IDs_on_one_partner(tmp_path: Path) -> None:
    ran = run("partner", PLC_1, PLC_1, PLC_1, "--address", "192.168.0.1", "--own", "11", "--format", "toml")
    found = params.loads(ran.stdout)
    assert [value.endpoint.connection_id for value in found.values()] == [1, 2, 3]
    assert len(found) == 3
    ran = run("partner", PLC_1, "--id", "77", "--address", "192.168.0.1", "--format", "toml")
    assert [value.endpoint.connection_id for value in params.loads(ran.stdout).values()] == [77]


def test_what_the_result_lacks_is_told_beside_it() -> None:
    ran = run("partner", PLC_1)
    assert ran.exit_code == 0
    assert "the active side needs the partner's address" in ran.stderr
    assert "TLSClientCertRef 9 is the ID that the first side uses" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nowhere.db"], "nowhere.db"),
        ([PLC_1, "--address", "there"], "no IPv4 address"),
        ([PLC_1, "--own", str(2**32)], "TLSClientCertRef"),
    ],
)
def test_a_mistake_is_one_error(arguments: list[object], part: str) -> None:
    error = run("partner", *arguments).error
    assert isinstance(error, ParameterError)
    assert part in str(error)


def test_a_connection_of_the_network_view_has_no_partner_to_derive(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(to_toml({"one": TCON_Configured(ID=5)}), "utf-8")
    error = run("partner", file).error
    assert isinstance(error, ParameterError)
    assert error.status == 0x809A


def test_sources_in_the_engineering_station_s_code_page_are_read_by_every_command(tmp_path: Path) -> None:
    text = PLC_1.read_text("utf-8-sig").replace("Server IP_V4_ConnectionSEC", "síť")
    side = tmp_path / "side.db"
    side.write_bytes(text.encode("cp1250"))
    for command in (("lint",), ("partner", "--address", "192.168.0.1", "--own", "11")):
        words = (command[0], f"{side}#síť", *command[1:])
        assert "there is no connection description" in (run(*words).stderr or str(run(*words).error))
        ran = run(*words, "--code-page", "cp1250")
        assert (ran.error, ran.stderr) == (None, "")
