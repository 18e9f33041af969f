"""A source as the user meets it: blocks by name, variables by name, data blocks with their start values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import attrs

from .. import s7
from ..errors import ParameterError
from ..s7 import Array, Member, Opaque, Record, Struct, Structure, Type, Unfit, codepage, nearest, quoted, spelled
from . import syntax, tree
from .begin import Begin
from .block import Block, DataBlock
from .resolve import Library
from .scope import Scope
from .siblings import of_name, of_text
from .start import unplaced
from .text import SourceText, read_text, scan

__all__ = ["SourceFile", "Variable", "load", "load_block", "loads"]

_SUFFIXES = (".db", ".udt", ".scl", ".awl", ".stl")
_CLASSIC = (".awl", ".stl")

_Path = str | PathLike[str]


@attrs.frozen
class Variable:
    """A variable that describes a connection: where it stands and what it holds.

    Attributes:
        block: The data block's name.
        path: Its path in the block; empty where the block itself is of the type.
        value: Its start value.
    """

    block: str
    path: str
    value: Structure

    @property
    def name(self) -> str:
        """The shortest name a person would use: the path, or the block's name."""
        return self.path or self.block


class SourceFile:
    """What `load` read. Blocks are resolved when they are asked for, so one that cannot be does not hide the others."""

    def __init__(self, name: str, blocks: Sequence[tree.Block], source: SourceText, library: Library, *,
                 optimized: bool | None) -> None:  # fmt: skip
        self.name = name
        self._source = source
        self._library = library
        self._optimized = optimized
        self._declared = {block.name.text: block for block in blocks}
        self._resolved: dict[str, Block] = {}
        self.blocks: Mapping[str, Block] = _Blocks(self.declaration, self._names("DATA_BLOCK"))
        self.types: Mapping[str, Block] = _Blocks(self.declaration, self._names("TYPE"))

    def _names(self, kind: str) -> list[str]:
        return [name for name, block in self._declared.items() if block.kind == kind]

    def __repr__(self) -> str:
        return f"<source {self.name}: {', '.join(self._declared) or 'empty'}>"

    def block(self, name: str | None = None) -> DataBlock:
        """A fresh data block with the start values of the source.

        Args:
            name: The block's name, letter case ignored; or that of a PLC data type. May be left out where the file
                holds one data block, or no data block and one type.

        Raises:
            ParameterError: There is no such block, or several and none is named, or it cannot be resolved.
        """
        return self.declaration(name).data()

    def declaration(self, name: str | None = None) -> Block:
        """The block itself; arguments and errors as `block`."""
        if name is None:
            names = list(self.blocks) or list(self.types)
            if len(names) != 1:
                some = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
                what = f"holds {some}: name one" if names else "holds no data block"
                raise ParameterError(what, where=self.name)
            name = names[0]
        found = self._find(name)
        if found is None:
            raise self._unknown("block", name, list(self._declared))
        if found not in self._resolved:
            self._resolved[found] = self._resolve(self._declared[found])
        return self._resolved[found]

    def __getitem__(self, name: str) -> Any:
        """The start value of a variable: a `Structure` for connection descriptions, otherwise as `DataBlock` reads it.

        Args:
            name: A member of any block of the file, or its path (`Motor.Speed`), with `Block.` in front where two
                blocks have one; or a block of a system type.

        Raises:
            ParameterError: There is no such variable, or several.
        """
        found = self._find(name)
        if found is not None and self._declared[found].kind == "DATA_BLOCK":
            return self.block(found).value()
        owners = [block for block in self.blocks if self._leads_into(self.declaration(block), name)]
        if len(owners) > 1:
            raise ParameterError(
                f"{quoted(name)} is in {' and in '.join(owners)}; put the block in front", where=self.name,
                remedy="Write BLOCK.MEMBER",
            )
        if owners:
            return self._value(self.declaration(owners[0]), name)
        first, _, rest = name.partition('".') if name.startswith('"') else name.partition(".")
        found = self._find(first.strip('"'))
        if found is not None and rest:
            return self._value(self.declaration(found), rest)
        raise self._unknown("variable", name, [slot for block in self.blocks.values() for slot in block.data()])

    def structures(self) -> list[Variable]:
        """All connection descriptions (`TCON_IP_V4_SEC` and its relatives) in the data blocks, in order."""
        found = []
        for name, block in self.blocks.items():
            for path, kind, offset in _structures(block.layout, "", 0):
                if kind.build is not None:
                    found.append(Variable(name, path, kind.build(block.start[offset : offset + kind.size])))
        return found

    def _find(self, name: str) -> str | None:
        if name in self._declared:
            return name
        folded = name.strip('"').casefold()
        return next((known for known in self._declared if known.casefold() == folded), None)

    def _unknown(self, what: str, name: str, known: list[str]) -> ParameterError:
        near = nearest(name, known)
        some = ", ".join(other[:40] for other in known[:8]) + (", …" if len(known) > 8 else "")
        hint = f"Did you mean {quoted(near)}?" if near else f"It holds {some or 'nothing'}"
        return ParameterError(f"there is no {what} {quoted(name[:100])}", where=self.name, remedy=hint)

    def _leads_into(self, block: Block, name: str) -> bool:
        if block.layout.find(name) is not None:
            return True
        try:
            block.layout.remember(s7.Paths)[name]
        except Unfit:
            return False
        return True

    def _value(self, block: Block, path: str) -> Any:
        value = block.data()[path]
        if isinstance(value, s7.StructView):
            return value.value()
        return value.to_list() if isinstance(value, s7.ArrayView) else value

    # Resolving

    def _resolve(self, block: tree.Block) -> Block:
        optimized = self._is_optimized(block)
        scope = Scope(self._source, wide_bounds=optimized)
        layout = self._layout(block, scope, optimized=optimized)
        if not optimized:
            _refuse_guesses(layout)
        start = self._library.start(layout)
        start.unplaced.update(unplaced(layout))
        Begin(start, scope, layout).run(block.assignments)
        retained = [part for part in block.sections if "RETAIN" in part.modifiers]
        return Block(
            name=block.name.text,
            kind=block.kind,
            layout=layout,
            start=bytes(start.image),
            optimized=optimized,
            attributes=block.attributes,
            headers=block.headers,
            flags=block.flags,
            base=block.base.name if isinstance(block.base, tree.Named) else "",
            unplaced=start.unplaced,
            retain=frozenset(name.text for part in retained for line in part.lines for name in line.names),
        )

    def _is_optimized(self, block: tree.Block) -> bool:
        if self._optimized is not None:
            return self._optimized
        if block.kind == "TYPE":
            return False  # a type is laid out by the block that uses it
        # An instance has the access of its function block, which every export of the block states.
        owner, source = self._library.function_block(block.base) or (block, self._source)
        said = [access for access in (_access(owner), _access(block)) if access is not None]
        if said:
            return said[0]
        # Without the attribute: classic blocks know standard access only, S7-1200 and S7-1500 assume the other.
        number = owner.name.text[2:]
        classic = source.name.lower().endswith(_CLASSIC) or (not owner.name.quoted and number.isdigit())
        return not classic

    def _layout(self, block: tree.Block, scope: Scope, *, optimized: bool) -> Struct:
        if block.kind != "DATA_BLOCK":
            kind = self._library.declared(block.name, scope)
        elif block.base is None:
            return self._library.struct(block.sections, self._source, wide_bounds=optimized)
        else:
            kind = self._library.type_of(block.base, scope)
            if not isinstance(kind, Struct | Record):
                # A block that is an array is addressed as THIS[1]; the data of other types has no name of its own.
                return Struct([self._library.member(_this(block.base), _this(block.base).names[0], kind, scope)])
        if isinstance(kind, Record):
            return kind.inner
        if isinstance(kind, Struct):
            return kind
        return Struct([Member("THIS", kind)])


