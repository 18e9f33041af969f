"""The loops that the documentation shows, run against partners that leave in every way there is."""

from __future__ import annotations

import inspect
import socket
import textwrap
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import attrs
import pytest
import trio

import ouc
from ouc import aio, sync
from ouc.api import Connection, Held, LifeSign
from ouc.errors import ConnectionLost, ParameterError
from ouc.params import TCON_IP_v4, TDiag_Status
from ouc.s7 import DataBlock

from ..plant import client_description, free_port, server_description
from ..station.partner import dial, leave, passive
from ..station.test_messages import no_own_addresses, until
from ..station.test_messages import station as plain_station
from .test_hold import QUICK, station

#: How a secure partner leaves, and whether that is in order.
WAYS = ["close_notify", "FIN", "RST", "silence"]


async def go(connection: Connection, way: str) -> None:
    if way == "FIN":
        connection._wire.tcp._socket.shutdown(socket.SHUT_WR)
    elif way == "RST":
        connection._wire.tcp.abort()


def documented_loop() -> Callable[..., Any]:
    """The loop of `Held`'s docstring, with something to do in the place of the dots."""
    lines = (inspect.getdoc(Held) or "").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.strip().startswith("async for connection"))
    loop = textwrap.dedent("\n".join(lines[begin : begin + 3])).replace("...", "await seen(connection, piece)")
    scope: dict[str, Any] = {}
    exec("async def program(held, seen):\n" + textwrap.indent(loop, "    "), scope)
    return scope["program"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", WAYS)
async def test_the_loop_of_held_connections_goes_on_with_the_next_one_however_a_partner_leaves(way: str) -> None:
    port, got, connections = free_port(), [], []
    enough = trio.Event()

    async def seen(connection: Any, piece: bytes) -> None:
        got.append(piece)
        connections.append(connection)
        enough.set()

    sign = LifeSign(patience=0.2) if way == "silence" else None
    with trio.fail_after(30):
        async with (
            station("PLC-1") as one,
            station("PLC-2") as two,
            one.hold(server_description(port), life_sign=sign) as held,
        ):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(documented_loop(), held, seen)
                for number in range(3):
                    enough = trio.Event()
                    async with two.connect(client_description(port)) as partner:
                        await partner.send(b"message %d" % number)
                        await go(partner, way)
                        await enough.wait()
                        if way == "silence":
                            await until(lambda: connections[-1].loss)
                    await until(lambda: connections[-1].loss)
                nursery.cancel_scope.cancel()
    assert got == [b"message 0", b"message 1", b"message 2"]
    assert [one.number for one in connections] == [1, 2, 3]
    assert [one.loss.orderly for one in connections] == [way == "close_notify"] * 3


@no_own_addresses
@pytest.mark.parametrize("way", ["FIN", "RST"])
async def test_records_of_held_connections_end_with_each_of_them_and_a_cut_one_is_seen(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    port, image = free_port(), TDiag_Status(ID=7).to_bytes()
    got: list[Any] = []
    cut: list[tuple[bool, bool]] = []
    with trio.fail_after(30):
        async with plain_station(1) as one, one.hold(passive(port)) as held:
            for number in (1, 2):
                partner = await dial(port)
                await until(lambda: held.up)
                # The second partner is cut off in the middle.
                await partner.send_all(image * 2 + image[: 5 * (number - 1)])
                await until(lambda: held.current.unread >= len(image) * 2)
                await leave(partner, way)
                await until(lambda: not held.up)
            async for connection in held:
                got += [record.ID async for record in connection.records(TDiag_Status)]
                assert connection.loss is not None
                cut.append((connection.incomplete, connection.loss.orderly))
                if len(cut) == 2:
                    break
    assert got == [7] * 4
    assert [incomplete for incomplete, _ in cut] == [False, True]
    assert [orderly for _, orderly in cut] == [way == "FIN"] * 2
    assert "ended in the middle of a record, after 5 bytes of it" in caplog.text


@no_own_addresses
async def test_nothing_is_lost_of_connections_that_came_and_went_while_the_program_was_busy() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with plain_station(1) as one, one.hold(passive(port)) as held:
            for number in range(4):
                partner = await dial(port)
                await until(lambda: held.up)
                if number != 2:
                    await partner.send_all(b"message %d" % number)
                    await until(lambda: held.current.unread)
                await partner.aclose()
                await until(lambda: not held.up)
            # One that left nothing is passed over.
            got = []
            async for connection in held:
                got.append((connection.number, [piece async for piece in connection]))
                if connection.number == 4:
                    break
    assert got == [(1, [b"message 0"]), (2, [b"message 1"]), (4, [b"message 3"])]


@no_own_addresses
async def test_receive_goes_through_all_connections_that_came_and_went() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with plain_station(1) as one, one.hold(passive(port)) as held:
            for number in range(4):
                partner = await dial(port)
                await until(lambda: held.up)
                await partner.send_all(b"message %d" % number)
                await until(lambda: held.link.received == 9 * (number + 1))  # noqa: B023
                await partner.aclose()
                await until(lambda: not held.up)
            assert [await held.receive(9) for _ in range(4)] == [b"message %d" % number for number in range(4)]
            # What a face gives back comes again, whatever was received since.
            held.give_back(b"message 3")
            assert await held.receive(9) == b"message 3"


@no_own_addresses
async def test_a_partner_that_comes_and_goes_for_ever_does_not_fill_the_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from ouc.api.establishments import Establishments

    port = free_port()
    with trio.fail_after(30):
        async with plain_station(1) as one, one.hold(passive(port)) as held:
            partner = await dial(port)
            await until(lambda: held.up)
            first = held._current
            assert first is not None
            some = Establishments()
            for _ in range(100):
                other = type(first)(held, first._happening)
                other._link = attrs.evolve(first._link)
                other._link.epoch, other._left = 5, b"left"
                some.begin(other)
            assert len(list(some)) == 64
            await partner.aclose()
    assert caplog.text.count("4 bytes that nobody received went with the connection") == 36


async def test_on_a_connection_of_connect_a_rude_end_is_raised_and_a_polite_one_is_not() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with station("PLC-1") as one, station("PLC-2") as two:
            for way in ("close_notify", "FIN"):
                async with trio.open_nursery() as nursery:

                    async def partner(way: str = way) -> None:
                        async with one.connect(server_description(port)) as here:
                            await here.send(b"hello")
                            await go(here, way)
                            if way == "FIN":
                                with suppress(ConnectionLost):
                                    await here.receive_some()

                    nursery.start_soon(partner)
                    await until(lambda: any(link.endpoint.local_port == port for link in one.port.links))
                    async with two.connect(client_description(port)) as connection:
                        got = []
                        if way == "close_notify":
                            got = [piece async for piece in connection]
                        else:
                            with pytest.raises(ConnectionLost):
                                async for piece in connection:
                                    got.append(piece)
                        assert got == [b"hello"]


# -- the other faces ---------------------------------------------------------------------------------------------------


def _rude(port: int) -> None:
    """A partner of a plain station that sends and resets, three times."""
    number = 0
    while number < 3:
        # Refused while the end is not open yet, or still has the last partner.
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 30, ("127.0.0.2", 0)) as sock:
            sock.sendall(b"message %d" % number)
            number += sock.recv(100) == b"go"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@no_own_addresses
def test_the_loop_of_the_blocking_face_goes_on_too() -> None:
    import threading

    port, got, losses = free_port(), [], []
    with sync.Station(address="192.168.0.1", addresses=ouc.loopback(), profile=QUICK) as one:
        with one.hold(passive(port)) as held:
            thread = threading.Thread(target=_rude, args=(port,))
            thread.start()
            for connection in held:
                for piece in connection:
                    got.append(piece)
                    connection.send(b"go", timeout=30)
                losses.append(connection.loss)
                if len(losses) == 3:
                    break
            thread.join(30)
    assert got == [b"message 0", b"message 1", b"message 2"]
    assert all(loss is not None and not loss.orderly for loss in losses)


@no_own_addresses
def test_the_loop_of_the_asyncio_face_goes_on_too() -> None:
    import asyncio
    import threading

    port, got, losses = free_port(), [], []

    async def main() -> None:
        async with aio.Station(address="192.168.0.1", addresses=ouc.loopback(), profile=QUICK) as one:
            async with one.hold(passive(port)) as held:
                thread = threading.Thread(target=_rude, args=(port,))
                thread.start()
                async for connection in held:
                    async for piece in connection:
                        got.append(piece)
                        await connection.send(b"go")
                    losses.append(connection.loss)
                    if len(losses) == 3:
                        break
                await asyncio.to_thread(thread.join, 30)

    asyncio.run(asyncio.wait_for(main(), 30))
    assert got == [b"message 0", b"message 1", b"message 2"]
    assert all(loss is not None and not loss.orderly for loss in losses)


# -- what a record looks like --------------------------------------------------------------------------------------------


@no_own_addresses
async def test_records_take_a_block_its_layout_or_a_structure_and_nothing_else() -> None:
    port = free_port()
    block = DataBlock({"number": "Int"})
    with trio.fail_after(30):
        async with plain_station(1) as one, one.hold(passive(port)) as held:
            partner = await dial(port)
            await until(lambda: held.up)
            connection = held.current
            for wrong in (b"ab", 2, TCON_IP_v4(), bytearray, None, "Int"):
                with pytest.raises(ParameterError) as caught:
                    connection.records(wrong)  # type: ignore[arg-type]
                assert caught.value.failure.where == "layout"
            await partner.send_all(b"\0\x01\0\x02")
            await partner.aclose()
            got = [record["number"] async for record in connection.records(block.layout)]
            assert got == [1, 2]
