"""What is insecure about a connection is said once, where whoever runs the program looks."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
import trio

import ouc
from ouc.connection import LinkEvent
from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4

from ..api.test_hold import station
from ..api.test_serve import echo, for_anybody
from ..plant import client_description, free_port, server_description


def lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


async def test_a_server_that_verifies_nobody_says_so_once_and_shows_its_partners_as_not_verified(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "ouc")
    port, seen = free_port(), trio.Event()
    shown: list[Any] = []

    async def handler(connection: ouc.Connection) -> None:
        shown.extend((repr(connection), repr(connection.facts), connection.tls))
        await echo(connection)

    described = attrs.evolve(for_anybody(port), TLSServerReqClientCert=False, TLSClientCertRef=0)
    happenings: list[Any] = []
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        one.listeners.append(happenings.append)
        await nursery.start(one.serve, described, handler)
        with trio.fail_after(30):
            for _ in range(2):
                async with two.connect(client_description(port)) as connection:
                    await connection.send(b"x")
                    assert await connection.receive(1) == b"x"
                    assert "not verified" not in repr(connection)
        seen.set()
        nursery.cancel_scope.cancel()
    assert len(lines(caplog, "nobody is verified")) == 1
    assert "not verified" in shown[0]
    assert "verified=False" in shown[1]
    assert shown[2].verified is False
    ups = [one for one in happenings if one.event is LinkEvent.UP]
    assert all("not verified" in str(one) for one in ups)
    assert len(lines(caplog, "(not verified)")) == len(ups) == 2


async def test_a_server_that_verifies_says_nothing_of_the_kind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ouc")
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), echo)
        with trio.fail_after(30):
            async with two.connect(client_description(port)) as connection:
                await connection.send(b"x")
                assert await connection.receive(1) == b"x"
        nursery.cancel_scope.cancel()
    assert not lines(caplog, "verified")


def in_the_clear(port: int, *, active: bool) -> TCON_IP_V4_SEC:
    inner = TCON_IP_v4(
        ID=1, ActiveEstablished=active, RemoteAddress="192.168.0.1" if active else "0.0.0.0",
        RemotePort=port if active else 0, LocalPort=0 if active else port,
    )  # fmt: skip
    return TCON_IP_V4_SEC(ConnPara=inner, ActivateSecureConn=False, TLSServerCertRef=9, TLSClientCertRef=11)


async def test_certificates_named_by_a_passive_end_that_listens_in_the_clear_are_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with station("PLC-2") as one, one.serving(in_the_clear(free_port(), active=False), echo):
        pass
    assert len(lines(caplog, "in the clear")) == 1


async def test_certificates_named_by_an_active_end_that_sends_in_the_clear_are_told_once_however_often_it_dials(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempts = 0
    with trio.fail_after(30):
        async with station("PLC-2") as one, one.hold(in_the_clear(free_port(), active=True)) as held:
            async for change in held.changes():
                attempts += change.event is LinkEvent.REFUSED
                if attempts == 3:
                    break
    assert len(lines(caplog, "in the clear")) == 1


async def test_a_passive_end_that_verifies_nobody_says_so_also_for_blocks_and_hold(
    caplog: pytest.LogCaptureFixture,
) -> None:
    described = attrs.evolve(server_description(free_port()), TLSServerReqClientCert=False, TLSClientCertRef=0)
    async with station("PLC-1") as one:
        async with one.hold(described):
            await trio.lowlevel.checkpoint()
    assert len(lines(caplog, "nobody is verified")) == 1
