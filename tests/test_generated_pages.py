"""Pages that are made of the code say what the code says now."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import do

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("page", do.GENERATED)
def test_a_generated_page_is_what_the_code_says(page: str) -> None:
    module, _, function = do.GENERATED[page].partition(":")
    text = getattr(importlib.import_module(module), function)()
    assert (ROOT / page).read_text(encoding="utf-8") == text, "python3 do.py docs --write"
