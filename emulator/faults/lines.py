"""One direction of a connection through the fault wire: bytes in, actions out.

Nothing here waits or has a socket. A line counts bytes (or whole TLS records), holds back the few that its fault is about,
and says what shall happen to them. Places are counted in the stream, never in the pieces that a socket happened to deliver,
so the same seed strikes the same byte in every run.
"""

from __future__ import annotations

import enum
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import attrs

__all__ = [
    "Act",
    "Action",
    "ByteLine",
    "Deliver",
    "End",
    "EndLine",
    "Ending",
    "Frames",
    "Hush",
    "Line",
    "Moment",
    "RecordLine",
    "Reflect",
    "StreamLine",
    "Wait",
]

# Records that a line remembers for a replay.
_MEMORY: Final = 8
# TLS content types, change_cipher_spec to heartbeat (RFC 8446 B.1, RFC 6520); all versions begin with 3.
_CONTENT: Final = range(20, 25)
_HEADER: Final = 5


class Ending(enum.Enum):
    """How a connection ends, as a partner sees it."""

    FIN = "an orderly end"
    RESET = "a reset"


@attrs.frozen
class Deliver:
    """Send these bytes on, as one piece."""

    data: bytes


@attrs.frozen
class Reflect:
    """Send these bytes back to where they came from."""

    data: bytes


@attrs.frozen
class Wait:
    """Carry nothing in this direction for so many seconds."""

    seconds: float


@attrs.frozen
class Hush:
    """From here on nothing is carried in either direction, and nobody is told."""


@attrs.frozen
class End:
    """End the connection; None leaves that side alone.

    Attributes:
        ahead: Towards the side that this direction leads to.
        behind: Towards the side that it comes from.
    """

    ahead: Ending | None = None
    behind: Ending | None = None


Action: TypeAlias = Deliver | Reflect | Wait | Hush | End


@attrs.frozen(kw_only=True)
class Moment:
    """What an act has to work with.

    Attributes:
        chance: The seeded source of everything random.
        pieces: What was held back: one piece of bytes, or whole records.
        past: The latest records before them, the newest last; only on lines that count records.
        pause: Seconds of a delay.
        hole: Seconds that a silence lasts; infinite for one that never ends.
    """

    chance: random.Random
    pieces: Sequence[bytes] = ()
    past: Sequence[bytes] = ()
    pause: float = 0.0
    hole: float = 0.0

    @property
    def data(self) -> bytes:
        """What was held back, in one piece."""
        return b"".join(self.pieces)


Act: TypeAlias = Callable[[Moment], Sequence[Action]]


def deliver(data: bytes | bytearray) -> list[Action]:
    """The bytes as an action; none for none."""
    return [Deliver(bytes(data))] if data else []


