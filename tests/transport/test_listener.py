"""A listener that is closed while somebody waits for a partner, and options that an older system does not have."""

from __future__ import annotations

import socket
import sys
from ipaddress import IPv4Address
from typing import Any

import pytest
import trio
import trio.testing

from ouc.transport import supervision
from ouc.transport.closing import Goodbye
from ouc.transport.listener import listen
from ouc.transport.supervision import Supervision, prepare


async def test_whoever_waits_for_a_partner_learns_at_once_that_the_port_was_closed() -> None:
    listener = listen(IPv4Address("127.0.0.1"), 0)
    said: list[str] = []

    async def wait() -> None:
        try:
            await listener.accept()
        except trio.ClosedResourceError:
            said.append("closed")

    with trio.move_on_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            listener.close()
            listener.close()
    assert said == ["closed"]


class Refusing:
    """A socket that refuses one option, as an older system does, and notes the others."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def setsockopt(self, _: int, option: int, value: int) -> None:
        assert value > 0
        self.asked.append(option)
        if option == supervision._OPTIONS[sys.platform][0]:
            raise OSError(92, "Protocol not available")


@pytest.mark.skipif(sys.platform not in supervision._OPTIONS, reason="this system has no such option")
def test_a_system_without_the_option_for_unconfirmed_bytes_keeps_the_longer_bound() -> None:
    sock: Any = Refusing()
    prepare(sock, Supervision())
    assert sock.asked[0] == socket.SO_KEEPALIVE
    assert sock.asked[-1] == supervision._OPTIONS[sys.platform][0]


class Reset:
    """A socket whose partner has reset the connection, which only sending notices."""

    def send(self, _: bytes) -> int:
        raise ConnectionResetError

    def recv(self, _: int) -> bytes:
        raise BlockingIOError


async def test_a_goodbye_that_cannot_be_said_any_more_is_over_at_once(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ouc.transport.closing.outstanding", lambda _: 7)
    sock: Any = Reset()
    goodbye = Goodbye(sock=sock, words=b"close_notify")
    goodbye.begin()
    began = trio.current_time()

    async def pause(_: Goodbye, seconds: float) -> None:
        await trio.sleep(seconds)

    monkeypatch.setattr(Goodbye, "_pause", pause)
    await goodbye.wait()
    assert trio.current_time() == began
