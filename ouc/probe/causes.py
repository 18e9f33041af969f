"""From what was seen to what is wrong: the table of causes (`ouc.causes`) that exceptions, blocks and logs speak from too.

How a connection ended has one reason: the first row that fits. What is wrong with the certificates is judged besides, because
a handshake that failed for one reason would fail for the next one tomorrow.
"""

from __future__ import annotations

import attrs

from .. import causes
from ..causes import ABOUT_OUR_CERTIFICATE, End, Evidence, Moment, Opening
from ..tls.partner import summarize
from .certificates import certificate_findings
from .observation import Finding, Observation

__all__ = ["diagnose", "evidence"]

_TLS_1_2 = 0x0303


def evidence(seen: Observation) -> Evidence:
    """What the table of causes looks at."""
    hello, own = seen.hello, seen.own
    return Evidence(
        role=seen.role,
        moment=_moment(seen),
        opening=seen.opening,
        end=seen.end,
        where=seen.where,
        port=seen.port,
        limit=seen.limit,
        number=seen.number,
        spoke=seen.spoke,
        farewell=seen.farewell,
        first=b"" if seen.tls.complete else seen.first,
        versions=() if hello is None else hello.version_names,
        groups=() if hello is None else hello.group_names,
        old=seen.role == "server" and hello is not None and max(hello.versions, default=0) < _TLS_1_2,
        alert=seen.alert,
        asked=seen.role == "client" and seen.tls.asked,
        reason=seen.reason,
        own=None if own is None else summarize(own.certificate),
        own_address="" if seen.own_address is None else str(seen.own_address),
        now=seen.now,
    )


def _moment(seen: Observation) -> Moment:
    if seen.opening is not Opening.CONNECTED:
        return Moment.LISTENING if seen.role == "server" else Moment.DIALLING
    if not seen.tls.complete:
        return Moment.HANDSHAKE
    late = seen.alert in ABOUT_OUR_CERTIFICATE
    return Moment.ESTABLISHED if seen.tls.confirmed or (seen.settled and not late) else Moment.AFTER_CERTIFICATE


def diagnose(seen: Observation) -> tuple[Finding, ...]:
    """Everything there is to say about one connection, the most important first; empty if all is well.

    What our side refuses comes first: it would never have come to the partner's verdict on us.
    """
    partner = certificate_findings(seen)
    ending = _ending(seen)
    if ending is None:
        return partner
    if any(one.cause == ending.cause for one in partner):
        return partner
    faults = tuple(one for one in partner if one.level == "error")
    notes = tuple(one for one in partner if one.level == "note")
    # Before TLS nobody has judged anything.
    return (*faults, ending, *notes)


def _ending(seen: Observation) -> Finding | None:
    known = evidence(seen)
    row = causes.find(known)
    if row is None and seen.tls.complete:
        return None
    if row is None and seen.failure is not None and seen.failure.cause == "":
        # What the machine refused by a rule of its own.
        failure = attrs.evolve(seen.failure, where=seen.where)
        return Finding("handshake-failed", failure)
    if known.established and seen.end is End.OURS and seen.alert is None and not seen.reason:
        return None
    failure = causes.failure(known)
    return Finding(failure.cause, failure)
