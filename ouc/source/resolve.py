"""From what stands in sources to types with offsets: names are looked up, bounds counted, start values placed.

Types may be used before they are defined and in other files than the one that needs them, so everything is collected
first and resolved when asked for. Each type is resolved once; the way down is counted, so a type that contains itself
and a chain of a thousand types end in the same clear error as any nesting that STEP 7 does not permit.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence

import attrs

from ..errors import ParameterError
from ..s7 import (
    DTL,
    MAX_DEPTH,
    Array,
    Codepage,
    Member,
    Opaque,
    Record,
    String,
    Struct,
    Structure,
    Type,
    Unfit,
    WString,
    dtl_fields,
    nearest,
)
from ..s7 import find as find_s7
from ..s7 import parse as parse_literal
from ..s7 import typeof as s7_type
from .text import SourceText
from .tree import (
    ArrayOf,
    Block,
    Constant,
    Fields,
    Init,
    Items,
    Line,
    Name,
    Named,
    Reference,
    Repeat,
    Section,
    StructOf,
    TextOf,
    TypeRef,
)

__all__ = ["CONSTANTS", "Library", "Scope", "derive_weekday"]

#: System constants that every CPU of the family has, by name in lower case: the hardware identifier of the first
#: PROFINET interface, which connection descriptions name.
CONSTANTS: Mapping[str, int | str] = {"local~profinet_interface_1": 64}

_DEEPEST = 4 * MAX_DEPTH  # steps down a type reference, arrays included; far more than any layout may have
_MOST_BOOLS = 1_000_000  # start values of Bools are placed one by one

_TYPE_KINDS = ("TYPE", "FUNCTION_BLOCK", "VALUES")

# The start value of a parameter that names a block or a timer: FB 1234, T 5.
_NUMBERED = re.compile(r"(?:FB|FC|DB|SDB|T|C|Z) ?(\d{1,5})\Z", re.IGNORECASE)

# Parameters that name a block, a timer or a counter are a number of two bytes in an instance.
_PARAMETER_TYPES = frozenset({"timer", "counter", "block_fb", "block_fc", "block_db", "block_sdb"})


@attrs.frozen
class Scope:
    """Where a piece of source stands.

    Attributes:
        source: Its file.
        constants: Those that only its block knows.
        wide_bounds: Whether array bounds may be those of optimized access.
        versioned: Whether the declaration names a library version, as exports do for what Siemens ships.
        code: Whether it is the interface of a program block.
    """

    source: SourceText
    constants: Mapping[str, int | str] = attrs.field(factory=dict)
    wide_bounds: bool = False
    versioned: bool = False
    code: bool = False

    def wrong(self, at: Named | Constant | TypeRef, what: str, remedy: str = "") -> ParameterError:
        """An error that points at a place of this file."""
        return self.wrong_at(at.line, at.column, what, remedy)

    def wrong_at(self, line: int, column: int, what: str, remedy: str = "") -> ParameterError:
        """An error that points at a line and column of this file."""
        # A source may hold names and numbers of any length; a message may not.
        what = what if len(what) <= 300 else f"{what[:150]} … {what[-100:]}"
        return ParameterError(what, where=f"{self.source.name}:{line}:{column}", remedy=remedy)


class Library:
    """All types and blocks of some sources, and what the caller knows besides."""

    def __init__(
        self,
        *,
        constants: Mapping[str, int | str],
        structures: Mapping[str, type[Structure]],
        page: Codepage,
    ) -> None:
        self._constants = {**CONSTANTS, **{name.casefold(): value for name, value in constants.items()}}
        self._structures = {name.casefold(): structure for name, structure in structures.items()}
        self._page = page
        self._declared: dict[str, tuple[Block, SourceText]] = {}
        self._resolved: dict[str, Type] = {}
        self._open: list[str] = []

    def add(self, block: Block, source: SourceText) -> None:
        """Make a type or block known; of several with one name in different files the first counts."""
        key = block.name.text.casefold()
        known = self._declared.get(key)
        if known is None:
            self._declared[key] = (block, source)
        elif known[1] is source:
            where = Scope(source).wrong_at(block.name.line, block.name.column, "").failure.where
            raise ParameterError(f'"{block.name.text}" is declared twice', where=where)

    # Types

    def type_of(self, ref: TypeRef, scope: Scope, depth: int = 0) -> Type:
        """The type that a reference means."""
        if depth > _DEEPEST:
            raise scope.wrong(ref, f"structures lie more than {MAX_DEPTH} levels inside one another")
        try:
            if isinstance(ref, StructOf):
                return Struct(list(self.members(ref.lines, scope, depth + 1)))
            if isinstance(ref, TextOf):
                return self._text(ref, scope)
            if isinstance(ref, ArrayOf):
                bounds = [self._range(pair, ref, scope) for pair in ref.bounds]
                return Array(tuple(bounds), self.type_of(ref.element, scope, depth + 1))
            if isinstance(ref, Reference):
                raise scope.wrong(ref, "REF_TO cannot be declared in a data block")
        except ParameterError as error:
            raise _located(error, ref, scope) from None
        return self._named(ref, scope, depth)

    def _named(self, ref: Named, scope: Scope, depth: int) -> Type:
        key = ref.name.casefold()
        declared = self._declared.get(key)
        system = find_s7(ref.name, self._page) or self._system(key)
        if key == "variant" and scope.code:
            return Opaque(ref.name, 0)
        if system is not None and not (ref.quoted and declared):
            return system
        if declared is None or declared[0].kind not in _TYPE_KINDS:
            near = nearest(ref.name, (block.name.text for block, _ in self._declared.values()))
            remedy = f"Did you mean {near!r}?" if near else "Read the file that declares it together with this one"
            unknown = scope.wrong(ref, f"the type {ref.name!r} is not known", remedy)
            if (scope.versioned or scope.code) and not ref.quoted:
                # Data of an instruction or technology object, of which no size is published.
                return Opaque(ref.name, 2, guessed=unknown)
            raise unknown
        return self.declared(declared[0].name, scope, ref, depth)

    def declared(self, name: Name, scope: Scope, ref: Named | None = None, depth: int = 0) -> Type:
        """The type that a TYPE or a function block of the sources declares; `ref` is where it is used."""
        key = name.text.casefold()
        ref = ref or Named(name.text, name.line, name.column)
        if key in self._resolved:
            return self._resolved[key]
        if key in self._open:
            circle = " in ".join([*self._open[self._open.index(key) :], key])
            raise scope.wrong(ref, f"{ref.name!r} contains itself: {circle}")
        if len(self._open) > MAX_DEPTH:
            raise scope.wrong(ref, f"structures lie more than {MAX_DEPTH} levels inside one another")
        self._open.append(key)
        try:
            resolved = self._resolved[key] = self._declaration(*self._declared[key], depth)
        finally:
            self._open.pop()
        return resolved

    def _system(self, key: str) -> Type | None:
        if key in self._structures:
            return self._structures[key].layout()
        return s7_type("UInt") if key in _PARAMETER_TYPES else None

    def _declaration(self, block: Block, source: SourceText, depth: int) -> Type:
        scope = Scope(source, wide_bounds=True)
        if block.kind == "VALUES" and block.base is not None:
            return self.type_of(block.base, scope, depth + 1)
        struct = self.struct(block.sections, source, block.name.text, depth)
        if block.init is None:
            return struct
        image = bytearray(struct.blank)
        self.place(struct, block.init, image, 0, scope)
        members = [attrs.evolve(slot.member, preset=_cut(image, slot.offset, slot.type)) for slot in struct]
        return Struct(members, name=struct.name)

    def struct(
        self,
        sections: Sequence[Section],
        source: SourceText,
        name: str = "Struct",
        depth: int = 0,
        *,
        wide_bounds: bool = True,
    ) -> Struct:
        """The structure that a block's or type's declarations make.

        The areas of a function block (input, output, in-out, static) each begin at an even byte, as in every instance.
        """
        code = any(part.kind not in ("STRUCT", "VAR") for part in sections)
        scope = Scope(source, _local(sections), wide_bounds, code=code)
        members: list[Member] = []
        areas = {"VAR_INPUT": 0, "VAR_OUTPUT": 1, "VAR_IN_OUT": 2, "STRUCT": 3, "VAR": 3, "VAR_STAT": 3}
        kept = [part for part in sections if part.kind in areas and "CONSTANT" not in part.modifiers]
        try:
            for area in range(4):
                lines = [line for part in kept if areas[part.kind] == area for line in part.lines]
                own = list(self.members(lines, scope, depth + 1, by_reference=area == 2))
                if own and members and own[0].shares is None:
                    own[0] = attrs.evolve(own[0], at=Struct(members).size)
                members += own
            return Struct(members, name=name)
        except ParameterError as error:
            raise _located(error, None, scope) from None

    def members(
        self, lines: Sequence[Line], scope: Scope, depth: int, *, by_reference: bool = False
    ) -> Iterator[Member]:
        """The members of some declarations; with `by_reference` structured ones are pointers of six bytes."""
        seen: set[str] = set()
        for line in lines:
            for name in line.names:
                if name.text.casefold() in seen:
                    raise scope.wrong_at(name.line, name.column, f"{name.text} is declared twice")
                seen.add(name.text.casefold())
            versioned = "LibVersion" in line.attributes
            kind = self.type_of(line.type, attrs.evolve(scope, versioned=True) if versioned else scope, depth)
            if by_reference and isinstance(kind, Struct | Array | String | WString):
                kind = s7_type("POINTER")
            preset = None
            if line.init is not None and not isinstance(kind, Opaque):
                image = bytearray(kind.blank)
                self.place(kind, line.init, image, 0, scope)
                preset = bytes(image)
            comment = line.comment or _comment(line.type, scope)
            for name in line.names:
                yield Member(
                    name.text,
                    kind,
                    preset=preset,
                    comment=comment,
                    attributes=line.attributes,
                    shares=line.shares.text if line.shares else None,
                )

    def _text(self, ref: TextOf, scope: Scope) -> Type:
        length = 254 if ref.length is None else self.number(ref.length, scope)
        return String(length, self._page) if ref.name[0] in "sS" else WString(length)

    def _range(self, pair: tuple[Constant, Constant] | None, ref: ArrayOf, scope: Scope) -> tuple[int, int]:
        if pair is None:
            raise scope.wrong(ref, "Array[*] has no size; it cannot be declared in a data block")
        low, high = (self.number(bound, scope) for bound in pair)
        if not scope.wide_bounds and not -32768 <= low <= high <= 32767:
            raise scope.wrong(pair[0], f"{low}..{high} are no bounds: -32768 to 32767, the lower one first")
        return low, high

    # Constants and start values

    def constant(self, constant: Constant, scope: Scope) -> int | str:
        """What a constant means: a literal's text, or the value of the named one."""
        if not constant.named or constant.text.upper() in ("TRUE", "FALSE", "NULL"):
            return constant.text
        key = constant.text.casefold()
        for known in (scope.constants, self._constants, self._values):
            if key in known:
                return known[key]
        remedy = "Give its value: constants={...} in Python, --constant NAME=VALUE on the command line"
        raise scope.wrong(constant, f"the constant {constant.text!r} is not known", remedy)

    @functools.cached_property
    def _values(self) -> dict[str, int | str]:
        blocks = (block for block, _ in self._declared.values() if block.kind == "VALUES")
        lines = (line for block in blocks for section in block.sections for line in section.lines)
        return {line.names[0].text.casefold(): line.init.text for line in lines if isinstance(line.init, Constant)}

    def number(self, constant: Constant, scope: Scope) -> int:
        """The integer that a bound, length, index or repetition factor means."""
        value = self.constant(constant, scope)
        if isinstance(value, int):
            return value
        try:
            number: int = parse_literal(s7_type("LInt"), value)
        except Unfit:
            raise scope.wrong(constant, f"{value!r} is no integer") from None
        return number

    def place(self, kind: Type, init: Init, image: bytearray, at: int, scope: Scope, depth: int = 0) -> None:
        """Write a start value, a list of them or a structure of them into an image."""
        if depth > _DEEPEST:
            raise scope.wrong_at(*_position(init), "start values lie too deep inside one another")
        if isinstance(init, Fields) and not init.fields:
            return  # () keeps the default
        if isinstance(kind, Array) and isinstance(init, Items):
            self._place_items(kind, init, image, at, scope, depth)
        elif isinstance(kind, Struct | Record) and isinstance(init, Fields):
            self._place_fields(kind.inner if isinstance(kind, Record) else kind, init, image, at, scope, depth)
            if kind.name == "DTL":
                try:
                    derive_weekday(image, at)
                except ParameterError as error:
                    raise scope.wrong_at(*_position(init), error.failure.what) from None
        elif isinstance(init, Constant):
            self._place_constant(kind, init, image, at, scope)
        else:
            raise scope.wrong_at(*_position(init), f"this start value does not fit {kind.name}")

    def _place_constant(self, kind: Type, constant: Constant, image: bytearray, at: int, scope: Scope) -> None:
        value = self.constant(constant, scope)
        try:
            if isinstance(kind, Array) and kind.element.name in ("Char", "WChar") and len(kind.bounds) == 1:
                text = parse_literal(String(254, self._page) if kind.element.size == 1 else WString(16382), str(value))
                kind.write(image, at, text.ljust(kind.length))
            elif isinstance(value, str):
                numbered = _NUMBERED.match(value) if kind.name == "UInt" else None
                kind.write(image, at, parse_literal(kind, numbered[1] if numbered else value))
            else:
                kind.write(image, at, value)
        except Unfit as refusal:
            raise scope.wrong(constant, refusal.reason) from None

    def _place_fields(
        self, struct: Struct, init: Fields, image: bytearray, at: int, scope: Scope, depth: int
    ) -> None:
        for position, (name, value) in enumerate(init.fields):
            if name is not None:
                slot = struct.find(name.text)
                if slot is None:
                    raise scope.wrong_at(name.line, name.column, f"{struct.name} has no member {name.text}")
            elif position < len(struct.slots):
                slot = struct.slots[position]
            else:
                raise scope.wrong_at(*_position(value), f"{struct.name} has only {len(struct.slots)} members")
            self.place(slot.type, value, image, at + slot.offset, scope, depth + 1)

    def _place_items(self, array: Array, init: Items, image: bytearray, at: int, scope: Scope, depth: int) -> None:
        done = 0
        for item in init.items:
            done = self._place_item(array, item, image, at, done, scope, depth)

    def _place_item(
        self, array: Array, item: Init, image: bytearray, at: int, done: int, scope: Scope, depth: int
    ) -> int:
        """Place one item of a list behind `done` elements; the number of elements placed so far."""
        if depth > _DEEPEST:
            raise scope.wrong_at(*_position(item), "start values lie too deep inside one another")
        if isinstance(item, Items) and not isinstance(array.element, Array):
            for inner in item.items:
                done = self._place_item(array, inner, image, at, done, scope, depth + 1)
            return done
        if not isinstance(item, Repeat):
            if done >= array.count:
                raise scope.wrong_at(*_position(item), f"{array.name} has only {array.count} elements")
            kind, offset = array.flat(done)
            self.place(kind, item, image, at + offset, scope, depth + 1)
            return done + 1
        times = self.number(item.count, scope)
        first = done
        for inner in item.items:
            done = self._place_item(array, inner, image, at, done, scope, depth + 1)
        length = done - first
        if times < 1 or first + times * length > array.count:
            what = f"{times} repetitions of {length} values do not fit {array.name} behind {first} elements"
            raise scope.wrong(item.count, what)
        # Elements other than Bools lie back to back, so the repetitions are one copy, however many there are.
        if array.element.name != "Bool":
            start, stop = (at + array.flat(first)[1] for first in (first, first + length - 1))
            stop += array.flat(1)[1] if array.count > 1 else array.extent
            chunk = bytes(image[start:stop])
            image[start : start + times * len(chunk)] = chunk * times
            return first + times * length
        if times * length > _MOST_BOOLS:
            raise scope.wrong(item.count, f"more than {_MOST_BOOLS} start values of Bool")
        for _ in range(times - 1):
            for inner in item.items:
                done = self._place_item(array, inner, image, at, done, scope, depth + 1)
        return done


