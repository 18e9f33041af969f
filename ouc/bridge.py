"""A trio thread in the background, for programs that are not written with trio.

There is one implementation of everything, and it is asynchronous; the blocking face and the asyncio face run the very same
objects in this thread. An async context manager must be left by the task that entered it, so each one that is entered from
outside lives in a task of its own here until it is closed.

Nobody waits here for ever for what has been cancelled or is being closed: the network parts have limits of their own, and a
thread that a listener of the program blocks is noticed because it does not answer (`Background.settle`).
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Generic, TypeVar

import trio

from . import api
from .errors import Failure, LocalProtocolError
from .station import Happening
from .tls import TLSFacts
from .transport import explain
from .visible import logger

__all__ = [
    "Background",
    "Hold",
    "Job",
    "Kept",
    "OverError",
    "Talk",
    "alone",
    "background",
    "blocked",
    "next_of",
    "over_in",
]

_T = TypeVar("_T")
_log = logger("ouc.bridge")

#: Seconds after which a thread that does not answer counts as blocked; ours.
SILENCE = 20.0
# Turns of the trio thread that a job gets in any case, however short its time limit: in each one the system is asked what
# has arrived. Enough for 16 MiB, the largest receive, with 32 reads of 64 KiB in a turn; ours.
_TURNS = 16
_ENDED = "the background thread has ended"


def over_in(future: Future[Any], seconds: float | None) -> bool:
    """Wait until it is over, whatever its outcome; False if the time was not enough.

    Raises:
        BaseException: Only what comes from outside, such as a signal handler of the program.
    """
    return bool(wait((future,), seconds).done)


class Job(Generic[_T]):
    """A call that runs in the background thread.

    Args:
        thread: Where.
        work: What.
        undo: Takes back what `work` gave, where the caller has given up meanwhile.

    Attributes:
        future: Its outcome; a cancelled job ends as cancelled.
    """

    def __init__(
        self, thread: Background, work: Callable[[], Awaitable[_T]], undo: Callable[[_T], object] | None = None
    ) -> None:
        self.future: Future[_T] = Future()
        self._thread = thread
        self._work = work
        self._undo = undo
        self._scope = trio.CancelScope()
        self._wanted = True

    async def run(self) -> None:
        """The job's task."""
        result: Any = None
        try:
            with self._scope:
                result = await self._work()
        except trio.Cancelled:
            self.future.set_exception(LocalProtocolError(_ENDED))
            raise
        except BaseException as error:
            # Whatever it is (a handler's `sys.exit` too), it is the caller's, and not the end of all other connections.
            self.future.set_exception(error)
            return
        if self._scope.cancelled_caught:
            self.future.cancel()
            self.future.set_running_or_notify_cancel()
        else:
            if not self._wanted:
                self._take_back(result)
            self.future.set_result(result)

    def _take_back(self, result: _T) -> None:
        if self._undo is not None:
            self._undo(result)

    def cancel(self) -> None:
        """Stop it; the future tells when it has stopped. What was done stays done."""
        self._thread.call_soon(self._scope.cancel)

    def settle(self) -> None:
        """As `Background.settle`, until it has stopped."""
        self._thread.settle(self.future)

    def expire(self) -> None:
        """Its time is over: it still gets what is there already, and then it is stopped."""

        async def last_turns() -> None:
            for _ in range(_TURNS):
                await trio.lowlevel.checkpoint()
            self._scope.cancel()

        self._thread.run_soon(last_turns)

    def give_up(self) -> None:
        """Stop it, and nobody will look at its outcome: what it received all the same belongs to the next receive."""

        def stop() -> None:
            self._wanted = False
            self._scope.cancel()
            if self.future.done() and not self.future.cancelled() and self.future.exception() is None:
                self._take_back(self.future.result())

        self._thread.call_soon(stop)


