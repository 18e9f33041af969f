"""Sending and receiving as a Python program sees it, whatever carries the bytes.

One task may send while another receives. A cancelled receive loses nothing: what has arrived so far is the beginning of the
next one. A message is handed to the network once, or its `send` raises; nothing is ever sent again by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeAlias

import attrs

from .. import causes
from ..arguments import whole
from ..connection import Link
from ..connection.area import area
from ..errors import ConnectionLost, LocalProtocolError, ParameterError
from ..params import Endpoint
from ..s7 import DataBlock, Struct, Structure
from ..station import Happening
from ..tls import TLSFacts
from ..wire import AreaTooSmallError
from .tracebacks import short, shortened

__all__ = [
    "MAX_RECEIVE",
    "ConnectionFacts",
    "Conversation",
    "bytes_of",
    "messages_of",
    "streams_only",
    "taken_away",
    "writable_of",
]

#: What a record looks like.
Layout: TypeAlias = DataBlock | Struct | type[Structure]
# The most that one `receive` may ask for; TSEND moves at most 65,536 bytes, and partners join messages.
MAX_RECEIVE = 16 * 1024 * 1024
# Messages are joined up to this size: four full TLS records, one call of the operating system.
_JOINED = 65_536
_COUNT = whole(1)


@attrs.frozen(kw_only=True)
class ConnectionFacts:
    """A connection at one moment; holds no secret.

    Attributes:
        connection_id: 1 to 4095.
        partner: Plant address and port of the other end.
        protocol: `TCP` or `ISO-on-TCP`.
        tls: Version, suite, group and the partner's certificate; None on a plain connection.
        sent, received: Bytes of user data.
        established: Whether data can flow.
    """

    connection_id: int
    partner: str
    protocol: str
    tls: TLSFacts | None
    sent: int
    received: int
    established: bool


class Conversation(ABC):
    """The face that all connections of `ouc.api` have."""

    def __init__(self, link: Link) -> None:
        self._link = link
        #: How it ended, where the station attends to the connection (`hold`). None while it is established, where it was
        #: closed from this side, and on connections of `connect` and `serve`, whose receiving raises.
        self.loss: Happening | None = None
        self._left = b""
        # Why receiving ended, once it has; told again at every later call.
        self._ended: ConnectionLost | None = None

    # -- what a kind of connection brings --------------------------------------------------------------------------

    @abstractmethod
    async def _hand_over(self, data: memoryview) -> None:
        """Send all of it, or raise an `OUCError`."""

    @abstractmethod
    async def _arrived(self, limit: int) -> bytes:
        """At least one byte, at most `limit`; where messages have boundaries, one whole message; `b""` at the end."""

    @property
    @abstractmethod
    def partner(self) -> str:
        """Plant address and port of the other end."""

    @property
    @abstractmethod
    def tls(self) -> TLSFacts | None:
        """What TLS agreed on, None on a plain connection."""

    @property
    @abstractmethod
    def established(self) -> bool:
        """Whether data can flow, as far as is known."""

    # -- facts -----------------------------------------------------------------------------------------------------

    @property
    def connection_id(self) -> int:
        """The connection ID of the description, 1 to 4095."""
        return self._link.connection_id

    @property
    def ended(self) -> bool:
        """Whether the partner has closed its side and everything it sent was received."""
        return self._ended is not None

    @property
    def incomplete(self) -> bool:
        """Whether bytes have arrived that no `receive` has taken because the rest is missing."""
        return bool(self._left)

    @property
    def facts(self) -> ConnectionFacts:
        """Partner, certificate, TLS and counters as a frozen value."""
        return ConnectionFacts(
            connection_id=self.connection_id,
            partner=self.partner,
            protocol=self._link.endpoint.protocol or "TCP",
            tls=self.tls,
            sent=self._link.sent,
            received=self._link.received,
            established=self.established,
        )

    @property
    def _has_messages(self) -> bool:
        return self._link.endpoint.protocol == "ISO-on-TCP"

    def __repr__(self) -> str:
        secured = self.tls.version if self.tls else "not secured"
        secured += "" if self.tls is None or self.tls.verified else ", partner not verified"
        return f"<{type(self).__name__} {self.connection_id} to {self.partner}, {secured}>"

    # -- sending ---------------------------------------------------------------------------------------------------

    @shortened
    async def send(self, data: Any) -> None:
        """Hand all bytes of `data` to TCP, as one message.

        Up to 16,384 bytes leave as one TLS record. A return is no proof that the partner has read them.

        Args:
            data: Bytes, a `DataBlock` (its whole image) or a `Structure`; at most 65,536 bytes over ISO-on-TCP.

        Raises:
            ConnectionLost: The connection is gone (16#80C5, 16#80C6); what the partner got of this message is unknown.
            LocalProtocolError: Another task is sending, or this side has closed.
            ParameterError: Nothing with bytes in it.
        """
        view = bytes_of(data)
        await self._hand_over(view)

    @shortened
    async def send_many(self, messages: Iterable[Any]) -> int:
        """Send messages one behind the other, as few records as possible; about eleven times as fast as one by one.

        On ISO-on-TCP each keeps its boundaries. Cancelled, whole messages have been sent, or the connection is broken.

        Args:
            messages: As `send` takes them.

        Returns:
            How many were handed over.

        Raises:
            ConnectionLost, LocalProtocolError, ParameterError: As `send`; how many of them left is unknown.
        """
        messages_of(messages)
        count = 0
        if self._has_messages:
            for message in messages:
                await self.send(message)
                count += 1
            return count
        joined, waiting = bytearray(), 0
        for message in messages:
            view = bytes_of(message)
            if joined and len(joined) + view.nbytes > _JOINED:
                await self._hand_over(memoryview(bytes(joined)))
                count, waiting = count + waiting, 0
                joined.clear()
            joined += view
            waiting += 1
        if joined:
            await self._hand_over(memoryview(bytes(joined)))
        return count + waiting

    # -- receiving -------------------------------------------------------------------------------------------------

    @shortened
    async def receive_some(self, limit: int = 65_536) -> bytes:
        """What has arrived, 1 to `limit` bytes; ad hoc mode in a PLC's words. On ISO-on-TCP the next message.

        Raises:
            ConnectionLost: The partner has closed the connection, or it broke (16#80C5, 16#80C6).
            LocalProtocolError: Another task is receiving, or this side has closed.
            ParameterError: `limit` is not positive (16#8085); on ISO-on-TCP, the message is longer (16#8088) and stays.
        """
        if not _COUNT.fits(limit):
            raise ParameterError(
                f"cannot receive {limit!r} bytes", status=0x8085, where="limit", remedy="Ask for at least 1"
            )
        if self._left:
            data, self._left = self._left, b""
        else:
            if self._ended is not None:
                raise self._ended
            data = await self._arrived(limit)
            if not data:
                self._ended = causes.closed(self.partner)
                raise self._ended
        if len(data) > limit:
            if self._has_messages:
                self._left = data
                raise AreaTooSmallError(len(data), limit, 0x8088)
            data, self._left = data[:limit], data[limit:]
        return data

    @shortened
    async def receive(self, size: int) -> bytes:
        """Exactly `size` bytes; fixed length in a PLC's words. Surplus bytes stay for the next call.

        Cancelled, nothing is lost: what has arrived so far is the beginning of the next receive.

        Args:
            size: 1 to 16,777,216.

        Raises:
            ConnectionLost: The connection ended first; the bytes that did arrive can still be had from `receive_some`.
            LocalProtocolError: Another task is receiving, or this side has closed.
            ParameterError: On ISO-on-TCP, the next message has another length (16#8088); it stays.
        """
        if not _COUNT.fits(size) or size > MAX_RECEIVE:
            raise ParameterError(
                f"cannot receive {size!r} bytes at once", status=0x8085, remedy=f"Ask for 1 to {MAX_RECEIVE}"
            )
        if self._has_messages:
            message = await self.receive_some(size)
            if len(message) != size:
                self._left = message
                raise AreaTooSmallError(len(message), size, 0x8088)
            return message
        parts = bytearray()
        try:
            while len(parts) < size:
                parts += await self.receive_some(size - len(parts))
        except BaseException:
            self._left = bytes(parts) + self._left
            raise
        return bytes(parts)

    @shortened
    async def receive_message(self) -> bytes:
        """The next message, as long as it is; ISO-on-TCP only, because TCP carries no lengths.

        Raises:
            ConnectionLost: As `receive_some`.
            LocalProtocolError: The connection is plain TCP or TLS.
        """
        if not self._has_messages:
            raise LocalProtocolError(
                "TCP carries no message boundaries",
                status=0x80B3,
                remedy="Use receive(size), receive_some() or records(layout), or an ISO-on-TCP connection",
            )
        return await self.receive_some(MAX_RECEIVE)

    @shortened
    async def receive_into(self, data: Any) -> int:
        """Fill `data` completely; tells how many bytes that were. An ISO-on-TCP message may be shorter.

        Args:
            data: A `DataBlock`, a bytearray, or a writable memoryview. It is changed at the end, all at once.

        Raises:
            ConnectionLost, ParameterError: As `receive`; `data` is unchanged then.
        """
        view = writable_of(data)
        received = await self.receive_for(view)
        view[: len(received)] = received
        return len(received)

    async def receive_for(self, view: memoryview) -> bytes:
        """What `receive_into` fills an area with; the area itself is not touched."""
        return await (self.receive_some(view.nbytes) if self._has_messages else self.receive(view.nbytes))

    def give_back(self, data: bytes) -> None:
        """Put what the last receive gave in front of what comes next; for a face whose caller was gone by then."""
        self._left = data + self._left

    def records(self, layout: Layout) -> Records:
        """What the partner sends, record by record, until it closes; an async iterator.

        An establishment of a held connection ends the iteration whenever it is over; if that was in the middle of a record,
        `incomplete` is True afterwards, and the log has a warning.

        Args:
            layout: A `DataBlock`, of which each record is a copy with memory of its own; its `layout` alone, which gives
                such blocks too; or a `Structure` type.

        Raises:
            ParameterError: It is none of them, or has no bytes.
            ConnectionLost: While iterating over a connection of `connect` or `serve`: it broke, or ended in the middle of a
                record.
        """
        return Records(self, layout)

    def _ends_iteration(self) -> bool:
        """Whether a loss ends an iteration instead of being raised: the partner has closed, and nothing was cut off."""
        return self._ended is not None and not self._left

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """What arrives, piece by piece, until the partner closes, or an establishment of a held connection is over."""
        try:
            return await self.receive_some()
        except ConnectionLost as error:
            if self._ends_iteration():
                raise StopAsyncIteration from None
            raise short(error) from error.__cause__


class Records:
    """Records of one layout, one after the other; see `Conversation.records`."""

    def __init__(self, conversation: Conversation, layout: Layout) -> None:
        self._conversation = conversation
        self._image = b""
        self._size, self._make = _record_of(layout)
        if not 1 <= self._size <= MAX_RECEIVE:
            raise ParameterError(f"a record of {self._size} bytes cannot be received", status=0x8085, where="layout")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            self._image = await self._conversation.receive(self._size)
        except ConnectionLost as error:
            if self._conversation._ends_iteration():  # noqa: SLF001 - its other half
                raise StopAsyncIteration from None
            raise short(error) from error.__cause__
        return self._make(self._image)

    def give_back(self, _: Any) -> None:
        """As `Conversation.give_back`, for the record given last."""
        self._conversation.give_back(self._image)


def _record_of(layout: Layout) -> tuple[int, Callable[[bytes], Any]]:
    """Bytes of one record, and what makes a value of them."""
    if isinstance(layout, type) and issubclass(layout, Structure):
        return layout.layout().size, layout.from_bytes
    struct = layout.layout if isinstance(layout, DataBlock) else layout
    if not isinstance(struct, Struct):
        raise ParameterError(
            f"records have a layout, and a {type(layout).__name__} is none",
            where="layout",
            remedy="Give a DataBlock, its layout (block.layout), or a class of a structure",
        )
    return struct.size, lambda image: DataBlock(struct, bytearray(image))


def bytes_of(data: Any) -> memoryview:
    """The bytes of what a program wants to send: anything with a buffer, a `DataBlock`, a `Structure`."""
    return memoryview(data.to_bytes()) if isinstance(data, Structure) else area(data).view


def messages_of(given: Any) -> Iterable[Any]:
    """What `send_many` takes.

    Raises:
        ParameterError: It is one message, or nothing that has messages.
    """
    if isinstance(given, (str, bytes, bytearray, memoryview)) or not isinstance(given, Iterable):
        raise ParameterError(
            f"a {type(given).__name__} is no list of messages", where="messages", remedy="Give a list, or use send"
        )
    return given


def writable_of(data: Any) -> memoryview:
    """The bytes that a receive may fill: a `DataBlock`, a bytearray, a writable memoryview."""
    target = area(data)
    return target.writable(len(target))


def taken_away(link: Link) -> LocalProtocolError:
    """Why a connection will never stand again: its ID is no longer in the table."""
    return LocalProtocolError(
        f"connection {link.connection_id} was taken away",
        status=0x80A3,
        remedy="TDISCON with this ID, STOP, or leaving the station ends it; open it again",
    )


def streams_only(end: Endpoint) -> None:
    """Refuse UDP, which has no connections (16#80B3)."""
    if end.protocol == "UDP":
        raise ParameterError(
            "UDP has no connections", status=0x80B3, where="ConnectionType", remedy="Use Station.datagrams"
        )
