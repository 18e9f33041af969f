"""A data block: a layout over the bytes that Open User Communication carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ParameterError
from .base import Image, Type, Unfit
from .changes import Change, changed
from .composite import Member, Struct
from .names import typeof
from .paths import Paths, Place, absolute
from .views import StructView, store, view

__all__ = ["DataBlock", "NamedPaths", "declared"]


class NamedPaths(Paths):
    """Paths of a whole block; a structure or array at their end comes as a view."""

    def keep(self, path: str, place: Place) -> Place:
        """Remember a place with accessors that need no look at its type."""
        if place.composite:
            kind, where = place.type, place.path
            place.read = lambda image, offset: view(kind, image, offset, where)
            place.write = lambda image, offset, value: store(kind, image, offset, value, where)
        return super().keep(path, place)


class _BlockPaths(NamedPaths):
    """The same where absolute addresses mean something too."""

    def __missing__(self, path: str) -> Place:
        try:
            return super().__missing__(path)
        except Unfit:
            address = absolute(path) if isinstance(path, str) else None
            if address is None:
                raise
        if address.offset + address.type.size > self.struct.size:
            raise Unfit(f"{path} reaches beyond the block's {self.struct.size} bytes")
        return self.keep(path, address)


class DataBlock(StructView):
    """A standard-access data block over a `bytearray`: read and write its members by name or by absolute address.

        db = DataBlock({"Var1": "Bool", "Var2": "String"})
        db["Var2"] = "Hello World!"
        db["DBX0.0"] = True
        bytes(db)                                            # what TSEND_C sends: 258 bytes

    Given no image it holds the start values. Given one (`bytearray` or writable `memoryview`) it works on exactly that
    memory; `bytes` are copied. Where the last byte is padding the image may lack it (and is copied then): some partners
    send it and some do not.

    Raises:
        ParameterError: The image's length does not match, or a member's type is unknown.
    """

    __slots__ = ("_name",)

    _name: str

    def __init__(
        self,
        layout: Struct | Mapping[str, str | Type],
        image: bytes | Image | None = None,
        *,
        name: str = "",
    ) -> None:
        struct = layout if isinstance(layout, Struct) else declared(layout)
        super().__init__(struct, _memory(struct, image))
        set_ = object.__setattr__
        set_(self, "_paths", struct.remember(_BlockPaths))
        set_(self, "_name", name)

    def __getitem__(self, path: str) -> Any:
        # As in StructView without a view's position: this is what programs call once per member and cycle.
        try:
            place = self._paths[path]
            return place.read(self._image, place.offset)
        except Unfit as refusal:
            raise self._refused(path, refusal) from None

    def __setitem__(self, path: str, value: Any) -> None:
        try:
            place = self._paths[path]
            place.write(self._image, place.offset, value)
        except Unfit as refusal:
            raise self._refused(path, refusal) from None

    @property
    def image(self) -> Image:
        """The block's own memory; what is written here is seen by name at once."""
        return self._image

    @property
    def layout(self) -> Struct:
        """The declaration with its offsets."""
        return self._type

    def copy(self) -> DataBlock:
        """A block of the same layout with memory of its own."""
        return DataBlock(self._type, bytearray(self._image), name=self._name)

    def changes(self, other: bytes | Image | DataBlock) -> list[Change]:
        """What the other image of this block holds differently, member by member."""
        there = other.image if isinstance(other, DataBlock) else _memory(self._type, other)
        return list(changed(self._type, self._image, there))

    def __repr__(self) -> str:
        name = f' "{self._name}"' if self._name else ""
        return f"<data block{name}: {len(self)} members, {self._type.size} bytes>"


def declared(members: Mapping[str, str | Type]) -> Struct:
    """A layout from names and types, for blocks that no source describes."""
    parts = [Member(name, typeof(kind) if isinstance(kind, str) else kind) for name, kind in members.items()]
    return Struct(parts)


def _memory(struct: Struct, image: bytes | Image | None) -> Image:
    if image is None:
        return bytearray(struct.blank)
    length = len(image)
    if length != struct.size and not (length == struct.size - 1 and _ends_odd(struct)):
        what = struct.name if struct.named else "the block"
        raise ParameterError(
            f"an image of {what} has {struct.size} bytes, not {length}",
            remedy="Give the bytes of this very block: compare `ouc db show`",
        )
    if isinstance(image, bytes) or length < struct.size or (isinstance(image, memoryview) and image.readonly):
        return bytearray(image).ljust(struct.size, b"\0")
    return image


def _ends_odd(struct: Struct) -> bool:
    end = max((slot.offset + slot.type.size for slot in struct.slots), default=0)
    return end < struct.size
