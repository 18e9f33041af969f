"""What is wrong with the partner's certificate, judged by our verification, whatever the handshake did."""

from __future__ import annotations

from ..causes import Evidence
from ..tls.partner import failure_about, partner_failures
from .observation import Finding, Observation

__all__ = ["certificate_findings"]


def certificate_findings(seen: Observation) -> tuple[Finding, ...]:
    """What our side would refuse, or should know, about what the partner showed."""
    if not seen.tls.chain:
        return _none_shown(seen)
    found = partner_failures(
        seen.tls.chain,
        role=seen.role,
        trust=seen.trust,
        now=seen.now,
        expect=seen.name or seen.address,
        known=seen.known,
        where=seen.where,
    )
    return tuple(Finding(one.cause, one, "note" if _only_a_note(seen, one.cause) else "error") for one in found)


def _only_a_note(seen: Observation, cause: str) -> bool:
    return cause == "wrong-address" and not seen.check_address


def _none_shown(seen: Observation) -> tuple[Finding, ...]:
    if seen.role == "client" or not (seen.tls.asked and seen.tls.complete):
        return ()
    said = "the partner sent no certificate although this side demands one"
    known = Evidence(role=seen.role, where=seen.where)
    return (Finding("no-client-certificate", failure_about("no-client-certificate", said, None, seen=known)),)
