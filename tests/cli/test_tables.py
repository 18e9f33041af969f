"""Tables fit the terminal without breaking a word, and are plain lines where nobody looks."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.cli import _show

WORDS = st.text("abcdefABCDEF0123456789:[]/-", min_size=1, max_size=40)
CELLS = st.lists(WORDS, min_size=1, max_size=12).map(" ".join) | st.lists(WORDS, min_size=1, max_size=3).map(tuple)
FINGERPRINT = "9f:1c:" * 15 + "aa"


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], Sequence[Sequence[object]]]:
    columns = draw(st.lists(st.text("ABCdef", min_size=1, max_size=12), min_size=1, max_size=7, unique=True))
    rows = draw(st.lists(st.lists(CELLS, min_size=len(columns), max_size=len(columns)), max_size=6))
    return columns, rows


def written(columns: list[str], rows: Sequence[Sequence[object]], *, terminal: bool, width: int = 80, **options: object) -> str:
    file = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _show, "console", _show._Console(file=file, force_terminal=terminal, width=width, color_system=None)
        )
        _show.table("", columns, rows, **options)  # type: ignore[arg-type]
    return file.getvalue()


def words(rows: Sequence[Sequence[object]]) -> set[str]:
    cells = [line for row in rows for cell in row for line in (cell if isinstance(cell, tuple) else (cell,))]
    return {word for cell in cells for word in str(cell).split()}


@given(tables())
def test_no_word_is_broken_on_a_terminal_of_80_columns(table: tuple[list[str], Sequence[Sequence[object]]]) -> None:
    columns, rows = table
    shown = written(columns, rows, terminal=True)
    assert words(rows) <= set(shown.split())


@given(tables())
def test_no_line_of_a_table_is_wider_than_the_terminal(table: tuple[list[str], Sequence[Sequence[object]]]) -> None:
    columns, rows = table
    lines = written(columns, rows, terminal=True).splitlines()
    drawn = any(set(line.strip()) == {"─"} for line in lines)
    assert not drawn or max(map(len, lines)) <= 80


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100)), min_size=1, max_size=8), st.integers(1, 200))
def test_widths_lie_between_the_longest_word_and_the_longest_line(pairs: list[tuple[int, int]], room: int) -> None:
    extents = [(least, least + more) for least, more in pairs]
    widths = _show.fitted(extents, room)
    if widths is None:
        assert sum(least + _show._GAP for least, _ in extents) > room
    else:
        assert all(least <= width <= best for width, (least, best) in zip(widths, extents, strict=True))
        assert sum(width + _show._GAP for width in widths) <= room


@given(tables())
def test_a_row_is_a_line_in_a_pipe_and_under_wide(table: tuple[list[str], Sequence[Sequence[object]]]) -> None:
    columns, rows = table
    for shown in (written(columns, rows, terminal=False), written(columns, rows, terminal=True, wide=True)):
        lines = shown.splitlines()
        assert len(lines) == len(rows) + 1
        assert lines[0].split() == columns
        assert all(word in " ".join(lines) for word in words(rows))


def test_columns_that_few_need_are_shown_on_request_and_in_a_pipe() -> None:
    columns, rows = ["ID", "Serial number"], [["3", "77"]]
    assert "77" not in written(columns, rows, terminal=True, more=("Serial number",))
    assert "77" in written(columns, rows, terminal=True, more=("Serial number",), wide=True)
    assert "77" in written(columns, rows, terminal=False, more=("Serial number",))


def test_a_fingerprint_that_does_not_fit_beside_others_stays_whole() -> None:
    shown = written(["ID", "Fingerprint"], [["3", FINGERPRINT], ["4", FINGERPRINT]], terminal=True)
    assert shown.count(FINGERPRINT) == 2
    assert "┃" not in shown


def test_facts_without_headings_are_listed() -> None:
    assert written(["", ""], [["name", "Plant"], ["devices", "PLC-1, PLC-2"]], terminal=False) == (
        "name     Plant\ndevices  PLC-1, PLC-2\n"
    )
