"""Names: impossible ones are never asked for, no answer has a limit, and a dead resolver holds up nobody else."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio
import trio.testing

import ouc
from ouc import profiles
from ouc.errors import ConnectionLost, OUCError, ParameterError
from ouc.params import TCON_QDN
from ouc.transport import names, resolve


class Resolver:
    """In the place of the platform's: names that are dead are answered when the test ends."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()

    def __call__(self, name: str, *_: Any) -> list[Any]:
        self.asked.append(name)
        if name.startswith("dead"):
            assert self.over.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "temporary failure")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    one = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", one)
    yield one
    one.over.set()


@pytest.mark.parametrize("name", ["plc\0.example", "a..b", "010.0.0.1", "plc:2000", "x" * 64, "plc\n", "\udcff"])
async def test_an_impossible_name_never_reaches_the_resolver(name: str, resolver: Resolver) -> None:
    with pytest.raises(ParameterError) as caught:
        await resolve(name)
    assert caught.value.status == 0x80D3
    assert caught.value.failure.remedy
    assert "\0" not in str(caught.value)
    assert resolver.asked == []


@pytest.mark.parametrize("check", [True, False])
async def test_nor_through_the_front_door_whatever_is_checked_afterwards(check: bool, resolver: Resolver) -> None:
    with pytest.raises(OUCError) as caught:
        async with ouc.connect("plc\0.example", 2000, plain=True, check_address=check):
            pass
    assert caught.value.failure.where
    assert caught.value.failure.remedy
    assert resolver.asked == []


async def test_a_name_without_an_answer_has_a_limit_and_says_so(resolver: Resolver) -> None:
    with pytest.raises(ConnectionLost, match=r"no answer within 0\.05 s") as caught:
        await resolve("dead.example", limit=0.05)
    assert caught.value.status == 0x80D3


async def test_a_name_that_is_asked_for_is_not_asked_for_again(resolver: Resolver) -> None:
    for _ in range(20):
        with pytest.raises(ConnectionLost):
            await resolve("dead.example", limit=0.01)
    assert resolver.asked == ["dead.example"]


async def test_many_dead_names_hold_up_neither_other_threads_nor_a_living_name(resolver: Resolver) -> None:
    shared = trio.to_thread.current_default_thread_limiter()

    async def ask(number: int) -> None:
        with pytest.raises(ConnectionLost):
            await resolve(f"dead{number}.example", limit=0.2)

    async with trio.open_nursery() as nursery:
        for number in range(names._THREADS - 1):
            nursery.start_soon(ask, number)
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert shared.borrowed_tokens == 0
        with trio.fail_after(30):
            assert str(await resolve("alive.example")) == "127.0.0.1"
    assert threading.active_count() < 2 * names._THREADS


async def test_several_who_ask_for_one_name_get_the_same_answer(resolver: Resolver) -> None:
    found: list[str] = []

    async def ask() -> None:
        found.append(str(await resolve("alive.example.")))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert found == ["127.0.0.1"] * 5
    assert resolver.asked == ["alive.example"]


async def test_the_limit_is_told_through_the_front_door(resolver: Resolver) -> None:
    station = ouc.Station(profile=attrs.evolve(profiles.DEFAULT, connect_timeout=0.05))
    description = TCON_QDN(remote_qdn="dead.example.", remote_port=2000, local_port=0)
    async with station:
        with pytest.raises(ConnectionLost, match=r"no answer within 0\.05 s") as caught:
            async with station.connect(description):
                pass
    assert caught.value.status == 0x80D3


async def test_a_resolver_without_descriptors_is_no_unknown_name(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: Any) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    resolver.over.set()
    monkeypatch.setattr(names, "_look_for_descriptors", none_left)
    description = TCON_QDN(remote_qdn="dead.example.", remote_port=2000, local_port=0)
    async with ouc.Station() as station:
        with pytest.raises(ConnectionLost) as caught:
            async with station.connect(description):
                pass
    assert caught.value.status == 0x80C3
    assert caught.value.failure.remedy
