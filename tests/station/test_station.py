"""The station over real sockets: what happens when partners come, go and misbehave."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from ouc import TRCV_C, TSEND_C, Station, loopback, profiles
from ouc.connection import LinkEvent, LinkState
from ouc.errors import ParameterError
from ouc.station.streams import StreamLife

from ..plant import PAYLOAD, PLC_1, client_description, free_port, plant, server_description

# Retries soon: these tests are about what is tried again, not about how long it takes. Longer than a scan, though, so
# that a program sees each reason before the next one replaces it.
# The receive buffer of a CPU.
QUICK = attrs.evolve(profiles.DEFAULT, retry_first=0.02, retry_max=0.05, handshake_timeout=5.0, receive_buffer=8192)
SCAN = 0.002


def station(name: str, **options: Any) -> Station:
    options.setdefault("profile", QUICK)
    return Station(plant().device(name), addresses=loopback(), **options)


def descriptors() -> int:
    """Open descriptors of this process, 0 where the system does not tell."""
    table = Path("/proc/self/fd")
    return len(list(table.iterdir())) if table.exists() else 0


class Scans:
    """Both blocks of the example, scanned until something is true."""

    def __init__(self, one: Station, two: Station, port: int) -> None:
        self.trcv_c, self.tsend_c = TRCV_C(one), TSEND_C(two)
        self.server, self.client = server_description(port), client_description(port)
        self.data = bytearray(258)
        self.pins: dict[str, Any] = {"EN_R": True, "CONT_1": True, "CONT_2": True, "REQ": False}
        self.received = self.sent = 0
        self.seen_1: list[int] = []
        self.seen_2: list[int] = []

    def scan(self) -> None:
        pins = self.pins
        one = self.trcv_c(EN_R=pins["EN_R"], CONT=pins["CONT_1"], CONNECT=self.server, DATA=self.data)
        two = self.tsend_c(REQ=pins["REQ"], CONT=pins["CONT_2"], CONNECT=self.client, DATA=PAYLOAD)
        self.received += one.DONE
        self.sent += two.DONE
        self.seen_1.append(one.STATUS)
        self.seen_2.append(two.STATUS)

    async def until(self, condition: Any) -> None:
        with trio.fail_after(30):
            while not condition():
                self.scan()
                await trio.sleep(SCAN)

    async def connected(self) -> None:
        await self.until(lambda: 0x7006 in self.seen_1 and 0x7004 in self.seen_2)


async def test_a_connection_that_breaks_comes_back_by_itself_and_is_told_on_both_sides() -> None:
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, free_port())
        await scans.connected()
        life = next(iter(two._lives.values()))
        assert isinstance(life, StreamLife)
        assert life.wire is not None
        life.wire.tcp._socket.shutdown(socket.SHUT_RDWR)
        await scans.until(lambda: 0x80C5 in scans.seen_1 and 0x80C5 in scans.seen_2)
        await scans.until(lambda: scans.seen_1[-1] == 0x7006 and scans.seen_2[-1] == 0x7004)
        scans.pins["REQ"] = True
        await scans.until(lambda: scans.received == 1)
    assert bytes(scans.data) == PAYLOAD


async def test_a_second_partner_on_an_occupied_end_is_reset_and_the_first_is_not_disturbed() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, port)
        await scans.connected()
        with pytest.raises((trio.BrokenResourceError, OSError)):
            # The reset may arrive with the connect or with the first read.
            async with await trio.open_tcp_stream(PLC_1, port) as second:
                await second.receive_some()
                raise AssertionError("a second partner was accepted")
        scans.pins["REQ"] = True
        await scans.until(lambda: scans.received == 1)
        assert 0x80C5 not in scans.seen_1


async def test_closing_frees_the_ID_and_the_port_and_both_can_be_used_again() -> None:
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, free_port())
        for _ in range(3):
            scans.pins.update(CONT_1=True, CONT_2=True)
            scans.seen_1.clear()
            scans.seen_2.clear()
            await scans.connected()
            scans.pins.update(CONT_1=False, CONT_2=False)
            await scans.until(lambda: scans.seen_1[-1] == 0x7000 and scans.seen_2[-1] == 0x7000)
            assert one.port.links == two.port.links == ()


async def test_while_EN_R_is_0_nothing_is_lost_and_at_most_the_buffer_is_kept() -> None:
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, free_port())
        await scans.connected()
        scans.pins["EN_R"] = False
        await scans.until(lambda: scans.seen_1[-1] == 0x7004)
        for count in range(1, 41):
            scans.pins["REQ"] = True
            await scans.until(lambda count=count: scans.sent == count)
            scans.pins["REQ"] = False
            scans.scan()
        (link,) = one.port.links
        await scans.until(lambda: len(link.inbox) == one.profile.receive_buffer)
        scans.pins["EN_R"] = True
        await scans.until(lambda: scans.received == 40)
    assert bytes(scans.data) == PAYLOAD


async def test_silent_strangers_do_not_keep_the_right_partner_out() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, port)
        scans.pins["CONT_2"] = False
        await scans.until(lambda: any(link.state is LinkState.LISTENING for link in one.port.links))
        strangers = [socket.socket() for _ in range(5)]
        try:
            for stranger in strangers:
                # From the partner's own address, or the passive end would not even begin a handshake.
                stranger.bind(("127.0.0.2", 0))
                stranger.setblocking(False)
                stranger.connect_ex((PLC_1, port))
            scans.pins["CONT_2"] = True
            await scans.connected()
        finally:
            for stranger in strangers:
                stranger.close()


async def test_a_port_that_is_taken_is_told_and_tried_again_until_it_is_free() -> None:
    port = free_port()
    blocker = socket.create_server((PLC_1, port))
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, port)
        scans.pins["CONT_2"] = False
        await scans.until(lambda: 0x80A1 in scans.seen_1)
        blocker.close()
        scans.pins["CONT_2"] = True
        await scans.connected()


async def test_a_renewed_certificate_is_used_by_the_next_handshake() -> None:
    from datetime import UTC, datetime

    from emulator.published import make_project

    project = make_project(datetime.now(UTC))
    facts: list[Any] = []
    one = Station(project.device("PLC-1"), addresses=loopback(), profile=QUICK)
    two = Station(project.device("PLC-2"), addresses=loopback(), profile=QUICK, on_event=facts.append)
    async with one, two:
        scans = Scans(one, two, free_port())
        await scans.connected()
        old = facts[-1].facts.partner
        project.renew(9)
        scans.pins["CONT_2"] = False
        await scans.until(lambda: scans.seen_2[-1] == 0x7000)
        scans.pins["CONT_2"] = True
        scans.seen_2.clear()
        await scans.until(lambda: 0x7004 in scans.seen_2)
    new = [happening for happening in facts if happening.event is LinkEvent.UP][-1].facts.partner
    assert new != old
    assert new == project.device("PLC-1").download().own(9, side="server").certificate  # type: ignore[union-attr]


async def test_a_clock_at_2012_fails_as_on_a_CPU_that_was_never_set() -> None:
    from datetime import UTC, datetime

    async with station("PLC-1") as one, station("PLC-2", clock=lambda: datetime(2012, 1, 1, tzinfo=UTC)) as two:
        scans = Scans(one, two, free_port())
        await scans.until(lambda: 0x80E2 in scans.seen_2)


async def test_100_connections_leave_no_descriptor_and_no_task_behind() -> None:
    port = free_port()
    # Plain TCP: what is counted here are sockets and tasks.
    server = attrs.evolve(server_description(port), ActivateSecureConn=False)
    client = attrs.evolve(client_description(port), ActivateSecureConn=False)

    def used() -> tuple[int, int]:
        return descriptors(), trio.lowlevel.current_statistics().tasks_living

    async with station("PLC-1") as one, station("PLC-2") as two:
        link = one.port.establish(server)

        async def settled() -> None:
            with trio.fail_after(10):
                while link.epoch < rounds or link.established:
                    await trio.lowlevel.checkpoint()

        rounds = 0
        baseline = (0, 0)
        for rounds in range(1, 101):
            async with two.connect(client) as connection:
                await connection.send(b"x")
            await settled()
            if rounds == 10:
                await trio.testing.wait_all_tasks_blocked(0.05)
                baseline = used()
        with trio.fail_after(10):
            while used() != baseline:
                await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_station_that_is_not_entered_says_so() -> None:
    with pytest.raises(ParameterError, match="not running"):
        station("PLC-1").port.establish(server_description(free_port()))
