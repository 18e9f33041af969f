"""From what was seen to what is wrong: a table of causes, each with the STATUS of a CPU and a remedy in TIA Portal's words.

How a connection ended has one reason: the first row of ENDINGS that fits. What is wrong with the certificates is judged
besides, because a handshake that failed for one reason would fail for the next one tomorrow. Facts about controllers:
certificates.md 4.3, 6.3 and 9, ouc-blocks.md 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from ..errors import Failure
from ..status import Status
from ..tls.verdict import ALERTS
from .certificates import certificate_findings, refusal
from .observation import End, Finding, Observation, Opening

__all__ = ["ENDINGS", "Row", "diagnose"]


@attrs.frozen
class Row:
    """A way in which a connection can end badly.

    Attributes:
        cause: Its name in reports.
        status: The STATUS that a CPU in our place shows.
        applies: Looks at an observation.
        what: One sentence; `{where}`, `{port}`, `{limit}`, `{offer}` and `{first}` are filled in.
        remedy: What to do.
    """

    cause: str
    status: int
    applies: Callable[[Observation], bool]
    what: str
    remedy: str

    def finding(self, seen: Observation) -> Finding:
        """The row, filled in."""
        hello = seen.hello
        what = self.what.format(
            where=seen.where,
            port=seen.port,
            limit=f"{seen.limit:g}",
            offer="nothing readable" if hello is None else ", ".join(hello.group_names) or "no groups",
            versions="nothing readable" if hello is None else ", ".join(hello.version_names),
            first=seen.first[:16].hex(" "),
        )
        return Finding(self.cause, Failure(what, Status(self.status), seen.where, self.remedy))


def _tpkt(seen: Observation) -> bool:
    # RFC 1006: version 3, reserved 0, length; then a COTP TPDU.
    return seen.first[:2] == b"\x03\x00" and len(seen.first) >= 4


def _http(seen: Observation) -> bool:
    return seen.first.startswith((b"HTTP/", b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b"PUT "))


def _opc_ua(seen: Observation) -> bool:
    # OPC 10000-6, 7.1.2: three letters and F (final).
    return seen.first[:4] in {b"HELF", b"ACKF", b"ERRF", b"RHEF"}


def _is_tls(seen: Observation) -> bool:
    # RFC 8446 5.1: record types 20 to 24, then major version 3.
    return len(seen.first) >= 2 and 20 <= seen.first[0] <= 24 and seen.first[1] == 3


def _client(seen: Observation) -> bool:
    return seen.role == "client"


def _before_tls(seen: Observation) -> bool:
    return seen.opening is Opening.CONNECTED and not seen.first


def _no_tls(seen: Observation) -> bool:
    return bool(seen.first) and not _is_tls(seen)


def _old(seen: Observation) -> bool:
    if not _client(seen):
        return seen.hello is not None and max(seen.hello.versions, default=0) < 0x0303
    # A ServerHello (RFC 5246 7.4.1.3) with its version behind record and handshake header.
    return seen.first[:1] == b"\x16" and seen.first[5:6] == b"\x02" and b"\x03\x00" <= seen.first[9:11] < b"\x03\x03"


_PLAIN_REMEDY: Final = (
    "Set ActivateSecureConn to TRUE in the partner's connection description (TCON_IP_V4_SEC), or use a plain TCON_IP_v4 on "
    "both sides; compare the port numbers"
)
_PASSIVE: Final = (
    "A passive end has one partner: close the other connection; enter our address (or 0.0.0.0 for any partner) in "
    "RemoteAddress, and our port or 0 in RemotePort, of the partner's connection description"
)
_ISO: Final = (
    "Port 102 is ISO-on-TCP and PG/HMI, whose TLS begins inside COTP. Secure OUC needs a TCON_IP_V4_SEC with a LocalPort of "
    "its own, from 2000 to 5000; enter that port in RemotePort"
)
_GROUPS: Final = (
    "Controllers reset a hello with key-exchange groups they do not know: offer X25519, P-256 and P-384 only (no ML-KEM, "
    "X448 or P-521), and not P-256 alone. Otherwise the end may be occupied, or expect another RemoteAddress"
)
_VERSIONS: Final = (
    "Compare the TLS versions: secure OUC needs TLS 1.2 (S7-1500 V2.0, S7-1200 V4.4) or TLS 1.3 (S7-1500 V2.9, S7-1200 V4.5); "
    "update the firmware or choose another version"
)
_CONNECT: Final = (
    "Is the PLC in RUN, is TSEND_C or TCON called with CONT = 1, and do RemoteAddress and RemotePort of its connection "
    "description name this computer?"
)
_OTHER_SERVICE: Final = "Compare the port numbers: RemotePort must be the LocalPort of the partner's connection description"

ENDINGS: Final = (
    # -- TCP ---------------------------------------------------------------------------------------------------------
    Row("name-unknown", 0x80D3, lambda s: s.opening is Opening.UNRESOLVED, "the name in {where} cannot be resolved",
        "Check RemoteQDN (with a dot at its end) and the DNS server"),
    Row("refused", 0x80C5, lambda s: s.opening is Opening.REFUSED, "nobody listens on port {port}: the connection was refused",
        "Is the PLC in RUN, is TRCV_C or TCON called with CONT = 1, and does its LocalPort equal our RemotePort?"),
    Row("no-answer", 0x80C6, lambda s: s.opening is Opening.NO_ANSWER, "no answer from {where} within {limit} s",
        "Check cables, IP address, subnet and router of both sides, and firewalls between them"),
    Row("unreachable", 0x80C6, lambda s: s.opening is Opening.UNREACHABLE, "{where} cannot be reached",
        "Check cables, IP address, subnet and router of both sides"),
    Row("nobody-connected", 0x80C6, lambda s: s.opening is Opening.NOBODY,
        "no PLC connected to port {port} within {limit} s", _CONNECT),
    Row("turned-away", 0x80C5, lambda s: _client(s) and _before_tls(s) and s.spoke and s.end in {End.RESET, End.CLOSED},
        "the connection was accepted and closed at once: the passive end is occupied, or it expects another RemoteAddress",
        _PASSIVE),
    # -- other protocols ---------------------------------------------------------------------------------------------
    Row("port-102", 0x80C5, lambda s: _tpkt(s) or (_client(s) and s.port == 102 and not s.tls.complete),
        "this is ISO-on-TCP (TPKT): TLS only inside COTP there, not at once", _ISO),
    Row("http", 0x80E0, _http, "the partner speaks HTTP, not TLS: a web server's plain port, or a browser", _OTHER_SERVICE),
    Row("opc-ua", 0x80E0, _opc_ua, "the partner speaks OPC UA, which has a security of its own and no TLS", _OTHER_SERVICE),
    Row("plain", 0x80E0, _no_tls, "the partner speaks plain TCP, not TLS: its first bytes are {first}", _PLAIN_REMEDY),
    Row("plain", 0x80C7, lambda s: _before_tls(s) and s.end is End.TIMEOUT,
        "the connection stands, but the partner said nothing in TLS within {limit} s: it probably expects plain TCP",
        _PLAIN_REMEDY),
    # -- the hello ---------------------------------------------------------------------------------------------------
    Row("wrong-version", 0x80E1, lambda s: s.alert == 70 or _old(s),
        "no TLS version in common; offered were {versions}", _VERSIONS),
    Row("reset-after-hello", 0x80C5, lambda s: _client(s) and _before_tls(s) and s.end is End.RESET,
        "the partner reset the connection right after our hello; offered were the groups {offer}", _GROUPS),
    Row("closed-after-hello", 0x80C5, lambda s: _client(s) and _before_tls(s) and s.end is End.CLOSED,
        "the partner closed the connection after our hello without an answer", _PLAIN_REMEDY),
    Row("left-again", 0x80C5, lambda s: _before_tls(s) and s.end in {End.RESET, End.CLOSED},
        "the PLC connected and left again without a word", _CONNECT),
    Row("reset-after-hello", 0x80C5, lambda s: not _client(s) and not s.tls.complete and s.alert is None
        and s.end in {End.RESET, End.CLOSED},
        "the PLC broke off after its hello, without an alert; it offered the groups {offer}",
        "Compare TLS version, groups and key types with the PLC's firmware; look into its diagnostic buffer and at STATUS of "
        "its block"),
)  # fmt: skip

_INTERRUPTED: Final = (
    "Look at STATUS of the partner's block and into its diagnostic buffer; compare TLS versions, suites and groups"
)


def _rest(seen: Observation) -> Finding | None:
    """What no row names: the machine's own words, or the partner's end after the handshake."""
    if seen.alert is not None:
        name, _, meaning = ALERTS.get(seen.alert, (f"alert {seen.alert}", 0x80E1, "for a reason that has no name"))
        what = f"the partner refused the handshake: {meaning} (alert {name})"
        return Finding("handshake-refused", Failure(what, Status(0x80E1), seen.where, _INTERRUPTED))
    if seen.tls.complete and seen.end in {End.RESET, End.CLOSED} and not seen.tls.confirmed:
        what = "the partner closed the connection right after the handshake"
        return Finding("closed-after-handshake", Failure(what, Status(0x80C5), seen.where, _INTERRUPTED))
    if not seen.tls.complete and seen.failure is not None:
        return Finding("handshake-failed", attrs.evolve(seen.failure, where=seen.where))
    if not seen.tls.complete:
        what = f"the handshake began and was not finished within {seen.limit:g} s"
        return Finding("handshake-stalled", Failure(what, Status(0x80C7), seen.where, _INTERRUPTED))
    return None


def diagnose(seen: Observation) -> tuple[Finding, ...]:
    """Everything there is to say about one connection, the most important first; empty if all is well."""
    row = next((row for row in ENDINGS if row.applies(seen)), None)
    first: Finding | None
    if row is not None:
        return (row.finding(seen),)
    first = refusal(seen) or _rest(seen)
    others = certificate_findings(seen)
    # One fault told twice is two faults to a reader: the certificate's own finding says more.
    named = {one.cause for one in others}
    return tuple(one for one in (first, *others) if one is not None and not (one is first and one.cause in named))
