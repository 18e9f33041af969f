"""A server for many partners, joined messages, records, ISO-on-TCP and UDP in Python style."""

from __future__ import annotations

import struct
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
import trio
import trio.testing

import ouc
import ouc.api
from ouc.api import Connection, mistakes
from ouc.errors import ConnectionLost, LocalProtocolError, OUCError, ParameterError
from ouc.params import TCON_IP_RFC, TCON_IP_v4, TDiag_Status
from ouc.s7 import DataBlock

from ..plant import client_description, free_port, plant, server_description
from .test_hold import QUICK, station
from .test_station import joined

no_own_addresses = pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")


def for_anybody(port: int) -> Any:
    described = server_description(port)
    return attrs.evolve(described, ConnPara=attrs.evolve(described.ConnPara, RemoteAddress="0.0.0.0"))


async def echo(connection: Connection) -> None:
    async for piece in connection:
        await connection.send(piece)


async def test_ten_partners_at_once_are_served_each_in_its_own_task() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), echo)
        waiting = trio.Event()
        done = 0

        async def partner(number: int) -> None:
            nonlocal done
            described = client_description(port)
            mine = attrs.evolve(described, ConnPara=attrs.evolve(described.ConnPara, ID=number))
            async with two.connect(mine) as connection:
                await connection.send(b"%03d" % number)
                assert await connection.receive(3) == b"%03d" % number
                done += 1
                if done == 10:
                    waiting.set()
                await waiting.wait()

        with trio.fail_after(30):
            async with trio.open_nursery() as partners:
                for number in range(1, 11):
                    partners.start_soon(partner, number)
        assert one.port.find(1) is not None
        nursery.cancel_scope.cancel()
    assert one.port.links == ()


async def test_thirty_slow_handshakes_of_a_server_are_not_ended_for_one_that_comes() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), echo)
        silent = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(30)]
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(30):
            async with two.connect(client_description(port)) as connection:
                # None of the silent ones had to make room for it.
                await connection.send(b"x")
                assert await connection.receive(1) == b"x"
        for stream in silent:
            with trio.move_on_after(0.01) as waiting:
                await stream.receive_some()
            assert waiting.cancelled_caught
            await stream.aclose()
        nursery.cancel_scope.cancel()


async def test_a_partner_whose_connection_breaks_ends_its_own_task_only() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), echo)
        with trio.fail_after(30):
            async with two.connect(client_description(port)) as rude:
                rude._wire.tcp.abort()
            async with two.connect(client_description(port)) as good:
                await good.send(b"still there?")
                assert await good.receive(12) == b"still there?"
        nursery.cancel_scope.cancel()


async def test_a_partner_too_many_is_reset_and_the_others_go_on() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two, station("PLC-2") as three, trio.open_nursery() as nursery:
        async def serve(task_status: Any) -> None:
            await one.serve(for_anybody(port), echo, at_once=1, task_status=task_status)

        await nursery.start(serve)
        with trio.fail_after(30):
            async with two.connect(client_description(port)) as first:
                await first.send(b"one")
                assert await first.receive(3) == b"one"
                with pytest.raises(OUCError) as caught:
                    async with three.connect(client_description(port)) as second:
                        await second.receive(1)
                assert caught.value.status == 0x80C5
                await first.send(b"two")
                assert await first.receive(3) == b"two"
        nursery.cancel_scope.cancel()


def _fail_in_a_group(error: Exception) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_raise, error)
            await trio.sleep_forever()

    return fail


async def _raise(error: BaseException) -> None:
    raise error


async def _exceed() -> None:
    with trio.fail_after(0):
        await trio.sleep_forever()


