"""Connections that are kept up, and what a program sees of them."""

from __future__ import annotations

import contextlib
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

import ouc
from ouc import profiles
from ouc.api import Held, LifeSign
from ouc.connection import LinkEvent
from ouc.errors import CertificateError, ConnectionLost, LocalProtocolError, ParameterError
from ouc.station.streams import StreamLife

from ..plant import client_description, free_port, plant, server_description

QUICK = attrs.evolve(profiles.DEFAULT, retry_first=0.01, retry_max=0.02, handshake_timeout=5.0)


def station(name: str) -> ouc.Station:
    return ouc.Station(plant().device(name), addresses=ouc.loopback(), profile=QUICK)


@asynccontextmanager
async def both(**options: Any) -> AsyncIterator[tuple[Held, Held, ouc.Station]]:
    """PLC-2's held connection, PLC-1's, and PLC-1's station."""
    port = free_port()
    with trio.fail_after(30):
        async with station("PLC-1") as one, station("PLC-2") as two:
            async with one.hold(server_description(port)) as server, two.hold(client_description(port), **options) as client:
                await client.wait_up()
                await server.wait_up()
                yield client, server, one


def cut(one: ouc.Station) -> None:
    """The connection ends without a goodbye, behind the station's back."""
    (life,) = one._lives.values()
    assert isinstance(life, StreamLife)
    assert life.wire is not None
    with contextlib.suppress(OSError):  # the partner was faster
        life.wire.tcp._socket.shutdown(socket.SHUT_RDWR)


async def down(held: Held) -> None:
    await held.bell.until(lambda: not held.up)


async def test_data_travel_both_ways_over_a_held_connection() -> None:
    async with both() as (client, server, _):
        await client.send(b"to the server")
        assert await server.receive(13) == b"to the server"
        await server.send(b"and back")
        assert await client.receive_some() == b"and back"
        facts = client.current.facts
        assert (facts.sent, facts.received, facts.protocol, facts.established) == (13, 8, "TCP", True)
        assert facts.tls is not None
        assert facts.tls.version == "TLS 1.3"


async def test_it_comes_back_by_itself_and_each_establishment_is_told() -> None:
    async with both() as (client, server, one):
        seen = []
        async for connection in client:
            seen.append(connection)
            if len(seen) == 3:
                break
            await server.bell.until(lambda: server.link.epoch == len(seen) and server.up)
            cut(one)
            with pytest.raises(ConnectionLost) as caught:
                await connection.receive_some()
            assert caught.value.status == 0x80C5
        changes: list[LinkEvent] = []
        async for change in client.changes():
            changes.append(change.event)
            if changes.count(LinkEvent.UP) == 3:
                break
    told = [event for event in changes if event is not LinkEvent.REFUSED]
    assert told == [LinkEvent.UP, LinkEvent.LOST] * 2 + [LinkEvent.UP]
    assert len({id(one) for one in seen}) == 3


async def test_a_message_that_arrived_before_the_loss_is_received_after_it() -> None:
    async with both() as (client, server, one):
        connection = server.current
        await client.send(b"last words")
        await server.bell.until(lambda: len(server.link.inbox) == 10)
        cut(one)
        await server.bell.until(lambda: server.link.epoch >= 2 and server.up)
        assert await connection.receive(10) == b"last words"
        with pytest.raises(ConnectionLost):
            await connection.receive(1)


async def test_raise_raises_at_once_while_the_connection_is_down() -> None:
    async with station("PLC-2") as two, two.hold(client_description(free_port())) as held:
        with pytest.raises(ConnectionLost):
            await held.send(b"x")
        with trio.fail_after(30):
            await held.bell.until(lambda: held.failure)
        with pytest.raises(ConnectionLost) as caught:
            await held.send(b"x")
        assert caught.value.status == 0x80C5


async def test_wait_waits_for_the_connection_but_not_longer_than_patience(autojump_clock: Any) -> None:
    async with station("PLC-2") as two:
        async with two.hold(client_description(free_port()), when_down="wait", patience=7) as held:
            begun = trio.current_time()
            with pytest.raises(ConnectionLost):
                await held.send(b"x")
            assert 7 <= trio.current_time() - begun < 8


async def test_wait_sends_as_soon_as_the_connection_stands() -> None:
    async with both(when_down="wait") as (client, server, one):
        cut(one)
        await down(client)
        await client.send(b"after the cut")
        assert await server.receive(13) == b"after the cut"


async def test_latest_keeps_the_newest_message_only_and_counts_the_others() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with station("PLC-1") as one, station("PLC-2") as two:
            async with two.hold(client_description(port), when_down="latest") as client:
                for number in range(5):
                    await client.send(b"value %d" % number)
                async with one.hold(server_description(port)) as server:
                    assert await server.receive(7) == b"value 4"
                    assert client.dropped == 4


