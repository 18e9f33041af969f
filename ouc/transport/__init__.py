"""All sockets: TCP, the TLS stream, ISO-on-TCP, UDP; the operating system's exceptions are translated here, once."""

from __future__ import annotations

from .addresses import IDENTITY, AddressMap, loopback
from .background import Background
from .closing import LIMIT
from .failures import explain, located
from .iso import ISOStream, read_call
from .listener import Listener, listen
from .names import NameServer, resolve
from .opening import Opener, Wire, policy_of
from .reception import Reception
from .repeats import Repeats
from .supervision import Supervision
from .tcp import Direction, Tap, TCPStream, dial
from .tls import TLSStream
from .udp import UDPPort

__all__ = [
    "IDENTITY",
    "LIMIT",
    "AddressMap",
    "Background",
    "Direction",
    "ISOStream",
    "Listener",
    "NameServer",
    "Opener",
    "Reception",
    "Repeats",
    "Supervision",
    "TCPStream",
    "TLSStream",
    "Tap",
    "UDPPort",
    "Wire",
    "dial",
    "explain",
    "listen",
    "located",
    "loopback",
    "policy_of",
    "read_call",
    "resolve",
]
