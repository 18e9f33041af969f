"""`ouc device`: the devices of a project, what each holds, and the file that a production host gets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..certs import COLUMNS, Project
from ._projects import (
    MORE,
    Json,
    Output,
    PasswordFile,
    ProjectFile,
    User,
    Wide,
    as_json,
    done,
    new_password,
    note,
    notes,
    opened,
    say,
)
from ._show import print_json, table
from ._usage import UsageError, known_profile
from ._words import known_address, known_policy

__all__ = ["register"]

Name = Annotated[str, typer.Argument(metavar="DEVICE", help="Name of the device.")]
Addresses = Annotated[
    list[str] | None,
    typer.Option("--address", "-a", metavar="IP", callback=known_address, help="An IP address; may be repeated."),
]
Names = Annotated[list[str] | None, typer.Option("--dns", metavar="NAME", help="A DNS name; may be repeated.")]
Policy = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY", callback=known_policy, help="Revocation lists: off (as a CPU), if-present or required."
    ),
]

Profile = Annotated[
    str | None, typer.Option(metavar="NAME", callback=known_profile, help="CPU and firmware, such as 'S7-1200 V4.6'.")
]


def register(app: typer.Typer) -> None:
    """Add `ouc device` with its commands."""
    device = typer.Typer(no_args_is_help=True, help="Devices of a project and their local certificate managers.")
    for command in (add, list_, show, set_, remove, download):
        device.command(command.__name__.rstrip("_"))(command)
    app.add_typer(device, name="device")


def add(
    project: ProjectFile,
    name: Name,
    address: Addresses = None,
    dns: Names = None,
    *,
    kind: Annotated[str, typer.Option(metavar="KIND", help="CPU, CP or PC.")] = "CPU",
    profile: Profile = None,
    revocation: Policy = None,
    local: Annotated[
        bool, typer.Option("--local", help="Without global security settings: self-signed certificates only.")
    ] = False,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Add a device. A CPU gets the certificate of its PG/HMI communication at once."""
    if kind not in ("CPU", "CP", "PC"):
        raise UsageError(f"kind {kind!r} is not known", where="--kind", remedy="Choose among CPU, CP, PC")
    options: dict[str, Any] = {"profile": profile} if profile is not None else {"profile": ""} if kind == "PC" else {}
    with opened(project, password_file=password_file, user=user) as found:
        found.add_device(
            name, addresses=address or (), names=dns or (), kind=kind, global_settings=not local,  # type: ignore[arg-type]
            revocation=revocation or "off", **options,  # type: ignore[arg-type]
        )  # fmt: skip
        entries = found.entries(device=name)
    if json:
        print_json([as_json(entry) for entry in entries])
        return
    for entry in entries:
        say(f"{entry.id}  {entry.common_name}")
        notes(entry)


def list_(
    project: ProjectFile, *, user: User = "admin", password_file: PasswordFile = None, wide: Wide = False, json: Json = False
) -> None:
    """List the devices with the IDs they hold."""
    with opened(project, password_file=password_file, user=user) as found:
        rows = [(device, [entry.id for entry in found.entries(device=device.name)]) for device in found.devices]
        _tell_overfull(found)
    if json:
        print_json([{**_plain(device), "holds": ids} for device, ids in rows])
        return
    table("", ("Device", "Kind", "Profile", "Addresses", "Own", "All"), (
        (one.name, one.kind, one.profile, ", ".join(one.addresses), _ids(one.own), _ids(ids)) for one, ids in rows
    ), wide=wide)  # fmt: skip


def _tell_overfull(found: Project, only: str | None = None) -> None:
    for name, count in found.overfull().items():
        if only in (None, name):
            note(f"{count} certificates belong to {name}, and at most 64 fit: it cannot be used before some are unassigned")


def _ids(ids: Any) -> str:
    return ", ".join(str(one) for one in ids)


def _plain(device: Any) -> dict[str, Any]:
    row = attrs.asdict(device, recurse=False)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}


