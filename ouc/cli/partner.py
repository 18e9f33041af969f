"""`ouc partner`: from one side's connection description to the other side's."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..params import Description, endpoint, partners, to_python, to_toml
from ..source import block_of, emit, save
from ..visible import visible
from ._descriptions import Named, descriptions
from ._show import note
from ._usage import CodePage

__all__ = ["register"]


class Form(StrEnum):
    """How the description is written."""

    source = "source"
    toml = "toml"
    python = "python"


def register(app: typer.Typer) -> None:
    """Add `ouc partner` to the command."""
    app.command()(partner)


def partner(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE[#VARIABLE]...", help="Descriptions: sources of TIA Portal, or TOML.")
    ],
    *,
    address: Annotated[
        str | None, typer.Option(metavar="IP", help="Address of the device that FILE is for; becomes RemoteAddress.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="The same for descriptions by name, with its dot.")] = "",
    first_id: Annotated[
        int | None, typer.Option("--id", metavar="N", min=1, max=4095, help="First connection ID; IDs are not reused.")
    ] = None,
    own: Annotated[
        int | None, typer.Option(metavar="ID", min=0, help="The other side's own certificate, by its ID.")
    ] = None,
    trust: Annotated[
        int | None, typer.Option(metavar="ID", min=0, help="What the other side verifies this one with; 0: every CA.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", "-f", help="TIA Portal source, TOML or Python.")] = Form.source,
    block: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the data block in a source.")
    ] = "Partner_Connection_Parameters",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to.")] = None,
    code_page: CodePage = "cp1252",
) -> None:
    """Turn connection descriptions into those of the other side: roles and ports swapped, references exchanged.

    The other sides of several descriptions are taken to be on one device, so an ID that is taken is replaced by a free
    one. What the result lacks, such as the address of the device, is told on standard error.
    """
    found = [one for place in files for one in descriptions(place, code_page=code_page)]
    turned = partners(
        (one.value for one in found),
        own_address=address,
        own_name=name,
        connection_id=first_id,
        own=own,
        trust=trust,
    )
    named = dict(zip(_names(found), turned, strict=True))
    for variable, value in named.items():
        _remark(variable, value, own_given=own is not None, profile="Python" if form is not Form.source else "S7-1500")
    if form is Form.source and output is not None:
        save(output, block_of(block, named))
        return
    text = _text(form, block, named)
    if output is None:
        # A pipe gets the file as it is.
        typer.echo(visible(text, keep="\n") if sys.stdout.isatty() else text, nl=False)
    else:
        output.write_text(text, encoding="utf-8", newline="\n")


def _text(form: Form, block: str, named: dict[str, Description]) -> str:
    if form is Form.source:
        return emit(block_of(block, named), every_member=True)
    return to_toml(named) if form is Form.toml else to_python(named)


def _names(found: list[Named]) -> list[str]:
    """Each variable's own name, with a number where two files use the same."""
    names: list[str] = []
    for one in found:
        plain = one.name.rpartition(".")[2].strip('"') or one.name
        fitting = (plain if count == 1 else f"{plain}_{count}" for count in range(1, len(found) + 1))
        names.append(next(name for name in fitting if name.casefold() not in {other.casefold() for other in names}))
    return names


def _remark(name: str, value: Description, *, own_given: bool, profile: str) -> None:
    """Tell what the result still lacks."""
    for finding in value.check(profile):
        note(f"{name}: {finding.member}: {finding.message}. {finding.remedy}")
    end = endpoint(value)
    if end.own_reference and not own_given:
        member = "TLSClientCertRef" if end.active else "TLSServerCertRef"
        note(
            f"{name}: {member} {end.own_reference} is the ID that the first side uses; if the other device has another "
            "certificate, give its ID with --own"
        )
