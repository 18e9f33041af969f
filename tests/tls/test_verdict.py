"""What TLS said, row by row: live handshakes that fail in each way of certificates.md 4.3, and every alert in both versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from OpenSSL import SSL

from ouc.errors import CertificateError, OUCError
from ouc.status import Status
from ouc.tls import DEFAULT, Credentials, DataReceived, Need, TLSContext, TLSEngine
from ouc.tls.verdict import ALERTS, VERIFY_RESULTS, Observed, judge

from .forge import ALERT, forged
from .pair import Pair, authority, credentials

NOW = datetime(2026, 6, 1, tzinfo=UTC)
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
SIDES = pytest.mark.parametrize("verifier", ["client", "server"])
ADDRESS = {"client": "192.168.0.2", "server": "192.168.0.1"}


# -- the verifying side ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Flaw:
    """What is wrong with the partner's certificate, and what follows (certificates.md 4.3)."""

    status: int
    alert: str
    days: tuple[int, int] = (-10, 10)
    usage: ObjectIdentifier | None = None
    critical: bool = False
    issuer: str = "plant"
    forged: bool = False


OTHER_ROLE = {"client": ExtendedKeyUsageOID.SERVER_AUTH, "server": ExtendedKeyUsageOID.CLIENT_AUTH}
FLAWS = {
    "no trust anchor": Flaw(status=0x80E4, alert="unknown_ca", issuer="elsewhere"),
    "expired": Flaw(status=0x80E5, alert="certificate_expired", days=(-20, -10)),
    "not yet valid": Flaw(status=0x80E2, alert="bad_certificate", days=(10, 20)),
    "EKU does not fit role": Flaw(status=0x80E2, alert="unsupported_certificate", usage=ExtendedKeyUsageOID.CODE_SIGNING),
    "critical extension": Flaw(status=0x80E7, alert="certificate_unknown", critical=True),
    "signature is not the CA's": Flaw(status=0x80E6, alert="decrypt_error", forged=True),
}  # fmt: skip


def _shows(flaw: Flaw) -> tuple[x509.Certificate, Any]:
    ca = authority(flaw.issuer)
    issuer = x509.load_pem_x509_certificate(ca.cert_pem.bytes())
    signer: Any = load_pem_private_key(ca.private_key_pem.bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "flawed")]))
        .issuer_name(issuer.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=flaw.days[0])).not_valid_after(NOW + timedelta(days=flaw.days[1]))
    )  # fmt: skip
    if flaw.usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([flaw.usage]), critical=False)
    if flaw.critical:
        strange = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x05\x00")
        builder = builder.add_extension(strange, critical=True)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()) if flaw.forged else signer, hashes.SHA256()), key


def _meet(
    version: str, *, shown: dict[str, tuple[x509.Certificate, Any]] | None = None, expect: Any = None,
    own: dict[str, Credentials] | None = None, policies: dict[str, dict[str, Any]] | None = None,
) -> Pair:  # fmt: skip
    contexts: dict[str, TLSContext] = {}
    for side in ("client", "server"):
        policy: Any = {"versions": (version,), **(policies or {}).get(side, {})}
        contexts[side] = TLSContext.build(
            attrs.evolve(DEFAULT, **policy), (own or {}).get(side) or credentials(ADDRESS[side], side=side),
            server_side=side == "server",
        )  # fmt: skip
        if shown and side in shown:
            contexts[side].ssl.use_certificate(shown[side][0])
            contexts[side].ssl.use_privatekey(shown[side][1])
    return Pair(
        TLSEngine(contexts["client"], expect=expect, clock=lambda: NOW),
        TLSEngine(contexts["server"], clock=lambda: NOW),
    ).talk()


def _outcome(joined: Pair, verifier: str) -> tuple[OUCError, OUCError]:
    """What the verifying side and the other one said."""
    found = {"client": joined.client_error, "server": joined.server_error}
    mine, theirs = found.pop(verifier), found.popitem()[1]
    assert mine is not None
    assert theirs is not None
    return mine, theirs


@VERSIONS
@SIDES
@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_of_a_certificate_has_its_STATUS_its_alert_and_80E1_for_whom_it_refuses(
    flaw: str, verifier: str, version: str
) -> None:
    row = FLAWS[flaw]
    partner = "server" if verifier == "client" else "client"
    mine, theirs = _outcome(_meet(version, shown={partner: _shows(row)}), verifier)
    assert isinstance(mine, CertificateError)
    assert (mine.status, theirs.status) == (row.status, 0x80E1)
    assert mine.failure.remedy
    assert f"(alert {row.alert})" in str(theirs)
    assert "the partner refused" in str(theirs)
    assert theirs.failure.remedy


