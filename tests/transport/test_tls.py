"""The TLS stream: trio's contract, and the traps of tls-performance.md."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from ouc.tls import DEFAULT, TLSContext, TLSEngine
from ouc.transport import TLSStream, explain

from ..tls.forge import Forger13
from ..tls.pair import credentials
from .pairs import tcp_pair

Streams = tuple[trio.abc.Stream, trio.abc.Stream]

CLIENT = TLSContext.build(DEFAULT, credentials("192.168.0.2", side="client"), server_side=False)
SERVER = TLSContext.build(DEFAULT, credentials("192.168.0.1", side="server"), server_side=True)


async def secured(streams: Streams, *, late_tickets: bool = False, budget: int = 0) -> tuple[TLSStream, TLSStream]:
    client = TLSStream(streams[0], TLSEngine(CLIENT), budget=budget)
    server = TLSStream(streams[1], TLSEngine(SERVER), late_tickets=late_tickets, budget=budget)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        nursery.start_soon(server.do_handshake)
    return client, server


async def test_a_TLS_stream_honours_the_stream_contract() -> None:
    async def over_memory() -> tuple[TLSStream, TLSStream]:
        return await secured(trio.testing.memory_stream_pair())

    async def over_lock_step() -> tuple[TLSStream, TLSStream]:
        return await secured(trio.testing.lockstep_stream_pair(), late_tickets=True)

    await trio.testing.check_two_way_stream(over_memory, over_lock_step)


async def test_a_TLS_stream_over_TCP_honours_the_stream_contract() -> None:
    async def over_tcp() -> tuple[TLSStream, TLSStream]:
        return await secured(await tcp_pair())

    await trio.testing.check_two_way_stream(over_tcp, None)


async def test_a_client_that_only_writes_and_closes_loses_nothing() -> None:
    # Without the drain in TCPStream.aclose the unread tickets turn the close into a reset (pitfall 2).
    client, server = await secured(await tcp_pair(linger=5))
    payload = bytes(200_000)
    got = bytearray()

    async def read_late() -> None:
        await trio.testing.wait_all_tasks_blocked(0.01)
        async for data in server:
            got.extend(data)
        await server.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_late)
        await client.send_all(payload)
        await client.aclose()
    assert bytes(got) == payload


async def test_a_send_cancelled_halfway_never_sends_wrong_bytes_later() -> None:
    # OpenSSL would send the old record under the new data's name (pitfall 1).
    client, server = await secured(trio.testing.lockstep_stream_pair(), late_tickets=True)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, b"A" * 16_384)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    with pytest.raises(trio.BrokenResourceError, match="halfway"):
        await client.send_all(b"B" * 16_384)
    await trio.aclose_forcefully(client)
    await trio.aclose_forcefully(server)


async def test_an_answer_cancelled_halfway_never_lets_later_records_pass_for_it() -> None:
    # Not only a send takes records out of the machine: here the tickets that follow a handshake are stuck.
    ours, theirs = trio.testing.lockstep_stream_pair()
    client, server = TLSStream(ours, TLSEngine(CLIENT)), TLSStream(theirs, TLSEngine(SERVER))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.do_handshake)
            await client.do_handshake()
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    with pytest.raises(trio.BrokenResourceError, match="halfway"):
        await server.send_all(b"B" * 100)
    await trio.aclose_forcefully(client)
    await trio.aclose_forcefully(server)


async def test_both_directions_at_once_from_two_tasks_each() -> None:
    client, server = await secured(await tcp_pair(), budget=32)
    payload = bytes(range(256)) * 4000

    async def send(stream: TLSStream) -> None:
        for start in range(0, len(payload), 10_000):
            await stream.send_all(payload[start : start + 10_000])

    async def receive(stream: TLSStream) -> None:
        got = bytearray()
        while len(got) < len(payload):
            got += await stream.receive_some()
        assert bytes(got) == payload

    async with trio.open_nursery() as nursery:
        for stream in (client, server):
            nursery.start_soon(send, stream)
            nursery.start_soon(receive, stream)
    await trio.aclose_forcefully(client)
    await trio.aclose_forcefully(server)


@pytest.mark.parametrize("end", ["close_notify", "FIN", "RST"])
async def test_three_ends_are_three_different_things(end: str) -> None:
    ours, theirs = await tcp_pair()
    client, server = await secured((ours, theirs))
    acts: dict[str, Callable[[], Awaitable[None]]] = {
        "close_notify": server.aclose,
        "FIN": theirs.send_eof,
        "RST": _aborting(theirs),
    }
    await acts[end]()
    if end == "close_notify":
        assert await client.receive_some() == b""
    else:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await client.receive_some()
        told = str(explain(caught.value))
        assert ("close_notify" if end == "FIN" else "reset") in told
    ours.abort()
    theirs.abort()


def _aborting(stream: object) -> Callable[[], Awaitable[None]]:
    async def abort() -> None:
        stream.abort()  # type: ignore[attr-defined]

    return abort


async def test_a_refused_client_learns_it_from_confirm_and_not_from_its_handshake() -> None:
    stranger = TLSContext.build(
        DEFAULT, credentials("192.168.0.2", side="client", issuer="elsewhere"), server_side=False
    )
    ours, theirs = trio.testing.memory_stream_pair()
    client, server = TLSStream(ours, TLSEngine(stranger)), TLSStream(theirs, TLSEngine(SERVER))
    told: list[str] = []

    async def serve() -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await server.do_handshake()
        told.append(str(explain(caught.value).status))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await client.do_handshake()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await client.confirm(5)
    assert told == ["16#80E4"]
    assert explain(caught.value).status == 0x80E1


@pytest.mark.parametrize(
    ("took", "grace", "waited"), [(0.0, 1.0, 0.25), (0.06, 1.0, 0.6), (2.0, 1.0, 1.0), (2.0, 0.1, 0.1)]
)
async def test_a_silent_server_is_taken_at_its_silence_after_ten_handshakes_but_not_later_than_the_grace(
    autojump_clock: trio.testing.MockClock, took: float, grace: float, waited: float
) -> None:
    client, server = await secured(trio.testing.memory_stream_pair(), late_tickets=True)
    client._handshake_took = took
    before = trio.current_time()
    await client.confirm(grace)
    assert trio.current_time() - before == pytest.approx(waited)
    await server.send_all(b"now")
    assert await client.receive_some() == b"now"


async def _with_a_counted_server(
    context: TLSContext, **options: bool
) -> tuple[trio.abc.Stream, TLSStream, list[bytes]]:
    """The client's transport after the handshake, the server, and what the server says from then on."""
    ours, theirs = trio.testing.memory_stream_pair()
    said: list[bytes] = []
    client, server = TLSStream(ours, TLSEngine(context)), TLSStream(theirs, TLSEngine(SERVER), **options)
    original = theirs.send_all

    async def send_all(data: bytes) -> None:
        said.append(bytes(data))
        await original(data)

    theirs.send_all = send_all  # type: ignore[method-assign, assignment]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await client.do_handshake()
    return ours, server, said


