"""Closing loses nothing as long as the partner takes bytes, ends in time if it does not, and says what was not confirmed."""

from __future__ import annotations

import errno
import logging
import socket
import struct
from typing import Any

import pytest
import trio
import trio.testing

from ouc.transport import TCPStream, TLSStream, explain
from ouc.transport.closing import LIMIT, STALL, Goodbye

from .pairs import tcp_pair
from .test_tls import secured

pytestmark = pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux tells what was confirmed")

SIZE = 2_000_000


async def clog(stream: TCPStream | TLSStream) -> int:
    """Send small messages until no buffer takes more; how many bytes were accepted."""
    accepted = 0
    while True:
        with trio.move_on_after(0.2) as soon:
            await stream.send_all(bytes(100))
        if soon.cancelled_caught:
            return accepted
        accepted += 100


async def test_a_slow_partner_that_talks_gets_everything_before_the_connection_is_closed() -> None:
    ours, theirs = await tcp_pair(linger=2)
    got = bytearray()

    async def slow() -> None:
        while data := await theirs.receive_some(8_192):
            got.extend(data)
            await theirs.send_all(b"I talk all the time " * 50)
            await trio.sleep(0.01)
        await theirs.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow)
        await ours.send_all(bytes(SIZE))
        await ours.aclose()
    assert len(got) == SIZE
    assert ours.unconfirmed == 0


async def test_over_TLS_too_and_with_the_close_notify_at_the_end() -> None:
    client, server = await secured(await tcp_pair(linger=2))
    got = bytearray()

    async def slow() -> None:
        while data := await server.receive_some(8_192):  # the end without close_notify would raise
            got.extend(data)
            await server.send_all(b"I talk all the time " * 50)
            await trio.sleep(0.01)
        await server.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow)
        await client.send_all(bytes(SIZE))
        await client.aclose()
    assert len(got) == SIZE


async def test_a_partner_that_takes_nothing_is_given_up_and_the_loss_is_counted(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = await tcp_pair(linger=1)
    accepted = await clog(ours)
    begun = trio.current_time()
    with caplog.at_level(logging.WARNING):
        await ours.aclose()
    # The send that was cancelled halfway may have left a part of its 100 bytes.
    assert 0 < ours.unconfirmed <= accepted + 100
    assert STALL <= trio.current_time() - begun < LIMIT
    assert f"before the last {ours.unconfirmed} bytes were confirmed" in caplog.text
    theirs.abort()


async def test_a_close_notify_that_does_not_leave_holds_nobody(autojump_clock: trio.testing.MockClock) -> None:
    client, server = await secured(await tcp_pair(linger=1))
    await clog(client)
    begun = trio.current_time()
    await client.aclose()
    assert trio.current_time() - begun < LIMIT
    await trio.aclose_forcefully(server)


async def test_a_close_notify_that_another_kind_of_transport_does_not_take_holds_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    client, server = await secured(trio.testing.lockstep_stream_pair(), late_tickets=True)
    begun = trio.current_time()
    await client.aclose()  # nobody reads
    assert trio.current_time() - begun < LIMIT
    await trio.aclose_forcefully(server)


async def test_a_partner_that_takes_a_little_now_and_then_has_a_limit_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, theirs = await tcp_pair(linger=1)
    await clog(ours)

    async def sip() -> None:
        while True:
            await trio.sleep(STALL / 2)
            await theirs.receive_some(60_000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sip)
        begun = trio.current_time()
        await ours.aclose()
        assert trio.current_time() - begun <= LIMIT + 1
        nursery.cancel_scope.cancel()
    theirs.abort()


async def test_a_reset_while_closing_ends_it_at_once_and_the_loss_is_counted() -> None:
    ours, theirs = await tcp_pair(linger=1)
    accepted = await clog(ours)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.aclose)
        await trio.testing.wait_all_tasks_blocked()
        theirs.abort()
    assert 0 < ours.unconfirmed <= accepted + 100


async def test_a_partner_that_answers_the_goodbye_with_a_reset_has_lost_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, server = await secured(await tcp_pair(linger=1))
    await client.send_all(b"all of it")
    assert await server.receive_some() == b"all of it"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.aclose)
        assert await server.receive_some() == b""
        transport = server.transport
        assert isinstance(transport, TCPStream)
        transport.abort()
    assert isinstance(client.transport, TCPStream)
    assert client.transport.unconfirmed == 0
    assert not caplog.records


async def test_a_cancelled_close_still_says_what_can_be_said_at_once() -> None:
    client, server = await secured(await tcp_pair(linger=5))
    with trio.CancelScope() as scope:
        scope.cancel()
        await client.aclose()
    assert await server.receive_some() == b""
    await trio.aclose_forcefully(server)


