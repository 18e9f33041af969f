"""STATUS words against the tables of the reference, and their page."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc import status
from ouc.status import BLOCKS, REASONS, ROWS, Status, explain, of_block, parse

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "status.md"

# ouc-blocks.md 3.1, 3.2 and 3.3: code, and the blocks whose own table lists it.
_SEND, _RECEIVE = "TSEND_C TRCV_C ", "TSEND TRCV TUSEND TURCV "
LISTED = {
    0x0000: "TSEND_C TRCV_C TCON TDISCON TSEND TRCV TURCV T_RESET T_DIAG",
    0x0001: "TSEND_C TRCV_C T_RESET",
    0x0003: "TSEND_C TRCV_C",
    0x7000: "TSEND_C TRCV_C TCON TDISCON TSEND TRCV TURCV T_RESET T_DIAG",
    0x7001: "TSEND_C TRCV_C TCON TDISCON TSEND TRCV TURCV T_RESET T_DIAG",
    0x7002: "TSEND_C TRCV_C TCON TDISCON TSEND TRCV TURCV T_RESET T_DIAG",
    0x7003: "TSEND_C TRCV_C",
    0x7004: "TSEND_C TRCV_C",
    0x7005: "TSEND_C",
    0x7006: "TRCV_C",
    0x8081: "T_RESET",
    0x8085: _SEND + "TCON " + _RECEIVE,
    0x8086: _SEND + "TCON TDISCON T_DIAG TCONSettings " + _RECEIVE,
    0x8087: _SEND + "TCON TCONSettings",
    0x8088: _SEND + _RECEIVE,
    0x8089: _SEND + "TCON TUSEND TURCV T_DIAG TCONSettings",
    0x8090: "TCON TCONSettings",
    0x8091: _SEND + "TCONSettings",
    0x8092: "TCONSettings",
    0x8093: "TCONSettings",
    0x809A: _SEND + "TCON TCONSettings",
    0x809B: _SEND + "TCON",
    0x809C: "TCON",
    0x80A1: _SEND + "TCON " + _RECEIVE,
    0x80A2: "TCON",
    0x80A3: _SEND + "TCON TDISCON T_DIAG TCONSettings",
    0x80A4: _SEND + "TCON TUSEND",
    0x80A5: "TCON",
    0x80A7: _SEND + "TCON",
    0x80AA: _SEND,
    0x80B1: _RECEIVE + "T_DIAG TCONSettings",
    0x80B2: _SEND + "TCON",
    0x80B3: _SEND + _RECEIVE,
    0x80B4: _SEND + "TCON",
    0x80B5: _SEND + "TCON",
    0x80B6: _SEND + "TCON MB_CLIENT",
    0x80B7: _SEND + "TCON TUSEND TURCV",
    0x80B8: "TCON",
    0x80BB: "MB_CLIENT MB_SERVER",
    0x80C3: _SEND + "TCON TCONSettings " + _RECEIVE,
    0x80C4: _SEND + "TCON TDISCON T_DIAG " + _RECEIVE,
    0x80C5: _SEND + "TCON " + _RECEIVE,
    0x80C6: _SEND + "TCON TSEND TRCV TUSEND",
    0x80C7: "TCON " + _RECEIVE,
    0x80C8: "TCON MB_CLIENT",
    0x80C9: "TCON TRCV TURCV",
    0x80CE: "TCON",
    0x80D0: "TCON",
    0x80D1: "TCON",
    0x80D2: "TCON",
    0x80D3: "TCON TUSEND",
    **dict.fromkeys(range(0x80E0, 0x80E8), "TCON TMAIL_C"),
    0x80E9: "TCON TMAIL_C",
    0x80EA: "TCON TUSEND TURCV",
    0x80EB: "TCON",
    0x80EC: "TCON",
    0x80ED: "TCON",
    0x80EE: "TSEND TRCV",
    **dict.fromkeys((0x8722, 0x873A, 0x877F), "TSEND_C TRCV_C"),
    **dict.fromkeys((0x8822, 0x8824, 0x8832, 0x883A, 0x887F), "TSEND_C"),
    **dict.fromkeys((0x8922, 0x8924, 0x8932, 0x897F), "TRCV_C"),
    0x893A: "TRCV_C TSEND_C",
    0x8A3A: "TRCV_C",
    **dict.fromkeys((0x8187, *range(0x8188, 0x818E), *range(0x8380, 0x838A)), ""),
    0x8200: "MB_CLIENT",
}


@pytest.mark.parametrize("code", LISTED, ids=lambda code: f"{code:04X}")
def test_a_code_of_the_reference_is_explained_for_the_blocks_that_list_it(code: int) -> None:
    row = explain(code)
    assert row.known
    assert set(LISTED[code].split()) <= set(row.blocks)


def test_the_table_holds_the_codes_of_the_reference_and_no_others() -> None:
    assert set(ROWS) == set(LISTED)


@pytest.mark.parametrize("code", [0x80E8, 0x80EF])
def test_codes_that_no_source_explains_are_called_unknown(code: int) -> None:
    assert not explain(code).known


@given(st.integers(0, 0xFFFF))
def test_every_word_has_a_meaning_and_every_error_a_remedy(code: int) -> None:
    row = explain(code)
    assert row.code == code
    assert row.meaning
    assert not row.meaning.endswith(".")
    # Modbus' frame errors are the partner's affair; what to do stands in its manual.
    if row.code.is_error and not 0x8380 <= code <= 0x8389:
        assert row.remedy
        assert not row.remedy.endswith(".")


@given(st.integers(0, 0xFFFF))
def test_a_word_is_written_as_on_the_screen_and_read_in_every_usual_spelling(code: int) -> None:
    word = Status(code)
    assert str(word) == f"16#{code:04X}"
    for spelling in (str(word), f"{code:04x}", f"W#16#{code:04X}", f"0x{code:x}", f" {code:04X}h "):
        assert parse(spelling) == word


@pytest.mark.parametrize("text", ["", "zz", "16#", "12345", "80E4 80E5", "-1", "0x", "8" * 1000])
def test_what_is_no_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="STATUS word"):
        parse(text)


@pytest.mark.parametrize("code", [-1, 0x10000])
def test_only_words_of_16_bits_are_explained(code: int) -> None:
    with pytest.raises(ValueError, match="STATUS word"):
        explain(code)


@pytest.mark.parametrize(("block", "inner"), [(block, one) for block, inside in BLOCKS.items() for one in inside])
def test_a_compact_block_passes_through_every_code_of_the_blocks_inside(block: str, inner: str) -> None:
    assert set(of_block(inner)) <= set(of_block(block))


def test_TLS_codes_appear_where_connections_are_established() -> None:
    for block in ("TCON", "TSEND_C", "TRCV_C"):
        assert Status(0x80E4) in {row.code for row in of_block(block)}
    assert Status(0x80E4) not in {row.code for row in of_block("TSEND")}


def test_blocks_in_the_table_exist() -> None:
    assert {block for row in ROWS.values() for block in row.blocks} == set(BLOCKS)


def test_reasons_of_T_DIAG_are_explained_like_words() -> None:
    assert len(REASONS) == 14
    assert "closed by the partner" in explain(0x4F03).meaning


def test_only_words_from_8000_are_errors() -> None:
    assert Status(0x8000).is_error
    assert not Status(0x7FFF).is_error


def test_the_page_of_the_documentation_is_the_table() -> None:
    assert PAGE.read_text("utf-8") == status.page()


def test_a_word_and_a_block_tell_the_same_of_each_other() -> None:
    for name in BLOCKS:
        told = {row.code for row in of_block(name)}
        assert told == {code for code in ROWS if name in explain(code).shown_by}
        assert told
    assert {"TCON", "TSEND_C", "TRCV_C"} <= set(explain(0x80E4).shown_by)
    with pytest.raises(KeyError):
        of_block("NONE")

