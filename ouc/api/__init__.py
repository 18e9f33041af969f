"""The Pythonic, asynchronous face of a station."""

from __future__ import annotations

from .connection import Connection
from .quick import connect
from .station import Station

__all__ = ["Connection", "Station", "connect"]
