"""What messages say of refused values: STEP 7's words or plain ones, never Python's."""

from __future__ import annotations

import ast
import datetime as dt
import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ouc
from ouc.errors import ParameterError
from ouc.params import STRUCTURES
from ouc.s7 import DTL, S5Time, Unfit, find, quoted, shown, typeof
from ouc.s7.clock import TIMES
from ouc.s7.scalars import HARDWARE_TYPES, NUMBERS

ROOMS = [Path(ouc.__file__).parent / name for name in ("source", "s7", "params", "profiles.py", "status.py")]
FILES = [file for room in ROOMS for file in (sorted(room.rglob("*.py")) if room.is_dir() else [room])]
#: Functions that write Python or numbers, which is what they are for.
WRITERS = {"__repr__", "_python", "_write_real"}

STRANGE: list[Any] = [
    dt.timedelta(days=900), dt.datetime(1200, 1, 1), dt.date(1200, 1, 1), dt.time(1), IPv4Address("1.2.3.4"),
    IPv6Address("::1"), b"abc", bytearray(b"a" * 40), memoryview(b"ab"),
    S5Time(5), DTL(2000, 1, 1), None, [1, 2], (1,), {"a": 1}, {1},
    object(), 5j, int, len, "it's", 'a "b"', "a\x1b[2J\u202e", "x" * 500, 10**400, -(10**9), 1.5, float("nan"), True, range(3),
]  # fmt: skip
PYTHON = re.compile(
    r"datetime|IPv\dAddress|bytearray|\bb'|memory|<|object at|\bNone\b|\\x[0-9a-f]{2}.*b'|S5Time\(|DTL\(|\bTrue\b|\{"
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-2:]))
def test_no_message_asks_python_how_a_value_looks(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    writers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in WRITERS]
    allowed = {id(node) for writer in writers for node in ast.walk(writer)}
    for node in ast.walk(tree):
        if id(node) in allowed or not isinstance(node, ast.expr):
            continue
        assert not (isinstance(node, ast.FormattedValue) and node.conversion in (ord("r"), ord("a"))), node.lineno
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("repr", "ascii")
        assert not called, node.lineno
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, str) and "!r}" in node.value), node.lineno


@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
def test_a_refused_value_is_shown_without_python(value: Any) -> None:
    names = [*(one.name for table in (NUMBERS, HARDWARE_TYPES, TIMES) for one in table.values()), "Bool", "Char", "WChar"]
    for name in [*names, "String[3]", "WString[3]", "IP_V4", "POINTER", "ANY", "IEC_TIMER", "Array[0..4] of Int"]:
        kind = typeof(name) if find(name) is None else find(name)
        assert kind is not None
        try:
            kind.write(bytearray(max(kind.size, 16)), 0, value)
        except Unfit as refusal:
            assert not PYTHON.search(refusal.reason.replace(shown(value), "")), refusal.reason
            assert len(refusal.reason) < 350
    text = shown(value)
    assert "\x1b" not in text
    assert len(text) <= 104
    if not isinstance(value, str):
        assert not PYTHON.search(text), text


@pytest.mark.parametrize("kind", STRUCTURES.values(), ids=STRUCTURES)
@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
def test_a_structure_refuses_a_member_without_python(kind: Any, value: Any) -> None:
    for slot in kind.layout():
        try:
            kind(**{slot.name: value})
        except ParameterError as error:
            assert not PYTHON.search(str(error).replace(shown(value), "")), str(error)


@given(st.text(max_size=300))
def test_a_text_is_shown_whole_or_clipped_and_harmless(text: str) -> None:
    told = quoted(text)
    assert told[0] == told[-1]
    assert told[0] in "'\""
    assert told.isprintable()
    assert len(told) <= 102
