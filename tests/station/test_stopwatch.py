"""Listeners that keep the station from its work are named."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from ouc.connection import LinkEvent
from ouc.errors import Failure
from ouc.status import Status

from ..plant import free_port
from .partner import passive
from .test_messages import no_own_addresses, station

pytestmark = no_own_addresses


async def test_a_slow_listener_is_named_once_with_how_long_it_took(
    caplog: pytest.LogCaptureFixture, mock_clock: trio.testing.MockClock
) -> None:
    def slow(_: Any) -> None:
        mock_clock.jump(2.5)

    def quick(_: Any) -> None:
        mock_clock.jump(0.05)

    async with station(1, on_event=slow) as one:
        one.listeners += [quick, slow]
        link = one.port.establish(passive(free_port()))
        for _ in range(3):
            one.tell(link, LinkEvent.REFUSED, failure=Failure("no", Status(0x80C5)))
    told = [record.getMessage() for record in caplog.records if "waited" in record.getMessage()]
    assert len(told) == 1
    assert "slow took 2.5 s" in told[0]


async def test_a_slow_listener_that_fails_is_named_too_and_so_is_a_slow_tap(
    caplog: pytest.LogCaptureFixture, mock_clock: trio.testing.MockClock
) -> None:
    def failing(_: Any) -> None:
        mock_clock.jump(1)
        raise ZeroDivisionError

    def tap(*_: Any) -> None:
        mock_clock.jump(0.1)

    async with station(1, on_event=failing, tap=tap) as one:
        link = one.port.establish(passive(free_port()))
        one.tell(link, LinkEvent.REFUSED, failure=Failure("no", Status(0x80C5)))
        assert one.opener.tap is not None
        one.opener.tap(1, "sent", b"x")
    assert "failing took 1.0 s" in caplog.text
    assert "tap took 0.1 s" in caplog.text
