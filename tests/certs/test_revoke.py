"""Revocation lists of a project: what is taken over, what replaces what, and what nobody could ever use."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs import Device, Project
from ouc.certs.issue import make_crl
from ouc.errors import CertificateError, OUCError, ParameterError

from .case import ROOT
from .matrix import CASES
from .strategies import CHEAP, DAY, NOW, Made, made, make_project, numbered, pem, plant, usage

Crl = x509.CertificateRevocationList
UNUSABLE = {case.name: case for case in CASES if case.name.endswith("if present") and case.warned and case.status is None}


def der(crl: Crl) -> bytes:
    return crl.public_bytes(Encoding.DER)


def holding(ca: Made) -> Any:
    project = make_project()
    project.import_(pem(ca.certificate), as_="ca", id=30, now=NOW)
    return project


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_list_that_no_check_could_use_is_not_imported(name: str) -> None:
    case = UNUSABLE[name]
    project = holding(case.held[0])
    with pytest.raises(CertificateError) as caught:
        project.import_crl(der(case.crls[0]), now=NOW)
    assert caught.value.status == 0x80E4
    assert case.warned in str(caught.value)
    assert caught.value.failure.remedy
    assert project.crl(30) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_an_older_list_never_replaces_a_newer_one(arrivals: list[tuple[int, int]]) -> None:
    project = holding(ROOT)
    held: tuple[int, int] | None = None
    for number, day in arrivals:
        crl = make_crl(ROOT.signer, (), number=number, now=NOW + day * DAY, days=30)
        try:
            project.import_crl(der(crl), now=NOW)
        except ParameterError as error:
            assert held is not None
            assert (number, day) < held
            assert error.failure.remedy
        else:
            assert held is None or (number, day) >= held
            held = (number, day)
        current = project.crl(30)
        assert current is not None
        assert held is not None
        assert current.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == held[0]
        assert current.last_update_utc == NOW + held[1] * DAY


def test_the_empty_list_never_outlives_the_first_real_one() -> None:
    """A client loads the empty list that TIA Portal's users export; then something is revoked."""
    theirs, ours = plant(), make_project("Ours")
    ours.import_(theirs.export(3, "pem").data, as_="ca", id=30, now=NOW)
    ours.import_crl(theirs.empty_crl(3, now=NOW + DAY), now=NOW)
    theirs.revoke(9, now=NOW)
    ours.import_crl(theirs.export(3, "crl").data, now=NOW)
    with pytest.raises(ParameterError, match="would make them valid again"):
        theirs.empty_crl(3, now=NOW)


def test_an_empty_list_beside_a_numbered_one_is_refused() -> None:
    project = plant()
    project.new_crl(3, now=NOW)
    with pytest.raises(ParameterError, match="numbers only grow"):
        project.empty_crl(3, now=NOW)
    assert len(x509.load_der_x509_crl(project.export(3, "crl", now=NOW).data)) == 0


def test_a_ca_that_may_not_sign_lists_revokes_nothing() -> None:
    ca = made("No lists", ca=True, key_usage=usage("key_cert_sign"))
    project = make_project()
    key = ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    project.import_(pem(ca.certificate) + key, as_="ca", id=30, now=NOW)
    leaf = project.new(usage="tls", issuer=30, common_name="leaf", days=9, now=NOW)
    with pytest.raises(ParameterError, match="may not sign revocation lists") as caught:
        project.revoke(leaf.id, now=NOW)
    assert "renew" in caught.value.failure.remedy
    assert project.entry(leaf.id).revoked is None
    project.renew(30, days=99, now=NOW)
    assert project.revoke(leaf.id, now=NOW).revoked == NOW


@pytest.mark.parametrize("serial", [b"\0", b"\x80", b"\1" * 21])
def test_what_no_list_can_name_is_not_revoked(serial: bytes) -> None:
    ca = made("CA", ca=True)
    project = make_project()
    key = ca.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    project.import_(pem(ca.certificate) + key, as_="ca", id=30, now=NOW)
    project.import_(pem(numbered("odd", serial, ca).certificate), as_="trusted", id=31, now=NOW)
    with pytest.raises(ParameterError, match="no revocation list can name certificate 31"):
        project.revoke(31, now=NOW)


@pytest.mark.parametrize("serial", [b"\0", b"\x80\1", b"\1" * 60])
def test_a_certificate_with_an_odd_serial_number_lives_in_a_project_and_in_files(serial: bytes, tmp_path: Any) -> None:
    root = numbered("Odd", serial, ca=True)
    with Project.create("P", path=tmp_path / "p.ouc", password="pw", cost=CHEAP, now=NOW) as project:
        project.add_device("PC", kind="PC", profile="", now=NOW)
        (entry,) = project.import_(pem(root.certificate), as_="ca", now=NOW)
        project.assign(entry.id, "PC", now=NOW)
        project.download("PC", tmp_path / "pc.ouc", password="pw")
        assert not project.check()
    with Project.open(tmp_path / "p.ouc", password="pw") as project:
        assert int(project.entry(entry.id).facts.serial, 16) == int.from_bytes(serial, "big", signed=True)
        assert project.entry(entry.id).certificate == root.certificate
    assert Device.open(tmp_path / "pc.ouc", password="pw").download().trust(entry.id, side="client").anchors


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_one_error(data: bytes) -> None:
    for text in (data, b"-----BEGIN X509 CRL-----\n" + data + b"\n-----END X509 CRL-----\n"):
        with pytest.raises(OUCError):
            holding(ROOT).import_crl(text, now=NOW)
