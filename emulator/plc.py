"""An emulated PLC: a CPU beside the very station that a Python user works with.

The CPU's program runs in one task, a scan every 10 ms; the station's tasks do the waiting. The two meet at the port and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

import attrs
import trio

from ouc import profiles
from ouc.certs import Device
from ouc.connection import LinkEvent
from ouc.errors import LocalProtocolError, OUCError
from ouc.params import ISO_PORT
from ouc.s7 import DataBlock
from ouc.station import Happening, Station
from ouc.transport import AddressMap, Background, Direction, loopback, policy_of

from .cpu import CPU, Mode, Program

__all__ = ["PLC", "SCAN_TIME"]

# Seconds between two scans; a small program on a CPU 1516 takes about one millisecond, its minimum is settable.
SCAN_TIME = 0.010
# Scans that a program may take to open its first connection before its absence is a mistake; ours.
LISTENING_SCANS = 1000

_WORDS = {
    LinkEvent.UP: "connection {} established with {}",
    LinkEvent.REFUSED: "connection {} could not be established",
    LinkEvent.LOST: "connection {} with {} lost",
}


class PLC:
    """A CPU, its certificates and its network interface. An async context manager; leaving it switches the PLC off.

    Args:
        name: As the project names it.
        program: See `emulator.cpu.CPU`.
        device: Its certificates, None for one that has none.
        data_blocks: By name.
        firmware: A profile of `ouc.profiles`.
        addresses: Where plant addresses are on this computer; loopback by default.
        scan_time: Seconds between two scans.
        clock: The CPU's time, aware; the host's by default.
        strict_hello: Reset a TLS client that offers key-exchange groups which the firmware does not know, as real
            controllers do; otherwise the server is tolerant.
        iso_port: Where ISO-on-TCP is spoken; 102 needs rights that a lab may not have.
        on_event, tap, key_log: As `ouc.Station` takes them.
    """

    def __init__(
        self,
        name: str,
        program: Program,
        *,
        device: Device | None = None,
        data_blocks: dict[str, DataBlock] | None = None,
        firmware: str = "S7-1500 V3.1",
        addresses: AddressMap | None = None,
        address: str | None = None,
        scan_time: float = SCAN_TIME,
        clock: Callable[[], datetime] | None = None,
        strict_hello: bool = False,
        iso_port: int = ISO_PORT,
        on_event: Callable[[Happening], None] | None = None,
        tap: Callable[[int, Direction, bytes], None] | None = None,
        key_log: Callable[[bytes], None] | None = None,
    ) -> None:
        self._clock = clock or _utc
        self._on_event = on_event
        self._scan_time = scan_time
        profile = profiles.profile(firmware)
        policy = policy_of(profile)
        self.station = Station(
            device,
            profile=profile,
            policy=attrs.evolve(policy, known_groups=profile.strict_groups) if strict_hello else policy,
            address=address,
            addresses=addresses if addresses is not None else loopback(),
            clock=clock,
            iso_port=iso_port,
            on_event=self._note,
            tap=tap,
            key_log=key_log,
        )
        self.program = program
        self.cpu = CPU(name, program, port=self.station.port, data_blocks=data_blocks)
        self._background = Background()
        self._scanned = trio.Event()
        self._off = False

    async def __aenter__(self) -> PLC:
        await self.station.__aenter__()
        nursery = await self._background.__aenter__()
        nursery.start_soon(self._cycle)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self.stop()
        self._off = True
        self._scanned.set()
        # The station's body is this PLC: it goes last, whatever the program around it raised.
        try:
            return await self._background.__aexit__(kind, error, trace)
        finally:
            await self.station.__aexit__(None, None, None)

    def run(self) -> None:
        """Mode selector to RUN."""
        self.cpu.start(self._clock())

    def stop(self) -> None:
        """Mode selector to STOP."""
        self.cpu.stop(self._clock())

    async def wait_scan(self, until: Callable[[], bool] = lambda: True) -> None:
        """Wait for the end of the first scan after which `until()` holds. Time limits belong to the caller.

        Raises:
            LocalProtocolError: It never will: the program has failed, or the PLC is switched off.
        """
        self._check_scanning()
        while True:
            await self._scanned.wait()
            self._check_scanning()
            if until():
                return
            await trio.lowlevel.checkpoint()

    def _check_scanning(self) -> None:
        """Refuse to wait for a scan that will never come, or for a program that runs no longer."""
        if (error := self.cpu.error) is not None:
            raise LocalProtocolError(
                f"the program of {self.cpu.name} has failed, and the CPU is in STOP: {type(error).__name__}: {error}",
                where=self.cpu.name, remedy="Mend the program; the log has the traceback",
            ) from error  # fmt: skip
        if self._off:
            raise LocalProtocolError(
                f"{self.cpu.name} is switched off", where=self.cpu.name, remedy="Wait inside its 'async with'"
            )

    async def wait_listening(self, *, scans: int = LISTENING_SCANS) -> None:
        """Wait until the passive ends of the program wait for their partners. Time limits belong to the caller.

        Args:
            scans: How many scans the program may take to open its first connection.

        Raises:
            OUCError: A port could not be opened, a block refused its description, the program has failed, the CPU is not
                in RUN, or the program has opened no connection.
        """
        last = self.cpu.scans + scans
        await self.wait_scan(lambda: self._opened() or self.cpu.scans >= last)
        # A port that is taken is told by a task; after one more scan it has run.
        await self.wait_scan()
        for failure in (self.cpu.port.refusal, *(link.failure for link in self.cpu.port.links)):
            if failure is not None:
                raise OUCError.of(failure)
        if not self.cpu.port.links:
            raise LocalProtocolError(
                f"the program of {self.cpu.name} has opened no connection in {scans} scans", where=self.cpu.name,
                remedy="Call TCON, TSEND_C or TRCV_C with CONT = TRUE in OB1",
            )  # fmt: skip

    def _opened(self) -> bool:
        """Whether the program has opened a connection, or tried to."""
        if self.cpu.mode is not Mode.RUN:
            self._check_scanning()
            raise LocalProtocolError(
                f"{self.cpu.name} is in STOP", where=self.cpu.name, remedy="Call run() before waiting"
            )
        return bool(self.cpu.port.links) or self.cpu.port.refusal is not None

    async def _cycle(self) -> None:
        while True:
            self.cpu.scan(self._clock())
            self._scanned.set()
            self._scanned = trio.Event()
            await trio.sleep(self._scan_time)

    def _note(self, happening: Happening) -> None:
        text = _WORDS[happening.event].format(happening.connection_id, happening.partner)
        self.cpu.diagnostics.add(self._clock(), text, happening.failure)
        if self._on_event is not None:
            self._on_event(happening)


def _utc() -> datetime:
    return datetime.now(UTC)
