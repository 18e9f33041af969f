"""What the project knows, its checks ask: revoked certificates in use, and those that TLS will refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ouc.certs import verify
from ouc.certs.findings import CHECKS
from ouc.certs.fitness import refused_as, remarks
from ouc.certs.issue import Revoked, make_crl

from .case import Case
from .matrix import CASES
from .strategies import CLIENT, DAY, NOW, SERVER, Made, explicit, made, make_project, pem, plant, usage
from .test_verify import trust_of

# Rules that a certificate breaks by itself, whatever stands above it and what time it is.
ALONE = ("readable", "extensions", "authority", "usage", "strength")


@pytest.mark.parametrize("case", [one for one in CASES if one.policy is None], ids=lambda case: case.name)
def test_what_tls_refuses_of_a_certificate_alone_is_known_before(case: Case) -> None:
    sent = [one.certificate for one in case.sent]
    verdict = verify(sent, purpose=case.purpose, trust=trust_of(case), now=case.now, identity=case.identity)  # type: ignore[arg-type]
    known = refused_as(sent[0], case.purpose)  # type: ignore[arg-type]
    assert known is None or not verdict.ok
    assert known is None or known.remedy
    if verdict.rule in ALONE and verdict.depth == 0 and "is signed with" not in str(verdict.failure):
        assert known is not None


UNFIT: dict[str, tuple[Made, str]] = {
    "for code signing": (made("a", purposes=[ExtendedKeyUsageOID.CODE_SIGNING]), "extended key usage"),
    "without signature": (made("a", key_usage=usage("key_encipherment"), purposes=[SERVER, CLIENT]), "key usage"),
    "unknown critical extension": (
        made("a", extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True)]), "1.2.3"),
    "weak key": (made("a", kind="rsa-1024"), "too weak"),
    "curve as numbers": (explicit("a"), "curve of its own"),
    "no names": (made("a", purposes=[SERVER]), "subjectAltName"),
    "CA that may not sign": (made("a", ca=True, key_usage=usage("crl_sign")), "may not sign certificates"),
}  # fmt: skip
FIT: dict[str, Made] = {
    "server": made("a", purposes=[SERVER], san=[x509.DNSName("a.plant")]),
    "client without names": made("a", purposes=[CLIENT]), "CA": made("a", ca=True),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_a_certificate_that_tls_will_refuse_gets_a_note_at_import_and_a_finding_in_use(name: str) -> None:
    one, part = UNFIT[name]
    project = make_project()
    project.add_device("PC", kind="PC", profile="", now=NOW)
    kind: Any = "ca" if name.startswith("CA") else "trusted"
    (entry,) = project.import_(pem(one.certificate), as_=kind, now=NOW)
    assert any(part in note for note in entry.notes), entry.notes
    assert project.findings() == ()  # nobody uses it yet
    project.assign(entry.id, "PC", now=NOW)
    (found,) = project.findings()
    assert (found.id, found.what, found.devices) == (entry.id, "refused by TLS", ("PC",))
    assert part in found.message
    assert found.remedy
    assert str(found) in project.check()


@pytest.mark.parametrize("name", FIT)
def test_a_certificate_that_is_fit_gets_none(name: str) -> None:
    assert remarks(FIT[name].certificate) == ()


def test_what_the_project_makes_is_fit() -> None:
    project = plant()
    assert project.findings() == ()
    assert all(not remarks(entry.certificate) for entry in project.entries())


def test_a_revoked_certificate_in_use_is_found_until_it_is_renewed_or_taken_out() -> None:
    project = plant()
    project.revoke(9, reason="key-compromise", now=NOW)
    (found,) = project.findings()
    assert (found.id, found.what, found.devices) == (9, "revoked", ("PLC-1",))
    assert "was revoked on 2026-06-01, key-compromise" in found.message
    assert "renew PROJECT 9" in found.remedy
    assert project.entry(9).columns()["Valid to"].endswith("(revoked)")
    assert project.device("PLC-1").download().facts()[9].revoked == NOW
    project.renew(9, now=NOW + DAY)
    assert project.findings() == ()
    assert project.device("PLC-1").download().facts()[9].revoked is None


def test_what_a_revoked_ca_has_issued_is_found() -> None:
    project = make_project()
    project.add_device("PLC-1", now=NOW)
    middle = project.new(usage="ca", issuer=2, common_name="Middle", days=99, now=NOW)
    leaf = project.new(usage="tls", issuer=middle.id, device="PLC-1", days=9, now=NOW)
    project.revoke(middle.id, now=NOW)
    assert {(one.id, one.what) for one in project.findings()} == {(middle.id, "revoked"), (leaf.id, "below a revoked CA")}


@pytest.mark.parametrize("list_first", [False, True])
def test_a_foreign_list_marks_what_it_names(list_first: bool) -> None:
    root = made("Root", ca=True)
    leaf = made("leaf", root, san=[x509.DNSName("a.plant")])
    crl = make_crl(root.signer, [Revoked(leaf.certificate.serial_number, NOW)], number=1, now=NOW, days=30)
    project = make_project()
    project.add_device("PC", kind="PC", profile="", now=NOW)
    project.import_(pem(root.certificate), as_="ca", id=30, now=NOW)
    steps: list[Callable[[], object]] = [
        lambda: project.import_(pem(leaf.certificate), as_="partner", device="PC", id=31, now=NOW),
        lambda: project.import_crl(crl.public_bytes(Encoding.DER), now=NOW),
    ]
    for step in reversed(steps) if list_first else steps:
        step()
    assert project.entry(31).revoked == NOW
    assert [(one.id, one.what) for one in project.findings()] == [(31, "revoked")]
    lifted = make_crl(root.signer, (), number=2, now=NOW + DAY, days=30)
    project.import_crl(lifted.public_bytes(Encoding.DER), now=NOW)
    assert project.findings() == ()


def test_a_required_list_that_is_missing_is_found() -> None:
    project = plant()
    project.set_revocation("PLC-1", "required", now=NOW)
    (found,) = project.findings()
    assert (found.id, found.what) == (3, "revocation list")
    project.new_crl(3, now=NOW)
    assert project.findings() == ()


def test_every_check_has_a_remedy() -> None:
    project = plant()
    middle = project.new(usage="ca", issuer=2, common_name="Middle", days=99, now=NOW)
    project.new(usage="tls", issuer=middle.id, device="PLC-1", days=9, now=NOW)
    project.revoke(middle.id, now=NOW)
    unfit = project.import_(pem(UNFIT["for code signing"][0].certificate), as_="partner", device="PLC-1", now=NOW)[0]
    assert unfit.notes
    found = project.findings()
    assert {one.what for one in found} == set(CHECKS)
    assert all(one.remedy and one.message and not one.message.endswith(".") for one in found)
