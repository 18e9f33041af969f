"""What stands at a DATA pin, and how much of it a job moves."""

from __future__ import annotations

from typing import Any

from ..errors import ParameterError

__all__ = ["Area", "area", "job_length", "same_area"]


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
        ParameterError: Nothing with bytes in it, a block with optimized access included (16#8085).
    """
    try:
        view = memoryview(getattr(data, "image", data))
    except ParameterError as error:
        # A block with optimized access has no bytes that a job could move; the block itself says why.
        raise ParameterError(
            error.failure.what, status=0x8085, where="DATA", remedy=error.failure.remedy or "Use another area"
        ) from None
    except (TypeError, ValueError):
        raise ParameterError(
            f"DATA is a {type(data).__name__} without bytes",
            status=0x8085,
            where="DATA",
            remedy="Use a DataBlock, bytes or a bytearray",
        ) from None
    if not view.c_contiguous:
        raise ParameterError(
            "DATA is not in one piece", status=0x8085, where="DATA", remedy="Use a copy of it: bytes(...)"
        )
    return Area(view.cast("B") if view.nbytes else view)


def same_area(one: Any, other: Any) -> bool:
    """Whether two pins in consecutive calls mean the same memory.

    The same object does. So do two views of one memory that are equally long, because programs like to write
    `memoryview(data)[:4]` in each call; where in the memory they begin cannot be seen.
    """
    if one is other:
        return True
    try:
        first, second = area(one).view, area(other).view
    except ParameterError:
        return False
    return first.obj is second.obj and first.nbytes == second.nbytes


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
