"""How commands speak: tables for people, JSON for machines, one line for a failure.

This is the edge where people see texts of strangers, so whatever goes to a terminal passes `visible` here: no command prints
by other means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..visible import visible, visible_json

__all__ = ["complain", "console", "note", "print_json", "say", "table"]


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
    console.print(visible(line), markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Write `value` as indented JSON to standard output, without colours and without wrapping."""
    print(visible_json(json.dumps(value, indent=2, ensure_ascii=False)))  # noqa: T201 - this is the one place that prints


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to standard output; markup in cells is not obeyed. A tuple is a cell of several lines."""
    out = Table(title=escape(visible(title)) or None, title_justify="left", header_style="bold")
    for column in columns:
        out.add_column(escape(visible(column)), overflow="fold")
    for row in rows:
        out.add_row(*(escape(_cell(cell)) for cell in row))
    console.print(out)


def _cell(cell: object) -> str:
    lines = cell if isinstance(cell, tuple) else (cell,)
    return "\n".join(visible(str(line)) for line in lines)
