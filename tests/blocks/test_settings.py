"""TCONSettings, reserved IDs, and how a connection is closed (ouc-blocks.md 1.10, 1.11, 2.1, 2.2, 2.8, 3.5)."""

from __future__ import annotations

from typing import Any

import pytest

from ouc.blocks import T_DIAG, TCON, TDISCON, TSEND, TCONSettings
from ouc.connection import Effect, Link, LinkEvent, LinkState
from ouc.params import TCON_IPMulticastTTL, TCON_TCPTermination, TDiag_Status, TDiag_StatusExt
from ouc.profiles import profile

from ..connection.shell import ACTIVE, ISO, PASSIVE, UDP, Bench, described
from .rows import row
from .test_jobs import word

FIN = TCON_TCPTermination(GracefulShutdown=True)
FAR = TCON_IPMulticastTTL(IPMulticastTTLValue=7)


def run(block: Any, **pins: Any) -> Any:
    """One job from its edge to the call that ends it."""
    block(**{**pins, "REQ": False})
    out = block(REQ=True, **pins)
    return block(REQ=True, **pins) if out.BUSY else out


def reserve(bench: Bench) -> int:
    out = run(TCONSettings(bench.port), MODE=0)
    assert word(out) == "0000 DONE"
    return int(out.ID)


@row("2.8 TCONSettings MODE 0")
def test_MODE_0_gives_IDs_outside_1_to_4095_and_never_one_twice() -> None:
    bench = Bench()
    numbers = [reserve(bench) for _ in range(3)]
    assert len(set(numbers)) == 3
    assert all(not 1 <= number <= 4095 for number in numbers)


def test_an_ID_that_was_reserved_is_shown_with_DONE_only() -> None:
    settings = TCONSettings(Bench().port)
    assert [settings(REQ=level, MODE=0).ID for level in (False, True)] == [0, 0]
    assert settings(REQ=True, MODE=0).ID != 0
    assert settings(REQ=True, MODE=0).ID == 0


@row("2.8 TCONSettings MODE 1", "2.8 TCONSettings MODE 2")
@pytest.mark.parametrize(
    ("description", "written", "start"),
    [(ACTIVE, FIN, TCON_TCPTermination()), (UDP, FAR, TCON_IPMulticastTTL())],
    ids=["termination", "multicast"],
)
def test_what_MODE_2_writes_MODE_1_reads_before_and_after_establishing(
    description: Any, written: Any, start: Any
) -> None:
    import attrs

    bench = Bench()
    settings, number = TCONSettings(bench.port), reserve(bench)
    assert run(settings, MODE=1, ID=number, OPTION=type(written)).OPTION == start
    assert word(run(settings, MODE=2, ID=number, OPTION=written)) == "0000 DONE"
    assert run(settings, MODE=1, ID=number, OPTION=start).OPTION == written
    bench.port.establish(attrs.evolve(description, ID=number))
    assert run(settings, MODE=1, ID=number, OPTION=type(written)).OPTION == written


@pytest.mark.parametrize(
    ("pins", "status"),
    [
        ({"MODE": 3}, "8091"),
        ({"MODE": 0, "ID": 1}, "8093"),
        ({"MODE": 1, "ID": 0, "OPTION": FIN}, "8086"),
        ({"MODE": 1, "ID": 70_000, "OPTION": FIN}, "8086"),
        ({"MODE": 2, "ID": 5000, "OPTION": FIN}, "8086"),
        ({"MODE": 2, "ID": 9, "OPTION": FIN}, "80A3"),
        ({"MODE": 2, "ID": 1, "OPTION": None}, "8089"),
        ({"MODE": 1, "ID": 1, "OPTION": dict}, "8089"),
        ({"MODE": 2, "ID": 1, "OPTION": FAR}, "8090"),
        ({"MODE": 2, "ID": 2, "OPTION": FIN}, "8090"),
        ({"MODE": 2, "ID": 3, "OPTION": FIN}, "8090"),
        ({"MODE": 2, "ID": 2, "OPTION": TCON_IPMulticastTTL(IPMulticastTTLValue=0)}, "8092"),
    ],
    ids=str,
)
def test_each_refusal_of_TCONSettings(pins: dict[str, Any], status: str) -> None:
    import attrs

    bench = Bench()
    for description in (ACTIVE, attrs.evolve(UDP, ID=2), attrs.evolve(ISO, id=3)):
        bench.port.establish(description)
    out = run(TCONSettings(bench.port), **pins)
    assert word(out) == f"{status} ERROR"
    assert (out.ID, out.OPTION) == (pins.get("ID", 0), pins.get("OPTION"))


