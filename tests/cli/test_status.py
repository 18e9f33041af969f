"""`ouc status`."""

from __future__ import annotations

import pytest

from ouc.errors import ParameterError
from ouc.status import BLOCKS, ROWS, Status, of_block

from .commands import run


@pytest.mark.parametrize("spelling", ["80E4", "16#80e4", "W#16#80E4", "0x80E4"])
def test_a_word_is_explained_with_causes_and_remedy(spelling: str) -> None:
    ran = run("status", spelling)
    assert ran.exit_code == 0
    assert "16#80E4  TLS: no valid certification authority was found" in ran.stdout
    assert "'Certificates of the partner devices'" in ran.stdout


def test_a_word_for_machines_has_the_whole_row() -> None:
    found = run("status", "80EB", "--json").json
    assert found["status"] == "16#80EB"
    assert found["error"] is True
    assert found["blocks"][0] == "TCON"
    assert {"TSEND_C", "TRCV_C"} <= set(found["blocks"])
    assert found["remedy"]


def test_a_word_that_nobody_explains_is_said_to_be_unknown() -> None:
    assert run("status", "80EF", "--json").json["known"] is False


def test_all_words_are_listed() -> None:
    listed = run("status", "--all", "--json").json
    assert [row["status"] for row in listed] == [str(code) for code in sorted(ROWS)]
    assert "16#80E4" in run("status", "--all").stdout


def test_the_words_of_one_block_are_listed() -> None:
    listed = run("status", "--block", "tsend", "--json").json
    assert [row["status"] for row in listed] == [str(row.code) for row in of_block("TSEND")]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["zz"], "no STATUS word"),
        (["80E4", "--all"], "--all is every word"),
        ([], "nothing to explain"),
        (["--block", "TSENDX"], "there is no block"),
    ],
)
def test_a_mistake_is_one_error_with_a_remedy(arguments: list[str], part: str) -> None:
    error = run("status", *arguments).error
    assert isinstance(error, ParameterError)
    assert part in str(error)


def test_a_word_names_every_block_whose_list_has_it() -> None:
    for block in ("TSEND_C", "TRCV_C", "TCON", "T_DIAG"):
        for row in run("status", "--block", block, "--json").json:
            assert block in row["blocks"]
    assert "TSEND_C" in run("status", "80E4").stdout


@pytest.mark.parametrize("block", BLOCKS)
def test_a_word_of_a_block_is_explained_as_the_word_is_and_the_block_that_does_not_show_it_is_told(block: str) -> None:
    shown = of_block(block)
    for row in (shown[0], shown[-1], ROWS[Status(0x80E4)]):
        ran = run("status", str(row.code), "--block", block)
        assert ran.exit_code == 0
        assert ran.stdout == run("status", str(row.code)).stdout
        assert (f"{block} does not show {row.code}" in ran.stderr) == (row not in shown)
