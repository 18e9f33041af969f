"""The single blocks TCON, TDISCON, TSEND, TRCV, T_RESET and T_DIAG (ouc-blocks.md 2.0 to 2.4, 2.8).

All but TRCV follow one table: a rising edge at REQ starts a job, later calls ask what became of it, and the call that finds
it finished or failed shows that once. What starts a job and how it ends is the block's own.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import attrs

from ..connection import Link, LinkState, SendJob
from ..connection.area import area, job_length
from ..errors import Failure, OUCError, ParameterError
from ..params import TDiag_Status, TDiag_StatusExt
from ..s7 import LDT
from ..status import Status
from ..wire import Delivery
from .compact import SupportsPort

__all__ = ["TCON", "TDISCON", "TRCV", "TSEND", "T_DIAG", "T_RESET", "DiagnosisOutputs", "JobOutputs", "TRCVOutputs"]


class JobOutputs(NamedTuple):
    """Outputs of an edge-controlled block after a call; DONE, ERROR and an error's STATUS are valid in one call only."""

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status


class DiagnosisOutputs(NamedTuple):
    """Outputs of T_DIAG; RESULT is valid together with DONE."""

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    RESULT: TDiag_Status | TDiag_StatusExt | None


class TRCVOutputs(NamedTuple):
    """Outputs of TRCV after a call; NDR and RCVD_LEN are valid in one call only."""

    NDR: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    RCVD_LEN: int


class _Progress(enum.Enum):
    RUNNING = enum.auto()
    FINISHED = enum.auto()


@attrs.frozen
class _Job:
    """A running job: `ask` tells how far it is, or raises why it failed; `status` is what the last call shows."""

    ask: Callable[[], _Progress]
    status: int = 0x0000


class _EdgeBlock:
    """The one table of edge-controlled blocks:

    ========  =====================  =======  ==============================
    state     event                  state    shown
    ========  =====================  =======  ==============================
    idle      no edge                idle     7000
    idle      edge, job accepted     running  7001 BUSY
    idle      edge, job refused      idle     the error
    running   not finished           running  7002 BUSY
    running   finished               idle     0000 DONE
    running   failed                 idle     the error
    ========  =====================  =======  ==============================

    An edge in a call that is busy, done or failed is not seen.
    """

    def __init__(self, station: SupportsPort) -> None:
        self._port = station.port
        self._job: _Job | None = None
        self._previous = False
        #: Why the last ERROR was shown, in words; a CPU has no pin for it.
        self.failure: Failure | None = None

    def _call(self, request: bool, start: Callable[[], _Job]) -> JobOutputs:  # noqa: FBT001 - REQ, as the caller got it
        edge, self._previous = request and not self._previous, request
        try:
            if self._job is None:
                if not edge:
                    return _outputs(0x7000)
                self._job = start()
                return _outputs(0x7001)
            if self._job.ask() is _Progress.RUNNING:
                return _outputs(0x7002)
        except OUCError as error:
            self._job, self.failure = None, error.failure
            status = Status(0x80C4) if error.status is None else error.status
            return JobOutputs(DONE=False, BUSY=False, ERROR=True, STATUS=status)
        status, self._job = Status(self._job.status), None
        return JobOutputs(DONE=True, BUSY=False, ERROR=False, STATUS=status)

    def _link(self, number: int, *, missing: int) -> Link:
        """The connection with this ID.

        Raises:
            ParameterError: The ID is not in the table (`missing`), or cannot be an ID (8086).
        """
        if not 1 <= number <= 0xFFFF:
            raise ParameterError(
                f"{number} cannot be a connection ID", status=0x8086, where="ID", remedy="Use 1 to 4095"
            )
        link = self._port.find(number)
        if link is None:
            raise ParameterError(
                f"there is no connection with ID {number}",
                status=missing,
                where="ID",
                remedy="Establish it with TCON first",
            )
        return link


def _outputs(status: int) -> JobOutputs:
    return JobOutputs(DONE=False, BUSY=status > 0x7000, ERROR=False, STATUS=Status(status))


