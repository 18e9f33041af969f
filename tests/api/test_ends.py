"""How a connection can end, as a Python program sees it: a farewell, a bare end of transport and a reset are three things."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

import ouc
from ouc.api import Connection

from .test_station import joined


async def _farewell(connection: Connection) -> None:
    await connection.aclose()


async def _bare_end(connection: Connection) -> None:
    # An attacker on the path can do this: FIN without close_notify.
    await connection._wire.tcp.send_eof()


async def _reset(connection: Connection) -> None:
    connection._wire.tcp.abort()


ENDS: dict[str, tuple[Callable[[Connection], Awaitable[None]], str, bool]] = {
    "close_notify": (_farewell, "the partner has closed the connection", True),
    "FIN alone": (_bare_end, "without a TLS close_notify", False),
    "RST": (_reset, "reset", False),
}
BOTH = pytest.mark.parametrize("who", ["client", "server"])
EACH = pytest.mark.parametrize("end", ENDS)


@BOTH
@EACH
async def test_each_end_has_its_own_words_and_only_the_farewell_is_an_end(who: str, end: str) -> None:
    act, words, complete = ENDS[end]
    with trio.fail_after(30):
        async with joined() as (client, server):
            ours, theirs = (client, server) if who == "client" else (server, client)
            await act(theirs)
            with pytest.raises(ouc.ConnectionLost, match=words) as caught:
                await ours.receive(1)
            assert caught.value.status == 0x80C5
            assert ours.ended is complete


@BOTH
@EACH
async def test_iteration_ends_quietly_with_a_farewell_only(who: str, end: str) -> None:
    act, words, complete = ENDS[end]
    got: list[bytes] = []
    with trio.fail_after(30):
        async with joined() as (client, server):
            ours, theirs = (client, server) if who == "client" else (server, client)
            await theirs.send(b"the first half")
            got.append(await ours.receive(14))
            await act(theirs)
            if complete:
                assert [piece async for piece in ours] == []
            else:
                with pytest.raises(ouc.ConnectionLost, match=words):
                    got += [piece async for piece in ours]
    assert got == [b"the first half"]


async def test_closing_what_was_reset_from_this_side_already_is_quiet() -> None:
    # A station that is left resets what was connected through it, and the program's own `async with` closes afterwards.
    with trio.fail_after(30):
        async with joined() as (client, _):
            client._wire.tcp.abort()
            await client.aclose()
