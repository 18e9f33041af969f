"""What a command on the wire shows while it runs: a line per event, the bytes, and on a terminal one line that lives.

Nothing here may end a connection: what cannot be written (a full disk, a closed pipe) is kept as `trouble`, stops the
command, and is raised when everything has been closed.
"""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import attrs
import trio
from rich.live import Live
from rich.text import Text

from ..connection import LinkEvent
from ..errors import Failure, OUCError
from ..source import Block
from ..station import Happening
from ..tls import TLSFacts
from ..transport import Background
from ..visible import visible
from ._members import lines, plain
from ._show import console

__all__ = ["Screen", "told"]

# Bytes of a piece that a line shows.
_SHOWN = 64
# Seconds between two looks of a person at the live line.
_REFRESH = 0.5


def told(facts: TLSFacts | None, protocol: str) -> str:
    """What TLS agreed on, in a few words."""
    if facts is None:
        return f"plain {protocol}"
    return f"{facts.version}, {facts.suite}" + ("" if facts.verified else ", partner not verified")


@attrs.define(eq=False, kw_only=True)
class Screen:
    """The eyes and ears of whoever runs the command.

    Attributes:
        say: Writes one line.
        protocol: What runs below the user data, or below TLS.
        as_json: One JSON object per line instead of words.
        as_hex: Received bytes in hex, all of them.
        layout: The block whose members received bytes are shown as; None shows bytes.
        output: Where received bytes are kept; None keeps none.
        announces: Whether a plain line tells every event; the numbers are counted anyway.
        state: What is going on, for the live line.
        messages, sent, received: Messages, and bytes of user data, so far.
        failure: The latest one.
        trouble: What went wrong on this computer, None while nothing has.
        stop: Ends the command's work, and leaves the station time to say goodbye.
    """

    say: Callable[[str], None]
    protocol: str = "TCP"
    as_json: bool = False
    as_hex: bool = False
    layout: Block | None = None
    output: BinaryIO | None = None
    announces: bool = True
    state: str = "starting"
    messages: int = 0
    sent: int = 0
    received: int = 0
    failure: Failure | None = None
    trouble: OSError | SystemExit | None = None
    stop: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _finished: bool = False
    _interrupted: int = 0

    # -- lines -------------------------------------------------------------------------------------------------------

    def guarded(self, work: Callable[[], object]) -> None:
        """Do something that this computer may refuse."""
        if self.trouble is not None:
            return
        try:
            work()
        except (OSError, SystemExit) as error:
            # rich leaves the program where nobody reads its lines any more.
            self.trouble = error
            self.stop.cancel()

    def line(self, text: str) -> None:
        """Write one line."""
        self.guarded(lambda: self.say(text))

    def tell(self, event: str, partner: str, detail: str, **members: Any) -> None:
        """One event: `connected`, `received`, `closed`, `lost`, `refused`."""
        if not self.announces:
            return
        if self.as_json:
            self.line(json.dumps({"event": event, "partner": partner, "detail": detail, **members}))
        else:
            self.line(" ".join(filter(None, (event, partner))) + f": {detail}")

    def fail(self, event: str, partner: str, failure: Failure) -> None:
        """A partner was lost or refused."""
        self.failure = failure
        status = None if failure.status is None else str(failure.status)
        detail = failure.what if self.as_json else str(attrs.evolve(failure, where=""))
        self.tell(event, partner, detail, status=status, remedy=failure.remedy)

    def connected(self, partner: str, facts: TLSFacts | None) -> None:
        """A partner is there."""
        self.state = f"connected {partner}"
        self.tell("connected", partner, told(facts, self.protocol))

    def happened(self, happening: Happening) -> None:
        """Listen to a station: what it refuses is told; what comes and goes is told by whoever attends to it."""
        if happening.event is LinkEvent.REFUSED and happening.failure is not None:
            self.fail("refused", happening.partner or happening.failure.where, happening.failure)

    def message(self, partner: str, data: bytes) -> None:
        """Something was received."""
        self.messages += 1
        self.received += len(data)
        if self.output is not None:
            self.guarded(lambda: self._keep(data))
        if self.layout is not None:
            self._show_members(self.layout, partner, data)
            return
        shown = data if self.as_hex else data[:_SHOWN]
        text = shown.hex(" ") if self.as_hex else "".join(chr(one) if 32 <= one < 127 else "." for one in shown)
        more = "" if len(shown) == len(data) else " …"
        members = {"hex": data.hex()} if self.as_json else {}
        self.tell("received", partner, f"{len(data)} bytes: {text}{more}", bytes=len(data), **members)

    def _keep(self, data: bytes) -> None:
        assert self.output is not None  # noqa: S101 - the caller has looked
        self.output.write(data)
        self.output.flush()

    def _show_members(self, layout: Block, partner: str, data: bytes) -> None:
        detail = f"{len(data)} bytes of {layout.name}"
        try:
            block = layout.data(data)
            members = plain(layout.layout, block.to_dict()) if self.as_json else None
        except OUCError as error:
            # Bytes that are no value of their member's type, or a message of another length: shown as they are.
            self.tell(
                "received", partner, f"{detail}, which do not fit: {error}", bytes=len(data), hex=data.hex(), data=None
            )
            return
        self.tell("received", partner, detail, bytes=len(data), hex=data.hex(), data=members)
        if not self.as_json:
            for path, value in lines(layout.layout, block.image):
                self.line(f"  {path} = {value}")

    # -- the live line -----------------------------------------------------------------------------------------------

    async def attend(self, work: Callable[[], Awaitable[None]], limit: float | None) -> bool:
        """Do the command's work, which waits inside `stop`, at most `limit` seconds; False if the time was over first.

        Raises:
            KeyboardInterrupt: Ctrl-C ended it.
            OSError: Something could not be written.
            SystemExit: Nobody reads the lines any more.
        """
        if limit is not None:
            self.stop.deadline = trio.current_time() + limit
        async with self._alive():
            await work()
        if self.trouble is not None:
            raise self.trouble
        if self._interrupted:
            raise KeyboardInterrupt
        return self._finished or not self.stop.cancelled_caught

    def finish(self) -> None:
        """Everything that was wanted has happened."""
        self._finished = True
        self.stop.cancel()

    def interrupt(self, number: int) -> None:
        """A signal: Ctrl-C, or the end that a service manager asks for."""
        self._interrupted = number
        self.stop.cancel()

    @property
    def exit_status(self) -> int:
        """Of a command that a signal has ended, as shells count: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self._interrupted or signal.SIGINT)

    @asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        if not console.is_terminal or console.is_dumb_terminal or self.as_json:
            yield
            return
        # Nothing is redirected: `say` writes through the same console, and above the line.
        live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        with live:
            async with Background() as nursery:
                nursery.start_soon(self._refresh, live)
                yield

    async def _refresh(self, live: Live) -> None:
        before, since = 0, trio.current_time()
        while True:
            now, moved = trio.current_time(), self.sent + self.received
            rate = (moved - before) / (now - since) if now > since else 0.0
            before, since = moved, now
            text = Text(visible(self.summary(rate)), no_wrap=True, overflow="ellipsis")
            self.guarded(lambda text=text: live.update(text, refresh=True))  # type: ignore[misc]
            await trio.sleep(_REFRESH)

    def summary(self, rate: float) -> str:
        """The live line; `rate` in bytes per second."""
        parts = [
            self.state, f"{self.messages:,} messages", f"{self.sent:,} bytes sent", f"{self.received:,} received",
            f"{_scaled(rate)}/s",
        ]  # fmt: skip
        if self.failure is not None:
            parts.append(f"last failure {self.failure.status or self.failure.what}")
        return " · ".join(parts)


def _scaled(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
