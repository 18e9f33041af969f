"""The reference page of connection descriptions, made from the declarations and the tables of rules."""

from __future__ import annotations

from ..s7 import Struct, Structure
from ..status import Status
from .pair import PAIR_RULES
from .rules import RULES, Rule
from .structures import STRUCTURES

__all__ = ["page"]

_HEAD = """\
# Connection descriptions

The structures that stand at CONNECT and beside it, and the rules that `check()`, `ouc lint` and every station apply to
them. This page is made from the declarations in `ouc/params`.

Members may be written in either documented spelling, `RemotePort` or `remote_port`. Offsets are bytes of a block with
standard access. Start values are those of a variable in a data block. In Python and TOML ports that are left out follow from
the role: an active side has LocalPort 0 (the system chooses), a passive one RemotePort 0 (any). STATUS words are explained
in [STATUS words](status.md), limits of firmware in [Profiles](profiles.md).

## Structures
"""

_RULES = """\
## Rules of one side

D: a source states it. I: inferred from several. C: sources contradict each other. `16#0000` marks a warning about
something that a CPU accepts.

| STATUS | rule | member | severity | mark | what to change |
| --- | --- | --- | --- | --- | --- |"""

_PAIR = """\
## Rules of the pair

What only both descriptions together show. No CPU can see it, so there is no STATUS; what is shown later depends on which
side tries first.

| rule | members | severity | what to change |
| --- | --- | --- | --- |"""


def page() -> str:
    """The page as Markdown."""
    parts = [_HEAD, *(_structure(kind) for kind in STRUCTURES.values()), _RULES]
    parts += [_rule(rule) for rule in RULES]
    parts += ["", _PAIR]
    parts += [f"| {one.name} | `{one.member}` | {one.severity.value} | {one.remedy} |" for one in PAIR_RULES]
    return "\n".join([*parts, ""])


def _structure(kind: type[Structure]) -> str:
    summary = (kind.__doc__ or "").partition("\n")[0]
    lines = [
        f"### {kind.__name__}",
        "",
        summary,
        "",
        "| byte | member | type | start value |",
        "| --- | --- | --- | --- |",
    ]
    for slot in kind.layout():
        start = slot.member.start
        shown = f"see {slot.type.name}" if isinstance(slot.type, Struct) else _start(start)
        lines.append(f"| {slot.offset} | `{slot.name}` | {slot.type.name} | {shown} |")
    return "\n".join([*lines, ""])


def _start(value: object) -> str:
    if isinstance(value, bytes | tuple | list):
        return "0" if not any(value) else str(list(value))
    return str(value) or "empty"


def _rule(rule: Rule) -> str:
    status = f"`{Status(rule.status)}`" if isinstance(rule.status, int) else "by role"
    member = f"`{rule.member}`" if isinstance(rule.member, str) else "the reference that names it"
    return f"| {status} | {rule.name} | {member} | {rule.severity.value} | {rule.mark} | {rule.remedy} |"
