"""The pages about connection descriptions: their examples are run, their tables are made from the code."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from emulator.published import CLIENT, SERVER, example_file
from ouc.params.page import page

from .commands import run

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ("how-to/check-connections.md", "how-to/describe-the-other-side.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _among_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SERVER, CLIENT, "Send_Data.db", "Received_Data.db"):
        shutil.copy(example_file(name), tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_a_page_write_what_the_page_shows(name: str) -> None:
    blocks = [text for kind, text in BLOCK.findall((DOCS / name).read_text("utf-8")) if kind == "console"]
    assert blocks
    for block in blocks:
        command, _, shown = block.partition("\n")
        ran = run(*shlex.split(command.removeprefix("$ ouc ")))
        assert (ran.exit_code, ran.error, ran.stderr) == (0, None, "")
        assert ran.stdout == shown


@pytest.mark.parametrize("name", PAGES)
def test_Python_in_a_page_runs(name: str) -> None:
    blocks = [text for kind, text in BLOCK.findall((DOCS / name).read_text("utf-8")) if kind == "python"]
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec"), {})


def test_the_page_of_structures_and_rules_is_made_from_the_declarations() -> None:
    assert (DOCS / "reference" / "connection-descriptions.md").read_text("utf-8") == page()
