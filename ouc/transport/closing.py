"""The end of a TCP connection, so that nothing sent is lost: last words, FIN, and what is still on its way.

A socket that is closed while received bytes lie unread in it answers with a reset, and a reset destroys what the partner
has not read yet. So this side says FIN, reads on and throws away, until the partner has confirmed everything and has ended
its side too. As long as the partner takes bytes, however slowly, that may last; a partner that takes none is given up.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Final

import attrs
import trio

from .supervision import read_sample

__all__ = ["LIMIT", "LINGER", "STALL", "Goodbye", "outstanding", "stalled"]

# All in seconds, and ours: no source gives them.
#: How long the partner's end is awaited once everything is confirmed and it says nothing more.
LINGER = 1.0
#: How long nothing may be confirmed before the partner is given up.
STALL = 10.0
#: How long closing may take in all.
LIMIT = 60.0

_SIZE = 65_536
# Pieces that are thrown away before other tasks have their turn.
_IN_A_ROW = 32
# Nobody tells when a byte is confirmed: look again after so long, doubling.
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.1
# An option of macOS.
_SO_NWRITE: Final = 0x1024


def _linux(sock: socket.socket) -> int:
    import fcntl
    import termios

    # SIOCOUTQ in tcp(7).
    return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])


_ASK: Final[Mapping[str, Callable[[socket.socket], int]]] = {
    "linux": _linux,
    # What lies in the send buffer. Never run there.
    "darwin": lambda sock: sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE),
}


def outstanding(sock: socket.socket) -> int | None:
    """Bytes (and a FIN, which counts as one) that the partner's TCP has not confirmed; None where nobody tells."""
    ask = _ASK.get(sys.platform)
    try:
        return None if ask is None else ask(sock)
    except OSError:
        return None


def _unsent(sock: socket.socket) -> int | None:
    """Those of them that never left this computer."""
    sample = None if sys.platform != "linux" else read_sample(sock)
    return None if sample is None else sample.unsent


@attrs.define(kw_only=True)
class Goodbye:
    """Winds one connection up. The socket stays open; whoever owns it closes it afterwards.

    Attributes:
        sock: Non-blocking.
        words: Bytes that still have to be said: a close_notify.
        said_end, heard_end: Whether this side, the partner, has ended its sending.
        linger, stall, limit: As the constants of this module.
    """

    sock: socket.socket
    words: bytes = b""
    said_end: bool = False
    heard_end: bool = False
    linger: float = LINGER
    stall: float = STALL
    limit: float = LIMIT
    ended_first: bool = attrs.field(init=False)
    _said: int = 0
    _broken: bool = False
    _left: int | None = -1
    _moved: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.ended_first = self.heard_end

    @property
    def unconfirmed(self) -> int:
        """Bytes sent before the last words that the partner's TCP has not confirmed, as far as the system tells.

        A CPU answers FIN with a reset, and a reset confirms nothing. What was on its way then may well have been read, so
        only what had not even left is counted, unless the partner had ended its side before.
        """
        asked = _unsent if self._broken and not self.ended_first else outstanding
        return max(0, (asked(self.sock) or 0) - self._said - self.said_end)

    def begin(self) -> None:
        """Say what can be said at once: the last words, and FIN behind them."""
        try:
            while len(self.words) > self._said:
                self._said += self.sock.send(self.words[self._said :])
            if not self.said_end:
                self.sock.shutdown(socket.SHUT_WR)
                self.said_end = True
        except BlockingIOError:
            return
        except OSError:
            self._broken = True

    async def wait(self) -> None:
        """Wait until everything is confirmed and the partner has ended its side, within the limits."""
        self._moved = trio.current_time()
        look = _FIRST_LOOK
        with trio.move_on_after(self.limit):
            while (longest := self._longest()) > 0:
                await self._pause(min(longest, look))
                self.begin()
                look = min(2 * look, _LAST_LOOK)

    def _longest(self) -> float:
        """Read on; seconds until the partner is given up, 0 if there is nothing to wait for."""
        heard = self._discard()
        if self._broken:
            return 0
        left = outstanding(self.sock)
        waits = bool(left) or not self.said_end
        # Whoever talks has not read our end yet, and a reset would take away what it has not read either. Bytes that
        # nobody takes are another matter.
        if left != self._left or (heard and not waits):
            self._left, self._moved = left, trio.current_time()
        if not waits and self.heard_end:
            return 0
        return self._moved + (self.stall if waits else self.linger) - trio.current_time()

    def _discard(self) -> int:
        """Throw away what has come; how many pieces that were."""
        try:
            if self.heard_end:
                # There is nothing left to read, not even the reset.
                self._broken = self._broken or bool(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                return 0
            for piece in range(_IN_A_ROW):
                if not self.sock.recv(_SIZE):
                    self.heard_end = True
                    return piece
        except BlockingIOError:
            return piece
        except OSError:
            self._broken = True
        return _IN_A_ROW

    async def _pause(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            if self.heard_end:
                await trio.sleep_forever()
            await trio.lowlevel.wait_readable(self.sock)


async def stalled(progress: Callable[[], object], seconds: float = STALL) -> None:
    """Return once something has not changed for so long."""
    before, since = progress(), trio.current_time()
    while trio.current_time() - since < seconds:
        await trio.sleep(_LAST_LOOK)
        if (now := progress()) != before:
            before, since = now, trio.current_time()
