"""The Pythonic, asynchronous face of a station."""

from __future__ import annotations

from .connection import Connection
from .conversation import ConnectionFacts, Conversation, Records
from .datagrams import Datagrams
from .held import Changes, Held, HeldConnection, LifeSign, WhenDown
from .quick import Credentials, Material, connect, hold, serve, serving
from .station import Handler, Station

__all__ = [
    "Changes",
    "Connection",
    "ConnectionFacts",
    "Conversation",
    "Credentials",
    "Datagrams",
    "Handler",
    "Held",
    "HeldConnection",
    "LifeSign",
    "Material",
    "Records",
    "Station",
    "WhenDown",
    "connect",
    "hold",
    "serve",
    "serving",
]
