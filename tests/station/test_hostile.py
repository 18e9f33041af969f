"""Partners and programs that misbehave: nothing that one of them does ends the station or harms another connection."""

from __future__ import annotations

import socket
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
import trio.testing

from emulator.published import make_project
from ouc import TRCV_C, TSEND_C, Station, loopback
from ouc.connection import LinkState
from ouc.params import TCON_IP_v4
from ouc.transport import Background, dial, opening

from ..plant import PLC_1, client_description, free_port, server_description
from .test_station import QUICK, Scans, station


def stranger(port: int) -> socket.socket:
    """A plain socket that has connected from the partner's own address; the passive end takes it for the partner."""
    sock = socket.socket()
    sock.bind(("127.0.0.2", 0))
    sock.connect((PLC_1, port))
    return sock


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def listening(scans: Scans, one: Any) -> None:
    scans.pins["CONT_2"] = False
    await scans.until(lambda: any(link.state is LinkState.LISTENING for link in one.port.links))


async def test_partners_that_reset_at_once_do_not_keep_the_right_one_out() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, port)
        await listening(scans, one)
        for _ in range(50):
            reset(stranger(port))
            await trio.testing.wait_all_tasks_blocked()
        scans.pins["CONT_2"] = True
        await scans.connected()


async def test_more_silent_partners_than_handshake_places_do_not_keep_the_right_one_out() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, port)
        await listening(scans, one)
        silent = []
        try:
            for _ in range(20):
                silent.append(stranger(port))
                await trio.testing.wait_all_tasks_blocked()
            scans.pins["CONT_2"] = True
            await scans.connected()
        finally:
            for sock in silent:
                sock.close()


async def test_garbage_instead_of_a_hello_is_told_and_the_end_goes_on_waiting() -> None:
    port = free_port()
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, port)
        await listening(scans, one)
        with stranger(port) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await scans.until(lambda: 0x80E0 in scans.seen_1)
        scans.pins["CONT_2"] = True
        await scans.connected()


async def test_a_listener_that_raises_does_not_end_connections() -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    async with station("PLC-1", on_event=fail) as one, station("PLC-2", tap=fail) as two:
        scans = Scans(one, two, free_port())
        await scans.connected()
        scans.pins["REQ"] = True
        await scans.until(lambda: scans.received == 1)


async def test_a_burst_larger_than_the_buffer_reaches_an_ad_hoc_job_complete_and_in_order() -> None:
    port = free_port()
    server = TCON_IP_v4(RemoteAddress="0.0.0.0", RemotePort=0, LocalPort=port, ActiveEstablished=False)
    sent = bytes(range(256)) * 400
    async with station("PLC-1") as one:
        trcv_c, area, got = TRCV_C(one), bytearray(65_536), bytearray()

        def scan() -> None:
            out = trcv_c(EN_R=True, CONT=True, CONNECT=server, DATA=area, ADHOC=True)
            got.extend(area[: out.RCVD_LEN])

        scan()
        stream = await trio.open_tcp_stream(PLC_1, port)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, sent)
            with trio.fail_after(20):
                while len(got) < len(sent):
                    scan()
                    await trio.sleep(0.001)
        await stream.aclose()
    assert bytes(got) == sent


async def test_DATA_that_is_not_in_one_piece_and_a_negative_LEN_are_errors_at_the_block() -> None:
    async with station("PLC-1") as one, station("PLC-2") as two:
        scans = Scans(one, two, free_port())
        await scans.connected()
        block: TSEND_C = scans.tsend_c
        pieces = memoryview(bytes(20))[::2]
        assert block(REQ=True, CONT=True, CONNECT=scans.client, DATA=pieces).STATUS == 0x8085
        block(REQ=False, CONT=True, CONNECT=scans.client, DATA=b"x")
        assert block(REQ=True, CONT=True, CONNECT=scans.client, DATA=b"x", LEN=-1).STATUS == 0x8085


async def test_a_renewal_while_a_partner_is_being_dialled_is_shown_by_that_very_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project(datetime.now(UTC))
    shown: list[Any] = []
    seen = trio.Event()

    def note(happening: Any) -> None:
        shown.append(happening)
        seen.set()

    port = free_port()
    one = Station(project.device("PLC-1"), addresses=loopback(), profile=QUICK, on_event=note)
    two = Station(project.device("PLC-2"), addresses=loopback(), profile=QUICK)

    async def renew_meanwhile(*arguments: Any, **options: Any) -> Any:
        # The references have been looked up, the partner is not dialled yet.
        project.renew(11)
        return await dial(*arguments, **options)

    monkeypatch.setattr(opening, "dial", renew_meanwhile)
    async with one, two:
        one.port.establish(server_description(port))
        with trio.fail_after(20):
            async with two.connect(client_description(port)):
                await seen.wait()
    own = project.device("PLC-2").download().own(11, side="client")
    assert own is not None
    assert shown[0].facts.partner == own.certificate


async def test_Ctrl_C_leaves_a_station_as_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt):
        async with Background():
            raise KeyboardInterrupt
