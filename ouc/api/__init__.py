"""The Pythonic, asynchronous face of a station."""

from __future__ import annotations

from .connection import Connection
from .conversation import ConnectionFacts
from .datagrams import Datagrams
from .hold import Held, HeldConnection, LifeSign
from .quick import connect
from .station import Station

__all__ = [
    "Connection",
    "ConnectionFacts",
    "Datagrams",
    "Held",
    "HeldConnection",
    "LifeSign",
    "Station",
    "connect",
]
