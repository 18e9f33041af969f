"""The project file: one SQLite database, written in whole transactions, private keys sealed, every row authenticated.

Why SQLite: several processes may work on a project at once, and a power cut or `kill -9` in the middle of a write must leave
the last committed state. A rollback journal with full synchronisation gives both (`ouc.certs.database` says why not the other
kind). The file is made readable for its owner only before anything is in it, and a journal beside it inherits that.

Reading is cheap: one look at the file's dates and one statement ask whether anybody has written since; only then the rows are
read and authenticated again (`ouc.certs.authentic`). Each write uses a connection of its own, so a reader in another thread
never sees a half-made change. What this process has just written itself is not read again, provided that nobody else has
written anything between: the counter of SQLite tells the two apart.

A file that was exchanged under a running process is another file, whatever it counts: it is read afresh if it is the same
project, and refused if it is not. A change that was begun on the file of before is given up.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from ..errors import CertificateError, ParameterError
from ..visible import logger
from . import authentic, database, schema
from .authentic import Tags
from .database import Stamp, connected, data_version, said_clearly, stamp_of
from .journal import refuse_leftovers, set_apart
from .schema import Content
from .state import Draft, Event, State
from .vault import MemoryVault

__all__ = ["FileBacking", "create_file"]

_log = logger("ouc.certs")

# Connections that a fork has copied: SQLite forbids a child even to close them, so they are kept.
_INHERITED: Final[list[sqlite3.Connection]] = []

_AGAIN: Final = "Repeat the command"


@attrs.frozen
class _Seen:
    """A state that was read, authenticated, and when."""

    state: State
    tags: Tags
    version: int
    stamp: Stamp | None


class FileBacking:
    """The state of a project in a file. See the module's docstring for how it is read and written.

    Args:
        path: The file.
        key: The integrity key of whoever is logged in; None where there is none, and nothing is authenticated then.
        project: The project's own identity (a UUID), which the file must go on having.
    """

    def __init__(self, path: str, *, key: bytes | None, project: str) -> None:
        self.path: Final = path
        self._place: Final = os.path.abspath(path)  # noqa: PTH100 - a later chdir changes nothing
        self._key = key
        self._project: Final = project
        # Of an unprotected project: the keys themselves. The file holds tokens, which mean nothing to another process.
        self.memory: MemoryVault | None = None
        self._seen: _Seen | None = None
        self._watch()

    def _watch(self) -> None:
        stamp = stamp_of(self._place)
        with said_clearly(self.path):
            self._watcher = database.connect(self._place)
        self._process, self._watched = os.getpid(), stamp
        # Python 3.13 warns about connections that nobody closed; a project that is simply dropped is no mistake.
        self._closing = weakref.finalize(self, self._watcher.close)

    def close(self) -> None:
        """Let go of the file."""
        self._closing()

    def current(self) -> State:
        """The newest committed state; reads the file again only after a commit of this or another process.

        Raises:
            CertificateError: It was changed without a password, or is another project now.
            ParameterError: It cannot be read.
        """
        if self._process != os.getpid():
            _INHERITED.append(self._watcher)
            self._closing.detach()
            self._watch()
        stamp, seen = stamp_of(self._place), self._seen
        if seen is not None and stamp is None:
            return seen.state  # the file is gone, or between two names
        with said_clearly(self.path):
            if seen is not None and stamp == seen.stamp and self._version() == seen.version:
                return seen.state
            self._seen = self._load(stamp)
            return self._seen.state

    def _version(self) -> int:
        try:
            return data_version(self._watcher)
        except sqlite3.OperationalError as error:
            # Somebody is in the middle of a commit: what was seen last is still what is committed.
            if self._seen is None or not (getattr(error, "sqlite_errorname", None) or "").startswith("SQLITE_BUSY"):
                raise
            return self._seen.version

    def _load(self, stamp: Stamp | None) -> _Seen:
        # Any other look than our own last one may mean another file, whose pages must not meet those that SQLite remembers.
        if stamp is not None and stamp != self._watched:
            close = self._closing
            self._watch()
            close()
        # Asked before reading: a commit in between costs a second reading, and is not overlooked.
        version = data_version(self._watcher)
        with connected(self._place) as connection:
            connection.execute("BEGIN")
            return self._read(connection, version, stamp)

    def _read(self, connection: sqlite3.Connection, version: int, stamp: Stamp | None) -> _Seen:
        content, tags = self._authentic(connection)
        state = self._here(schema.state_of(content, self.path))
        self._compare(state)
        return _Seen(state, tags, version, stamp)

    def _authentic(self, connection: sqlite3.Connection) -> tuple[Content, Tags]:
        schema.refuse_foreign(connection, self.path)
        odd = schema.oddities(connection)
        content = schema.read(connection, self.path)
        values: dict[Any, Any] = dict(content["project"])
        if values.get("uuid") != self._project:
            raise CertificateError("is another project now", where=self.path, remedy="Open it again, if that was meant")
        if self._key is not None:
            return content, authentic.verify(self._key, content, where=self.path, odd=odd)
        if odd or (values.get("protection") != "password" and (content["users"] or content[schema.TAGS])):
            what = ", ".join(odd) or "it says that it has no password, but it has users"
            raise CertificateError(f"was changed: {what}", where=self.path, remedy="Put a backup back: ouc project backup")
        return content, {}

    def _compare(self, state: State) -> None:
        """Say when the file has gone back: a backup, or somebody who wants to undo a revocation."""
        before = self._seen.state if self._seen is not None else None
        if before is not None and state.generation <= before.generation and state != before:
            _log.warning(
                "%s: was put back from generation %d to another generation %d", self.path, before.generation,
                state.generation,
            )  # fmt: skip

    def _here(self, state: State) -> State:
        """The state as this process sees it: keys that are in another process's memory are not there."""
        memory = self.memory
        if state.protection != "none" or memory is None:
            return state
        entries = {
            number: attrs.evolve(one, sealed=b"") if one.sealed and not memory.holds(one.sealed, one.ring) else one
            for number, one in state.entries.items()
        }
        return attrs.evolve(state, entries=entries)

    @contextmanager
    def _writing(self) -> Iterator[tuple[sqlite3.Connection, _Seen]]:
        """A transaction on the file that bears the name now, with the state it starts from."""
        stamp = stamp_of(self._place)
        with connected(self._place) as connection:
            connection.execute("BEGIN IMMEDIATE")
            seen, now = self._seen, stamp_of(self._place)
            self._same_file(stamp)
            # Nobody else can write from here on: what was seen last is the newest if the file did not change since.
            if seen is None or now != seen.stamp or self._version() != seen.version:
                seen = self._read(connection, -1, now)
            yield connection, seen

    def _same_file(self, stamp: Stamp | None) -> None:
        now = stamp_of(self._place)
        if stamp is None or now is None or stamp[:2] != now[:2]:
            raise ParameterError("another file was put in its place; nothing was changed", where=self.path, remedy=_AGAIN)

    def change(self, work: Callable[[State], Draft]) -> None:
        """One transaction: nobody else writes between reading the state and committing its successor.

        Raises:
            CertificateError: The file was changed without a password.
            ParameterError: It cannot be written; nothing has changed then.
        """
        self.current()
        with said_clearly(self.path), self._writing() as (connection, seen):
            if self._key is None and seen.state.protection == "password":
                raise ParameterError(
                    "this login is of an older version and cannot vouch for what it writes", where=self.path,
                    remedy="Ask an administrator to set your password again: ouc project password --of NAME",
                )  # fmt: skip
            draft = work(seen.state)
            following = draft.finished()
            key = self._key if draft.integrity is None else draft.integrity
            done = schema.write(connection, seen.state, following, draft.events)
            tags = _vouch(connection, key, self._project, seen.tags, done, self.path)
            self._same_file(seen.stamp)
            mine = data_version(connection)
            connection.execute("COMMIT")
            version, stamp = self._after(connection, mine), stamp_of(self._place)
        self._key, self._watched = key, stamp
        self._seen = _Seen(following, tags, version, stamp)

    def _after(self, connection: sqlite3.Connection, mine: int) -> int:
        """The watcher's version of our own commit; one that never comes if somebody else may have written since."""
        try:
            version = data_version(self._watcher)
            return version if data_version(connection) == mine else -1
        except sqlite3.Error:  # what was committed is committed
            return -1

    def history(self, number: int | None) -> tuple[Event, ...]:
        """Lines of history, read and authenticated each time."""
        self.current()
        with said_clearly(self.path), connected(self._place) as connection:
            connection.execute("BEGIN")
            return schema.events_of(self._authentic(connection)[0], number)

    def backup(self, target: str) -> None:
        """Copy the committed state into a new file, with SQLite's own means, while others may write.

        Raises:
            CertificateError: The project was changed without a password: a copy would keep that.
            ParameterError: The target exists or cannot be written.
        """
        self.current()
        copy_into(self._place, target)

    def damage(self) -> tuple[str, ...]:
        """What is wrong with the file; empty for nothing."""
        with said_clearly(self.path):
            found = [row[0] for row in self._watcher.execute("PRAGMA integrity_check")]
        wrong = () if found == ["ok"] else tuple(found)
        if self._key is not None:
            return wrong
        protected = self.current().protection == "password"
        why = "this login is of an older version" if protected else "the project has no password"
        return (*wrong, f"not authenticated: {why}, so nobody can tell whether the file was changed")


