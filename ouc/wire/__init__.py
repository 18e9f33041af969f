"""How bytes on a connection become what a receive job delivers."""

from __future__ import annotations

from .delivery import AreaTooSmallError, Delivery, Inbox, MessageInbox, TooSmall
from .rfc1006 import (
    IsoCall,
    IsoConnected,
    IsoConnection,
    IsoDisconnected,
    IsoEvent,
    IsoMessage,
    read_call_untrusted,
    refuse_call,
)

__all__ = [
    "AreaTooSmallError",
    "Delivery",
    "Inbox",
    "IsoCall",
    "IsoConnected",
    "IsoConnection",
    "IsoDisconnected",
    "IsoEvent",
    "IsoMessage",
    "MessageInbox",
    "TooSmall",
    "read_call_untrusted",
    "refuse_call",
]
