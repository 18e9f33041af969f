"""The RFC 5280 cases of C2SP's x509-limbo (github.com/C2SP/x509-limbo, limbo/testcases/rfc5280 and pathlen), made anew.

Each row keeps the name and the meaning of the original; certificates and code are ours. Judged under the strict policy:
nothing that must fail is accepted. What must succeed and is refused is listed with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ouc.certs import Identity, Policy, Trust, verify
from ouc.certs.names import subject

from .strategies import CLIENT, DAY, NOW, SERVER, Made, made, numbered, usage

STRICT = Policy(strict=True)

# Rows that succeed in limbo and are refused here, on purpose.
REFUSED_ON_PURPOSE = {
    "ca-as-leaf": "a TLS handshake is signed with the leaf's key, which this CA's key usage does not allow",
    "pathlen::validation-ignores-pathlen-in-leaf": "the same",
    "root-and-intermediate-swapped": "a chain ends at a self-signed certificate that the device holds (no partial chains)",
    "validity::notafter-fractional": "time is compared as it is, not rounded down to the second",
}


@attrs.frozen
class Row:
    """One case: what is sent, what is trusted, and whether it must succeed."""

    name: str
    good: bool
    leaf: Made | x509.Certificate
    trusted: Sequence[Made]
    sent: Sequence[Made] = ()
    purpose: str = "server"
    now: Any = NOW
    host: str = ""


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def directory(name: str) -> x509.GeneralName:
    return x509.DirectoryName(subject(name))


def limits(permitted: Any = None, excluded: Any = None, *, critical: bool = True) -> dict[str, Any]:
    return {"extra": [(x509.NameConstraints(permitted, excluded), critical)]}


def bent(permitted: x509.GeneralName) -> dict[str, Any]:
    """Name constraints that the library would not build."""
    value = x509.NameConstraints([x509.DNSName("unrelated.example")], None)
    value._permitted_subtrees = [permitted]
    return {"extra": [(value, True)]}


def doubled(certificate: Made) -> x509.Certificate:
    """The certificate with its subjectAltName twice; the signature is wrong then, which comes second."""
    der = certificate.certificate.public_bytes(Encoding.DER)
    policies = bytes.fromhex("0603551d20")  # id-ce-certificatePolicies becomes id-ce-subjectAltName
    assert der.count(policies) == 1
    return x509.load_der_x509_certificate(der.replace(policies, bytes.fromhex("0603551d11")))


ROOT = made("limbo root", ca=True)
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55738.666.1"), b""), True)
ACCESS = x509.AuthorityInformationAccess([x509.AccessDescription(x509.OID_CA_ISSUERS, x509.DNSName("example.com"))])
NO_SIGNING = usage("digital_signature")
EXAMPLE = dns("example.com")


def leaf(ca: Made, **options: Any) -> Made:
    options.setdefault("san", EXAMPLE)
    options.setdefault("purposes", [SERVER])
    return made(options.pop("name", "leaf"), ca, **options)


def _profile() -> list[Row]:
    unnamed = made("x", ca=True, subject_name=x509.Name([]))
    odd_root = made("root", ca=True, extra=[UNKNOWN])
    odd = made("ica", ROOT, ca=True, extra=[UNKNOWN])
    stranger_root = made("stranger", ca=True)
    below = made("ica", stranger_root, ca=True)
    no_ca = made("ica", ROOT, ca=False, key_usage=usage("key_cert_sign"))
    bare = made("ica", ROOT, ca=True, basic=False)
    bare_root = made("root", ca=True, basic=False)
    quiet_root = made("root", ca=True, basic_critical=False)
    torn_root = made("root", ca=True, key_usage=NO_SIGNING)
    torn = made("ica", ROOT, ca=True, path_length=0, key_usage=NO_SIGNING)
    claims = leaf(ROOT, key_usage=usage("digital_signature", "key_cert_sign"))
    policies = (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]), False)
    ica = made("ica", ROOT, ca=True)
    return [
        Row("ee-empty-issuer", False, leaf(ROOT, issuer_name=x509.Name([])), [ROOT]),
        Row("ca-empty-subject", False, leaf(unnamed), [unnamed]),
        Row("unknown-critical-extension-ee", False, leaf(ROOT, extra=[UNKNOWN]), [ROOT]),
        Row("unknown-critical-extension-root", False, leaf(odd_root), [odd_root]),
        Row("unknown-critical-extension-intermediate", False, leaf(odd), [ROOT], [odd]),
        Row("chain-untrusted-root", False, leaf(below), [ROOT], [stranger_root, below]),
        Row("intermediate-ca-without-ca-bit", False, leaf(no_ca), [ROOT], [no_ca]),
        Row("intermediate-ca-missing-basic-constraints", False, leaf(bare), [ROOT], [bare]),
        Row("root-missing-basic-constraints", False, leaf(bare_root), [bare_root]),
        Row("root-non-critical-basic-constraints", False, leaf(quiet_root), [quiet_root]),
        Row("root-inconsistent-ca-extensions", False, leaf(torn_root), [torn_root]),
        Row("ica-ku-keycertsign", False, leaf(torn), [ROOT], [torn]),
        Row("leaf-ku-keycertsign", False, claims, [ROOT]),
        Row("ee-aia", True, leaf(ROOT, extra=[(ACCESS, False)]), [ROOT], host="example.com"),
        Row("ee-critical-aia-invalid", False, leaf(ROOT, extra=[(ACCESS, True)]), [ROOT]),
        Row("duplicate-extensions", False, doubled(leaf(ROOT, extra=[policies])), [ROOT]),
        Row("no-keyusage", True, leaf(ROOT, key_usage=None), [ROOT]),
        Row("no-basicconstraints", True, leaf(ROOT, basic=False), [ROOT]),
        Row("mismatching-signature-algorithm", False, _mismatched(), [ROOT]),
        Row("ca-as-leaf", True, made("ica", ROOT, ca=True, san=dns("ca.example.com")), [ROOT], host="ca.example.com"),
        Row("ca-as-leaf-wrong-san", False, made("ica", ROOT, ca=True, san=dns("ca.example.com")), [ROOT], host="other.ca"),
        Row("root-and-intermediate-swapped", True, leaf(ica), [ica], [ROOT]),
    ]


def _mismatched() -> x509.Certificate:
    """ecdsa-with-SHA256 inside, ecdsa-with-SHA384 outside."""
    der = leaf(ROOT).certificate.public_bytes(Encoding.DER)
    sha256, sha384 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040303")
    at = der.rindex(sha256)
    return x509.load_der_x509_certificate(der[:at] + sha384 + der[at + len(sha256) :])


def _identifiers() -> list[Row]:
    def without(
        kind: type[x509.ExtensionType], name: str, issuer: Made | None, *, critical: bool = False, **options: Any
    ) -> Made:
        """A certificate with one key identifier left out, or made critical."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        above = (issuer.key if issuer is not None else key).public_key()
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(above)
        kept = [(one, critical and isinstance(one, kind)) for one in (own, authority) if critical or not isinstance(one, kind)]
        return made(name, issuer, key=key, key_identifiers=False, extra=kept, **options)

    ski, aki = x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier
    critical_aki = without(aki, "root", None, critical=True, ca=True)
    critical_ski = without(ski, "root", None, critical=True, ca=True)
    no_aki_root = without(aki, "root", None, ca=True)
    no_aki_ica = without(aki, "ica", ROOT, ca=True, path_length=0)
    no_ski_root = without(ski, "root", None, ca=True)
    no_ski_ica = without(ski, "ica", ROOT, ca=True)
    return [
        Row("aki::critical-aki", False, leaf(critical_aki), [critical_aki]),
        Row("aki::leaf-missing-aki", False, without(aki, "leaf", ROOT, san=EXAMPLE, purposes=[SERVER]), [ROOT]),
        Row("aki::intermediate-missing-aki", False, leaf(no_aki_ica), [ROOT], [no_aki_ica]),
        Row("aki::self-signed-root-missing-aki", True, leaf(no_aki_root), [no_aki_root]),
        Row("aki::cross-signed-root-missing-aki", False, leaf(no_aki_ica), [no_aki_ica]),
        Row("ski::critical-ski", False, leaf(critical_ski), [critical_ski]),
        Row("ski::root-missing-ski", False, leaf(no_ski_root), [no_ski_root]),
        Row("ski::intermediate-missing-ski", False, leaf(no_ski_ica), [ROOT], [no_ski_ica]),
    ]


