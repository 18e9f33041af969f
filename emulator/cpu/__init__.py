"""The CPU itself: operating modes, data blocks, organization blocks, diagnostics. No sockets; time is passed in."""

from __future__ import annotations

from .cpu import CPU, Mode, OrganizationBlock, Program
from .diagnostics import DiagnosticsBuffer, Entry
from .watch import watch_table

__all__ = ["CPU", "DiagnosticsBuffer", "Entry", "Mode", "OrganizationBlock", "Program", "watch_table"]
