"""A connection as a Python program sees it: send and receive, and an exception with a STATUS when it ends.

No task and no lock stands between the program and the stream. One task may send while another receives.
"""

from __future__ import annotations

from typing import Any

import trio

from ..connection import Link
from ..connection.area import area
from ..errors import ConnectionLost, ParameterError
from ..tls import TLSFacts
from ..transport import Wire, explain

__all__ = ["Connection"]

# The most that one `receive` may ask for; TSEND moves at most 65,536 bytes, and partners join messages.
MAX_RECEIVE = 16 * 1024 * 1024
_RESOURCE_ERRORS = (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError)


class Connection:
    """An established connection. Made by `Station.connect` and `ouc.connect`, closed by leaving their `async with`."""

    def __init__(self, link: Link, wire: Wire) -> None:
        self._link = link
        self._wire = wire
        self._left = b""
        self._closed = False
        # Why receiving ended, once it has; told again at every later call.
        self._ended: ConnectionLost | None = None

    @property
    def connection_id(self) -> int:
        """The connection ID of the description, 1 to 4095."""
        return self._link.connection_id

    @property
    def partner(self) -> str:
        """Plant address and port of the other end."""
        return self._wire.partner

    @property
    def tls(self) -> TLSFacts | None:
        """What TLS agreed on, None on a plain connection."""
        return self._wire.facts

    @property
    def ended(self) -> bool:
        """Whether the partner has closed its side and everything it sent was received."""
        return self._ended is not None

    def __repr__(self) -> str:
        secured = self._wire.facts.version if self._wire.facts else "not secured"
        return f"<Connection {self.connection_id} to {self.partner}, {secured}>"

    async def send(self, data: Any) -> None:
        """Hand all bytes of `data` to TCP, as one message of up to 65,536 bytes or more.

        Up to 16,384 bytes leave as one TLS record. A return is no proof that the partner has read them.

        Args:
            data: Bytes, or a `DataBlock` (its whole image).

        Raises:
            ConnectionLost: The connection is gone (16#80C5, 16#80C6); what the partner got of this message is unknown.
            LocalProtocolError: Another task is sending, or this side has closed.
            ParameterError: Nothing with bytes in it.
        """
        view = area(data)
        try:
            await self._wire.stream.send_all(view.view)
        except _RESOURCE_ERRORS as error:
            raise explain(error, where=self.partner) from error
        self._link.sent += len(view)

    async def receive_some(self, limit: int = 65_536) -> bytes:
        """What has arrived, 1 to `limit` bytes; ad hoc mode in a PLC's words.

        Raises:
            ConnectionLost: The partner has closed the connection, or it broke (16#80C5, 16#80C6).
            LocalProtocolError: Another task is receiving, or this side has closed.
        """
        if not isinstance(limit, int) or limit < 1:
            raise ParameterError(
                f"cannot receive {limit!r} bytes", status=0x8085, where="limit", remedy="Ask for at least 1"
            )
        if self._left:
            data, self._left = self._left[:limit], self._left[limit:]
            return data
        if self._ended is not None:
            raise self._ended
        try:
            data = bytes(await self._wire.stream.receive_some(limit))
        except _RESOURCE_ERRORS as error:
            raise explain(error, where=self.partner) from error
        if not data:
            self._ended = ConnectionLost("the partner has closed the connection", status=0x80C5, where=self.partner)
            raise self._ended
        self._link.received += len(data)
        return data

    async def receive(self, size: int) -> bytes:
        """Exactly `size` bytes; fixed length in a PLC's words. Surplus bytes stay for the next call.

        Cancelled, nothing is lost: what has arrived so far is the beginning of the next receive.

        Args:
            size: 1 to 16,777,216.

        Raises:
            ConnectionLost: The connection ended first; the bytes that did arrive can still be had from `receive_some`.
            LocalProtocolError: Another task is receiving, or this side has closed.
        """
        if not isinstance(size, int) or not 1 <= size <= MAX_RECEIVE:
            raise ParameterError(
                f"cannot receive {size!r} bytes at once", status=0x8085, remedy=f"Ask for 1 to {MAX_RECEIVE}"
            )
        parts = bytearray()
        try:
            while len(parts) < size:
                parts += await self.receive_some(size - len(parts))
        except BaseException:
            self._left = bytes(parts) + self._left
            raise
        return bytes(parts)

    async def receive_into(self, data: Any) -> int:
        """Fill `data` completely; tells how many bytes that were.

        Args:
            data: A `DataBlock`, a bytearray, or a writable memoryview. It is changed at the end, all at once.

        Raises:
            ConnectionLost, ParameterError: As `receive`; `data` is unchanged then.
        """
        target = area(data)
        view = target.writable(len(target))
        view[:] = await self.receive(len(target))
        return len(target)

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> bytes:
        """What arrives, piece by piece, until the partner closes."""
        try:
            return await self.receive_some()
        except ConnectionLost:
            if self._ended is not None:
                raise StopAsyncIteration from None
            raise

    async def aclose(self) -> None:
        """Close so that nothing sent is lost: close_notify, FIN, and then the partner's end is awaited for a second."""
        if not self._closed:
            self._closed = True
            await self._wire.stream.aclose()
