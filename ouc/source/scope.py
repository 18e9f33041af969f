"""Where a piece of source stands, and how its errors are told."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..errors import ParameterError
from .text import SourceText
from .tree import Constant, Named, TypeRef

__all__ = ["Scope"]


@attrs.frozen
class Scope:
    """Where a piece of source stands.

    Attributes:
        source: Its file.
        constants: Those that only its block knows.
        wide_bounds: Whether array bounds may be those of optimized access.
        versioned: Whether the declaration names a library version, as exports do for what Siemens ships.
        code: Whether it is the interface of a program block.
        values: The named value type that a constant is expected to be of, in lower case, or empty.
    """

    source: SourceText
    constants: Mapping[str, int | str] = attrs.field(factory=dict)
    wide_bounds: bool = False
    versioned: bool = False
    code: bool = False
    values: str = ""

    def wrong(self, at: Named | Constant | TypeRef, what: str, remedy: str = "") -> ParameterError:
        """An error that points at a place of this file."""
        return self.wrong_at(at.line, at.column, what, remedy)

    def wrong_at(self, line: int, column: int, what: str, remedy: str = "") -> ParameterError:
        """An error that points at a line and column of this file."""
        # A source may hold names and numbers of any length; a message may not.
        what = what if len(what) <= 300 else f"{what[:150]} … {what[-100:]}"
        return ParameterError(what, where=f"{self.source.name}:{line}:{column}", remedy=remedy)
