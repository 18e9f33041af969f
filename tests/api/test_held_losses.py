"""A held connection that is lost while data are under way, in either direction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from ouc import Station
from ouc.api import Held, LifeSign
from ouc.errors import ConnectionLost

from ..plant import free_port
from ..station.partner import SENT, WIDE, arrived_in_the_socket, dial, leave, let_sends_fail, passive
from ..station.test_messages import QUICK, no_own_addresses, station, until

pytestmark = no_own_addresses


@asynccontextmanager
async def held(**options: Any) -> AsyncIterator[tuple[Held, Station, trio.SocketStream]]:
    port = free_port()
    async with station(1, profile=options.pop("profile", WIDE)) as one:
        async with one.hold(passive(port), **options) as value:
            partner = await dial(port)
            await until(lambda: value.up)
            yield value, one, partner


@pytest.mark.parametrize("ending", ["FIN", "RST"])
@pytest.mark.parametrize("trouble", ["nothing else", "a send fails", "the life sign fails"])
@pytest.mark.parametrize("profile", [QUICK, WIDE], ids=["buffer of a CPU", "read ahead"])
async def test_a_held_connection_gives_what_arrived_before_it_tells_the_loss(
    monkeypatch: pytest.MonkeyPatch, trouble: str, ending: str, profile: Any
) -> None:
    sign = LifeSign(every=0.02, message=b"?") if trouble == "the life sign fails" else None
    async with held(profile=profile, life_sign=sign) as (value, one, partner):
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        if trouble != "nothing else":
            let_sends_fail(monkeypatch, one)
        if trouble == "a send fails":
            with pytest.raises(ConnectionLost):
                await value.send(b"x")
        await leave(partner, ending)
        # The program looks late.
        await until(lambda: not value.up)
        connection = value._current
        assert connection is not None
        assert await connection.receive(len(SENT)) == SENT
        with pytest.raises(ConnectionLost):
            await connection.receive_some()


async def test_a_reset_behind_an_inbox_that_nobody_empties_is_noticed_within_a_second_or_so(
    autojump_clock: Any,
) -> None:
    async with held(profile=QUICK) as (value, one, partner):
        await partner.send_all(SENT)
        await arrived_in_the_socket(one, len(SENT))
        before = trio.current_time()
        await leave(partner, "RST")
        await until(lambda: not value.up)
        assert trio.current_time() - before < 3
