"""Messages over TCP (RFC 1006) upon a transport that writes everything down."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from ouc.errors import OUCError, RemoteProtocolError
from ouc.transport.iso import ISOStream
from ouc.wire import IsoConnection

CALLING, CALLED = b"\xe0\x02ISOonTCP-1", b"\xe0\x01ISOonTCP-1"
DISCONNECT_REQUEST = 0x80


class Written:
    """A transport that gives what is in its list and writes down what it is asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.sent, self.asked, self.closed = list(pieces), bytearray(), 0, False

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.sent += data

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()
        self.asked += 1

    async def receive_some(self, _: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.pieces.pop(0)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True


def called(selector: bytes = CALLED) -> tuple[ISOStream, Any]:
    """A passive stream, and a caller's first words in its transport."""
    caller = IsoConnection(active=True, local=CALLING, remote=selector)
    caller.connect()
    transport: Any = Written(caller.take())
    return ISOStream(transport, IsoConnection(active=False, local=CALLED, remote=CALLING)), transport


async def test_waiting_until_bytes_can_be_sent_asks_the_socket() -> None:
    stream, transport = called()
    await stream.establish()
    await stream.wait_send_all_might_not_block()
    assert transport.asked == 1
    await stream.aclose()
    assert transport.closed


async def test_bytes_that_are_no_ISO_end_the_stream_with_the_reason() -> None:
    stream, transport = called()
    await stream.establish()
    transport.pieces.append(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.receive_some()
    assert isinstance(caught.value.__cause__, RemoteProtocolError)


async def test_a_call_for_another_selector_is_answered_by_a_disconnect_request_and_told_with_the_reason() -> None:
    stream, transport = called(b"somebody else")
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.establish()
    assert isinstance(caught.value.__cause__, OUCError)
    assert transport.sent[5] == DISCONNECT_REQUEST


async def test_an_answer_that_nobody_takes_does_not_hide_the_reason(autojump_clock: trio.testing.MockClock) -> None:
    stream, transport = called(b"somebody else")

    async def stuck(_: bytes) -> None:
        await trio.sleep_forever()

    transport.send_all = stuck
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.establish()
    assert isinstance(caught.value.__cause__, OUCError)
    assert trio.current_time() <= 2
