"""A row of the connection table: a connection ID in use, and what both sides of the port know about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

import attrs

from ..errors import Failure
from ..params import Endpoint
from ..wire import Inbox, MessageInbox
from .link import LinkState

__all__ = ["Link", "SendJob", "Settings", "Unread"]


@attrs.define(eq=False)
class SendJob:
    """Bytes handed over for sending.

    Attributes:
        data: What goes out, as it was when the job began.
        to: Where to, for datagrams: address or name, and port; None on a connection that has one partner.
        done: TCP has taken all of it. No proof that the partner has read it (ouc-blocks.md 2.3).
        failure: Why it will never be done, None while it may.
    """

    data: bytes
    to: tuple[IPv4Address | str, int] | None = None
    done: bool = False
    failure: Failure | None = None


@attrs.define
class Settings:
    """Properties of a connection that TCONSettings reads and writes (ouc-blocks.md 1.10, 2.8); None: never written.

    Attributes:
        graceful_shutdown: TDISCON ends TCP with FIN, and what was handed over is delivered; otherwise with RST.
        multicast_ttl: Routers that a multicast datagram may pass, 1 to 255.
    """

    graceful_shutdown: bool | None = None
    multicast_ttl: int | None = None


@attrs.frozen(eq=False)
class Unread:
    """What an establishment that is over has received and nobody has taken yet.

    Attributes:
        number: Which establishment, as `Link.epoch` counted it.
        inbox: The bytes.
    """

    number: int
    inbox: Inbox | MessageInbox


@attrs.define(eq=False)
class Link:
    """A connection ID in use: what both sides of the port know about it.

    Attributes:
        description: The structure at CONNECT.
        endpoint: The same, in the words that all structures share.
        inbox: Bytes that this establishment has received and nobody has taken yet.
        unread: The same of earlier establishments, oldest first; receive jobs take them before the inbox.
        direct: A Python program reads and writes the stream itself; no reader stands between.
        state: Changed by `Port.report` and by the program's calls only.
        epoch: Counts establishments, so that a program that scans slowly still sees that a connection was replaced.
        failures: Counts failures, for the same reason.
        failure: The latest one.
        loss: Why the connection was lost the last time, None if that came from this side (T_RESET, TDISCON).
        trials, successes: As T_DIAG counts them (ouc-blocks.md 1.11).
        sent, received: Bytes of user data.
        last_refusal, last_loss: T_DIAG's reason and the time, of the last failed attempt and the last disconnection.
        settings: What TCONSettings has set.
        resetting: T_RESET or COM_RST has interrupted it, and it does not stand yet again (80C4 meanwhile).
        watchers: Called after anything about the connection has changed, for programs that wait instead of scanning.
    """

    description: Any
    endpoint: Endpoint
    inbox: Inbox | MessageInbox
    direct: bool = False
    state: LinkState = LinkState.ABSENT
    epoch: int = 0
    failures: int = 0
    failure: Failure | None = None
    loss: Failure | None = None
    trials: int = 0
    successes: int = 0
    sent: int = 0
    received: int = 0
    last_refusal: tuple[int, datetime] | None = None
    last_loss: tuple[int, datetime] | None = None
    settings: Settings = attrs.field(factory=Settings)
    resetting: bool = False
    unread: deque[Unread] = attrs.field(factory=deque)
    watchers: list[Callable[[], None]] = attrs.field(factory=list)

    def stir(self) -> None:
        """Tell the watchers."""
        for watcher in self.watchers:
            watcher()

    @property
    def received_something(self) -> bool:
        """Whether bytes wait for a receive job."""
        return bool(self.unread) or len(self.inbox) > 0

    def forget_received(self) -> None:
        """Empty the receive buffer, as T_RESET does."""
        self.inbox.clear()
        self.unread.clear()

    @property
    def connection_id(self) -> int:
        """The connection ID, 1 to 4095, or one that TCONSettings gave out."""
        return self.endpoint.connection_id

    @property
    def established(self) -> bool:
        """Whether data can flow now."""
        return self.state is LinkState.ESTABLISHED