def _access(block: tree.Block) -> bool | None:
    """Whether a block says that it has optimized access; None where it says nothing."""
    access = {key.casefold(): value for key, value in block.attributes.items()}.get("s7_optimized_access")
    return None if access is None else access.strip().casefold() == "true"


def _this(base: tree.TypeRef) -> tree.Line:
    """The declaration of a block that is made of a type without members."""
    return tree.Line((tree.Name("THIS", base.line, base.column),), base, None, None, {})


class _Blocks(Mapping[str, Block]):
    """Blocks of one kind by name, resolved when looked at."""

    def __init__(self, resolve: Callable[[str], Block], names: Sequence[str]) -> None:
        self._resolve = resolve
        self._names = {name.casefold(): name for name in names}

    def __getitem__(self, name: str) -> Block:
        return self._resolve(self._names[name.casefold()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())

    def __len__(self) -> int:
        return len(self._names)


def _refuse_guesses(kind: Type) -> None:
    """Raise what was wrong with a type whose size is not known: in standard access every offset behind it would be."""
    if isinstance(kind, Opaque) and kind.guessed is not None:
        raise kind.guessed
    if isinstance(kind, Array):
        _refuse_guesses(kind.element)
    elif isinstance(kind, Struct):
        for inner in {id(slot.type): slot.type for slot in kind.slots}.values():
            _refuse_guesses(inner)


def _structures(kind: Type, path: str, offset: int) -> Iterator[tuple[str, Struct, int]]:
    """Every place of a declared structure inside a type, the outermost only."""
    if isinstance(kind, Struct):
        if kind.build is not None:
            yield path, kind, offset
            return
        for slot in kind.slots:
            step = spelled(slot.name)
            yield from _structures(slot.type, f"{path}.{step}" if path else slot.name, offset + slot.offset)
    elif isinstance(kind, Array) and isinstance(kind.element, Struct):
        if not any(True for _ in _structures(kind.element, "", 0)):
            return
        for position in range(kind.count):
            element, at = kind.flat(position)
            yield from _structures(element, f"{path}[{kind.indices(position)}]", offset + at)


def load(
    path: _Path,
    *others: _Path,
    constants: Mapping[str, int | str] | None = None,
    structures: Mapping[str, type[Structure]] | None = None,
    code_page: str = "cp1252",
    optimized: bool | None = None,
) -> SourceFile:
    """Read a text source of TIA Portal or STEP 7: `.db`, `.udt`, `.scl`, `.awl`.

    Args:
        path: The file whose blocks are wanted.
        others: Files, or folders of files, that declare types which the first one uses.
        constants: Values of constants that stand in quotes in the source, by name; an int, or a literal as text.
        structures: Declared structures by their type's name; those of `ouc.params` unless told.
        code_page: The Windows code page of the engineering PC. It decides the bytes of Char and String, and how files
            are read that have no byte order mark and are no UTF-8.
        optimized: True or False where the attribute `S7_Optimized_Access` is missing or to be overruled.

    Raises:
        ParameterError: No such file, no text, another kind of export (SimaticML, SIMATIC SD), larger than 8 MiB, or a
            syntax error, with file, line and column.
            What is wrong with one block (an unknown type, a value out of range) is raised when that block is used.
    """
    first, *rest = (Path(part) for part in (path, *others))
    files = [first, *(file for part in rest for file in _files(part) if not _same(file, first))]
    page = codepage(code_page)
    texts = [scan(str(file), read_text(file, page)) for file in files]
    return _load(texts, constants=constants, structures=structures, code_page=code_page, optimized=optimized)


def loads(
    text: str,
    name: str = "<source>",
    *,
    constants: Mapping[str, int | str] | None = None,
    structures: Mapping[str, type[Structure]] | None = None,
    code_page: str = "cp1252",
    optimized: bool | None = None,
) -> SourceFile:
    """The same for a source that is a string already; errors call it `name`."""
    kind = of_name(name) or of_text(text)
    if kind is not None:
        raise kind.error(name)
    texts = [scan(name, text.removeprefix("\ufeff"))]
    return _load(texts, constants=constants, structures=structures, code_page=code_page, optimized=optimized)


def load_block(path: _Path, block: str | None = None, **options: Any) -> DataBlock:
    """A data block of a source file with its start values; arguments and errors as `DataBlock.from_source`."""
    return DataBlock.from_source(path, block, **options)


def _load(
    texts: Sequence[SourceText],
    *,
    constants: Mapping[str, int | str] | None,
    structures: Mapping[str, type[Structure]] | None,
    code_page: str,
    optimized: bool | None,
) -> SourceFile:
    library = Library(
        constants=constants or {}, structures=_known() if structures is None else structures, page=codepage(code_page)
    )
    parsed = [(text, syntax.parse(text)) for text in texts]
    for text, blocks in parsed:
        for block in blocks:
            library.add(block, text)
    first, blocks = parsed[0]
    return SourceFile(first.name, blocks, first, library, optimized=optimized)


def _known() -> Mapping[str, type[Structure]]:
    from .. import params

    return params.STRUCTURES


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
    return [path]


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
