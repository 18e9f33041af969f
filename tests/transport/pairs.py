"""Pairs of connected streams for the contract tests."""

from __future__ import annotations

import contextlib
import socket
from ipaddress import IPv4Address

import trio

from ouc.transport import TCPStream, dial, listen

LOOPBACK = IPv4Address("127.0.0.1")


async def tcp_pair(*, linger: float = 0.0, budget: int = 0) -> tuple[TCPStream, TCPStream]:
    """Two ends of one TCP connection; budget 0 obeys trio's checkpoint rule to the letter."""
    with listen(LOOPBACK, 0) as listener:
        accepted: list[TCPStream] = []

        async def accept() -> None:
            accepted.append(await listener.accept())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            dialled = await dial(LOOPBACK, listener.port)
    ends = []
    for stream in (dialled, accepted[0]):
        sock = stream._socket.dup()
        sock.setblocking(False)
        stream._socket.close()
        ends.append(TCPStream(sock, linger=linger, budget=budget))
    return ends[0], ends[1]


async def clogged_pair() -> tuple[TCPStream, TCPStream]:
    """Two ends whose buffers are full in both directions.

    A socket pair of the system's own kind: unlike TCP it is full when it says so, at once and for good.
    """
    ends = []
    for sock in socket.socketpair():
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.send(bytes(4096))
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.send(b"x")
        ends.append(TCPStream(sock, linger=0, budget=0))
    return ends[0], ends[1]
