"""TSEND_C and TRCV_C (block V3.0 and later) as tables (ouc-blocks.md 2.5 to 2.7).

A call takes one step. The rows of a state are looked at in their order, and the first event that holds is taken: the
order of the rows is the priority of the events. Outputs are read off the step. An event without a row does not concern
the state; a second edge at REQ while a job runs is not an error on a PLC, it is simply not seen.
"""

# ruff: noqa: SLF001 - the table of recognised events looks inside its own class

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from ..connection import Link, LinkState, Port, SendJob
from ..connection.area import Area, area, job_length
from ..errors import Failure, OUCError, ParameterError
from ..status import Status
from ..wire import Delivery

__all__ = ["TRCV_C", "TSEND_C", "ReceiveOutputs", "SendOutputs", "SupportsPort"]


class SupportsPort(Protocol):
    """A station, or a port itself."""

    @property
    def port(self) -> Port:
        """The mailbox."""


class SendOutputs(NamedTuple):
    """Outputs of TSEND_C after a call; DONE, ERROR and an error's STATUS are valid in one call only."""

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status


class ReceiveOutputs(NamedTuple):
    """Outputs of TRCV_C after a call; RCVD_LEN is valid together with DONE."""

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    RCVD_LEN: int


class State(enum.Enum):
    """Where an instance stands between two calls."""

    IDLE = "no connection wanted"
    ESTABLISHING = "connection wanted, not there"
    READY = "connected, no job"
    SENDING = "connected, send job running"
    RECEIVING = "connected, waiting for data"
    DISTURBED = "waiting for data, connection lost"
    TERMINATING = "being closed"


class Event(enum.Enum):
    """What a call can find; how each is recognised stands in `_Compact`."""

    CONT_HIGH = enum.auto()
    CONT_LOW = enum.auto()
    UP = enum.auto()
    LOST = enum.auto()
    REFUSED = enum.auto()
    MISSING = enum.auto()
    RESET = enum.auto()
    REQUEST = enum.auto()
    SENT = enum.auto()
    NOT_SENT = enum.auto()
    EN_R_HIGH = enum.auto()
    EN_R_LOW = enum.auto()
    RECEIVED = enum.auto()


class Effect(enum.Enum):
    """What a step does at the port."""

    NOTHING = enum.auto()
    ESTABLISH = enum.auto()
    TERMINATE = enum.auto()
    RESET = enum.auto()
    SEND = enum.auto()


Transitions: TypeAlias = dict[State, dict[Event, tuple[State, Effect]]]
S, E, F = State, Event, Effect

_COMMON: Final[Transitions] = {
    S.IDLE: {E.CONT_HIGH: (S.ESTABLISHING, F.ESTABLISH)},
    S.ESTABLISHING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.UP: (S.READY, F.NOTHING),
        E.REFUSED: (S.ESTABLISHING, F.NOTHING),
        # Someone else took the endpoint away: with CONT = 1 TCON is repeated by itself.
        E.MISSING: (S.ESTABLISHING, F.ESTABLISH),
    },
    S.TERMINATING: {E.MISSING: (S.IDLE, F.NOTHING)},
}

TSEND_C_TRANSITIONS: Final[Transitions] = {
    **_COMMON,
    S.READY: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.LOST: (S.ESTABLISHING, F.NOTHING),
        E.RESET: (S.ESTABLISHING, F.RESET),
        E.REQUEST: (S.SENDING, F.SEND),
    },
    S.SENDING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        # First what became of the job, then what became of the connection.
        E.SENT: (S.READY, F.NOTHING),
        E.LOST: (S.ESTABLISHING, F.NOTHING),
        E.NOT_SENT: (S.READY, F.NOTHING),
        E.RESET: (S.ESTABLISHING, F.RESET),
    },
}

TRCV_C_TRANSITIONS: Final[Transitions] = {
    **_COMMON,
    S.READY: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.RESET: (S.ESTABLISHING, F.RESET),
        E.EN_R_HIGH: (S.RECEIVING, F.NOTHING),
        E.LOST: (S.ESTABLISHING, F.NOTHING),
    },
    S.RECEIVING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        # What arrived completely before the connection was lost is delivered before the loss is told.
        E.RECEIVED: (S.RECEIVING, F.NOTHING),
        E.LOST: (S.DISTURBED, F.NOTHING),
        E.RESET: (S.ESTABLISHING, F.RESET),
        E.EN_R_LOW: (S.READY, F.NOTHING),
    },
    S.DISTURBED: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.UP: (S.READY, F.NOTHING),
        E.EN_R_LOW: (S.ESTABLISHING, F.NOTHING),
        E.REFUSED: (S.DISTURBED, F.NOTHING),
        E.MISSING: (S.ESTABLISHING, F.ESTABLISH),
    },
}