class TCON(_EdgeBlock):
    """Establish a connection. After one DONE the station keeps and supervises it.

    Args:
        station: The station (or its port) that keeps the connection.
        ends_with_error: A failed attempt ends the job (block V4.0 and later); without it the block stays busy and the
            station goes on trying (before V4.0).
    """

    def __init__(self, station: SupportsPort, *, ends_with_error: bool = True) -> None:
        super().__init__(station)
        self._ends_with_error = ends_with_error

    def __call__(self, *, REQ: bool, ID: int, CONNECT: Any) -> JobOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts establishing.
            ID: Connection ID, 1 to 4095; must be the one in the structure (80B8).
            CONNECT: The connection description.
        """
        return self._call(REQ, lambda: self._start(ID, CONNECT))

    def _start(self, number: int, description: Any) -> _Job:
        link = self._port.establish(description, block_id=number)
        failures = link.failures

        def ask() -> _Progress:
            if link.epoch:
                return _Progress.FINISHED
            if link.state in (LinkState.CLOSING, LinkState.ABSENT):
                raise ParameterError("the job was overtaken by TDISCON", status=0x80A7)
            if link.failures > failures and self._ends_with_error and link.failure is not None:
                self._port.terminate(link)
                raise OUCError.of(link.failure)
            return _Progress.RUNNING

        return _Job(ask)


class TDISCON(_EdgeBlock):
    """Close a connection and take its ID out of use."""

    def __call__(self, *, REQ: bool, ID: int) -> JobOutputs:
        """One call of the block; `ID` is the connection's, 1 to 4095."""
        return self._call(REQ, lambda: self._start(ID))

    def _start(self, number: int) -> _Job:
        link = self._link(number, missing=0x80A3)
        if link.state is LinkState.CLOSING:
            raise ParameterError(f"connection {number} is being closed already", status=0x80C4, where="ID")
        self._port.terminate(link)
        return _Job(lambda: _Progress.FINISHED if link.state is LinkState.ABSENT else _Progress.RUNNING)


class TSEND(_EdgeBlock):
    """Send over an established connection. DONE is no proof that the partner has read the data."""

    def __init__(self, station: SupportsPort) -> None:
        super().__init__(station)
        self._data: Any = None

    def __call__(self, *, REQ: bool, ID: int, DATA: Any, LEN: int = 0) -> JobOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts a send job.
            ID: Connection ID.
            DATA: What to send; must stay the same object while the job runs (80B1).
            LEN: Bytes to send, 0 for all of DATA.
        """
        swapped = self._job is not None and DATA is not self._data
        self._data = DATA
        if swapped:
            return self._swapped()
        return self._call(REQ, lambda: self._start(ID, DATA, LEN))

    def _swapped(self) -> JobOutputs:
        self._job = None
        self.failure = Failure("DATA was changed during the job", Status(0x80B1), where="DATA")
        return JobOutputs(DONE=False, BUSY=False, ERROR=True, STATUS=Status(0x80B1))

    def _start(self, number: int, data: Any, length: int) -> _Job:
        link = self._link(number, missing=0x80A1)
        if link.endpoint.protocol == "UDP":
            raise ParameterError("TSEND does not send over UDP", status=0x80B3, where="ID", remedy="Use TUSEND")
        source = area(data)
        job = self._port.send(link, source.readable(job_length(length, source, maximum=self._port.max_length(link))))
        if job.failure is not None:
            raise OUCError.of(job.failure)
        return _Job(lambda: _progress(job))


def _progress(job: SendJob) -> _Progress:
    if job.failure is not None:
        raise OUCError.of(job.failure)
    return _Progress.FINISHED if job.done else _Progress.RUNNING


class T_RESET(_EdgeBlock):
    """Interrupt a connection and forget what was received; both ends stay, the active one connects again."""

    def __call__(self, *, REQ: bool, ID: int) -> JobOutputs:
        """One call of the block; STATUS 0001 instead of 0000 tells that the connection was not established."""
        return self._call(REQ, lambda: self._start(ID))

    def _start(self, number: int) -> _Job:
        link = self._link(number, missing=0x8081)
        was_established = link.established
        self._port.reset(link)
        return _Job(lambda: _Progress.FINISHED, 0x0000 if was_established else 0x0001)


class T_DIAG(_EdgeBlock):
    """Ask about a connection."""

    def __init__(self, station: SupportsPort) -> None:
        super().__init__(station)
        self._result: TDiag_Status | TDiag_StatusExt | None = None

    def __call__(
        self, *, REQ: bool, ID: int, RESULT: type[TDiag_Status] | type[TDiag_StatusExt] = TDiag_StatusExt
    ) -> DiagnosisOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge asks.
            ID: Connection ID.
            RESULT: The structure wanted, `TDiag_Status` (16 bytes) or `TDiag_StatusExt` (48 bytes); the value comes
                with DONE.
        """
        outputs = self._call(REQ, lambda: self._start(ID, RESULT))
        return DiagnosisOutputs(*outputs, RESULT=self._result if outputs.DONE else None)

    def _start(self, number: int, wanted: type[TDiag_Status] | type[TDiag_StatusExt]) -> _Job:
        if wanted not in (TDiag_Status, TDiag_StatusExt):
            raise ParameterError("RESULT has a wrong type", status=0x8089, where="RESULT", remedy="Use TDiag_StatusExt")
        self._result = diagnosis(self._link(number, missing=0x80A3), wanted)
        return _Job(lambda: _Progress.FINISHED)


