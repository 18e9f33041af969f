"""From a stream of bytes to receive jobs (ouc-blocks.md 2.4).

TCP carries no lengths: what one side sent with two jobs may arrive as one piece, or as seven. A receive job of fixed
length waits until its area is full and leaves the surplus for the next one; an ad hoc job takes what is there.
"""

from __future__ import annotations

import enum

__all__ = ["Delivery", "Inbox"]


class Delivery(enum.Enum):
    """When a receive job is complete."""

    FIXED_LENGTH = "as many bytes as the area holds"
    AD_HOC = "at least one byte"


class Inbox:
    """Bytes that have arrived and that no receive job has taken yet.

    Nothing is ever dropped: when the inbox is full, `room` is 0, the shell stops reading, and TCP's own window makes the
    partner wait.

    Args:
        limit: Bytes kept while no job waits for more, 8192 on S7-1200 and S7-1500 (the recorded window).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._wanted = 0
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def room(self) -> int:
        """How many bytes may be put in now. A job larger than the buffer makes the room that it needs."""
        return max(self._limit, self._wanted) - len(self._bytes)

    def put(self, data: bytes) -> None:
        """Take in what the connection delivered: at most what `room` was when the reading began.

        A job that ends meanwhile makes `room` smaller, even negative; nothing is read before it is positive again.
        """
        self._bytes += data

    def want(self, size: int) -> None:
        """Announce a job of `size` bytes, 0 for none."""
        self._wanted = size

    def take(self, area: memoryview, delivery: Delivery) -> int:
        """Complete a receive job if that is possible.

        Args:
            area: Where the bytes go; its length is the length of the job, at least 1.
            delivery: When the job is complete.

        Returns:
            How many bytes were copied to the start of `area`, 0 if the job is not complete (nothing was copied).
        """
        size = min(len(self._bytes), len(area))
        if size == 0 or (delivery is Delivery.FIXED_LENGTH and size < len(area)):
            return 0
        area[:size] = self._bytes[:size]
        del self._bytes[:size]
        return size

    def clear(self) -> int:
        """Forget everything, as T_RESET and the end of a connection do; tells how many bytes that were."""
        lost = len(self._bytes)
        self._bytes.clear()
        return lost
