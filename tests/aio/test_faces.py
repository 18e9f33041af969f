"""Everything that the trio face offers, under asyncio: held connections, servers, records, datagrams."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

import ouc
from ouc import aio, profiles
from ouc.connection import LinkEvent
from ouc.params import TCON_IP_v4
from ouc.s7 import DataBlock

from ..plant import client_description, free_port, plant, server_description

QUICK = attrs.evolve(profiles.DEFAULT, retry_first=0.01, retry_max=0.02)


def station(name: str) -> aio.Station:
    return aio.Station(plant().device(name), addresses=ouc.loopback(), profile=QUICK)


def for_anybody(port: int) -> Any:
    described = server_description(port)
    return attrs.evolve(described, ConnPara=attrs.evolve(described.ConnPara, RemoteAddress="0.0.0.0"))


async def echo(connection: aio.Connection) -> None:
    async for piece in connection:
        await connection.send(piece)


@asynccontextmanager
async def served(handler: Any = echo) -> AsyncIterator[tuple[aio.Station, Any, Any]]:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, asyncio.timeout(30):
        async with one.serving(for_anybody(port), handler) as finished:
            yield two, client_description(port), finished


def test_ten_partners_are_served_in_the_callers_loop() -> None:
    async def main() -> None:
        loop, seen = asyncio.get_running_loop(), set()

        async def handler(connection: aio.Connection) -> None:
            seen.add(asyncio.get_running_loop() is loop)
            await echo(connection)

        async with served(handler) as (two, description, _):

            async def partner(number: int) -> bytes:
                mine = attrs.evolve(description, ConnPara=attrs.evolve(description.ConnPara, ID=number))
                async with two.connect(mine) as connection:
                    await connection.send(b"%02d" % number)
                    return await connection.receive(2)

            assert await asyncio.gather(*map(partner, range(1, 11))) == [b"%02d" % number for number in range(1, 11)]
        assert seen == {True}

    asyncio.run(main())


@pytest.mark.parametrize("error", [TimeoutError, ZeroDivisionError, asyncio.CancelledError])
def test_what_fails_in_a_handler_ends_its_own_partner_and_the_serving_goes_on(error: type[BaseException]) -> None:
    async def wrong(connection: aio.Connection) -> None:
        if await connection.receive(3) == b"bad":
            raise error("a mistake")
        await connection.send(b"good")

    async def main() -> None:
        async with served(wrong) as (two, description, _):
            with pytest.raises(ouc.ConnectionLost):
                async with two.connect(description) as connection:
                    await connection.send(b"bad")
                    await connection.receive(1)
            async with two.connect(description) as connection:
                await connection.send(b"one")
                assert await connection.receive(4) == b"good"

    asyncio.run(main())


def test_a_held_connection_iterates_over_changes_and_establishments() -> None:
    async def main() -> None:
        async with served() as (two, description, _), two.hold(description, when_down="wait") as held:
            await held.send(b"one")
            async for connection in held:
                assert await connection.receive(3) == b"one"
                break
            async for change in held.changes():
                assert change.event is LinkEvent.UP
                break
            await held.send(b"two")
            assert await held.receive(3) == b"two"
            assert held.up
            assert held.current.facts.sent == 6

    asyncio.run(main())


def test_a_cancelled_wait_for_a_held_connection_leaves_it_usable() -> None:
    async def main() -> None:
        async with served() as (two, description, _), two.hold(description) as held:
            connection = await held.wait_up()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await connection.receive(1)
            await held.send(b"x")
            assert await connection.receive(1) == b"x"

    asyncio.run(main())


def test_records_and_joined_messages() -> None:
    async def main() -> None:
        block = DataBlock({"number": "Int"})
        async with served() as (two, description, _), two.connect(description) as connection:
            images = [bytes(DataBlock(block.layout, number.to_bytes(2))) for number in range(3)]
            assert await connection.send_many(images) == 3
            got = []
            async for record in connection.records(block):
                got.append(record["number"])
                if len(got) == 3:
                    break
            assert got == [0, 1, 2]

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")
def test_datagrams() -> None:
    async def main() -> None:
        port = free_port()
        described = TCON_IP_v4(
            ConnectionType=19, ActiveEstablished=False, RemoteAddress="192.168.0.9", LocalPort=port, RemotePort=0
        )
        options: dict[str, Any] = {"addresses": ouc.loopback()}
        async with aio.Station(address="192.168.0.1", **options) as one, aio.Station(address="192.168.0.2", **options) as two:
            async with one.datagrams(described) as first, two.datagrams(described) as second, asyncio.timeout(30):
                await first.send(b"ping", ("192.168.0.2", port))
                async for data, sender in second:
                    assert (data, str(sender[0])) == (b"ping", "192.168.0.1")
                    break

    asyncio.run(main())


def test_the_plain_way_serves_until_it_is_cancelled(tmp_path: Any) -> None:
    from ..plant import pem_files

    files = pem_files(tmp_path, device="PLC-1", own=9)

    async def main() -> None:
        port = free_port()
        server: Any = {"ca": files.ca, "cert": files.cert, "key": files.key}
        async with aio.serving(port, echo, host="127.0.0.1", **server), asyncio.timeout(30):
            async with aio.hold("127.0.0.1", port, **server, check_address=False, when_down="wait") as held:
                await held.send(b"hello")
                assert await held.receive(5) == b"hello"
        task = asyncio.create_task(aio.serve(port, echo, host="127.0.0.1", **server))
        async with aio.hold("127.0.0.1", port, **server, check_address=False, when_down="wait") as held:
            await held.send(b"again")
            assert await held.receive(5) == b"again"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
