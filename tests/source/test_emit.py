"""From declarations back to text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.params import TCON_IP_V4_SEC, TCON_QDN
from ouc.s7 import Array, DataBlock, Opaque, Struct, Type
from ouc.source import Block, block_of, emit, load, loads, save

from ..s7.strategies import layouts, structures, values
from .reading import HEAD
from .test_errors import WHOLE
from .test_example import EXAMPLE


def block(struct: Struct, start: bytes, *, optimized: bool = False) -> Block:
    attributes = {"S7_Optimized_Access": "TRUE" if optimized else "FALSE"}
    return Block("X", "DATA_BLOCK", struct, start, optimized, attributes, {"VERSION": "0.1"}, frozenset(), "", {})


@given(st.data())
def test_every_block_survives_its_source(data: st.DataObject) -> None:
    struct = data.draw(layouts)
    db = DataBlock(struct)
    try:
        db.update(data.draw(values(struct)))
        text = emit(block(struct, bytes(db), optimized=data.draw(st.booleans())))
    except ParameterError as error:
        assert "has no literal" in str(error)  # an infinity
        return
    again = loads(text).blocks["X"]
    assert again.layout.members == struct.members
    if "S5T#" not in text:  # the literal of S5Time does not tell the time base
        assert again.data() == db
        assert emit(again) == text


@given(structures(TCON_IP_V4_SEC), structures(TCON_QDN))
def test_descriptions_survive_their_source(one: TCON_IP_V4_SEC, other: TCON_QDN) -> None:
    for every in (False, True):
        text = emit(block_of("Connections", {"one": one, "the other": other}), every_member=every)
        file = loads(text)
        assert (file["one"], file["the other"]) == (one, other)


def test_a_source_of_everything_is_stable() -> None:
    text = WHOLE
    for _ in range(2):
        file = loads(text)
        written = emit(file.types["V"]) + emit(file.blocks["X"])
        assert loads(written).blocks["X"].start == file.blocks["X"].start
        assert loads(written).blocks["X"].layout == file.blocks["X"].layout
        text, before = written, text
    assert text == before


@pytest.mark.parametrize("name", ["Send_Data", "Received_Data"])
def test_a_generated_source_is_written_byte_for_byte(name: str, tmp_path: Path) -> None:
    original = EXAMPLE / f"{name}.db"
    save(tmp_path / "x.db", load(original).declaration())
    # An export ends in an empty line; nothing else differs.
    assert (tmp_path / "x.db").read_bytes() + b"\r\n" == original.read_bytes()


def test_a_published_description_is_written_with_the_same_lines() -> None:
    original = (EXAMPLE / "Client_Connection_Parameters.db").read_text("utf-8-sig").splitlines()
    written = emit(load(EXAMPLE / "Client_Connection_Parameters.db").declaration(), every_member=True).splitlines()
    assert [line for line in original if line] == [line for line in written if line]


def test_what_has_no_literal_is_refused_with_its_path() -> None:
    file = loads(HEAD + "STRUCT r : Real; END_STRUCT; END_DATA_BLOCK").blocks["X"]
    with pytest.raises(ParameterError, match="r: nan has no literal"):
        emit(block(file.layout, b"\x7f\xc0\0\0"))
    opaque = loads(HEAD + "STRUCT t : IEC_TIMER; END_STRUCT; END_DATA_BLOCK").blocks["X"]
    with pytest.raises(ParameterError, match="IEC_TIMER is not published"):
        emit(block(opaque.layout, b"\1" * 16))


def test_a_program_block_is_not_written() -> None:
    file = loads('FUNCTION_BLOCK "F" VAR a : Int; END_VAR BEGIN END_FUNCTION_BLOCK')
    with pytest.raises(ParameterError, match="program block"):
        emit(file.declaration("F"))


def test_names_that_are_keywords_are_written_in_quotes() -> None:
    source = HEAD + 'STRUCT "end_struct" : Int; "Array" : "my type"; "a b" : Int; plain : Int; END_STRUCT; END_DATA_BLOCK'
    text = emit(loads('TYPE "my type" STRUCT i : Int; END_STRUCT; END_TYPE ' + source).blocks["X"])
    for line in ('"end_struct" : Int;', '"Array" : "my type";', '"a b" : Int;', " plain : Int;"):
        assert line in text


def test_retentive_members_stay_in_their_sections() -> None:
    source = (
        "DATA_BLOCK \"X\"\n{ S7_Optimized_Access := 'TRUE' }\nVERSION : 0.1\n   VAR RETAIN\n      a : Int;\n   END_VAR\n"
        "   VAR \n      b : Int;\n   END_VAR\n   VAR RETAIN\n      c : Int;\n   END_VAR\n\n\nBEGIN\n\nEND_DATA_BLOCK\n"
    )
    assert emit(loads(source).blocks["X"]) == source


def _has_opaque(kind: Type) -> bool:
    if isinstance(kind, Array):
        return _has_opaque(kind.element)
    return isinstance(kind, Opaque) or (isinstance(kind, Struct) and any(_has_opaque(slot.type) for slot in kind))


@given(layouts)
def test_an_opaque_member_never_comes_from_the_strategies(struct: Struct) -> None:
    assert not _has_opaque(struct)


def test_a_date_is_written_as_exports_write_it() -> None:
    begin = (
        "   d.YEAR := 2008;\n   d.MONTH := 10;\n   d.DAY := 25;\n   d.WEEKDAY := 7;\n   d.HOUR := 8;\n   d.MINUTE := 12;\n"
        "   d.SECOND := 34;\n   d.NANOSECOND := 567000000;\n   d := DTL#2008-10-25-08:12:34.567;\n"
    )
    member = "d {InstructionName := 'DTL'; LibVersion := '1.0'} : DTL;"
    source = f"{HEAD}   STRUCT \n      {member}\n   END_STRUCT;\n\n\nBEGIN\n{begin}\nEND_DATA_BLOCK\n"
    assert emit(loads(source).blocks["X"]) == source
