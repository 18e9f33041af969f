"""UDP: one local port, and datagrams to and from anybody (ouc-blocks.md 2.9).

A multicast group, and in a lab the broadcast address, are received on sockets of their own: bound to an address of this
computer, a socket hears only what was sent to that address.
"""

from __future__ import annotations

import errno
import socket
import sys
from ipaddress import IPv4Address

import trio

from .busy import Budget
from .tcp import Tap

__all__ = ["UDPPort"]

#: Longest datagram that can exist (RFC 768 inside IPv4).
LONGEST = 65_507
# Seconds that the system may have no room for a datagram; ours.
_SEND = 5.0


class UDPPort:
    """A local UDP port.

    Args:
        address: Local address; None for all of them.
        port: 0 takes a free one.
        group: Multicast group to join, None for none.
        broadcast: Address at which broadcasts arrive besides, where `address` alone would not hear them.
        ttl: Routers that a multicast datagram may pass, 1 to 255.
        tap: Called with every datagram after it was sent or received.

    Raises:
        OSError: For `explain`; the port is in use, for example.
    """

    def __init__(
        self,
        address: IPv4Address | None,
        port: int,
        *,
        group: IPv4Address | None = None,
        broadcast: IPv4Address | None = None,
        ttl: int = 1,
        tap: Tap | None = None,
    ) -> None:
        self._tap = tap
        self._sockets: list[socket.socket] = []
        self._closed = False
        # A flood must not keep other tasks from their turn: the empty ones fill no inbox.
        self._budget = Budget()
        try:
            self._main = self._open(address, port)
            self._main.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self.set_ttl(ttl)
            if address is not None:
                self._main.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address.packed)
            if group is not None:
                self._join(group, address)
            elif broadcast is not None:
                self._open(broadcast, self.port, shared=True)
        except BaseException:
            self.close()
            raise

    def _open(self, address: IPv4Address | None, port: int, *, shared: bool = False) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(sock)
        sock.settimeout(0)
        if shared:
            # Several stations of one computer hear the same group; a port of one's own is never shared.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        sock.bind((str(address or ""), port))
        return sock

    def _join(self, group: IPv4Address, address: IPv4Address | None) -> None:
        # Linux delivers to a socket bound to the group what was sent to the group; Windows and macOS bind to all.
        sock = (
            self._main
            if address is None
            else self._open(group if sys.platform == "linux" else None, self.port, shared=True)
        )
        membership = group.packed + (address or IPv4Address(0)).packed
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

    def set_ttl(self, ttl: int) -> None:
        """Let multicast datagrams pass that many routers from now on, 1 to 255."""
        self._main.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)

    @property
    def ttl(self) -> int:
        """Routers that a multicast datagram may pass."""
        return self._main.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL)

    @property
    def port(self) -> int:
        """The local port, also where 0 was asked for."""
        return int(self._main.getsockname()[1])

    @property
    def listening(self) -> int:
        """How many sockets there are to receive from."""
        return len(self._sockets)

    async def send(self, data: bytes, address: IPv4Address, port: int) -> None:
        """Hand one datagram to the network. Nothing tells whether it arrives.

        Raises:
            OSError: For `explain`; no route, for example.
            trio.ClosedResourceError: This side has closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.move_on_after(_SEND) as soon:
            while not self._sent(data, address, port):
                await trio.lowlevel.wait_writable(self._main)
        if soon.cancelled_caught:
            raise OSError(errno.ENOBUFS, "the network takes no datagrams")
        if self._tap is not None:
            self._tap("sent", data)

    def _sent(self, data: bytes, address: IPv4Address, port: int) -> bool:
        if self._closed:
            raise trio.ClosedResourceError("this side has closed the port")
        while True:
            try:
                self._main.sendto(data, (str(address), port))
            except BlockingIOError:
                return False
            except ConnectionRefusedError:
                continue  # an earlier datagram found nobody; this one has not left yet
            return True

    async def receive(self, number: int = 0) -> tuple[bytes, IPv4Address, int]:
        """The next datagram of one of the sockets, with its sender.

        Raises:
            OSError: The network failed.
            trio.ClosedResourceError: This side has closed.
        """
        sock = self._sockets[number]
        await self._budget.start()
        waited = False
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this side has closed the port")
            try:
                data, (host, port) = sock.recvfrom(LONGEST)
            except BlockingIOError:
                waited = True
                await trio.lowlevel.wait_readable(sock)
            except OSError as error:
                # What an earlier datagram met on its way is no failure of this port (Windows reports a reset).
                if error.errno not in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH):
                    raise
                await trio.lowlevel.checkpoint()
            else:
                if self._tap is not None:
                    self._tap("received", data)
                await self._budget.finish(waited=waited)
                return data, IPv4Address(host), port

    def close(self) -> None:
        """Give the port back, at once."""
        self._closed = True
        for sock in self._sockets:
            if sock.fileno() >= 0:
                _notify(sock)
                sock.close()


def _notify(sock: socket.socket) -> None:
    # Also called while an attempt to open fails outside of trio.
    try:
        trio.lowlevel.notify_closing(sock)
    except RuntimeError:
        return
