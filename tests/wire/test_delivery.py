"""Receive jobs over a stream of bytes: order and content are exact under any segmentation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ouc.wire import Delivery, Inbox

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=30)


@given(PIECES, st.integers(1, 50))
def test_fixed_length_jobs_cut_the_stream_into_equal_pieces_and_lose_nothing(pieces: list[bytes], size: int) -> None:
    inbox = Inbox(10_000)
    got = bytearray()
    for piece in pieces:
        inbox.put(piece)
        area = bytearray(size)
        while taken := inbox.take(memoryview(area), Delivery.FIXED_LENGTH):
            assert taken == size
            got += area
    whole = b"".join(pieces)
    assert bytes(got) == whole[: len(whole) // size * size]
    assert len(inbox) == len(whole) % size


@given(PIECES, st.integers(1, 50))
def test_ad_hoc_jobs_deliver_every_byte_in_order_and_never_more_than_the_area(pieces: list[bytes], size: int) -> None:
    inbox = Inbox(10_000)
    got = bytearray()
    for piece in pieces:
        inbox.put(piece)
        area = bytearray(size)
        while taken := inbox.take(memoryview(area), Delivery.AD_HOC):
            assert 1 <= taken <= size
            got += area[:taken]
    assert bytes(got) == b"".join(pieces)


@given(st.integers(1, 100), st.integers(0, 300))
def test_the_room_is_the_buffer_or_what_a_larger_job_still_needs(limit: int, wanted: int) -> None:
    inbox = Inbox(limit)
    inbox.want(wanted)
    assert inbox.room == max(limit, wanted)
    inbox.put(bytes(inbox.room))
    assert inbox.room == 0


def test_a_job_that_ends_while_a_read_is_under_way_leaves_no_room_and_loses_nothing() -> None:
    inbox = Inbox(10)
    inbox.want(100)
    allowed = inbox.room
    inbox.want(0)
    inbox.put(bytes(allowed))
    assert inbox.room < 0
    area = bytearray(100)
    assert inbox.take(memoryview(area), Delivery.AD_HOC) == 100
    assert inbox.room == 10


def test_an_incomplete_fixed_length_job_copies_nothing() -> None:
    inbox = Inbox(100)
    inbox.put(b"abc")
    area = bytearray(b"....")
    assert inbox.take(memoryview(area), Delivery.FIXED_LENGTH) == 0
    assert area == b"...."
    assert len(inbox) == 3


def test_clear_tells_how_much_was_thrown_away() -> None:
    inbox = Inbox(100)
    inbox.put(b"abc")
    assert inbox.clear() == 3
    assert len(inbox) == 0
