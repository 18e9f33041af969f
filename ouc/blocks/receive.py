"""TRCV, and what every receiving block shares: how LEN, ADHOC and DATA become a receive job (ouc-blocks.md 2.4)."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias

import attrs

from ..connection import Link, Port
from ..connection.area import Area, area, job_length, same_area
from ..errors import Failure, OUCError, ParameterError
from ..status import Status
from ..wire import AreaTooSmallError, Delivery
from .edge import STREAMS, SupportsPort, port_of, transfer_link

__all__ = ["CLOSED_HERE", "TRCV", "LegacyAdHoc", "Pins", "Receiver", "Reception", "TRCVOutputs", "reception"]

#: The LEN that chooses ad hoc on old S7-1200: 65535 (manual of 2011) or 0 (information system) [C]; None: ADHOC chooses.
LegacyAdHoc: TypeAlias = Literal[0, 65535] | None

#: Bytes that an old ad hoc job delivers at most (ouc-blocks.md 2.4, 4.1).
_LEGACY_CHUNK: Final = 1472

#: Lost without a reason of the network's: T_RESET, COM_RST or TDISCON of another block (ouc-blocks.md 3.2).
CLOSED_HERE: Final = Failure("the connection was closed or reset from this side", Status(0x80C4))


class TRCVOutputs(NamedTuple):
    """Outputs of TRCV after a call; NDR and RCVD_LEN are valid in one call only.

    RCVD_LEN is also shown with the ERROR of an area that is too small: it is the length of the message.
    """

    NDR: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    RCVD_LEN: int


@attrs.frozen(eq=False)
class Pins:
    """What a receive job was started with; all of it must stay the same while the job runs."""

    data: Any
    size: int
    length: int

    @classmethod
    def of(cls, data: Any, length: int) -> Pins:
        """The pins of this call.

        Raises:
            ParameterError: Nothing with bytes at DATA (8085).
        """
        return cls(data, len(area(data)), length)

    def keep(self, data: Any, length: int, *, swapped: int) -> None:
        """Refuse pins that were changed after the first call.

        Raises:
            ParameterError: Other memory at DATA (`swapped`), another LEN or another size of DATA (8085).
        """
        if not same_area(self.data, data):
            raise ParameterError("DATA was changed during the job", status=swapped, where="DATA")
        if (length, len(area(data))) != (self.length, self.size):
            raise ParameterError("LEN was changed during the job", status=0x8085, where="LEN")


@attrs.frozen
class Reception:
    """A receive job as the port takes it."""

    target: Area
    size: int
    delivery: Delivery

    def take(self, port: Port, link: Link, *, upto: int) -> int:
        """Ask the port; bytes copied, 0 for "not yet". `upto` as `Port.receive` takes it.

        Raises:
            AreaTooSmallError: See `Port.receive`.
        """
        return port.receive(link, self.target.writable(self.size), self.delivery, upto=upto)


def reception(
    port: Port, link: Link, data: Any, length: int, *, adhoc: bool, legacy: LegacyAdHoc, maximum: int
) -> Reception:
    """Make a receive job of the pins.

    Raises:
        ParameterError: LEN and DATA do not go together (8085, 8088), DATA cannot be written (893A), or ADHOC without TCP
            (80B3; the sources only say that it must be FALSE there [I]).
    """
    target, stream = area(data), link.endpoint.protocol == "TCP"
    if adhoc and not stream:
        raise ParameterError(
            f"ad hoc does not exist with {link.endpoint.protocol}",
            status=0x80B3,
            where="ADHOC",
            remedy="Set it to FALSE",
        )
    if legacy is not None and length == legacy and link.endpoint.protocol != "UDP":
        whole = job_length(0, target, maximum=max(maximum, len(target)))
        size, delivery = min(whole, _LEGACY_CHUNK), Delivery.AD_HOC
    else:
        size, delivery = job_length(length, target, maximum=maximum), Delivery.FIXED_LENGTH
        if adhoc:
            size, delivery = min(size, port.profile.adhoc_chunk or size), Delivery.AD_HOC
    target.writable(size)
    return Reception(target, size, delivery)


@attrs.define
class _Running:
    link: Link
    epoch: int
    pins: Pins


class Receiver:
    """TRCV and TURCV; EN_R is a level:

    =========  =======================================  =========  ===============
    state      found                                    state      shown
    =========  =======================================  =========  ===============
    any        EN_R = 0                                 idle       7000
    idle       pins or connection not possible          idle       the error
    idle       no data yet                              waiting    7001 BUSY
    waiting    pins changed                             idle       8085 or 80B1
    waiting    no data yet                              waiting    7002 BUSY
    waiting    connection lost, nothing complete left   idle       why
    any        a message longer than the area           idle       8088 or 80C9
    any        data complete                            idle       0000 NDR
    =========  =======================================  =========  ===============

    Args:
        station: The station (or its port) that keeps the connection.
    """

    PROTOCOLS = STREAMS

    def __init__(self, station: SupportsPort) -> None:
        self._port = port_of(station)
        self._running: _Running | None = None
        self._legacy: LegacyAdHoc = None
        self._sender: Any = None
        #: Why the last ERROR was shown, in words.
        self.failure: Failure | None = None

    def _call(self, enabled: bool, number: int, data: Any, length: int, *, adhoc: bool) -> TRCVOutputs:  # noqa: FBT001 - EN_R
        if not enabled:
            if self._running is not None:
                self._port.withdraw(self._running.link)
            self._running = None
            return _outputs(0x7000)
        first = self._running is None
        try:
            taken = self._receive(number, data, length, adhoc=adhoc)
        except OUCError as error:
            self._running, self.failure = None, error.failure
            status = Status(0x80C4) if error.status is None else error.status
            size = error.size if isinstance(error, AreaTooSmallError) else 0
            return TRCVOutputs(NDR=False, BUSY=False, ERROR=True, STATUS=status, RCVD_LEN=size)
        if taken:
            self._running = None
            return TRCVOutputs(NDR=True, BUSY=False, ERROR=False, STATUS=Status(0x0000), RCVD_LEN=taken)
        return _outputs(0x7001 if first else 0x7002)

    def _receive(self, number: int, data: Any, length: int, *, adhoc: bool) -> int:
        if self._running is None:
            self._running = self._activate(number, data, length)
        running = self._running
        link = running.link
        running.pins.keep(data, length, swapped=0x80B1)
        maximum = self._port.max_length(link)
        job = reception(self._port, link, data, length, adhoc=adhoc, legacy=self._legacy, maximum=maximum)
        taken = job.take(self._port, link, upto=running.epoch)
        self._sender = link.inbox.sender
        if not taken and (not link.established or link.epoch != running.epoch):
            raise OUCError.of(link.loss or CLOSED_HERE)
        return taken

    def _activate(self, number: int, data: Any, length: int) -> _Running:
        link = transfer_link(self._port, number, self.PROTOCOLS)
        # What a partner sent before it left can still be had; without that, no connection is no receiving.
        if not (link.established or link.received_something):
            raise OUCError.of(self._port.not_established(link))
        return _Running(link, link.epoch, Pins.of(data, length))


def _outputs(status: int) -> TRCVOutputs:
    return TRCVOutputs(NDR=False, BUSY=status > 0x7000, ERROR=False, STATUS=Status(status), RCVD_LEN=0)


class TRCV(Receiver):
    """Receive over an established connection (TCP, ISO-on-TCP); EN_R is a level.

    Args:
        station: The station (or its port) that keeps the connection.
        legacy_adhoc: The LEN that means ad hoc, on S7-1200 below V4.0: 65535 or 0 (`LegacyAdHoc`).
    """

    def __init__(self, station: SupportsPort, *, legacy_adhoc: LegacyAdHoc = None) -> None:
        super().__init__(station)
        self._legacy = legacy_adhoc

    def __call__(self, *, EN_R: bool, ID: int, DATA: Any, LEN: int = 0, ADHOC: bool = False) -> TRCVOutputs:
        """One call of the block.

        Args:
            EN_R: 1 is ready to receive.
            ID: Connection ID.
            DATA: Where to; must stay the same memory while the job runs (80B1).
            LEN: Length of the receive job, 0 for all of DATA; must stay the same while the job runs (8085).
            ADHOC: 1 delivers whatever has arrived, up to LEN; TCP only.
        """
        return self._call(EN_R, ID, DATA, LEN, adhoc=ADHOC)
