"""How commands speak: tables for people, JSON for machines, one line for a failure.

This is the edge where people see texts of strangers, so whatever goes to a terminal passes `visible` here: no command prints
by other means.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..visible import visible, visible_json

# Blanks between two columns: one of ours, one in which rich would draw a line.
_GAP = 2

__all__ = ["complain", "console", "note", "plain_table", "print_json", "say", "table"]


class _Console(Console):
    """A console that shows control characters instead of sending them, whoever prints, and makes no pictures of colons."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every string passes here, those in tables too; line ends are those of whoever prints several lines."""
        return super().render_str(visible(text, keep="\n"), **options)


console = _Console()
_errors = _Console(stderr=True, soft_wrap=True)


def complain(line: str) -> None:
    """Write one line about a failure to standard error; markup in it is shown, not obeyed."""
    _errors.print(f"[red]error[/]: {escape(visible(line))}")


def note(line: str) -> None:
    """Write one line to standard error that is no failure."""
    _errors.print(f"[yellow]note[/]: {escape(visible(line))}")


def say(line: str) -> None:
    """Write one line to standard output as it is: scripts read it, so it is never wrapped."""
    if console.is_terminal:
        console.print(visible(line), markup=False, soft_wrap=True)
        return
    # There is nothing to lay out, and laying out takes as long as a handshake: hundreds of partners may come at once.
    try:
        console.file.write(f"{visible(line)}\n")
        console.file.flush()
    except BrokenPipeError:
        console.on_broken_pipe()


def print_json(value: Any) -> None:
    """Write `value` as indented JSON to standard output, without colours and without wrapping."""
    print(visible_json(json.dumps(value, indent=2, ensure_ascii=False)))  # noqa: T201 - this is the one place that prints


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    more: Collection[str] = (),
    wide: bool = False,
) -> None:
    """Write a table to standard output; markup in cells is not obeyed. A tuple is a cell of several lines.

    On a terminal it fits the width: lines break between words, never within one. Where even that is too wide, each row
    becomes a paragraph. In a pipe or file a row is one line.

    Args:
        title: Above the table; may be empty.
        columns: Headings; empty ones for a list of facts.
        rows: As many cells as there are columns.
        more: Columns that a terminal shows only if asked to.
        wide: All columns, a row a line, however long.
    """
    cells = [[_lines(cell) for cell in row] for row in rows]
    if wide or not console.is_terminal:
        plain_table(title, columns, cells)
        return
    kept = [number for number, column in enumerate(columns) if column not in more]
    columns, cells = [columns[number] for number in kept], [[row[number] for number in kept] for row in cells]
    widths = fitted([_extent(column, [row[n] for row in cells]) for n, column in enumerate(columns)], console.width)
    if widths is not None:
        console.print(_drawn(title, columns, cells, widths))
    else:
        _paragraphs(title, columns, cells)


def _extent(column: str, cells: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How wide a column has to be, and how wide it would like to be: its longest word, and its longest line."""
    lines = [visible(column), *(line for cell in cells for line in cell)]
    return max(map(cell_len, " ".join(lines).split()), default=0), max(map(cell_len, lines), default=0)


def fitted(extents: Sequence[tuple[int, int]], room: int) -> list[int] | None:
    """Widths of columns side by side, None if there are no such that break no word.

    Args:
        extents: Of each column, the least and the best width.
        room: Cells of the terminal; each column costs `_GAP` more than its width.
    """
    widths = [least for least, _ in extents]
    spare = room - sum(widths) - _GAP * len(widths)
    if spare < 0:
        return None
    # Those that want little get all of it.
    for number in sorted(range(len(widths)), key=lambda number: extents[number][1] - extents[number][0]):
        more = min(extents[number][1] - extents[number][0], spare)
        widths[number] += more
        spare -= more
    return widths


def plain_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> None:
    """One line a row, columns two blanks apart."""
    if title:
        say(title)
    lines = [tuple(map(visible, columns))] if any(columns) else []
    lines += [tuple("; ".join(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _drawn(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Sequence[str]]], widths: Sequence[int]
) -> Table:
    drawn = Table(
        title=escape(visible(title)) or None, title_justify="left", header_style="bold", box=SIMPLE_HEAD,
        show_header=any(columns), show_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for column, width in zip(columns, widths, strict=True):
        drawn.add_column(escape(visible(column)), width=width)
    for row in rows:
        drawn.add_row(*(escape("\n".join(cell)) for cell in row))
    return drawn


def _paragraphs(title: str, columns: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> None:
    """For rows that no terminal of this width can show side by side; long words go on in the next line whole."""
    if title:
        say(title)
    width = max(map(len, columns))
    for number, row in enumerate(rows):
        if number:
            say("")
        for column, cell in zip(columns, row, strict=True):
            for first, line in enumerate(cell):
                say(f"{'' if first else visible(column):{width}}  {line}".strip("\n").rstrip() if any(columns) else line)


def _lines(cell: object) -> tuple[str, ...]:
    return tuple(visible(str(line)) for line in (cell if isinstance(cell, tuple) else (cell,)))
