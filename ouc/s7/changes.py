"""The elementary members of a layout, and what differs between two images of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from .base import Image, Type, Unfit, spelled
from .composite import Array, Struct

__all__ = ["Change", "changed", "leaves"]


def leaves(kind: Type, at: int = 0, path: str = "", indices: tuple[int, ...] = ()) -> Iterator[tuple[str, Type, int]]:
    """Every elementary member with its path and byte offset, in the order of the declaration.

    Args:
        kind: The layout.
        at: Where it begins.
        path: What stands in front of the paths.
        indices: The indices that led to a row of an array of several dimensions.
    """
    if isinstance(kind, Struct):
        for slot in kind.slots:
            step = f".{spelled(slot.name)}" if path else spelled(slot.name)
            yield from leaves(slot.type, at + slot.offset, path + step)
    elif isinstance(kind, Array):
        low, high = kind.bounds[0]
        for index in range(low, high + 1):
            inner, offset = kind.step(index)
            so_far = (*indices, index)
            if len(kind.bounds) > 1:
                yield from leaves(inner, at + offset, path, so_far)
            else:
                yield from leaves(inner, at + offset, f"{path}[{','.join(map(str, so_far))}]")
    else:
        yield path, kind, at


@attrs.frozen
class Change:
    """An elementary member whose value differs.

    Attributes:
        path: Such as `Motor[3].Speed`.
        type: Its type.
        offset: Its byte in the image.
        old: Its value in the first image; the raw bytes where they are no value of the type.
        new: Its value in the second image, or its raw bytes.
    """

    path: str
    type: Type
    offset: int
    old: Any
    new: Any


def changed(
    kind: Type, one: Image, other: Image, at: int = 0, path: str = "", indices: tuple[int, ...] = ()
) -> Iterator[Change]:
    """The elementary members that differ, in the order of the declaration.

    Bytes behind a string's text and padding do not count. Equal stretches are skipped as a whole, so the work follows
    the differences, not the size of the block.

    Args:
        kind: The layout both images have.
        one: The first image.
        other: The second image.
        at: Where the layout begins in both.
        path: What stands in front of the paths.
        indices: The indices that led to a row of an array of several dimensions.
    """
    extent = kind.extent if isinstance(kind, Array) else kind.size
    if kind.size > 1 and one[at : at + extent] == other[at : at + extent]:
        return
    if isinstance(kind, Struct):
        for slot in kind.slots:
            step = f".{spelled(slot.name)}" if path else spelled(slot.name)
            yield from changed(slot.type, one, other, at + slot.offset, path + step)
    elif isinstance(kind, Array):
        low, high = kind.bounds[0]
        is_row = len(kind.bounds) > 1
        for index in range(low, high + 1):
            inner, offset = kind.step(index)
            so_far = (*indices, index)
            if is_row:
                yield from changed(inner, one, other, at + offset, path, so_far)
            else:
                yield from changed(inner, one, other, at + offset, f"{path}[{','.join(map(str, so_far))}]")
    elif not kind.same(one, at, other, at):
        yield Change(path, kind, at, _or_raw(kind, one, at), _or_raw(kind, other, at))


def _or_raw(kind: Type, image: Image, at: int) -> Any:
    try:
        return kind.read(image, at)
    except Unfit:
        return bytes(image[at : at + kind.size])
