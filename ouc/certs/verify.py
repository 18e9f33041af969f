"""Judging a partner's certificate chain: every rule by name, the answer as data.

TLS asks OpenSSL first and this module second; what either refuses is refused. This one can do what OpenSSL's handshake
cannot: demand that the chain passes through the certificate that a reference names, judge at any time, apply the device's
policy on revocation lists, and say which certificate breaks which rule.

A chain is searched among what the partner sent and what the device holds. It ends at a self-signed certificate that the
device holds; partial chains never pass. The rules then run over it from the root down to the leaf, in the order of RULES;
the first that is broken is the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal, TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import Failure
from ..status import Status
from .entry import MAX_CERTIFICATE
from .extensions import complaint
from .links import may_be_issuer, signed_by, signs_itself
from .names import common_name, dns_matches, san_addresses, san_names
from .revocation import check_revocation
from .rules import RULES, Broken, Judgement, Policy, Rule
from .snapshot import Trust

__all__ = ["Identity", "Policy", "Purpose", "Verdict", "verify"]

Purpose: TypeAlias = Literal["server", "client"]

# What one verdict may cost: certificates that a partner sends, and signatures that are checked on the way.
SENT_LIMIT: Final = 10
SIGNATURE_LIMIT: Final = 64

_IMPORT: Final = (
    "Import the CA under 'Trusted certificates and root certification authorities', add it and every intermediate to the "
    "device's 'Certificates of partner devices', download, and enter its ID in the trust reference"
)


@attrs.frozen
class Identity:
    """Whom the leaf must name in its subjectAltName; the common name never counts.

    Attributes:
        address: Compared with iPAddress entries.
        name: Compared with dNSName entries, without regard to case or a final dot.
    """

    address: IPv4Address | IPv6Address | None = None
    name: str | None = None


@attrs.frozen(kw_only=True)
class Verdict:
    """The answer.

    Attributes:
        failure: What is wrong, with STATUS and remedy; None if the chain is good.
        rule: Name of the broken rule; empty if the chain is good.
        depth: Which certificate broke it: 0 is the leaf, then upward; None if there is no chain.
        certificate: That certificate.
        path: The chain that was judged, leaf first, root last; empty if none was found.
        warnings: What did not break a rule but should be known: revocation lists that are stale or cannot be used.
    """

    failure: Failure | None = None
    rule: str = ""
    depth: int | None = None
    certificate: x509.Certificate | None = attrs.field(default=None, repr=False)
    path: tuple[x509.Certificate, ...] = attrs.field(default=(), repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """The chain is good."""
        return self.failure is None

    @property
    def status(self) -> Status | None:
        """The STATUS that a block shows, None if the chain is good."""
        return None if self.failure is None else self.failure.status

    def __bool__(self) -> bool:
        return self.ok


def verify(
    chain: Sequence[x509.Certificate],
    *,
    purpose: Purpose,
    trust: Trust,
    now: datetime,
    policy: Policy | None = None,
    identity: Identity | None = None,
) -> Verdict:
    """Judge a partner's certificate.

    Args:
        chain: What the partner sent, leaf first; what follows is used only to find a way to a root.
        purpose: What the partner is: a TLS `server` or `client`.
        trust: What the device believes, from `DeviceStore.trust`.
        now: Time to judge at, aware.
        policy: Strength and strictness; by default what S7 controllers' certificates fulfil.
        identity: Whom the leaf must name, None for nobody in particular.

    Returns:
        The verdict. Nothing is raised, whatever the certificates contain.
    """
    if not chain:
        return _refuse("sent", 0x80E2, "the partner sent no certificate", "Give the partner an own certificate")
    if len(chain) > SENT_LIMIT:
        return _refuse("sent", 0x80E2, f"the partner sent {len(chain)} certificates; at most {SENT_LIMIT} are read",
                       "Send the own certificate and the CAs above it, nothing else")  # fmt: skip
    for depth, one in enumerate(chain):
        size = len(one.public_bytes(Encoding.DER))
        if size > MAX_CERTIFICATE:
            return _refuse("size", 0x80E2, f"a certificate of {size} bytes; at most {MAX_CERTIFICATE} are read",
                           "Replace it by a smaller one: with fewer names in its subjectAltName",
                           depth=depth, certificate=one)  # fmt: skip
    rules = policy or Policy()
    damage = complaint(chain[0])
    if damage:
        return _refuse("readable", 0x80E2, f"the partner's certificate is damaged: {damage}", "Replace it", depth=0,
                       certificate=chain[0])  # fmt: skip
    search = _Search([one for one in chain if not complaint(one)], trust, rules.max_depth)
    best: Verdict | None = None
    for path in search.paths():
        verdict = _judge(path, purpose, trust, now, rules, identity)
        if verdict.ok:
            return verdict
        if best is None or _RANK[verdict.rule] > _RANK[best.rule]:
            best = verdict
    return best if best is not None else search.dead_end()


class _Search:
    """Looks for ways from the leaf to a root, most direct first."""

    def __init__(self, chain: Sequence[x509.Certificate], trust: Trust, max_depth: int) -> None:
        self._chain = chain
        self._held = trust.pool
        self._trusted = frozenset(trust.pool)
        self._max_depth = max_depth
        self._left = SIGNATURE_LIMIT
        self._forged: x509.Certificate | None = None
        self._too_long = False
        self._highest = chain[0]

    def paths(self) -> Iterator[tuple[x509.Certificate, ...]]:
        yield from self._upward((self._chain[0],))

    def _signed(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        self._left -= 1
        return self._left >= 0 and signed_by(certificate, issuer)

    def _upward(self, path: tuple[x509.Certificate, ...]) -> Iterator[tuple[x509.Certificate, ...]]:
        top = self._highest = path[-1]
        if top in self._trusted and signs_itself(top):
            yield path
            return
        if len(path) > self._max_depth:
            self._too_long = True
            return
        for candidate in dict.fromkeys((*self._held, *self._chain[1:])):
            if candidate in path or not may_be_issuer(top, candidate):
                continue
            if self._signed(top, candidate):
                yield from self._upward((*path, candidate))
            elif self._left >= 0:
                self._forged = top

    def dead_end(self) -> Verdict:
        """Why there was no way."""
        leaf = self._chain[0]
        if self._left < 0 or self._too_long:
            return _refuse("chain length", 0x80E2, "the partner's chain is too long or too tangled",
                           "Use a chain of at most three certificates", depth=0, certificate=leaf)  # fmt: skip
        if self._forged is not None:
            who = common_name(self._forged.subject)
            return _refuse("signature", 0x80E6, f"the signature of {who!r} is not its issuer's",
                           "The certificate is damaged or forged; replace it", certificate=self._forged)  # fmt: skip
        if leaf.subject == leaf.issuer:
            what = f"the partner's certificate {common_name(leaf.subject)!r} signs itself and is not on this device"
        else:
            what = (
                f"no CA on this device leads to the partner's certificate {common_name(leaf.subject)!r}: "
                f"{common_name(self._highest.issuer)!r} is missing"
            )
        return _refuse("root", 0x80E4, what, _IMPORT, certificate=self._highest)


def _judge(
    path: tuple[x509.Certificate, ...], purpose: Purpose, trust: Trust, now: datetime, policy: Policy,
    identity: Identity | None,
) -> Verdict:  # fmt: skip
    judgement = Judgement(path=path, purpose=purpose, now=now, policy=policy)
    for rule in RULES:
        for depth in range(len(path) - 1, -1, -1):
            broken = rule.check(judgement, depth)
            if broken is not None:
                return _broken(rule, broken, depth, path)
    if not any(anchor in path for anchor in trust.anchors):
        ids = ", ".join(str(one) for one in trust.ids)
        return _refuse("anchor", 0x80E4, f"the partner's chain does not pass through certificate {ids}",
                       "Enter the ID of the CA that issued the partner's certificate", depth=0, certificate=path[0],
                       path=path)  # fmt: skip
    warnings: list[str] = []
    if trust.revocation != "off":
        found = check_revocation(
            path, trust.crls, now=now, required=trust.revocation == "required", strict=policy.strict, warnings=warnings,
            stale_passes=trust.stale_passes,
        )  # fmt: skip
        if found is not None:
            depth, broken = found
            return _broken(_REVOCATION, broken, depth, path, tuple(warnings))
    if identity is not None:
        rejected = _check_identity(path[0], identity)
        if rejected:
            return _refuse("identity", 0x80E1, rejected,
                           "Put the partner's address (or name) into the subjectAltName of its certificate and renew it, "
                           "or clear bit 0 of ExtTLSCapabilities", depth=0, certificate=path[0], path=path)  # fmt: skip
    return Verdict(path=path, warnings=tuple(warnings))


def _check_identity(leaf: x509.Certificate, identity: Identity) -> str:
    if identity.address is not None and str(identity.address) not in san_addresses(leaf):
        listed = ", ".join(san_addresses(leaf)) or "none"
        return f"the partner's certificate does not carry the address {identity.address} (it carries {listed})"
    if identity.name is not None and not any(dns_matches(one, identity.name) for one in san_names(leaf)):
        listed = ", ".join(san_names(leaf)) or "none"
        return f"the partner's certificate does not carry the name {identity.name!r} (it carries {listed})"
    return ""


_REVOCATION: Final = Rule("revocation", lambda _judgement, _depth: None)

# How far a chain came before a rule stopped it: of several chains the one that came furthest is reported.
_RANK: Final = {name: rank for rank, name in enumerate(
    ("sent", "size", "root", "chain length", "signature", *(rule.name for rule in RULES), "anchor", "revocation", "identity")
)}  # fmt: skip


def _broken(
    rule: Rule, broken: Broken, depth: int, path: tuple[x509.Certificate, ...], warnings: tuple[str, ...] = ()
) -> Verdict:
    verdict = _refuse(
        rule.name, broken.status, broken.what.format(_who(path, depth)), broken.remedy, depth=depth,
        certificate=path[depth], path=path,
    )  # fmt: skip
    return attrs.evolve(verdict, warnings=warnings)


def _who(path: tuple[x509.Certificate, ...], depth: int) -> str:
    role = "the partner's certificate" if depth == 0 else "the CA"
    return f"{role} {common_name(path[depth].subject)!r}"


def _refuse(
    rule: str, status: int, what: str, remedy: str, *, depth: int | None = None,
    certificate: x509.Certificate | None = None, path: tuple[x509.Certificate, ...] = (),
) -> Verdict:  # fmt: skip
    return Verdict(
        failure=Failure(what, Status(status), "", remedy), rule=rule, depth=depth, certificate=certificate, path=path
    )
