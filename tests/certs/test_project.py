"""The global manager: IDs, columns, tabs, and what renew, replace and delete leave behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs import COLUMNS, Project, Tab, verify
from ouc.certs.names import san_addresses
from ouc.errors import ParameterError

from .strategies import DAY, NOW, make_project, pem, plant


def test_the_published_example_gets_the_published_ids() -> None:
    assert {entry.id: entry.common_name for entry in plant().entries()} == {
        1: "Siemens TIA Project(Example)-1",
        2: "Siemens TIA Project(Example)-2",
        3: "Siemens TIA Project(Example)-3",
        4: "PLC-1/Communication-4",
        8: "PLC-1/Webserver-8",
        9: "PLC-1/TLS",
        10: "PLC-2/Communication-10",
        11: "PLC-2/TLS",
    }


def test_the_columns_are_the_nine_of_tia_portal_with_the_values_of_the_example() -> None:
    rows = {entry.id: entry.columns() for entry in plant().entries()}
    assert all(tuple(row) == COLUMNS for row in rows.values())
    shown = {number: (row["Used as"], row["Signature algorithm"], row["Key length"]) for number, row in rows.items()}
    assert shown[1] == ("Certification authority", "RSA-SHA1", "2048 bit")
    assert shown[2] == ("Certification authority", "RSA-SHA256", "2048 bit")
    assert shown[3] == ("Certification authority", "ecdsa-SHA256", "256 bit")
    assert shown[4] == shown[8] == ("Not assigned", "ecdsa-SHA256", "256 bit")
    assert {row["Private key"] for row in rows.values()} == {"Yes"}


def test_the_opc_ua_certificate_follows_the_example() -> None:
    project = make_project()
    project.add_device("PLC-1", addresses=["192.168.0.1", "192.168.1.1"], now=NOW)
    entry = project.enable_opc_ua_server("PLC-1", now=NOW)
    assert entry.common_name == "PLC-1/OPCUA-1-5"
    assert entry.issuer_id == 2
    assert entry.columns()["Signature algorithm"] == "RSA-SHA256"
    assert entry.facts.san == ("URI:urn:SIMATIC.S7-1500.OPC-UA.Application:PLC-1", "IP:192.168.0.1", "IP:192.168.1.1")
    usage = entry.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.content_commitment, usage.digital_signature, usage.key_encipherment, usage.data_encipherment) == (True,) * 4
    assert (usage.key_agreement, usage.key_cert_sign, usage.crl_sign) == (False,) * 3


def test_switching_a_server_on_twice_makes_one_certificate() -> None:
    project = plant()
    assert project.enable_web_server("PLC-1", now=NOW).id == 8


def test_ca_3_appears_only_when_it_is_needed() -> None:
    project = make_project()
    assert [entry.id for entry in project.entries()] == [1, 2]
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    assert [entry.id for entry in project.entries()] == [1, 2, 3, 4]


def test_ca_1_signs_itself_with_sha1_and_everything_else_with_sha256() -> None:
    project = make_project()
    entry = project.new(usage="tls", issuer=1, common_name="leaf", now=NOW)
    assert project.entry(1).facts.algorithm == "RSA-SHA1"
    assert entry.facts.algorithm == "RSA-SHA256"
    assert "SHA-1" in project.entry(1).notes[0]


@pytest.mark.parametrize(("options", "what"), [({"key": "rsa-1024"}, "RSA 1024"), ({"hash": "sha1"}, "SHA-1")])
def test_broken_algorithms_need_to_be_asked_for_by_name(options: dict[str, str], what: str) -> None:
    project = make_project()
    with pytest.raises(ParameterError, match=what):
        project.new(usage="tls", issuer=2, common_name="old", now=NOW, **options)  # type: ignore[arg-type]
    entry = project.new(usage="tls", issuer=2, common_name="old", legacy=True, now=NOW, **options)  # type: ignore[arg-type]
    assert any(what in note for note in entry.notes)


def test_the_tabs_split_the_entries() -> None:
    project = plant()
    tabs = {tab: [entry.id for entry in project.entries(tab=tab)] for tab in Tab}
    assert tabs == {Tab.CA: [1, 2, 3], Tab.DEVICE: [4, 8, 9, 10, 11], Tab.TRUSTED: []}


def test_renewing_keeps_the_id_and_changes_key_dates_and_serial() -> None:
    project = plant()
    before = project.entry(9)
    after = project.renew(9, now=NOW + 100 * DAY)
    assert (after.id, after.common_name, after.facts.san) == (9, before.common_name, before.facts.san)
    assert after.facts.not_before == NOW + 100 * DAY
    assert after.facts.serial != before.facts.serial
    assert after.certificate.public_key() != before.certificate.public_key()
    assert [event.what for event in project.history(9)] == ["created", "renewed"]


def test_renewing_changes_what_is_asked_for() -> None:
    project = plant()
    entry = project.renew(9, san=["IP:10.0.0.9", "DNS:plc-1.plant"], key="ec-p384", days=90, now=NOW)
    assert entry.facts.san == ("IP:10.0.0.9", "DNS:plc-1.plant")
    assert entry.facts.key_type == "ec-p384"
    assert entry.facts.not_after == NOW + 90 * DAY


def test_a_renewed_ca_keeps_its_key_so_what_it_signed_stays_valid() -> None:
    project = plant()
    leaf = project.entry(9).certificate
    project.renew(3, now=NOW + DAY)
    trust = project.device("PLC-2").download().trust(3, side="client")
    assert verify([leaf], purpose="server", trust=trust, now=NOW + 2 * DAY).ok


def test_a_ca_renewed_with_a_new_key_issues_its_certificates_again() -> None:
    project = plant()
    old = {entry.id: entry for entry in project.entries()}
    assert project.affected(3) == (4, 8, 9, 10, 11)
    project.renew(3, keep_key=False, now=NOW + DAY)
    trust = project.device("PLC-2").download().trust(3, side="client")
    for number in (4, 8, 9, 10, 11):
        entry = project.entry(number)
        assert entry.certificate.public_key() == old[number].certificate.public_key()
        assert (entry.common_name, entry.facts.san) == (old[number].common_name, old[number].facts.san)
        assert verify([entry.certificate], purpose="server", trust=trust, now=NOW + 2 * DAY).ok
        assert not verify([old[number].certificate], purpose="server", trust=trust, now=NOW + 2 * DAY).ok


def test_a_certificate_never_outlives_its_issuer() -> None:
    project = make_project()
    project.new(usage="ca", issuer="self", common_name="Short", days=30, now=NOW)
    assert project.new(usage="tls", issuer=4, common_name="leaf", now=NOW).facts.not_after == NOW + 30 * DAY
    with pytest.raises(ParameterError, match="outlive its issuer"):
        project.new(usage="tls", issuer=4, common_name="leaf", days=31, now=NOW)


def test_a_failed_operation_changes_nothing_and_spends_no_id() -> None:
    project = plant()
    before, generation = project.entries(), project.generation
    for wrong in ({"issuer": 9}, {"san": ["IP:300.1.1.1"]}, {"key": "ed25519"}, {"days": 0}, {"common_name": "x" * 65}):
        with pytest.raises(ParameterError):
            project.new(usage="tls", device="PLC-1", now=NOW, **wrong)
    assert (project.entries(), project.generation) == (before, generation)
    assert project.new(usage="tls", device="PLC-1", now=NOW).id == 12


def test_a_time_without_zone_is_refused_wherever_it_is_given() -> None:
    project, naive = make_project(), datetime(2026, 6, 1)
    for times in ({"now": naive}, {"not_before": naive, "now": NOW}, {"not_after": naive, "now": NOW}):
        with pytest.raises(ParameterError, match="without time zone"):
            project.new(usage="tls", issuer=2, common_name="x", **times)  # type: ignore[arg-type]


def test_default_cas_and_cas_in_use_cannot_be_deleted() -> None:
    project = plant()
    with pytest.raises(ParameterError, match="cannot be deleted"):
        project.delete(2, now=NOW)
    ca = project.new(usage="ca", issuer="self", common_name="Own CA", now=NOW)
    project.new(usage="tls", issuer=ca.id, common_name="leaf", now=NOW)
    with pytest.raises(ParameterError, match="issued certificates that are still here: 13"):
        project.delete(ca.id, now=NOW)


def test_a_deleted_id_says_so_and_keeps_its_history() -> None:
    project = plant()
    with pytest.raises(ParameterError, match="certificate 5 was deleted"):
        project.entry(5)
    with pytest.raises(ParameterError, match="certificate 99 does not exist"):
        project.entry(99)
    assert [event.what for event in project.history(5)] == ["created", "deleted"]


def test_an_import_can_take_the_id_that_tia_portal_gave_but_never_a_used_one() -> None:
    project, other = plant(), make_project("Other")
    one = other.new(usage="ca", issuer="self", common_name="Foreign", now=NOW)
    data = other.export(one.id, "pem").data
    assert project.import_(data, as_="ca", id=77, now=NOW)[0].id == 77
    with pytest.raises(ParameterError, match="already, as ID 77"):
        project.import_(data, as_="ca", id=78, now=NOW)
    second = other.new(usage="ca", issuer="self", common_name="Second", now=NOW)
    for used in (5, 9, 77):
        with pytest.raises(ParameterError, match="never used again"):
            project.import_(other.export(second.id, "pem").data, as_="ca", id=used, now=NOW)
    assert project.new(usage="tls", device="PLC-1", now=NOW).id == 12


def test_a_mirrored_project_makes_nothing_by_itself() -> None:
    mirror = make_project("Mirror", mirror=True)
    assert mirror.entries() == []
    mirror.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    with pytest.raises(ParameterError, match="no IDs of its own"):
        mirror.new(usage="tls", issuer="self", device="PLC-1", now=NOW)
    source = plant()
    assert mirror.import_(source.export(3, "pem").data, as_="ca", id=3, now=NOW)[0].id == 3
    assert mirror.import_(source.export(9, "p12", password="x").data, as_="device", password="x", id=9,
                          device="PLC-1", now=NOW)[0].issuer_id == 3  # fmt: skip


def test_the_year_2038_and_the_last_id_are_no_limits() -> None:
    project = make_project()
    entry = project.new(usage="ca", common_name="Long", not_after=datetime(2099, 1, 1, tzinfo=UTC), now=NOW)
    assert entry.facts.not_after.year == 2099
    data = entry.certificate
    other = make_project("Other")
    assert other.import_(pem(data), as_="ca", id=0xFFFF_FFFF, now=NOW)[0].id == 4294967295


@pytest.mark.parametrize("number", [0, -1, 2**32])
def test_what_is_no_udint_is_no_id(number: int) -> None:
    project, other = make_project(), make_project("Other")
    data = other.export(2, "pem").data
    with pytest.raises(ParameterError, match="is not an ID"):
        project.import_(data, as_="ca", id=number, now=NOW)


@pytest.mark.parametrize(
    ("usage", "purposes"),
    [
        ("tls", {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
        ("tls-server", {ExtendedKeyUsageOID.SERVER_AUTH}),
        ("tls-client", {ExtendedKeyUsageOID.CLIENT_AUTH}),
        ("web", {ExtendedKeyUsageOID.SERVER_AUTH}),
        ("opcua-client", {ExtendedKeyUsageOID.CLIENT_AUTH}),
    ],
)
def test_the_usage_decides_the_purposes(usage: str, purposes: set[x509.ObjectIdentifier]) -> None:
    entry = plant().new(usage=usage, device="PLC-1", now=NOW)
    found = entry.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(found) == purposes
    assert not entry.facts.is_ca


def test_every_address_of_a_device_is_in_its_server_certificates() -> None:
    project = make_project()
    project.add_device("PLC-1", addresses=["192.168.0.1", "10.0.0.1"], names=["plc-1.plant"], now=NOW)
    entry = project.new(usage="tls", device="PLC-1", now=NOW)
    assert san_addresses(entry.certificate) == ("192.168.0.1", "10.0.0.1")
    assert entry.facts.names == ("plc-1.plant",)


def test_a_key_that_the_profile_cannot_use_is_said_at_once() -> None:
    project = make_project()
    project.add_device("PLC-1", addresses=["192.168.0.1"], profile="S7-1200 V4.6", now=NOW)
    entry = project.new(usage="tls", device="PLC-1", key="rsa-4096", issuer=3, now=NOW)
    assert "S7-1200 V4.6 do not take a key of the kind rsa-4096" in entry.notes[0]


@given(st.text(max_size=70))
def test_a_name_is_either_carried_exactly_or_refused(name: str) -> None:
    project = _cheap()
    try:
        entry = project.new(usage="tls", issuer="self", common_name=name, key="ec-p256", now=NOW)
    except ParameterError:
        assert not name.isprintable() or not 0 < len(name.encode()) <= 64
    else:
        assert entry.common_name == name


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)), st.integers(1, 4000))
def test_validity_starts_now_and_lasts_the_days_that_were_asked_for(later: timedelta, days: int) -> None:
    entry = _cheap().new(usage="tls", issuer="self", common_name="x", days=days, now=NOW + later)
    assert entry.facts.not_before == (NOW + later).replace(microsecond=0)
    assert entry.facts.not_after - entry.facts.not_before == timedelta(days=days)


def _cheap() -> Project:
    return make_project("Mirrored")
