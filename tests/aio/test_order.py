"""Calls that are begun one behind the other take effect in that order."""

from __future__ import annotations

import asyncio
import socket

import ouc
from ouc import aio

from ..api.test_hold import QUICK
from ..plant import free_port
from ..station.partner import passive
from ..station.test_messages import no_own_addresses

pytestmark = no_own_addresses


def _arrived(sock: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += sock.recv(1000)
    return got


async def _partner(held: aio.Held, port: int) -> socket.socket:
    sock = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), 30, ("127.0.0.2", 0))
    await held.wait_up()
    return sock


def test_messages_that_are_sent_together_leave_in_the_order_of_the_calls() -> None:
    async def main() -> None:
        port = free_port()
        async with aio.Station(address="192.168.0.1", addresses=ouc.loopback(), profile=QUICK) as one:
            async with one.hold(passive(port)) as held:
                with await _partner(held, port) as sock:
                    expected = b"".join(b"%02d" % number for number in range(50))
                    for _ in range(5):
                        await asyncio.gather(*(held.send(b"%02d" % number) for number in range(50)))
                        assert await asyncio.to_thread(_arrived, sock, 100) == expected

    asyncio.run(asyncio.wait_for(main(), 60))


def test_the_latest_message_is_the_one_of_the_latest_call() -> None:
    async def main() -> None:
        port = free_port()
        async with aio.Station(address="192.168.0.1", addresses=ouc.loopback(), profile=QUICK) as one:
            for _ in range(5):
                async with one.hold(passive(port), when_down="latest") as held:
                    await asyncio.gather(*(held.send(b"%02d" % number) for number in range(20)))
                    with await _partner(held, port) as sock:
                        assert await asyncio.to_thread(_arrived, sock, 2) == b"19"

    asyncio.run(asyncio.wait_for(main(), 60))
