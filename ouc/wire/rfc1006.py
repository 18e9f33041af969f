"""ISO-on-TCP: messages with their boundaries over a TCP stream (RFC 1006, ISO 8073 class 0).

A TPKT carries one TPDU. A connection begins with a connect request (CR) that names both transport selectors and is
answered with a connect confirm (CC) or a disconnect request (DR); then data TPDUs (DT) carry messages, the last part of each
marked. This machine does all of it with bytes alone: feed what arrives, send what `take` gives.

The bytes come from a stranger: every length is checked, and a message longer than a receive job can be is refused.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from ..errors import ConnectionLost, LocalProtocolError, RemoteProtocolError

__all__ = [
    "IsoCall",
    "IsoConnected",
    "IsoConnection",
    "IsoDisconnected",
    "IsoEvent",
    "IsoMessage",
    "read_call_untrusted",
    "refuse_call",
]

_VERSION = 3
_HEADER = 4
_CR, _CC, _DR, _DT, _ER = 0xE0, 0xD0, 0x80, 0xF0, 0x70
_END_OF_MESSAGE = 0x80
_TPDU_SIZE, _CALLING, _CALLED = 0xC0, 0xC1, 0xC2
# Our proposal: 8192 bytes, the largest that ISO 8073 lets class 0 encode (exponent 13).
_OUR_EXPONENT = 13
_SMALLEST_EXPONENT, _DEFAULT_EXPONENT = 7, 7
# TSEND moves at most 65,536 bytes (ouc-blocks.md 4.1).
MAX_MESSAGE = 65_536

# ISO 8073 13.5.3, as far as class 0 uses it.
DISCONNECT_REASONS: Final = {
    0x00: "no reason given",
    0x01: "congestion",
    0x02: "the session entity is not attached to that selector",
    0x03: "the selector is unknown there",
    0x80: "a normal end",
    0x81: "remote congestion",
    0x85: "a protocol error",
    0x87: "a reference overflow",
    0x88: "the connection request was refused",
}


@attrs.frozen
class IsoConnected:
    """Both ends have agreed.

    Attributes:
        size: Bytes of the largest TPDU, header included.
    """

    size: int


@attrs.frozen
class IsoCall:
    """Who calls whom, as a connect request says it.

    Attributes:
        calling: The caller's transport selector.
        called: The one it wants to speak to.
    """

    calling: bytes
    called: bytes


@attrs.frozen
class IsoMessage:
    """One whole message.

    Attributes:
        data: 0 to 65,536 bytes.
    """

    data: bytes


@attrs.frozen
class IsoDisconnected:
    """The partner ended the connection in its own words.

    Attributes:
        reason: ISO 8073's number.
    """

    reason: int

    def __str__(self) -> str:
        return DISCONNECT_REASONS.get(self.reason, f"reason {self.reason}")


IsoEvent = IsoConnected | IsoMessage | IsoDisconnected


class _State(enum.Enum):
    FRESH = enum.auto()
    WAITING = enum.auto()
    OPEN = enum.auto()
    ENDED = enum.auto()


class IsoConnection:
    """One end of an ISO-on-TCP connection.

    Args:
        active: True on the side that sends the connect request.
        local: Own transport selector (TSAP), at most 32 bytes.
        remote: The partner's. On a passive end an empty one admits any partner.
        limit: Longest message accepted, in bytes.
    """

    def __init__(self, *, active: bool, local: bytes, remote: bytes, limit: int = MAX_MESSAGE) -> None:
        if len(local) > 32 or len(remote) > 32:
            raise ValueError("a transport selector has at most 32 bytes")
        self._active, self._local, self._remote, self._limit = active, local, remote, limit
        self._state = _State.FRESH
        self._in, self._out, self._message = bytearray(), bytearray(), bytearray()
        self._parts = 0
        self._tpdu = 1 << _DEFAULT_EXPONENT

    @property
    def established(self) -> bool:
        """Whether messages may flow."""
        return self._state is _State.OPEN

    @property
    def over(self) -> bool:
        """Whether the partner has said goodbye, has gone, or was refused."""
        return self._state is _State.ENDED

    def connect(self) -> None:
        """Begin, on the active side."""
        if not self._active or self._state is not _State.FRESH:
            raise LocalProtocolError("only a fresh active end connects")
        self._state = _State.WAITING
        self._out += _connection_tpdu(_CR, 0, 1, _OUR_EXPONENT, calling=self._local, called=self._remote)

    def take(self) -> bytes:
        """Bytes for the transport, all that there are."""
        out, self._out = bytes(self._out), bytearray()
        return out

    def send(self, message: bytes | bytearray | memoryview) -> None:
        """Send one message; its length reaches the partner.

        Raises:
            LocalProtocolError: The connection is not established (16#80A1), or the message is too long (16#8085).
        """
        if self._state is not _State.OPEN:
            raise LocalProtocolError("the ISO-on-TCP connection is not established", status=0x80A1)
        view = memoryview(message).cast("B") if len(message) else memoryview(b"")
        if len(view) > MAX_MESSAGE:
            raise LocalProtocolError(f"a message of {len(view)} bytes is too long", status=0x8085)
        most = self._tpdu - 3
        for start in range(0, max(len(view), 1), most):
            part = view[start : start + most]
            last = start + most >= len(view)
            size = _HEADER + 3 + len(part)
            self._out += bytes((_VERSION, 0, size >> 8, size & 0xFF, 2, _DT, _END_OF_MESSAGE if last else 0))
            self._out += part

    def receive_data(self, data: bytes) -> list[IsoEvent]:
        """Feed what the transport delivered and collect what it means; `b""` means that the transport ended.

        Raises:
            RemoteProtocolError: The partner's bytes are no ISO-on-TCP, or name other selectors (16#80E0, 16#80C5).
            ConnectionLost: The transport ended in the middle of a message or of the establishment (16#80C5).
        """
        if not data:
            cut = bool(self._in or self._message or self._parts or self._state is _State.WAITING)
            self._state = _State.ENDED
            if cut:
                raise ConnectionLost("the transport ended in the middle of an ISO-on-TCP message", status=0x80C5)
            return []
        self._in += data
        events: list[IsoEvent] = []
        while self._state is not _State.ENDED and (tpdu := self._next_tpdu()) is not None:
            event = self._read(tpdu)
            if event is not None:
                events.append(event)
        return events

    def _next_tpdu(self) -> bytes | None:
        if len(self._in) < _HEADER:
            if self._in and self._in[0] != _VERSION:
                self._refuse("not a TPKT")
            return None
        size = int.from_bytes(self._in[2:4])
        if self._in[0] != _VERSION or size < _HEADER + 3:
            self._refuse("not a TPKT")
        if len(self._in) < size:
            return None
        tpdu = bytes(self._in[_HEADER:size])
        del self._in[:size]
        if tpdu[0] + 1 > len(tpdu) or tpdu[0] < 2:
            self._refuse("a TPDU whose header is longer than itself")
        return tpdu

    def _refuse(self, what: str) -> None:
        self._state = _State.ENDED
        raise RemoteProtocolError(f"the partner's bytes are no ISO-on-TCP: {what}", status=0x80E0)

    def _read(self, tpdu: bytes) -> IsoEvent | None:
        kind = tpdu[1] & 0xF0
        if kind == _DT and self._state is _State.OPEN:
            return self._read_data(tpdu)
        if kind == _CR and not self._active and self._state is _State.FRESH:
            return self._answer(tpdu)
        if kind == _CC and self._active and self._state is _State.WAITING:
            return self._open(_parameters(tpdu))
        if kind == _DR and self._state in (_State.WAITING, _State.OPEN):
            self._state = _State.ENDED
            return IsoDisconnected(tpdu[6] if len(tpdu) > 6 else 0)
        if kind == _ER:
            self._refuse("it reports an error in ours")
        self._refuse(f"TPDU type {tpdu[1]:#04x} out of turn")
        return None

    def _read_data(self, tpdu: bytes) -> IsoEvent | None:
        if tpdu[0] != 2:
            self._refuse("a data TPDU with a long header")
        self._message += tpdu[3:]
        self._parts += 1
        # Empty parts without an end would keep us busy for ever without ever reaching the length limit.
        if len(self._message) > self._limit or self._parts > self._limit:
            self._state = _State.ENDED
            raise RemoteProtocolError(f"a message of more than {self._limit} bytes is refused", status=0x8088)
        if not tpdu[2] & _END_OF_MESSAGE:
            return None
        message, self._message, self._parts = bytes(self._message), bytearray(), 0
        return IsoMessage(message)

    def _open(self, parameters: dict[int, bytes]) -> IsoConnected:
        exponent = parameters.get(_TPDU_SIZE, bytes((_DEFAULT_EXPONENT,)))
        if len(exponent) != 1 or not _SMALLEST_EXPONENT <= exponent[0] <= _OUR_EXPONENT:
            self._refuse("a TPDU size that does not exist")
        self._tpdu = 1 << exponent[0]
        self._state = _State.OPEN
        return IsoConnected(self._tpdu)

    def _answer(self, tpdu: bytes) -> IsoEvent | None:
        parameters = _parameters(tpdu)
        if len(tpdu) < 7 or tpdu[6] >> 4:
            self._refuse("a connect request of another class than 0")
        reference = int.from_bytes(tpdu[4:6])
        calling, called = parameters.get(_CALLING, b""), parameters.get(_CALLED, b"")
        if called != self._local or (self._remote and calling != self._remote):
            self._out += refuse_call(bytes(_HEADER) + tpdu)
            self._state = _State.ENDED
            raise RemoteProtocolError(
                f"the partner calls selector {called.hex(' ') or 'none'} from {calling.hex(' ') or 'none'}",
                status=0x80C9,
                remedy="Compare remote_tselector and local_tselector of both sides: each is the other's mirror",
            )
        proposed = parameters.get(_TPDU_SIZE, bytes((_DEFAULT_EXPONENT,)))
        agreed = bytes((min(max(proposed[:1] or b"\x07", b"\x07")[0], _OUR_EXPONENT),))
        self._out += _connection_tpdu(_CC, reference, 2, agreed[0], calling=calling, called=called)
        return self._open({_TPDU_SIZE: agreed})


# A connect request is short: two selectors of 32 bytes and a handful of parameters.
_LONGEST_CALL = 512


def read_call_untrusted(received: bytes) -> IsoCall | None:
    """Whom the first bytes of a stranger call; None while they are too few to tell.

    All passive ends of a station share port 102, and only the called selector says which of them is meant.

    Raises:
        RemoteProtocolError: It is no connect request (16#80E0).
    """
    problem = ""
    if received[:1] not in (b"", bytes((_VERSION,))):
        problem = "not a TPKT"
    elif len(received) >= _HEADER:
        size = int.from_bytes(received[2:4])
        if not _HEADER + 7 <= size <= _LONGEST_CALL:
            problem = "no connect request"
        elif len(received) >= size:
            tpdu = received[_HEADER:size]
            if tpdu[1] & 0xF0 == _CR:
                parameters = _parameters(tpdu)
                return IsoCall(parameters.get(_CALLING, b""), parameters.get(_CALLED, b""))
            problem = f"TPDU type {tpdu[1]:#04x} instead of a connect request"
    if problem:
        raise RemoteProtocolError(f"the partner's bytes are no ISO-on-TCP: {problem}", status=0x80E0)
    return None


def refuse_call(received: bytes) -> bytes:
    """The disconnect request that answers a call for a selector nobody has (reason 3, ISO 8073 13.5.3).

    Args:
        received: What `read_call_untrusted` has read a call from.
    """
    return _tpkt(bytes((6, _DR)) + received[_HEADER + 4 : _HEADER + 6] + b"\0\0" + b"\x03")


def _tpkt(tpdu: bytes) -> bytes:
    return bytes((_VERSION, 0)) + (_HEADER + len(tpdu)).to_bytes(2) + tpdu


def _connection_tpdu(kind: int, to: int, of: int, exponent: int, *, calling: bytes, called: bytes) -> bytes:
    variable = bytes((_TPDU_SIZE, 1, exponent))
    for code, value in ((_CALLING, calling), (_CALLED, called)):
        variable += bytes((code, len(value))) + value
    fixed = bytes((kind,)) + to.to_bytes(2) + of.to_bytes(2) + b"\0"
    return _tpkt(bytes((len(fixed) + len(variable),)) + fixed + variable)


def _parameters(tpdu: bytes) -> dict[int, bytes]:
    """The variable part of a connection TPDU; what overruns the header is left out."""
    found: dict[int, bytes] = {}
    header, at = tpdu[: tpdu[0] + 1], 7
    while at + 2 <= len(header):
        code, size = header[at], header[at + 1]
        if at + 2 + size > len(header):
            break
        found[code] = header[at + 2 : at + 2 + size]
        at += 2 + size
    return found
