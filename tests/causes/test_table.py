"""The one table of causes: every row has an answer for every role, and every piece of evidence has a row."""

from __future__ import annotations

import errno
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc import causes
from ouc.causes import ALERTS, NAMED, PARTNER_CERTIFICATE, ROWS, UNKNOWN, End, Evidence, Moment, Opening, Role, Row
from ouc.errors import CertificateSummary, Failure

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OWN = CertificateSummary(
    subject="PC-1/TLS-6", issuer="Plant root", valid_from=NOW - timedelta(days=1), valid_to=NOW + timedelta(days=1),
    san=("IP:192.168.0.7",), fingerprint="ab" * 32,
)  # fmt: skip
ALL = (*ROWS, *NAMED, UNKNOWN, *PARTNER_CERTIFICATE.values())
ROLES: tuple[Role, ...] = ("client", "server")


def filled(row: Row, role: Role) -> Failure:
    return row.failure(
        Evidence(role=role, where="192.168.0.1:2000", port=2000), said="said", name="'x'", field="TLSServerCertRef", id=7,
        issuer="Plant root", fingerprint="ab",
    )  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", ALL, ids=lambda row: row.cause)
def test_every_row_has_a_sentence_a_STATUS_that_is_an_error_and_a_remedy_for_both_roles(row: Row, role: Role) -> None:
    failure = filled(row, role)
    assert failure.status is not None
    assert failure.status.is_error
    assert failure.what
    assert len(failure.remedy) > 40
    assert failure.cause == row.cause
    assert "{" not in failure.what + failure.remedy
    assert not re.search(r"<class|Status\(|None\b|b'", failure.what)


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.cause)
def test_no_sentence_and_no_remedy_ends_with_a_full_stop(row: Row) -> None:
    for role in ROLES:
        failure = filled(row, role)
        assert not failure.what.endswith(".")
        assert not failure.remedy.endswith(".")


def test_rows_of_one_name_have_one_meaning_so_nothing_else_is_between_alerts_about_our_certificate() -> None:
    for number in causes.ABOUT_OUR_CERTIFICATE:
        for moment in (Moment.HANDSHAKE, Moment.AFTER_CERTIFICATE):
            row = causes.find(Evidence(alert=number, moment=moment, own=OWN, now=NOW))
            assert row is not None
            assert row.cause.startswith(("own-", "no-client-certificate"))
            assert row.status == 0x80E1


def evidence() -> st.SearchStrategy[Evidence]:
    known = (b"", b"\x16\x03\x03\x00\x7a\x02", b"\x15\x03\x03\x00\x02\x02\x46", b"HTTP/1.1 400", b"HELF", b"\x03\x00\x00\x16",
             b"SSH-2.0-OpenSSH", b"\x16\x03\x01\x00\xc8\x01", b"220 ready\r\n")  # fmt: skip
    numbers = st.sampled_from([0, *sorted(errno.errorcode)])
    return st.builds(
        Evidence,
        role=st.sampled_from(ROLES),
        moment=st.sampled_from(Moment),
        opening=st.sampled_from(Opening),
        end=st.sampled_from(End),
        where=st.just("192.168.0.1:2000"),
        port=st.sampled_from([0, 102, 443, 2000]),
        local_port=st.sampled_from([0, 2000]),
        limit=st.just(15.0),
        number=numbers,
        plain=st.booleans(),
        spoke=st.booleans(),
        farewell=st.booleans(),
        first=st.sampled_from(known) | st.binary(max_size=64),
        groups=st.just(("X25519",)),
        versions=st.just(("TLS 1.3",)),
        old=st.booleans(),
        alert=st.none() | st.integers(0, 255),
        asked=st.booleans(),
        reason=st.sampled_from(["", "wrong version number", "no shared cipher", "something new {0} {}"]),
        own=st.none() | st.just(OWN),
        own_address=st.sampled_from(["", "192.168.0.7", "192.168.0.9"]),
        now=st.sampled_from([None, NOW, NOW - timedelta(days=9), NOW + timedelta(days=9)]),
    )


@given(evidence())
def test_whatever_is_seen_has_a_cause_a_STATUS_a_place_and_a_remedy(seen: Evidence) -> None:
    failure = causes.failure(seen)
    assert failure.status is not None
    assert failure.status.is_error
    assert failure.where == seen.where
    assert len(failure.remedy) > 40
    assert failure.what.isprintable()
    assert causes.error(seen).failure == failure


@given(evidence())
def test_nothing_about_a_listening_partner_is_told_to_the_end_that_listens(seen: Evidence) -> None:
    if seen.role == "server" and seen.established and seen.opening is Opening.CONNECTED:
        assert "passive end" not in causes.failure(seen).remedy