async def test_a_send_that_is_cancelled_is_sent_whole_or_not_at_all() -> None:
    async with both() as (client, server, _):
        with trio.move_on_after(0):
            await client.send(b"never begun")
        await client.send(b"A" * 1000)
        assert await server.receive(1000) == b"A" * 1000
        # Nobody reads at the server, so this one cannot finish soon.
        big = b"B" * 4_000_000
        with trio.move_on_after(0.05):
            await client.send(big)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, b"C" * 10)
            assert await server.receive(len(big)) == big
            assert await server.receive(10) == b"C" * 10


async def test_a_partner_that_closes_ends_the_iteration_as_one_that_is_cut_off_does_and_the_loss_tells_which() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with station("PLC-1") as one, station("PLC-2") as two, one.hold(server_description(port)) as server:
            async with two.connect(client_description(port)) as polite:
                await polite.send(b"bye")
            connection = await server.wait_up() if server.up else server._current
            assert connection is not None
            assert [piece async for piece in connection] == [b"bye"]
            assert connection.loss is not None
            assert connection.loss.orderly
            async with two.connect(client_description(port)) as rude:
                connection = await server.wait_up()
                rude._wire.tcp.abort()
                assert [piece async for piece in connection] == []
                assert connection.loss is not None
                assert not connection.loss.orderly
                with pytest.raises(ConnectionLost):
                    await connection.receive_some()


async def test_what_was_handed_over_is_delivered_when_the_hold_is_left() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with station("PLC-1") as one, station("PLC-2") as two, one.hold(server_description(port)) as server:
            async with two.hold(client_description(port), when_down="wait") as client:
                await client.send(b"Z" * 200_000)
            assert server._current is not None
            assert await server._current.receive(200_000) == b"Z" * 200_000
            assert two.port.links == ()


async def test_a_wrong_reference_is_told_on_entering_and_nothing_is_tried() -> None:
    async with station("PLC-2") as two:
        with pytest.raises(CertificateError):
            async with two.hold(client_description(free_port(), TLSServerCertRef=77)):
                raise AssertionError("entered")
        assert two.port.links == ()


async def test_a_silent_partner_is_given_up_after_the_patience_of_the_life_sign() -> None:
    async with both(life_sign=LifeSign(every=0.02, message=b"alive?", patience=0.1)) as (client, server, _):
        first = server._current
        async for change in client.changes():
            if change.event is LinkEvent.LOST:
                break
        assert change.failure is not None
        assert change.failure.status == 0x80C7
        assert first is not None
        assert await first.receive(6) == b"alive?"


async def test_a_partner_that_answers_the_life_sign_stays() -> None:
    async with both(life_sign=LifeSign(every=0.01, message=b"?", patience=20)) as (client, server, _):
        for _ in range(20):
            await server.receive(1)
            await server.send(b"!")
        assert await client.receive(20) == b"!" * 20
        assert client.link.epoch == 1


@pytest.mark.parametrize(
    "members", [{}, {"every": 1}, {"every": -1, "message": b"x"}], ids=["nothing", "no message", "negative"]
)
def test_a_life_sign_that_says_nothing_and_expects_nothing_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        LifeSign(**members)


async def test_a_connection_that_TDISCON_takes_away_ends_everything_that_waits_for_it() -> None:
    async with both() as (client, server, one):
        one.port.terminate(server.link)
        assert [connection async for connection in server] == [server._current]
        with pytest.raises(LocalProtocolError, match="taken away") as caught:
            await server.wait_up()
        assert caught.value.status == 0x80A3
        with pytest.raises(LocalProtocolError):
            await server.send(b"x")
        changes = [change.event async for change in server.changes()]
        assert changes[0] is LinkEvent.UP
        await down(client)


async def test_a_station_that_is_left_first_ends_its_held_connections() -> None:
    port, ended = free_port(), trio.Event()

    async def keep(two: ouc.Station, task_status: Any) -> None:
        async with two.hold(client_description(port)) as client:
            await client.wait_up()
            task_status.started()
            with pytest.raises(LocalProtocolError):
                await client.bell.until(lambda: not client.up)
                await client.wait_up()
        ended.set()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery, station("PLC-1") as one, one.hold(server_description(port)):
            async with station("PLC-2") as two:
                await nursery.start(keep, two)
            await ended.wait()


async def test_leaving_by_an_exception_leaves_nothing_behind() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two:
        with pytest.raises(ZeroDivisionError):
            async with one.hold(server_description(port)), two.hold(client_description(port)):
                raise ZeroDivisionError
        assert one.port.links == two.port.links == ()
        assert one.listeners == two.listeners == []
    gc.collect()
