"""Carries the fault wire out: a proxy between two partners on the loopback interface, or a relay between any two streams.

The end that listens stays where it is; the end that dials is given the proxy's port instead. The proxy dials on from the
address that the partner came from, so a passive end finds the RemoteAddress that it expects.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address
from types import TracebackType
from typing import Final

import trio

from ouc.transport import Background, Listener, TCPStream, listen
from ouc.transport import dial as connect

from .lines import Action, Deliver, End, Ending, Reflect, Wait
from .wire import Conversation, Direction, WirePlan

__all__ = ["Proxy", "relay"]

Sleep = Callable[[float], Awaitable[None]]

_LOOPBACK: Final = IPv4Address("127.0.0.1")
# Seconds without a byte after which what a fault holds back goes on its way.
_QUIET: Final = 0.005


class Proxy:
    """A TCP man in the middle that does what its plan says; an async context manager.

    Args:
        plan: What goes wrong.
        target: Where the partner that listens is: address and port, on this computer.
        address: Where to listen.
        port: The same; 0 takes any free one.
        dial_from: The address to dial from; None: the one that the dialling partner has.
        sleep: Lets time pass, for faults that take some.
        quiet: Seconds without a byte after which what a fault holds back is let go.

    Attributes:
        accepted: Connections so far.
    """

    def __init__(
        self,
        plan: WirePlan,
        target: tuple[IPv4Address, int],
        *,
        address: IPv4Address = _LOOPBACK,
        port: int = 0,
        dial_from: IPv4Address | None = None,
        sleep: Sleep = trio.sleep,
        quiet: float = _QUIET,
    ) -> None:
        self.plan = plan
        self.target = target
        self.port = port
        self.accepted = 0
        self._address, self._dial_from = address, dial_from
        self._sleep, self._quiet = sleep, quiet
        self._background = Background()
        self._streams: set[TCPStream] = set()
        self._live: set[Conversation] = set()
        self._struck = 0

    @property
    def struck(self) -> int:
        """Connections that the fault has struck."""
        return self._struck + sum(conversation.struck for conversation in self._live)

    async def __aenter__(self) -> Proxy:
        """Listen.

        Raises:
            OSError: The port is in use.
        """
        self._closed = _closed_port(self._address, self.port)
        self.port = int(self._closed.getsockname()[1])
        listener = None
        if not self.plan.shut(0):
            listener = self._open()
        self._nursery = await self._background.__aenter__()
        self._nursery.start_soon(self._serve, listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        for stream in tuple(self._streams):
            stream.abort()
        try:
            return await self._background.__aexit__(kind, error, trace)
        finally:
            self._closed.close()

    def _open(self) -> Listener:
        # Bound and not listening, a socket refuses whoever dials and keeps the port from others.
        self._closed.close()
        return listen(self._address, self.port)

    async def _serve(self, listener: Listener | None) -> None:
        try:
            while True:
                if seconds := self.plan.shut(self.accepted):
                    if listener is not None:
                        listener.close()
                        self._closed = _closed_port(self._address, self.port)
                    await self._sleep(seconds)
                    listener = None
                listener = listener or self._open()
                near = await listener.accept()
                conversation = self.plan.conversation(self.accepted)
                self.accepted += 1
                if self.plan.shut(self.accepted):
                    await self._converse(conversation, near)
                else:
                    self._nursery.start_soon(self._converse, conversation, near)
        finally:
            if listener is not None:
                listener.close()

    async def _converse(self, conversation: Conversation, near: TCPStream) -> None:
        self._streams.add(near)
        self._live.add(conversation)
        try:
            if conversation.opening:
                await self._turn_away(conversation, near)
            else:
                await self._connect(conversation, near)
        finally:
            near.abort()
            self._streams.discard(near)
            self._live.discard(conversation)
            self._struck += conversation.struck

    async def _turn_away(self, conversation: Conversation, near: TCPStream) -> None:
        for action in conversation.opening:
            if isinstance(action, Wait):
                await self._sleep(action.seconds)
            elif isinstance(action, End) and action.behind is not None:
                await _close(near, action.behind)

    async def _connect(self, conversation: Conversation, near: TCPStream) -> None:
        try:
            far = await connect(*self.target, local_address=self._dial_from or near.partner[0])
        except OSError:
            return  # the partner's port is closed: who dials learns it by a reset
        self._streams.add(far)
        try:
            await relay(conversation, near, far, sleep=self._sleep, quiet=self._quiet)
        finally:
            far.abort()
            self._streams.discard(far)


def _closed_port(address: IPv4Address, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


async def relay(
    conversation: Conversation,
    near: trio.abc.Stream,
    far: trio.abc.Stream,
    *,
    sleep: Sleep = trio.sleep,
    quiet: float = _QUIET,
) -> None:
    """Carry bytes between two streams as the conversation says, until both have ended; both are closed then.

    Args:
        conversation: The machine, fresh.
        near: Leads to the end that dials.
        far: Leads to the end that listens.
        sleep: Lets time pass.
        quiet: Seconds without a byte after which what a fault holds back is let go.
    """
    await _Relay(conversation, near, far, sleep, quiet).run()


class _Relay:
    def __init__(
        self, conversation: Conversation, near: trio.abc.Stream, far: trio.abc.Stream, sleep: Sleep, quiet: float
    ) -> None:
        self._conversation = conversation
        self._ways = {Direction.FORTH: (near, far), Direction.BACK: (far, near)}
        # Both directions may write to a stream: its own bytes, and what is reflected.
        self._locks = {near: trio.Lock(), far: trio.Lock()}
        # How each side ends when everything has been carried.
        self._endings = {near: Ending.FIN, far: Ending.FIN}
        self._sleep, self._quiet = sleep, quiet

    async def run(self) -> None:
        try:
            async with trio.open_nursery() as self._nursery:
                for direction in Direction:
                    self._nursery.start_soon(self._pump, direction)
            async with trio.open_nursery() as nursery:
                for stream, ending in self._endings.items():
                    nursery.start_soon(_close, stream, ending)
        except BaseException:
            for stream in self._endings:
                with trio.CancelScope(shield=True):
                    await trio.aclose_forcefully(stream)
            raise

    async def _pump(self, direction: Direction) -> None:
        source, _ = self._ways[direction]
        ended = False
        while not ended:
            actions, ended = await self._next(direction, source)
            for action in actions:
                await self._do(action, direction)

    async def _next(self, direction: Direction, source: trio.abc.Stream) -> tuple[list[Action], bool]:
        conversation = self._conversation
        limit = self._quiet if conversation.holding(direction) else float("inf")
        try:
            with trio.move_on_after(limit):
                data = bytes(await source.receive_some())
                return (conversation.feed(direction, data), False) if data else (conversation.end(direction), True)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return conversation.end(direction, broken=True), True
        return conversation.quiet(direction), False

    async def _do(self, action: Action, direction: Direction) -> None:
        source, sink = self._ways[direction]
        if isinstance(action, Deliver):
            await self._send(sink, action.data, blame=source)
        elif isinstance(action, Reflect):
            await self._send(source, action.data, blame=source)
        elif isinstance(action, Wait):
            await self._sleep(action.seconds)
        elif isinstance(action, End):
            await self._end(source, sink, action)

    async def _send(self, stream: trio.abc.Stream, data: bytes, *, blame: trio.abc.Stream) -> None:
        try:
            async with self._locks[stream]:
                await stream.send_all(data)
            # The receiver gets a turn, or pieces that shall come apart would come together.
            await trio.lowlevel.checkpoint()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # Whoever sends to a partner that is gone is told so by a reset.
            self._over({blame: Ending.RESET})

    async def _end(self, source: trio.abc.Stream, sink: trio.abc.Stream, end: End) -> None:
        given = {stream: ending for stream, ending in ((sink, end.ahead), (source, end.behind)) if ending is not None}
        if len(given) == 2 or Ending.RESET in given.values():
            self._over(given)
        elif end.ahead is Ending.FIN and isinstance(sink, trio.abc.HalfCloseableStream):
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async with self._locks[sink]:
                    await sink.send_eof()
        else:
            self._over(given)

    def _over(self, endings: dict[trio.abc.Stream, Ending]) -> None:
        self._endings.update(endings)
        self._nursery.cancel_scope.cancel()


async def _close(stream: trio.abc.Stream, ending: Ending) -> None:
    if ending is Ending.FIN:
        await stream.aclose()
    elif isinstance(stream, TCPStream):
        stream.abort()
    else:
        await trio.aclose_forcefully(stream)
