"""What a failed machine knows of its partner's certificates and of its own failure, on both sides."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from ouc.causes import PARTNER_CERTIFICATE, Evidence, Moment
from ouc.certs import Device, Trust, verify
from ouc.errors import OUCError
from ouc.tls import DEFAULT, Credentials, TLSContext, TLSEngine
from ouc.tls.partner import failure_about, partner_failures

from .pair import Pair
from .test_partner import NOW, ROOT, Made, made, trusting

SERVER = IPv4Address("192.168.0.1")
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"], ids="TLS {}".format)


def held(own: Made, *chain: Made, side: Any, trusted: tuple[Made, ...] = (ROOT,), reference: int = 0) -> Credentials:
    """Credentials of a device that holds one certificate with its chain and trusts some roots, or one of them."""

    def pem(*several: Made) -> bytes:
        return b"".join(one.certificate.public_bytes(Encoding.PEM) for one in several)

    key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    device = Device.from_files(ca=pem(*trusted), cert=pem(own, *chain), key=key)
    store = device.download()
    return Credentials(own=store.own(device.own_ids[0], side=side), trust=store.trust(reference, side=side))


def joined(
    version: str = "1.3", *, client: Any = None, server: Any = None, trust: Any = None, clock: Any = None, **options: Any
) -> Pair:
    """Two machines at the moment for which the certificates are made; each side's chain may be given.

    `trust` is of the client, `clock` as well.
    """
    versions: Any = {"versions": (version,)}
    policy = attrs.evolve(DEFAULT, **{**versions, **options})
    ours = held(*(client or [made("HMI", ROOT)]), side="client", **(trust or {}))
    theirs = held(*(server or [made("PLC", ROOT, san=(str(SERVER),))]), side="server")
    return Pair(
        client=TLSEngine(TLSContext.build(policy, ours, server_side=False), expect=SERVER, clock=clock or (lambda: NOW)),
        server=TLSEngine(TLSContext.build(policy, theirs, server_side=True), clock=lambda: NOW),
    )


def refused(pair: Pair, side: str) -> Any:
    """The failure of the side that refused."""
    error = pair.client_error if side == "client" else pair.server_error
    assert error is not None
    return error.failure


def chains(broken: str) -> list[Made]:
    """What a partner shows that the other side must refuse."""
    line = made("Line CA", ROOT, ca=True, days=-5 if broken == "expired CA" else 10)
    return {
        "unknown CA": [made("PLC", made("Elsewhere", ca=True), san=(str(SERVER),))],
        "expired": [made("PLC", ROOT, days=-5, san=(str(SERVER),))],
        "expired CA": [made("PLC", line, san=(str(SERVER),)), line],
        "created again": [made("PLC", made("Plant CA", ca=True), san=(str(SERVER),))],
    }[broken]


SAYS = {
    "unknown CA": ("unknown-ca", "PLC", "'Elsewhere' is missing"),
    "expired": ("expired", "PLC", "'PLC'"),
    "expired CA": ("expired", "Line CA", "'Line CA'"),
    "created again": ("other-key", "PLC", "the CA 'Plant CA' that this device holds (ID 1) has another key"),
}


@VERSIONS
@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("broken", SAYS)
def test_the_side_that_refuses_names_the_certificate_and_what_is_wrong_with_it(
    version: str, side: str, broken: str
) -> None:
    shown = {"server" if side == "client" else "client": chains(broken)}
    failure = refused(joined(version, send_chain=True, **shown).talk(), side)
    cause, subject, words = SAYS[broken]
    assert failure.cause == cause
    assert failure.certificate is not None
    assert failure.certificate.subject == subject
    assert words in failure.what
    # A client has everything that was sent, a server only what OpenSSL kept: where that is not the leaf, it tells the place.
    assert ("of its chain" in failure.what) is (side == "server" and broken == "expired CA")


def test_what_a_server_knows_by_a_number_only_is_in_its_evidence_too() -> None:
    verdict = joined(send_chain=True, client=chains("expired CA")).talk().server.evidence().verdict
    assert verdict is not None
    assert verdict.cause == "expired"


@pytest.mark.parametrize(
    "heard", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", bytes(100)]
)
def test_the_evidence_of_a_server_that_heard_no_hello_is_its_own_offer(heard: bytes) -> None:
    server = joined().server
    server._witness.hear(heard)
    seen = server.evidence()
    assert (seen.first, seen.versions, seen.old) == (heard[:64], ("TLS 1.3",), False)


def test_a_server_of_another_address_is_told_by_both_addresses() -> None:
    failure = refused(joined(server=[made("PLC", ROOT, san=("192.168.0.7",))]).talk(), "client")
    assert failure.cause == "wrong-address"
    assert f"does not carry the address {SERVER}: its subjectAltName carries 192.168.0.7" in failure.what


def test_the_remedy_names_the_parameter_of_the_side_that_refuses() -> None:
    for side, field in (("client", "TLSServerCertRef"), ("server", "TLSClientCertRef")):
        shown: Any = {"server" if side == "client" else "client": chains("unknown CA")}
        assert field in refused(joined(**shown).talk(), side).remedy


def test_a_missing_intermediate_is_told_with_its_ID_in_the_words_and_in_the_remedy() -> None:
    line = made("Line CA", ROOT, ca=True)
    (found,) = partner_failures(
        [made("PLC", line).certificate], role="server", trust=trusting(ROOT), now=NOW, known={7: line.certificate}
    )
    assert found.cause == "missing-intermediate"
    assert "(ID 7 of the project)" in found.what
    assert "7" in found.remedy


# -- the evidence ------------------------------------------------------------------------------------------------------------


def test_the_evidence_tells_how_far_the_connection_has_come() -> None:
    pair = joined()
    assert pair.client.evidence().moment is Moment.HANDSHAKE
    pair.talk()
    assert (pair.client.evidence().moment, pair.server.evidence().moment) == (Moment.ESTABLISHED, Moment.ESTABLISHED)


def test_the_evidence_holds_what_OpenSSL_said_and_what_a_refusal_is_shown_as() -> None:
    pair = joined(refused_status=0x80E2).talk()
    with pytest.raises(OUCError):
        pair.client.receive_data(b"\x17\x03\x03\x00\x20" + bytes(32))
    seen = pair.client.evidence()
    assert "decryption failed" in seen.reason
    assert seen.refused_status == 0x80E2
    assert joined().talk().client.evidence().reason == ""


def test_what_only_our_own_verification_refuses_is_named_as_well() -> None:
    below = {"trusted": (ROOT, made("Line CA", ROOT, ca=True)), "reference": 2}
    failure = refused(joined(trust=below).talk(), "client")
    assert failure.cause == "other-ca"
    assert failure.certificate is not None
    assert failure.certificate.subject == "PLC"


def test_an_end_after_the_handshake_is_no_finding_about_a_certificate_even_if_it_has_expired_since() -> None:
    now = [NOW]
    pair = joined(clock=lambda: now[0]).talk()
    now[0] = NOW + timedelta(days=100)
    with pytest.raises(OUCError) as caught:
        pair.client.receive_data(b"")
    assert caught.value.failure.cause == "cut-off"
    assert caught.value.failure.certificate is None


def test_a_hello_that_offers_no_version_at_all_is_an_old_one() -> None:
    server = joined().server
    nothing = b"\x00\x2b\x00\x01\x00"
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x00\x2f" + b"\x01\x00" + b"\x00\x05" + nothing
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    with pytest.raises(OUCError):
        server.receive_data(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello)
    assert server.evidence().old


@pytest.mark.parametrize(("offered", "old"), [(0x0301, True), (0x0302, True), (0x0303, False)])
def test_the_evidence_of_a_server_tells_a_client_that_is_too_old_for_TLS_1_2(offered: int, old: bool) -> None:
    server = joined().server
    body = offered.to_bytes(2, "big") + bytes(32) + b"\x00" + b"\x00\x02\x00\x2f" + b"\x01\x00"
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    with pytest.raises(OUCError):
        server.receive_data(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello)
    assert server.evidence().old is old


def test_nothing_is_looked_for_where_no_certificate_was_refused() -> None:
    pair = joined()
    pair.client.handshake()
    with pytest.raises(OUCError) as caught:
        pair.client.receive_data(b"")
    assert caught.value.failure.certificate is None
    assert pair.client._session.observed.verdict is None


# -- every rule that a certificate can break has its cause -------------------------------------------------------------------


def altered(one: Made, **changes: Any) -> Made:
    """The same certificate with another begin, usage or key, signed by the root."""
    key = changes.get("key", one.key)
    builder = (
        x509.CertificateBuilder().subject_name(one.certificate.subject).issuer_name(ROOT.certificate.subject)
        .public_key(key.public_key()).serial_number(changes.get("serial", 77))
        .not_valid_before(changes.get("begins", NOW - timedelta(days=20))).not_valid_after(NOW + timedelta(days=90))
    )  # fmt: skip
    if "usage" in changes:
        builder = builder.add_extension(x509.ExtendedKeyUsage([changes["usage"]]), critical=False)
    if "unknown" in changes:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    return Made(builder.sign(ROOT.key, hashes.SHA256()), key)


def revoking(*serials: int, required: bool = True) -> Trust:
    """Trust in the root, with its revocation list, or without one where there are no serial numbers."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(ROOT.certificate.subject)
    builder = builder.last_update(NOW - timedelta(days=1)).next_update(NOW + timedelta(days=1))
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - timedelta(days=1))
        builder = builder.add_revoked_certificate(entry.build())
    lists = (builder.sign(ROOT.key, hashes.SHA256()),) if serials else ()
    return attrs.evolve(trusting(ROOT), crls=lists, revocation="required" if required else "if-present")


