"""A station with the Pythonic face: connect, serve, hold, and datagrams."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, NoReturn

import trio

from .. import arguments, station
from ..connection import Link, LinkEvent
from ..errors import ConnectionLost, Failure, LocalProtocolError, OUCError, ParameterError
from ..transport import Background, Listener, Reception, TCPStream, Wire
from ..visible import logger
from ..wire import Inbox
from .bell import Bell
from .connection import Connection
from .conversation import streams_only, taken_away
from .datagrams import Datagrams
from .held import Held, LifeSign, WhenDown
from .mistakes import Mistakes, parted
from .tracebacks import entering

__all__ = ["Handler", "Station", "require_trio"]

_log = logger("ouc.api")

_AT_ONCE = arguments.optional(arguments.whole(1))
#: What becomes of one partner of a server.
Handler = Callable[[Connection], Awaitable[None]]


def require_trio() -> None:
    """Say in one line what trio's insides would say in twenty.

    Raises:
        LocalProtocolError: Not called from a trio program.
    """
    if not trio.lowlevel.in_trio_run():
        raise LocalProtocolError(
            "this face of ouc runs under trio",
            remedy="Start it with trio.run; ouc.aio is for asyncio, ouc.sync for programs without async",
        )


class Station(station.Station):
    """The local end of all connections of a device.

    Blocks (`TSEND_C(station)`) and the calls here work on the same connection table. See `ouc.station.Station` for the
    arguments.
    """

    async def __aenter__(self) -> Station:
        require_trio()
        await super().__aenter__()
        return self

    @entering
    @asynccontextmanager
    async def connect(self, description: Any) -> AsyncIterator[Connection]:
        """Establish one connection, active or passive as the description says, for the body of the `async with`.

        One attempt is made; time limits beyond those of the profile belong to the caller's cancel scope. `hold` keeps a
        connection up, `serve` welcomes many partners.

        Args:
            description: A TCON_* structure for TCP or ISO-on-TCP. A passive ISO-on-TCP end has the port alone here;
                several share it where blocks or `hold` use them.

        Raises:
            OUCError: The description is wrong, the partner is not there, or one side refused the other; `status` is
                what a block would show.
            ConnectionLost: On leaving: the partner did not confirm everything that was sent (see `Connection.aclose`).
        """
        link = self.port.establish(description, direct=True)
        try:
            streams_only(link.endpoint)
            with _while_there(link):
                wire = await self._open(link)
            if not link.state:
                # In the instant in which it came up.
                wire.tcp.abort()
                raise taken_away(link)
            connection = Connection(link, wire)
            self._direct[link] = wire
            self.port.report(link, LinkEvent.UP)
            try:
                yield connection
            except BaseException:
                # What ended the body is what the program is told; what was not confirmed stands in the log.
                with suppress(ConnectionLost):
                    await connection.aclose()
                raise
            await connection.aclose()
        finally:
            self._direct.pop(link, None)
            self.port.terminate(link)

    async def _open(self, link: Link) -> Wire:
        end = link.endpoint
        if end.active:
            return await self.opener.open_active(end)
        # The first partner that passes; strangers are told apart and closed, each in its own task.
        found: list[Wire] = []
        with self.opener.listen(end) as listener:
            try:
                async with trio.open_nursery() as nursery:

                    async def admit(wire: Wire) -> None:
                        found.append(wire)
                        nursery.cancel_scope.cancel()

                    await self._reception(link, listener, admit).run()
            except BaseException:
                # Cancelled in the instant in which a partner had passed.
                for wire in found:
                    wire.tcp.abort()
                raise
        for spare in found[1:]:
            spare.tcp.abort()
        return found[0]

    def _reception(
        self,
        link: Link,
        listener: Listener,
        admit: Callable[[Wire], Awaitable[None]],
        occupied: Callable[[], bool] = lambda: False,
    ) -> Reception[Wire]:
        def refuse(tcp: TCPStream, error: OUCError) -> None:
            self.tell(link, LinkEvent.REFUSED, failure=error.failure, partner=self.opener.partner_of(tcp))

        return Reception(
            listener,
            judge=partial(self.opener.open_passive, link.endpoint),
            admit=admit,
            refuse=refuse,
            occupied=occupied,
        )

    async def serve(
        self,
        description: Any,
        handler: Handler,
        *,
        at_once: int | None = None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> NoReturn:
        """Welcome partners on one local port, each in a task of its own, until cancelled.

            async def handler(connection):
                async for piece in connection:
                    await connection.send(piece)

            await station.serve(description, handler)

        A partner that is refused is told in the log with its STATUS and disturbs nobody. Any exception that `handler` lets
        out, a `TimeoutError` say, ends its own partner: an `OUCError` with a line in the log, any other one with its
        traceback, at level ERROR, once per kind. Only what no partner can cause ends the serving: a cancellation, Ctrl-C,
        `SystemExit`.

        Args:
            description: Passive; RemoteAddress 0.0.0.0 and RemotePort 0 admit any address.
            handler: Called with each `Connection`; it is closed when `handler` returns.
            at_once: Partners at the same time, 1 or more; further ones are reset. By default what the profile has left.
            task_status: For `nursery.start`: serving has begun, the port is open.

        Raises:
            OUCError: The description is wrong, a certificate is missing, or the port cannot be opened.
            LocalProtocolError: TDISCON, STOP or the end of the station has taken the connection away (16#80A3).
        """
        if not (inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)):
            name = getattr(handler, "__name__", repr(handler))
            raise ParameterError(
                f"{name} is no async function", where="handler",
                remedy="Write 'async def'; ouc.sync.serve takes plain functions",
            )  # fmt: skip
        arguments.check("at_once", at_once, _AT_ONCE)
        self.check(description)
        link = self.port.establish(description, direct=True)
        partners, mistakes = 0, Mistakes()
        try:
            streams_only(link.endpoint)
            if link.endpoint.active:
                raise ParameterError(
                    "only a passive end serves", where="ActiveEstablished", remedy="Set it to FALSE, or use connect"
                )
            room = self.profile.connections - len(self.port.links) + 1
            most = room if at_once is None else min(at_once, room)

            async def admit(wire: Wire) -> None:
                nonlocal partners
                if partners >= most:
                    wire.tcp.abort()
                    return
                partners += 1
                try:
                    await self._entertain(link, wire, handler, mistakes)
                finally:
                    partners -= 1

            with _while_there(link), self.opener.listen(link.endpoint) as listener:
                task_status.started()
                await self._reception(link, listener, admit, lambda: partners >= most).run()
        finally:
            self.port.terminate(link)
        raise AssertionError  # a reception ends by being cancelled

    @entering
    @asynccontextmanager
    async def serving(self, description: Any, handler: Handler, *, at_once: int | None = None) -> AsyncIterator[None]:
        """As `serve`, for the body of an `async with`, which begins when the port is open.

        Raises:
            OUCError: As `serve`.
        """
        async with Background() as nursery:

            async def run(task_status: trio.TaskStatus[None]) -> None:
                await self.serve(description, handler, at_once=at_once, task_status=task_status)

            await nursery.start(run)
            yield

    async def _entertain(self, link: Link, wire: Wire, handler: Handler, mistakes: Mistakes) -> None:
        # A connection of its own in everything but the table: there it is one ID, established while anybody is there.
        own = Link(link.description, link.endpoint, Inbox(0), direct=True)
        connection = Connection(own, wire)
        first = not link.established
        self._direct[own] = wire
        self._partner(link, LinkEvent.UP, first, partner=wire.partner, facts=wire.facts)
        failure: Failure | None = None
        try:
            await handler(connection)
            await connection.aclose()
        except BaseException as error:
            ours, rest = parted(error)
            if ours is not None:
                failure = mistakes.failure(ours, wire.partner)
            if rest is error:
                raise
            if rest is not None:
                raise rest from None
        finally:
            wire.tcp.abort()
            del self._direct[own]
            last = not any(other.description is link.description for other in self._direct)
            self._partner(link, LinkEvent.LOST, last, partner=wire.partner, failure=failure, orderly=connection.ended)

    def _partner(self, link: Link, event: LinkEvent, report: bool, **members: Any) -> None:  # noqa: FBT001
        """A partner of a server came or went; only the first and the last one change the table."""
        happening = self.happened(link, event, **members)
        if happening.failure is not None or event is LinkEvent.UP:
            self.journal.tell(happening)
        if report:
            self.report(link, event, happening.failure)
        self.announce(happening)

    def hold(
        self,
        description: Any,
        *,
        when_down: WhenDown = "raise",
        patience: float | None = None,
        life_sign: LifeSign | None = None,
    ) -> Held:
        """Keep a connection up for the body of an `async with`; it comes back by itself whenever it is lost.

            async with station.hold(description, when_down="wait") as held:
                await held.send(data)

        Args:
            description: A TCON_* structure, active or passive.
            when_down: What a `send` does while the connection is down: `raise`, `wait`, or keep the `latest` message.
            patience: Seconds that `wait` waits at most; None for ever.
            life_sign: Notices a dead partner long before TCP's keep-alive does.

        Raises:
            OUCError: On entering: the description is wrong, or a reference names what the device does not have.
        """
        return Held(self, description, when_down=when_down, patience=patience, life_sign=life_sign)

    @entering
    @asynccontextmanager
    async def datagrams(self, description: Any) -> AsyncIterator[Datagrams]:
        """Open a UDP port for the body of the `async with`.

        Args:
            description: A TCON_* structure with ConnectionType 19; a multicast group in RemoteAddress is joined.

        Raises:
            OUCError: The description is wrong, or the port cannot be opened.
        """
        self.check(description)
        link = self.port.establish(description)
        bell = Bell(link)
        try:
            if link.endpoint.protocol != "UDP":
                raise ParameterError(
                    f"{link.endpoint.protocol} has no datagrams", status=0x80B3, where="ConnectionType",
                    remedy="Enter 19 (UDP), or use connect",
                )  # fmt: skip
            await bell.until(lambda: link.established or link.failures)
            if not link.established and link.failure is not None:
                raise OUCError.of(link.failure)
            yield Datagrams(self.port, link, bell)
        finally:
            self.port.terminate(link)
            # The socket is closed by now; the ID and the port are free a moment later.
            with trio.CancelScope(shield=True):
                await bell.until(lambda: not link.state)


@contextmanager
def _while_there(link: Link) -> Iterator[None]:
    """End what waits inside when somebody else takes the connection's ID out of the table.

    Raises:
        LocalProtocolError: That has happened.
    """
    with trio.CancelScope() as scope:

        def look() -> None:
            if not link.state:
                scope.cancel()

        link.watchers.append(look)
        try:
            yield
        finally:
            link.watchers.remove(look)
    if scope.cancelled_caught:
        raise taken_away(link)
