"""Images from outside: a data block's bytes as a structure."""

from __future__ import annotations

from ..errors import ParameterError
from ..s7 import Struct, Structure
from .structures import structure

__all__ = ["decode"]


def decode(name: str, image: bytes | bytearray | memoryview) -> Structure:
    """A structure from its image.

    Args:
        name: The structure's name, letter case ignored.
        image: Its bytes, as many as the structure has.

    Raises:
        ParameterError: No such structure, a wrong length, or a member whose bytes are no value of its type, with its
            path and byte.
    """
    kind = structure(name)
    try:
        return kind.from_bytes(image)
    except ParameterError as error:
        told = error.failure
        raise ParameterError(
            told.what, status=told.status, where=_place(kind, told.where), remedy=told.remedy
        ) from None


def _place(kind: type[Structure], where: str) -> str:
    """Path and byte of the member that an error names, as far as it names one."""
    first, *steps = where.split(".")
    path, offset, layout = [kind.__name__], 0, kind.layout()
    if first != kind.__name__:
        # A structure inside refused, and calls itself by its own name.
        steps = [*(slot.name for slot in layout if slot.type.name == first), *steps]
    for step in steps:
        slot = layout.find(step.partition("[")[0].strip('"'))
        if slot is None:
            break
        path.append(step)
        offset += slot.offset
        if not isinstance(slot.type, Struct):
            break
        layout = slot.type
    return f"{'.'.join(path)}, byte {offset}" if len(path) > 1 else path[0]
