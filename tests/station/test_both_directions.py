"""What the partner has sent arrives, whatever becomes of our own sending."""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
import pytest
import trio

from ouc import TSEND
from ouc.blocks import TRCV_C
from ouc.connection import Link, LinkEvent, LinkState
from ouc.wire import Delivery

from ..connection.shell import ACTIVE, PASSIVE, Bench
from ..plant import free_port
from .partner import (
    SENT,
    WIDE,
    arrived_in_the_socket,
    dial,
    give_up,
    leave,
    let_sends_fail,
    passive,
    received_by_scans,
)
from .test_messages import QUICK, no_own_addresses, station, take, until

pytestmark = no_own_addresses

# -- one direction's failure does not end the other -------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["FIN", "RST"])
@pytest.mark.parametrize("trouble", ["nothing else", "a send fails", "it is given up"])
@pytest.mark.parametrize("profile", [QUICK, WIDE], ids=["buffer of a CPU", "read ahead"])
async def test_what_arrived_is_received_before_the_loss_is_shown(
    monkeypatch: pytest.MonkeyPatch, trouble: str, ending: str, profile: Any
) -> None:
    port = free_port()
    async with station(1, profile=profile) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        if trouble == "a send fails":
            let_sends_fail(monkeypatch, one)
        await leave(partner, ending)
        if trouble == "a send fails":
            job = one.port.send(link, b"x")
            await until(lambda: job.failure)
        elif trouble == "it is given up":
            give_up(one, link)
        got, status = await received_by_scans(one)
    assert (len(got), got == SENT) == (len(SENT), True)
    # 80A1: the loss was told before the first scan.
    assert status in (0x80C5, 0x80C7, 0x80A1)


@pytest.mark.parametrize("ending", ["FIN", "RST"])
async def test_a_real_send_into_a_connection_that_the_partner_has_left_takes_nothing_away(ending: str) -> None:
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        await leave(partner, ending)
        send = TSEND(one)
        for scan in range(200):
            send(REQ=scan % 2 == 0, ID=1, DATA=b"x" * 1000)
            await trio.lowlevel.checkpoint()
        got, _ = await received_by_scans(one)
    assert got == SENT


async def test_a_partner_that_goes_on_sending_to_an_end_that_gave_it_up_does_not_keep_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ouc.station.attendance._LONGEST_RESCUE", 0.3)
    port = free_port()
    async with station(1, profile=WIDE) as one, trio.open_nursery() as nursery:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)

        async def talk() -> None:
            try:
                while True:
                    await partner.send_all(b"still here")
                    await trio.sleep(0.01)
            except trio.BrokenResourceError:
                return

        nursery.start_soon(talk)
        await until(lambda: len(link.inbox))
        give_up(one, link)
        await until(lambda: not link.established)
        assert link.loss is not None
        assert link.loss.status == 0x80C7
        nursery.cancel_scope.cancel()
        await partner.aclose()


async def test_the_FIN_behind_a_full_inbox_is_noticed_while_nobody_receives() -> None:
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        await partner.send_all(SENT)
        await partner.aclose()
        await until(lambda: not link.established)
        assert link.state is LinkState.LISTENING
        assert take(one, link, len(SENT)) == SENT


async def test_a_reset_is_noticed_behind_a_full_inbox_while_nobody_receives() -> None:
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        await until(lambda: link.inbox.room <= 0)
        await leave(partner, "RST")
        await until(lambda: not link.established)
        assert link.loss is not None
        assert "reset" in link.loss.what
        assert take(one, link, len(SENT)) == SENT


@pytest.mark.parametrize("ending", ["FIN", "RST"])
async def test_TRCV_C_gives_what_a_partner_left_that_went_while_EN_R_was_0_and_never_came_back(ending: str) -> None:
    port, area, got = free_port(), bytearray(7000), bytearray()
    async with station(1, profile=WIDE) as one:
        block = TRCV_C(one)
        call = partial(block, CONT=True, CONNECT=passive(port), DATA=area, ADHOC=True)
        call(EN_R=False)
        partner = await dial(port)
        await until(lambda: int(call(EN_R=False).STATUS) == 0x7004)
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        await leave(partner, ending)
        await until(lambda: int(call(EN_R=False).STATUS) == 0x80C5)
        assert int(call(EN_R=False).STATUS) == 0x7002
        while (out := call(EN_R=True)).DONE:
            got += area[: out.RCVD_LEN]
    assert (len(got), got == SENT) == (len(SENT), True)
    # Nothing is left: an ordinary scan of a block that waits for its partner.
    assert (int(out.STATUS), out.BUSY, out.RCVD_LEN) == (0x7002, True, 0)