PLC = made("PLC", ROOT)
NO_CA = made("Line", ROOT)
WEAK = rsa.generate_private_key(65537, 1024)
BROKEN: dict[str, tuple[list[Made], Trust, str, int]] = {
    "not begun": ([altered(PLC, begins=NOW + timedelta(days=1))], trusting(ROOT), "not-yet-valid", 0x80E2),
    "over": ([made("PLC", ROOT, days=-1)], trusting(ROOT), "expired", 0x80E5),
    "for another role": (
        [altered(PLC, usage=ExtendedKeyUsageOID.CODE_SIGNING)], trusting(ROOT), "wrong-usage", 0x80E2),
    "for clients": ([altered(PLC, usage=ExtendedKeyUsageOID.CLIENT_AUTH)], trusting(ROOT), "wrong-usage", 0x80E2),
    "issued by no CA": ([made("PLC", NO_CA), NO_CA], trusting(ROOT), "bad-ca", 0x80E2),
    "with an extension that nobody knows": (
        [altered(PLC, unknown=True)], trusting(ROOT), "bad-certificate", 0x80E7),
    "weak": ([altered(PLC, key=WEAK)], trusting(ROOT), "bad-certificate", 0x80E2),
    "revoked": ([altered(PLC, serial=78)], revoking(78), "revoked", 0x80E3),
    "without a list": ([PLC], revoking(), "no-crl", 0x80E4),
    "of another CA": (
        [PLC], attrs.evolve(trusting(ROOT, NO_CA), anchors=(NO_CA.certificate,), ids=(2,)), "other-ca", 0x80E4),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_each_broken_rule_has_its_cause_and_its_STATUS(broken: str) -> None:
    shown, trust, cause, status = BROKEN[broken]
    chain = [one.certificate for one in shown]
    (found,) = partner_failures(chain, role="client", trust=trust, now=NOW)
    assert (found.cause, found.status) == (cause, status)
    assert found.remedy


@pytest.mark.parametrize("broken", ["not begun", "over", "for another role", "for clients", "weak"])
def test_a_leaf_that_is_judged_by_itself_has_the_same_causes(broken: str) -> None:
    shown, _, cause, status = BROKEN[broken]
    (found,) = partner_failures([shown[0].certificate], role="client", trust=None, now=NOW)
    assert (found.cause, found.status) == (cause, status)
    assert "'PLC'" in found.what


def test_what_is_for_clients_is_good_for_a_client() -> None:
    leaf = altered(PLC, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    assert partner_failures([leaf.certificate], role="server", trust=trusting(ROOT), now=NOW) == ()


@pytest.mark.parametrize(("broken", "own"), [("weak", True), ("over", False)])
def test_a_rule_without_a_row_keeps_its_own_remedy_and_a_row_brings_one(broken: str, own: bool) -> None:
    shown, trust, _, _ = BROKEN[broken]
    chain = [one.certificate for one in shown]
    (found,) = partner_failures(chain, role="client", trust=trust, now=NOW)
    of_the_rule = verify(chain, purpose="server", trust=trust, now=NOW).failure
    assert of_the_rule is not None
    assert (found.remedy == of_the_rule.remedy) is own


def test_a_failure_without_a_certificate_leaves_no_gap_in_its_words() -> None:
    for cause in PARTNER_CERTIFICATE:
        found = failure_about(cause, "said", None, seen=Evidence(role="client"))
        assert found.certificate is None
        assert "{" not in found.remedy
