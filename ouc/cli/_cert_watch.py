"""The commands of `ouc cert` that look ahead and back: revoke, crl, check, group, rollout."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ..certs import expiring, gauges
from ..certs import rollout as rolled_out
from ._projects import Json, Number, PasswordFile, ProjectFile, User, Wide, as_json, note, opened, say, write
from ._show import print_json, table
from ._usage import UsageError, looking
from ._words import known_reason

__all__ = ["COMMANDS"]


def revoke(
    project: ProjectFile,
    number: Number,
    *,
    reason: Annotated[
        str,
        typer.Option(
            metavar="REASON", callback=known_reason, help="key-compromise, superseded, cessation-of-operation, …"
        ),
    ] = "unspecified",
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Revoke a certificate that a CA of the project issued. The CA's new revocation list is there at once."""
    with opened(project, password_file=password_file, user=user) as found:
        entry = found.revoke(number, reason=reason)
    if json:
        print_json(as_json(entry))
        return
    say(f"{number}  {entry.common_name} is revoked ({entry.reason})")
    note(f"write the list for partners: ouc cert crl {project} {entry.issuer_id} -o FILE")


def crl(
    project: ProjectFile,
    number: Annotated[int | None, typer.Argument(metavar="[ID]", min=1, help="ID of the CA.")] = None,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the list (DER).")] = None,
    days: Annotated[int | None, typer.Option(metavar="N", min=1, max=36525, help="Make a new list, due in N days.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="The empty list that TIA Portal exports.")] = False,
    import_file: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Take over the list of a foreign CA.")
    ] = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Show, write, make or take over the revocation list of a CA."""
    with opened(project, password_file=password_file, user=user) as found:
        if import_file is not None:
            (number, *_) = found.import_crl(import_file)
        if number is None:
            raise UsageError("whose list?", where="ID", remedy="Name the ID of a CA, or --import FILE")
        if days is not None and not empty:
            found.new_crl(number, days=days)
        data = found.empty_crl(number) if empty else found.export(number, "crl").data
        current = found.crl(number)
    if output is not None:
        write(output, data)
        say(str(output))
        return
    due = current.next_update_utc if current is not None else None
    facts: dict[str, Any] = {
        "issuer": number, "revoked": [f"{one.serial_number:X}" for one in current] if current is not None else [],
        "updated": current.last_update_utc.isoformat() if current is not None else None,
        "due": due.isoformat() if due is not None else None,
    }  # fmt: skip
    if json:
        print_json(facts)
    else:
        table("", ("", ""), ((key, ", ".join(value) if isinstance(value, list) else value) for key, value in facts.items()))


@looking
def check(
    project: ProjectFile,
    *,
    days: Annotated[int, typer.Option(metavar="N", min=0, max=36525, help="How far to look ahead.")] = 60,
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Print gauges in Prometheus' format.")] = False,
    user: User = "admin",
    password_file: PasswordFile = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """Tell what the devices use and what runs out, was revoked or is refused by TLS. The exit status is 1 if anything is, for
    cron.
    """
    now = datetime.now(UTC)
    with opened(project, password_file=password_file, user=user) as found:
        ending = expiring(found, now=now, days=days)
        wrong = found.findings()
        shown = gauges(found, now=now) if prometheus else ""
    if prometheus:
        for line in shown.splitlines():
            say(line)
        return
    if json:
        print_json([
            {"id": one.id, "what": one.what, "common_name": one.common_name, "devices": list(one.devices),
             "until": one.not_after.isoformat(), "days": one.days} for one in ending
        ] + [
            {"id": one.id, "what": one.what, "common_name": one.common_name, "devices": list(one.devices),
             "until": None, "days": None, "message": one.message, "remedy": one.remedy} for one in wrong
        ])  # fmt: skip
    elif not ending:
        say(f"nothing runs out within {days} days")
    else:
        table("", ("ID", "What", "Common name of subject", "Until", "Days", "Devices"), (
            (one.id, one.what, one.common_name, f"{one.not_after:%Y-%m-%d}", one.days, ", ".join(one.devices)) for one in ending
        ), wide=wide)  # fmt: skip
    if not json:
        for finding in wrong:
            say(str(finding))
    if ending or wrong:
        raise typer.Exit(1)


def group(
    project: ProjectFile,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of the group; all are listed without it.")] = None,
    members: Annotated[list[int] | None, typer.Argument(metavar="ID...", help="Its members.")] = None,
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Put several anchors behind one ID, or change them: a reference to it believes each of them."""
    with opened(project, password_file=password_file, user=user) as found:
        if name is not None:
            made = found.group(name, members or [])
            note(f"enter {made.id} as trust reference, and assign the members to the devices")
        rows = found.groups
    if json:
        print_json([{"id": one.id, "name": one.name, "members": list(one.members)} for one in rows])
    else:
        table("", ("ID", "Group", "Members"), ((one.id, one.name, ", ".join(map(str, one.members))) for one in rows))


def rollout(
    project: ProjectFile,
    *,
    old: Annotated[int, typer.Option(metavar="ID", min=1, help="The CA that goes.")],
    new: Annotated[int, typer.Option(metavar="ID", min=1, help="The CA that comes.")],
    user: User = "admin",
    password_file: PasswordFile = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """Show for every partner that stations have seen whether its certificate is of the old CA or of the new one."""
    with opened(project, password_file=password_file, user=user) as found:
        rows = rolled_out(found, old=old, new=new)
    if json:
        print_json([
            {"device": row.sighting.device, "partner": row.sighting.partner, "stage": row.stage,
             "seen": row.sighting.at.isoformat(), "fingerprint": row.sighting.fingerprint,
             "issuer": row.sighting.issuer, "issuer_id": row.sighting.issuer_id,
             "valid_to": row.sighting.not_after.isoformat()} for row in rows
        ])  # fmt: skip
        return
    table("", ("Device", "Partner", "Stage", "Seen", "Fingerprint", "Issuer", "Valid to"), (
        (row.sighting.device, row.sighting.partner, row.stage, f"{row.sighting.at:%Y-%m-%d %H:%M}",
         row.sighting.fingerprint[:16], row.sighting.issuer, f"{row.sighting.not_after:%Y-%m-%d}") for row in rows
    ), wide=wide)  # fmt: skip


COMMANDS: tuple[Any, ...] = (revoke, crl, check, group, rollout)
