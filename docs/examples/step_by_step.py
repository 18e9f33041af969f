"""TCON, TSEND, TRCV, T_DIAG and TDISCON between two stations; each block is called until it has done its work."""

from collections.abc import Callable
from typing import Any

import trio

import ouc
from ouc.params import TCON_IP_v4, TDiag_Status

passive = TCON_IP_v4(ActiveEstablished=False, RemoteAddress="192.168.0.2", RemotePort=0, LocalPort=2000)
active = TCON_IP_v4(RemoteAddress="192.168.0.1", RemotePort=2000, LocalPort=0)


async def until_done(call: Callable[[], Any]) -> Any:
    """Scan a block until it shows DONE (NDR for the receiving ones)."""
    while True:
        out = call()
        if out.ERROR:
            raise SystemExit(f"STATUS {out.STATUS}")
        if getattr(out, "DONE", False) or getattr(out, "NDR", False):
            return out
        await trio.sleep(0.010)


async def main() -> None:
    one, two = (ouc.Station(address=f"192.168.0.{number}", addresses=ouc.loopback()) for number in (1, 2))
    async with one, two, trio.open_nursery() as nursery:
        tcon_1, tcon_2, tsend, trcv, t_diag = ouc.TCON(one), ouc.TCON(two), ouc.TSEND(two), ouc.TRCV(one), ouc.T_DIAG(two)
        nursery.start_soon(until_done, lambda: tcon_1(REQ=True, ID=1, CONNECT=passive))
        await until_done(lambda: tcon_2(REQ=True, ID=1, CONNECT=active))

        sent, area = b"Hello World!", bytearray(12)
        await until_done(lambda: tsend(REQ=True, ID=1, DATA=sent))
        out = await until_done(lambda: trcv(EN_R=True, ID=1, DATA=area))
        print(out.RCVD_LEN, bytes(area))

        told = await until_done(lambda: t_diag(REQ=True, ID=1, RESULT=TDiag_Status))
        print("State", told.RESULT.State, "SentBytes", told.RESULT.SentBytes)
        tdiscon = ouc.TDISCON(two)
        print((await until_done(lambda: tdiscon(REQ=True, ID=1))).STATUS)


trio.run(main)