def _small() -> list[Row]:
    bad_san = (x509.UnrecognizedExtension(x509.OID_SUBJECT_ALTERNATIVE_NAME, b"example.com"), False)
    unnamed = leaf(ROOT, subject_name=x509.Name([]))
    quiet_policy = made("ica", ROOT, ca=True, extra=[(x509.PolicyConstraints(3, None), False)])
    return [
        Row("eku::ee-wrong-eku", False, leaf(ROOT, purposes=[CLIENT]), [ROOT]),
        Row("eku::ee-without-eku", True, leaf(ROOT, purposes=None), [ROOT]),
        Row("pc::ica-noncritical-pc", False, leaf(quiet_policy), [ROOT], [quiet_policy]),
        Row("san::malformed", False, leaf(ROOT, san=(), extra=[bad_san]), [ROOT]),
        Row("san::noncritical-with-empty-subject", False, unnamed, [ROOT]),
        Row("serial::too-long", False, _serial(b"\x7f" * 22), [ROOT]),
        Row("serial::zero", False, _serial(b"\x00"), [ROOT]),
        Row("serial::negative", False, _serial(b"\x80\x01"), [ROOT]),
    ]


def _serial(content: bytes) -> x509.Certificate | Made:
    """A certificate with a serial number that the library would not build, with a right signature."""
    return numbered("leaf", content, ROOT, san=EXAMPLE, purposes=[SERVER])


