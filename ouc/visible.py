"""Text of strangers, made safe to look at.

Names in certificates, files, sources and alerts are chosen by whoever wrote them. An ESC in a common name moves the cursor of
a terminal, a right-to-left mark turns a name around, a zero-width space makes two names look alike, a line end writes a log
line that never happened. Such characters are kept in data (JSON escapes them by itself where it must) and shown as Python
writes them, `\\x1b` or `\\u202e`, at every edge where people look: messages of exceptions, logs, and the command line.

Comparing and storing use the text as it is; nothing is escaped twice, since what this gives back holds no such character.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Final

__all__ = ["logger", "visible", "visible_json"]

# What Python counts as printable and no screen shows: Unicode's Default_Ignorable_Code_Point outside of the categories that
# `isprintable` refuses (Cc, Cf, Cs, Co, Cn, Zl, Zp and spaces other than the ordinary one).
_BLANK: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def visible(text: str, *, keep: str = "") -> str:
    """The text with everything escaped that a reader could not see, or that would act on his terminal.

    Args:
        text: Anything, lone surrogates of file names included.
        keep: Characters to leave alone, such as the line ends of a text that is meant to have some.
    """
    if text.isprintable() and _BLANK.search(text) is None:
        return text
    return "".join(one if one in keep or _is_shown(one) else ascii(one)[1:-1] for one in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() and _BLANK.match(character) is None


def visible_json(text: str) -> str:
    """The same for JSON that was written with line ends between its members: what reads it gets the characters back."""
    return "".join(one if one == "\n" or _is_shown(one) else _json_escape(one) for one in text)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


class _Visible(logging.Filter):
    """Makes what is put into a line of a log visible; the line itself is ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_argument(one) for one in record.args)
        return True


def _argument(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    return visible(str(value))


def logger(name: str) -> logging.Logger:
    """The logger of that name, which shows texts of strangers as `visible` does."""
    found = logging.getLogger(name)
    if not any(isinstance(one, _Visible) for one in found.filters):
        found.addFilter(_Visible())
    return found
