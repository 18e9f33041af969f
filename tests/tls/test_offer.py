"""What OpenSSL really puts on the wire for each firmware profile, read by our own reader.

Controllers have been seen to reset a hello that offers what they do not know (certificates.md 6.3), so nothing may be in it
that no policy has asked for. The expectations are written out here a second time, on purpose.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from ouc import profiles
from ouc.tls import DEFAULT, ClientHello, Policy, TLSContext, TLSEngine, read_client_hello_untrusted
from ouc.transport import policy_of

from .pair import Pair, credentials

WITH_TLS = [name for name in profiles.NAMES if profiles.profile(name).tls_versions]

SUITES_13 = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]
SUITES_12 = [
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
]  # fmt: skip
SIGNATURES = [
    "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384",
    "rsa_pss_rsae_sha512", "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512",
]  # fmt: skip

# IANA "TLS ExtensionType Values". What every client needs, and what TLS 1.3 adds.
POINT_FORMATS, GROUPS, SIGNATURE_ALGORITHMS, ENCRYPT_THEN_MAC, MASTER_SECRET = 11, 10, 13, 22, 23
RENEGOTIATION_INFO, PSK_MODES, VERSIONS, KEY_SHARE, PSK = 65281, 45, 43, 51, 41
COMMON = {POINT_FORMATS, GROUPS, SIGNATURE_ALGORITHMS, ENCRYPT_THEN_MAC, MASTER_SECRET, RENEGOTIATION_INFO}
ADDED_BY_1_3 = {VERSIONS, KEY_SHARE, PSK_MODES}
# Not a suite but a word that stands for renegotiation_info (RFC 5746 3.3); OpenSSL sends the one or the other.
NO_SUITE = {"TLS_EMPTY_RENEGOTIATION_INFO_SCSV"}


def offered(policy: Policy) -> ClientHello:
    context = TLSContext.build(policy, credentials("192.168.0.2", side="client"), server_side=False)
    return _hello(TLSEngine(context))


def _hello(client: TLSEngine) -> ClientHello:
    client.handshake()
    hello = read_client_hello_untrusted(client.take())
    assert hello is not None
    return hello


def test_a_firmware_with_secure_OUC_is_among_the_profiles_of_each_family_that_has_it() -> None:
    assert {profiles.profile(name).family for name in WITH_TLS} >= {"S7-1500", "S7-1200", "Python"}


@pytest.mark.parametrize("name", WITH_TLS)
def test_the_hello_of_a_profile_holds_what_its_firmware_knows_and_nothing_else(name: str) -> None:
    profile = profiles.profile(name)
    hello = offered(policy_of(profile))
    modern = "1.3" in profile.tls_versions
    assert set(hello.version_names) == {f"TLS {version}" for version in profile.tls_versions}
    assert hello.version_names[0] == ("TLS 1.3" if modern else "TLS 1.2")
    suites = [one for one in hello.suite_names if one not in NO_SUITE]
    assert suites == [*(SUITES_13 if modern else []), *SUITES_12]
    assert hello.group_names == ("X25519", "P-256", "P-384")
    assert set(hello.group_names) <= set(profile.strict_groups)
    assert list(hello.signature_names) == SIGNATURES
    # Every key share costs the client a key and the hello its size; the first group is enough.
    assert hello.key_shares == (hello.groups[:1] if modern else ())


@pytest.mark.parametrize("name", WITH_TLS)
def test_the_hello_of_a_profile_carries_no_extension_that_nobody_asked_for(name: str) -> None:
    profile = profiles.profile(name)
    hello = offered(policy_of(profile))
    expected = COMMON | (ADDED_BY_1_3 if "1.3" in profile.tls_versions else set())
    assert set(hello.extensions) <= expected
    assert expected - set(hello.extensions) <= {RENEGOTIATION_INFO, ENCRYPT_THEN_MAC, POINT_FORMATS}
    assert len(hello.extensions) == len(set(hello.extensions))
    assert hello.compressions == (0,)
    assert not hello.early_data
    assert not hello.wants_ticket
    assert not hello.resumes
    assert (hello.server_name, hello.protocols) == ("", ())
    # The strictest devices have small buffers for a hello: one packet holds it.
    assert hello.size < 512


def test_profiles_with_the_same_versions_send_the_same_hello_in_the_same_order() -> None:
    orders: dict[Any, set[Any]] = {}
    for name in WITH_TLS:
        profile = profiles.profile(name)
        hello = offered(policy_of(profile))
        orders.setdefault(profile.tls_versions, set()).add((hello.extensions, hello.suites, hello.size))
    assert all(len(seen) == 1 for seen in orders.values())


def _again(version: str, policy: Policy) -> ClientHello:
    """The hello with which a client comes back to a server it has parted from."""
    versions: Any = {"versions": (version,)}
    contexts = [
        TLSContext.build(
            attrs.evolve(policy, **versions), credentials(address, side=side), server_side=side == "server"
        )
        for side, address in (("client", "192.168.0.2"), ("server", "192.168.0.1"))
    ]
    joined = Pair(TLSEngine(contexts[0], partner="plc"), TLSEngine(contexts[1])).talk()
    joined.client.close()
    joined.talk()
    joined.server.close()
    return _hello(TLSEngine(contexts[0], partner="plc"))


def test_a_session_is_offered_last_without_early_data_and_only_where_the_policy_resumes() -> None:
    resuming = attrs.evolve(DEFAULT, resumption=True)
    modern = _again("1.3", resuming)
    assert modern.extensions[-1] == PSK  # RFC 8446 4.2.11
    assert len(modern.identities) == 1
    assert len(modern.identities[0]) == 32  # a name, not a ticket with the session inside
    assert not modern.early_data
    old = _again("1.2", resuming)
    assert len(old.session_id) == 32
    assert not old.wants_ticket
    for version in ("1.2", "1.3"):
        plain = _again(version, DEFAULT)
        assert not plain.resumes
        assert plain.identities == ()
        assert version == "1.3" or plain.session_id == b""


@pytest.mark.parametrize(
    "changes",
    [{"groups": ("P-384",)}, {"groups": ("P-256", "X25519")}, {"suites_13": ("TLS_AES_128_GCM_SHA256",)},
     {"suites_12": ("ECDHE-RSA-AES128-GCM-SHA256",)}, {"signatures": ("rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256")},
     {"versions": ("1.3",)}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_a_change_of_the_policy_is_a_change_of_the_hello(changes: dict[str, Any]) -> None:
    policy = attrs.evolve(DEFAULT, **changes)
    hello = offered(policy)
    assert hello.group_names == policy.groups
    assert list(hello.signature_names) == list(policy.signatures)
    suites = [one for one in hello.suite_names if one not in NO_SUITE]
    assert suites == [*policy.suites_13, *(policy.suites_12 if "1.2" in policy.versions else ())]
    assert set(hello.version_names) == {f"TLS {version}" for version in policy.versions}