def _validity() -> list[Row]:
    old: dict[str, Any] = {"start": NOW - 90 * DAY, "end": NOW - 30 * DAY}
    exact: dict[str, Any] = {"start": NOW, "end": NOW + 30 * DAY}
    old_root = made("root", ca=True, **old)
    of_old = made("ica", old_root, ca=True)
    old_ica = made("ica", ROOT, ca=True, **old)
    ica = made("ica", ROOT, ca=True)
    exact_root = made("root", ca=True, **exact)
    exact_ica = made("ica", exact_root, ca=True, **exact)
    one, chain = leaf(exact_ica, **exact), ([exact_root], [exact_ica])
    milli = timedelta(milliseconds=1)
    return [
        Row("validity::expired-root", False, leaf(of_old), [old_root], [of_old]),
        Row("validity::expired-intermediate", False, leaf(old_ica), [ROOT], [old_ica]),
        Row("validity::expired-leaf", False, leaf(ica, **old), [ROOT], [ica]),
        Row("validity::notbefore-exact", True, one, *chain, now=NOW),
        Row("validity::notbefore-fractional", False, one, *chain, now=NOW - milli),
        Row("validity::notafter-exact", True, one, *chain, now=NOW + 30 * DAY),
        Row("validity::notafter-fractional", True, one, *chain, now=NOW + 30 * DAY + 5 * milli),
    ]


