"""The diagnostics buffer: what happened on the CPU, newest last, bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime

import attrs

from ouc.errors import Failure

__all__ = ["DiagnosticsBuffer", "Entry"]

# Entries that a CPU 1516 keeps for reading; older ones are forgotten first.
_ENTRIES = 3200


@attrs.frozen
class Entry:
    """One line of the buffer.

    Attributes:
        at: The CPU's own time.
        text: What happened, one sentence.
        failure: The reason with STATUS and remedy, None for plain events.
    """

    at: datetime
    text: str
    failure: Failure | None = None

    def __str__(self) -> str:
        reason = f": {self.failure}" if self.failure is not None else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.text}{reason}"


class DiagnosticsBuffer:
    """A ring of entries.

    Args:
        size: Entries kept.
    """

    def __init__(self, size: int = _ENTRIES) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)

    def add(self, at: datetime, text: str, failure: Failure | None = None) -> None:
        """Write an entry."""
        self._entries.append(Entry(at, text, failure))

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
