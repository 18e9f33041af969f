"""Looking at a block's bytes by name.

A view reads and writes in place: it holds the image, a position and a type, and copies nothing until asked with
`bytes()`, `to_dict()` or `value()`. Elementary members come as Python values, structures and arrays as further views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ParameterError
from .base import Image, Type, Unfit, spelled
from .composite import Array, Struct
from .paths import Paths, Place

__all__ = ["ArrayView", "StructView", "store", "view"]


def view(kind: Type, image: Image, offset: int, where: str) -> Any:
    """What a user sees at a place: a view for structures and arrays, otherwise the value."""
    if isinstance(kind, Struct):
        return StructView(kind, image, offset, where)
    if isinstance(kind, Array):
        return ArrayView(kind, image, offset, where)
    try:
        return kind.read(image, offset)
    except Unfit as refusal:
        raise refusal.error(where) from None


def store(kind: Type, image: Image, offset: int, value: Any, where: str) -> None:
    """Write a value or nothing: a structure of which one member does not fit stays as it was."""
    before = bytes(image[offset : offset + kind.size])
    try:
        kind.write(image, offset, detached(value))
    except Unfit as refusal:
        image[offset : offset + kind.size] = before
        raise refusal.error(where) from None


def detached(value: Any) -> Any:
    """The value without views inside, so that overlapping images cannot disturb the writing of it."""
    if isinstance(value, StructView):
        return value.to_dict()
    if isinstance(value, ArrayView):
        return value.to_list()
    if isinstance(value, Mapping):
        return {name: detached(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [detached(part) for part in value]
    return value


def _joined(where: str, path: str) -> str:
    return f"{where}.{path}" if where else path


class StructView:
    """A structure in an image: `view["Motor[3].Speed"]`, `view.Speed`, `view["Motor"] = {"Speed": 3}`.

    Attributes are members; where a member is called like a method (`items`), use the brackets. Reading raises
    `ParameterError` for a path that leads nowhere and for bytes that are no value of the type; writing also for values
    that do not fit. A mapping sets the members that it names. Iterating gives names, as with a dict.
    """

    __slots__ = ("_image", "_offset", "_paths", "_type", "_where")

    _image: Image
    _offset: int
    _paths: Paths
    _type: Struct
    _where: str

    def __init__(self, kind: Struct, image: Image, offset: int = 0, where: str = "") -> None:
        set_ = object.__setattr__
        set_(self, "_type", kind)
        set_(self, "_image", image)
        set_(self, "_offset", offset)
        set_(self, "_where", where)
        set_(self, "_paths", kind.remember(Paths))

    def __getitem__(self, path: str) -> Any:
        try:
            place = self._paths[path]
            if place.composite:
                return view(place.type, self._image, self._offset + place.offset, _joined(self._where, place.path))
            return place.read(self._image, self._offset + place.offset)
        except Unfit as refusal:
            raise self._refused(path, refusal) from None

    def __setitem__(self, path: str, value: Any) -> None:
        try:
            place = self._paths[path]
            if place.composite:
                where = _joined(self._where, place.path)
                store(place.type, self._image, self._offset + place.offset, value, where)
            else:
                place.write(self._image, self._offset + place.offset, value)
        except Unfit as refusal:
            raise self._refused(path, refusal) from None

    def type_at(self, path: str) -> Type:
        """The type of a member; raises `ParameterError` as reading it does."""
        try:
            return self._paths[path].type
        except Unfit as refusal:
            raise self._refused(path, refusal) from None

    def _refused(self, path: str, refusal: Unfit) -> ParameterError:
        place: Place | None = self._paths.get(path)
        where = place.path if place else refusal.path
        return ParameterError(refusal.reason, where=_joined(self._where, where) if where else self._where)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self._type.find(name) is None:
            raise AttributeError(f"{self._type.name} has no member {name}", name=name, obj=self)
        return self[spelled(name)]

    def __setattr__(self, name: str, value: Any) -> None:
        if self._type.find(name) is None:
            raise AttributeError(f"{self._type.name} has no member {name}", name=name, obj=self)
        self[spelled(name)] = value

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __iter__(self) -> Iterator[str]:
        return (slot.name for slot in self._type.slots)

    def __len__(self) -> int:
        return len(self._type.slots)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._type.find(name) is not None

    def keys(self) -> list[str]:
        """The members' names in declaration order."""
        return list(self)

    def values(self) -> list[Any]:
        """The members' values and views in declaration order."""
        return [self[spelled(name)] for name in self]

    def items(self) -> list[tuple[str, Any]]:
        """Names with values and views in declaration order."""
        return [(name, self[spelled(name)]) for name in self]

    def update(self, members: Mapping[str, Any]) -> None:
        """Set the members, or paths, that the mapping names; if one does not fit, none is set."""
        before = self._raw()
        try:
            for path, value in members.items():
                self[path] = value
        except ParameterError:
            self._image[self._offset : self._offset + self._type.size] = before
            raise

    def to_dict(self) -> dict[str, Any]:
        """A detached copy: structures as dicts, arrays as lists, everything else as its Python value."""
        try:
            return self._type.read(self._image, self._offset)
        except Unfit as refusal:
            raise refusal.error(self._where) from None

    def value(self) -> Any:
        """A detached copy: the `Structure` that the type declares (a `TCON_IP_v4`, say), otherwise `to_dict()`."""
        if self._type.build is None:
            return self.to_dict()
        return self._type.build(self._raw())

    def _raw(self) -> bytes:
        return bytes(self._image[self._offset : self._offset + self._type.size])

    def __bytes__(self) -> bytes:
        return self._raw()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StructView):
            if self._type.members != other._type.members:
                return False
            return self._type.same(self._image, self._offset, other._image, other._offset)
        return self.to_dict() == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        where = f" {self._where}" if self._where else ""
        return f"<{self._type.name}{where}: {len(self)} members, {self._type.size} bytes>"


