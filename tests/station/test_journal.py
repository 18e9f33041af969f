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


def refused(number: int, port: int, status: int = 0x80E4) -> Happening:
    reason = Failure("no CA leads to it", Status(status), f"192.168.0.2:{port}")
    return Happening(connection_id=number, event=LinkEvent.REFUSED, failure=reason)


def up(number: int) -> Happening:
    return Happening(connection_id=number, event=LinkEvent.UP, partner="192.168.0.2:2000")


def test_the_same_refusal_is_written_the_1st_10th_100th_and_1000th_time(caplog: Any) -> None:
    journal = Journal()
    with caplog.at_level(logging.INFO, "ouc.station"):
        for port in range(5000):
            journal.tell(refused(1, port))
    assert len(caplog.records) == 4
    assert "1000th time" in caplog.records[-1].getMessage()
    assert "16#80E4" in caplog.records[0].getMessage()


def test_what_was_left_out_is_told_by_the_next_line(caplog: Any) -> None:
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
        for happening in (refused(1, 1), refused(2, 1), refused(1, 2, 0x80E5), refused(1, 3)):
            journal.tell(happening)
    assert len(caplog.records) == 4


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
