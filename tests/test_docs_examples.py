"""The programs that the documentation shows do what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from .plant import ALONE

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"

# They use the published port 2000: each in a plant network of its own, and on macOS one after the other.
pytestmark = pytest.mark.xdist_group("plant")
ENVIRONMENT = {**os.environ, "OUC_LOOPBACK": ALONE}


def run(name: str, folder: Path) -> str:
    """Run an example in a folder of its own; gives what it printed."""
    program = folder / name
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    program.write_text(text.replace("127.0.0.1", str(loopback_address())), encoding="utf-8")
    command = [sys.executable, "-P", str(program)]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loopback_address() -> IPv4Address:
    """Where PLC-1 is in these tests; its own programs say 127.0.0.1."""
    return IPv4Address("127.0.0.1") if sys.platform == "darwin" else IPv4Network(ALONE)[1]


def test_by_reference(tmp_path: Path) -> None:
    assert run("by_reference.py", tmp_path) == "Hello World!\n"


def test_send_like_a_plc(tmp_path: Path) -> None:
    assert run("send_like_a_plc.py", tmp_path) == "16#0000 sent\n" * 3 + "message 3\n"


def test_break_the_wire(tmp_path: Path) -> None:
    said = "PLC-2 was told 16#80C5\nPLC-1 was told 16#80C5\nconnections: 2\n"
    assert run("break_the_wire.py", tmp_path) == said
    assert said in (EXAMPLES.parent / "how-to" / "break-the-wire.md").read_text(encoding="utf-8")


def test_datagrams_like_a_plc(tmp_path: Path) -> None:
    assert run("datagrams_like_a_plc.py", tmp_path) == "Hello World! from 192.168.0.2 port 2000\n"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")
def test_step_by_step(tmp_path: Path) -> None:
    assert run("step_by_step.py", tmp_path) == "12 b'Hello World!'\nState 4 SentBytes 12\n16#0000\n"


def test_the_first_connection_of_the_tutorial(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "plc_1.py")]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=ENVIRONMENT
    ) as plc_1:
        assert plc_1.stdout is not None
        try:
            assert plc_1.stdout.readline() == "PLC-1 waits on 127.0.0.1:2000\n"
            assert "TLS 1.3" in run("first_connection.py", tmp_path)
            assert plc_1.stdout.readline() == "Received_Data: Var1 = True, Var2 = 'Hello World!'\n"
            # A second PLC-1 finds the port taken, says so, and leaves the first one's files alone.
            before = (tmp_path / "ca.pem").read_bytes()
            second = subprocess.run(
                command,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=60,
                check=False,
                env=ENVIRONMENT,
            )
            assert (second.returncode, second.stdout) == (1, "")
            assert "16#80A1" in second.stderr
            assert "Traceback" not in second.stderr
            assert (tmp_path / "ca.pem").read_bytes() == before
            if os.name != "nt":
                plc_1.send_signal(signal.SIGINT)
                assert plc_1.stdout.readline() == "PLC-1 is off\n"
        finally:
            plc_1.terminate()


PROGRAMS = ["send_to_a_plc", "receive_from_a_plc", "without_async", "under_asyncio"]


@pytest.mark.skipif(os.name == "nt", reason="the server is ended by a signal")
def test_the_five_programs_of_the_how_to_talk_to_each_other(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "plc_1.py")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as plc_1:
        # It leaves the files that the page names.
        assert plc_1.stdout is not None
        assert plc_1.stdout.readline() == "PLC-1 waits on 127.0.0.1:2000\n"
        plc_1.send_signal(signal.SIGINT)
    server = tmp_path / "be_the_server.py"
    text = (EXAMPLES / server.name).read_text(encoding="utf-8").replace("127.0.0.1", str(loopback_address()))
    server.write_text(text, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-u", "-P", str(server)], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as running:
        assert running.stdout is not None
        try:
            # The first one waits for the server; the others find it there.
            for name in PROGRAMS:
                assert run(f"{name}.py", tmp_path) == "b'thank you'\n"
                assert "bytes from" in running.stdout.readline()
            running.send_signal(signal.SIGINT)
            assert "the server is off" in running.stdout.read()
        finally:
            running.terminate()


@pytest.mark.parametrize("name", [*PROGRAMS, "be_the_server"])
def test_the_programs_of_the_how_to_have_at_most_15_lines_and_are_shown_as_they_run(name: str) -> None:
    program = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert len([line for line in program.splitlines() if line.strip()]) <= 15
    assert program.strip() in (EXAMPLES.parent / "how-to" / "write-programs.md").read_text(encoding="utf-8")


def test_the_tutorial_s_program_has_at_most_15_lines_and_is_shown_as_it_runs() -> None:
    program = (EXAMPLES / "first_connection.py").read_text(encoding="utf-8")
    assert len([line for line in program.splitlines() if line.strip()]) <= 15
    tutorial = (EXAMPLES.parent / "tutorial" / "first-connection.md").read_text(encoding="utf-8")
    assert program.strip() in tutorial
