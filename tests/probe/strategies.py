"""Observations of every kind: those that a network can give, and those that only a stranger's bytes could."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv4Address
from typing import Any

from hypothesis import strategies as st

from emulator import faults
from ouc.certs import Trust
from ouc.probe import End, Observation, Opening, Shown
from ouc.tls import ClientHello
from ouc.tls.verdict import ALERTS

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

_CERTIFICATES = tuple(one for one in faults.FAULTS if one.conduct is faults.Conduct.TLS and one.leaf.name != "NONE")


@cache
def planned(fault: faults.Fault) -> faults.Plan:
    return faults.plan(fault, now=NOW)


@cache
def trusted() -> Trust:
    return planned(_CERTIFICATES[0]).partner().download().trust(0, side="client")


def _leaf(fault: faults.Fault) -> Any:
    own = planned(fault).credentials.own
    assert own is not None
    return own


def hellos() -> st.SearchStrategy[ClientHello]:
    numbers = st.lists(st.integers(0, 0xFFFF), max_size=4).map(tuple)
    return st.builds(
        ClientHello,
        size=st.integers(50, 2000),
        versions=st.lists(st.sampled_from([0x0301, 0x0302, 0x0303, 0x0304, 0xFAFA]), min_size=1).map(tuple),
        suites=numbers,
        groups=numbers,
    )


def shown() -> st.SearchStrategy[Shown]:
    chain = st.lists(st.sampled_from(_CERTIFICATES).map(lambda one: _leaf(one).certificate), max_size=2).map(tuple)
    return st.builds(
        Shown, version=st.just("TLS 1.3"), chain=chain, asked=st.booleans(), complete=st.booleans(), confirmed=st.booleans(),
        issuers=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    )  # fmt: skip


def first_bytes() -> st.SearchStrategy[bytes]:
    known = (
        b"",
        b"\x16\x03\x03\x00\x7a\x02",
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"HTTP/1.1 400",
        b"HELF",
        b"\x03\x00\x00\x16",
    )
    return st.sampled_from(known) | st.binary(max_size=64)


def observations() -> st.SearchStrategy[Observation]:
    return st.builds(
        Observation,
        role=st.sampled_from(["client", "server"]),
        where=st.just("192.168.0.1:2000"),
        port=st.sampled_from([102, 443, 2000]),
        now=st.sampled_from([NOW, NOW - timedelta(days=5000), NOW + timedelta(days=5000)]),
        opening=st.sampled_from(Opening),
        end=st.sampled_from(End),
        spoke=st.booleans(),
        first=first_bytes(),
        hello=st.none() | hellos(),
        alert=st.none() | st.sampled_from(sorted(ALERTS)) | st.integers(0, 255),
        tls=shown(),
        address=st.none() | st.just(IPv4Address("127.0.0.1")) | st.just(IPv4Address("192.168.0.7")),
        name=st.none() | st.just("plc-1.plant"),
        own_address=st.none() | st.just(IPv4Address("192.168.0.7")),
        check_address=st.booleans(),
        trust=st.none() | st.builds(trusted),
        own=st.none() | st.sampled_from(_CERTIFICATES).map(_leaf),
        limit=st.just(15.0),
    )
