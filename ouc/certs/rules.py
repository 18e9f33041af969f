"""The rules that every certificate of a chain has to keep, one row each, in the order in which they are asked.

STATUS words: certificates.md 4.3. Where RFC 5280 binds the CA that issues rather than the verifier, the rule is asked only
under a strict policy: certificates of S7 controllers and of old CAs do not keep all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from .constraints import first_violation
from .entry import is_ca
from .extensions import complaint, extension, has_explicit_curve, serial_bytes, serial_of
from .keys import key_type, strength
from .names import san_entries

__all__ = ["RULES", "Broken", "Judgement", "Policy", "Rule"]

_CLOCK: Final = "Set the clock of this station (an S7 CPU that was never set says 2012-01-01), or renew the certificate"
_RENEW: Final = "Renew the certificate in the certificate manager (it keeps its ID) and download"
_TEMPLATE: Final = "Create the certificate with the usage 'TLS client/server'"
_REISSUE: Final = "Issue the certificate from a CA that may do so"


@attrs.frozen(kw_only=True)
class Policy:
    """How strong and how strict a chain must be.

    Attributes:
        minimum_strength: Security of every key in bits (NIST SP 800-57): 112 is RSA 2048 or EC P-224; 80 lets RSA 1024
            pass, for legacy partners.
        allow_sha1: Accept signatures with SHA-1 below the root. The root's own signature proves nothing and may be SHA-1
            always, as default CA 1 is.
        max_depth: CAs in a chain.
        strict: Also demand what RFC 5280 demands of the CA that issues: key identifiers, critical basic constraints,
            positive serial numbers, numbered revocation lists; and refuse where a revocation list is there and cannot be
            used.
    """

    minimum_strength: int = 112
    allow_sha1: bool = False
    max_depth: int = 8
    strict: bool = False


@attrs.frozen(kw_only=True)
class Judgement:
    """One chain under judgement: leaf first, root last."""

    path: tuple[x509.Certificate, ...]
    purpose: Literal["server", "client"]
    now: datetime
    policy: Policy


@attrs.frozen
class Broken:
    """A broken rule; `{}` in `what` stands for the certificate."""

    status: int
    what: str
    remedy: str = ""


@attrs.frozen
class Rule:
    """A rule by name; `check` gets the chain and the place of a certificate in it, 0 for the leaf."""

    name: str
    check: Callable[[Judgement, int], Broken | None]


def _readable(judgement: Judgement, depth: int) -> Broken | None:
    one = judgement.path[depth]
    damage = complaint(one)
    if damage:
        return Broken(0x80E2, f"{{}} cannot be read: {damage.replace('{', '(').replace('}', ')')}", _RENEW)
    if one.version is not x509.Version.v3:
        return Broken(0x80E2, "{} is not of X.509 version 3", _RENEW)
    if not is_ca(one) and extension(one, x509.NameConstraints) is not None:
        return Broken(0x80E2, "{} has name constraints and is no CA", _RENEW)
    empty = not list(one.issuer) or (depth > 0 and not list(one.subject))
    unnamed = not list(one.subject) and not san_entries(one)
    return Broken(0x80E2, "{} lacks a name", _RENEW) if empty or unnamed else None


def _validity(judgement: Judgement, depth: int) -> Broken | None:
    one, now = judgement.path[depth], judgement.now
    if now < one.not_valid_before_utc:
        start = one.not_valid_before_utc
        return Broken(0x80E2, f"{{}} is not yet valid at {now:%Y-%m-%d %H:%M} (from {start:%Y-%m-%d %H:%M})", _CLOCK)
    if now > one.not_valid_after_utc:
        return Broken(0x80E5, f"{{}} has expired on {one.not_valid_after_utc:%Y-%m-%d %H:%M}", _RENEW)
    return None


# Extensions whose meaning is known here; a critical one outside this list is refused. Policy constraints are not: their
# rules are not applied, so a CA that insists on them has to be refused (RFC 5280 4.2).
_KNOWN: Final = frozenset({
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.ISSUER_ALTERNATIVE_NAME, ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.CRL_DISTRIBUTION_POINTS,
})  # fmt: skip
# RFC 5280 says these must never be critical (4.2.1.1, 4.2.1.2, 4.2.2.1).
_NEVER_CRITICAL: Final = frozenset({
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
})  # fmt: skip


def _extensions(judgement: Judgement, depth: int) -> Broken | None:
    for found in judgement.path[depth].extensions:
        if found.critical and found.oid not in _KNOWN:
            word = "must not be critical" if found.oid in _NEVER_CRITICAL else "is critical and not supported"
            return Broken(
                0x80E7, f"extension {found.oid.dotted_string} of {{}} {word}", "Create it without that extension"
            )
    return None


def _strength(judgement: Judgement, depth: int) -> Broken | None:
    one, policy = judgement.path[depth], judgement.policy
    # RFC 5480 2.1.1 forbids it to everybody, and S7 controllers take two curves by name (certificates.md 6.2).
    if has_explicit_curve(one):
        return Broken(0x80E2, "the key of {} brings a curve of its own instead of naming one", _RENEW)
    if strength(one.public_key()) < policy.minimum_strength:
        return Broken(0x80E2, f"the key of {{}} is too weak ({key_type(one.public_key())})", _RENEW)
    if depth == len(judgement.path) - 1:
        return None
    try:
        algorithm = one.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return Broken(0x80E2, "the signature algorithm of {} is not supported", _RENEW)
    weak = {"md5"} if policy.allow_sha1 else {"md5", "sha1"}
    if algorithm is not None and algorithm.name in weak:
        return Broken(0x80E2, f"{{}} is signed with {algorithm.name.upper()}, which is broken", _RENEW)
    return None


def _authority(judgement: Judgement, depth: int) -> Broken | None:
    """What a CA must be (RFC 5280 6.1.4 k to n); the leaf must not claim to sign certificates without being a CA."""
    one = judgement.path[depth]
    usage = extension(one, x509.KeyUsage)
    if depth == 0:
        claims = usage is not None and usage.key_cert_sign and not is_ca(one)
        return Broken(0x80E2, "{} claims to sign certificates and is no CA", _TEMPLATE) if claims else None
    basic = extension(one, x509.BasicConstraints)
    if basic is None or not basic.ca:
        return Broken(0x80E2, "{} is no CA, yet issued a certificate", _REISSUE)
    if usage is not None and not usage.key_cert_sign:
        return Broken(0x80E2, "{} may not sign certificates (key usage)", _REISSUE)
    if basic.path_length is not None:
        below = sum(1 for ca in judgement.path[1:depth] if ca.subject != ca.issuer)
        if below > basic.path_length:
            return Broken(0x80E2, f"below {{}} stand {below} CAs; it allows {basic.path_length} (path length)", _REISSUE)
    return None


_PURPOSES: Final = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def _usage(judgement: Judgement, depth: int) -> Broken | None:
    one = judgement.path[depth]
    purposes = extension(one, x509.ExtendedKeyUsage)
    wanted = (_PURPOSES[judgement.purpose], ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if purposes is not None and not any(purpose in purposes for purpose in wanted):
        return Broken(0x80E2, f"{{}} is not meant for a TLS {judgement.purpose} (extended key usage)", _TEMPLATE)
    usage = extension(one, x509.KeyUsage)
    # Every cipher suite in use signs the handshake with the leaf's key.
    if depth == 0 and usage is not None and not usage.digital_signature:
        return Broken(0x80E2, "{} may not sign a TLS handshake (key usage)", _TEMPLATE)
    return None


def _names(judgement: Judgement, depth: int) -> Broken | None:
    one = judgement.path[depth]
    if depth > 0 and one.subject == one.issuer:  # self-issued CAs are exempt (RFC 5280 6.1.3 b)
        return None
    complaint = first_violation(judgement.path[depth + 1 :], one)
    quoted = complaint.replace("{", "(").replace("}", ")")
    return Broken(0x80E2, f"{{}} has a name that its CA may not certify: {quoted}", _REISSUE) if complaint else None


def _profile(judgement: Judgement, depth: int) -> Broken | None:
    """RFC 5280's demands on those who issue (4.1.2.2, 4.2.1.1, 4.2.1.2, 4.2.1.3, 4.2.1.6, 4.2.1.9 to 4.2.1.11).

    Among them the serial number: who issues must take a positive one of at most 20 octets, who verifies should handle others
    (4.1.2.2), and there are roots with number 0 in the field.
    """
    if not judgement.policy.strict:
        return None
    one = judgement.path[depth]
    if serial_of(one) <= 0 or len(serial_bytes(one)) > 20:
        return Broken(0x80E2, "the serial number of {} is not positive, or has more than 20 octets", _RENEW)
    root = depth == len(judgement.path) - 1
    authority = extension(one, x509.AuthorityKeyIdentifier)
    if not root and (authority is None or authority.key_identifier is None):
        return Broken(0x80E2, "{} does not name its issuer's key (authority key identifier)", _RENEW)
    if is_ca(one):
        if extension(one, x509.SubjectKeyIdentifier) is None:
            return Broken(0x80E2, "{} does not name its own key (subject key identifier)", _RENEW)
        if not one.extensions.get_extension_for_class(x509.BasicConstraints).critical:
            return Broken(0x80E2, "the basic constraints of {} are not critical", _RENEW)
        if extension(one, x509.KeyUsage) is None:
            return Broken(0x80E2, "{} is a CA without key usage", _RENEW)
        constrained = next((e for e in one.extensions if isinstance(e.value, x509.NameConstraints)), None)
        if constrained is not None and not constrained.critical:
            return Broken(0x80E2, "the name constraints of {} are not critical", _RENEW)
    if any(isinstance(e.value, x509.PolicyConstraints) and not e.critical for e in one.extensions):
        return Broken(0x80E2, "the policy constraints of {} are not critical", _RENEW)
    if depth == 0 and not list(one.subject):
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        if not names.critical:
            return Broken(0x80E2, "{} has no subject, so its subjectAltName must be critical", _RENEW)
    return None


RULES: Final[tuple[Rule, ...]] = (
    Rule("readable", _readable),
    Rule("validity", _validity),
    Rule("extensions", _extensions),
    Rule("authority", _authority),
    Rule("usage", _usage),
    Rule("names", _names),
    Rule("strength", _strength),
    Rule("profile", _profile),
)