# What fails in a handler because of its partner: it is silent, or its bytes are no number where one is expected.
FAILURES: dict[str, Callable[[], Awaitable[None]]] = {
    "TimeoutError": partial(_raise, TimeoutError("nothing came")),
    "TooSlowError": _exceed,
    "ValueError": partial(_raise, ValueError("not a number")),
    "error": partial(_raise, struct.error("unpack requires 4 bytes")),
    "ZeroDivisionError": partial(_raise, ZeroDivisionError("a mistake")),
    "MemoryError": partial(_raise, MemoryError("a length of 4 GB")),
    "KeyError": _fail_in_a_group(KeyError("a key that the partner names")),
    "ConnectionLost": _fail_in_a_group(ConnectionLost("in a group", status=0x80C5)),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_what_fails_in_a_handler_ends_its_own_partner_and_is_told_with_its_traceback(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()

    async def handler(connection: Connection) -> None:
        if await connection.receive(3) == b"bad":
            await FAILURES[name]()
        await connection.send(b"good")
        await connection.receive(1)

    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, for_anybody(port), handler)
        other = attrs.evolve(client_description(port), ConnPara=attrs.evolve(client_description(port).ConnPara, ID=2))
        with trio.fail_after(30):
            async with two.connect(other) as present:
                await present.send(b"one")
                assert await present.receive(4) == b"good"
                for _ in range(2):
                    with pytest.raises(ConnectionLost):
                        async with two.connect(client_description(port)) as connection:
                            await connection.send(b"bad")
                            await connection.receive(1)
                async with two.connect(client_description(port)) as connection:
                    await connection.send(b"two")
                    assert await connection.receive(4) == b"good"
                assert present.established
        nursery.cancel_scope.cancel()
    tracebacks = [record for record in caplog.records if record.exc_info]
    # Once per kind; a loss of the connection is the log line of every loss.
    assert len(tracebacks) == (0 if name == "ConnectionLost" else 1)
    assert sum("LOST" in record.getMessage() for record in caplog.records if record.name == "ouc.station") >= 2


async def test_a_mistake_is_seen_where_the_program_has_set_up_no_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mistakes, "_is_heard", lambda: False)
    told = mistakes.Mistakes()
    for _ in range(10):
        assert "ZeroDivisionError" in told.failure(ZeroDivisionError("a mistake"), "192.168.0.2:2000").what
    assert capsys.readouterr().err.count("a mistake") == 2


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt])
async def test_what_no_partner_can_cause_ends_the_serving_also_out_of_a_group(ending: type[BaseException]) -> None:
    port = free_port()

    async def leaves(connection: Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_raise, ValueError("on the way"))
            raise ending

    with pytest.RaisesGroup(ending, flatten_subgroups=True, allow_unwrapped=True):
        async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
            await nursery.start(one.serve, for_anybody(port), leaves)
            with trio.fail_after(30):
                try:
                    async with two.connect(client_description(port)) as connection:
                        await connection.receive(1)
                except OUCError:
                    await trio.sleep_forever()


async def test_a_handler_that_fails_while_the_server_is_left_keeps_nobody_from_leaving() -> None:
    port, inside = free_port(), trio.Event()

    async def stubborn(connection: Connection) -> None:
        try:
            inside.set()
            await trio.sleep_forever()
        finally:
            raise ValueError("in a finally")

    with trio.fail_after(30):
        async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
            await nursery.start(one.serve, for_anybody(port), stubborn)
            async with two.connect(client_description(port)):
                await inside.wait()
                nursery.cancel_scope.cancel()


async def test_a_plain_function_cannot_be_a_handler() -> None:
    def plain(connection: Connection) -> None:
        raise AssertionError("called")

    async with station("PLC-1") as one:
        with pytest.raises(ParameterError, match="plain is no async function"):
            await one.serve(for_anybody(free_port()), plain)  # type: ignore[arg-type]


async def test_an_option_that_does_not_exist_is_refused_with_the_one_that_was_meant() -> None:
    wrong: dict[str, Any] = {"chek_address": False, "plain": True}
    with pytest.raises(ParameterError, match="there is no option 'chek_address'") as caught:
        async with ouc.connect("127.0.0.1", free_port(), **wrong):
            raise AssertionError("connected")
    assert "check_address" in caught.value.failure.remedy