@VERSIONS
@SIDES
def test_a_certificate_for_the_other_role_does_not_fit(verifier: str, version: str) -> None:
    partner = "server" if verifier == "client" else "client"
    row = Flaw(status=0x80E2, alert="unsupported_certificate", usage=OTHER_ROLE[partner])
    mine, theirs = _outcome(_meet(version, shown={partner: _shows(row)}), verifier)
    assert (mine.status, theirs.status) == (0x80E2, 0x80E1)
    assert "(alert unsupported_certificate)" in str(theirs)


@VERSIONS
@pytest.mark.parametrize("expect", [IPv4Address("192.168.0.99"), "plc-9.plant"], ids=["address", "name"])
def test_a_subjectAltName_without_the_expected_entry_is_80E1_and_bad_certificate(version: str, expect: Any) -> None:
    mine, theirs = _outcome(_meet(version, expect=expect), "client")
    assert (mine.status, theirs.status) == (0x80E1, 0x80E1)
    assert "does not carry" in str(mine)
    assert "(alert bad_certificate)" in str(theirs)


@pytest.mark.parametrize(("version", "alert"), [("1.2", "handshake_failure"), ("1.3", "certificate_required")])
def test_a_client_without_a_certificate_is_80E2_with_the_alert_of_the_version(version: str, alert: str) -> None:
    bare = credentials(ADDRESS["client"], side="client", own=False)
    mine, theirs = _outcome(_meet(version, own={"client": bare}), "server")
    assert (mine.status, theirs.status) == (0x80E2, 0x80E1)
    assert f"(alert {alert})" in str(theirs)


