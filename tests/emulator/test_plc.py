"""The emulated CPU: modes, scans, diagnostics."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio

from emulator.cpu import CPU, Mode, OrganizationBlock
from emulator.plc import PLC
from ouc.errors import ParameterError
from ouc.s7 import DataBlock

from ..connection.shell import ACTIVE, Bench
from ..plant import client_description, free_port, plc_1, plc_2, server_description

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def counting(cpu: CPU) -> OrganizationBlock:
    def ob1() -> None:
        cpu["Counter"]["Value"] = cpu["Counter"]["Value"] + 1

    return ob1


def cpu(program: object = counting) -> CPU:
    return CPU("PLC-1", program, port=Bench().port, data_blocks={"Counter": DataBlock({"Value": "Int"})})  # type: ignore[arg-type]


def test_OB1_runs_in_RUN_only() -> None:
    plc = cpu()
    plc.scan(NOW)
    plc.start(NOW)
    plc.start(NOW)
    plc.scan(NOW)
    plc.scan(NOW)
    plc.stop(NOW)
    plc.scan(NOW)
    assert (plc["Counter"]["Value"], plc.scans, plc.mode) == (2, 2, Mode.STOP)
    assert [entry.text for entry in plc.diagnostics] == ["operating mode STOP -> RUN", "operating mode RUN -> STOP"]


def test_a_program_that_fails_stops_the_CPU_and_says_why() -> None:
    def faulty(_: CPU) -> OrganizationBlock:
        def ob1() -> None:
            raise ZeroDivisionError("division by zero")

        return ob1

    plc = cpu(faulty)
    plc.start(NOW)
    plc.scan(NOW)
    assert plc.mode is Mode.STOP
    assert "ZeroDivisionError: division by zero" in str(list(plc.diagnostics)[-1])


def test_STOP_removes_every_connection() -> None:
    plc = cpu()
    plc.start(NOW)
    plc.port.establish(ACTIVE)
    plc.stop(NOW)
    assert all(link.state.name == "CLOSING" for link in plc.port.links)


def test_a_data_block_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(ParameterError, match="no data block 'Nothing'"):
        cpu()["Nothing"]


async def test_STOP_of_one_CPU_is_seen_by_the_other_and_RUN_heals_it() -> None:
    port = free_port()
    (server, receiver), (client, sender) = plc_1(server_description(port)), plc_2(client_description(port))
    async with server, client:
        with trio.fail_after(60):
            server.run()
            client.run()
            await client.wait_scan(lambda: sender.history[-1:] == ["16#7004"])
            server.stop()
            await client.wait_scan(lambda: "16#80C5" in sender.history)
            server.run()
            await client.wait_scan(lambda: sender.history[-1:] == ["16#7004"])
            sender.REQ = True
            await server.wait_scan(lambda: receiver.received == 1)


async def test_the_published_example_is_byte_exact_between_two_PLCs() -> None:
    from ..plant import PAYLOAD

    port = free_port()
    crossed: list[tuple[str, bytes]] = []
    (server, receiver) = plc_1(server_description(port))
    (client, sender) = plc_2(client_description(port), tap=lambda _, direction, data: crossed.append((direction, data)))
    async with server, client:
        with trio.fail_after(30):
            server.run()
            await server.wait_scan(lambda: "16#7002" in receiver.history)
            client.run()
            await client.wait_scan(lambda: sender.history[-1:] == ["16#7004"])
            tickets = [data for direction, data in crossed if direction == "received"][-1]
            before = len(crossed)
            client.cpu["Send_Data"]["Var1"] = True
            client.cpu["Send_Data"]["Var2"] = "Hello World!"
            sender.REQ = True
            await server.wait_scan(lambda: receiver.received == 1)
    assert bytes(server.cpu["Received_Data"]) == PAYLOAD
    assert len(tickets) == 158
    assert [len(data) for direction, data in crossed[before:] if direction == "sent"] == [280]


async def test_a_scan_time_can_be_set_and_a_PLC_can_be_made_before_trio_runs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plc = PLC("PLC-1", counting, data_blocks={"Counter": DataBlock({"Value": "Int"})}, scan_time=0.5)
    async with plc:
        plc.run()
        await trio.sleep(10.25)
        # The first scan is at once, the others every half second.
        assert plc.cpu["Counter"]["Value"] == 21
