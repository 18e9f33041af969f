"""Structures declared as classes: one declaration that encodes, decodes, prints and checks itself.

    @attrs.frozen(kw_only=True)
    class TSelector(Structure):
        '''A transport selector.'''

        TSelLength: int = s7("UInt", default=0)
        TSel: bytes = s7("Array[1..32] of Byte", default=b"")

A value is checked where it is set, so an image can always be made of it. Members are read and written by the same type
objects as those of data blocks; `layout()` gives the declaration as such a type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import attrs

from ..errors import ParameterError
from .base import Type, Unfit, shown, spelled
from .composite import Array, Member, Struct
from .names import typeof

__all__ = ["Structure", "s7"]

_KEY = "ouc.s7"
_BYTE = typeof("Byte")
_Self = TypeVar("_Self", bound="Structure")


@attrs.frozen
class _Place:
    kind: Type
    structure: type[Structure] | None
    at: int | None
    reserve: int | None
    start: Any


def s7(
    kind: str | type[Structure],
    *,
    at: int | None = None,
    size: int | None = None,
    default: Any = attrs.NOTHING,
    factory: Callable[[], Any] | None = None,
    default_by: Callable[[Any], Any] | None = None,
    converter: Callable[[Any], Any] | None = None,
    validator: Any = None,
) -> Any:
    """Declare a member of a `Structure`, in the place of `attrs.field`.

    Arrays of Byte are `bytes` in Python and may be given shorter than they are, the rest being zero; other arrays are
    tuples. `IP_V4` is an `ipaddress.IPv4Address` and accepts text. A nested structure accepts a mapping.

    Args:
        kind: The type as TIA Portal prints it, or another structure's class.
        at: The byte it lies at, where a published table departs from the layout rules.
        size: The bytes it takes, where that is more than its type needs.
        default: The start value; without one (and without `factory`) the member must be given.
        factory: Makes the start value.
        default_by: What the member is where a program leaves it out, by the members before it. The start value, that of a
            variable in a data block, stays `default`.
        converter: Applied to what the caller gives, before the type's own conversion.
        validator: An attrs validator that is run after the range check.

    Raises:
        ParameterError: No such type.
    """
    structure = None if isinstance(kind, str) else kind
    declared = typeof(kind) if isinstance(kind, str) else kind.layout()
    start = default if factory is None else factory
    if factory is not None:
        default = attrs.Factory(factory)
    elif default_by is not None:
        default = attrs.Factory(default_by, takes_self=True)

    def convert(value: Any) -> Any:
        if converter is not None:
            value = converter(value)
        if structure is not None:
            return structure(**value) if isinstance(value, Mapping) else value
        return _normalised(declared, value)

    def check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        where = f"{type(instance).__name__}.{spelled(attribute.name)}"
        if structure is not None:
            if not isinstance(value, structure):
                raise ParameterError(f"{shown(value)} does not fit {structure.__name__}", where=where)
            return
        try:
            declared.write(bytearray(declared.size), 0, value)
        except Unfit as refusal:
            raise refusal.error(where) from None

    checks = [check] if validator is None else [check, validator]
    metadata = {_KEY: _Place(declared, structure, at, size, start)}
    return attrs.field(default=default, converter=convert, validator=checks, metadata=metadata)


def _normalised(kind: Type, value: Any) -> Any:
    """The one Python form of a value: what equal images read as; what does not fit is left for the range check."""
    if isinstance(kind, Array) and kind.inner == _BYTE:
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value).ljust(kind.length, b"\0")
        if isinstance(value, list | tuple):
            padded = [*value, *[0] * (kind.length - len(value))]
            return bytes(padded) if all(part in range(256) for part in padded) else padded
        return value
    if isinstance(kind, Array):
        return tuple(_normalised(kind.inner, part) for part in value) if isinstance(value, list | tuple) else value
    try:
        scratch = bytearray(kind.size)
        kind.write(scratch, 0, value)
        return kind.read(scratch, 0)
    except Unfit:
        return value


class _Spellings(type):
    """Lets a structure be made with either documented spelling of a member: `RemotePort` or `remote_port`."""

    def __call__(cls, *args: Any, **members: Any) -> Any:
        fields: tuple[attrs.Attribute[Any], ...] = cls.__dict__.get("__attrs_attrs__", ())
        known = {_letters(field.name): field.name for field in fields}
        named = {}
        for given, value in members.items():
            name = known.get(_letters(str(given)))
            if name is None:
                raise ParameterError(f"{cls.__name__} has no member {given}; it has {', '.join(known.values())}")
            if name in named:
                raise ParameterError(f"{cls.__name__}.{name} is given twice")
            named[name] = value
        needed = (field.name for field in fields if field.default is attrs.NOTHING)
        missing = [name for name in needed if name not in named]
        if missing and not args:
            raise ParameterError(f"{cls.__name__} needs {', '.join(missing)}")
        return super().__call__(*args, **named)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


class _Size:
    def __get__(self, instance: Structure | None, owner: type[Structure]) -> int:
        return owner.layout().size


class Structure(metaclass=_Spellings):
    """Base of declared structures; subclasses are `@attrs.frozen(kw_only=True)` with members made by `s7`.

    Attributes:
        SIZE: Bytes of the image.
        LENGTHS: Lengths of images that `from_bytes` takes besides SIZE, such as the 5 documented bytes of a structure
            that fills 6. What a shorter image lacks keeps its start value; what a longer one adds is not looked at.
    """

    SIZE = _Size()
    LENGTHS: ClassVar[tuple[int, ...]] = ()

    @classmethod
    def layout(cls) -> Struct:
        """Members, types, offsets and start values, as the type that data blocks use too."""
        known: Struct | None = cls.__dict__.get("_layout")
        if known is None:
            fields = attrs.fields(cls)  # type: ignore[arg-type]
            known = Struct([_member(field) for field in fields], name=cls.__name__, build=cls.from_bytes)
            # A class attribute set after the fact: attrs' frozen guards instances, not classes.
            type.__setattr__(cls, "_layout", known)
        return known

    def to_bytes(self) -> bytes:
        """The image, `SIZE` bytes, as it lies in a CPU's memory; reserved bytes are zero."""
        layout = type(self).layout()
        image = bytearray(layout.size)
        for slot in layout:
            slot.type.write(image, slot.offset, getattr(self, slot.name))
        return bytes(image)

    @classmethod
    def from_bytes(cls: type[_Self], image: bytes | bytearray | memoryview) -> _Self:
        """Read a value from its image.

        Raises:
            ParameterError: Wrong length, or a member's bytes are no value of its type.
        """
        layout = cls.layout()
        lengths = sorted({layout.size, *cls.LENGTHS})
        if len(image) not in lengths:
            allowed = " or ".join(map(str, lengths))
            raise ParameterError(f"an image of {cls.__name__} has {allowed} bytes, not {len(image)}")
        data = bytearray(image[: layout.size]) + layout.blank[len(image) :]
        members: dict[str, Any] = {}
        for slot, field in zip(layout, attrs.fields(cls), strict=True):  # type: ignore[arg-type]
            structure = field.metadata[_KEY].structure
            try:
                if structure is not None:
                    members[slot.name] = structure.from_bytes(data[slot.offset : slot.offset + slot.type.size])
                else:
                    members[slot.name] = slot.type.read(data, slot.offset)
            except Unfit as refusal:
                raise refusal.error(f"{cls.__name__}.{spelled(slot.name)}") from None
        return cls(**members)

    def made_without(self, name: str) -> Any:
        """What the class makes of a member that is left out, given the members before it."""
        field = attrs.fields_dict(type(self))[name]  # type: ignore[arg-type]
        default: Any = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory(self) if default.takes_self else default.factory()
        convert: Any = field.converter
        return default if default is attrs.NOTHING else convert(default)

    def to_dict(self) -> dict[str, Any]:
        """Member names and values, nested structures as dicts: what `Cls(**value.to_dict())` takes back."""
        parts = ((slot.name, getattr(self, slot.name)) for slot in type(self).layout())
        return {name: part.to_dict() if isinstance(part, Structure) else part for name, part in parts}


def _member(field: attrs.Attribute[Any]) -> Member:
    place: _Place = field.metadata[_KEY]
    member = Member(field.name, place.kind, place.at, place.reserve)
    if place.start is attrs.NOTHING:
        return member
    if place.structure is not None and place.start is place.structure:
        # Its start values, not what its class makes of members that are left out.
        return attrs.evolve(member, preset=place.structure.layout().blank)
    convert: Any = field.converter
    image = bytearray(place.kind.size)
    place.kind.write(image, 0, convert(place.start() if callable(place.start) else place.start))
    return attrs.evolve(member, preset=bytes(image))
