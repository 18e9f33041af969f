"""The Pythonic face: connect, send, receive, and what an exception says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

import ouc
from ouc.api import Connection
from ouc.certs import Project

from ..plant import PAYLOAD, client_description, free_port, plant, server_description


def station(name: str) -> ouc.Station:
    return ouc.Station(plant().device(name), addresses=ouc.loopback())


@asynccontextmanager
async def joined(**members: Any) -> AsyncIterator[tuple[Connection, Connection]]:
    """PLC-2's and PLC-1's end of one secure connection."""
    port = free_port()
    ends: dict[str, Connection] = {}
    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        finished = trio.Event()

        async def serve(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            async with one.connect(server_description(port, **members)) as connection:
                ends["server"] = connection
                task_status.started()
                await finished.wait()

        async def dial() -> None:
            async with two.connect(client_description(port)) as connection:
                ends["client"] = connection
                dialled.set()
                await finished.wait()

        dialled = trio.Event()
        with trio.fail_after(30):
            nursery.start_soon(_when_listening, port, dial)
            await nursery.start(serve)
            await dialled.wait()
            try:
                yield ends["client"], ends["server"]
            finally:
                finished.set()


async def _when_listening(port: int, then: Any) -> None:
    """Go on as soon as somebody listens; the port is opened by another task."""
    while True:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.lowlevel.checkpoint()
            continue
        await stream.aclose()
        break
    await then()


async def test_data_travel_both_ways_and_the_partner_is_known() -> None:
    async with joined() as (client, server):
        await client.send(PAYLOAD)
        assert await server.receive(258) == PAYLOAD
        await server.send(b"answer")
        assert await client.receive_some() == b"answer"
        assert client.tls is not None
        assert client.tls.version == "TLS 1.3"
        assert client.partner.startswith("192.168.0.1:")
        assert "TLS 1.3" in repr(client)


async def test_a_data_block_is_sent_and_received_as_its_image() -> None:
    from emulator.published import receive_area, send_area

    sent, received = send_area(), receive_area()
    sent["Var2"] = "Hello World!"
    async with joined() as (client, server):
        await client.send(sent)
        assert await server.receive_into(received) == 258
    assert received["Var2"] == "Hello World!"


async def test_surplus_bytes_stay_for_the_next_receive() -> None:
    async with joined() as (client, server):
        await client.send(b"abcdefgh")
        assert await server.receive(3) == b"abc"
        assert await server.receive(3) == b"def"
        assert await server.receive_some() == b"gh"


async def test_a_cancelled_receive_loses_nothing() -> None:
    async with joined() as (client, server):
        await client.send(b"abc")
        with trio.move_on_after(0.05):
            await server.receive(6)
        await client.send(b"def")
        assert await server.receive(6) == b"abcdef"


async def test_the_partner_s_end_is_told_again_at_each_call() -> None:
    async with joined() as (client, server):
        await client.send(b"last")
        await client.aclose()
        with pytest.raises(ouc.ConnectionLost):
            await server.receive(100)
        assert await server.receive_some() == b"last"
        for _ in range(2):
            with pytest.raises(ouc.ConnectionLost) as caught:
                await server.receive(1)
            assert caught.value.status == 0x80C5


async def test_iteration_ends_with_the_partner_s_end() -> None:
    async with joined() as (client, server):
        await client.send(b"one")
        await client.aclose()
        assert b"".join([piece async for piece in server]) == b"one"


async def test_two_tasks_may_not_receive_at_once() -> None:
    async with joined() as (_, server), trio.open_nursery() as nursery:
        nursery.start_soon(server.receive_some)
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(ouc.LocalProtocolError):
            await server.receive_some()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("size", [0, -1, 2**30])
async def test_a_size_that_no_job_has_is_refused(size: int) -> None:
    async with joined() as (client, _):
        with pytest.raises(ouc.ParameterError):
            await client.receive(size)


async def test_nobody_listening_is_80C5_with_a_remedy() -> None:
    async with station("PLC-2") as two:
        with pytest.raises(ouc.ConnectionLost) as caught:
            async with two.connect(client_description(free_port())):
                pytest.fail("connected to nobody")
        assert caught.value.status == 0x80C5
        assert "RUN" in str(caught.value)
        # The ID is free again.
        assert two.port.links == ()


async def test_an_ID_that_the_device_does_not_hold_is_refused_before_a_packet_leaves() -> None:
    async with station("PLC-2") as two:
        with pytest.raises(ouc.OUCError) as caught:
            async with two.connect(client_description(free_port(), TLSServerCertRef=77)):
                pytest.fail("connected")
        assert caught.value.status == 0x80ED


async def test_leaving_a_station_closes_what_was_connected_through_it_and_it_can_be_entered_again() -> None:
    described = client_description(0)
    two = station("PLC-2")
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    plain = attrs.evolve(
        described,
        ActivateSecureConn=False,
        ConnPara=attrs.evolve(described.ConnPara, RemotePort=listener.socket.getsockname()[1]),
    )
    for _ in range(2):
        async with two:
            manager = two.connect(plain)
            connection = await manager.__aenter__()
            partner = await listener.accept()
        with pytest.raises(ouc.OUCError):
            await connection.receive(1)
        with pytest.raises(trio.BrokenResourceError):
            await partner.receive_some()
        await manager.__aexit__(None, None, None)
        await partner.aclose()
        assert two.port.links == ()
    await listener.aclose()


@pytest.mark.parametrize("size", [0, -1, "3", 2.5])
async def test_a_limit_that_is_none_is_refused(size: Any) -> None:
    async with joined() as (client, _):
        for receive in (client.receive, client.receive_some):
            with pytest.raises(ouc.ParameterError):
                await receive(size)


async def test_the_body_s_own_exception_leaves_unwrapped() -> None:
    with pytest.raises(KeyError):
        async with station("PLC-2"):
            raise KeyError


async def test_a_stranger_s_address_is_80C9_and_the_passive_end_goes_on_waiting() -> None:
    described = server_description(free_port())
    elsewhere = attrs.evolve(described, ConnPara=attrs.evolve(described.ConnPara, RemoteAddress="192.168.0.99"))
    told: list[Any] = []
    one = ouc.Station(plant().device("PLC-1"), addresses=ouc.loopback(), on_event=told.append)
    async with one, trio.open_nursery() as nursery:

        async def serve() -> None:
            async with one.connect(elsewhere):
                pytest.fail("accepted a stranger")

        nursery.start_soon(serve)
        with trio.fail_after(20):
            async with station("PLC-2") as two:
                while not told:
                    with pytest.raises(ouc.OUCError):
                        async with two.connect(client_description(described.ConnPara.LocalPort)):
                            pytest.fail("connected")
        nursery.cancel_scope.cancel()
    assert told[0].failure.status == 0x80C9


@pytest.mark.parametrize("carried", [False, True], ids=["project file", "carried device file"])
async def test_connect_by_reference_with_a_project_or_a_device_file(tmp_path: Path, carried: bool) -> None:
    port = free_port()
    made = Project.create("Plant", path=tmp_path / "plant.ouc", password="secret-1", now=datetime.now(UTC))
    made.add_device("PLC-1", addresses=["127.0.0.1"])
    made.add_device("PC-1", addresses=["127.0.0.1"])
    server = made.new(usage="tls", issuer=3, device="PLC-1").id
    client = made.new(usage="tls", issuer=3, device="PC-1").id
    way: dict[str, Any] = {"project": tmp_path / "plant.ouc", "device": "PC-1", "password": "secret-1"}
    if carried:
        made.download("PC-1", tmp_path / "pc-1.ouc", password="secret-2")
        way = {"project": tmp_path / "pc-1.ouc", "password": "secret-2"}
    described = attrs.evolve(
        server_description(port), TLSServerCertRef=server, TLSClientCertRef=3, TLSServerReqClientCert=True
    )
    described = attrs.evolve(described, ConnPara=attrs.evolve(described.ConnPara, RemoteAddress="0.0.0.0"))
    async with ouc.Station(made.device("PLC-1")) as one:
        link = one.port.establish(described)
        with trio.fail_after(20):
            async with ouc.connect("127.0.0.1", port, trust=3, own=client, **way) as connection:
                await connection.send(b"x")
                while not link.established:
                    await trio.lowlevel.checkpoint()
    made.close()


async def test_connect_without_trust_is_refused_and_names_the_remedy() -> None:
    with pytest.raises(ouc.ParameterError, match="no certificate to verify"):
        async with ouc.connect("127.0.0.1", free_port()):
            pytest.fail("connected")


async def test_plain_and_certificates_exclude_each_other() -> None:
    with pytest.raises(ouc.ParameterError, match="exclude"):
        async with ouc.connect("127.0.0.1", 2000, plain=True, ca=b"x"):
            pytest.fail("connected")
