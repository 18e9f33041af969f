"""What happens to connections, told to whoever listens: one line in the log, one value for programs."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from ..connection import LinkEvent
from ..errors import Failure
from ..tls import TLSFacts
from ..transport import Direction
from ..visible import logger, visible

__all__ = ["Happening", "Journal", "guarded"]

_log = logger("ouc.station")

Tap = Callable[[int, Direction, bytes], None]


@attrs.frozen(kw_only=True)
class Happening:
    """Something that happened to a connection, for a diagnostics buffer, a log or a demo.

    Attributes:
        connection_id: 1 to 4095, or one that TCONSettings gave out.
        event: `UP`, `REFUSED` or `LOST`.
        partner: Plant address and port of the other end, empty if there was none.
        failure: The reason, for `REFUSED` and `LOST`.
        facts: What TLS agreed on, for `UP` of a secure connection.
        partner_id: ID under which the device holds the partner's certificate, None if it does not.
        orderly: For `LOST`: the partner said goodbye (FIN; under TLS close_notify), and nothing was cut off.
    """

    connection_id: int
    event: LinkEvent
    partner: str = ""
    failure: Failure | None = None
    facts: TLSFacts | None = None
    partner_id: int | None = None
    orderly: bool = False

    def __str__(self) -> str:
        return visible(f"connection {self.connection_id} {self.event.name}: {self.failure or self.partner}")


@attrs.define
class _Told:
    """The last line about a connection, how often it would have stood there, and how often it does."""

    event: LinkEvent
    what: str
    times: int = 1
    written: int = 1


class Journal:
    """The log under `ouc.station`: a line per change of a connection, and floods are counted instead of repeated.

    The same refusal again is written the 10th, 100th, 1000th time, with its number; what was left out is told by the next
    line of another kind. The partner's port does not make a refusal another one.
    """

    def __init__(self) -> None:
        self._last: dict[int, _Told] = {}

    def tell(self, happening: Happening) -> None:
        """Write a line, or count it."""
        number, event, failure = happening.connection_id, happening.event, happening.failure
        what = "" if failure is None else f"{failure.status} {failure.what}"
        last = self._last.get(number)
        if last is not None and event is LinkEvent.REFUSED and (last.event, last.what) == (event, what):
            last.times += 1
            if last.times < last.written * 10:
                return
            last.written = last.times
            _log.warning("connection %d %s for the %dth time: %s", number, event.name, last.times, failure)
            return
        if last is not None and last.times > last.written:
            _log.warning("connection %d %s %d times in all: %s", number, last.event.name, last.times, last.what)
        self._last[number] = _Told(event, what)
        level = logging.INFO if event is LinkEvent.UP else logging.WARNING
        _log.log(level, "connection %d %s: %s", number, event.name, failure or happening.partner)

    def forget(self, connection_id: int) -> None:
        """The connection is closed; its next line is a new one."""
        last = self._last.pop(connection_id, None)
        if last is not None and last.times > last.written:
            _log.warning("connection %d %s %d times in all: %s", connection_id, last.event.name, last.times, last.what)


def guarded(tap: Tap | None) -> Tap | None:
    """A tap whose failure (a full disk, say) ends the tapping and not the connections."""
    if tap is None:
        return None
    broken = False

    def tapping(connection_id: int, direction: Direction, data: bytes) -> None:
        nonlocal broken
        if broken:
            return
        try:
            tap(connection_id, direction, data)
        except Exception:
            broken = True
            _log.exception("the tap failed: nothing more is captured")

    return tapping
