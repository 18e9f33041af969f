"""`ouc project`: project files, their users, copies and checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ..certs import Project
from ._projects import Json, Output, PasswordFile, ProjectFile, User, done, listing, new_password, note, opened, say
from ._show import print_json, table
from ._usage import UsageError, looking
from ._words import known_right

__all__ = ["register"]

Right = Annotated[
    str, typer.Option(metavar="RIGHT", callback=known_right, help="administrator, standard or diagnostics.")
]


def register(app: typer.Typer) -> None:
    """Add `ouc project` with its commands."""
    project = typer.Typer(no_args_is_help=True, help="Project files: the certificate manager of a plant.")
    commands: tuple[Callable[..., None], ...] = (new, info, map_, password, check, backup)
    for command in commands:
        project.command(command.__name__.rstrip("_"))(command)
    users = typer.Typer(no_args_is_help=True, help="Users of a project and their rights.")
    for command in (add, remove, list_):
        users.command(command.__name__.rstrip("_"))(command)
    project.add_typer(users, name="user")
    app.add_typer(project, name="project")


def new(
    project: ProjectFile,
    name: Annotated[str | None, typer.Option(help="Name of the project; by default that of the file.")] = None,
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Mirror a TIA Portal project: no IDs of its own, every import names one.")
    ] = False,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Without password: self-signed certificates, keys in memory only.")
    ] = False,
    insecure_keys: Annotated[
        bool, typer.Option("--insecure-keys", help="Without password, and keys in clear in the file. Laboratories only.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a new project. It asks for the password of its first administrator."""
    bare = unprotected or insecure_keys
    if bare and password_file is not None:
        raise UsageError(
            "a password and an unprotected project exclude each other", where="--password-file",
            remedy="Leave one of them out",
        )
    secret = None if bare else new_password(password_file, f"Password for {user}")
    with Project.create(
        name or project.stem, path=project, password=secret, user=user, mirror=mirror, insecure_keys=insecure_keys
    ) as made:
        facts = {"file": str(project), "name": made.name, "certificates": len(made.entries())}
        done(f"{project}: {len(made.entries())} certificates", facts, json=json)
        if insecure_keys:
            note("private keys will lie in this file in clear")


def info(project: ProjectFile, *, user: User = "admin", password_file: PasswordFile = None, json: Json = False) -> None:
    """Show what a project holds."""
    with opened(project, password_file=password_file, user=user) as found:
        devices = [device.name for device in found.devices]
        users = [{"name": name, "right": right} for name, right in found.users]
        facts = {
            "name": found.name, "generation": found.generation, "protection": found.protection, "mirror": found.mirror,
            "certificates": len(found.entries()),
        }  # fmt: skip
    if json:
        print_json({**facts, "devices": devices, "users": users})
        return
    shown = ", ".join(f"{one['name']} ({one['right']})" for one in users)
    table(str(project), ("", ""), {**facts, "devices": ", ".join(devices), "users": shown}.items())


def map_(project: ProjectFile, *, user: User = "admin", password_file: PasswordFile = None, json: Json = False) -> None:
    """List ID, fingerprint and common name, to compare with TIA Portal's certificate manager."""
    with opened(project, password_file=password_file, user=user) as found:
        rows = [(entry.id, entry.facts.fingerprint, entry.common_name) for entry in found.entries()]
    if json:
        print_json([{"id": number, "fingerprint": mark, "common_name": name} for number, mark, name in rows])
    else:
        listing(("ID", "SHA-256 fingerprint", "Common name of subject"), [(str(one), mark, name) for one, mark, name in rows])


def password(
    project: ProjectFile,
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="Set this user's password, as an administrator; by default your own.")
    ] = None,
    new_password_file: Annotated[Path | None, typer.Option(metavar="FILE", help="First line: the new password.")] = None,
) -> None:
    """Protect an unprotected project, or change the password of the user who logs in, or of another one."""
    protected, name = Project.is_protected(project), of or user
    if not protected:
        _protect(project, name, new_password_file)
    else:
        with opened(project, password_file=password_file, user=user) as found:
            found.set_password(new_password(new_password_file, f"New password for {name}", environment=False), user=name)
        note("copies of the file made before still open with the old password")
    say(f"{project}: password of {name} set")


def _protect(project: Path, user: str, new_password_file: Path | None) -> None:
    # Not `opened`: a password in the environment is the new one here.
    with Project.open(project) as found:
        found.protect(new_password(new_password_file, f"New password for {user}"), user=user)


@looking
def check(project: ProjectFile, *, user: User = "admin", password_file: PasswordFile = None, json: Json = False) -> None:
    """Check the file, its permissions, every certificate and every key. The exit status is 1 if something is wrong."""
    with opened(project, password_file=password_file, user=user) as found:
        wrong = found.check()
    if json:
        print_json(list(wrong))
    else:
        for line in wrong or ("nothing found",):
            say(line)
    if wrong:
        raise typer.Exit(1)


def backup(
    project: ProjectFile, output: Output, *, user: User = "admin", password_file: PasswordFile = None, json: Json = False
) -> None:
    """Copy a project into a new file, also while others work with it."""
    with opened(project, password_file=password_file, user=user) as found:
        found.backup(output)
    done(f"{output}: copied", {"file": str(output)}, json=json)


def add(
    project: ProjectFile,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new user.")],
    right: Right = "standard",
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
    new_password_file: Annotated[Path | None, typer.Option(metavar="FILE", help="First line: their password.")] = None,
) -> None:
    """Add a user with a password of their own."""
    with opened(project, password_file=password_file, user=user) as found:
        found.add_user(name, right, new_password(new_password_file, f"Password for {name}", environment=False))  # type: ignore[arg-type]
    say(f"{project}: {name} ({right})")


def remove(
    project: ProjectFile,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    *,
    user: User = "admin",
    password_file: PasswordFile = None,
) -> None:
    """Remove a user; one administrator has to stay."""
    with opened(project, password_file=password_file, user=user) as found:
        found.remove_user(name)
    say(f"{project}: {name} removed")


def list_(project: ProjectFile, *, user: User = "admin", password_file: PasswordFile = None, json: Json = False) -> None:
    """List users and rights."""
    with opened(project, password_file=password_file, user=user) as found:
        rows = found.users
    if json:
        print_json([{"name": name, "right": right} for name, right in rows])
    else:
        table("", ("User", "Right"), rows)
