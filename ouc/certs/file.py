"""The project file: one SQLite database, written in whole transactions, private keys sealed.

Why SQLite: several processes may work on a project at once, and a power cut or `kill -9` in the middle of a write must leave
the last committed state. Write-ahead logging with full synchronisation gives both. The file is made readable for its owner
only before anything is in it, and the two files beside it inherit that.

Reading is cheap: one statement asks SQLite whether anybody has committed since (`PRAGMA data_version`); only then the state
is read again. Each write uses a connection of its own, so a reader in another thread never sees a half-made change.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from operator import eq, is_
from pathlib import Path
from typing import Final

import attrs

from ..errors import OUCError, ParameterError
from . import rows
from .state import Draft, Event, Protection, State
from .vault import ClearVault, MemoryVault, OpenVault, Right, Vault, open_user

__all__ = ["FileBacking", "create_file", "needs_password", "open_file"]

# "OUCp" in the header of the file: tells it from every other SQLite database.
APPLICATION_ID: Final = 0x4F554370
BUSY_SECONDS: Final = 10.0

# Each script brings a file from the version that is its index to the next one; never change one that was released.
MIGRATIONS: Final = (
    """
    CREATE TABLE project (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE users (name TEXT PRIMARY KEY, right TEXT NOT NULL, salt BLOB NOT NULL, n INTEGER NOT NULL,
                        r INTEGER NOT NULL, p INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE entries (id INTEGER PRIMARY KEY, der BLOB NOT NULL, sealed BLOB NOT NULL, row TEXT NOT NULL);
    CREATE TABLE devices (name TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE groups (id INTEGER PRIMARY KEY, row TEXT NOT NULL);
    CREATE TABLE crls (issuer_id INTEGER PRIMARY KEY, number TEXT NOT NULL, is_foreign INTEGER NOT NULL, der BLOB NOT NULL);
    CREATE TABLE pending (key TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE retired (id INTEGER PRIMARY KEY);
    CREATE TABLE sightings (device TEXT NOT NULL, partner TEXT NOT NULL, row TEXT NOT NULL,
                            PRIMARY KEY (device, partner)) WITHOUT ROWID;
    CREATE TABLE history (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, id INTEGER NOT NULL,
                          what TEXT NOT NULL, common_name TEXT NOT NULL, fingerprint TEXT NOT NULL, note TEXT NOT NULL);
    CREATE INDEX history_of_id ON history (id);
    """,
)

_NO_PROJECT: Final = "Name a file that `ouc project new` has made"

_REASONS: Final = {
    "SQLITE_FULL": ("the disk is full; nothing was changed", "Make room and repeat the command"),
    "SQLITE_BUSY": ("another process is writing to the project", "Wait for it, then repeat the command"),
    "SQLITE_READONLY": ("cannot be written", "Check the permissions of the file and its folder"),
    "SQLITE_CANTOPEN": (
        "cannot be opened for writing", "A read-only folder needs a device file: ouc device download PROJECT DEVICE -o FILE",
    ),
    "SQLITE_NOTADB": ("is not a project file", _NO_PROJECT),
    "SQLITE_CORRUPT": ("is damaged", "Restore it from a backup"),
}  # fmt: skip


@contextmanager
def _said_clearly(path: str) -> Iterator[None]:
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
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ParameterError("is damaged: a row cannot be read", where=path, remedy="Restore it from a backup") from error


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for pragma in ("trusted_schema = OFF", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _read(connection: sqlite3.Connection, path: str) -> State:
    """The committed state; the caller holds a transaction, so all of it is of one moment."""
    values = dict(connection.execute("SELECT name, value FROM project"))
    entries = {row[0]: rows.entry_from(*row) for row in connection.execute("SELECT id, der, sealed, row FROM entries")}
    if not values:
        raise ParameterError("is not a project file", where=path, remedy=_NO_PROJECT)
    state = State(
        name=values["name"], uuid=values["uuid"], generation=int(values["generation"]), next_id=int(values["next_id"]),
        mirror=values["mirror"] == "1", protection=_protection(values["protection"]), entries=entries,
        devices={row[0]: rows.device_from(*row) for row in connection.execute("SELECT name, row FROM devices")},
        groups={row[0]: rows.group_from(*row) for row in connection.execute("SELECT id, row FROM groups")},
        crls={row[0]: rows.crl_from(*row) for row in connection.execute("SELECT issuer_id, number, is_foreign, der FROM crls")},
        users={row[0]: rows.user_from(*row) for row in connection.execute("SELECT * FROM users")},
        sightings={row[:2]: rows.sighting_from(*row) for row in connection.execute("SELECT * FROM sightings")},
        pending=dict(connection.execute("SELECT key, sealed FROM pending")),
        retired=frozenset(row[0] for row in connection.execute("SELECT id FROM retired")),
        fingerprints={entry.facts.fingerprint: number for number, entry in entries.items()},
    )  # fmt: skip
    wrong = _inconsistent(state)
    if wrong:
        raise ParameterError(f"is damaged: {wrong}", where=path, remedy="Restore it from a backup")
    return state


def _inconsistent(state: State) -> str:
    """What a file that this program wrote never shows; empty for nothing."""
    for entry in state.entries.values():
        if sha256(entry.der).hexdigest() != entry.facts.fingerprint:
            return f"certificate {entry.id} is not what it was"
    issuers = {entry.issuer_id for entry in state.entries.values()} - {None}
    tables = {number for device in state.devices.values() for number in (*device.own, *device.partners)}
    missing = (issuers | tables | set(state.crls)) - set(state.entries)
    return f"it refers to certificate {min(missing, key=str)}, which is not in it" if missing else ""


def _protection(word: str) -> Protection:
    if word == "password":
        return "password"
    return "clear" if word == "clear" else "none"


def _write(connection: sqlite3.Connection, old: State | None, new: State, events: list[Event]) -> None:
    """Write the difference between two states; without an old one, everything."""
    before = old or State(name="", uuid="")
    values = {
        "name": new.name, "uuid": new.uuid, "generation": new.generation, "next_id": new.next_id,
        "mirror": int(new.mirror), "protection": new.protection,
    }  # fmt: skip
    connection.executemany("REPLACE INTO project VALUES (?, ?)", [(name, str(value)) for name, value in values.items()])
    put, gone = rows.changed(before.entries, new.entries, is_)
    connection.executemany("DELETE FROM entries WHERE id = ?", [(number,) for number in gone])
    connection.executemany(
        "REPLACE INTO entries VALUES (?, ?, ?, ?)",
        [(one.id, one.der, one.sealed, rows.entry_row(one)) for one in (new.entries[number] for number in put)],
    )
    put, gone = rows.changed(before.devices, new.devices, eq)
    connection.executemany("DELETE FROM devices WHERE name = ?", [(name,) for name in gone])
    connection.executemany("REPLACE INTO devices VALUES (?, ?)", [(name, rows.device_row(new.devices[name])) for name in put])
    put, _ = rows.changed(before.groups, new.groups, eq)
    connection.executemany("REPLACE INTO groups VALUES (?, ?)", [(one, rows.group_row(new.groups[one])) for one in put])
    put, gone = rows.changed(before.crls, new.crls, eq)
    connection.executemany("DELETE FROM crls WHERE issuer_id = ?", [(number,) for number in gone])
    connection.executemany(
        "REPLACE INTO crls VALUES (?, ?, ?, ?)",
        [(one.issuer_id, str(one.number), int(one.foreign), one.der) for one in (new.crls[number] for number in put)],
    )
    put, gone = rows.changed(before.users, new.users, eq)
    connection.executemany("DELETE FROM users WHERE name = ?", [(name,) for name in gone])
    connection.executemany(
        "REPLACE INTO users VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (one.name, one.right, one.salt, one.cost.n, one.cost.r, one.cost.p, one.sealed)
            for one in (new.users[name] for name in put)
        ],
    )
    put, gone = rows.changed(before.sightings, new.sightings, eq)
    connection.executemany("DELETE FROM sightings WHERE device = ? AND partner = ?", gone)
    connection.executemany(
        "REPLACE INTO sightings VALUES (?, ?, ?)", [(*key, rows.sighting_row(new.sightings[key])) for key in put]
    )
    put, gone = rows.changed(before.pending, new.pending, eq)
    connection.executemany("DELETE FROM pending WHERE key = ?", [(key,) for key in gone])
    connection.executemany("REPLACE INTO pending VALUES (?, ?)", [(key, new.pending[key]) for key in put])
    connection.executemany("INSERT INTO retired VALUES (?)", [(number,) for number in new.retired - before.retired])
    connection.executemany(
        "INSERT INTO history (at, id, what, common_name, fingerprint, note) VALUES (?, ?, ?, ?, ?, ?)",
        [(one.at.isoformat(), one.id, one.what, one.common_name, one.fingerprint, one.note) for one in events],
    )


class FileBacking:
    """The state of a project in a file. See the module's docstring for how it is read and written."""

    def __init__(self, path: str) -> None:
        self.path: Final = path
        # Of an unprotected project: the keys themselves. The file holds tokens, which mean nothing to another process.
        self.memory: MemoryVault | None = None
        self._state: State | None
        self._watch()

    def _watch(self) -> None:
        self._process, self._inode, self._version = os.getpid(), self._look(), -1
        self._state = None  # of another file perhaps, which may have counted to the same generation
        with _said_clearly(self.path):
            self._watcher = _connect(self.path)
        # Python 3.13 warns about connections that nobody closed; a project that is simply dropped is no mistake.
        self._closing = weakref.finalize(self, self._watcher.close)

    def _look(self) -> int | None:
        try:
            return os.stat(self.path).st_ino  # noqa: PTH116 - asked before every handshake; half the time of Path.stat
        except OSError:
            return None

    def close(self) -> None:
        """Let go of the file."""
        self._closing()

    def current(self) -> State:
        """The newest committed state; reads the file again only after a commit of this or another process."""
        if self._process != os.getpid():  # a connection must not be used across a fork, nor closed in the child
            self._closing.detach()
            self._watch()
        elif self._look() not in (None, self._inode):  # somebody put another file in its place, such as a backup
            self.close()
            self._watch()
        with _said_clearly(self.path):
            version = self._watcher.execute("PRAGMA data_version").fetchone()[0]
            if self._state is not None and version == self._version:
                return self._state
            if self._state is None or not self._is_of(self._watcher, self._state):
                self._state = self._load()
            self._version = version
            return self._state

    def value(self, name: str) -> str:
        """One of the project's own values, such as `protection`, without reading everything else."""
        with _said_clearly(self.path):
            return str(self._watcher.execute("SELECT value FROM project WHERE name = ?", (name,)).fetchone()[0])

    @staticmethod
    def _is_of(connection: sqlite3.Connection, state: State) -> bool:
        """Whether the state is this file's newest. A generation alone says nothing: other files count as well."""
        values = dict(connection.execute("SELECT name, value FROM project WHERE name IN ('generation', 'uuid')"))
        return (values.get("generation"), values.get("uuid")) == (str(state.generation), state.uuid)

    def _load(self) -> State:
        connection = _connect(self.path)
        try:
            connection.execute("BEGIN")
            return self._here(_read(connection, self.path))
        finally:
            connection.close()

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

    def change(self, work: Callable[[State], Draft]) -> None:
        """One transaction: nobody else writes between reading the state and committing its successor."""
        with _said_clearly(self.path):
            connection = _connect(self.path)
            try:
                connection.execute("BEGIN IMMEDIATE")
                state = self._state if self._look() == self._inode else None
                if state is None or not self._is_of(connection, state):
                    state = self._here(_read(connection, self.path))
                draft = work(state)
                following = draft.finished()
                _write(connection, state, following, draft.events)
                connection.execute("COMMIT")
            finally:
                connection.close()  # without COMMIT that is a rollback
        self._state = following

    def history(self, number: int | None) -> tuple[Event, ...]:
        """Lines of history, read from the file each time."""
        columns = "SELECT at, id, what, common_name, fingerprint, note FROM history"
        where, values = ("", ()) if number is None else (" WHERE id = ?", (number,))
        with _said_clearly(self.path):
            found = self._watcher.execute(f"{columns}{where} ORDER BY seq", values).fetchall()
            return tuple(rows.event_from(*row) for row in found)

    def backup(self, target: str) -> None:
        """Copy the committed state into a new file, with SQLite's own means, while others may write.

        Raises:
            ParameterError: The target exists or cannot be written.
        """
        _new_file(target)
        with _said_clearly(target):
            copy = sqlite3.connect(target)
            try:
                self._watcher.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()

    def damage(self) -> tuple[str, ...]:
        """What SQLite finds wrong with the file; empty for nothing."""
        with _said_clearly(self.path):
            found = [row[0] for row in self._watcher.execute("PRAGMA integrity_check")]
        return () if found == ["ok"] else tuple(found)


def _new_file(path: str) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        raise ParameterError("exists already", where=path, remedy="Choose another name") from None
    except OSError as error:
        raise ParameterError(error.strerror or "cannot be written", where=path) from error


def create_file(
    path: str | os.PathLike[str], state: State, events: list[Event], *, memory: MemoryVault | None = None
) -> FileBacking:
    """Write a new project file; it appears under its name only when it is complete.

    Raises:
        ParameterError: The file exists or cannot be written.
    """
    final = os.fspath(path)
    if Path(final).exists():
        raise ParameterError("exists already", where=final, remedy="Choose another name")
    draft = f"{final}.{secrets.token_hex(4)}.new"
    _new_file(draft)
    try:
        with _said_clearly(final):
            connection = _connect(draft)
            try:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute("PRAGMA journal_mode = WAL")
                _migrate(connection, final)
                connection.execute("BEGIN IMMEDIATE")
                _write(connection, None, state, events)
                connection.execute("COMMIT")
            finally:
                connection.close()
        _publish(draft, final)
    finally:
        for name in (draft, f"{draft}-wal", f"{draft}-shm"):
            Path(name).unlink(missing_ok=True)
    backing = FileBacking(final)
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
            raise ParameterError(error.strerror or "cannot be written", where=final) from error


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring an older file up to this version, one script per transaction.

    Raises:
        ParameterError: The file is newer than this version of the program.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise ParameterError(
            f"was written by a newer version (schema {version}, known up to {len(MIGRATIONS)})", where=path,
            remedy="Update ouc",
        )  # fmt: skip
    if version < 0:
        raise ParameterError("is damaged", where=path, remedy="Restore it from a backup")
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;")


def _opened(path: str | os.PathLike[str]) -> FileBacking:
    name = os.fspath(path)
    if not Path(name).is_file():
        raise ParameterError("no such file", where=name, remedy="Make a project: ouc project new")
    with _said_clearly(name):
        connection = _connect(name)
        try:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise ParameterError("is not a project file", where=name, remedy=_NO_PROJECT)
            _migrate(connection, name)
        finally:
            connection.close()
    return FileBacking(name)


def needs_password(path: str | os.PathLike[str]) -> bool:
    """Whether a project file is protected."""
    backing = _opened(path)
    try:
        return backing.value("protection") == "password"
    finally:
        backing.close()


def open_file(
    path: str | os.PathLike[str], *, password: str | bytes | None, user: str
) -> tuple[FileBacking, Vault, Right]:
    """Open a project file and log a user in.

    Raises:
        ParameterError: No such file, not a project, newer than this program; a wrong password or an unknown user.
    """
    backing = _opened(path)
    try:
        return backing, *_log_in(backing, password, user)
    except OUCError:
        backing.close()
        raise


def _log_in(backing: FileBacking, password: str | bytes | None, user: str) -> tuple[Vault, Right]:
    backing.memory = MemoryVault()
    state, path = backing.current(), backing.path
    if state.protection != "password":
        if password is not None:
            raise ParameterError("the project is not protected; it takes no password", where=path)
        return (ClearVault() if state.protection == "clear" else backing.memory), "administrator"
    if password is None:
        raise ParameterError(
            "the project is protected by a password", where=path,
            remedy="Give it: --password-file, OUC_PROJECT_PASSWORD, or password=",
        )  # fmt: skip
    known = state.users.get(user)
    if known is None:
        raise ParameterError(f"there is no user {user!r}", where=path, remedy=f"Users: {', '.join(sorted(state.users))}")
    return OpenVault(state.uuid, open_user(state.uuid, known, password)), known.right
