"""All sockets: TCP, the TLS stream; the operating system's exceptions are translated here, once."""

from __future__ import annotations

from .addresses import IDENTITY, AddressMap, loopback
from .background import Background
from .failures import explain
from .opening import Opener, Wire, policy_of
from .tcp import Direction, Listener, Tap, TCPStream, dial, listen
from .tls import TLSStream

__all__ = [
    "IDENTITY",
    "AddressMap",
    "Background",
    "Direction",
    "Listener",
    "Opener",
    "TCPStream",
    "TLSStream",
    "Tap",
    "Wire",
    "dial",
    "explain",
    "listen",
    "loopback",
    "policy_of",
]
