"""`ouc send --plain` to a partner that expects TLS is no success."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..plant import pem_files
from .wire import LONG, Serving, run


@contextmanager
def partner(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """One partner in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def meet() -> None:
            other, _ = listener.accept()
            with other, contextlib.suppress(OSError):
                answer(other)

        thread = threading.Thread(target=meet)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(LONG)


def send(where: str, *more: object) -> Any:
    return run("send", where, "--plain", "--hex", "00" * 258, *more)


def test_a_TLS_server_of_the_standard_library(tmp_path: Path) -> None:
    own = pem_files(tmp_path, device="PLC-1", own=9)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert, own.key)

    def answer(other: socket.socket) -> None:
        context.wrap_socket(other, server_side=True).close()

    with partner(answer) as where:
        ran = send(where)
    assert ran.error is not None
    assert "TLS" in str(ran.error)
    assert getattr(ran.error, "failure").remedy  # noqa: B009 - of any exception


def test_our_own_TLS_server(tmp_path: Path, monkeypatch: Any) -> None:
    own = pem_files(tmp_path, device="PLC-1", own=9)
    with Serving(
        monkeypatch, "127.0.0.1:0", "--cert", own.cert, "--key", own.key, "--timeout", LONG, ends_at="refused"
    ) as server:
        ran = send(server.where)
        server.until("refused")
    assert "TLS" in str(ran.error)


def test_a_partner_that_answers_with_an_alert() -> None:
    def answer(other: socket.socket) -> None:
        other.recv(4096)
        other.sendall(bytes.fromhex("15030100020246"))
        while other.recv(4096):
            pass

    with partner(answer) as where:
        ran = send(where)
    assert "answered plain bytes with a TLS record" in str(ran.error)


def _reads(other: socket.socket) -> None:
    while other.recv(4096):
        pass


def _answers(other: socket.socket) -> None:
    other.recv(4096)
    other.sendall(b"thanks")
    _reads(other)


def _closes(other: socket.socket) -> None:
    other.recv(4096)


@pytest.mark.parametrize("answer", [_reads, _answers, _closes])
def test_a_partner_that_takes_plain_bytes_is_a_success(answer: Callable[[socket.socket], None]) -> None:
    with partner(answer) as where:
        ran = send(where)
    assert (ran.exit_code, ran.error) == (0, None)
    assert ran.stdout.startswith("258 bytes sent to")
