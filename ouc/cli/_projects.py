"""What the commands about projects share: opening one with a password that nobody else can read, and showing its rows."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..certs import Entry, Project
from ..errors import ParameterError
from ..visible import logger
from ._show import note, print_json, say, table
from ._usage import UsageError
from ._words import known_entry

__all__ = [
    "MORE", "Days", "DeviceName", "Json", "KeyPassword", "Moment", "Number", "Output", "PasswordFile", "ProjectFile", "San",
    "User", "Wide", "as_json", "done", "listing", "moment_of", "new_password", "note", "notes", "opened", "password_from",
    "say",
    "spoken", "unused", "write",
]  # fmt: skip

#: The project's password, for scripts. A password on the command line could be read by every user of the computer.
PASSWORD = "OUC_PROJECT_PASSWORD"  # noqa: S105 - the variable's name

# Rows that are drawn with borders and wrapped cells.
DRAWN_ROWS = 200

ProjectFile = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project file.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**32 - 1, help="ID of the certificate.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help=f"First line: the project's password. Otherwise {PASSWORD}, or you are asked."),
]
User = Annotated[str, typer.Option(metavar="NAME", help="Who logs in.")]
KeyPassword = Annotated[
    Path | None, typer.Option(metavar="FILE", help="First line: the password of the key or the archive.")
]
DeviceName = Annotated[str | None, typer.Option(metavar="NAME", help="The device.")]
San = Annotated[
    list[str] | None,
    typer.Option(
        metavar="IP:…|DNS:…|URI:…",
        callback=known_entry,
        help="An entry of the subjectAltName, also EMAIL:…, RID:OID or OTHER:OID=TEXT; may be repeated.",
    ),
]
Moment = Annotated[
    str | None, typer.Option(metavar="TIME", help="2026-12-01 or 2026-12-01T06:00; UTC unless an offset is given.")
]
Days = Annotated[int | None, typer.Option(metavar="N", min=1, max=36525, help="Validity in days.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to.")]
Wide = Annotated[bool, typer.Option("--wide", help="All columns, a row a line, however long.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


# Of a certificate: what a look at the list seldom needs, so that it fits 80 columns.
MORE = ("Serial number", "Signature algorithm", "Key length")


def listing(columns: Sequence[str], rows: Sequence[Sequence[str]], *, wide: bool = False) -> None:
    """Write a table of certificates; a long one as plain lines, because drawing 10,000 rows takes a quarter of a minute."""
    table("", columns, rows, more=MORE, wide=wide or len(rows) > DRAWN_ROWS)


def done(line: str | Sequence[str], facts: dict[str, Any], *, json: bool) -> None:
    """Say what a command has done, for people or for machines."""
    if json:
        print_json(facts)
        return
    for one in (line,) if isinstance(line, str) else line:
        say(one)


def password_from(file: Path | None, *, what: str = "password") -> str | None:
    """The first line of a file; None without a file."""
    if file is None:
        return None
    try:
        with file.open(encoding="utf-8") as lines:
            line = lines.readline(4096).rstrip("\r\n")
    except OSError as error:
        raise ParameterError(
            f"the {what} cannot be read: {error.strerror or error}", where=str(file),
            remedy="Check the name, the folder and the permissions",
        ) from error
    except UnicodeDecodeError as error:
        raise ParameterError(
            f"the {what} cannot be read: it is not UTF-8 text", where=str(file),
            remedy="Save it as UTF-8",
        ) from error
    if not line:
        raise ParameterError(
            f"the first line, which should be the {what}, is empty", where=str(file),
            remedy="Write the password into its first line",
        )
    return line


def moment_of(text: str | None, option: str) -> datetime | None:
    """A date or a moment as people type it; UTC where no offset is given."""
    try:
        found = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", where=option, remedy="Write 2026-12-01 or 2026-12-01T06:00") from None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


@contextmanager
def spoken(option: str) -> Iterator[None]:
    """Tell remedies that name arguments of the Python face in the words of the command line.

    Args:
        option: Where the password comes from.
    """
    spelled = {
        "Give its password": f"Give its password: {option}",
        "Give cert= as well": "Give --cert FILE as well",
        "Give key= as well": "Give --key FILE as well",
    }
    try:
        yield
    except ParameterError as error:
        found = error.failure
        if found.remedy not in spelled:
            raise
        raise ParameterError.of(attrs.evolve(found, remedy=spelled[found.remedy])) from error


def opened(project: Path, *, password_file: Path | None, user: str = "admin") -> Project:
    """Open a project with the password from a file, the environment or the keyboard; unprotected ones need none."""
    password = password_from(password_file)
    if password is None:
        password = _known_or_asked(project, user)
    with _noted():
        return Project.open(project, password=password, user=user)


class _Notes(logging.Handler):
    """Shows warnings of the certificate manager to whoever typed the command."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


