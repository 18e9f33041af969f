"""A connection that is kept up: the station establishes it, attends to it and tries again, and a program uses it while it
stands.

The program's side here and the blocks are two users of the same port: there is one way of reconnecting, with the pauses of
the profile, and one place that decides. A program waits where a block is called again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, Literal, Self, TypeAlias

import trio

from ..arguments import TIME_LIMIT, Kind, check_all, instance, optional
from ..connection import Link, LinkEvent, LinkState, Port
from ..errors import ConnectionLost, Failure, OUCError
from ..params import endpoint
from ..station import Happening, Station
from ..status import Status
from ..transport import LIMIT, Background
from ..visible import logger
from .bell import Bell
from .conversation import bytes_of, streams_only, taken_away
from .establishments import Establishments, HeldConnection
from .sign import LifeSign
from .tracebacks import shortened

__all__ = ["Held", "HeldConnection", "LifeSign", "WhenDown"]

_log = logger("ouc.api")

#: What a send does while the connection is down.
WhenDown: TypeAlias = Literal["raise", "wait", "latest"]
# Changes kept for a program that does not look; older ones are forgotten, and counted.
_CHANGES = 256
#: What the options of `hold` take.
HOLDING: Final[Mapping[str, Kind]] = {
    "when_down": Kind("raise, wait or latest", lambda value: value in ("raise", "wait", "latest")),
    "patience": TIME_LIMIT,
    "life_sign": optional(instance("a LifeSign", LifeSign)),
}


class Changes:
    """An async iterator over happenings; two of the same connection share them."""

    def __init__(self, bell: Bell, waiting: deque[Happening], gone: Callable[[], bool]) -> None:
        self._bell = bell
        self._waiting = waiting
        self._gone = gone

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Happening:
        await self._bell.until(lambda: self._waiting or self._gone())
        if not self._waiting:
            raise StopAsyncIteration
        return self._waiting.popleft()

    def give_back(self, happening: Happening) -> None:
        """The next one to be given is this one again."""
        self._waiting.appendleft(happening)


class Held:
    """A connection that is kept up; made by `Station.hold`.

    Sending and receiving use whatever establishment stands at the moment. Iterating gives one `HeldConnection` per
    establishment:

        async for connection in held:
            async for piece in connection:
                ...

    The inner loop ends when its establishment is over, however rude that was, and after everything that had arrived was given;
    the outer one goes on with the next. `connection.loss` tells how it ended, and `connection.incomplete` whether `records`
    was left with a part of a record, which is also a warning in the log.
    """

    def __init__(
        self,
        station: Station,
        description: Any,
        *,
        when_down: WhenDown = "raise",
        patience: float | None = None,
        life_sign: LifeSign | None = None,
    ) -> None:
        check_all({"when_down": when_down, "patience": patience, "life_sign": life_sign}, HOLDING)
        self._station = station
        self._description = description
        self._when_down = when_down
        self._patience = patience
        self._life_sign = life_sign
        self._background = Background()
        self.port: Port = station.port
        self.link: Link
        self.bell: Bell
        self._establishments = Establishments()
        # What `receive` read the last time.
        self._source: HeldConnection | None = None
        self._changes: deque[Happening] = deque(maxlen=_CHANGES)
        self._latest: memoryview | None = None
        self._pouring = False
        self._sending = trio.Lock()
        self._last_sent = self._last_heard = 0.0
        self._heard = 0
        #: Changes that nobody looked at in time.
        self.missed = 0
        #: Messages that `latest` replaced by a newer one, or that a loss took away on their way.
        self.dropped = 0

    @shortened
    async def __aenter__(self) -> Held:
        # A wrong reference is told now, and not at every attempt.
        self._station.check(self._description)
        streams_only(endpoint(self._description))
        self.link = self.port.establish(self._description)
        self.bell = Bell(self.link)
        self._station.listeners.append(self._note)
        nursery = await self._background.__aenter__()
        if self._when_down == "latest":
            nursery.start_soon(self._pour)
        if self._life_sign is not None:
            nursery.start_soon(partial(self._keep_alive, self._life_sign))
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        # Whoever is in a hurry loses what a slow partner has not taken; it is said in the log.
        closing = _CLOSING if error[0] is None else _HASTE
        try:
            if error[0] is None:
                with trio.move_on_after(_HASTE):
                    await self._poured()
        finally:
            self._station.listeners.remove(self._note)
            try:
                swallowed = await self._background.__aexit__(*error)
            finally:
                self._close()
                with trio.CancelScope(shield=True), trio.move_on_after(closing):
                    await self.bell.until(lambda: not self.link.state)
        return swallowed

    def _close(self) -> None:
        if self._latest is not None:
            self._drop("no connection stood in time")
        # What was handed over is delivered, as leaving a `connect` does.
        if self.link.settings.graceful_shutdown is None:
            self.link.settings.graceful_shutdown = self.link.endpoint.protocol == "TCP" or None
        self.port.terminate(self.link)

    def __repr__(self) -> str:
        return f"<Held {self.link.connection_id}, {self.link.state.name.lower()}>"

    # -- what is going on ------------------------------------------------------------------------------------------

    def _note(self, happening: Happening) -> None:
        if happening.connection_id != self.link.connection_id:
            return
        if happening.event is LinkEvent.UP:
            self._establishments.begin(HeldConnection(self, happening))
            self._last_sent = self._last_heard = trio.current_time()
            self._heard = self.link.received
        elif happening.event is LinkEvent.LOST and self._current is not None:
            self._current.loss = happening
        self.missed += len(self._changes) == _CHANGES
        self._changes.append(happening)
        self.bell.ring()

    def room_made(self) -> None:
        """The inbox has room again."""
        self._station.room_made(self.link)

    @property
    def _current(self) -> HeldConnection | None:
        """The establishment that came last."""
        return self._establishments.latest

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self.link.established

    @property
    def failure(self) -> Failure | None:
        """Why it last went down or could not come up; None while it never did."""
        return self.link.failure

    @property
    def current(self) -> HeldConnection:
        """The establishment that stands.

        Raises:
            ConnectionLost: None does, with the reason of the last failure.
        """
        latest = self._current
        if latest is None or not latest.established:
            raise self._down()
        latest.shown = True
        return latest

    def _down(self) -> ConnectionLost:
        end = self.link.endpoint
        failure = self.link.failure or Failure(
            "the connection is not established yet",
            Status(0x80A1),
            f"{end.remote_name or end.remote_address}:{end.remote_port}"
            if end.active
            else f"local port {end.local_port}",
            "Wait with wait_up(), for UP in changes(), or with when_down='wait'",
        )
        return ConnectionLost(failure.what, status=failure.status, where=failure.where, remedy=failure.remedy)

    @shortened
    async def wait_up(self) -> HeldConnection:
        """Wait until the connection stands. Time limits belong to the caller's cancel scope.

        Raises:
            LocalProtocolError: It never will: TDISCON, STOP or the end of the station has taken the connection away.
        """
        await self.bell.until(lambda: self.up or self._gone)
        self._check_there()
        return self.current

    @property
    def _gone(self) -> bool:
        """Whether somebody else has taken the connection out of the table."""
        return self.link.state is LinkState.ABSENT

    def _check_there(self) -> None:
        if self._gone:
            raise taken_away(self.link)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> HeldConnection:
        """The next establishment; of those that came and went meanwhile, the ones that left something to receive.

        Ends with the connection's ID.
        """
        await self.bell.until(lambda: self._gone or self._establishments.next_given())
        coming = self._establishments.next_given()
        if coming is None:
            raise StopAsyncIteration
        return self._establishments.give(coming)

    def give_back(self, given: bytes | HeldConnection) -> None:
        """As `Conversation.give_back`; an establishment is given by the iteration again."""
        if isinstance(given, HeldConnection):
            self._establishments.give_back(given)
        elif (source := self._source or self._current) is not None:
            self._establishments.not_done_with(source)
            source.give_back(given)

    def changes(self) -> Changes:
        """What happens to the connection, from the beginning on: `UP`, `REFUSED`, `LOST`, each with its reason.

        An async iterator that ends when the connection is taken away.
        """
        return Changes(self.bell, self._changes, lambda: self._gone)

    # -- sending and receiving ---------------------------------------------------------------------------------------

    @shortened
    async def send(self, data: Any) -> None:
        """Send one message over the establishment that stands; while none does, as `when_down` says:

        * `raise`: raises at once.
        * `wait`: waits for the connection, at most `patience` seconds.
        * `latest`: keeps the message until the connection stands; a newer one replaces it, and `dropped` counts.

        Raises:
            ConnectionLost: The connection is down, or was lost meanwhile; the message is not sent again.
        """
        view = bytes_of(data)
        self._check_there()
        if self._when_down == "latest":
            await trio.lowlevel.checkpoint_if_cancelled()
            # Before any wait: of two calls the later one has the newer message.
            self._keep(view)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        latest = trio.current_time() + self._patience if self._patience is not None else float("inf")
        async with self._sending:
            connection = await self._standing(latest)
            await self._send_over(connection, view)

    async def _send_over(self, connection: HeldConnection, view: memoryview) -> None:
        await connection.send(view)
        self._last_sent = trio.current_time()

    async def _standing(self, latest: float) -> HeldConnection:
        if self._when_down == "wait" and not self.up:
            with trio.move_on_at(latest):
                return await self.wait_up()
        return self.current

    def _keep(self, view: memoryview) -> None:
        self.dropped += self._latest is not None
        self._latest = memoryview(bytes(view))
        self.bell.ring()

    async def _pour(self) -> None:
        """Send the latest message as soon as the connection takes it."""
        while True:
            await self.bell.until(lambda: self._gone or (self._latest is not None and self.up))
            if self._gone:
                return
            async with self._sending:
                # Taken in the last moment: until then a newer one replaces it.
                if self._latest is None or not self.up:
                    continue
                view, self._latest, self._pouring = self._latest, None, True
                try:
                    await self._send_over(self.current, view)
                except OUCError as error:
                    self._drop(error)
                finally:
                    self._pouring = False
                    self.bell.ring()

    async def _poured(self) -> None:
        """Wait until the latest message has left, if the connection can take it."""
        await self.bell.until(lambda: not self.up or not (self._latest or self._pouring))

    def _drop(self, why: object) -> None:
        self.dropped += 1
        _log.warning("connection %d: a message was lost on its way: %s", self.link.connection_id, why)

    @shortened
    async def receive_some(self, limit: int = 65_536) -> bytes:
        """As `HeldConnection.receive_some`, of the establishment that stands or the next one.

        What arrived before a loss comes before what arrives after it.

        Raises:
            ConnectionLost: It was lost while this call waited; the next call waits for the next one. A loss between two
                calls is told by neither, if everything that had arrived was received before: `changes()` tells each, and
                iterating shows where one connection ends and the next begins.
        """
        return await self._receive(lambda source: source.receive_some(limit))

    @shortened
    async def receive(self, size: int) -> bytes:
        """As `HeldConnection.receive`, of the establishment that stands or the next one.

        Raises:
            ConnectionLost: The establishment ended in the middle: what had arrived of these bytes is dropped, and the next
                call begins with the next establishment.
        """
        return await self._receive(lambda source: source.receive(size))

    async def _receive(self, take: Callable[[HeldConnection], Awaitable[bytes]]) -> bytes:
        source = self._source = self._establishments.source() or await self.wait_up()
        try:
            return await take(source)
        except ConnectionLost:
            self._establishments.done_with(source)
            raise

    # -- the life sign -----------------------------------------------------------------------------------------------

    async def _keep_alive(self, sign: LifeSign) -> None:
        while True:
            await self.bell.until(lambda: self.up or self._gone)
            if self._gone:
                return
            await self._watch(self.current, sign)

    async def _watch(self, connection: HeldConnection, sign: LifeSign) -> None:
        """Look after one establishment until it is over."""
        while connection.established:
            now = trio.current_time()
            # A full inbox is this side's silence: the partner may well speak, and nobody listens.
            if self.link.received != self._heard or self.link.inbox.room <= 0:
                self._heard, self._last_heard = self.link.received, now
            speak = self._last_sent + sign.every - now if sign.every else float("inf")
            despair = self._last_heard + sign.patience - now if sign.patience else float("inf")
            if despair <= 0:
                self._give_up(sign)
                await self.bell.until(lambda: not connection.established)
            elif speak <= 0:
                await self._say(connection, sign)
            else:
                await trio.sleep(min(speak, despair))

    async def _say(self, connection: HeldConnection, sign: LifeSign) -> None:
        # The time counts from now even if nothing left: a partner that takes no bytes is not asked more often.
        self._last_sent = trio.current_time()
        with trio.move_on_after(sign.patience or sign.every):
            try:
                async with self._sending:
                    await connection.send(sign.message)
            except OUCError:
                return  # the loss is told by the connection itself

    def _give_up(self, sign: LifeSign) -> None:
        self._station.give_up(
            self.link,
            Failure(
                f"the partner gave no sign of life for {sign.patience:g} s",
                Status(0x80C7),
                remedy="Is the PLC in RUN, and does its program send within that time?",
            ),
        )


# Seconds that closing may take before the station ends it: a little more than the stream's own limit, or in a hurry.
_CLOSING, _HASTE = LIMIT + 6.0, 6.0
