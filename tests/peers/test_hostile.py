"""Hostile clients against our server, judged by what pyOpenSSL alone makes of the same bytes.

`python -m tests.soak.fuzz_tls` is the long form.
"""

from __future__ import annotations

import pytest
import trio

from . import hostile, keyed
from .live import assail, then_serve

# Kills what hangs; nothing is measured by it.
LIMIT = 30

SCRIPTS = hostile.scripts()
with_tlslite = pytest.mark.skipif(not keyed.available(), reason="tlslite-ng is not installed (pip install tlslite-ng)")
# Finished, new hellos and changing keys; the rest is for the long form.
KEYED = [key for key in keyed.scripts() if "key update" in key[0] or "Finished" in key[0] or "hello" in key[0]]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_hostile_hello_comes_out_as_at_a_plain_server(name: str) -> None:
    ours, plain = hostile.ours(SCRIPTS[name]), hostile.plain(SCRIPTS[name])
    if name in hostile.STRICTER:
        assert ours.failed
    else:
        assert ours == plain
    # An alert of the partner ends a connection, everything else is an error of TLS.
    assert ours.status in ({0x80C5, *range(0x80E0, 0x80E8)} if ours.failed else {0})


def test_three_hundred_bent_hellos_come_out_as_at_a_plain_server() -> None:
    answered = 0
    for pieces in hostile.mutants(seed=20, number=300):
        ours = hostile.ours(pieces)
        assert ours == hostile.plain(pieces), pieces
        answered += ours.answered
    assert 0 < answered < 300


@with_tlslite
@pytest.mark.parametrize(("name", "version"), KEYED, ids=[f"{name}, TLS 1.{minor - 1}" for name, (_, minor) in KEYED])
def test_a_client_that_breaks_the_rules_under_the_keys_comes_out_as_at_a_plain_server(
    name: str, version: tuple[int, int]
) -> None:
    script = keyed.scripts()[name, version]
    ours = keyed.carry_out(script, hostile.Ours(demand=False), version)
    plain = keyed.carry_out(script, hostile.Plain(demand=False), version)
    if name in hostile.STRICTER:
        assert ours.failed
        assert not plain.failed
    else:
        assert ours == plain


async def test_after_all_hostile_hellos_PLC_1_serves_PLC_2() -> None:
    with trio.fail_after(LIMIT):
        assert await then_serve(lambda port: assail(port, list(SCRIPTS.values()))) == len(SCRIPTS)
