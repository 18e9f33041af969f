"""`ouc.probe` against faulty partners, live over loopback sockets."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
import trio
from cryptography import x509

from emulator import faults
from ouc.certs import Device
from ouc.probe import End, Means, Observation, Opening, ask, diagnose, survey, wait
from ouc.tls import DEFAULT

from ..plant import free_port

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOST = "127.0.0.1"

# Where the cause has another name than the fault: an active PLC that looks for an address that we do not have refuses
# *our* certificate, and only it knows whether its clock or its address is wrong.
NAMES = {
    ("mute", "server"): "plain",
    ("mute", "client"): "plain",
    ("wrong-address", "client"): "own-not-valid",
}

# A word that the remedy must hold: what to press in TIA Portal, or which member to change.
REMEDIES = {
    "expired": "Renew",
    "not-yet-valid": "clock",
    "wrong-address": "Subject Alternative Name",
    "own-not-valid": "Subject Alternative Name",
    "unknown-ca": "Trusted certificates and root certification authorities",
    "missing-intermediate": "Certificates of partner devices",
    "no-client-certificate": "TLSClientCertRef",
    "wrong-usage": "TLS client/server",
    "revoked": "new certificate",
    "reset-after-hello": "groups",
    "wrong-version": "TLS 1.2",
    "plain": "ActivateSecureConn",
    "port-102": "LocalPort",
}


@cache
def planned(fault: faults.Fault) -> faults.Plan:
    return faults.plan(fault, now=NOW)


@cache
def partner(fault: faults.Fault) -> Device:
    return planned(fault).partner()


def means(fault: faults.Fault, **changes: Any) -> Means:
    """A healthy partner's means; where the fault is a missing certificate of ours, it has none."""
    plan, side = planned(fault), "client" if fault.role == "server" else "server"
    store = partner(fault).download()
    shows = fault.conduct is not faults.Conduct.DEMAND
    defaults: dict[str, Any] = {
        "trust": store.trust(0, side=side),  # type: ignore[arg-type]
        "own": store.own(store.own_ids[0], side=side) if shows else None,  # type: ignore[arg-type]
        "known": {7: x509.load_pem_x509_certificate(plan.intermediate)},
        "clock": lambda: NOW,
        "grace": 5.0,
        "listen_before": 0.05,
    }
    return Means(**{**defaults, **changes})


async def probed(fault: faults.Fault, **changes: Any) -> Observation:
    """Probe a faulty PLC, in whichever direction it connects."""
    if fault.conduct is faults.Conduct.MUTE:
        changes.setdefault("handshake_timeout", 0.2)
    with_means = means(fault, **changes)
    found: list[Observation] = []
    async with trio.open_nursery() as nursery:
        if fault.role == "server":
            port = await nursery.start(faults.serve, planned(fault))
            found.append(await ask(HOST, port, with_means))
        else:

            def listening(port: int) -> None:
                nursery.start_soon(faults.dial, planned(fault), port)

            found.append(await wait(0, with_means, patience=10, listening=listening))
        nursery.cancel_scope.cancel()
    return found[0]


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda one: f"{one.role}-{one.name}")
async def test_a_planted_fault_is_named_first_with_a_remedy_in_the_words_of_TIA_Portal(fault: faults.Fault) -> None:
    (first, *_) = diagnose(await probed(fault))
    expected = NAMES.get((fault.name, fault.role), fault.name)
    assert first.cause == expected
    assert first.level == "error"
    assert first.failure.status is not None
    assert REMEDIES[expected] in first.failure.remedy


# -- a healthy partner -------------------------------------------------------------------------------------------------

