"""The blocking face: the same connections, without async.

    from ouc import sync

    with sync.connect("192.168.0.1", 2000, ca="ca.pem", cert="pc.pem", timeout=5) as connection:
        connection.send(b"hello")
        print(connection.receive(258, timeout=5))

Everything runs in one background trio thread; calls may come from any thread. Only here do calls take `timeout=`: seconds, None
to wait for ever. A receive that times out loses nothing; a send that times out halfway leaves a connection on which later
sends fail, because the partner has a part of the message (on a held connection it is sent to its end instead).
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from ipaddress import IPv4Address
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

import trio

from . import api
from .api import Dialling, Holding, LifeSign, Serving, WhenDown
from .api.conversation import messages_of, writable_of
from .api.tracebacks import short, short_class, shortened
from .arguments import check, time_limit, whole
from .bridge import Hold, Job, Kept, OverError, Talk, alone, background, next_of, over_in
from .certs import Device
from .errors import OUCError, ParameterError
from .station import Happening

__all__ = ["Connection", "Conversation", "Datagrams", "Held", "Server", "Station", "connect", "hold", "serve"]

_T = TypeVar("_T")
# Partners of a server that are in their handlers at once, a thread each, where nobody says how many.
_THREADS = 128


def _wait(job: Job[_T], timeout: float | None, what: str) -> _T:
    try:
        over = over_in(job.future, timeout)
    except BaseException:
        # Ctrl-C, or whatever a signal handler raises: what the program gives up must not go on behind its back.
        job.give_up()
        job.settle()
        raise
    if not over:
        job.expire()
        job.settle()
        if job.future.cancelled():
            raise TimeoutError(f"{what} took longer than {timeout:g} s")
    return job.future.result()


def _call(
    work: Callable[[], Any], timeout: float | None, what: str, undo: Callable[[Any], object] | None = None
) -> Any:
    limit = time_limit(timeout)
    return _wait(background().start(work, undo), limit, what)


@short_class
class _Open(Generic[_T]):
    """Something of the asynchronous face that was entered, and is left with the `with`."""

    def __init__(self, kept: Kept[_T], value: _T) -> None:
        self._kept = kept
        self._value = value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            # What the body raised says more than what closing makes of it.
            with contextlib.suppress(Exception):
                _left(self._kept)

    def __repr__(self) -> str:
        return repr(self._value)

    def close(self) -> None:
        """Close; a second call does nothing, nor does a call in a forked child: the connection is its parent's.

        Raises:
            LocalProtocolError: A function of the program blocks the background thread.
        """
        _left(self._kept)


def _left(kept: Kept[Any]) -> None:
    """Leave what was entered, and raise what leaving it raises."""
    if kept.forked:
        return
    future = kept.close()
    kept.settle()
    if future.cancelled():
        return
    try:
        future.result()
    except BaseExceptionGroup as group:
        raise alone(group) from None


def _entered(
    manager: AbstractAsyncContextManager[_T], timeout: float | None, what: str = "connecting"
) -> tuple[Kept[_T], _T]:
    limit = time_limit(timeout)
    kept = Kept(background(), manager)
    try:
        over = over_in(kept.entered, limit)
    except BaseException:
        # Ctrl-C: nobody will ever close what opens now.
        kept.cancel()
        kept.settle()
        raise
    if not over:
        kept.cancel()
        kept.settle()
        raise TimeoutError(f"{what} took longer than {limit:g} s")
    return kept, kept.entered.result()


@short_class
class Conversation(Talk):
    """Sending and receiving, whatever carries the bytes; the calls are those of `ouc.api.Conversation`."""

    def send(self, data: Any, *, timeout: float | None = None) -> None:
        """As `ouc.Connection.send`.

        Raises:
            TimeoutError: It took longer than `timeout` seconds.
        """
        _call(lambda: self._talk.send(data), timeout, "sending")

    def send_many(self, messages: Iterable[Any], *, timeout: float | None = None) -> int:
        """As `ouc.Connection.send_many`: joined into as few records as possible.

        Raises:
            TimeoutError: It took longer than `timeout` seconds.
        """
        collected = list(messages_of(messages))  # what a generator does belongs to the caller's thread
        return int(_call(lambda: self._talk.send_many(collected), timeout, "sending"))

    def receive(self, size: int, *, timeout: float | None = None) -> bytes:
        """As `ouc.Connection.receive`: exactly `size` bytes.

        Raises:
            TimeoutError: It took longer; what has arrived so far is the beginning of the next receive.
        """
        return bytes(_call(lambda: self._talk.receive(size), timeout, "receiving", self._talk.give_back))

    def receive_some(self, limit: int = 65_536, *, timeout: float | None = None) -> bytes:
        """As `ouc.Connection.receive_some`: what has arrived.

        Raises:
            TimeoutError: Nothing arrived in time.
        """
        return bytes(_call(lambda: self._talk.receive_some(limit), timeout, "receiving", self._talk.give_back))

    def receive_message(self, *, timeout: float | None = None) -> bytes:
        """As `ouc.Connection.receive_message`: the next message of an ISO-on-TCP connection.

        Raises:
            TimeoutError: Nothing arrived in time.
        """
        return bytes(_call(self._talk.receive_message, timeout, "receiving", self._talk.give_back))

    def receive_into(self, data: Any, *, timeout: float | None = None) -> int:
        """As `ouc.Connection.receive_into`: fill a data block.

        Raises:
            TimeoutError: It took longer; `data` is unchanged.
        """
        view = writable_of(data)
        received = _call(lambda: self._talk.receive_for(view), timeout, "receiving", self._talk.give_back)
        view[: len(received)] = received
        return len(received)

    def records(self, layout: api.Layout) -> Iterator[Any]:
        """As `ouc.Connection.records`: what the partner sends, record by record, until it closes."""
        return _each(self._talk.records(layout))

    def __iter__(self) -> Iterator[bytes]:
        """What arrives, piece by piece, until the partner closes; see `ouc.Connection`."""
        return _each(self._talk)


def _each(source: Any) -> Iterator[Any]:
    while True:
        try:
            value = _call(lambda: next_of(source), None, "receiving", source.give_back)
        except OverError:
            return
        except OUCError as error:
            raise short(error) from error.__cause__
        yield value


@short_class
class Connection(_Open[api.Connection], Conversation):
    """An established connection. Leaving its `with` closes it so that nothing sent is lost."""

    def __init__(self, manager: AbstractAsyncContextManager[api.Connection], timeout: float | None) -> None:
        _Open.__init__(self, *_entered(manager, timeout))
        Conversation.__init__(self, self._value)


@short_class
class Held(_Open[api.Held], Hold):
    """A connection that is kept up; see `ouc.api.Held`. Iterating gives one `Conversation` per establishment."""

    def __init__(self, manager: AbstractAsyncContextManager[api.Held]) -> None:
        _Open.__init__(self, *_entered(manager, None))
        Hold.__init__(self, self._value)

    @property
    def current(self) -> Conversation:
        """The establishment that stands.

        Raises:
            ConnectionLost: None does.
        """
        return Conversation(self._value.current)

    def wait_up(self, *, timeout: float | None = None) -> Conversation:
        """Wait until the connection stands.

        Raises:
            TimeoutError: It did not in time.
        """
        return Conversation(_call(self._value.wait_up, timeout, "connecting"))

    def send(self, data: Any, *, timeout: float | None = None) -> None:
        """As `ouc.api.Held.send`.

        Raises:
            ConnectionLost: The connection is down, or was lost meanwhile.
            TimeoutError: It took longer than `timeout` seconds.
        """
        _call(lambda: self._value.send(data), timeout, "sending")

    def receive(self, size: int, *, timeout: float | None = None) -> bytes:
        """As `ouc.api.Held.receive`.

        Raises:
            TimeoutError: It took longer.
        """
        return bytes(_call(lambda: self._value.receive(size), timeout, "receiving", self._value.give_back))

    def receive_some(self, limit: int = 65_536, *, timeout: float | None = None) -> bytes:
        """As `ouc.api.Held.receive_some`.

        Raises:
            TimeoutError: Nothing arrived in time.
        """
        return bytes(_call(lambda: self._value.receive_some(limit), timeout, "receiving", self._value.give_back))

    def changes(self) -> Iterator[Happening]:
        """What happens to the connection, from the beginning on; an iterator without an end."""
        return _each(self._value.changes())

    def __iter__(self) -> Iterator[Conversation]:
        return (Conversation(one) for one in _each(self._value))


@short_class
class Datagrams(_Open[api.Datagrams]):
    """A local UDP port; see `ouc.api.Datagrams`."""

    def send(self, data: Any, to: tuple[str | IPv4Address, int], *, timeout: float | None = None) -> None:
        """As `ouc.api.Datagrams.send`.

        Raises:
            TimeoutError: It took longer.
        """
        _call(lambda: self._value.send(data, to), timeout, "sending")

    def receive(self, *, timeout: float | None = None) -> tuple[bytes, tuple[IPv4Address, int]]:
        """The next datagram, and where it came from.

        Raises:
            TimeoutError: None came in time.
        """
        data, sender = _call(self._value.receive, timeout, "receiving", self._value.give_back)
        return data, sender


@short_class
class Server(_Open[api.Station]):
    """Serves until its `with` is left, or for ever in `wait`."""

    def wait(self, *, timeout: float | None = None) -> None:
        """Go on serving; ends with the server, or with Ctrl-C.

        Raises:
            TimeoutError: `timeout` seconds are over; the server goes on.
            SystemExit: A handler let it out; any other exception of a handler ends its own partner.
        """
        limit = time_limit(timeout)
        self._kept.check()
        if not over_in(self._kept.finished, limit):
            raise TimeoutError(f"still serving after {limit:g} s")
        try:
            self._kept.finished.result()
        except BaseExceptionGroup as group:
            raise alone(group) from None


@shortened
def connect(host: str | IPv4Address, port: int, *, timeout: float | None = None, **options: Unpack[Dialling]) -> Connection:
    """As `ouc.connect`, blocking; to be used in a `with`.

    Args:
        host, port, options: As `ouc.connect` takes them.
        timeout: Seconds for the whole of connecting, None for the profile's own limits.

    Raises:
        TimeoutError: It took longer than `timeout` seconds.
        OUCError: As `ouc.connect`.
    """
    return Connection(api.connect(host, port, **options), timeout)


@shortened
def hold(host: str | IPv4Address, port: int, **options: Unpack[Holding]) -> Held:
    """As `ouc.hold`, blocking; returns at once, and the connection comes up by itself. To be used in a `with`.

    Raises:
        OUCError: As `ouc.hold`.
    """
    return Held(api.hold(host, port, **options))


@shortened
def serve(port: int, handler: Callable[[Conversation], object], **options: Unpack[Serving]) -> Server:
    """As `ouc.serve`, blocking: `handler` is called with each partner in a thread of its own, 128 at once by default.

        with sync.serve(2000, handler, ca="ca.pem", cert="pc.pem") as server:
            server.wait()

    Raises:
        OUCError: As `ouc.serve`.
    """
    at_once = options.get("at_once")
    at_once = options["at_once"] = _THREADS if at_once is None else at_once
    return Server(*_entered(api.serving(port, _threaded(handler, at_once), **options), None))


def _threaded(handler: Callable[[Conversation], object], at_once: int) -> api.Handler:
    check("at_once", at_once, whole(1))
    if not callable(handler) or inspect.iscoroutinefunction(handler):
        raise ParameterError(
            "the handler is no plain function", where="handler",
            remedy="Write 'def handler(connection):'; ouc.aio.serve and ouc.serve take async functions",
        )  # fmt: skip
    threads = trio.CapacityLimiter(at_once)

    async def call(connection: api.Connection) -> None:
        # Left alone when the server ends: its next call on the connection raises.
        await trio.to_thread.run_sync(handler, Conversation(connection), limiter=threads, abandon_on_cancel=True)

    return call


@short_class
class Station:
    """A device's end of its connections, blocking; to be used in a `with`.

    Args:
        device: As `ouc.Station` takes it; other arguments likewise.
    """

    def __init__(self, device: Device | None = None, **options: Any) -> None:
        self._station = api.Station(device, **options)
        self._kept: Kept[api.Station] | None = None

    def __enter__(self) -> Station:
        self._kept, _ = _entered(self._station, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kept is not None:
            _left(self._kept)

    def connect(self, description: Any, *, timeout: float | None = None) -> Connection:
        """Establish one connection, active or passive as the description says; to be used in a `with`.

        Args:
            description: A TCON_* structure.
            timeout: Seconds, None for the profile's own limits; a passive end then waits for ever.

        Raises:
            TimeoutError: It took longer.
            OUCError: As `ouc.Station.connect`.
        """
        return Connection(self._station.connect(description), timeout)

    def hold(
        self,
        description: Any,
        *,
        when_down: WhenDown = "raise",
        patience: float | None = None,
        life_sign: LifeSign | None = None,
    ) -> Held:
        """As `ouc.Station.hold`; to be used in a `with`.

        Raises:
            OUCError: As `ouc.Station.hold`.
        """
        held = self._station.hold(description, when_down=when_down, patience=patience, life_sign=life_sign)
        return Held(held)

    def serve(self, description: Any, handler: Callable[[Conversation], object], *, at_once: int = _THREADS) -> Server:
        """As `ouc.Station.serve`; to be used in a `with`.

        Raises:
            OUCError: As `ouc.Station.serve`.
        """
        return Server(*_entered(self._serving(description, _threaded(handler, at_once), at_once), None))

    @contextlib.asynccontextmanager
    async def _serving(self, description: Any, handler: api.Handler, at_once: int) -> Any:
        async with self._station.serving(description, handler, at_once=at_once):
            yield self._station

    def datagrams(self, description: Any) -> Datagrams:
        """As `ouc.Station.datagrams`; to be used in a `with`.

        Raises:
            OUCError: As `ouc.Station.datagrams`.
        """
        return Datagrams(*_entered(self._station.datagrams(description), None))
