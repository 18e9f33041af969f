"""`ouc db`: what people see and what scripts get."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from ouc.cli import db
from ouc.cli._usage import UsageError
from ouc.errors import ParameterError

EXAMPLE = Path(str(files("emulator"))) / "example"
SEND = str(EXAMPLE / "Send_Data.db")
CLIENT = str(EXAMPLE / "Client_Connection_Parameters.db")

MIXED = """TYPE "U" STRUCT a : Int := 7; b : Bool; END_STRUCT; END_TYPE
DATA_BLOCK "Mixed"
{ S7_Optimized_Access := 'FALSE' }
VERSION : 0.1
STRUCT
   t : Time := T#5s;   // how long
   u : Array[1..2] of "U";
   "a=b" : String[5];
   r : Real;
   w : Array[0..2] of Byte;
   at : DTL;
END_STRUCT;
BEGIN
END_DATA_BLOCK
"""


@pytest.fixture
def mixed(tmp_path: Path) -> str:
    file = tmp_path / "mixed.db"
    file.write_text(MIXED)
    return str(file)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    db.register(app)
    # As wide as it takes: what a table shows must not depend on the terminal of whoever runs the tests.
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["db", *arguments])


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, ParameterError)
    return str(result.exception)


def test_show_lists_members_with_offsets_types_and_start_values() -> None:
    members = json.loads(run("show", CLIENT, "--json").stdout)[0]["members"]
    found = {row["path"].rpartition(".")[2]: (row["offset"], row["type"], row["start"]) for row in members}
    assert found["RemoteAddress"] == ("6.0", "IP_V4", "'192.168.0.1'")
    assert found["ActivateSecureConn"] == ("16.0", "Bool", "TRUE")
    assert found["TLSClientCertRef"] == ("24.0", "UDInt", "11")


def test_show_prints_a_table_with_the_comments(mixed: str) -> None:
    shown = run("show", mixed).stdout
    assert "Mixed: 40 bytes, standard access" in shown
    for part in ("how long", "T#5S", "Array[1..2] of U", "a=b"):
        assert part in shown
    assert "[2]" not in shown
    assert "[2]" in run("show", mixed, "--all").stdout


def test_show_looks_at_types_where_there_is_no_block(tmp_path: Path) -> None:
    (tmp_path / "u.udt").write_text(MIXED.partition("DATA_BLOCK")[0])
    assert "U: 4 bytes" in run("show", str(tmp_path / "u.udt")).stdout
    (tmp_path / "empty.scl").write_text("// nothing")
    assert "neither a data block nor a type" in refused("show", str(tmp_path / "empty.scl"))


def test_encode_writes_the_published_image(tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    result = run("encode", SEND, "--set", "Var1=TRUE", "--set", "Var2=Hello World!", "-o", str(image))
    assert (result.exit_code, result.stdout) == (0, "")
    assert image.read_bytes() == bytes.fromhex("01 00 FE 0C 48 65 6C 6C 6F 20 57 6F 72 6C 64 21") + bytes(242)


def test_encode_without_a_file_dumps_hexadecimal() -> None:
    assert run("encode", SEND, "-s", "Var1=1").stdout.splitlines()[0].split() == ["0", "01", "00", "FE", *["00"] * 13]


@pytest.mark.parametrize(
    ("assignment", "place", "expected"),
    [
        ('"a=b"=x=y', slice(12, 17), b"\5\3x=y"),
        ("\"a=b\"='it$'s'", slice(12, 18), b"\5\4it's"),
        ("t=T#1ms", slice(0, 4), b"\0\0\0\1"),
        ("U[2].A=-1", slice(8, 10), b"\xff\xff"),
        ("r=1.0", slice(20, 24), b"\x3f\x80\0\0"),
        ("DBW8=16#00FF", slice(8, 10), b"\0\xff"),
    ],
)
def test_encode_sets_members_by_literal_or_text(
    mixed: str, tmp_path: Path, assignment: str, place: slice, expected: bytes
) -> None:
    image = tmp_path / "image.bin"
    assert run("encode", mixed, "-s", assignment, "-o", str(image)).exit_code == 0
    assert image.read_bytes()[place] == expected


@pytest.mark.parametrize(
    ("assignment", "reason"),
    [
        ("Var1", "write it as PATH=VALUE"),
        ("=5", "write it as PATH=VALUE"),
        ("Var3=5", "did you mean"),
        ("Var1=7", "Var1: '7' is no literal of Bool"),
        ("Var2='open", "no literal of String"),
        ("Var2=" + "x" * 255, "at most 254"),
    ],
)
def test_encode_refuses_what_does_not_fit(assignment: str, reason: str) -> None:
    assert reason in refused("encode", SEND, "-s", assignment)


def test_encode_refuses_an_optimized_block_unless_told_otherwise(tmp_path: Path) -> None:
    assert "Optimized block access" in refused("encode", CLIENT)
    image = tmp_path / "image.bin"
    assert run("encode", CLIENT, "--standard", "-o", str(image)).exit_code == 0
    assert len(image.read_bytes()) == 28


def test_decode_shows_what_encode_made(mixed: str, tmp_path: Path) -> None:
    image = str(tmp_path / "image.bin")
    run("encode", mixed, "-s", '"a=b"=abc', "-s", "r=0.1", "-s", "at=DTL#2008-10-25-08:12:34.567", "-o", image)
    assert json.loads(run("decode", mixed, image, "--json").stdout) == {
        "t": "T#5S",
        "u": [{"a": 7, "b": False}, {"a": 7, "b": False}],
        "a=b": "abc",
        "r": pytest.approx(0.1),
        "w": [0, 0, 0],
        "at": "DTL#2008-10-25-08:12:34.567",
    }
    shown = run("decode", mixed, image)
    assert shown.exit_code == 0
    for part in ("u[2].b", "10.0", "'abc'", "16#00", "DTL#2008-10-25-08:12:34.567"):
        assert part in shown.stdout


def test_decode_reports_bytes_that_are_no_value_and_shows_the_rest(mixed: str, tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    image.write_bytes(bytes(12) + b"\5\x09" + bytes(26))
    result = run("decode", mixed, str(image))
    assert result.exit_code == 1
    assert "?? String[5] says it uses 9 of 5 characters" in result.stdout
    assert "2 members hold bytes that are no value" in result.stderr
    assert "uses 9 of 5" in refused("decode", mixed, str(image), "--json")


def test_decode_writes_what_JSON_has_no_number_for_as_text(mixed: str, tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    run("encode", mixed, "-s", "DBD20=16#7FC00000", "-o", str(image))
    assert json.loads(run("decode", mixed, str(image), "--json").stdout)["r"] == "nan"


def test_diff_shows_the_members_that_differ_and_tells_by_its_status(mixed: str, tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    run("encode", mixed, "-o", one)
    run("encode", mixed, "-s", "u[2].b=1", "-s", "t=T#6s", "-o", other)
    assert run("diff", mixed, one, one).exit_code == 0
    result = run("diff", mixed, one, other, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {"path": "t", "type": "Time", "a": "T#5S", "b": "T#6S"},
        {"path": "u[2].b", "type": "Bool", "a": False, "b": True},
    ]
    shown = run("diff", mixed, one, other).stdout
    assert "u[2].b" in shown
    assert "u[1].b" not in shown


def test_types_and_constants_of_other_files_are_given_by_options(tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "u.udt").write_text(MIXED.partition("DATA_BLOCK")[0])
    main = tmp_path / "x.db"
    main.write_text(
        "DATA_BLOCK \"X\" { S7_Optimized_Access := 'FALSE' } STRUCT u : Array[1..\"MAX\"] of \"U\"; END_STRUCT; END_DATA_BLOCK"
    )
    assert "the type 'U' is not known" in refused("show", str(main), "-c", "MAX=2")
    assert "the constant 'MAX' is not known" in refused("show", str(main), "-w", str(tmp_path / "types"))
    assert "write it as NAME=VALUE" in refused("show", str(main), "-c", "MAX")
    shown = run("show", str(main), "-w", str(tmp_path / "types"), "-c", '"MAX"=16#2')
    assert "X: 8 bytes" in shown.stdout


def test_what_cannot_be_read_is_told_in_one_line(mixed: str, tmp_path: Path) -> None:
    huge = tmp_path / "huge.bin"
    with huge.open("wb") as out:
        out.truncate(16 * 1024 * 1024 + 1)
    assert "larger than 16 MiB" in refused("decode", mixed, str(huge))
    assert "cannot be read" in refused("decode", mixed, str(tmp_path / "missing.bin"))
    assert "there is no such file" in refused("show", str(tmp_path / "missing.db"))
    assert "no block 'Other'" in refused("show", mixed, "-b", "Other")
    (tmp_path / "short.bin").write_bytes(b"1")
    assert "has 40 bytes, not 1" in refused("decode", mixed, str(tmp_path / "short.bin"))


def test_a_file_that_is_none_is_told_by_its_name_and_wrong_words_are_usage_errors(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x")
    for arguments, told in {
        ("show", str(tmp_path)): "is a folder",
        ("show", str(tmp_path / "no.db")): "there is no such file",
        ("decode", SEND, str(tmp_path / "short")): f"{tmp_path / 'short'}: an image of",
        ("decode", SEND, str(tmp_path)): f"{tmp_path}: cannot be read",
        ("decode", SEND, str(tmp_path / "no")): f"{tmp_path / 'no'}: cannot be read",
    }.items():
        assert told in refused(*arguments)
    for wrong in (("--constant", "x"), ("--code-page", "nosuch")):
        result = run("show", SEND, *wrong)
        assert isinstance(result.exception, UsageError)
        assert wrong[0] in str(result.exception)
