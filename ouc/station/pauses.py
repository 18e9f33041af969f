"""How long to wait before the next attempt."""

from __future__ import annotations

import random

from ..profiles import Profile

__all__ = ["Pauses"]


class Pauses:
    """Pauses that double from `retry_first` to `retry_max`, each a little longer or shorter by chance.

    Being established does not begin them anew, having been established for `retry_forget` seconds does: a partner that
    accepts and closes would else be dialled once a second for ever, with a full handshake each time.

    Args:
        profile: Its `retry_…` options.
        chance: Source of jitter.
    """

    def __init__(self, profile: Profile, chance: random.Random) -> None:
        self._profile = profile
        self._chance = chance
        self._length = 0.0

    def next(self) -> float:
        """Seconds to wait now."""
        profile = self._profile
        self._length = min(profile.retry_max, self._length * 2) if self._length else profile.retry_first
        return self._length * (1 + profile.retry_jitter * self._chance.uniform(-1, 1))

    def forget(self) -> None:
        """Begin with the first pause again."""
        self._length = 0.0

    def was_established(self, seconds: float) -> None:
        """Tell how long the connection was established before it was lost."""
        if seconds >= self._profile.retry_forget:
            self.forget()