def test_outside_of_trio_the_trio_face_says_where_to_go() -> None:
    import asyncio

    async def main() -> None:
        async with ouc.connect("127.0.0.1", 2000, plain=True):
            raise AssertionError("connected")

    with pytest.raises(LocalProtocolError, match="runs under trio"):
        asyncio.run(main())


async def test_an_archive_with_a_password_is_enough_for_a_server(tmp_path: Any) -> None:
    archive = plant().export(9, "p12", password="secret").data
    port = free_port()
    async with ouc.api.serving(port, echo, host="127.0.0.1", cert=archive, password="secret"):
        ca = plant().export(3, "pem").data
        with trio.fail_after(30):
            async with ouc.connect("127.0.0.1", port, ca=ca, check_address=False) as connection:
                await connection.send(b"x")
                assert await connection.receive(1) == b"x"


def test_a_block_without_a_station_of_trio_says_what_it_needs() -> None:
    from ouc import TSEND_C, sync

    with pytest.raises(ParameterError, match="a block needs a station"):
        TSEND_C(sync.Station())  # type: ignore[arg-type]


async def test_an_active_description_cannot_serve() -> None:
    async with station("PLC-2") as two:
        with pytest.raises(ParameterError, match="passive"):
            await two.serve(client_description(free_port()), echo)
        assert two.port.links == ()


async def test_strangers_without_a_certificate_are_refused_and_never_reach_the_handler() -> None:
    port = free_port()
    reached = []

    async def handler(connection: Connection) -> None:
        reached.append(connection.partner)
        await echo(connection)

    async with station("PLC-1") as one, trio.open_nursery() as nursery:
        happened: list[Any] = []
        one.listeners.append(happened.append)
        await nursery.start(one.serve, for_anybody(port), handler)
        async with station("PLC-2") as two:
            with trio.fail_after(30), pytest.raises(OUCError):
                async with two.connect(client_description(port, TLSClientCertRef=0)) as connection:
                    await connection.receive(1)
        with trio.fail_after(30):
            while not happened:
                await trio.lowlevel.checkpoint()
        assert happened[0].failure.status == 0x80E2
        assert reached == []
        nursery.cancel_scope.cancel()


# -- messages ----------------------------------------------------------------------------------------------------------


async def test_joined_messages_arrive_in_order_and_in_full_records() -> None:
    port = free_port()
    wire = bytearray()
    messages = [b"%05d" % number + bytes(253) for number in range(500)]
    tapped = ouc.Station(
        plant().device("PLC-2"), addresses=ouc.loopback(), tap=lambda _, way, data: wire.extend(data * (way == "sent"))
    )
    async with station("PLC-1") as one, tapped as two, trio.open_nursery() as nursery:
        got = bytearray()

        async def handler(connection: Connection) -> None:
            got.extend(await connection.receive(500 * 258))
            await connection.send(b"!")

        await nursery.start(one.serve, server_description(port), handler)
        with trio.fail_after(30):
            async with two.connect(client_description(port)) as connection:
                before = len(wire)
                assert await connection.send_many(messages) == 500
                sent = bytes(wire[before:])
                await connection.receive(1)
        nursery.cancel_scope.cancel()
    assert bytes(got) == b"".join(messages)
    records = []
    while sent:
        size = int.from_bytes(sent[3:5])
        records.append(size)
        sent = sent[5 + size :]
    # 129,000 bytes in whole messages of 258: at most 16,384 per record, and all but the last of each hand-over full.
    assert len(records) <= 10
    assert max(records) == 16_384 + 17


async def test_records_of_a_layout_come_one_by_one_until_the_partner_closes() -> None:
    block = DataBlock({"number": "Int", "text": "String[10]"})
    async with joined() as (client, server):
        for number in range(3):
            block["number"] = number
            await client.send(block)
        await client.aclose()
        got = [record["number"] async for record in server.records(block)]
    assert got == [0, 1, 2]


