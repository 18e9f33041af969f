"""Words on the command line: their mistakes have an exit status of their own, and ports and roles read as people write them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ouc.cli import cert, device, lint, partner, project, send
from ouc.cli._partners import Target, place
from ouc.cli._usage import UsageError

from ..plant import free_port
from .wire import LONG, Receiving, Serving, run

LOCAL = "127.0.0.1:0"
PLAIN = ("--plain", "--timeout", LONG)


def ouc(*words: object, program: str = "from ouc.__main__ import main; main()") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


MISTAKES: list[tuple[object, ...]] = [
    ("send", "nonsense", "--plain", "--hex", "01"),
    ("send", "127.0.0.1:0", "--plain", "--hex", "01"),
    ("send", "127.0.0.1:99999", "--plain", "--hex", "01"),
    ("send", "--plain", "--hex", "01"),
    ("send", "127.0.0.1:1", "--plain", "--hex", "0"),
    ("send", "127.0.0.1:1", "--hex", "01"),
    ("send", "127.0.0.1:1", "--plain", "--nonsense"),
    ("send", "127.0.0.1:1", "--plain", "--hex", "01", "--retry-first", "1"),
    ("send", "127.0.0.1:1", "--plain", "--hex", "01", "--hold", "--retry-first", "9", "--retry-max", "1"),
    ("serve", "nonsense", "--plain"),
    ("serve", "plc:2000", "--plain"),
    ("serve", "70000", "--plain"),
    ("receive", "--plain"),
    ("receive", "127.0.0.1:1", "--plain", "--active", "--udp"),
    ("receive", "127.0.0.1:1", "--plain", "--active", "--partner", "127.0.0.1"),
    ("receive", "1", "--plain", "--active"),
    ("nonsense",),
    ("lint", "side.db", "--profile-a", "S7-400"),
    ("lint", "side.db", "--address-a", "here"),
    ("device", "add", "plant.ouc", "PLC-1", "--profile", "nonsense 1"),
    ("cert", "new", "plant.ouc", "--usage", "nonsense"),
]


@pytest.mark.parametrize("words", MISTAKES, ids=lambda words: " ".join(map(str, words)))
def test_a_mistake_in_the_words_ends_with_2_and_one_line(words: tuple[object, ...]) -> None:
    done = ouc(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize("words", [
    ("device", "add", "plant.ouc", "PLC-1", "--address", "1.2.3.999"),
    ("device", "set", "plant.ouc", "PLC-1", "--revocation", "perhaps"),
    ("cert", "new", "plant.ouc", "--usage", "nonsense"),
    ("cert", "new", "plant.ouc", "--usage", "tls", "--key", "rsa-17"),
    ("cert", "new", "plant.ouc", "--usage", "tls", "--hash", "md5"),
    ("cert", "new", "plant.ouc", "--usage", "tls", "--san", "DNS:good", "--san", "IP:1.2.3.999"),
    ("cert", "import", "plant.ouc", "ca.pem", "--as", "friend"),
    ("cert", "assign", "plant.ouc", "5", "PLC-1", "--used-as", "hat"),
    ("cert", "export", "plant.ouc", "5", "-o", "x.pem", "--method", "rot13"),
    ("cert", "revoke", "plant.ouc", "5", "--reason", "nonsense"),
    ("project", "user", "add", "plant.ouc", "anna", "--right", "king"),
    ("lint", "side.db", "--code-page", "utf-8"),
    ("partner", "side.db", "--code-page", "cp932"),
    ("send", "127.0.0.1:1", "--plain", "--data", "side.db", "--code-page", "nonsense"),
])  # fmt: skip
def test_a_value_that_no_file_could_make_right_is_a_mistake_in_the_words(words: tuple[str, ...]) -> None:
    app = typer.Typer()
    for module in (cert, device, project, lint, partner, send):
        module.register(app)
    ran = CliRunner().invoke(app, words)
    assert isinstance(ran.exception, UsageError)
    assert ran.exception.failure.where.startswith("--")
    assert ran.exception.failure.remedy


def test_a_failure_ends_with_1() -> None:
    done = ouc("send", f"127.0.0.1:{free_port()}", "--plain", "--hex", "01")
    assert (done.returncode, done.stdout) == (1, "")
    assert "16#80C5" in done.stderr


INTERRUPTED_IMPORT = """
import sys

