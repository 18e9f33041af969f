"""The fault wire: what a network, or somebody on it, does to a connection, by name and by seed.

`KINDS` is the table, one row per kind of fault. A plan is made from a kind and a seed and nothing else; it says for each
connection what happens to the bytes of both directions, as a list of actions. `emulator.faults.proxy` carries them out
between sockets or any two streams.

    plan = wire.plan("flip", seed=7)
    conversation = plan.conversation(0)
    conversation.feed(Direction.FORTH, b"...")   # → [Deliver(b"..."), ...]
"""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from typing import Final

import attrs

from ouc.errors import ParameterError

from .lines import (
    Act,
    Action,
    ByteLine,
    Deliver,
    End,
    Ending,
    EndLine,
    Frames,
    Hush,
    Line,
    Moment,
    RecordLine,
    Reflect,
    StreamLine,
    Wait,
)

__all__ = ["KINDS", "Conversation", "Direction", "Harm", "Kind", "Place", "WirePlan", "kind", "plan", "table"]

# An alert in the clear: warning, close_notify (RFC 8446 6.1).
_CLOSE_NOTIFY: Final = bytes.fromhex("15030300020100")
# The handshake of either version is not over before these records of a direction.
_HANDSHAKE: Final = range(3)


class Direction(enum.Enum):
    """Which way bytes go."""

    FORTH = "from the end that dials to the end that listens"
    BACK = "from the end that listens to the end that dials"


class Harm(enum.Enum):
    """What a fault does to the bytes, seen by who receives them."""

    HARMLESS = "all bytes arrive, in order"
    CUT = "the connection ends; what arrives is a beginning of what was sent"
    ALTERING = "other bytes arrive than were sent"


