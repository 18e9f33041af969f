"""Datagrams between two stations, block by block: TCONSettings, TCON, TUSEND, TURCV, TDISCON in a scan loop."""

from collections.abc import Callable
from functools import partial
from typing import Any

import trio

import ouc
from ouc.params import TADDR_Param, TCON_IPMulticastTTL

PLC_1, PLC_2 = "192.168.0.1", "192.168.0.2"


async def job(call: Callable[..., Any]) -> Any:
    """One job of an edge-controlled block: REQ = 0 once, then REQ = 1 until DONE or ERROR."""
    call(REQ=False)
    while True:
        out = call(REQ=True)
        if out.DONE:
            return out
        if out.ERROR:
            raise SystemExit(f"{out.STATUS}: {ouc.status.explain(out.STATUS).meaning}")
        await trio.sleep(0.010)


def port_of(partner: str, number: int) -> ouc.TCON_IP_v4:
    return ouc.TCON_IP_v4(
        ID=number, ConnectionType=19, ActiveEstablished=False, RemoteAddress=partner, RemotePort=0, LocalPort=2000
    )


async def main() -> None:
    async with (
        ouc.Station(address=PLC_1, addresses=ouc.loopback()) as one,
        ouc.Station(address=PLC_2, addresses=ouc.loopback()) as two,
    ):
        # PLC-1 receives at connection 1.
        await job(partial(ouc.TCON(one), ID=1, CONNECT=port_of(PLC_2, 1)))

        # PLC-2 lets TCONSettings give out an ID and prepares it before TCON.
        settings = ouc.TCONSettings(two)
        number = (await job(partial(settings, MODE=0))).ID
        await job(partial(settings, MODE=2, ID=number, OPTION=TCON_IPMulticastTTL(IPMulticastTTLValue=4)))
        await job(partial(ouc.TCON(two), ID=number, CONNECT=port_of(PLC_1, number)))

        partner = TADDR_Param(rem_ip_addr=PLC_1, rem_port_nr=2000)
        data = b"Hello World!"
        await job(partial(ouc.TUSEND(two), ID=number, LEN=len(data), DATA=data, ADDR=partner))

        turcv, area = ouc.TURCV(one), bytearray(258)
        while not (out := turcv(EN_R=True, ID=1, DATA=area)).NDR:  # noqa: ASYNC110 - a scan loop
            await trio.sleep(0.010)
        print(area[: out.RCVD_LEN].decode(), "from", out.ADDR.address, "port", out.ADDR.rem_port_nr)

        # The reserved ID is free again.
        await job(partial(ouc.TDISCON(two), ID=number))


trio.run(main)