def derive_weekday(image: bytearray, at: int) -> None:
    """Set the weekday of a DTL whose fields were set: the one a source gives is not considered."""
    year, month, day, _weekday, *clock = dtl_fields(image, at)
    s7_type("DTL").write(image, at, DTL(year, month, day, *clock))


def _local(sections: Sequence[Section]) -> dict[str, int | str]:
    """The constants that a block declares for itself."""
    found: dict[str, int | str] = {}
    for section in sections:
        if "CONSTANT" in section.modifiers:
            for line in section.lines:
                if isinstance(line.init, Constant):
                    found |= {name.text.casefold(): line.init.text for name in line.names}
    return found


def _cut(image: bytearray, offset: int, kind: Type) -> bytes:
    if kind.name == "Bool":
        return bytes([kind.read(image, offset)])
    return bytes(image[offset : offset + kind.size])


def _comment(ref: TypeRef, scope: Scope) -> str:
    column, text = scope.source.comments.get(ref.line, (0, ""))
    return text if column > ref.column else ""


def _position(init: Init) -> tuple[int, int]:
    at = init.count if isinstance(init, Repeat) else init
    return at.line, at.column


def _located(error: ParameterError, ref: TypeRef | None, scope: Scope) -> ParameterError:
    """The error with a place in the source, if it does not have one yet."""
    if error.failure.where:
        return error
    if ref is None:
        return ParameterError(error.failure.what, where=scope.source.name, remedy=error.failure.remedy)
    return scope.wrong(ref, error.failure.what, error.failure.remedy)

