"""The public face: every promised name is there, and comes from where it lives."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ouc


@pytest.mark.parametrize("name", ouc.__all__)
def test_every_public_name_can_be_had_and_is_listed(name: str) -> None:
    assert getattr(ouc, name) is not None
    assert name in dir(ouc)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'TSEND_D'"):
        getattr(ouc, "TSEND_D")  # noqa: B009


def test_reading_data_blocks_loads_neither_TLS_nor_trio() -> None:
    code = "import sys, ouc.s7, ouc.source; print([m for m in ('OpenSSL', 'trio', 'cryptography') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"
