"""The fault wire between real sockets and between memory streams; time is a virtual one that jumps."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import attrs
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from emulator.faults import Proxy, relay, wire
from emulator.faults.lines import Ending
from emulator.faults.wire import KINDS, Direction, Harm, Kind, Place
from ouc.transport import TCPStream, dial, listen

HERE = IPv4Address("127.0.0.1")
PAYLOAD = bytes(range(256)) * 20
CARRYING = [one for one in KINDS if one.place is not Place.ACCEPT]


@pytest.fixture
def clock() -> MockClock:
    """Jumps when every task waits; in one process nothing is ever on its way on the loopback interface then."""
    return MockClock(autojump_threshold=0.005)


@attrs.define
class Ended:
    """What one side received, and how it ended."""

    data: bytes = b""
    ending: Ending | None = None


async def read(stream: trio.abc.ReceiveStream, into: Ended) -> None:
    try:
        async for data in stream:
            into.data += data
        into.ending = Ending.FIN
    except trio.BrokenResourceError:
        into.ending = Ending.RESET


@asynccontextmanager
async def through(plan: wire.WirePlan) -> AsyncIterator[tuple[TCPStream, TCPStream, Proxy]]:
    """Both ends of a connection through a proxy."""
    with listen(HERE, 0) as listener:
        async with Proxy(plan, (HERE, listener.port)) as proxy:
            near = await dial(HERE, proxy.port)
            far = await listener.accept()
            try:
                yield near, far, proxy
            finally:
                near.abort()
                far.abort()


async def exchange(plan: wire.WirePlan) -> tuple[Ended, Ended]:
    """Both sides send the payload and read to the end; what arrived at the listening and at the dialling one."""
    at_far, at_near = Ended(), Ended()
    with trio.fail_after(60):
        async with through(plan) as (near, far, _), trio.open_nursery() as nursery:
            for stream, ended in ((near, at_near), (far, at_far)):
                nursery.start_soon(read, stream, ended)
                nursery.start_soon(send, stream)
    return at_far, at_near


async def send(stream: TCPStream) -> None:
    try:
        await stream.send_all(PAYLOAD)
        await stream.send_eof()
    except trio.BrokenResourceError:
        pass


@pytest.mark.parametrize("row", CARRYING, ids=lambda row: row.name)
async def test_over_sockets_each_kind_does_what_its_row_says(row: Kind, clock: MockClock) -> None:
    plan = wire.plan(row, seed=1, direction=Direction.FORTH, frame=32)
    at_far, at_near = await exchange(plan)
    assert at_far.ending is not None
    assert at_near.ending is not None
    if row.harm is Harm.HARMLESS:
        assert (at_far, at_near) == (Ended(PAYLOAD, Ending.FIN), Ended(PAYLOAD, Ending.FIN))
    elif row.harm is Harm.CUT:
        assert PAYLOAD.startswith(at_far.data)
        assert len(at_far.data) < len(PAYLOAD)
        assert PAYLOAD.startswith(at_near.data)
    else:
        assert at_far.data != PAYLOAD or at_near.data != PAYLOAD


@pytest.mark.parametrize(
    ("name", "far", "near"),
    [
        ("fin", Ending.FIN, Ending.FIN),
        ("reset", Ending.RESET, Ending.RESET),
        ("reset-ahead", Ending.RESET, Ending.FIN),
        ("reset-behind", Ending.FIN, Ending.RESET),
        ("black-hole", Ending.RESET, Ending.RESET),
    ],
)
async def test_each_side_sees_the_end_that_is_meant_for_it(
    name: str, far: Ending, near: Ending, clock: MockClock
) -> None:
    at_far, at_near = Ended(), Ended()
    plan = wire.plan(name, direction=Direction.FORTH, span=range(5, 6))
    with trio.fail_after(60):
        async with through(plan) as (dialled, accepted, _), trio.open_nursery() as nursery:
            nursery.start_soon(read, accepted, at_far)
            nursery.start_soon(read, dialled, at_near)
            await dialled.send_all(b"hello")
    assert (at_far, at_near) == (Ended(b"hello", far), Ended(b"", near))


async def test_a_half_closed_side_can_still_send(clock: MockClock) -> None:
    plan = wire.plan("half-close", direction=Direction.FORTH, span=range(5, 6))
    with trio.fail_after(60):
        async with through(plan) as (near, far, _):
            await near.send_all(b"hello and more")
            assert await far.receive_some() == b"hello"
            assert await far.receive_some() == b""
            await far.send_all(b"still here")
            assert await near.receive_some() == b"still here"


@pytest.mark.parametrize(
    ("name", "ending"),
    [("accept-close", Ending.FIN), ("accept-reset", Ending.RESET), ("accept-silence", Ending.RESET)],
)
async def test_who_is_turned_away_at_accept_never_reaches_the_partner(
    name: str, ending: Ending, clock: MockClock
) -> None:
    ended = Ended()
    with trio.fail_after(60), listen(HERE, 0) as listener:
        async with Proxy(wire.plan(name), (HERE, listener.port)) as proxy:
            try:
                first = await dial(HERE, proxy.port)
            except ConnectionResetError:
                # The reset was there before `dial` had looked.
                ended.ending = Ending.RESET
            else:
                await read(first, ended)
                await first.aclose()
            second = await dial(HERE, proxy.port)
            far = await listener.accept()
            assert far.partner[0] == HERE
            assert (proxy.accepted, proxy.struck) == (2, 1)
            second.abort()
            far.abort()
    assert ended == Ended(b"", ending)


async def test_a_refused_partner_is_let_in_once_the_port_is_open() -> None:
    opened = trio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == 5.0
        await opened.wait()

    with trio.fail_after(30), listen(HERE, 0) as listener:
        async with Proxy(wire.plan("refuse", pause=5.0), (HERE, listener.port), sleep=sleep) as proxy:
            for _ in range(3):
                with pytest.raises(ConnectionRefusedError):
                    await dial(HERE, proxy.port)
            opened.set()
            await trio.testing.wait_all_tasks_blocked()
            near = await dial(HERE, proxy.port)
            far = await listener.accept()
            near.abort()
            far.abort()


async def test_after_an_outage_the_port_stays_closed_for_its_time() -> None:
    opened = trio.Event()

    async def sleep(_seconds: float) -> None:
        await opened.wait()

    plan = wire.plan("outage", direction=Direction.FORTH, span=range(1))
    with trio.fail_after(30), listen(HERE, 0) as listener:
        async with Proxy(plan, (HERE, listener.port), sleep=sleep) as proxy:
            near, ended = await dial(HERE, proxy.port), Ended()
            await near.send_all(b"x")
            await read(near, ended)
            near.abort()
            assert ended.ending is Ending.RESET
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(ConnectionRefusedError):
                await dial(HERE, proxy.port)
            opened.set()
            await trio.testing.wait_all_tasks_blocked()
            (await dial(HERE, proxy.port)).abort()


async def test_the_proxy_dials_from_the_address_that_its_partner_has() -> None:
    partner = IPv4Address("127.0.0.2")
    with trio.fail_after(30), listen(HERE, 0) as listener:
        async with Proxy(wire.plan("none"), (HERE, listener.port)) as proxy:
            try:
                near = await dial(HERE, proxy.port, local_address=partner)
            except OSError:
                pytest.skip("this computer has no second loopback address")
            far = await listener.accept()
            assert far.partner[0] == partner
            near.abort()
            far.abort()


async def test_who_dials_for_a_partner_that_does_not_listen_is_reset() -> None:
    with socket.socket() as closed:
        closed.bind((str(HERE), 0))
        ended = Ended()
        with trio.fail_after(30):
            async with Proxy(wire.plan("none"), (HERE, closed.getsockname()[1])) as proxy:
                near = await dial(HERE, proxy.port)
                await read(near, ended)
                near.abort()
    assert ended == Ended(b"", Ending.RESET)


async def test_leaving_the_proxy_frees_its_port_and_ends_what_it_carried() -> None:
    with trio.fail_after(30), listen(HERE, 0) as listener:
        async with Proxy(wire.plan("none"), (HERE, listener.port)) as proxy:
            near = await dial(HERE, proxy.port)
            far = await listener.accept()
        at_near, at_far = Ended(), Ended()
        await read(near, at_near)
        await read(far, at_far)
        near.abort()
        far.abort()
        with listen(HERE, proxy.port):
            pass
    assert Ending.RESET in (at_near.ending, at_far.ending)


async def test_a_relay_bends_any_two_streams(clock: MockClock) -> None:
    client, near = trio.testing.memory_stream_pair()
    far, server = trio.testing.memory_stream_pair()
    conversation = wire.plan("flip", direction=Direction.FORTH, span=range(3, 4)).conversation(0)
    ended = Ended()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay, conversation, near, far)
            nursery.start_soon(read, server, ended)
            await client.send_all(b"hello")
            await client.send_eof()
            await server.send_eof()
    assert ended.ending is Ending.FIN
    assert [at for at, (one, other) in enumerate(zip(ended.data, b"hello", strict=True)) if one != other] == [3]


def counted(pieces: list[bytes]) -> Callable[[str, bytes], None]:
    return lambda direction, data: pieces.append(data) if direction == "received" else None


async def test_bytewise_really_comes_byte_by_byte(clock: MockClock) -> None:
    pieces: list[bytes] = []
    with trio.fail_after(60):
        async with through(wire.plan("bytewise")) as (near, far, _):
            far.tap = counted(pieces)
            await near.send_all(bytes(100))
            while sum(map(len, pieces)) < 100:
                await far.receive_some()
    assert len(pieces) > 50
