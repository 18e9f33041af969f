"""What stands at a DATA pin, and how much of it a job moves."""

from __future__ import annotations

from typing import Any

import pytest

from ouc.connection.area import area, job_length, same_area
from ouc.errors import ParameterError


def status(call: Any) -> int:
    with pytest.raises(ParameterError) as caught:
        call()
    return int(caught.value.status or 0)


class Imaged:
    """As a DataBlock: its bytes are behind `image`."""

    def __init__(self, image: Any) -> None:
        self.image = image


@pytest.mark.parametrize("data", [b"abc", bytearray(b"abc"), memoryview(b"abc"), Imaged(bytearray(b"abc"))])
def test_anything_with_bytes_is_an_area(data: Any) -> None:
    found = area(data)
    assert (len(found), found.readable(2), found.readable(9)) == (3, b"ab", b"abc")


@pytest.mark.parametrize("data", [None, 5, "abc", ["a"], memoryview(b"abcdef")[::2], Imaged(7)])
def test_what_has_no_bytes_in_one_piece_is_8085(data: Any) -> None:
    assert status(lambda: area(data)) == 0x8085


def test_a_reason_of_the_block_itself_is_told_with_8085() -> None:
    class Optimized:
        @property
        def image(self) -> bytes:
            raise ParameterError("optimized access", status=0x8000, remedy="Turn it off")

    class Silent:
        @property
        def image(self) -> bytes:
            raise ParameterError("optimized access")

    with pytest.raises(ParameterError) as caught:
        area(Optimized())
    assert (caught.value.status, caught.value.failure.remedy) == (0x8085, "Turn it off")
    assert "optimized access" in str(caught.value)
    with pytest.raises(ParameterError) as caught:
        area(Silent())
    assert (caught.value.status, caught.value.failure.remedy) == (0x8085, "Use another area")


def test_an_area_of_larger_elements_counts_bytes_and_an_empty_one_has_none() -> None:
    words = memoryview(bytearray(8)).cast("H")
    assert len(area(words)) == 8
    empty = memoryview(bytearray()).cast("B")
    assert (len(area(empty)), area(empty).readable(1)) == (0, b"")
    assert len(area(memoryview(bytearray(4)).cast("B", (2, 2)))) == 4


def test_only_what_can_be_written_is_given_out_for_writing() -> None:
    target = bytearray(b"abc")
    area(target).writable(2)[:] = b"XY"
    assert target == b"XYc"
    assert status(lambda: area(b"abc").writable(1)) == 0x893A


def test_two_pins_mean_one_memory_if_they_are_one_object_or_equally_long_views_of_one() -> None:
    data, twin = bytearray(8), bytearray(8)
    assert same_area(data, data)
    assert same_area(memoryview(data)[:4], memoryview(data)[:4])
    assert same_area(data, memoryview(data))
    assert not same_area(memoryview(data)[:4], memoryview(data)[:5])
    assert not same_area(data, twin)
    assert not same_area(data, 5)
    number: Any = 5
    assert same_area(number, number)
    assert not same_area(None, 5)


@pytest.mark.parametrize(
    ("length", "size", "maximum", "expected"),
    [
        (0, 5, 10, 5), (3, 5, 10, 3), (5, 5, 10, 5), (0, 10, 10, 10), (10, 10, 10, 10), (1, 1, 1, 1),
        (0, 0, 10, 0x8085), (0, 11, 10, 0x8085), (11, 20, 10, 0x8085), (11, 5, 10, 0x8085),
        (6, 5, 10, 0x8088), (1, 0, 10, 0x8088),
        (-1, 5, 10, 0x8085), (2.0, 5, 10, 0x8085), ("2", 5, 10, 0x8085), (None, 5, 10, 0x8085),
    ],
)  # fmt: skip
def test_a_job_moves_LEN_bytes_or_all_of_DATA_within_the_maximum(
    length: Any, size: int, maximum: int, expected: int
) -> None:
    data = area(bytes(size))
    if expected >= 0x8000:
        assert status(lambda: job_length(length, data, maximum=maximum)) == expected
    else:
        assert job_length(length, data, maximum=maximum) == expected
