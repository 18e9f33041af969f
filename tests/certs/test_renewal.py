"""A renewed certificate serves as its predecessor did, on the device as it is now; what differs is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import attrs
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs import Project, differences
from ouc.certs.issue import DEFAULT_DAYS

from .strategies import DAY, NOW, made, make_project

LATER = NOW + 30 * DAY


def project(*, local: bool = False) -> Project:
    found = make_project()
    found.add_device("PLC-1", addresses=["192.168.0.1"], names=["plc-1.plant"], global_settings=not local, now=NOW)
    return found


@given(st.integers(1, DEFAULT_DAYS - 400), st.booleans())
def test_the_span_of_validity_stays(days: int, keep: bool) -> None:
    plant = project()
    entry = plant.new(usage="tls", device="PLC-1", days=days, now=NOW)
    renewed = plant.renew(entry.id, keep_key=keep, now=LATER)
    assert renewed.facts.not_before == LATER
    assert renewed.facts.not_after - renewed.facts.not_before == timedelta(days=days)
    assert differences(entry, renewed) == ()


def test_a_span_that_the_issuer_does_not_outlive_is_cut_and_told() -> None:
    plant = project()
    root = plant.new(usage="ca", common_name="Root", days=800, now=NOW)
    entry = plant.new(usage="tls", issuer=root.id, device="PLC-1", days=730, now=NOW)
    renewed = plant.renew(entry.id, now=NOW + 100 * DAY)
    assert renewed.facts.not_after == root.facts.not_after
    assert differences(entry, renewed) == ("days of validity: 730 became 700",)


def test_a_span_that_is_named_is_taken_and_told() -> None:
    plant = project()
    entry = plant.new(usage="tls", device="PLC-1", days=730, now=NOW)
    assert differences(entry, plant.renew(entry.id, days=90, now=LATER)) == ("days of validity: 730 became 90",)
    until = plant.renew(entry.id, not_after=LATER + 50 * DAY, now=LATER)
    assert until.facts.not_after == LATER + 50 * DAY


def test_a_certificate_for_ever_is_renewed_for_a_hundred_years_at_most() -> None:
    plant = project()
    forever = made("Root", ca=True, end=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    pem = forever.certificate.public_bytes(Encoding.PEM)
    key = forever.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    plant.import_(pem + key, as_="ca", now=NOW)
    number = plant.identify(forever.certificate)
    assert number is not None
    renewed = plant.renew(number, now=NOW)
    assert renewed.facts.not_after - NOW == timedelta(days=36525)


def test_present_addresses_and_names_come_in_and_former_ones_go() -> None:
    plant = project()
    entry = plant.new(usage="tls", device="PLC-1", days=730, now=NOW)
    assert entry.facts.san == ("IP:192.168.0.1", "DNS:plc-1.plant")
    assert entry.id in plant.set_addresses("PLC-1", ["192.168.0.9", "fd00::9"], names=["plc-1.new"], now=NOW)
    renewed = plant.renew(entry.id, now=LATER)
    assert renewed.facts.san == ("IP:192.168.0.9", "IP:fd00::9", "DNS:plc-1.new")
    assert differences(entry, renewed) == (
        "subjectAltName: without IP:192.168.0.1, DNS:plc-1.plant, with IP:192.168.0.9, IP:fd00::9, DNS:plc-1.new",
    )
    assert plant.set_addresses("PLC-1", ["192.168.0.9", "fd00::9"], now=NOW) == (4,)


def test_what_somebody_entered_by_hand_stays() -> None:
    """An address behind which the device is seen from elsewhere is none of its own."""
    plant = project()
    by_hand = ["IP:192.168.0.1", "IP:10.0.0.1", "DNS:gateway.plant", "URI:urn:plant"]
    entry = plant.new(usage="tls", device="PLC-1", san=by_hand, now=NOW)
    plant.set_addresses("PLC-1", ["192.168.0.9"], now=NOW)
    renewed = plant.renew(entry.id, now=LATER)
    assert renewed.facts.san == (*by_hand[1:], "IP:192.168.0.9")


@pytest.mark.parametrize("san", [[], ["DNS:somebody.else"], ["URI:urn:x"]])
def test_a_certificate_without_any_address_of_the_device_is_left_as_it_is(san: list[str]) -> None:
    plant = project()
    entry = plant.new(usage="tls-client", device="PLC-1", san=san, now=NOW)
    plant.set_addresses("PLC-1", ["192.168.0.9"], now=NOW)
    assert plant.renew(entry.id, now=LATER).facts.san == tuple(san)


def test_a_subject_alternative_name_that_is_named_is_taken() -> None:
    plant = project()
    entry = plant.new(usage="tls", device="PLC-1", now=NOW)
    plant.set_addresses("PLC-1", ["192.168.0.9"], now=NOW)
    assert plant.renew(entry.id, san=["IP:10.1.1.1"], now=LATER).facts.san == ("IP:10.1.1.1",)


def test_where_a_device_was_moved_before_former_addresses_were_noted_all_addresses_are_former() -> None:
    plant = project()
    entry = plant.new(usage="tls", device="PLC-1", san=["IP:192.168.0.1", "IP:192.168.1.1"], now=NOW)
    plant.set_addresses("PLC-1", ["192.168.0.9"], now=NOW)
    def forget(draft):  # type: ignore[no-untyped-def]
        draft.devices["PLC-1"] = attrs.evolve(draft.devices["PLC-1"], former=())

    plant._change("administrator", NOW, forget)
    assert plant.renew(entry.id, now=LATER).facts.san == ("IP:192.168.0.9",)


ADDRESSES = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1"]), max_size=3, unique=True)


@given(st.lists(ADDRESSES, min_size=1, max_size=4))
def test_after_any_moves_a_renewed_certificate_carries_the_present_addresses_alone(moves: list[list[str]]) -> None:
    plant = project()
    entry = plant.new(usage="tls", device="PLC-1", now=NOW)
    for move in moves:
        plant.set_addresses("PLC-1", move, now=NOW)
    renewed = plant.renew(entry.id, now=LATER)
    assert set(renewed.facts.addresses) == {str(ip_address(one)) for one in moves[-1]}
    assert plant.set_addresses("PLC-1", moves[-1], now=NOW) == tuple(
        number for number in (4,) if plant.entry(number).facts.addresses != renewed.facts.addresses
    )


def test_a_local_certificate_follows_by_itself_and_keeps_its_span() -> None:
    plant = project(local=True)
    entry = plant.new(usage="tls", device="PLC-1", days=90, now=NOW)
    assert plant.set_addresses("PLC-1", ["192.168.0.9"], now=LATER) == ()
    moved = plant.entry(entry.id)
    assert moved.facts.addresses == ("192.168.0.9",)
    assert moved.facts.not_after - moved.facts.not_before == 90 * DAY
