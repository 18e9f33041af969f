"""The fault wire as a machine: what each kind does to bytes, without a socket."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.faults import wire
from emulator.faults.lines import Action, Deliver, End, Ending, Frames, Reflect, Wait
from emulator.faults.wire import KINDS, Conversation, Direction, Harm, Kind, Place, WirePlan
from ouc.errors import ParameterError

FORTH, BACK = Direction.FORTH, Direction.BACK
NAMES = [one.name for one in KINDS]
CARRYING = [one for one in KINDS if one.place is not Place.ACCEPT]
# There is a test for each kind.
FEW = settings(max_examples=settings().max_examples // 4)


def records(count: int, *, seed: int = 1) -> list[bytes]:
    """TLS records of 6 to 70 bytes, all different."""
    chance = random.Random(seed)
    return [
        bytes([23, 3, 3]) + len(body).to_bytes(2) + body
        for body in (bytes([number]) + chance.randbytes(chance.randrange(64)) for number in range(count))
    ]


STREAM = b"".join(records(40))


def carried(actions: list[Action]) -> bytes:
    return b"".join(action.data for action in actions if isinstance(action, Deliver))


def run(plan: WirePlan, data: bytes = STREAM, *, cuts: list[int] | None = None, number: int = 0) -> list[Action]:
    """What becomes of a stream that the dialling end sends in pieces, and of its end."""
    conversation = plan.conversation(number)
    direction = plan.direction or FORTH
    borders = [0, *sorted(cuts or []), len(data)]
    actions: list[Action] = []
    for start, stop in pairwise(borders):
        actions += conversation.feed(direction, data[start:stop]) if stop > start else []
    return actions + conversation.end(direction)


def planned(kind: Kind | str, seed: int = 0, **options: object) -> WirePlan:
    options.setdefault("span", range(1_000))
    return wire.plan(kind, seed=seed, direction=FORTH, **options)  # type: ignore[arg-type]


def test_there_are_at_least_20_kinds_with_different_names_and_all_three_harms() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 20
    assert {one.harm for one in KINDS} == set(Harm)


@pytest.mark.parametrize("row", CARRYING, ids=lambda row: row.name)
@FEW
@given(seed=st.integers(0, 1_000), cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_each_kind_does_to_the_bytes_what_its_row_says(row: Kind, seed: int, cuts: list[int]) -> None:
    actions = run(planned(row, seed), cuts=cuts)
    arrived = carried(actions)
    if row.harm is Harm.HARMLESS:
        assert arrived == STREAM
        assert actions[-1] == End(ahead=Ending.FIN)
    elif row.harm is Harm.CUT:
        assert STREAM.startswith(arrived)
        assert len(arrived) < len(STREAM)
        assert any(isinstance(action, End) and action.ahead is not None for action in actions)
    else:
        assert arrived != STREAM or any(isinstance(action, Reflect) for action in actions)


@pytest.mark.parametrize("row", CARRYING, ids=lambda row: row.name)
@FEW
@given(seed=st.integers(0, 1_000), cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_fault_strikes_the_same_place_however_the_bytes_come(row: Kind, seed: int, cuts: list[int]) -> None:
    whole, pieces = run(planned(row, seed)), run(planned(row, seed), cuts=cuts)
    assert carried(whole) == carried(pieces)
    assert whole[-1] == pieces[-1]


@pytest.mark.parametrize("row", CARRYING, ids=lambda row: row.name)
def test_the_same_seed_does_the_same_and_another_seed_something_else(row: Kind) -> None:
    assert run(planned(row, 3)) == run(planned(row, 3))
    if row.place in (Place.BYTE, Place.RECORD):
        assert len({repr(run(planned(row, seed))) for seed in range(20)}) > 1


@pytest.mark.parametrize("row", CARRYING, ids=lambda row: row.name)
def test_the_fault_happens_when_enough_bytes_come_and_the_conversation_says_so(row: Kind) -> None:
    plan = planned(row)
    conversation = plan.conversation(0)
    assert conversation.struck == (row.shuts == "before")
    conversation.feed(FORTH, STREAM)
    conversation.end(FORTH)
    assert conversation.struck


@pytest.mark.parametrize("row", CARRYING, ids=lambda row: row.name)
def test_a_direction_that_is_not_meant_carries_all(row: Kind) -> None:
    if row.both:
        pytest.skip("acts on both directions")
    conversation = planned(row).conversation(0)
    assert carried(conversation.feed(BACK, STREAM)) == STREAM


def test_a_fault_that_acts_on_both_directions_does_so_in_either_order() -> None:
    def both(first: Direction, second: Direction) -> dict[Direction, list[Action]]:
        conversation = wire.plan("rechunk", seed=4).conversation(0)
        return {direction: conversation.feed(direction, STREAM) for direction in (first, second)}

    assert both(FORTH, BACK) == both(BACK, FORTH)


def test_only_as_many_connections_as_planned_are_struck() -> None:
    plan = planned("flip", strikes=2)
    assert [carried(run(plan, number=number)) != STREAM for number in range(4)] == [True, True, False, False]
    assert all(carried(run(planned("flip", strikes=None), number=number)) != STREAM for number in range(20))
    assert carried(run(planned("flip", strikes=0))) == STREAM


def test_the_seed_chooses_both_directions_and_the_plan_can_name_one() -> None:
    def struck(plan: WirePlan) -> Direction:
        return next(one for one in Direction if carried(plan.conversation(0).feed(one, STREAM)) != STREAM)

    assert {struck(wire.plan("flip", seed=seed, span=range(500))) for seed in range(20)} == set(Direction)
    assert {struck(wire.plan("flip", seed=seed, span=range(500), direction=BACK)) for seed in range(20)} == {BACK}


def test_a_place_is_within_its_span() -> None:
    for seed in range(50):
        arrived = carried(run(planned("flip", seed, span=range(100, 120))))
        (place,) = [at for at, (one, other) in enumerate(zip(arrived, STREAM, strict=True)) if one != other]
        assert 100 <= place < 120


@pytest.mark.parametrize(
    ("name", "left", "ending"),
    [
        ("fin-at-border", 0, End(ahead=Ending.FIN, behind=Ending.FIN)),
        ("fin-mid-record", 1, End(ahead=Ending.FIN, behind=Ending.FIN)),
        ("reset-mid-record", 1, End(ahead=Ending.RESET, behind=Ending.RESET)),
    ],
)
def test_a_cut_at_a_record_is_at_its_border_or_within_it(name: str, left: int, ending: End) -> None:
    for seed in range(30):
        actions = run(planned(name, seed))
        frames = Frames()
        frames.push(carried(actions))
        assert min(len(frames.rest()), 1) == left
        assert actions[-1] == ending


def test_records_are_reordered_dropped_replayed_and_reflected_as_wholes() -> None:
    sent = records(40)

    def arrived(name: str, seed: int) -> list[bytes]:
        return Frames().push(carried(run(planned(name, seed))))

    for seed in range(20):
        assert sorted(arrived("reorder", seed)) == sorted(sent)
        assert sum(one != other for one, other in zip(arrived("reorder", seed), sent, strict=True)) == 2
        assert len(arrived("drop-record", seed)) == 39
        replayed = arrived("replay", seed)
        assert len(replayed) == 41
        assert set(replayed) == set(sent)
        (back,) = [action.data for action in run(planned("reflect", seed)) if isinstance(action, Reflect)]
        assert back in sent


def test_the_last_record_before_the_end_is_what_a_truncation_takes() -> None:
    assert carried(run(planned("truncate"))) == b"".join(records(40)[:-1])


def test_what_is_held_back_is_let_go_when_the_wire_is_quiet() -> None:
    for name, fed, left in (("truncate", STREAM, STREAM), ("coalesce", b"short", b"short")):
        conversation = planned(name).conversation(0)
        actions = conversation.feed(FORTH, fed)
        assert conversation.holding(FORTH)
        assert carried(actions) != left
        assert carried(actions + conversation.quiet(FORTH)) == left
        assert not conversation.holding(FORTH)


def test_bytewise_is_one_byte_at_a_time_and_only_within_its_span() -> None:
    actions = run(planned("bytewise", span=range(10, 20)))
    assert [len(action.data) for action in actions if isinstance(action, Deliver)] == [10, *[1] * 10, len(STREAM) - 20]


def test_after_a_black_hole_neither_direction_carries_anything_until_the_reset() -> None:
    conversation = planned("black-hole", span=range(10, 11), hole=3.0).conversation(0)
    actions = conversation.feed(FORTH, STREAM)
    reset = End(ahead=Ending.RESET, behind=Ending.RESET)
    assert actions == [Deliver(STREAM[:10]), Wait(3.0), reset]
    assert conversation.feed(BACK, STREAM) == conversation.feed(FORTH, STREAM) == conversation.end(BACK) == []


def test_a_silence_without_end_never_resets() -> None:
    conversation = planned("black-hole", span=range(10, 11), hole=math.inf).conversation(0)
    assert conversation.feed(FORTH, STREAM) == [Deliver(STREAM[:10])]
    assert conversation.feed(FORTH, STREAM) == conversation.end(FORTH) == []


def test_a_half_closed_connection_swallows_one_direction_and_carries_the_other() -> None:
    conversation = planned("half-close", span=range(10, 11)).conversation(0)
    assert conversation.feed(FORTH, STREAM) == [Deliver(STREAM[:10]), End(ahead=Ending.FIN)]
    assert conversation.feed(FORTH, STREAM) == conversation.end(FORTH) == []
    assert carried(conversation.feed(BACK, STREAM)) == STREAM
    assert conversation.end(FORTH, broken=True) == [End(ahead=Ending.RESET)]


@pytest.mark.parametrize("row", CARRYING, ids=lambda row: row.name)
def test_a_reset_of_a_partner_is_passed_on_as_a_reset(row: Kind) -> None:
    conversation = planned(row, span=range(5_000, 5_001), records=range(100, 101)).conversation(0)
    conversation.feed(FORTH, b"x" * 10)
    assert conversation.end(FORTH, broken=True)[-1] == End(ahead=Ending.RESET)


@pytest.mark.parametrize(
    ("name", "opening"),
    [
        ("accept-close", (End(behind=Ending.FIN),)),
        ("accept-reset", (End(behind=Ending.RESET),)),
        ("accept-silence", (Wait(0.05), End(ahead=Ending.RESET, behind=Ending.RESET))),
    ],
)
def test_some_kinds_never_connect_the_partner(name: str, opening: tuple[Action, ...]) -> None:
    assert planned(name).conversation(0).opening == opening
    assert planned(name).conversation(1).opening == ()


def test_the_port_is_closed_before_the_first_connection_or_after_a_struck_one() -> None:
    refuse, outage = planned("refuse", pause=7.0, strikes=2), planned("outage", pause=7.0, strikes=2)
    assert [refuse.shut(number) for number in range(4)] == [7.0, 7.0, 0.0, 0.0]
    assert [outage.shut(number) for number in range(4)] == [0.0, 7.0, 7.0, 0.0]
    assert planned("reset").shut(1) == 0.0


def test_a_wire_without_TLS_counts_frames_of_the_size_it_is_given() -> None:
    messages = b"".join(number.to_bytes(16) for number in range(50))
    arrived = carried(run(planned("reorder", frame=16), messages))
    assert sorted(arrived[at : at + 16] for at in range(0, 800, 16)) == [number.to_bytes(16) for number in range(50)]
    assert arrived != messages


def test_bytes_that_are_no_TLS_are_no_records_and_still_arrive() -> None:
    assert Frames().push(b"GET / HTTP/1.1") == [b"GET / HTTP/1.1"]
    assert carried(run(planned("header-apart"), b"GET / HTTP/1.1")) == b"GET / HTTP/1.1"


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_records_are_found_however_the_bytes_come(cuts: list[int]) -> None:
    frames, found = Frames(), []
    borders = [0, *sorted(cuts), len(STREAM)]
    for start, stop in pairwise(borders):
        found += frames.push(STREAM[start:stop])
    assert found == records(40)


def test_an_unknown_kind_and_an_empty_span_are_refused_with_a_remedy() -> None:
    with pytest.raises(ParameterError, match="'flop'") as caught:
        wire.plan("flop")
    assert "flip" in caught.value.failure.remedy
    with pytest.raises(ParameterError, match="no range of places"):
        wire.plan("flip", span=range(0))


def test_the_how_to_shows_the_table_as_it_is() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "break-the-wire.md"
    assert wire.table() in page.read_text(encoding="utf-8")


def test_a_conversation_of_a_clean_wire_is_never_struck() -> None:
    conversation = Conversation(0, {})
    assert not conversation.struck