# STATUS shown call after call while nothing happens.
STATUS_WHILE: Final = {
    S.IDLE: 0x7000, S.ESTABLISHING: 0x7002, S.READY: 0x7004, S.SENDING: 0x7005, S.RECEIVING: 0x7006,
    S.DISTURBED: 0x80C4, S.TERMINATING: 0x7003,
}  # fmt: skip
# STATUS shown once, in the call that takes the step. Failures bring their own.
STATUS_ONCE: Final = {
    (S.IDLE, E.CONT_HIGH): 0x7001,
    (S.ESTABLISHING, E.UP): 0x0001,
    (S.DISTURBED, E.UP): 0x0001,
    (S.ESTABLISHING, E.MISSING): 0x7001,
    (S.DISTURBED, E.MISSING): 0x7001,
    (S.SENDING, E.SENT): 0x0000,
    (S.SENDING, E.RESET): 0x80A7,
    (S.RECEIVING, E.RECEIVED): 0x0000,
    (S.TERMINATING, E.MISSING): 0x0003,
}
DONE_ON: Final = frozenset({E.SENT, E.RECEIVED})
FAILED_ON: Final = frozenset({E.LOST, E.REFUSED, E.NOT_SENT})
# BUSY: a job of the block is running. Published for 7006 only; for 7001 to 7003 and 7004 chosen [I] (ouc-blocks.md 8.7).
BUSY_WHILE: Final = frozenset({S.ESTABLISHING, S.SENDING, S.RECEIVING, S.TERMINATING})


class _Step(NamedTuple):
    done: bool
    busy: bool
    error: bool
    status: Status


class _Compact:
    """What both compact blocks share: one step per call over the transitions of the subclass."""

    TRANSITIONS: Transitions

    def __init__(self, station: SupportsPort, *, remember_request: bool = True) -> None:
        self._port = station.port
        self._remember = remember_request
        self.state = State.IDLE
        #: Why the last ERROR was shown, in words; a CPU has no pin for it.
        self.failure: Failure | None = None
        self._link: Link | None = None
        self._epoch = self._failures = 0
        self._job: SendJob | None = None
        self._requested = self._previous_reset = self._enabled = False
        self._received = 0
        self._cont = self._reset_edge = False
        self._description: Any = None
        self._area: Area | None = None
        self._length = 0
        self._delivery = Delivery.FIXED_LENGTH

    def _present(self, *, cont: bool, connect: Any, com_rst: bool) -> None:
        """Take over the inputs that both blocks have."""
        self._cont = cont
        self._reset_edge = com_rst and not self._previous_reset
        self._previous_reset = com_rst
        if self.state is State.IDLE:
            self._description = connect

    # How each event is recognised. Order of evaluation is the order of the rows, never of this list.
    _HOLDS: Final[dict[Event, Callable[[_Compact], bool]]] = {
        E.CONT_HIGH: lambda block: block._cont,
        E.CONT_LOW: lambda block: not block._cont,
        # Counted, not looked at: a partner that came, sent and went between two scans was there all the same.
        E.UP: lambda block: block._link is not None and block._link.epoch != block._epoch,
        E.LOST: lambda block: block._is_lost(),
        E.REFUSED: lambda block: block._link is not None and block._link.failures > block._failures,
        E.MISSING: lambda block: block._link is None or block._link.state is LinkState.ABSENT,
        E.RESET: lambda block: block._reset_edge,
        E.REQUEST: lambda block: block._requested,
        E.SENT: lambda block: block._job is not None and block._job.done,
        E.NOT_SENT: lambda block: block._job is not None and block._job.failure is not None,
        E.EN_R_HIGH: lambda block: block._enabled,
        E.EN_R_LOW: lambda block: not block._enabled,
        E.RECEIVED: lambda block: block._try_receive(),
    }

    def _longest(self) -> int:
        assert self._link is not None  # noqa: S101 - jobs begin only on a connection
        return self._port.max_length(self._link)

    def _is_lost(self) -> bool:
        link = self._link
        return link is None or not link.established or link.epoch != self._epoch

    def _try_receive(self) -> bool:
        assert self._link is not None and self._area is not None  # noqa: S101, PT018 - states that receive have both
        if not self._enabled:
            return False
        self._received = self._port.receive(self._link, self._area.writable(self._length), self._delivery)
        return self._received > 0

    def _step(self) -> _Step:
        before = self.state
        row = self.TRANSITIONS[before]
        event = next((event for event in row if self._HOLDS[event](self)), None)
        if event is None:
            return self._outputs(before)
        after, effect = row[event]
        # Read before the effect: it may already change what the link says.
        failure = self._failure(event)
        try:
            self._perform(effect)
        except OUCError as error:
            self._requested = False
            return self._failed(error.failure, 0x80C4)
        self.state = after
        if event is Event.UP and self._link is not None:
            self._epoch = self._link.epoch
        if failure is not None:
            return self._failed(failure, 0x80C5)
        once = STATUS_ONCE.get((before, event))
        if once is None:
            return self._outputs(after)
        busy = once >> 12 == 7 and after in BUSY_WHILE
        return _Step(event in DONE_ON, busy, once >= 0x8000, Status(once))

    def _outputs(self, state: State) -> _Step:
        status = Status(STATUS_WHILE[state])
        return _Step(done=False, busy=state in BUSY_WHILE, error=status >= 0x8000, status=status)

    def _failed(self, failure: Failure, otherwise: int) -> _Step:
        self.failure = failure
        status = Status(otherwise) if failure.status is None else failure.status
        return _Step(done=False, busy=False, error=True, status=status)

    def _failure(self, event: Event) -> Failure | None:
        if event not in FAILED_ON:
            return None
        reason: Failure | None = self._job.failure if event is Event.NOT_SENT and self._job else None
        if reason is None and self._link is not None:
            # Lost without a reason of its own: this side's T_RESET or another block's TDISCON.
            reason = self._link.failure if self._link.failures > self._failures else None
            self._failures = self._link.failures
        return reason or Failure("the connection was closed from this side", Status(0x80C5))

    def _perform(self, effect: Effect) -> None:
        if effect is Effect.ESTABLISH:
            self._link = self._port.establish(self._description, join=True)
            self._failures = self._link.failures
            # A connection that another block already holds counts as coming up now.
            self._epoch = self._link.epoch - self._link.established
        elif effect is Effect.TERMINATE:
            self._requested, self._job = False, None
            if self._link is not None:
                self._port.terminate(self._link)
        elif effect is Effect.RESET:
            self._job = None
            if self._link is not None:
                self._port.reset(self._link)
        elif effect is Effect.SEND:
            assert self._link is not None and self._area is not None  # noqa: S101, PT018 - READY has a link
            self._requested = False
            self._job = self._port.send(self._link, self._area.readable(self._length))


