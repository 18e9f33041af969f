"""What must never end a station: partners that leave in odd moments, and programs that ask for the impossible."""

from __future__ import annotations

import trio

from ouc.connection import Link, LinkState

from ..plant import free_port
from .test_messages import CALLED, CALLING, active_iso, no_own_addresses, passive_iso, station

pytestmark = no_own_addresses


def tpkt(tpdu: bytes) -> bytes:
    return b"\x03\0" + (4 + len(tpdu)).to_bytes(2) + tpdu


# A connect request of class 0, as PLC-2 sends it; a message; a disconnect request.
_VARIABLE = b"\xc0\x01\x0a" + b"".join(
    bytes((code, len(name))) + name for code, name in ((0xC1, CALLING), (0xC2, CALLED))
)
CALL = tpkt(bytes((6 + len(_VARIABLE),)) + b"\xe0\0\0\0\x01\0" + _VARIABLE)
GOODBYE = tpkt(b"\x06\x80\0\x01\0\x01\x80")


def message(data: bytes) -> bytes:
    return tpkt(b"\x02\xf0\x80" + data)


async def called(link: Link, port: int) -> trio.SocketStream:
    """A partner of our own making, established with a passive ISO-on-TCP end."""
    stream = await trio.open_tcp_stream("127.0.0.1", port, local_address="127.0.0.2")
    await stream.send_all(CALL)
    await stream.receive_some(1000)
    while not link.established:
        await trio.lowlevel.checkpoint()
    return stream


async def test_a_job_after_a_disconnect_request_that_waits_behind_unread_messages_fails_and_nothing_else() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with station(1, iso_port=port) as one:
            link = one.port.establish(passive_iso())
            stream = await called(link, port)
            # More than the inbox keeps: the station has read the goodbye, and has not come to it yet.
            await stream.send_all(message(bytes(6000)) * 3 + GOODBYE)
            while link.inbox.room > 0:
                await trio.lowlevel.checkpoint()
            job = one.port.send(link, b"too late")
            while not (job.done or job.failure):
                await trio.lowlevel.checkpoint()
            assert job.failure is not None
            assert job.failure.status == 0x80C5
            await stream.aclose()


async def test_a_message_longer_than_ISO_carries_fails_with_8085_and_the_connection_stands() -> None:
    port = free_port()
    with trio.fail_after(30):
        async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
            passive, active = one.port.establish(passive_iso()), two.port.establish(active_iso())
            while not (passive.established and active.established):
                await trio.lowlevel.checkpoint()
            job = two.port.send(active, bytes(65_537))
            while not (job.done or job.failure):
                await trio.lowlevel.checkpoint()
            assert job.failure is not None
            assert job.failure.status == 0x8085
            assert active.state is LinkState.ESTABLISHED
