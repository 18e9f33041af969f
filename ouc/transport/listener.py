"""A listening port: partners are accepted as long as there are any, and a lack of descriptors is told.

The system keeps those waiting that nobody has accepted yet, up to a limit. Beyond it a SYN is dropped without a word, and the
partner repeats it after one, three, seven seconds: so the queue is as long as partners may come in one instant.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable
from ipaddress import IPv4Address

import trio

from ..visible import logger
from .busy import Budget
from .repeats import Repeats
from .supervision import Supervision
from .tcp import TCPStream, prepare_socket

__all__ = ["BACKLOG", "Listener", "listen"]

_log = logger("ouc.transport")

_LIMITS = Supervision()
# Seconds before the next try to accept when the system had nothing left; ours.
_EXHAUSTED_PAUSE = 0.1
# What accept(2) says then; the partner waits in the queue until there is something again.
_NOTHING_LEFT = frozenset(
    number
    for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "WSAEMFILE", "WSAENOBUFS")
    if (number := getattr(errno, name, None)) is not None
)
# Partners that may wait in the system's queue, at least; the system has its own limit (somaxconn). Ours.
BACKLOG = 128


class Listener:
    """A listening socket."""

    def __init__(self, sock: socket.socket, limits: Supervision) -> None:
        self._socket = sock
        self._limits = limits
        self._budget = Budget()
        self._exhausted = False
        self._warnings = Repeats()

    @property
    def port(self) -> int:
        """The local port, also where 0 was asked for."""
        return int(self._socket.getsockname()[1])

    async def accept(self, make_room: Callable[[], bool] = lambda: False) -> TCPStream:
        """The next partner. All that wait already are taken in a row, with a schedule point now and then.

        Args:
            make_room: Closes a socket that can be spared when no descriptor is left, and says whether it has.
        """
        await self._budget.start()
        waited = False
        while True:
            if self._socket.fileno() < 0:
                raise trio.ClosedResourceError("this port is not listened on any more")
            try:
                sock, (host, port) = self._socket.accept()
            except BlockingIOError:
                waited = True
                self._note_room()
                await trio.lowlevel.wait_readable(self._socket)
                continue
            except OSError as error:
                waited = await self._wait_for_room(error, make_room) or waited
                continue
            try:
                prepare_socket(sock, self._limits)
            except OSError:
                sock.close()  # gone again: macOS refuses options on a connection that was reset
                continue
            try:
                await self._budget.finish(waited=waited)
            except BaseException:
                sock.close()
                raise
            return TCPStream(sock, partner=(IPv4Address(host), port), limits=self._limits)

    async def _wait_for_room(self, error: OSError, make_room: Callable[[], bool]) -> bool:
        """After a failed accept(2): whether a task had to wait."""
        if error.errno not in _NOTHING_LEFT:
            # A partner that gave up in the queue is none; Linux tells its network error here too.
            await trio.lowlevel.checkpoint()
            return True
        if make_room():
            return False
        if not self._exhausted:
            self._exhausted = True
            if times := self._warnings.count("exhausted"):
                _log.warning(
                    "port %d: partners wait, because this process has no descriptor left (%s; %d times by now). Raise its "
                    "limit: ulimit -n, or LimitNOFILE of the service",
                    self.port, error.strerror, times,
                )  # fmt: skip
        await trio.sleep(_EXHAUSTED_PAUSE)
        return True

    def _note_room(self) -> None:
        """Nobody waits any more."""
        if self._exhausted:
            self._exhausted = False
            if self._warnings.count("over"):
                _log.warning("port %d: descriptors are free again, no partner waits any more", self.port)

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


def listen(address: IPv4Address | None, port: int, *, backlog: int = BACKLOG, limits: Supervision = _LIMITS) -> Listener:
    """Listen on a local address (None: all) and port (0: any free one).

    Args:
        address: As this computer sees it.
        port: 0 to 65535.
        backlog: Partners that the system may keep waiting, so that many can come in one instant.
        limits: When those who are accepted count as lost.

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
    return Listener(sock, limits)