class TSEND_C(_Compact):
    """Establish a connection, hold it, and send over it; call it once per scan.

    Args:
        station: The station (or its port) that keeps the connection.
        remember_request: An edge at REQ that comes before the connection stands leads to a job once it does, while
            CONT stays 1. The sources are of two minds (ouc-blocks.md 2.5); this is the default of the profiles.
    """

    TRANSITIONS = TSEND_C_TRANSITIONS

    def __init__(self, station: SupportsPort, *, remember_request: bool = True) -> None:
        super().__init__(station, remember_request=remember_request)
        self._previous_request = False

    def __call__(
        self, *, REQ: bool, CONT: bool, CONNECT: Any, DATA: Any, LEN: int = 0, COM_RST: bool = False
    ) -> SendOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts a send job.
            CONT: 1 establishes and holds the connection, 0 closes it.
            CONNECT: The connection description; looked at when CONT rises.
            DATA: What to send: a DataBlock, or anything with bytes in it.
            LEN: Bytes to send, 0 for all of DATA (ouc-blocks.md 2.3).
            COM_RST: A rising edge resets the connection.

        Returns:
            The outputs. Errors are shown there, as on a CPU, and never raised.
        """
        self._present(cont=CONT, connect=CONNECT, com_rst=COM_RST)
        edge = REQ and not self._previous_request
        rises = self.state is State.IDLE and CONT and REQ
        self._previous_request = REQ
        waiting = self.state in (State.ESTABLISHING, State.IDLE)
        if CONT and (edge or rises) and (self.state is State.READY or (waiting and self._remember)):
            self._requested = True
        if self._requested and self.state is State.READY:
            try:
                self._area = area(DATA)
                self._length = job_length(LEN, self._area, maximum=self._longest())
            except ParameterError as error:
                self._requested = False
                return SendOutputs(*self._failed(error.failure, 0x8085))
        return SendOutputs(*self._step())


class TRCV_C(_Compact):
    """Establish a connection, hold it, and receive over it; call it once per scan.

    Args:
        station: The station (or its port) that keeps the connection.
    """

    TRANSITIONS = TRCV_C_TRANSITIONS

    def __call__(
        self,
        *,
        EN_R: bool,
        CONT: bool,
        CONNECT: Any,
        DATA: Any,
        LEN: int = 0,
        ADHOC: bool = False,
        COM_RST: bool = False,
    ) -> ReceiveOutputs:
        """One call of the block.

        Args:
            EN_R: Level; 1 is ready to receive.
            CONT: 1 establishes and holds the connection, 0 closes it.
            CONNECT: The connection description; looked at when CONT rises.
            DATA: Where to: a DataBlock, a bytearray, or a writable memoryview.
            LEN: Length of the receive job, 0 for all of DATA.
            ADHOC: 1 delivers whatever has arrived, up to LEN.
            COM_RST: A rising edge resets the connection.

        Returns:
            The outputs. Errors are shown there, as on a CPU, and never raised.
        """
        self._present(cont=CONT, connect=CONNECT, com_rst=COM_RST)
        self._enabled = EN_R
        self._delivery = Delivery.AD_HOC if ADHOC else Delivery.FIXED_LENGTH
        self._received = 0
        if not EN_R and self._link is not None:
            self._port.withdraw(self._link)
        if EN_R and self.state in (State.READY, State.RECEIVING):
            try:
                self._area = area(DATA)
                self._length = job_length(LEN, self._area, maximum=self._longest())
                self._area.writable(self._length)
            except ParameterError as error:
                return ReceiveOutputs(*self._failed(error.failure, 0x8085), RCVD_LEN=0)
        done, busy, error_flag, status = self._step()
        return ReceiveOutputs(done, busy, error_flag, status, self._received if done else 0)
