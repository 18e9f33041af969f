"""Sources that are wrong: where, what, and in bounded time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.source import load, loads

from .reading import HEAD
from .test_forms import FB, TEXT

#: Everything a source may hold, for cutting and mixing.
WHOLE = (
    'TYPE "V"\nVERSION : 0.1\n   STRUCT\n      a : Array[0..1, 1..2] of Int := [2(1), 3];   // c\n   END_STRUCT;\n\nEND_TYPE\n'
    + FB + HEAD + "   STRUCT \n      d {x := 'y'} : DTL;\n      u : \"V\" := ([4(2)]);\n      s : String[5] := 'a$'b';\n"
    '      "q r" : Struct   // t\n         b, c : Bool;\n      END_STRUCT;\n   END_STRUCT;\nBEGIN\n'
    '   "q r".b := TRUE;\n   d := DTL#2008-10-25-08:12:34.567;\nEND_DATA_BLOCK\n'
)  # fmt: skip


def read_all(text: str) -> None:
    """Read everything that a source holds."""
    file = loads(text)
    for block in [*file.blocks.values(), *file.types.values()]:
        block.data().to_dict()
    file.structures()


def test_the_whole_source_is_right() -> None:
    read_all(WHOLE)


def wrong(members: str, begin: str = "", head: str = HEAD) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        read_all(f"{head}STRUCT\n{members}\nEND_STRUCT;\nBEGIN\n{begin}\nEND_DATA_BLOCK\n")
    return caught.value


@pytest.mark.parametrize(
    ("members", "begin", "place", "reason"),
    [
        ("a : Itn;", "", "5:5", "the type 'Itn' is not known"),
        ('a : Int;\nb : Array[0..1] of "Missing";', "", "6:20", "the type 'Missing' is not known"),
        ("a : Int := 40000;", "", "5:12", "40000 does not fit Int: -32768 to 32767"),
        ("a : Int := 'x';", "", "5:12", "\"'x'\" is no literal of Int"),
        ("a : Int := [1];", "", "5:12", "does not fit Int"),
        ("a : Int := (1);", "", "5:12", "does not fit Int"),
        ("a : Array[0..1] of Int := 5;", "", "5:27", "no literal"),
        ("a : Array[0..1] of Int := [1,2,3];", "", "5:32", "has only 2 elements"),
        ("a : Array[0..1] of Int := [3(1)];", "", "5:28", "3 repetitions of 1 values do not fit"),
        ("a : Array[0..1] of Int := [0(1)];", "", "5:28", "0 repetitions"),
        ("a : Array[0..1] of Int := [-1(1)];", "", "5:28", "-1 repetitions"),
        ("a : Array[0..1] of Int := [1.5(1)];", "", "5:28", "'1.5' is no integer"),
        ("a : Array[1..x] of Int;", "", "5:14", "the constant 'x' is not known"),
        ("a : Array[1..2.5] of Int;", "", "5:14", "no integer"),
        ("a : Array[*] of Int;", "", "5:5", "has no size"),
        ("a : String[300];", "", "5:5", "String[300] does not exist"),
        ("a : String[-1];", "", "5:5", "String[-1] does not exist"),
        ("a : REF_TO Int;", "", "5:5", "REF_TO cannot be declared"),
        ("a : Struct b : Int; END_STRUCT := (c := 1);", "", "5:36", "no member c"),
        ("a : Struct b : Int; END_STRUCT := (1, 2);", "", "5:39", "has only 1 members"),
        ("a : Int;\nA : Int;", "", "6:1", "A is declared twice"),
        ("a, b, a : Int;", "", "5:7", "a is declared twice"),
        ("a : Int;", "b := 1;", "8:1", "there is no member b"),
        ("a : Int;", "\n  a[1] := 1;", "9:3", "Int does not have the index 1"),
        ("a : Array[0..1] of Int;", "a[2] := 1;", "8:1", "the index 2 is not in 0..1"),
        ("a : Int;", "a := 99999;", "8:6", "99999 does not fit Int"),
        ("a : Int;", 'a := "MISSING";', "8:6", "the constant 'MISSING' is not known"),
        ("a : Int;", "a := MISSING;", "8:6", "the constant 'MISSING' is not known"),
        ("d : DTL;", "d.MONTH := 13;", "8:1", "does not fit DTL"),
        ("d : DTL;", "d := DTL#2008-13-01-00:00:00;", "8:6", "does not fit DTL"),
        ("d : DTL := (MONTH := 0);", "", "5:12", "does not fit DTL"),
        ("t : IEC_TIMER;", "t.XX := T#5s;", "8:1", "IEC_TIMER has no member XX"),
        ("t : IEC_TIMER;", "t.PT := 5;", "8:9", "no literal of Time"),
        ("a : Int;\nx AT y : Int;", "", "", "no earlier member"),
        ("a : Bool;\nx AT a : LReal;", "", "", "no earlier member"),
    ],
)
def test_what_is_wrong_in_a_block_is_told_with_line_and_column(members: str, begin: str, place: str, reason: str) -> None:
    error = wrong(members, begin)
    assert reason in error.failure.what
    assert error.failure.where == (f"<source>:{place}" if place else "<source>")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("DATA_BLOCK", "1:11", "the file ends here"),
        ("garbage", "1:1", "'garbage' is not expected here"),
        ("DATA_BLOCK \"X\"\nSTRUCT\n a : Int\nEND_STRUCT", "4:1", "'END_STRUCT' is not expected here; expected"),
        ("DATA_BLOCK \"X\"\nSTRUCT\n a Int;", "3:4", "'Int' is not expected here"),
        ("DATA_BLOCK \"X\"\nSTRUCT\n a : ;", "3:6", "';' is not expected here"),
        ("DATA_BLOCK \"X\"\nSTRUCT\n a : String := 'abc;\nEND_STRUCT", "3:16", "is not expected here"),
        ("DATA_BLOCK \"X\"\nSTRUCT\n \"a : Int;\nEND_STRUCT", "3:2", "is not expected here"),
        ("DATA_BLOCK \"X\"\nSTRUCT\n a : Array[1.5] of Int;", "3:15", "expected '..'"),
        ("DATA_BLOCK \"X\"\nSTRUCT\n (* no end", "3:2", "is not expected here"),
        ("DATA_BLOCK X 5\nSTRUCT", "1:14", "5 is not expected behind X"),
        ("FUNCTION_BLOCK \"F\"\nBEGIN\n x := 'END_FUNCTION_BLOCK'", "3:27", "the file ends here; expected END_FUNCTION_BLOCK"),
    ],
)
def test_a_syntax_error_is_told_with_line_and_column(text: str, place: str, reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        loads(text)
    assert reason in caught.value.failure.what
    assert caught.value.failure.where == f"<source>:{place}"


def test_types_that_contain_themselves_are_refused() -> None:
    for types in (
        'TYPE "A" STRUCT a : "A"; END_STRUCT; END_TYPE ',
        'TYPE "A" STRUCT b : Array[0..1] of "B"; END_STRUCT; END_TYPE '
        'TYPE "B" STRUCT s : Struct a : "A"; END_STRUCT; END_STRUCT; END_TYPE ',
    ):
        assert "'A' contains itself" in wrong('x : "A";', head=types + HEAD).failure.what


def test_a_chain_of_a_thousand_types_is_refused_by_its_depth() -> None:
    types = "".join(f'TYPE "T{n}" STRUCT t : "T{n + 1}"; END_STRUCT; END_TYPE\n' for n in range(1000))
    error = wrong('x : "T0";', head=types + 'TYPE "T1000" STRUCT a : Int; END_STRUCT; END_TYPE\n' + HEAD)
    assert "more than 8 levels" in error.failure.what


def test_types_that_double_their_size_a_hundred_times_are_refused_by_it() -> None:
    types = "".join(
        f'TYPE "T{n}" STRUCT a : Array[0..1000] of "T{n + 1}"; END_STRUCT; END_TYPE\n' for n in range(7)
    )
    error = wrong('x : "T0";', head=types + 'TYPE "T7" STRUCT a : Int; END_STRUCT; END_TYPE\n' + HEAD)
    assert "at most 16777216 are supported" in error.failure.what


def test_two_declarations_of_one_name_are_refused() -> None:
    block = HEAD + "STRUCT a : Int; END_STRUCT; END_DATA_BLOCK\n"
    with pytest.raises(ParameterError, match='"x" is declared twice') as caught:
        loads(block + block.replace('"X"', '"x"'))
    assert caught.value.failure.where == "<source>:5:12"


DEEP = 30_000


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "STRUCT " + "s : STRUCT " * DEEP,
        HEAD + "STRUCT " + "s : STRUCT " * DEEP + "a : Int; " + "END_STRUCT; " * DEEP + "END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : " + "Array[0..0] of " * DEEP + "Int; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : " + "REF_TO " * DEEP + "Int; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Array[0..1] of Int := " + "[" * DEEP + "1" + "]" * DEEP + "; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Array[0..1] of Int := [" + "1(" * DEEP + "1" + ")" * DEEP + "]; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Struct b : Int; END_STRUCT := " + "(" * DEEP + "1" + ")" * DEEP + "; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Array[0..134217000] of Bool := [134217000(TRUE)]; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Array[0..1] of Int := [1000000(1000000(1000000(0)))]; END_STRUCT; END_DATA_BLOCK",
        "NAMESPACE a " * DEEP,
        "(*" * DEEP,
        "'" * DEEP,
        '"' * DEEP,
        "$'" * DEEP,
        "(" * DEEP,
        "{" * DEEP,
        "FUNCTION_BLOCK x BEGIN " * DEEP,
        HEAD + "STRUCT END_STRUCT; BEGIN " + "a." * DEEP + "b := 1; END_DATA_BLOCK",
        HEAD + "STRUCT a : Int; END_STRUCT; BEGIN a" + "[1]" * DEEP + " := 1; END_DATA_BLOCK",
        HEAD + "STRUCT a : Int := " + "9" * DEEP + "; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Time := T#" + "9" * DEEP + "d; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Real := 1e" + "9" * DEEP + "; END_STRUCT; END_DATA_BLOCK",
        HEAD + "STRUCT a : Array[" + "9" * DEEP + "..1] of Int; END_STRUCT; END_DATA_BLOCK",
    ],
    ids=range(23),
)
def test_hostile_sources_end_in_one_clear_error(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        read_all(text)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("piece", ["(", '"', "'", "P#", "a#", "{", "$", "TYPE\n", '"\n', "(*", "9", "a", "é", "{ S7_", "\n"])
def test_four_mebibytes_of_one_thing_are_read_in_linear_time(piece: str) -> None:
    text = piece * (4 * 2**20 // len(piece.encode()))
    if piece == "\n":
        assert not loads(text).blocks
        return
    with pytest.raises(ParameterError) as caught:
        loads(text)
    assert caught.value.failure.where.count(":") == 2
    assert len(str(caught.value)) < 600


def test_a_large_array_with_one_repetition_costs_one_copy() -> None:
    declaration = "STRUCT a : Array[0..16000000] of Byte := [16000001(7)]; END_STRUCT; END_DATA_BLOCK"
    text = HEAD.replace("FALSE", "TRUE") + declaration
    # A copy takes a tenth of a second; a walk over the elements would take minutes and be noticed.
    assert loads(text).blocks["X"].start.count(7) == 16_000_001


@given(st.integers(0, len(WHOLE) - 2))
def test_a_source_that_is_cut_off_is_read_or_refused(end: int) -> None:
    try:
        read_all(WHOLE[:end])
    except ParameterError as error:
        assert error.failure.where.startswith("<source>")


DAMAGE = st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), st.text('"\'();:=[]{}.,#$/* \nAx0_', max_size=4))


@given(st.lists(DAMAGE, max_size=4))
def test_a_damaged_source_is_read_or_refused(damages: list[tuple[int, int, str]]) -> None:
    text = WHOLE
    for at, length, instead in damages:
        text = text[:at] + instead + text[at + length :]
    try:
        read_all(text)
    except ParameterError as error:
        assert error.failure.where.startswith("<source>")
        assert "\n" not in str(error)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_all(text)
    except ParameterError as error:
        assert error.failure.where


@given(st.binary(max_size=300))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "x.db"
    file.write_bytes(data)
    try:
        load(file)
    except ParameterError as error:
        assert error.failure.where.startswith(str(file))


def test_a_file_of_fifty_megabytes_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with file.open("wb") as out:
        out.truncate(50_000_000)
    with pytest.raises(ParameterError, match="larger than 8 MiB"):
        load(file)


def test_a_source_of_a_million_statements_is_refused_unparsed() -> None:
    with pytest.raises(ParameterError, match="more statements"):
        loads(HEAD + "STRUCT " + "a:Int;" * 1_000_000)


@pytest.mark.parametrize("data", [b"\0\1\2", b"\xff\xfeabc", b"\xef\xbb\xbf\xff", b"\xff\xfe\0\xd8"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(data)
    with pytest.raises(ParameterError) as caught:
        load(file)
    assert "text" in caught.value.failure.what
    assert caught.value.failure.where == str(file)


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="is a folder"):
        load(tmp_path)


def test_one_broken_block_does_not_hide_the_others() -> None:
    file = loads(HEAD + "STRUCT a : Missing; END_STRUCT; END_DATA_BLOCK\n" + TEXT.replace('"X"', '"Y"'))
    assert file.block("Y")["Größe"] == 5
    with pytest.raises(ParameterError, match="'Missing' is not known"):
        file.block("X")


def test_a_value_of_a_named_value_type_that_is_declared_twice_is_refused() -> None:
    text = 'TYPE\n"Mode" : Int (idle := 0, run := 5, RUN := 6);\nEND_TYPE\n' + HEAD
    with pytest.raises(ParameterError, match="RUN is declared twice") as caught:
        loads(text + 'STRUCT\n m : "Mode" := run;\nEND_STRUCT;\nBEGIN\nEND_DATA_BLOCK\n', "x.db").block()
    assert caught.value.failure.where.startswith("x.db:2:")


def test_a_file_of_ten_thousand_blocks_names_a_few_of_them() -> None:
    many = "".join(f'DATA_BLOCK "D{number}"\nSTRUCT\n x : Int;\nEND_STRUCT;\nBEGIN\nEND_DATA_BLOCK\n' for number in range(100))
    with pytest.raises(ParameterError, match="D7 and 92 more: name one"):
        loads(many).block()
