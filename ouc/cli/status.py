"""`ouc status`: what a STATUS word means and what to do about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import status as words
from ..s7 import quoted
from ..status import StatusRow
from ._show import console, note, print_json, table
from ._usage import UsageError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `ouc status` to the command."""
    app.command()(status)


def status(
    code: Annotated[str | None, typer.Argument(metavar="CODE", help="Such as 80E4 or 16#80E4.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All words of the table.")] = False,
    block: Annotated[
        str | None, typer.Option("--block", "-b", metavar="NAME", help="What this block can show, such as TSEND_C.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Explain a STATUS word: meaning, likely causes, remedy."""
    if every and (code is not None or block is not None):
        raise UsageError("--all is every word of every block", remedy="Leave it out, or the code and --block")
    if code is None and block is None and not every:
        raise UsageError("nothing to explain", remedy="Give one of: a code, --all, --block NAME")
    rows = (_row(code),) if code is not None else _rows(block)
    if code is not None and block is not None and rows[0] not in _rows(block):
        note(f"{block} does not show {rows[0].code}")
    if as_json:
        shown = [_machine(row) for row in rows]
        print_json(shown[0] if code is not None else shown)
    elif code is not None:
        _print(rows[0])
    else:
        columns = ("STATUS", "meaning", "likely causes", "remedy", "blocks")
        cells = ((row.code, row.meaning, "; ".join(row.causes), row.remedy, ", ".join(row.shown_by)) for row in rows)
        table(f"STATUS of {block}" if block else "STATUS", columns, cells)


def _row(code: str) -> StatusRow:
    try:
        return words.explain(words.parse(code))
    except ValueError as error:
        raise UsageError(str(error), remedy="Give one, such as 80E4") from None


def _rows(block: str | None) -> tuple[StatusRow, ...]:
    if block is None:
        return tuple(words.ROWS[code] for code in sorted(words.ROWS))
    known = {name.casefold(): name for name in words.BLOCKS}
    name = known.get(block.casefold())
    if name is None:
        raise UsageError(f"there is no block {quoted(block)}", remedy=f"Choose one of {', '.join(words.BLOCKS)}")
    return words.of_block(name)


def _machine(row: StatusRow) -> dict[str, Any]:
    return {
        "status": str(row.code),
        "error": row.code.is_error,
        "known": row.known,
        "meaning": row.meaning,
        "causes": list(row.causes),
        "remedy": row.remedy,
        "blocks": list(row.shown_by),
    }


def _print(row: StatusRow) -> None:
    lines = [f"{row.code}  {row.meaning}"]
    if row.causes:
        lines += ["", "Likely causes", *(f"  - {cause}" for cause in row.causes)]
    if row.remedy:
        lines += ["", "What to do", f"  {row.remedy}"]
    if row.shown_by:
        lines += ["", f"Shown by {', '.join(row.shown_by)}"]
    console.print("\n".join(lines), markup=False, soft_wrap=True)
