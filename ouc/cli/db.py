"""`ouc db`: data blocks of TIA Portal sources, their layout and their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..errors import OUCError, ParameterError
from ..s7 import MAX_IMAGE, Array, Opaque, Struct, Type, Unfit, leaves, spelled
from ..source import Block, DataBlock, SourceFile, load
from ._members import address, assign, plain, written
from ._show import complain, console, print_json, table
from ._usage import CodePage, UsageError, looking

__all__ = ["register"]

Source = Annotated[Path, typer.Argument(metavar="FILE", help="The source: .db, .udt, .scl or .awl.")]
Name = Annotated[str | None, typer.Option("--block", "-b", metavar="NAME", help="The block, if there are several.")]
Others = Annotated[
    list[Path] | None,
    typer.Option("--with", "-w", metavar="PATH", help="A file or folder that declares types which FILE uses."),
]
Constants = Annotated[
    list[str] | None,
    typer.Option("--constant", "-c", metavar="NAME=VALUE", help="The value of a constant in quotes in FILE."),
]
Standard = Annotated[
    bool, typer.Option("--standard", help="Take the block as one with standard access, whatever FILE says.")
]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def register(app: typer.Typer) -> None:
    """Add `ouc db show`, `encode`, `decode` and `diff` to the command."""
    db = typer.Typer(no_args_is_help=True, help="Layouts of data blocks from TIA Portal sources; their images.")
    db.command()(show)
    db.command()(encode)
    db.command()(decode)
    db.command()(diff)
    app.add_typer(db, name="db")


def show(
    file: Source,
    block: Name = None,
    others: Others = None,
    constant: Constants = None,
    code_page: CodePage = "cp1252",
    *,
    every: Annotated[bool, typer.Option("--all", help="Every element of arrays.")] = False,
    as_json: Json = False,
) -> None:
    """Show members, types, offsets and start values of the blocks of a source."""
    source = _load(file, others, constant, code_page, standard=False)
    names = [block] if block else list(source.blocks) or list(source.types)
    if not names:
        raise ParameterError(
            "holds neither a data block nor a type", where=str(file),
            remedy="Give a source that holds one",
        )
    shown = [_described(source.declaration(name), every=every) for name in names]
    if as_json:
        for one in shown:
            for row in one["members"]:
                del row["shown"]
        print_json(shown)
        return
    columns = {"offset": "Offset", "shown": "Name", "type": "Type", "start": "Start value", "comment": "Comment"}
    for one in shown:
        access = "optimized access, offsets as they would be without" if one["optimized"] else "standard access"
        kept = [key for key in columns if key != "comment" or any(row[key] for row in one["members"])]
        rows = [[row[key] for key in kept] for row in one["members"]]
        table(f"{one['name']}: {one['size']} bytes, {access}", [columns[key] for key in kept], rows)


def encode(
    file: Source,
    block: Name = None,
    others: Others = None,
    constant: Constants = None,
    code_page: CodePage = "cp1252",
    *,
    standard: Standard = False,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="PATH=VALUE", help="A member and its value, as literal or text."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="IMAGE", help="Where to.")] = None,
) -> None:
    """Make the image of a block: its start values and what `--set` changes; without `-o` as hexadecimal dump."""
    db = _load(file, others, constant, code_page, standard=standard).block(block)
    for assignment in values or ():
        assign(db, assignment, where=str(file))
    image = bytes(db)
    if output is None:
        for at in range(0, len(image), 16):
            console.print(f"{at:6}  {image[at : at + 16].hex(' ').upper()}", markup=False)
    else:
        output.write_bytes(image)


def decode(
    file: Source,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The bytes of the block.")],
    block: Name = None,
    others: Others = None,
    constant: Constants = None,
    code_page: CodePage = "cp1252",
    *,
    standard: Standard = False,
    as_json: Json = False,
) -> None:
    """Show what an image holds, member by member."""
    declaration = _load(file, others, constant, code_page, standard=standard).declaration(block)
    db = _over(declaration, image)
    bytes(db)  # refuses a block that has no image
    if as_json:
        print_json(plain(db.layout, db.to_dict()))
        return
    rows, broken = [], 0
    for path, kind, at in leaves(db.layout):
        try:
            text = written(kind, kind.read(db.image, at))
        except Unfit as refusal:
            text, broken = f"?? {refusal.reason}", broken + 1
        rows.append((address(kind, at), path, kind.name, text))
    table(declaration.name, ("Offset", "Name", "Type", "Value"), rows)
    if broken:
        complain(f"{image}: {broken} members hold bytes that are no value of their type")
        raise typer.Exit(1)


@looking
def diff(
    file: Source,
    one: Annotated[Path, typer.Argument(metavar="A", help="An image of the block.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    block: Name = None,
    others: Others = None,
    constant: Constants = None,
    code_page: CodePage = "cp1252",
    *,
    standard: Standard = False,
    as_json: Json = False,
) -> None:
    """Show the members in which two images differ; exit status 1 if there are any."""
    declaration = _load(file, others, constant, code_page, standard=standard).declaration(block)
    first, second = _over(declaration, one), _over(declaration, other)
    bytes(first)
    changes = first.changes(second)
    if as_json:
        pairs = [(change, plain(change.type, change.old), plain(change.type, change.new)) for change in changes]
        print_json([{"path": change.path, "type": change.type.name, "a": a, "b": b} for change, a, b in pairs])
    elif changes:
        rows = [
            (address(change.type, change.offset), change.path, change.type.name, written(change.type, change.old),
             written(change.type, change.new))
            for change in changes
        ]  # fmt: skip
        table(declaration.name, ("Offset", "Name", "Type", str(one), str(other)), rows)
    if changes:
        raise typer.Exit(1)


def _load(
    file: Path, others: list[Path] | None, constants: list[str] | None, code_page: str, *, standard: bool
) -> SourceFile:
    given: dict[str, int | str] = {}
    for constant in constants or ():
        name, equals, value = constant.partition("=")
        if not equals:
            raise UsageError("write it as NAME=VALUE", where=f"--constant {constant}", remedy="Such as --constant MAX=8")
        given[name.strip().strip('"')] = value.strip()
    optimized = False if standard else None
    return load(file, *(others or ()), constants=given, code_page=code_page, optimized=optimized)


def _over(declaration: Block, path: Path) -> DataBlock:
    """The block over an image in a file."""
    data = _read(path)
    try:
        return declaration.data(data)
    except OUCError as error:
        told = error.failure
        raise ParameterError(told.what, where=told.where or str(path), remedy=told.remedy) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_IMAGE + 1)
    except OSError as error:
        raise ParameterError(
            f"cannot be read: {error.strerror}", where=str(path),
            remedy="Check the name, the folder and the permissions",
        ) from None
    if len(data) > MAX_IMAGE:
        raise ParameterError(
            f"is larger than {MAX_IMAGE // 2**20} MiB, which no image is", where=str(path),
            remedy="Give the image of the block: its bytes and nothing else",
        )
    return data


@attrs.frozen
class _Row:
    """One line of `ouc db show`."""

    level: int
    name: str
    path: str
    type: Type
    at: int
    comment: str = ""


def _described(block: Block, *, every: bool) -> dict[str, Any]:
    start = bytearray(block.start)
    rows = [
        {
            "offset": address(row.type, row.at),
            "path": row.path,
            "shown": "  " * row.level + row.name,
            "type": row.type.name,
            "start": _kept(block, row) or _start(row.type, start, row.at),
            "comment": row.comment,
        }
        for row in _rows(block.layout, every=every)
    ]
    size = block.layout.size
    return {"name": block.name, "kind": block.kind, "optimized": block.optimized, "size": size, "members": rows}


def _kept(block: Block, row: _Row) -> str:
    """The start values inside an opaque type, which have no bytes."""
    if not isinstance(row.type, Opaque):
        return ""
    inside = f"{row.path}." if row.path != "THIS" else ""
    own = {path[len(inside) :]: text for path, text in block.unplaced.items() if path.startswith(inside)}
    return f"({', '.join(f'{name} := {text}' for name, text in own.items())})" if own else ""


def _start(kind: Type, image: bytearray, at: int) -> str:
    if isinstance(kind, Struct | Array):
        return ""
    try:
        return written(kind, kind.read(image, at))
    except Unfit as refusal:
        return f"?? {refusal.reason}"


def _rows(kind: Type, path: str = "", at: int = 0, level: int = 0, *, every: bool) -> Iterator[_Row]:
    """Every member; of arrays of structures the first element, with `every` all elements of all arrays."""
    if isinstance(kind, Struct):
        for slot in kind.slots:
            name = f"{path}.{spelled(slot.name)}" if path else spelled(slot.name)
            yield _Row(level, slot.name, name, slot.type, at + slot.offset, slot.member.comment)
            yield from _rows(slot.type, name, at + slot.offset, level + 1, every=every)
    elif isinstance(kind, Array) and (every or isinstance(kind.element, Struct)):
        for position in range(kind.count if every else 1):
            element, offset = kind.flat(position)
            name = f"[{kind.indices(position)}]"
            yield _Row(level, name, path + name, element, at + offset)
            yield from _rows(element, path + name, at + offset, level + 1, every=every)
