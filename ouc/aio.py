"""The asyncio face: the same connections for programs that live in asyncio (FastAPI, asyncua, aiomqtt).

    from ouc import aio

    async with aio.connect("192.168.0.1", 2000, ca="ca.pem", cert="pc.pem") as connection:
        await connection.send(b"hello")
        print(await connection.receive(258))

Everything runs in the same background trio thread as the blocking face; each call is awaited in the caller's event loop and
can be cancelled there. A cancelled receive loses nothing; a send that is cancelled halfway leaves a connection on which later
sends fail, because the partner has a part of the message (on a held connection it is sent to its end instead).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import IPv4Address
from typing import Any, Generic, NoReturn, Self, TypeVar, Unpack

import trio

from . import api, bridge
from .api import Dialling, Holding, LifeSign, Serving, WhenDown
from .api.conversation import messages_of, writable_of
from .api.tracebacks import entering, short, short_class, shortened
from .bridge import Hold, Kept, OverError, Talk, alone, background, blocked, next_of
from .certs import Device
from .errors import OUCError
from .station import Happening
from .visible import logger

__all__ = ["Connection", "Datagrams", "Handler", "Held", "Station", "connect", "hold", "serve", "serving"]

_T = TypeVar("_T")
_log = logger("ouc.aio")


async def _outcome(future: Future[_T], cancel: Callable[[], None]) -> _T:
    """Wait in the caller's loop for something in the trio thread; a cancellation is carried over and its end awaited."""
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        cancel()
        # Not before it has stopped there may the caller go on: the connection must not be in use any longer.
        await _settled(waiting)
        raise
    except GeneratorExit:
        # The caller's loop is gone; nobody will come back for the outcome.
        cancel()
        raise


