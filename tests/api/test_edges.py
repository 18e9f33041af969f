"""Odd orders of opening, closing and asking, as a Python program may try them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import trio

import ouc
from ouc.api import LifeSign
from ouc.errors import ConnectionLost, ParameterError
from ouc.params import TCON_IP_v4
from ouc.station.streams import StreamLife

from ..plant import client_description, free_port, server_description
from .test_hold import QUICK, both, cut, station

no_own_addresses = pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")


def udp(port: int) -> TCON_IP_v4:
    return TCON_IP_v4(ConnectionType=19, ActiveEstablished=False, RemoteAddress="192.168.0.9", LocalPort=port, RemotePort=0)


async def test_a_UDP_description_cannot_be_held() -> None:
    async with ouc.Station(addresses=ouc.loopback()) as one:
        with pytest.raises(ParameterError) as caught:
            async with one.hold(udp(free_port())):
                raise AssertionError("held")
        assert caught.value.status == 0x80B3
        assert one.port.links == ()


@no_own_addresses
async def test_a_UDP_port_can_be_opened_again_as_soon_as_it_was_left() -> None:
    port = free_port()
    async with ouc.Station(address="192.168.0.1", addresses=ouc.loopback(), profile=QUICK) as one:
        with trio.fail_after(30):
            for _ in range(3):
                async with one.datagrams(udp(port)):
                    pass
        assert one.port.links == ()


async def test_a_latest_message_is_sent_although_the_hold_is_left_at_once() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with station("PLC-1") as one, station("PLC-2") as two, one.hold(server_description(port)) as server:
            async with two.hold(client_description(port), when_down="latest") as client:
                await client.wait_up()
                connection = await server.wait_up()
                await client.send(b"now")
            assert await connection.receive(3) == b"now"
            assert client.dropped == 0


async def test_a_latest_message_that_never_left_is_counted() -> None:
    async with station("PLC-2") as two:
        async with two.hold(client_description(free_port()), when_down="latest") as client:
            await client.send(b"to nobody")
        assert client.dropped == 1


async def test_latest_gives_other_tasks_a_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with station("PLC-2") as two, two.hold(client_description(free_port()), when_down="latest") as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            for number in range(100):
                await client.send(b"%d" % number)
            nursery.cancel_scope.cancel()
    assert turns > 50


async def test_patience_is_each_sender_s_own(autojump_clock: Any) -> None:
    took: list[float] = []

    async def send() -> None:
        begun = trio.current_time()
        with pytest.raises(ConnectionLost):
            await held.send(b"x")
        took.append(trio.current_time() - begun)

    async with station("PLC-2") as two:
        async with two.hold(client_description(free_port()), when_down="wait", patience=7) as held:
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(send)
    assert max(took) < 8


async def test_what_arrived_and_was_not_received_is_still_there_after_the_connection_came_back() -> None:
    async with both() as (client, server, one):
        await client.send(b"first")
        await client.send(b"second")
        assert await server.receive(5) == b"first"
        await server.bell.until(lambda: len(server.link.inbox) == 6)
        cut(one)
        await server.bell.until(lambda: server.link.epoch >= 2 and server.up)
        await client.bell.until(lambda: client.link.epoch >= 2 and client.up)
        await client.send(b"third")
        assert await server.receive(6) == b"second"
        assert await server.receive(5) == b"third"


async def test_a_message_cut_off_by_a_loss_is_told_once_and_the_next_establishment_begins_with_its_own() -> None:
    async with both() as (client, server, one):
        await client.send(b"half a me")
        await server.bell.until(lambda: len(server.link.inbox) == 9)
        cut(one)
        await server.bell.until(lambda: server.link.epoch >= 2 and server.up)
        await client.bell.until(lambda: client.link.epoch >= 2 and client.up)
        await client.send(b"a whole message")
        with pytest.raises(ConnectionLost):
            await server.receive(15)
        assert await server.receive(15) == b"a whole message"


async def test_a_partner_whose_bytes_are_not_taken_is_not_given_up_as_silent() -> None:
    async with both(life_sign=LifeSign(patience=0.1)) as (client, server, _):
        # More than the inbox keeps, and nobody takes it: the silence is this side's.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.send, bytes(2_000_000))
            await client.bell.until(lambda: client.link.inbox.room <= 0)
            (life,) = client._station._lives.values()
            assert isinstance(life, StreamLife)
            with trio.move_on_after(0.3):
                await client.bell.until(lambda: life.attendance and life.attendance.loss)
            assert life.attendance is not None
            assert life.attendance.loss is None
            nursery.cancel_scope.cancel()
