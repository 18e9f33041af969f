"""One situation, told four times: by an exception, by a log line, by a command and by the probe, always the same way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
import trio

import ouc
from emulator import faults
from ouc.causes import ALERTS
from ouc.certs import Device
from ouc.connection import LinkEvent
from ouc.errors import Failure, OUCError
from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4
from ouc.probe import Means, Observation, diagnose, wait

from ..cli.wire import LONG, run
from .asking import (
    HOST,
    VERSIONS,
    agree,
    by_exception,
    by_log,
    by_probe,
    device,
    healthy,
    policy,
    profile,
    running,
)
from .rude import CLIENTS, SERVERS, Rude, alerting, dial, serve, shaking


@VERSIONS
@pytest.mark.parametrize("rude", SERVERS, ids=lambda one: one.name)
async def test_a_rude_server_is_told_the_same_way_by_exception_log_and_probe(
    rude: Rude, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "ouc.station")
    held = device(healthy())
    with trio.fail_after(LONG):
        async with running(serve, rude.conduct) as port:
            raised = await by_exception(port, held, version, limit=rude.limit)
            happened, log = await by_log(port, held, version, caplog, rude.limit)
            before = LONG if rude.early else 0.0
            (probed, *others) = await by_probe(port, held, version, limit=rude.limit, listen_before=before)
    assert others == []
    assert raised.cause in rude.causes
    assert probed.cause in rude.causes
    assert happened.cause in rude.causes
    assert str(happened) in log
    closer = f"ouc probe {HOST}:{port}"
    if len(rude.causes) == 1:
        agree(raised, happened, probed, closer=closer)
    else:
        assert raised.status == happened.status == probed.status
        assert raised.closer == closer
        assert probed.cause == rude.causes[0]


@VERSIONS
@pytest.mark.parametrize("number", sorted(set(ALERTS) - {0}), ids=lambda number: ALERTS[number][0])
async def test_each_alert_after_our_hello_is_told_the_same_way(number: int, version: str) -> None:
    held = device(healthy())
    with trio.fail_after(LONG):
        async with running(serve, alerting(number)) as port:
            raised = await by_exception(port, held, version)
            (probed,) = await by_probe(port, held, version)
    agree(raised, probed, closer=f"ouc probe {HOST}:{port}")
    assert raised.status == 0x80E1


PLANTED = tuple(one for one in faults.FAULTS if one.conduct is not faults.Conduct.MUTE)


@VERSIONS
@pytest.mark.parametrize("fault", [one for one in PLANTED if one.role == "server"], ids=lambda one: one.name)
async def test_a_faulty_server_is_told_the_same_way_by_exception_and_probe(fault: faults.Fault, version: str) -> None:
    plan = faults.plan(fault, now=datetime.now(UTC))
    held = device(plan, own=fault.conduct is not faults.Conduct.DEMAND)
    with trio.fail_after(LONG):
        async with running(faults.serve, plan) as port:
            raised = await by_exception(port, held, version)
            (probed, *_) = await by_probe(port, held, version)
    agree(raised, probed, closer=f"ouc probe {HOST}:{port}")
    if fault.leaf is not faults.Leaf.GOOD:
        assert raised.certificate is not None
        assert raised.certificate.subject in raised.what


async def test_a_server_that_does_not_hold_our_ca_is_told_with_the_name_of_our_ca_by_all() -> None:
    demand = faults.Fault(name="none", role="server", conduct=faults.Conduct.DEMAND)
    plan = faults.plan(demand, now=datetime.now(UTC))
    stranger = faults.plan(demand, now=datetime.now(UTC), seed=1)
    held = Device.from_files(ca=[plan.root, plan.crl], cert=stranger.partner_cert, key=stranger.partner_key)
    with trio.fail_after(LONG):
        async with running(faults.serve, plan) as port:
            raised = await by_exception(port, held, "1.3")
            (probed,) = await by_probe(port, held, "1.3")
    agree(raised, probed, closer=f"ouc probe {HOST}:{port}")
    assert raised.cause == "own-unknown-ca"
    assert "its CA '" in raised.what


async def test_nobody_listening_is_told_the_same_way_with_the_member_that_makes_an_end_listen(
    free_tcp_port: int,
) -> None:
    held = device(healthy())
    raised = await by_exception(free_tcp_port, held, "1.3")
    (probed,) = await by_probe(free_tcp_port, held, "1.3")
    agree(raised, probed, closer=f"ouc probe {HOST}:{free_tcp_port}")
    assert "ActiveEstablished" in raised.remedy
    assert raised.status == 0x80C5


@pytest.fixture
def free_tcp_port() -> int:
    from ..plant import free_port

    return free_port()


# -- the command line ----------------------------------------------------------------------------------------------------


@contextmanager
def in_a_thread(partner: Callable[..., Any], *arguments: Any) -> Iterator[int]:
    ready: Queue[tuple[int, Callable[[], None]]] = Queue()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            port = await nursery.start(partner, *arguments)
            token = trio.lowlevel.current_trio_token()
            ready.put((port, lambda: trio.from_thread.run_sync(nursery.cancel_scope.cancel, trio_token=token)))

    thread = Thread(target=trio.run, args=(main,))
    thread.start()
    port, stop = ready.get(timeout=LONG)
    try:
        yield port
    finally:
        stop()
        thread.join(LONG)


@pytest.mark.parametrize(
    "rude", [one for one in SERVERS if len(one.causes) == 1 and "silent" not in one.name], ids=lambda one: one.name
)
def test_a_rude_server_is_told_the_same_way_by_the_commands(rude: Rude, tmp_path: Path) -> None:
    plan = healthy()
    (tmp_path / "ca.pem").write_bytes(plan.root)
    options = ("--ca", tmp_path / "ca.pem")
    with in_a_thread(serve, rude.conduct) as port:
        sent = run("send", f"{HOST}:{port}", "--hex", "00", *options)
        probed = run("probe", f"{HOST}:{port}", *options)
    assert sent.exit_code == probed.exit_code == 1
    assert isinstance(sent.error, OUCError)
    told = sent.error.failure
    assert told.cause in rude.causes
    assert f"error {told.cause}: {told.what} (STATUS {told.status})" in probed.stdout
    assert f"  {told.remedy}" in probed.stdout.splitlines()
    assert str(sent.error).endswith(f"look closer: ouc probe {HOST}:{port}")


# -- we wait -------------------------------------------------------------------------------------------------------------


def waiting(port: int, held: Device, *, ask_for_certificate: bool) -> TCON_IP_V4_SEC:
    para = TCON_IP_v4(ID=1, ActiveEstablished=False, RemoteAddress="0.0.0.0", RemotePort=0, LocalPort=port)
    return TCON_IP_V4_SEC(
        ConnPara=para, ActivateSecureConn=True, TLSServerReqClientCert=ask_for_certificate,
        TLSServerCertRef=next(iter(held.own_ids)), TLSClientCertRef=0,
    )  # fmt: skip


async def refused_by_server(
    partner: Callable[..., Any], first: Any, held: Device, version: str, port: int, *, ask_for_certificate: bool,
    limit: float = LONG,
) -> Failure:  # fmt: skip
    told: list[Failure] = []
    refused = trio.Event()

    def happened(one: Any) -> None:
        if one.event is LinkEvent.REFUSED:
            told.append(one.failure)
            refused.set()

    async def never(_: Any) -> None:
        raise AssertionError

    description = waiting(port, held, ask_for_certificate=ask_for_certificate)
    station = ouc.Station(held, profile=profile(limit), policy=policy(version), on_event=happened)
    async with station, trio.open_nursery() as nursery:
        async with station.serving(description, never):
            nursery.start_soon(partner, first, port)
            await refused.wait()
        nursery.cancel_scope.cancel()
    return told[0]


async def probed_by_waiting(
    partner: Callable[..., Any], first: Any, held: Device, version: str, port: int, *, ask_for_certificate: bool,
    limit: float = LONG,
) -> Failure:  # fmt: skip
    store = held.download()
    means = Means(
        trust=store.trust(0, side="server") if ask_for_certificate else None,
        own=store.own(next(iter(held.own_ids)), side="server"), ask=ask_for_certificate,
        handshake_timeout=limit, policy=policy(version), grace=LONG,
    )  # fmt: skip
    found: list[Observation] = []
    async with trio.open_nursery() as nursery:
        listening = partial(_start, nursery, partner, first)
        found.append(await wait(port, means, patience=LONG, listening=listening))
        nursery.cancel_scope.cancel()
    return diagnose(found[0])[0].failure


def _start(nursery: trio.Nursery, partner: Callable[..., Any], first: Any, port: int) -> None:
    nursery.start_soon(partner, first, port)


@VERSIONS
@pytest.mark.parametrize("rude", CLIENTS, ids=lambda one: one.name)
async def test_a_rude_client_is_told_the_same_way_by_log_and_probe(
    rude: Rude, version: str, free_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "ouc.station")
    plan = faults.plan(faults.Fault(name="none", role="client"), now=datetime.now(UTC))
    held = device(plan)
    with trio.fail_after(LONG):
        asked: Any = (dial, rude.conduct, held, version, free_tcp_port)
        logged = await refused_by_server(*asked, ask_for_certificate=False, limit=rude.limit)
        probed = await probed_by_waiting(*asked, ask_for_certificate=False, limit=rude.limit)
    assert logged.cause in rude.causes
    assert str(logged) in "\n".join(caplog.messages)
    same_but_for_the_partner_s_port(logged, probed, free_tcp_port)


@VERSIONS
@pytest.mark.parametrize("number", [0, 10, 40, 42, 46, 48, 51, 80, 86, 90, 112], ids=lambda number: ALERTS[number][0])
async def test_each_alert_of_a_client_after_our_hello_is_told_the_same_way(
    number: int, version: str, free_tcp_port: int
) -> None:
    plan = faults.plan(faults.Fault(name="none", role="client"), now=datetime.now(UTC))
    conduct = shaking("close", data=bytes([21, 3, 3, 0, 2, 2 if number else 1, number]))
    with trio.fail_after(LONG):
        logged = await refused_by_server(dial, conduct, device(plan), version, free_tcp_port, ask_for_certificate=False)
        probed = await probed_by_waiting(dial, conduct, device(plan), version, free_tcp_port, ask_for_certificate=False)
    same_but_for_the_partner_s_port(logged, probed, free_tcp_port)


def same_but_for_the_partner_s_port(logged: Failure, probed: Failure, port: int) -> None:
    assert (logged.status, logged.cause, logged.what, logged.remedy) == (
        probed.status, probed.cause, probed.what, probed.remedy
    )  # fmt: skip
    assert logged.certificate == probed.certificate
    assert logged.closer == f"ouc probe --listen {port}"
    assert logged.where.startswith(HOST)
    assert probed.where.startswith(HOST)
    assert logged.remedy


@VERSIONS
@pytest.mark.parametrize("fault", [one for one in PLANTED if one.role == "client"], ids=lambda one: one.name)
async def test_a_faulty_client_is_told_the_same_way_by_log_and_probe(
    fault: faults.Fault, version: str, free_tcp_port: int
) -> None:
    plan = faults.plan(fault, now=datetime.now(UTC))
    held = device(plan)
    with trio.fail_after(LONG):
        logged = await refused_by_server(faults.dial, plan, held, version, free_tcp_port, ask_for_certificate=True)
        probed = await probed_by_waiting(faults.dial, plan, held, version, free_tcp_port, ask_for_certificate=True)
    same_but_for_the_partner_s_port(logged, probed, free_tcp_port)
