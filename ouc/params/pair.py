"""Both sides of a connection compared: what neither CPU can see, because it takes both descriptions to see it.

No row here carries a STATUS: what a CPU shows later depends on which side tries first and how far it gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address
from typing import Final

import attrs

from ..profiles import DEFAULT, Profile
from ..profiles import profile as known_profile
from .checking import address, check
from .data import Area, area_findings, difference
from .description import Description
from .endpoints import Endpoint, view
from .facts import CertificateFacts, Certificates, by_id
from .findings import Finding, Severity, SideName

__all__ = ["PAIR_RULES", "PairRule", "Side", "compare", "meeting"]


def _profile(given: Profile | str | None) -> Profile:
    return DEFAULT if given is None else known_profile(given) if isinstance(given, str) else given


def _addresses_of(given: Iterable[IPv4Address | str]) -> tuple[IPv4Address, ...]:
    return tuple(one for one in map(address, given) if one is not None)


def _others(given: Iterable[Description]) -> tuple[Description, ...]:
    return tuple(given)


def _held(given: Certificates | Iterable[CertificateFacts] | None) -> Certificates | None:
    return None if given is None else by_id(given)


@attrs.frozen(kw_only=True, eq=False, slots=False)
class Side:
    """One side of a connection, with what is known of its device.

    Attributes:
        description: A TCON_* structure.
        profile: The firmware, a `Profile` or its name; the library's own by default.
        own_address: IPv4 address of the device.
        other_addresses: Addresses of its other interfaces.
        others: The other connections of the device.
        certificates: What the device holds. IDs of both sides are those of one project.
        groups: IDs that stand for several certificates to trust; 0 stands for every CA unless it is one of them.
        data: The area at DATA of the block that sends or receives, with its LEN.
    """

    description: Description
    profile: Profile = attrs.field(default=None, converter=_profile)
    own_address: IPv4Address | None = attrs.field(default=None, converter=address)
    other_addresses: tuple[IPv4Address, ...] = attrs.field(default=(), converter=_addresses_of)
    others: tuple[Description, ...] = attrs.field(default=(), converter=_others)
    certificates: Certificates | None = attrs.field(default=None, converter=_held)
    groups: Mapping[int, Sequence[int]] = attrs.field(factory=dict)
    data: Area | None = None

    @cached_property
    def end(self) -> Endpoint:
        """The description in the words that all structures share."""
        return view(self.description)

    @property
    def verifies(self) -> bool:
        """Whether this side verifies its partner's certificate."""
        return self.end.secure and (self.end.active or self.end.request_client_certificate)

    @property
    def anchors(self) -> Sequence[int]:
        """IDs of the certificates that a partner's chain must contain one of."""
        reference = self.end.trust_reference
        if reference in self.groups:
            return self.groups[reference]
        if reference:
            return (reference,)
        return [one.id for one in (self.certificates or {}).values() if one.is_ca]

    @property
    def shown(self) -> CertificateFacts | None:
        """The own certificate, None if there is none or the device's are not known."""
        return None if self.certificates is None else self.certificates.get(self.end.own_reference)


@attrs.frozen(eq=False)
class _Pair:
    a: Side
    b: Side

    @property
    def protocol(self) -> str | None:
        return self.a.end.protocol if self.a.end.protocol == self.b.end.protocol else None

    @property
    def roles(self) -> tuple[Side, Side] | None:
        """The active and the passive side, None where the roles do not meet."""
        if self.protocol in (None, "UDP") or self.a.end.active == self.b.end.active:
            return None
        return (self.a, self.b) if self.a.end.active else (self.b, self.a)

    @property
    def both_ways(self) -> tuple[tuple[Side, Side], tuple[Side, Side]]:
        return ((self.a, self.b), (self.b, self.a))

    @property
    def secure(self) -> bool:
        return self.a.end.secure and self.b.end.secure and self.roles is not None

    def name(self, side: Side) -> str:
        return "A" if side is self.a else "B"


