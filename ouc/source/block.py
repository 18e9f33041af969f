"""Data blocks and types of a source, resolved: layout, start values, and what else the source says about them."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import attrs

from .. import s7
from ..errors import ParameterError
from ..s7 import Member, Struct, Structure

__all__ = ["Block", "DataBlock", "block_of"]

_UNOPTIMIZE = (
    "In TIA Portal switch off Properties > Attributes > Optimized block access (S7_Optimized_Access := 'FALSE') "
    "and generate the source again"
)


class DataBlock(s7.DataBlock):
    """A data block of a source: a layout over a `bytearray`, beginning with the start values of the source.

        db = DataBlock.from_source("Send_Data.db")
        db["Var2"] = "Hello World!"
        bytes(db)                                   # what TSEND_C sends: 258 bytes

    A block with optimized access has no byte image: its members can be read and written by name, asking for its bytes
    raises `ParameterError`.
    """

    __slots__ = ("_why_no_image",)

    _why_no_image: str

    def __init__(
        self,
        layout: Struct | Mapping[str, str | s7.Type],
        image: bytes | s7.Image | None = None,
        *,
        name: str = "",
        why_no_image: str = "",
    ) -> None:
        super().__init__(layout, image, name=name)
        object.__setattr__(self, "_why_no_image", why_no_image)
        if why_no_image:
            # Absolute addresses mean nothing in such a block.
            object.__setattr__(self, "_paths", self._type.remember(s7.NamedPaths))

    def copy(self) -> DataBlock:
        """A block of the same layout with memory of its own."""
        return DataBlock(self._type, bytearray(self._image), name=self._name, why_no_image=self._why_no_image)

    @classmethod
    def from_source(cls, path: str | PathLike[str], block: str | None = None, **options: Any) -> DataBlock:
        """Read a block of a source file.

        Args:
            path: The file.
            block: The block's name, or that of a PLC data type to look at bytes of that type; may be left out where
                the file holds one data block.
            options: Those of `load`.

        Raises:
            ParameterError: As `load`; or the file does not hold the block, or several and none is named.
        """
        from .file import load

        return load(path, **options).block(block)

    @property
    def image(self) -> s7.Image:
        """The block's own memory.

        Raises:
            ParameterError: The block has optimized access.
        """
        if self._why_no_image:
            remedy = _UNOPTIMIZE if "optimized" in self._why_no_image else ""
            what = f'the data block "{self._name}" has no byte image: {self._why_no_image}'
            raise ParameterError(what, remedy=remedy)
        return super().image

    def __bytes__(self) -> bytes:
        return bytes(self.image)


@attrs.frozen(eq=False)
class Block:
    """A data block or type of a source, resolved.

    Attributes:
        name: Without quotes.
        kind: `DATA_BLOCK`, `TYPE` or `FUNCTION_BLOCK`.
        layout: Members with types and offsets of standard access, and the start values of the declaration.
        start: The image with all start values, those of BEGIN included.
        optimized: Whether the CPU lays it out as it likes; the offsets are then those it would have otherwise.
        attributes: `S7_Optimized_Access` and others.
        headers: `TITLE`, `AUTHOR`, `FAMILY`, `NAME`, `VERSION`, as written.
        flags: `NON_RETAIN` and others.
        base: The name of the type the block is made of, or empty.
        unplaced: Start values inside opaque types, by path, whose bytes are not published.
        retain: Names of the members that stand in a VAR RETAIN section.
    """

    name: str
    kind: str
    layout: Struct
    start: bytes = attrs.field(repr=False)
    optimized: bool
    attributes: Mapping[str, str]
    headers: Mapping[str, str]
    flags: frozenset[str]
    base: str
    unplaced: Mapping[str, str]
    retain: frozenset[str] = frozenset()

    def data(self, image: bytes | s7.Image | None = None) -> DataBlock:
        """A data block over an image, or over a fresh one with the start values.

        Raises:
            ParameterError: The image's length does not match.
        """
        why = "it has optimized access" if self.optimized else ""
        if self.unplaced and not why:
            why = f"where {next(iter(self.unplaced))} lies is not published"
        memory = bytearray(self.start) if image is None else image
        return DataBlock(self.layout, memory, name=self.name, why_no_image=why)


def block_of(name: str, variables: Mapping[str, Structure]) -> Block:
    """A data block that declares variables of system types with the values given, ready for `emit`.

    It has optimized access, as the blocks of connection descriptions that TIA Portal creates.

    Args:
        name: The block's name.
        variables: Values by variable name, such as `{"Connection": TCON_IP_V4_SEC(...)}`.
    """
    members = [
        Member(variable, value.layout(), attributes={"InstructionName": type(value).__name__, "LibVersion": "1.0"})
        for variable, value in variables.items()
    ]
    layout = Struct(members)
    db = s7.DataBlock(layout)
    for slot in layout:
        slot.type.write(db.image, slot.offset, variables[slot.name])
    attributes, headers = {"S7_Optimized_Access": "TRUE"}, {"VERSION": "0.1"}
    flags = frozenset({"NON_RETAIN"})
    return Block(name, "DATA_BLOCK", layout, bytes(db), True, attributes, headers, flags, "", {})  # noqa: FBT003
