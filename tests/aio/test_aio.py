"""The asyncio face, against a partner written with asyncio's own streams."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import ouc
from ouc import aio

from ..plant import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def served(handler: Handler, client: Callable[[int], Awaitable[Any]]) -> Any:
    """Run `client` with the port of a server that gives each partner to `handler`."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        return await asyncio.wait_for(client(server.sockets[0].getsockname()[1]), 60)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_bytes_travel_both_ways() -> None:
    async def client(port: int) -> None:
        async with aio.connect("127.0.0.1", port, plain=True) as connection:
            await connection.send(b"hello")
            assert await connection.receive(5) == b"hello"
            assert connection.partner == f"127.0.0.1:{port}"

    asyncio.run(served(echo, client))


def test_two_connections_work_at_the_same_time() -> None:
    async def client(port: int) -> None:
        async def talk(number: int) -> bytes:
            async with aio.connect("127.0.0.1", port, plain=True) as connection:
                await connection.send(bytes([number]) * 1000)
                return await connection.receive(1000)

        answers = await asyncio.gather(*(talk(number) for number in range(8)))
        assert answers == [bytes([number]) * 1000 for number in range(8)]

    asyncio.run(served(echo, client))


def test_a_cancelled_receive_loses_nothing() -> None:
    async def client(port: int) -> None:
        async with aio.connect("127.0.0.1", port, plain=True) as connection:
            await connection.send(b"abc")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.receive(6), 0.05)
            await connection.send(b"def")
            assert await connection.receive(6) == b"abcdef"

    asyncio.run(served(echo, client))


def test_iteration_ends_with_the_partner() -> None:
    async def say_goodbye(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"goodbye")
        await writer.drain()
        writer.close()

    async def client(port: int) -> bytes:
        async with aio.connect("127.0.0.1", port, plain=True) as connection:
            return b"".join([piece async for piece in connection])

    assert asyncio.run(served(say_goodbye, client)) == b"goodbye"


def test_connecting_to_nobody_raises_what_the_trio_face_raises() -> None:
    async def attempt() -> None:
        async with aio.connect("127.0.0.1", free_port(), plain=True):
            pytest.fail("connected to nobody")

    with pytest.raises(ouc.ConnectionLost) as caught:
        asyncio.run(attempt())
    assert caught.value.status == 0x80C5


def test_a_cancelled_connect_leaves_nothing_behind() -> None:
    dialled, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(4096):
                dialled.set()
        gone.set()
        writer.close()

    async def client(port: int) -> None:
        from ..plant import plant

        async def attempt() -> None:
            async with aio.connect("127.0.0.1", port, ca=plant().export(3, "pem").data):
                pytest.fail("connected")

        connecting = asyncio.create_task(attempt())
        await dialled.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await gone.wait()

    asyncio.run(served(silent, client))


def test_the_body_s_exception_leaves_as_it_is() -> None:
    async def client(port: int) -> None:
        with pytest.raises(KeyError):
            async with aio.connect("127.0.0.1", port, plain=True):
                raise KeyError

    asyncio.run(served(echo, client))


def test_a_station_for_asyncio_connects_by_description() -> None:
    from ouc import TCON_IP_v4

    async def client(port: int) -> None:
        description = TCON_IP_v4(RemoteAddress="127.0.0.1", RemotePort=port, LocalPort=0)
        async with aio.Station() as station, station.connect(description) as connection:
            await connection.send(b"x")
            assert await connection.receive(1) == b"x"

    asyncio.run(served(echo, client))
