"""Verification: the matrix, its agreement with TLS, and that nothing a stranger sends can make it fail otherwise."""

from __future__ import annotations

import calendar
from functools import cache
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL, crypto

from ouc.certs import Trust, verify
from ouc.certs.names import dns_matches

from .case import GOOD, MIDDLE, OTHER_ROOT, ROOT, Case
from .matrix import CASES
from .strategies import DAY, NOW, made, trust_in


def trust_of(case: Case) -> Trust:
    trust = trust_in(*case.held, reference=case.reference)
    return attrs.evolve(trust, crls=tuple(case.crls), revocation=case.revocation)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_matrix_is_judged_as_x509_and_the_reference_demand(case: Case) -> None:
    verdict = verify(
        [one.certificate for one in case.sent], purpose=case.purpose, trust=trust_of(case), now=case.now,  # type: ignore[arg-type]
        policy=case.policy, identity=case.identity,
    )  # fmt: skip
    assert (verdict.status, verdict.rule) == (case.status, case.rule), verdict.failure
    assert verdict.ok == (case.status is None) == bool(verdict)
    told = [one for one in verdict.warnings if "cannot be used" in one]
    assert any(case.warned in one for one in told) if case.warned else verdict.rule == "revocation" or not told
    if verdict.failure is not None:
        assert verdict.failure.remedy
        assert verdict.failure.what
        assert "{" not in verdict.failure.what


def test_the_matrix_has_at_least_120_rows_with_different_names() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 120


def tls_accepts(case: Case) -> bool:
    """Whether plain OpenSSL, as TLS client or server, accepts what the partner sends."""
    verifier, shower = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    shower.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    verifier.set_cipher_list(b"DEFAULT:@SECLEVEL=2")
    verifier.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    store = verifier.get_cert_store()
    assert store is not None
    for certificate in trust_of(case).pool:
        store.add_cert(crypto.X509.from_cryptography(certificate))
    leaf, *above = case.sent
    shower.use_certificate(leaf.certificate)
    shower.use_privatekey(leaf.key)
    for one in above:
        shower.add_extra_chain_cert(one.certificate)
    if case.purpose == "client":
        own = made("server")
        verifier.use_certificate(own.certificate)
        verifier.use_privatekey(own.key)
    verifying, showing = SSL.Connection(verifier, None), SSL.Connection(shower, None)
    lib: Any = vars(SSL)["_lib"]
    lib.X509_VERIFY_PARAM_set_time(lib.SSL_get0_param(verifying._ssl), calendar.timegm(case.now.utctimetuple()))
    client, server = (verifying, showing) if case.purpose == "server" else (showing, verifying)
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(6):
        for turn, other in ((client, server), (server, client)):
            try:
                turn.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error:
                return False
            try:
                other.bio_write(turn.bio_read(1 << 20))
            except SSL.WantReadError:
                continue
    return verifying.get_verified_chain() is not None


@pytest.mark.parametrize("case", [case for case in CASES if not case.openssl_differs], ids=lambda case: case.name)
def test_what_tls_accepts_this_accepts_and_what_tls_refuses_this_refuses(case: Case) -> None:
    assert tls_accepts(case) == (case.status is None)


@pytest.mark.parametrize("case", [case for case in CASES if case.openssl_differs], ids=lambda case: case.name)
def test_where_tls_alone_would_decide_otherwise_it_does(case: Case) -> None:
    """A reason beside a row must be true: rows where both agree carry none."""
    assert tls_accepts(case) != (case.status is None)


def test_nothing_is_accepted_that_only_tls_refuses_without_a_listed_reason() -> None:
    lenient = {case.name for case in CASES if case.status is None and case.openssl_differs}
    assert lenient == {
        "any extended key usage", "RSA 1024 leaf, legacy", "SHA-1 leaf, legacy",
    }  # fmt: skip


def test_a_stale_list_is_a_warning_where_lists_are_not_required() -> None:
    case = next(case for case in CASES if case.name == "stale list, if present")
    verdict = verify([GOOD.certificate], purpose="server", trust=trust_of(case), now=NOW)
    assert verdict.ok
    assert verdict.warnings == ("the revocation list of 'Root' is out of date",)


