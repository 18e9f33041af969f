"""What is judged of a connection, from what TCP knows of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.transport.supervision import Sample, Supervision, Watch

LIMITS = Supervision()  # 30 s, and three probes 10 s apart
# Two looks: what began between two of them is seen a moment late.
SLACK = 2 * LIMITS.pause


def judged(samples: list[tuple[float, Sample]], limits: Supervision = LIMITS) -> float | None:
    """When a row of samples is judged to be lost, None if never."""
    watch = Watch(limits)
    return next((now for now, sample in samples if watch.look(now, sample) is not None), None)


def row(seconds: float, **functions: Any) -> list[tuple[float, Sample]]:
    """A sample at each look; members are values, or functions of the time."""
    times = [step * LIMITS.pause for step in range(int(seconds / LIMITS.pause) + 1)]
    return [
        (now, Sample(**{name: one(now) if callable(one) else one for name, one in functions.items()})) for now in times
    ]


def window_probes(now: float, longest: float = 120) -> float:
    """Seconds since the last answer to window probes, whose pauses double up to two minutes."""
    last = at = 0.0
    pause = 0.2
    while at + pause <= now:
        at += pause
        last, pause = at, min(2 * pause, longest)
    return now - last


ALIVE = {
    "idle": row(900, ack_age=lambda now: now % 30, data_age=lambda now: now),
    "idle for an hour without keep-alive, then it sends": row(28, unacked=1, ack_age=lambda now: 3_600 + now),
    "busy": row(900, unacked=9, acked=lambda now: int(now * 1000), ack_age=0.01),
    "the partner sends without end, and this side is silent": row(900, ack_age=lambda now: now, data_age=0.01),
    "one keep-alive probe was lost, and the partner sends": row(900, probes=1, ack_age=lambda now: now, data_age=0.01),
    "the window is closed, every window probe is answered": row(
        900, window=0, ack_age=window_probes, data_age=lambda now: now
    ),
    "the window is closed, a probe is on its way at every look": row(
        900, window=0, probes=1, ack_age=window_probes, data_age=lambda now: now
    ),
    "the window was closed over data that were sent, and their repetitions are answered": row(
        900, window=0, unacked=1, rto=120.0, ack_age=window_probes, data_age=lambda now: now
    ),
    "a slow line confirms a segment each 20 s": row(
        900, unacked=3, acked=lambda now: int(now // 20), ack_age=lambda now: now % 20
    ),
    "the partner was away for 50 s": row(
        300, unacked=lambda now: int(now <= 50), ack_age=lambda now: now if now <= 50 else now % 10
    ),
    "closed": row(900, state=7, unacked=1, ack_age=lambda now: now),
}

#: What it looks like -> samples, and the time at which it has to be noticed.
LOST = {
    "nothing is acknowledged": (row(200, unacked=1, ack_age=lambda now: now, data_age=lambda now: now), 60),
    "in the middle of a large message": (row(200, unacked=500, ack_age=lambda now: now, rto=25.6), 60),
    "idle before, the first message begins after 29 s": (
        row(200, unacked=lambda now: int(now > 29), ack_age=lambda now: now, data_age=lambda now: now),
        60,
    ),
    "probes are not answered, then something is sent": (
        row(
            200,
            probes=lambda now: int(now > 30),
            unacked=lambda now: int(now > 55),
            ack_age=lambda now: now,
            data_age=lambda now: now,
        ),
        62,
    ),
    "the partner is heard, and acknowledges nothing": (row(200, unacked=1, ack_age=lambda now: now % 10), 60),
    "the partner sends, and acknowledges nothing": (row(200, unacked=1, ack_age=lambda now: now, data_age=0.1), 60),
    "an old system tells no window": (row(200, window=None, unacked=1, ack_age=lambda now: now), 60),
    "window probes are not answered": (
        row(400, window=0, probes=lambda now: min(3, int(now / 20)), ack_age=lambda now: now, data_age=lambda now: now),
        60,
    ),
    "window probes were two minutes apart": (
        row(
            400,
            window=0,
            probes=lambda now: int(now / 120),
            ack_age=lambda now: now,
            data_age=lambda now: now,
        ),
        360,
    ),
}


@pytest.mark.parametrize("name", ALIVE)
def test_a_partner_that_owes_no_answer_or_gives_it_is_alive(name: str) -> None:
    assert judged(ALIVE[name]) is None


@pytest.mark.parametrize("name", LOST)
def test_a_partner_that_owes_an_answer_is_lost_in_time_and_not_before(name: str) -> None:
    samples, limit = LOST[name]
    when = judged(samples)
    assert when is not None
    assert limit - SLACK <= when <= limit + SLACK


@given(
    st.lists(
        st.builds(
            Sample,
            state=st.sampled_from([1, 4, 7, 8]),
            unacked=st.integers(0, 3),
            probes=st.integers(0, 9),
            window=st.none() | st.integers(0, 65_535),
            rto=st.floats(0.2, 120),
            ack_age=st.floats(0, 59.9),
            data_age=st.floats(0, 1_000),
            acked=st.integers(0, 5),
            received=st.integers(0, 3),
            data_segments=st.integers(0, 3),
        ),
        max_size=28,
    )
)
def test_whoever_was_heard_within_the_limit_is_alive_whatever_else_is_seen(samples: list[Sample]) -> None:
    # 28 looks are less than the limit for data at the same place.
    assert judged([(step * LIMITS.pause, sample) for step, sample in enumerate(samples)]) is None


@given(st.floats(0.5, 600), st.floats(0.5, 60), st.integers(1, 9), st.floats(0, 3_000))
def test_silence_on_data_is_noticed_within_two_looks_of_any_limit(
    idle: float, interval: float, probes: int, before: float
) -> None:
    limits = Supervision(idle, interval, probes)
    watch, now, lost = Watch(limits), 0.0, None
    end = limits.silence + 2 * limits.pause + 1e-6
    while lost is None and now <= end:
        lost = watch.look(now, Sample(unacked=1, ack_age=before + now))
        now += limits.pause
    assert lost is not None
    assert lost.status == 0x80C6
    assert lost.failure.remedy


def reset_after(samples: list[tuple[float, Sample]]) -> bool:
    """Whether a reset after these is put down to a partner that did not hear this side."""
    watch = Watch(LIMITS)
    for now, sample in samples:
        assert watch.look(now, sample) is None
    return watch.deaf(samples[-1][0]) is not None


def repeated(times: list[float], until: float) -> list[tuple[float, Sample]]:
    """A partner that sends the same data again at these times."""
    return row(until, data_segments=lambda now: sum(at <= now for at in times))


@pytest.mark.parametrize(
    ("samples", "deaf"),
    [
        (repeated([0.4, 1.2, 2.8, 6, 12.4, 25.2, 50.8], 58), True),
        (repeated([30, 60, 90, 120], 125), False),  # keep-alive probes with a byte in them
        (repeated([0.4, 1.2, 2.8], 900), False),  # once, long ago
        (row(58, unacked=1, ack_age=lambda now: now % 10), True),
        (row(20, unacked=1, ack_age=lambda now: now), False),
        (row(900, ack_age=lambda now: now % 30), False),
    ],
)
def test_a_reset_has_the_cause_that_went_before_it(samples: list[tuple[float, Sample]], deaf: bool) -> None:
    assert reset_after(samples) is deaf
