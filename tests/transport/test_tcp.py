"""TCP streams: trio's contract, and what goes beyond it."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from ouc.transport import TCPStream, dial, explain, listen

from .pairs import LOOPBACK, clogged_pair, tcp_pair


async def test_a_TCP_stream_honours_the_stream_contract() -> None:
    await trio.testing.check_half_closeable_stream(tcp_pair, clogged_pair)


async def test_a_graceful_close_loses_nothing_although_bytes_are_unread_here() -> None:
    ours, theirs = await tcp_pair(linger=5)
    await theirs.send_all(b"tickets that nobody reads")
    payload = bytes(100_000)
    got = bytearray()

    async def read_all() -> None:
        while data := await theirs.receive_some():
            got.extend(data)
        await theirs.aclose()

    async with trio.open_nursery() as nursery:
        await ours.send_all(payload)
        nursery.start_soon(ours.aclose)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(read_all)
    assert bytes(got) == payload


async def test_abort_is_a_reset() -> None:
    ours, theirs = await tcp_pair()
    ours.abort()
    with pytest.raises(trio.BrokenResourceError) as caught:
        await theirs.receive_some()
    assert explain(caught.value).status == 0x80C5
    await theirs.aclose()


async def test_a_send_cancelled_halfway_makes_every_later_send_fail() -> None:
    ours, theirs = await clogged_pair()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.send_all, bytes(10_000_000))
            await trio.testing.wait_all_tasks_blocked()
            # Room for a part of it.
            await theirs.receive_some(1_000_000)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    with pytest.raises(trio.BrokenResourceError, match="halfway"):
        await ours.send_all(b"x")
    ours.abort()
    theirs.abort()


async def test_a_run_of_ready_calls_gives_way_to_other_tasks_within_its_budget() -> None:
    ours, theirs = await tcp_pair(budget=32)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await trio.lowlevel.checkpoint()
        before = turns
        for _ in range(33 * 4):
            await ours.send_all(b"x")
        assert turns - before >= 3
        nursery.cancel_scope.cancel()
    ours.abort()
    theirs.abort()


async def test_a_tap_sees_what_crosses_the_socket() -> None:
    ours, theirs = await tcp_pair()
    seen: list[tuple[str, bytes]] = []
    ours.tap = lambda direction, data: seen.append((direction, data))
    await ours.send_all(b"out")
    await theirs.send_all(b"in")
    assert await ours.receive_some() == b"in"
    assert seen == [("sent", b"out"), ("received", b"in")]
    ours.abort()
    theirs.abort()


async def test_nobody_listening_is_80C5_and_the_port_in_use_80A1() -> None:
    with listen(LOOPBACK, 0) as listener:
        port = listener.port
        with pytest.raises(OSError, match="in use") as taken:
            listen(LOOPBACK, port)
        assert explain(taken.value).status == 0x80A1
    with pytest.raises(OSError, match=r"opened|refused") as refused:
        await dial(LOOPBACK, port)
    assert explain(refused.value).status == 0x80C5


async def test_sockets_have_keep_alive_after_30_s_and_no_delay() -> None:
    with listen(LOOPBACK, 0) as listener:
        dialled = await dial(LOOPBACK, listener.port)
        accepted = await listener.accept()
    for stream in (dialled, accepted):
        assert isinstance(stream, TCPStream)
        assert stream._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert stream._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)
        if idle is not None:
            assert stream._socket.getsockopt(socket.IPPROTO_TCP, idle) == 30
        stream.abort()