class Ctrl_C:
    def find_spec(self, name, *_):
        if name == {name!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Ctrl_C())
from ouc.__main__ import main
main()
"""


@pytest.mark.parametrize("name", ["ouc.cli", "typer", "ouc.errors", "cryptography", "trio"])
def test_Ctrl_C_while_the_command_is_loaded_is_one_line(name: str) -> None:
    done = ouc("version", program=INTERRUPTED_IMPORT.format(name=name))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")


@pytest.mark.parametrize(
    ("typed", "own", "meant"),
    [
        ("192.168.0.1:2000", False, Target("192.168.0.1", 2000)),
        ("plc.plant:2000", False, Target("plc.plant", 2000)),
        ("0.0.0.0:0", True, Target("0.0.0.0", 0)),
        ("2000", True, Target("0.0.0.0", 2000)),
        ("0", True, Target("0.0.0.0", 0)),
    ],
)
def test_places_read_as_people_write_them(typed: str, own: bool, meant: Target) -> None:
    assert place(typed, own=own) == meant


@pytest.mark.parametrize("typed", ["2000", "0", ":2000", "plc", "", "plc:", "plc:x", "plc:0", "plc:65536", "plc:²"])
def test_a_partner_is_a_host_and_a_port(typed: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        place(typed)


@pytest.mark.parametrize("kind", [Serving, Receiving])
def test_a_port_alone_listens_on_all_addresses(kind: type[Serving], monkeypatch: Any) -> None:
    with kind(monkeypatch, "0", *PLAIN, *(("--once",) if kind is Receiving else ("--count", 1))) as waiting:
        host, _, port = waiting.where.rpartition(":")
        assert host == "0.0.0.0"
        assert run("send", f"127.0.0.1:{port}", "--plain", "--hex", "0102").exit_code == 0
        assert "2 bytes" in waiting.until("received")


def test_a_receiver_can_dial(tmp_path: Path, monkeypatch: Any) -> None:
    greeting = tmp_path / "greeting"
    greeting.write_bytes(b"hello")
    with Serving(monkeypatch, LOCAL, *PLAIN, "--file", greeting, "--count", 1) as server:
        lines: list[str] = []
        monkeypatch.setattr("ouc.cli.receive.say", lines.append)
        ran = run("receive", server.where, "--active", "--plain", "--count", 1, "--size", 5, "--timeout", LONG)
        assert (ran.exit_code, ran.error) == (0, None)
    assert [line.partition(" ")[0] for line in lines] == ["connected", "received", "closed"]
    assert "hello" in lines[1]


def test_a_receiver_that_dials_goes_on_until_its_partner_comes(tmp_path: Path, monkeypatch: Any) -> None:
    greeting = tmp_path / "greeting"
    greeting.write_bytes(b"hello")
    port = free_port()
    quick = ("--retry-first", 0.01, "--retry-max", 0.02)
    receiver = Receiving(monkeypatch, f"127.0.0.1:{port}", "--active", *PLAIN, *quick, "--count", 1)
    receiver.begin()
    receiver.until("refused")
    with Serving(monkeypatch, f"127.0.0.1:{port}", *PLAIN, "--file", greeting, "--count", 1):
        receiver.until("connected")
        assert "hello" in receiver.until("received")
    receiver.__exit__()


LOOKING: list[tuple[str, ...]] = [
    ("lint", "{missing}"),
    ("lint", "{empty}"),
    ("project", "check", "{missing}"),
    ("project", "check", "{text}"),
    ("cert", "check", "{missing}"),
    ("cert", "check", "{text}"),
    ("db", "diff", "{missing}", "{missing}", "{missing}"),
    ("probe", "127.0.0.1:1", "--ca", "{text}"),
]


@pytest.mark.parametrize("words", LOOKING, ids=lambda words: " ".join(words))
def test_a_look_that_is_not_possible_ends_with_3(words: tuple[str, ...], tmp_path: Path) -> None:
    places = {"missing": tmp_path / "missing", "empty": tmp_path / "empty.db", "text": tmp_path / "text.ouc"}
    places["empty"].write_bytes(b"")
    places["text"].write_text("nothing that anybody could read", encoding="utf-8")
    done = ouc(*(word.format(**places) for word in words))
    assert (done.returncode, done.stdout) == (3, ""), done
    assert len(done.stderr.splitlines()) == 1
