"""Arrays and structures, and where standard access puts their members.

The rules (reference 1.5; TIA Portal Information System, "Declaring the block interface"): a Bool takes the next free
bit, and only Bools share a byte; types of one byte start anywhere; everything larger, every structure and every array,
an array of Bool or Byte included, starts at an even byte; structures end at an even byte, and so does the room an array
takes. Inside an array Bools fill bits and each run of the last index starts a new byte, one-byte elements touch, all
others start even. There is no alignment to four or eight.

Layouts are computed once, when the type is made, in time proportional to the members written down: the size of an
array is arithmetic, never a walk over its elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from ..errors import ParameterError
from .base import MAX_DEPTH, MAX_IMAGE, Image, Type, Unfit, even, nearest, shown, spelled
from .scalars import BITS, Scalar

__all__ = ["Array", "Member", "Opaque", "Record", "Slot", "Struct", "is_bool"]

_T = TypeVar("_T")


def is_bool(kind: Type) -> bool:
    """Whether the type is Bool, the only one whose place is a bit."""
    return isinstance(kind, Scalar) and kind.bit is not None


@attrs.frozen
class Array:
    """Array[low..high, …] of a type.

    Attributes:
        bounds: Lowest and highest index of each dimension, 1 to 6 of them.
        element: The element's type.
        name: `Array[1..3, 0..4] of Int`.
        unit: Bytes from one step of the first index to the next; 0 for one dimension of Bool, whose steps are bits.
        extent: Bytes up to the end of the last element.
        size: Bytes that a member of this type takes: `extent` filled up to even.
    """

    bounds: tuple[tuple[int, int], ...]
    element: Type
    name: str = attrs.field(init=False, repr=False)
    inner: Type = attrs.field(init=False, repr=False, eq=False)
    unit: int = attrs.field(init=False, repr=False)
    extent: int = attrs.field(init=False, repr=False)
    size: int = attrs.field(init=False, repr=False)
    align: int = attrs.field(default=2, init=False, repr=False)
    bit: None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not 1 <= len(self.bounds) <= 6:
            raise ParameterError(f"an array has 1 to 6 dimensions, not {len(self.bounds)}")
        low, high = self.bounds[0]
        ranges = ", ".join(f"{first}..{last}" for first, last in self.bounds)
        set_ = object.__setattr__
        set_(self, "name", f"Array[{ranges}] of {self.element.name}")
        if low > high:
            raise ParameterError(f"{self.name}: the lower bound is above the upper one")
        if not -(1 << 31) <= low <= high < 1 << 31:
            raise ParameterError(f"{self.name}: bounds are DInt, -2147483648 to 2147483647")
        if self.element.size == 0:
            raise ParameterError(f"{self.name}: the element has no size")
        count = high - low + 1
        inner: Type = self.element
        if len(self.bounds) > 1:
            row = Array(self.bounds[1:], self.element)
            inner, unit = row, row.extent
        else:
            unit = 0 if is_bool(inner) else 1 if inner.size == 1 else even(inner.size)
        extent = count * unit or (count + 7) // 8
        if extent > MAX_IMAGE:
            raise ParameterError(f"{self.name} takes {extent} bytes; at most {MAX_IMAGE} are supported")
        set_(self, "inner", inner)
        set_(self, "unit", unit)
        set_(self, "extent", extent)
        set_(self, "size", even(extent))

    @property
    def depth(self) -> int:
        """Levels of structures in an element."""
        return self.element.depth

    @property
    def length(self) -> int:
        """How many steps the first index has."""
        low, high = self.bounds[0]
        return high - low + 1

    def step(self, index: object) -> tuple[Type, int]:
        """Type and offset behind one index of the first dimension; raises `Unfit` outside the bounds."""
        low, high = self.bounds[0]
        if not isinstance(index, int) or isinstance(index, bool) or not low <= index <= high:
            raise Unfit(f"the index {shown(index)} is not in {low}..{high}")
        steps = index - low
        if self.unit:
            return self.inner, steps * self.unit
        return BITS[steps % 8], steps // 8

    @property
    def count(self) -> int:
        """How many elements there are in all dimensions."""
        return self.length * (self.inner.count if isinstance(self.inner, Array) and len(self.bounds) > 1 else 1)

    def flat(self, position: int) -> tuple[Type, int]:
        """Type and offset of an element counted from 0 in the order in which they are stored."""
        kind: Type = self
        offset, left = 0, self.count
        for low, high in self.bounds:
            left //= high - low + 1
            step, position = divmod(position, left)
            kind, at = kind.step(low + step) if isinstance(kind, Array) else (kind, 0)
            offset += at
        return kind, offset

    def indices(self, position: int) -> str:
        """The indices of an element counted from 0 in the order in which they are stored: `1,2`."""
        parts = []
        for low, high in reversed(self.bounds):
            position, step = divmod(position, high - low + 1)
            parts.append(str(low + step))
        return ",".join(reversed(parts))

    @property
    def blank(self) -> bytes:
        """Every element at its start value."""
        if not self.unit:
            return bytes(self.size)
        one = self.inner.blank[: self.unit].ljust(self.unit, b"\0")
        return (one * self.length).ljust(self.size, b"\0")

    def read(self, image: Image, offset: int) -> list[Any]:
        """The elements as a list, lists of lists for several dimensions."""
        values = []
        low, high = self.bounds[0]
        for index in range(low, high + 1):
            kind, at = self.step(index)
            try:
                values.append(kind.read(image, offset + at))
            except Unfit as refusal:
                raise refusal.under(f"[{index}]") from None
        return values

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store a sequence of exactly as many elements; bytes for arrays of one-byte integers, text for Char."""
        if not isinstance(value, Sequence | bytearray | memoryview):
            raise Unfit(f"{shown(value)} does not fit {self.name}: a sequence of {self.length} elements")
        if len(value) != self.length:
            raise Unfit(f"{len(value)} elements do not fit {self.name}: exactly {self.length}")
        for index, element in enumerate(value, self.bounds[0][0]):
            kind, at = self.step(index)
            try:
                kind.write(image, offset + at, element)
            except Unfit as refusal:
                raise refusal.under(f"[{index}]") from None

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether all elements mean the same."""
        if one[at : at + self.extent] == other[there : there + self.extent]:
            return True
        low, high = self.bounds[0]
        places = map(self.step, range(low, high + 1))
        return all(kind.same(one, at + offset, other, there + offset) for kind, offset in places)


@attrs.frozen
class Opaque:
    """A type whose length is published and whose content is not: the bytes go through as they are.

    Attributes:
        name: As TIA Portal prints it.
        length: The published length in bytes.
        members: What its editor shows inside, by name in lower case; where they lie is not known.
        guessed: Why even the length is not known, where it is not; such a type only stands in blocks whose bytes
            nobody asks for.
        size: The length filled up to even, since it ends like a structure.
    """

    name: str
    length: int
    members: Mapping[str, Type] = attrs.field(factory=dict, repr=False, eq=False)
    guessed: ParameterError | None = attrs.field(default=None, repr=False, eq=False)
    size: int = attrs.field(init=False, repr=False)
    align: int = attrs.field(default=2, init=False, repr=False)
    depth: int = attrs.field(default=0, init=False, repr=False)
    bit: None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "size", even(self.length))

    @property
    def blank(self) -> bytes:
        """Zeros."""
        return bytes(self.size)

    def read(self, image: Image, offset: int) -> bytes:
        """The raw bytes, `length` of them."""
        return bytes(image[offset : offset + self.length])

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store exactly `length` raw bytes."""
        if not isinstance(value, bytes | bytearray | memoryview) or len(value) != self.length:
            raise Unfit(f"{shown(value)} does not fit {self.name}: {self.length} raw bytes")
        image[offset : offset + self.length] = bytes(value)

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether the raw bytes agree."""
        return one[at : at + self.length] == other[there : there + self.length]


@attrs.frozen
class Member:
    """One line of a declaration.

    Attributes:
        name: As declared, without quotes.
        type: Its type.
        at: The byte it lies at where a published table departs from the rules, otherwise None.
        reserve: The bytes it takes where that is more than its type needs, otherwise None.
        preset: The image of its start value where the declaration gives one, otherwise None: that of its type.
        comment: What stands behind it in the source.
        attributes: What stands in braces in the source, such as `S7_SetPoint`.
        shares: The name of an earlier member whose memory this one shows differently (`AT`), otherwise None.
        unplaced: Start values inside opaque types, as literals by their path below the member; no bytes stand for them.
    """

    name: str
    type: Type
    at: int | None = None
    reserve: int | None = None
    preset: bytes | None = attrs.field(default=None, eq=False, repr=False)
    comment: str = attrs.field(default="", eq=False)
    attributes: Mapping[str, str] = attrs.field(factory=dict, eq=False)
    shares: str | None = None
    unplaced: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)

    @property
    def start(self) -> Any:
        """The start value, the type's own where the declaration gives none."""
        return self.type.read(bytearray(self.type.blank if self.preset is None else self.preset), 0)


