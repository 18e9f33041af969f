"""Ctrl-C, closed pipes and full disks: a command ends in one line, and its partner is told."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ouc.cli import receive, send, serve
from ouc.cli._screen import Screen

from ..plant import free_port, pem_files
from .wire import LONG, Receiving, Sending, Serving, run

LOCAL = "127.0.0.1:0"
PLAIN = ("--plain", "--timeout", LONG)

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread only"
)


def press_at(module: Any, word: str, monkeypatch: Any, lines: list[str], number: int = signal.SIGINT) -> None:
    """Ctrl-C, or another signal, while the first line with this word is written."""
    pressed = False

    def say(line: str) -> None:
        nonlocal pressed
        lines.append(line)
        if word in line and not pressed:
            pressed = True
            signal.raise_signal(number)

    monkeypatch.setattr(module, "say", say)


# What ends a command in order, where the system has it.
ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize(("module", "name"), [(serve, "serve"), (receive, "receive")])
@pytest.mark.parametrize("more", [(), ("--udp",)])
def test_an_end_that_waits_ends_with_a_summary(
    module: Any, name: str, more: Any, number: int, monkeypatch: Any
) -> None:
    lines: list[str] = []
    press_at(module, "listening", monkeypatch, lines, number)
    ran = run(name, LOCAL, *(more or ("--plain",)))
    assert ran.exit_code == 128 + number
    assert ran.error is None
    assert lines[-1].startswith("interrupted: 0 ")


@pytest.mark.parametrize("word", ["connected", "received"])
@pytest.mark.parametrize(("module", "name"), [(serve, "serve"), (receive, "receive")])
def test_a_partner_is_told_politely(module: Any, name: str, word: str, monkeypatch: Any) -> None:
    port = free_port()
    lines: list[str] = []
    options = ("--plain", "--hex", "0102", "--repeat", LONG, "--timeout", LONG)
    sender = Sending(monkeypatch, f"127.0.0.1:{port}", *options, ends_at="lost")
    press_at(module, word, monkeypatch, lines)
    said = module.say

    def say(line: str) -> None:
        if line.startswith("listening"):
            sender.begin()
        said(line)

    monkeypatch.setattr(module, "say", say)
    ran = run(name, f"127.0.0.1:{port}", *PLAIN)
    assert ran.exit_code == 130
    assert lines[-1].startswith("interrupted: ")
    # FIN, not a reset.
    assert "the partner has closed the connection" in sender.until("lost")
    sender.__exit__()


def test_a_sender_that_keeps_a_connection_up_closes_it_politely(monkeypatch: Any) -> None:
    lines: list[str] = []
    with Serving(monkeypatch, LOCAL, *PLAIN, "--count", 1) as server:
        press_at(send, "connected", monkeypatch, lines)
        ran = run("send", server.where, "--plain", "--hex", "0102", "--hold")
        server.until("closed")
    assert ran.exit_code == 130
    assert lines[-1].startswith("interrupted: ")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signal to a thread")
def test_a_sender_that_waits_for_its_echo_ends_with_a_summary(monkeypatch: Any) -> None:
    server = Serving(monkeypatch, LOCAL, *PLAIN, "--count", 1)

    def say(line: str) -> None:
        server.lines.put(line)
        if line.startswith("received"):
            # In the server's thread: the signal goes to the main thread, where the sender waits.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    monkeypatch.setattr(serve, "say", say)
    with server:
        ran = run("send", server.where, "--plain", "--hex", "0102", "--echo")
        server.until("closed")
    assert ran.exit_code == 130
    assert ran.stdout.startswith("interrupted: 2 bytes sent to")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signal to a thread")
@pytest.mark.parametrize("more", [(), ("--hold",)], ids=["once", "kept up"])
def test_a_sender_that_is_interrupted_in_the_middle_of_a_message_says_so(
    more: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    size, told, interrupt = 32 * 1024 * 1024, threading.Event(), Screen.interrupt

    def heard(screen: Screen, number: int) -> None:
        interrupt(screen, number)
        told.set()

    monkeypatch.setattr(Screen, "interrupt", heard)
    (tmp_path / "large.bin").write_bytes(bytes(size))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def partner() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(1)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                # What the partner takes before could be the whole message.
                told.wait(30)
                with contextlib.suppress(OSError):
                    while accepted.recv(1_000_000):
                        pass

        thread = threading.Thread(target=partner)
        thread.start()
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        ran = run("send", where, "--plain", "--file", tmp_path / "large.bin", *more)
        thread.join()
    assert ran.exit_code == 130
    assert f"interrupted: 0 bytes sent to {where}, a message of {size} bytes was under way" in ran.stdout


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signal to a thread")
def test_a_sender_can_be_interrupted_in_the_middle_of_a_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def meet() -> None:
            partner, _ = silent.accept()
            with partner:
                partner.recv(1)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                # Until the other side has gone, in order or not.
                with contextlib.suppress(ConnectionResetError):
                    while partner.recv(4096):
                        pass

        thread = threading.Thread(target=meet)
        thread.start()
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        ran = run("send", where, "--trust", "any-insecure", "--hex", "01", "--timeout", LONG)
        thread.join(LONG)
    assert not thread.is_alive()
    assert ran.exit_code == 130
    assert "interrupted before anything was sent" in ran.stderr


def test_an_interrupted_sender_that_never_had_a_partner_says_so(monkeypatch: Any) -> None:
    lines: list[str] = []
    press_at(send, "refused", monkeypatch, lines)
    ran = run("send", f"127.0.0.1:{free_port()}", "--plain", "--hex", "01", "--repeat", 1)
    assert ran.exit_code == 130
    assert "interrupted before anything was sent" in ran.stderr


@pytest.mark.parametrize("kind", [Serving, Receiving])
@pytest.mark.parametrize("word", ["listening", "connected", "received"])
def test_nobody_who_reads_the_lines_ends_the_command(kind: type[Serving], word: str, monkeypatch: Any) -> None:
    with kind(monkeypatch, LOCAL, *PLAIN, ends_at=word) as runner:
        run("send", runner.where, "--plain", "--hex", "01")
    assert runner.ran is not None
    # `main` makes exit status 1 of it, and no word.
    assert isinstance(runner.ran.error, BrokenPipeError)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("kind", [Serving, Receiving])
def test_a_full_disk_ends_the_command_with_its_own_words(kind: type[Serving], monkeypatch: Any) -> None:
    with kind(monkeypatch, LOCAL, *PLAIN, "--output", "/dev/full") as runner:
        run("send", runner.where, "--plain", "--hex", "01")
    assert runner.ran is not None
    assert isinstance(runner.ran.error, OSError)
    assert runner.ran.error.errno == errno.ENOSPC


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without a word")
@pytest.mark.parametrize("command", ["serve", "receive"])
def test_the_end_that_a_service_manager_asks_for_is_told_to_a_TLS_partner(command: str, tmp_path: Path) -> None:
    own = pem_files(tmp_path, device="PLC-1", own=9)
    program = [
        sys.executable, "-m", "ouc", command, "127.0.0.1:0", "--cert", str(own.cert), "--key", str(own.key)
    ]  # fmt: skip
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        host, _, port = running.stdout.readline().removeprefix("listening ").strip().rpartition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection((host, int(port)), timeout=30) as tcp, context.wrap_socket(tcp) as partner:
            partner.sendall(b"hello")
            assert running.stdout.readline().startswith("connected")
            assert running.stdout.readline().startswith("received")
            running.terminate()
            # Without a close_notify this raises SSLEOFError, after a reset ConnectionResetError.
            assert partner.recv(1) == b""
        rest = running.stdout.read()
    assert rest.splitlines()[-1].startswith("interrupted: ")
    assert running.returncode == 143
