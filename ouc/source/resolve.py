"""From what stands in sources to types with offsets: names are looked up, bounds counted, start values placed.

Types may be used before they are defined and in other files than the one that needs them, so everything is collected
first and resolved when asked for. Each type is resolved once; the way down is counted, so a type that contains itself
and a chain of a thousand types end in the same clear error as any nesting that STEP 7 does not permit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from ..errors import ParameterError
from ..s7 import (
    MAX_DEPTH,
    Array,
    Codepage,
    Member,
    Opaque,
    String,
    Struct,
    Structure,
    Type,
    WString,
    nearest,
    quoted,
    spelled,
)
from ..s7 import find as find_s7
from ..s7 import typeof as s7_type
from .constants import CONSTANTS, Constants
from .scope import Scope
from .start import DEEPEST, Start, everywhere
from .text import SourceText
from .tree import (
    ArrayOf,
    Block,
    Constant,
    Line,
    Name,
    Named,
    Reference,
    Section,
    StructOf,
    TextOf,
    TypeRef,
)

__all__ = ["Library"]

_TYPE_KINDS = ("TYPE", "FUNCTION_BLOCK", "VALUES")

# Parameters that name a block, a timer or a counter are a number of two bytes in an instance.
_POINTER = Named("POINTER", 0, 0)
_PARAMETER_TYPES = frozenset({"timer", "counter", "block_fb", "block_fc", "block_db", "block_sdb"})


class Library:
    """All types and blocks of some sources, and what the caller knows besides."""

    def __init__(
        self,
        *,
        constants: Mapping[str, int | str],
        structures: Mapping[str, type[Structure]],
        page: Codepage,
    ) -> None:
        self.constants = Constants({**CONSTANTS, **{name.casefold(): value for name, value in constants.items()}})
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
            if block.kind == "VALUES":
                lines = (line for section in block.sections for line in section.lines)
                _names_once(lines, Scope(source))
                self.constants.add(block)
        elif known[1] is source:
            where = Scope(source).wrong_at(block.name.line, block.name.column, "").failure.where
            raise ParameterError(f'"{block.name.text}" is declared twice', where=where, remedy="Remove one of them")

    def function_block(self, ref: TypeRef | None) -> tuple[Block, SourceText] | None:
        """The function block that a data block is an instance of, with its file; None where it is of none."""
        found = self._declared.get(ref.name.casefold()) if isinstance(ref, Named) else None
        return found if found is not None and found[0].kind == "FUNCTION_BLOCK" and not _is_system(ref) else None

    # Types

    def type_of(self, ref: TypeRef, scope: Scope, depth: int = 0) -> Type:
        """The type that a reference means."""
        if depth > DEEPEST:
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
            remedy = f"Did you mean {quoted(near)}?" if near else "Read the file that declares it together with this one"
            unknown = scope.wrong(ref, f"the type {quoted(ref.name)} is not known", remedy)
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
            raise scope.wrong(ref, f"{quoted(ref.name)} contains itself: {circle}")
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
            return self._values(block, self.type_of(block.base, scope, depth + 1), scope)
        struct = self.struct(block.sections, source, block.name.text, depth)
        if block.init is None:
            return struct
        start = self.start(struct)
        start.place(struct, block.init, 0, scope)
        members = [
            slot.member
            if slot.member.shares is not None
            else attrs.evolve(
                slot.member,
                preset=_cut(start.image, slot.offset, slot.type),
                unplaced={**slot.member.unplaced, **_below(spelled(slot.name), start.unplaced)},
            )
            for slot in struct
        ]
        return Struct(members, name=struct.name)

    def _values(self, block: Block, kind: Type, scope: Scope) -> Type:
        """The base of a named value type, after a look at its values and its default."""
        lines = (line for section in block.sections for line in section.lines)
        for value in [*(line.init for line in lines), block.init]:
            if value is not None:
                self.start(kind).place(kind, value, 0, attrs.evolve(scope, values=block.name.text.casefold()))
        return kind

    def start(self, kind: Type) -> Start:
        """Start values of a type, at first those of the type itself."""
        return Start(self.constants, self._page, bytearray(kind.blank))

    def member(self, line: Line, name: Name, kind: Type, scope: Scope) -> Member:
        """One member of a declaration with its start value; `kind` is its type."""
        preset, unplaced = self._preset(line, kind, scope)
        return Member(
            name.text,
            kind,
            preset=preset,
            comment=line.comment or _comment(line.type, scope),
            attributes=line.attributes,
            shares=line.shares.text if line.shares else None,
            unplaced=unplaced,
        )

    def _preset(self, line: Line, kind: Type, scope: Scope) -> tuple[bytes | None, Mapping[str, str]]:
        values = self._named_values(line.type)
        if line.shares is not None:
            if line.init is not None:
                at = line.names[0]
                what = f"{at.text} shares the memory of {line.shares.text} (AT) and has no start value of its own"
                raise scope.wrong_at(at.line, at.column, what)
            return None, {}
        if line.init is None and (values is None or values[0].init is None):
            return None, {}
        start = self.start(kind)
        if values is not None:
            declared, source = values
            scope = attrs.evolve(scope, values=declared.name.text.casefold())
            if isinstance(declared.init, Constant):
                start.place(kind, everywhere(kind, declared.init), 0, attrs.evolve(scope, source=source))
        if line.init is not None:
            start.place(kind, line.init, 0, scope)
        return (None if isinstance(kind, Opaque) else bytes(start.image)), start.unplaced

    def _named_values(self, ref: TypeRef) -> tuple[Block, SourceText] | None:
        """The named value type that a reference, or the elements of an array of it, mean."""
        while isinstance(ref, ArrayOf):
            ref = ref.element
        found = self._declared.get(ref.name.casefold()) if isinstance(ref, Named) else None
        return found if found is not None and found[0].kind == "VALUES" and not _is_system(ref) else None

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
        _names_once(lines, scope)
        for line in lines:
            versioned = "LibVersion" in line.attributes
            kind = self.type_of(line.type, attrs.evolve(scope, versioned=True) if versioned else scope, depth)
            if by_reference and isinstance(kind, Struct | Array | String | WString):
                if line.init is not None:
                    what = f"{line.names[0].text} is passed by reference and has no start value"
                    raise scope.wrong_at(line.names[0].line, line.names[0].column, what)
                line, kind = attrs.evolve(line, type=_POINTER), s7_type("POINTER")
            first = self.member(line, line.names[0], kind, scope)
            yield from (attrs.evolve(first, name=name.text) for name in line.names)

    def _text(self, ref: TextOf, scope: Scope) -> Type:
        length = 254 if ref.length is None else self.constants.number(ref.length, scope)
        return String(length, self._page) if ref.name[0] in "sS" else WString(length)

    def _range(self, pair: tuple[Constant, Constant] | None, ref: ArrayOf, scope: Scope) -> tuple[int, int]:
        if pair is None:
            raise scope.wrong(ref, "Array[*] has no size; it cannot be declared in a data block")
        low, high = (self.constants.number(bound, scope) for bound in pair)
        if not scope.wide_bounds and not -32768 <= low <= high <= 32767:
            raise scope.wrong(pair[0], f"{low}..{high} are no bounds: -32768 to 32767, the lower one first")
        return low, high


def _names_once(lines: Iterable[Line], scope: Scope) -> None:
    seen: set[str] = set()
    for name in (name for line in lines for name in line.names):
        if name.text.casefold() in seen:
            raise scope.wrong_at(name.line, name.column, f"{name.text} is declared twice")
        seen.add(name.text.casefold())


def _local(sections: Sequence[Section]) -> dict[str, int | str]:
    """The constants that a block declares for itself."""
    found: dict[str, int | str] = {}
    for section in sections:
        if "CONSTANT" in section.modifiers:
            for line in section.lines:
                if isinstance(line.init, Constant):
                    found |= {name.text.casefold(): line.init.text for name in line.names}
    return found


def _is_system(ref: TypeRef | None) -> bool:
    """Whether a name means a type of Siemens', as it does without quotes."""
    return isinstance(ref, Named) and not ref.quoted and find_s7(ref.name) is not None


def _below(name: str, paths: Mapping[str, str]) -> dict[str, str]:
    """Of values by path those that lie below a member, by the rest of their path."""
    rest = ((path[len(name) :], text) for path, text in paths.items() if path.startswith(name))
    return {path.removeprefix("."): text for path, text in rest if path[:1] in (".", "[")}


def _cut(image: bytearray, offset: int, kind: Type) -> bytes:
    if kind.name == "Bool":
        return bytes([kind.read(image, offset)])
    return bytes(image[offset : offset + kind.size])


def _comment(ref: TypeRef, scope: Scope) -> str:
    column, text = scope.source.comments.get(ref.line, (0, ""))
    return text if column > ref.column else ""


def _located(error: ParameterError, ref: TypeRef | None, scope: Scope) -> ParameterError:
    """The error with a place in the source, if it does not have one yet."""
    if error.failure.where:
        return error
    if ref is None:
        return ParameterError(error.failure.what, where=scope.source.name, remedy=error.failure.remedy)
    return scope.wrong(ref, error.failure.what, error.failure.remedy)
