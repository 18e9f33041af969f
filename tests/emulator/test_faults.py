"""The table of faults: complete, reproducible, and each as faulty as its name says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from emulator.faults import FAULTS, Fault, Leaf, fault, plan
from ouc.certs import verify
from ouc.errors import ParameterError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NEEDED = {
    "expired", "not-yet-valid", "wrong-address", "unknown-ca", "missing-intermediate", "no-client-certificate",
    "wrong-usage", "revoked", "reset-after-hello", "wrong-version", "plain", "port-102",
}  # fmt: skip

# What a healthy partner's verification says of the certificate that is shown (certificates.md 4.3).
STATUS = {
    Leaf.GOOD: None, Leaf.EXPIRED: 0x80E5, Leaf.EARLY: 0x80E2, Leaf.ELSEWHERE: None, Leaf.STRANGER: 0x80E4,
    Leaf.BELOW: 0x80E4, Leaf.USAGE: 0x80E2, Leaf.REVOKED: 0x80E3,
}  # fmt: skip


@pytest.mark.parametrize("role", ["server", "client"])
def test_there_are_the_twelve_faults_of_the_field_for_each_role(role: str) -> None:
    names = [one.name for one in FAULTS if one.role == role]
    assert set(names) >= NEEDED
    assert len(names) == len(set(names))


@pytest.mark.parametrize("one", [one for one in FAULTS if one.leaf is not Leaf.NONE], ids=lambda one: f"{one.role}-{one.name}")
def test_the_certificate_that_is_shown_has_just_the_flaw_of_its_row(one: Fault) -> None:
    made = plan(one, now=NOW)
    side = "client" if one.role == "server" else "server"
    assert made.credentials.own is not None
    trust = made.partner().download().trust(0, side=side)  # type: ignore[arg-type]
    verdict = verify([made.credentials.own.certificate], purpose=one.role, trust=trust, now=NOW)
    assert verdict.status == STATUS[one.leaf]


def test_the_missing_intermediate_is_all_that_a_chain_below_it_lacks() -> None:
    made = plan(fault("missing-intermediate", "server"), now=NOW)
    assert made.credentials.own is not None
    sent = [made.credentials.own.certificate, x509.load_pem_x509_certificate(made.intermediate)]
    trust = made.partner().download().trust(0, side="client")
    assert verify(sent, purpose="server", trust=trust, now=NOW).ok


def test_a_plan_has_the_same_keys_for_the_same_seed_and_others_for_another() -> None:
    def key(seed: int) -> bytes:
        made = plan(fault("expired", "server"), now=NOW, seed=seed)
        return x509.load_pem_x509_certificate(made.root).public_key().public_numbers()  # type: ignore[union-attr, return-value]

    assert key(3) == key(3)
    assert key(3) != key(4)


def test_dates_are_counted_from_the_given_time_and_not_from_the_clock() -> None:
    later = NOW + timedelta(days=4000)
    own = plan(fault("expired", "client"), now=later).credentials.own
    assert own is not None
    assert own.certificate.not_valid_after_utc == later - timedelta(days=1)


def test_a_fault_without_a_certificate_shows_none() -> None:
    assert plan(fault("no-client-certificate", "client"), now=NOW).credentials.own is None


def test_a_plan_tells_no_private_key() -> None:
    made = plan(fault("expired", "server"), now=NOW)
    assert made.partner_key not in repr(made).encode()
    assert made.partner_cert.startswith(b"-----BEGIN CERTIFICATE")


def test_an_unknown_fault_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ParameterError, match="'expried'") as caught:
        fault("expried", "server")
    assert "expired" in caught.value.failure.remedy
