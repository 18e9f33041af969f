"""Python's own ssl module, which links another OpenSSL, as client and as server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from pathlib import Path

import pytest
import trio

import ouc

from ..plant import (
    PAYLOAD,
    PLC_1,
    PLC_2,
    Files,
    client_description,
    free_port,
    pem_files,
    plc_1,
    plc_2,
    server_description,
)

VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"]
)
# macOS configures 127.0.0.1 only.
FROM = PLC_1 if sys.platform == "darwin" else PLC_2


def _client_context(files: Files, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    context.check_hostname = False
    context.load_verify_locations(files.ca)
    return context


def _deliver(context: ssl.SSLContext, port: int, data: bytes) -> str:
    """Connect as PLC-2, send, and wait for the server's end of the story; gives the version that was agreed on."""
    with socket.create_connection((PLC_1, port), timeout=20, source_address=(FROM, 0)) as raw:
        with context.wrap_socket(raw) as tls:
            tls.sendall(data)
            # The server never sends: this returns at its end, or raises the alert that refuses us.
            tls.settimeout(20)
            tls.recv(1)
            return str(tls.version())


@VERSIONS
async def test_a_client_with_PLC_2_s_certificate_delivers_the_258_bytes(
    version: ssl.TLSVersion, tmp_path: Path
) -> None:
    port, files = free_port(), pem_files(tmp_path)
    context = _client_context(files, version)
    context.load_cert_chain(files.cert, files.key)
    plc, program = plc_1(server_description(port))
    async with plc:
        plc.run()
        with trio.fail_after(20):
            await plc.wait_scan(lambda: "16#7002" in program.history)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, _deliver_quietly, context, port)
                await plc.wait_scan(lambda: program.received == 1)
                plc.stop()
        assert bytes(plc.cpu["Received_Data"]) == PAYLOAD
        assert plc.cpu["Received_Data"]["Var2"] == "Hello World!"


def _deliver_quietly(context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):  # the CPU's STOP resets the connection
        _deliver(context, port, PAYLOAD)


async def test_a_partner_that_connects_sends_and_closes_between_two_scans_is_received(tmp_path: Path) -> None:
    port, files = free_port(), pem_files(tmp_path)
    context = _client_context(files, ssl.TLSVersion.TLSv1_3)
    context.load_cert_chain(files.cert, files.key)

    def come_and_go() -> None:
        with socket.create_connection((PLC_1, port), timeout=20, source_address=(FROM, 0)) as raw:
            with context.wrap_socket(raw) as tls:
                tls.sendall(PAYLOAD)
                tls.unwrap()

    plc, program = plc_1(server_description(port), scan_time=0.2)
    async with plc:
        plc.run()
        with trio.fail_after(20):
            await plc.wait_scan(lambda: "16#7002" in program.history)
            await trio.to_thread.run_sync(come_and_go)
            await plc.wait_scan(lambda: "16#80C5" in program.history)
        assert program.received == 1
        assert bytes(plc.cpu["Received_Data"]) == PAYLOAD


@VERSIONS
async def test_without_a_client_certificate_nothing_is_delivered_and_the_reason_is_named(
    version: ssl.TLSVersion, tmp_path: Path
) -> None:
    port, files = free_port(), pem_files(tmp_path)
    context = _client_context(files, version)
    plc, program = plc_1(server_description(port))
    async with plc:
        plc.run()
        with trio.fail_after(20):
            await plc.wait_scan(lambda: "16#7002" in program.history)
            with pytest.raises(OSError, match=r"(?i)alert|handshake|reset|EOF|broken"):
                await trio.to_thread.run_sync(_deliver, context, port, PAYLOAD)
            await plc.wait_scan(lambda: "16#80E2" in program.history)
        assert program.received == 0
        assert any("sent no certificate" in str(entry) for entry in plc.cpu.diagnostics)


