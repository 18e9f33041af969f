"""Leaving a connection: everything arrives as long as the partner takes it, and what does not is said."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

import ouc

from .test_station import joined, station

pytestmark = pytest.mark.skipif(not hasattr(__import__("socket"), "TCP_INFO"), reason="only Linux tells what was confirmed")


async def clog(connection: ouc.Connection) -> None:
    while True:
        with trio.move_on_after(0.2) as soon:
            await connection.send(bytes(100))
        if soon.cancelled_caught:
            return


async def test_a_partner_that_takes_nothing_is_told_by_an_exception(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with joined() as (client, _):
        await clog(client)
        begun = trio.current_time()
        with caplog.at_level(logging.WARNING), pytest.raises(ouc.ConnectionLost, match="bytes were confirmed") as caught:
            await client.aclose()
        assert trio.current_time() - begun < 60
        assert client.unconfirmed > 0
        assert str(client.unconfirmed) in str(caught.value)
        assert caught.value.failure.remedy
        await client.aclose()  # said once
    assert "were confirmed" in caplog.text


async def test_what_ended_the_body_is_not_hidden_by_what_was_not_confirmed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    from ..plant import client_description, free_port, server_description

    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            async def handler(_: ouc.Connection) -> None:
                await trio.sleep_forever()

            await one.serve(server_description(port), handler, task_status=task_status)

        await nursery.start(serve)
        with pytest.raises(ZeroDivisionError):
            async with two.connect(client_description(port)) as connection:
                await clog(connection)
                raise ZeroDivisionError
        assert connection.unconfirmed > 0
        nursery.cancel_scope.cancel()
