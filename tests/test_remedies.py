"""Whoever gets an error is told what to do: no error is made without a remedy, but for those that are counted here."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import ouc
from ouc import errors

ROOT = Path(ouc.__file__).parent
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.OUCError)}

# Errors without a remedy by room, to be lowered whenever one gets its remedy: mistakes in a program that say themselves what is
# wrong, and what a partner's bytes or its going raise deep inside, where whoever knows the partner adds the remedy.
WITHOUT = {
    "api": 3,
    "blocks": 9,
    "bridge.py": 1,
    "certs": 1,
    "cli": 3,
    "connection": 2,
    "params": 1,
    "s7": 26,
    "source": 5,
    "station": 2,
    "tls": 14,
    "transport": 3,
    "wire": 7,
}


def _without(file: Path) -> int:
    calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
    made = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id in {*KINDS, "UsageError"}]
    return sum(not {"remedy", None} & {word.arg for word in node.keywords} for node in made)


@pytest.mark.parametrize("room", sorted({file.relative_to(ROOT).parts[0] for file in ROOT.rglob("*.py")}))
def test_an_error_has_a_remedy(room: str) -> None:
    files = [ROOT / room] if room.endswith(".py") else list((ROOT / room).rglob("*.py"))
    found = Counter({file.relative_to(ROOT).as_posix(): _without(file) for file in files})
    assert found.total() <= WITHOUT.get(room, 0), {name: count for name, count in found.items() if count}