def _vouch(
    connection: sqlite3.Connection, key: bytes | None, project: str, before: Tags, done: schema.Difference, path: str
) -> Tags:
    """Write the tags that follow from what was written; of everything where there were none."""
    if key is None:
        return {}
    if before:
        tags = authentic.updated(key, project, before, done)
    else:
        tags = authentic.tags_of(key, project, schema.read(connection, path))
    authentic.store(connection, key, project, before, tags)
    return tags


def copy_into(place: str, target: str) -> None:
    """Copy a database into a new file; a copy that fails leaves nothing.

    Raises:
        ParameterError: The target exists or cannot be written, or the database cannot be read.
    """
    database.new_file(target)
    try:
        with said_clearly(target), connected(place) as source, connected(target) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        set_apart(target)
    except BaseException:
        Path(target).unlink(missing_ok=True)
        raise


def create_file(
    path: str | os.PathLike[str], state: State, events: list[Event], *, key: bytes | None, memory: MemoryVault | None = None
) -> FileBacking:
    """Write a new project file; it appears under its name only when it is complete.

    Raises:
        ParameterError: The file exists or cannot be written.
    """
    final = os.fspath(path)
    if Path(final).exists():
        raise ParameterError("exists already", where=final, remedy="Choose another name")
    refuse_leftovers(final)
    draft = f"{final}.{secrets.token_hex(4)}.new"
    database.new_file(draft)
    try:
        with said_clearly(final), connected(draft) as connection:
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            connection.execute("BEGIN IMMEDIATE")
            schema.migrate(connection, 0)
            done = schema.write(connection, None, state, events)
            _vouch(connection, key, state.uuid, {}, done, final)
            connection.execute("COMMIT")
        set_apart(draft)
        _publish(draft, final)
    finally:
        for name in (draft, f"{draft}-journal"):
            Path(name).unlink(missing_ok=True)
    backing = FileBacking(final, key=key, project=state.uuid)
    backing.memory = memory
    return backing


def _publish(draft: str, final: str) -> None:
    try:
        if os.name == "nt":
            Path(draft).rename(final)  # refuses where the name is taken, as link does elsewhere
        else:
            os.link(draft, final)
    except FileExistsError:
        raise ParameterError("exists already", where=final, remedy="Choose another name") from None
    except OSError:
        # A file system without hard links.
        try:
            Path(draft).rename(final)
        except OSError as error:
            raise ParameterError(
                error.strerror or "cannot be written", where=final,
                remedy="Check the name, the folder and the permissions",
            ) from error
