"""The asyncio face: the same connections for programs that live in asyncio (FastAPI, asyncua, aiomqtt).

    from ouc import aio

    async with aio.connect("192.168.0.1", 2000, ca="ca.pem", cert="pc.pem") as connection:
        await connection.send(b"hello")
        print(await connection.receive(258))

Everything runs in the same background trio thread as the blocking face; each call is awaited in the caller's event loop and
can be cancelled there. A cancelled receive loses nothing; a send that is cancelled halfway leaves a connection on which later
sends fail, because the partner has a part of the message.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from . import api
from .api.quick import Material
from .api.quick import connect as connect_trio
from .bridge import Kept, background
from .certs import Device
from .errors import ConnectionLost
from .tls import TLSFacts

__all__ = ["Connection", "Station", "connect"]

_T = TypeVar("_T")


async def _outcome(future: Future[_T], cancel: Callable[[], None]) -> _T:
    """Wait in the caller's loop for something in the trio thread; a cancellation is carried over and its end awaited."""
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        cancel()
        # Not before it has stopped there may the caller go on: the connection must not be in use any longer.
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await asyncio.shield(waiting)
        raise


class Connection:
    """An established connection; made by `connect` and `Station.connect`."""

    def __init__(self, connection: api.Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return repr(self._connection)

    @property
    def connection_id(self) -> int:
        """The connection ID of the description, 1 to 4095."""
        return self._connection.connection_id

    @property
    def partner(self) -> str:
        """Plant address and port of the other end."""
        return self._connection.partner

    @property
    def tls(self) -> TLSFacts | None:
        """What TLS agreed on, None on a plain connection."""
        return self._connection.tls

    async def _call(self, work: Callable[[], Any]) -> Any:
        job = background().start(work)
        return await _outcome(job.future, job.cancel)

    async def send(self, data: Any) -> None:
        """As `ouc.Connection.send`."""
        await self._call(lambda: self._connection.send(data))

    async def receive(self, size: int) -> bytes:
        """As `ouc.Connection.receive`: exactly `size` bytes."""
        return bytes(await self._call(lambda: self._connection.receive(size)))

    async def receive_some(self, limit: int = 65_536) -> bytes:
        """As `ouc.Connection.receive_some`: what has arrived."""
        return bytes(await self._call(lambda: self._connection.receive_some(limit)))

    async def receive_into(self, data: Any) -> int:
        """As `ouc.Connection.receive_into`: fill a data block."""
        return int(await self._call(lambda: self._connection.receive_into(data)))

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> bytes:
        """What arrives, piece by piece, until the partner closes."""
        try:
            return await self.receive_some()
        except ConnectionLost:
            if self._connection.ended:
                raise StopAsyncIteration from None
            raise


@asynccontextmanager
async def _kept(manager: AbstractAsyncContextManager[_T]) -> AsyncIterator[_T]:
    kept = Kept(background(), manager)
    value = await _outcome(kept.entered, kept.cancel)
    try:
        yield value
    finally:
        await _outcome(kept.close(), kept.cancel)


@asynccontextmanager
async def connect(
    host: str,
    port: int,
    *,
    ca: Material | Sequence[Material] | None = None,
    cert: Material | None = None,
    key: Material | None = None,
    password: str | bytes | None = None,
    project: str | os.PathLike[str] | None = None,
    device: str | None = None,
    trust: int = 0,
    own: int = 0,
    check_address: bool = True,
    plain: bool = False,
) -> AsyncIterator[Connection]:
    """As `ouc.connect`, for asyncio.

    Raises:
        OUCError: As `ouc.connect`.
    """
    manager = connect_trio(
        host, port, ca=ca, cert=cert, key=key, password=password, project=project, device=device, trust=trust, own=own,
        check_address=check_address, plain=plain,
    )  # fmt: skip
    async with _kept(manager) as connection:
        yield Connection(connection)


class Station:
    """A device's end of its connections, for asyncio; to be used in an `async with`.

    Args:
        device: As `ouc.Station` takes it; other arguments likewise.
    """

    def __init__(self, device: Device | None = None, **options: Any) -> None:
        self._station = api.Station(device, **options)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Station:
        await self._stack.enter_async_context(_kept(self._station))
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._stack.__aexit__(*error)

    @asynccontextmanager
    async def connect(self, description: Any) -> AsyncIterator[Connection]:
        """Establish one connection, active or passive as the description says.

        Raises:
            OUCError: As `ouc.Station.connect`.
        """
        async with _kept(self._station.connect(description)) as connection:
            yield Connection(connection)