class Background:
    """One thread with one trio run, started when it is first needed and ended with the interpreter.

    Raises:
        ConnectionLost: The system has no descriptor or no thread left (16#80C3); a later try may have more luck.
    """

    def __init__(self) -> None:
        self._ready: Future[trio.lowlevel.TrioToken] = Future()
        self._stop = trio.CancelScope()
        self._jobs: trio.Nursery | None = None
        # Set once the task that was asked for last has begun.
        self._begun: trio.Event | None = None
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._main, name="ouc", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise LocalProtocolError(
                "the system has no thread left for ouc",
                status=0x80C3,
                remedy="Raise the limit of processes (ulimit -u)",
            ) from error
        self._token = self._ready.result()

    def _main(self) -> None:
        async def main() -> None:
            with self._stop:
                async with trio.open_nursery() as self._jobs:
                    self._ready.set_result(trio.lowlevel.current_trio_token())
                    await trio.sleep_forever()

        try:
            trio.run(main)
        except BaseException as error:
            if self._ready.done():
                _log.exception("the background thread has ended, and every connection of sync and aio with it")
            else:
                # Without a descriptor trio cannot even begin; whoever waits for the thread learns it.
                self._ready.set_exception(explain(error, where="ouc") if isinstance(error, OSError) else error)

    @property
    def forked(self) -> bool:
        """Whether this process was forked from the one that the thread lives in: threads do not survive that."""
        return self._process != os.getpid()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return not self.forked and self._thread.is_alive()

    def call_soon(self, call: Callable[[], object]) -> None:
        """Run a plain function in the thread, soon.

        Raises:
            LocalProtocolError: The thread has ended, because the interpreter is ending, or lives in the process that this
                one was forked from.
        """
        if self.forked:
            raise _forked()
        try:
            self._token.run_sync_soon(call)
        except trio.RunFinishedError:
            raise LocalProtocolError(
                _ENDED, remedy="Open the connection again, unless the interpreter is ending"
            ) from None

    def run_soon(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin a task of the thread, soon, and after those that were asked for before: trio starts tasks in any order.

        Raises:
            LocalProtocolError: As `call_soon`.
        """

        def begin() -> None:
            assert self._jobs is not None  # noqa: S101 - set before the thread is ready
            before, self._begun = self._begun, trio.Event()
            self._jobs.start_soon(_in_turn, work, before, self._begun)

        self.call_soon(begin)

    def start(self, work: Callable[[], Awaitable[_T]], undo: Callable[[_T], object] | None = None) -> Job[_T]:
        """Run a coroutine function in the thread; `undo` as `Job` takes it."""
        if threading.current_thread() is self._thread:
            raise LocalProtocolError(
                "a blocking call inside the background thread would wait for itself",
                remedy="Use the asynchronous face there",
            )
        job: Job[_T] = Job(self, work, undo)
        self.run_soon(job.run)
        return job

    def settle(self, future: Future[Any]) -> None:
        """Wait for the end of something that was cancelled or is being closed.

        Raises:
            LocalProtocolError: The thread does not answer.
        """
        while not over_in(future, SILENCE):
            if not self.answers():
                raise blocked()

    def answers(self) -> bool:
        """Whether the thread works off what it is asked, within `SILENCE` seconds."""
        asked: Future[None] = Future()
        self.call_soon(partial(asked.set_result, None))
        return over_in(asked, SILENCE)

    def end(self) -> None:
        """Cancel everything and wait for the thread; connections are closed by that."""
        try:
            self.call_soon(self._stop.cancel)
        except LocalProtocolError:
            return
        self._thread.join(timeout=5)


async def _in_turn(work: Callable[[], Awaitable[None]], before: trio.Event | None, begun: trio.Event) -> None:
    if before is not None and not before.is_set():
        # Shielded: it takes one step of the loop, and the work itself must learn of a cancellation.
        with trio.CancelScope(shield=True):
            await before.wait()
    begun.set()
    await work()


def blocked() -> LocalProtocolError:
    """Why nothing goes on: a plain function of the program is called in the thread and does not return."""
    return LocalProtocolError(
        f"the background thread of ouc has not answered for {SILENCE:g} s",
        remedy="A function of the program that it calls (on_event, tap, clock) blocks it: let it return at once",
    )


def _forked() -> LocalProtocolError:
    return LocalProtocolError(
        "this process was forked from one that already uses ouc",
        remedy="Fork before the first use, or start the process with the method 'spawn'",
    )


class Kept(Generic[_T]):
    """An async context manager that was entered from outside, kept open by a task in the background thread.

    Attributes:
        opened: The job that ends as soon as the context manager is entered; its result is what it gave.
    """

    def __init__(self, thread: Background, manager: AbstractAsyncContextManager[_T]) -> None:
        self._thread = thread
        self._leave = trio.Event()
        self._entered: Future[_T] = Future()
        self._holder = thread.start(lambda: self._hold(manager))
        self._holder.future.add_done_callback(self._over)

    async def _hold(self, manager: AbstractAsyncContextManager[_T]) -> None:
        async with manager as value:
            if not self._entered.cancelled():
                self._entered.set_result(value)
            await self._leave.wait()

    def _over(self, holder: Future[None]) -> None:
        # It ended before it was open: the reason belongs to whoever waits for it.
        if self._entered.done():
            return
        error = None if holder.cancelled() else holder.exception()
        if error is not None:
            self._entered.set_exception(error)
        else:
            self._entered.cancel()
            self._entered.set_running_or_notify_cancel()

    @property
    def entered(self) -> Future[_T]:
        """What the context manager gave, or why it could not be entered."""
        return self._entered

    @property
    def finished(self) -> Future[None]:
        """Done when the context manager has been left, from inside or by `close`."""
        return self._holder.future

    def cancel(self) -> None:
        """Give up entering."""
        self._holder.cancel()

    @property
    def forked(self) -> bool:
        """Whether it belongs to the process that this one was forked from, and is that one's to close."""
        return self._thread.forked

    def check(self) -> None:
        """Refuse to wait where nothing can happen.

        Raises:
            LocalProtocolError: See `forked`.
        """
        if self.forked:
            raise _forked()

    def settle(self) -> None:
        """As `Background.settle`, until the context manager has been left."""
        self._thread.settle(self._holder.future)

    def close(self) -> Future[None]:
        """Leave the context manager; the future tells when that is done."""
        if not self._holder.future.done():
            self._thread.call_soon(self._leave.set)
        return self._holder.future


class Talk:
    """What can be asked of a connection from any thread, because it waits for nothing."""

    def __init__(self, conversation: api.Conversation) -> None:
        self._talk = conversation

    def __repr__(self) -> str:
        return repr(self._talk)

    @property
    def connection_id(self) -> int:
        """The connection ID of the description, 1 to 4095."""
        return self._talk.connection_id

    @property
    def partner(self) -> str:
        """Plant address and port of the other end."""
        return self._talk.partner

    @property
    def tls(self) -> TLSFacts | None:
        """What TLS agreed on, None on a plain connection."""
        return self._talk.tls

    @property
    def ended(self) -> bool:
        """Whether the partner has closed its side and everything it sent was received."""
        return self._talk.ended

    @property
    def incomplete(self) -> bool:
        """Whether bytes have arrived that no `receive` has taken because the rest is missing."""
        return self._talk.incomplete

    @property
    def loss(self) -> Happening | None:
        """How an establishment of a held connection ended, as `ouc.api.HeldConnection` tells it."""
        return self._talk.loss

    @property
    def facts(self) -> api.ConnectionFacts:
        """Partner, certificate, TLS and counters as a frozen value."""
        return self._talk.facts


class Hold:
    """The same of a connection that is kept up."""

    def __init__(self, held: api.Held) -> None:
        self._held = held

    def __repr__(self) -> str:
        return repr(self._held)

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self._held.up

    @property
    def failure(self) -> Failure | None:
        """Why it last went down or could not come up; None while it never did."""
        return self._held.failure

    @property
    def dropped(self) -> int:
        """Messages that `latest` replaced by a newer one, or that a loss took away on their way."""
        return self._held.dropped


class OverError(Exception):
    """An iteration of the trio thread is over; a StopAsyncIteration cannot be the outcome of a future."""


async def next_of(source: Any) -> Any:
    """The next value of an async iterator.

    Raises:
        OverError: There is none.
    """
    try:
        return await source.__anext__()
    except StopAsyncIteration:
        raise OverError from None


def alone(error: BaseException) -> BaseException:
    """The one exception in a group of one, which says nothing to programs that are not written with trio."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


_lock = threading.Lock()
_running: Background | None = None


def _renew_lock() -> None:
    """In a forked child: whoever held the lock does not live here."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def background() -> Background:
    """The thread of this process.

    Raises:
        ConnectionLost: The system has no descriptor left for it (16#80C3).
        LocalProtocolError: The process was forked from one that already used it: threads and sockets do not survive that.
    """
    global _running
    with _lock:
        if _running is not None and _running.forked:
            raise _forked()
        if _running is None or not _running.alive:
            _running = Background()
            atexit.register(_running.end)
        return _running
