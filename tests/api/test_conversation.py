"""Receiving as every kind of connection has it, upon pieces that are a list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import trio

from ouc.api.conversation import Conversation
from ouc.api.establishments import Establishments
from ouc.errors import ConnectionLost, OUCError


class Listed(Conversation):
    """A conversation that receives what is in its list, then the end."""

    def __init__(self, *pieces: bytes, protocol: str = "") -> None:
        link: Any = SimpleNamespace(endpoint=SimpleNamespace(protocol=protocol), connection_id=1)
        super().__init__(link)
        self.pieces = list(pieces)

    async def _hand_over(self, data: memoryview) -> None:
        raise AssertionError("nobody sends here")

    async def _arrived(self, limit: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.pieces.pop(0) if self.pieces else b""

    @property
    def partner(self) -> str:
        return "192.168.0.1:2000"

    @property
    def tls(self) -> None:
        return None

    @property
    def established(self) -> bool:
        return bool(self.pieces)


async def test_no_more_than_the_limit_is_given_at_once_and_the_rest_comes_next() -> None:
    conversation = Listed(b"abcdef", b"gh")
    got = [await conversation.receive_some(limit) for limit in (2, 3, 10, 10)]
    assert got == [b"ab", b"cde", b"f", b"gh"]


async def test_what_was_given_back_is_cut_to_the_limit_too() -> None:
    conversation = Listed(b"tail")
    conversation.give_back(b"abc")
    assert [await conversation.receive_some(2), await conversation.receive(5)] == [b"ab", b"ctail"]


async def test_bytes_of_a_receive_that_the_end_cut_short_can_still_be_had() -> None:
    conversation = Listed(b"abc", b"de")
    with pytest.raises(ConnectionLost):
        await conversation.receive(6)
    assert conversation.incomplete
    assert await conversation.receive_some() == b"abcde"
    with pytest.raises(ConnectionLost):
        await conversation.receive_some()


@pytest.mark.parametrize("size", [2, 4])
async def test_a_message_of_another_length_stays_for_whoever_takes_it_as_it_is(size: int) -> None:
    conversation = Listed(b"abc", b"next", protocol="ISO-on-TCP")
    with pytest.raises(OUCError) as caught:
        await conversation.receive(size)
    assert caught.value.status == 0x8088
    assert [await conversation.receive_message(), await conversation.receive(4)] == [b"abc", b"next"]


def test_an_establishment_that_gets_something_back_is_the_next_to_be_received_from() -> None:
    kept = Establishments()
    for number in (1, 2, 3):
        coming: Any = SimpleNamespace(number=number, established=number == 3, unread=5, shown=True)
        kept.begin(coming)
    first, second, third = kept
    assert kept.source() is first
    kept.done_with(first)
    assert kept.source() is second
    kept.done_with(second)
    assert kept.source() is third
    kept.not_done_with(second)
    assert kept.source() is second
    kept.not_done_with(first)
    assert kept.source() is first
    # Going back is no going on.
    kept.not_done_with(second)
    assert kept.source() is first
