"""Whoever waits for an emulated PLC is told when it waits in vain."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import trio
import trio.testing

from emulator.cpu import CPU, OrganizationBlock
from emulator.plc import PLC
from ouc import TRCV_C, OUCError
from ouc.errors import LocalProtocolError

from ..plant import free_port, plant, server_description

Program = Callable[[CPU], OrganizationBlock]


def plc(program: Program) -> PLC:
    return PLC("PLC-1", program, device=plant().device("PLC-1"))


def failing(_: CPU) -> OrganizationBlock:
    def ob1() -> None:
        raise ZeroDivisionError("division by zero")

    return ob1


def idle(_: CPU) -> OrganizationBlock:
    return lambda: None


def listening_with(description: object) -> Program:
    def program(cpu: CPU) -> OrganizationBlock:
        receive = TRCV_C(cpu.port)

        def ob1() -> None:
            receive(EN_R=True, CONT=True, CONNECT=description, DATA=bytearray(8))

        return ob1

    return program


async def test_a_program_error_ends_the_wait_with_its_cause() -> None:
    async with plc(failing) as one:
        one.run()
        with trio.fail_after(30), pytest.raises(LocalProtocolError, match="ZeroDivisionError: division by zero") as caught:
            await one.wait_listening()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        with trio.fail_after(30), pytest.raises(LocalProtocolError, match="has failed"):
            await one.wait_scan()


async def test_a_refused_description_ends_the_wait_with_its_STATUS() -> None:
    good = server_description(free_port())
    wrong = attrs.evolve(good, ConnPara=attrs.evolve(good.ConnPara, ID=0))
    async with plc(listening_with(wrong)) as one:
        one.run()
        with trio.fail_after(30), pytest.raises(OUCError) as caught:
            await one.wait_listening()
        assert caught.value.status == 0x8086


async def test_a_CPU_in_STOP_is_told() -> None:
    async with plc(idle) as one:
        with trio.fail_after(30), pytest.raises(LocalProtocolError, match="in STOP"):
            await one.wait_listening()


async def test_a_program_that_opens_nothing_is_told() -> None:
    async with plc(idle) as one:
        one.run()
        with trio.fail_after(30), pytest.raises(LocalProtocolError, match="opened no connection in 5 scans"):
            await one.wait_listening(scans=5)


async def test_a_PLC_that_is_switched_off_meanwhile_is_told() -> None:
    async with trio.open_nursery() as nursery:
        one = plc(idle)

        async def wait() -> None:
            with pytest.raises(LocalProtocolError, match="switched off"):
                await one.wait_scan(lambda: False)

        async with one:
            one.run()
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(LocalProtocolError, match="switched off"):
            await one.wait_scan()
