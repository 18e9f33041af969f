"""TDISCON, T_RESET and STOP on connections that a Python program opened itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

import ouc
from ouc.api import Connection
from ouc.connection import LinkState
from ouc.errors import LocalProtocolError, OUCError

from ..plant import client_description, free_port, server_description
from .test_hold import station
from .test_serve import echo, for_anybody

STOP: dict[str, Callable[[ouc.Station], Any]] = {
    "TDISCON": lambda one: one.port.terminate(one.port.links[0]),
    "STOP": lambda one: one.port.terminate_all(),
}
EACH = pytest.mark.parametrize("how", STOP)


async def until(condition: Any) -> None:
    with trio.fail_after(30):
        while not condition():
            await trio.lowlevel.checkpoint()


@EACH
async def test_an_established_connection_ends_on_both_sides(how: str) -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), echo)
        with trio.fail_after(30), pytest.raises(OUCError):
            async with two.connect(client_description(port)) as connection:
                await connection.send(b"x")
                await connection.receive(1)
                STOP[how](two)
                assert two.port.links == ()
                await connection.receive(1)
        nursery.cancel_scope.cancel()


@EACH
async def test_a_passive_end_that_still_waits_ends_its_waiting(how: str) -> None:
    async with station("PLC-1") as one, trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(LocalProtocolError, match="taken away"):
                async with one.connect(server_description(free_port())):
                    raise AssertionError("connected")
            ended.set()

        ended = trio.Event()
        nursery.start_soon(wait)
        await until(lambda: one.port.links)
        await trio.testing.wait_all_tasks_blocked()
        STOP[how](one)
        with trio.fail_after(30):
            await ended.wait()


@EACH
async def test_a_server_ends_with_its_partners(how: str) -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        ended = trio.Event()

        async def serve(task_status: Any) -> None:
            with pytest.raises(LocalProtocolError, match="taken away"):
                await one.serve(for_anybody(port), echo, task_status=task_status)
            ended.set()

        await nursery.start(serve)
        with trio.fail_after(30), pytest.raises(OUCError):
            async with two.connect(client_description(port)) as connection:
                await connection.send(b"x")
                await connection.receive(1)
                STOP[how](one)
                await ended.wait()
                await connection.receive(1)


async def test_T_RESET_drops_the_partners_of_a_server_and_it_goes_on() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), echo)
        (link,) = one.port.links
        for _ in range(2):
            with trio.fail_after(30), pytest.raises(OUCError):
                async with two.connect(client_description(port)) as connection:
                    await connection.send(b"x")
                    await connection.receive(1)
                    one.port.reset(link)
                    assert link.state is LinkState.LISTENING
                    await connection.receive(1)
        nursery.cancel_scope.cancel()


async def test_a_station_that_is_left_first_ends_its_servers() -> None:
    ended = trio.Event()

    async def serve(one: ouc.Station, task_status: Any) -> None:
        with pytest.raises(LocalProtocolError, match="taken away"):
            await one.serve(for_anybody(free_port()), echo, task_status=task_status)
        ended.set()

    async with trio.open_nursery() as nursery:
        async with station("PLC-1") as one:
            await nursery.start(serve, one)
        with trio.fail_after(30):
            await ended.wait()


async def test_a_handler_learns_of_it_as_of_any_other_end() -> None:
    port, told = free_port(), trio.Event()

    async def handler(connection: Connection) -> None:
        try:
            await connection.receive(1)
        except OUCError:
            told.set()
            raise

    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), handler)
        (link,) = one.port.links
        with trio.fail_after(30):
            async with two.connect(client_description(port)):
                await until(lambda: link.established)
                one.port.reset(link)
                await told.wait()
        nursery.cancel_scope.cancel()
