"""Images that nobody vouches for: a value and findings, or one ParameterError, and never anything else.

`OUC_SOAK=1` reads a million of them.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.params import STRUCTURES, Description, Side, check, compare, decode, partner
from ouc.profiles import NAMES
from ouc.s7 import Structure

KINDS = tuple(STRUCTURES.values())
COUNT = 1_000_000 if os.environ.get("OUC_SOAK") == "1" else 3_000


@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_an_image_of_the_wrong_length_is_refused_with_both_lengths(kind: type[Structure], image: bytes) -> None:
    if len(image) in {kind.SIZE, *kind.LENGTHS}:
        return
    with pytest.raises(ParameterError, match=str(len(image))) as caught:
        kind.from_bytes(image)
    assert str(kind.SIZE) in str(caught.value)


def test_a_member_that_cannot_be_read_is_told_with_its_byte() -> None:
    image = bytearray(STRUCTURES["TCON_QDN_SEC"]().to_bytes())
    image[6:8] = b"\x05\xff"
    with pytest.raises(ParameterError) as caught:
        decode("tcon_qdn_sec", bytes(image))
    assert caught.value.failure.where == "TCON_QDN_SEC.ConnPara.remote_qdn, byte 6"


def test_an_image_of_an_unknown_structure_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParameterError, match="TCON_IP_V4_SEC"):
        decode("TCON_XYZ", b"")


def test_random_images_give_findings_or_one_ParameterError() -> None:
    chance = random.Random(20240115)
    decoded = refused = 0
    for _ in range(COUNT):
        name = chance.choice(tuple(STRUCTURES))
        kind = STRUCTURES[name]
        size = chance.choice((kind.SIZE, kind.SIZE, kind.SIZE, *kind.LENGTHS, chance.randrange(320)))
        image = chance.randbytes(size)
        if chance.random() < 0.5:
            # Half of them are start values with a few bytes disturbed: these get past the first member.
            image = _disturbed(bytearray(kind.layout().blank[:size].ljust(size, b"\0")), chance)
        try:
            value = decode(name, image)
        except ParameterError as error:
            assert name in error.failure.where
            refused += 1
            continue
        decoded += 1
        assert kind.from_bytes(value.to_bytes()) == value
        if isinstance(value, Description):
            _judge(value, chance)
    assert decoded
    assert refused


def _disturbed(image: bytearray, chance: random.Random) -> bytes:
    for _ in range(min(len(image), chance.randrange(1, 6))):
        image[chance.randrange(len(image))] = chance.randrange(256)
    return bytes(image)


def _judge(value: Description, chance: random.Random) -> None:
    alone = check(value, profile=chance.choice(NAMES))
    assert all(finding.status is not None for finding in alone)
    try:
        other = partner(value)
    except ParameterError as error:
        assert error.status == 0x809A
        return
    compare(Side(description=value), Side(description=other))
