"""What the TLS stream promises about both directions and about its end, looked at byte by byte."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from ouc.tls import HandshakeCompleted, PeerClosed, TLSEngine
from ouc.transport import TLSStream

from .test_tls import CLIENT, SERVER


class Stuck(trio.abc.Stream):
    """A transport in memory that can stop taking bytes, in the middle of what it is given; keeps what it took."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.room: int | None = None
        self.to_receive, self._inbox = trio.open_memory_channel[bytes](100)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        taken = len(data) if self.room is None else min(self.room, len(data))
        self.sent += data[:taken]
        if self.room is not None:
            self.room -= taken
            if taken < len(data):
                await trio.sleep_forever()
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.room is not None:
            await trio.sleep_forever()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        del max_bytes
        return await self._inbox.receive()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def established() -> tuple[TLSStream, Stuck, TLSEngine]:
    """A client's stream on such a transport, and its server as a bare machine."""
    transport, server = Stuck(), TLSEngine(SERVER)
    stream = TLSStream(transport, TLSEngine(CLIENT))

    async def serve() -> None:
        while True:
            await trio.testing.wait_all_tasks_blocked()
            records = bytes(transport.sent)
            transport.sent.clear()
            events = server.receive_data(records) if records else []
            if answer := server.take():
                transport.to_receive.send_nowait(answer)
            if any(isinstance(event, HandshakeCompleted) for event in events):
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await stream.do_handshake()
    return stream, transport, server


async def test_nothing_follows_a_torn_record_not_even_a_close_notify() -> None:
    stream, transport, _ = await established()
    transport.room = 1_000
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, bytes(10_000))
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    transport.room = None
    torn = bytes(transport.sent)
    assert len(torn) == 1_000
    await stream.aclose()
    assert bytes(transport.sent) == torn


async def test_a_close_notify_follows_whole_records() -> None:
    stream, transport, server = await established()
    await stream.send_all(b"whole")
    await stream.aclose()
    assert isinstance(server.receive_data(bytes(transport.sent))[-1], PeerClosed)


async def test_receiving_goes_on_while_sending_is_stuck(autojump_clock: trio.testing.MockClock) -> None:
    stream, transport, server = await established()
    transport.room = 1_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, bytes(10_000))
        await trio.testing.wait_all_tasks_blocked()
        for text in (b"first", b"second"):
            server.write(text)
            transport.to_receive.send_nowait(server.take())
            with trio.fail_after(30):
                assert await stream.receive_some() == text
        nursery.cancel_scope.cancel()


async def test_a_close_while_another_task_is_stuck_sending_adds_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stream, transport, _ = await established()
    transport.room = 1_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, bytes(10_000))
        await trio.testing.wait_all_tasks_blocked()
        transport.room = None
        with trio.fail_after(30):
            await stream.aclose()
        assert len(transport.sent) == 1_000
        nursery.cancel_scope.cancel()


async def test_a_close_while_another_task_waits_until_it_can_send_says_close_notify_all_the_same() -> None:
    stream, transport, server = await established()
    transport.room = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.wait_send_all_might_not_block)
        await trio.testing.wait_all_tasks_blocked()
        transport.room = None
        await stream.aclose()
        # Nothing was torn: without these bytes the partner would believe that somebody had cut the connection.
        assert server.receive_data(bytes(transport.sent)) == [PeerClosed()]
        nursery.cancel_scope.cancel()


async def test_a_send_that_waited_for_its_turn_and_finds_the_stream_closed_says_so_and_sends_nothing() -> None:
    stream, transport, server = await established()
    # Receiving holds the lock for an instant when it has something to say.
    await stream._lock.acquire()
    said: list[type[Exception]] = []

    async def send() -> None:
        try:
            await stream.send_all(b"late")
        except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
            said.append(type(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
        stream._lock.release()
    assert said == [trio.ClosedResourceError]
    assert server.receive_data(bytes(transport.sent)) == [PeerClosed()]


async def test_a_partners_close_notify_is_answered_with_ours() -> None:
    stream, transport, server = await established()
    server.close()
    transport.to_receive.send_nowait(server.take())
    assert await stream.receive_some() == b""
    await stream.aclose()
    # What OpenSSL left unsaid when it read the partner's is in these bytes.
    assert server.receive_data(bytes(transport.sent)) == [PeerClosed()]
    assert len(transport.sent) > 0


async def test_after_a_partners_close_notify_what_was_begun_can_still_be_sent() -> None:
    stream, transport, server = await established()
    server.close()
    transport.to_receive.send_nowait(server.take())
    assert await stream.receive_some() == b""
    await stream.send_all(b"the answer")
    await stream.aclose()
    events = server.receive_data(bytes(transport.sent))
    assert [getattr(event, "data", None) for event in events] == [b"the answer", None]


@pytest.mark.parametrize("held", [True, False])
async def test_tickets_that_were_kept_back_never_come_after_the_close_notify(held: bool) -> None:
    client = TLSEngine(CLIENT)
    transport = Stuck()
    stream = TLSStream(transport, TLSEngine(SERVER), late_tickets=held)
    client.handshake()
    transport.to_receive.send_nowait(client.take())

    async def dial() -> None:
        while not client.established:
            await trio.testing.wait_all_tasks_blocked()
            client.receive_data(bytes(transport.sent))
            transport.sent.clear()
            transport.to_receive.send_nowait(client.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial)
        await stream.do_handshake()
    await stream.aclose()
    assert client.receive_data(bytes(transport.sent)) == [PeerClosed()]
