"""The connection table and its refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import attrs
import pytest

from ouc.connection import Effect, Link, LinkEvent, LinkState, Port
from ouc.errors import Failure, ParameterError
from ouc.params import Finding
from ouc.status import Status
from ouc.wire import Delivery

from .shell import ACTIVE, ISO, PASSIVE, UDP, Bench, described


def test_an_active_end_is_dialled_and_a_passive_end_listens() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    bench.port.establish(attrs.evolve(PASSIVE, ID=2))
    assert bench.effects == [Effect.DIAL, Effect.LISTEN]


def test_the_same_ID_with_the_same_settings_is_80A3_for_TCON_and_shared_by_compact_blocks() -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(ACTIVE)
    assert caught.value.status == 0x80A3
    assert bench.port.establish(ACTIVE, join=True) is link


def test_the_same_ID_with_other_settings_is_80C8() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(described(RemotePort=2001), join=True)
    assert caught.value.status == 0x80C8


def test_a_connection_that_is_being_closed_is_80C4_until_it_is_gone() -> None:
    bench = Bench()
    bench.port.terminate(bench.port.establish(ACTIVE))
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(ACTIVE, join=True)
    assert caught.value.status == 0x80C4
    bench.gone()
    assert bench.port.establish(ACTIVE).state is LinkState.CONNECTING


def test_more_connections_than_resources_are_8087() -> None:
    bench = Bench(resources=2)
    for number in (1, 2):
        bench.port.establish(described(ID=number))
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(described(ID=3))
    assert caught.value.status == 0x8087


def test_two_passive_ends_on_one_local_port_are_80A1() -> None:
    bench = Bench()
    bench.port.establish(PASSIVE)
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(attrs.evolve(PASSIVE, ID=2))
    assert caught.value.status == 0x80A1


def test_a_send_without_an_established_link_fails_at_once_and_reaches_nobody() -> None:
    bench = Bench()
    job = bench.port.send(bench.port.establish(ACTIVE), b"x")
    assert job.failure is not None
    assert job.failure.status == 0x80A1
    assert bench.jobs == []


def test_an_active_end_that_lost_its_partner_pauses_and_dials_again() -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    bench.up()
    bench.lose()
    bench.port.report(link, LinkEvent.RETRY_DUE)
    assert bench.effects == [Effect.DIAL, Effect.PAUSE, Effect.DIAL]
    assert (link.trials, link.successes) == (1, 1)


def test_STOP_terminates_every_connection() -> None:
    bench = Bench()
    for number in (1, 2, 3):
        bench.port.establish(described(ID=number))
    bench.port.terminate_all()
    bench.gone()
    assert bench.port.links == ()


# -- what each call leaves behind ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "is_one"),
    [(-1, False), (0, False), (1, True), (4095, True), (4096, False), (4097, False), (65535, False)],
)
def test_an_ID_is_1_to_4095_or_a_number_that_was_given_out_once(number: int, is_one: bool) -> None:
    assert Bench().port.is_id(number) is is_one


def test_a_number_that_was_given_out_stays_an_ID_after_it_was_released() -> None:
    port = Bench().port
    first, second = port.reserve(), port.reserve()
    assert (first, second) == (0x1000, 0x1001)
    port.release(first)
    assert port.is_id(first)
    assert port.settings(first) is None
    assert port.settings(second) is not None
    assert port.reserve() == first


def test_as_many_IDs_can_be_reserved_as_there_are_connections_and_no_more() -> None:
    port = Bench(resources=2).port
    assert [port.reserve(), port.reserve()] == [0x1000, 0x1001]
    with pytest.raises(ParameterError) as caught:
        port.reserve()
    assert caught.value.status == 0x8087


def test_a_reserved_ID_may_be_used_although_it_is_outside_of_1_to_4095_and_brings_its_settings() -> None:
    def outside(one: Any) -> list[Finding]:
        wrong = one.ID > 4095
        return [Finding(rule="ID", status=Status(0x8086), member="ID", message="outside", remedy="")] if wrong else []

    bench = Bench(check=outside)
    number = bench.port.reserve()
    settings = bench.port.settings(number)
    assert settings is not None
    settings.graceful_shutdown = True
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(described(ID=number + 1))
    assert caught.value.status == 0x8086
    assert bench.port.refusal is caught.value.failure
    link = bench.port.establish(described(ID=number))
    assert link.settings is settings
    assert bench.port.settings(number) is settings


@pytest.mark.parametrize(("graceful", "ttl", "fits"), [(None, None, True), (True, None, True), (None, 3, False)])
def test_settings_for_UDP_do_not_fit_TCP(graceful: bool | None, ttl: int | None, fits: bool) -> None:
    bench = Bench()
    number = bench.port.reserve()
    settings = bench.port.settings(number)
    assert settings is not None
    settings.graceful_shutdown, settings.multicast_ttl = graceful, ttl
    if fits:
        assert bench.port.establish(described(ID=number)).settings is settings
        return
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(described(ID=number))
    assert caught.value.status == 0x8090
    assert bench.port.links == ()


def test_an_ID_at_the_block_that_is_not_the_description_s_is_80B8_and_nothing_is_in_the_table() -> None:
    bench = Bench()
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(ACTIVE, block_id=2)
    assert caught.value.status == 0x80B8
    assert bench.port.links == ()
    assert bench.port.establish(ACTIVE, block_id=1) is bench.link


def test_a_connection_that_cannot_be_begun_leaves_no_ID_behind() -> None:
    bench = Bench()

    def broken(effect: Effect, link: Link) -> None:
        raise OSError("nothing left")

    bench.perform = broken  # type: ignore[method-assign]
    with pytest.raises(OSError, match="nothing left"):
        bench.port.establish(ACTIVE)
    assert bench.port.links == ()
    assert bench.port.find(1) is None


@pytest.mark.parametrize("other", [UDP, ISO], ids=["UDP", "ISO"])
def test_passive_ends_of_different_protocols_share_a_port_number(other: Any) -> None:
    bench = Bench()
    bench.port.establish(PASSIVE)
    again = attrs.evolve(other, **({"ID": 2} if other is UDP else {"id": 2, "active_established": False}))
    assert len({bench.port.establish(again), *bench.port.links}) == 2


def test_passive_ISO_ends_collide_by_their_selector_and_not_by_their_port() -> None:
    bench = Bench()
    passive = attrs.evolve(ISO, active_established=False)
    other: Any = b"\xe0\x03ISOonTCP-1"
    bench.port.establish(passive)
    with pytest.raises(ParameterError) as caught:
        bench.port.establish(attrs.evolve(passive, id=2))
    assert caught.value.status == 0x80A1
    assert "e0 02" in str(caught.value)
    bench.port.establish(attrs.evolve(passive, id=3, local_tselector=other))
    assert len(bench.port.links) == 2


# -- what a report changes ---------------------------------------------------------------------------------------------------


def test_every_report_stirs_those_who_wait_once() -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    stirred: list[LinkState] = []
    link.watchers.append(lambda: stirred.append(link.state))
    bench.refuse()
    bench.port.report(link, LinkEvent.RETRY_DUE)
    bench.up()
    bench.lose()
    bench.port.terminate(link)
    bench.gone()
    assert stirred == [
        LinkState.DISCONNECTED, LinkState.CONNECTING, LinkState.ESTABLISHED, LinkState.DISCONNECTED, LinkState.ABSENT,
    ]  # fmt: skip


def test_counters_and_reasons_tell_attempts_and_losses_apart() -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    assert (link.epoch, link.failures, link.trials, link.successes) == (0, 0, 1, 0)
    bench.refuse(0x80C6)
    bench.port.report(link, LinkEvent.RETRY_DUE)
    assert (link.epoch, link.failures, link.trials, link.successes) == (0, 1, 2, 0)
    assert link.last_refusal is not None
    assert (link.last_refusal[0], link.last_loss, link.loss) == (0x4F01, None, None)
    bench.up()
    assert (link.epoch, link.failures, link.trials, link.successes) == (1, 1, 0, 1)
    bench.lose(0x80C5)
    assert link.last_loss is not None
    assert (link.last_refusal[0], link.last_loss[0], link.failures) == (0x4F01, 0x4F03, 2)
    assert link.loss is link.failure
    assert link.loss is not None


@pytest.mark.parametrize(
    ("status", "reason"),
    [(0x80C5, 0x4F03), (0x80C6, 0x4F01), (0x80C7, 0x4F07), (0x80C4, 0x4F05), (0x80C3, 0x4F0A), (0x8087, 0x4F0A),
     (0x80A1, 0x4F0E), (0x80A2, 0x4F0E), (0x80A4, 0x4F08), (0x80E4, 0x4F04)],
)  # fmt: skip
def test_T_DIAG_has_a_reason_for_each_STATUS(status: int, reason: int) -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    bench.refuse(status)
    assert link.last_refusal is not None
    assert link.last_refusal[0] == reason


def test_a_failure_without_a_STATUS_counts_as_one_of_the_protocol() -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    bench.port.report(link, LinkEvent.REFUSED, Failure("nobody knows", None))
    assert link.last_refusal is not None
    assert link.last_refusal[0] == 0x4F04


def test_a_reset_forgets_what_was_received_and_is_over_when_the_connection_is_up_again_or_refused() -> None:
    for over in (LinkEvent.UP, LinkEvent.REFUSED):
        bench = Bench()
        link = bench.port.establish(ACTIVE)
        bench.up()
        bench.lose()
        bench.port.report(link, LinkEvent.RETRY_DUE)
        bench.up()
        bench.deliver(b"old")
        losses = [link.loss]
        bench.port.reset(link)
        assert link.resetting
        losses.append(link.loss)
        assert [loss is None for loss in losses] == [False, True]
        assert len(link.inbox) == 0
        assert link.last_loss is not None
        assert link.last_loss[0] == 0x4F09
        job = bench.port.send(link, b"x")
        assert job.failure is not None
        assert job.failure.status == 0x80C4
        bench.port.report(link, LinkEvent.RETRY_DUE)
        assert link.resetting
        bench.port.report(link, over)
        assert not link.resetting


def test_a_reset_of_a_connection_that_is_not_established_is_none() -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    bench.port.reset(link)
    assert not link.resetting
    assert link.last_loss is None


def test_terminating_forgets_the_last_loss_only_where_a_connection_is_ended_by_it() -> None:
    bench = Bench()
    link = bench.port.establish(ACTIVE)
    bench.up()
    bench.lose()
    loss = link.loss
    bench.port.terminate(link)
    assert link.loss is loss
    bench.gone()
    again = bench.port.establish(ACTIVE)
    bench.up()
    bench.lose()
    bench.port.report(again, LinkEvent.RETRY_DUE)
    bench.up()
    bench.port.terminate(again)
    assert again.loss is None


def test_an_end_that_is_told_late_does_not_take_the_next_connection_of_the_ID_away() -> None:
    bench = Bench()
    old = bench.port.establish(ACTIVE)
    bench.port.terminate(old)
    bench.gone()
    new = bench.port.establish(ACTIVE)
    bench.port.report(old, LinkEvent.GONE)
    assert bench.port.links == (new,)


def test_a_connection_that_is_gone_takes_its_reserved_ID_with_it() -> None:
    bench = Bench()
    number = bench.port.reserve()
    bench.port.terminate(bench.port.establish(described(ID=number)))
    assert bench.port.settings(number) is not None
    bench.gone()
    assert bench.port.settings(number) is None


def test_STOP_frees_reserved_IDs_and_ends_every_connection_by_RST() -> None:
    bench = Bench()
    number = bench.port.reserve()
    link = bench.port.establish(ACTIVE)
    link.settings.graceful_shutdown = True
    bench.port.terminate_all()
    assert link.settings.graceful_shutdown is False
    assert bench.effects[-1] is Effect.CLOSE
    assert bench.port.settings(number) is None


def test_when_the_communication_side_is_gone_nothing_is_left_and_everybody_is_told() -> None:
    bench = Bench()
    number = bench.port.reserve()
    links = [bench.port.establish(described(ID=one)) for one in (1, 2)]
    stirred: list[int] = []
    for link in links:
        link.watchers.append(partial(stirred.append, link.connection_id))
    bench.up()
    bench.port.clear()
    assert bench.port.links == ()
    assert bench.port.settings(number) is None
    assert [link.state for link in links] == [LinkState.ABSENT] * 2
    assert stirred == [1, 1, 2]


def test_a_receive_job_tells_what_it_wants_and_that_there_is_room() -> None:
    bench = Bench(receive_buffer=4)
    link = bench.port.establish(ACTIVE)
    bench.up()
    target = bytearray(6)
    assert bench.port.receive(link, memoryview(target), Delivery.FIXED_LENGTH) == 0
    assert bench.rooms == 1
    assert link.inbox.room == 6
    bench.deliver(b"abcdef")
    assert bench.port.receive(link, memoryview(target), Delivery.FIXED_LENGTH) == 6
    assert bench.rooms == 2
    assert link.inbox.room == 4
    assert bench.port.receive(link, memoryview(target), Delivery.FIXED_LENGTH) == 0
    bench.port.withdraw(link)
    assert link.inbox.room == 4


def test_the_longest_job_depends_on_the_protocol() -> None:
    bench = Bench(max_len=8192, max_len_udp=1472)
    assert bench.port.max_length(bench.port.establish(ACTIVE)) == 8192
    assert bench.port.max_length(bench.port.establish(attrs.evolve(UDP, ID=2))) == 1472


def test_a_time_stamp_is_of_the_clock_that_was_given_or_of_the_host() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    bench = Bench()
    bench.port = Port(bench, check=lambda _: (), clock=lambda: now)
    link = bench.port.establish(ACTIVE)
    bench.refuse()
    assert link.last_refusal == (0x4F01, now)
    other = Bench()
    link = other.port.establish(ACTIVE)
    other.refuse()
    assert link.last_refusal is not None
    assert link.last_refusal[1].utcoffset() == timedelta(0)
    assert abs(link.last_refusal[1] - datetime.now(UTC)) < timedelta(minutes=5)


# -- what an earlier establishment has left ----------------------------------------------------------------------------------


def after_a_loss(left: bytes) -> Bench:
    """A first establishment that was lost with unread bytes, and a second one that stands."""
    bench = Bench()
    bench.port.establish(ACTIVE)
    bench.up()
    bench.deliver(left)
    bench.lose()
    bench.port.report(bench.link, LinkEvent.RETRY_DUE)
    bench.up()
    return bench


def test_bytes_that_cannot_complete_a_job_stay_for_smaller_ones_until_the_loss_was_told() -> None:
    bench = after_a_loss(b"abc")
    area = bytearray(5)
    take = partial(bench.port.receive, bench.link, upto=1)
    assert take(memoryview(area), Delivery.FIXED_LENGTH) == 0
    assert take(memoryview(area)[:3], Delivery.FIXED_LENGTH) == 3
    assert bytes(area[:3]) == b"abc"
    # The second establishment is not known yet, so its bytes wait.
    bench.deliver(b"next")
    assert take(memoryview(area)[:4], Delivery.FIXED_LENGTH) == 0
    assert bench.port.receive(bench.link, memoryview(area)[:4], Delivery.FIXED_LENGTH, upto=2) == 4


def test_bytes_that_cannot_complete_a_job_are_dropped_once_the_program_knows_of_the_next_establishment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = after_a_loss(b"abc")
    bench.deliver(b"again")
    area = bytearray(5)
    assert bench.port.receive(bench.link, memoryview(area), Delivery.FIXED_LENGTH) == 5
    assert bytes(area) == b"again"
    assert "3 bytes that no receive job took are dropped" in caplog.text
