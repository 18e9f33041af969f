"""The mutation campaign upon a small room of its own: what is tested is killed, what is not survives and is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ._mutation import Mutant, mutants
from .mutants import EXPLAINED, ROOT, Chooser, Result, campaign, draw, explained, mapped, unknown_rows

ROOM = """
from functools import cache

LIMITS = {"low": 1, "high": 3}

class Counter:
    step = 1

    def __init__(self):
        self.value = 0

    @property
    def full(self):
        return self.value >= LIMITS["high"]

    def add(self):
        if self.full:
            raise ValueError("full")
        self.value += self.step
        return self.value

@cache
def double(number):
    return number * 2

TABLE = [double(one) for one in (1, 2)]

def skip(numbers):
    found = []
    for one in numbers:
        if one < 0:
            continue
        found.append(max(one, 0))
    return found

def nobody(asks):
    return asks + 1
"""
TESTS = """
import pytest
from room import Counter, TABLE, skip

def test_a_counter_counts_to_its_limit():
    counter = Counter()
    assert [counter.add(), counter.add(), counter.add()] == [1, 2, 3]
    with pytest.raises(ValueError):
        counter.add()
    assert counter.value == 3

def test_the_table():
    assert TABLE == [2, 4]

def test_negative_ones_are_left_out():
    assert skip([1, -1, 2]) == [1, 2]
