"""UDP as a Python program sees it: whole datagrams, each with its partner."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from typing import Any, Self

import trio

from ..connection import Link, LinkState, Port
from ..errors import ConnectionLost, LocalProtocolError, OUCError, ParameterError
from ..wire import Delivery
from .bell import Bell
from .conversation import bytes_of

__all__ = ["Datagrams"]


class Datagrams:
    """A local UDP port; made by `Station.datagrams`. Nothing tells whether a datagram arrives, and nothing is secured."""

    def __init__(self, port: Port, link: Link, bell: Bell) -> None:
        self._port = port
        self._link = link
        self._bell = bell
        self._back: list[tuple[bytes, tuple[IPv4Address, int]]] = []

    @property
    def connection_id(self) -> int:
        """The connection ID of the description, 1 to 4095."""
        return self._link.connection_id

    @property
    def local_port(self) -> int:
        """The port of the description."""
        return self._link.endpoint.local_port

    async def send(self, data: Any, to: tuple[str | IPv4Address, int]) -> None:
        """Send one datagram.

        Args:
            data: Bytes, a `DataBlock` or a `Structure`; 1 to 2048 bytes, or what the profile says.
            to: Plant address or name, and port; a multicast group and the broadcast address are partners too.

        Raises:
            ParameterError: No bytes, or too many (16#8085); no such port (16#80B7).
            ConnectionLost: The network refuses it (16#80C6), or the name cannot be resolved (16#80D3).
        """
        view = bytes_of(data)
        longest = self._port.max_length(self._link)
        if not 1 <= view.nbytes <= longest:
            raise ParameterError(
                f"a datagram of {view.nbytes} bytes cannot be sent", status=0x8085, remedy=f"Send 1 to {longest} bytes"
            )
        host, port = to
        if not 1 <= port <= 65535:
            raise ParameterError(f"port {port} does not exist", status=0x80B7, where="to", remedy="Choose 1 to 65535")
        await trio.lowlevel.checkpoint_if_cancelled()
        job = self._port.send(self._link, bytes(view), to=(_place(host), port))
        await self._bell.until(lambda: job.done or job.failure)
        if job.failure is not None:
            raise OUCError.of(job.failure) if job.failure.status is None else ConnectionLost.of(job.failure)

    async def receive(self) -> tuple[bytes, tuple[IPv4Address, int]]:
        """The next datagram, and where it came from.

        Raises:
            LocalProtocolError: TDISCON, STOP or the end of the station has closed the port.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._back:
            return self._back.pop()
        area = bytearray(self._port.max_length(self._link) + 1)
        size = 0

        def arrived() -> int:
            nonlocal size, area
            waiting = self._link.inbox
            if len(waiting) > len(area):
                # A partner may send more than this side would.
                area = bytearray(65_535)
            size = self._port.receive(self._link, memoryview(area), Delivery.AD_HOC)
            return size

        await self._bell.until(lambda: arrived() or self._link.state is LinkState.ABSENT)
        if not size:
            raise LocalProtocolError("the port was closed", status=0x80A3, where=f"UDP port {self.local_port}")
        return bytes(area[:size]), self._link.inbox.sender

    def give_back(self, given: tuple[bytes, tuple[IPv4Address, int]]) -> None:
        """The next datagram to be received is this one again."""
        self._back.append(given)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[bytes, tuple[IPv4Address, int]]:
        return await self.receive()


def _place(host: str | IPv4Address) -> str | IPv4Address:
    try:
        return IPv4Address(host)
    except AddressValueError:
        return str(host)
