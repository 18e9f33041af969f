"""Blocks over real sockets, where the table of one side meets the other side."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio

from ouc import Station, loopback
from ouc.blocks import TCON, TDISCON, TRCV, TRCV_C, TSEND, TSEND_C, TUSEND, TCONSettings
from ouc.params import TCON_IP_RFC, TADDR_Param, TCON_IP_v4, TCON_TCPTermination

from ..plant import free_port
from .test_jobs import word

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")
CALLED: Any = b"\xe0\x01ISOonTCP-1"
CALLING: Any = b"\xe0\x02ISOonTCP-1"


def station(number: int, **options: Any) -> Station:
    return Station(address=f"192.168.0.{number}", addresses=loopback(), **options)


async def until(call: Callable[[], Any], *words: str) -> Any:
    """Scan until the block shows one of `words`."""
    with trio.fail_after(30):
        while word(out := call()) not in words:  # noqa: ASYNC110 - a scan loop
            await trio.sleep(0.002)
    return out


async def job(call: Callable[..., Any]) -> str:
    call(REQ=False)
    out = await until(partial(call, REQ=True), "0000 DONE", "8088 ERROR", "80A4 ERROR", "80A3 ERROR")
    return word(out)


async def test_compact_blocks_exchange_ISO_messages_and_keep_one_that_does_not_fit() -> None:
    port, small, large = free_port(), bytearray(4), bytearray(32)
    passive = TCON_IP_RFC(
        active_established=False, remote_address="192.168.0.2", local_tselector=CALLED, remote_tselector=CALLING
    )
    active = TCON_IP_RFC(remote_address="192.168.0.1", local_tselector=CALLING, remote_tselector=CALLED)
    async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
        send, receive = TSEND_C(two), TRCV_C(one)
        listen = partial(receive, EN_R=True, CONT=True, CONNECT=passive)
        listen(DATA=small)
        await until(partial(send, REQ=True, CONT=True, CONNECT=active, DATA=b"a whole message"), "0000 DONE")
        out = await until(partial(listen, DATA=small), "8088 ERROR")
        assert (out.RCVD_LEN, bytes(small)) == (15, bytes(4))
        out = await until(partial(listen, DATA=large), "0000 DONE")
        assert bytes(large[: out.RCVD_LEN]) == b"a whole message"


async def test_TDISCON_with_GracefulShutdown_delivers_what_was_handed_over() -> None:
    port, area = free_port(), bytearray(200_000)
    passive = TCON_IP_v4(ActiveEstablished=False, RemoteAddress="192.168.0.2", RemotePort=0, LocalPort=port)
    async with station(1) as one, station(2) as two:
        number = await reserved(two)
        active = TCON_IP_v4(ID=number, RemoteAddress="192.168.0.1", RemotePort=port, LocalPort=0)
        listening = TCON(one)
        listening(REQ=True, ID=1, CONNECT=passive)
        assert await job(partial(TCON(two), ID=number, CONNECT=active)) == "0000 DONE"
        await until(partial(listening, REQ=True, ID=1, CONNECT=passive), "0000 DONE")
        send = partial(TSEND(two), ID=number, DATA=bytes(range(250)) * 80)
        for _ in range(3):
            assert await job(send) == "0000 DONE"
        assert await job(partial(TDISCON(two), ID=number)) == "0000 DONE"
        trcv = partial(TRCV(one), EN_R=True, ID=1, DATA=area, LEN=60_000)
        assert (await until(trcv, "0000 NDR")).RCVD_LEN == 60_000
        assert bytes(area[:60_000]) == bytes(range(250)) * 240
        assert await job(partial(TDISCON(two), ID=number)) == "80A3 ERROR"


async def reserved(here: Station) -> int:
    settings = TCONSettings(here)
    settings(REQ=True, MODE=0)
    number: int = settings(REQ=True, MODE=0).ID
    fin = TCON_TCPTermination(GracefulShutdown=True)
    assert await job(partial(settings, MODE=2, ID=number, OPTION=fin)) == "0000 DONE"
    return number


async def test_a_datagram_to_the_own_address_is_80A4() -> None:
    async with station(1) as one:
        end = TCON_IP_v4(
            ConnectionType=19, ActiveEstablished=False, RemoteAddress="192.168.0.2", RemotePort=0, LocalPort=free_port()
        )
        assert await job(partial(TCON(one), ID=1, CONNECT=end)) == "0000 DONE"
        myself = TADDR_Param(rem_ip_addr=(192, 168, 0, 1), rem_port_nr=2000)
        assert await job(partial(TUSEND(one), ID=1, LEN=1, DATA=b"x", ADDR=myself)) == "80A4 ERROR"