async def test_a_partner_that_sends_leaves_and_comes_back_loses_nothing_to_a_slow_program() -> None:
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        for number in range(1, 4):
            partner = await dial(port)
            await until(partial(_has_come, link, number))
            await partner.send_all(b"message %d" % number)
            await partner.aclose()
            await until(lambda: not link.established)
        partner = await dial(port)
        await until(lambda: link.epoch == 4)
        await partner.send_all(b"message 4")
        assert [take(one, link, 9) for _ in range(3)] == [b"message 1", b"message 2", b"message 3"]
        await until(lambda: len(link.inbox) == 9)
        assert take(one, link, 9) == b"message 4"
        await partner.aclose()


async def test_a_profile_without_keep_unread_drops_them_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    async with station(1, profile=attrs.evolve(QUICK, keep_unread=False)) as one:
        link = one.port.establish(passive(port))
        for number in (1, 2):
            partner = await dial(port)
            await until(partial(_has_come, link, number))
            await partner.send_all(b"message %d" % number)
            await until(lambda: len(link.inbox) == 9)
            await partner.aclose()
            await until(lambda: not link.established)
        assert take(one, link, 9) == b"message 2"
    assert "9 bytes that no receive job took are dropped" in caplog.text


async def test_a_job_that_was_handed_over_reaches_a_partner_that_has_only_ended_its_own_direction() -> None:
    port, message = free_port(), bytes(range(256)) * 16_000
    async with station(1) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        jobs = [one.port.send(link, message), one.port.send(link, b"and this")]
        await partner.send_eof()
        got = bytearray()
        with trio.fail_after(30):
            while piece := await partner.receive_some():
                got += piece
        assert bytes(got) == message + b"and this"
        assert [job.done for job in jobs] == [True, True]
        await partner.aclose()


async def test_T_RESET_forgets_what_earlier_connections_received_too() -> None:
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        for number in (1, 2):
            partner = await dial(port)
            await until(partial(_has_come, link, number))
            await partner.send_all(b"message %d" % number)
            await until(lambda: len(link.inbox) == 9)
            if number == 1:
                await partner.aclose()
                await until(lambda: not link.established)
        one.port.reset(link)
        assert take(one, link, 9) == b""
        await partner.aclose()


def test_the_inbox_of_a_block_is_taken_in_whole_jobs_of_one_establishment_each() -> None:
    bench = Bench(receive_buffer=100)
    link = bench.port.establish(ACTIVE)
    bench.up()
    bench.deliver(b"abcdefg")
    bench.lose()
    bench.port.report(link, LinkEvent.RETRY_DUE)
    bench.up()
    bench.deliver(b"12345")
    area = bytearray(5)

    def job(upto: int | None = None) -> bytes:
        return bytes(area[: bench.port.receive(link, memoryview(area), Delivery.FIXED_LENGTH, upto=upto)])

    # A block that has not shown the loss yet gets what is left of that establishment, and nothing of the next one.
    assert [job(1), job(1)] == [b"abcde", b""]
    assert job() == b"12345"
    assert not link.unread


def test_a_partner_that_fills_the_memory_by_coming_back_again_and_again_loses_its_oldest_bytes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(receive_buffer=100)
    link = bench.port.establish(PASSIVE)
    for number in range(100):
        bench.up()
        bench.deliver(b"%04d" % number)
        bench.lose()
    assert len(link.unread) == 64
    area = bytearray(4)
    bench.port.receive(link, memoryview(area), Delivery.AD_HOC)
    assert int(area) == 35
    assert caplog.text.count("4 bytes that no receive job took are dropped") == 35


async def test_a_TRCV_C_shows_everything_an_earlier_partner_sent_before_what_the_next_one_sends() -> None:
    port = free_port()
    async with station(1) as one:
        block, area, got = TRCV_C(one), bytearray(100), list[bytes]()
        call = partial(block, CONT=True, CONNECT=passive(port), DATA=area, ADHOC=True)
        call(EN_R=False)
        (link,) = one.port.links
        for number in (1, 2):
            partner = await dial(port)
            await until(partial(_has_come, link, number))
            await partner.send_all(b"message %d" % number)
            await partner.aclose()
            await until(lambda: not link.established)
        with trio.fail_after(30):
            while len(got) < 2:
                out = call(EN_R=True)
                if out.DONE and out.RCVD_LEN:
                    got.append(bytes(area[: out.RCVD_LEN]))
                if not link.established and len(got) == 1 and link.epoch == 2:
                    partner = await dial(port)
                await trio.sleep(0.001)
        assert got == [b"message 1", b"message 2"]
        await partner.aclose()


def _has_come(link: Link, number: int) -> bool:
    return link.established and link.epoch == number
