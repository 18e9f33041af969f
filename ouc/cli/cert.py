"""`ouc cert`: the certificates of a project, from creation to history."""

from __future__ import annotations

from typing import Annotated

import typer

from ..certs import COLUMNS, Project, differences
from . import _cert_files, _cert_watch
from ._projects import (
    Days,
    DeviceName,
    Json,
    Moment,
    Number,
    PasswordFile,
    ProjectFile,
    San,
    User,
    Wide,
    as_json,
    done,
    listing,
    moment_of,
    note,
    notes,
    opened,
    say,
)
from ._show import print_json, table
from ._usage import UsageError
from ._words import known_hash, known_key, known_role, known_usage

__all__ = ["register"]

CommonName = Annotated[str | None, typer.Option("--cn", metavar="NAME", help="Common name of the subject.")]
IssuerOption = Annotated[str | None, typer.Option("--issuer", metavar="ID|self", help="The CA that signs, or 'self'.")]
KeyKind = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="KIND", callback=known_key, help="ec-p256, ec-p384, rsa-2048, rsa-4096 (rsa-1024 with --legacy)."
    ),
]
Hash = Annotated[
    str | None,
    typer.Option("--hash", metavar="HASH", callback=known_hash, help="sha256, sha384, sha512 (sha1 with --legacy)."),
]
Legacy = Annotated[bool, typer.Option("--legacy", help="Allow SHA-1 and RSA 1024, for partners that know nothing better.")]
UsedAs = Annotated[
    str | None,
    typer.Option("--used-as", metavar="ROLE", callback=known_role, help="device, web or trusted; by default what fits."),
]
Device = Annotated[str, typer.Argument(metavar="DEVICE", help="Name of the device.")]


def register(app: typer.Typer) -> None:
    """Add `ouc cert` with its commands."""
    cert = typer.Typer(no_args_is_help=True, help="Certificates of a project, by ID.")
    own = (new, list_, show, renew, delete, assign, unassign, history)
    for command in (*own, *_cert_files.COMMANDS, *_cert_watch.COMMANDS):
        cert.command(command.__name__.rstrip("_"))(command)
    app.add_typer(cert, name="cert")


def _issuer(text: str | None) -> int | str | None:
    if text is None or text == "self":
        return text
    if not text.isdecimal():
        raise UsageError(f"{text!r} is neither an ID nor 'self'", where="--issuer", remedy="Give the ID of a CA, or self")
    return int(text)


def new(
    project: ProjectFile,
    *,
    usage: Annotated[
        str,
        typer.Option(
            metavar="USAGE", callback=known_usage,
            help="tls, tls-server, tls-client, web, opcua, opcua-client, opcua-client-server or ca.",
        ),
    ],
    issuer: IssuerOption = None,
    cn: CommonName = None,
    san: San = None,
    key: KeyKind = None,
    hash_: Hash = None,
    days: Days = None,
    valid_from: Moment = None,
    valid_to: Moment = None,
    device: DeviceName = None,
    organization: Annotated[str, typer.Option(help="Organisation in the subject.")] = "",
    country: Annotated[str, typer.Option(help="Country in the subject, two letters.")] = "",
    path_length: Annotated[int | None, typer.Option(metavar="N", min=0, max=8, help="For a CA: CAs allowed below it.")] = None,
    legacy: Legacy = False,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Create a certificate and print its ID."""
    with opened(project, password_file=password_file, user=user) as found:
        entry = found.new(
            usage=usage, issuer=_issuer(issuer), common_name=cn, san=san or None, key=key, hash=hash_, days=days,  # type: ignore[arg-type]
            not_before=moment_of(valid_from, "--valid-from"), not_after=moment_of(valid_to, "--valid-to"),
            device=device, organization=organization, country=country, path_length=path_length, legacy=legacy,
        )  # fmt: skip
    if json:
        print_json(as_json(entry))
        return
    say(f"{entry.id}  {entry.common_name}")
    notes(entry)


def list_(
    project: ProjectFile,
    *,
    device: DeviceName = None,
    tab: Annotated[str | None, typer.Option(metavar="TAB", help="ca, device or trusted.")] = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """List certificates in the columns of TIA Portal's certificate manager."""
    with opened(project, password_file=password_file, user=user) as found:
        entries = found.entries(device=device, tab=tab)
    if json:
        print_json([as_json(entry) for entry in entries])
    else:
        listing(COLUMNS, [tuple(entry.columns().values()) for entry in entries], wide=wide)


def show(
    project: ProjectFile, number: Number, *, user: User = "admin", password_file: PasswordFile = None, json: Json = False
) -> None:
    """Show everything about one certificate."""
    with opened(project, password_file=password_file, user=user) as found:
        entry = found.entry(number)
        holders = [one.name for one in found.devices if number in (row.id for row in found.entries(device=one.name))]
    facts = {**as_json(entry), "on_devices": holders}
    if json:
        print_json(facts)
        return
    shown = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in facts.items()}
    table("", ("", ""), ((key.replace("_", " "), "" if value is None else value) for key, value in shown.items()))


