"""Resuming sessions without ever believing longer than the certificates allow.

A resumed handshake is short because nobody shows a certificate: OpenSSL calls no verification, and takes the verdict of
the first handshake for good. That verdict ages. The clock passes a date, and a station that runs for months must notice.
So nothing is resumed on OpenSSL's word alone:

1. *Before* it is offered or accepted, the chain that was verified with the session is verified again, at the station's
   time. A chain that fails is not resumed: the session is forgotten and a full handshake takes place, in which both sides
   hear the reason exactly as ever, alerts included.
2. *After* the handshake it must have been that very session, and the chain is verified once more. What fails here ends
   the connection before a byte of data passes; only a clock that moved on in between can do that.

Trust, revocation lists and the own certificate need no check of their own: they belong to one content of the device's
certificates (`DeviceStore.digest`), each content has contexts of its own, and a context begins without memory.

A server has to choose before OpenSSL reads the ClientHello, because pyOpenSSL binds no callback that could decline a
session. It reads the hello itself (`ouc.tls.hello`) and hands it to one of two contexts that differ in nothing but their
cache: to the *warm* one if the session may be resumed or is unknown there, to the *cold* one, which has no cache, if
OpenSSL would find a session that it must not use. That needs the server's sessions by name, so this module keeps a list.

A session is kept when its connection is closed with close_notify from this side, and is taken out when it is used: each
resumes one connection (RFC 8446 C.4 asks clients for that), and one that broke or was reset leaves none behind.
Everything stays in memory. Tickets are names of sessions in the server's memory, not the sessions themselves
(OP_NO_TICKET), so nothing about a partner leaves the process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime
from ipaddress import IPv4Address
from typing import Final, Literal

import attrs
from cryptography import x509
from OpenSSL import SSL

from .. import certs
from ..errors import Failure
from ..status import Status
from .credentials import Credentials
from .hello import ClientHello

__all__ = ["LIFETIME", "ClientSessions", "Expected", "Remembered", "ServerSessions", "judge_again"]

# Seconds for which OpenSSL keeps a session by the host's clock: its own preset, said out loud. RFC 8446 4.6.1 allows 7 days.
LIFETIME: Final = 7200
# Partners that a client context remembers, and names that a server context has given out before it begins afresh.
# OpenSSL's own bound is 20,480 sessions and cannot be set from here. Ours.
CLIENT_SESSIONS: Final = 256
SERVER_SESSIONS: Final = 1024

Expected = IPv4Address | str | None


@attrs.frozen
class Remembered:
    """A session that may be resumed.

    Attributes:
        name: On a server, the session ID that the partner will show.
        session: On a client, OpenSSL's session.
        chain: The partner's chain as it was verified, leaf first; empty on a server that asks for no certificate.
    """

    name: bytes = attrs.field(default=b"", repr=False)
    session: SSL.Session | None = attrs.field(default=None, repr=False)
    chain: tuple[x509.Certificate, ...] = attrs.field(default=(), repr=False)


def judge_again(
    credentials: Credentials, remembered: Remembered, *, server_side: bool, expect: Expected, now: datetime
) -> tuple[Failure | None, tuple[x509.Certificate, ...]]:
    """Verify the chain of a remembered session as a full handshake would.

    Returns:
        What is wrong, None if nothing is, and the chain that was found good.
    """
    if credentials.trust is None:  # a server that asks for no certificate has nothing to judge
        return None, ()
    if not remembered.chain:
        return Failure("the session was made without a certificate of the partner", Status(0x80E2)), ()
    purpose: Literal["client", "server"] = "client" if server_side else "server"
    identity = None
    if isinstance(expect, IPv4Address):
        identity = certs.Identity(address=expect)
    elif expect is not None:
        identity = certs.Identity(name=expect)
    verdict = certs.verify(remembered.chain, purpose=purpose, trust=credentials.trust, now=now, identity=identity)
    return verdict.failure, verdict.path


class ClientSessions:
    """The last session with each partner of one client context, under partner and expected identity."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: Hashable, remembered: Remembered) -> None:
        """Remember it for the next connection; the oldest partner is forgotten if there are too many."""
        self._kept.pop(key, None)
        self._kept[key] = remembered
        while len(self._kept) > CLIENT_SESSIONS:
            self._kept.popitem(last=False)

    def take(self, key: Hashable) -> Remembered | None:
        """The session with this partner, which is forgotten by that."""
        return self._kept.pop(key, None)


class ServerSessions:
    """The sessions that a server context may resume.

    Args:
        make: Builds a context with a session cache, equal to the server's own in everything else.
    """

    def __init__(self, make: Callable[[], SSL.Context]) -> None:
        self._make = make
        self._shelf = Shelf(make())

    def __len__(self) -> int:
        return sum(one is not None for one in self._shelf.names.values())

    def choose(self, hello: ClientHello, good: Callable[[Remembered], bool]) -> tuple[Shelf | None, Remembered | None]:
        """Choose the context that may read this hello.

        Args:
            hello: From a stranger, who may name what he likes.
            good: Verifies the chain of a session again.

        Returns:
            The shelf, None for the context without a cache, and the session that OpenSSL may find there; it is taken out.
        """
        if len(self._shelf.names) >= SERVER_SESSIONS:
            self._shelf = Shelf(self._make())
        shelf = self._shelf
        # A TLS 1.3 client may fill the session ID with noise; beside a ticket it names nothing.
        offered = hello.identities or ((hello.session_id,) if hello.session_id else ())
        known = [name for name in offered if name in shelf.names]
        if not known:
            return shelf, None
        # One name only: of several, OpenSSL makes its own choice.
        remembered = shelf.take(known[0]) if len(offered) == 1 else None
        if remembered is not None and good(remembered):
            return shelf, remembered
        return None, None


class Shelf:
    """A context with a session cache, and the names of everything in it."""

    def __init__(self, ssl: SSL.Context) -> None:
        self.ssl = ssl
        # Every name ever given out here; with None it must not be used: its connection is still open, has broken, or
        # the session was used already.
        self.names: dict[bytes, Remembered | None] = {}

    def gave_out(self, name: bytes) -> None:
        """OpenSSL has put a session into its cache."""
        self.names[name] = None

    def keep(self, remembered: Remembered) -> None:
        """The session may be resumed once."""
        self.names[remembered.name] = remembered

    def take(self, name: bytes) -> Remembered | None:
        """The session, if it may be resumed; it no longer may be by that."""
        remembered = self.names.get(name)
        self.names[name] = None
        return remembered
