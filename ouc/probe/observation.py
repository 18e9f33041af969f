"""What one connection to a partner showed: the facts that findings are made of, without a socket and without a secret."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address
from typing import Literal

import attrs
from cryptography import x509

from ..causes import End, Opening, Role
from ..certs import OwnCertificate, Trust
from ..errors import Failure
from ..tls import ClientHello

__all__ = ["End", "Finding", "Observation", "Opening", "Role", "Shown"]


@attrs.frozen(kw_only=True)
class Shown:
    """What the partner's TLS showed; also of a handshake that failed halfway.

    Attributes:
        version, suite, group: As agreed on, empty where it did not come that far.
        chain: The certificates that the partner sent, leaf first.
        asked: As client: the server asked for our certificate. As server: we asked for the client's.
        issuers: Names of the CAs that the server said it accepts client certificates from.
        complete: The handshake was completed.
        confirmed: The partner is known to have accepted us.
        protocol: Application protocol (ALPN) that the server chose.
    """

    version: str = ""
    suite: str = ""
    group: str = ""
    chain: tuple[x509.Certificate, ...] = attrs.field(default=(), repr=False)
    asked: bool = False
    issuers: tuple[str, ...] = ()
    complete: bool = False
    confirmed: bool = False
    protocol: str = ""


@attrs.frozen(kw_only=True)
class Observation:
    """One connection, as it was seen.

    Attributes:
        role: What we were.
        where: Address and port, for messages.
        port: The port that was dialled or listened on.
        now: When, aware; certificates are judged at this time.
        opening: How far TCP came.
        failure: What TCP or TLS reported.
        reason: OpenSSL's own words, lower case.
        number: The operating system's error number, 0 for none.
        farewell: The partner said close_notify in the handshake.
        settled: Nothing was waited for any longer when the connection ended.
        end: How the connection ended.
        spoke: Whether the partner ended or spoke before we had said anything.
        first: The first bytes from the partner, at most 64.
        hello: The ClientHello that crossed the wire: ours as client, the partner's as server.
        alert: Number of the alert that the partner sent.
        tls: What its TLS showed.
        address, name: The partner's plant address and the name that its certificate should carry, if that is known.
        own_address: Our plant address, which a PLC with bit 0 of ExtTLSCapabilities looks for in our certificate.
        check_address: A mismatch counts as a fault, not only as a remark.
        trust: What the partner is verified with; None if no reference was given.
        own: The certificate that we showed or would have shown.
        known: Other certificates of the project, which the device does not hold, by ID.
        limit: Seconds that were waited at most for the step that did not happen.
        answer: What came back in plaintext, at most 64 bytes; only where a question of a survey was asked.
    """

    role: Role
    where: str
    port: int
    now: datetime
    opening: Opening = Opening.CONNECTED
    failure: Failure | None = None
    reason: str = ""
    number: int = 0
    farewell: bool = False
    settled: bool = False
    end: End = End.OURS
    spoke: bool = False
    first: bytes = b""
    hello: ClientHello | None = None
    alert: int | None = None
    tls: Shown = attrs.field(factory=Shown)
    address: IPv4Address | None = None
    name: str | None = None
    own_address: IPv4Address | None = None
    check_address: bool = True
    trust: Trust | None = None
    own: OwnCertificate | None = None
    known: dict[int, x509.Certificate] = attrs.field(factory=dict, repr=False)
    limit: float = 0.0
    answer: bytes = b""


@attrs.frozen
class Finding:
    """One thing worth telling.

    Attributes:
        cause: Its name in the table of causes, such as `missing-intermediate`.
        failure: What, with STATUS and remedy.
        level: `error` means that a connection fails; a `note` is only worth knowing.
    """

    cause: str
    failure: Failure
    level: Literal["error", "note"] = "error"