def show(
    project: ProjectFile,
    name: Name,
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    wide: Wide = False,
    json: Json = False,
) -> None:
    """Show what a device holds: its own certificates, its partners', and the CAs that come along."""
    with opened(project, password_file=password_file, user=user) as found:
        entries = found.entries(device=name)
        device = next(one for one in found.devices if one.name == name)
        _tell_overfull(found, name)
    if json:
        print_json({**_plain(device), "certificates": [as_json(entry) for entry in entries]})
        return
    role = {**dict.fromkeys(device.partners, "partner"), **dict.fromkeys(device.own, "own")}
    rows = ((role.get(entry.id, "chain"), *entry.columns().values()) for entry in entries)
    title = f"{name} ({device.profile or device.kind}), revocation lists: {device.revocation}"
    table(title, ("Table", *COLUMNS), rows, more=MORE, wide=wide)


def set_(
    project: ProjectFile,
    name: Name,
    address: Addresses = None,
    dns: Names = None,
    *,
    web_server: Annotated[bool, typer.Option("--web-server", help="Switch the web server on.")] = False,
    opc_ua_server: Annotated[bool, typer.Option("--opc-ua-server", help="Switch the OPC UA server on.")] = False,
    global_settings: Annotated[
        bool | None, typer.Option("--global/--local", help="Use global security settings; on wipes the local manager.")
    ] = None,
    revocation: Policy = None,
    profile: Profile = None,
    user: User = "admin",
    password_file: PasswordFile = None,
) -> None:
    """Change a device: addresses, firmware, servers, the global settings switch, what it does with revocation lists."""
    with opened(project, password_file=password_file, user=user) as found:
        if global_settings is not None:
            gone = found.use_global_settings(name, on=global_settings)
            if gone:
                note(f"certificates {_ids(gone)} are gone with their keys; correct the references that name them")
        if profile is not None:
            useless = found.set_profile(name, profile)
            if useless:
                note(f"{name} has no use for certificates {_ids(useless)} with this firmware")
        if address is not None or dns is not None:
            _readdress(found, name, address, dns)
        for wanted, enable in ((web_server, found.enable_web_server), (opc_ua_server, found.enable_opc_ua_server)):
            if wanted:
                entry = enable(name)
                say(f"{entry.id}  {entry.common_name}")
        if revocation is not None:
            found.set_revocation(name, revocation)  # type: ignore[arg-type]


def _readdress(found: Project, name: str, address: list[str] | None, dns: list[str] | None) -> None:
    known = found.device(name).addresses
    stale = found.set_addresses(name, address if address is not None else known, names=dns)
    if stale:
        note(f"certificates {_ids(stale)} still carry the old addresses: renew them and download")


def remove(project: ProjectFile, name: Name, *, user: User = "admin", password_file: PasswordFile = None) -> None:
    """Take a device out of the project; global certificates that were made for it stay."""
    with opened(project, password_file=password_file, user=user) as found:
        found.remove_device(name)


def download(
    project: ProjectFile,
    name: Name,
    output: Output,
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    device_password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="First line: the password of the device file.")
    ] = None,
    insecure_keys: Annotated[
        bool, typer.Option("--insecure-keys", help="Without password, keys in clear. Laboratories only.")
    ] = False,
    in_run: Annotated[
        bool, typer.Option("--in-run", help="Refuse what a running CPU does not take over, compared with FILE as it is.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a device file: this device's keys and trust under a password of its own, and nothing else.

    A running station that has opened the file takes a new download over with its next handshake.
    """
    if insecure_keys and device_password_file is not None:
        raise UsageError(
            "a password and keys in clear exclude each other", where="--device-password-file", remedy="Leave one of them out"
        )
    with opened(project, password_file=password_file, user=user) as found:
        found.device(name)
        secret = None if insecure_keys else new_password(device_password_file, f"Password of {output}", environment=False)
        changes = found.download(name, output, password=secret, insecure_keys=insecure_keys, in_run=in_run)
        generation = found.device(name).generation
    facts = {"file": str(output), "device": name, "generation": generation, **attrs.asdict(changes)}
    done(f"{output}: {name}, generation {generation}", facts, json=json)
    for what, ids in attrs.asdict(changes).items():
        if ids and not json:
            note(f"{what}: {_ids(ids)}")
    if insecure_keys:
        note("the private keys in this file are in clear")