async def test_records_may_be_structures_and_a_cut_one_is_told() -> None:
    async with joined() as (client, server):
        await client.send(TDiag_Status(ID=7))
        await client.send(b"too short")
        await client.aclose()
        got: list[TDiag_Status] = []
        with pytest.raises(ConnectionLost):
            async for record in server.records(TDiag_Status):
                got.append(record)  # noqa: PERF401 - kept although the iteration ends in an exception
    assert got == [TDiag_Status(ID=7)]


# -- ISO-on-TCP ---------------------------------------------------------------------------------------------------------

CALLED: Any = b"server"
CALLING: Any = b"client"


@no_own_addresses
async def test_ISO_messages_keep_their_boundaries_in_Python_style_too() -> None:
    port = free_port()
    passive = TCON_IP_RFC(
        active_established=False, remote_address="192.168.0.2", local_tselector=CALLED, remote_tselector=CALLING
    )
    active = TCON_IP_RFC(remote_address="192.168.0.1", local_tselector=CALLING, remote_tselector=CALLED)
    options: dict[str, Any] = {"addresses": ouc.loopback(), "profile": QUICK, "iso_port": port}
    async with ouc.Station(address="192.168.0.1", **options) as one, ouc.Station(address="192.168.0.2", **options) as two:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                got: list[bytes] = []

                async def handler(connection: Connection) -> None:
                    async for message in connection:
                        got.append(message)
                        await connection.send(message[::-1])

                await nursery.start(one.serve, passive, handler)
                async with two.connect(active) as connection:
                    assert await connection.send_many([b"one", b"two!", bytes(60_000)]) == 3
                    assert await connection.receive_message() == b"eno"
                    with pytest.raises(ParameterError) as caught:
                        await connection.receive(3)
                    assert caught.value.status == 0x8088
                    assert await connection.receive(4) == b"!owt"
                    area = bytearray(65_536)
                    assert await connection.receive_into(area) == 60_000
                nursery.cancel_scope.cancel()
        assert got == [b"one", b"two!", bytes(60_000)]


async def test_TCP_has_no_messages_and_says_what_to_use_instead() -> None:
    async with joined() as (client, _):
        with pytest.raises(LocalProtocolError, match="boundaries"):
            await client.receive_message()


# -- UDP -----------------------------------------------------------------------------------------------------------------


def udp(port: int) -> TCON_IP_v4:
    return TCON_IP_v4(ConnectionType=19, ActiveEstablished=False, RemoteAddress="192.168.0.9", LocalPort=port, RemotePort=0)


@no_own_addresses
async def test_datagrams_in_Python_style() -> None:
    port = free_port()
    options: dict[str, Any] = {"addresses": ouc.loopback(), "profile": QUICK}
    async with ouc.Station(address="192.168.0.1", **options) as one, ouc.Station(address="192.168.0.2", **options) as two:
        with trio.fail_after(30):
            async with one.datagrams(udp(port)) as first, two.datagrams(udp(port)) as second:
                await first.send(b"ping", ("192.168.0.2", port))
                data, sender = await second.receive()
                sender_of_first = (IPv4Address("192.168.0.1"), port)
                assert (data, sender) == (b"ping", sender_of_first)
                await second.send(b"pong", sender)
                async for data, _ in first:
                    assert data == b"pong"
                    break
                for size in (1, 2048):
                    await first.send(bytes(size), ("192.168.0.2", port))
                    assert await second.receive() == (bytes(size), sender_of_first)
                for size in (0, 2049):
                    with pytest.raises(ParameterError) as caught:
                        await first.send(bytes(size), sender)
                    assert caught.value.status == 0x8085


async def test_UDP_has_no_connections_and_TCP_no_datagrams() -> None:
    async with ouc.Station(addresses=ouc.loopback()) as one:
        with pytest.raises(ParameterError) as caught:
            async with one.connect(udp(free_port())):
                raise AssertionError("connected")
        assert caught.value.status == 0x80B3
    async with station("PLC-1") as one:
        with pytest.raises(ParameterError) as caught:
            async with one.datagrams(server_description(free_port())):
                raise AssertionError("opened")
        assert caught.value.status == 0x80B3
    assert plant().device("PLC-1") is not None