class ArrayView:
    """An array in an image, indexed by its declared bounds: `view[3]`, `view[0, 2]`, a row of a matrix `view[0]`.

    Iterating goes over the first dimension. `view[:]` is the list; assigning to it sets all elements.
    """

    __slots__ = ("_image", "_offset", "_type", "_where")

    def __init__(self, kind: Array, image: Image, offset: int, where: str) -> None:
        self._type = kind
        self._image = image
        self._offset = offset
        self._where = where

    def _find(self, index: Any) -> tuple[Type, int, str]:
        kind: Type = self._type
        offset = self._offset
        steps = index if isinstance(index, tuple) else (index,)
        where = f"{self._where}[{','.join(map(str, steps))}]"
        for step in steps:
            if not isinstance(kind, Array):
                raise ParameterError(f"{self._type.name} has {len(self._type.bounds)} dimensions", where=where)
            try:
                kind, at = kind.step(step)
            except Unfit as refusal:
                raise ParameterError(refusal.reason, where=where) from None
            offset += at
        return kind, offset, where

    def __getitem__(self, index: Any) -> Any:
        if index == slice(None):
            return self.to_list()
        kind, offset, where = self._find(index)
        return view(kind, self._image, offset, where)

    def __setitem__(self, index: Any, value: Any) -> None:
        if index == slice(None):
            store(self._type, self._image, self._offset, value, self._where)
            return
        kind, offset, where = self._find(index)
        store(kind, self._image, offset, value, where)

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Lowest and highest index of each dimension."""
        return self._type.bounds

    def __len__(self) -> int:
        return self._type.length

    def __iter__(self) -> Iterator[Any]:
        low, high = self._type.bounds[0]
        return (self[index] for index in range(low, high + 1))

    def to_list(self) -> list[Any]:
        """A detached copy: lists of lists for several dimensions, structures as dicts."""
        try:
            return self._type.read(self._image, self._offset)
        except Unfit as refusal:
            raise refusal.error(self._where) from None

    def __bytes__(self) -> bytes:
        return bytes(self._image[self._offset : self._offset + self._type.extent])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ArrayView):
            if self._type != other._type:
                return False
            return self._type.same(self._image, self._offset, other._image, other._offset)
        return self.to_list() == list(other) if isinstance(other, list | tuple | bytes) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self._where}: {self._type.name}>"
