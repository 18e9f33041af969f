"""What happens again and again is told a few times and counted always."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ouc.transport import Repeats

KINDS = st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 2_000)), max_size=200)


@given(KINDS)
def test_each_kind_is_told_as_if_it_were_alone(events: list[tuple[str, float]]) -> None:
    now = 0.0
    together = Repeats(now=lambda: now)
    alone = {kind: Repeats(now=lambda: now) for kind in "abcdef"}
    for kind, pause in events:
        now += pause
        assert together.count(kind) == alone[kind].count(kind)


@given(KINDS, st.integers(1, 4))
def test_nothing_is_counted_twice_or_forgotten(events: list[tuple[str, float]], most: int) -> None:
    repeats = Repeats(most=most, now=lambda: 0.0)
    told = dict.fromkeys("abcdef", 0)
    for kind, _ in events:
        told[kind] = max(told[kind], repeats.count(kind))
    left = repeats.forget(lambda _: True)
    assert all(times > 1 for _, times in left)
    if most >= 6 or len({kind for kind, _ in events}) <= most:
        counted = {str(kind): times for kind, times in left}
        for kind in told:
            assert max(told[kind], counted.get(kind, 0)) == sum(one == kind for one, _ in events)


def test_memory_is_bounded_and_what_is_known_already_is_still_told_apart() -> None:
    repeats = Repeats(most=3, now=lambda: 0.0)
    assert [repeats.count(number) for number in range(3)] == [1, 1, 1]
    assert sum(repeats.count(number) > 0 for number in range(3, 1003)) == 4
    assert len(repeats._counts) == 4
    assert repeats.count(0) == 0


def test_a_kind_whose_hour_is_over_makes_room() -> None:
    now = 0.0
    repeats = Repeats(most=1, now=lambda: now)
    repeats.count("old")
    now = 3_600.0
    assert repeats.count("new") == 1
    assert list(repeats._counts) == ["new"]
