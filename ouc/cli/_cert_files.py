"""The commands of `ouc cert` that read or write files: import, export, replace, csr, sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ._projects import (
    Days,
    DeviceName,
    Json,
    KeyPassword,
    Number,
    Output,
    PasswordFile,
    ProjectFile,
    San,
    User,
    as_json,
    done,
    new_password,
    note,
    notes,
    opened,
    password_from,
    say,
    spoken,
    unused,
    write,
)
from ._show import print_json
from ._usage import UsageError
from ._words import known_import, known_key, known_method, known_usage

__all__ = ["COMMANDS"]

File = Annotated[Path, typer.Argument(metavar="FILE", help="PEM, DER or PKCS#12, under any ending.")]
KeyFile = Annotated[Path | None, typer.Option("--key", metavar="FILE", help="The private key, if it is in another file.")]


def import_(
    project: ProjectFile,
    file: File,
    *,
    as_: Annotated[str, typer.Option("--as", metavar="KIND", callback=known_import, help="device, partner, ca or trusted.")],
    key: KeyFile = None,
    key_password_file: KeyPassword = None,
    device: DeviceName = None,
    number: Annotated[
        int | None, typer.Option("--id", metavar="ID", min=1, max=2**32 - 1, help="The ID that TIA Portal gave.")
    ] = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Take a certificate over, with its chain, and print the new IDs."""
    if as_ == "crl":
        raise UsageError("revocation lists have a command of their own", where="--as", remedy="ouc cert crl --import")
    with opened(project, password_file=password_file, user=user) as found, spoken("--key-password-file"):
        entries = found.import_(
            file, as_=as_, key=key, password=password_from(key_password_file), device=device, id=number  # type: ignore[arg-type]
        )
    if json:
        print_json([as_json(entry) for entry in entries])
        return
    for entry in entries:
        say(f"{entry.id}  {entry.common_name}")
        notes(entry)


def replace(
    project: ProjectFile,
    number: Number,
    file: File,
    *,
    key: KeyFile = None,
    key_password_file: KeyPassword = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Swap in a certificate from outside under the same ID; a CA's certificates are issued again."""
    with opened(project, password_file=password_file, user=user) as found:
        for one in found.affected(number):
            note(f"certificate {one} is issued again from the new CA")
        with spoken("--key-password-file"):
            entry, again = found.replace(number, file, key=key, password=password_from(key_password_file))
        holders = [one.name for one in found.devices if number in (row.id for row in found.entries(device=one.name))]
    if json:
        print_json({**as_json(entry), "reissued": list(again), "download": holders})
        return
    say(f"{entry.id}  {entry.common_name}, valid to {entry.facts.not_after:%Y-%m-%d}")
    if holders:
        note(f"download again: {', '.join(holders)}")


def export(
    project: ProjectFile,
    number: Number,
    output: Output,
    *,
    form: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="FORMAT", help="cer, der, crt, pem, p12, crl; by default FILE's ending."),
    ] = None,
    private_key: Annotated[bool, typer.Option("--private-key", help="Write the private key too.")] = False,
    key_password_file: KeyPassword = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Write the private key in clear; cer and der cannot do otherwise.")
    ] = False,
    default_password: Annotated[
        bool, typer.Option("--default-password", help="Use the project's name as password, as TIA Portal does.")
    ] = False,
    chain: Annotated[bool, typer.Option("--chain", help="Write the certificates up to the root too (crt, pem).")] = False,
    method: Annotated[
        str | None,
        typer.Option(
            callback=known_method, help="Encryption of a key in PEM: aes-256 (the default), aes-192, aes-128, 3des."
        ),
    ] = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Write a certificate in one of the formats of TIA Portal's export dialog."""
    wanted = form or output.suffix.removeprefix(".").lower()
    with_key = private_key or wanted == "p12"
    secret = password_from(key_password_file)
    asks = with_key and wanted in ("crt", "pem", "p12") and not (unencrypted or default_password)
    if asks and secret is None:
        secret = new_password(None, f"Password of {output}", environment=False)
    with opened(project, password_file=password_file, user=user) as found:
        made = found.export(
            number, wanted, private_key=private_key, password=secret, default_password=default_password, chain=chain,
            method=method, unencrypted=unencrypted,
        )  # fmt: skip
    unused(output, output.with_suffix(".key") if made.separate_key is not None else None)
    write(output, made.data, secret=with_key and made.separate_key is None)
    files = [str(output)]
    if made.separate_key is not None:
        files.append(str(output.with_suffix(".key")))
        write(output.with_suffix(".key"), made.separate_key, secret=True)
    done(files, {"files": files, "warning": made.warning}, json=json)
    if made.warning:
        note(made.warning)


def csr(
    project: ProjectFile,
    output: Output,
    *,
    number: Annotated[
        int | None, typer.Option("--id", metavar="ID", help="Ask for a successor of this ID, with its key.")
    ] = None,
    usage: Annotated[str, typer.Option(metavar="USAGE", callback=known_usage, help="As for 'ouc cert new'.")] = "tls",
    cn: Annotated[str | None, typer.Option("--cn", metavar="NAME", help="Common name of the subject.")] = None,
    san: San = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KIND", callback=known_key, help="Key kind.")] = None,
    device: DeviceName = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Write a signing request for a CA outside. A new key waits in the project for the signed certificate.

    Bring it in with `ouc cert import --as device`, or with `ouc cert replace` where --id was given.
    """
    unused(output)
    with opened(project, password_file=password_file, user=user) as found:
        data = found.request(number=number, usage=usage, device=device, common_name=cn, san=san or None, key=key)
    write(output, data)
    done(str(output), {"files": [str(output)]}, json=json)


def sign(
    project: ProjectFile,
    file: Annotated[Path, typer.Argument(metavar="CSR", help="The request, PEM or DER.")],
    *,
    issuer: Annotated[int, typer.Option(metavar="ID", min=1, help="The CA that signs.")],
    usage: Annotated[str, typer.Option(metavar="USAGE", callback=known_usage, help="As for 'ouc cert new'.")] = "tls",
    san: San = None,
    days: Days = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the certificate too.")] = None,
    user: User = "admin",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Sign somebody else's request with a CA of the project. The usage decides the extensions, not the request."""
    unused(output)
    with opened(project, password_file=password_file, user=user) as found:
        entry = found.sign(file, issuer=issuer, usage=usage, san=san or None, days=days)
        data = found.export(entry.id, "pem").data
    if output is not None:
        write(output, data)
    if json:
        print_json(as_json(entry))
        return
    say(f"{entry.id}  {entry.common_name}")
    notes(entry)


COMMANDS: tuple[Any, ...] = (import_, replace, export, csr, sign)
