"""What strangers write is shown, never obeyed: on terminals, in logs, in messages."""

from __future__ import annotations

import ast
import json
import logging
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import Failure, ParameterError
from ouc.visible import logger, visible, visible_json

ROOT = Path(__file__).parent.parent

ANY = st.text(st.characters(exclude_categories=()), max_size=40)
EVIL = {
    "ESC": "\x1b[2J\x1b]0;owned\x07", "C1": "\x9b31m", "NUL": "a\0b", "line end": "a\nerror: forged", "return": "good\revil",
    "DEL": "a\x7f", "right-to-left": "\u202egpj.exe", "isolates": "\u2066a\u2069", "mark": "a\u200e\u200f\u061c",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufeff", "soft hyphen": "pl\u00adc", "filler": "\u3164\u115f\u1160\uffa0",
    "variation": "a\ufe0f\U000e0101", "tags": "a\U000e0041", "line separator": "a\u2028b\u2029", "surrogate": "\udcff",
    "private": "\ue000", "joiner": "a\u034f", "blank": "\u2800", "Mongolian": "\u180e",
}  # fmt: skip


@pytest.mark.parametrize("kind", EVIL)
def test_what_cannot_be_seen_is_shown(kind: str) -> None:
    shown = visible(EVIL[kind])
    assert shown.isprintable()
    assert "\\" in shown
    assert visible(shown) == shown
    shown.encode()


@pytest.mark.parametrize("name", ["PLC-1/TLS", "Ofen 3 – Süd", "炉", "🏭", "Печь №1", "é", "e\u0301", "فرن", "C:\\plant"])
def test_what_can_be_seen_stays(name: str) -> None:
    assert visible(name) == name


@given(ANY)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert visible(shown) == shown


@given(st.recursive(ANY, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY, inner, max_size=3)))
def test_JSON_loses_nothing_and_shows_everything(value: object) -> None:
    text = visible_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert text.replace("\n", "").isprintable()
    # Two lone halves side by side are one character to JSON, whoever writes it.
    assert json.loads(text) == json.loads(json.dumps(value))


@given(ANY, ANY, ANY)
def test_a_failure_is_one_visible_line(what: str, where: str, remedy: str) -> None:
    failure = Failure(what, None, where, remedy)
    assert str(failure).isprintable()
    assert str(ParameterError.of(failure)) == str(failure)
    assert failure.what == what


def test_logs_show_what_is_put_into_their_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ouc.test"):
        logger("ouc.test").warning("%s: %d of %s %r", "\x1b[31mname", 3, ValueError("a\nb"), None)
    assert caplog.messages == ["\\x1b[31mname: 3 of a\\nb None"]
    assert logger("ouc.test") is logger("ouc.test")
    assert len(logger("ouc.test").filters) == 1


def test_every_log_of_the_library_is_one_that_shows() -> None:
    for path in sorted((ROOT / "ouc").rglob("*.py")):
        if path.name != "visible.py" and path != ROOT / "ouc" / "__init__.py":
            assert "getLogger" not in path.read_text(encoding="utf-8"), path


# Where strings may go to a terminal: all else goes through these.
EDGES = {"_show.py", "_projects.py", "partner.py"}


def test_no_command_prints_by_other_means() -> None:
    for path in sorted((ROOT / "ouc" / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and path.name not in EDGES:
                called = ast.unparse(node.func)
                assert called not in ("print", "typer.echo", "typer.secho", "sys.stdout.write", "Console"), (path, called)
