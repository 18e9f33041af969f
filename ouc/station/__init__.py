"""The local end of all connections, "the device": its certificates, its connection table, the tasks that do the waiting.

Everything that decides stands in tables below (`ouc.connection`, `ouc.tls`); a station dials, listens, reads, writes and
pauses when an effect asks for it, and reports what came of it. Each connection has a life of its own here: `StreamLife` over
TCP, TLS and ISO-on-TCP, `DatagramLife` over UDP.
"""

from __future__ import annotations

from .happening import Happening
from .station import Station

__all__ = ["Happening", "Station"]
