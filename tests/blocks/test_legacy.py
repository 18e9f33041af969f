"""Named options of the blocks: old versions, attempts that end, IDs used twice (ouc-blocks.md 2.4 to 2.7)."""

from __future__ import annotations

from typing import Any

import pytest

from ouc.blocks import TRCV, TRCV_C, TSEND_C
from ouc.connection import Effect as LinkEffect
from ouc.connection import LinkEvent
from ouc.profiles import profile

from ..connection.shell import ACTIVE, PASSIVE, Bench
from .rows import row
from .test_compact import Receiver, Sender
from .test_jobs import word

# -- block V2.1 -------------------------------------------------------------------------------------------------------


@row("2.5 block V2.1")
def test_TSEND_C_V2_1_shows_DONE_after_establishing_7001_while_waiting_and_7002_while_sending() -> None:
    sender = Sender(version="2.1")
    shown = [sender.call(), sender.call()]
    sender.bench.up()
    shown += [sender.call(), sender.call(), sender.call(REQ=True), sender.call()]
    sender.bench.sent()
    shown += [sender.call(), sender.call()]
    assert shown == ["7001 BUSY", "7001 BUSY", "0000 DONE", "7004", "7002 BUSY", "7002 BUSY", "0000 DONE", "7004"]


@row("2.5 block V2.1")
@pytest.mark.parametrize(("busy", "first"), [(False, "7003 BUSY"), (True, "80A7 ERROR")], ids=["ready", "sending"])
def test_COM_RST_of_V2_1_closes_the_connection_and_creates_it_anew(busy: bool, first: str) -> None:
    sender = Sender(version="2.1")
    sender.call()
    sender.bench.up()
    sender.call()
    if busy:
        sender.call(REQ=True)
    shown = [sender.call(COM_RST=True), sender.call()]
    sender.bench.gone()
    shown.append(sender.call())
    assert sender.bench.effects == [LinkEffect.DIAL, LinkEffect.CLOSE, LinkEffect.DIAL]
    sender.bench.up()
    assert [*shown, sender.call()] == [first, "7003 BUSY", "7001 BUSY", "0000 DONE"]


@row("2.6 block V2.1")
def test_TRCV_C_V2_1_shows_DONE_after_establishing_without_a_length() -> None:
    receiver = Receiver(version="2.1")
    receiver.call()
    receiver.bench.up()
    block: Any = receiver.block
    out = block(**receiver.inputs)
    assert (out.DONE, out.STATUS, out.RCVD_LEN) == (True, 0, 0)


# -- legacy ad hoc ----------------------------------------------------------------------------------------------------


@row("2.4 legacy ad hoc")
@pytest.mark.parametrize("legacy", [0, 65535])
def test_a_LEN_of_old_blocks_means_ad_hoc_up_to_1472_bytes(legacy: Any) -> None:
    bench, area = Bench(receive_buffer=8192), bytearray(2000)
    bench.port.establish(ACTIVE)
    bench.up()
    trcv = TRCV(bench.port, legacy_adhoc=legacy)
    bench.deliver(bytes(1473))
    assert [trcv(EN_R=True, ID=1, DATA=area, LEN=legacy).RCVD_LEN for _ in range(3)] == [1472, 1, 0]


@row("2.4 legacy ad hoc")
def test_another_LEN_of_old_blocks_is_a_fixed_length() -> None:
    bench, area = Bench(), bytearray(4)
    bench.port.establish(ACTIVE)
    bench.up()
    bench.deliver(b"ab")
    assert word(TRCV(bench.port, legacy_adhoc=65535)(EN_R=True, ID=1, DATA=area)) == "7001 BUSY"
    assert word(TRCV(bench.port, legacy_adhoc=0)(EN_R=True, ID=1, DATA=area, LEN=4)) == "7001 BUSY"
    assert TRCV(bench.port)(EN_R=True, ID=1, DATA=area, LEN=65535).STATUS == 0x8088


def test_the_same_option_works_for_TRCV_C() -> None:
    receiver = Receiver(legacy_adhoc=65535)
    receiver.inputs["LEN"] = 65535
    receiver.connected()
    receiver.call()
    receiver.bench.deliver(b"ab")
    assert receiver.call() == "0000 DONE"


# -- an attempt that ends ---------------------------------------------------------------------------------------------


