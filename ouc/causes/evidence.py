"""What is known about a connection that did not work, without a socket: what the table of causes looks at.

The same value is made by whoever meets the failure: the opener of a connection, a TLS engine, the probe. So all of them
give the same answer.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final, Literal

import attrs

from ..errors import CertificateSummary, Failure
from .alerts import ALERTS

__all__ = ["REFUSED", "End", "Evidence", "Moment", "Opening", "Role"]

#: What *we* are: `client` is the active end, which dials; `server` is the passive end, which waits.
Role = Literal["client", "server"]


class Moment(Enum):
    """How far a connection had come."""

    DIALLING = "dialling"
    LISTENING = "listening"
    HANDSHAKE = "handshake"
    AFTER_CERTIFICATE = "after the client certificate"
    ESTABLISHED = "established"
    CLOSING = "closing"


class Opening(Enum):
    """How far TCP came; the values are words for reports."""

    CONNECTED = "connected"
    UNRESOLVED = "name not resolved"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no answer"
    NOBODY = "nobody connected"


class End(Enum):
    """Who ended the connection, and how."""

    OURS = "ended by the probe"
    CLOSED = "closed by the partner (FIN)"
    RESET = "reset by the partner (RST)"
    TIMEOUT = "time limit"


#: STATUS where the partner ends the establishment with an alert (certificates.md 4.3).
REFUSED: Final = 0x80E1


@attrs.frozen(kw_only=True)
class Evidence:
    """Everything that the table of causes looks at.

    Attributes:
        role: What we are.
        moment: How far the connection had come.
        opening: How far TCP came.
        end: How the connection ended.
        where: Address and port of the partner, for messages; on a passive end without a partner the local port.
        port: The port that was dialled or listened on.
        local_address, local_port: What was asked for on this side; empty and 0 if the system chose.
        limit: Seconds that were waited at most for the step that did not happen.
        number: The operating system's error number, 0 for none.
        plain: No TLS was asked for on this side.
        spoke: The partner ended the connection or spoke before we had said anything.
        farewell: The partner said close_notify.
        first: The first bytes from the partner, at most 64.
        versions, groups: What crossed the wire in the ClientHello, by names: our offer as client, the partner's as server.
        old: The ClientHello of the partner offers no version above TLS 1.1.
        alert: Number of the alert that the partner sent.
        warned: Number of the last warning that the partner sent in the handshake; it ended nothing.
        asked: As client: the server asked for our certificate.
        reason: OpenSSL's own words, lower case.
        own: The certificate that we showed or would have shown.
        own_address: Our plant address, which a partner may look for in our certificate.
        now: When, aware; needed to say that our certificate has ended.
        verdict: What is wrong with the partner's certificate; with it the rest is no longer asked.
        refused_status: What a CPU in our place shows where the partner refuses with an alert (`Profile.refused_status`).
    """

    role: Role = "client"
    moment: Moment = Moment.HANDSHAKE
    opening: Opening = Opening.CONNECTED
    end: End = End.OURS
    where: str = ""
    port: int = 0
    local_address: str = ""
    local_port: int = 0
    limit: float = 0.0
    number: int = 0
    plain: bool = False
    spoke: bool = False
    farewell: bool = False
    first: bytes = b""
    versions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    old: bool = False
    alert: int | None = None
    warned: int | None = None
    asked: bool = False
    reason: str = ""
    own: CertificateSummary | None = None
    own_address: str = ""
    now: datetime | None = None
    verdict: Failure | None = None
    refused_status: int = REFUSED

    @property
    def told(self) -> int | None:
        """The partner's alert; also the one that it sent in place of its first message, of which TLS takes no notice."""
        early = self.first[:1] == b"\x15" and self.first[3:6] == b"\x00\x02\x02" and len(self.first) > 6
        return self.first[6] if self.alert is None and early and self.moment is Moment.HANDSHAKE else self.alert

    @property
    def client(self) -> bool:
        """We dialled."""
        return self.role == "client"

    @property
    def shaking_hands(self) -> bool:
        """TCP is there, TLS is not."""
        return self.opening is Opening.CONNECTED and self.moment is Moment.HANDSHAKE

    @property
    def established(self) -> bool:
        """Both sides had agreed, as far as anybody could know."""
        return self.moment in {Moment.ESTABLISHED, Moment.CLOSING}

    @property
    def ended(self) -> bool:
        """The partner ended the connection."""
        return self.end in {End.CLOSED, End.RESET}

    @property
    def silent(self) -> bool:
        """The partner has not said a single byte in the handshake."""
        return self.shaking_hands and not self.first

    @property
    def how(self) -> str:
        """The end in words."""
        if self.farewell:
            return "closed the connection (close_notify)"
        end = "reset the connection (RST)" if self.end is End.RESET else "closed the connection (FIN)"
        if self.warned is None or self.established:
            return end
        # Perhaps the only trace of a reason; whoever wrote it, it is told as what it is.
        return f"{end} after the warning {ALERTS.get(self.warned, (f'{self.warned}',))[0]}"
