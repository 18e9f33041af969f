"""The blocking face keeps its word about waiting: arguments first, then the job; and no wait that cannot end."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import ouc
from ouc import sync
from ouc.bridge import background

from ..plant import free_port, plant

LONG = 30.0

CALLS: dict[str, Callable[[sync.Connection, Any], Any]] = {
    "send": lambda connection, limit: connection.send(b"data", timeout=limit),
    "send_many": lambda connection, limit: connection.send_many([b"da", b"ta"], timeout=limit),
    "receive": lambda connection, limit: connection.receive(4, timeout=limit),
    "receive_some": lambda connection, limit: connection.receive_some(timeout=limit),
    "receive_into": lambda connection, limit: connection.receive_into(bytearray(4), timeout=limit),
}
RECEIVING = {name: call for name, call in CALLS.items() if name.startswith("receive")}
# Neither seconds nor None.
WRONG = ["5", b"5", True, -1, -0.5, math.nan, [], {"a": 1}]


@pytest.fixture
def partner() -> Iterator[tuple[int, socket.socket]]:
    """A listening socket and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LONG)
        yield listener.getsockname()[1], listener


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_wrong_time_limit_is_refused_before_anything_happens(
    name: str, wrong: Any, partner: tuple[int, socket.socket]
) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=LONG) as connection:
        other, _ = listener.accept()
        with other:
            other.sendall(b"data")
            with pytest.raises(ouc.ParameterError, match="timeout takes"):
                CALLS[name](connection, wrong)
            assert connection.facts.sent == 0
            assert connection.receive(4, timeout=LONG) == b"data"


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_wrong_time_limit_opens_no_connection(wrong: Any, partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    with pytest.raises(ouc.ParameterError, match="timeout takes"):
        sync.connect("127.0.0.1", port, plain=True, timeout=wrong)
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *((name, count) for name in ("receive", "receive_some") for count in (True, 0, -1, "5", 2.0, None)),
        *(("send_many", messages) for messages in (5, None, "text", b"one message", [1], ["text"])),
    ],
    ids=repr,
)
def test_what_a_call_is_given_is_looked_at_before_it_waits_or_sends(
    name: str, wrong: Any, partner: tuple[int, socket.socket]
) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=LONG) as connection, listener.accept()[0] as other:
        with pytest.raises(ouc.ParameterError):
            getattr(connection, name)(wrong, timeout=LONG)
        connection.send(b"the first bytes", timeout=LONG)
        assert other.recv(100) == b"the first bytes"


@pytest.mark.parametrize("limit", [math.inf, 1e300, threading.TIMEOUT_MAX * 2, 10**400])
def test_a_time_limit_beyond_all_clocks_waits_for_ever(limit: float, partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=limit) as connection:
        other, _ = listener.accept()
        with other:
            other.sendall(b"data")
            assert connection.receive(4, timeout=limit) == b"data"


@pytest.mark.parametrize("name", RECEIVING)
@pytest.mark.parametrize("limit", [0, 0.0, 1e-9])
def test_without_time_to_wait_a_receive_gives_what_is_there(
    name: str, limit: float, partner: tuple[int, socket.socket]
) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=LONG) as connection:
        other, _ = listener.accept()
        with other:
            with pytest.raises(TimeoutError):
                RECEIVING[name](connection, limit)
            # The first byte shows that all have arrived: the system delivers what one call has sent at once.
            other.sendall(b"xdata")
            assert connection.receive(1, timeout=LONG) == b"x"
            assert RECEIVING[name](connection, limit) in (b"data", 4)


def test_without_time_to_wait_a_large_receive_is_complete_too(partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=LONG) as connection:
        other, _ = listener.accept()
        with other:
            other.sendall(bytes(50_000))
            assert len(connection.receive(10_000, timeout=LONG)) == 10_000
            assert len(connection.receive(40_000, timeout=LONG)) == 40_000


def test_without_time_to_wait_a_send_that_fits_leaves(partner: tuple[int, socket.socket]) -> None:
    port, listener = partner
    with sync.connect("127.0.0.1", port, plain=True, timeout=LONG) as connection:
        other, _ = listener.accept()
        with other:
            connection.send(b"data", timeout=0)
            assert other.recv(4) == b"data"


class HandlerError(Exception):
    """What a program's own signal handler raises."""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to threads")
