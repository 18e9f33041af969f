"""`ouc lint`: connection descriptions checked before a packet leaves, alone and against their partners."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..params import Finding, Severity, Side, compare, meeting
from ..status import Status
from ._descriptions import Named, area, default_profile, descriptions
from ._devices import Known, known
from ._projects import PasswordFile, User, opened
from ._show import console, print_json, table
from ._usage import CodePage, UsageError, ipv4, known_profile, looking

__all__ = ["register"]

Profile = Annotated[
    str | None, typer.Option(metavar="NAME", callback=known_profile, help="CPU and firmware, such as 'S7-1200 V4.5'.")
]
Address = Annotated[str | None, typer.Option(metavar="IP", callback=ipv4, help="The device's own address.")]
Data = Annotated[str | None, typer.Option(metavar="FILE[#BLOCK]", help="The area at DATA.")]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="The device in the project.")]
Length = Annotated[int, typer.Option(metavar="BYTES", min=0, max=0xFFFFFFFF, help="LEN; 0: the whole area.")]


def register(app: typer.Typer) -> None:
    """Add `ouc lint` to the command."""
    app.command()(lint)


@attrs.frozen
class _Told:
    """A finding and the descriptions it is about."""

    where: str
    finding: Finding

    def to_dict(self) -> dict[str, Any]:
        return {"where": self.where, **self.finding.to_dict()}


@looking
def lint(
    a: Annotated[str, typer.Argument(metavar="A[#VARIABLE]", help="One side: a source of TIA Portal, or TOML.")],
    b: Annotated[str | None, typer.Argument(metavar="B[#VARIABLE]", help="The other side.")] = None,
    *,
    profile_a: Profile = None,
    profile_b: Profile = None,
    address_a: Address = None,
    address_b: Address = None,
    data_a: Data = None,
    data_b: Data = None,
    len_a: Length = 0,
    len_b: Length = 0,
    project: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificates.")] = None,
    password_file: PasswordFile = None,
    user: User = "admin",
    device_a: Device = None,
    device_b: Device = None,
    code_page: CodePage = "cp1252",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check connection descriptions: each side, and with two files what only the pair shows.

    Where a file holds several descriptions and none is named, all pairs that can meet by role and port are checked.
    Sources are checked as for the latest S7-1500 unless a profile is given. With a project the references are followed
    to the certificates on the devices. The exit status is 1 if there are errors.
    """
    devices = _devices(project, password_file, user, device_a, device_b)
    ours = _sides(a, profile_a, address_a, data_a, len_a, devices.get(device_a or ""), code_page)
    if b is None:
        if data_b or len_b or profile_b or address_b or device_b:
            raise UsageError("options of side B need side B", remedy="Name its file behind the first one")
        findings = [_Told(named.name, one) for named, side in ours for one in _alone(side)]
        pairs: list[tuple[str, str]] = []
    else:
        theirs = _sides(b, profile_b, address_b, data_b, len_b, devices.get(device_b or ""), code_page)
        findings, pairs = _both(ours, theirs)
    errors = sum(told.finding.is_error for told in findings)
    if as_json:
        print_json(
            {
                "findings": [told.to_dict() for told in findings],
                "pairs": [list(pair) for pair in pairs],
                "checked": len(ours) + (len(theirs) if b is not None else 0),
                "errors": errors,
                "warnings": len(findings) - errors,
            }
        )
    else:
        _print(findings, pairs)
    if errors:
        raise typer.Exit(1)


def _devices(project: Path | None, password_file: Path | None, user: str, *names: str | None) -> dict[str, Known]:
    wanted = [name for name in names if name is not None]
    if project is None:
        if wanted:
            raise UsageError("a device needs its project", remedy="Name the project's file with --project")
        return {}
    if not wanted:
        raise UsageError("which device of the project?", remedy="Name it with --device-a or --device-b")
    return known(opened(project, password_file=password_file, user=user), wanted)


def _sides(
    place: str, profile: str | None, address: str | None, data: str | None, length: int, device: Known | None,
    code_page: str,
) -> list[tuple[Named, Side]]:
    if length and data is None:
        raise UsageError("LEN needs an area", remedy="Name the block with --data-a or --data-b")
    shared = area(data, length, code_page=code_page)
    held = device.addresses if device else ()
    return [
        (
            named,
            Side(
                description=named.value,
                profile=profile or default_profile(place),
                own_address=address or (held[0] if held else None),
                other_addresses=() if address else held[1:],
                others=named.others,
                certificates=device.certificates if device else None,
                groups=device.groups if device else {},
                data=shared,
            ),
        )
        for named in descriptions(place, code_page=code_page)
    ]


def _compared(one: Side, other: Side) -> tuple[Finding, ...]:
    return compare(one, other, now=datetime.now(UTC))


def _alone(side: Side) -> list[Finding]:
    """Findings of one description: what a comparison with itself tells of side A."""
    return [attrs.evolve(one, side="") for one in _compared(side, side) if one.side == "A"]


def _both(
    ours: list[tuple[Named, Side]], theirs: list[tuple[Named, Side]]
) -> tuple[list[_Told], list[tuple[str, str]]]:
    pairs = meeting([side.description for _, side in ours], [side.description for _, side in theirs])
    told = [_Told(named.name, attrs.evolve(one, side="A")) for named, side in ours for one in _alone(side)]
    told += [_Told(named.name, attrs.evolve(one, side="B")) for named, side in theirs for one in _alone(side)]
    for i, j in pairs:
        where = f"{ours[i][0].name} - {theirs[j][0].name}"
        told += [_Told(where, one) for one in _compared(ours[i][1], theirs[j][1]) if one.side == "A-B"]
    if not pairs:
        told.append(_Told("", _NOBODY_MEETS))
    return told, [(ours[i][0].name, theirs[j][0].name) for i, j in pairs]


_NOBODY_MEETS = Finding(
    rule="nobody meets",
    message="no description of A meets one of B: one side active and one passive, with ports that fit",
    member="ActiveEstablished, RemotePort, LocalPort",
    status=None,
    remedy="Name the two descriptions that belong together: A#VARIABLE B#VARIABLE",
    severity=Severity.ERROR,
    side="A-B",
)


def _print(findings: list[_Told], pairs: list[tuple[str, str]]) -> None:
    for one, other in pairs:
        console.print(f"{one} meets {other}", markup=False, soft_wrap=True)
    if not findings:
        console.print("nothing found", markup=False)
        return
    several = len({told.where for told in findings}) > 1
    columns = ("side", *(["where"] if several else []), "STATUS", "member", "what is wrong, what to change")
    table("", columns, (_cells(told, several=several) for told in findings))


def _cells(told: _Told, *, several: bool) -> list[object]:
    one = told.finding
    word = tuple(filter(None, (_word(one.status), one.severity.value)))
    return [one.side, *([told.where] if several else []), word, one.member, (f"{one.message}.", one.remedy)]


def _word(status: Status | None) -> str:
    return "" if status is None else str(status)
