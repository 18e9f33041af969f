"""One line per change of a connection; floods are counted, not repeated."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.connection import LinkEvent
from ouc.errors import Failure
from ouc.station import Happening
from ouc.station.happening import Journal
from ouc.status import Status


def refused(number: int, port: int, status: int = 0x80E4, host: str = "192.168.0.2") -> Happening:
    reason = Failure("no CA leads to it", Status(status), f"{host}:{port}")
    return Happening(connection_id=number, event=LinkEvent.REFUSED, failure=reason)


def up(number: int) -> Happening:
    return Happening(connection_id=number, event=LinkEvent.UP, partner="192.168.0.2:2000")


def test_the_same_refusal_is_written_the_1st_10th_100th_and_1000th_time(caplog: Any) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO, "ouc.station"):
        for port in range(5000):
            journal.tell(refused(1, port))
    assert len(caplog.records) == 4
    assert "1000 times by now" in caplog.records[-1].getMessage()
    assert "16#80E4" in caplog.records[0].getMessage()


def test_what_was_left_out_is_told_when_the_partner_gets_in(caplog: Any) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO, "ouc.station"):
        for port in range(7):
            journal.tell(refused(1, port))
        journal.tell(up(1))
        journal.forget(1)
    told = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[0] for line in told] == [
        "connection 1 REFUSED", "connection 1 REFUSED 7 times in all", "connection 1 UP",
    ]  # fmt: skip


def test_another_reason_or_another_connection_is_another_line(caplog: Any) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO, "ouc.station"):
        for happening in (refused(1, 1), refused(2, 1), refused(1, 2, 0x80E5), refused(1, 3, 0x80E2)):
            journal.tell(happening)
    assert len(caplog.records) == 4


def test_kinds_in_turn_do_not_make_each_other_new(caplog: Any) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO, "ouc.station"):
        for port in range(1000):
            for status in (0x80E4, 0x80E5, 0x80C7):
                journal.tell(refused(1, port, status))
    assert len(caplog.records) == 3 * 4


def test_a_flood_does_not_hide_another_partner_that_is_refused_for_the_same_reason(caplog: Any) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO, "ouc.station"):
        for port in range(500):
            journal.tell(refused(1, port))
        caplog.clear()
        journal.tell(refused(1, 1, host="192.168.0.77"))
    (line,) = caplog.records
    assert "192.168.0.77" in line.getMessage()


def test_a_flood_from_ever_new_addresses_is_bounded_in_lines_and_memory(caplog: Any) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO, "ouc.station"):
        for number in range(20_000):
            journal.tell(refused(1, 1, host=f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}"))
    assert len(caplog.records) < 600


def test_what_still_happens_is_told_again_after_an_hour(caplog: Any) -> None:
    now = 0.0
    journal = Journal(lambda: now)
    with caplog.at_level(logging.INFO, "ouc.station"):
        for minute in range(3 * 60 + 1):
            now = 60.0 * minute
            journal.tell(refused(1, 1))
    # The first, the tenth, and then one an hour.
    assert [record.getMessage().split()[3] for record in caplog.records[1:]] == ["10", "61", "121", "181"]


def test_losses_of_a_working_day_are_all_told_and_a_flood_of_them_is_not(caplog: Any) -> None:
    now = 0.0
    journal = Journal(lambda: now)
    lost = Happening(
        connection_id=1, event=LinkEvent.LOST, partner="192.168.0.2:2000", failure=Failure("reset", Status(0x80C5))
    )
    with caplog.at_level(logging.WARNING, "ouc.station"):
        for _ in range(20):
            now += 1_800
            journal.tell(up(1))
            journal.tell(lost)
        assert len(caplog.records) == 20
        caplog.clear()
        for _ in range(1000):
            now += 0.01
            journal.tell(up(1))
            journal.tell(lost)
    assert len(caplog.records) < 20


def test_something_insecure_is_said_once_per_connection(caplog: Any) -> None:
    journal = Journal()
    for _ in range(3):
        journal.warn(1, "nobody is verified")
        journal.warn(2, "nobody is verified")
    assert len(caplog.records) == 2
    journal.forget(1)
    journal.warn(1, "nobody is verified")
    assert len(caplog.records) == 3


@pytest.mark.filterwarnings("ignore")
@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0x80E4, 0x80E5, 0]), st.integers(1, 30)), max_size=20))
def test_every_happening_is_written_or_counted(runs: list[tuple[int, int, int]]) -> None:
    lines: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record)

    logger, keep = logging.getLogger("ouc.station"), Keep(logging.INFO)
    logger.addHandler(keep)
    logger.setLevel(logging.INFO)
    try:
        journal = Journal()
        for number, status, times in runs:
            for port in range(times):
                journal.tell(refused(number, port, status) if status else up(number))
    finally:
        logger.removeHandler(keep)
        logger.setLevel(logging.NOTSET)
    ups = sum(times for _, status, times in runs if not status)
    assert sum(" UP" in line.getMessage() for line in lines) == ups
    assert len(lines) <= sum(times for _, __, times in runs)
