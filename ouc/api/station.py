"""A station with the Pythonic face: `async with station.connect(description) as connection`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from .. import station
from ..connection import Link, LinkEvent
from ..errors import OUCError
from ..transport import TCPStream, Wire
from .connection import Connection

__all__ = ["Station"]


class Station(station.Station):
    """The local end of all connections of a device.

    Blocks (`TSEND_C(station)`) and `connect` work on the same connection table. See `ouc.station.Station` for the
    arguments.
    """

    async def __aenter__(self) -> Station:
        await super().__aenter__()
        return self

    @asynccontextmanager
    async def connect(self, description: Any) -> AsyncIterator[Connection]:
        """Establish one connection, active or passive as the description says, for the body of the `async with`.

        One attempt is made; time limits beyond those of the profile belong to the caller's cancel scope.

        Args:
            description: A TCON_* structure.

        Raises:
            OUCError: The description is wrong, the partner is not there, or one side refused the other; `status` is
                what a block would show.
        """
        link = self.port.establish(description, direct=True)
        try:
            wire = await self._open(link)
            connection = Connection(link, wire)
            self._direct[link] = wire
            self.port.report(link, LinkEvent.UP)
            try:
                yield connection
            finally:
                await connection.aclose()
        finally:
            self._direct.pop(link, None)
            self.port.terminate(link)

    async def _open(self, link: Link) -> Wire:
        end = link.endpoint
        if end.active:
            return await self.opener.open_active(end)
        with self.opener.listen(end) as listener:
            # The first partner that passes; strangers are told apart and closed, each in its own task.
            found: list[Wire] = []
            try:
                async with trio.open_nursery() as nursery:

                    async def welcome(tcp: TCPStream) -> None:
                        try:
                            wire = await self.opener.open_passive(end, tcp)
                        except OUCError as error:
                            self.tell(link, LinkEvent.REFUSED, failure=error.failure, partner=error.failure.where)
                            return
                        found.append(wire)
                        nursery.cancel_scope.cancel()

                    async def accept() -> None:
                        while True:
                            nursery.start_soon(welcome, await listener.accept())

                    await accept()
            except BaseException:
                # Cancelled in the instant in which a partner had passed.
                for wire in found:
                    wire.tcp.abort()
                raise
            for spare in found[1:]:
                spare.tcp.abort()
            return found[0]
