"""TCP on our own non-blocking sockets; trio only waits for readiness.

What trio's SocketStream does not give: a close that loses nothing, a close that is a reset (as a CPU closes), keep-alive
as an S7 has it, and a tap. A TLS 1.3 client that only writes has unread session tickets in its socket; a plain `close`
would then send a reset, and what the partner has not read yet would be lost (tls-performance.md, pitfall 2).
So `aclose` says FIN, reads until the partner's end, and closes then.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import sys
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Literal

import trio

from .busy import DEFAULT_BUDGET, Budget, OneTask

__all__ = ["Direction", "Listener", "TCPStream", "Tap", "dial", "listen"]

Direction = Literal["sent", "received"]
Tap = Callable[[Direction, bytes], None]

RECEIVE_SIZE = 65_536
# How long `aclose` reads for the partner's end before it gives up; ours, no source gives it.
LINGER = 1.0
# After `keep_alive` idle seconds: seconds between probes, and probes until the connection is lost. Ours.
_PROBE_INTERVAL, _PROBES = 10, 3
# Seconds before the next try to accept when the system had nothing left; ours.
_EXHAUSTED_PAUSE = 0.1


def _prepare(sock: socket.socket, keep_alive: float) -> None:
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if keep_alive <= 0:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Linux and Windows call it KEEPIDLE, macOS KEEPALIVE.
    for names, value in (
        (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), round(keep_alive)),
        (("TCP_KEEPINTVL",), _PROBE_INTERVAL),
        (("TCP_KEEPCNT",), _PROBES),
    ):
        for name in names:
            option = getattr(socket, name, None)
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
                break


class TCPStream(trio.abc.HalfCloseableStream):
    """A connected TCP socket as a trio stream.

    Args:
        sock: Connected, non-blocking; owned by the stream from now on.
        partner: The other end, where it is known already: a partner that has reset can no longer be asked for.
        tap: Called with every piece of bytes after it was sent or received.
        linger: Seconds that `aclose` waits for the partner's end.
        budget: Calls in a row that may skip trio's schedule point.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        partner: tuple[IPv4Address, int] | None = None,
        tap: Tap | None = None,
        linger: float = LINGER,
        budget: int = DEFAULT_BUDGET,
    ) -> None:
        self._socket = sock
        self._partner = partner
        self.tap = tap
        self._linger = linger
        self._closed = self._said_end = self._heard_end = self._torn = False
        self._sending = OneTask("another task is already sending on this connection")
        self._receiving = OneTask("another task is already receiving on this connection")
        self._send_budget, self._receive_budget = Budget(budget), Budget(budget)

    @property
    def partner(self) -> tuple[IPv4Address, int]:
        """Address and port of the other end, as this computer sees them."""
        if self._partner is None:
            host, port = self._socket.getpeername()[:2]
            self._partner = IPv4Address(host), port
        return self._partner

    @property
    def local(self) -> tuple[IPv4Address, int]:
        """Address and port of this end."""
        host, port = self._socket.getsockname()[:2]
        return IPv4Address(host), port

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this side has closed the connection")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand all of `data` to TCP.

        Cancelled before the first byte, nothing was sent and the stream is whole; cancelled in the middle, the partner
        has a part, and every later send raises `BrokenResourceError`.
        """
        with self._sending:
            self._check_open()
            await self._send_budget.start()
            if self._said_end:
                raise trio.ClosedResourceError("this side has already ended its sending")
            if self._torn:
                raise trio.BrokenResourceError("an earlier send was cancelled halfway")
            waited = False
            with memoryview(data) as view:
                sent, size = 0, len(view)
                try:
                    while sent < size:
                        self._check_open()
                        try:
                            sent += self._socket.send(view[sent:])
                        except BlockingIOError:
                            waited = True
                            await trio.lowlevel.wait_writable(self._socket)
                except OSError as error:
                    self._torn = True
                    raise trio.BrokenResourceError(str(error)) from error
                finally:
                    self._torn = self._torn or 0 < sent < size
                    if self.tap is not None and sent:
                        self.tap("sent", bytes(view[:sent]))
            await self._send_budget.finish(waited=waited)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket takes bytes."""
        with self._sending:
            self._check_open()
            await trio.lowlevel.checkpoint_if_cancelled()
            await trio.lowlevel.wait_writable(self._socket)
            self._check_open()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived, at least one byte, or `b""` at the partner's FIN."""
        size = RECEIVE_SIZE if max_bytes is None else max_bytes
        if size < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._receiving:
            self._check_open()
            await self._receive_budget.start()
            waited = False
            while True:
                self._check_open()
                try:
                    data = self._socket.recv(size)
                    break
                except BlockingIOError:
                    waited = True
                    await trio.lowlevel.wait_readable(self._socket)
                except OSError as error:
                    raise trio.BrokenResourceError(str(error)) from error
            self._heard_end = not data
            if self.tap is not None and data:
                self.tap("received", data)
            await self._receive_budget.finish(waited=waited)
            return data

    async def send_eof(self) -> None:
        """Say FIN; receiving goes on."""
        with self._sending:
            self._check_open()
            await trio.lowlevel.checkpoint()
            if not self._said_end:
                self._said_end = True
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_WR)

    def check(self) -> None:
        """Ask whether the connection still stands, without reading; for a reader that has no room.

        Raises:
            trio.BrokenResourceError: It was reset, or keep-alive gave it up.
        """
        self._check_open()
        if problem := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            error = OSError(problem, os.strerror(problem))
            raise trio.BrokenResourceError(str(error)) from error

    def end_waits(self) -> bool:
        """Whether the partner's FIN has arrived, perhaps behind bytes that nobody has read; False where nobody can tell.

        Linux only (POLLRDHUP, poll(2)); elsewhere a FIN is found by reading up to it.
        """
        if self._closed or not hasattr(select, "POLLRDHUP"):
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def abort(self) -> None:
        """Close with a reset, at once: what lies in buffers is lost on both sides. A CPU closes this way by default."""
        if not self._closed:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii" if sys.platform != "win32" else "hh", 1, 0)
                )
            self._close()

    def _close(self) -> None:
        # Order matters: waiting tasks are told before the number can belong to another socket.
        self._closed = True
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    async def aclose(self) -> None:
        """Close so that nothing sent is lost: FIN, read until the partner's end (bounded), close.

        Cancelled, it closes at once.
        """
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        # Marked first, so that other tasks' calls end with ClosedResourceError and nothing new begins.
        self._closed = True
        trio.lowlevel.notify_closing(self._socket)
        try:
            await trio.lowlevel.checkpoint()
            if not self._said_end:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_WR)
            if self._linger > 0 and not self._heard_end and not self._torn:
                with trio.move_on_after(self._linger):
                    await self._drain()
        finally:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    async def _drain(self) -> None:
        while True:
            try:
                if not self._socket.recv(RECEIVE_SIZE):
                    return
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._socket)
            except OSError:
                return


