"""The door of a passive end: who is judged, who has to make room, and that nobody's socket is forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Address

import attrs
import pytest
import trio

from ouc.errors import ConnectionLost, OUCError
from ouc.transport import Reception, TCPStream
from ouc.transport.tcp import Listener, dial, listen

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
            at_once=2,
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


async def test_a_partner_that_made_room_while_it_passed_is_refused_and_not_admitted_as_a_closed_socket() -> None:
    async with open_door(3) as (door, _):
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


async def test_a_mistake_of_the_judge_closes_the_partner_before_it_is_told() -> None:
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with open_door(1, fails=ZeroDivisionError()) as (door, _):
            await until(lambda: door.judged)
            door.verdict.set()
            await trio.sleep_forever()
    assert closed(door.judged[0])


async def test_whoever_waits_for_its_turn_when_the_door_closes_is_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[TCPStream] = []
    original: Callable[[Listener], Awaitable[TCPStream]] = Listener.accept

    async def accept(listener: Listener) -> TCPStream:
        accepted.append(await original(listener))
        return accepted[-1]

    monkeypatch.setattr(Listener, "accept", accept)
    async with open_door(1, vacant=trio.Event()) as (door, nursery):
        await until(lambda: accepted)
        nursery.cancel_scope.cancel()
    assert [closed(tcp) for tcp in accepted] == [True]
    assert door.judged == []