class Place(enum.Enum):
    """Where a fault strikes."""

    ACCEPT = "when the connection is accepted"
    BYTE = "once, at a byte"
    RECORD = "once, at a TLS record"
    STREAM = "on every piece"
    RECORDS = "on every TLS record"
    END = "when the sender ends"


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: As `kind` and `plan` take it.
        harm: What it does to the bytes.
        what: The same for people.
        place: Where it strikes.
        act: What it does there.
        take: Bytes (of records: records) that it is about, the least and the most.
        both: It acts on both directions; else on one that the seed chooses.
        records: The records to choose from, where they are not the plan's.
        shuts: The port refuses connections for a while, `before` the connection that is struck or `after` it.
    """

    name: str
    harm: Harm
    what: str
    place: Place
    act: Act = attrs.field(repr=False)
    take: tuple[int, int] = (0, 0)
    both: bool = False
    records: range | None = None
    shuts: str = ""


# -- what the kinds do ------------------------------------------------------------------------------------------------


def _pieces(moment: Moment, sizes: tuple[int, int], pause: float = 0.0) -> list[Action]:
    actions: list[Action] = []
    data = moment.data
    while data:
        size = moment.chance.randint(*sizes)
        actions.append(Deliver(data[:size]))
        if pause:
            actions.append(Wait(pause))
        data = data[size:]
    return actions


def _nothing(_moment: Moment) -> list[Action]:
    return []


def _whole(moment: Moment) -> list[Action]:
    return [Deliver(moment.data)]


def _header_apart(moment: Moment) -> list[Action]:
    parts = (moment.data[:1], moment.data[1:5], moment.data[5:])
    return [Deliver(part) for part in parts if part]


def _delay(moment: Moment) -> list[Action]:
    return [Wait(moment.pause), Deliver(moment.data)]


def _jitter(moment: Moment) -> list[Action]:
    return [Wait(moment.pause * moment.chance.random()), Deliver(moment.data)]


def _pause(moment: Moment) -> list[Action]:
    return [Wait(moment.pause)]


def _flip(moment: Moment) -> list[Action]:
    data = bytearray(moment.data)
    place = moment.chance.randrange(8 * len(data))
    data[place // 8] ^= 1 << place % 8
    return [Deliver(bytes(data))]


def _scramble(moment: Moment) -> list[Action]:
    return [Deliver(bytes(byte ^ moment.chance.randint(1, 255) for byte in moment.data))]


def _twice(moment: Moment) -> list[Action]:
    return [Deliver(moment.data * 2)]


def _insert(moment: Moment) -> list[Action]:
    return [Deliver(moment.chance.randbytes(moment.chance.randint(1, 32)))]


def _swap(moment: Moment) -> list[Action]:
    middle = len(moment.data) // 2
    return [Deliver(moment.data[middle:] + moment.data[:middle])]


def _reverse(moment: Moment) -> list[Action]:
    return [Deliver(record) for record in reversed(moment.pieces)]


def _replay(moment: Moment) -> list[Action]:
    old = moment.chance.choice([*moment.past, *moment.pieces])
    return [Deliver(moment.data), Deliver(old)]


def _reflect(moment: Moment) -> list[Action]:
    return [Deliver(moment.data), Reflect(moment.data)]


def _forge(moment: Moment) -> list[Action]:
    return [Deliver(moment.data), Deliver(_CLOSE_NOTIFY)]


def _wrong_type(moment: Moment) -> list[Action]:
    others = [number for number in (20, 21, 22, 23) if number != moment.data[0]]
    return [Deliver(bytes([moment.chance.choice(others)]) + moment.data[1:])]


def _wrong_length(moment: Moment) -> list[Action]:
    data = bytearray(moment.data.ljust(5, b"\0"))
    change = moment.chance.choice([-1, 1]) * moment.chance.randint(1, 64)
    data[3:5] = ((int.from_bytes(data[3:5]) + change) % 0x10000).to_bytes(2)
    return [Deliver(bytes(data))]


def _silence(moment: Moment) -> list[Action]:
    if moment.hole == float("inf"):
        return [Hush()]
    return [Hush(), Wait(moment.hole), End(ahead=Ending.RESET, behind=Ending.RESET)]


def _ends(ahead: Ending | None, behind: Ending | None) -> Act:
    return lambda _moment: [End(ahead=ahead, behind=behind)]


def _inside(ending: Ending) -> Act:
    def act(moment: Moment) -> list[Action]:
        kept = moment.chance.randrange(1, max(2, len(moment.data)))
        return [Deliver(moment.data[:kept]), End(ahead=ending, behind=ending)]

    return act


def _after(ending: Ending) -> Act:
    return lambda moment: [Deliver(moment.data), End(ahead=ending, behind=ending)]


_FIN, _RESET = Ending.FIN, Ending.RESET
_A, _B, _R, _S, _RS, _E = Place.ACCEPT, Place.BYTE, Place.RECORD, Place.STREAM, Place.RECORDS, Place.END


def _harmless(name: str, what: str, place: Place, act: Act, **options: object) -> Kind:
    return Kind(name=name, harm=Harm.HARMLESS, what=what, place=place, act=act, **options)  # type: ignore[arg-type]


def _cut(name: str, what: str, place: Place, act: Act, **options: object) -> Kind:
    return Kind(name=name, harm=Harm.CUT, what=what, place=place, act=act, **options)  # type: ignore[arg-type]


def _altering(name: str, what: str, place: Place, act: Act, **options: object) -> Kind:
    return Kind(name=name, harm=Harm.ALTERING, what=what, place=place, act=act, **options)  # type: ignore[arg-type]


KINDS: Final = (
    _harmless("none", "nothing is wrong with the wire", _S, _whole),
    _harmless("bytewise", "every byte comes alone", _S, lambda moment: _pieces(moment, (1, 1)), both=True),
    _harmless("rechunk", "pieces of random size come", _S, lambda moment: _pieces(moment, (1, 64)), both=True),
    _harmless("coalesce", "small pieces come as a large one", _S, _whole, take=(1_000, 4_000), both=True),
    _harmless("header-apart", "the header of a record comes before its content", _RS, _header_apart, both=True),
    _harmless("delay", "every piece comes late", _S, _delay),
    _harmless("jitter", "every piece comes late by another time", _S, _jitter),
    _harmless("trickle", "a few bytes come at a time, with pauses", _S,
              lambda moment: _pieces(moment, (100, 400), moment.pause / 10)),
    _harmless("stall", "once nothing comes for a while", _B, _pause),
    _harmless("late-close", "the end of the connection comes late", _E, _pause),
    _harmless("refuse", "the port is closed, then open", _A, _nothing, shuts="before"),
    _cut("accept-close", "the connection is accepted and closed", _A, _ends(None, _FIN)),
    _cut("accept-reset", "the connection is accepted and reset", _A, _ends(None, _RESET)),
    _cut("accept-silence", "the connection is accepted, nobody speaks, then it is reset", _A, _silence),
    _cut("handshake-reset", "both sides are reset in the handshake", _R, _inside(_RESET), take=(1, 1), records=_HANDSHAKE),
    _cut("handshake-fin", "both sides are closed in the handshake", _R, _inside(_FIN), take=(1, 1), records=_HANDSHAKE),
    _cut("fin", "both sides are closed, at any byte", _B, _ends(_FIN, _FIN)),
    _cut("fin-mid-record", "both sides are closed within a record", _R, _inside(_FIN), take=(1, 1)),
    _cut("fin-at-border", "both sides are closed between two records", _R, _after(_FIN), take=(1, 1)),
    _cut("half-close", "one direction is closed, the other one is not", _B, _ends(_FIN, None)),
    _cut("reset", "both sides are reset, at any byte", _B, _ends(_RESET, _RESET)),
    _cut("reset-mid-record", "both sides are reset within a record", _R, _inside(_RESET), take=(1, 1)),
    _cut("reset-ahead", "the receiver is reset, the sender closed", _B, _ends(_RESET, _FIN)),
    _cut("reset-behind", "the sender is reset, the receiver closed", _B, _ends(_FIN, _RESET)),
    _cut("outage", "both sides are reset, and then the port is closed for a while", _B, _ends(_RESET, _RESET), shuts="after"),
    _cut("black-hole", "all bytes vanish both ways, then both sides are reset", _B, _silence),
    _cut("truncate", "the last record before the end vanishes", _E, _nothing, take=(1, 1)),
    _altering("flip", "a bit is turned", _B, _flip, take=(1, 1)),
    _altering("scramble", "bytes are replaced by others", _B, _scramble, take=(1, 32)),
    _altering("drop", "bytes vanish", _B, _nothing, take=(1, 32)),
    _altering("duplicate", "bytes come twice", _B, _twice, take=(1, 32)),
    _altering("insert", "bytes come that nobody sent", _B, _insert),
    _altering("swap", "two pieces change places", _B, _swap, take=(2, 64)),
    _altering("drop-record", "a record vanishes", _R, _nothing, take=(1, 1)),
    _altering("reorder", "two records change places", _R, _reverse, take=(2, 2)),
    _altering("replay", "an old record comes once more", _R, _replay, take=(1, 1)),
    _altering("reflect", "a record comes back to its sender as well", _R, _reflect, take=(1, 1)),
    _altering("forged-close", "somebody says close_notify, in the clear", _R, _forge, take=(1, 1)),
    _altering("wrong-type", "a record claims to be of another type", _R, _wrong_type, take=(1, 1)),
    _altering("wrong-length", "a record claims to have another length", _R, _wrong_length, take=(1, 1)),
)  # fmt: skip


def kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        ParameterError: There is none; the remedy lists those there are.
    """
    found = next((one for one in KINDS if one.name == name), None)
    if found is None:
        raise ParameterError(
            f"there is no fault of the wire {name!r}",
            where="kind",
            remedy=f"Choose one of {', '.join(one.name for one in KINDS)}",
        )
    return found


