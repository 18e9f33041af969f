"""A cancellation that comes in the moment in which the call has ended: what it received is not lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ouc import aio
from ouc.bridge import background
from ouc.s7 import DataBlock

Take = Callable[[aio.Connection], Awaitable[Any]]

WAYS: dict[str, Take] = {
    "receive": lambda connection: connection.receive(4),
    "receive_some": lambda connection: connection.receive_some(),
    "receive_into": lambda connection: connection.receive_into(bytearray(4)),
    "iteration": lambda connection: connection.__anext__(),
    "records": lambda connection: connection.records(DataBlock({"a": "DInt"})).__anext__(),
}


def settle() -> None:
    """Let the trio thread do what it has to do, while this loop stands still."""

    async def turn() -> None:
        return None

    background().start(turn).future.result(20)


@pytest.mark.parametrize("way", WAYS)
def test_what_arrived_in_the_moment_of_the_cancellation_is_received_next(way: str) -> None:
    async def program() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with aio.connect("127.0.0.1", listener.getsockname()[1], plain=True) as connection:
                other, _ = listener.accept()
                with other:
                    receiving = asyncio.ensure_future(WAYS[way](connection))
                    await asyncio.sleep(0)
                    settle()
                    other.sendall(b"data")
                    while connection.facts.received < 4:
                        settle()
                    settle()
                    receiving.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await receiving
                    other.sendall(b"more")
                    assert await asyncio.wait_for(connection.receive(8), 20) == b"datamore"

    asyncio.run(program())


def test_a_cancelled_receive_into_leaves_the_area_as_it_was() -> None:
    async def program() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with aio.connect("127.0.0.1", listener.getsockname()[1], plain=True) as connection:
                other, _ = listener.accept()
                with other:
                    area = bytearray(b"????")
                    receiving = asyncio.ensure_future(connection.receive_into(area))
                    await asyncio.sleep(0)
                    settle()
                    other.sendall(b"data")
                    while connection.facts.received < 4:
                        settle()
                    settle()
                    receiving.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await receiving
                    assert area == b"????"

    asyncio.run(program())