async def test_bytes_that_arrived_before_the_partner_was_lost_can_still_be_received() -> None:
    from ouc.errors import ConnectionLost

    ours, theirs = await tcp_pair()
    seen: list[bytes] = []
    ours.tap = lambda _, data: seen.append(data)
    await theirs.send_all(bytes(60_000))
    while struct.unpack("i", _unread(ours))[0] < 60_000:
        await trio.lowlevel.checkpoint()
    ours.lose(ConnectionLost("the partner does not answer", status=0x80C6))
    with pytest.raises(trio.BrokenResourceError, match="does not answer"):
        await ours.send_all(b"x")
    got = 0
    with pytest.raises(trio.BrokenResourceError, match="does not answer"):
        while True:
            got += len(await ours.receive_some(7_000))
    assert got == 60_000 == sum(map(len, seen))
    theirs.abort()


def _unread(stream: TCPStream) -> bytes:
    import fcntl
    import termios

    return fcntl.ioctl(stream._socket, termios.FIONREAD, bytes(4))


async def test_whoever_waits_when_the_partner_is_lost_learns_the_reason() -> None:
    from ouc.errors import ConnectionLost
    from ouc.transport import explain

    ours, theirs = await tcp_pair()
    told: list[int] = []

    async def receive() -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await ours.receive_some()
        told.append(explain(caught.value).status or 0)

    async def send() -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await ours.send_all(bytes(50_000_000))
        told.append(explain(caught.value).status or 0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked(0.05)
        ours.lose(ConnectionLost("the partner does not answer", status=0x80C6))
    assert told == [0x80C6, 0x80C6]
    theirs.abort()


async def test_a_reset_that_the_sender_was_told_of_is_no_orderly_end_for_the_reader() -> None:
    ours, theirs = await tcp_pair()
    await theirs.send_all(b"the beginning")
    theirs.abort()
    with pytest.raises(trio.BrokenResourceError):
        while True:
            await ours.send_all(b"x")
    got = b""
    with pytest.raises(trio.BrokenResourceError):
        while data := await ours.receive_some():
            got += data
    assert got == b"the beginning"
    ours.abort()


async def test_nor_is_one_that_a_look_at_the_socket_has_found() -> None:
    ours, theirs = await tcp_pair()
    theirs.abort()
    with pytest.raises(trio.BrokenResourceError):
        while True:
            ours.check()
            await trio.lowlevel.checkpoint()
    with pytest.raises(trio.BrokenResourceError):
        await ours.receive_some()
    ours.abort()


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH])
async def test_nothing_that_the_sender_was_told_of_is_an_orderly_end_for_the_reader(number: int) -> None:
    class GivesUp(socket.socket):
        """A socket as the system leaves it: the sender learns the reason, the reader gets the rest and then nothing."""

        def send(self, *_: Any) -> int:
            raise OSError(number, "the system gave up")

    ours, theirs = await tcp_pair()
    ours._socket = GivesUp(fileno=ours._socket.detach())
    await theirs.send_all(b"the rest")
    with pytest.raises(trio.BrokenResourceError) as told:
        await ours.send_all(b"x")
    await theirs.send_eof()
    assert await ours.receive_some(8) == b"the rest"
    with pytest.raises(trio.BrokenResourceError) as read:
        await ours.receive_some()
    assert explain(read.value).status == explain(told.value).status
    ours.abort()
    theirs.abort()


async def test_a_side_that_has_closed_says_so_when_it_is_asked_for_its_end() -> None:
    ours, theirs = await tcp_pair()
    await ours.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_eof()
    await theirs.aclose()


class Talking:
    """A socket whose partner has confirmed everything and goes on talking for some seconds."""

    def __init__(self, until: float) -> None:
        self._until = until

    def recv(self, size: int) -> bytes:
        if trio.current_time() >= self._until:
            raise BlockingIOError
        return bytes(size)


async def test_a_partner_that_talks_without_a_pause_is_listened_to_until_it_is_quiet(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = trio.current_time()
    talking: Any = Talking(began + 7)
    goodbye = Goodbye(sock=talking, said_end=True, linger=2)
    monkeypatch.setattr("ouc.transport.closing.outstanding", lambda _: 0)

    async def pause(seconds: float) -> None:
        await trio.sleep(min(seconds, 0.5))

    monkeypatch.setattr(Goodbye, "_pause", lambda _, seconds: pause(seconds))
    await goodbye.wait()
    # A reset would take away what it has not read yet.
    assert 8.5 <= trio.current_time() - began <= 9.5
