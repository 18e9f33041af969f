"""What happens again and again: told a few times, counted always.

Each kind of event is counted by itself, so two kinds in turn do not make each other new, and a flood of one does not hide
another. Memory is bounded whoever floods: kinds beyond the limit are counted together as one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

import attrs

__all__ = ["Repeats"]

# Seconds after which the first times of a kind are told anew, however rare the powers of ten have become; ours.
AGAIN = 3600.0
# Kinds that are told apart; ours.
_MOST = 512
#: The kind of all those beyond the limit.
OTHERS = "others"


@attrs.define
class _Count:
    times: int = 0
    told: int = 0
    # Of the present hour: when it began, and how often since.
    begun: float = 0.0
    lately: int = 0


class Repeats:
    """Says which times are worth telling: the first ones, the 10th, 100th and so on, and one an hour.

    Args:
        free: First times of each kind that are told in every hour.
        most: Kinds that are told apart; a kind whose hour is over makes room.
        now: Tells seconds, from any beginning.
    """

    def __init__(self, *, free: int = 1, most: int = _MOST, now: Callable[[], float] = time.monotonic) -> None:
        self._free, self._most, self._now = free, most, now
        self._counts: dict[Hashable, _Count] = {}

    def count(self, kind: Hashable) -> int:
        """How often this kind has happened by now, if that is worth telling; otherwise 0."""
        now = self._now()
        one = self._place(kind, now)
        if now - one.begun >= AGAIN:
            one.begun, one.lately = now, 0
        one.times, one.lately = one.times + 1, one.lately + 1
        if one.lately > self._free and one.times < 10 * one.told:
            return 0
        one.told = one.times
        return one.times

    def _place(self, kind: Hashable, now: float) -> _Count:
        if kind not in self._counts and len(self._counts) >= self._most:
            quiet = [key for key, one in self._counts.items() if now - one.begun >= AGAIN]
            for key in quiet:
                del self._counts[key]
            if not quiet:
                kind = OTHERS
        return self._counts.setdefault(kind, _Count(begun=now))

    def forget(self, which: Callable[[Hashable], bool]) -> list[tuple[Hashable, int]]:
        """Begin anew with some kinds; gives those of which something was counted and not told, with their number."""
        gone = [key for key in self._counts if which(key)]
        counts = [(key, self._counts.pop(key)) for key in gone]
        return [(key, one.times) for key, one in counts if one.times > one.told]
