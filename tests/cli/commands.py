"""Commands run inside the test's process, as the `ouc` command would run them."""

from __future__ import annotations

import json
from typing import Any

import attrs
import typer
from typer.testing import CliRunner

from ouc.cli import lint, partner, status


@attrs.frozen
class Ran:
    """What a command left behind.

    Attributes:
        exit_code: The exit status.
        stdout, stderr: What it wrote.
        error: What it raised instead of ending by itself.
    """

    exit_code: int
    stdout: str
    stderr: str
    error: BaseException | None

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def run(*arguments: object, env: dict[str, str] | None = None) -> Ran:
    """Run one of the commands of this room's tests."""
    app = typer.Typer()
    for module in (lint, partner, status):
        module.register(app)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=env)
    # Typer's way out is no error of the command.
    error = None if isinstance(result.exception, SystemExit) else result.exception
    return Ran(result.exit_code, result.stdout, result.stderr, error)