def table() -> str:
    """The kinds as a table of the documentation."""
    rows = [f"| `{one.name}` | {one.harm.name.lower()} | {one.what} |" for one in KINDS]
    return "\n".join(["| kind | harm | what happens |", "| --- | --- | --- |", *rows])


# -- plans ------------------------------------------------------------------------------------------------------------


class Conversation:
    """One connection through the wire, as a machine: tell it what came, do what it says.

    Attributes:
        number: Which connection, counted from 0.
        opening: What to do with the dialling side (`behind`) instead of connecting it; empty for most kinds.
    """

    def __init__(
        self, number: int, lines: dict[Direction, Line], opening: Sequence[Action] = (), *, struck: bool = False
    ) -> None:
        self.number = number
        self.opening = tuple(action for action in opening if not isinstance(action, Hush))
        self._lines = lines
        self._struck, self._silent = struck, False

    @property
    def struck(self) -> bool:
        """Whether the fault has happened."""
        return self._struck or any(line.struck for line in self._lines.values())

    def holding(self, direction: Direction) -> bool:
        """Whether bytes are kept back until more comes; call `quiet` when nothing does."""
        return not self._silent and self._lines[direction].holding

    def feed(self, direction: Direction, data: bytes) -> list[Action]:
        """What to do because bytes came."""
        return self._carry(self._lines[direction].feed(data))

    def quiet(self, direction: Direction) -> list[Action]:
        """What to do because nothing came for a while."""
        return self._carry(self._lines[direction].quiet())

    def end(self, direction: Direction, *, broken: bool = False) -> list[Action]:
        """What to do because the sender has said FIN, or (`broken`) has reset the connection."""
        return self._carry(self._lines[direction].end(broken=broken))

    def _carry(self, actions: list[Action]) -> list[Action]:
        kept: list[Action] = []
        for action in actions:
            if isinstance(action, Hush):
                self._silent = True
            elif not self._silent or (isinstance(action, (Wait, End)) and Hush() in actions):
                # Of what comes with the silence, only its length and its end.
                kept.append(action)
        return kept