UNLIKE: dict[str, tuple[str, dict[str, dict[str, Any]], str, str]] = {
    "no common version": ("1.2", {"client": {"versions": ("1.3",)}}, "protocol_version", "version"),
    "no common suite, TLS 1.2": (
        "1.2", {"client": {"suites_12": ("ECDHE-ECDSA-AES128-GCM-SHA256",)},
                "server": {"suites_12": ("ECDHE-ECDSA-AES256-GCM-SHA384",)}}, "handshake_failure", "cipher"),
    "no common suite, TLS 1.3": (
        "1.3", {"client": {"suites_13": ("TLS_AES_128_GCM_SHA256",)}, "server": {"suites_13": ("TLS_AES_256_GCM_SHA384",)}},
        "handshake_failure", "cipher"),
    "no common group": ("1.3", {"client": {"groups": ("P-384",)}, "server": {"groups": ("X25519",)}},
                        "handshake_failure", "group"),
    "no common signature algorithm": (
        "1.3", {"client": {"signatures": ("rsa_pss_rsae_sha256",)}}, "handshake_failure", "signature"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNLIKE)
def test_partners_without_common_settings_both_say_80E1_and_the_server_says_which(case: str) -> None:
    version, policies, alert, words = UNLIKE[case]
    mine, theirs = _outcome(_meet(version, policies=policies), "server")
    assert (mine.status, theirs.status) == (0x80E1, 0x80E1)
    assert words in str(mine)
    assert f"(alert {alert})" in str(theirs)


@VERSIONS
@SIDES
def test_a_record_whose_checksum_is_wrong_is_80E0_and_the_partner_is_told_bad_record_mac(
    verifier: str, version: str
) -> None:
    joined = _meet(version)
    victim, other = (joined.client, joined.server) if verifier == "client" else (joined.server, joined.client)
    other.write(b"data")
    record = bytearray(other.take())
    record[-1] ^= 1
    with pytest.raises(OUCError) as mine:
        victim.receive_data(bytes(record))
    with pytest.raises(OUCError) as theirs:
        other.receive_data(victim.take())
    assert (mine.value.status, theirs.value.status) == (0x80E0, 0x80C5)
    assert "bad_record_mac" in str(theirs.value)


# Written out a second time: a slip in the table must not agree with itself. Numbers of x509_vfy.h.
BY_STATUS = {
    0x80E1: {62, 63, 64},
    0x80E2: {6, 9, 13, 14, 22, 24, 25, 26, 32, 47, 48, 49, 50, 51, 52, 53, 66, 67, 68, 79},
    0x80E3: {23, 28},
    0x80E4: {2, 3, 8, 11, 12, 18, 19, 20, 21, 27, 33, 44},
    0x80E5: {10},
    0x80E6: {4, 7},
    0x80E7: {34},
}


def test_every_result_of_OpenSSL_s_verification_in_the_table_has_its_STATUS_and_a_remedy() -> None:
    for status, numbers in BY_STATUS.items():
        for number in numbers:
            error = judge(Observed(verify_result=number), SSL.Error([]))
            assert isinstance(error, CertificateError)
            assert error.status == status, number
            assert error.failure.remedy, number
    assert set(VERIFY_RESULTS) == set().union(*BY_STATUS.values())


def test_a_result_that_nobody_has_heard_of_is_80E2_with_its_number() -> None:
    error = judge(Observed(verify_result=999), SSL.Error([]))
    assert error.status == 0x80E2
    assert "999" in str(error)


# -- the side that is told an alert -----------------------------------------------------------------------------------------

FATAL = sorted(set(ALERTS) - {0})
USER_CANCELED = 90
# Alerts that speak about our certificate (RFC 8446 6.2): the remedy is at the partner's trust.
ABOUT_US = {42, 43, 44, 45, 46, 48, 49, 116}


def _told(victim: TLSEngine, records: bytes) -> OUCError:
    with pytest.raises(OUCError) as caught:
        victim.receive_data(records)
    return caught.value


@VERSIONS
@pytest.mark.parametrize("number", FATAL, ids=lambda number: ALERTS[number][0])
def test_an_alert_in_answer_to_our_hello_is_80E1_with_its_name(number: int, version: str) -> None:
    versions: Any = {"versions": (version,)}
    context = TLSContext.build(
        attrs.evolve(DEFAULT, **versions), credentials(ADDRESS["client"], side="client"), server_side=False
    )
    client = TLSEngine(context)
    assert client.handshake() is Need.READ
    error = _told(client, bytes([21, 3, 3, 0, 2, 2, number]))
    assert error.status == 0x80E1
    assert f"(alert {ALERTS[number][0]})" in str(error)
    assert isinstance(error, CertificateError) is (number in ABOUT_US)


@pytest.mark.parametrize("number", [one for one in FATAL if one != USER_CANCELED], ids=lambda number: ALERTS[number][0])
def test_an_alert_right_after_a_TLS_1_3_handshake_is_still_a_refusal(number: int) -> None:
    # In the place of the tickets: the server has judged our certificate only now.
    joined, _, forger = forged("server")
    client = _unconfirmed(joined, forger)
    error = _told(client, forger.record(bytes([2, number]), ALERT))
    assert error.status == 0x80E1
    assert f"(alert {ALERTS[number][0]})" in str(error)


def _unconfirmed(joined: Pair, forger: Any) -> TLSEngine:
    """The same client as it was before the tickets came."""
    forger.number = 2
    session = joined.client._session
    session.observed.confirmed = False
    return joined.client


@VERSIONS
@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("number", FATAL, ids=lambda number: ALERTS[number][0])
def test_an_alert_on_an_established_connection_is_its_end_80C5(number: int, who: str, version: str) -> None:
    if (number, version) == (USER_CANCELED, "1.3"):
        pytest.skip("a word before close_notify there, and no end (RFC 8446 6.1); the next test has it")
    _, victim, forger = forged(who, version)
    error = _told(victim, forger.record(bytes([2, number]), ALERT))
    assert error.status == 0x80C5
    assert ALERTS[number][0] in str(error)


@pytest.mark.parametrize("who", ["client", "server"])
def test_user_canceled_under_TLS_1_3_ends_nothing_and_is_not_taken_for_the_reason_of_a_later_end(who: str) -> None:
    _, victim, forger = forged(who)
    warning = forger.record(bytes([1, USER_CANCELED]), ALERT)
    assert victim.receive_data(warning + forger.record(b"data")) == [DataReceived(b"data")]
    error = _told(victim, b"\x17\x03\x03\x00\x20" + bytes(32))
    assert error.status == 0x80E0
    assert "canceled" not in str(error)


def test_an_alert_without_a_name_is_told_by_its_number() -> None:
    _, victim, forger = forged("client")
    assert "alert 250" in str(_told(victim, forger.record(b"\x02\xfa", ALERT)))


def test_every_STATUS_of_the_tables_is_one_that_blocks_have() -> None:
    for cause in VERIFY_RESULTS.values():
        assert "80" in str(Status(cause.status))
    assert {status for _, status, _ in ALERTS.values()} <= {*BY_STATUS, 0x80C5, 0x80E0}
