"""The page about the command line on the wire: its commands are run, one end waiting and the other one coming."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from emulator.published import CLIENT, SERVER, example_file

from ..plant import free_port
from .wire import PASSWORD, Receiving, Serving, plant_file, run

PAGE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "send-and-receive-from-the-command-line.md"
BLOCK = re.compile(r"^```console\n\$ ouc (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = BLOCK.findall(PAGE.read_text("utf-8"))
PAIRS = list(zip(COMMANDS[::2], COMMANDS[1::2], strict=True))


def same(text: str) -> list[str]:
    """What was shown, without the ports that the system chose."""
    return [re.sub(r"(\d+\.\d+\.\d+\.\d+):\d+", r"\1:PORT", line) for line in text.splitlines()]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair[0][0])[:60])
def test_both_ends_of_the_page_write_what_the_page_shows(pair: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (waiting, shown_there), (coming, shown_here) = pair
    monkeypatch.chdir(tmp_path)
    port = str(free_port())
    for name in (SERVER, CLIENT, "Send_Data.db", "Received_Data.db"):
        text = example_file(name).read_text("utf-8-sig")
        Path(name).write_text(text.replace("Port := 2000", f"Port := {port}"), "utf-8-sig")
    if "--project" in waiting:
        plant_file(tmp_path)
        # PLC-1 and PLC-2 are on this computer.
        monkeypatch.setenv("OUC_PROJECT_PASSWORD", PASSWORD)
        monkeypatch.setenv("OUC_LOOPBACK", "127.0.0.0/24")
    name, *there = shlex.split(waiting)
    runner = {"serve": Serving, "receive": Receiving}[name]
    with_port = [re.sub(r":(2000|1102)$", f":{port}", one) for one in there]
    with runner(monkeypatch, *with_port, "--timeout", 30) as end:
        ran = run(*(re.sub(r":(2000|1102)$", f":{port}", one) for one in shlex.split(coming)))
    assert (ran.exit_code, ran.error) == (0, None)
    assert same(ran.stdout) == same(shown_here)
    assert same("\n".join([f"listening {end.where}", *end.rest()])) == same(shown_there)


def test_every_command_and_every_option_of_its_own_stands_in_the_page() -> None:
    text = PAGE.read_text("utf-8")
    for option in (
        "--connect", "--data", "--set", "--iso", "--local-tsap", "--remote-tsap", "--partner", "--udp", "--local-port",
        "--size", "--count", "--output", "--hex", "--json", "--once", "--hold", "--repeat", "--when-down", "--echo", "--plain",
    ):  # fmt: skip
        assert option in text
    assert {command.partition(" ")[0] for command, _ in COMMANDS} == {"send", "receive", "serve"}
