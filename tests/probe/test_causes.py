"""The table of causes, with lists instead of sockets."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given

from emulator import faults
from ouc.probe import End, Observation, Opening, Shown, diagnose, report
from ouc.tls import ClientHello

from .strategies import NOW, observations, planned

BASE = Observation(role="client", where="192.168.0.1:2000", port=2000, now=NOW, limit=15)
HELLO = ClientHello(size=278, versions=(0x0304, 0x0303), suites=(0x1302,), groups=(0x001D, 0x11EC))
OLD = attrs.evolve(HELLO, versions=(0x0302, 0x0301))

# What is seen -> the cause that is named.
SEEN: list[tuple[dict[str, Any], str]] = [
    ({"opening": Opening.UNRESOLVED}, "name-unknown"),
    ({"opening": Opening.REFUSED}, "refused"),
    ({"opening": Opening.NO_ANSWER}, "no-answer"),
    ({"opening": Opening.UNREACHABLE}, "unreachable"),
    ({"opening": Opening.NOBODY, "role": "server"}, "nobody-connected"),
    ({"end": End.RESET, "spoke": True}, "turned-away"),
    ({"end": End.CLOSED, "spoke": True}, "turned-away"),
    ({"end": End.RESET, "port": 102}, "port-102"),
    ({"first": bytes.fromhex("0300000B06800000000100")}, "port-102"),
    ({"first": bytes.fromhex("0300001611E00000"), "role": "server"}, "port-102"),
    ({"first": b"HTTP/1.1 400 Bad Request"}, "http"),
    ({"first": b"GET / HTTP/1.1", "role": "server"}, "http"),
    ({"first": b"ERRF\x10\0\0\0"}, "opc-ua"),
    ({"first": b"HELF\x10\0\0\0", "role": "server"}, "opc-ua"),
    ({"first": b"\x01\x00\xfe\x0cHello"}, "plain"),
    ({"first": b"\x01\x00\xfe\x0cHello", "role": "server"}, "plain"),
    ({"end": End.TIMEOUT}, "plain"),
    ({"end": End.TIMEOUT, "role": "server"}, "plain"),
    ({"first": bytes.fromhex("15030200020246"), "alert": 70}, "wrong-version"),
    ({"first": bytes.fromhex("160302003a02000036 0302")}, "wrong-version"),
    ({"first": b"\x16\x03\x01", "hello": OLD, "role": "server"}, "wrong-version"),
    ({"end": End.RESET, "hello": HELLO}, "reset-after-hello"),
    ({"end": End.CLOSED, "hello": HELLO}, "closed-after-hello"),
    ({"end": End.RESET, "first": b"\x16\x03\x01", "hello": HELLO, "role": "server"}, "reset-after-hello"),
    ({"end": End.CLOSED, "role": "server"}, "left-again"),
    ({"first": b"\x15\x03\x03", "alert": 40}, "handshake-refused"),
    ({"first": b"\x15\x03\x03", "alert": 40, "tls": Shown(asked=True)}, "no-client-certificate"),
    ({"first": b"\x16\x03\x03", "alert": 116, "tls": Shown(complete=True)}, "no-client-certificate"),
    ({"first": b"\x16\x03\x03", "alert": 48}, "own-unknown-ca"),
    ({"first": b"\x16\x03\x03", "alert": 45}, "own-expired"),
    ({"first": b"\x16\x03\x03", "alert": 44}, "own-revoked"),
    ({"first": b"\x16\x03\x03", "alert": 43}, "own-wrong-usage"),
    ({"first": b"\x16\x03\x03", "alert": 46}, "own-refused"),
    ({"first": b"\x16\x03\x03", "alert": 42}, "own-not-valid"),
    ({"first": b"\x16\x03\x03", "end": End.TIMEOUT}, "handshake-stalled"),
    ({"first": b"\x16\x03\x03", "end": End.CLOSED, "tls": Shown(complete=True)}, "closed-after-handshake"),
]


@pytest.mark.parametrize(("changes", "cause"), SEEN)
def test_what_is_seen_has_one_name(changes: dict[str, Any], cause: str) -> None:
    (first, *others) = diagnose(attrs.evolve(BASE, **changes))
    assert (first.cause, first.level, others) == (cause, "error", [])


def test_the_groups_that_were_offered_are_told_with_a_reset() -> None:
    (first,) = diagnose(attrs.evolve(BASE, end=End.RESET, hello=HELLO))
    assert "X25519, X25519MLKEM768" in first.failure.what


@pytest.mark.parametrize(
    ("leaf", "own_address", "cause"),
    [
        (faults.Leaf.EXPIRED, None, "own-expired"),
        (faults.Leaf.EARLY, None, "own-not-yet-valid"),
        (faults.Leaf.GOOD, "192.168.0.7", "own-wrong-address"),
        (faults.Leaf.GOOD, "127.0.0.1", "own-not-valid"),
    ],
)
def test_what_the_partner_means_by_bad_certificate_is_looked_up_in_our_own(
    leaf: Any, own_address: Any, cause: str
) -> None:
    from ipaddress import IPv4Address

    own = planned(faults.Fault(name="own", role="server", leaf=leaf)).credentials.own
    address = None if own_address is None else IPv4Address(own_address)
    seen = attrs.evolve(BASE, role="server", first=b"\x16\x03\x03", alert=42, own=own, own_address=address)
    assert [one.cause for one in diagnose(seen)] == [cause]


@given(observations())
def test_every_finding_has_a_status_a_place_and_a_remedy(seen: Observation) -> None:
    for finding in diagnose(seen):
        assert finding.failure.status is not None
        assert finding.failure.status.is_error
        assert finding.failure.where == seen.where
        assert finding.failure.what
        assert len(finding.failure.remedy) > 20
        assert "{" not in finding.failure.what + finding.failure.remedy


@given(observations())
def test_no_cause_is_told_twice(seen: Observation) -> None:
    causes = [one.cause for one in diagnose(seen)]
    assert len(causes) == len(set(causes))


@given(observations())
def test_a_connection_that_was_not_completed_is_never_called_healthy(seen: Observation) -> None:
    document = report(seen, diagnose(seen))
    assert not document["healthy"] or seen.tls.complete


@given(observations())
def test_a_report_is_plain_JSON_and_holds_no_private_key(seen: Observation) -> None:
    text = json.dumps(report(seen, diagnose(seen)))
    assert "PRIVATE" not in text
    if seen.own is not None:
        secret = seen.own.key.private_numbers().private_value  # type: ignore[union-attr]
        assert str(secret) not in text
        assert f"{secret:x}" not in text
        assert str(secret) not in repr(seen)
