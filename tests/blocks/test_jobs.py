"""TCON, TDISCON, TSEND, TRCV, T_RESET, T_DIAG: what a program sees call by call (ouc-blocks.md 2.0 to 2.4, 2.8, 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.blocks import T_DIAG, T_RESET, TCON, TDISCON, TRCV, TSEND
from ouc.connection import Effect, LinkEvent
from ouc.params import TDiag_Status, TDiag_StatusExt

from ..connection.shell import ACTIVE, PASSIVE, Bench, described
from .rows import row
from .test_compact import _play


def word(out: Any) -> str:
    flags = [name for name in ("DONE", "NDR", "BUSY", "ERROR") if getattr(out, name, False)]
    return " ".join([f"{out.STATUS:04X}", *flags])


class Desk:
    """A bench with one instance of each block, called by name."""

    def __init__(self) -> None:
        self.bench = Bench()
        port = self.bench.port
        self.tcon, self.tdiscon, self.tsend, self.trcv = TCON(port), TDISCON(port), TSEND(port), TRCV(port)
        self.t_reset, self.t_diag = T_RESET(port), T_DIAG(port)

    def established(self) -> Desk:
        self.tcon(REQ=True, ID=1, CONNECT=ACTIVE)
        self.bench.up()
        assert word(self.tcon(REQ=False, ID=1, CONNECT=ACTIVE)) == "0000 DONE"
        return self


# -- the table of 2.0 --------------------------------------------------------------------------------------------------


@row(
    "2.0 preparatory call",
    "2.0 first call, parameters fine",
    "2.0 calls 2 to n-1",
    "2.0 last call, finished",
    "2.1 DONE after establishing",
)
def test_preparatory_call_7000_first_7001_then_7002_last_0000_and_back_to_7000() -> None:
    desk = Desk()
    shown = [word(desk.tcon(REQ=request, ID=1, CONNECT=ACTIVE)) for request in (False, True, True)]
    desk.bench.up()
    shown += [word(desk.tcon(REQ=True, ID=1, CONNECT=ACTIVE)) for _ in range(2)]
    assert shown == ["7000", "7001 BUSY", "7002 BUSY", "0000 DONE", "7000"]


@row(
    "2.0 first call, bad parameters or no resources",
    "2.0 first and last call coincide",
    "2.1 ID differs from the structure",
)
def test_a_first_call_with_bad_parameters_is_an_error_and_nothing_runs() -> None:
    desk = Desk()
    assert word(desk.tcon(REQ=True, ID=2, CONNECT=ACTIVE)) == "80B8 ERROR"
    assert word(desk.tcon(REQ=True, ID=2, CONNECT=ACTIVE)) == "7000"
    assert desk.bench.effects == []


@row("2.0 one call with REQ = 0 before the next job", "2.3 DONE can come in the second call")
def test_a_new_job_needs_a_call_with_REQ_0() -> None:
    desk = Desk().established()
    calls = [desk.tsend(REQ=True, ID=1, DATA=(data := b"abc"))]
    desk.bench.sent()
    calls += [desk.tsend(REQ=request, ID=1, DATA=data) for request in (True, True, False, True)]
    assert [word(out) for out in calls] == ["7001 BUSY", "0000 DONE", "7000", "7000", "7001 BUSY"]


# -- TCON and TDISCON -----------------------------------------------------------------------------------------------


@row("2.1 failure from V4.0 is an error")
def test_a_failed_attempt_ends_TCON_from_V4_0_and_a_new_edge_tries_again() -> None:
    desk = Desk()
    desk.tcon(REQ=True, ID=1, CONNECT=ACTIVE)
    desk.bench.refuse(0x80C6)
    assert word(desk.tcon(REQ=False, ID=1, CONNECT=ACTIVE)) == "80C6 ERROR"
    desk.bench.gone()
    assert word(desk.tcon(REQ=True, ID=1, CONNECT=ACTIVE)) == "7001 BUSY"


@row("2.1 failure below V4.0 stays BUSY")
def test_before_V4_0_TCON_stays_busy_while_the_partner_is_not_there() -> None:
    bench = Bench()
    tcon = TCON(bench.port, ends_with_error=False)
    tcon(REQ=True, ID=1, CONNECT=ACTIVE)
    for _ in range(3):
        bench.refuse()
        assert word(tcon(REQ=True, ID=1, CONNECT=ACTIVE)) == "7002 BUSY"
        bench.port.report(bench.link, LinkEvent.RETRY_DUE)
    bench.up()
    assert word(tcon(REQ=True, ID=1, CONNECT=ACTIVE)) == "0000 DONE"


@row("2.1 same ID, same CONNECT is 80A3", "2.1 same ID, other settings is 80C8")
@pytest.mark.parametrize(("again", "status"), [(ACTIVE, "80A3 ERROR"), (described(RemotePort=2001), "80C8 ERROR")])
def test_the_same_ID_again_is_80A3_with_the_same_settings_and_80C8_with_others(again: Any, status: str) -> None:
    desk = Desk().established()
    other = TCON(desk.bench.port)
    assert word(other(REQ=True, ID=1, CONNECT=again)) == status


@row("2.1 TDISCON on a running TCON is 80A7")
def test_TDISCON_on_a_running_TCON_is_80A7_for_TCON() -> None:
    desk = Desk()
    desk.tcon(REQ=True, ID=1, CONNECT=PASSIVE)
    assert word(desk.tdiscon(REQ=True, ID=1)) == "7001 BUSY"
    assert word(desk.tcon(REQ=False, ID=1, CONNECT=PASSIVE)) == "80A7 ERROR"
    desk.bench.gone()
    assert word(desk.tdiscon(REQ=True, ID=1)) == "0000 DONE"


@row("2.2 missing or closed is 80A3")
def test_TDISCON_of_a_missing_connection_is_80A3_and_of_a_closing_one_80C4() -> None:
    desk = Desk()
    assert word(desk.tdiscon(REQ=True, ID=1)) == "80A3 ERROR"
    desk.established()
    desk.tdiscon(REQ=False, ID=1)
    desk.tdiscon(REQ=True, ID=1)
    assert word(TDISCON(desk.bench.port)(REQ=True, ID=1)) == "80C4 ERROR"


@pytest.mark.parametrize("number", [0, -1, 70_000])
def test_a_number_that_cannot_be_an_ID_is_8086(number: int) -> None:
    desk = Desk()
    assert word(desk.tdiscon(REQ=True, ID=number)) == "8086 ERROR"
    assert word(desk.tsend(REQ=True, ID=number, DATA=b"x")) == "8086 ERROR"
    assert word(desk.trcv(EN_R=True, ID=number, DATA=bytearray(1))) == "8086 ERROR"


# -- TSEND ------------------------------------------------------------------------------------------------------------


def test_TSEND_without_a_connection_is_80A1() -> None:
    desk = Desk()
    assert word(desk.tsend(REQ=True, ID=1, DATA=b"x")) == "80A1 ERROR"
    desk.tcon(REQ=True, ID=1, CONNECT=ACTIVE)
    desk.tsend(REQ=False, ID=1, DATA=b"x")
    assert word(desk.tsend(REQ=True, ID=1, DATA=b"x")) == "80A1 ERROR"


@row("2.3 LEN above DATA is 8088", "2.3 LEN above the maximum is 8085", "2.3 LEN and DATA both 0 is 8085")
@pytest.mark.parametrize(
    ("length", "data", "status"), [(4, b"abc", "8088"), (0, b"", "8085"), (65_537, bytes(70_000), "8085")]
)
def test_LEN_of_TSEND(length: int, data: bytes, status: str) -> None:
    desk = Desk().established()
    assert word(desk.tsend(REQ=True, ID=1, DATA=data, LEN=length)) == f"{status} ERROR"


@row("2.0 DATA swapped is 80B1")
def test_DATA_swapped_during_a_send_job_is_80B1() -> None:
    desk = Desk().established()
    desk.tsend(REQ=True, ID=1, DATA=b"one")
    assert word(desk.tsend(REQ=True, ID=1, DATA=b"two")) == "80B1 ERROR"


@row("2.0 last call, failed")
def test_a_send_job_that_the_partner_cuts_off_fails() -> None:
    desk = Desk().established()
    data = b"abc"
    desk.tsend(REQ=True, ID=1, DATA=data)
    desk.bench.break_off(0x80C5)
    assert word(desk.tsend(REQ=True, ID=1, DATA=data)) == "80C5 ERROR"


# -- TRCV -------------------------------------------------------------------------------------------------------------


@row("2.4 EN_R is a level: 7000, 7001, 7002", "2.4 TCP, fixed length", "2.4 RCVD_LEN is valid with NDR")
def test_TRCV_is_7000_then_7001_then_7002_then_NDR_and_activates_itself_again() -> None:
    desk, data = Desk().established(), bytearray(4)
    shown = [word(desk.trcv(EN_R=level, ID=1, DATA=data)) for level in (False, True, True)]
    desk.bench.deliver(b"abcdef")
    out = desk.trcv(EN_R=True, ID=1, DATA=data)
    shown += [word(out), word(desk.trcv(EN_R=True, ID=1, DATA=data)), word(desk.trcv(EN_R=False, ID=1, DATA=data))]
    assert shown == ["7000", "7001 BUSY", "7002 BUSY", "0000 NDR", "7001 BUSY", "7000"]
    assert (out.RCVD_LEN, bytes(data), len(desk.bench.link.inbox)) == (4, b"abcd", 2)


@row("2.4 TCP, ad hoc")
def test_ad_hoc_delivers_what_is_there() -> None:
    desk, data = Desk().established(), bytearray(4)
    desk.bench.deliver(b"ab")
    assert desk.trcv(EN_R=True, ID=1, DATA=data, ADHOC=True).RCVD_LEN == 2


@row("2.0 LEN or DATA changed is 8085")
def test_LEN_changed_during_a_receive_job_is_8085_and_DATA_80B1() -> None:
    desk, data = Desk().established(), bytearray(8)
    desk.trcv(EN_R=True, ID=1, DATA=data)
    assert word(desk.trcv(EN_R=True, ID=1, DATA=data, LEN=4)) == "8085 ERROR"
    desk.trcv(EN_R=True, ID=1, DATA=data)
    assert word(desk.trcv(EN_R=True, ID=1, DATA=bytearray(8))) == "80B1 ERROR"


def test_the_partner_closes_80C5_and_then_80A1_until_it_is_back() -> None:
    desk, data = Desk().established(), bytearray(4)
    desk.trcv(EN_R=True, ID=1, DATA=data)
    desk.bench.lose()
    assert [word(desk.trcv(EN_R=True, ID=1, DATA=data)) for _ in range(2)] == ["80C5 ERROR", "80A1 ERROR"]
    desk.bench.port.report(desk.bench.link, LinkEvent.RETRY_DUE)
    desk.bench.up()
    assert word(desk.trcv(EN_R=True, ID=1, DATA=data)) == "7001 BUSY"


# -- T_RESET and T_DIAG -----------------------------------------------------------------------------------------------


@row("2.8 T_RESET 0000, 0001, 8081")
def test_T_RESET_is_0000_on_an_established_connection_0001_on_another_and_8081_on_none() -> None:
    desk = Desk()
    assert word(desk.t_reset(REQ=True, ID=1)) == "8081 ERROR"
    desk.established()
    for expected in ("0000 DONE", "0001 DONE"):
        desk.t_reset(REQ=False, ID=1)
        desk.t_reset(REQ=True, ID=1)
        assert word(desk.t_reset(REQ=True, ID=1)) == expected
    assert Effect.DROP in desk.bench.effects


@row("2.8 T_RESET clears buffers and keeps the endpoint")
def test_T_RESET_forgets_what_was_received() -> None:
    desk = Desk().established()
    desk.bench.deliver(b"abc")
    desk.t_reset(REQ=True, ID=1)
    assert len(desk.bench.link.inbox) == 0


@row("2.8 T_DIAG fills RESULT with DONE")
def test_T_DIAG_tells_state_counters_and_reasons() -> None:
    desk = Desk()
    desk.tcon(REQ=True, ID=1, CONNECT=ACTIVE)

    def ask() -> TDiag_StatusExt:
        desk.t_diag(REQ=False, ID=1)
        desk.t_diag(REQ=True, ID=1)
        out = desk.t_diag(REQ=True, ID=1)
        assert word(out) == "0000 DONE"
        assert isinstance(out.RESULT, TDiag_StatusExt)
        return out.RESULT

    assert (ask().State, ask().ConnTrials) == (2, 1)
    desk.bench.up()
    told = ask()
    assert (told.State, told.ConnTrials, told.ConnTrialsSuccess, told.ConnectionType, told.Kind) == (4, 0, 1, 11, 3)
    assert told.LastDisconnReason == 0
    desk.bench.lose(0x80C5)
    told = ask()
    assert (told.State, told.LastDisconnReason) == (1, 0x4F03)
    assert told.LastDisconnTimeStamp != TDiag_StatusExt().LastDisconnTimeStamp
    desk.bench.port.report(desk.bench.link, LinkEvent.RETRY_DUE)
    desk.bench.refuse(0x80C6)
    assert ask().LastConnErrReason == 0x4F01


def test_the_counters_of_T_DIAG_begin_anew_after_32_bits_and_the_others_are_full() -> None:
    desk = Desk().established()
    link = desk.bench.link
    for sent, received, shown in ((2**32 - 1, 2**32 - 2, (2**32 - 1, 2**32 - 2)), (2**32 + 5, 2**33 + 6, (5, 6))):
        link.sent, link.received = sent, received
        desk.t_diag(REQ=False, ID=1)
        desk.t_diag(REQ=True, ID=1)
        told = desk.t_diag(REQ=True, ID=1).RESULT
        assert isinstance(told, TDiag_StatusExt)
        assert (told.SentBytes, told.ReceivedBytes) == shown


def test_T_DIAG_of_a_missing_connection_is_80A3_and_a_wrong_RESULT_8089() -> None:
    desk = Desk()
    assert word(desk.t_diag(REQ=True, ID=1)) == "80A3 ERROR"
    desk.t_diag(REQ=False, ID=1)
    assert word(desk.t_diag(REQ=True, ID=1, RESULT=dict)) == "8089 ERROR"  # type: ignore[arg-type]


def test_the_short_form_has_16_bytes() -> None:
    desk = Desk().established()
    desk.t_diag(REQ=True, ID=1, RESULT=TDiag_Status)
    result = desk.t_diag(REQ=True, ID=1, RESULT=TDiag_Status).RESULT
    assert isinstance(result, TDiag_Status)
    assert len(result.to_bytes()) == 16


# -- any sequence -----------------------------------------------------------------------------------------------------

STEPS = st.tuples(
    st.sampled_from(["tcon", "tdiscon", "tsend", "trcv", "t_reset", "t_diag"]),
    st.booleans(),
    st.sampled_from(["up", "lose", "refuse", "gone", "deliver", "sent", "nothing"]),
)


@given(st.lists(STEPS, max_size=60))
def test_no_sequence_gives_an_impossible_triple(steps: list[tuple[str, bool, str]]) -> None:
    desk, data = Desk(), bytearray(4)
    for block, level, what in steps:
        _play(desk.bench, what)
        calls: dict[str, Callable[[], Any]] = {
            "tcon": partial(desk.tcon, REQ=level, ID=1, CONNECT=ACTIVE),
            "tdiscon": partial(desk.tdiscon, REQ=level, ID=1),
            "tsend": partial(desk.tsend, REQ=level, ID=1, DATA=data),
            "trcv": partial(desk.trcv, EN_R=level, ID=1, DATA=data),
            "t_reset": partial(desk.t_reset, REQ=level, ID=1),
            "t_diag": partial(desk.t_diag, REQ=level, ID=1),
        }
        jobs, up = len(desk.bench.jobs), bool(desk.bench.port.links) and desk.bench.link.established
        out = calls[block]()
        done = getattr(out, "DONE", False) or getattr(out, "NDR", False)
        assert done + out.BUSY + out.ERROR <= 1
        assert out.ERROR == (out.STATUS >= 0x8000)
        assert len(desk.bench.jobs) == jobs or up
