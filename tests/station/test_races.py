"""Moments between two steps: who comes, goes or asks while something else is being done."""

from __future__ import annotations

import errno
import socket
import threading
from functools import partial
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from ouc.certs import Device
from ouc.connection import Link, LinkEvent, LinkState
from ouc.errors import Failure
from ouc.status import Status
from ouc.transport import UDPPort, opening, tcp

from ..plant import client_description, free_port, server_description
from .test_hostile import stranger
from .test_messages import datagrams, no_own_addresses
from .test_messages import station as plain_station
from .test_station import station


async def until(condition: Any) -> None:
    with trio.fail_after(30):
        while not condition():
            await trio.lowlevel.checkpoint()


async def test_strangers_who_push_out_a_partner_that_has_just_passed_do_not_leave_a_dead_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, noted, go_on = free_port(), threading.Event(), threading.Event()

    def slow(*_: Any) -> bool:
        noted.set()
        return go_on.wait(20)

    async with station("PLC-1") as one, station("PLC-2") as two:
        link = one.port.establish(server_description(port))
        monkeypatch.setattr(Device, "saw", slow)
        theirs = two.port.establish(client_description(port))
        with trio.fail_after(30):
            await trio.to_thread.run_sync(noted.wait)
            pushing = [stranger(port) for _ in range(9)]
            await trio.testing.wait_all_tasks_blocked(0.05)
            go_on.set()
            # Whatever became of that one: an end that says it stands does stand.
            await until(lambda: link.established and theirs.established)
            job = one.port.send(link, b"are you there?")
            await until(lambda: job.done or job.failure)
        for sock in pushing:
            sock.close()
        assert job.done


async def test_cancelling_while_the_partner_is_noted_leaves_no_socket_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    original = tcp.dial

    async def dial(*arguments: Any, **options: Any) -> Any:
        opened.append(await original(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(opening, "dial", dial)
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two:
        one.port.establish(server_description(port))
        scope = trio.CancelScope()

        async def note(opener: Any, *_: Any) -> None:
            if opener is two.opener:
                scope.cancel()
            await trio.lowlevel.checkpoint()

        monkeypatch.setattr(opening.Opener, "_note_partner", note)
        with trio.fail_after(30), scope:
            await two.opener.open_active(two.port.establish(client_description(port), direct=True).endpoint)
        assert [stream._socket.fileno() for stream in opened] == [-1]


async def test_partners_are_admitted_in_the_order_in_which_they_came_however_long_a_note_takes() -> None:
    port, noted, admitted = free_port(), list[str](), list[str]()
    second = threading.Event()

    def note(partner: str, *_: Any) -> bool:
        noted.append(partner)
        if len(noted) == 1:
            # As long as the file of the project is busy; ends at once if the second partner overtakes.
            second.wait(0.5)
        else:
            second.set()
        return True

    async def handler(connection: Any) -> None:
        admitted.append(connection.partner)
        await trio.sleep_forever()

    async with station("PLC-1") as one, station("PLC-2") as two, trio.open_nursery() as nursery:
        one.device._saw, two.device._saw = note, None  # type: ignore[union-attr]
        await nursery.start(partial(one.serve, server_description(port), handler))
        # The first one is not waited for: the second dials right behind it.
        two.opener.policy = attrs.evolve(two.opener.policy, confirmation_grace=0.0)
        end = two.port.establish(client_description(port), direct=True).endpoint
        wires = [await two.opener.open_active(end) for _ in range(2)]
        await until(lambda: len(admitted) == 2)
        assert admitted == [f"192.168.0.2:{wire.tcp.local[1]}" for wire in wires]
        for wire in wires:
            wire.tcp.abort()
        nursery.cancel_scope.cancel()


async def test_what_is_told_late_of_an_old_connection_does_not_touch_the_new_one_with_its_ID() -> None:
    async with station("PLC-1") as one:
        old = one.port.establish(server_description(free_port()))
        one.port.terminate(old)
        await until(lambda: old.state is LinkState.ABSENT)
        new = one.port.establish(server_description(free_port()))
        one.tell(old, LinkEvent.REFUSED, failure=Failure("too late", Status(0x80C5)))
        assert one.port.find(new.connection_id) is new


async def test_a_handshake_that_ends_with_TDISCON_does_not_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2", on_event=told.append) as two:
        one.port.establish(server_description(port))
        links: list[Link] = []
        original = opening.Opener.open_active

        async def open_active(opener: Any, end: Any) -> Any:
            wire = await original(opener, end)
            if opener is two.opener:
                two.port.terminate(links[0])
            return wire

        monkeypatch.setattr(opening.Opener, "open_active", open_active)
        links.append(two.port.establish(client_description(port)))
        await until(lambda: links[0].state is LinkState.ABSENT)
        assert links[0].epoch == 0
        assert [happening.event for happening in told] == []


# -- UDP ---------------------------------------------------------------------------------------------------------------


async def test_a_flood_of_empty_datagrams_leaves_other_tasks_their_turn() -> None:
    udp = UDPPort(IPv4Address("127.0.0.1"), 0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(100):
            sock.sendto(b"", ("127.0.0.1", udp.port))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            for _ in range(100):
                with trio.fail_after(30):
                    await udp.receive()
            nursery.cancel_scope.cancel()
    udp.close()
    assert turns >= 2


@no_own_addresses
async def test_a_UDP_port_whose_network_failed_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    original = UDPPort.receive
    failing = [OSError(errno.ENETDOWN, "down")]

    async def receive(udp: UDPPort, number: int = 0) -> Any:
        if failing:
            raise failing.pop()
        return await original(udp, number)

    monkeypatch.setattr(UDPPort, "receive", receive)
    port = free_port()
    async with plain_station(1) as one:
        link = one.port.establish(datagrams(port))
        await until(lambda: link.epoch >= 2 and link.established)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", port))
        await until(lambda: len(link.inbox) == 1)
        # Nor does a job without an address do any harm.
        job = one.port.send(link, b"to whom?")
        assert job.failure is not None