async def test_a_server_with_late_tickets_says_nothing_to_a_partner_that_only_writes() -> None:
    # Whatever lies unread in the partner's socket turns its close into a reset.
    lines: list[bytes] = []
    context = TLSContext.build(
        DEFAULT, credentials("192.168.0.2", side="client"), server_side=False, key_log=lines.append
    )
    transport, server, said = await _with_a_counted_server(context, late_tickets=True)
    secret = next(line.split()[2] for line in lines if line.startswith(b"CLIENT_TRAFFIC_SECRET_0"))
    forger = Forger13(bytes.fromhex(secret.decode()), 0)
    flight = len(said)
    for _ in range(5):
        await transport.send_all(forger.key_update() + forger.record(b"x"))
        assert await server.receive_some() == b"x"
    assert len(said) == flight
    # Nothing was forgotten: two tickets and at least one answer go in front of the first data.
    await server.send_all(b"y")
    assert len(b"".join(said[flight:])) > 158 + 23


async def test_a_partner_that_asks_for_ever_is_answered_before_the_memory_is_full() -> None:
    lines: list[bytes] = []
    context = TLSContext.build(
        DEFAULT, credentials("192.168.0.2", side="client"), server_side=False, key_log=lines.append
    )
    transport, server, said = await _with_a_counted_server(context, late_tickets=True)
    secret = next(line.split()[2] for line in lines if line.startswith(b"CLIENT_TRAFFIC_SECRET_0"))
    forger = Forger13(bytes.fromhex(secret.decode()), 0)
    flight = len(said)
    for _ in range(400):
        await transport.send_all(forger.key_update() + b"".join(forger.record(b"x") for _ in range(16)))
        got = b""
        while len(got) < 16:
            got += await server.receive_some()
    assert len(said) > flight
    assert len(server._held) <= 4096


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("late", ["client", "server", "both"])
async def test_late_tickets_hold_back_nothing_that_a_handshake_needs(version: Any, late: str) -> None:
    policy = attrs.evolve(DEFAULT, versions=(version,))
    ends = []
    for stream, side, address in zip(
        trio.testing.memory_stream_pair(), ("client", "server"), ("192.168.0.2", "192.168.0.1"), strict=True
    ):
        context = TLSContext.build(policy, credentials(address, side=side), server_side=side == "server")
        ends.append(TLSStream(stream, TLSEngine(context), late_tickets=late in (side, "both")))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for end in ends:
                nursery.start_soon(end.do_handshake)
        await ends[0].send_all(b"to the server")
        assert await ends[1].receive_some() == b"to the server"
        await ends[1].send_all(b"to the client")
        assert await ends[0].receive_some() == b"to the client"
