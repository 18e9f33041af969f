"""What is wrong with the certificates that a partner showed, in words that name them.

OpenSSL's verification decides and tells a number. Here the same certificates are judged by `certs.verify`, which knows names,
dates, addresses and the missing CA. Nothing is ever accepted here: without a finding the number has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any, Final, Literal

import attrs
from cryptography import x509

from ..causes import PARTNER_CERTIFICATE, Evidence, Role
from ..certs import Trust, verify
from ..certs.entry import is_self_issued, summary
from ..certs.links import authority_key, signs_itself, subject_key
from ..certs.names import common_name, dns_matches, san_addresses, san_names
from ..certs.rules import RULES, Judgement, Policy
from ..certs.verify import Verdict
from ..errors import CertificateSummary, Failure, OUCError
from ..status import Status
from ..visible import visible

__all__ = ["failure_about", "partner_failures", "summarize"]

# A rule of `certs.verify` -> the cause; the rules that need a second look are below.
_BROKEN_RULES: Final = {
    "usage": "wrong-usage", "revocation": "revoked", "signature": "forged", "anchor": "other-ca", "authority": "bad-ca",
    "validity": "expired",
}  # fmt: skip


def summarize(certificate: x509.Certificate | None) -> CertificateSummary | None:
    """What a failure can say about a certificate; None where it cannot be read."""
    try:
        facts = None if certificate is None else summary(certificate)
    except OUCError:
        return None
    if certificate is None or facts is None:
        return None
    return CertificateSummary(
        subject=facts.common_name, issuer=common_name(certificate.issuer), valid_from=facts.not_before,
        valid_to=facts.not_after, san=facts.san, fingerprint=facts.fingerprint,
    )  # fmt: skip


def partner_failures(
    chain: Sequence[x509.Certificate],
    *,
    role: Role,
    trust: Trust | None,
    now: datetime,
    expect: IPv4Address | str | None = None,
    known: Mapping[int, x509.Certificate] | None = None,
    where: str = "",
) -> tuple[Failure, ...]:
    """Judge what a partner showed.

    Args:
        chain: As it was sent, leaf first.
        role: What we are.
        trust: What the partner is verified with; None judges the leaf by itself and leaves its issuer alone.
        now: Aware.
        expect: The address or name that a server's certificate must carry.
        known: Other certificates, by ID, among which a missing intermediate may be.
        where: The partner.

    Returns:
        What is wrong, the most important first; empty if nothing is.
    """
    if not chain:
        return ()
    seen = Evidence(role=role, where=where)
    judged = _judged(seen, chain, trust, now, known or {}) if trust is not None else _alone(seen, chain[0], now)
    found = (judged, _identity(seen, chain[0], expect))
    return tuple(one for one in found if one is not None)


def failure_about(
    cause: str, said: str, certificate: x509.Certificate | None, *, seen: Evidence, status: int | None = None,
    remedy: str = "", **facts: Any,
) -> Failure:  # fmt: skip
    """A row about the partner's certificate, filled in with what the certificate says.

    Args:
        cause: The row.
        said: The sentence.
        certificate: The one that it is about, if it is known.
        seen: Our role, and where.
        status, remedy: In place of the row's.
        facts: For the placeholders of the remedy.
    """
    about = summarize(certificate)
    filled = {
        "said": visible(said), "field": "TLSServerCertRef" if seen.client else "TLSClientCertRef", "id": "ID",
        "issuer": "of the partner" if about is None else visible(about.issuer),
        "fingerprint": "" if about is None else about.fingerprint,
    }  # fmt: skip
    made = PARTNER_CERTIFICATE[cause].failure(seen, **{**filled, **facts})
    changes: dict[str, Any] = {} if status is None else {"status": Status(status)}
    return attrs.evolve(made, certificate=about, remedy=remedy or made.remedy, **changes)


def _purpose(seen: Evidence) -> Literal["server", "client"]:
    return "server" if seen.client else "client"


def _judged(
    seen: Evidence,
    chain: Sequence[x509.Certificate],
    trust: Trust,
    now: datetime,
    known: Mapping[int, x509.Certificate],
) -> Failure | None:
    verdict = verify(chain, purpose=_purpose(seen), trust=trust, now=now)
    if verdict.failure is None:
        return None
    about = verdict.certificate or chain[0]
    if verdict.rule in {"root", "signature"}:
        again = _created_again(seen, about, trust)
        if again is not None:
            return again
    if verdict.rule == "root":
        return _rootless(seen, verdict.failure, about, known)
    return _named(seen, verdict, about)


def _alone(seen: Evidence, leaf: x509.Certificate, now: datetime) -> Failure | None:
    """Without a trust reference: what can be said of the leaf by itself."""
    judgement = Judgement(path=(leaf,), purpose=_purpose(seen), now=now, policy=Policy())
    for rule in RULES:
        broken = rule.check(judgement, 0)
        if broken is not None:
            who = f"the partner's certificate {common_name(leaf.subject)!r}"
            failure = Failure(broken.what.format(who), None, "", broken.remedy)
            return _named(seen, Verdict(failure=failure, rule=rule.name), leaf, status=broken.status)
    return None


def _named(seen: Evidence, verdict: Verdict, about: x509.Certificate, *, status: int | None = None) -> Failure:
    told = verdict.failure
    assert told is not None  # noqa: S101 - the caller has looked
    shown = told.status if status is None else status
    cause = _BROKEN_RULES.get(verdict.rule, "bad-certificate")
    if verdict.rule == "validity" and shown == PARTNER_CERTIFICATE["not-yet-valid"].status:
        cause = "not-yet-valid"
    elif verdict.rule == "revocation" and shown != PARTNER_CERTIFICATE["revoked"].status:
        cause = "no-crl"
    # Each of the rules without a row has a STATUS and a remedy of its own.
    own = cause == "bad-certificate"
    return failure_about(
        cause, told.what, about, seen=seen, status=shown if own else None, remedy=told.remedy if own else ""
    )


def _created_again(seen: Evidence, about: x509.Certificate, trust: Trust) -> Failure | None:
    """The device holds the name and not the key: its owner made a new certificate, and nobody brought it here."""
    named = [one for one in trust.pool if one.subject == about.issuer]
    own_root = is_self_issued(about)
    if not named or any(_same_key(about, one) for one in named) or (own_root and not signs_itself(about)):
        return None
    held = named[0]
    who = visible(common_name(about.subject if own_root else about.issuer))
    number = _number_of(held, trust)
    what = (
        f"the partner's certificate '{who}' has the name of one that this device holds{number}, but another key"
        if own_root
        else f"the CA '{who}' that this device holds{number} has another key than the one that issued the partner's "
        f"certificate '{visible(common_name(about.subject))}'"
    )
    return failure_about("other-key", what, about, seen=seen)


def _number_of(held: x509.Certificate, trust: Trust) -> str:
    numbers = dict(zip(trust.anchors, trust.ids, strict=False)) if len(trust.anchors) == len(trust.ids) else {}
    return f" (ID {numbers[held]})" if held in numbers else ""


def _same_key(below: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `below` claims to be signed by this very key; without a claim it counts as one."""
    if is_self_issued(below):
        return below.public_key() == issuer.public_key()
    claimed, carried = authority_key(below), subject_key(issuer)
    return claimed is None or carried is None or claimed == carried