GOOD = {
    "server": faults.Fault(name="none", role="server"),
    "client": faults.Fault(name="none", role="client"),
}
DEMANDING = faults.Fault(name="none", role="server", conduct=faults.Conduct.DEMAND)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("role", ["server", "client"])
async def test_a_healthy_partner_is_found_healthy_and_its_facts_are_told(role: str, version: Any) -> None:
    seen = await probed(GOOD[role], policy=attrs.evolve(DEFAULT, versions=(version,)))
    assert diagnose(seen) == ()
    assert (seen.tls.version, seen.tls.complete) == (f"TLS {version}", True)
    assert seen.tls.group in {"X25519", "x25519"}
    assert len(seen.tls.chain) == 1
    assert seen.hello is not None
    assert set(seen.hello.group_names) == {"X25519", "P-256", "P-384"}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_server_that_demands_a_certificate_is_healthy_when_it_gets_one_and_names_its_issuers(
    version: Any,
) -> None:
    policy = attrs.evolve(DEFAULT, versions=(version,))
    good = means(GOOD["server"])
    seen = await probed(DEMANDING, own=good.own, trust=good.trust, policy=policy)
    assert diagnose(seen) == ()
    assert (seen.tls.asked, seen.tls.confirmed) == (True, True)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_missing_client_certificate_is_named_under_both_versions(version: Any) -> None:
    seen = await probed(DEMANDING, policy=attrs.evolve(DEFAULT, versions=(version,)))
    assert [one.cause for one in diagnose(seen)] == ["no-client-certificate"]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_server_that_does_not_hold_our_ca_is_named_as_the_one_that_refuses(version: Any) -> None:
    stranger = faults.plan(GOOD["server"], now=NOW, seed=1).partner().download()
    own = stranger.own(stranger.own_ids[0], side="client")
    seen = await probed(DEMANDING, own=own, policy=attrs.evolve(DEFAULT, versions=(version,)))
    assert [one.cause for one in diagnose(seen)] == ["own-unknown-ca"]


async def test_without_a_reference_dates_usage_and_address_are_judged_all_the_same() -> None:
    for name in ("expired", "not-yet-valid", "wrong-usage", "wrong-address"):
        seen = await probed(faults.fault(name, "server"), trust=None)
        assert [one.cause for one in diagnose(seen)] == [name]


async def test_an_address_that_nobody_checks_is_a_note_and_no_error() -> None:
    seen = await probed(faults.fault("wrong-address", "server"), check_address=False)
    assert [(one.cause, one.level) for one in diagnose(seen)] == [("wrong-address", "note")]


async def test_an_intermediate_that_is_in_no_project_is_told_by_its_name() -> None:
    (first,) = diagnose(await probed(faults.fault("missing-intermediate", "server"), known={}))
    assert first.cause == "unknown-ca"
    assert "'Plant intermediate'" in first.failure.what
    assert "if it is an intermediate" in first.failure.remedy


# -- before TLS --------------------------------------------------------------------------------------------------------


async def test_a_port_that_nobody_listens_on_is_refused() -> None:
    seen = await ask(HOST, free_port(), Means())
    assert seen.opening is Opening.REFUSED
    assert [one.cause for one in diagnose(seen)] == ["refused"]


async def test_an_end_that_closes_at_once_is_occupied_or_expects_another_partner() -> None:
    async def turn_away(task_status: trio.TaskStatus[int]) -> None:
        from ouc.transport import listen

        with listen(IPv4Address(HOST), 0) as listener:
            task_status.started(listener.port)
            (await listener.accept()).abort()

    async with trio.open_nursery() as nursery:
        port = await nursery.start(turn_away)
        seen = await ask(HOST, port, Means(listen_before=5))
    assert seen.end is End.RESET
    assert [one.cause for one in diagnose(seen)] == ["turned-away"]
    assert "RemoteAddress" in diagnose(seen)[0].failure.remedy


async def test_a_name_that_does_not_exist_is_told() -> None:
    seen = await ask("no.such.name.invalid", 2000, Means())
    assert [one.cause for one in diagnose(seen)] == ["name-unknown"]


async def test_waiting_ends_when_nobody_comes() -> None:
    seen = await wait(0, means(GOOD["client"]), patience=0)
    assert [one.cause for one in diagnose(seen)] == ["nobody-connected"]


# -- a survey ----------------------------------------------------------------------------------------------------------


async def test_a_survey_tells_what_alone_would_be_agreed_on() -> None:
    async with trio.open_nursery() as nursery:
        port = await nursery.start(faults.serve, planned(GOOD["server"]))
        quick = means(GOOD["server"], listen_before=0, handshake_timeout=5, grace=0.05)
        answers = {one.question.name: one async for one in survey(HOST, port, quick, pause=0)}
        nursery.cancel_scope.cancel()
    assert [name for name, answer in answers.items() if not answer.agreed] == [
        "P-521", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "HTTPS", "OPC UA"
    ]  # fmt: skip
    assert answers["TLS 1.2"].told.startswith("TLS 1.2, ECDHE-ECDSA-")
