"""In and out: the export matrix, every wrapping on the way in, requests, and the tools that have to agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs import Project, verify
from ouc.certs.exchange import FORMATS, METHODS
from ouc.certs.keys import to_pkcs8
from ouc.certs.material import COUNT_LIMIT, read
from ouc.errors import CertificateError, OUCError, ParameterError

from .strategies import DAY, NOW, made, make_project, pem, plant

# certificates.md 3: form, private key, encryption, chain, password.
MATRIX = {
    "cer": ("separate", False, False), "der": ("separate", False, False), "crt": ("same", True, True),
    "pem": ("same", True, True), "p12": ("always", True, False),
}  # fmt: skip


def key_of(project: Project, number: int) -> bytes:
    return to_pkcs8(project._key(project.entry(number)))


def test_the_matrix_is_that_of_the_reference() -> None:
    assert {name: (row.key, row.encrypts, row.chain) for name, row in FORMATS.items()} == MATRIX


@pytest.mark.parametrize("form", ["cer", "der"])
def test_der_forms_write_the_key_into_a_second_file(form: str) -> None:
    project = plant()
    made_ = project.export(9, form, private_key=True, unencrypted=True)
    assert "not encrypted" in made_.warning
    assert x509.load_der_x509_certificate(made_.data) == project.entry(9).certificate
    assert made_.separate_key is not None
    assert load_der_private_key(made_.separate_key, None).private_numbers() == project._key(project.entry(9)).private_numbers()  # type: ignore[union-attr]
    assert project.export(9, form).separate_key is None
    for refused in ({"chain": True}, {"private_key": True}, {"private_key": True, "password": "x"}):
        with pytest.raises(ParameterError):
            project.export(9, form, **refused)


@pytest.mark.parametrize("form", ["crt", "pem"])
@pytest.mark.parametrize("method", [None, *METHODS])
def test_pem_forms_hold_key_and_chain_in_one_file(form: str, method: str | None) -> None:
    project = plant()
    password = "x" if method else None
    options = {"method": method} if method else {"unencrypted": True}
    data = project.export(9, form, private_key=True, chain=True, password=password, **options).data
    found = read(data, password)
    assert found.certificates == [project.entry(9).certificate, project.entry(3).certificate]
    assert found.key is not None
    assert to_pkcs8(found.key) == key_of(project, 9)
    assert (b"ENCRYPTED" in data) == (method is not None)


def test_an_archive_needs_a_key_and_a_password_and_takes_no_chain() -> None:
    project = plant()
    archive = pkcs12.load_pkcs12(project.export(9, "p12", password="pw").data, b"pw")
    assert archive.cert is not None
    assert archive.cert.certificate == project.entry(9).certificate
    assert archive.additional_certs == []
    foreign = project.import_(pem(made("CA", ca=True).certificate), as_="ca", now=NOW)[0]
    for number, options in ((9, {}), (9, {"password": "x", "chain": True}), (foreign.id, {"password": "x"})):
        with pytest.raises(ParameterError):
            project.export(number, "p12", **options)


def test_the_project_name_is_the_password_only_by_name_and_with_a_warning() -> None:
    project = plant()
    made_ = project.export(9, "p12", default_password=True)
    assert "no secret" in made_.warning
    assert pkcs12.load_pkcs12(made_.data, b"Example").key is not None


OPTIONS: dict[str, list[Any]] = {
    "password": [None, "pw", ""], "default_password": [False, True], "method": [None, "aes-128"], "unencrypted": [False, True],
    "private_key": [False, True],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_asked_for_a_key_is_done_or_refused(form: str) -> None:
    """A password protects, or is refused; a key lies in clear only where that was said; nothing is left out of both."""
    project = plant()
    done = 0
    rows: Iterator[tuple[Any, ...]] = itertools.product(*OPTIONS.values())
    for values in rows:
        asked = dict(zip(OPTIONS, values, strict=True))
        protects = asked["password"] is not None or asked["default_password"] or asked["method"] is not None
        try:
            made_ = project.export(9, form, **asked)
        except ParameterError as error:
            assert error.failure.remedy
            continue
        done += 1
        secret = "Example" if asked["default_password"] else asked["password"]
        key_file = made_.separate_key or made_.data
        if not (asked["private_key"] or form == "p12"):
            assert not protects
            assert not asked["unencrypted"]
            assert made_.separate_key is None
            assert b"PRIVATE" not in made_.data
        elif protects:
            assert secret
            assert not asked["unencrypted"]
            assert read(key_file, secret).key is not None
            with pytest.raises(ParameterError):
                read(key_file)
        else:
            assert asked["unencrypted"]
            assert read(key_file).key is not None
            assert "not encrypted" in made_.warning
    assert done == {"cer": 2, "der": 2, "crt": 6, "pem": 6, "p12": 4}[form]


def test_a_list_takes_no_option_about_keys() -> None:
    project = plant()
    options: list[dict[str, Any]] = [
        {"private_key": True}, {"password": "pw"}, {"default_password": True}, {"unencrypted": True}, {"chain": True},
    ]  # fmt: skip
    for option in options:
        with pytest.raises(ParameterError, match="revocation list and nothing else"):
            project.export(3, "crl", **option)


def test_a_device_file_has_a_password_or_none(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="exclude each other"):
        plant().download("PLC-1", tmp_path / "d", password="pw", insecure_keys=True)


def test_a_chain_that_is_not_in_the_project_is_not_written() -> None:
    project = make_project()
    leaf = made("leaf", made("Foreign", ca=True))
    (entry,) = project.import_(pem(leaf.certificate), as_="trusted", now=NOW)
    with pytest.raises(ParameterError, match="not complete in the project"):
        project.export(entry.id, "pem", chain=True)


def test_the_list_of_a_ca_is_empty_until_something_is_revoked() -> None:
    project = plant()
    assert len(x509.load_der_x509_crl(project.export(3, "crl", now=NOW).data)) == 0
    project.revoke(9, reason="key-compromise", now=NOW)
    crl = x509.load_der_x509_crl(project.export(3, "crl").data)
    line = crl.get_revoked_certificate_by_serial_number(project.entry(9).certificate.serial_number)
    assert line is not None
    assert line.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert crl.is_signature_valid(project.entry(3).certificate.public_key())  # type: ignore[arg-type]
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 1


def test_lists_are_numbered_and_forget_nobody() -> None:
    project = plant()
    for number in (4, 8, 9):
        project.revoke(number, now=NOW)
    serial = project.entry(9).certificate.serial_number
    project.renew(9, now=NOW + DAY)
    project.delete(8, now=NOW + DAY)
    crl = x509.load_der_x509_crl(project.new_crl(3, days=7, now=NOW + 2 * DAY))
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 4
    assert {line.serial_number for line in crl} >= {serial}
    assert len(crl) == 3
    assert crl.next_update_utc == NOW + 9 * DAY
    with pytest.raises(ParameterError, match="was revoked"):
        project.revoke(4, now=NOW)


def test_what_signs_itself_or_came_from_elsewhere_cannot_be_revoked() -> None:
    project = plant()
    (foreign,) = project.import_(pem(made("x").certificate), as_="trusted", now=NOW)
    for number in (1, 3, foreign.id):
        with pytest.raises(ParameterError, match="not issued by a CA of the project"):
            project.revoke(number, now=NOW)
    with pytest.raises(ParameterError, match="reason 'boredom'"):
        project.revoke(9, reason="boredom", now=NOW)


def test_foreign_lists_are_taken_from_their_ca_only_and_only_when_newer() -> None:
    theirs, ours = plant(), make_project("Ours")
    ours.import_(theirs.export(3, "pem").data, as_="ca", id=30, now=NOW)
    first = theirs.new_crl(3, now=NOW)
    theirs.revoke(9, now=NOW + DAY)
    second = theirs.export(3, "crl").data
    assert ours.import_crl(second, now=NOW) == (30,)
    with pytest.raises(ParameterError, match="older than number 2"):
        ours.import_crl(first, now=NOW)
    with pytest.raises(CertificateError, match="no CA of the project signed") as caught:
        make_project("Third").import_crl(second, now=NOW)
    assert caught.value.status == 0x80E4
    with pytest.raises(ParameterError, match="keeps its own list"):
        theirs.import_crl(theirs.new_crl(3, now=NOW + 9 * DAY), now=NOW)


def test_a_device_that_requires_lists_refuses_the_revoked_and_a_cpu_does_not() -> None:
    project = plant()
    project.revoke(9, now=NOW)
    leaf = project.entry(9).certificate
    verdicts = {}
    for policy in ("off", "if-present", "required"):
        project.set_revocation("PLC-2", policy, now=NOW)
        trust = project.device("PLC-2").download().trust(3, side="client")
        verdicts[policy] = verify([leaf], purpose="server", trust=trust, now=NOW).status
    assert verdicts == {"off": None, "if-present": 0x80E3, "required": 0x80E3}


def test_a_request_keeps_its_key_in_the_project_until_the_certificate_comes_back() -> None:
    asking, signing = plant(), make_project("Signing")
    request = asking.request(device="PLC-1", usage="tls", now=NOW)
    assert b"PRIVATE" not in request
    signed = signing.sign(request, issuer=2, usage="tls", days=100, now=NOW)
    assert not signed.has_key
    (entry,) = asking.import_(signing.export(signed.id, "cer").data, as_="device", device="PLC-1", now=NOW)
    assert entry.has_key
    assert asking.device("PLC-1").download().own(entry.id, side="server") is not None
    with pytest.raises(ParameterError, match="already"):
        asking.import_(signing.export(signed.id, "cer").data, as_="device", now=NOW)


def test_a_ca_can_be_requested_and_then_signs() -> None:
    asking, signing = plant(), make_project("Root")
    signed = signing.sign(asking.request(usage="ca", common_name="Plant CA", now=NOW), issuer=2, usage="ca", now=NOW)
    (entry,) = asking.import_(signing.export(signed.id, "pem").data, as_="ca", now=NOW)
    leaf = asking.new(usage="tls", issuer=entry.id, device="PLC-1", now=NOW)
    assert (entry.has_key, leaf.issuer_id) == (True, entry.id)


@pytest.mark.parametrize("name", ["Ofen 3 – Süd", "炉", "🏭"])
def test_any_name_survives_every_format(name: str) -> None:
    project = make_project()
    entry = project.new(usage="tls", issuer=2, common_name=name, now=NOW)
    for form in FORMATS:
        data = project.export(entry.id, form, password="pw" if form == "p12" else None).data
        assert read(data, "pw" if form == "p12" else None).certificates == [entry.certificate]


def test_an_empty_password_is_none() -> None:
    project = plant()
    for form in ("p12", "pem"):
        with pytest.raises(ParameterError, match="protects nothing"):
            project.export(9, form, private_key=True, password="")


def test_a_request_for_a_successor_comes_back_by_replace() -> None:
    asking, signing = plant(), make_project("Signing")
    signed = signing.sign(asking.request(number=9, now=NOW), issuer=2, now=NOW)
    entry, again = asking.replace(9, signing.export(signed.id, "pem").data, now=NOW)
    assert (entry.id, entry.has_key, again) == (9, True, ())
    assert entry.facts.san == ("IP:192.168.0.1",)


def test_a_request_with_a_wrong_signature_is_refused() -> None:
    request = bytearray(x509.load_pem_x509_csr(plant().request(device="PLC-1", now=NOW)).public_bytes(Encoding.DER))
    request[-3] ^= 1
    with pytest.raises(ParameterError, match="request"):
        make_project("Signing").sign(bytes(request), issuer=2, now=NOW)


def test_the_usage_decides_what_a_signed_request_may_do() -> None:
    greedy = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    from cryptography.hazmat.primitives import hashes

    request = greedy.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
    entry = plant().sign(request, issuer=3, usage="tls-client", now=NOW)
    assert not entry.facts.is_ca


def test_replacing_a_ca_issues_again_what_it_had_signed() -> None:
    project, foreign = plant(), make_project("Foreign")
    ca = foreign.new(usage="ca", issuer="self", common_name="Plant CA", key="ec-p256", days=900, now=NOW)
    names = {number: project.entry(number).common_name for number in (4, 8, 9, 10, 11)}
    entry, again = project.replace(3, foreign.export(ca.id, "p12", password="x").data, password="x", now=NOW)
    assert (entry.id, entry.common_name, again) == (3, "Plant CA", (4, 8, 9, 10, 11))
    trust = project.device("PLC-2").download().trust(3, side="client")
    for number in again:
        one = project.entry(number)
        assert one.common_name == names[number]
        assert one.facts.not_after <= entry.facts.not_after
        assert verify([one.certificate], purpose="server", trust=trust, now=NOW + DAY).ok


def test_replacing_needs_the_same_kind_and_a_key_where_there_was_one() -> None:
    project = plant()
    for source, part in (
        (pem(made("CA", ca=True).certificate), "is an end-entity certificate, the new one is a CA"),
        (pem(made("leaf").certificate), "successor needs one too"),
    ):
        with pytest.raises(ParameterError, match=part):
            project.replace(9, source, now=NOW)


def test_a_chain_in_one_file_gets_ids_of_its_own_and_links_what_was_there() -> None:
    root = made("Root", ca=True)
    middle = made("Middle", root, ca=True)
    leaf, early = made("leaf", middle), made("early", root)
    project = make_project()
    (waiting,) = project.import_(pem(early.certificate), as_="trusted", now=NOW)
    assert waiting.issuer_id is None
    both = pem(root.certificate, leaf.certificate, middle.certificate)  # in no order at all
    entries = project.import_(both, as_="trusted", now=NOW)
    rows = [(entry.common_name, entry.tab.value) for entry in entries]
    assert rows == [("leaf", "trusted"), ("Root", "ca"), ("Middle", "ca")]
    assert project.entry(waiting.id).issuer_id == entries[1].id
    assert [entry.issuer_id for entry in entries] == [entries[2].id, entries[1].id, entries[1].id]


@pytest.mark.parametrize("as_", ["device", "partner", "ca"])
def test_an_import_that_does_not_fit_says_why(as_: str) -> None:
    leaf = pem(made("leaf").certificate)
    parts = {"device": "needs its private key", "partner": "needs the device", "ca": "is not a CA"}
    with pytest.raises(ParameterError, match=parts[as_]):
        make_project().import_(leaf, as_=as_, now=NOW)  # type: ignore[arg-type]


def test_keys_that_no_controller_takes_are_refused_by_name() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ParameterError, match="Ed25519 cannot be used"):
        read(text)


def test_encrypted_keys_want_their_password_and_others_do_not() -> None:
    key = made("x").key
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw"))
    old = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"pw"))
    for text in (sealed, old):
        assert read(text, "pw").key is not None
        with pytest.raises(ParameterError, match="is encrypted"):
            read(text)
        with pytest.raises(ParameterError, match="wrong password"):
            read(text, "no")
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ParameterError, match="is not encrypted"):
        read(clear, "pw")


def test_sizes_and_numbers_have_limits(tmp_path: Path) -> None:
    big = tmp_path / "big.pem"
    big.write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    with pytest.raises(ParameterError, match="larger than 4194304 bytes"):
        read(big)
    with pytest.raises(ParameterError, match=f"more than {COUNT_LIMIT} objects"):
        read(pem(made("x").certificate) * (COUNT_LIMIT + 1))
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(ParameterError):
            read(missing)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_one_error(data: bytes) -> None:
    for text in (data, b"-----BEGIN CERTIFICATE-----\n" + data + b"\n-----END CERTIFICATE-----\n"):
        with pytest.raises(OUCError):
            read(text)


@given(st.data())
def test_a_damaged_archive_certificate_or_key_is_one_error_or_still_good(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(_SAMPLES))
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + data.draw(st.integers(0, 2)) :]
    try:
        found = read(broken, "pw" if whole is _SAMPLES[0] else None)
        project = make_project("M", mirror=True)
        project.import_(broken, as_="trusted", password="pw" if whole is _SAMPLES[0] else None, id=9, now=NOW)
    except OUCError:
        return
    assert found.certificates


def _samples() -> list[bytes]:
    root = made("Root", ca=True)
    leaf = made("leaf", root, purposes=[])
    archive = pkcs12.serialize_key_and_certificates(
        b"leaf", leaf.key, leaf.certificate, [root.certificate], BestAvailableEncryption(b"pw")
    )
    der = leaf.certificate.public_bytes(Encoding.DER)
    return [archive, der, leaf.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), pem(leaf.certificate)]


_SAMPLES = _samples()


def test_pem_keys_from_other_tools_load_as_they_are() -> None:
    key = made("x").key
    text = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    text += key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    found = read(text)
    assert found.key is not None
    assert found.key.private_numbers() == load_pem_private_key(text, None).private_numbers()  # type: ignore[union-attr]