"""


ENDS = [
    ("", 'constant: 3 -> (4) | LIMITS = {"low": 1, "high": 3}', "killed"),
    ("", 'constant: 1 -> (2) | LIMITS = {"low": 1, "high": 3}', "survived"),
    ("", "constant: 1 -> (2) | step = 1", "killed"),
    ("", 'constant: "high" -> (\'highx\') | LIMITS = {"low": 1, "high": 3}', "killed"),
    ("Counter.full", "comparison: self.value >= LIMITS[\"high\"] -> (self.value > LIMITS['high'])", "killed"),
    ("Counter.add", "condition: self.full -> (not self.full)", "killed"),
    ("Counter.add", 'statement: raise ValueError("full") -> pass', "killed"),
    ("Counter.add", "statement: self.value += self.step -> pass", "killed"),
    ("Counter.add", "return: self.value -> None", "killed"),
    ("double", "arithmetic: number * 2 -> (number // 2)", "killed"),
    ("skip", "statement: continue -> pass", "killed"),
    ("skip", "comparison: one < 0 -> (one <= 0)", "survived"),
    ("nobody", "arithmetic: asks + 1 -> (asks - 1)", "unreached"),
]


# The fixture takes some seconds: in one process only.
ONCE = pytest.mark.xdist_group("mutants")


def short(mutant: Mutant) -> str:
    """The change without the line around it."""
    return mutant.mutation.partition(" | ")[0]


def named(mutant: Mutant) -> str:
    """As `ENDS` names it: with the line around it where there is no function."""
    return short(mutant) if mutant.function else mutant.mutation


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Result]:
    """What became of some changes to the room, by function and change."""
    if not hasattr(os, "fork"):
        pytest.skip("the campaign forks")
    folder = tmp_path_factory.mktemp("small")
    (folder / "room.py").write_text(ROOM)
    (folder / "test_room.py").write_text(TESTS)
    (folder / "conftest.py").write_text("import sys\nsys.path.insert(0, __file__.rpartition('/')[0])\n")
    found = mapped([folder / "room.py"], ["test_room.py"], root=folder)
    assert found["failed"] == []
    assert len(found["tests"]) == 3
    wanted = {(function, mutation) for function, mutation, _ in ENDS}
    chosen = [one for one in draw([folder / "room.py"], 1, 1000) if (one.function, named(one)) in wanted]
    told = campaign(chosen, Chooser(found, ("test_room",), 60), ["test_room.py"], root=folder)
    assert [one.mutant for one in told] == chosen
    return {(one.mutant.function, named(one.mutant)): one for one in told}


@ONCE
@pytest.mark.parametrize(("function", "mutation", "outcome"), ENDS)
def test_each_change_has_its_end(
    results: dict[tuple[str, str], Result], function: str, mutation: str, outcome: str
) -> None:
    assert results[function, mutation].outcome == outcome


@ONCE
def test_who_killed_a_change_is_told(results: dict[tuple[str, str], Result]) -> None:
    assert results["skip", "statement: continue -> pass"].by == "test_room.py::test_negative_ones_are_left_out"


@ONCE
def test_a_diff_shows_the_one_line(results: dict[tuple[str, str], Result]) -> None:
    lines = results["skip", "statement: continue -> pass"].mutant.diff(ROOM.encode()).splitlines()
    assert [line for line in lines if line.startswith("-  ")] == ["-            continue"]
    assert [line for line in lines if line.startswith("+  ")] == ["+            pass"]


# -- the changes themselves -----------------------------------------------------------------------------------------------

SOURCES = sorted(path for room in ("tls", "connection", "blocks") for path in (ROOT / "ouc" / room).glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_change_of_a_real_room_is_one_that_can_be_compiled_and_changes_something(path: Path) -> None:
    source = path.read_bytes()
    for one in mutants(source, str(path)):
        changed = one.apply(source)
        assert changed != source
        compile(changed, str(path), "exec", dont_inherit=True)


def of(text: str) -> set[str]:
    return {short(one) for one in mutants(text.encode(), "x.py")}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("x = a < b", {"comparison: a < b -> (a <= b)"}),
        ("x = a if b else c", {"condition: b -> (not b)"}),
        ("x = not a", {"unary: not a -> (a)"}),
        ("x = a and b", {"boolean: a and b -> (a or b)"}),
        ("f(a, b=c)", {"statement: f(a, b=c) -> pass", "keyword: , b=c -> "}),
        ("f(b=c, d=e)", {"statement: f(b=c, d=e) -> pass", "keyword: b=c, -> ", "keyword: , d=e -> "}),
        ("try:\n    a\nexcept B:\n    c", {"statement: a -> pass", "statement: c -> pass", "handler: c -> raise"}),
        ("x = 'word'", set()),
        ("def f():\n    return None", set()),
        ("def f():\n    return False", {"constant: False -> True"}),
        ("def f():\n    return True", {"constant: True -> False", "return: True -> None"}),
        ("x: Literal['a', 1] = y", set()),
        ("raise E(f'{a + 1}', status=2)", {
            "statement: raise E(f'{a + 1}', status=2) -> pass", "keyword: , status=2 -> ", "constant: 2 -> (3)"}),
    ],
)  # fmt: skip
def test_each_form_has_its_changes(text: str, changes: set[str]) -> None:
    assert of(text) == changes


def test_a_seed_draws_the_same_changes_again_and_another_seed_others() -> None:
    def drawn(seed: int) -> list[Mutant]:
        return draw(SOURCES, seed, 50)

    assert drawn(1) == drawn(1) != drawn(2)


# -- the table of explanations ----------------------------------------------------------------------------------------------


def test_every_explained_survivor_has_a_reason_and_one_row() -> None:
    text = EXPLAINED.read_text(encoding="utf-8")
    table = explained(EXPLAINED)
    assert text.count("[[survivor]]") == len(table)
    assert all(len(reason) > 20 for reason in table.values())


def test_a_row_for_a_change_that_cannot_be_made_any_more_is_found(tmp_path: Path) -> None:
    file = ROOT / "ouc" / "tls" / "hello.py"
    possible = mutants(file.read_bytes(), str(file))[0]
    rows = {
        ("ouc/tls/hello.py", possible.function, possible.mutation): "can be made",
        ("ouc/tls/hello.py", possible.function, "constant: 1 -> (2) | gone = 1"): "cannot",
        ("ouc/blocks/jobs.py", "", "constant: 1 -> (2) | gone = 1"): "of a room that is not looked at now",
    }
    assert unknown_rows(rows, [file]) == [("ouc/tls/hello.py", possible.function, "constant: 1 -> (2) | gone = 1")]
