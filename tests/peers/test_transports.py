"""A partner written with the standard library only, in both roles, for each transport.

What it knows of ISO-on-TCP it has from RFC 1006 and ISO 8073 themselves, not from our room for it.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

import ouc
from ouc import TRCV_C, TSEND_C
from ouc.params import TCON_IP_RFC, TCON_IP_v4

from ..plant import PAYLOAD, PLC_1, PLC_2, Files, client_description, free_port, pem_files, plant, server_description

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")
LIMIT = 20
OURS, THEIRS = b"\xe0\x01", b"\xe0\x02"


# -- the partner: plain functions that block, each run in a thread ----------------------------------------------------


def tpkt(tpdu: bytes) -> bytes:
    return struct.pack(">BBH", 3, 0, 4 + len(tpdu)) + tpdu


def exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_tpdu(sock: socket.socket) -> bytes:
    _, _, size = struct.unpack(">BBH", exactly(sock, 4))
    return exactly(sock, size - 4)


def call(kind: int, to: int, source: int) -> bytes:
    """A CR or CC with 1024-byte TPDUs and both selectors (ISO 8073 13.3, 13.4)."""
    variable = b"\xc0\x01\x0a" + b"\xc1\x02" + THEIRS + b"\xc2\x02" + OURS
    return tpkt(bytes([6 + len(variable), kind]) + struct.pack(">HHB", to, source, 0) + variable)


def iso_send(sock: socket.socket, message: bytes, *, part: int = 100) -> None:
    for start in range(0, len(message), part):
        last = start + part >= len(message)
        sock.sendall(tpkt(b"\x02\xf0" + (b"\x80" if last else b"\x00") + message[start : start + part]))


def iso_receive(sock: socket.socket) -> bytes:
    message = b""
    while True:
        tpdu = read_tpdu(sock)
        assert tpdu[:2] == b"\x02\xf0"
        assert len(tpdu) <= 1024, "larger than agreed on"
        message += tpdu[3:]
        if tpdu[2] & 0x80:
            return message


def iso_client(port: int) -> bytes:
    with socket.create_connection((PLC_1, port), LIMIT, (PLC_2, 0)) as sock:
        sock.sendall(call(0xE0, 0, 7))
        answer = read_tpdu(sock)
        assert answer[1] & 0xF0 == 0xD0
        assert answer[2:4] == b"\x00\x07"
        iso_send(sock, PAYLOAD)
        return iso_receive(sock)


def iso_server(listener: socket.socket) -> bytes:
    sock, _ = listener.accept()
    sock.settimeout(LIMIT)
    with sock:
        request = read_tpdu(sock)
        assert request[1] & 0xF0 == 0xE0
        sock.sendall(call(0xD0, struct.unpack(">H", request[4:6])[0], 9))
        received = iso_receive(sock)
        iso_send(sock, PAYLOAD[::-1])
        return received


def tcp_client(port: int, wrap: Callable[[socket.socket], Any]) -> bytes:
    with socket.create_connection((PLC_1, port), LIMIT, (PLC_2, 0)) as raw, wrap(raw) as sock:
        sock.sendall(PAYLOAD)
        return exactly(sock, 258)


def tcp_server(listener: socket.socket, wrap: Callable[[socket.socket], Any]) -> bytes:
    raw, _ = listener.accept()
    raw.settimeout(LIMIT)
    with wrap(raw) as sock:
        received = exactly(sock, 258)
        sock.sendall(PAYLOAD[::-1])
        return received


def udp_partner(sock: socket.socket, port: int) -> bytes:
    sock.sendto(PAYLOAD, (PLC_1, port))
    return sock.recvfrom(4096)[0]


def tls(files: Files, *, server: bool) -> Callable[[socket.socket], Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.cert, files.key)
    return lambda sock: context.wrap_socket(sock, server_side=server)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - many things may make it true
        await trio.sleep(0.002)


def as_it_is(sock: socket.socket) -> socket.socket:
    return sock


# -- we are PLC-1, passive, with blocks; the partner dials ---------------------------------------------------------------


def passive(protocol: str, port: int) -> Any:
    if protocol == "ISO-on-TCP":
        selectors: dict[str, Any] = {"local_tselector": OURS, "remote_tselector": THEIRS}
        return TCON_IP_RFC(active_established=False, remote_address="192.168.0.2", **selectors)
    return server_description(port, ActivateSecureConn=protocol == "TLS")


@pytest.mark.parametrize("protocol", ["TCP", "TLS", "ISO-on-TCP"])
async def test_a_partner_that_dials_sends_258_bytes_to_TRCV_C_and_gets_258_from_TSEND_C(
    protocol: str, tmp_path: Path
) -> None:
    port, files = free_port(), pem_files(tmp_path)
    description = passive(protocol, port)
    partner: Any = {
        "TCP": lambda: tcp_client(port, as_it_is),
        "TLS": lambda: tcp_client(port, tls(files, server=False)),
        "ISO-on-TCP": lambda: iso_client(port),
    }[protocol]
    got: list[bytes] = []
    async with ouc.Station(plant().device("PLC-1"), addresses=ouc.loopback(), iso_port=port) as one:
        receiver, sender, area = TRCV_C(one), TSEND_C(one), bytearray(258)
        received = False
        with trio.fail_after(LIMIT):
            receiver(EN_R=True, CONT=True, CONNECT=description, DATA=area)

            async def dial() -> None:
                got.append(await trio.to_thread.run_sync(partner))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(dial)
                while not got:
                    received |= receiver(EN_R=True, CONT=True, CONNECT=description, DATA=area).DONE
                    sender(REQ=received, CONT=True, CONNECT=description, DATA=PAYLOAD)
                    await trio.sleep(0.002)
    assert bytes(area) == PAYLOAD
    assert got == [PAYLOAD]


# -- we are PLC-2, active, in Python style; the partner listens ------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["TCP", "TLS", "ISO-on-TCP"])
async def test_a_partner_that_listens_gets_258_bytes_and_answers(protocol: str, tmp_path: Path) -> None:
    files = pem_files(tmp_path, device="PLC-1", own=9)
    with socket.create_server((PLC_1, 0)) as listener:
        listener.settimeout(LIMIT)
        port = listener.getsockname()[1]
        description: Any = client_description(port, ActivateSecureConn=protocol == "TLS")
        partner: Any = {
            "TCP": lambda: tcp_server(listener, as_it_is),
            "TLS": lambda: tcp_server(listener, tls(files, server=True)),
            "ISO-on-TCP": lambda: iso_server(listener),
        }[protocol]
        if protocol == "ISO-on-TCP":
            selectors: dict[str, Any] = {"local_tselector": THEIRS, "remote_tselector": OURS}
            description = TCON_IP_RFC(remote_address="192.168.0.1", **selectors)
        got: list[bytes] = []
        async with ouc.Station(plant().device("PLC-2"), addresses=ouc.loopback(), iso_port=port) as two:
            with trio.fail_after(LIMIT):
                async with trio.open_nursery() as nursery:

                    async def listen() -> None:
                        got.append(await trio.to_thread.run_sync(partner))

                    nursery.start_soon(listen)
                    async with two.connect(description) as connection:
                        await connection.send(PAYLOAD)
                        assert await connection.receive(258) == PAYLOAD[::-1]
        assert got == [PAYLOAD]


async def test_datagrams_to_and_from_a_plain_socket() -> None:
    port = free_port()
    description = TCON_IP_v4(
        ConnectionType=19, ActiveEstablished=False, RemoteAddress="192.168.0.2", LocalPort=port, RemotePort=0
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as partner:
        partner.bind((PLC_2, 0))
        partner.settimeout(LIMIT)
        async with ouc.Station(address="192.168.0.1", addresses=ouc.loopback()) as one:
            with trio.fail_after(LIMIT):
                async with one.datagrams(description) as ours, trio.open_nursery() as nursery:
                    answers: list[bytes] = []

                    async def speak() -> None:
                        answers.append(await trio.to_thread.run_sync(udp_partner, partner, port))

                    nursery.start_soon(speak)
                    data, sender = await ours.receive()
                    assert (data, str(sender[0])) == (PAYLOAD, "192.168.0.2")
                    await ours.send(data[::-1], sender)
        assert answers == [PAYLOAD[::-1]]


# -- how the end is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("graceful", "end"), [(True, "FIN"), (None, "RST")])
async def test_TDISCON_ends_TCP_by_FIN_where_TCONSettings_says_so_and_by_RST_otherwise(
    graceful: bool | None, end: str
) -> None:
    from ouc.blocks import TCON, TDISCON

    with socket.create_server((PLC_1, 0)) as listener:
        listener.settimeout(LIMIT)
        description = client_description(listener.getsockname()[1], ActivateSecureConn=False)
        async with ouc.Station(plant().device("PLC-2"), addresses=ouc.loopback()) as two:
            tcon, tdiscon = TCON(two), TDISCON(two)

            async def finished(call: Callable[[], Any]) -> None:
                with trio.fail_after(LIMIT):
                    while not call().DONE:  # noqa: ASYNC110 - a scan, as a PLC has it
                        await trio.sleep(0.002)

            await finished(lambda: tcon(REQ=True, ID=1, CONNECT=description))
            settings = two.port.settings(1)
            assert settings is not None
            settings.graceful_shutdown = graceful
            partner, _ = listener.accept()
            with partner:
                partner.settimeout(LIMIT)

                def ending() -> str:
                    try:
                        return "FIN" if partner.recv(1) == b"" else "data"
                    except ConnectionResetError:
                        return "RST"

                said: list[str] = []

                async def watch() -> None:
                    said.append(await trio.to_thread.run_sync(ending))

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(watch)
                    await finished(lambda: tdiscon(REQ=True, ID=1))
            assert said == [end]


async def test_a_second_partner_waits_in_the_queue_where_the_profile_ignores_it() -> None:
    port = free_port()
    patient = attrs.evolve(ouc.profiles.DEFAULT, refuse_second_partner=False)
    description = server_description(port, ActivateSecureConn=False)
    async with ouc.Station(plant().device("PLC-1"), addresses=ouc.loopback(), profile=patient) as one:
        link = one.port.establish(description)
        with trio.fail_after(LIMIT):
            first = socket.create_connection((PLC_1, port), LIMIT, (PLC_2, 0))
            await until(lambda: link.established)
            second = socket.create_connection((PLC_1, port), LIMIT, (PLC_2, 0))
            second.sendall(b"patience")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert (link.epoch, len(link.inbox)) == (1, 0)
            first.close()
            await until(lambda: link.epoch == 2 and len(link.inbox) == 8)
            second.close()
