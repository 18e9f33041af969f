"""Local managers: what a download brings to a device, and what each reference means there."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs import Device, verify
from ouc.certs.snapshot import DeviceStore
from ouc.errors import CertificateError, ParameterError
from ouc.status import Status

from .strategies import NOW, made, make_project, pem, plant


def status_of(call: object) -> Status | None:
    with pytest.raises(CertificateError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.failure.remedy
    return caught.value.status


def test_a_device_holds_its_own_certificates_with_the_ca_that_issued_them() -> None:
    store = plant().device("PLC-1").download()
    assert tuple(store.held) == (3, 4, 8, 9)
    assert store.own_ids == (4, 8, 9)
    assert store.held[3].key is None


def test_what_is_only_in_the_project_is_not_on_the_device() -> None:
    project = plant()
    entry = project.new(usage="tls", issuer=3, common_name="Loose", now=NOW)
    store = project.device("PLC-1").download()
    with pytest.raises(CertificateError, match=f"certificate {entry.id} is in the project, but not on PLC-1") as caught:
        store.own(entry.id, side="server")
    assert caught.value.status == 0x80ED


@pytest.mark.parametrize(
    ("reference", "side", "status"),
    [(0, "server", 0x80E9), (77, "server", 0x80ED), (3, "server", 0x80ED), (77, "client", 0x80E2), (3, "client", 0x80E2)],
)
def test_an_own_reference_that_cannot_serve_has_the_status_of_its_role(reference: int, side: str, status: int) -> None:
    store = plant().device("PLC-1").download()
    assert status_of(lambda: store.own(reference, side=side)) == status  # type: ignore[arg-type]


def test_a_client_with_reference_0_shows_no_certificate() -> None:
    assert plant().device("PLC-2").download().own(0, side="client") is None


@pytest.mark.parametrize(
    ("reference", "side", "status"),
    [(77, "client", 0x80ED), (77, "server", 0x80E4), (9, "client", 0x80ED), (10, "client", 0x80E2), (11, "server", 0x80E2)],
)
def test_a_trust_reference_that_cannot_serve_has_the_status_of_its_role(reference: int, side: str, status: int) -> None:
    store = plant().device("PLC-2").download()
    assert status_of(lambda: store.trust(reference, side=side)) == status  # type: ignore[arg-type]


def test_reference_0_means_every_ca_on_the_device() -> None:
    project = plant()
    project.assign(2, "PLC-1", used_as="trusted", now=NOW)
    assert project.device("PLC-1").download().trust(0, side="server").ids == (2, 3)


def test_a_device_without_any_ca_trusts_nobody_at_reference_0() -> None:
    project = make_project()
    project.add_device("PC-1", kind="PC", now=NOW)
    assert status_of(lambda: project.device("PC-1").download().trust(0, side="client")) == 0x80E4


def test_an_intermediate_is_an_anchor_only_with_its_root() -> None:
    root = made("Root", ca=True)
    middle = made("Middle", root, ca=True)
    project = make_project()
    project.add_device("PC-1", kind="PC", now=NOW)
    (entry,) = project.import_(pem(middle.certificate), as_="ca", device="PC-1", now=NOW)
    assert status_of(lambda: project.device("PC-1").download().trust(entry.id, side="client")) == 0x80E4
    project.import_(pem(root.certificate), as_="ca", now=NOW)
    trust = project.device("PC-1").download().trust(entry.id, side="client")
    assert trust.pool == (middle.certificate, root.certificate)


def test_trust_in_a_root_brings_the_intermediates_below_it() -> None:
    root = made("Root", ca=True)
    middle = made("Middle", root, ca=True)
    leaf = made("leaf", middle)
    device = Device.from_files(ca=[pem(root.certificate), pem(middle.certificate)])
    trust = device.download().trust(1, side="client")
    assert set(trust.pool) == {root.certificate, middle.certificate}
    assert verify([leaf.certificate], purpose="server", trust=trust, now=NOW).ok


def test_several_anchors_work_as_a_list_and_as_a_group() -> None:
    project = plant()
    second = project.new(usage="ca", issuer="self", common_name="New CA", now=NOW)
    project.assign(second.id, "PLC-2", used_as="trusted", now=NOW)
    group = project.group("old and new", [3, second.id], now=NOW)
    assert group.id == 13
    store = project.device("PLC-2").download()
    assert store.trust([3, second.id], side="client").ids == store.trust(group.id, side="client").ids == (3, second.id)
    leaf = project.new(usage="tls", issuer=second.id, device="PLC-1", now=NOW)
    for reference in (group.id, second.id):
        trust = store.trust(reference, side="client")
        assert verify([leaf.certificate], purpose="server", trust=trust, now=NOW).ok
    assert verify([leaf.certificate], purpose="server", trust=store.trust(3, side="client"), now=NOW).status == 0x80E4


def test_a_group_believes_those_members_that_the_device_holds() -> None:
    project = plant()
    second = project.new(usage="ca", issuer="self", common_name="New CA", now=NOW)
    group = project.group("both", [3, second.id], now=NOW)
    assert project.device("PLC-2").download().trust(group.id, side="client").ids == (3,)


def test_a_download_is_the_same_object_until_something_changes() -> None:
    project = plant()
    device = project.device("PLC-1")
    before = device.download()
    project.new(usage="tls", issuer=3, device="PLC-2", now=NOW)
    assert device.download().own(9, side="server") is before.own(9, side="server")
    assert device.generation == before.generation
    project.renew(9, now=NOW)
    after = device.download()
    assert after.generation > before.generation
    assert after.changes_from(before).renewed == (9,)
    assert before.own(9, side="server") is not after.own(9, side="server")


def test_a_new_id_needs_stop_and_a_renewed_one_does_not_where_the_firmware_loads_in_run() -> None:
    project = plant()
    device = project.device("PLC-1")
    first = device.download()
    project.renew(9, now=NOW)
    renewed = device.download().changes_from(first)
    project.new(usage="tls", device="PLC-1", now=NOW)
    added = device.download().changes_from(first)
    assert (renewed.needs_stop(load_in_run=True), renewed.needs_stop(load_in_run=False)) == (False, True)
    assert (added.needs_stop(load_in_run=True), added.needs_stop(load_in_run=False)) == (True, True)


def test_an_imported_ca_above_an_own_certificate_is_sent_but_not_trusted() -> None:
    root = made("Foreign", ca=True)
    leaf = made("own", root)
    project = make_project()
    project.add_device("PC-1", kind="PC", now=NOW)
    archive = pem(leaf.certificate, root.certificate) + _key(leaf.key)
    entries = project.import_(archive, as_="device", device="PC-1", now=NOW)
    store = project.device("PC-1").download()
    own = store.own(entries[0].id, side="client")
    assert own is not None
    assert own.chain == (root.certificate,)
    assert status_of(lambda: store.trust(entries[1].id, side="client")) == 0x80ED
    project.assign(entries[1].id, "PC-1", now=NOW)
    assert project.device("PC-1").download().trust(entries[1].id, side="client").ids == (entries[1].id,)


def _key(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined,no-any-return]


def test_a_device_takes_64_certificates_and_not_one_more() -> None:
    project = make_project()
    project.add_device("PC-1", kind="PC", now=NOW)
    for number in range(64):
        project.import_(pem(made(f"partner {number}").certificate), as_="partner", device="PC-1", now=NOW)
    assert len(project.device("PC-1").download().held) == 64
    with pytest.raises(ParameterError, match="65 certificates for PC-1; at most 64 fit"):
        project.import_(pem(made("one more").certificate), as_="partner", device="PC-1", now=NOW)


def test_turning_global_settings_on_wipes_the_local_manager() -> None:
    project = make_project()
    project.add_device("PLC-1", addresses=["192.168.0.1"], global_settings=False, now=NOW)
    project.enable_web_server("PLC-1", now=NOW)
    local = project.new(usage="tls", device="PLC-1", now=NOW)
    assert [entry.issuer_id for entry in project.entries(device="PLC-1")] == [4, 5, 6]
    with pytest.raises(ParameterError, match="self-signed certificates only"):
        project.new(usage="tls", issuer=2, device="PLC-1", now=NOW)
    assert project.use_global_settings("PLC-1", on=True, now=NOW) == (4, 5, local.id)
    names = [entry.common_name for entry in project.entries(device="PLC-1")]
    assert names == ["Siemens TIA Project(Plant)-3", "PLC-1/Communication-7", "PLC-1/Webserver-8"]


def test_a_local_certificate_follows_its_address_and_a_global_one_waits_for_renewal() -> None:
    project = make_project()
    project.add_device("local", addresses=["192.168.0.1"], global_settings=False, now=NOW)
    project.add_device("global", addresses=["192.168.0.2"], now=NOW)
    assert project.set_addresses("local", ["10.0.0.1"], now=NOW) == ()
    assert project.entry(4).facts.addresses == ("10.0.0.1",)
    assert project.set_addresses("global", ["10.0.0.2"], now=NOW) == (5,)
    assert project.entry(5).facts.addresses == ("192.168.0.2",)


def test_a_cp_has_one_device_certificate() -> None:
    project = make_project()
    project.add_device("CP-1", kind="CP", addresses=["192.168.0.9"], now=NOW)
    first, second = (project.new(usage="tls", issuer=3, common_name=name, now=NOW) for name in ("a", "b"))
    project.assign(first.id, "CP-1", now=NOW)
    with pytest.raises(ParameterError, match=f"has its device certificate already, ID {first.id}"):
        project.assign(second.id, "CP-1", now=NOW)
    project.assign(second.id, "CP-1", used_as="web", now=NOW)
    with pytest.raises(ParameterError, match="Unassign it from CP-1"):
        project.delete(first.id, now=NOW)


def test_loose_files_make_a_device_in_every_wrapping() -> None:
    ca = made("CA", ca=True)
    own = made("own", ca)
    both = pem(own.certificate) + _key(own.key)
    der = own.certificate.public_bytes(Encoding.DER)
    for cert, key in ((both, None), (pem(own.certificate), _key(own.key)), (der, _key(own.key))):
        device = Device.from_files(ca=pem(ca.certificate), cert=cert, key=key)
        (number,) = device.own_ids
        found = device.download().own(number, side="client")
        assert found is not None
        assert found.certificate == own.certificate
        assert found.chain == (ca.certificate,)


def test_a_self_signed_partner_can_be_given_as_ca() -> None:
    partner = made("PLC-1/TLS")
    trust = Device.from_files(ca=pem(partner.certificate)).download().trust(0, side="client")
    assert verify([partner.certificate], purpose="server", trust=trust, now=NOW).ok
    assert verify([made("PLC-1/TLS").certificate], purpose="server", trust=trust, now=NOW).status == 0x80E4


def test_a_key_that_belongs_to_another_certificate_is_refused() -> None:
    ca, own, other = made("CA", ca=True), made("own"), made("other")
    with pytest.raises(ParameterError, match="does not belong to the certificate"):
        Device.from_files(ca=pem(ca.certificate), cert=pem(own.certificate), key=_key(other.key))
    with pytest.raises(ParameterError, match="without its private key"):
        Device.from_files(ca=pem(ca.certificate), cert=pem(own.certificate))


def test_facts_tell_the_chain_of_each_certificate() -> None:
    facts = plant().device("PLC-1").download().facts()
    assert facts[9].issuer_ids == (3,)
    assert (facts[9].complete, facts[9].has_key, facts[9].is_ca) == (True, True, False)
    assert facts[9].addresses == ("192.168.0.1",)
    assert (facts[3].complete, facts[3].has_key, facts[3].is_ca, facts[3].issuer_ids) == (True, False, True, ())


def test_a_certificate_is_identified_by_all_of_it() -> None:
    project = plant()
    store = project.device("PLC-1").download()
    old = project.entry(9).certificate
    project.renew(9, keep_key=True, now=NOW)
    assert store.identify(old) == 9
    assert project.device("PLC-1").download().identify(old) is None


def test_nothing_prints_a_private_key() -> None:
    store = plant().device("PLC-1").download()
    own = store.own(9, side="server")
    assert own is not None
    secret = f"{own.key.private_numbers().private_value:x}"  # type: ignore[union-attr]
    assert all(secret not in repr(thing) for thing in (own, store, store.held[9], plant()))
    assert "PrivateKey" not in repr(own) + repr(store.held[9])


@given(st.integers(0, 2**32 - 1), st.sampled_from(["server", "client"]))
def test_every_reference_has_an_answer_or_a_status(reference: int, side: str) -> None:
    store = _store()
    for call in (store.own, store.trust):
        try:
            call(reference, side=side)  # type: ignore[arg-type]
        except CertificateError as error:
            assert error.status in (0x80E2, 0x80E4, 0x80E9, 0x80ED)


@cache
def _store() -> DeviceStore:
    return plant().device("PLC-1").download()
