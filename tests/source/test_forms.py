"""The forms in which sources are found in the wild (reference 4)."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.s7 import Struct, typeof
from ouc.source import Block, load, loads

from .reading import HEAD, db, start

TEXT = f"{HEAD}NON_RETAIN\n   STRUCT \n      Größe : Int := 5;   // äöü\n   END_STRUCT;\n\n\nBEGIN\n\nEND_DATA_BLOCK\n"


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode(),
        TEXT.encode("cp1252"),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
        (codecs.BOM_UTF8 + TEXT.encode()).replace(b"\n", b"\r\n"),
        TEXT.encode().replace(b"\n", b"\r"),
        TEXT.upper().replace("ENCODING", "").encode(),
        TEXT.lower().encode(),
    ],
    ids=["utf8-bom", "utf8", "cp1252", "utf16le", "utf16be", "utf32le", "utf32be", "crlf", "cr", "upper", "lower"],
)
def test_every_encoding_line_end_and_letter_case_is_read(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(data)
    assert load(file).block("x")["größe"] == 5


def test_headers_come_in_any_order_and_repetition() -> None:
    head = (
        "DATA_BLOCK \"X\"\n//a comment\nTITLE = it's no 'title' { // at all\nVERSION : '2.5'\n"
        "{ S7_Optimized_Access := 'TRUE' ;\n  DB_Accessible_From_OPC_UA := 'FALSE' ;\n S7_m_c := 'true' }\n"
        "AUTHOR : 'some one'\nFAMILY : fam of two\nNAME : nam\n(* more *)\nUNLINKED\nREAD_ONLY\nNON_RETAIN\n"
        "{ S7_Optimized_Access := 'FALSE' }\n"
    )
    block = db("a : Int;", head=head).blocks["X"]
    assert block.headers == {
        "TITLE": "it's no 'title' { // at all",
        "VERSION": "'2.5'", "AUTHOR": "'some one'", "FAMILY": "fam of two", "NAME": "nam",
    }  # fmt: skip
    assert block.flags == {"UNLINKED", "READ_ONLY", "NON_RETAIN"}
    assert block.attributes["DB_Accessible_From_OPC_UA"] == "FALSE"
    assert not block.optimized


@pytest.mark.parametrize(
    "source",
    [
        "{ S7_Optimized_Access := 'FALSE' } DATA_BLOCK \"X\" STRUCT a : Int; END_STRUCT; END_DATA_BLOCK",
        "DATA_BLOCK \"X\" STRUCT a : Int; END_STRUCT { S7_Optimized_Access := 'FALSE' } BEGIN END_DATA_BLOCK",
        "DATA_BLOCK \"X\" {S7_Optimized_Access:='false';} VAR a : Int; END_VAR END_DATA_BLOCK;",
        "data_block \"X\" {s7_optimized_access := 'False', x := 'y'} struct a : int; end_struct end_data_block",
        "DATA_BLOCK X { S7_Optimized_Access := 'FALSE' } STRUCT a:Int;;END_STRUCT;;BEGIN;END_DATA_BLOCK",
    ],
)
def test_the_attribute_of_access_is_found_wherever_it_stands(source: str) -> None:
    assert len(bytes(loads(source).block("X"))) == 2


def test_a_missing_attribute_means_optimized_unless_the_block_is_classic() -> None:
    body = "STRUCT a : Int; END_STRUCT; END_DATA_BLOCK"
    assert loads(f'DATA_BLOCK "X" {body}').blocks["X"].optimized
    assert not loads(f'DATA_BLOCK "X" {body}', optimized=False).blocks["X"].optimized
    assert not loads(f'DATA_BLOCK "X" {body}', name="x.awl").blocks["X"].optimized
    assert not loads(f"DATA_BLOCK DB 10 {body}").blocks["DB10"].optimized
    assert not loads(f"DATA_BLOCK DB10 {body}").blocks["db10"].optimized
    assert loads(f'DATA_BLOCK "DB10" {body}').blocks["DB10"].optimized


def test_several_sections_are_one_block_and_do_not_influence_offsets() -> None:
    source = (
        "DATA_BLOCK \"X\" { S7_Optimized_Access := 'FALSE' }\n VAR RETAIN\n a : Bool;\n END_VAR\n VAR \n b : Bool; END_VAR\n"
        "VAR DB_SPECIFIC c : Int; END_VAR; VAR retain : Bool; END_VAR END_DATA_BLOCK"
    )
    block = loads(source).blocks["X"]
    assert [(slot.name, slot.address) for slot in block.layout] == [
        ("a", "0.0"), ("b", "0.1"), ("c", "2.0"), ("retain", "4.0"),
    ]  # fmt: skip
    assert block.retain == {"a"}


def test_comments_of_all_kinds_may_stand_anywhere() -> None:
    members = """
        a (* one *) : // two
          Array[0..1] (* three ; END_STRUCT *) of // four
          Int (* it's *) := [1, // "five
          2]; (* six *) // seven "x' ;
        /* eight */ s : String[20] := '// no (* comment *)';
        "n // (* o" : Struct   // nine
           b : Bool;
        END_STRUCT;
    """
    block = db(members).blocks["X"]
    assert block.data().to_dict() == {"a": [1, 2], "s": "// no (* comment *)", "n // (* o": {"b": False}}
    assert block.layout.slots[2].member.comment == "nine"


def test_comments_behind_members_are_kept() -> None:
    members = "a : Int;   // the a\nb : Int;\n// alone\nc : Array[0..1] of Struct   // text: more\nd : Int;\nEND_STRUCT;"
    block = db(members).blocks["X"]
    assert [member.comment for member in block.layout.members] == ["the a", "", "text: more"]


def test_attributes_of_members_are_kept() -> None:
    members = """
        a { S7_SetPoint := 'True'} : Int;
        b {ExternalAccessible := 'False';
           ExternalVisible := 'False'; S7_SetPoint := 'False'} : Bool;
        c : {S7_m_c := 'true'} Int;
        d {InstructionName := 'DTL'; LibVersion := '1.0'} : Array[0..10] of {x := 'y'} DTL;
        e : Int {S7_SetPoint := 'True'} := 4;
    """.replace("of {x := 'y'} DTL", "of DTL")
    layout = db(members).blocks["X"].layout
    assert [dict(member.attributes) for member in layout.members] == [
        {"S7_SetPoint": "True"},
        {"ExternalAccessible": "False", "ExternalVisible": "False", "S7_SetPoint": "False"},
        {"S7_m_c": "true"},
        {"InstructionName": "DTL", "LibVersion": "1.0"},
        {"S7_SetPoint": "True"},
    ]


NAMES = ["Version", "Title", "Name", "Author", "Array", "Of", "Struct", "Type", "Begin", "Var", "AT", "String", "Const", "ID",
         "Tag", "index", "counter", "Retain", "Bool", "Int", "_x", "Ünïcödé", "x1", "THIS", "TRUE", "NULL", "E5"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_member_may_be_called_like_a_keyword(name: str) -> None:
    quoted = start(f'first : Int; "{name}" : Int; last : Int;', f'"{name}" := 5;')
    assert quoted == {"first": 0, name: 5, "last": 0}
    if name.upper() != "THIS":
        assert start(f"first : Int; {name} : Int; last : Int;", f"{name} := 5;") == quoted


@given(st.text(st.characters(blacklist_characters='"\r\n', codec="utf-8"), min_size=1, max_size=30))
def test_a_quoted_name_may_hold_anything(name: str) -> None:
    block = db(f'"{name}" : Struct "{name}" : Int; END_STRUCT;', f'"{name}"."{name}" := 5;').block("X")
    assert block[f'"{name}"."{name}"'] == 5


def test_name_lists_share_type_and_start_value() -> None:
    assert start("a, b, \"c d\" : Int := 3;") == {"a": 3, "b": 3, "c d": 3}


def test_a_block_is_made_of_a_type() -> None:
    types = 'TYPE "U" VERSION : 0.1 STRUCT a : Int := 7; b : Bool; END_STRUCT; END_TYPE\n'
    head = types + HEAD
    for base in ('"U"', '"u";', "U"):
        file = loads(f"{head}{base}\nBEGIN\n b := TRUE;\nEND_DATA_BLOCK")
        assert file.block("X").to_dict() == {"a": 7, "b": True}
        assert file.blocks["X"].base.upper() == "U"


def test_a_block_is_made_of_a_system_type() -> None:
    file = loads(f"{HEAD}TCON_IP_v4\nBEGIN\n RemotePort := 102;\n RemoteAddress.ADDR[1] := 16#C0;\nEND_DATA_BLOCK")
    assert file["X"].RemotePort == 102
    assert file.structures()[0].name == "X"
    dtl = loads(f"{HEAD}DTL\nBEGIN\n YEAR := 2008;\nEND_DATA_BLOCK")
    assert dtl.block("X")["YEAR"] == 2008
    timer = loads(f"{HEAD}IEC_TIMER\nBEGIN\n PT := T#5s;\nEND_DATA_BLOCK")
    assert timer.blocks["X"].unplaced == {"PT": "T#5s"}
    with pytest.raises(ParameterError, match="where PT lies is not published"):
        bytes(timer.block("X"))


def test_a_block_may_be_an_array() -> None:
    file = loads(f"{HEAD}ARRAY[1..3] OF Int;\nBEGIN\n THIS[2] := 5;\nEND_DATA_BLOCK")
    assert file.block("X")["THIS"][:] == [0, 5, 0]
    types = 'TYPE "U" STRUCT a : Int; END_STRUCT; END_TYPE '
    nested = loads(f'{types}{HEAD}ARRAY[0..1] of "U"\nBEGIN THIS[1].a := 5; END_DATA_BLOCK')
    assert bytes(nested.block("X")) == b"\0\0\0\5"


FB = """
FUNCTION_BLOCK "Motor control"
{ S7_Optimized_Access := 'FALSE' }
VERSION : 0.1
   VAR_INPUT
      start : Bool;
   END_VAR
   VAR_OUTPUT
      run : Bool;
   END_VAR
   VAR_IN_OUT
      shared : "U";
      plain : Bool;
   END_VAR
   VAR
      count : Int := 5;
      text AT count : Array[0..1] of Char;
   END_VAR
   VAR_TEMP
      scratch : Array[*] of Variant;
   END_VAR
   VAR CONSTANT
      LIMIT : Int := 10;
   END_VAR