# A row's name and evidence that reaches it, for both roles where both can.
REACHED = [
    ("name-unknown", {"opening": Opening.UNRESOLVED}),
    ("refused", {"number": errno.ECONNREFUSED, "moment": Moment.DIALLING}),
    ("port-in-use", {"number": errno.EADDRINUSE, "moment": Moment.LISTENING, "role": "server"}),
    ("port-in-use", {"number": errno.EADDRINUSE, "moment": Moment.DIALLING, "local_port": 2000}),
    ("no-port-free", {"number": errno.EADDRINUSE, "moment": Moment.DIALLING}),
    ("no-such-address", {"number": errno.EADDRNOTAVAIL, "moment": Moment.DIALLING, "local_address": "192.168.0.9"}),
    ("port-not-allowed", {"number": errno.EACCES, "moment": Moment.LISTENING, "role": "server", "port": 80}),
    ("not-permitted", {"number": errno.EPERM, "moment": Moment.DIALLING}),
    ("not-permitted", {"number": errno.EACCES, "moment": Moment.DIALLING}),
    ("no-descriptors", {"number": errno.EMFILE, "moment": Moment.DIALLING}),
    ("no-descriptors", {"number": errno.ENFILE, "moment": Moment.LISTENING, "role": "server"}),
    ("no-memory", {"number": errno.ENOBUFS, "moment": Moment.DIALLING}),
    ("network-unreachable", {"number": errno.ENETUNREACH, "moment": Moment.DIALLING}),
    ("network-down", {"number": errno.ENETDOWN, "moment": Moment.DIALLING}),
    ("unreachable", {"number": errno.EHOSTUNREACH, "moment": Moment.DIALLING}),
    ("no-answer", {"opening": Opening.NO_ANSWER}),
    ("no-answer", {"number": errno.ETIMEDOUT, "moment": Moment.DIALLING}),
    ("no-longer-answers", {"number": errno.ETIMEDOUT, "moment": Moment.ESTABLISHED}),
    ("nobody-connected", {"opening": Opening.NOBODY, "role": "server"}),
    ("network-failed", {"number": errno.EAFNOSUPPORT, "moment": Moment.DIALLING}),
    ("turned-away", {"end": End.RESET, "spoke": True}),
    ("port-102", {"first": b"\x03\x00\x00\x16\x11"}),
    ("port-102", {"end": End.RESET, "port": 102}),
    ("port-102", {"end": End.TIMEOUT, "port": 102}),
    ("tls-expected", {"plain": True, "first": b"\x15\x03\x03\x00\x02\x02\x46"}),
    ("echo", {"first": b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4"}),
    ("ssh", {"first": b"SSH-2.0-OpenSSH_9.6"}),
    ("http", {"first": b"<!DOCTYPE HTML>"}),
    ("broken-off", {"first": b"\x16\x03\x03", "end": End.CLOSED}),
    ("broken-off", {"first": b"\x16\x03\x03", "end": End.RESET}),
    ("closed-after-handshake", {"moment": Moment.AFTER_CERTIFICATE, "end": End.RESET}),
    ("no-common-settings", {"reason": "no shared cipher", "first": b"\x16\x03\x03", "role": "server"}),
    ("own-key-type", {"reason": "no suitable signature algorithm", "first": b"\x16\x03\x03", "role": "server"}),
    ("false-proof", {"reason": "bad signature", "first": b"\x16\x03\x03"}),
    ("handshake-failed", {"reason": "unexpected message", "first": b"\x16\x03\x03"}),
    ("ended-by-alert", {"alert": 80, "moment": Moment.ESTABLISHED}),
    ("ended-by-alert", {"alert": 42, "moment": Moment.ESTABLISHED, "role": "server"}),
    ("lost-by-reset", {"number": errno.ECONNRESET, "moment": Moment.ESTABLISHED, "role": "server"}),
    ("cut-off", {"end": End.CLOSED, "moment": Moment.ESTABLISHED}),
    ("closed", {"end": End.CLOSED, "moment": Moment.ESTABLISHED, "farewell": True}),
]


@pytest.mark.parametrize(("cause", "changes"), REACHED)
def test_what_was_seen_has_this_cause(cause: str, changes: dict[str, object]) -> None:
    seen = Evidence(**{"where": "192.168.0.1:2000", "port": 2000, "limit": 15.0, **changes})  # type: ignore[arg-type]
    assert causes.failure(seen).cause == cause


def test_facts_of_our_own_certificate_are_told_when_it_is_refused() -> None:
    ended = causes.failure(Evidence(alert=45, own=OWN, now=NOW + timedelta(days=9)))
    assert "'PC-1/TLS-6': it has expired on 2026-06-02" in ended.what
    assert ended.certificate is OWN
    assert "'Plant root'" in causes.failure(Evidence(alert=48, own=OWN, now=NOW)).what
    elsewhere = causes.failure(Evidence(role="server", alert=42, own=OWN, own_address="192.168.0.9", now=NOW))
    assert "192.168.0.9 (it carries IP:192.168.0.7)" in elsewhere.what


def test_names_from_certificates_cannot_command_a_terminal() -> None:
    evil = CertificateSummary(subject="\x1b[2Jroot\n", issuer="a\x07", valid_from=NOW, valid_to=NOW)
    for number in ALERTS:
        assert causes.failure(Evidence(alert=number, own=evil, now=NOW)).what.isprintable()


def test_a_finer_cause_of_the_probe_has_the_STATUS_of_the_wider_one_and_its_remedy_is_part_of_it() -> None:
    fine = causes.failure(Evidence(end=End.RESET, spoke=True))
    for end in (End.RESET, End.CLOSED):
        wide = causes.failure(Evidence(end=end))
        assert wide.status == fine.status
        assert fine.remedy in wide.remedy