class Frames:
    """Cuts a stream into TLS records, or into frames of a fixed size.

    Bytes that are no TLS are given back as they came: a fault of records then strikes a piece.

    Args:
        size: Bytes of a frame; None for TLS records.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size
        self._rest = bytearray()

    def push(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes."""
        self._rest += data
        complete = []
        while 0 < (size := self._next()) <= len(self._rest):
            complete.append(bytes(self._rest[:size]))
            del self._rest[:size]
        return complete

    def rest(self) -> bytes:
        """Take the beginning of a frame that never became whole."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    def _next(self) -> int:
        """Bytes of the frame that begins the rest, 0 if that is not known yet."""
        rest = self._rest
        if self._size is not None:
            return self._size
        if rest and (rest[0] not in _CONTENT or (len(rest) > 1 and rest[1] != 3)):
            return len(rest)
        return _HEADER + int.from_bytes(rest[3:_HEADER]) if len(rest) >= _HEADER else 0


class Line:
    """A direction that carries everything on; the base of those that do not.

    Attributes:
        struck: The fault has happened.
        over: This direction has ended; what still comes is swallowed.
    """

    def __init__(self) -> None:
        self.struck = self.over = False

    @property
    def holding(self) -> bool:
        """Whether bytes wait for more to come; call `quiet` when none comes."""
        return False

    def feed(self, data: bytes) -> list[Action]:
        """What shall happen because these bytes came."""
        return [] if self.over else self._settle(self._take(data))

    def quiet(self) -> list[Action]:
        """What shall happen because nothing came for a while."""
        return [] if self.over else self._settle(self._release())

    def end(self, *, broken: bool = False) -> list[Action]:
        """What shall happen because the sender has ended (`broken`: by a reset)."""
        if self.over:
            # A half-closed connection that breaks is broken for both.
            return [End(ahead=Ending.RESET)] if broken else []
        # Where the fault itself ends the connection here, its end is the one that counts.
        ending = End(ahead=Ending.RESET if broken else Ending.FIN)
        return self._settle([*self._release(), *self._last(), ending])

    def _take(self, data: bytes) -> list[Action]:
        return deliver(data)

    def _release(self) -> list[Action]:
        return []

    def _last(self) -> list[Action]:
        """What comes between the last byte and the end."""
        return []

    def _settle(self, actions: Sequence[Action]) -> list[Action]:
        """Forget what would come after an end."""
        kept: list[Action] = []
        for action in actions:
            kept.append(action)
            if isinstance(action, End) and action.ahead is not None:
                self.over = True
                break
        return kept


class ByteLine(Line):
    """Strikes once, at a byte.

    Args:
        act: What the fault does with what was held back.
        moment: Chance and times.
        at: Bytes that pass before the fault.
        size: Bytes that it is about; 0 strikes between two bytes.
    """

    def __init__(self, act: Act, moment: Moment, *, at: int, size: int) -> None:
        super().__init__()
        self._act, self._moment = act, moment
        self._before, self._size = at, size
        self._held = b""

    @property
    def holding(self) -> bool:
        """Whether the bytes that the fault is about are here only in part."""
        return bool(self._held)

    def _take(self, data: bytes) -> list[Action]:
        if self.struck:
            return deliver(data)
        head, tail = data[: self._before], data[self._before :]
        self._before -= len(head)
        self._held += tail
        if self._before or len(self._held) < self._size:
            return deliver(head)
        return [*deliver(head), *self._strike()]

    def _release(self) -> list[Action]:
        return self._strike() if self._held else []

    def _strike(self) -> list[Action]:
        held, self._held, self.struck = self._held, b"", True
        piece, rest = held[: self._size], held[self._size :]
        return [*self._act(attrs.evolve(self._moment, pieces=(piece,))), *deliver(rest)]


class StreamLine(Line):
    """Acts on every piece that comes, within a range of bytes.

    Args:
        act: What the fault does with a piece.
        moment: Chance and times.
        span: The bytes that it is about.
        size: Bytes to collect before one piece is made of them; 0 takes each as it comes.
    """

    def __init__(self, act: Act, moment: Moment, *, span: range, size: int) -> None:
        super().__init__()
        self._act, self._moment = act, moment
        self._span, self._size = span, size
        self._offset = 0
        self._held = b""

    @property
    def holding(self) -> bool:
        """Whether a piece is being collected."""
        return bool(self._held)

    def _take(self, data: bytes) -> list[Action]:
        first = max(0, self._span.start - self._offset)
        last = max(0, self._span.stop - self._offset)
        self._offset += len(data)
        before, inside, after = data[:first], data[first:last], data[last:]
        actions = deliver(before)
        self._held += inside
        if self._held and (after or len(self._held) >= self._size):
            actions += self._release()
        return [*actions, *deliver(after)]

    def _release(self) -> list[Action]:
        if not self._held:
            return []
        held, self._held, self.struck = self._held, b"", True
        return list(self._act(attrs.evolve(self._moment, pieces=(held,))))


class RecordLine(Line):
    """Strikes at a record, or at each.

    Args:
        act: What the fault does with the records.
        moment: Chance and times.
        frames: How the stream is cut.
        at: Records that pass before the fault; None acts on each one of them.
        size: Records that it is about, at least 1.
        span: Where `at` is None, the records that it is about.
    """

    def __init__(
        self, act: Act, moment: Moment, frames: Frames, *, at: int | None, size: int = 1, span: Iterable[int] = ()
    ) -> None:
        super().__init__()
        self._act, self._moment, self._frames = act, moment, frames
        self._wanted = frozenset(span) if at is None else frozenset(range(at, at + size))
        self._size = size
        self._count = 0
        self._held: list[bytes] = []
        self._past: deque[bytes] = deque(maxlen=_MEMORY)

    @property
    def holding(self) -> bool:
        """Whether some, but not all, of the records are here."""
        return bool(self._held)

    def _take(self, data: bytes) -> list[Action]:
        actions: list[Action] = []
        # What passes goes on in one piece: record by record it would be slower than its sender.
        passing = bytearray()
        for record in self._frames.push(data):
            if self._count in self._wanted:
                actions += deliver(passing)
                passing.clear()
                self._held.append(record)
                if len(self._held) == self._size:
                    actions += self._strike()
            else:
                actions += self._strike() if self._held else []
                passing += record
                self._past.append(record)
            self._count += 1
        return [*actions, *deliver(passing)]

    def _release(self) -> list[Action]:
        if not self._held:
            return []
        # The others that the fault is about never came; what comes later passes.
        self._wanted = frozenset()
        return self._strike()

    def _last(self) -> list[Action]:
        return deliver(self._frames.rest())

    def _strike(self) -> list[Action]:
        held, self._held, self.struck = self._held, [], True
        actions = list(self._act(attrs.evolve(self._moment, pieces=tuple(held), past=tuple(self._past))))
        self._past.extend(held)
        return actions


class EndLine(Line):
    """Strikes when the sender ends.

    Args:
        act: What comes before the end; gets the last record if one is kept.
        moment: Chance and times.
        frames: How the stream is cut.
        keep: Keep the newest record back, so that the fault has the last one; silence lets it go.
    """

    def __init__(self, act: Act, moment: Moment, frames: Frames, *, keep: bool) -> None:
        super().__init__()
        self._act, self._moment, self._frames, self._keep = act, moment, frames, keep
        self._held = b""

    @property
    def holding(self) -> bool:
        """Whether a record is kept back."""
        return bool(self._held)

    def _take(self, data: bytes) -> list[Action]:
        if not self._keep:
            return deliver(data)
        actions: list[Action] = []
        for record in self._frames.push(data):
            actions += self._release()
            self._held = record
        return actions

    def _release(self) -> list[Action]:
        held, self._held = self._held, b""
        return deliver(held)

    def end(self, *, broken: bool = False) -> list[Action]:
        """The fault, then the end."""
        if not self.over and not broken and (self._held or not self._keep):
            held, self._held, self.struck = self._held, b"", True
            return [*self._act(attrs.evolve(self._moment, pieces=(held,))), *super().end()]
        return super().end(broken=broken)

    def _last(self) -> list[Action]:
        return deliver(self._frames.rest())
