"""TSEND_C and TRCV_C: one step per call over the tables of `compact_tables`."""

# ruff: noqa: SLF001 - the table of recognised events looks inside its own class

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from ..connection import Link, LinkState, SendJob
from ..connection.area import area, job_length
from ..errors import Failure, OUCError, ParameterError
from ..status import Status
from ..wire import AreaTooSmallError
from .compact_tables import FAILED_ON, FORGETS_REQUEST, Effect, Event, Rules, State, Version, rules
from .edge import SupportsPort, port_of
from .partner import Sender, check_sender_kind, sender, target
from .receive import CLOSED_HERE, LegacyAdHoc, Pins, reception

__all__ = ["TRCV_C", "TSEND_C", "ReceiveOutputs", "SameID", "SendOutputs", "State"]

#: See `TSEND_C`.
SameID: TypeAlias = Literal["80AA", "join"]


class SendOutputs(NamedTuple):
    """Outputs of TSEND_C after a call; DONE, ERROR and an error's STATUS are valid in one call only.

    COM_RST is InOut on a CPU and set back to 0 by the block: here it is what to present at the next call, True only
    while a reset that was asked for is under way.
    """

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    COM_RST: bool = False


class ReceiveOutputs(NamedTuple):
    """Outputs of TRCV_C after a call; RCVD_LEN and ADDR are valid together with DONE.

    RCVD_LEN is also shown with the ERROR of an area that is too small: it is the length of the message. ADDR is the
    sender of a datagram. COM_RST is as in `SendOutputs`.
    """

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    RCVD_LEN: int
    ADDR: Sender | None = None
    COM_RST: bool = False


class _Step(NamedTuple):
    done: bool
    busy: bool
    error: bool
    status: Status


# What COM_RST shows: from the reset on until the connection stands again or is wanted no more.
_RESETTING: Final = {Event.RESET: True, Event.UP: False, Event.CONT_LOW: False}


class _Compact(ABC):
    """What both compact blocks share."""

    def __init__(self, station: SupportsPort, table: Rules, same_id: SameID) -> None:
        self._port = port_of(station)
        self._rules = table
        self._tells_same_id = same_id == "80AA"
        self.state = State.IDLE
        #: Why the last ERROR was shown, in words; a CPU has no pin for it.
        self.failure: Failure | None = None
        self._link: Link | None = None
        self._epoch = self._failures = 0
        self._job: SendJob | None = None
        self._requested = self._previous_reset = self._enabled = False
        self._resetting = False
        self._received = self._too_small = 0
        self._cont = self._reset_edge = False
        self._description: Any = None
        self._data: Any = None
        self._length = 0

    def _present(self, *, cont: bool, connect: Any, data: Any, length: int, com_rst: bool) -> None:
        """Take over the inputs that both blocks have."""
        self._cont, self._data, self._length = cont, data, length
        self._reset_edge = com_rst and not self._previous_reset
        self._previous_reset = com_rst
        self._received = self._too_small = 0
        if self.state is State.IDLE:
            self._description = connect

    # How each event is recognised. Order of evaluation is the order of the rows, never of this list.
    _HOLDS: Final[dict[Event, Callable[[_Compact], bool]]] = {
        Event.CONT_HIGH: lambda block: block._cont,
        Event.CONT_LOW: lambda block: not block._cont,
        # Counted, not looked at: a partner that came, sent and went between two scans was there all the same.
        Event.UP: lambda block: block._link is not None and block._link.epoch != block._epoch,
        Event.LOST: lambda block: block._is_lost(),
        Event.REFUSED: lambda block: block._link is not None and block._link.failures > block._failures,
        Event.MISSING: lambda block: block._link is None or block._link.state is LinkState.ABSENT,
        Event.RESET: lambda block: block._reset_edge,
        Event.REQUEST: lambda block: block._requested,
        Event.SENT: lambda block: block._job is not None and block._job.done,
        Event.NOT_SENT: lambda block: block._job is not None and block._job.failure is not None,
        Event.EN_R_HIGH: lambda block: block._enabled,
        Event.EN_R_LOW: lambda block: not block._enabled,
        Event.RECEIVED: lambda block: block._try_receive(),
    }

    def _is_lost(self) -> bool:
        link = self._link
        return link is None or not link.established or link.epoch != self._epoch

    def _try_receive(self) -> bool:
        """Whether a receive job is complete; only TRCV_C has any."""
        return False

    @abstractmethod
    def _begin(self) -> None:
        """Begin a job of the block.

        Raises:
            ParameterError: The pins do not allow it.
        """

    def _step(self) -> _Step:
        before = self.state
        row = self._rules.transitions[before]
        try:
            event = next((event for event in row if self._HOLDS[event](self)), None)
            if event is None:
                return self._outputs(before)
            after, effect = row[event]
            # Read before the effect: it may already change what the link says.
            failure = self._failure(event)
            told = self._perform(effect)
        except OUCError as error:
            self._requested = False
            self.state = self._rules.refused_to.get(before, before)
            if isinstance(error, AreaTooSmallError):
                self._too_small = error.size
            return self._failed(error.failure, 0x80C4)
        self.state = after
        if event is Event.UP and self._link is not None:
            self._epoch = self._link.epoch
        self._resetting = _RESETTING.get(event, self._resetting)
        if event in FORGETS_REQUEST:
            self._requested = False
        failure = failure or told
        if failure is not None:
            return self._failed(failure, 0x80C5)
        once = self._rules.status_once.get((before, event))
        if once is None:
            return self._outputs(after)
        busy = once >> 12 == 7 and after in self._rules.busy_while
        return _Step(event in self._rules.done_on, busy, once >= 0x8000, Status(once))

    def _outputs(self, state: State) -> _Step:
        status = Status(self._rules.status_while[state])
        return _Step(done=False, busy=state in self._rules.busy_while, error=status >= 0x8000, status=status)

    def _failed(self, failure: Failure, otherwise: int) -> _Step:
        self.failure = failure
        status = Status(otherwise) if failure.status is None else failure.status
        return _Step(done=False, busy=False, error=True, status=status)

    def _failure(self, event: Event) -> Failure | None:
        if event not in FAILED_ON:
            return None
        if event is Event.NOT_SENT:
            return self._job.failure if self._job is not None else None
        reason: Failure | None = None
        if self._link is not None:
            reason = self._link.loss if event is Event.LOST else self._link.failure
            self._failures = self._link.failures
        return reason or CLOSED_HERE

    def _perform(self, effect: Effect) -> Failure | None:
        """Carry out an effect; a failure is what to tell although the effect took place."""
        if effect is Effect.ESTABLISH:
            return self._establish()
        if effect is Effect.TERMINATE:
            self._requested, self._job = False, None
            if self._link is not None:
                self._port.terminate(self._link)
        elif effect is Effect.RESET:
            self._job = None
            if self._link is not None:
                self._port.reset(self._link)
        elif effect in (Effect.SEND, Effect.RECEIVE):
            self._begin()
        return None

    def _establish(self) -> Failure | None:
        known = len(self._port.links)
        link = self._port.establish(self._description, join=True)
        busy_elsewhere = len(self._port.links) == known and link.epoch == 0 and self._tells_same_id
        told = Failure(
            f"another block is just establishing connection {link.connection_id}",
            Status(0x80AA),
            where="CONNECT",
            remedy="Wait, or repeat the job with a new rising edge",
        )
        if busy_elsewhere and State.ENDED in self._rules.transitions:
            raise OUCError.of(told)
        self._link = link
        self._failures = link.failures
        # A connection that another block already holds counts as coming up now.
        self._epoch = link.epoch - link.established
        return told if busy_elsewhere else None