@attrs.frozen(kw_only=True)
class PairRule:
    """One row: what to look for and what to say.

    Attributes:
        name: Unique; names the mistake.
        member: The members that do not fit each other.
        find: The message, empty if the pair keeps the rule.
        remedy: What to change.
        severity: A warning for what may be meant.
    """

    name: str
    member: str
    find: Callable[[_Pair], str]
    remedy: str
    severity: Severity = Severity.ERROR


def _protocols(pair: _Pair) -> str:
    one, other = pair.a.end.protocol, pair.b.end.protocol
    return f"A speaks {one} and B {other}" if one and other and one != other else ""


def _roles(pair: _Pair) -> str:
    if pair.protocol in (None, "UDP") or pair.a.end.active != pair.b.end.active:
        return ""
    both = "active: nobody waits" if pair.a.end.active else "passive: nobody connects"
    return f"both sides are {both}"


def _ports(pair: _Pair) -> str:
    if pair.roles is None or pair.protocol != "TCP":
        return ""
    active, passive = pair.roles
    to, at = active.end.remote_port, passive.end.local_port
    return f"{pair.name(active)} connects to port {to}, {pair.name(passive)} waits at {at}" if to != at else ""


def _back_ports(pair: _Pair) -> str:
    if pair.roles is None or pair.protocol != "TCP":
        return ""
    active, passive = pair.roles
    wanted, used = passive.end.remote_port, active.end.local_port
    if wanted in (0, used):
        return ""
    return f"{pair.name(passive)} admits port {wanted} only, {pair.name(active)} connects from {used or 'any port'}"


def _datagram_ports(pair: _Pair) -> str:
    if pair.protocol != "UDP":
        return ""
    for one, other in pair.both_ways:
        to, at = one.end.remote_port, other.end.local_port
        if to not in (0, at):
            return f"{pair.name(one)} names port {to}, {pair.name(other)} receives at {at}"
    return ""


def _addresses(pair: _Pair) -> str:
    for one, other in pair.both_ways:
        named = one.end.remote_address
        if named is None or int(named) == 0 or named.is_multicast or pair.protocol is None:
            continue
        if other.own_address is not None and named not in (other.own_address, *other.other_addresses):
            return f"{pair.name(one)} names {named} as its partner, {pair.name(other)} is {other.own_address}"
        if other.own_address is None and one.own_address is None and named == other.end.remote_address:
            return f"both sides name {named} as their partner"
    return ""


def _selectors(pair: _Pair) -> str:
    if pair.roles is None or pair.protocol != "ISO-on-TCP":
        return ""
    active, passive = pair.roles
    to, at = active.end.remote_selector, passive.end.local_selector
    if to != at:
        return f"{pair.name(active)} calls selector {to.hex(' ')}, {pair.name(passive)} is {at.hex(' ')}"
    wanted, used = passive.end.remote_selector, active.end.local_selector
    if wanted not in (b"", used):
        return f"{pair.name(passive)} admits selector {wanted.hex(' ')} only, {pair.name(active)} is {used.hex(' ')}"
    return ""


def _plain(pair: _Pair) -> str:
    if pair.protocol != "TCP" or pair.a.end.secure == pair.b.end.secure:
        return ""
    secure, plain = ("A", "B") if pair.a.end.secure else ("B", "A")
    return f"{secure} speaks TLS and {plain} does not"


def _no_client_certificate(pair: _Pair) -> str:
    if not pair.secure or pair.roles is None:
        return ""
    active, passive = pair.roles
    if not passive.end.request_client_certificate or active.end.own_reference:
        return ""
    return f"{pair.name(passive)} asks for a client certificate and {pair.name(active)} names none"