def renew(
    project: ProjectFile,
    number: Number,
    *,
    cn: CommonName = None,
    san: San = None,
    key: KeyKind = None,
    hash_: Hash = None,
    days: Days = None,
    valid_from: Moment = None,
    valid_to: Moment = None,
    issuer: IssuerOption = None,
    keep_key: Annotated[
        bool | None, typer.Option("--keep-key/--new-key", help="By default a CA keeps its key, a device gets a new one.")
    ] = None,
    legacy: Legacy = False,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Make a new certificate under the same ID. Download the devices afterwards.

    What is not given stays: the validity begins now with the same span, and addresses are those that the device has now.
    """
    with opened(project, password_file=password_file, user=user) as found:
        old = found.entry(number)
        before = {entry.id: entry.facts.fingerprint for entry in found.entries()}
        entry = found.renew(
            number, keep_key=keep_key, issuer=_issuer(issuer), common_name=cn, san=san or None, key=key, hash=hash_,  # type: ignore[arg-type]
            days=days, legacy=legacy, not_before=moment_of(valid_from, "--valid-from"),
            not_after=moment_of(valid_to, "--valid-to"),
        )  # fmt: skip
        again = [one.id for one in found.entries() if before.get(one.id) != one.facts.fingerprint and one.id != number]
        downloads = affected_devices(found, [number, *again])
    changed = differences(old, entry)
    if json:
        print_json({**as_json(entry), "changed": list(changed), "reissued": again, "download": downloads})
        return
    say(f"{entry.id}  {entry.common_name}, valid to {entry.facts.not_after:%Y-%m-%d}")
    for one in changed:
        note(one)
    notes(entry)
    told_to_download(again, downloads)


def affected_devices(project: Project, ids: list[int]) -> list[str]:
    """Names of the devices that hold one of these certificates."""
    return [
        device.name for device in project.devices
        if any(entry.id in ids for entry in project.entries(device=device.name))
    ]  # fmt: skip


def told_to_download(again: list[int], downloads: list[str]) -> None:
    """Say what follows from a change under existing IDs."""
    if again:
        note(f"issued again because their CA changed: {', '.join(str(one) for one in again)}")
    if downloads:
        note(f"download again: {', '.join(downloads)}")


def delete(
    project: ProjectFile, number: Number, *, user: User = "admin", password_file: PasswordFile = None, json: Json = False
) -> None:
    """Delete a certificate. Its ID is never used again."""
    with opened(project, password_file=password_file, user=user) as found:
        entry = found.delete(number)
    done(f"{number}  {entry.common_name} deleted", {"id": number, "common_name": entry.common_name}, json=json)


def assign(
    project: ProjectFile,
    number: Number,
    device: Device,
    *,
    used_as: UsedAs = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """List a certificate in a device's tables, so that the next download brings it there."""
    with opened(project, password_file=password_file, user=user) as found:
        entry = found.assign(number, device, used_as=used_as)
    done(f"{number}  {entry.common_name} is assigned to {device}", {**as_json(entry), "assigned_to": device}, json=json)


def unassign(
    project: ProjectFile,
    number: Number,
    device: Device,
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Take a certificate out of a device's tables; it stays in the project."""
    with opened(project, password_file=password_file, user=user) as found:
        entry = found.unassign(number, device)
    facts = {**as_json(entry), "unassigned_from": device}
    done(f"{number}  {entry.common_name} is no longer assigned to {device}", facts, json=json)


def history(
    project: ProjectFile,
    number: Annotated[int | None, typer.Argument(metavar="[ID]", min=1, max=2**32 - 1, help="One ID; all without it.")] = None,
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """Show what happened to an ID, deleted ones included."""
    with opened(project, password_file=password_file, user=user) as found:
        events = found.history(number)
    if json:
        print_json([
            {"at": one.at.isoformat(), "id": one.id, "what": one.what, "common_name": one.common_name,
             "fingerprint": one.fingerprint, "note": one.note} for one in events
        ])  # fmt: skip
    else:
        table("", ("At", "ID", "What", "Common name of subject", "Note"), (
            (f"{one.at:%Y-%m-%d %H:%M:%S}", one.id, one.what, one.common_name, one.note) for one in events
        ), wide=wide)  # fmt: skip
