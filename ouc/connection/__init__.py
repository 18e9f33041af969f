"""The life of connections as tables, and the port between programs and the communication side."""

from __future__ import annotations

from .link import Effect, LinkEvent, LinkState
from .port import Port, Shell
from .row import Link, SendJob, Settings

__all__ = ["Effect", "Link", "LinkEvent", "LinkState", "Port", "SendJob", "Settings", "Shell"]
