"""Back to text: a source in the form in which TIA Portal generates it from blocks.

What `load` reads of the text is read from it again: types, offsets, start values, attributes and comments. Start values
of the declaration stand at their member, those that differ from it in BEGIN, as exports have it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from os import PathLike
from pathlib import Path

from ..errors import ParameterError
from ..s7 import Array, Image, Member, Opaque, Record, Struct, Type, Unfit, changed, leaves, literal, spelled
from ..s7 import find as find_s7
from .block import Block

__all__ = ["emit", "save"]

_STEP = "   "
_RESERVED = frozenset({
    "ARRAY", "AT", "BEGIN", "DATA_BLOCK", "END_DATA_BLOCK", "END_STRUCT", "END_TYPE", "END_VAR", "FALSE", "NULL", "OF",
    "REF_TO", "STRING", "STRUCT", "THIS", "TRUE", "TYPE", "VAR", "WSTRING",
})  # fmt: skip
_HEADER_ORDER = ("TITLE", "AUTHOR", "FAMILY", "NAME", "VERSION")


def emit(block: Block, *, every_member: bool = False) -> str:
    """The text source of a data block or PLC data type, lines ending in a line feed.

    Args:
        block: What `SourceFile.blocks`, `SourceFile.types` or `block_of` gives.
        every_member: Write all members in BEGIN, for the reader's sake, not only those that differ from the default.

    Raises:
        ParameterError: A start value has no literal (NaN, a broken string), or the block is a program block.
    """
    if block.kind == "DATA_BLOCK":
        lines = _data_block(block, every_member=every_member)
    elif block.kind == "TYPE":
        lines = _type(block)
    else:
        raise ParameterError(
            f'"{block.name}" is a program block; only data blocks and types are written',
            remedy="Choose a data block or a type",
        )
    return "".join(f"{line}\n" for line in lines)


def save(path: str | PathLike[str], *blocks: Block) -> None:
    """Write blocks and types as one source file, in UTF-8 with byte order mark and CRLF as TIA Portal expects it.

    Raises:
        ParameterError: As `emit`.
        OSError: The file cannot be written.
    """
    text = "\n".join(map(emit, blocks)).replace("\n", "\r\n")
    Path(path).write_bytes(codecs.BOM_UTF8 + text.encode())


def _name(name: str) -> str:
    return f'"{name}"' if name.upper() in _RESERVED or find_s7(name) is not None else spelled(name)


def _attributes(attributes: Mapping[str, str], *, gap: str = " ") -> str:
    parts = "; ".join(f"{key} := '{value}'" for key, value in attributes.items())
    return f"{{{gap}{parts}{gap}}}" if parts else ""


def _headers(block: Block) -> Iterator[str]:
    if block.attributes:
        yield _attributes(block.attributes)
    for key in _HEADER_ORDER:
        if key in block.headers:
            yield f"{key} {'=' if key == 'TITLE' else ':'} {block.headers[key]}"
    yield from sorted(block.flags)


def _data_block(block: Block, *, every_member: bool) -> Iterator[str]:
    yield f'DATA_BLOCK "{block.name}"'
    yield from _headers(block)
    own = block.layout.slots[0].type if [slot.name for slot in block.layout] == ["THIS"] else None
    if block.base:
        system = block.layout.build is not None or find_s7(block.base) is not None
        yield block.base if system else f'"{block.base}"'
    elif own is not None:
        yield _type_text(own)
    elif block.optimized:
        yield from _sections(block)
    else:
        yield f"{_STEP}STRUCT "
        yield from _members(block.layout.members, 2)
        yield f"{_STEP}END_STRUCT;"
    yield ""
    yield ""
    yield "BEGIN"
    yield from _begin(block, every_member=every_member)
    yield ""
    yield "END_DATA_BLOCK"


def _sections(block: Block) -> Iterator[str]:
    for retain, members in groupby(block.layout.members, lambda member: member.name in block.retain):
        yield f"{_STEP}VAR RETAIN" if retain else f"{_STEP}VAR "
        yield from _members(members, 2)
        yield f"{_STEP}END_VAR"


def _type(block: Block) -> Iterator[str]:
    _refuse_unwritten(block)
    yield f'TYPE "{block.name}"'
    yield from _headers(block)
    yield f"{_STEP}STRUCT "
    yield from _members(block.layout.members, 2)
    yield f"{_STEP}END_STRUCT;"
    yield ""
    yield "END_TYPE"


def _refuse_unwritten(block: Block) -> None:
    """A data block tells values without a place in BEGIN; a type has no such section."""
    own = {spelled(slot.name) for slot in block.layout if isinstance(slot.type, Opaque)}
    for path in block.unplaced:
        if path.rpartition(".")[0] not in own:
            raise ParameterError("a start value inside an opaque type cannot be written here", where=path)


def _members(members: Iterable[Member], level: int) -> Iterator[str]:
    indent = _STEP * level
    for member in members:
        attributes = _attributes(member.attributes, gap="")
        shares = f" AT {_name(member.shares)}" if member.shares else ""
        head = f"{indent}{_name(member.name)}{' ' if attributes else ''}{attributes}{shares} : "
        comment = f"   // {member.comment}" if member.comment else ""
        start = _start(member)
        array, struct = _structured(member.type)
        if struct is None:
            yield f"{head}{_type_text(member.type)}{start};{comment}"
        else:
            yield f"{head}{array}Struct{comment or ' '}"
            yield from _members(struct.members, level + 1)
            yield f"{indent}END_STRUCT{start};"


def _structured(kind: Type) -> tuple[str, Struct | None]:
    """What stands in front of `Struct`, and the structure, for anonymous ones and arrays of them."""
    if isinstance(kind, Array) and isinstance(kind.element, Struct) and not kind.element.named:
        return kind.name.removesuffix("Struct"), kind.element
    return "", kind if isinstance(kind, Struct) and not kind.named else None


def _type_text(kind: Type) -> str:
    if isinstance(kind, Array):
        return f"{kind.name.removesuffix(kind.element.name)}{_type_text(kind.element)}"
    declared = isinstance(kind, Struct) and kind.build is None and find_s7(kind.name) is None
    return f'"{kind.name}"' if declared else kind.name


def _start(member: Member) -> str:
    if isinstance(member.type, Opaque) and member.unplaced:
        return f" := ({', '.join(f'{step} := {text}' for step, text in member.unplaced.items())})"
    if member.preset is None:
        return ""
    image, blank = bytearray(member.preset), bytearray(member.type.blank)
    return f" := {_value(member.type, image, blank, 0)}"


def _value(kind: Type, image: Image, blank: Image, at: int) -> str:
    """A start value as initial list: elements in brackets, members by name, `()` where the default stays."""
    if isinstance(kind, Opaque) and kind.same(image, at, blank, at):
        return "()"
    if isinstance(kind, Array):
        places = map(kind.flat, range(kind.count))
        texts = [_value(element, image, blank, at + offset) for element, offset in places]
        runs = ((text, len(list(run))) for text, run in groupby(texts))
        return f"[{', '.join(text if count == 1 else f'{count}({text})' for text, count in runs)}]"
    if isinstance(kind, Struct):
        own = ((slot, at + slot.offset) for slot in kind.slots if slot.member.shares is None)
        parts = [
            f"{_name(slot.name)} := {_value(slot.type, image, blank, place)}"
            for slot, place in own
            if not slot.type.same(image, place, blank, place)
        ]
        return f"({', '.join(parts)})"
    try:
        return literal(kind, kind.read(image, at))
    except Unfit as refusal:
        raise refusal.error() from None


def _begin(block: Block, *, every_member: bool) -> Iterator[str]:
    start = bytearray(block.start)
    if every_member:
        places = list(leaves(block.layout))
    else:
        changes = changed(block.layout, bytearray(block.layout.blank), start)
        places = [(change.path, change.type, change.offset) for change in changes]
    for path, kind, at in places:
        yield from (f"{_STEP}{line};" for line in _assignments(path, kind, start, at))
    for path, text in block.unplaced.items():
        yield f"{_STEP}{path} := {text};"


def _assignments(path: str, kind: Type, image: Image, at: int) -> Iterator[str]:
    if isinstance(kind, Opaque):
        raise ParameterError(f"what lies inside {kind.name} is not published and cannot be written", where=path)
    if isinstance(kind, Record):
        # Exports write a record member by member, without grouping digits, and a DTL once more as a whole.
        for step, part, offset in leaves(kind.inner, at, path):
            yield f"{step} := {literal(part, part.read(image, offset)).replace('_', '')}"
    if not isinstance(kind, Record) or kind.name == "DTL":
        try:
            yield f"{path} := {literal(kind, kind.read(image, at))}"
        except Unfit as refusal:
            raise refusal.error(path) from None
