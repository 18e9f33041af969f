"""TUSEND and TURCV: datagrams, each with a partner of its own (ouc-blocks.md 2.9)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..connection.area import area, job_length
from ..errors import ParameterError
from ..params import TADDR_Param
from ..status import Status
from .edge import DATAGRAMS, EdgeBlock, Job, JobOutputs, SupportsPort, transfer_link
from .jobs import send_job
from .partner import Sender, check_sender_kind, sender, target
from .receive import Receiver

__all__ = ["TURCV", "TUSEND", "TURCVOutputs"]


class TUSEND(EdgeBlock):
    """Send one datagram. DONE is no proof that anybody has received it."""

    def __call__(self, *, REQ: bool, ID: int, LEN: int, DATA: Any, ADDR: Any) -> JobOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts a send job.
            ID: Connection ID of a UDP port.
            LEN: Bytes to send, 1 to 1472 or 2048 by firmware, to a broadcast address at most 1472; 0 is 8085.
            DATA: What to send; must stay the same memory while the job runs (80B1).
            ADDR: Where to: `TADDR_Param` or `TADDR_SEND_QDN`, or the image of one.
        """
        return self._call(REQ, lambda: self._start(ID, LEN, DATA, ADDR), DATA)

    def _start(self, number: int, length: int, data: Any, addr: Any) -> Job:
        link = transfer_link(self._port, number, DATAGRAMS)
        if length == 0:
            raise ParameterError("LEN is 0", status=0x8085, where="LEN", remedy="Enter the length of the datagram")
        source = area(data)
        size = job_length(length, source, maximum=self._port.max_length(link))
        to = target(addr, self._port, size)
        return send_job(self._port, link, source.readable(size), to=to)


class TURCVOutputs(NamedTuple):
    """Outputs of TURCV after a call; NDR, RCVD_LEN and ADDR are valid in one call only.

    RCVD_LEN is also shown with the ERROR of an area that is too small: it is the length of the datagram.
    """

    NDR: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    RCVD_LEN: int
    ADDR: Sender | None


class TURCV(Receiver):
    """Receive datagrams, one per job; EN_R is a level.

    Args:
        station: The station (or its port) that keeps the connection.
    """

    PROTOCOLS = DATAGRAMS

    def __init__(self, station: SupportsPort) -> None:
        super().__init__(station)
        self._kind: Any = TADDR_Param

    def __call__(
        self, *, EN_R: bool, ID: int, DATA: Any, LEN: int = 0, ADDR: type[Sender] = TADDR_Param
    ) -> TURCVOutputs:
        """One call of the block.

        Args:
            EN_R: 1 is ready to receive.
            ID: Connection ID of a UDP port.
            DATA: Where to; must stay the same memory while the job runs (80B1).
            LEN: Length of the receive area, 0 for all of DATA; must stay the same while the job runs (8085).
            ADDR: The structure wanted, `TADDR_Param` or `TADDR_RCV_IP`; the sender comes at the output with NDR.
        """
        self._kind = ADDR
        out = self._call(EN_R, ID, DATA, LEN, adhoc=False)
        return TURCVOutputs(*out, ADDR=sender(ADDR, self._sender) if out.NDR else None)

    def _receive(self, number: int, data: Any, length: int, *, adhoc: bool) -> int:
        check_sender_kind(self._kind, self._port)
        return super()._receive(number, data, length, adhoc=adhoc)
