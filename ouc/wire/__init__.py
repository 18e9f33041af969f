"""How bytes on a connection become what a receive job delivers."""

from __future__ import annotations

from .delivery import Delivery, Inbox
from .rfc1006 import IsoConnected, IsoConnection, IsoDisconnected, IsoEvent, IsoMessage

__all__ = ["Delivery", "Inbox", "IsoConnected", "IsoConnection", "IsoDisconnected", "IsoEvent", "IsoMessage"]
