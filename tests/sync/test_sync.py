"""The blocking face, against a partner written with the standard library."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import ouc
from ouc import sync
from ouc.bridge import background

from ..plant import PAYLOAD, client_description, free_port, plant, server_description


@pytest.fixture
def partner() -> Iterator[tuple[int, socket.socket]]:
    """A listening socket and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener.getsockname()[1], listener


def test_bytes_travel_both_ways(partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=30) as connection:
        other, _ = listener.accept()
        with other:
            connection.send(b"hello", timeout=30)
            assert other.recv(5) == b"hello"
            other.sendall(b"answer")
            assert connection.receive(6, timeout=30) == b"answer"
            assert connection.partner == f"127.0.0.1:{port}"
            assert connection.tls is None


def test_a_receive_that_times_out_loses_nothing(partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=30) as connection:
        other, _ = listener.accept()
        with other:
            other.sendall(b"abc")
            with pytest.raises(TimeoutError, match="receiving took longer than"):
                connection.receive(6, timeout=0.05)
            other.sendall(b"def")
            assert connection.receive(6, timeout=30) == b"abcdef"


def test_iteration_ends_with_the_partner_and_a_later_receive_raises(partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=30) as connection:
        other, _ = listener.accept()
        other.sendall(b"one")
        other.close()
        assert b"".join(connection) == b"one"
        with pytest.raises(ouc.ConnectionLost):
            connection.receive(1, timeout=30)


def test_connecting_to_nobody_raises_what_the_async_face_raises() -> None:
    with pytest.raises(ouc.ConnectionLost) as caught:
        sync.connect("127.0.0.1", free_port(), plain=True, timeout=30)
    assert caught.value.status == 0x80C5


def test_a_time_limit_for_connecting_is_kept_and_leaves_nothing_behind(partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    listener.setblocking(False)
    other: socket.socket | None = None
    # Accepted by the system, but nobody answers the hello. A busy computer may need longer to dial at all.
    for limit in (0.2, 1, 5, 25):
        with pytest.raises(TimeoutError, match="connecting took longer"):
            sync.connect("127.0.0.1", port, ca=_ca(), timeout=limit)
        with contextlib.suppress(BlockingIOError):
            other, _ = listener.accept()
            break
    assert other is not None
    with other:
        other.settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            while other.recv(4096):
                pass


def _ca() -> bytes:
    return plant().export(3, "pem").data


def test_two_stations_talk_over_TLS_from_two_threads() -> None:
    port = free_port()
    got: list[bytes] = []

    def serve(ready: threading.Event) -> None:
        with sync.Station(plant().device("PLC-1"), addresses=ouc.loopback()) as station:
            ready.set()
            with station.connect(server_description(port), timeout=30) as connection:
                got.append(connection.receive(258, timeout=20))
                connection.send(b"ok", timeout=20)

    ready = threading.Event()
    thread = threading.Thread(target=serve, args=(ready,))
    thread.start()
    ready.wait(20)
    try:
        with sync.Station(plant().device("PLC-2"), addresses=ouc.loopback()) as station:
            for _ in range(1000):
                try:
                    connection = station.connect(client_description(port), timeout=20)
                except ouc.ConnectionLost:
                    continue
                break
            with connection:
                connection.send(PAYLOAD, timeout=20)
                assert connection.receive(2, timeout=20) == b"ok"
                assert connection.tls is not None
    finally:
        thread.join(30)
    assert got == [PAYLOAD]


def test_closing_twice_is_no_error(partner: tuple[int, socket.socket]) -> None:
    connection = sync.connect("127.0.0.1", partner[0], plain=True, timeout=30)
    connection.close()
    connection.close()


def test_a_blocking_call_inside_the_background_thread_is_refused() -> None:
    async def inside() -> None:
        sync.connect("127.0.0.1", 1, plain=True)

    with pytest.raises(ouc.LocalProtocolError, match="wait for itself"):
        background().start(inside).future.result(20)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_after_a_fork_the_error_is_clear_and_the_interpreter_ends_cleanly(tmp_path: Path) -> None:
    program = tmp_path / "forked.py"
    program.write_text(
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import ouc\n"
        "from ouc import sync\n"
        "def attempt():\n"
        "    try:\n"
        "        sync.connect('127.0.0.1', 1, plain=True, timeout=5)\n"
        "    except ouc.OUCError as error:\n"
        "        return type(error).__name__\n"
        "first = attempt()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    print(attempt(), flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(first, flush=True)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["LocalProtocolError", "ConnectionLost"], "")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to threads")
def test_Ctrl_C_in_a_receive_stops_it_and_loses_nothing(partner: tuple[int, socket.socket]) -> None:
    import signal

    port, listener = partner
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with sync.connect("127.0.0.1", port, plain=True, timeout=30) as connection:
        other, _ = listener.accept()
        with other:
            other.sendall(b"abc")
            while connection.facts.received < 3:
                with pytest.raises(TimeoutError):
                    connection.receive(6, timeout=0.01)
            main = threading.main_thread().ident
            assert main is not None
            threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
            try:
                with pytest.raises(KeyboardInterrupt):
                    connection.receive(6, timeout=20)
            finally:
                signal.signal(signal.SIGINT, before)
            other.sendall(b"def")
            assert connection.receive(6, timeout=30) == b"abcdef"


def test_a_handler_that_exits_ends_its_server_and_no_other_connection(partner: tuple[int, socket.socket]) -> None:
    def handler(_: sync.Conversation) -> None:
        raise SystemExit(3)

    port, listener = partner
    served = free_port()
    with sync.connect("127.0.0.1", port, plain=True, timeout=30) as connection:
        other, _ = listener.accept()
        with other:
            with pytest.raises(SystemExit), sync.serve(served, handler, plain=True) as server:
                with socket.create_connection(("127.0.0.1", served)):
                    server.wait(timeout=20)
            connection.send(b"still here", timeout=30)
            assert other.recv(10) == b"still here"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to threads")
def test_Ctrl_C_while_connecting_leaves_nothing_open(partner: tuple[int, socket.socket]) -> None:
    import signal

    port, listener = partner
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        # As soon as the partner has been dialled; it never answers the hello.
        other, _ = listener.accept()
        taken.append(other)
        other.recv(1)
        signal.pthread_kill(main, signal.SIGINT)

    taken: list[socket.socket] = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            sync.connect("127.0.0.1", port, ca=_ca())
    finally:
        signal.signal(signal.SIGINT, before)
        thread.join(20)
    with taken[0] as other:
        other.settimeout(20)
        try:
            while other.recv(4096):
                pass
        except ConnectionResetError:
            pass
