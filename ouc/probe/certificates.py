"""What is wrong with the certificates: the partner's by our verification, ours by the partner's alert."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from cryptography import x509

from ..certs import Identity, verify
from ..certs.entry import is_self_issued
from ..certs.names import common_name, dns_matches, san_addresses, san_names
from ..certs.rules import RULES, Judgement, Policy
from ..errors import Failure
from ..status import Status
from ..tls.verdict import ALERTS
from .observation import Finding, Observation

__all__ = ["CERTIFICATE_CAUSES", "REFUSALS", "certificate_findings", "refusal"]

#: What can be wrong with the partner's certificate, for the reference page; texts and remedies are those of the verdict.
CERTIFICATE_CAUSES: Final = {
    "expired": (0x80E5, "a certificate of the partner's chain has ended"),
    "not-yet-valid": (0x80E2, "a certificate of the partner's chain has not begun, or a clock was never set"),
    "wrong-address": (0x80E1, "the address or name is not in the subjectAltName; a note with --no-check-address"),
    "unknown-ca": (0x80E4, "no CA on this device leads to the partner's certificate"),
    "missing-intermediate": (0x80E4, "the project holds the intermediate, the device does not"),
    "other-ca": (0x80E4, "the chain is good, but does not pass through the certificate that the reference names"),
    "no-client-certificate": (0x80E2, "the PLC was asked for a certificate and sent none"),
    "wrong-usage": (0x80E2, "the certificate is not meant for its role (key usage, extended key usage)"),
    "revoked": (0x80E3, "the certificate is on its issuer's revocation list"),
    "no-crl": (0x80E4, "a revocation list is required, and missing or out of date"),
    "forged": (0x80E6, "a signature in the chain is wrong"),
    "bad-ca": (0x80E2, "an issuer in the chain may not issue certificates"),
    "bad-certificate": (0x80E2, "another rule for certificates is broken: strength, names, size"),
}

_BROKEN_RULES: Final = {
    "usage": "wrong-usage", "revocation": "revoked", "signature": "forged", "anchor": "other-ca", "authority": "bad-ca",
    "root": "unknown-ca", "validity": "expired",
}  # fmt: skip

_RENEW: Final = "Renew it in the certificate manager (Renew keeps its ID), and download the partner's hardware configuration"
_CLOCK: Final = (
    "Set the clock of the PLC or of this computer (a CPU whose clock was never set says 2012-01-01), "
    "or renew the certificate"
)
_SAN: Final = (
    "Enter the address (or name) in the 'Subject Alternative Name (SAN)' of the certificate, renew and download it; or clear "
    "bit 0 of ExtTLSCapabilities in the client's connection description"
)

# -- the partner's certificate -----------------------------------------------------------------------------------------


def _trust_field(seen: Observation) -> str:
    return "TLSServerCertRef" if seen.role == "client" else "TLSClientCertRef"


def certificate_findings(seen: Observation) -> tuple[Finding, ...]:
    """What our side would refuse, or should know, about what the partner showed."""
    if not seen.tls.chain:
        if seen.role == "server" and seen.tls.asked and seen.tls.complete:
            what = "the PLC sent no certificate although one was asked for"
            remedy = (
                "Enter the ID of a certificate of the PLC, with its private key, in TLSClientCertRef of its connection "
                "description (0 sends none)"
            )
            return (Finding("no-client-certificate", Failure(what, Status(0x80E2), seen.where, remedy)),)
        return ()
    judged = _judged(seen) if seen.trust is not None else _alone(seen)
    return tuple(one for one in (judged, _identity(seen)) if one is not None)


def _judged(seen: Observation) -> Finding | None:
    assert seen.trust is not None  # noqa: S101 - the caller has looked
    purpose: Literal["server", "client"] = "server" if seen.role == "client" else "client"
    verdict = verify(seen.tls.chain, purpose=purpose, trust=seen.trust, now=seen.now)
    if verdict.failure is None:
        return None
    if verdict.rule == "root":
        return _rootless(seen, verdict.failure, verdict.certificate or seen.tls.chain[0])
    return _named(seen, verdict.rule, verdict.failure)


def _alone(seen: Observation) -> Finding | None:
    """Without a trust reference: what can be said of the leaf by itself."""
    purpose: Literal["server", "client"] = "server" if seen.role == "client" else "client"
    judgement = Judgement(path=seen.tls.chain[:1], purpose=purpose, now=seen.now, policy=Policy())
    for rule in RULES:
        broken = rule.check(judgement, 0)
        if broken is not None:
            who = f"the partner's certificate {common_name(seen.tls.chain[0].subject)!r}"
            return _named(seen, rule.name, Failure(broken.what.format(who), Status(broken.status), "", broken.remedy))
    return None


def _named(seen: Observation, rule: str, failure: Failure) -> Finding:
    cause = _BROKEN_RULES.get(rule, "bad-certificate")
    remedy = failure.remedy
    if rule == "validity":
        early = failure.status == 0x80E2
        cause, remedy = ("not-yet-valid", _CLOCK) if early else ("expired", _RENEW)
    elif rule == "revocation" and failure.status != 0x80E3:
        cause = "no-crl"
    elif rule == "anchor":
        remedy = f"Enter the ID of the CA that issued the partner's certificate in {_trust_field(seen)}"
    return Finding(cause, Failure(failure.what, failure.status, seen.where, remedy))


def _rootless(seen: Observation, failure: Failure, top: x509.Certificate) -> Finding:
    """No way to a root: an unknown CA, or an intermediate that lies in the project and not on the device."""
    field = _trust_field(seen)
    issuer = common_name(top.issuer)
    for number, one in seen.known.items():
        if one.subject == top.issuer and not is_self_issued(one):
            remedy = (
                f"Assign certificate {number} to the device as partner certificate ('Certificates of partner devices') beside "
                "its root: a PLC sends its own certificate only, so every intermediate must be on both devices; download"
            )
            what = f"the intermediate {issuer!r} (ID {number} of the project) is missing on this device"
            return Finding("missing-intermediate", Failure(what, failure.status, seen.where, remedy))
    if is_self_issued(top):
        remedy = (
            "Import this certificate under 'Trusted certificates and root certification authorities', assign it to the device "
            f"as partner certificate, download; its ID goes into {field}"
        )
    else:
        remedy = (
            f"Import the CA {issuer!r} under 'Trusted certificates and root certification authorities', assign it to the "
            "device as partner certificate ('Certificates of partner devices'), with its root if it is an intermediate, "
            f"download; its ID goes into {field}"
        )
    return Finding("unknown-ca", Failure(failure.what, failure.status, seen.where, remedy))


def _identity(seen: Observation) -> Finding | None:
    """The address or name against the subjectAltName: a client checks it, a server never does."""
    leaf = seen.tls.chain[0]
    if seen.role == "server":
        return None
    wanted = Identity(address=seen.address, name=seen.name)
    if wanted.name is not None:
        fits = any(dns_matches(one, wanted.name) for one in san_names(leaf))
    else:
        fits = wanted.address is None or str(wanted.address) in san_addresses(leaf)
    if fits:
        return None
    carried = ", ".join((*san_addresses(leaf), *san_names(leaf))) or "none"
    what = f"the partner's certificate is not for {wanted.name or wanted.address}: its subjectAltName carries {carried}"
    return Finding(
        "wrong-address", Failure(what, Status(0x80E1), seen.where, _SAN), "error" if seen.check_address else "note"
    )


# -- our certificate, as the partner judged it -------------------------------------------------------------------------


def _early(seen: Observation) -> bool:
    return seen.own is not None and seen.now < seen.own.certificate.not_valid_before_utc


def _late(seen: Observation) -> bool:
    return seen.own is not None and seen.now > seen.own.certificate.not_valid_after_utc


def _elsewhere(seen: Observation) -> bool:
    own = seen.own
    if own is None or seen.role != "server" or seen.own_address is None:
        return False
    return str(seen.own_address) not in san_addresses(own.certificate)


def _always(_seen: Observation) -> bool:
    return True


def _certificate_missing(seen: Observation) -> bool:
    return seen.role == "client" and seen.own is None and (seen.tls.asked or seen.alert == 116)


_OWN_ID: Final = (
    "Enter the ID of an own certificate with private key in TLSClientCertRef (--own ID, or --cert and --key), and import its "
    "CA at the PLC; or clear TLSServerReqClientCert in the PLC's connection description"
)
_PARTNER_IMPORT: Final = (
    "At the PLC: import the CA of our certificate under 'Trusted certificates and root certification authorities', assign it "
    "and every intermediate to the PLC as partner certificate, download, and enter its ID in the trust reference of its "
    "connection description"
)

#: alert, cause, what fits the observation, what happened, remedy; the first row that fits is the one.
REFUSALS: Final[tuple[tuple[tuple[int, ...], str, Callable[[Observation], bool], str, str], ...]] = (
    ((40, 42, 116), "no-client-certificate", _certificate_missing,
     "the PLC demands a client certificate and we showed none", _OWN_ID),
    ((42, 45, 46), "own-expired", _late, "the PLC refused our certificate: it has expired", _RENEW),
    ((42, 45, 46), "own-not-yet-valid", _early, "the PLC refused our certificate: it is not yet valid", _CLOCK),
    ((42, 46), "own-wrong-address", _elsewhere,
     "the PLC refused our certificate: its subjectAltName does not carry our address {own_address}", _SAN),
    ((42,), "own-not-valid", _always,
     "the PLC refused our certificate: not yet valid by its clock, or not for the address that it checks", f"{_CLOCK}. {_SAN}"),
    ((43,), "own-wrong-usage", _always, "the PLC refused our certificate: it is not meant for this role (extended key usage)",
     "Create the certificate with the usage 'TLS client/server'"),
    ((44,), "own-revoked", _always, "the PLC refused our certificate: it was revoked",
     "Create a new certificate and enter its ID, or import a current revocation list at the PLC"),
    ((45,), "own-expired", _always, "the PLC refused our certificate: it has expired by the PLC's clock",
     f"{_RENEW}. {_CLOCK}"),
    ((48,), "own-unknown-ca", _always,
     "the PLC refused our certificate: it does not hold its CA, or lacks an intermediate or the root", _PARTNER_IMPORT),
    ((46, 49), "own-refused", _always, "the PLC refused our certificate", _PARTNER_IMPORT),
)  # fmt: skip


def refusal(seen: Observation) -> Finding | None:
    """The partner's alert about our certificate, in words; None if it said nothing of the kind."""
    for alerts, cause, fits, what, remedy in REFUSALS:
        if seen.alert in alerts and fits(seen):
            name = ALERTS[seen.alert][0]
            said = f"{what.format(own_address=seen.own_address)} (alert {name})"
            return Finding(cause, Failure(said, Status(0x80E1), seen.where, remedy))
    return None
