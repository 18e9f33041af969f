"""Somebody on the way changes bytes: nothing of it is delivered, nothing hangs, and the reason has a STATUS."""

from __future__ import annotations

import attrs
import pytest
from trio.testing import MockClock

from emulator.faults import wire
from emulator.faults.wire import Direction
from ouc.errors import ConnectionLost
from ouc.tls.policy import Version

from .attacker import KINDS, PAYLOAD, Attack, Outcome, Side, attacks, carry_out, carry_out_all, objections

# Each kind three times; the long form is tests/soak/attack_tls.py.
RUNS = 3 * len(KINDS)


@pytest.fixture
def clock() -> MockClock:
    """Time limits cost no time: it jumps when every task waits."""
    return MockClock(autojump_threshold=0.01)


async def test_no_attacker_alters_what_is_delivered_and_each_run_is_complete_or_tells_its_STATUS(
    clock: MockClock,
) -> None:
    outcomes = await carry_out_all(attacks(range(RUNS)))
    assert {outcome.attack: found for outcome in outcomes if (found := objections(outcome))} == {}
    assert len(outcomes) == RUNS
    # Neither an attacker who never strikes nor one who always does would show much.
    told = {outcome.told for outcome in outcomes}
    assert told >= {"complete", "16#80C5", "16#80E0", "16#80E6", "16#80C7"}


def test_the_attacks_are_of_all_kinds_on_both_roles_versions_and_phases() -> None:
    made = attacks(range(RUNS))
    assert {one.kind for one in made} == set(KINDS)
    assert {(one.direction, one.version, one.phase) for one in made} == {
        (direction, version, phase)
        for direction in Direction
        for version in ("1.2", "1.3")
        for phase in ("handshake", "data")
    }


async def test_an_attack_can_be_repeated_from_its_number(clock: MockClock) -> None:
    twelve = [attack for attack in attacks(range(200)) if attack.kind.name in ("flip", "insert", "drop")][:12]
    first = await carry_out_all(twelve)
    again = await carry_out_all(twelve)

    def told(outcomes: list[Outcome]) -> set[tuple[int, str, int]]:
        return {(one.attack.number, one.told, len(one.reader.received)) for one in outcomes}

    assert told(first) == told(again)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.name)
async def test_a_close_notify_that_somebody_forged_is_never_taken_for_the_end(
    version: Version, direction: Direction, clock: MockClock
) -> None:
    attack = Attack(0, wire.kind("forged-close"), version, direction, "data")
    outcome = await carry_out(attack)
    assert objections(outcome) == []
    assert outcome.struck
    assert not outcome.reader.clean


async def test_a_close_notify_in_the_handshake_is_told_as_a_close_and_not_as_an_error_of_the_partner(
    clock: MockClock,
) -> None:
    # After the client's hello, before there are keys: anybody can say it.
    plan = wire.plan("forged-close", direction=Direction.FORTH, records=range(1))
    outcome = await carry_out(Attack(0, plan.kind, "1.3", Direction.FORTH, "handshake"), plan=plan)
    assert outcome.reader.status == 0x80C5
    assert "close_notify" in str(outcome.reader.failure)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_payload_that_ends_without_close_notify_is_told_as_cut_off(version: Version, clock: MockClock) -> None:
    outcome = await carry_out(Attack(0, wire.kind("truncate"), version, Direction.BACK, "data"))
    assert (outcome.reader.received, outcome.reader.clean) == (PAYLOAD, False)
    assert outcome.reader.status == 0x80C5


def test_the_judge_objects_to_what_must_never_happen() -> None:
    attack = Attack(0, wire.kind("flip"), "1.3", Direction.FORTH, "data")
    lost = ConnectionLost("lost", status=0x80C5)
    good = Side("server", received=PAYLOAD, clean=True)
    cut = Side("server", received=PAYLOAD[:100], failure=lost)

    def judged(reader: Side, *, sender: Side | None = None, struck: bool = True) -> list[str]:
        return objections(Outcome(attack, sender or Side("client"), reader, struck))

    assert judged(good) == judged(cut) == []
    assert judged(attrs.evolve(cut, received=b"x")) == ["altered bytes were delivered"]
    assert judged(attrs.evolve(good, received=PAYLOAD[:-1])) == [
        "an incomplete payload ended as if it were complete",
        "the reading side tells no reason",
    ]
    assert judged(Side("server")) == ["the reading side tells no reason"]
    assert judged(attrs.evolve(cut, failure=ConnectionLost("lost"))) == ["the server shows None"]
    assert judged(cut, struck=False) == ["nothing harmful happened, and not everything arrived"]
    assert judged(good, sender=Side("client", failure=ConnectionLost("", status=0x80C5))) == [
        "the client tells a STATUS without words"
    ]
