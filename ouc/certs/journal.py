"""A journal that lies beside a project file must belong to it, or it must not be rolled back.

Theory. In rollback mode SQLite writes the pages it is about to change into `FILE-journal` first and deletes that file at the
end of the commit. A journal that is left over tells the next one who opens FILE that a writer was killed in the middle: its
pages are copied back. SQLite knows the journal by its name alone. If FILE was replaced in between, by a backup say, the old
file's pages would be copied into the new one.

The first page of a database counts the commits (SQLite's file format, 1.3.7 "file change counter"), and every commit writes
it. So the journal holds the first page as it was, and the file has the same count, or the next one if the first page was
written already. Any other count means another file. Reading goes through SQLite where the database itself is concerned (see
`ouc.certs.database` for the reason), with a connection that ignores journals.
"""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path
from typing import Final

from ..errors import ParameterError

__all__ = ["refuse_foreign_journal"]

# SQLite's file format, 3 "The Rollback Journal".
_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
_COUNTER: Final = slice(24, 28)
_LOOKS: Final = 5


def refuse_foreign_journal(path: str) -> None:
    """Raise where a journal beside a database was written for another file of the same name.

    Raises:
        ParameterError: It was.
    """
    journal = Path(f"{path}-journal")
    for _ in range(_LOOKS):
        before = _look(journal)
        if before is None or _belongs(journal, path):
            return
        # A writer at work changes both files all the time: only what stood still can be judged.
        if _look(journal) == before:
            raise ParameterError(
                "a journal lies beside it that was written for another file of this name", where=path,
                remedy=f"If {path} was put back from a backup, remove {journal}; otherwise put the right file back",
            )  # fmt: skip


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
    try:
        connection = sqlite3.connect(Path(path).absolute().as_uri() + "?mode=ro&immutable=1", uri=True)
        try:
            header = connection.serialize()[:100]
        finally:
            connection.close()
    except (sqlite3.Error, AttributeError):  # SQLite can be built without serialize
        return None
    return int.from_bytes(header[_COUNTER], "big") if len(header) == 100 else None
