"""Profiles against the tables of the reference, and their page."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc import profiles
from ouc.errors import ParameterError
from ouc.profiles import DEFAULT, FEATURES, FIRMWARE, NAMES, Profile, profile

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "profiles.md"


@pytest.mark.parametrize(
    ("name", "versions"),
    [
        ("S7-1500 V2.0", ("1.2",)),
        ("S7-1500 V2.8", ("1.2",)),
        ("S7-1500 V2.9", ("1.2", "1.3")),
        ("S7-1500 V3.0", ("1.2", "1.3")),
        ("S7-1500 V3.1", ("1.2", "1.3")),
        ("S7-1200 V4.3", ()),
        ("S7-1200 V4.4", ("1.2",)),
        ("S7-1200 V4.5", ("1.2", "1.3")),
        ("S7-1200 V4.6", ("1.2", "1.3")),
        ("S7-1500R/H V3.0", ()),
        ("S7-1500R/H V3.1", ("1.2", "1.3")),
        ("Python", ("1.2", "1.3")),
    ],
)
def test_TLS_versions_are_those_of_the_firmware(name: str, versions: tuple[str, ...]) -> None:
    assert profile(name).tls_versions == versions


@pytest.mark.parametrize(
    ("name", "feature", "has"),
    [
        ("S7-1500 V2.8", "high_ports", False),
        ("S7-1500 V3.0", "high_ports", True),
        ("S7-1200 V4.7", "high_ports", False),
        ("S7-1200 V4.4", "graceful_shutdown", False),
        ("S7-1200 V4.5", "graceful_shutdown", True),
        ("S7-1500 V2.8", "graceful_shutdown", False),
        ("S7-1500 V2.9", "graceful_shutdown", True),
        ("S7-1500 V3.0", "certificates_in_run", False),
        ("S7-1500 V3.1", "certificates_in_run", True),
        ("S7-1200 V4.7", "extended_diagnosis", False),
        ("S7-1500 V2.0", "extended_diagnosis", True),
        ("S7-1500R/H V3.1", "configured_connections", False),
        ("S7-1500R/H V3.1", "tcon_param", False),
        ("S7-1200 V4.0", "tcon_ends_with_error", False),
        ("S7-1200 V4.1", "tcon_ends_with_error", True),
    ],
)
def test_features_begin_with_the_firmware_that_brings_them(name: str, feature: str, *, has: bool) -> None:
    assert profile(name).has(feature) is has


@pytest.mark.parametrize(
    ("name", "max_len", "max_len_udp", "max_port"),
    [
        ("S7-1200 V4.6", 8192, 1472, 49151),
        ("S7-1200 G2 V1.0", 8192, 2048, 49151),
        ("S7-1500 V2.1", 65536, 1472, 49151),
        ("S7-1500 V2.5", 65536, 2048, 49151),
        ("S7-1500 V3.1", 65536, 2048, 65535),
    ],
)
def test_limits_are_those_of_the_tables(name: str, max_len: int, max_len_udp: int, max_port: int) -> None:
    one = profile(name)
    assert (one.max_len, one.max_len_udp, one.max_port) == (max_len, max_len_udp, max_port)


@pytest.mark.parametrize(
    ("name", "refused", "accepted"),
    [
        ("S7-1200 V4.6", {"rsa-4096", "rsa-8192", "ec-secp256k1"}, {"rsa-2048", "ec-p256", "ec-p384"}),
        ("S7-1500 V3.0", {"rsa-8192", "ec-secp256k1"}, {"rsa-2048", "rsa-4096", "ec-p256", "ec-p384"}),
    ],
)
def test_key_types_are_those_of_the_table(name: str, refused: set[str], accepted: set[str]) -> None:
    assert not profile(name).key_types & refused
    assert profile(name).key_types >= accepted


@pytest.mark.parametrize("name", NAMES)
def test_no_profile_offers_a_group_that_a_controller_was_reported_to_reset(name: str) -> None:
    one = profile(name)
    assert one.groups == ("X25519", "P-256", "P-384")
    assert set(one.groups) <= set(one.strict_groups)
    assert one.certificates == 64


def test_reserved_ports_are_those_of_the_family_and_their_union_for_Python() -> None:
    families = [profile(name) for name in NAMES if name != "Python"]
    assert profile("Python").reserved_ports == frozenset().union(*(one.reserved_ports for one in families))
    assert profile("S7-1200 G2 V1.0").reserved_ports == {20, 21, 25, 80, 102, 443, 5001, 34962, 34963, 34964}


def test_times_are_the_recommended_defaults() -> None:
    assert (DEFAULT.connect_timeout, DEFAULT.handshake_timeout, DEFAULT.keep_alive) == (10, 15, 30)
    assert (DEFAULT.retry_first, DEFAULT.retry_max, DEFAULT.retry_jitter) == (1, 30, 0.2)
    assert (DEFAULT.confirmation_grace, DEFAULT.receive_buffer, DEFAULT.remember_req) == (1, 262_144, True)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("S7-1500", "S7-1500 V3.1"),
        ("s7-1500 v2.9", "S7-1500 V2.9"),
        ("S7-1500 FW 2.9", "S7-1500 V2.9"),
        ("SIMATIC S7-1200, V4.5", "S7-1200 V4.5"),
        ("S7-1200G2", "S7-1200 G2 V1.0"),
        ("s7-1200 g2 v1.0", "S7-1200 G2 V1.0"),
        ("s7-1500r/h", "S7-1500R/H V3.1"),
        ("S71500/3.0", "S7-1500 V3.0"),
        ("python", "Python"),
    ],
)
def test_a_profile_is_found_under_every_usual_spelling(spelling: str, name: str) -> None:
    assert profile(spelling).name == name


@pytest.mark.parametrize("name", NAMES)
def test_every_known_name_is_the_name_of_its_profile(name: str) -> None:
    assert profile(name).name == name
    assert profile(name) is profile(name)


@given(st.text(max_size=80))
def test_any_other_name_is_refused_with_a_list_of_the_known_ones(text: str) -> None:
    try:
        found = profile(text)
    except ParameterError as error:
        assert all(name in error.failure.remedy for name in NAMES)
    else:
        assert found.name in NAMES


@pytest.mark.parametrize("family", FIRMWARE)
@pytest.mark.parametrize("feature", FEATURES)
def test_what_a_firmware_has_its_successors_have(family: profiles.Family, feature: str) -> None:
    having = [profile(f"{family} V{major}.{minor}").has(feature) for major, minor in FIRMWARE[family]]
    assert having == sorted(having)


def test_Python_has_every_feature() -> None:
    assert DEFAULT.features == set(FEATURES)


def test_every_option_names_its_source_and_its_meaning() -> None:
    for field in attrs.fields(Profile):
        if field.default is not attrs.NOTHING:
            assert field.metadata["source"]
            assert field.metadata["meaning"]


def test_a_changed_profile_is_another_key() -> None:
    other = attrs.evolve(DEFAULT, max_port=49151)
    assert other != DEFAULT
    assert len({DEFAULT, other, attrs.evolve(DEFAULT)}) == 2


def test_the_page_of_the_documentation_is_the_table() -> None:
    assert PAGE.read_text("utf-8") == profiles.page()