@attrs.frozen(kw_only=True)
class WirePlan:
    """What happens to the connections of a wire; make one with `plan`.

    Attributes:
        kind: The row of the table.
        seed: Every choice comes from it and from the number of the connection.
        strikes: How many connections are struck, beginning with the first; None: all.
        direction: The direction to strike; None lets the seed choose.
        span: Bytes of a direction among which the place is chosen; kinds that act on every piece do so within it.
        records: The same for kinds that count records.
        frame: Bytes of a frame where the wire carries no TLS: they count as records.
        pause: Seconds of a delay.
        hole: Seconds that a silence lasts before the reset; `inf`: for ever.
    """

    kind: Kind
    seed: int = 0
    strikes: int | None = 1
    direction: Direction | None = None
    span: range = range(4_096)
    records: range = range(12)
    frame: int | None = None
    pause: float = 0.01
    hole: float = 0.05

    def conversation(self, number: int) -> Conversation:
        """The machine for a connection; the same for the same number."""
        lines: dict[Direction, Line] = {direction: Line() for direction in Direction}
        if not self._strikes(number):
            return Conversation(number, lines)
        chosen = self.direction or self._chance(number, "direction").choice(list(Direction))
        if self.kind.place is Place.ACCEPT:
            return Conversation(number, lines, self.kind.act(self._moment(number, chosen)), struck=True)
        for direction in Direction if self.kind.both else (chosen,):
            # Chance of its own: which direction speaks first must not change what happens to the other one.
            lines[direction] = self._line(self._moment(number, direction))
        return Conversation(number, lines)

    def _chance(self, number: int, what: str) -> random.Random:
        return random.Random(f"{self.kind.name} {self.seed} {number} {what}")  # noqa: S311 - the same every time

    def _moment(self, number: int, direction: Direction) -> Moment:
        return Moment(chance=self._chance(number, direction.name), pause=self.pause, hole=self.hole)

    def shut(self, number: int) -> float:
        """Seconds for which the port is closed before connection `number` can be accepted."""
        struck = number if self.kind.shuts == "before" else number - 1
        return self.pause if self.kind.shuts and struck >= 0 and self._strikes(struck) else 0.0

    def _strikes(self, number: int) -> bool:
        return self.strikes is None or number < self.strikes

    def _line(self, moment: Moment) -> Line:
        row, chance, frames = self.kind, moment.chance, Frames(self.frame)
        size = chance.randint(*row.take)
        records = row.records or self.records
        if row.place is Place.BYTE:
            return ByteLine(row.act, moment, at=chance.choice(self.span), size=size)
        if row.place is Place.STREAM:
            return StreamLine(row.act, moment, span=self.span, size=size)
        if row.place is Place.END:
            return EndLine(row.act, moment, frames, keep=size > 0)
        at = chance.choice(records) if row.place is Place.RECORD else None
        return RecordLine(row.act, moment, frames, at=at, size=max(1, size), span=records)


def plan(
    fault: Kind | str,
    *,
    seed: int = 0,
    strikes: int | None = 1,
    direction: Direction | None = None,
    span: range = range(4_096),
    records: range = range(12),
    frame: int | None = None,
    pause: float = 0.01,
    hole: float = 0.05,
) -> WirePlan:
    """Plan what goes wrong.

    Args:
        fault: A row of `KINDS` or its name.
        seed, strikes, direction, span, records, frame, pause, hole: See `WirePlan`.

    Raises:
        ParameterError: There is no such kind, or a range is empty.
    """
    for name, value in (("span", span), ("records", records)):
        if not value or value.start < 0 or value.step != 1:
            raise ParameterError(f"{value} is no range of places", where=name, remedy="Use a range such as range(4096)")
    return WirePlan(
        kind=kind(fault) if isinstance(fault, str) else fault,
        seed=seed, strikes=strikes, direction=direction, span=span, records=records, frame=frame, pause=pause, hole=hole,
    )  # fmt: skip
