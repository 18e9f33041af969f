"""How a station leaves a partner in good order: what was handed over is delivered, and a goodbye is answered."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

import ouc
from ouc import TRCV_C
from ouc.api import Held
from ouc.certs import Device
from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4
from ouc.transport.closing import STALL

from ..plant import Files, free_port, pem_files
from .partner import dial, passive
from .test_messages import no_own_addresses, station, until

pytestmark = no_own_addresses

# More than the buffers of both ends hold together.
MUCH = bytes(range(250)) * 40_000
LONG = 30


async def drained(partner: trio.SocketStream, *, first: float = 0.0) -> bytes:
    """All that the partner gets until the end of the connection; it begins late."""
    got = bytearray()
    await trio.sleep(first)
    async for piece in partner:
        got += piece
    return bytes(got)


async def _send_for_a_moment(held: Held, data: bytes) -> None:
    """A send that is given up halfway goes out to its end all the same."""
    with trio.move_on_after(0.05) as moment:
        await held.send(data)
    assert moment.cancelled_caught


async def test_leaving_hold_delivers_a_message_that_was_handed_over_to_a_partner_that_reads_later() -> None:
    port, got = free_port(), bytearray()
    async with station(1) as one, trio.open_nursery() as nursery:
        with trio.fail_after(LONG):
            async with one.hold(passive(port)) as held:
                partner = await dial(port)
                await held.wait_up()
                await _send_for_a_moment(held, MUCH)

                async def read() -> None:
                    got.extend(await drained(partner, first=0.3))

                nursery.start_soon(read)
    assert (len(got), bytes(got) == MUCH) == (len(MUCH), True)
    await partner.aclose()


async def test_leaving_hold_gives_up_a_partner_that_takes_nothing(
    autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    async with station(1) as one:
        async with one.hold(passive(port)) as held:
            partner = await dial(port)
            await held.wait_up()
            await _send_for_a_moment(held, MUCH)
            began = trio.current_time()
        assert STALL <= trio.current_time() - began < STALL + 3
        assert not one.port.links
    assert "they may be lost" in caplog.text
    await partner.aclose()


async def test_an_exception_leaves_hold_in_a_hurry(autojump_clock: Any) -> None:
    port = free_port()
    async with station(1) as one:
        began = 0.0
        with pytest.raises(KeyError):
            async with one.hold(passive(port)) as held:
                partner = await dial(port)
                await held.wait_up()
                await _send_for_a_moment(held, MUCH)
                began = trio.current_time()
                raise KeyError
        assert trio.current_time() - began < STALL
    await partner.aclose()


@pytest.mark.parametrize("graceful", [False, True])
async def test_only_with_GracefulShutdown_the_last_job_is_delivered_before_the_end(graceful: bool) -> None:
    port, got = free_port(), b"reset"
    async with station(1) as one:
        link = one.port.establish(passive(port))
        partner = await dial(port)
        await until(lambda: link.established)
        link.settings.graceful_shutdown = graceful
        job = one.port.send(link, b"the last words")
        one.port.terminate(link)
        with suppress(trio.BrokenResourceError):
            got = await drained(partner)
        await until(lambda: not link.state)
        assert (job.done, job.failure is None) == (graceful, graceful)
    assert got == (b"the last words" if graceful else b"reset")
    await partner.aclose()


# -- TLS: a close_notify is answered ------------------------------------------------------------------------------------


async def _says_goodbye(files: Files, port: int) -> trio.SSLStream[trio.SocketStream]:
    context = ssl.create_default_context(cafile=str(files.ca))
    context.check_hostname = False
    context.load_cert_chain(files.cert, files.key)
    stream = trio.SSLStream(await trio.open_tcp_stream("127.0.0.1", port), context)
    await stream.send_all(b"goodbye")
    return stream


@pytest.mark.parametrize("with_hold", [False, True], ids=["TRCV_C", "hold"])
async def test_a_partner_s_close_notify_is_answered(with_hold: bool, tmp_path: Path) -> None:
    files, port, area = pem_files(tmp_path), free_port(), bytearray(7)
    device = Device.from_files(ca=str(files.ca), cert=str(files.cert), key=str(files.key))
    end = TCON_IP_v4(ActiveEstablished=False, RemoteAddress="0.0.0.0", RemotePort=0, LocalPort=port)
    own = next(iter(device.own_ids))
    described = TCON_IP_V4_SEC(ConnPara=end, ActivateSecureConn=True, TLSServerReqClientCert=True, TLSServerCertRef=own)
    with trio.fail_after(LONG):
        async with ouc.Station(device) as one, trio.open_nursery() as nursery:

            async def scan() -> None:
                block = TRCV_C(one)
                while True:
                    block(EN_R=True, CONT=True, CONNECT=described, DATA=area)
                    await trio.sleep(0.002)

            async def hold() -> None:
                async with one.hold(described) as held:
                    async for connection in held:
                        area[:] = await connection.receive(7)
                        with pytest.raises(ouc.ConnectionLost):
                            await connection.receive_some()

            nursery.start_soon(hold if with_hold else scan)
            await until(lambda: one.port.links)
            stream = await _says_goodbye(files, port)
            # Returns when the answer has come; an end without one would raise.
            transport, rest = await stream.unwrap()
            assert (await transport.receive_some(1), rest) == (b"", b"")
            await transport.aclose()
            await until(lambda: area == b"goodbye")
            nursery.cancel_scope.cancel()


async def test_leaving_in_the_instant_in_which_the_partner_goes_comes_to_an_end() -> None:
    for _ in range(10):
        port = free_port()
        with trio.fail_after(LONG):
            async with station(1) as one, one.hold(passive(port)) as held:
                partner = await dial(port)
                await held.wait_up()
                await partner.aclose()
