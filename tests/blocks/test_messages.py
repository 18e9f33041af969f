"""Blocks over ISO-on-TCP, and receiving by rules that profiles bend (ouc-blocks.md 2.4, 2.6, 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from ouc.blocks import TRCV, TRCV_C, TSEND
from ouc.connection import LinkEvent
from ouc.profiles import profile
from ouc.source import DataBlock

from ..connection.shell import ACTIVE, ISO, Bench
from .rows import row
from .test_jobs import word


def bench(description: Any = ISO, **options: Any) -> Bench:
    made = Bench(receive_buffer=8192, **options)
    made.port.establish(description)
    made.up()
    return made


@row("2.4 ISO-on-TCP, one whole message")
def test_a_message_shorter_than_the_area_is_delivered_whole_with_its_length() -> None:
    one, area = bench(), bytearray(8)
    trcv = TRCV(one.port)
    one.deliver(b"abc")
    one.deliver(b"defgh")
    assert [trcv(EN_R=True, ID=1, DATA=area).RCVD_LEN for _ in range(3)] == [3, 5, 0]


def test_TSEND_over_ISO_is_one_message() -> None:
    one = bench()
    assert word(TSEND(one.port)(REQ=True, ID=1, DATA=b"abc")) == "7001 BUSY"
    assert one.jobs[0].data == b"abc"


@row("2.4 ISO-on-TCP, area too small")
@pytest.mark.parametrize("status", ["8088", "80C9"])
def test_a_message_that_does_not_fit_is_an_error_with_its_length_and_is_kept(status: Any) -> None:
    one, area = bench(iso_too_small=status), bytearray(4)
    trcv = TRCV(one.port)
    one.deliver(b"abcdef")
    for _ in range(2):
        out = trcv(EN_R=True, ID=1, DATA=area)
        assert (word(out), out.RCVD_LEN, bytes(area)) == (f"{status} ERROR", 6, bytes(4))
    assert trcv(EN_R=True, ID=1, DATA=bytearray(6)).RCVD_LEN == 6


def test_TRCV_C_tells_the_length_of_a_message_that_does_not_fit_and_delivers_it_later() -> None:
    one = Bench(receive_buffer=8192)
    block, pins = TRCV_C(one.port), dict[str, Any](EN_R=True, CONT=True, CONNECT=ISO)
    small, large = bytearray(4), bytearray(6)
    block(DATA=small, **pins)
    one.up()
    assert [word(block(DATA=small, **pins)) for _ in range(2)] == ["0001", "7006 BUSY"]
    one.deliver(b"abcdef")
    out = block(DATA=small, **pins)
    assert (word(out), out.RCVD_LEN) == ("8088 ERROR", 6)
    block(DATA=large, **pins)
    out = block(DATA=large, **pins)
    assert (word(out), out.RCVD_LEN, bytes(large)) == ("0000 DONE", 6, b"abcdef")


@row("2.4 ADHOC only with TCP")
def test_ADHOC_without_TCP_is_80B3() -> None:
    one = bench()
    assert word(TRCV(one.port)(EN_R=True, ID=1, DATA=bytearray(4), ADHOC=True)) == "80B3 ERROR"


@row("2.4 ad hoc with a small area")
def test_ad_hoc_fills_a_small_area_and_the_rest_comes_with_the_next_jobs() -> None:
    one, area = bench(ACTIVE), bytearray(4)
    trcv = TRCV(one.port)
    one.deliver(b"abcdef")
    assert [trcv(EN_R=True, ID=1, DATA=area, ADHOC=True).RCVD_LEN for _ in range(3)] == [4, 2, 0]


def test_an_ad_hoc_job_takes_at_most_the_profiles_chunk() -> None:
    one, area = bench(ACTIVE, adhoc_chunk=3), bytearray(8)
    trcv = TRCV(one.port)
    one.deliver(b"abcdef")
    assert [trcv(EN_R=True, ID=1, DATA=area, ADHOC=True).RCVD_LEN for _ in range(2)] == [3, 3]


@row("2.4 EN_R pulsed")
def test_EN_R_may_be_pulsed_and_nothing_is_lost() -> None:
    one, area = bench(ACTIVE), bytearray(4)
    trcv = TRCV(one.port)
    one.deliver(b"ab")
    assert [word(trcv(EN_R=level, ID=1, DATA=area)) for level in (True, False, True)] == [
        "7001 BUSY",
        "7000",
        "7001 BUSY",
    ]
    one.deliver(b"cd")
    assert (word(trcv(EN_R=True, ID=1, DATA=area)), bytes(area)) == ("0000 NDR", b"abcd")


@row("2.6 own limit of LEN")
@pytest.mark.parametrize(("limit", "status"), [(None, "7006 BUSY"), (8192, "8085 ERROR")])
def test_TRCV_C_has_a_limit_of_its_own_by_option(limit: int | None, status: str) -> None:
    one = Bench(max_len_compact=limit)
    block: Any = TRCV_C(one.port)
    pins = {"EN_R": True, "CONT": True, "CONNECT": ACTIVE, "DATA": bytearray(8193)}
    block(**pins)
    one.up()
    assert [word(block(**pins)) for _ in range(2)] == ["0001", status]


@row("2.3 maximum by family")
@pytest.mark.parametrize(("name", "maximum"), [("S7-1200 V4.7", 8192), ("S7-1500 V3.1", 65536)])
def test_LEN_has_the_maximum_of_the_family(name: str, maximum: int) -> None:
    one = bench(ACTIVE, profile=profile(name))
    data, area = bytes(maximum + 1), bytearray(maximum + 1)
    assert word(TSEND(one.port)(REQ=True, ID=1, DATA=data)) == "8085 ERROR"
    assert word(TSEND(one.port)(REQ=True, ID=1, DATA=data, LEN=maximum)) == "7001 BUSY"
    assert word(TRCV(one.port)(EN_R=True, ID=1, DATA=area)) == "8085 ERROR"
    assert word(TRCV(one.port)(EN_R=True, ID=1, DATA=area, LEN=maximum)) == "7001 BUSY"


@row("2.3 LEN 0 is all of DATA", "2.3 LEN below the structure sends LEN bytes")
@pytest.mark.parametrize(("length", "sent"), [(0, b"abcd"), (2, b"ab")])
def test_LEN_0_sends_all_of_DATA_and_a_smaller_LEN_only_so_many(length: int, sent: bytes) -> None:
    one = bench(ACTIVE)
    TSEND(one.port)(REQ=True, ID=1, DATA=b"abcd", LEN=length)
    assert one.jobs[0].data == sent


@row("2.3 7001, 7002, DONE")
def test_TSEND_is_7001_then_7002_then_DONE() -> None:
    one, data = bench(ACTIVE), b"abcd"
    tsend = TSEND(one.port)
    shown = [word(tsend(REQ=True, ID=1, DATA=data)) for _ in range(3)]
    one.sent()
    assert [*shown, word(tsend(REQ=True, ID=1, DATA=data))] == ["7001 BUSY", "7002 BUSY", "7002 BUSY", "0000 DONE"]


@row("2.0 DATA is not BOOL", "2.3 optimized area")
def test_what_has_no_bytes_is_8085_at_DATA() -> None:
    one = bench(ACTIVE)
    optimized = DataBlock(DataBlock({"Var1": "Int"}).layout, why_no_image="it is optimized")
    released = memoryview(bytearray(4))
    released.release()
    for data in (True, [True, False], optimized, released, memoryview(bytes(8))[::2]):
        assert word(TSEND(one.port)(REQ=True, ID=1, DATA=data)) == "8085 ERROR"
        assert word(TRCV(one.port)(EN_R=True, ID=1, DATA=data)) == "8085 ERROR"


def test_views_of_one_memory_that_are_made_anew_in_each_call_are_no_change_of_DATA() -> None:
    one, data = bench(ACTIVE), bytearray(8)
    trcv = TRCV(one.port)
    shown = [word(trcv(EN_R=True, ID=1, DATA=memoryview(data)[:4])) for _ in range(2)]
    one.deliver(b"abcd")
    assert [*shown, word(trcv(EN_R=True, ID=1, DATA=memoryview(data)[:4]))] == ["7001 BUSY", "7002 BUSY", "0000 NDR"]


def test_bytes_of_the_next_connection_come_after_the_loss_was_told() -> None:
    one, area = bench(ACTIVE), bytearray(4)
    trcv = TRCV(one.port)
    trcv(EN_R=True, ID=1, DATA=area)
    one.lose(0x80C6)
    one.port.report(one.link, LinkEvent.RETRY_DUE)
    one.up()
    one.deliver(b"next")
    assert [word(trcv(EN_R=True, ID=1, DATA=area)) for _ in range(2)] == ["80C6 ERROR", "0000 NDR"]


def test_a_reset_from_this_side_is_80C4_whatever_failed_earlier() -> None:
    one, area = bench(ACTIVE), bytearray(4)
    one.lose(0x80C6)
    one.port.report(one.link, LinkEvent.RETRY_DUE)
    one.up()
    trcv = TRCV(one.port)
    trcv(EN_R=True, ID=1, DATA=area)
    one.port.reset(one.link)
    assert [word(trcv(EN_R=True, ID=1, DATA=area)) for _ in range(2)] == ["80C4 ERROR", "80C4 ERROR"]
    assert word(TSEND(one.port)(REQ=True, ID=1, DATA=b"x")) == "80C4 ERROR"
    one.port.report(one.link, LinkEvent.RETRY_DUE)
    one.up()
    assert word(trcv(EN_R=True, ID=1, DATA=area)) == "7001 BUSY"
