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

from ..errors import ConnectionLost
from ..visible import logger
from .busy import DEFAULT_BUDGET, Budget, OneTask
from .closing import LIMIT, LINGER, Goodbye, stalled
from .supervision import Sample, Supervision, Watch, prepare, read_sample, supervise, unsupervise

__all__ = ["Direction", "TCPStream", "Tap", "dial", "prepare_socket"]

_log = logger("ouc.transport")

Direction = Literal["sent", "received"]
Tap = Callable[[Direction, bytes], None]

RECEIVE_SIZE = 65_536
_LIMITS = Supervision()
# Pieces that a lost connection may still have in its buffer: as much as any system keeps.
_REST = 512
_UNCONFIRMED = "the connection with %s:%d was closed before the last %d bytes were confirmed: they may be lost"
# After these the partner is gone, and may have gone because it did not hear this side.
_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE})


def prepare_socket(sock: socket.socket, limits: Supervision) -> None:
    """What every connected socket is set to, dialled or accepted."""
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    prepare(sock, limits)


class TCPStream(trio.abc.HalfCloseableStream):
    """A connected TCP socket as a trio stream.

    Args:
        sock: Connected, non-blocking; owned by the stream from now on.
        partner: The other end, where it is known already: a partner that has reset can no longer be asked for.
        tap: Called with every piece of bytes after it was sent or received.
        linger: Seconds that `aclose` waits for the partner's end; 0 waits for nothing at all.
        budget: Calls in a row that may skip trio's schedule point.
        limits: When a partner that does not answer counts as lost; None leaves that to the system.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        partner: tuple[IPv4Address, int] | None = None,
        tap: Tap | None = None,
        linger: float = LINGER,
        budget: int = DEFAULT_BUDGET,
        limits: Supervision | None = None,
    ) -> None:
        self._socket = sock
        self._partner = partner
        self.tap = tap
        self._linger = linger
        self._closed = self._said_end = self._heard_end = self._torn = False
        self._sending = OneTask("another task is already sending on this connection")
        self._receiving = OneTask("another task is already receiving on this connection")
        self._send_budget, self._receive_budget = Budget(budget), Budget(budget)
        # Why the system ended the connection, once it has said so.
        self._broke: BaseException | None = None
        #: Why the partner counts as lost, though the system has not said so.
        self.lost: ConnectionLost | None = None
        # What had arrived by then.
        self._rest = bytearray()
        #: Bytes that the partner's TCP had not confirmed when this side closed; 0 where the system does not tell.
        self.unconfirmed = 0
        self.watch = Watch(limits) if limits is not None and limits.idle > 0 else None
        if self.watch is not None:
            supervise(self)
        #: When the first bytes came from the partner, and when it was first sent some; None while that has not been.
        self.heard_at: float | None = None
        self.spoke_at: float | None = None

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
        if self.lost is not None:
            raise trio.BrokenResourceError(self.lost.failure.what) from self.lost
        if self._closed:
            raise trio.ClosedResourceError("this side has closed the connection")

    def _cause(self, error: OSError) -> BaseException:
        """What is behind a failure of the socket: a reset may mean that the partner did not hear this side any more."""
        cause: BaseException = error
        if self.watch is not None and error.errno in _RESETS:
            cause = self.watch.deaf(trio.current_time()) or error
        if error.errno != errno.EPIPE:
            # A reset, a time limit of the system, a network that is gone: told by the system once, and whoever reads
            # afterwards gets what looks like FIN. After EPIPE that is a FIN, or this end was told of more before.
            self._broke = self._broke or cause
        return cause

    async def wait_stalled(self) -> None:
        """Wait until the partner has confirmed nothing for 10 s, or this side has closed.

        Where the system does not tell what was confirmed, that is 10 s from now.
        """

        def progress() -> object:
            sample = self.sample()
            return None if sample is None else (sample.acked, sample.unsent)

        await stalled(progress)

    # -- supervision (ouc.transport.supervision) ---------------------------------------------------------------------

    def sample(self) -> Sample | None:
        """What TCP knows about the connection now; None if nothing."""
        return None if self._closed else read_sample(self._socket)

    def lose(self, reason: ConnectionLost) -> None:
        """Take the partner for lost. What has arrived can still be received; then, and at once in `send_all`, it is told."""
        if self._closed:
            return
        with contextlib.suppress(OSError):
            for _ in range(_REST):
                if not (data := self._socket.recv(RECEIVE_SIZE)):
                    self._heard_end = True
                    break
                self._rest += data
        self.lost = reason
        self.abort()

    def _take_rest(self, size: int) -> bytes | None:
        """What had arrived before the partner was lost; None as long as it is not."""
        if self.lost is None:
            return None
        data = bytes(self._rest[:size])
        del self._rest[:size]
        if not data and not self._heard_end:
            self._check_open()
        if self.tap is not None and data:
            self.tap("received", data)
        return data

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
                    raise trio.BrokenResourceError(str(error)) from self._cause(error)
                except trio.ClosedResourceError:
                    self._check_open()
                    raise
                finally:
                    self._torn = self._torn or 0 < sent < size
                    if self.spoke_at is None and sent:
                        self.spoke_at = trio.current_time()
                    if self.tap is not None and sent:
                        self.tap("sent", bytes(view[:sent]))
            await self._send_budget.finish(waited=waited)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket takes bytes."""
        with self._sending:
            self._check_open()
            await trio.lowlevel.checkpoint_if_cancelled()
            with contextlib.suppress(trio.ClosedResourceError):
                await trio.lowlevel.wait_writable(self._socket)
            self._check_open()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived, at least one byte, or `b""` at the partner's FIN."""
        size = RECEIVE_SIZE if max_bytes is None else max_bytes
        if size < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._receiving:
            if self._closed and self.lost is None:
                self._check_open()
            await self._receive_budget.start()
            waited = False
            while True:
                if self._closed:
                    if (rest := self._take_rest(size)) is not None:
                        return rest
                    self._check_open()
                try:
                    data = self._socket.recv(size)
                    break
                except BlockingIOError:
                    waited = True
                    with contextlib.suppress(trio.ClosedResourceError):
                        await trio.lowlevel.wait_readable(self._socket)
                except OSError as error:
                    raise trio.BrokenResourceError(str(error)) from self._cause(error)
            if not data and self._broke is not None:
                raise trio.BrokenResourceError(str(self._broke)) from self._broke
            self._heard_end = not data
            if self.heard_at is None:
                self.heard_at = trio.current_time()
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
            raise trio.BrokenResourceError(str(error)) from self._cause(error)

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
        unsupervise(self)
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    async def aclose(self) -> None:
        """Close so that nothing sent is lost: FIN, then read until the partner has confirmed all and has ended its side.

        A partner that takes bytes has 60 s for that, one that takes none 10 s. What was not confirmed by then is counted
        in `unconfirmed`, and logged as a warning. Cancelled, it closes at once.
        """
        await self.close_with(b"")

    async def close_with(self, words: bytes, *, limit: float = LIMIT, spoke: bool = True) -> None:
        """As `aclose`, with last words in front of the FIN, if there is room for them in time.

        Args:
            words: Bytes; a TLS close_notify.
            limit: Seconds that all of it may take.
            spoke: Whether the program has sent anything; a handshake of TLS is no loss.
        """
        if self._closed:
            await trio.lowlevel.checkpoint()
            return
        # Marked first, so that other tasks' calls end with ClosedResourceError and nothing new begins.
        self._closed = True
        unsupervise(self)
        trio.lowlevel.notify_closing(self._socket)
        goodbye = Goodbye(
            sock=self._socket, words=words, said_end=self._said_end, heard_end=self._heard_end,
            linger=self._linger, limit=limit,
        )  # fmt: skip
        try:
            goodbye.begin()
            await trio.lowlevel.checkpoint()
            if self._linger > 0:
                await goodbye.wait()
        finally:
            self.unconfirmed = goodbye.unconfirmed if spoke else 0
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
            if self.unconfirmed and self._linger > 0:
                _log.warning(_UNCONFIRMED, *(self._partner or ("an unknown partner", 0)), self.unconfirmed)


async def dial(
    address: IPv4Address,
    port: int,
    *,
    local_address: IPv4Address | None = None,
    local_port: int = 0,
    limits: Supervision = _LIMITS,
    tap: Tap | None = None,
) -> TCPStream:
    """Open a connection. Time limits belong to the caller's cancel scope.

    Args:
        address: Where to, as this computer sees it.
        port: 1 to 65535.
        local_address: The address to connect from; None leaves it to the system.
        local_port: 0 lets the system choose.
        limits: When a partner that does not answer counts as lost.
        tap: See `TCPStream`.

    Raises:
        OSError: For `explain`.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        prepare_socket(sock, limits)
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
        return TCPStream(sock, partner=(address, port), tap=tap, limits=limits)
    except BaseException:
        trio.lowlevel.notify_closing(sock)
        sock.close()
        raise
