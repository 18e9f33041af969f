"""Watch tables, as TIA Portal shows them."""

from __future__ import annotations

from collections.abc import Iterable

from ouc.s7 import DataBlock

__all__ = ["watch_table"]

COLUMNS = ("Name", "Display format", "Monitor value")


def watch_table(name: str, block: DataBlock) -> Iterable[tuple[str, str, str]]:
    """Rows for every member of a block: name, display format, monitor value."""
    for path, value in block.to_dict().items():
        yield f'"{name}".{path}', *_shown(value)


def _shown(value: object) -> tuple[str, str]:
    if isinstance(value, bool):
        return "Bool", str(value).upper()
    if isinstance(value, str):
        return "String", f"'{value}'"
    return "DEC", str(value)
