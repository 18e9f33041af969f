"""Start values: every literal, initial lists, and which of several values counts."""

from __future__ import annotations

from typing import Any

import pytest

from ouc.errors import ParameterError
from ouc.s7 import DTL, parse, typeof

from .reading import HEAD, db, start

LITERALS = [
    ("Byte", "16#00FF"), ("Word", "16#FFFF"), ("DWord", "16#CAFE_BABE"), ("LInt", "-9_876"), ("Int", "-9876"),
    ("Real", "987.125"), ("Real", "-3.402823E+38"), ("Bool", "TRUE"), ("Bool", "true"), ("Bool", "1"),
    ("Time", "T#-20M_34S"), ("LTime", "LT#12S_345NS"), ("S5Time", "S5T#2H_46M_30S"),
    ("Time_Of_Day", "TOD#12:13:14.123"), ("WChar", "WCHAR#'ä'"), ("WString", "WSTRING#'Ω€'"),
    ("String", "STRING#'a$'b;'"), ("String", "'{ // (* \"'"), ("Word", "W#16#40"), ("Byte", "B#16#11"),
    ("Word", "B#(127, 200)"), ("DTL", "DTL#2008-10-25-08:12:34.567"), ("Date_And_Time", "DT#2008-10-25-08:12:34.567"),
    ("Date", "D#2009-12-31"), ("LDT", "LDT#2008-10-25-08:12:34.567"), ("LTime_Of_Day", "LTOD#10:20:30.400_365_215"),
    ("HW_ANY", "64"), ("SInt", "SINT#16#FF"), ("CONN_OUC", "16#0003"), ("Char", "'$''"), ("Char", "CHAR#';'"),
    ("Int", "2#1111"), ("DInt", "L#-5"), ("Time", "TIME#5h10s"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), LITERALS, ids=[text for _, text in LITERALS])
def test_every_form_of_start_value_is_read_in_declaration_list_and_begin(name: str, text: str) -> None:
    kind = typeof(name)
    image = bytearray(kind.size)
    kind.write(image, 0, parse(kind, text))
    expected = kind.read(image, 0)
    default = kind.read(bytearray(kind.blank), 0)
    assert start(f"v : {name} := {text};") == {"v": expected}
    assert start(f"v : {name};", f"v:={text};") == {"v": expected}
    assert start(f"v : Array[0..2] of {name} := [2({text})];") == {"v": [expected, expected, default]}
    assert start(f"v : Struct a : Int; b : {name}; END_STRUCT := (b := {text});") == {"v": {"a": 0, "b": expected}}


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("Array[1..2,1..3] of Int := [9,8,3(10),6]", [[9, 8, 10], [10, 10, 6]]),
        ("Array[1..2,1..3] of Int := [[9,8],[3(10)],6]", [[9, 8, 10], [10, 10, 6]]),
        ("Array[0..1,0..1] of Struct x,y:Int; END_STRUCT := [2((1,11)),2((2,22))]",
         [[{"x": 1, "y": 11}] * 2, [{"x": 2, "y": 22}] * 2]),
        ("ARRAY[1..5] OF INT := 1, 1, 4 (0)", None),
        ("ARRAY[1..5] OF INT := 1, 1, 3 (0)", [1, 1, 0, 0, 0]),
        ("Array[0..3] of Int := [2(1,2)]", [1, 2, 1, 2]),
        ("Array[0..5] of Int := [2(1,2(7))]", [1, 7, 7, 1, 7, 7]),
        ("Array[0..3] of Int := []", [0, 0, 0, 0]),
        ("Array[0..9] of Bool := [2(TRUE, FALSE), 1]", [True, False, True, False, True, *[False] * 5]),
        ("Array[0..1,0..2] of Bool := [6(TRUE)]", [[True] * 3, [True] * 3]),
        ("Array[1..3] of Byte := [3(16#AA)]", [0xAA] * 3),
        ("Array[1..2] of String[3] := [2('abc')]", ["abc", "abc"]),
        ("Array[1..3] of Char := 'ab'", ["a", "b", " "]),
        ("Array[0..1] of Struct a : Int := 5; b : Int; END_STRUCT := [2(((),1))]", [{"a": 5, "b": 1}] * 2),
        ("Array[0..1] of Struct a : Int := 5; b : Int; END_STRUCT := [(b := 2), ()]", [{"a": 5, "b": 2}, {"a": 5, "b": 0}]),
        ("Struct a : Int; b : Array[0..1] of Bool; END_STRUCT := (2, [TRUE])", {"a": 2, "b": [True, False]}),
        ('"T" := (2,0,(TRUE,TRUE))', {"a": 2, "b": 0, "c": {"d": True, "e": True}}),
        ('"T" := (b:=55)', {"a": 1, "b": 55, "c": {"d": False, "e": False}}),
        ('"T" := ()', {"a": 1, "b": 0, "c": {"d": False, "e": False}}),
        ('Array[0..1] of "T" := [(a := 2, b := 4), (c := (e := 1))]',
         [{"a": 2, "b": 4, "c": {"d": False, "e": False}}, {"a": 1, "b": 0, "c": {"d": False, "e": True}}]),
        ("DTL := (YEAR := 2008, MONTH := 10)", DTL(2008, 10, 1)),
    ],
)  # fmt: skip
def test_initial_lists_do_what_Siemens_describes(declaration: str, expected: Any) -> None:
    types = 'TYPE "T" STRUCT a : Int := 1; b : Int; c : Struct d,e : Bool; END_STRUCT; END_STRUCT; END_TYPE '
    if expected is None:
        with pytest.raises(ParameterError, match="do not fit"):
            start(f"v : {declaration};", head=types + HEAD)
    else:
        assert start(f"v : {declaration};", head=types + HEAD) == {"v": expected}


def test_a_start_value_of_the_member_outranks_the_types_and_begin_outranks_both() -> None:
    types = 'TYPE "T" STRUCT a,b,c : Int := 1; END_STRUCT; END_TYPE '
    values = start('v : "T" := (b := 2, c := 2);', "v.c := 3;", head=types + HEAD)
    assert values == {"v": {"a": 1, "b": 2, "c": 3}}


def test_the_start_values_behind_a_type_are_its_defaults() -> None:
    types = 'TYPE "T" STRUCT a,b : Int; END_STRUCT := (b := 2); END_TYPE '
    assert start('v : "T";', head=types + HEAD) == {"v": {"a": 0, "b": 2}}


def test_a_dtl_is_assigned_field_by_field_and_as_a_whole() -> None:
    fields = (
        "d.YEAR := 2008; d.MONTH := 10; d.DAY := 25; d.WEEKDAY := 1; d.HOUR := 8; d.MINUTE := 12; d.SECOND := 34;"
        "d.NANOSECOND := 567_000_000;"
    )
    whole = "d := DTL#2008-10-25-08:12:34.567;"
    expected = bytes.fromhex("07 D8 0A 19 07 08 0C 22 21 CB BB C0")
    for begin in (fields + whole, fields, whole):
        assert bytes(db("d {InstructionName := 'DTL'; LibVersion := '1.0'} : DTL;", begin).block("X")) == expected
