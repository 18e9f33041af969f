"""From what arrives to receive jobs (ouc-blocks.md 2.4, 2.9).

TCP carries no lengths: what one side sent with two jobs may arrive as one piece, or as seven. A receive job of fixed
length waits until its area is full and leaves the surplus for the next one; an ad hoc job takes what is there. ISO-on-TCP
and UDP keep the boundaries of messages: a job takes one whole message, or none.

Nothing is ever dropped: when an inbox has no room, the shell stops reading, and TCP's own window makes the partner wait.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Any, Final, Literal

from ..errors import ParameterError

__all__ = ["AreaTooSmallError", "Delivery", "Inbox", "MessageInbox", "TooSmall"]

#: What a job gets whose area is smaller than the message: an error with that STATUS, or the rest with the next job.
TooSmall = Literal["8088", "80C9", "rest"]


class Delivery(enum.Enum):
    """When a receive job over a stream is complete."""

    FIXED_LENGTH = "as many bytes as the area holds"
    AD_HOC = "at least one byte"


class AreaTooSmallError(ParameterError):
    """The next message does not fit into the area; it is kept for a job that has room.

    Attributes:
        size: Bytes of the message.
    """

    def __init__(self, size: int, room: int, status: int) -> None:
        super().__init__(
            f"a message of {size} bytes does not fit into the {room} bytes of the receive area",
            status=status,
            where="DATA",
            remedy="Make the area at DATA as long as the longest message, or enter its length at LEN",
        )
        self.size = size


class Inbox:
    """Bytes that have arrived and that no receive job has taken yet.

    Args:
        limit: Bytes kept while no job waits for more, 8192 on S7-1200 and S7-1500 (the recorded window).
    """

    #: Only datagrams have one each.
    sender: Any = None

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

    def put(self, data: bytes, sender: Any = None) -> None:  # noqa: ARG002 - the face of both kinds
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


# What a message costs besides its bytes, so that a flood of tiny ones is bounded too; ours.
_OVERHEAD: Final = 64


class MessageInbox:
    """Whole messages that have arrived and that no receive job has taken yet.

    Messages without bytes are not kept: no job could tell them from "nothing there".

    Args:
        limit: Bytes kept before `room` is 0; a message that arrives while there is room is kept whole, however long.
        too_small: What a job gets whose area is too small.
    """

    def __init__(self, limit: int, *, too_small: TooSmall) -> None:
        self._limit = limit
        self._too_small = too_small
        self._messages: deque[tuple[bytes, Any]] = deque()
        self._size = 0
        #: Where the message taken last came from.
        self.sender: Any = None

    def __len__(self) -> int:
        return self._size

    @property
    def room(self) -> int:
        """Positive while another message may be put in."""
        return self._limit - self._size - _OVERHEAD * len(self._messages)

    def put(self, data: bytes, sender: Any = None) -> None:
        """Take in one whole message."""
        if data:
            self._messages.append((data, sender))
            self._size += len(data)

    def want(self, size: int) -> None:
        """As `Inbox.want`; a message is kept whole anyway."""

    def take(self, area: memoryview, delivery: Delivery) -> int:  # noqa: ARG002 - messages have one way
        """Take the next message; 0 if there is none.

        Raises:
            AreaTooSmallError: It does not fit; it stays, and nothing was copied.
        """
        if not self._messages:
            return 0
        message, sender = self._messages[0]
        size = min(len(message), len(area))
        if size < len(message):
            if self._too_small != "rest":
                raise AreaTooSmallError(len(message), size, int(self._too_small, 16))
            self._messages[0] = message[size:], sender
        else:
            self._messages.popleft()
        area[:size] = message[:size]
        self._size -= size
        self.sender = sender
        return size

    def clear(self) -> int:
        """Forget everything; tells how many bytes that were."""
        lost, self._size = self._size, 0
        self._messages.clear()
        return lost
