"""What is sent leaves in the order of the calls."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from typing import Any

import pytest
import trio
import trio.testing

from ouc import TSEND
from ouc.blocks import TSEND_C, TUSEND
from ouc.connection import LinkState
from ouc.params import TADDR_Param

from ..plant import free_port
from .partner import dial, passive
from .test_messages import datagrams, iso_pair, no_own_addresses, station, take, until

pytestmark = no_own_addresses


async def test_two_jobs_of_one_scan_leave_in_the_order_of_the_calls() -> None:
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        first, second, compact = TSEND(one), TSEND(one), TSEND_C(one)
        connect = passive(port)
        await until(lambda: compact(REQ=False, CONT=True, CONNECT=connect, DATA=b"-").STATUS == 0x7004)
        for _ in range(40):
            blocks: list[Callable[..., Any]] = [
                partial(first, ID=1, DATA=b"1"),
                partial(second, ID=1, DATA=b"2"),
                partial(compact, CONT=True, CONNECT=connect, DATA=b"3"),
            ]
            for block in blocks:
                block(REQ=True)
            got = b""
            with trio.fail_after(30):
                while len(got) < 3:
                    got += await partner.receive_some()
            assert got == b"123"
            for block in blocks:
                await until(partial(_has_rested, block))
        await partner.aclose()


async def test_ISO_messages_of_one_scan_leave_in_the_order_of_the_calls() -> None:
    async with iso_pair() as (one, two, passive_link, active_link):
        for number in range(30):
            two.port.send(active_link, b"%d" % number)
        got: list[int] = []
        while len(got) < 30:
            await until(lambda: len(passive_link.inbox))
            got.append(int(take(one, passive_link)))
        assert got == list(range(30))


async def test_datagrams_of_one_scan_leave_in_the_order_of_the_calls() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.2", 0))
        sock.settimeout(30)
        addr = TADDR_Param(rem_ip_addr=(192, 168, 0, 2), rem_port_nr=sock.getsockname()[1])
        async with station(1) as one:
            link = one.port.establish(datagrams(port))
            await until(lambda: link.established)
            senders = [TUSEND(one) for _ in range(60)]
            for number, block in enumerate(senders):
                block(REQ=True, ID=1, LEN=2, DATA=b"%02d" % number, ADDR=addr)
            got = [int(await trio.to_thread.run_sync(sock.recv, 100)) for _ in range(60)]
    assert got == list(range(60))


async def test_a_name_that_is_slow_to_resolve_holds_up_only_datagrams_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = trio.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.2", 0))
        sock.settimeout(30)
        number = sock.getsockname()[1]
        async with station(1) as one:
            link = one.port.establish(datagrams(free_port()))
            await until(lambda: link.established)
            original = one.opener.place_of

            async def place_of(to: Any) -> Any:
                if to[0] == "slow":
                    await answered.wait()
                return await original((IPv4Address("192.168.0.2"), to[1]))

            monkeypatch.setattr(type(one.opener), "place_of", staticmethod(place_of))
            for text, host in ((b"1", "slow"), (b"2", "slow"), (b"3", IPv4Address("192.168.0.2"))):
                one.port.send(link, text, to=(host, number))
            got = [await trio.to_thread.run_sync(sock.recv, 100)]
            answered.set()
            got += [await trio.to_thread.run_sync(sock.recv, 100) for _ in range(2)]
    assert got == [b"3", b"1", b"2"]


async def test_jobs_that_wait_behind_another_end_with_the_connection() -> None:
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        jobs = [one.port.send(link, bytes(8_000_000)) for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        one.port.terminate(link)
        await until(lambda: link.state is LinkState.ABSENT)
        assert [job.failure is not None and job.failure.status for job in jobs] == [0x80A7] * 3
        await partner.aclose()


async def test_datagrams_that_wait_for_a_name_end_with_the_connection_and_whoever_waits_for_them_hears_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with station(1) as one:
        link = one.port.establish(datagrams(free_port()))
        await until(lambda: link.established)
        monkeypatch.setattr(type(one.opener), "place_of", staticmethod(_never))
        jobs = [one.port.send(link, b"x", to=("slow", 2000)) for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        seen: list[tuple[LinkState, bool]] = []
        link.watchers.append(lambda: seen.append((link.state, all(job.failure for job in jobs))))
        one.port.terminate(link)
        await until(lambda: link.state is LinkState.ABSENT)
    assert [job.failure is not None and job.failure.status for job in jobs] == [0x80A7] * 3
    assert (LinkState.CLOSING, True) in seen


async def _never(_: Any) -> Any:
    await trio.sleep_forever()


def _has_rested(block: Callable[..., Any]) -> bool:
    return not block(REQ=False).BUSY
