"""The Pythonic, asynchronous face of a station."""

from __future__ import annotations

from .connection import Connection
from .conversation import ConnectionFacts, Conversation, Layout, Records
from .datagrams import Datagrams
from .held import Changes, Held, HeldConnection, LifeSign, WhenDown
from .options import Credentials, Dialling, Holding, Material, Serving
from .quick import connect, hold, serve, serving
from .station import Handler, Station

__all__ = [
    "Changes",
    "Connection",
    "ConnectionFacts",
    "Conversation",
    "Credentials",
    "Datagrams",
    "Dialling",
    "Handler",
    "Held",
    "HeldConnection",
    "Holding",
    "Layout",
    "LifeSign",
    "Material",
    "Records",
    "Serving",
    "Station",
    "WhenDown",
    "connect",
    "hold",
    "serve",
    "serving",
]
