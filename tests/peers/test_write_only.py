"""Partners that only write: they send, close, and never read what a server says by itself.

What lies unread in their socket turns the close into a reset, and what the system had not sent yet is lost.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

import ouc
import ouc.api
from ouc import aio, sync
from ouc.api import Connection
from ouc.blocks import TRCV_C
from ouc.certs import Device
from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4

from ..plant import Files, free_port, pem_files

# More than a receive buffer takes at once (it begins with 128 KiB on Linux), and less than a send buffer may be given.
PAYLOAD = bytes(range(256)) * 1_200
LONG = 30

VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"]
)
MUTUAL = pytest.mark.parametrize("mutual", [False, True], ids=["server certificate", "both certificates"])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return pem_files(tmp_path)


def options(files: Files, *, mutual: bool) -> dict[str, Any]:
    own = {"cert": str(files.cert), "key": str(files.key)}
    return {**own, "ca": str(files.ca)} if mutual else own


def write_and_close(port: int, files: Files, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
    """The plainest client there is. Its `close` returns while most of the payload waits in the system's buffer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    context.check_hostname = False
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.cert, files.key)
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as raw:
        # Room for all of it: the test is about what happens to that room at the close.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(PAYLOAD))
        with context.wrap_socket(raw) as tls:
            tls.sendall(PAYLOAD)


@attrs.define
class Reader:
    """A handler that begins to read when the partner has closed already."""

    gone: trio.Event = attrs.field(factory=trio.Event)
    done: trio.Event = attrs.field(factory=trio.Event)
    got: bytearray = attrs.field(factory=bytearray)

    async def __call__(self, connection: Connection) -> None:
        await self.gone.wait()
        try:
            while True:
                self.got += await connection.receive_some()
        except ouc.ConnectionLost:
            self.done.set()


@MUTUAL
@VERSIONS
async def test_a_server_gets_all_that_a_partner_wrote_before_it_closed(
    files: Files, version: ssl.TLSVersion, *, mutual: bool
) -> None:
    port, reader = free_port(), Reader()
    with trio.fail_after(LONG):
        async with ouc.api.serving(port, reader, **options(files, mutual=mutual)):
            await trio.to_thread.run_sync(write_and_close, port, files, version)
            reader.gone.set()
            await reader.done.wait()
    assert len(reader.got) == len(PAYLOAD)


async def test_a_server_that_resumes_sessions_gets_all_of_it_too(files: Files) -> None:
    port, reader = free_port(), Reader()
    device = Device.from_files(ca=str(files.ca), cert=str(files.cert), key=str(files.key))
    policy = attrs.evolve(ouc.Station(device).opener.policy, resumption=True)
    with trio.fail_after(LONG):
        async with ouc.Station(device, policy=policy) as station:
            async with station.serving(passive(device, port), reader):
                await trio.to_thread.run_sync(write_and_close, port, files)
                reader.gone.set()
                await reader.done.wait()
    assert len(reader.got) == len(PAYLOAD)


def passive(device: Device, port: int) -> TCON_IP_V4_SEC:
    return TCON_IP_V4_SEC(
        ConnPara=TCON_IP_v4(
            ID=1, ActiveEstablished=False, RemoteAddress=IPv4Address("0.0.0.0"), RemotePort=0, LocalPort=port
        ),
        ActivateSecureConn=True,
        TLSServerReqClientCert=True,
        TLSServerCertRef=device.own_ids[0],
    )


@asynccontextmanager
async def station(files: Files) -> AsyncIterator[tuple[ouc.Station, TCON_IP_V4_SEC]]:
    device = Device.from_files(ca=str(files.ca), cert=str(files.cert), key=str(files.key))
    async with ouc.Station(device) as opened:
        yield opened, passive(device, free_port())


async def test_a_held_passive_end_gets_all_of_it(files: Files) -> None:
    got = 0
    with trio.fail_after(LONG):
        async with station(files) as (here, described), here.hold(described) as held:
            await trio.to_thread.run_sync(write_and_close, described.ConnPara.LocalPort, files)
            while got < len(PAYLOAD):
                got += len(await held.receive_some())
    assert got == len(PAYLOAD)


async def test_a_block_gets_all_of_it(files: Files) -> None:
    got, area = 0, bytearray(65_536)
    with trio.fail_after(LONG):
        async with station(files) as (here, described):
            block = TRCV_C(here)

            def scan() -> int:
                out = block(EN_R=True, CONT=True, CONNECT=described, DATA=area, LEN=0, ADHOC=True)
                return int(out.RCVD_LEN) if out.DONE else 0

            scan()
            await trio.to_thread.run_sync(write_and_close, described.ConnPara.LocalPort, files)
            while got < len(PAYLOAD):
                got += scan()
                await trio.lowlevel.checkpoint()
    assert got == len(PAYLOAD)


def test_the_blocking_face_gets_all_of_it(files: Files) -> None:
    import threading

    gone, done, got = threading.Event(), threading.Event(), bytearray()

    def reader(connection: sync.Conversation) -> None:
        gone.wait(LONG)
        try:
            while True:
                got.extend(connection.receive_some(timeout=LONG))
        except ouc.ConnectionLost:
            done.set()

    port = free_port()
    with sync.serve(port, reader, **options(files, mutual=True)):
        write_and_close(port, files)
        gone.set()
        assert done.wait(LONG)
    assert len(got) == len(PAYLOAD)


def test_the_asyncio_face_gets_all_of_it(files: Files) -> None:
    import asyncio

    got = bytearray()

    async def main() -> None:
        gone, done = asyncio.Event(), asyncio.Event()

        async def reader(connection: aio.Connection) -> None:
            await gone.wait()
            try:
                while True:
                    got.extend(await connection.receive_some())
            except ouc.ConnectionLost:
                done.set()

        port = free_port()
        async with aio.serving(port, reader, **options(files, mutual=True)):
            await asyncio.to_thread(write_and_close, port, files)
            gone.set()
            await asyncio.wait_for(done.wait(), LONG)

    asyncio.run(main())
    assert len(got) == len(PAYLOAD)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
async def test_openssl_s_client_is_told_nothing_before_our_first_data(files: Files) -> None:
    # `-sess_out` writes the session of a ticket: one that came without our data would be one that lies unread elsewhere.
    port, sessions = free_port(), files.ca.with_name("session.pem")
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", "-quiet", "-sess_out", str(sessions),
        "-cert", str(files.cert), "-key", str(files.key),
    ]  # fmt: skip
    speaks, got = trio.Event(), trio.Event()

    async def handler(connection: Connection) -> None:
        assert await connection.receive(5) == b"hello"
        got.set()
        await speaks.wait()
        await connection.send(b"now")
        await connection.receive_some()

    with trio.fail_after(LONG):
        async with ouc.api.serving(port, handler, **options(files, mutual=True)), trio.open_nursery() as nursery:
            process = await nursery.start(_process(command))
            await process.stdin.send_all(b"hello")
            await got.wait()
            assert not sessions.exists()
            speaks.set()
            assert await process.stdout.receive_some(3) == b"now"
            assert sessions.exists()
            nursery.cancel_scope.cancel()


def _process(command: list[str]) -> Callable[..., Any]:
    async def run(task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        await trio.run_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
            task_status=task_status,
        )  # fmt: skip

    return run
