"""How commands speak: tables for people, JSON for machines, one line for a failure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = ["complain", "console", "print_json", "table"]

console = Console(highlight=False)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(line: str) -> None:
    """Write one line about a failure to standard error; markup in it is shown, not obeyed."""
    _errors.print(f"[red]error[/]: {escape(line)}")


def print_json(value: Any) -> None:
    """Write `value` as indented JSON to standard output, without colours and without wrapping."""
    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201 - this is the one place that prints


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to standard output; cells are shown as they are, markup in them is not obeyed."""
    out = Table(title=escape(title) or None, title_justify="left", header_style="bold")
    for column in columns:
        out.add_column(escape(column), overflow="fold")
    for row in rows:
        out.add_row(*(escape(str(cell)) for cell in row))
    console.print(out)
