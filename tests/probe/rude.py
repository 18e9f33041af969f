"""Partners that behave badly, on plain sockets: nothing of ours answers here, except where a certificate is what is wrong."""

from __future__ import annotations

import contextlib
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import trio

__all__ = ["CLIENTS", "SERVERS", "Rude", "alerting", "dial", "finish", "serve", "shaking"]

Conduct = Callable[[trio.SocketStream], Awaitable[None]]

# A ServerHello of TLS 1.2 that is cut off in the middle, in a record that promises 80 bytes.
_HALF_SERVER_HELLO: Final = bytes.fromhex("160303005002000050") + b"\x03\x03" + bytes(16)
# A ServerHello that chooses TLS 1.1 (0302).
_OLD_SERVER_HELLO: Final = (
    bytes.fromhex("160302002a02000026") + b"\x03\x02" + bytes(range(32)) + bytes.fromhex("00003500")
)
# The ClientHello of a stack that ends at TLS 1.1 (RFC 4346 7.4.1.2).
_OLD_BODY: Final = bytes.fromhex("0302") + bytes(range(32)) + bytes.fromhex("000004002F00350100")
_OLD_HELLO: Final = (
    bytes.fromhex("160301") + (len(_OLD_BODY) + 4).to_bytes(2) + b"\x01" + len(_OLD_BODY).to_bytes(3) + _OLD_BODY
)
_TPKT: Final = bytes.fromhex("0300000B06800000000100")


@attrs.frozen
class Rude:
    """A way to behave badly, and what the other side has to call it.

    Attributes:
        name: For the test's name.
        causes: Of the table of causes; a probe, which listens before it speaks, has the finer one first.
        conduct: What it does with a connection.
        early: It acts before it has heard anything, so a probe that listens first hears it for certain.
        limit: Seconds to wait for it: few where it never says what is waited for.
    """

    name: str
    causes: tuple[str, ...]
    conduct: Conduct
    early: bool = False
    limit: float = 30.0


def _reset(stream: trio.SocketStream) -> None:
    with contextlib.suppress(OSError):
        stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def _listen_on(stream: trio.SocketStream) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        while await stream.receive_some():
            pass


def saying(data: bytes, *, after_hello: bool = True, then: str = "listen") -> Conduct:
    """Say something, before or after the partner's hello, then listen, close or reset."""

    async def conduct(stream: trio.SocketStream) -> None:
        if after_hello:
            await stream.receive_some()
        if data:
            await stream.send_all(data)
        await finish(stream, then)

    return conduct


async def finish(stream: trio.SocketStream, then: str) -> None:
    """Reset, close, or only listen from now on."""
    if then == "reset":
        _reset(stream)
        return
    if then == "close":
        await stream.send_eof()
    await _listen_on(stream)


async def _echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


def alerting(number: int, *, level: int = 2, after_hello: bool = True, then: str = "close") -> Conduct:
    """A plaintext alert."""
    return saying(bytes([21, 3, 3, 0, 2, level, number]), after_hello=after_hello, then=then)


SERVERS: Final = (
    Rude("echo service", ("echo",), _echo),
    Rude("web server", ("http",), saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", then="close")),
    Rude("web server that answers with a page", ("http",), saying(b"<!DOCTYPE HTML>\n<html>", then="close")),
    Rude("OPC UA server", ("opc-ua",), saying(b"ERRF\x10\0\0\0\0\0\0\x80\0\0\0\0", then="close")),
    Rude("SSH server", ("ssh",), saying(b"SSH-2.0-OpenSSH_9.6\r\n", after_hello=False), early=True),
    Rude("mail server", ("plain",), saying(b"220 mail ready\r\n", after_hello=False), early=True),
    Rude("plain answer", ("plain",), saying(b"\x01\x00\xfe\x0cHello")),
    Rude("S7 port", ("port-102",), saying(_TPKT, then="close")),
    Rude("silent", ("plain",), saying(b""), limit=0.3),
    Rude(
        "FIN at once", ("turned-away", "closed-after-hello"), saying(b"", after_hello=False, then="close"), early=True
    ),
    Rude("RST at once", ("turned-away", "reset-after-hello"), saying(b"", after_hello=False, then="reset"), early=True),
    Rude("FIN after the hello", ("closed-after-hello",), saying(b"", then="close")),
    Rude("RST after the hello", ("reset-after-hello",), saying(b"", then="reset")),
    Rude("FIN in the handshake", ("broken-off",), saying(_HALF_SERVER_HELLO, then="close")),
    Rude("RST in the handshake", ("broken-off",), saying(_HALF_SERVER_HELLO, then="reset")),
    Rude("silent in the handshake", ("handshake-stalled",), saying(_HALF_SERVER_HELLO), limit=2.0),
    Rude("TLS 1.1 only, by hello", ("wrong-version",), saying(_OLD_SERVER_HELLO)),
    Rude("TLS 1.1 only, by alert", ("wrong-version",), alerting(70)),
    Rude("close_notify in the handshake", ("broken-off",), alerting(0, level=1)),
    Rude("alert at once", ("handshake-refused",), alerting(80, after_hello=False), early=True),
    Rude("alert, then RST", ("handshake-refused",), alerting(40, then="reset")),
    Rude("nonsense in a record", ("handshake-failed",), saying(b"\x16\x03\x03\x00\x04\x63\x00\x00\x00")),
)


def shaking(then: str, *, data: bytes = b"") -> Conduct:
    """A client that says a genuine hello of the standard library, then perhaps something in clear, and nothing more."""

    async def conduct(stream: trio.SocketStream) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing).do_handshake()
        await stream.send_all(outgoing.read())
        await stream.receive_some()
        await stream.send_all(data)
        await finish(stream, then)

    return conduct


CLIENTS: Final = (
    Rude("browser", ("http",), saying(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", after_hello=False)),
    Rude("OPC UA client", ("opc-ua",), saying(b"HELF\x20\0\0\0" + bytes(24), after_hello=False)),
    Rude("SSH client", ("ssh",), saying(b"SSH-2.0-PuTTY\r\n", after_hello=False)),
    Rude("plain client", ("plain",), saying(b"\x01\x00\xfe\x0cHello", after_hello=False)),
    Rude(
        "S7 client",
        ("port-102",),
        saying(bytes.fromhex("0300001611E00000000100C0010AC1020100C2020102"), after_hello=False),
    ),
    Rude("silent", ("plain",), saying(b"", after_hello=False), limit=0.3),
    Rude("FIN at once", ("left-again",), saying(b"", after_hello=False, then="close")),
    Rude("RST at once", ("left-again",), saying(b"", after_hello=False, then="reset")),
    Rude("FIN after its hello", ("reset-after-hello",), shaking("close")),
    Rude("RST after its hello", ("reset-after-hello",), shaking("reset")),
    Rude("silent after its hello", ("handshake-stalled",), shaking("silent"), limit=2.0),
    Rude("TLS 1.1 only", ("wrong-version",), saying(_OLD_HELLO, after_hello=False)),
    Rude("alert instead of a hello", ("handshake-refused",), alerting(40, after_hello=False)),
)


async def serve(conduct: Conduct, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
    """Behave so towards whoever connects, until cancelled."""

    async def one(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            await conduct(stream)
        await stream.aclose()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    task_status.started(int(listeners[0].socket.getsockname()[1]))
    await trio.serve_listeners(one, listeners)


async def dial(conduct: Conduct, port: int) -> None:
    """Behave so towards whoever listens, once."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            await conduct(stream)
