"""The live line: there on a terminal, and nothing of it anywhere else."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from ouc.cli import _screen, _show
from ouc.cli._screen import Screen
from ouc.errors import Failure
from ouc.status import Status

from .wire import LONG, Receiving, run

PLAIN = ("--plain", "--timeout", LONG)


@pytest.fixture
def terminal(monkeypatch: Any) -> io.StringIO:
    """What a terminal of 120 columns gets."""
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=True, width=120, highlight=False, color_system=None)
    for module in (_screen, _show):
        monkeypatch.setattr(module, "console", console)
    monkeypatch.setenv("TERM", "xterm")
    return seen


def test_a_terminal_shows_a_line_that_lives(terminal: io.StringIO, monkeypatch: Any) -> None:
    with Receiving(monkeypatch, "127.0.0.1:0", *PLAIN, "--size", 2, "--count", 1, "--json") as receiver:
        ran = run("send", receiver.where, "--plain", "--hex", "0102")
    assert ran.exit_code == 0
    assert "0 messages · 0 bytes sent · 0 received · 0 bytes/s" in terminal.getvalue()
    assert f"2 bytes sent to {receiver.where} (plain TCP)" in terminal.getvalue()
    assert ran.stdout == ""


def test_JSON_on_a_terminal_is_JSON_alone(terminal: io.StringIO, monkeypatch: Any) -> None:
    with Receiving(monkeypatch, "127.0.0.1:0", *PLAIN, "--size", 2, "--count", 1, "--json") as receiver:
        assert run("send", receiver.where, "--plain", "--hex", "0102", "--json").exit_code == 0
    assert json.loads(terminal.getvalue())["sent"] == 2


def test_what_is_no_terminal_gets_the_summary_alone(monkeypatch: Any) -> None:
    with Receiving(monkeypatch, "127.0.0.1:0", *PLAIN, "--size", 2, "--count", 1) as receiver:
        ran = run("send", receiver.where, "--plain", "--hex", "0102")
    assert ran.stdout == f"2 bytes sent to {receiver.where} (plain TCP)\n"


def test_the_line_tells_state_numbers_rate_and_the_last_failure() -> None:
    screen = Screen(say=lambda _: None, state="connected 192.168.0.1:2000", messages=1204, sent=310_632, received=7)
    screen.failure = Failure("lost", Status(0x80C5))
    assert screen.summary(12_345.0) == (
        "connected 192.168.0.1:2000 · 1,204 messages · 310,632 bytes sent · 7 received · 12.3 kB/s · last failure 16#80C5"
    )


@pytest.mark.parametrize(("rate", "shown"), [(0.0, "0 bytes/s"), (2.5e6, "2.5 MB/s"), (2.5e12, "2500.0 GB/s")])
def test_rates_have_units_a_person_reads(rate: float, shown: str) -> None:
    assert Screen(say=lambda _: None).summary(rate).endswith(shown)
