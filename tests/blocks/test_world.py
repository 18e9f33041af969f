"""All blocks together, in any order; `tests/soak/block_sequences.py` is the long form."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .world import KINDS, World


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_no_sequence_of_calls_and_network_events_breaks_a_rule(chance: Random, steps: int) -> None:
    World(chance).play(steps)


def test_no_longer_sequence_breaks_a_rule_either() -> None:
    for seed in range(400):
        World(Random(seed)).play(100)


def test_the_sequences_reach_data_and_DONE_on_every_kind_of_block() -> None:
    worlds = [World(Random(seed)) for seed in range(100)]
    for world in worlds:
        world.play(100)
    shown = sum((world.shown for world in worlds[1:]), worlds[0].shown)
    assert {name for name, status in shown if status == 0x0000} == {kind.__name__ for kind in KINDS}
    assert min(sum(world.received for world in worlds), sum(world.jobs_done for world in worlds)) > 50