def test_the_verdict_names_the_certificate_that_breaks_the_rule() -> None:
    old = made("Old middle", ROOT, ca=True, start=NOW - 9 * DAY, end=NOW - DAY)
    leaf = made("leaf", old)
    verdict = verify([leaf.certificate], purpose="server", trust=trust_in(ROOT, old), now=NOW)
    assert (verdict.depth, verdict.certificate) == (1, old.certificate)
    assert verdict.path == (leaf.certificate, old.certificate, ROOT.certificate)
    assert "the CA 'Old middle' has expired" in str(verdict.failure)


def test_no_certificate_at_all_is_80e2() -> None:
    assert verify([], purpose="client", trust=trust_in(ROOT), now=NOW).status == 0x80E2


def test_of_several_ways_to_a_root_one_good_way_is_enough() -> None:
    """A cross-signed CA: its old certificate has expired, its new one is held too."""
    key = MIDDLE.key
    expired = made("Cross", ROOT, ca=True, key=key, start=NOW - 9 * DAY, end=NOW - DAY)
    fresh = made("Cross", OTHER_ROOT, ca=True, key=key)
    leaf = made("leaf", fresh)
    trust = trust_in(ROOT, expired, OTHER_ROOT, fresh)
    verdict = verify([leaf.certificate], purpose="server", trust=trust, now=NOW)
    assert verdict.ok
    assert verdict.path == (leaf.certificate, fresh.certificate, OTHER_ROOT.certificate)


def test_a_loop_of_cross_signed_cas_ends() -> None:
    one, two = made("One", ca=True), made("Two", ca=True)
    one_by_two = made("One", two, ca=True, key=one.key)
    two_by_one = made("Two", one, ca=True, key=two.key)
    leaf = made("leaf", one_by_two)
    sent = [leaf.certificate, one_by_two.certificate, two_by_one.certificate]
    assert verify(sent, purpose="server", trust=trust_in(ROOT), now=NOW).status == 0x80E4


def test_a_labyrinth_of_cas_costs_a_bounded_number_of_signatures() -> None:
    """Ten CAs of one name and one key lead to each other in millions of ways."""
    first = made("Same", ca=True, key_identifiers=False)
    same = [made("Same", first, ca=True, key=first.key, key_identifiers=False) for _ in range(9)]
    leaf = made("leaf", first, key_identifiers=False)
    verdict = verify([leaf.certificate, *(one.certificate for one in same)], purpose="server", trust=trust_in(ROOT), now=NOW)
    assert verdict.status in (0x80E2, 0x80E4)


@cache
def _der() -> bytes:
    return GOOD.certificate.public_bytes(Encoding.DER)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_certificate_with_changed_bytes_is_never_accepted(changes: list[tuple[int, int]]) -> None:
    der = bytearray(_der())
    for place, value in changes:
        der[place % len(der)] = value
    try:
        certificate = x509.load_der_x509_certificate(bytes(der))
    except (ValueError, x509.InvalidVersion):
        return
    verdict = verify([certificate], purpose="server", trust=trust_in(ROOT), now=NOW)
    # ECDSA: the same signature has more than one encoding only if DER is broken, which the parser refuses.
    assert verdict.ok == (bytes(der) == _der())


@given(st.integers(0, 40_000_000), st.integers(1, 3_000), st.integers(1, 3_000))
def test_a_chain_is_good_exactly_while_all_of_it_is_valid(minutes: int, leaf_days: int, root_days: int) -> None:
    root = made("R", ca=True, start=NOW, end=NOW + root_days * DAY)
    leaf = made("l", root, start=NOW, end=NOW + leaf_days * DAY)
    at = NOW + minutes * DAY / 1440 * 0.2
    verdict = verify([leaf.certificate], purpose="server", trust=trust_in(root), now=at)
    assert verdict.ok == (at <= NOW + min(leaf_days, root_days) * DAY)
    assert verdict.ok or verdict.status == 0x80E5


@given(st.from_regex(r"\A[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,3}\Z"), st.from_regex(r"\A[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,3}\Z"))
def test_a_name_matches_itself_and_no_other_name(one: str, other: str) -> None:
    assert dns_matches(one, one)
    assert dns_matches(one, other) == (one == other)
    assert not dns_matches("*", one)