def _chains(pair: _Pair) -> str:
    """Whether each side that verifies can: its anchor is in the partner's chain, and it holds the whole chain."""
    if not pair.secure:
        return ""
    for verifier, other in pair.both_ways:
        shown, held = other.shown, verifier.certificates
        if not verifier.verifies or shown is None or held is None:
            continue
        who, whose = pair.name(verifier), pair.name(other)
        chain = (shown.id, *shown.issuer_ids)
        reference = verifier.end.trust_reference
        anchors = verifier.anchors
        if not set(anchors).intersection(chain):
            trusted = f"certificate {reference}" if reference else "the CAs on its device"
            return f"{who} trusts {trusted}, which did not issue certificate {shown.id} of {whose}"
        missing = [one for one in chain[1:] if one not in held]
        if missing:
            return f"{who} does not hold certificate {missing[0]}, a CA above certificate {shown.id} of {whose}"
        if not shown.complete:
            return f"the chain of certificate {shown.id} of {whose} does not reach a root"
    return ""


def _subject_alternative_name(pair: _Pair) -> str:
    if not pair.secure or pair.roles is None:
        return ""
    active, passive = pair.roles
    shown = passive.shown
    if not active.end.check_subject_alternative_name or shown is None:
        return ""
    if active.end.remote_address is not None:
        wanted, there = str(active.end.remote_address), str(active.end.remote_address) in shown.addresses
    else:
        wanted = (active.end.remote_name or "").rstrip(".")
        there = any(_stands_for(pattern, wanted) for pattern in shown.names)
    if there:
        return ""
    return f"{pair.name(active)} looks for {wanted}, which certificate {shown.id} of {pair.name(passive)} does not name"


def _stands_for(pattern: str, name: str) -> bool:
    """A dNSName entry and a name: whole labels, `*` only as the leftmost one (RFC 6125, 6.4.3)."""
    offered, wanted = pattern.lower().rstrip("."), name.lower()
    if not offered.startswith("*."):
        return offered == wanted
    return offered.count(".") >= 2 and wanted.partition(".")[2] == offered[2:]


def _keys(pair: _Pair) -> str:
    if not pair.secure:
        return ""
    for verifier, other in pair.both_ways:
        shown = other.shown
        if verifier.verifies and shown is not None and shown.key_type not in verifier.profile.key_types:
            who = f"{pair.name(verifier)} ({verifier.profile.name})"
            return f"{who} cannot verify certificate {shown.id} of {pair.name(other)}: its key is {shown.key_type}"
    return ""


def _versions(pair: _Pair) -> str:
    one, other = set(pair.a.profile.tls_versions), set(pair.b.profile.tls_versions)
    # Firmware without TLS is told by its own side.
    if not pair.secure or not one or not other or one & other:
        return ""
    return f"{pair.a.profile.name} and {pair.b.profile.name} have no TLS version in common"


def _groups(pair: _Pair) -> str:
    if not pair.secure or set(pair.a.profile.groups) & set(pair.b.profile.groups):
        return ""
    return f"{pair.a.profile.name} and {pair.b.profile.name} have no key-exchange group in common"


def _lengths(pair: _Pair) -> str:
    one, other = pair.a.data, pair.b.data
    if one is None or other is None or one.moved == other.moved:
        return ""
    return f"A moves {one.moved} bytes per job and B {other.moved}"


def _layouts(pair: _Pair) -> str:
    one, other = pair.a.data, pair.b.data
    return "" if one is None or other is None else difference(one.layout, other.layout)


_WARNING: Final = Severity.WARNING