@row("2.8 TCONSettings from its firmware on")
@pytest.mark.parametrize(
    ("name", "termination", "multicast"),
    [
        ("S7-1500 V2.8", "809A ERROR", "809A ERROR"),
        ("S7-1200 V4.4", "809A ERROR", "809A ERROR"),
        ("S7-1500 V2.9", "80A3 ERROR", "80A3 ERROR"),
        ("S7-1200 V4.5", "80A3 ERROR", "809A ERROR"),
    ],
)
def test_TCONSettings_and_multicast_exist_from_their_firmware_on(name: str, termination: str, multicast: str) -> None:
    settings = TCONSettings(Bench(profile=profile(name)).port)
    assert [word(run(settings, MODE=2, ID=1, OPTION=option)) for option in (FIN, FAR)] == [termination, multicast]


def test_no_more_IDs_than_connections_can_be_reserved_8087() -> None:
    bench = Bench(resources=2)
    numbers = [reserve(bench) for _ in range(2)]
    assert word(run(TCONSettings(bench.port), MODE=0)) == "8087 ERROR"
    run(TDISCON(bench.port), ID=numbers[0])
    reserve(bench)


@row("2.8 TCONSettings, parallel jobs")
def test_more_jobs_at_once_than_connections_are_80C3() -> None:
    bench = Bench(resources=2)
    bench.port.establish(ACTIVE)
    blocks = [TCONSettings(bench.port) for _ in range(3)]
    pins: dict[str, Any] = {"MODE": 1, "ID": 1, "OPTION": FIN}
    assert [word(block(REQ=True, **pins)) for block in blocks] == ["7001 BUSY", "7001 BUSY", "80C3 ERROR"]
    assert word(blocks[0](REQ=True, **pins)) == "0000 DONE"
    assert word(run(blocks[2], **pins)) == "0000 DONE"


def test_OPTION_changed_during_the_job_is_80B1_and_an_equal_one_is_not() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    settings = TCONSettings(bench.port)
    settings(REQ=True, MODE=2, ID=1, OPTION=FIN)
    assert word(settings(REQ=True, MODE=2, ID=1, OPTION=TCON_TCPTermination())) == "80B1 ERROR"
    settings(REQ=False, MODE=2, ID=1, OPTION=FIN)
    settings(REQ=True, MODE=2, ID=1, OPTION=FIN)
    assert word(settings(REQ=True, MODE=2, ID=1, OPTION=TCON_TCPTermination(GracefulShutdown=True))) == "0000 DONE"


# -- reserved IDs -----------------------------------------------------------------------------------------------------


@row("2.8 TCONSettings, IDs are freed by TDISCON and STOP", "2.2 a reserved ID is released")
def test_a_reserved_ID_is_free_after_TDISCON_and_after_STOP() -> None:
    bench = Bench()
    first, second = reserve(bench), reserve(bench)
    assert word(run(TDISCON(bench.port), ID=first)) == "0000 DONE"
    assert bench.port.settings(first) is None
    bench.port.terminate_all()
    assert bench.port.settings(second) is None


def test_TDISCON_of_an_established_reserved_ID_frees_it_once_it_is_gone() -> None:
    bench = Bench()
    number = reserve(bench)
    bench.port.establish(described(ID=number))
    bench.up()
    tdiscon = TDISCON(bench.port)
    tdiscon(REQ=True, ID=number)
    assert word(run(TCONSettings(bench.port), MODE=1, ID=number, OPTION=FIN)) == "80A3 ERROR"
    bench.gone()
    assert word(tdiscon(REQ=True, ID=number)) == "0000 DONE"
    assert bench.port.settings(number) is None


@row("2.1 reserved ID is lost after BUSY")
def test_a_TCON_that_fails_after_BUSY_loses_the_reserved_ID() -> None:
    bench = Bench()
    number, tcon = reserve(bench), TCON(bench.port)
    pins: dict[str, Any] = {"ID": number, "CONNECT": described(ID=number)}
    assert word(tcon(REQ=True, **pins)) == "7001 BUSY"
    bench.refuse()
    assert word(tcon(REQ=True, **pins)) == "80C6 ERROR"
    bench.gone()
    assert bench.port.settings(number) is None


@row("2.1 reserved ID survives an immediate failure")
def test_a_TCON_that_fails_at_once_keeps_the_reserved_ID_and_what_does_not_suit_is_8090() -> None:
    bench = Bench()
    number, tcon = reserve(bench), TCON(bench.port)
    run(TCONSettings(bench.port), MODE=2, ID=number, OPTION=FAR)
    assert word(tcon(REQ=True, ID=number, CONNECT=described(ID=number))) == "8090 ERROR"
    assert bench.port.settings(number) is not None