def _constraints() -> list[Row]:
    rows: list[Row] = []

    def case(
        title: str, good: bool, constraints: dict[str, Any], san: list[x509.GeneralName], *, host: str = "", **options: Any
    ) -> None:
        ca = made("constrained", ca=True, **constraints)
        rows.append(Row(f"nc::{title}", good, leaf(ca, san=san, **options), [ca], host=host,
                        purpose="client" if options.get("purposes") == [CLIENT] else "server"))  # fmt: skip

    net4, net6 = x509.IPAddress(IPv4Network("192.0.2.0/24")), x509.IPAddress(IPv6Network("::1/128"))
    inside4, outside4 = x509.IPAddress(IPv4Address("192.0.2.1")), x509.IPAddress(IPv4Address("192.0.3.1"))
    inside6 = x509.IPAddress(IPv6Address("::1"))
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.55738.666.3"), b"\x05\x00")
    mail, twice = x509.RFC822Name("foo@example.com"), x509.RFC822Name._init_without_validation("a@b@example.com")
    host = dns("example.com")
    case("permitted-dns-mismatch", False, limits(host), dns("not-example.com"))
    case("excluded-dns-match", False, limits(None, host), host)
    case("permitted-dns-match", True, limits(host), host, host="example.com")
    case("permitted-dns-match-noncritical", False, limits(host, critical=False), host)
    case("permitted-dns-match-more", True, limits(host), dns("foo.bar.example.com"))
    case("excluded-dns-match-second", False, limits(None, dns("no.example.com")), dns("example.com", "no.example.com"))
    case("permitted-ip-mismatch", False, limits([net4]), [outside4])
    case("excluded-ipv4-match", False, limits(None, [net4]), [inside4])
    case("excluded-ipv6-match", False, limits(None, [net6]), [inside6])
    case("permitted-ipv4-match", True, limits([net4]), [inside4])
    case("permitted-ipv6-match", True, limits([net6]), [inside6])
    case("permitted-dn-mismatch", False, limits([directory("foo")]), [directory("not-foo")], name="not-foo")
    case("excluded-dn-match", False, limits(None, [directory("foo")]), [directory("foo")], name="foo")
    case("permitted-dn-match", True, limits([directory("foo")]), [directory("foo")], name="foo")
    case("permitted-dn-match-subject-san-mismatch", False, limits([directory("foo")]), [directory("foo")], name="not-foo")
    case("excluded-dn-match-sub-mismatch", False, limits(None, [directory("foo")]), [directory("not-foo")], name="foo")
    case("excluded-match-permitted-and-excluded", False, limits(host, host), host)
    case("permitted-different-constraint-type", True, limits([net4]), host)
    case("excluded-different-constraint-type", True, limits(None, [net4]), host)
    case("invalid-dnsname-wildcard", False, bent(x509.DNSName("*.example.com")), dns("foo.example.com"))
    case("invalid-dnsname-leading-period", False, bent(x509.DNSName(".example.com")), dns("foo.example.com"))
    case("invalid-ipv4-address", False, bent(inside4), [inside4])
    case("invalid-ipv6-address", False, bent(inside6), [inside6])
    case("invalid-email-address", False, bent(twice), [mail], purposes=[CLIENT])
    case("nc-permits-invalid-dns-san", False, limits(host), dns(".example.com", "foo.example.com"))
    case("nc-permits-invalid-ip-san", False, limits([net4]), [net4, inside4])
    case("nc-permits-invalid-email-san", False, limits([x509.RFC822Name("example.com")]), [mail, twice], purposes=[CLIENT])
    case("nc-permits-email-exact", True, limits([mail]), [mail], purposes=[CLIENT])
    case("nc-permits-email-domain", True, limits([x509.RFC822Name("example.com")]), [mail], purposes=[CLIENT])
    case("nc-forbids-othername", False, limits(host, [other]), [*host, other])
    case("nc-forbids-othername-noop", True, limits(host, [other]), host)
    for critical in (False, True):
        name = f"nc::not-allowed-in-ee-{'' if critical else 'non'}critical"
        rows.append(Row(name, False, leaf(ROOT, **limits(host, critical=critical)), [ROOT]))
    return [*rows, *_constrained_chains()]


def _constrained_chains() -> list[Row]:
    allow, forbid = dns("permitted.example.com"), dns("forbidden.example.com")
    foo, bar = dns("foo.example.com"), dns("bar.example.com")
    narrow_root = made("not-example.com", ca=True, san=dns("not-example.com"), **limits(EXAMPLE))
    self_issued = made("not-example.com", narrow_root, ca=True, san=dns("not-example.com"))
    top = made("top", ca=True, **limits(EXAMPLE))
    middle = made("not-example.com", top, ca=True, san=dns("not-example.com"))
    self_leaf = leaf(middle, name="not-example.com", san=dns("not-example.com"))
    strict_ica = made("ica 1", ROOT, ca=True, **limits(allow, forbid))
    named = made("ica 2", strict_ica, ca=True, san=forbid)
    strict_root = made("root", ca=True, **limits(allow, forbid))
    free = made("ica 1", strict_root, ca=True)
    named_below = made("ica 2", free, ca=True, san=forbid)
    wide = made("ica 1", ROOT, ca=True, **limits([*foo, *bar]))
    narrower = made("ica 2", wide, ca=True, **limits(bar))
    narrow = made("ica 1", ROOT, ca=True, **limits(bar))
    wider = made("ica 2", narrow, ca=True, **limits([*foo, *bar]))
    key = ec.generate_private_key(ec.SECP256R1())
    other_root = made("other root", ca=True)
    lost = made("an-intermediate", made("nobody", ca=True), ca=True, key=key, san=forbid)
    found = made("an-intermediate", strict_ica, ca=True, key=key)
    free_one = made("an-intermediate", other_root, ca=True, key=key, san=dns("unconstrained-ica.example.com"))
    forbidding = made("ica a", ROOT, ca=True, **limits(None, forbid))
    forbidden = made("an-intermediate", forbidding, ca=True, key=key, san=forbid)
    return [
        Row("nc::permitted-self-issued", True, leaf(self_issued), [narrow_root], [self_issued]),
        Row("nc::excluded-self-issued-leaf", False, self_leaf, [top], [middle]),
        Row("nc::intermediate-with-san-rejected-by-intermediate-nc", False, leaf(named, san=allow), [ROOT],
            [strict_ica, named]),
        Row("nc::intermediate-with-san-rejected-by-root-nc", False, leaf(named_below, san=allow), [strict_root],
            [free, named_below]),
        Row("nc::restrictive-permits-in-intermediates-narrows", False, leaf(narrower, san=foo), [ROOT], [wide, narrower]),
        Row("nc::restrictive-permits-in-intermediates-widens", False, leaf(wider, san=foo), [ROOT], [narrow, wider]),
        Row("nc::nc-forbids-alternate-chain-ica", True, leaf(lost, name="permitted.example.com", san=allow), [ROOT],
            [strict_ica, lost, found], host="permitted.example.com"),
        Row("nc::nc-forbids-same-chain-ica", True, leaf(forbidden, san=dns("unconstrained.example.com")), [ROOT, other_root],
            [forbidding, forbidden, free_one], host="unconstrained.example.com"),
    ]  # fmt: skip