PAIR_RULES: Final = (
    PairRule(name="protocols differ", member="ConnectionType", find=_protocols,
             remedy="Use the same structure and ConnectionType on both sides"),
    PairRule(name="roles do not meet", member="ActiveEstablished", find=_roles,
             remedy="Set ActiveEstablished to TRUE on one side and to FALSE on the other"),
    PairRule(name="ports do not meet", member="RemotePort, LocalPort", find=_ports,
             remedy="Enter the passive side's LocalPort as RemotePort of the active side"),
    PairRule(name="passive side expects another port", member="RemotePort, LocalPort", find=_back_ports,
             remedy="Set RemotePort of the passive side to 0, or to a fixed LocalPort of the active side"),
    PairRule(name="datagrams miss", member="RemotePort, LocalPort", find=_datagram_ports, severity=_WARNING,
             remedy="Send to the partner's LocalPort (rem_port_nr in ADDR of TUSEND)"),
    PairRule(name="addresses do not meet", member="RemoteAddress", find=_addresses,
             remedy="Enter the address of the other device in RemoteAddress of each side"),
    PairRule(name="selectors do not meet", member="RemoteTSelector, LocalTSelector", find=_selectors,
             remedy="Enter the local selector of each side as the remote selector of the other"),
    PairRule(name="secure against plain", member="ActivateSecureConn", find=_plain,
             remedy="Set ActivateSecureConn to the same value on both sides"),
    PairRule(name="no client certificate", member="TLSServerReqClientCert, TLSClientCertRef",
             find=_no_client_certificate,
             remedy="Enter the ID of the client's own certificate in TLSClientCertRef of the active side, "
             "or set TLSServerReqClientCert of the passive side to FALSE"),
    PairRule(name="chains do not verify", member="TLSServerCertRef, TLSClientCertRef", find=_chains,
             remedy="Refer to the CA that issued the partner's certificate, and add it with every CA above it to "
             "'Certificates of the partner devices'"),
    PairRule(name="name not in the certificate", member="ExtTLSCapabilities, RemoteAddress",
             find=_subject_alternative_name,
             remedy="Put the address (or the name) into the subjectAltName of the server's certificate, or clear bit "
             "0"),
    PairRule(name="key the partner cannot verify", member="TLSServerCertRef, TLSClientCertRef", find=_keys,
             remedy="Create the certificate with EC prime256v1 or RSA 2048"),
    PairRule(name="no TLS version in common", member="ActivateSecureConn", find=_versions,
             remedy="Update the older firmware"),
    PairRule(name="no group in common", member="ActivateSecureConn", find=_groups,
             remedy="Let both profiles share a group"),
    PairRule(name="lengths differ", member="LEN, DATA", find=_lengths,
             remedy="Give both sides the same number of bytes: with TCP a receiver of fixed length waits until it "
             "has them"),
    PairRule(name="layouts differ", member="DATA", find=_layouts,
             remedy="Declare the same structure on both sides, without optimized block access"),
)  # fmt: skip


def compare(a: Side, b: Side, *, now: datetime | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with a connection: findings of side A, of side B, and of the pair.

    Args:
        a: One side.
        b: The other.
        now: The time at which certificates are judged, aware; without it dates are not looked at.
    """
    findings: list[Finding] = []
    names: tuple[tuple[SideName, Side], ...] = (("A", a), ("B", b))
    for name, side in names:
        alone = check(
            side.description,
            profile=side.profile,
            own_address=side.own_address,
            others=side.others,
            certificates=side.certificates,
            now=now,
        )
        if side.data is not None:
            alone += area_findings(side.data, side.profile)
        findings += (attrs.evolve(finding, side=name) for finding in alone)
    pair = _Pair(a, b)
    for rule in PAIR_RULES:
        message = rule.find(pair)
        if message:
            findings.append(
                Finding(
                    rule=rule.name,
                    message=message,
                    member=rule.member,
                    status=None,
                    remedy=rule.remedy,
                    severity=rule.severity,
                    side="A-B",
                )
            )
    return tuple(findings)


def meeting(a: Sequence[Description], b: Sequence[Description]) -> tuple[tuple[int, int], ...]:
    """Which descriptions of two devices can meet by protocol, role and port, as pairs of positions.

    A single description on each side is a pair, whatever it says.
    """
    if len(a) == len(b) == 1:
        return ((0, 0),)
    return tuple((i, j) for i, one in enumerate(a) for j, other in enumerate(b) if _can_meet(view(one), view(other)))


def _can_meet(one: Endpoint, other: Endpoint) -> bool:
    if one.protocol != other.protocol or one.protocol is None:
        return False
    if one.protocol == "UDP":
        return one.remote_port in (0, other.local_port) and other.remote_port in (0, one.local_port)
    if one.active == other.active:
        return False
    active, passive = (one, other) if one.active else (other, one)
    if one.protocol == "ISO-on-TCP":
        return active.remote_selector == passive.local_selector
    return active.remote_port == passive.local_port and passive.remote_port in (0, active.local_port)
