"""A partner's name is looked at before any resolver is asked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.params import flaw_of_name

letters = st.from_regex(r"[A-Za-z_]([A-Za-z0-9_-]{0,20}[A-Za-z0-9_])?", fullmatch=True)


@given(st.lists(letters, min_size=1, max_size=5), st.booleans())
def test_an_ordinary_name_has_no_flaw(parts: list[str], dot: bool) -> None:
    assert flaw_of_name(".".join(parts) + "." * dot) == ""


@pytest.mark.parametrize(
    "name", ["bücher.example", "a-.example", "plc-1", "plc_1.plant.example.", "1st.example", "10.a", "例え.テスト"]
)
def test_names_of_the_field_have_no_flaw(name: str) -> None:
    assert flaw_of_name(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "a..b", ".a", "x" * 64, "x." * 127 + "x", "é" * 70, "\udc80.example",
        "plc\0.example", "plc\n", "plc .example", "plc\t", "plc%eth0", "plc:2000", "tls://plc", "plc/1", "user@plc",
        "a\u3002\u3002b", "010.0.0.1", "10.1", "2130706433", "0x7f000001", "0x7f.1", "127.0.0.1.", "300.1.1.1", "a.0X",
    ],
)  # fmt: skip
def test_what_no_name_server_can_know_is_told(name: str) -> None:
    assert flaw_of_name(name)


@given(st.text(max_size=400))
def test_whatever_is_accepted_can_be_asked_for_as_it_is(name: str) -> None:
    if not flaw_of_name(name):
        asked = name.removesuffix(".").encode("idna").decode()
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,253}", asked)
