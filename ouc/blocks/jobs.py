"""The single blocks TCON, TDISCON, TSEND, T_RESET and T_DIAG (ouc-blocks.md 2.0 to 2.3, 2.8).

What starts a job and how it ends is the block's own; the rest is the one table of `EdgeBlock`.
"""

from __future__ import annotations

import operator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any, Final, NamedTuple

from ..connection import Link, LinkState, Port
from ..connection.area import area, job_length
from ..errors import OUCError, ParameterError
from ..params import TDiag_Status, TDiag_StatusExt
from ..s7 import LDT
from ..status import Status
from .edge import STREAMS, EdgeBlock, Job, JobOutputs, Progress, SupportsPort, link_of, transfer_link

__all__ = ["TCON", "TDISCON", "TSEND", "T_DIAG", "T_RESET", "DiagnosisOutputs", "diagnosis", "send_job"]


class DiagnosisOutputs(NamedTuple):
    """Outputs of T_DIAG; RESULT is valid together with DONE."""

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    RESULT: TDiag_Status | TDiag_StatusExt | None


class TCON(EdgeBlock):
    """Establish a connection. After one DONE the station keeps and supervises it.

    Args:
        station: The station (or its port) that keeps the connection.
        ends_with_error: A failed attempt ends the job (block V4.0 and later); without it the block stays busy and the
            station goes on trying (before V4.0). None: as the profile's firmware does.
    """

    def __init__(self, station: SupportsPort, *, ends_with_error: bool | None = None) -> None:
        super().__init__(station)
        self._ends_with_error = (
            self._port.profile.has("tcon_ends_with_error") if ends_with_error is None else ends_with_error
        )

    def __call__(self, *, REQ: bool, ID: int, CONNECT: Any) -> JobOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts establishing.
            ID: Connection ID, 1 to 4095; must be the one in the structure (80B8).
            CONNECT: The connection description.
        """
        return self._call(REQ, lambda: self._start(ID, CONNECT))

    def _start(self, number: int, description: Any) -> Job:
        link = self._port.establish(description, block_id=number)
        failures = link.failures

        def ask() -> Progress:
            if link.epoch:
                return Progress.FINISHED
            if link.state in (LinkState.CLOSING, LinkState.ABSENT):
                raise ParameterError("the job was overtaken by TDISCON", status=0x80A7)
            if link.failures > failures and self._ends_with_error and link.failure is not None:
                self._port.terminate(link)
                raise OUCError.of(link.failure)
            return Progress.RUNNING

        return Job(ask)


class TDISCON(EdgeBlock):
    """Close a connection and take its ID out of use; an ID that was only reserved is given back.

    Args:
        station: The station (or its port) that keeps the connection.
        overtakes: A connection that is still being established is closed all the same, and its TCON ends with 80A7;
            without it TDISCON shows 80C4 and closes nothing. The sources have both (ouc-blocks.md 2.1, 2.2 [C]).
    """

    def __init__(self, station: SupportsPort, *, overtakes: bool = True) -> None:
        super().__init__(station)
        self._overtakes = overtakes

    def __call__(self, *, REQ: bool, ID: int) -> JobOutputs:
        """One call of the block; `ID` is the connection's, or one that TCONSettings has given out."""
        return self._call(REQ, lambda: self._start(ID))

    def _start(self, number: int) -> Job:
        if self._port.find(number) is None and self._port.settings(number) is not None:
            self._port.release(number)
            return Job(lambda: Progress.FINISHED)
        link = link_of(self._port, number, missing=0x80A3)
        if link.state is LinkState.CLOSING:
            raise ParameterError(f"connection {number} is being closed already", status=0x80C4, where="ID")
        if link.epoch == 0 and not self._overtakes:
            raise ParameterError(f"connection {number} is still being established", status=0x80C4, where="ID")
        self._port.terminate(link)
        return Job(lambda: Progress.FINISHED if link.state is LinkState.ABSENT else Progress.RUNNING)


class TSEND(EdgeBlock):
    """Send over an established connection (TCP, ISO-on-TCP). DONE is no proof that the partner has read the data."""

    def __call__(self, *, REQ: bool, ID: int, DATA: Any, LEN: int = 0) -> JobOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts a send job.
            ID: Connection ID.
            DATA: What to send; must stay the same memory while the job runs (80B1).
            LEN: Bytes to send, 0 for all of DATA.
        """
        return self._call(REQ, lambda: self._start(ID, DATA, LEN), DATA)

    def _start(self, number: int, data: Any, length: int) -> Job:
        link = transfer_link(self._port, number, STREAMS)
        source = area(data)
        return send_job(
            self._port, link, source.readable(job_length(length, source, maximum=self._port.max_length(link)))
        )


def send_job(port: Port, link: Link, data: bytes, *, to: tuple[IPv4Address | str, int] | None = None) -> Job:
    """Begin to send.

    Raises:
        OUCError: The connection is not established (80A1) or is just being reset (80C4).
    """
    job = port.send(link, data, to=to)

    def ask() -> Progress:
        if job.failure is not None:
            raise OUCError.of(job.failure)
        return Progress.FINISHED if job.done else Progress.RUNNING

    ask()
    return Job(ask)


class T_RESET(EdgeBlock):
    """Interrupt a connection and forget what was received; both ends stay, the active one connects again."""

    def __call__(self, *, REQ: bool, ID: int) -> JobOutputs:
        """One call of the block; STATUS 0001 instead of 0000 tells that the connection was not established."""
        return self._call(REQ, lambda: self._start(ID))

    def _start(self, number: int) -> Job:
        link = link_of(self._port, number, missing=0x8081, impossible=0x8081)
        was_established = link.established
        self._port.reset(link)
        return Job(lambda: Progress.FINISHED, 0x0000 if was_established else 0x0001)


class T_DIAG(EdgeBlock):
    """Ask about a connection, or about an ID that TCONSettings has given out."""

    KEPT = "RESULT"
    SAME = staticmethod(operator.is_)

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
            RESULT: The structure wanted, `TDiag_Status` (16 bytes) or, on an S7-1500, `TDiag_StatusExt` (48
                bytes); the value comes with DONE. Must stay the same while the job runs (80B1).
        """
        outputs = self._call(REQ, lambda: self._start(ID, RESULT), RESULT)
        return DiagnosisOutputs(*outputs, RESULT=self._result if outputs.DONE else None)

    def _start(self, number: int, wanted: type[TDiag_Status] | type[TDiag_StatusExt]) -> Job:
        known = {TDiag_Status, *([TDiag_StatusExt] if self._port.profile.has("extended_diagnosis") else [])}
        if wanted not in known:
            raise ParameterError(
                "RESULT has a wrong type",
                status=0x8089,
                where="RESULT",
                remedy="Use TDiag_Status, or TDiag_StatusExt on an S7-1500",
            )
        if self._port.find(number) is None and self._port.settings(number) is not None:
            # Only reserved: the start values are what ouc-blocks.md 1.11 says it shows.
            self._result = wanted(ID=number)
        else:
            self._result = diagnosis(link_of(self._port, number, missing=0x80A3), wanted)
        return Job(lambda: Progress.FINISHED)


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
