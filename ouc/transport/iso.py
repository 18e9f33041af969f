"""ISO-on-TCP on a TCP stream: every send is a message, and every receive gives one, whole.

The bytes are the business of `ouc.wire.IsoConnection`; here is only the waiting.
"""

from __future__ import annotations

import contextlib
from collections import deque

import trio

from ..errors import ConnectionLost, OUCError
from ..wire import IsoCall, IsoConnected, IsoConnection, IsoDisconnected, IsoMessage, read_call_untrusted
from .busy import OneTask
from .tcp import TCPStream

__all__ = ["ISOStream", "read_call"]

_RECEIVE_SIZE = 65_536


async def read_call(tcp: TCPStream) -> tuple[IsoCall, bytes]:
    """Whom an accepted partner calls, and the bytes that were read for it.

    Raises:
        OUCError: It is no ISO-on-TCP, or the partner left.
        trio.BrokenResourceError: The connection broke.
    """
    received = b""
    while (call := read_call_untrusted(received)) is None:
        data = await tcp.receive_some(_RECEIVE_SIZE)
        if not data:
            raise ConnectionLost("the partner closed the connection before it called a selector", status=0x80C5)
        received += data
    return call, received


class ISOStream(trio.abc.Stream):
    """Messages over TCP (RFC 1006). Looks like a trio stream whose every piece is one message.

    Messages without bytes are passed over: `b""` is the partner's end, as on every stream.

    Args:
        transport: The connected socket; closed with this stream.
        machine: Fresh.
    """

    def __init__(self, transport: TCPStream, machine: IsoConnection) -> None:
        self.transport = transport
        self._machine = machine
        self._messages: deque[bytes] = deque()
        self._ended = False
        self._receiving = OneTask("another task is already receiving on this connection")

    async def establish(self, received: bytes = b"") -> None:
        """Agree with the partner on selectors and sizes; an active machine has begun to connect already.

        Time limits belong to the caller.

        Args:
            received: What the partner has sent already.

        Raises:
            trio.BrokenResourceError: With the reason as its cause; `explain` tells it.
        """
        with self._receiving:
            while not self._machine.established:
                await self._flush()
                data = received or await self.transport.receive_some(_RECEIVE_SIZE)
                received = b""
                await self._feed(data)
                if self._ended:
                    raise _broken(ConnectionLost("the partner refused the ISO-on-TCP connection", status=0x80C5))
            await self._flush()

    async def _flush(self) -> None:
        if out := self._machine.take():
            await self.transport.send_all(out)

    async def _feed(self, data: bytes) -> None:
        try:
            for event in self._machine.receive_data(data):
                if isinstance(event, IsoMessage):
                    if event.data:
                        self._messages.append(event.data)
                elif isinstance(event, IsoDisconnected):
                    self._ended = True
                else:
                    assert isinstance(event, IsoConnected)  # noqa: S101 - there is no fourth
        except OUCError as error:
            # A disconnect request that tells the partner why still goes out.
            if out := self._machine.take():
                with trio.move_on_after(1), contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self.transport.send_all(out)
            raise _broken(error) from error
        if not data:
            self._ended = True

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send one message of 1 to 65,536 bytes.

        Raises:
            trio.BrokenResourceError: The connection broke, or an earlier send was cancelled halfway.
            trio.BusyResourceError: Another task is sending.
            trio.ClosedResourceError: This side has closed.
            LocalProtocolError: Too long (16#8085).
        """
        if self._machine.over:
            # The goodbye may wait behind messages that nobody has taken yet; the partner listens no longer all the same.
            raise _broken(ConnectionLost("the partner has ended the connection", status=0x80C5))
        # Encoded and handed over without a wait in between, so two tasks cannot mix their parts.
        self._machine.send(data)
        await self.transport.send_all(self._machine.take())

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket takes bytes."""
        await self.transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - trio's signature
        """The next message, whole, whatever `max_bytes` says; `b""` at the partner's end.

        Raises:
            trio.BrokenResourceError: The connection broke, or the partner's bytes are no ISO-on-TCP.
            trio.BusyResourceError: Another task is receiving.
            trio.ClosedResourceError: This side has closed.
        """
        with self._receiving:
            if self._messages:
                await trio.lowlevel.checkpoint()
            while not self._messages and not self._ended:
                await self._feed(await self.transport.receive_some(_RECEIVE_SIZE))
            return self._messages.popleft() if self._messages else b""

    async def aclose(self) -> None:
        """Close so that nothing sent is lost; class 0 has no goodbye of its own."""
        await self.transport.aclose()


def _broken(error: OUCError) -> trio.BrokenResourceError:
    broken = trio.BrokenResourceError(error.failure.what)
    broken.__cause__ = error
    return broken
