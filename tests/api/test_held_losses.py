"""A held connection that is lost while data are under way, in either direction."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from ouc import Station
from ouc.api import Changes, Held, LifeSign
from ouc.connection import LinkEvent, LinkState
from ouc.errors import ConnectionLost
from ouc.station import Happening
from ouc.station.streams import StreamLife

from ..plant import free_port
from ..station.partner import SENT, WIDE, arrived_in_the_socket, dial, leave, let_sends_fail, passive
from ..station.test_messages import QUICK, no_own_addresses, station, until

pytestmark = no_own_addresses


@asynccontextmanager
async def held(**options: Any) -> AsyncIterator[tuple[Held, Station, trio.SocketStream]]:
    port = free_port()
    async with station(1, profile=options.pop("profile", WIDE)) as one:
        async with one.hold(passive(port), **options) as value:
            partner = await dial(port)
            await until(lambda: value.up)
            async with partner:
                yield value, one, partner


@pytest.mark.parametrize("ending", ["FIN", "RST"])
@pytest.mark.parametrize("trouble", ["nothing else", "a send fails", "the life sign fails"])
@pytest.mark.parametrize("profile", [QUICK, WIDE], ids=["buffer of a CPU", "read ahead"])
async def test_a_held_connection_gives_what_arrived_before_it_tells_the_loss(
    monkeypatch: pytest.MonkeyPatch, trouble: str, ending: str, profile: Any
) -> None:
    sign = LifeSign(every=0.02, message=b"?") if trouble == "the life sign fails" else None
    async with held(profile=profile, life_sign=sign) as (value, one, partner):
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        if trouble != "nothing else":
            let_sends_fail(monkeypatch, one)
        if trouble == "a send fails":
            with pytest.raises(ConnectionLost):
                await value.send(b"x")
        await leave(partner, ending)
        # The program looks late.
        await until(lambda: not value.up)
        connection = value._current
        assert connection is not None
        assert await connection.receive(len(SENT)) == SENT
        with pytest.raises(ConnectionLost):
            await connection.receive_some()


async def test_a_reset_behind_an_inbox_that_nobody_empties_is_noticed_within_a_second_or_so(
    autojump_clock: Any,
) -> None:
    async with held(profile=QUICK) as (value, one, partner):
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        before = trio.current_time()
        await leave(partner, "RST")
        await until(lambda: not value.up)
        assert trio.current_time() - before < 3


async def test_a_failed_send_ends_the_connection_even_if_the_partner_is_silent_and_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with held() as (value, one, partner):
        let_sends_fail(monkeypatch, one)
        with pytest.raises(ConnectionLost, match="closed the connection"):
            await value.send(b"x")
        await until(lambda: not value.up)
        # The partner learns of it, and the end waits for the next one.
        with trio.fail_after(30), pytest.raises(trio.BrokenResourceError):
            while True:
                await partner.receive_some()
        assert value.link.state is LinkState.LISTENING


@pytest.mark.parametrize("ending", ["FIN", "RST"])
async def test_a_loss_between_two_receives_is_told_by_changes_and_the_next_one_waits(ending: str) -> None:
    async with held() as (value, _, partner):
        await partner.send_all(b"first")
        assert await value.receive(5) == b"first"
        await leave(partner, ending)
        await until(lambda: not value.up)
        async with await dial(value.link.endpoint.local_port) as again:
            await again.send_all(b"second")
            assert await value.receive(6) == b"second"
        changes = value.changes()
        told = [(await anext(changes)).event for _ in range(3)]
    assert told == [LinkEvent.UP, LinkEvent.LOST, LinkEvent.UP]


async def test_changes_that_nobody_looked_at_in_time_are_counted() -> None:
    async with held() as (value, _, partner):
        happening = Happening(connection_id=1, event=LinkEvent.REFUSED)
        for _ in range(256 + 44 - 1):
            value._note(happening)
        assert value.missed == 44
        assert len([one async for one in _first(value.changes(), 256)]) == 256
        value._note(happening)
        assert value.missed == 44
        await partner.aclose()


async def _first(changes: Changes, count: int) -> AsyncIterator[Happening]:
    for _ in range(count):
        yield await changes.__anext__()


async def test_a_life_sign_is_sent_once_in_its_time_and_not_more_often(
    autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    say, said = Held._say, itertools.count()

    async def counted(*arguments: Any) -> None:
        # The clock stands still while somebody is busy: whoever speaks without a pause would speak for ever.
        assert next(said) < 100
        await say(*arguments)

    monkeypatch.setattr(Held, "_say", counted)
    async with held(life_sign=LifeSign(every=1, message=b"?")) as (value, _, partner):
        await trio.sleep(10.5)
        assert value.link.sent == 10
        assert await partner.receive_some() == b"?" * 10
        # A message of the program's own takes its place.
        await value.send(b"!")
        await trio.sleep(0.9)
        assert value.link.sent == 11
        await trio.sleep(0.2)
        assert value.link.sent == 12


async def test_a_send_waits_for_one_that_was_cancelled_and_takes_no_memory_meanwhile() -> None:
    large = bytes(range(256)) * 40_000
    async with held() as (value, one, partner):
        connection = value.current
        (life,) = one._lives.values()
        assert isinstance(life, StreamLife)
        assert life.attendance is not None
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def cancelled() -> None:
                with scope:
                    await connection.send(large)

            nursery.start_soon(cancelled)
            await until(lambda: connection._pending)
            scope.cancel()
            await trio.testing.wait_all_tasks_blocked(0.01)
            for message in (b"first", b"second", b"third"):
                nursery.start_soon(connection.send, message)
                await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(life.attendance._jobs) == 1
            got = bytearray()
            with trio.fail_after(30):
                while len(got) < len(large) + 16:
                    got += await partner.receive_some()
        assert got == large + b"firstsecondthird"
        await partner.aclose()
