"""Commands of the emulator; `ouc` finds them through the entry-point group `ouc.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .demo import Demo, Transfer, run_demo
from .published import CLIENT, SERVER, example_file

__all__ = ["demo"]

_MANAGER = (
    "ID",
    "Common name of subject",
    "Issuer",
    "Valid to",
    "Used as",
    "Private key",
    "Signature algorithm",
    "Key length",
)


def demo(
    server: Annotated[Path | None, typer.Option(help="Another description for PLC-1 (TIA source).")] = None,
    client: Annotated[Path | None, typer.Option(help="Another description for PLC-2 (TIA source).")] = None,
) -> None:
    """Run the published secure OUC example between two emulated CPUs and show what happens."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    console.print("Two emulated CPUs: PLC-1 serves with TRCV_C, PLC-2 connects with TSEND_C (mutual TLS).\n")
    shown = run_demo(server or example_file(SERVER), client or example_file(CLIENT))
    for device in ("PLC-1", "PLC-2"):
        console.print(_certificates(shown, device))
    console.print(_watch(shown.secured))
    _status(console, shown.secured)
    _facts(console, shown)
    console.print("\nThe same transfer unsecured and secured, as it crosses the wire (first 64 bytes):")
    console.print(_dumps(shown.plain.on_the_wire, shown.secured.on_the_wire))
    console.print("[green]Every byte arrived, secured and unsecured.[/]")


def _certificates(shown: Demo, device: str) -> Table:
    table = Table(title=f"Certificates of {device}", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for column in _MANAGER:
        table.add_column(column, overflow="fold")
    for entry in shown.project.entries(device=device):
        table.add_row(*(str(entry.columns()[column]) for column in _MANAGER))
    return table


def _watch(transfer: Transfer) -> Table:
    table = Table(
        "Name", "Display format", "before", "after REQ", title="Watch table of PLC-1", title_justify="left", box=SIMPLE
    )
    for (name, kind, before), (_, _, after) in zip(transfer.before, transfer.after, strict=True):
        table.add_row(*(Text(cell) for cell in (name, kind, before, after)))
    return table


def _status(console: Console, transfer: Transfer) -> None:
    console.print(f"STATUS of TRCV_C on PLC-1:  {' > '.join(transfer.receiver_status)}")
    console.print(f"STATUS of TSEND_C on PLC-2: {' > '.join(transfer.sender_status)}")


def _facts(console: Console, shown: Demo) -> None:
    facts = shown.secured.facts
    if facts is None:
        console.print("\nThe connection descriptions are not secured.")
        return
    console.print(f"\nTLS: {facts.version}, {facts.suite}, group {facts.group}")
    for entry in shown.project.entries():
        if entry.certificate == facts.partner:
            console.print(f"PLC-2's partner showed certificate {entry.id}: {entry.columns()['Common name of subject']}")
    flights = ", ".join(f"{'PLC-2' if way == 'sent' else 'PLC-1'} {size}" for way, size in shown.secured.handshake)
    console.print(f"Handshake flights in bytes: {flights}")
    console.print(f"One send job of 258 bytes left as {len(shown.secured.on_the_wire)} bytes: one record.")


def _dumps(plain: bytes, secured: bytes, *, rows: int = 8) -> Table:
    table = Table(f"readable: {len(plain)} bytes", f"encrypted: {len(secured)} bytes", box=SIMPLE)
    for start in range(0, 8 * rows, 8):
        table.add_row(*(Text(_line(data, start)) for data in (plain, secured)))
    return table


def _line(data: bytes, start: int) -> str:
    piece = data[start : start + 8]
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
    return f"{piece.hex(' '):<23}  {text}"