@row("2.8 T_DIAG of a reserved ID")
def test_T_DIAG_of_a_reserved_ID_shows_start_values() -> None:
    bench = Bench()
    number = reserve(bench)
    for kind in (TDiag_StatusExt, TDiag_Status):
        result = run(T_DIAG(bench.port), ID=number, RESULT=kind).RESULT
        assert result == kind(ID=number)
        assert (result.InterfaceID, result.ConnectionType, result.State, result.Kind) == (64, 0, 1, 3)


@row("2.8 T_DIAG, TDiag_StatusExt only on S7-1500")
def test_the_extended_result_is_8089_on_an_S7_1200() -> None:
    bench = Bench(profile=profile("S7-1200 V4.7"))
    bench.port.establish(ACTIVE)
    assert word(run(T_DIAG(bench.port), ID=1, RESULT=TDiag_StatusExt)) == "8089 ERROR"
    assert word(run(T_DIAG(bench.port), ID=1, RESULT=TDiag_Status)) == "0000 DONE"


def test_RESULT_changed_during_the_job_is_80B1() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    block = T_DIAG(bench.port)
    block(REQ=True, ID=1)
    assert word(block(REQ=True, ID=1, RESULT=TDiag_Status)) == "80B1 ERROR"


# -- how a connection begins, ends and returns ------------------------------------------------------------------------


@row("2.2 closes and deletes the endpoint", "2.2 the ID becomes invalid for transfer")
def test_TDISCON_closes_and_deletes_and_nothing_can_be_sent_any_more() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    bench.up()
    tdiscon = TDISCON(bench.port)
    assert [word(tdiscon(REQ=True, ID=1)) for _ in range(2)] == ["7001 BUSY", "7002 BUSY"]
    assert bench.effects[-1] is Effect.CLOSE
    assert word(TSEND(bench.port)(REQ=True, ID=1, DATA=b"x")) == "80A1 ERROR"
    bench.gone()
    assert word(tdiscon(REQ=True, ID=1)) == "0000 DONE"
    assert bench.port.links == ()


@row("2.2 still being established is 80C4")
def test_TDISCON_of_a_connection_still_being_established_is_80C4_by_option() -> None:
    bench = Bench()
    bench.port.establish(ACTIVE)
    tdiscon = TDISCON(bench.port, overtakes=False)
    assert word(run(tdiscon, ID=1)) == "80C4 ERROR"
    assert bench.link.state is LinkState.CONNECTING
    bench.up()
    assert word(run(tdiscon, ID=1)) == "7002 BUSY"


class Closing(Bench):
    """Writes down how each connection is to be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.graceful: list[bool] = []

    def perform(self, effect: Effect, link: Link) -> None:
        super().perform(effect, link)
        if effect is Effect.CLOSE:
            self.graceful.append(bool(link.settings.graceful_shutdown))


@row("2.2 RST unless GracefulShutdown", "2.2 STOP always RST", "2.0 STOP closes and removes")
@pytest.mark.parametrize("wanted", [True, False])
def test_TDISCON_closes_as_TCONSettings_says_and_STOP_always_by_RST(wanted: bool) -> None:
    bench = Closing()
    settings, tdiscon = TCONSettings(bench.port), TDISCON(bench.port)
    for number in (1, 2):
        bench.port.establish(described(ID=number))
        run(settings, MODE=2, ID=number, OPTION=TCON_TCPTermination(GracefulShutdown=wanted))
    run(tdiscon, ID=1)
    bench.port.terminate_all()
    assert bench.graceful == [wanted, False]
    bench.gone()
    assert bench.port.links == ()


@row("2.1 active end reconnects by itself", "2.1 passive end waits again")
@pytest.mark.parametrize(
    ("description", "state", "effect"),
    [(ACTIVE, LinkState.DISCONNECTED, Effect.PAUSE), (PASSIVE, LinkState.LISTENING, Effect.LISTEN)],
    ids=["active", "passive"],
)
def test_after_a_loss_each_end_goes_on_without_a_new_TCON(description: Any, state: LinkState, effect: Effect) -> None:
    bench = Bench()
    tcon = TCON(bench.port)
    tcon(REQ=True, ID=1, CONNECT=description)
    bench.up()
    assert word(tcon(REQ=True, ID=1, CONNECT=description)) == "0000 DONE"
    bench.lose()
    assert (bench.link.state, bench.effects[-1]) == (state, effect)
    bench.port.report(bench.link, LinkEvent.RETRY_DUE)
    bench.up()
    assert bench.link.established


def test_TCON_ends_or_goes_on_as_the_profiles_firmware_does() -> None:
    for name, shown in (("S7-1200 V4.0", "7002 BUSY"), ("S7-1200 V4.1", "80C6 ERROR")):
        bench = Bench(profile=profile(name))
        tcon = TCON(bench.port)
        tcon(REQ=True, ID=1, CONNECT=ACTIVE)
        bench.refuse()
        assert word(tcon(REQ=True, ID=1, CONNECT=ACTIVE)) == shown
