"""A partner made of a plain socket, and what a test asks of the station that attends to it."""

from __future__ import annotations

import socket
import struct
from typing import Any

import attrs
import pytest
import trio

from ouc import TRCV, Station
from ouc.connection import Link
from ouc.errors import Failure
from ouc.params import TCON_IP_v4
from ouc.profiles import DEFAULT
from ouc.station.streams import StreamLife
from ouc.status import Status

from .test_messages import QUICK, until

#: More than a CPU's receive buffer, less than a socket's.
SENT = bytes(range(250)) * 240
WIDE = attrs.evolve(QUICK, receive_buffer=DEFAULT.receive_buffer)


def passive(port: int) -> TCON_IP_v4:
    return TCON_IP_v4(ActiveEstablished=False, RemoteAddress="192.168.0.2", RemotePort=0, LocalPort=port)


async def dial(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port, local_address="127.0.0.2")


async def leave(stream: trio.SocketStream, how: str) -> None:
    """Close as FIN or as RST; what was sent is on its way in front of it."""
    if how == "RST":
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


def the_stream(here: Station) -> Any:
    (life,) = here._lives.values()
    assert isinstance(life, StreamLife)
    assert life.wire is not None
    return life.wire.stream


async def arrived_in_the_socket(here: Station, size: int) -> None:
    """Until the system has all of it: in the inbox, or unread in the socket."""
    sock = the_stream(here)._socket
    (link,) = here.port.links

    def there() -> int:
        try:
            return len(link.inbox) + len(sock.recv(1_000_000, socket.MSG_PEEK))
        except BlockingIOError:
            return len(link.inbox)

    await until(lambda: there() >= size)


def let_sends_fail(monkeypatch: pytest.MonkeyPatch, here: Station) -> None:
    async def send_all(_: Any) -> None:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError("nobody takes it") from BrokenPipeError(32, "broken pipe")

    monkeypatch.setattr(the_stream(here), "send_all", send_all)


def give_up(here: Station, link: Link) -> None:
    here.give_up(link, Failure("no sign of life", Status(0x80C7)))


async def received_by_scans(here: Station) -> tuple[bytes, int]:
    """What TRCV gives, scan after scan, until it shows why there is no more."""
    block, area, got = TRCV(here), bytearray(2000), bytearray()
    with trio.fail_after(30):
        while True:
            out = block(EN_R=True, ID=1, DATA=area, ADHOC=True)
            got += area[: out.RCVD_LEN]
            if out.ERROR:
                return bytes(got), out.STATUS
            await trio.lowlevel.checkpoint()
