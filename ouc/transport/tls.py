"""A TLS machine on a trio stream: one pump, one send lock, no cleverness.

Records leave OpenSSL in an order that the partner's sequence numbers rely on, so they are taken from the machine only
while the send lock is held. A receiving task that has something to say (an alert, an answer to a key update) never waits
for a sender that is stuck: whoever holds the lock takes along what it finds, so both directions keep moving.

A partner that only writes never reads what a TLS 1.3 server says by itself: session tickets, answers to key updates. What
lies unread in its socket turns its close into a reset, and the system throws away what it had not sent yet. So a server
with late tickets says nothing before it has data of its own to send.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

import attrs
import trio

from .. import causes
from ..errors import OUCError
from ..tls import ClientHello, HelloReader, Need, TLSEngine, TLSFacts
from .busy import DEFAULT_BUDGET, Budget, OneTask
from .closing import STALL
from .tcp import TCPStream

__all__ = ["TLSStream"]

RECEIVE_SIZE = 65_536
# Plaintext encrypted before the transport sees any of it; bounds the memory of one large send.
SEND_PIECE = 65_536
# Seconds that an alert may take to leave when everything else has failed.
_LAST_WORDS = 1.0
# How long a partner's silence is waited for that may be a refusal still to come: so many times what its part of the
# handshake took, and at least this long in seconds. Ours: judging a certificate is no more work than a handshake, so only
# a slow partner needs the whole grace.
_VERDICT_TIMES, _VERDICT_AT_LEAST = 10, 0.25
# Bytes that a silent server keeps back: two tickets (158) and the answers to a hundred key updates. A partner that asks
# for more of them without ever being sent data would otherwise fill the memory.
_KEPT_BACK = 4096
_UNUSABLE = (trio.BrokenResourceError, trio.BusyResourceError, trio.ClosedResourceError)

_T = TypeVar("_T")


class TLSStream(trio.abc.Stream):
    """TLS over any trio stream.

    A `send_all` that is cancelled after its first record was made leaves the stream unusable for sending, and says so at
    every later send: the partner's view would otherwise silently differ from ours (tls-performance.md, pitfall 1).

    Args:
        transport: Carries the records; closed with this stream.
        engine: The machine, fresh.
        late_tickets: On a TLS 1.3 server, without effect elsewhere: say nothing by itself before the first data or the
            end. Needed also where each side sends only when the other reads: early tickets would leave both waiting.
        budget: Calls in a row that may skip trio's schedule point.
    """

    def __init__(
        self, transport: trio.abc.Stream, engine: TLSEngine, *, late_tickets: bool = False, budget: int = DEFAULT_BUDGET
    ) -> None:
        self.transport = transport
        self._engine = engine
        self._late_tickets = late_tickets
        self._lock = trio.Lock()
        self._closed = self._torn = self._silent = self._spoke = False
        self._early = self._held = b""
        self._handshake_took = 0.0
        self._sending = OneTask("another task is already sending on this connection")
        self._receiving = OneTask("another task is already receiving on this connection")
        self._send_budget, self._receive_budget = Budget(budget), Budget(budget)

    @property
    def facts(self) -> TLSFacts:
        """What the handshake agreed on."""
        return self._engine.facts

    # -- establishing ------------------------------------------------------------------------------------------

    async def read_hello(self) -> ClientHello:
        """On a server, before the handshake: what the client offers. The machine gets the same bytes afterwards.

        Raises:
            trio.BrokenResourceError: It is no hello, or the partner left; `explain` tells.
        """
        reader, hello = HelloReader(), None
        with self._receiving, _broken():
            while hello is None:
                records = bytes(await self.transport.receive_some(RECEIVE_SIZE))
                if not records:
                    raise causes.error(attrs.evolve(self._engine.evidence(), end=causes.End.CLOSED))
                try:
                    hello = reader.feed(records)
                except OUCError as error:
                    self._engine.feed(records)
                    await self._refuse(error)
                self._engine.feed(records)
        return hello

    async def _refuse(self, error: OUCError) -> NoReturn:
        """Let the machine find its own words for bytes that are no hello, or, where it would accept them, end it by ours."""
        await self._step(self._engine.handshake)

        def refuse() -> NoReturn:
            raise self._engine.refuse(error)

        await self._step(refuse)
        raise error

    async def do_handshake(self) -> None:
        """Agree on keys. Time limits belong to the caller's cancel scope.

        Raises:
            trio.BrokenResourceError: With the reason as its cause; `explain` tells it.
        """
        with self._receiving:
            self._check_open()
            await trio.lowlevel.checkpoint()
            began = trio.current_time()
            with _broken():
                while await self._step(self._engine.handshake) is Need.READ:
                    await self._pump()
                self._handshake_took = trio.current_time() - began
                self._silent = self._late_tickets and self._engine.gives_tickets
                await self._end_handshake()

    async def confirm(self, grace: float) -> None:
        """On a client whose certificate was asked for: wait until the server has accepted it.

        Under TLS 1.3 the server's verdict follows the handshake. A server that has said anything since has accepted; one
        that stays silent is taken at its silence after ten times what the handshake took, 0.25 s at least and `grace`
        seconds at most.

        Raises:
            trio.BrokenResourceError: The server refused; `explain` tells why.
        """
        enough = min(grace, max(_VERDICT_AT_LEAST, _VERDICT_TIMES * self._handshake_took))
        with self._receiving, _broken(), trio.move_on_after(enough):
            while not self._engine.confirmed:
                data = await self._step(self._engine.read)
                if isinstance(data, bytes):
                    if not data:
                        evidence = self._engine.evidence()
                        raise causes.error(attrs.evolve(evidence, end=causes.End.CLOSED, farewell=True))
                    self._early = data
                elif not self._engine.confirmed:
                    await self._pump()
        self._engine.settle()

    # -- data --------------------------------------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send all of `data`; up to 16,384 bytes become one record.

        Raises:
            trio.BrokenResourceError: The connection broke, now or earlier, or an earlier send was cancelled halfway.
            trio.BusyResourceError: Another task is sending.
            trio.ClosedResourceError: This side has closed.
        """
        with self._sending:
            self._check_open()
            await self._send_budget.start()
            waited = self._lock.locked()
            await self._acquire()
            try:
                self._check_open()  # closed while this task waited
                if self._torn:
                    raise trio.BrokenResourceError("an earlier send was cancelled halfway")
                self._spoke = True
                # Torn until proven whole: whatever ends the sending early has left a record half sent.
                self._torn = len(data) > 0
                self._silent = self._silent and not len(data)
                with _broken(), memoryview(data) as view:
                    for start in range(0, len(view), SEND_PIECE):
                        self._engine.write(view[start : start + SEND_PIECE])
                        await self._send_records()
                self._torn = False
            finally:
                self._lock.release()
            await self._send_budget.finish(waited=waited)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the transport takes bytes."""
        with self._sending:
            self._check_open()
            await trio.lowlevel.checkpoint_if_cancelled()
            async with self._lock:
                await self.transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Plaintext, at least one byte, or `b""` after the partner's close_notify.

        Raises:
            trio.BrokenResourceError: The transport ended without close_notify, or a record was damaged.
            trio.BusyResourceError: Another task is receiving.
            trio.ClosedResourceError: This side has closed.
        """
        size = RECEIVE_SIZE if max_bytes is None else max_bytes
        if size < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._receiving:
            self._check_open()
            await self._receive_budget.start()
            if self._early:
                data, self._early = self._early[:size], self._early[size:]
                await self._receive_budget.finish(waited=False)
                return data
            waited = False
            with _broken():
                while True:
                    result = await self._step(lambda: self._engine.read(size))
                    if not isinstance(result, Need):
                        break
                    waited = True
                    await self._pump()
                    self._check_open()
            await self._receive_budget.finish(waited=waited)
            return result

    # -- the end -------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Say close_notify, then close the transport. Cancelled, it closes at once.

        A transport that cannot take the close_notify soon is closed without it.
        """
        if self._closed:
            await self.transport.aclose()
            return
        self._closed = True
        words = self._farewell()
        if isinstance(self.transport, TCPStream):
            await self.transport.close_with(words, spoke=self._spoke)
            return
        try:
            # A partner that is gone already has no use for our farewell.
            with trio.move_on_after(STALL), contextlib.suppress(*_UNUSABLE):
                if words:
                    await self.transport.send_all(words)
        finally:
            await self.transport.aclose()

    def _farewell(self) -> bytes:
        """The close_notify, and what must leave before it; nothing where the partner could not read it."""
        # Whoever is just sending has torn the stream. A task that holds the lock and sends nothing has not.
        if self._torn:
            return b""
        with contextlib.suppress(OUCError):
            self._engine.close()
        words, self._held = self._held + self._engine.take(), b""
        return words

    # -- the pump ------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this side has closed the connection")

    async def _step(self, action: Callable[[], _T]) -> _T:
        """Run one step of the machine; if it fails, the alert that tells the partner why still goes out."""
        try:
            return action()
        except OUCError:
            self._silent = False
            with trio.move_on_after(_LAST_WORDS), contextlib.suppress(*_UNUSABLE):
                await self._flush()
            raise

    async def _pump(self) -> None:
        """The machine needs records: first say what it has to say, then wait for the partner."""
        try:
            await self._flush()
        except trio.BrokenResourceError as error:
            self._engine.feed(await self._last_words(error))
            return
        self._engine.feed(bytes(await self.transport.receive_some(RECEIVE_SIZE)))

    async def _last_words(self, error: trio.BrokenResourceError) -> bytes:
        """What a partner said before it broke the connection: an alert that lies unread tells more than the reset.

        Raises:
            trio.BrokenResourceError: It said nothing; the failure of the sending.
        """
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(_LAST_WORDS):
            if records := bytes(await self.transport.receive_some(RECEIVE_SIZE)):
                return records
        raise error

    async def _end_handshake(self) -> None:
        """Send what completes our handshake."""
        try:
            await self._flush()
        except trio.BrokenResourceError as error:
            self._engine.feed(await self._last_words(error))
            self._engine.read()
            raise

    async def _acquire(self) -> None:
        try:
            self._lock.acquire_nowait()
        except trio.WouldBlock:
            await self._lock.acquire()

    async def _flush(self) -> None:
        """Send what receiving gave rise to. Whoever holds the lock takes it along, so there is no need to wait."""
        if self._lock.locked():
            return
        if self._silent:
            self._held += self._engine.take()
            self._silent = len(self._held) <= _KEPT_BACK
            if self._silent:
                return
        self._lock.acquire_nowait()
        try:
            await self._send_records()
        finally:
            self._lock.release()

    async def _send_records(self) -> None:
        """With the lock held: send all records there are, those that were kept back first."""
        while records := self._held + self._engine.take():
            self._held = b""
            # Taken from the machine, so counted by the partner: whatever ends this send early tears the stream.
            torn, self._torn = self._torn, True
            await self.transport.send_all(records)
            self._torn = torn


@contextlib.contextmanager
def _broken() -> Iterator[None]:
    """Give the machine's failures the form that trio's stream contract asks for; the failure stays as the cause."""
    try:
        yield
    except OUCError as error:
        raise trio.BrokenResourceError(error.failure.what) from error