# Kind: programmed; removed by TDISCON or STOP (ouc-blocks.md 1.11).
_PROGRAMMED: Final = 0x03
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def diagnosis(
    link: Link, wanted: type[TDiag_Status] | type[TDiag_StatusExt] = TDiag_StatusExt
) -> TDiag_Status | TDiag_StatusExt:
    """What T_DIAG tells about a connection."""
    end = link.endpoint
    base: dict[str, Any] = {
        "InterfaceID": end.interface_id,
        "ID": link.connection_id,
        "ConnectionType": end.connection_type,
        "ActiveEstablished": end.active,
        "State": int(link.state) or int(LinkState.DISCONNECTED),
        "Kind": _PROGRAMMED,
        "SentBytes": link.sent & 0xFFFF_FFFF,
        "ReceivedBytes": link.received & 0xFFFF_FFFF,
    }
    if wanted is TDiag_Status:
        return TDiag_Status(**base)
    refusal, loss = link.last_refusal or (0, _EPOCH), link.last_loss or (0, _EPOCH)
    return TDiag_StatusExt(
        **base,
        ConnTrials=link.trials,
        ConnTrialsSuccess=link.successes,
        LastConnErrReason=refusal[0],
        LastConnErrTimeStamp=_ldt(refusal[1]),
        LastDisconnReason=loss[0],
        LastDisconnTimeStamp=_ldt(loss[1]),
    )


def _ldt(at: datetime) -> LDT:
    passed = at - _EPOCH
    return LDT((passed.days * 86_400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1000)


class TRCV:
    """Receive over an established connection; EN_R is a level.

    Args:
        station: The station (or its port) that keeps the connection.
    """

    def __init__(self, station: SupportsPort) -> None:
        self._port = station.port
        self._running: tuple[Link, int, int, Any] | None = None
        #: Why the last ERROR was shown, in words.
        self.failure: Failure | None = None

    def __call__(self, *, EN_R: bool, ID: int, DATA: Any, LEN: int = 0, ADHOC: bool = False) -> TRCVOutputs:
        """One call of the block.

        Args:
            EN_R: 1 is ready to receive.
            ID: Connection ID.
            DATA: Where to; must stay the same object while the job runs (80B1).
            LEN: Length of the receive job, 0 for all of DATA; must stay the same while the job runs (8085).
            ADHOC: 1 delivers whatever has arrived, up to LEN; TCP only.
        """
        if not EN_R:
            if self._running is not None:
                self._port.withdraw(self._running[0])
            self._running = None
            return _received(0x7000)
        try:
            return self._receive(ID, DATA, LEN, Delivery.AD_HOC if ADHOC else Delivery.FIXED_LENGTH)
        except OUCError as error:
            self._running, self.failure = None, error.failure
            status = Status(0x80C4) if error.status is None else error.status
            return TRCVOutputs(NDR=False, BUSY=False, ERROR=True, STATUS=status, RCVD_LEN=0)

    def _receive(self, number: int, data: Any, length: int, delivery: Delivery) -> TRCVOutputs:
        first = self._running is None
        if self._running is None:
            self._running = self._activate(number, data, length)
        link, epoch, started, target = self._running
        if target is not data:
            raise ParameterError("DATA was changed during the job", status=0x80B1, where="DATA")
        wanted = area(data)
        size = job_length(length, wanted, maximum=self._port.max_length(link))
        if size != started:
            raise ParameterError("LEN was changed during the job", status=0x8085, where="LEN")
        taken = self._port.receive(link, wanted.writable(size), delivery)
        if taken:
            self._running = None
            return TRCVOutputs(NDR=True, BUSY=False, ERROR=False, STATUS=Status(0x0000), RCVD_LEN=taken)
        if not link.established or link.epoch != epoch:
            raise OUCError.of(link.failure or Failure("the connection was closed", Status(0x80C5)))
        return _received(0x7001 if first else 0x7002)

    def _activate(self, number: int, data: Any, length: int) -> tuple[Link, int, int, Any]:
        if not 1 <= number <= 0xFFFF:
            raise ParameterError(
                f"{number} cannot be a connection ID", status=0x8086, where="ID", remedy="Use 1 to 4095"
            )
        link = self._port.find(number)
        # What a partner sent before it left can still be had; without that, no connection is no receiving.
        if link is None or not (link.established or len(link.inbox)):
            raise ParameterError(f"connection {number} is not established", status=0x80A1, where="ID")
        return link, link.epoch, job_length(length, area(data), maximum=self._port.max_length(link)), data


def _received(status: int) -> TRCVOutputs:
    return TRCVOutputs(NDR=False, BUSY=status > 0x7000, ERROR=False, STATUS=Status(status), RCVD_LEN=0)
