"""`ouc.probe` against emulated CPUs and against servers that are no CPU at all."""

from __future__ import annotations

import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import trio
from OpenSSL import SSL

from emulator import faults
from ouc.connection import LinkEvent
from ouc.probe import QUESTIONS, Means, ask, diagnose, survey
from ouc.probe.inspector import Inspector
from ouc.tls import DEFAULT
from ouc.tls.engine import Need
from ouc.transport import loopback

from ..plant import client_description, free_port, plant, plc_1, plc_2, server_description

PLC_1 = "192.168.0.1"


def means(device: str | None = "PLC-2", **changes: Any) -> Means:
    """What a probe in the place of one of the example's PLCs works with."""
    store = plant().device("PLC-2").download()
    given: dict[str, Any] = {
        "trust": store.trust(3, side="client"), "own": store.own(11, side="client"), "addresses": loopback(),
        "own_address": IPv4Address("192.168.0.2" if device else "192.168.0.9"),
    }  # fmt: skip
    return Means(**{**given, **changes})


@asynccontextmanager
async def passive_plc(port: int, **options: Any) -> AsyncIterator[None]:
    plc, _ = plc_1(server_description(port), **options)
    async with plc:
        plc.run()
        await plc.wait_scan()
        yield


async def test_the_published_PLC_1_is_found_healthy_by_its_partner() -> None:
    port = free_port()
    async with passive_plc(port):
        seen = await ask(PLC_1, port, means())
    assert diagnose(seen) == ()
    assert seen.tls.asked is True


async def test_a_PLC_whose_description_names_another_partner_turns_the_probe_away() -> None:
    port = free_port()
    async with passive_plc(port):
        seen = await ask(PLC_1, port, means(device=None, listen_before=5))
    assert [one.cause for one in diagnose(seen)] == ["turned-away"]


async def test_an_occupied_PLC_turns_the_probe_away() -> None:
    port = free_port()
    up = trio.Event()

    def watch(happening: Any) -> None:
        if happening.event is LinkEvent.UP:
            up.set()

    async with passive_plc(port, on_event=watch):
        partner, _ = plc_2(client_description(port))
        async with partner:
            partner.run()
            with trio.fail_after(30):
                await up.wait()
            seen = await ask(PLC_1, port, means(listen_before=5))
    assert [one.cause for one in diagnose(seen)] == ["turned-away"]


# -- no CPU at all -----------------------------------------------------------------------------------------------------


class _Page(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
        pass


class _Quiet(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A probe that leaves without a request is no error to print."""


@contextmanager
def https(folder: Path) -> Iterator[int]:
    plan = faults.plan(faults.Fault(name="none", role="server"), now=datetime.now(UTC))
    (folder / "cert.pem").write_bytes(plan.partner_cert)
    (folder / "key.pem").write_bytes(plan.partner_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = _Quiet(("127.0.0.1", 0), _Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def answers_of(port: int, name: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    asked = [one for one in QUESTIONS if one.name == name]
    monkeypatch.setattr("ouc.probe.questions.QUESTIONS", asked)
    return [one.agreed async for one in survey("127.0.0.1", port, Means(listen_before=0, grace=5), pause=0)]


async def test_a_survey_recognizes_an_https_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with https(tmp_path) as port:
        assert await answers_of(port, "HTTPS", monkeypatch) == [True]


async def served(answer: Callable[[trio.SocketStream], Awaitable[None]], nursery: trio.Nursery) -> int:
    listeners = await nursery.start(trio.serve_tcp, answer, 0)
    return int(listeners[0].socket.getsockname()[1])


async def test_a_survey_recognizes_an_opc_ua_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def acknowledge(stream: trio.SocketStream) -> None:
        hello = await stream.receive_some()
        assert bytes(hello[:4]) == b"HELF"
        assert int.from_bytes(hello[4:8], "little") == len(hello)
        await stream.send_all(b"ACKF" + (28).to_bytes(4, "little") + bytes(20))

    async with trio.open_nursery() as nursery:
        port = await served(acknowledge, nursery)
        assert await answers_of(port, "OPC UA", monkeypatch) == [True]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http"),
        (b"ERRF\x10\0\0\0\0\0\0\x80\0\0\0\0", "opc-ua"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "handshake-refused"),
        (b"220 welcome\r\n", "plain"),
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x50", "handshake-stalled"),
        (b"\x16\x03\x03\x00\x04\x63\x00\x00\x00", "handshake-failed"),
    ],
)
async def test_whatever_answers_a_hello_gets_a_name(answer: bytes, cause: str) -> None:
    async def reply(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        while await stream.receive_some():
            pass

    async with trio.open_nursery() as nursery:
        port = await served(reply, nursery)
        seen = await ask("127.0.0.1", port, Means(listen_before=0.01, handshake_timeout=0.5))
        nursery.cancel_scope.cancel()
    (first, *_) = diagnose(seen)
    assert first.cause == cause


async def test_a_partner_that_never_stops_talking_is_left_after_the_time_limit() -> None:
    async def babble(stream: trio.SocketStream) -> None:
        try:
            while True:
                await stream.send_all(b"\x16\x03\x03\x00\x01\x02")
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        port = await served(babble, nursery)
        with trio.fail_after(20):
            seen = await ask("127.0.0.1", port, Means(listen_before=0.01, handshake_timeout=0.5))
        nursery.cancel_scope.cancel()
    assert [one.level for one in diagnose(seen)] == ["error"]


# -- the machine -------------------------------------------------------------------------------------------------------


def test_the_issuers_that_a_server_names_are_told(tmp_path: Path) -> None:
    plan = faults.plan(faults.Fault(name="none", role="server"), now=datetime.now(UTC))
    own = plan.credentials.own
    assert own is not None
    (tmp_path / "root.pem").write_bytes(plan.root)
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate(own.certificate)
    context.use_privatekey(own.key)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.load_client_ca(bytes(tmp_path / "root.pem"))
    server = SSL.Connection(context)
    server.set_accept_state()
    inspector = Inspector(DEFAULT, "client", now=plan.now)
    while inspector.handshake() is Need.READ:
        server.bio_write(inspector.take())
        with suppress(SSL.WantReadError):
            server.do_handshake()
        inspector.feed(server.bio_read(65_536))
    assert inspector.shown.asked is True
    assert inspector.shown.issuers == ("Plant root",)
    assert inspector.shown.chain == (own.certificate,)
