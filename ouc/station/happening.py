"""What happens to connections, told to whoever listens: one line in the log, one value for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

import attrs

from ..connection import LinkEvent
from ..errors import Failure
from ..tls import TLSFacts
from ..transport import Direction, Repeats
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

    @property
    def shown(self) -> str:
        """The partner, and whether anybody has looked who that is."""
        return self.partner if self.facts is None or self.facts.verified else f"{self.partner} (not verified)"

    def __str__(self) -> str:
        return visible(f"connection {self.connection_id} {self.event.name}: {self.failure or self.shown}")


class Journal:
    """The log under `ouc.station`: a line per change of a connection, and floods are counted instead of repeated.

    The same refusal of the same partner again is written the 10th, 100th, 1000th time and once an hour, with its number; a
    loss, which needs a connection before, ten times in a row. What was left out is told when the partner gets in, or when the
    connection is closed. The partner's port makes no difference, its address does: a flood hides nobody else.

    Args:
        now: Tells seconds, from any beginning.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._repeats = {LinkEvent.REFUSED: Repeats(now=now), LinkEvent.LOST: Repeats(free=10, now=now)}
        self._warned: set[tuple[int, str]] = set()

    def tell(self, happening: Happening) -> None:
        """Write a line, or count it."""
        number, event, failure = happening.connection_id, happening.event, happening.failure
        repeats = self._repeats.get(event)
        if repeats is None:
            self._catch_up(number, _host(happening.partner))
            _log.info("connection %d %s: %s", number, event.name, failure or happening.shown)
            return
        what = "" if failure is None else f"{failure.status} {failure.what}"
        host = _host(happening.partner or (failure.where if failure else ""))
        times = repeats.count((number, event.name, host, what))
        if times >= 10:
            _log.warning("connection %d %s %d times by now: %s", number, event.name, times, failure or happening.shown)
        elif times:
            _log.warning("connection %d %s: %s", number, event.name, failure or happening.shown)

    def warn(self, connection_id: int, text: str) -> None:
        """Something insecure about a connection: once, until the connection is closed."""
        if (connection_id, text) not in self._warned:
            self._warned.add((connection_id, text))
            _log.warning("connection %d: %s", connection_id, text)

    def _catch_up(self, number: int, host: str | None, *repeats: Repeats) -> None:
        """Tell what was counted only; None is every partner."""

        def meant(kind: Hashable) -> bool:
            return isinstance(kind, tuple) and kind[0] == number and host in (None, kind[2])

        for one in repeats or (self._repeats[LinkEvent.REFUSED],):
            for kind, times in one.forget(meant):
                assert isinstance(kind, tuple)  # noqa: S101 - `meant` has looked
                _log.warning("connection %d %s %d times in all: %s %s", number, kind[1], times, kind[2], kind[3])

    def forget(self, connection_id: int) -> None:
        """The connection is closed; its next line is a new one."""
        self._catch_up(connection_id, None, *self._repeats.values())
        self._warned = {one for one in self._warned if one[0] != connection_id}


def _host(where: str) -> str:
    return where.rpartition(":")[0] or where


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
