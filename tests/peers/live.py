"""Hostile scripts over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from ..plant import PAYLOAD, PLC_1, client_description, free_port, plc_1, plc_2, server_description

__all__ = ["assail", "serving", "then_serve"]


def serving(port: int, *, mutual: bool) -> Any:
    """PLC-1's description for any partner: not every program can choose the address that it dials from."""
    members: dict[str, Any] = {} if mutual else {"TLSServerReqClientCert": False, "TLSClientCertRef": 0}
    there = server_description(port, **members)
    return attrs.evolve(there, ConnPara=attrs.evolve(there.ConnPara, RemoteAddress="0.0.0.0"))


async def assail(port: int, scripts: list[list[bytes]]) -> int:
    """Carry out scripts one after another against PLC-1, each until the server has ended it; gives how many it ended."""
    ended = 0
    for pieces in scripts:
        stream = await trio.open_tcp_stream(PLC_1, port)
        async with stream:
            # The server may end it at any point.
            with contextlib.suppress(trio.BrokenResourceError):
                for piece in pieces:
                    await stream.send_all(piece)
                await stream.send_eof()
                while await stream.receive_some(65_536):
                    pass
        ended += 1
    return ended


async def then_serve(attack: Callable[[int], Awaitable[int]]) -> int:
    """Let PLC-1, which demands a certificate, be attacked, and then PLC-2 deliver its 258 bytes; gives what `attack` gave.

    Raises:
        AssertionError: PLC-1 took data from the attacker, or other bytes than those of PLC-2.
    """
    port = free_port()
    (server, receiver), (client, sender) = plc_1(serving(port, mutual=True)), plc_2(client_description(port))
    client.cpu["Send_Data"]["Var1"], client.cpu["Send_Data"]["Var2"] = True, "Hello World!"
    async with server, client:
        server.run()
        await server.wait_listening()
        result = await attack(port)
        assert receiver.received == 0
        sender.REQ = True
        client.run()
        await server.wait_scan(lambda: receiver.received == 1)
    assert bytes(server.cpu["Received_Data"]) == PAYLOAD
    return result
