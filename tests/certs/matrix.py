"""Good and bad certificates and chains, one row each: what is sent, what is held, and how it must be judged.

The expected STATUS is that of certificates.md 4.3; None means that the chain is good.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ouc.certs import Identity, Policy
from ouc.certs.issue import Order, issue
from ouc.certs.names import subject
from ouc.certs.templates import TEMPLATES

from .case import ALONE, GOOD, IMPOSTOR, LOW, MIDDLE, OTHER_ROOT, OURS, ROOT, UNKNOWN, Case, dns, ip
from .matrix_lists import revocations
from .matrix_numbers import curves, serials
from .strategies import CLIENT, DAY, NOW, SERVER, Made, made, pooled, usage

__all__ = ["CASES"]


def _net(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_network(text))


def _uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def _mail(text: str) -> x509.GeneralName:
    return x509.RFC822Name(text)


def _dir(text: str) -> x509.GeneralName:
    return x509.DirectoryName(subject(text))


def _chains() -> list[Case]:
    below = made("leaf", MIDDLE, purposes=[SERVER])
    deep = made("leaf", LOW, purposes=[SERVER])
    forged = made("leaf", IMPOSTOR, purposes=[SERVER], key_identifiers=False)
    damaged = Made(_flip(GOOD.certificate), GOOD.key)
    bare = made("Bare root", ca=True, basic=False, key_usage=None, key_identifiers=False)
    return [
        Case(name="leaf of a held root", sent=[GOOD], held=[ROOT], status=None),
        Case(name="leaf of a held root, root sent too", sent=[GOOD, ROOT], held=[ROOT], status=None),
        Case(name="leaf below a held intermediate and root", sent=[below], held=[ROOT, MIDDLE], status=None),
        Case(name="intermediate sent by the partner", sent=[below, MIDDLE], held=[ROOT], status=None),
        Case(name="three CAs, all held", sent=[deep], held=[ROOT, MIDDLE, LOW], status=None),
        Case(name="three CAs, two sent in the wrong order", sent=[deep, MIDDLE, LOW], held=[ROOT], status=None),
        Case(name="strangers among what is sent", sent=[GOOD, OTHER_ROOT, below], held=[ROOT], status=None),
        Case(name="self-signed and held", sent=[ALONE], held=[ALONE], status=None),
        Case(name="self-signed and not held", sent=[ALONE], held=[ROOT], status=0x80E4, rule="root"),
        Case(name="self-signed twin with another key", sent=[made("alone")], held=[ALONE], status=0x80E4, rule="root"),
        Case(name="wrong CA", sent=[GOOD], held=[OTHER_ROOT], status=0x80E4, rule="root"),
        Case(name="missing intermediate", sent=[below], held=[ROOT], status=0x80E4, rule="root"),
        Case(name="missing lowest of two intermediates", sent=[deep], held=[ROOT, MIDDLE], status=0x80E4, rule="root"),
        Case(name="root only sent, not held", sent=[GOOD, ROOT], held=[OTHER_ROOT], status=0x80E4, rule="root"),
        Case(name="CA of the same name and another key", sent=[GOOD], held=[IMPOSTOR], status=0x80E4, rule="root"),
        Case(name="forged: name fits, key identifiers absent", sent=[forged], held=[ROOT], status=0x80E6, rule="signature"),
        Case(name="damaged signature", sent=[damaged], held=[ROOT], status=0x80E6, rule="signature"),
        Case(name="CA-issued pin with its chain", sent=[GOOD], held=[GOOD, ROOT], reference=1, status=None),
        Case(name="another leaf of the pinned leaf's CA", sent=[made("b", ROOT)], held=[GOOD, ROOT], reference=1,
             status=0x80E4, rule="anchor", openssl_differs=OURS),
        Case(name="anchor is the intermediate", sent=[below], held=[MIDDLE, ROOT], reference=1, status=None),
        Case(name="anchor is the intermediate, leaf is the root's", sent=[GOOD], held=[MIDDLE, ROOT], reference=1,
             status=0x80E4, rule="anchor", openssl_differs=OURS),
        Case(name="anchor is the root, leaf is the intermediate's", sent=[below], held=[ROOT, MIDDLE], reference=1,
             status=None),
        Case(name="nine CAs", sent=list(reversed(_tower(9)))[:1], held=_tower(9)[:-1], status=0x80E2, rule="chain length",
             openssl_differs="OpenSSL's limit is a setting of the context"),
        Case(name="eight CAs", sent=list(reversed(_tower(8)))[:1], held=_tower(8)[:-1], status=None),
        Case(name="eleven certificates sent", sent=[GOOD] * 11, held=[ROOT], status=0x80E2, rule="sent", openssl_differs=OURS),
        Case(name="root without any extension", sent=[made("leaf", bare, purposes=[SERVER], key_identifiers=False)],
             held=[bare], status=0x80E2, rule="authority"),
    ]  # fmt: skip


def _flip(certificate: x509.Certificate) -> x509.Certificate:
    """The same certificate with one bit of its signature turned, still readable."""
    der = bytearray(certificate.public_bytes(Encoding.DER))
    der[-5] ^= 1
    return x509.load_der_x509_certificate(bytes(der))


_TOWERS: dict[int, list[Made]] = {}


def _tower(cas: int) -> list[Made]:
    """A root, CAs below it, and a leaf."""
    if cas not in _TOWERS:
        tower = [ROOT]
        for number in range(1, cas):
            tower.append(made(f"CA {number}", tower[-1], ca=True))
        _TOWERS[cas] = [*tower, made("leaf", tower[-1], purposes=[SERVER])]
    return _TOWERS[cas]


def _dates() -> list[Case]:
    short = made("leaf", ROOT, purposes=[SERVER], start=NOW, end=NOW + DAY)
    old_root = made("Old root", ca=True, start=NOW - 10 * DAY, end=NOW - DAY)
    new_root = made("New root", ca=True, start=NOW + DAY)
    old_middle = made("Old middle", ROOT, ca=True, start=NOW - 10 * DAY, end=NOW - DAY)
    second = timedelta(seconds=1)
    return [
        Case(name="first second of validity", sent=[short], held=[ROOT], now=NOW, status=None),
        Case(name="last second of validity", sent=[short], held=[ROOT], now=NOW + DAY, status=None),
        Case(name="one second early", sent=[short], held=[ROOT], now=NOW - second, status=0x80E2, rule="validity"),
        Case(name="one second late", sent=[short], held=[ROOT], now=NOW + DAY + second, status=0x80E5, rule="validity"),
        Case(name="clock never set", sent=[GOOD], held=[ROOT], now=NOW.replace(year=2012, month=1, day=1), status=0x80E2,
             rule="validity"),
        Case(name="the year 2050", sent=[GOOD], held=[ROOT], now=NOW.replace(year=2050), status=0x80E5, rule="validity"),
        Case(name="expired root", sent=[made("leaf", old_root, purposes=[SERVER])], held=[old_root], status=0x80E5,
             rule="validity"),
        Case(name="root not yet valid", sent=[made("leaf", new_root, purposes=[SERVER])], held=[new_root], status=0x80E2,
             rule="validity"),
        Case(name="expired intermediate", sent=[made("leaf", old_middle, purposes=[SERVER])], held=[ROOT, old_middle],
             status=0x80E5, rule="validity"),
        Case(name="expired self-signed pin", sent=[old := made("pin", start=NOW - 9 * DAY, end=NOW - DAY)], held=[old],
             status=0x80E5, rule="validity"),
    ]  # fmt: skip


def _purposes() -> list[Case]:
    def leaf(**options: Any) -> list[Made]:
        return [made("leaf", ROOT, **options)]

    code = ExtendedKeyUsageOID.CODE_SIGNING
    server_only = made("Server CA", ROOT, ca=True, purposes=[SERVER])
    client_only = made("Client CA", ROOT, ca=True, purposes=[CLIENT])
    rows: list[tuple[str, list[Made], str, int | None]] = [
        ("server for a server", leaf(purposes=[SERVER]), "server", None),
        ("client for a client", leaf(purposes=[CLIENT]), "client", None),
        ("both for a server", leaf(purposes=[SERVER, CLIENT]), "server", None),
        ("both for a client", leaf(purposes=[SERVER, CLIENT]), "client", None),
        ("no extended key usage, server", leaf(), "server", None),
        ("no extended key usage, client", leaf(), "client", None),
        ("client for a server", leaf(purposes=[CLIENT]), "server", 0x80E2),
        ("server for a client", leaf(purposes=[SERVER]), "client", 0x80E2),
        ("code signing for a server", leaf(purposes=[code]), "server", 0x80E2),
        ("code signing for a client", leaf(purposes=[code]), "client", 0x80E2),
        ("no key usage at all", leaf(key_usage=None, purposes=[SERVER]), "server", None),
        ("key usage of the OPC UA template", leaf(key_usage=usage(
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), purposes=[SERVER]),
         "server", None),
        ("key usage certificate signing only", leaf(key_usage=usage("crl_sign"), purposes=[SERVER]), "server", 0x80E2),
        ("non repudiation only, server", leaf(key_usage=usage("content_commitment"), purposes=[SERVER]), "server", 0x80E2),
        ("non repudiation only, client", leaf(key_usage=usage("content_commitment"), purposes=[CLIENT]), "client", 0x80E2),
    ]  # fmt: skip
    cases = [
        Case(name=name, sent=sent, held=[ROOT], purpose=purpose, status=status, rule="usage" if status else "")
        for name, sent, purpose, status in rows
    ]
    only_agreement = leaf(key_usage=usage("key_agreement"), purposes=[SERVER])
    any_purpose = leaf(purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    return [
        *cases,
        Case(name="key agreement without digital signature", sent=only_agreement, held=[ROOT], status=0x80E2, rule="usage",
             openssl_differs="OpenSSL lets the key exchange decide"),
        Case(name="any extended key usage", sent=any_purpose, held=[ROOT], status=None,
             openssl_differs="OpenSSL does not count anyExtendedKeyUsage for TLS roles"),
        Case(name="CA for servers issues a server", sent=[made("a", server_only, purposes=[SERVER])],
             held=[ROOT, server_only], status=None),
        Case(name="CA for clients issues a server", sent=[made("a", client_only, purposes=[SERVER])],
             held=[ROOT, client_only], status=0x80E2, rule="usage"),
        Case(name="leaf claims to sign certificates", sent=leaf(key_usage=usage("digital_signature", "key_cert_sign")),
             held=[ROOT], status=0x80E2, rule="authority", openssl_differs=OURS),
    ]  # fmt: skip


def _authorities() -> list[Case]:
    no_ca = made("No CA", ROOT)
    no_basic = made("No basic constraints", ROOT, basic=False, key_usage=usage("key_cert_sign"))
    no_sign = made("CA that must not sign", ROOT, ca=True, key_usage=usage("crl_sign"))
    zero = made("Path 0", ROOT, ca=True, path_length=0)
    below_zero = made("Below path 0", zero, ca=True)
    one = made("Path 1", ROOT, ca=True, path_length=1)
    below_one = made("Below path 1", one, ca=True)
    two_below_one = made("Two below path 1", below_one, ca=True)
    narrow_root = made("Narrow root", ca=True, path_length=0)
    narrow_middle = made("Narrow middle", narrow_root, ca=True)
    quiet = made("Non-critical basic constraints", ca=True, basic_critical=False)

    def leaf(ca: Made) -> list[Made]:
        return [made("leaf", ca, purposes=[SERVER])]

    return [
        Case(name="issuer is no CA", sent=leaf(no_ca), held=[ROOT, no_ca], status=0x80E2, rule="authority"),
        Case(name="issuer is a leaf that the partner sent", sent=[*leaf(GOOD), GOOD], held=[ROOT], status=0x80E2,
             rule="authority"),
        Case(name="issuer without basic constraints", sent=leaf(no_basic), held=[ROOT, no_basic], status=0x80E2,
             rule="authority"),
        Case(name="issuer without certificate signing", sent=leaf(no_sign), held=[ROOT, no_sign], status=0x80E2,
             rule="authority"),
        Case(name="path length 0 with a leaf", sent=leaf(zero), held=[ROOT, zero], status=None),
        Case(name="path length 0 with a CA", sent=leaf(below_zero), held=[ROOT, zero, below_zero], status=0x80E2,
             rule="authority"),
        Case(name="path length 1 with a CA", sent=leaf(below_one), held=[ROOT, one, below_one], status=None),
        Case(name="path length 1 with two CAs", sent=leaf(two_below_one), held=[ROOT, one, below_one, two_below_one],
             status=0x80E2, rule="authority"),
        Case(name="path length 0 of the root with a leaf", sent=leaf(narrow_root), held=[narrow_root], status=None),
        Case(name="path length 0 of the root with a CA", sent=leaf(narrow_middle), held=[narrow_root, narrow_middle],
             status=0x80E2, rule="authority"),
        Case(name="basic constraints not critical", sent=leaf(quiet), held=[quiet], status=None),
        Case(name="basic constraints not critical, strict", sent=leaf(quiet), held=[quiet], policy=Policy(strict=True),
             status=0x80E2, rule="profile", openssl_differs="plain OpenSSL is not strict"),
        Case(name="no key identifiers", sent=[made("leaf", ROOT, key_identifiers=False)], held=[ROOT], status=None),
        Case(name="no key identifiers, strict", sent=[made("leaf", ROOT, key_identifiers=False)], held=[ROOT],
             policy=Policy(strict=True), status=0x80E2, rule="profile", openssl_differs="plain OpenSSL is not strict"),
        Case(name="everything a strict verifier wants", sent=[GOOD], held=[ROOT], policy=Policy(strict=True), status=None),
    ]  # fmt: skip


def _constraints() -> list[Case]:
    def under(permitted: list[x509.GeneralName] | None, excluded: list[x509.GeneralName] | None, *names: x509.GeneralName,
              title: str = "leaf") -> tuple[list[Made], list[Made]]:
        limits = x509.NameConstraints(permitted, excluded)
        ca = made("Constrained", ROOT, ca=True, extra=[(limits, True)])
        return [made(title, ca, purposes=[SERVER], san=names)], [ROOT, ca]

    rows: list[tuple[str, tuple[list[Made], list[Made]], int | None]] = [
        ("DNS name inside", under([dns("plant")], None, dns("plc-1.plant")), None),
        ("DNS name equal", under([dns("plc-1.plant")], None, dns("plc-1.plant")), None),
        ("DNS name outside", under([dns("plant")], None, dns("plc-1.office")), 0x80E2),
        ("DNS name only ends alike", under([dns("plant")], None, dns("power-plant")), 0x80E2),
        ("DNS name excluded", under(None, [dns("plant")], dns("plc-1.plant")), 0x80E2),
        ("DNS name not excluded", under(None, [dns("office")], dns("plc-1.plant")), None),
        ("DNS name permitted and excluded", under([dns("plant")], [dns("cell.plant")], dns("a.cell.plant")), 0x80E2),
        ("one of two DNS names outside", under([dns("plant")], None, dns("a.plant"), dns("a.office")), 0x80E2),
        ("DNS in capitals", under([dns("plant")], None, dns("PLC-1.PLANT")), None),
        ("address inside", under([_net("192.168.0.0/24")], None, ip("192.168.0.1")), None),
        ("address outside", under([_net("192.168.0.0/24")], None, ip("192.168.1.1")), 0x80E2),
        ("address excluded", under(None, [_net("192.168.0.0/24")], ip("192.168.0.1")), 0x80E2),
        ("IPv6 inside", under([_net("fd00::/8")], None, ip("fd00::1")), None),
        ("IPv6 where IPv4 is permitted", under([_net("192.168.0.0/24")], None, ip("fd00::1")), 0x80E2),
        ("addresses constrained, only a DNS name there", under([_net("10.0.0.0/8")], None, dns("plc-1.plant")), None),
        ("URI inside", under([_uri("plc.plant")], None, _uri("https://plc.plant/x")), None),
        ("URI outside", under([_uri("plc.plant")], None, _uri("https://plc.office/x")), 0x80E2),
        ("e-mail inside", under([_mail("plant.example")], None, _mail("a@plant.example")), None),
        ("e-mail outside", under([_mail("plant.example")], None, _mail("a@office.example")), 0x80E2),
        ("subject outside a directory name", under([_dir("Plant")], None), 0x80E2),
        ("subject equals a directory name", under([_dir("leaf")], None), None),
        ("subject excluded", under(None, [_dir("leaf")]), 0x80E2),
    ]
    cases = [
        Case(name=name, sent=sent, held=held, status=status, rule="names" if status else "")
        for name, (sent, held), status in rows
    ]
    inner = x509.NameConstraints([dns("plant")], None)
    top = made("Constrained top", ROOT, ca=True, extra=[(inner, True)])
    free = made("Free below", top, ca=True)
    on_leaf = made("leaf", ROOT, extra=[(inner, True)])
    return [
        *cases,
        Case(name="constraint two CAs above", sent=[made("leaf", free, san=[dns("a.office")])], held=[ROOT, top, free],
             status=0x80E2, rule="names"),
        Case(name="constraint two CAs above, kept", sent=[made("leaf", free, san=[dns("a.plant")])],
             held=[ROOT, top, free], status=None),
        Case(name="name constraints in a leaf", sent=[on_leaf], held=[ROOT], status=0x80E2, rule="readable",
             openssl_differs=OURS),
    ]  # fmt: skip


def _strengths() -> list[Case]:
    weak_root = made("Weak root", ca=True, kind="rsa-1024")
    sha1_root = _sha1_root()
    sha1_leaf = _sha1_leaf()
    legacy = Policy(minimum_strength=80, allow_sha1=True)
    p384 = made("P-384 root", ca=True, kind="ec-p384", digest=hashes.SHA384())
    small = made("leaf", ROOT, key=ec.generate_private_key(ec.SECP192R1()), purposes=[SERVER])
    return [
        Case(name="RSA 2048", sent=[made("leaf", ROOT, kind="rsa-2048", purposes=[SERVER])], held=[ROOT], status=None),
        Case(name="P-384 throughout", sent=[made("leaf", p384, kind="ec-p384", digest=hashes.SHA384())], held=[p384],
             status=None),
        Case(name="SHA-512", sent=[made("leaf", ROOT, digest=hashes.SHA512(), purposes=[SERVER])], held=[ROOT], status=None),
        Case(name="RSA 1024 leaf", sent=[made("leaf", ROOT, kind="rsa-1024")], held=[ROOT], status=0x80E2, rule="strength"),
        Case(name="RSA 1024 leaf, legacy", sent=[made("leaf", ROOT, kind="rsa-1024")], held=[ROOT], policy=legacy,
             status=None, openssl_differs="needs a lower security level"),
        Case(name="RSA 1024 root", sent=[made("leaf", weak_root)], held=[weak_root], status=0x80E2, rule="strength"),
        Case(name="P-192 leaf", sent=[small], held=[ROOT], status=0x80E2, rule="strength"),
        Case(name="SHA-1 self-signature of a root", sent=[made("leaf", sha1_root, purposes=[SERVER])], held=[sha1_root],
             status=None),
        Case(name="SHA-1 leaf", sent=[sha1_leaf[0]], held=[sha1_leaf[1]], status=0x80E2, rule="strength"),
        Case(name="SHA-1 leaf, legacy", sent=[sha1_leaf[0]], held=[sha1_leaf[1]], policy=legacy, status=None,
             openssl_differs="needs a lower security level"),
    ]  # fmt: skip


def _sha1_root() -> Made:
    key = pooled("rsa-2048", 1)
    order = Order(subject=subject("SHA-1 root"), template=TEMPLATES["ca"], not_before=NOW - DAY, not_after=NOW + 900 * DAY,
                  hash="sha1")  # fmt: skip
    return Made(issue(order, key.public_key(), None, key), key)


def _sha1_leaf() -> tuple[Made, Made]:
    root, key = _sha1_root(), pooled("rsa-2048", 2)
    order = Order(subject=subject("SHA-1 leaf"), template=TEMPLATES["tls"], not_before=NOW - DAY, not_after=NOW + DAY,
                  hash="sha1")  # fmt: skip
    return Made(issue(order, key.public_key(), root.signer, None), key), root


def _extensions() -> list[Case]:
    crowded = [dns(f"name-{number}.plant") for number in range(6000)]
    policy = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
    any_policy = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)])
    strict_ca = made("Policy CA", ROOT, ca=True, extra=[(policy, True)])
    odd = made("Odd", ROOT, ca=True, extra=[(UNKNOWN, True)])
    key_id = x509.SubjectKeyIdentifier(b"\x01" * 20)
    return [
        Case(name="unknown critical extension", sent=[made("leaf", ROOT, extra=[(UNKNOWN, True)])], held=[ROOT],
             status=0x80E7, rule="extensions"),
        Case(name="unknown extension", sent=[made("leaf", ROOT, extra=[(UNKNOWN, False)])], held=[ROOT], status=None),
        Case(name="unknown critical extension of a CA", sent=[made("leaf", odd)],
             held=[ROOT, odd], status=0x80E7, rule="extensions"),
        Case(name="critical policies", sent=[made("leaf", ROOT, extra=[(any_policy, True)])], held=[ROOT], status=None),
        Case(name="critical policy constraints", sent=[made("leaf", strict_ca)], held=[ROOT, strict_ca], status=0x80E7,
             rule="extensions", openssl_differs="OpenSSL applies policies, we refuse them"),
        Case(name="critical subject key identifier", sent=[made("leaf", ROOT, key_identifiers=False, extra=[(key_id, True)])],
             held=[ROOT], status=0x80E7, rule="extensions"),
        Case(name="oversized certificate", sent=[made("leaf", ROOT, san=crowded)], held=[ROOT], status=0x80E2, rule="size",
             openssl_differs="in a handshake OpenSSL's message limit answers"),
        Case(name="issuer without a name", sent=[nameless := made("x", subject_name=x509.Name([]))], held=[nameless],
             status=0x80E2, rule="readable", openssl_differs=OURS),
    ]  # fmt: skip


def _identities() -> list[Case]:
    wild = made("leaf", ROOT, purposes=[SERVER], san=[dns("*.cell.plant")])
    nothing = made("192.168.0.1", ROOT, purposes=[SERVER])
    text = made("leaf", ROOT, purposes=[SERVER], san=[dns("192.168.0.1")])
    address, name = ipaddress.IPv4Address("192.168.0.1"), "plc-1.plant"
    rows: list[tuple[str, Made, Identity, int | None]] = [
        ("address is there", GOOD, Identity(address=address), None),
        ("another address", GOOD, Identity(address=ipaddress.IPv4Address("192.168.0.2")), 0x80E1),
        ("name is there", GOOD, Identity(name=name), None),
        ("name with a final dot", GOOD, Identity(name=name + "."), None),
        ("name in capitals", GOOD, Identity(name=name.upper()), None),
        ("another name", GOOD, Identity(name="plc-2.plant"), 0x80E1),
        ("name of the parent", GOOD, Identity(name="plant"), 0x80E1),
        ("no subjectAltName, address in the common name", nothing, Identity(address=address), 0x80E1),
        ("address as a DNS name", text, Identity(address=address), 0x80E1),
        ("wildcard", wild, Identity(name="a.cell.plant"), None),
        ("wildcard over two labels", wild, Identity(name="a.b.cell.plant"), 0x80E1),
        ("wildcard against its parent", wild, Identity(name="cell.plant"), 0x80E1),
    ]
    return [
        Case(name=title, sent=[leaf], held=[ROOT], identity=identity, status=status, rule="identity" if status else "",
             openssl_differs="plain OpenSSL is not asked for the identity" if status else "")
        for title, leaf, identity, status in rows
    ]  # fmt: skip


_SECTIONS: Sequence[Callable[[], list[Case]]] = (
    _chains, _dates, _purposes, _authorities, _constraints, _strengths, _extensions, _identities, revocations,
    serials, curves,
)  # fmt: skip

CASES: Sequence[Case] = [case for section in _SECTIONS for case in section()]