@pytest.mark.parametrize("kind", [HandlerError, TimeoutError, OSError, SystemExit])
def test_whatever_a_signal_handler_raises_ends_the_job_and_loses_nothing(
    kind: type[BaseException], partner: tuple[int, socket.socket]
) -> None:
    def handler(_: int, __: FrameType | None) -> None:
        raise kind("from the handler")

    port, listener = partner
    main = threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGUSR1, handler)
    with sync.connect("127.0.0.1", port, plain=True, timeout=LONG) as connection:
        other, _ = listener.accept()
        with other:
            other.sendall(b"abc")
            threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGUSR1)).start()
            try:
                with pytest.raises(kind, match="from the handler"):
                    connection.receive(6, timeout=LONG)
            finally:
                signal.signal(signal.SIGUSR1, before)
            other.sendall(b"def")
            assert connection.receive(6, timeout=LONG) == b"abcdef"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to threads")
def test_a_signal_handler_that_raises_while_connecting_leaves_nothing_open(
    partner: tuple[int, socket.socket],
) -> None:
    def handler(_: int, __: FrameType | None) -> None:
        raise HandlerError

    port, listener = partner
    main = threading.main_thread().ident
    assert main is not None
    taken: list[socket.socket] = []

    def interrupt() -> None:
        taken.append(listener.accept()[0])
        taken[0].recv(1)
        signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(HandlerError):
            sync.connect("127.0.0.1", port, ca=plant().export(3, "pem").data)
    finally:
        signal.signal(signal.SIGUSR1, before)
        thread.join(LONG)
    with taken[0] as other:
        other.settimeout(LONG)
        with contextlib.suppress(ConnectionResetError):
            while other.recv(4096):
                pass


def run(program: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own; ends by itself, or is ended."""
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    return subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=120, check=False)


NO_DESCRIPTOR = """
import os, resource
import ouc
from ouc import sync
import socket
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
sync.connect  # imported, and not used yet
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for _ in range(2):
    try:
        sync.connect("127.0.0.1", port, plain=True)
    except ouc.OUCError as error:
        print(error.status, "ulimit" in str(error))
for number in taken:
    os.close(number)
with listener, sync.connect("127.0.0.1", port, plain=True, timeout=30):
    print("connected")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_first_call_without_a_free_descriptor_raises_and_a_later_one_works(tmp_path: Path) -> None:
    done = run(NO_DESCRIPTOR, tmp_path)
    assert (done.stdout.splitlines(), done.stderr) == (["16#80C3 True", "16#80C3 True", "connected"], "")


FORKED = """
import os, socket, warnings
warnings.simplefilter("ignore")
import ouc
from ouc import sync
listener = socket.create_server(("127.0.0.1", 0))
listener.settimeout(30)
with {opening} as thing:
    {before}
    child = os.fork()
    if child == 0:
        try:
            {use}
        except ouc.LocalProtocolError as error:
            print("forked" in str(error), flush=True)
if child == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_PORT = "listener.getsockname()[1]"
OPENINGS = {
    "connect": (f"sync.connect('127.0.0.1', {_PORT}, plain=True)", "listener.accept()", "thing.send(b'x', timeout=5)"),
    "hold": (f"sync.hold('127.0.0.1', {_PORT}, plain=True)", "thing.wait_up()", "thing.send(b'x')"),
    "serve": ("sync.serve(0, print, plain=True, host='127.0.0.1')", "", "thing.wait(timeout=5)"),
    "station": ("sync.Station()", "", "sync.connect('127.0.0.1', 1, plain=True)"),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("name", OPENINGS)
def test_a_forked_child_leaves_what_its_parent_has_opened(name: str, tmp_path: Path) -> None:
    opening, before, use = OPENINGS[name]
    port = free_port()
    program = FORKED.format(opening=opening.replace("serve(0", f"serve({port}"), before=before or "pass", use=use)
    done = run(program, tmp_path)
    assert (done.stdout.splitlines(), done.stderr) == (["True", "7"], "")


def test_a_thread_that_a_listener_blocks_is_told_instead_of_waited_for(
    partner: tuple[int, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ouc.bridge.SILENCE", 0.05)
    port, _ = partner
    released = threading.Event()
    try:
        with sync.connect("127.0.0.1", port, plain=True, timeout=LONG) as connection:
            background().call_soon(lambda: released.wait(LONG))
            with pytest.raises(ouc.LocalProtocolError, match="has not answered"):
                connection.receive(1, timeout=0.01)
            released.set()
    finally:
        released.set()
