"""Every option of a profile acts, and where two rooms read one they agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from ouc import params
from ouc.certs import verify
from ouc.errors import CertificateError, OUCError, ParameterError
from ouc.profiles import Profile, profile
from ouc.tls import DEFAULT
from ouc.transport import Opener, loopback, policy_of

from .certs.case import GOOD
from .certs.matrix import CASES
from .certs.strategies import NOW
from .certs.test_verify import trust_of
from .plant import client_description, plant, server_description
from .tls.pair import credentials, pair

ROOT = Path(__file__).parent.parent
OPTIONS = [field.name for field in attrs.fields(Profile)]
READ_IN_PROFILES = {"firmware", "features"}  # by `name` and `has`
CPU = profile("S7-1500 V3.1")


@pytest.mark.parametrize("option", [name for name in OPTIONS if name not in READ_IN_PROFILES])
def test_every_option_is_read_where_something_depends_on_it(option: str) -> None:
    pattern = re.compile(rf"(?:profile|profiles\.DEFAULT)\.{option}\b")
    rooms = (file for room in ("ouc", "emulator") for file in (ROOT / room).rglob("*.py"))
    assert any(pattern.search(file.read_text("utf-8")) for file in rooms if file.name != "profiles.py")


def opener(chosen: Profile, device: str = "PLC-2") -> Opener:
    held = plant().device(device)
    return Opener(device=held, profile=chosen, policy=policy_of(chosen), address=None, addresses=loopback())


@pytest.mark.parametrize("status", [0x80E2, 0x80E4, 0x80ED])
@pytest.mark.parametrize("option", ["unknown_trust_server", "unknown_trust_client"])
def test_lint_and_the_station_agree_on_a_trust_that_is_not_there(option: str, status: int) -> None:
    changes: dict[str, Any] = {option: status}
    chosen = attrs.evolve(CPU, **changes)
    if option == "unknown_trust_server":
        device, description = "PLC-2", client_description(2000, TLSServerCertRef=99)
    else:
        device, description = "PLC-1", server_description(2000, TLSClientCertRef=99)
    facts = plant().device(device).download().facts()
    findings = params.check(description, profile=chosen, certificates=facts)
    assert [one.status for one in findings if "trust" in one.rule] == [status]
    with pytest.raises(CertificateError) as caught:
        opener(chosen, device).credentials(description.endpoint)
    assert caught.value.status == status


def test_the_cipher_suites_of_a_profile_are_all_that_is_offered() -> None:
    old = "ECDHE-RSA-AES128-GCM-SHA256"
    only = policy_of(attrs.evolve(CPU, cipher_suites=(old,)))
    assert (only.versions, only.suites_12) == (("1.2",), (old,))
    newer = policy_of(attrs.evolve(CPU, cipher_suites=("TLS_AES_128_GCM_SHA256",)))
    assert (newer.versions, newer.suites_13) == (("1.3",), ("TLS_AES_128_GCM_SHA256",))
    assert policy_of(CPU).suites_12 == DEFAULT.suites_12
    with pytest.raises(ParameterError, match="cipher suite"):
        policy_of(attrs.evolve(profile("S7-1500 V2.0"), cipher_suites=("TLS_AES_128_GCM_SHA256",)))
    joined = pair(client_policy=newer).talk()
    assert joined.client.facts.suite == "TLS_AES_128_GCM_SHA256"


def test_the_status_of_a_refusal_is_the_profiles() -> None:
    policy = policy_of(attrs.evolve(CPU, refused_status=0x80E6))
    stranger = credentials("192.168.0.2", side="client", issuer="elsewhere")
    joined = pair(client=stranger, client_policy=policy).talk()
    assert joined.server_error is not None
    assert joined.client_error is not None
    assert "(alert unknown_ca)" in str(joined.client_error)
    assert joined.client_error.status == 0x80E6
    assert pair(client=stranger, client_policy=policy_of(CPU)).talk().client_error.status == 0x80E1  # type: ignore[union-attr]


def test_a_stale_revocation_list_passes_only_where_the_profile_says_so() -> None:
    case = next(case for case in CASES if case.name == "stale list, if present")
    trust = trust_of(case)
    assert verify([GOOD.certificate], purpose="server", trust=trust, now=NOW).ok
    strict = verify([GOOD.certificate], purpose="server", trust=attrs.evolve(trust, stale_passes=False), now=NOW)
    assert (strict.status, strict.rule) == (0x80E4, "revocation")
    assert "out of date" in str(strict.failure)
    for passes in (True, False):
        found = opener(attrs.evolve(CPU, stale_crl_passes=passes)).credentials(client_description(2000).endpoint)
        assert found is not None
        assert found.trust is not None
        assert found.trust.stale_passes is passes


def test_credentials_are_the_same_object_as_long_as_the_device_is() -> None:
    """Contexts are remembered by them; a new one for each connection would be a new context for each."""
    store = plant().device("PLC-2").download()
    strict = [store.trust(0, side="client", stale_passes=False) for _ in range(2)]
    assert strict[0] is strict[1]
    assert strict[0] is not store.trust(0, side="client")


def test_a_device_with_more_certificates_than_the_profile_takes_is_refused() -> None:
    small = opener(attrs.evolve(CPU, certificates=1))
    with pytest.raises(OUCError, match="takes 1"):
        small.credentials(client_description(2000).endpoint)