@VERSIONS
async def test_with_a_certificate_of_another_CA_nothing_is_delivered_and_the_reason_is_named(
    version: ssl.TLSVersion, tmp_path: Path
) -> None:
    import trustme

    port, files = free_port(), pem_files(tmp_path)
    context = _client_context(files, version)
    trustme.CA().issue_cert("192.168.0.2").configure_cert(context)
    plc, program = plc_1(server_description(port))
    async with plc:
        plc.run()
        with trio.fail_after(20):
            await plc.wait_scan(lambda: "16#7002" in program.history)
            with pytest.raises(OSError, match=r"(?i)alert|handshake|reset|EOF|broken"):
                await trio.to_thread.run_sync(_deliver, context, port, PAYLOAD)
            await plc.wait_scan(lambda: "16#80E4" in program.history)
        assert program.received == 0
        assert any("no CA on this device leads" in str(entry) for entry in plc.cpu.diagnostics)


@VERSIONS
async def test_a_server_receives_the_258_bytes_from_the_library(version: ssl.TLSVersion, tmp_path: Path) -> None:
    server_files, client_files = (
        pem_files(_made(tmp_path / "s"), device="PLC-1", own=9),
        pem_files(_made(tmp_path / "c")),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(server_files.cert, server_files.key)
    context.load_verify_locations(server_files.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    got: list[bytes] = []
    with socket.create_server((PLC_1, 0)) as listener:

        def serve() -> None:
            listener.settimeout(20)
            raw, _ = listener.accept()
            with raw, context.wrap_socket(raw, server_side=True) as tls:
                data = b""
                while piece := tls.recv(4096):
                    data += piece
                got.append(data)

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, serve)
                port = listener.getsockname()[1]
                async with ouc.connect(
                    PLC_1, port, ca=client_files.ca, cert=client_files.cert, key=client_files.key, check_address=False
                ) as connection:
                    await connection.send(PAYLOAD)
                    assert connection.tls is not None
                    assert connection.tls.version == ("TLS 1.2" if version == ssl.TLSVersion.TLSv1_2 else "TLS 1.3")
    assert got == [PAYLOAD]


async def test_TSEND_C_sends_to_a_server_of_the_standard_library(tmp_path: Path) -> None:
    files = pem_files(tmp_path, device="PLC-1", own=9)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    context.load_verify_locations(files.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    got: list[bytes] = []
    with socket.create_server((PLC_1, 0)) as listener:

        def serve() -> None:
            listener.settimeout(20)
            raw, _ = listener.accept()
            with raw, context.wrap_socket(raw, server_side=True) as tls:
                data = b""
                while len(data) < 258:
                    data += tls.recv(4096)
                got.append(data)

        plc, program = plc_2(client_description(listener.getsockname()[1]))
        plc.cpu["Send_Data"]["Var1"] = True
        plc.cpu["Send_Data"]["Var2"] = "Hello World!"
        program.REQ = True
        with trio.fail_after(20):
            async with plc, trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, serve)
                plc.run()
                await plc.wait_scan(lambda: program.sent == 1)
    assert got == [PAYLOAD]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def test_a_strict_server_resets_a_hello_with_groups_it_does_not_know_and_serves_the_library(
    tmp_path: Path,
) -> None:
    # The standard library's OpenSSL offers P-521 and X448 too.
    port, files = free_port(), pem_files(tmp_path)
    context = _client_context(files, ssl.TLSVersion.TLSv1_3)
    context.load_cert_chain(files.cert, files.key)
    (server, receiver), (client, sender) = (
        plc_1(server_description(port), strict_hello=True),
        plc_2(client_description(port)),
    )
    async with server, client:
        server.run()
        with trio.fail_after(20):
            await server.wait_scan(lambda: "16#7002" in receiver.history)
            with pytest.raises(OSError, match=r"(?i)reset|EOF|closed|broken"):
                await trio.to_thread.run_sync(_deliver, context, port, PAYLOAD)
            await server.wait_scan(lambda: "16#80E1" in receiver.history)
            assert "does not know" in str(receiver.failure)
            sender.REQ = True
            client.run()
            await server.wait_scan(lambda: receiver.received == 1)
