"""The pages about data blocks: tables made from the code, examples that run."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ouc.cli import db
from ouc.s7.page import page

DOCS = Path(__file__).parent.parent.parent / "docs"
HOW_TO = (DOCS / "how-to" / "use-data-blocks.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", HOW_TO, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _beside_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (Path(str(files("emulator"))) / "example").glob("*.db"):
        shutil.copy(source, tmp_path)
    monkeypatch.chdir(tmp_path)


def test_the_page_of_types_is_made_from_the_types() -> None:
    assert (DOCS / "reference" / "data-types.md").read_text("utf-8") == page()


def test_Python_in_the_page_runs() -> None:
    examples = [text for kind, text in BLOCKS if kind == "python"]
    assert len(examples) == 6
    for example in examples:
        exec(compile(example, "use-data-blocks.md", "exec"), {})


def test_commands_in_the_page_write_what_the_page_shows() -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    db.register(app)
    examples = [text for kind, text in BLOCKS if kind == "console"]
    assert len(examples) == 2
    for example in examples:
        command, _, shown = example.partition("\n")
        result = CliRunner().invoke(app, shlex.split(command.removeprefix("$ ouc ")))
        assert (result.exit_code, result.stdout) == (0, shown)
