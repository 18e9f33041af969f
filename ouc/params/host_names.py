"""What a partner's name may look like (RFC 1123, 2.1; RFC 1035, 2.3.4), before any resolver is asked.

Resolvers are lenient in ways that hurt: a NUL ends the name in C, and `10.1` or `010.0.0.1` is an IPv4 address in an old
notation, of another computer than the one that was meant.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["flaw_of_name"]

_LONGEST, _LONGEST_PART = 253, 63
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
# RFC 1123 has neither underscores nor hyphens at the edges of a part, but networks do.
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")


def flaw_of_name(name: str) -> str:
    """Why no name server can know a name; empty if one could.

    Args:
        name: With or without its final dot. Letters beyond ASCII are judged as they are written in DNS (IDNA).
    """
    plain = name.removesuffix(".")
    # First, because the codec takes quadratic time.
    if len(plain) > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    try:
        parts = (plain if plain.isascii() else plain.encode("idna").decode()).split(".")
    except UnicodeError:
        return "it cannot be written in the letters of DNS (IDNA)"
    if len(".".join(parts)) > _LONGEST:
        return f"it has more than {_LONGEST} characters in the letters of DNS"
    if not all(1 <= len(part) <= _LONGEST_PART for part in parts):
        return f"parts between dots have 1 to {_LONGEST_PART} characters"
    if not all(_PART.fullmatch(part) for part in parts):
        return "it has other characters than letters, digits, dots and hyphens"
    if _NUMBER.fullmatch(parts[-1]):
        return "it ends with a number; an IPv4 address has four of them, from 0 to 255 and without zeros in front"
    return ""