@attrs.frozen
class Slot:
    """A member that has found its place.

    Attributes:
        name: The member's name, without quotes.
        type: Its type; for Bool the one of its bit.
        offset: Bytes from the start of the structure.
        member: The declaration it came from.
    """

    name: str
    type: Type
    offset: int
    member: Member = attrs.field(repr=False)

    @property
    def address(self) -> str:
        """Byte and bit as TIA Portal's column "Offset" shows it: `2.0`."""
        return f"{self.offset}.{(self.type.bit or 0) if isinstance(self.type, Scalar) else 0}"


def _place(members: Sequence[Member]) -> tuple[list[Slot], int]:
    slots: list[Slot] = []
    byte = bit = 0
    for member in members:
        kind = member.type
        if member.shares is not None:
            shared = next((slot for slot in slots if slot.name.casefold() == member.shares.casefold()), None)
            if shared is None or kind.size > even(shared.type.size):
                raise ParameterError(f"{member.name} AT {member.shares}: no earlier member of that name and size")
            slots.append(Slot(member.name, kind, shared.offset, member))
            continue
        if bit and (member.at is not None or not is_bool(kind)):
            byte, bit = byte + 1, 0
        if kind.align == 2:
            byte = even(byte)
        if member.at is not None:
            if member.at < byte or (kind.align == 2 and member.at % 2):
                raise ParameterError(f"{member.name} cannot lie at byte {member.at}: byte {byte} comes next")
            byte = member.at
        if is_bool(kind):
            slots.append(Slot(member.name, BITS[bit], byte, member))
            byte, bit = (byte, bit + 1) if bit < 7 else (byte + 1, 0)
            continue
        slots.append(Slot(member.name, kind, byte, member))
        if member.reserve is not None and member.reserve < kind.size:
            raise ParameterError(f"{member.name} takes {kind.size} bytes, more than the {member.reserve} reserved")
        byte += kind.size if member.reserve is None else member.reserve
    return slots, even(byte + (bit > 0))


