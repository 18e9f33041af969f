"""Datagrams that the system does not take at once."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address
from typing import Any

import pytest
import trio

from ouc.transport import UDPPort

HERE = IPv4Address("127.0.0.1")


class Full:
    """A socket whose buffer is full, or whose last datagram found nobody, as often as its list says."""

    def __init__(self, sock: socket.socket, *failures: type[OSError]) -> None:
        self._sock, self.failures = sock, list(failures)

    def sendto(self, *arguments: Any) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return self._sock.sendto(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.mark.parametrize(
    "failures",
    [(BlockingIOError,), (ConnectionRefusedError,), (ConnectionRefusedError, BlockingIOError, BlockingIOError)],
)
async def test_a_datagram_that_the_system_did_not_take_is_sent_again_and_once(failures: Any) -> None:
    told: list[Any] = []
    receiver, sender = UDPPort(HERE, 0), UDPPort(HERE, 0, tap=lambda *one: told.append(one))
    main: Any = Full(sender._main, *failures)
    sender._main = main
    with trio.fail_after(30):
        await sender.send(b"one", HERE, receiver.port)
        await sender.send(b"two", HERE, receiver.port)
        got = [(await receiver.receive())[0] for _ in range(2)]
    assert got == [b"one", b"two"]
    assert told == [("sent", b"one"), ("sent", b"two")]
    sender.close()
    receiver.close()