@row("2.7 connect error that ends the attempt")
def test_without_repetition_a_failed_attempt_ends_until_CONT_falls_and_rises() -> None:
    sender = Sender(repeat_connect=False)
    sender.call()
    sender.bench.refuse(0x80C6)
    assert [sender.call(), sender.call()] == ["80C6 ERROR", "7000"]
    sender.bench.gone()
    assert [sender.call(), sender.call(CONT=False), sender.call(CONT=True)] == ["7000", "7000", "7001 BUSY"]
    assert sender.bench.effects == [LinkEffect.DIAL, LinkEffect.PAUSE, LinkEffect.CLOSE, LinkEffect.DIAL]


def test_without_repetition_a_connection_that_stood_still_comes_back_by_itself() -> None:
    sender = Sender(repeat_connect=False).connected()
    sender.bench.lose()
    sender.call()
    sender.bench.port.report(sender.bench.link, LinkEvent.RETRY_DUE)
    sender.bench.refuse()
    assert [sender.call(), sender.call()] == ["80C6 ERROR", "7002 BUSY"]
    sender.bench.port.report(sender.bench.link, LinkEvent.RETRY_DUE)
    sender.bench.up()
    assert sender.call() == "0001"


def test_without_repetition_a_refused_description_is_told_once() -> None:
    sender = Sender(repeat_connect=False)
    sender.bench.port.terminate(sender.bench.port.establish(ACTIVE))
    assert [sender.call(), sender.call()] == ["80C4 ERROR", "7000"]


@pytest.mark.parametrize(("option", "jobs"), [(True, 1), (False, 0)])
def test_options_of_the_profile_are_the_defaults(option: bool, jobs: int) -> None:
    bench = Bench(remember_req=option, repeat_connect=option)
    block = TSEND_C(bench.port)
    pins: dict[str, Any] = {"CONT": True, "CONNECT": ACTIVE, "DATA": b"x"}
    block(REQ=True, **pins)
    bench.refuse()
    block(REQ=True, **pins)
    assert (block(REQ=True, **pins).STATUS == 0x7002) is option
    if option:
        bench.port.report(bench.link, LinkEvent.RETRY_DUE)
        bench.up()
        block(REQ=True, **pins)
        block(REQ=True, **pins)
    assert len(bench.jobs) == jobs


# -- two blocks, one connection ---------------------------------------------------------------------------------------


def test_an_ID_that_another_block_is_just_establishing_is_80AA_once_and_then_shared() -> None:
    bench, area = Bench(), bytearray(4)
    first: Any = TSEND_C(bench.port)
    second: Any = TRCV_C(bench.port)
    common: dict[str, Any] = {"CONT": True, "CONNECT": PASSIVE}
    first(REQ=False, DATA=b"x", **common)
    assert [word(second(EN_R=True, DATA=area, **common)) for _ in range(2)] == ["80AA ERROR", "7002 BUSY"]
    bench.up()
    assert word(second(EN_R=True, DATA=area, **common)) == "0001"
    assert word(first(REQ=False, DATA=b"x", **common)) == "0001"


def test_joining_without_80AA_is_an_option_and_a_standing_connection_is_joined_anyway() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    pins: dict[str, Any] = {"REQ": False, "CONT": True, "CONNECT": ACTIVE, "DATA": b"x"}
    assert word(TSEND_C(bench.port, same_id="join")(**pins)) == "7001 BUSY"
    bench.up()
    block = TSEND_C(bench.port)
    assert [word(block(**pins)) for _ in range(2)] == ["7001 BUSY", "0001"]


def test_80AA_ends_an_attempt_that_is_not_repeated_and_leaves_the_other_block_alone() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    block = TSEND_C(bench.port, repeat_connect=False)
    pins: dict[str, Any] = {"REQ": False, "CONT": True, "CONNECT": ACTIVE, "DATA": b"x"}
    assert [word(block(**pins)) for _ in range(2)] == ["80AA ERROR", "7000"]
    assert bench.effects == [LinkEffect.DIAL]


def test_a_second_block_that_closes_the_connection_is_told_to_the_first_as_80C4() -> None:
    sender = Sender().connected()
    sender.bench.port.terminate(sender.bench.link)
    assert [sender.call(), sender.call()] == ["80C4 ERROR", "7002 BUSY"]


def test_no_resource_is_8087_and_tried_again_while_CONT_is_1() -> None:
    sender = Sender()
    sender.bench.port.profile = profile("S7-1200 V4.7")
    for number in range(2, 16):
        sender.bench.port.establish(_numbered(number))
    assert [sender.call(), sender.call()] == ["8087 ERROR", "8087 ERROR"]


def _numbered(number: int) -> Any:
    import attrs

    return attrs.evolve(ACTIVE, ID=number)
