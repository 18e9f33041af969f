"""TSEND_C and TRCV_C: what a program sees call by call (ouc-blocks.md 2.0, 2.5, 2.6, 3.1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.blocks import TRCV_C, TSEND_C
from ouc.blocks.compact_tables import Effect, Rules, State, rules
from ouc.connection import Effect as LinkEffect

from ..connection.shell import ACTIVE, PASSIVE, Bench, described
from .rows import row


class Sender:
    """A TSEND_C with inputs that stay as they were, and its outputs as one readable word."""

    def __init__(self, **options: Any) -> None:
        self.bench = Bench()
        self.block = TSEND_C(self.bench.port, **options)
        self.inputs: dict[str, Any] = {"REQ": False, "CONT": True, "CONNECT": ACTIVE, "DATA": b"0123456789"}

    def call(self, **changed: Any) -> str:
        self.inputs.update(changed)
        out = self.block(**self.inputs)
        flags = [name for name, on in (("DONE", out.DONE), ("BUSY", out.BUSY), ("ERROR", out.ERROR)) if on]
        return " ".join([f"{out.STATUS:04X}", *flags])

    def connected(self) -> Sender:
        self.call()
        self.bench.up()
        assert self.call() in ("0001", "0000 DONE")
        return self


class Receiver(Sender):
    """A TRCV_C, likewise."""

    def __init__(self, **options: Any) -> None:
        self.bench = Bench()
        self.area = bytearray(4)
        self.block = TRCV_C(self.bench.port, **options)  # type: ignore[assignment]
        self.inputs = {"EN_R": True, "CONT": True, "CONNECT": PASSIVE, "DATA": self.area}


# -- establishing and closing -------------------------------------------------------------------------------------


@row("2.5 CONT 0, idle")
def test_CONT_0_is_idle_7000_whatever_REQ_says() -> None:
    sender = Sender()
    assert sender.call(CONT=False) == "7000"
    assert sender.call(REQ=True) == "7000"
    assert sender.bench.effects == []


@row("2.5 CONT 0 -> 1", "2.5 0001 after establishing and 0003 after closing")
def test_establishing_is_7001_once_then_7002_then_0001_once_then_7004() -> None:
    sender = Sender()
    assert [sender.call(), sender.call(), sender.call()] == ["7001 BUSY", "7002 BUSY", "7002 BUSY"]
    sender.bench.up()
    assert [sender.call(), sender.call()] == ["0001", "7004"]


@row("2.5 CONT 1 -> 0, connected", "2.5 0001 after establishing and 0003 after closing")
def test_closing_is_7003_then_0003_once_then_7000() -> None:
    sender = Sender().connected()
    assert [sender.call(CONT=False), sender.call()] == ["7003 BUSY", "7003 BUSY"]
    sender.bench.gone()
    assert [sender.call(), sender.call()] == ["0003", "7000"]


@row("2.7 connect error, CONT still 1")
def test_a_refused_attempt_is_told_once_and_repeated_while_CONT_stays_1() -> None:
    sender = Sender()
    sender.call()
    sender.bench.refuse(0x80E4)
    assert [sender.call(), sender.call()] == ["80E4 ERROR", "7002 BUSY"]
    assert sender.bench.effects == [LinkEffect.DIAL, LinkEffect.PAUSE]


def test_a_description_that_the_port_refuses_is_told_at_each_call_and_establishes_nothing() -> None:
    sender = Sender()
    sender.bench.port.establish(described(RemotePort=99))
    assert [sender.call(), sender.call()] == ["80C8 ERROR", "80C8 ERROR"]


@row("2.5 TCON is repeated if the endpoint is missing")
def test_an_endpoint_that_somebody_else_took_away_is_established_again_by_itself() -> None:
    sender = Sender()
    sender.call()
    sender.bench.port.terminate_all()
    sender.bench.gone()
    assert [sender.call(), sender.call()] == ["7001 BUSY", "7002 BUSY"]
    assert sender.bench.effects[-1] is LinkEffect.DIAL


# -- sending --------------------------------------------------------------------------------------------------------


@row("2.5 CONT 1, REQ 0 -> 1, connected", "2.5 CONT 1, REQ 0, connected")
def test_a_send_job_is_7005_until_done_then_DONE_once_then_7004() -> None:
    sender = Sender().connected()
    assert [sender.call(REQ=True), sender.call(REQ=False)] == ["7005 BUSY", "7005 BUSY"]
    sender.bench.sent()
    assert [sender.call(), sender.call()] == ["0000 DONE", "7004"]
    assert [job.data for job in sender.bench.jobs] == [b"0123456789"]


def test_REQ_that_stays_1_sends_once() -> None:
    sender = Sender().connected()
    sender.call(REQ=True)
    sender.bench.sent()
    assert [sender.call(), sender.call(), sender.call()] == ["0000 DONE", "7004", "7004"]
    assert len(sender.bench.jobs) == 1


@row("2.0 edges during a running job are ignored")
def test_a_second_REQ_edge_while_busy_is_not_seen() -> None:
    sender = Sender().connected()
    sender.call(REQ=True)
    sender.call(REQ=False)
    assert sender.call(REQ=True) == "7005 BUSY"
    sender.bench.sent()
    assert [sender.call(), sender.call()] == ["0000 DONE", "7004"]
    assert len(sender.bench.jobs) == 1


@row("2.0 edges in the call that shows DONE or ERROR are ignored")
def test_an_edge_in_the_call_that_shows_DONE_is_not_seen() -> None:
    sender = Sender().connected()
    sender.call(REQ=True)
    sender.call(REQ=False)
    sender.bench.sent()
    assert [sender.call(REQ=True), sender.call(), sender.call()] == ["0000 DONE", "7004", "7004"]


@row("2.5 REQ before the connection stands")
@pytest.mark.parametrize(("remember", "jobs"), [(True, 1), (False, 0)])
def test_an_edge_before_the_connection_stands_is_remembered_by_option(remember: bool, jobs: int) -> None:
    sender = Sender(remember_request=remember)
    sender.call(REQ=True)
    sender.call(REQ=False)
    sender.bench.up()
    sender.call()
    sender.call()
    assert len(sender.bench.jobs) == jobs


def test_an_edge_is_forgotten_when_CONT_falls() -> None:
    sender = Sender()
    sender.call(REQ=True)
    sender.call(REQ=False, CONT=False)
    sender.bench.gone()
    sender.call()
    sender.call(CONT=True)
    sender.bench.up()
    assert [sender.call(), sender.call()] == ["0001", "7004"]


@row("2.0 inputs are taken over at job start")
def test_the_bytes_of_a_job_are_those_of_its_first_call() -> None:
    sender = Sender().connected()
    data = bytearray(b"before")
    sender.call(REQ=True, DATA=data)
    data[:] = b"after!"
    assert sender.bench.jobs[0].data == b"before"


@pytest.mark.parametrize(
    ("length", "data", "status"),
    [
        (11, b"0123456789", "8088 ERROR"),
        (65_537, bytes(70_000), "8085 ERROR"),
        (0, b"", "8085 ERROR"),
        (0, 7.5, "8085 ERROR"),
    ],
    ids=["LEN above DATA", "LEN above the maximum", "LEN and DATA both 0", "no bytes at DATA"],
)
def test_a_wrong_LEN_or_DATA_is_an_error_in_one_call_and_sends_nothing(length: int, data: Any, status: str) -> None:
    sender = Sender().connected()
    assert [sender.call(REQ=True, LEN=length, DATA=data), sender.call()] == [status, "7004"]
    assert sender.bench.jobs == []


def test_LEN_smaller_than_DATA_sends_only_LEN_bytes() -> None:
    sender = Sender().connected()
    sender.call(REQ=True, LEN=3)
    assert sender.bench.jobs[0].data == b"012"


@row("2.7 TSEND_C, partner closes")
def test_the_partner_closes_while_ready_80C5_once_then_7002_and_by_itself_connected_again() -> None:
    sender = Sender().connected()
    sender.bench.lose()
    assert [sender.call(), sender.call()] == ["80C5 ERROR", "7002 BUSY"]
    sender.bench.port.report(sender.bench.link, _retry())
    sender.bench.up()
    assert [sender.call(), sender.call()] == ["0001", "7004"]


def test_a_connection_replaced_between_two_scans_is_still_told() -> None:
    sender = Sender().connected()
    sender.bench.lose(0x80C6)
    sender.bench.port.report(sender.bench.link, _retry())
    sender.bench.up()
    assert [sender.call(), sender.call(), sender.call()] == ["80C6 ERROR", "0001", "7004"]


def test_the_partner_closes_while_sending_and_the_job_is_not_done() -> None:
    sender = Sender().connected()
    sender.call(REQ=True)
    sender.bench.break_off()
    sender.bench.lose()
    assert [sender.call(), sender.call()] == ["80C5 ERROR", "7002 BUSY"]


def test_a_job_that_was_done_before_the_partner_closed_is_told_as_done_first() -> None:
    sender = Sender().connected()
    sender.call(REQ=True)
    sender.bench.sent()
    sender.bench.lose()
    assert [sender.call(), sender.call(), sender.call()] == ["0000 DONE", "80C5 ERROR", "7002 BUSY"]


@row("2.5 COM_RST 0 -> 1, connected")
def test_COM_RST_while_ready_interrupts_and_keeps_the_endpoint() -> None:
    sender = Sender().connected()
    assert sender.call(COM_RST=True) == "7002 BUSY"
    assert sender.bench.effects[-1] is LinkEffect.DROP
    assert sender.call() == "7002 BUSY"


@row("2.5 COM_RST 0 -> 1, sending")
def test_COM_RST_while_sending_is_80A7() -> None:
    sender = Sender().connected()
    sender.call(REQ=True)
    assert sender.call(COM_RST=True) == "80A7 ERROR"


@row("2.5 COM_RST 0 -> 1, not connected")
def test_COM_RST_while_not_connected_has_no_effect() -> None:
    sender = Sender()
    sender.call()
    assert sender.call(COM_RST=True) == "7002 BUSY"
    assert sender.bench.effects == [LinkEffect.DIAL]


# -- receiving ------------------------------------------------------------------------------------------------------


@row("2.6 EN_R 0, connected", "2.6 EN_R 1, connected")
def test_EN_R_0_is_7004_and_EN_R_1_is_7006_BUSY() -> None:
    receiver = Receiver()
    receiver.inputs["EN_R"] = False
    receiver.connected()
    assert [receiver.call(), receiver.call(EN_R=True), receiver.call(EN_R=False)] == ["7004", "7006 BUSY", "7004"]


def test_fixed_length_waits_for_all_bytes_and_leaves_the_surplus() -> None:
    receiver = Receiver().connected()
    receiver.call()
    receiver.bench.deliver(b"abc")
    assert receiver.call() == "7006 BUSY"
    receiver.bench.deliver(b"defgh")
    assert receiver.call() == "0000 DONE"
    assert receiver.inputs["DATA"] == b"abcd"
    assert receiver.call() == "0000 DONE"
    assert receiver.inputs["DATA"] == b"efgh"
    assert receiver.call() == "7006 BUSY"


@row("2.0 outputs are valid in one call")
def test_ad_hoc_takes_what_is_there_and_RCVD_LEN_tells_how_much() -> None:
    receiver = Receiver().connected()
    receiver.call(ADHOC=True)
    receiver.bench.deliver(b"ab")
    block: Any = receiver.block
    out = block(**receiver.inputs)
    assert (out.DONE, out.STATUS, out.RCVD_LEN) == (True, 0x0000, 2)
    assert block(**receiver.inputs).RCVD_LEN == 0


def test_data_wait_while_EN_R_is_0_and_come_when_it_rises() -> None:
    receiver = Receiver()
    receiver.inputs["EN_R"] = False
    receiver.connected()
    receiver.bench.deliver(b"abcd")
    assert receiver.call() == "7004"
    assert [receiver.call(EN_R=True), receiver.call()] == ["7006 BUSY", "0000 DONE"]


@row("2.6 partner closes while EN_R is 1")
def test_the_partner_closes_while_EN_R_is_1_80C5_once_then_80C4_until_it_is_back() -> None:
    receiver = Receiver().connected()
    receiver.call()
    receiver.bench.lose()
    assert [receiver.call(), receiver.call(), receiver.call()] == ["80C5 ERROR", "80C4 ERROR", "80C4 ERROR"]
    receiver.bench.up()
    assert [receiver.call(), receiver.call()] == ["0001", "7006 BUSY"]


@row("2.6 EN_R 0 after 80C5")
def test_EN_R_0_after_80C5_shows_7002_and_EN_R_counts_again_after_the_reconnect() -> None:
    receiver = Receiver().connected()
    receiver.call()
    receiver.bench.lose()
    assert [receiver.call(), receiver.call(EN_R=False), receiver.call(EN_R=True)] == [
        "80C5 ERROR",
        "7002 BUSY",
        "7002 BUSY",
    ]
    receiver.bench.up()
    assert [receiver.call(), receiver.call()] == ["0001", "7006 BUSY"]


def test_a_message_that_arrived_completely_before_the_loss_is_delivered_first() -> None:
    receiver = Receiver().connected()
    receiver.call()
    receiver.bench.deliver(b"abcd")
    receiver.bench.lose()
    assert [receiver.call(), receiver.call()] == ["0000 DONE", "80C5 ERROR"]


def test_a_read_only_area_is_an_error_and_takes_nothing() -> None:
    receiver = Receiver().connected()
    receiver.bench.deliver(b"abcd")
    assert receiver.call(DATA=b"....") == "893A ERROR"
    assert len(receiver.bench.link.inbox) == 4


# -- any sequence ---------------------------------------------------------------------------------------------------


KINDS = [rules(kind, version=version, repeat=repeat) for kind in ("send", "receive")
         for version in ("3.0", "2.1") for repeat in (True, False)]  # fmt: skip


@pytest.mark.parametrize("table", KINDS)
def test_every_state_that_a_row_leads_to_has_rows_and_a_STATUS(table: Rules) -> None:
    reached = {after for row in table.transitions.values() for after, _ in row.values()}
    reached |= {after for before, after in table.refused_to.items() if before in table.transitions}
    assert reached <= set(table.transitions) & set(table.status_while)


@pytest.mark.parametrize("table", KINDS)
def test_only_READY_starts_a_job(table: Rules) -> None:
    starts = {
        state
        for state, row in table.transitions.items()
        for _, effect in row.values()
        if effect in (Effect.SEND, Effect.RECEIVE)
    }
    assert starts == {State.READY}


NETWORK = st.sampled_from(["up", "lose", "refuse", "gone", "deliver", "sent", "break", "retry", "nothing"])
INPUTS = st.fixed_dictionaries(
    {"REQ": st.booleans(), "CONT": st.booleans(), "EN_R": st.booleans(), "COM_RST": st.booleans()}
)


@given(st.lists(st.tuples(NETWORK, INPUTS), max_size=40))
def test_no_sequence_gives_an_impossible_triple_or_a_send_without_a_link(
    steps: list[tuple[str, dict[str, bool]]],
) -> None:
    sender, receiver = Sender(), Receiver()
    for what, levels in steps:
        for user in (sender, receiver):
            _play(user.bench, what)
            jobs, up = len(user.bench.jobs), bool(user.bench.port.links) and user.bench.link.established
            pins = {name: level for name, level in levels.items() if name in user.inputs or name == "COM_RST"}
            out = user.block(**{**user.inputs, **pins})
            assert out.DONE + out.ERROR <= 1
            assert not (out.BUSY and (out.DONE or out.ERROR))
            assert out.ERROR == (out.STATUS >= 0x8000)
            assert not out.DONE or out.STATUS == 0
            assert len(user.bench.jobs) == jobs or up


def _retry() -> Any:
    from ouc.connection import LinkEvent

    return LinkEvent.RETRY_DUE


def _play(bench: Bench, what: str) -> None:
    if not bench.port.links:
        return
    link = bench.link
    if what == "up":
        bench.up()
    elif what == "lose" and link.established:
        bench.lose()
    elif what == "refuse" and not link.established:
        bench.refuse()
    elif what == "gone":
        bench.gone()
    elif what == "deliver" and link.established and link.inbox.room >= 4:
        bench.deliver(b"data")
    elif what == "sent" and bench.jobs and bench.jobs[-1].failure is None:
        bench.sent()
    elif what == "break" and bench.jobs and not bench.jobs[-1].done:
        bench.break_off()
    elif what == "retry":
        bench.port.report(link, _retry())


# -- pins -------------------------------------------------------------------------------------------------------------


@row("2.5 COM_RST is set back to 0")
def test_COM_RST_is_shown_until_the_reset_is_over_and_then_set_back() -> None:
    sender = Sender().connected()

    def shown(com_rst: bool) -> bool:
        return sender.block(**{**sender.inputs, "COM_RST": com_rst}).COM_RST

    assert [shown(False), shown(True), shown(True), shown(False)] == [False, True, True, False]
    sender.bench.port.report(sender.bench.link, _retry())
    sender.bench.up()
    assert shown(True) is False


def test_COM_RST_without_a_connection_is_set_back_at_once() -> None:
    sender = Sender()
    sender.call()
    assert sender.block(**{**sender.inputs, "COM_RST": True}).COM_RST is False


@row("2.0 LEN or DATA changed is 8085")
@pytest.mark.parametrize("changed", [{"LEN": 2}, {"DATA": bytearray(4)}], ids=["LEN", "DATA"])
def test_LEN_or_DATA_changed_during_a_job_of_TRCV_C_is_8085_once(changed: dict[str, Any]) -> None:
    receiver = Receiver().connected()
    assert receiver.call() == "7006 BUSY"
    assert [receiver.call(**changed), receiver.call(), receiver.call()] == ["8085 ERROR", "7006 BUSY", "7006 BUSY"]


def test_LEN_and_DATA_may_change_between_two_jobs_of_TRCV_C() -> None:
    receiver = Receiver().connected()
    receiver.call()
    receiver.bench.deliver(b"abcdef")
    assert receiver.call() == "0000 DONE"
    assert receiver.call(DATA=bytearray(2)) == "0000 DONE"


def test_CONT_0_closes_although_DATA_is_impossible() -> None:
    receiver = Receiver().connected()
    assert receiver.call(DATA=7.5) == "8085 ERROR"
    assert receiver.call(CONT=False) == "7003 BUSY"


@row("2.5 CONT 1 -> 0, connecting", "2.5 CONT 1 -> 0, sending")
@pytest.mark.parametrize("busy", [False, True], ids=["connecting", "sending"])
def test_CONT_0_closes_in_the_middle_of_connecting_and_of_sending(busy: bool) -> None:
    sender = Sender()
    sender.call()
    if busy:
        sender.bench.up()
        sender.call()
        sender.call(REQ=True)
    assert sender.call(CONT=False) == "7003 BUSY"
    assert sender.bench.effects[-1] is LinkEffect.CLOSE
    sender.bench.gone()
    assert [sender.call(), sender.call()] == ["0003", "7000"]


@row("2.6 CONT 0, idle", "2.6 CONT 0 -> 1", "2.6 CONT 1 -> 0", "2.6 COM_RST 0 -> 1, connected")
def test_TRCV_C_establishes_resets_and_closes_as_TSEND_C_does() -> None:
    receiver = Receiver()
    assert receiver.call(CONT=False) == "7000"
    assert [receiver.call(CONT=True), receiver.call()] == ["7001 BUSY", "7002 BUSY"]
    receiver.bench.up()
    assert [receiver.call(), receiver.call(COM_RST=True)] == ["0001", "7002 BUSY"]
    assert receiver.bench.effects[-1] is LinkEffect.DROP
    assert receiver.call(CONT=False) == "7003 BUSY"
    receiver.bench.gone()
    assert [receiver.call(), receiver.call()] == ["0003", "7000"]