class TSEND_C(_Compact):
    """Establish a connection, hold it, and send over it; call it once per scan.

    Args:
        station: The station (or its port) that keeps the connection.
        remember_request: An edge at REQ that comes before the connection stands leads to a job once it does, while
            CONT stays 1. The sources are of two minds (ouc-blocks.md 2.5). None: the profile's `remember_req`.
        repeat_connect: With CONT = 1 a failed attempt shows its error once and is repeated; otherwise it ends until CONT
            falls and rises. None: the profile's `repeat_connect`.
        same_id: What to do in the call that finds another block just establishing the same connection: "80AA" tells it
            once and then waits with it, "join" only waits.
        version: "2.1" for the block of S7-1200 below V4.0: DONE also after establishing, COM_RST closes and re-creates the
            connection, 7001 is waiting for the partner and 7002 sending (ouc-blocks.md 2.5).
    """

    def __init__(
        self,
        station: SupportsPort,
        *,
        remember_request: bool | None = None,
        repeat_connect: bool | None = None,
        same_id: SameID = "80AA",
        version: Version = "3.0",
    ) -> None:
        profile = port_of(station).profile
        repeat = profile.repeat_connect if repeat_connect is None else repeat_connect
        super().__init__(station, rules("send", version=version, repeat=repeat), same_id)
        self._remember = profile.remember_req if remember_request is None else remember_request
        self._previous_request = False
        self._addr: Any = None

    def __call__(
        self,
        *,
        REQ: bool,
        CONT: bool,
        CONNECT: Any,
        DATA: Any,
        LEN: int = 0,
        ADDR: Any = None,
        COM_RST: bool = False,
    ) -> SendOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts a send job.
            CONT: 1 establishes and holds the connection, 0 closes it.
            CONNECT: The connection description; looked at when CONT rises.
            DATA: What to send: a DataBlock, or anything with bytes in it.
            LEN: Bytes to send, 0 for all of DATA (ouc-blocks.md 2.3).
            ADDR: With UDP, where to: `TADDR_Param` or `TADDR_SEND_QDN`, or the image of one; missing is 80B3.
            COM_RST: A rising edge resets the connection.

        Returns:
            The outputs. Errors are shown there, as on a CPU, and never raised.
        """
        self._present(cont=CONT, connect=CONNECT, data=DATA, length=LEN, com_rst=COM_RST)
        self._addr = ADDR
        edge = REQ and not self._previous_request
        rises = self.state is State.IDLE and CONT and REQ
        self._previous_request = REQ
        if CONT and (edge or rises) and (self.state is State.READY or (self.state in _WAITING and self._remember)):
            self._requested = True
        step = self._step()
        if not self._remember:  # what this call has not begun is forgotten
            self._requested = False
        return SendOutputs(*step, COM_RST=COM_RST and self._resetting)

    def _begin(self) -> None:
        assert self._link is not None  # noqa: S101 - READY has a link
        source, link = area(self._data), self._link
        size = job_length(self._length, source, maximum=self._port.max_length(link))
        to = None
        if link.endpoint.protocol == "UDP":
            _require_addr(self._addr)
            to = target(self._addr, self._port, size)
        self._requested = False
        self._job = self._port.send(link, source.readable(size), to=to)


_WAITING: Final = frozenset({State.IDLE, State.ESTABLISHING, State.RECONNECTING, State.RECREATING})


def _require_addr(addr: Any) -> None:
    if addr is None:
        raise ParameterError("ADDR is empty with UDP", status=0x80B3, where="ADDR", remedy="Give ADDR a TADDR_Param")


class TRCV_C(_Compact):
    """Establish a connection, hold it, and receive over it; call it once per scan.

    Args:
        station: The station (or its port) that keeps the connection.
        repeat_connect, same_id, version: As for `TSEND_C`.
        legacy_adhoc: The LEN that means ad hoc, on S7-1200 below V4.0: 65535 or 0 (`LegacyAdHoc`).
    """

    def __init__(
        self,
        station: SupportsPort,
        *,
        repeat_connect: bool | None = None,
        same_id: SameID = "80AA",
        version: Version = "3.0",
        legacy_adhoc: LegacyAdHoc = None,
    ) -> None:
        profile = port_of(station).profile
        repeat = profile.repeat_connect if repeat_connect is None else repeat_connect
        super().__init__(station, rules("receive", version=version, repeat=repeat), same_id)
        self._legacy = legacy_adhoc
        self._adhoc = False
        self._kind: Any = None
        self._pins: Pins | None = None

    def __call__(
        self,
        *,
        EN_R: bool,
        CONT: bool,
        CONNECT: Any,
        DATA: Any,
        LEN: int = 0,
        ADHOC: bool = False,
        ADDR: type[Sender] | None = None,
        COM_RST: bool = False,
    ) -> ReceiveOutputs:
        """One call of the block.

        Args:
            EN_R: Level; 1 is ready to receive.
            CONT: 1 establishes and holds the connection, 0 closes it.
            CONNECT: The connection description; looked at when CONT rises.
            DATA: Where to: a DataBlock, a bytearray, or a writable memoryview. Must stay the same memory while a receive
                job runs (8085).
            LEN: Length of the receive job, 0 for all of DATA. Must stay the same while a receive job runs (8085).
            ADHOC: 1 delivers whatever has arrived, up to LEN; TCP only.
            ADDR: With UDP, the structure wanted, `TADDR_Param` or `TADDR_RCV_IP`; missing is 80B3.
            COM_RST: A rising edge resets the connection.

        Returns:
            The outputs. Errors are shown there, as on a CPU, and never raised.
        """
        self._present(cont=CONT, connect=CONNECT, data=DATA, length=LEN, com_rst=COM_RST)
        self._enabled, self._adhoc, self._kind = EN_R, ADHOC, ADDR
        if not EN_R and self._link is not None:
            self._port.withdraw(self._link)
        step = self._step()
        received = step.done and self._received > 0
        told = self._link.inbox.sender if received and self._link is not None else None
        return ReceiveOutputs(
            *step,
            RCVD_LEN=self._received or self._too_small,
            ADDR=sender(ADDR, told) if told is not None and ADDR is not None else None,
            COM_RST=COM_RST and self._resetting,
        )

    def _begin(self) -> None:
        assert self._link is not None  # noqa: S101 - READY has a link
        self._job_now()
        self._pins = Pins.of(self._data, self._length)

    def _job_now(self) -> Any:
        assert self._link is not None  # noqa: S101 - as above
        link, port = self._link, self._port
        maximum = port.max_length(link)
        if link.endpoint.protocol == "UDP":
            _require_addr(self._kind)
            check_sender_kind(self._kind, port)
        else:
            maximum = min(maximum, port.profile.max_len_compact or maximum)
        return reception(port, link, self._data, self._length, adhoc=self._adhoc, legacy=self._legacy, maximum=maximum)

    def _try_receive(self) -> bool:
        link = self._link
        # Without a connection there is a job only for what a lost one has left, and only then do the pins matter.
        if link is None or not self._enabled or (self._is_lost() and not link.received_something):
            return False
        if self._pins is None or self.state is not State.RECEIVING:
            self._pins = Pins.of(self._data, self._length)
        self._pins.keep(self._data, self._length, swapped=0x8085)
        self._received = self._job_now().take(self._port, link, upto=self._epoch)
        if self._received:
            # The next call begins the next job, with pins of its own.
            self._pins = None
        return self._received > 0
