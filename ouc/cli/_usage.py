"""A mistake in the words on the command line, which scripts tell from a failure by its exit status."""

from __future__ import annotations

from ..errors import ParameterError

__all__ = ["UsageError"]


class UsageError(ParameterError):
    """The words are wrong or do not go together, and nothing was begun; exit status 2, as for an unknown option."""