class Struct:
    """Members with their places: an anonymous structure, a PLC data type, a system record, a whole block.

    Attributes:
        name: `Struct` for an anonymous one, otherwise the type's name.
        members: The declaration, in order.
        slots: The same with offsets.
        size: Bytes, filled up to even.
        named: Whether it has a name of its own (a PLC data type or system record).
        build: Makes a Python object of an image; None where reading gives a dict.
    """

    align = 2
    bit = None

    def __init__(
        self,
        members: Sequence[Member],
        *,
        name: str = "Struct",
        build: Callable[[bytes], Any] | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """Compute the layout.

        Args:
            members: The declaration.
            name: The type's name.
            build: Makes a Python object of an image.
            aliases: Other names of members, in lower case.

        Raises:
            ParameterError: Two members of one name, more than 9 levels (a block and 8 below it), more than 16 MiB.
        """
        self.name = name
        self.named = name != "Struct"
        self.members = tuple(members)
        self.build = build
        self.depth = 1 + max((member.type.depth for member in members), default=0)
        if self.depth > MAX_DEPTH + 1:
            raise ParameterError(f"structures lie more than {MAX_DEPTH} levels inside one another")
        slots, self.size = _place(self.members)
        self.slots = tuple(slots)
        if self.size > MAX_IMAGE:
            raise ParameterError(f"{name} takes {self.size} bytes; at most {MAX_IMAGE} are supported")
        self._by_name: dict[str, Slot] = {}
        for slot in slots:
            if self._by_name.setdefault(slot.name.casefold(), slot) is not slot:
                raise ParameterError(f"{name} has two members called {slot.name}")
        # Siemens' own tables write one member both as RemotePort and as remote_port.
        self._by_letters = {key.replace("_", ""): slot for key, slot in self._by_name.items()} if build else {}
        for other, own in (aliases or {}).items():
            self._by_name.setdefault(other, self._by_name[own.casefold()])
        self._blank: bytes | None = None
        self._remembered: dict[object, Any] = {}

    def remember(self, make: Callable[[Struct], _T]) -> _T:
        """What `make` makes of this structure, made once: compiled accessors live as long as the layout."""
        found: _T | None = self._remembered.get(make)
        if found is None:
            found = self._remembered[make] = make(self)
        return found

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.members)} members, {self.size} bytes>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Struct):
            return NotImplemented
        return self is other or (self.name, self.members) == (other.name, other.members)

    def __hash__(self) -> int:
        return hash((self.name, self.size, len(self.members)))

    def __iter__(self) -> Iterator[Slot]:
        return iter(self.slots)

    def find(self, name: str) -> Slot | None:
        """The member of that name, letter case ignored; None if there is none."""
        key = name.casefold()
        return self._by_name.get(key) or self._by_letters.get(key.replace("_", ""))

    def slot(self, name: str) -> Slot:
        """The member of that name; raises `Unfit` with the nearest name if there is none."""
        found = self.find(name)
        if found is not None:
            return found
        near = nearest(name.casefold(), self._by_name)
        hint = f"did you mean {spelled(self._by_name[near].name)}?" if near else f"it has {self._listing()}"
        inside = f" in {self.name}" if self.named else ""
        raise Unfit(f"there is no member {spelled(name)[:100]}{inside}; {hint}")

    def _listing(self) -> str:
        names = [spelled(member.name)[:40] for member in self.members[:8]]
        return ", ".join(names + ["…"] * (len(self.members) > 8)) or "none"

    @property
    def blank(self) -> bytes:
        """The image with all start values: the type's, overlaid by those of this declaration."""
        if self._blank is None:
            image = bytearray(self.size)
            for slot in self.slots:
                if slot.member.shares is not None:
                    continue
                if not is_bool(slot.type):
                    start = slot.type.blank if slot.member.preset is None else slot.member.preset
                    image[slot.offset : slot.offset + slot.type.size] = start
                if slot.member.preset is not None and is_bool(slot.type):
                    slot.type.write(image, slot.offset, bool(slot.member.preset[0]))
            self._blank = bytes(image)
        return self._blank

    def read(self, image: Image, offset: int) -> dict[str, Any]:
        """The members as a dict in declaration order, structures as dicts, arrays as lists."""
        values = {}
        slot = None
        try:
            for slot in self.slots:
                values[slot.name] = slot.type.read(image, offset + slot.offset)
        except Unfit as refusal:
            raise refusal.under(spelled(slot.name) if slot else "") from None
        return values

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store the members a mapping names; or a whole value of the same type."""
        if hasattr(value, "to_bytes") and not isinstance(value, int):
            data = value.to_bytes()
            if getattr(value, "layout", lambda: None)() != self:
                raise Unfit(f"{type(value).__name__} does not fit {self.name}")
            image[offset : offset + self.size] = data
            return
        if not isinstance(value, Mapping):
            raise Unfit(f"{shown(value)} does not fit {self.name}: a mapping of member names to values")
        for name, part in value.items():
            slot = self.slot(str(name))
            try:
                slot.type.write(image, offset + slot.offset, part)
            except Unfit as refusal:
                raise refusal.under(spelled(slot.name)) from None

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether all members mean the same; padding does not count."""
        if one[at : at + self.size] == other[there : there + self.size]:
            return True
        return all(slot.type.same(one, at + slot.offset, other, there + slot.offset) for slot in self.slots)


@attrs.frozen
class Record:
    """A system type that is one Python value and yet has members with addresses: DTL, IP_V4.

    Attributes:
        scalar: Reads and writes the value.
        inner: The members.
    """

    scalar: Scalar
    inner: Struct = attrs.field(repr=False)
    name: str = attrs.field(init=False, repr=False)
    size: int = attrs.field(init=False, repr=False)
    align: int = attrs.field(default=2, init=False, repr=False)
    depth: int = attrs.field(default=0, init=False, repr=False)
    bit: None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "name", self.scalar.name)
        object.__setattr__(self, "size", self.scalar.size)

    @property
    def blank(self) -> bytes:
        """The start value of the value."""
        return self.scalar.blank

    def read(self, image: Image, offset: int) -> Any:
        """The value as one Python object."""
        return self.scalar.read(image, offset)

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store one Python object, or the members that a mapping names."""
        if isinstance(value, Mapping):
            self.inner.write(image, offset, value)
        else:
            self.scalar.write(image, offset, value)

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether the bytes agree."""
        return self.scalar.same(one, at, other, there)
