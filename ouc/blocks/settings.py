"""TCONSettings: IDs and properties before a connection is established (ouc-blocks.md 1.10, 2.8, 3.5)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from ..connection import LinkState, Settings
from ..errors import ParameterError
from ..params import TCON_IPMulticastTTL, TCON_TCPTermination
from ..status import Status
from .edge import EdgeBlock, Job, Progress, SupportsPort, require_id

__all__ = ["TCONSettings", "TCONSettingsOutputs"]

Property: TypeAlias = TCON_TCPTermination | TCON_IPMulticastTTL


class TCONSettingsOutputs(NamedTuple):
    """Outputs of TCONSettings after a call; ID and OPTION, which are InOut on a CPU, are new with DONE.

    ID is the reserved ID after MODE 0, OPTION the value read after MODE 1; else both are what stood at the pins.
    """

    DONE: bool
    BUSY: bool
    ERROR: bool
    STATUS: Status
    ID: int
    OPTION: Any


@attrs.frozen
class _Kind:
    """One structure at OPTION: what it sets, for which protocol, from which firmware, and which values are possible."""

    member: str
    setting: str
    protocol: str
    feature: str
    possible: Callable[[Any], bool]


# A profile whose firmware has TCONSettings at all has `graceful_shutdown`; both came with the same firmware.
_FEATURE: Final = "graceful_shutdown"
_KINDS: Final[dict[type[Property], _Kind]] = {
    TCON_TCPTermination: _Kind("GracefulShutdown", "graceful_shutdown", "TCP", _FEATURE, lambda _: True),
    TCON_IPMulticastTTL: _Kind("IPMulticastTTLValue", "multicast_ttl", "UDP", "multicast", lambda ttl: 1 <= ttl <= 255),
}


class TCONSettings(EdgeBlock):
    """Reserve a connection ID, read or write a property of a connection.

    A property that is written to a connection works from its next closing (`TCON_TCPTermination`) or from the next
    opening of the port (`TCON_IPMulticastTTL`) on.

    Args:
        station: The station (or its port) that keeps the connection.
    """

    KEPT = "OPTION"
    SAME = staticmethod(operator.eq)

    def __init__(self, station: SupportsPort) -> None:
        super().__init__(station)
        self._id = 0
        self._option: Any = None

    def __call__(
        self, *, REQ: bool, MODE: int, ID: int = 0, OPTION: Property | type[Property] | None = None
    ) -> TCONSettingsOutputs:
        """One call of the block.

        Args:
            REQ: A rising edge starts a job.
            MODE: 0 reserves an ID outside 1 to 4095, 1 reads a property, 2 writes one.
            ID: 0 with MODE 0 (8093); else the ID of a connection, or a reserved one.
            OPTION: The property to write; to read, the structure or a value of it. Not looked at with MODE 0. Must stay
                the same while the job runs (80B1).
        """
        if self._job is None:
            self._id, self._option = ID, OPTION
        out = self._call(REQ, lambda: self._start(MODE, ID, OPTION), OPTION)
        if not out.BUSY:
            self._port.preparing.discard(self)
        return TCONSettingsOutputs(*out, *((self._id, self._option) if out.DONE else (ID, OPTION)))

    def _start(self, mode: int, number: int, option: Any) -> Job:
        profile = self._port.profile
        if not profile.has(_FEATURE):
            raise ParameterError(
                f"{profile.name} has no TCONSettings",
                status=0x809A,
                remedy="It came with S7-1500 V2.9 and S7-1200 V4.5",
            )
        work = _MODES.get(mode)
        if work is None:
            raise ParameterError(f"MODE is {mode}", status=0x8091, where="MODE", remedy="Set it to 0, 1 or 2")
        if len(self._port.preparing) >= profile.connections:
            raise ParameterError(
                "too many jobs of TCONSettings run at once", status=0x80C3, remedy="Wait until one is DONE"
            )
        work(self, number, option)
        self._port.preparing.add(self)
        return Job(lambda: Progress.FINISHED)

    def _reserve(self, number: int, _: Any) -> None:
        if number != 0:
            raise ParameterError(f"ID is {number}", status=0x8093, where="ID", remedy="Set it to 0 to reserve an ID")
        self._id = self._port.reserve()

    def _read(self, number: int, option: Any) -> None:
        wanted = option if isinstance(option, type) else type(option)
        settings, kind = self._find(number, wanted)
        value = getattr(settings, kind.setting)
        self._option = wanted() if value is None else wanted(**{kind.member: value})

    def _write(self, number: int, option: Any) -> None:
        settings, kind = self._find(number, type(option))
        value = getattr(option, kind.member)
        if not kind.possible(value):
            raise ParameterError(
                f"{kind.member} {value} is not possible", status=0x8092, where="OPTION", remedy="Use 1 to 255"
            )
        setattr(settings, kind.setting, value)

    def _find(self, number: int, wanted: type[Property]) -> tuple[Settings, _Kind]:
        kind = _KINDS.get(wanted)
        if kind is None:
            raise ParameterError(
                f"OPTION has a wrong type, {wanted.__name__}",
                status=0x8089,
                where="OPTION",
                remedy="Use TCON_TCPTermination or TCON_IPMulticastTTL",
            )
        if not self._port.profile.has(kind.feature):
            raise ParameterError(
                f"{self._port.profile.name} does not have {wanted.__name__}", status=0x809A, where="OPTION"
            )
        require_id(self._port, number)
        settings, link = self._port.settings(number), self._port.find(number)
        if settings is None or (link is not None and link.state is LinkState.CLOSING):
            raise ParameterError(
                f"there is no connection with ID {number}",
                status=0x80A3,
                where="ID",
                remedy="Reserve an ID with MODE 0",
            )
        if link is not None and link.endpoint.protocol != kind.protocol:
            raise ParameterError(
                f"{wanted.__name__} does not go with {link.endpoint.protocol}", status=0x8090, where="OPTION"
            )
        return settings, kind


_MODES: Final[dict[int, Callable[[TCONSettings, int, Any], None]]] = {
    0: TCONSettings._reserve,  # noqa: SLF001 - the table of modes belongs to the class
    1: TCONSettings._read,  # noqa: SLF001
    2: TCONSettings._write,  # noqa: SLF001
}