BEGIN
    // it's END_FUNCTION_BLOCK here
    (* END_FUNCTION_BLOCK *)
    #text := 'END_FUNCTION_BLOCK'; "DATA_BLOCK" := #count + 1;
    IF #a THEN BEGIN; END_IF;
END_FUNCTION_BLOCK
TYPE "U" STRUCT a : Int; END_STRUCT; END_TYPE
FUNCTION "f" : Void
VAR_INPUT a : Variant; END_VAR
BEGIN
 x := "y.END_FUNCTION";
END_FUNCTION
ORGANIZATION_BLOCK "Main"
TITLE = "Main Program Sweep (Cycle)"
{ S7_Optimized_Access := 'TRUE' }
BEGIN
END_ORGANIZATION_BLOCK
"""


def test_an_instance_block_has_the_areas_of_its_function_block() -> None:
    file = loads(f"{FB}{HEAD}\"Motor control\"\nBEGIN\n count := 7;\nEND_DATA_BLOCK")
    layout = file.blocks["X"].layout
    assert [(slot.name, slot.address) for slot in layout] == [
        ("start", "0.0"), ("run", "2.0"), ("shared", "4.0"), ("plain", "10.0"), ("count", "12.0"), ("text", "12.0"),
    ]  # fmt: skip
    assert file.block("X")["count"] == 7


def test_code_is_skipped_whatever_it_says_and_positions_behind_it_stay() -> None:
    assert list(loads(FB + HEAD + "STRUCT a : Int; END_STRUCT; END_DATA_BLOCK").blocks) == ["X"]
    with pytest.raises(ParameterError) as caught:
        loads(FB + "DATA_BLOCK oops")
    assert caught.value.failure.where == f"<source>:{FB.count(chr(10)) + 1}:16"


def test_types_are_found_in_other_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "a.udt").write_text('TYPE "A" STRUCT b : "B"; END_STRUCT; END_TYPE')
    (tmp_path / "types" / "b.UDT").write_text('TYPE "B" STRUCT c : Array[0.."MAX"] of Int; END_STRUCT; END_TYPE')
    (tmp_path / "types" / "readme.txt").write_text("not a source")
    main = tmp_path / "x.db"
    main.write_text(HEAD + 'STRUCT a : "A"; END_STRUCT; BEGIN a.b.c["MAX"] := 5; END_DATA_BLOCK')
    types = tmp_path / "types"
    for others in ((types,), (types / "b.UDT", types / "a.udt"), (tmp_path, types)):
        file = load(main, *others, constants={"max": 3})
        assert bytes(file.block()) == b"\0\0\0\0\0\0\0\5"
    with pytest.raises(ParameterError, match="the type 'A' is not known") as caught:
        load(main).block()
    assert caught.value.failure.where == f"{main}:4:12"


def test_bounds_and_lengths_may_be_constants_of_any_form() -> None:
    members = 'a : Array["LOW".."HIGH", 16#1..2#10] of Bool; s : String["LEN"]; t : WString[MAX_T];'
    constants: dict[str, int | str] = {"low": -1, "HIGH": "16#01", "LEN": 5, "Max_T": 2}
    layout = db(members, constants=constants).blocks["X"].layout
    assert [slot.type.name for slot in layout] == ["Array[-1..1, 1..2] of Bool", "String[5]", "WString[2]"]
    with pytest.raises(ParameterError, match="the constant 'LOW' is not known") as caught:
        db(members).block("X")
    assert caught.value.failure.where == "<source>:5:11"
    assert "--constant NAME=VALUE" in caught.value.failure.remedy


def test_local_constants_bound_arrays_of_their_block() -> None:
    source = (
        'FUNCTION_BLOCK "F" VAR a : Array[1..#MAX] of Int; b : Array[1.."MAX"] of Int; END_VAR '
        "VAR CONSTANT MAX : Int := 3; END_VAR BEGIN END_FUNCTION_BLOCK "
    )
    assert loads(source + HEAD + '"F" BEGIN END_DATA_BLOCK').blocks["X"].layout.size == 12


def test_named_values_are_their_base_type_and_constants() -> None:
    types = 'TYPE "State" : Int ("Idle" := 0, "Run" := 7) := "Idle"; "Other" : Byte ("One" := 1); END_TYPE '
    values = loads(types + HEAD + 'STRUCT s : "State" := "State"#"Run"; o : "Other"; END_STRUCT; END_DATA_BLOCK').block("X")
    assert values.to_dict() == {"s": 7, "o": 0}


def test_blocks_in_a_namespace_are_known_by_their_full_name() -> None:
    source = (
        "NAMESPACE Plant.Hall TYPE U STRUCT a : Int; END_STRUCT; END_TYPE "
        "DATA_BLOCK D { S7_Optimized_Access := 'FALSE' } STRUCT u : Plant.Hall.U; END_STRUCT; END_DATA_BLOCK END_NAMESPACE"
    )
    assert loads(source).blocks["Plant.Hall.D"].layout.size == 2


def test_a_system_constant_of_the_first_interface_is_known() -> None:
    file = db("c : TCON_IP_v4;", 'c.InterfaceId := "Local~PROFINET_interface_1";')
    assert file["c"].InterfaceId == 64


def test_assignments_follow_nested_and_indexed_paths() -> None:
    members = "Parameter : Struct LoggingTag : Array[0..1, 0..1] of Struct Tag : String[8]; END_STRUCT; END_STRUCT;"
    values = start(members, "Parameter.LoggingTag[0,1].Tag := 'System';\n parameter . loggingtag [ 1 , 0 ] . TAG := 'x' ;")
    rows = [[part["Tag"] for part in row] for row in values["Parameter"]["LoggingTag"]]
    assert rows == [["", "System"], ["x", ""]]


def test_an_assignment_without_value_changes_nothing() -> None:
    assert start("a : Int := 3;", "a := ;") == {"a": 3}


def test_a_description_may_be_assigned_in_the_field_names_of_either_table() -> None:
    begin = "c.ID := 16#0002; c.connection_type := 11; c.remote_address[4] := 9; c.RemoteAddress.ADDR[1] := 10;"
    value = db("c : TCON_IP_v4;", begin)["c"]
    assert (value.ID, str(value.RemoteAddress)) == (2, "10.0.0.9")


def test_descriptions_inside_structures_and_arrays_are_found() -> None:
    file = db("s : Struct c : Array[1..2] of TCON_IP_V4_SEC; END_STRUCT; n : Int; q : TCON_QDN;")
    assert [variable.path for variable in file.structures()] == ["s.c[1]", "s.c[2]", "q"]


def test_a_variable_of_two_blocks_must_be_named_with_its_block() -> None:
    block = HEAD + "STRUCT a : Int := 2; END_STRUCT; END_DATA_BLOCK "
    file = loads(block + block.replace('"X"', '"Y"'))
    with pytest.raises(ParameterError, match="'a' is in X and in Y"):
        file["a"]
    assert file["Y.a"] == 2
    with pytest.raises(ParameterError, match="holds X, Y: name one"):
        file.block()


def test_a_type_is_looked_at_like_a_block() -> None:
    file = loads('TYPE "U" STRUCT a : Int := 7; END_STRUCT; END_TYPE')
    assert bytes(file.block()) == b"\0\7"
    assert list(file.types) == ["U"]
    assert isinstance(file.types["u"], Block)
    assert isinstance(file.types["U"].layout, Struct)
    assert "X" not in file.types


def test_structures_may_be_given_instead_of_those_of_the_library() -> None:
    with pytest.raises(ParameterError, match="the type 'TCON_IP_v4' is not known"):
        db("c : TCON_IP_v4;", structures={}).block("X")


def test_the_code_page_of_the_engineering_station_decides_bytes() -> None:
    block = db("s : String[2] := 'Ж'; c : Char := 'Ж';", code_page="cp1251").block("X")
    assert bytes(block) == b"\2\1\xc6\0\xc6\0"
    with pytest.raises(ParameterError, match="'Ж' is not in the code page cp1252"):
        db("s : String[2] := 'Ж';").block("X")


def test_an_unknown_instruction_does_not_hide_the_description_beside_it() -> None:
    members = "c : TCON_IP_v4; s {InstructionName := 'TSENDC'; LibVersion := '3.2'} : TSEND_C; d : TCON_IP_v4;"
    optimized = db(members, "d.RemotePort := 9; s.LEN := 5;", head=HEAD.replace("FALSE", "TRUE"))
    assert optimized["d"].RemotePort == 9
    assert optimized.blocks["X"].unplaced == {"s.LEN": "5"}
    with pytest.raises(ParameterError, match="the type 'TSEND_C' is not known") as caught:
        db(members).block("X")
    assert caught.value.failure.where == "<source>:5:72"
    with pytest.raises(ParameterError, match="the type 'TSEND_C' is not known"):
        db("s : TSEND_C;", head=HEAD.replace("FALSE", "TRUE")).block("X")


def test_timers_and_counters_are_known_under_the_names_of_their_instructions() -> None:
    names = ["TON_TIME", "TP_LTIME", "CTU_INT", "CTUD_ULINT", "TON"]
    assert [typeof(name).size for name in names] == [16, 32, 6, 24, 16]
    assert [typeof(name).name for name in names] == names


def test_parameters_that_name_blocks_are_numbers_in_an_instance() -> None:
    source = (
        'FUNCTION_BLOCK "F" VAR_INPUT a : Block_FB := FB 1234; b : Counter := 321; c : Timer := T 5; v : Variant; '
        "r : Remote; END_VAR BEGIN END_FUNCTION_BLOCK "
    )
    assert bytes(loads(source + HEAD + '"F" BEGIN END_DATA_BLOCK').block("X")) == bytes.fromhex("04D2 0141 0005") + bytes(10)
    with pytest.raises(ParameterError, match="'Variant' is not known"):
        db("v : Variant;").block("X")


def test_classic_blocks_without_BEGIN_are_skipped_too() -> None:
    source = (
        "FUNCTION_BLOCK FB10 CONST MAX := 3; END_CONST VAR a : ARRAY[1..MAX] OF INT; END_VAR\n"
        "  a[1] := 5; // it's a comment\n  IF a[2] > 3 THEN a[3] := 1; END_IF;\nEND_FUNCTION_BLOCK\n"
    )
    assert loads(source + "DATA_BLOCK DB 11 FB 10 BEGIN a[2] := 7; END_DATA_BLOCK").block("DB11").to_dict() == {"a": [0, 7, 0]}


def test_a_description_may_be_given_as_one_initial_list() -> None:
    members = """Connection : TCON_IP_v4 := (
        InterfaceId := 64, ID := 1, ConnectionType := B#16#0B, ActiveEstablished := TRUE,
        RemoteAddress := (ADDR := [192, 168, 40, 1]), RemotePort := 502, LocalPort := 0);"""
    assert db(members)["Connection"].to_bytes() == bytes.fromhex("0040 0001 0B01 C0A82801 01F6 0000")


def test_an_axis_at_a_function_block_does_not_hide_its_optimized_instance() -> None:
    source = 'FUNCTION_BLOCK "F" VAR_IN_OUT axis : TO_SpeedAxis; END_VAR VAR c : TCON_IP_v4; END_VAR BEGIN END_FUNCTION_BLOCK\n'
    assert loads(source + 'DATA_BLOCK "D" "F" BEGIN c.ID := 7; END_DATA_BLOCK')["c"].ID == 7
    with pytest.raises(ParameterError, match="'TO_SpeedAxis' is not known"):
        loads(source + HEAD + '"F" BEGIN END_DATA_BLOCK').block("X")


def test_an_end_of_file_mark_of_DOS_is_no_statement() -> None:
    assert start("a : Int;")["a"] == 0
    assert loads(f"{HEAD}RETAIN\nSTRUCT a : Int; END_STRUCT; END_DATA_BLOCK\n\x1a").blocks["X"].flags == {"RETAIN"}
