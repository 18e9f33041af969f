"""Ask everybody about the same partner: an exception, a log line, the probe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import attrs
import pytest
import trio

import ouc
from emulator import faults
from ouc.certs import Device
from ouc.connection import LinkEvent
from ouc.errors import Failure, OUCError
from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4
from ouc.probe import Means, ask, diagnose
from ouc.profiles import DEFAULT as PROFILE
from ouc.profiles import Profile
from ouc.tls import DEFAULT, Policy

HOST = "127.0.0.1"
# A time limit that nothing here needs, except where a partner is silent.
GENEROUS = 30.0
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@cache
def healthy() -> faults.Plan:
    return faults.plan(faults.Fault(name="none", role="server"), now=datetime.now(UTC))


def device(plan: faults.Plan, *, own: bool = True) -> Device:
    shown: dict[str, Any] = {"cert": plan.partner_cert, "key": plan.partner_key} if own else {}
    return Device.from_files(ca=[plan.root, plan.crl], **shown)


def profile(limit: float = GENEROUS) -> Profile:
    return attrs.evolve(PROFILE, handshake_timeout=limit)


def policy(version: Any) -> Policy:
    return attrs.evolve(DEFAULT, versions=(version,))


# -- we dial -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(partner: Callable[..., Any], *arguments: Any) -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partner, *arguments)
        nursery.cancel_scope.cancel()


def dialled(port: int, held: Device) -> TCON_IP_V4_SEC:
    own = next(iter(held.own_ids), 0)
    para = TCON_IP_v4(ID=1, ActiveEstablished=True, RemoteAddress=HOST, RemotePort=port, LocalPort=0)
    return TCON_IP_V4_SEC(
        ConnPara=para, ActivateSecureConn=True, ExtTLSCapabilities=1, TLSServerCertRef=0, TLSClientCertRef=own
    )


async def by_exception(port: int, held: Device, version: str, *, limit: float = GENEROUS) -> Failure:
    async with ouc.Station(held, profile=profile(limit), policy=policy(version)) as station:
        with pytest.raises(OUCError) as caught:
            async with station.connect(dialled(port, held)):
                pass
    return caught.value.failure


async def by_log(
    port: int, held: Device, version: str, caplog: pytest.LogCaptureFixture, limit: float
) -> tuple[Failure, str]:
    caplog.clear()
    told: list[Failure] = []

    def happened(one: Any) -> None:
        if one.event is LinkEvent.REFUSED:
            told.append(one.failure)

    async with ouc.Station(held, profile=profile(limit), policy=policy(version), on_event=happened) as station:
        async with station.hold(dialled(port, held)) as connection:
            async for change in connection.changes():
                if change.failure is not None:
                    break
    return told[0], "\n".join(caplog.messages)


async def by_probe(
    port: int, held: Device, version: str, *, limit: float = GENEROUS, listen_before: float = 0.0
) -> list[Failure]:
    store = held.download()
    own = next(iter(held.own_ids), 0)
    means = Means(
        trust=store.trust(0, side="client"), own=store.own(own, side="client") if own else None,
        handshake_timeout=limit, policy=policy(version), listen_before=listen_before, grace=GENEROUS,
    )  # fmt: skip
    return [one.failure for one in diagnose(await ask(HOST, port, means))]


def agree(*told: Failure, closer: str) -> None:
    """The exception, and whoever tells the same: all but the place where to look closer is equal."""
    first = told[0]
    assert first.remedy
    assert first.closer == closer
    assert str(first).endswith(f"; look closer: {closer}")
    for one in told[1:]:
        assert (one.status, one.cause, one.where) == (first.status, first.cause, first.where)
        assert (one.what, one.remedy, one.certificate) == (first.what, first.remedy, first.certificate)