def _path_lengths() -> list[Row]:
    def chain(*lengths: int | None) -> list[Made]:
        made_ = [ROOT]
        for number, length in enumerate(lengths):
            made_.append(made(f"ica {number}", made_[-1], ca=True, path_length=length))
        return made_[1:]

    rows = [
        (f"ee-with-intermediate-pathlen-{length}", True, chain(length)) for length in (0, 1, 2)
    ] + [
        ("intermediate-violates-pathlen-0", False, chain(0, 0)),
        ("intermediate-pathlen-may-increase", True, chain(1, 2)),
        ("intermediate-pathlen-too-long", False, chain(1, 0, 0)),
    ]
    found = [Row(f"pathlen::{name}", good, leaf(cas[-1]), [ROOT], cas) for name, good, cas in rows]
    first = made("same", ROOT, ca=True, path_length=1)
    second = made("same", first, ca=True, path_length=1)
    third = made("third", second, ca=True, path_length=0)
    short, ca_leaf = chain(0, 0)
    found.append(Row("pathlen::validation-ignores-pathlen-in-leaf", True, ca_leaf, [ROOT], [short]))
    return [*found, Row("pathlen::self-issued-certs-pathlen", True, leaf(third), [ROOT], [first, second, third])]


ROWS = [*_profile(), *_identifiers(), *_small(), *_validity(), *_constraints(), *_path_lengths()]


def judged(row: Row, policy: Policy) -> bool:
    anchors = tuple(one.certificate for one in row.trusted)
    trust = Trust(reference=0, ids=tuple(range(len(anchors))), anchors=anchors, pool=anchors)
    one = row.leaf.certificate if isinstance(row.leaf, Made) else row.leaf
    return verify(
        [one, *(above.certificate for above in row.sent)], purpose=row.purpose, trust=trust, now=row.now, policy=policy,  # type: ignore[arg-type]
        identity=Identity(name=row.host) if row.host else None,
    ).ok  # fmt: skip


@pytest.mark.parametrize("row", [row for row in ROWS if not row.good], ids=lambda row: row.name)
def test_what_must_fail_is_refused(row: Row) -> None:
    assert not judged(row, STRICT)


@pytest.mark.parametrize("row", [row for row in ROWS if row.good], ids=lambda row: row.name)
def test_what_must_succeed_is_accepted_or_refused_for_a_listed_reason(row: Row) -> None:
    assert judged(row, STRICT) == (row.name not in REFUSED_ON_PURPOSE)
    assert judged(row, Policy()) == (row.name not in REFUSED_ON_PURPOSE)


def test_the_default_policy_is_lenient_about_what_binds_the_issuer_only() -> None:
    lenient = {row.name for row in ROWS if not row.good and judged(row, Policy())}
    assert lenient == {
        "root-non-critical-basic-constraints", "aki::leaf-missing-aki", "aki::intermediate-missing-aki",
        "ski::root-missing-ski", "ski::intermediate-missing-ski", "pc::ica-noncritical-pc",
        "san::noncritical-with-empty-subject", "nc::permitted-dns-match-noncritical", "serial::too-long", "serial::zero",
        "serial::negative",
    }  # fmt: skip


def test_every_case_of_the_folder_is_there_once() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) == 94
