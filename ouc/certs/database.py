"""Connections to the SQLite database that a project file is: opened with care, closed by whoever opened them.

The journal. A commit is written in SQLite's rollback mode: outside of a commit the project is one file and nothing beside it,
so a file that is copied, moved or put back from a backup is a whole project, and nothing of the file that was there before
can be applied to it. (Write-ahead logging keeps the newest commits in a second file. SQLite cannot see that such a file
belongs to a database that was replaced, and writes its pages over the new one.) What remains is a writer that was killed in
the middle of a commit: its journal is rolled back by the next one who opens the file, if it is still the same file; see
`ouc.certs.journal`.

One file may be open several times in one process. POSIX takes every lock on a file away from a process that closes any
descriptor of it, so nothing in this room opens a project file except through SQLite, which knows about that.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from ..errors import OUCError, ParameterError
from .journal import refuse_foreign_journal

__all__ = [
    "NO_PROJECT", "Stamp", "at", "connect", "connected", "data_version", "is_database", "new_file", "said_clearly",
    "stamp_of",
]  # fmt: skip

BUSY_SECONDS: Final = 10.0
NO_PROJECT: Final = "Name a file that `ouc project new` has made"

# Device, inode, time of the last change (which nobody can set), of the last write, and size.
Stamp: TypeAlias = tuple[int, int, int, int, int]

_REASONS: Final = {
    "SQLITE_FULL": ("the disk is full; nothing was changed", "Make room and repeat the command"),
    "SQLITE_BUSY": ("another process is writing to the project", "Wait for it, then repeat the command"),
    "SQLITE_READONLY_DBMOVED": ("another file was put in its place; nothing was changed", "Repeat the command"),
    "SQLITE_READONLY": ("cannot be written", "Check the permissions of the file and its folder"),
    "SQLITE_CANTOPEN": (
        "cannot be opened or written",
        "Check the permissions of the file and its folder; a host that only reads takes a device file: "
        "ouc device download PROJECT DEVICE -o FILE",
    ),
    "SQLITE_IOERR": ("cannot be read or written: the disk reports an error", "Check the disk; nothing was changed"),
    "SQLITE_NOTADB": ("is not a project file", NO_PROJECT),
    "SQLITE_CORRUPT": ("is damaged", "Restore it from a backup"),
    "SQLITE_ERROR": ("is damaged, or is not a project file", "Restore it from a backup"),
}  # fmt: skip


@contextmanager
def said_clearly(path: str) -> Iterator[None]:
    """Turn SQLite's complaints, and what a damaged row raises, into the one error that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        what, remedy = next(
            (row for prefix, row in _REASONS.items() if name.startswith(prefix)), (f"cannot be used: {error}", "")
        )
        raise ParameterError(what, where=path, remedy=remedy) from error
    except OUCError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise ParameterError("is damaged: a row cannot be read", where=path, remedy="Restore it from a backup") from error


def stamp_of(path: str) -> Stamp | None:
    """What shows that a file was written to or replaced; None where there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked before every handshake; half the time of Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_mtime_ns, found.st_size


def at(path: str, **options: str | int) -> str:
    """The URI of a file; `mode=rw` does not make one that is not there."""
    return Path(path).absolute().as_uri() + "?" + "&".join(f"{name}={value}" for name, value in options.items())


def connect(path: str) -> sqlite3.Connection:
    """Open a project file; the caller closes it.

    Raises:
        sqlite3.Error: It cannot be opened; `said_clearly` translates.
        ParameterError: A journal beside it belongs to another file.
    """
    refuse_foreign_journal(path)
    connection = sqlite3.connect(
        at(path, mode="rw"), uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # Without spilling, the first page is in the journal before any page of the file is written (`journal` needs it).
        for pragma in ("trusted_schema = OFF", "synchronous = FULL", "secure_delete = ON", "cache_spill = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def connected(path: str) -> Iterator[sqlite3.Connection]:
    """A connection for one piece of work; without a COMMIT nothing of it stays."""
    connection = connect(path)
    try:
        yield connection
    finally:
        connection.close()


def data_version(connection: sqlite3.Connection) -> int:
    """A number that changes when another connection has committed, never by this one's own commits."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def is_database(path: str) -> bool:
    """Whether a file is an SQLite database.

    Raises:
        ParameterError: It cannot be read.
    """
    try:
        # Neither locks nor journals: only the first page is looked at.
        connection = sqlite3.connect(at(path, mode="ro", immutable=1), uri=True)
        try:
            return int(connection.execute("PRAGMA schema_version").fetchone()[0]) > 0
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if (getattr(error, "sqlite_errorname", None) or "").startswith("SQLITE_CANTOPEN"):
            raise ParameterError(_why_unreadable(path), where=path, remedy="Check the name and the permissions") from error
        return False


def _why_unreadable(path: str) -> str:
    try:
        if Path(path).is_dir():
            return "Is a directory"
        Path(path).stat()
    except OSError as error:
        return error.strerror or "cannot be read"
    return "Permission denied"


def new_file(path: str) -> None:
    """Make an empty file that only its owner reads.

    Raises:
        ParameterError: It exists or cannot be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        raise ParameterError("exists already", where=path, remedy="Choose another name") from None
    except OSError as error:
        raise ParameterError(
            error.strerror or "cannot be written", where=path,
            remedy="Check the name, the folder and the permissions",
        ) from error
