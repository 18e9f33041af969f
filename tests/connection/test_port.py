"""The connection table and its refusals."""

from __future__ import annotations

import attrs
import pytest

from ouc.connection import Effect, LinkState
from ouc.errors import ParameterError

from .shell import ACTIVE, PASSIVE, Bench, described


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
    from ouc.connection import LinkEvent

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
