"""What is said about the certificates that a partner showed, and what a failed machine can tell about itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ouc.certs import Device, Trust
from ouc.errors import CertificateSummary
from ouc.tls import DEFAULT, HelloReader, TLSContext, TLSEngine
from ouc.tls.partner import partner_failures, summarize
from ouc.tls.witness import HEARD

from .pair import credentials, pair

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@attrs.frozen
class Made:
    certificate: x509.Certificate
    key: Any


def made(
    name: str,
    issuer: Made | None = None,
    *,
    ca: bool = False,
    san: tuple[str, ...] = (),
    days: int = 10,
    key: Any = None,
    signer: Any = None,
    identified: bool = True,
) -> Made:
    """A certificate, self-signed without an issuer; signed by `signer` in place of the issuer's key, if there is one."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = signer or (own if issuer is None else issuer.key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(own.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=20)).not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )  # fmt: skip
    if identified:
        for carried in (
            x509.SubjectKeyIdentifier.from_public_key(own.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
        ):
            builder = builder.add_extension(carried, critical=False)
    if san:
        names = [x509.IPAddress(ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in san]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Made(builder.sign(signer, hashes.SHA256()), own)


def trusting(*trusted: Made) -> Trust:
    pem = b"".join(one.certificate.public_bytes(Encoding.PEM) for one in trusted)
    return Device.from_files(ca=pem).download().trust(0, side="client")


def told(
    trust: Trust | None, *chain: Made, role: Any = "client", expect: Any = None, known: Any = None
) -> list[tuple[str, str]]:
    found = partner_failures(
        [one.certificate for one in chain], role=role, trust=trust, now=NOW, expect=expect, known=known
    )  # fmt: skip
    return [(one.cause, one.what) for one in found]


ROOT = made("Plant CA", ca=True)


def test_nothing_is_said_about_a_chain_that_is_good_or_was_not_shown() -> None:
    assert told(trusting(ROOT), made("PLC", ROOT), ROOT) == []
    assert told(trusting(ROOT)) == []


def test_a_CA_that_was_created_again_is_told_by_its_name_and_the_leaf_s() -> None:
    again = made("Plant CA", ca=True)
    ((cause, what),) = told(trusting(ROOT), made("PLC", again))
    assert cause == "other-key"
    assert "the CA 'Plant CA' that this device holds (ID 1)" in what
    assert "certificate 'PLC'" in what


def test_a_self_signed_certificate_that_was_created_again_is_told_by_its_own_name() -> None:
    first, second = made("PLC"), made("PLC")
    ((cause, what),) = told(trusting(first), second)
    assert cause == "other-key"
    assert "certificate 'PLC' has the name of one that this device holds (ID 1), but another key" in what


def test_the_number_is_that_of_the_anchor_with_the_name() -> None:
    other = made("Other", ca=True)
    ((_, what),) = told(trusting(other, ROOT), made("PLC", made("Plant CA", ca=True)))
    assert "(ID 2)" in what


def test_the_same_key_under_the_same_name_was_not_created_again() -> None:
    first = made("PLC", days=5)
    second = made("PLC", key=first.key)
    ((cause, _),) = told(trusting(first), second)
    assert cause != "other-key"


def test_a_self_signed_certificate_without_key_identifiers_that_was_created_again_is_not_called_forged() -> None:
    first, second = made("PLC", identified=False), made("PLC", identified=False)
    ((cause, what),) = told(trusting(first), second)
    assert (cause, "(ID 1), but another key" in what) == ("other-key", True)


@pytest.mark.parametrize("identified", [True, False])
def test_a_signature_that_the_named_key_did_not_make_is_forged_and_no_CA_was_created_again(identified: bool) -> None:
    root = made("Plant CA", ca=True, identified=False)
    stranger = ec.generate_private_key(ec.SECP256R1())
    leaf = made("PLC", root, signer=stranger, identified=identified)
    ((cause, _),) = told(trusting(root), leaf)
    assert cause == "forged"


def test_a_finding_shows_the_certificate_that_broke_the_rule_with_all_that_finds_it_again() -> None:
    line = made("Line CA", ROOT, ca=True, days=-5, san=("192.168.0.9", "line.example"))
    chain = [made("PLC", line).certificate, line.certificate]
    (found,) = partner_failures(chain, role="client", trust=trusting(ROOT), now=NOW)
    assert found.cause == "expired"
    assert found.certificate == CertificateSummary(
        subject="Line CA", issuer="Plant CA", valid_from=NOW - timedelta(days=20), valid_to=NOW - timedelta(days=5),
        san=("IP:192.168.0.9", "DNS:line.example"), fingerprint=line.certificate.fingerprint(hashes.SHA256()).hex(),
    )  # fmt: skip


def test_where_no_certificate_is_to_blame_the_leaf_is_shown() -> None:
    leaf = made("PLC", ROOT)
    (found,) = partner_failures([leaf.certificate, *[ROOT.certificate] * 49], role="client", trust=trusting(ROOT), now=NOW)
    assert found.certificate is not None
    assert found.certificate.subject == "PLC"


def test_a_certificate_with_a_key_that_nobody_can_read_shows_nothing_and_raises_nothing() -> None:
    readable = made("PLC", ROOT).certificate.public_bytes(Encoding.DER)
    of_a_curve, of_nothing = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0277")
    unreadable = x509.load_der_x509_certificate(readable.replace(of_a_curve, of_nothing))
    assert summarize(unreadable) is None
    assert summarize(None) is None


@pytest.mark.parametrize("ca", [False, True])
def test_what_leads_nowhere_is_an_unknown_CA_or_unknown_and_self_signed(ca: bool) -> None:
    elsewhere = made("Elsewhere", ca=True)
    chain = (made("PLC", elsewhere),) if ca else (made("Alone"),)
    ((cause, _),) = told(trusting(ROOT), *chain)
    assert cause == ("unknown-ca" if ca else "unknown-self-signed")


def test_an_intermediate_of_the_project_that_the_device_lacks_is_told_with_its_ID_and_a_root_is_none() -> None:
    intermediate = made("Line CA", ROOT, ca=True)
    leaf = made("PLC", intermediate)
    bystander = made("Bystander", ROOT, ca=True)
    known = {4: bystander.certificate, 7: intermediate.certificate}
    ((cause, what),) = told(trusting(ROOT), leaf, known=known)
    assert (cause, "'Line CA' (ID 7 of the project)" in what) == ("missing-intermediate", True)
    ((cause, _),) = told(trusting(ROOT), leaf, known={4: bystander.certificate})
    assert cause == "unknown-ca"
    root = made("Far CA", ca=True)
    ((cause, _),) = told(trusting(ROOT), made("PLC", root), known={7: root.certificate})
    assert cause == "unknown-ca"


@pytest.mark.parametrize(
    ("san", "expect", "fits", "carried"),
    [
        (("192.168.0.1",), IPv4Address("192.168.0.1"), True, ""),
        (("192.168.0.1", "plc.example"), IPv4Address("192.168.0.7"), False, "192.168.0.1, plc.example"),
        ((), IPv4Address("192.168.0.7"), False, "none"),
        (("plc.example",), "plc.example.", True, ""),
        (("plc.example",), "other.example", False, "plc.example"),
        (("192.168.0.1",), "192.168.0.1", False, "192.168.0.1"),
        (("192.168.0.1",), None, True, ""),
    ],
)
def test_an_address_or_name_is_compared_by_a_client_only(san: Any, expect: Any, fits: bool, carried: str) -> None:
    leaf = made("PLC", ROOT, san=san)
    assert told(trusting(ROOT), leaf, role="server", expect=expect) == []
    found = told(trusting(ROOT), leaf, expect=expect)
    if fits:
        assert found == []
        return
    ((cause, what),) = found
    assert cause == "wrong-address"
    assert carried in what


def test_an_end_of_validity_and_a_wrong_address_are_both_told_the_end_first() -> None:
    leaf = made("PLC", ROOT, days=-5, san=("192.168.0.1",))
    causes = [cause for cause, _ in told(trusting(ROOT), leaf, expect=IPv4Address("192.168.0.7"))]
    assert causes == ["expired", "wrong-address"]


def test_without_a_trust_reference_the_leaf_is_judged_by_itself() -> None:
    assert told(None, made("PLC", made("Elsewhere", ca=True))) == []
    assert [cause for cause, _ in told(None, made("PLC", days=-5))] == ["expired"]


# -- the witness ------------------------------------------------------------------------------------------------------------


def test_of_what_a_partner_says_no_more_is_kept_than_a_hello_needs() -> None:
    machine = TLSEngine(
        TLSContext.build(DEFAULT, credentials("192.168.0.1", side="server"), server_side=True)
    )  # fmt: skip
    for _ in range(12):
        machine._witness.hear(bytes(1000))
    assert len(machine._witness.heard) == HEARD


def test_the_evidence_of_a_client_is_its_offer_and_that_of_a_server_the_client_s() -> None:
    versions: Any = {"versions": ("1.3",)}
    joined = pair(
        client_policy=attrs.evolve(DEFAULT, groups=("P-384",), **versions),
        server_policy=attrs.evolve(DEFAULT, groups=("P-256",)),
        server=credentials("192.168.0.1", side="server", issuer="other"),
    )  # fmt: skip
    joined.client.handshake()
    sent = joined.client.take()
    hello = HelloReader().feed(sent)
    assert hello is not None
    assert joined.client.evidence().versions == ("TLS 1.3",)
    assert joined.client.evidence().groups == ("P-384",)
    assert joined.server.evidence().versions == ("TLS 1.3", "TLS 1.2")
    joined._give(joined.server, "server", sent)
    seen = joined.server.evidence()
    assert (seen.role, seen.versions, seen.groups) == ("server", hello.version_names, ("P-384",))
    assert seen.own is not None
    assert seen.now is not None


def test_the_evidence_after_a_refused_certificate_holds_the_verdict() -> None:
    joined = pair(server=credentials("192.168.0.1", side="server", issuer="other")).talk()
    assert joined.client.evidence().alert is None
    verdict = joined.client.evidence().verdict
    assert verdict is not None
    assert verdict.status == 0x80E4
    assert joined.server.evidence().verdict is None
    assert joined.server.evidence().alert == 48


@pytest.mark.parametrize("asks", [True, False])
def test_the_evidence_of_a_client_tells_whether_it_was_asked_for_a_certificate(asks: bool) -> None:
    joined = pair(server=credentials("192.168.0.1", side="server", trust=asks)).talk()
    assert joined.client.evidence().asked is asks
