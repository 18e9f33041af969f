"""What all blocks share, and the one table that edge-controlled blocks follow (ouc-blocks.md 2.0)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import attrs

from ..connection import Link, Port
from ..connection.area import same_area
from ..errors import Failure, OUCError, ParameterError
from ..status import Status

__all__ = [
    "DATAGRAMS",
    "STREAMS",
    "EdgeBlock",
    "Job",
    "JobOutputs",
    "Progress",
    "SupportsPort",
    "link_of",
    "port_of",
    "require_id",
    "transfer_link",
]


class SupportsPort(Protocol):
    """A station, or a port itself."""

    @property
    def port(self) -> Port:
        """The mailbox."""


def port_of(station: SupportsPort) -> Port:
    """The mailbox of what stands at a block's `station`.

    Raises:
        ParameterError: It is no station that blocks can work with.
    """
    port = getattr(station, "port", None)
    if not isinstance(port, Port):
        raise ParameterError(
            f"a block needs a station, not a {type(station).__module__}.{type(station).__name__}",
            where="station",
            remedy="Use an ouc.Station inside trio.run; the stations of ouc.sync and ouc.aio have no blocks",
        )
    return port


class JobOutputs(NamedTuple):
    """Outputs of an edge-controlled block after a call; DONE, ERROR and an error's STATUS are valid in one call only."""

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status


class Progress(enum.Enum):
    """How far a job is."""

    RUNNING = enum.auto()
    FINISHED = enum.auto()


@attrs.frozen
class Job:
    """A running job: `ask` tells how far it is, or raises why it failed; `status` is what the last call shows."""

    ask: Callable[[], Progress]
    status: int = 0x0000


class EdgeBlock:
    """The one table of edge-controlled blocks:

    ========  ==========================  =======  ==============================
    state     event                       state    shown
    ========  ==========================  =======  ==============================
    idle      no edge                     idle     7000
    idle      edge, job accepted          running  7001 BUSY
    idle      edge, job refused           idle     the error
    running   the area at a pin swapped   idle     80B1
    running   not finished                running  7002 BUSY
    running   finished                    idle     0000 DONE
    running   failed                      idle     the error
    ========  ==========================  =======  ==============================

    An edge in a call that is busy, done or failed is not seen.

    Args:
        station: The station (or its port) that keeps the connection.
    """

    #: The InOut pin that must stay the same while a job runs (80B1), for the message.
    KEPT = "DATA"
    #: When it is the same.
    SAME: Callable[[Any, Any], bool] = staticmethod(same_area)

    def __init__(self, station: SupportsPort) -> None:
        self._port = port_of(station)
        self._job: Job | None = None
        self._previous = False
        self._kept: Any = None
        #: Why the last ERROR was shown, in words; a CPU has no pin for it.
        self.failure: Failure | None = None

    def _call(self, request: bool, start: Callable[[], Job], kept: Any = None) -> JobOutputs:  # noqa: FBT001 - REQ, as the caller got it
        edge, self._previous = request and not self._previous, request
        try:
            if self._job is None:
                if not edge:
                    return _outputs(0x7000)
                self._kept = kept
                self._job = start()
                return _outputs(0x7001)
            if not self.SAME(kept, self._kept):
                raise ParameterError(f"{self.KEPT} was changed during the job", status=0x80B1, where=self.KEPT)
            if self._job.ask() is Progress.RUNNING:
                return _outputs(0x7002)
        except OUCError as error:
            self._job, self.failure = None, error.failure
            status = Status(0x80C4) if error.status is None else error.status
            return JobOutputs(DONE=False, BUSY=False, ERROR=True, STATUS=status)
        status, self._job = Status(self._job.status), None
        return JobOutputs(DONE=True, BUSY=False, ERROR=False, STATUS=status)


def _outputs(status: int) -> JobOutputs:
    return JobOutputs(DONE=False, BUSY=status > 0x7000, ERROR=False, STATUS=Status(status))


#: What TSEND and TRCV work on, and what TUSEND and TURCV do (ouc-blocks.md 3.2, 80B3).
STREAMS: Final = frozenset({"TCP", "ISO-on-TCP"})
DATAGRAMS: Final = frozenset({"UDP"})
_INSTEAD: Final = {STREAMS: "Use TUSEND and TURCV with UDP", DATAGRAMS: "Use TSEND and TRCV with TCP and ISO-on-TCP"}


def require_id(port: Port, number: int, *, status: int = 0x8086) -> None:
    """Refuse what cannot be a connection ID.

    Raises:
        ParameterError: Not 1 to 4095, and not a number that TCONSettings has given out (`status`).
    """
    if not isinstance(number, int) or not port.is_id(number):
        raise ParameterError(
            f"{number} is no connection ID here",
            status=status,
            where="ID",
            remedy="Use 1 to 4095, or an ID that TCONSettings has given out",
        )


def link_of(port: Port, number: int, *, missing: int, impossible: int = 0x8086) -> Link:
    """The connection with this ID.

    Raises:
        ParameterError: The ID is not in the table (`missing`), or cannot be an ID (`impossible`).
    """
    require_id(port, number, status=impossible)
    link = port.find(number)
    if link is None:
        raise ParameterError(
            f"there is no connection with ID {number}",
            status=missing,
            where="ID",
            remedy="Establish it with TCON first",
        )
    return link


def transfer_link(port: Port, number: int, protocols: frozenset[str]) -> Link:
    """The connection that a transfer block works on.

    Raises:
        ParameterError: As `link_of` with 80A1; or the connection's protocol is not one of the block's (80B3).
    """
    link = link_of(port, number, missing=0x80A1)
    if link.endpoint.protocol not in protocols:
        raise ParameterError(
            f"connection {number} is {link.endpoint.protocol}", status=0x80B3, where="ID", remedy=_INSTEAD[protocols]
        )
    return link
