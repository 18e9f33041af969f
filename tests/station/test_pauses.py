"""How long a station waits before it tries again, and what is closed before it has begun."""

from __future__ import annotations

import itertools
import random
from functools import partial
from typing import Any

import attrs
import pytest
import trio

from ouc.connection import Link, LinkEvent, LinkState
from ouc.errors import ConnectionLost
from ouc.params import TCON_IP_v4
from ouc.profiles import DEFAULT
from ouc.station import Happening
from ouc.station.pauses import Pauses
from ouc.transport import Opener, UDPPort

from ..plant import free_port
from .partner import passive
from .test_messages import active_iso, datagrams, no_own_addresses, passive_iso, station, until

pytestmark = no_own_addresses


def pauses(**options: Any) -> Pauses:
    profile = attrs.evolve(DEFAULT, retry_jitter=0.0, **options)
    return Pauses(profile, random.Random(1))


def test_a_short_establishment_does_not_begin_the_pauses_anew() -> None:
    some = pauses()
    lengths = []
    for _ in range(8):
        lengths.append(some.next())
        some.was_established(29.9)
    assert lengths == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_long_one_does() -> None:
    some = pauses()
    assert [some.next() for _ in range(3)] == [1, 2, 4]
    some.was_established(30.0)
    assert some.next() == 1


def test_how_long_is_an_option_of_the_profile() -> None:
    some = pauses(retry_forget=5.0)
    assert [some.next(), some.next()] == [1, 2]
    some.was_established(5.0)
    assert some.next() == 1


class _Chance(random.Random):
    """Without jitter, and with a list of the pauses that were asked for."""

    def uniform(self, _: float, __: float) -> float:
        return 0.0


async def test_a_partner_that_accepts_and_closes_is_dialled_less_and_less_often(autojump_clock: Any) -> None:
    port, came = free_port(), []

    async def accept(stream: trio.SocketStream) -> None:
        came.append(trio.current_time())
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, accept, port, host="127.0.0.1"))
        async with station(2, profile=DEFAULT, chance=_Chance()) as two:
            two.port.establish(TCON_IP_v4(RemoteAddress="192.168.0.1", RemotePort=port, LocalPort=0))
            while len(came) < 8:  # noqa: ASYNC110 - only time passes here
                await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    gaps = [round(later - earlier) for earlier, later in itertools.pairwise(came)]
    assert gaps == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(("lasts", "gaps"), [(29, [30, 31, 33, 37]), (31, [32, 32, 32, 32])], ids=["short", "long"])
async def test_only_a_connection_that_was_established_for_a_while_is_dialled_at_once_again(
    autojump_clock: Any, lasts: int, gaps: list[int]
) -> None:
    port, came = free_port(), []

    async def accept(stream: trio.SocketStream) -> None:
        came.append(trio.current_time())
        async with stream:
            await trio.sleep(lasts)

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, accept, port, host="127.0.0.1"))
        async with station(2, profile=DEFAULT, chance=_Chance()) as two:
            two.port.establish(TCON_IP_v4(RemoteAddress="192.168.0.1", RemotePort=port, LocalPort=0))
            while len(came) < 5:  # noqa: ASYNC110 - only time passes here
                await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    assert [round(later - earlier) for earlier, later in itertools.pairwise(came)] == gaps


async def test_a_UDP_port_that_is_taken_is_tried_again_less_and_less_often(
    autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []
    told: list[Happening] = []
    original = Opener.open_datagrams

    def taken(opener: Opener, *arguments: Any, **options: Any) -> UDPPort:
        tried.append(trio.current_time())
        if len(tried) < 5:
            raise ConnectionLost("the port is taken", status=0x80A1)
        return original(opener, *arguments, **options)

    monkeypatch.setattr(Opener, "open_datagrams", taken)
    port = free_port()
    async with station(2, profile=DEFAULT, chance=_Chance(), on_event=told.append) as two:
        two.port.establish(
            TCON_IP_v4(
                ConnectionType=0x13, ActiveEstablished=False, RemoteAddress="192.168.0.9", RemotePort=0, LocalPort=port
            )
        )
        while len(tried) < 5:  # noqa: ASYNC110 - only time passes here
            await trio.sleep(0.5)
        await trio.sleep(0.5)
    assert [round(later - earlier) for earlier, later in itertools.pairwise(tried)] == [1, 2, 4, 8]
    assert [(one.event, one.partner) for one in told][-1] == (LinkEvent.UP, f"UDP port {port}")


# -- closed before it has begun ------------------------------------------------------------------------------------------


async def test_a_passive_ISO_end_that_is_closed_before_its_task_ran_harms_nothing() -> None:
    port = free_port()
    async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
        for _ in range(3):
            gone = one.port.establish(passive_iso())
            one.port.terminate(gone)
            await until(partial(_is_gone, gone))
        link, other = one.port.establish(passive_iso()), two.port.establish(active_iso())
        await until(lambda: link.established and other.established)


@pytest.mark.parametrize("kind", ["ISO-on-TCP", "TCP", "TCP active", "UDP"])
async def test_a_station_that_is_left_right_after_TCON_is_left_in_peace(kind: str) -> None:
    port = free_port()
    description: Any = {
        "ISO-on-TCP": passive_iso(),
        "TCP": passive(port),
        "TCP active": TCON_IP_v4(RemoteAddress="192.168.0.1", RemotePort=port, LocalPort=0),
        "UDP": datagrams(port),
    }[kind]
    for terminate in (False, True):
        told: list[Any] = []
        async with station(1 if "active" not in kind else 2, iso_port=port, on_event=told.append) as one:
            link = one.port.establish(description)
            if terminate:
                one.port.terminate(link)
        assert told == []


def _is_gone(link: Link) -> bool:
    return link.state is LinkState.ABSENT
