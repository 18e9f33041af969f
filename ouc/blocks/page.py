"""The reference page of the blocks, made from their signatures, their docstrings and the tables."""

from __future__ import annotations

import inspect
import re
from typing import Any, Literal, get_type_hints

from . import T_DIAG, T_RESET, TCON, TDISCON, TRCV, TRCV_C, TSEND, TSEND_C, TURCV, TUSEND, TCONSettings
from .compact_tables import FAILED_ON, Effect, rules

__all__ = ["page"]

_BLOCKS = (TCON, TDISCON, TSEND, TRCV, TUSEND, TURCV, TSEND_C, TRCV_C, T_RESET, T_DIAG, TCONSettings)

_HEAD = """\
# Blocks

An object is what an instance data block is on the CPU; call it once per scan with its inputs by name. It returns its outputs at
once and never raises for what a CPU would show as ERROR. How to work with them:
[use the blocks as a PLC program does](../how-to/use-blocks.md). What the words at STATUS mean: [STATUS words](status.md). What
changes with the firmware: [Profiles](profiles.md). This page is made from `ouc/blocks`.

Three rules hold for all of them:

- DONE, NDR, ERROR, an error's STATUS and RCVD_LEN are valid in one call. RCVD_LEN is also shown with the ERROR of an area
  that is too small for a message: it is the message's length, and the message is kept.
- InOut pins that a block changes come back at the outputs, because Python values cannot be changed in place: ID and OPTION of
  TCONSettings, COM_RST of the compact blocks, and the structures that T_DIAG, TURCV and TRCV_C fill.
- Every block takes a station, or its port, as first argument. Options stand behind it; an option that is None comes from the
  profile.

| shown | edge-controlled blocks | receiving blocks |
| --- | --- | --- |
| `7000` | no job | EN_R is 0 |
| `7001` BUSY | the job has begun | ready to receive |
| `7002` BUSY | the job runs | no data yet |
| `0000` | DONE, finished | NDR, data are there |
| `8xxx` ERROR | the job has failed | the job has failed, the next begins with the next call |
"""

_STEPS = """\
## Steps of the compact blocks

One step per call: the first event of the state's rows that holds. STATUS is what the call shows that takes the step; afterwards
the state's own is shown. Block V3.0, with an attempt that is repeated (`repeat_connect`).
"""

_OTHER = """\
What the options change in these tables:

- `version="2.1"`: DONE with `0000` instead of `0001`; `7001` while waiting for the partner, `7002` while sending; COM_RST
  closes the connection and creates it anew.
- `repeat_connect=False`: an attempt that fails before the connection has ever stood closes the endpoint; `7000` is shown until
  CONT falls and rises. What stood once is established again by itself all the same.
- `same_id="join"`: no `80AA` in the call that finds another block establishing the same connection.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [_HEAD, *(_block(kind) for kind in _BLOCKS), _STEPS]
    parts += [_steps("TSEND_C", "send"), _steps("TRCV_C", "receive"), _OTHER]
    return "\n".join(parts)


def _block(kind: Any) -> str:
    call = kind.__call__
    says = _arguments(call.__doc__ or "")
    lines = [
        f"## {kind.__name__}",
        "",
        _summary(kind.__doc__),
        "",
        "| input | start value | meaning |",
        "| --- | --- | --- |",
    ]
    for name, parameter in inspect.signature(call).parameters.items():
        if name != "self":
            lines.append(f"| `{name}` | {_default(parameter)} | {says.get(name) or _PLAIN[name]} |")
    outputs = get_type_hints(call)["return"]
    lines += ["", f"Outputs: {', '.join(f'`{name}`' for name in outputs._fields)}."]
    options = _options(kind)
    if options:
        lines += ["", "| option | default | meaning |", "| --- | --- | --- |", *options]
    return "\n".join([*lines, ""])


#: Pins of blocks that say all in one sentence.
_PLAIN = {"REQ": "A rising edge starts the job.", "ID": "Connection ID."}


def _options(kind: Any) -> list[str]:
    says = _arguments(kind.__doc__ or "")
    rows = []
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            text = says.get(name) or f"As for `{TSEND_C.__name__}`."
            rows.append(f"| `{name}` | {_default(parameter)} | {text} |")
    return rows


def _default(parameter: inspect.Parameter) -> str:
    value = parameter.default
    if value is inspect.Parameter.empty:
        return "-"
    return f"`{value.__name__}`" if isinstance(value, type) else f"`{value!r}`"


def _summary(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


def _arguments(text: str) -> dict[str, str]:
    """Name and text of each entry under Args."""
    section = re.split(r"\n\s*(?:Returns|Raises):", inspect.cleandoc(text).partition("Args:\n")[2])[0]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if match := re.match(r" {4}(\w+): (.*)", line):
            name, found[match[1]] = match[1], match[2]
        elif line.startswith(" " * 8) and name:
            found[name] += f" {line.strip()}"
        elif line.strip():
            name = ""
    # Where the reference says it is for whoever reads the code.
    return {key: re.sub(r" \(ouc-blocks\.md [^)]*\)", "", says) for key, says in found.items()}


def _steps(name: str, kind: Literal["send", "receive"]) -> str:
    table = rules(kind)
    lines = [
        f"### {name}",
        "",
        "| state | shows | event | STATUS | new state | at the port |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for state, row in table.transitions.items():
        for number, (event, (after, effect)) in enumerate(row.items()):
            head = f"{state.value} | `{table.status_while[state]:04X}`" if number == 0 else "|"
            once = table.status_once.get((state, event))
            shown = "the failure's" if event in FAILED_ON else f"`{once:04X}`" if once is not None else ""
            done = " DONE" if event in table.done_on else ""
            doing = "" if effect is Effect.NOTHING else effect.value
            lines.append(f"| {head} | {event.value} | {shown}{done} | {after.value} | {doing} |")
    return "\n".join([*lines, ""])