@contextmanager
def _noted() -> Iterator[None]:
    handler, log = _Notes(logging.WARNING), logger("ouc.certs")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _known_or_asked(project: Path, user: str) -> str | None:
    from_environment = os.environ.get(PASSWORD)
    if Project.is_protected(project):
        return from_environment or _asked(f"Password of {user}")
    # Whoever has a password for it expects a protected project: another one in its place must not pass unnoticed.
    if from_environment:
        raise ParameterError(
            "the project has no password, and one is given", where=str(project),
            remedy=f"Unset {PASSWORD}, if it never had one; otherwise somebody has put another file in its place",
        )  # fmt: skip
    return None


def _asked(prompt: str, *, twice: bool = False) -> str | None:
    if not sys.stdin.isatty():
        return None
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True))


def new_password(file: Path | None, prompt: str, *, environment: bool = True) -> str:
    """A password for something new: from a file, the environment, or typed twice.

    Raises:
        ParameterError: There is nobody to ask.
    """
    found = password_from(file) or (os.environ.get(PASSWORD) if environment else None) or _asked(prompt, twice=True)
    if found is None:
        name = f", {PASSWORD}" if environment else ""
        raise ParameterError("a password is needed", where=prompt, remedy=f"Give it in a file{name}, or at a terminal")
    return found


def as_json(entry: Entry) -> dict[str, Any]:
    """A row for machines; never a key."""
    facts = entry.facts
    return {
        "id": entry.id, "common_name": facts.common_name, "serial": facts.serial, "issuer": facts.issuer,
        "issuer_id": entry.issuer_id, "valid_from": facts.not_before.isoformat(), "valid_to": facts.not_after.isoformat(),
        "used_as": entry.used_as, "private_key": entry.has_key, "signature_algorithm": facts.algorithm,
        "key_type": facts.key_type, "key_length": facts.key_length, "tab": entry.tab.value, "usage": entry.usage,
        "device": entry.device, "san": list(facts.san), "fingerprint": facts.fingerprint, "imported": entry.imported,
        "revoked": entry.revoked.isoformat() if entry.revoked else None, "reason": entry.reason,
        "notes": list(entry.notes),
    }  # fmt: skip


def notes(entry: Entry) -> None:
    """What a user should know about a new certificate, on standard error."""
    for one in entry.notes:
        note(f"certificate {entry.id}: {one}")


def unused(*paths: Path | None) -> None:
    """Refuse files that are there already, before the project changes for what could not be written then.

    Raises:
        ParameterError: One of them exists, or its folder does not.
    """
    for path in paths:
        if path is not None and os.path.lexists(path):
            raise ParameterError("exists already", where=str(path), remedy="Choose another name")
        if path is not None and not path.absolute().parent.is_dir():
            raise ParameterError("there is no such folder", where=str(path.parent), remedy="Make it first")


def write(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Write a new file; one with a private key is readable for its owner only. Nothing is overwritten."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if secret else 0o644)
    except FileExistsError:
        raise ParameterError("exists already", where=str(path), remedy="Choose another name") from None
    except OSError as error:
        raise ParameterError(
            error.strerror or "cannot be written", where=str(path),
            remedy="Check the name, the folder and the permissions",
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as error:
        # Half a file would be in the way of the next attempt, and be taken for a whole one.
        path.unlink(missing_ok=True)
        raise ParameterError(
            error.strerror or "cannot be written", where=str(path),
            remedy="Check the name, the folder and the permissions",
        ) from error
