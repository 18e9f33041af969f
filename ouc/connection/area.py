"""What stands at a DATA pin, and how much of it a job moves."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError

__all__ = ["Area", "area", "job_length"]


class Area:
    """The bytes behind a DATA pin."""

    def __init__(self, view: memoryview) -> None:
        self.view = view

    def __len__(self) -> int:
        return self.view.nbytes

    def readable(self, size: int) -> bytes:
        """A copy of the first `size` bytes, as the block takes it when a job begins."""
        return bytes(self.view[:size])

    def writable(self, size: int) -> memoryview:
        """The first `size` bytes, for writing.

        Raises:
            ParameterError: The area cannot be written (16#893A).
        """
        if self.view.readonly:
            raise ParameterError(
                "DATA cannot be written", status=0x893A, where="DATA", remedy="Use a bytearray or a DataBlock"
            )
        return self.view[:size]


def area(data: Any) -> Area:
    """The area at a DATA pin: a DataBlock or a view of one (through its `image`), or any object with a buffer.

    Raises:
        ParameterError: Nothing with bytes in it (16#8085).
    """
    try:
        view = memoryview(getattr(data, "image", data))
    except TypeError:
        raise ParameterError(
            f"DATA is a {type(data).__name__}",
            status=0x8085,
            where="DATA",
            remedy="Use a DataBlock, bytes or a bytearray",
        ) from None
    if not view.c_contiguous:
        raise ParameterError(
            "DATA is not in one piece", status=0x8085, where="DATA", remedy="Use a copy of it: bytes(...)"
        )
    return Area(view.cast("B") if view.nbytes else view)


def job_length(length: int, data: Area, *, maximum: int) -> int:
    """The bytes that a job moves: LEN, or all of DATA where LEN is 0.

    Raises:
        ParameterError: LEN and DATA are both empty, or more than `maximum` (16#8085), or LEN is larger than DATA (16#8088).
    """
    if not isinstance(length, int) or length < 0:
        raise ParameterError(
            f"LEN is {length!r}", status=0x8085, where="LEN", remedy="Use 0 for all of DATA, or a length"
        )
    size = length or len(data)
    if size > maximum or size == 0:
        raise ParameterError(f"LEN {size} is not in the range 1 to {maximum}", status=0x8085, where="LEN")
    if size > len(data):
        raise ParameterError(
            f"LEN {length} is larger than DATA, which has {len(data)} bytes", status=0x8088, where="LEN"
        )
    return size
