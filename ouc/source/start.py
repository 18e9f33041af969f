"""Start values, placed in an image.

Whatever the reader accepts as a start value ends in one of two places: in the bytes of the image, or, where the bytes of
a type are not published (timers, counters), among the values that have no place, which deny their block an image.
Nothing is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from ..errors import ParameterError
from ..s7 import (
    DTL,
    MAX_DEPTH,
    Array,
    Codepage,
    Opaque,
    Record,
    String,
    Struct,
    Type,
    Unfit,
    WString,
    dtl_fields,
    spelled,
)
from ..s7 import parse as parse_literal
from ..s7 import typeof as s7_type
from .constants import Constants
from .scope import Scope
from .tree import Constant, Fields, Init, Items, Name, Repeat

__all__ = ["DEEPEST", "Start", "derive_weekday", "everywhere", "joined", "unplaced"]

DEEPEST = 4 * MAX_DEPTH  # steps down a type reference, arrays included; far more than any layout may have
_MOST_BOOLS = 1_000_000  # start values of Bools are placed one by one
_MOST_UNPLACED = 100_000  # start values inside opaque types are kept one by one

# The start value of a parameter that names a block or a timer: FB 1234, T 5.
_NUMBERED = re.compile(r"(?:FB|FC|DB|SDB|T|C|Z) ?(\d{1,5})\Z", re.IGNORECASE)


@attrs.frozen
class Start:
    """The start values of one declaration or of one block.

    Attributes:
        constants: What names mean.
        page: The code page of texts.
        image: Where the values go.
        unplaced: Values inside opaque types, as literals by path.
    """

    constants: Constants
    page: Codepage
    image: bytearray
    unplaced: dict[str, str] = attrs.field(factory=dict)

    def place(self, kind: Type, init: Init, at: int, scope: Scope, *, path: str = "", depth: int = 0) -> None:
        """Write a start value, a list of them or a structure of them.

        Args:
            kind: The type at the place.
            init: What the source says.
            at: The place's first byte.
            scope: Where it is said.
            path: The way to the place, for values that have no bytes.
            depth: How many lists lie around this one.

        Raises:
            ParameterError: It does not fit the type, with line and column.
        """
        if depth > DEEPEST:
            raise scope.wrong_at(*_position(init), "start values lie too deep inside one another")
        if isinstance(init, Fields) and not init.fields:
            return  # () keeps the default
        if isinstance(kind, Opaque):
            self._keep(kind, init, scope, path)
        elif isinstance(kind, Array) and isinstance(init, Items):
            done = 0
            for item in init.items:
                done = self._item(kind, item, at, done, scope, path, depth)
        elif isinstance(kind, Struct | Record) and isinstance(init, Fields):
            self._fields(kind, init, at, scope, path, depth)
        elif isinstance(init, Constant):
            self._constant(kind, init, at, scope)
        else:
            raise scope.wrong_at(*_position(init), f"this start value does not fit {kind.name}")

    def _constant(self, kind: Type, constant: Constant, at: int, scope: Scope) -> None:
        value = self.constants.value(constant, scope)
        try:
            if isinstance(kind, Array) and kind.element.name in ("Char", "WChar") and len(kind.bounds) == 1:
                text = parse_literal(String(254, self.page) if kind.element.size == 1 else WString(16382), str(value))
                kind.write(self.image, at, text.ljust(kind.length))
            elif isinstance(value, str):
                numbered = _NUMBERED.match(value) if kind.name == "UInt" else None
                kind.write(self.image, at, parse_literal(kind, numbered[1] if numbered else value))
            else:
                kind.write(self.image, at, value)
        except Unfit as refusal:
            raise scope.wrong(constant, refusal.reason) from None

    def _keep(self, kind: Opaque, init: Init, scope: Scope, path: str) -> None:
        """Remember the start values inside an opaque type, after checking that they are some."""
        if not isinstance(init, Fields):
            raise scope.wrong_at(*_position(init), f"this start value does not fit {kind.name}; its members have some")
        for name, value in self._named(init, scope, kind.name):
            self.keep(kind, name.text, value, scope, path)

    def keep(self, kind: Opaque, name: str, value: Init, scope: Scope, path: str) -> None:
        """Remember the start value of one member of an opaque type."""
        member = kind.members.get(name.casefold())
        if kind.members and member is None:
            raise scope.wrong_at(*_position(value), f"{kind.name} has no member {name}")
        if isinstance(value, Fields) and not value.fields:
            return
        if not isinstance(value, Constant):
            raise scope.wrong_at(*_position(value), f"this start value does not fit {kind.name}.{name}")
        if member is not None:
            attrs.evolve(self, image=bytearray(member.size)).place(member, value, 0, scope)
        if len(self.unplaced) >= _MOST_UNPLACED:
            raise scope.wrong(value, f"more than {_MOST_UNPLACED} start values inside types such as {kind.name}")
        text = self.constants.value(value, scope) if value.named else value.text
        self.unplaced[joined(path, spelled(name))] = str(text)

    def _named(self, init: Fields, scope: Scope, owner: str) -> Iterator[tuple[Name, Init]]:
        given: set[str] = set()
        for name, value in init.fields:
            if name is None:
                raise scope.wrong_at(*_position(value), f"name the member of {owner} that this is the start value of")
            if name.text.casefold() in given:
                raise scope.wrong_at(name.line, name.column, f"{name.text} has a start value twice")
            given.add(name.text.casefold())
            yield name, value

    def _fields(self, kind: Struct | Record, init: Fields, at: int, scope: Scope, path: str, depth: int) -> None:
        struct = kind.inner if isinstance(kind, Record) else kind
        given: set[str] = set()
        for position, (name, value) in enumerate(init.fields):
            if name is not None:
                slot = struct.find(name.text)
                if slot is None:
                    raise scope.wrong_at(name.line, name.column, f"{struct.name} has no member {name.text}")
            elif position < len(struct.slots):
                slot = struct.slots[position]
            else:
                raise scope.wrong_at(*_position(value), f"{struct.name} has only {len(struct.slots)} members")
            if slot.name in given:
                raise scope.wrong_at(*_position(value), f"{slot.name} has a start value twice")
            given.add(slot.name)
            here = joined(path, spelled(slot.name))
            self.place(slot.type, value, at + slot.offset, scope, path=here, depth=depth + 1)
        if kind.name == "DTL":
            try:
                derive_weekday(self.image, at)
            except ParameterError as error:
                raise scope.wrong_at(*_position(init), error.failure.what) from None

    def _item(self, array: Array, item: Init, at: int, done: int, scope: Scope, path: str, depth: int) -> int:
        """Place one item of a list behind `done` elements; the number of elements placed so far."""
        if depth > DEEPEST:
            raise scope.wrong_at(*_position(item), "start values lie too deep inside one another")
        if isinstance(item, Items) and not isinstance(array.element, Array):
            for inner in item.items:
                done = self._item(array, inner, at, done, scope, path, depth + 1)
            return done
        if isinstance(item, Repeat):
            return self._repeated(array, item, at, done, scope, path, depth)
        if done >= array.count:
            raise scope.wrong_at(*_position(item), f"{array.name} has only {array.count} elements")
        kind, offset = array.flat(done)
        here = f"{path}[{array.indices(done)}]"
        self.place(kind, item, at + offset, scope, path=here, depth=depth + 1)
        return done + 1

    def _repeated(self, array: Array, item: Repeat, at: int, first: int, scope: Scope, path: str, depth: int) -> int:
        times, done, kept = self.constants.number(item.count, scope), first, len(self.unplaced)
        for inner in item.items:
            done = self._item(array, inner, at, done, scope, path, depth + 1)
        length = done - first
        if times < 1 or first + times * length > array.count:
            what = f"{times} repetitions of {length} values do not fit {array.name} behind {first} elements"
            raise scope.wrong(item.count, what)
        # Elements other than Bools lie back to back, so the repetitions are one copy, however many there are.
        if array.element.name != "Bool" and kept == len(self.unplaced):
            start, stop = (at + array.flat(first)[1] for first in (first, first + length - 1))
            stop += array.flat(1)[1] if array.count > 1 else array.extent
            chunk = bytes(self.image[start:stop])
            self.image[start : start + times * len(chunk)] = chunk * times
            return first + times * length
        if times * length > _MOST_BOOLS:
            raise scope.wrong(item.count, f"more than {_MOST_BOOLS} start values of {array.element.name}")
        for _ in range(times - 1):
            for inner in item.items:
                done = self._item(array, inner, at, done, scope, path, depth + 1)
        return done


def everywhere(kind: Type, constant: Constant) -> Init:
    """The start value that gives a constant to a place, or to every element of an array."""
    if not isinstance(kind, Array):
        return constant
    count = Constant(str(kind.count), constant.line, constant.column)
    return Items((Repeat(count, (everywhere(kind.element, constant),)),), constant.line, constant.column)


def derive_weekday(image: bytearray, at: int) -> None:
    """Set the weekday of a DTL whose fields were set: the one a source gives is not considered."""
    year, month, day, _weekday, *clock = dtl_fields(image, at)
    s7_type("DTL").write(image, at, DTL(year, month, day, *clock))


def joined(path: str, step: str) -> str:
    """A path one step longer; indices in brackets follow without a point."""
    return f"{path}.{step}" if path and step and not step.startswith("[") else path + step


def unplaced(kind: Type, path: str = "") -> Iterator[tuple[str, str]]:
    """The start values inside a layout that have no bytes, by path; what overrules another one comes later."""
    if isinstance(kind, Struct):
        for slot in kind.slots:
            here = joined(path, spelled(slot.name))
            yield from unplaced(slot.type, here)
            yield from ((joined(here, step), text) for step, text in slot.member.unplaced.items())
    elif isinstance(kind, Array):
        inside = list(unplaced(kind.element))
        if inside and kind.count * len(inside) > _MOST_UNPLACED:
            raise ParameterError(f"{path} has more than {_MOST_UNPLACED} start values that have no place")
        for position in range(kind.count if inside else 0):
            here = f"{path}[{kind.indices(position)}]"
            yield from ((joined(here, step), text) for step, text in inside)


def _position(init: Init) -> tuple[int, int]:
    at = init.count if isinstance(init, Repeat) else init
    return at.line, at.column
