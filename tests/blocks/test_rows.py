"""Every row of the block reference has a test that holds it."""

from __future__ import annotations

import pytest

# Importing them is what fills the list.
from . import test_compact, test_datagrams, test_jobs, test_legacy, test_messages, test_settings
from .rows import HELD, NOT_MODELLED, ROWS, row

MODULES = (test_compact, test_datagrams, test_jobs, test_legacy, test_messages, test_settings)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_row_is_held_by_a_test_that_exists(name: str) -> None:
    tests = {f"{module.__name__}.{test}" for module in MODULES for test in vars(module) if test.startswith("test_")}
    assert HELD.get(name), f"no test holds the row {name!r}"
    assert set(HELD[name]) <= tests


def test_a_row_that_does_not_exist_cannot_be_held() -> None:
    with pytest.raises(LookupError):
        row("2.5 no such row")


def test_what_is_not_modelled_is_no_row() -> None:
    assert not ROWS & set(NOT_MODELLED)
