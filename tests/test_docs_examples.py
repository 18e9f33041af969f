"""The programs that the documentation shows do what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"

# They use the published port 2000; two at once would meet there.
pytestmark = pytest.mark.xdist_group("plant")


def run(name: str, folder: Path) -> str:
    """Run an example in a folder of its own; gives what it printed."""
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_by_reference(tmp_path: Path) -> None:
    assert run("by_reference.py", tmp_path) == "Hello World!\n"


def test_send_like_a_plc(tmp_path: Path) -> None:
    assert run("send_like_a_plc.py", tmp_path) == "16#0000 sent\n" * 3 + "message 3\n"


def test_the_first_connection_of_the_tutorial(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "plc_1.py")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, encoding="utf-8") as plc_1:
        assert plc_1.stdout is not None
        try:
            assert plc_1.stdout.readline() == "PLC-1 waits on 127.0.0.1:2000\n"
            assert "TLS 1.3" in run("first_connection.py", tmp_path)
            assert plc_1.stdout.readline() == "Received_Data: Var1 = True, Var2 = 'Hello World!'\n"
        finally:
            plc_1.terminate()


def test_the_tutorial_s_program_has_at_most_15_lines_and_is_shown_as_it_runs() -> None:
    program = (EXAMPLES / "first_connection.py").read_text(encoding="utf-8")
    assert len([line for line in program.splitlines() if line.strip()]) <= 15
    tutorial = (EXAMPLES.parent / "tutorial" / "first-connection.md").read_text(encoding="utf-8")
    assert program.strip() in tutorial
