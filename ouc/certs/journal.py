"""A journal that lies beside a project file must belong to it, or SQLite must not use it.

Theory. In rollback mode SQLite writes the pages it is about to change into `FILE-journal` first and deletes that file at the
end of the commit. A journal that is left over tells the next one who opens FILE that a writer was killed in the middle: its
pages are copied back. SQLite knows the journal by its name alone. If FILE was replaced in between, by a backup say, the old
file's pages would be copied into the new one.

The first page of a database counts the commits (SQLite's file format, 1.3.7 "file change counter"), and every commit writes
it. So the journal holds the first page as it was, and the file has the same count, or the next one if the first page was
written already. Any other count means another file. New projects and backups begin to count at a random number (`set_apart`),
because two of them would otherwise soon count alike.

A write-ahead log beside a database that says it has none is a stranger too: files of the first version had one, and SQLite
would take it without asking. Reading goes through SQLite where the database itself is concerned (see `ouc.certs.database` for
the reason), with a connection that ignores journals.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import struct
from pathlib import Path
from typing import Final

from ..errors import ParameterError

__all__ = ["refuse_foreign_journal", "refuse_leftovers", "set_apart"]

# SQLite's file format, 3 "The Rollback Journal".
_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
_COUNTER: Final = slice(24, 28)
_VALID_FOR: Final = 92
_READ_VERSION: Final = 19
_ROLLBACK: Final = 1
_LOOKS: Final = 5


def refuse_foreign_journal(path: str) -> None:
    """Raise where a journal beside a database was written for another file of the same name.

    Raises:
        ParameterError: It was.
    """
    journal, log = Path(f"{path}-journal"), Path(f"{path}-wal")
    if _look(log) is not None and _header_now(path)[_READ_VERSION : _READ_VERSION + 1] == bytes([_ROLLBACK]):
        raise _stranger("a write-ahead log", path, log)
    for _ in range(_LOOKS):
        before = _look(journal)
        if before is None or _belongs(journal, path):
            return
        # A writer at work changes both files all the time: only what stood still can be judged.
        if _look(journal) == before:
            raise _stranger("a journal", path, journal)


def _stranger(what: str, path: str, name: Path) -> ParameterError:
    return ParameterError(
        f"{what} lies beside it that was written for another file of this name", where=path,
        remedy=f"If {path} was put back from a backup, remove {name}; otherwise put the right file back",
    )  # fmt: skip


def refuse_leftovers(path: str) -> None:
    """Raise where a new project would find the journal of an older one of its name.

    Raises:
        ParameterError: It would.
    """
    for name in (Path(f"{path}-journal"), Path(f"{path}-wal")):
        if _look(name) is not None:
            raise ParameterError("exists already, of an older project of this name", where=str(name),
                                 remedy="Remove it, or choose another name")  # fmt: skip


def set_apart(path: str) -> None:
    """Let a database begin to count at a random number; nobody else may have it open."""
    number = secrets.token_bytes(4)
    with Path(path).open("r+b") as file:
        for place in (_COUNTER.start, _VALID_FOR):  # equal, or SQLite would not believe the size in the header
            file.seek(place)
            file.write(number)
        file.flush()
        os.fsync(file.fileno())


def _look(journal: Path) -> tuple[int, int, int] | None:
    try:
        found = journal.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found.st_size else None


def _belongs(journal: Path, path: str) -> bool:
    try:
        counted = _counter_before(journal.read_bytes())
    except OSError:
        return True
    if counted is None:
        return True
    now = _counter_now(path)
    return now is None or (now - counted) & 0xFFFF_FFFF in (0, 1)


def _counter_before(journal: bytes) -> int | None:
    """The count of commits in the first page as the journal keeps it; None where SQLite will not use the journal."""
    if len(journal) < 28 or not journal.startswith(_MAGIC):
        return None
    records, _, _, sector, page = struct.unpack_from(">IIIII", journal, 8)
    # Before the journal is synchronised it says that it holds nothing, and the file was not touched.
    if records == 0 or not 512 <= page <= 65536 or sector < 28:
        return None
    for place in range(sector, len(journal) - page - 7, page + 8):
        if journal[place : place + 4] == b"\x00\x00\x00\x01":
            return int.from_bytes(journal[place + 4 : place + 4 + page][_COUNTER], "big")
    return None


def _counter_now(path: str) -> int | None:
    """The count of commits in the file; None where it cannot be read, which opening it will tell better."""
    header = _header_now(path)
    return int.from_bytes(header[_COUNTER], "big") if len(header) == 100 else None


def _header_now(path: str) -> bytes:
    try:
        connection = sqlite3.connect(Path(path).absolute().as_uri() + "?mode=ro&immutable=1", uri=True)
        try:
            return connection.serialize()[:100]
        finally:
            connection.close()
    except (sqlite3.Error, AttributeError):  # SQLite can be built without serialize
        return b""
