"""Strangers connect all the time and a slow partner wants in: every passive end, every kind of stranger, from two addresses.

python -m tests.soak.strangers [RATE ...] [--seconds S]
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import attrs
import trio

import ouc
from ouc.certs import Device
from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4

from ..plant import Files, free_port, pem_files

FLIGHT = 0.4
HELLO = "a whole hello"
KINDS = ("silent", "half a hello", "a byte now and then", HELLO)
ENDS = ("serve", "connect", "hold")
OWN, OTHER = "127.0.0.1", "127.0.0.66"


def client_context(files: Files) -> ssl.SSLContext:
    """A partner that shows its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.cert, files.key)
    return context


@attrs.define
class Slow:
    """TLS over memory buffers that takes its time before everything it sends."""

    stream: trio.SocketStream
    tls: ssl.SSLObject
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    pause: float

    @classmethod
    def over(cls, stream: trio.SocketStream, context: ssl.SSLContext, pause: float) -> Slow:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return cls(stream, context.wrap_bio(incoming, outgoing), incoming, outgoing, pause)

    async def until(self, step: Callable[[], Any]) -> Any:
        """Repeat a step of TLS until it needs nothing more."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                result = None
            if records := self.outgoing.read():
                await trio.sleep(self.pause)
                await self.stream.send_all(records)
            if result is not None:
                return result
            data = await self.stream.receive_some()
            if not data:
                raise ConnectionResetError("the server has closed the connection")
            self.incoming.write(data)

    def _handshake(self) -> bool:
        self.tls.do_handshake()
        return True

    async def exchange(self) -> bytes:
        """Handshake, a message, and its echo."""
        await self.until(self._handshake)
        await self.until(lambda: self.tls.write(b"hello"))
        answer: bytes = await self.until(lambda: self.tls.read(5))
        return answer


def first_flight() -> bytes:
    """A hello as OpenSSL sends it."""
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


async def flood(port: int, rate: float, kind: str, host: str, told: Callable[[], None]) -> None:
    """Strangers, until cancelled."""
    hello = first_flight()
    async with trio.open_nursery() as nursery:
        begun, number = trio.current_time(), 0
        while True:
            number += 1
            nursery.start_soon(_stranger, port, kind, host, hello)
            told()
            await trio.sleep_until(begun + number / rate)


async def _stranger(port: int, kind: str, host: str, hello: bytes) -> None:
    with contextlib.suppress(OSError, trio.BrokenResourceError), trio.socket.socket() as sock:
        await sock.bind((host, 0))
        await sock.connect((OWN, port))
        if kind == HELLO:
            await sock.send(hello)
        elif kind == "half a hello":
            await sock.send(hello[: len(hello) // 2])
        for at in range(len(hello)) if kind == "a byte now and then" else ():
            await sock.send(hello[at : at + 1])
            await trio.sleep(0.1)
        while await sock.recv(65_536):
            pass


@asynccontextmanager
async def passive(end: str, files: Files, port: int, at_once: int) -> AsyncIterator[None]:
    """A passive end that echoes to one partner after the other."""
    device = Device.from_files(ca=str(files.ca), cert=str(files.cert), key=str(files.key))
    described = TCON_IP_V4_SEC(
        ConnPara=TCON_IP_v4(
            ID=1, ActiveEstablished=False, RemoteAddress=IPv4Address("0.0.0.0"), RemotePort=0, LocalPort=port
        ),
        ActivateSecureConn=True, TLSServerReqClientCert=True, TLSServerCertRef=device.own_ids[0],
    )  # fmt: skip

    async def echo(connection: Any) -> None:
        with contextlib.suppress(ouc.ConnectionLost):
            async for piece in connection:
                await connection.send(piece)

    async def connect_again(station: ouc.Station) -> None:
        while True:
            async with station.connect(described) as connection:
                await echo(connection)

    async def hold(station: ouc.Station) -> None:
        async with station.hold(described) as held:
            async for connection in held:
                await echo(connection)

    async with ouc.Station(device) as station:
        if end == "serve":
            async with station.serving(described, echo, at_once=at_once):
                yield
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connect_again if end == "connect" else hold, station)
            yield
            nursery.cancel_scope.cancel()


async def partners(files: Files, port: int, times: int, pause: float) -> int:
    """How many of the partner's attempts got in, with one try each."""
    context, passed = client_context(files), 0
    for _ in range(times):
        with contextlib.suppress(OSError, trio.BrokenResourceError, ssl.SSLError), trio.move_on_after(30):
            async with await trio.open_tcp_stream(OWN, port, local_address=OWN) as stream:
                passed += await Slow.over(stream, context, pause).exchange() == b"hello"
        # An end for one partner needs a moment to notice that it has gone.
        await trio.sleep(0.1)
    return passed


async def campaign(end: str, kind: str, host: str, rate: float, *, times: int, pause: float, before: float) -> tuple[int, int]:
    """Partners that got in, and strangers that came."""
    strangers = 0

    def one_more() -> None:
        nonlocal strangers
        strangers += 1

    with tempfile.TemporaryDirectory() as folder:
        files, port = pem_files(Path(folder)), free_port()
        async with passive(end, files, port, 10), trio.open_nursery() as nursery:
            nursery.start_soon(flood, port, rate, kind, host, one_more)
            await trio.sleep(before)
            passed = await partners(files, port, times, pause)
            nursery.cancel_scope.cancel()
    return passed, strangers


def main() -> bool:
    """Run; tells whether every partner got in."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rates", nargs="*", type=float, default=[20.0, 100.0, 200.0])
    parser.add_argument("--end", choices=ENDS, action="append")
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    good = True
    for end in given.end or ENDS:
        for kind in KINDS:
            for host in (OWN, OTHER):
                for rate in given.rates:
                    passed, strangers = trio.run(
                        lambda end=end, kind=kind, host=host, rate=rate: campaign(  # type: ignore[misc]
                            end, kind, host, rate, times=10, pause=FLIGHT, before=5.0
                        )
                    )
                    good &= passed == 10
                    print(f"{end:8} {kind:20} from {host:11} {rate:4.0f}/s: {passed:2} of 10 among {strangers}", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
