"""Promises of single lines that nothing else would miss at once: what is shared, what is counted, and what is noted first."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
import trio
from trio.testing import MockClock

from ouc.transport import supervision
from ouc.transport.busy import Budget
from ouc.transport.listener import listen
from ouc.transport.tcp import TCPStream, dial

HERE = IPv4Address("127.0.0.1")


async def pair() -> tuple[TCPStream, TCPStream]:
    with listen(HERE, 0) as listener:
        near = await dial(HERE, listener.port)
        return near, await listener.accept()


async def test_all_connections_of_a_run_are_looked_at_by_one_supervisor() -> None:
    near, far = await pair()
    first = supervision._SUPERVISOR.get()
    other, another = await pair()
    assert supervision._SUPERVISOR.get() is first
    for stream in (near, far, other, another):
        stream.abort()


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
async def test_one_call_in_so_many_that_did_not_wait_gives_way(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    async def gave_way() -> None:
        given.append(call)

    monkeypatch.setattr("trio.lowlevel.cancel_shielded_checkpoint", gave_way)
    budget = Budget(limit)
    for call in range(3 * (limit + 1)):  # noqa: B007 - noted by the function above
        await budget.finish(waited=False)
    assert given == [limit, 2 * limit + 1, 3 * limit + 2]


async def test_a_call_that_waited_makes_up_for_those_before() -> None:
    budget = Budget(1)
    await budget.finish(waited=False)
    await budget.finish(waited=True)
    assert budget._left == 1


async def test_the_first_word_of_each_side_is_noted_and_no_later_one(mock_clock: MockClock) -> None:
    near, far = await pair()
    mock_clock.jump(1)
    await near.send_all(b"x")
    assert await far.receive_some(1) == b"x"
    said, heard = near.spoke_at, far.heard_at
    assert said == heard == trio.current_time()
    mock_clock.jump(5)
    await near.send_all(b"y")
    assert await far.receive_some(1) == b"y"
    assert (near.spoke_at, far.heard_at) == (said, heard)
    assert (near.heard_at, far.spoke_at) == (None, None)
    near.abort()
    far.abort()
