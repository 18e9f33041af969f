"""The reference page of the Python face, made from its docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

from .. import station
from . import quick
from .connection import Connection
from .conversation import ConnectionFacts, Conversation, Records
from .datagrams import Datagrams
from .held import Changes, Held, HeldConnection, LifeSign
from .options import Credentials, Dialling, Holding, Serving
from .station import Station

__all__ = ["page"]

_HEAD: Final = """# Programs

The calls of the trio face; `ouc.sync` and `ouc.aio` have the same ones, blocking (with `timeout=` in seconds) and for asyncio.
How to use them: [write programs](../how-to/write-programs.md). This page is made from the docstrings in `ouc/api`.
"""

_PARTS: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("The plain way: an address and a few files", (quick.connect, quick.hold, quick.serve)),
    ("Options of the plain way", (Dialling, Holding, Serving, Credentials)),
    ("A device with certificates by ID", (Station,)),
    ("Connections", (Conversation, Connection, HeldConnection, Held, LifeSign)),
    ("What calls give", (ConnectionFacts, Records, Changes, Datagrams)),
)


# What the blocking and the asyncio face ask for, and no program.
_FOR_FACES = {"give_back", "receive_for", "room_made"}


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, things in _PARTS:
        parts.append(f"## {title}\n")
        parts += [_described(thing) for thing in things]
    return "\n".join(parts)


def _described(thing: Any) -> str:
    own = f"### `{thing.__name__}{_signature(thing)}`\n\n{_text(thing)}\n"
    if not inspect.isclass(thing):
        return own
    if thing is Station:
        own = own.rpartition(" See ")[0] + "\n\n" + _text(station.Station).partition("\n\n")[2] + "\n"
    rows = [
        f"| `{name}{'' if isinstance(member, property) else _signature(member)}` | {_first(member)} | {_raises(member)} |"
        for name, member in vars(thing).items()
        if not (name.startswith("_") or name in _FOR_FACES)
        and (callable(member) or isinstance(member, property))
        and inspect.getdoc(member)
    ]
    if not rows:
        return own
    return "\n".join([own, "| call | what it does | raises |", "| --- | --- | --- |", *rows, ""])


def _signature(thing: Any) -> str:
    if inspect.isclass(thing):
        return ""
    parameters = [one for one in inspect.signature(thing).parameters.values() if one.name != "self"]
    shown = [str(one.replace(annotation=inspect.Parameter.empty)) for one in parameters]
    named = [index for index, one in enumerate(parameters) if one.kind is inspect.Parameter.KEYWORD_ONLY]
    if named:
        shown.insert(named[0], "*")
    return f"({', '.join(shown)})"


def _text(thing: Any) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines = [line for line in (inspect.getdoc(thing) or "").splitlines() if line.strip() != "Yields:"]
    out: list[str] = []
    section = False
    for line in lines:
        if re.fullmatch(r"(Args|Attributes|Raises|Returns):", line):
            out += [f"{line[:-1]}:", ""] if line.startswith("Raises") else [""]
            section = True
        elif section and re.match(r"    \S[^:]*: ", line):
            name, _, meaning = line.strip().partition(": ")
            out.append(f"- `{name}`: {meaning}")
        elif section and line.strip():
            out.append(f"  {line.strip()}")
        else:
            out.append(line)
            section = False
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def _first(member: Any) -> str:
    text = (inspect.getdoc(member) or "").split("\n\n")[0]
    return " ".join(text.split()).replace("|", "\\|")


def _raises(member: Any) -> str:
    _, _, section = (inspect.getdoc(member) or "").partition("Raises:\n")
    names = re.findall(r"^    (\w+(?:, \w+)*):", section, re.MULTILINE)
    return ", ".join(names)