async def _settled(waiting: asyncio.Future[Any]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while not (await asyncio.wait((waiting,), timeout=bridge.SILENCE))[0]:
            if not await asyncio.to_thread(background().answers):
                _log.error("%s", blocked())
                return
    # Its outcome, whatever it is, was looked at.
    if waiting.done() and not waiting.cancelled():
        waiting.exception()


async def _call(work: Callable[[], Awaitable[_T]], undo: Callable[[_T], object] | None = None) -> _T:
    job = background().start(work, undo)
    return await _outcome(job.future, job.give_up)


class _Each(Generic[_T]):
    """An async iterator of the trio thread, iterated in the caller's loop."""

    def __init__(self, source: Any, make: Callable[[Any], _T] = lambda value: value) -> None:
        self._source = source
        self._make = make

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        try:
            return self._make(await _call(lambda: next_of(self._source), self._source.give_back))
        except OverError:
            raise StopAsyncIteration from None
        except OUCError as error:
            raise short(error) from error.__cause__


@short_class
class Connection(Talk):
    """An established connection, or one establishment of a held one; the calls are those of `ouc.api.Conversation`."""

    async def send(self, data: Any) -> None:
        """As `ouc.Connection.send`."""
        await _call(lambda: self._talk.send(data))

    async def send_many(self, messages: Iterable[Any]) -> int:
        """As `ouc.Connection.send_many`: joined into as few records as possible."""
        collected = list(messages_of(messages))  # what a generator does belongs to the caller's thread
        return await _call(lambda: self._talk.send_many(collected))

    async def receive(self, size: int) -> bytes:
        """As `ouc.Connection.receive`: exactly `size` bytes."""
        return await _call(lambda: self._talk.receive(size), self._talk.give_back)

    async def receive_some(self, limit: int = 65_536) -> bytes:
        """As `ouc.Connection.receive_some`: what has arrived."""
        return await _call(lambda: self._talk.receive_some(limit), self._talk.give_back)

    async def receive_message(self) -> bytes:
        """As `ouc.Connection.receive_message`: the next message of an ISO-on-TCP connection."""
        return await _call(self._talk.receive_message, self._talk.give_back)

    async def receive_into(self, data: Any) -> int:
        """As `ouc.Connection.receive_into`: fill a data block."""
        view = writable_of(data)
        received = await _call(lambda: self._talk.receive_for(view), self._talk.give_back)
        view[: len(received)] = received
        return len(received)

    def records(self, layout: api.Layout) -> _Each[Any]:
        """As `ouc.Connection.records`: what the partner sends, record by record, until it closes."""
        return _Each(self._talk.records(layout))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """What arrives, piece by piece, until the partner closes; see `ouc.Connection`."""
        try:
            return await _call(lambda: next_of(self._talk), self._talk.give_back)
        except OverError:
            raise StopAsyncIteration from None


#: What becomes of one partner of a server.
Handler = Callable[[Connection], Awaitable[None]]


@short_class
class Held(Hold):
    """A connection that is kept up; see `ouc.api.Held`. Iterating gives one `Connection` per establishment."""

    @property
    def current(self) -> Connection:
        """The establishment that stands.

        Raises:
            ConnectionLost: None does.
        """
        return Connection(self._held.current)

    async def wait_up(self) -> Connection:
        """Wait until the connection stands."""
        return Connection(await _call(self._held.wait_up))

    async def send(self, data: Any) -> None:
        """As `ouc.api.Held.send`."""
        await _call(lambda: self._held.send(data))

    async def receive(self, size: int) -> bytes:
        """As `ouc.api.Held.receive`."""
        return await _call(lambda: self._held.receive(size), self._held.give_back)

    async def receive_some(self, limit: int = 65_536) -> bytes:
        """As `ouc.api.Held.receive_some`."""
        return await _call(lambda: self._held.receive_some(limit), self._held.give_back)

    def changes(self) -> _Each[Happening]:
        """What happens to the connection, from the beginning on; an async iterator without an end."""
        return _Each(self._held.changes())

    def __aiter__(self) -> _Each[Connection]:
        return _Each(self._held, Connection)


@short_class
class Datagrams:
    """A local UDP port; see `ouc.api.Datagrams`."""

    def __init__(self, datagrams: api.Datagrams) -> None:
        self._datagrams = datagrams

    async def send(self, data: Any, to: tuple[str | IPv4Address, int]) -> None:
        """As `ouc.api.Datagrams.send`."""
        await _call(lambda: self._datagrams.send(data, to))

    async def receive(self) -> tuple[bytes, tuple[IPv4Address, int]]:
        """The next datagram, and where it came from."""
        return await _call(self._datagrams.receive, self._datagrams.give_back)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[bytes, tuple[IPv4Address, int]]:
        return await self.receive()


@asynccontextmanager
async def _kept(manager: AbstractAsyncContextManager[_T]) -> AsyncIterator[tuple[_T, Kept[_T]]]:
    kept = Kept(background(), manager)
    value = await _outcome(kept.entered, kept.cancel)
    try:
        yield value, kept
    except BaseException:
        # What the body raised says more than what closing makes of it.
        with contextlib.suppress(Exception):
            await _outcome(kept.close(), kept.cancel)
        raise
    try:
        await _outcome(kept.close(), kept.cancel)
    except BaseExceptionGroup as group:
        raise alone(group) from None


@entering
@asynccontextmanager
async def connect(host: str | IPv4Address, port: int, **options: Unpack[Dialling]) -> AsyncIterator[Connection]:
    """As `ouc.connect`, for asyncio.

    Raises:
        OUCError: As `ouc.connect`.
    """
    async with _kept(api.connect(host, port, **options)) as (connection, _):
        yield Connection(connection)


@entering
@asynccontextmanager
async def hold(host: str | IPv4Address, port: int, **options: Unpack[Holding]) -> AsyncIterator[Held]:
    """As `ouc.hold`, for asyncio.

    Raises:
        OUCError: As `ouc.hold`.
    """
    async with _kept(api.hold(host, port, **options)) as (held, _):
        yield Held(held)


def _in_this_loop(handler: Handler) -> api.Handler:
    """A handler that runs in the caller's event loop, for partners that live in the trio thread."""
    loop = asyncio.get_running_loop()

    async def call(connection: api.Connection) -> None:
        finished = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def over(_: Future[None]) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(finished.set)

        async def handle() -> None:
            await handler(Connection(connection))

        task = asyncio.run_coroutine_threadsafe(handle(), loop)
        task.add_done_callback(over)
        try:
            await finished.wait()
        finally:
            task.cancel()
        task.result()

    return call


@asynccontextmanager
async def _served(manager: AbstractAsyncContextManager[Any]) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    async with _kept(manager) as (_, kept):

        async def finished() -> None:
            try:
                await asyncio.shield(asyncio.wrap_future(kept.finished))
            except BaseExceptionGroup as group:
                raise alone(group) from None

        yield finished


@entering
@asynccontextmanager
async def serving(
    port: int, handler: Handler, **options: Unpack[Serving]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """As `serve`, for the body of an `async with`, which begins when the port is open; awaiting what it gives goes on serving.

    Raises:
        OUCError: As `ouc.serve`.
    """
    async with _served(api.serving(port, _in_this_loop(handler), **options)) as finished:
        yield finished


@shortened
async def serve(port: int, handler: Handler, **options: Unpack[Serving]) -> NoReturn:
    """As `ouc.serve`, for asyncio: `handler` runs in the caller's event loop, a task per partner; until cancelled.

    Raises:
        OUCError: As `ouc.serve`.
    """
    async with serving(port, handler, **options) as finished:
        await finished()
    raise AssertionError  # it serves until it is cancelled


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

    @entering
    @asynccontextmanager
    async def connect(self, description: Any) -> AsyncIterator[Connection]:
        """Establish one connection, active or passive as the description says.

        Raises:
            OUCError: As `ouc.Station.connect`.
        """
        async with _kept(self._station.connect(description)) as (connection, _):
            yield Connection(connection)

    @entering
    @asynccontextmanager
    async def hold(
        self,
        description: Any,
        *,
        when_down: WhenDown = "raise",
        patience: float | None = None,
        life_sign: LifeSign | None = None,
    ) -> AsyncIterator[Held]:
        """As `ouc.Station.hold`.

        Raises:
            OUCError: As `ouc.Station.hold`.
        """
        held = self._station.hold(description, when_down=when_down, patience=patience, life_sign=life_sign)
        async with _kept(held) as (value, _):
            yield Held(value)

    @entering
    @asynccontextmanager
    async def serving(
        self, description: Any, handler: Handler, *, at_once: int | None = None
    ) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """As `ouc.Station.serving`; awaiting what it gives goes on serving.

        Raises:
            OUCError: As `ouc.Station.serve`.
        """
        async with _served(self._station.serving(description, _in_this_loop(handler), at_once=at_once)) as finished:
            yield finished

    @entering
    @asynccontextmanager
    async def datagrams(self, description: Any) -> AsyncIterator[Datagrams]:
        """As `ouc.Station.datagrams`.

        Raises:
            OUCError: As `ouc.Station.datagrams`.
        """
        async with _kept(self._station.datagrams(description)) as (datagrams, _):
            yield Datagrams(datagrams)