async def dial(
    address: IPv4Address,
    port: int,
    *,
    local_address: IPv4Address | None = None,
    local_port: int = 0,
    keep_alive: float = 30.0,
    tap: Tap | None = None,
) -> TCPStream:
    """Open a connection. Time limits belong to the caller's cancel scope.

    Args:
        address: Where to, as this computer sees it.
        port: 1 to 65535.
        local_address: The address to connect from; None leaves it to the system.
        local_port: 0 lets the system choose.
        keep_alive: Idle seconds before the first TCP keep-alive probe, 0 for none.
        tap: See `TCPStream`.

    Raises:
        OSError: For `explain`.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        _prepare(sock, keep_alive)
        if local_address is not None or local_port:
            if local_port and sys.platform != "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((str(local_address or ""), local_port))
        await trio.lowlevel.checkpoint()
        try:
            sock.connect((str(address), port))
        except BlockingIOError:
            await trio.lowlevel.wait_writable(sock)
            problem = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if problem:
                raise OSError(problem, "the connection could not be opened") from None
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            # The address was bound: what is taken is the port, by another connection to this very partner (connect(2)).
            raise OSError(errno.EADDRINUSE, "the local port is in use") from error
        return TCPStream(sock, partner=(address, port), tap=tap)
    except BaseException:
        trio.lowlevel.notify_closing(sock)
        sock.close()
        raise


class Listener:
    """A listening socket."""

    def __init__(self, sock: socket.socket, keep_alive: float) -> None:
        self._socket = sock
        self._keep_alive = keep_alive

    @property
    def port(self) -> int:
        """The local port, also where 0 was asked for."""
        return int(self._socket.getsockname()[1])

    async def accept(self) -> TCPStream:
        """The next partner."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                sock, (host, port) = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue  # a partner that gave up between the two calls is none
            except OSError:
                # No descriptor or buffer is left (accept(2)): the partner waits in the queue until there is one again.
                await trio.sleep(_EXHAUSTED_PAUSE)
                continue
            try:
                _prepare(sock, self._keep_alive)
            except OSError:
                sock.close()  # gone again: macOS refuses options on a connection that was reset
                continue
            return TCPStream(sock, partner=(IPv4Address(host), port))

    def close(self) -> None:
        """Stop listening; partners in the queue are reset. A second call does nothing."""
        if self._socket.fileno() < 0:
            return
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def listen(address: IPv4Address | None, port: int, *, backlog: int = 16, keep_alive: float = 30.0) -> Listener:
    """Listen on a local address (None: all) and port (0: any free one).

    Raises:
        OSError: For `explain`; the port is in use, for example.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        if sys.platform == "win32":
            # SO_REUSEADDR would let another process take the port away there.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((str(address or ""), port))
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return Listener(sock, keep_alive)