def _rootless(
    seen: Evidence, failure: Failure, top: x509.Certificate, known: Mapping[int, x509.Certificate]
) -> Failure:
    """No way to a root: an unknown CA, or an intermediate that lies in the project and not on the device."""
    for number, one in known.items():
        if one.subject == top.issuer and not is_self_issued(one):
            name = visible(common_name(top.issuer))
            what = f"the intermediate '{name}' (ID {number} of the project) is missing on this device"
            return failure_about("missing-intermediate", what, top, seen=seen, id=number)
    return failure_about("unknown-self-signed" if is_self_issued(top) else "unknown-ca", failure.what, top, seen=seen)


def _identity(seen: Evidence, leaf: x509.Certificate, expect: IPv4Address | str | None) -> Failure | None:
    """The address or name against the subjectAltName: a client checks it, a server never does."""
    if not seen.client or expect is None:
        return None
    if isinstance(expect, str):
        expect = expect.removesuffix(".")
        fits = any(dns_matches(one, expect) for one in san_names(leaf))
    else:
        fits = str(expect) in san_addresses(leaf)
    if fits:
        return None
    carried = ", ".join((*san_addresses(leaf), *san_names(leaf))) or "none"
    who = common_name(leaf.subject)
    kind = "name" if isinstance(expect, str) else "address"
    what = f"the partner's certificate '{who}' does not carry the {kind} {expect}: its subjectAltName carries {carried}"
    return failure_about("wrong-address", what, leaf, seen=seen)
