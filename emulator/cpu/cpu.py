"""A CPU as a program sees it.

A program is a function that is called at each start (as OB100 is) and gives back what is scanned (OB1). Its instances of
communication blocks live from start to stop, because the change to STOP removes every programmed connection
(ouc-blocks.md 2.0).
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from ouc.connection import Port
from ouc.errors import ParameterError
from ouc.s7 import DataBlock

from .diagnostics import DiagnosticsBuffer

__all__ = ["CPU", "Mode", "OrganizationBlock", "Program"]

_log = logging.getLogger("emulator.cpu")

OrganizationBlock: TypeAlias = Callable[[], None]


class Mode(enum.Enum):
    """Operating mode."""

    STOP = "STOP"
    RUN = "RUN"


class CPU:
    """Memory, mode and program of an emulated CPU.

    Args:
        name: As the project names it, `PLC-1`.
        program: Called at each start with the CPU; gives back OB1.
        port: The mailbox to the communication side.
        data_blocks: By name.
    """

    def __init__(
        self, name: str, program: Program, *, port: Port, data_blocks: dict[str, DataBlock] | None = None
    ) -> None:
        self.name = name
        self.port = port
        self.mode = Mode.STOP
        self.data_blocks = dict(data_blocks or {})
        self.diagnostics = DiagnosticsBuffer()
        self.scans = 0
        #: What the program raised when it stopped the CPU; None after the next start.
        self.error: Exception | None = None
        self._program = program
        self._ob1: OrganizationBlock | None = None

    def __getitem__(self, name: str) -> DataBlock:
        """A data block by name."""
        try:
            return self.data_blocks[name]
        except KeyError:
            known = ", ".join(self.data_blocks) or "none"
            raise ParameterError(
                f"{self.name} has no data block {name!r}", remedy=f"Data blocks on the CPU: {known}"
            ) from None

    def start(self, now: datetime) -> None:
        """Change to RUN; a second start changes nothing."""
        if self.mode is Mode.RUN:
            return
        self.error = None
        self._ob1 = self._program(self)
        self.mode = Mode.RUN
        self.diagnostics.add(now, "operating mode STOP -> RUN")

    def stop(self, now: datetime, why: str = "") -> None:
        """Change to STOP: every programmed connection is closed and removed."""
        if self.mode is Mode.STOP:
            return
        self.mode = Mode.STOP
        self._ob1 = None
        self.port.terminate_all()
        self.diagnostics.add(now, f"operating mode RUN -> STOP{why and f': {why}'}")

    def scan(self, now: datetime) -> None:
        """One cycle. A program that fails stops the CPU, as a programming error without OB121 does."""
        if self.mode is not Mode.RUN or self._ob1 is None:
            return
        self.scans += 1
        try:
            self._ob1()
        except Exception as error:
            self.error = error
            _log.exception("%s: programming error in OB1", self.name)
            self.stop(now, f"programming error in OB1, {type(error).__name__}: {error}")


Program: TypeAlias = Callable[[CPU], OrganizationBlock]
