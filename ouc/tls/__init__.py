"""TLS between a station and its partner: policy, credentials, contexts, the machine, verdicts, the hello reader."""

from __future__ import annotations

from .context import Contexts, TLSContext, utc_now
from .credentials import Credentials, resolve_credentials
from .engine import DataReceived, Event, HandshakeCompleted, Need, PeerClosed, TLSEngine, TLSFacts
from .hello import ClientHello, HelloReader, read_client_hello_untrusted
from .policy import DEFAULT, Policy

__all__ = [
    "DEFAULT",
    "ClientHello",
    "Contexts",
    "Credentials",
    "DataReceived",
    "Event",
    "HandshakeCompleted",
    "HelloReader",
    "Need",
    "PeerClosed",
    "Policy",
    "TLSContext",
    "TLSEngine",
    "TLSFacts",
    "read_client_hello_untrusted",
    "resolve_credentials",
    "utc_now",
]
