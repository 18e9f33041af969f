"""The door of a passive end: who is judged, who has to make room, and that nobody's socket is forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from ouc.errors import ConnectionLost, OUCError
from ouc.transport import Reception, TCPStream
from ouc.transport.crowd import PATIENCE, Crowd, Step
from ouc.transport.listener import Listener, listen
from ouc.transport.tcp import dial

HERE = IPv4Address("127.0.0.1")


@attrs.define
class Door:
    """A reception whose verdicts the test gives."""

    listener: Listener
    judged: list[TCPStream] = attrs.field(factory=list)
    verdict: trio.Event = attrs.field(factory=trio.Event)
    admitted: list[TCPStream] = attrs.field(factory=list)
    refused: list[tuple[TCPStream, OUCError]] = attrs.field(factory=list)
    fails: BaseException | None = None
    vacant: trio.Event | None = None
    crowd: Crowd = attrs.field(factory=lambda: Crowd(2))

    async def judge(self, tcp: TCPStream) -> TCPStream:
        self.judged.append(tcp)
        await self.verdict.wait()
        if self.fails is not None:
            raise self.fails
        return tcp

    async def admit(self, tcp: TCPStream) -> None:
        self.admitted.append(tcp)

    def refuse(self, tcp: TCPStream, error: OUCError) -> None:
        self.refused.append((tcp, error))

    async def vacancy(self) -> None:
        assert self.vacant is not None
        await self.vacant.wait()

    def reception(self) -> Reception[TCPStream]:
        return Reception(
            self.listener,
            judge=self.judge,
            admit=self.admit,
            refuse=self.refuse,
            occupied=lambda: self.vacant is not None,
            vacancy=self.vacancy,
            crowd=self.crowd,
        )


def closed(tcp: TCPStream) -> bool:
    return tcp._socket.fileno() < 0


@contextlib.asynccontextmanager
async def open_door(partners: int, **members: object) -> AsyncIterator[tuple[Door, trio.Nursery]]:
    """A door that so many partners have come to."""
    with trio.fail_after(30), listen(HERE, 0) as listener:
        door = Door(listener, **members)  # type: ignore[arg-type]
        streams: list[TCPStream] = []
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(door.reception().run)
                streams += [await dial(HERE, listener.port) for _ in range(partners)]
                yield door, nursery
                nursery.cancel_scope.cancel()
        finally:
            for stream in (*streams, *door.admitted):
                stream.abort()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await trio.lowlevel.checkpoint()


async def test_a_partner_that_made_room_while_it_passed_is_refused_and_not_admitted_as_a_closed_socket(
    mock_clock: trio.testing.MockClock,
) -> None:
    async with open_door(3) as (door, _):
        await until(lambda: len(door.judged) == 2)
        mock_clock.jump(PATIENCE)
        await until(lambda: len(door.judged) == 3)
        door.verdict.set()
        await until(lambda: len(door.admitted) + len(door.refused) == 3)
        ((tcp, error),) = door.refused
        assert isinstance(error, ConnectionLost)
        assert closed(tcp)
        assert [closed(tcp) for tcp in door.admitted] == [False, False]


async def test_whoever_is_being_judged_when_the_door_closes_is_closed_too() -> None:
    async with open_door(2) as (door, nursery):
        await until(lambda: len(door.judged) == 2)
        nursery.cancel_scope.cancel()
    assert [closed(tcp) for tcp in door.judged] == [True, True]


async def test_a_mistake_of_the_judge_ends_its_partner_with_a_traceback_and_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_door(2, fails=ZeroDivisionError()) as (door, _):
        await until(lambda: len(door.judged) == 2)
        door.verdict.set()
        await until(lambda: len(door.refused) == 2)
        assert [closed(tcp) for tcp in door.judged] == [True, True]
        door.fails = None
        stream = await dial(HERE, door.listener.port)
        await until(lambda: door.admitted)
        stream.abort()
    assert sum(bool(one.exc_info) for one in caplog.records) == 1
    assert "ZeroDivisionError" in str(door.refused[0][1])


@attrs.define(eq=False)
class Somebody:
    """A socket as the crowd sees it."""

    partner: tuple[IPv4Address, int]
    heard_at: float | None = None
    spoke_at: float | None = None
    aborted: bool = False

    def abort(self) -> None:
        self.aborted = True


def somebody(host: str) -> Any:
    return Somebody((IPv4Address(host), 50_000))


def reach(one: Any, step: Step) -> None:
    if step >= Step.BEGUN:
        one.heard_at = trio.current_time()
    if step >= Step.ANSWERED:
        one.spoke_at = trio.current_time()


PARTNER, STRANGERS = "192.168.0.2", "192.168.0.66"


@pytest.mark.parametrize("rate", [20, 60, 200])
@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("host", [PARTNER, STRANGERS, "ever new"])
async def test_a_partner_that_needs_0_4_s_for_each_step_is_never_the_one_who_goes(
    autojump_clock: trio.testing.MockClock, rate: int, step: Step, host: str
) -> None:
    crowd, passed, number = Crowd(64), 0, 0

    async def flood() -> None:
        nonlocal number
        while True:
            number += 1
            stranger = somebody(str(IPv4Address(number)) if host == "ever new" else host)
            await crowd.enter(stranger, 2000)
            reach(stranger, step)
            await trio.sleep(1 / rate)

    with trio.move_on_after(600):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await trio.sleep(5)
            for _ in range(4):
                genuine = somebody(PARTNER)
                await crowd.enter(genuine, 2000)
                for reached in Step:
                    reach(genuine, reached)
                    await trio.sleep(0.4)
                passed += genuine in crowd and not genuine.aborted
                crowd.leave(genuine)
            nursery.cancel_scope.cancel()
    assert passed == 4
    assert len(crowd) <= 64


async def test_strangers_at_one_step_do_not_endanger_those_at_another(mock_clock: trio.testing.MockClock) -> None:
    crowd = Crowd(10)
    old = [somebody(PARTNER) for _ in Step]
    for one, step in zip(old, Step, strict=True):
        await crowd.enter(one, 2000)
        reach(one, step)
    for turn in range(100):
        mock_clock.jump(PATIENCE)
        stranger = somebody(STRANGERS)
        await crowd.enter(stranger, 2000)
        reach(stranger, Step.BEGUN)
        assert not any(one.aborted for one in old), turn


async def test_a_flood_at_one_port_does_not_endanger_those_at_another(mock_clock: trio.testing.MockClock) -> None:
    crowd, quiet = Crowd(4), somebody(PARTNER)
    await crowd.enter(quiet, 102)
    for _ in range(20):
        mock_clock.jump(PATIENCE)
        await crowd.enter(somebody(PARTNER), 2000)
    assert not quiet.aborted


async def test_whoever_comes_while_all_places_are_new_waits_until_one_is_given_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    crowd = Crowd(2)
    first, second, third = somebody(PARTNER), somebody(PARTNER), somebody(PARTNER)
    await crowd.enter(first, 2000)
    await crowd.enter(second, 2000)
    before = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crowd.enter, third, 2000)
        await trio.testing.wait_all_tasks_blocked()
        crowd.leave(second)
    assert trio.current_time() == before
    assert not first.aborted
    await crowd.enter(second, 2000)
    assert trio.current_time() == before + PATIENCE
    assert first.aborted


async def test_all_ends_of_a_program_share_the_places() -> None:
    assert Crowd.here() is Crowd.here()
    assert 64 <= Crowd.here().places <= 1024


async def test_whoever_waits_for_its_turn_when_the_door_closes_is_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[TCPStream] = []
    original: Callable[[Listener, Callable[[], bool]], Awaitable[TCPStream]] = Listener.accept

    async def accept(listener: Listener, make_room: Callable[[], bool]) -> TCPStream:
        accepted.append(await original(listener, make_room))
        return accepted[-1]

    monkeypatch.setattr(Listener, "accept", accept)
    async with open_door(1, vacant=trio.Event()) as (door, nursery):
        await until(lambda: accepted)
        nursery.cancel_scope.cancel()
    assert [closed(tcp) for tcp in accepted] == [True]
    assert door.judged == []
