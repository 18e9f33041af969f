"""The tables of a project file, and how a state becomes their rows and comes back.

A table is a declaration: which part of the state it holds, what identifies a row, and how a row is written. Reading,
writing the difference between two states, and authenticating rows walk the same list, so that none of them can leave a table
out. The history is the one table that only grows; it is read and written apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from operator import eq, is_
from typing import Any, Final, TypeAlias

import attrs

from ..errors import CertificateError, ParameterError
from . import rows
from .state import Event, Protection, State

__all__ = [
    "APPLICATION_ID", "HISTORY", "MIGRATIONS", "TABLES", "TAGS", "Content", "Difference", "Row", "Table", "events_of",
    "migrate", "oddities", "read", "refuse_foreign", "state_of", "write",
]  # fmt: skip

# "OUCp" in the header of the file: tells it from every other SQLite database.
APPLICATION_ID: Final = 0x4F554370

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
    """
    CREATE TABLE tags (place TEXT NOT NULL, key TEXT NOT NULL, tag BLOB NOT NULL, PRIMARY KEY (place, key)) WITHOUT ROWID;
    """,
)

HISTORY: Final = "history"
TAGS: Final = "tags"

Row: TypeAlias = tuple[Any, ...]
# Rows of each table as SQLite gives them, unchecked.
Content: TypeAlias = Mapping[str, list[Row]]


@attrs.frozen
class Table:
    """One table and the part of a state that it holds.

    Attributes:
        name: Of the table.
        keys: Its first columns, which identify a row.
        columns: How many it has.
        part: The part of the state, by key.
        row: The row of one item.
        same: Whether two items are equal; identity where comparing would cost too much.
    """

    name: str
    keys: tuple[str, ...]
    columns: int
    part: Callable[[State], Mapping[Any, Any]]
    row: Callable[[Any, Any], Row]
    same: Callable[[Any, Any], bool] = eq

    def key_of(self, row: Row) -> Row:
        """The values that identify a row."""
        return row[: len(self.keys)]


def _values(state: State) -> Mapping[str, str]:
    if not state.uuid:
        return {}
    return {
        "name": state.name, "uuid": state.uuid, "generation": str(state.generation), "next_id": str(state.next_id),
        "mirror": str(int(state.mirror)), "protection": state.protection,
    }  # fmt: skip


TABLES: Final = (
    Table("project", ("name",), 2, _values, lambda name, value: (name, value)),
    Table("users", ("name",), 7, lambda state: state.users, lambda name, one: (
        name, one.right, one.salt, one.cost.n, one.cost.r, one.cost.p, one.sealed)),
    Table("entries", ("id",), 4, lambda state: state.entries, lambda number, one: (
        number, one.der, one.sealed, rows.entry_row(one)), same=is_),
    Table("devices", ("name",), 2, lambda state: state.devices, lambda name, one: (name, rows.device_row(one))),
    Table("groups", ("id",), 2, lambda state: state.groups, lambda number, one: (number, rows.group_row(one))),
    Table("crls", ("issuer_id",), 4, lambda state: state.crls, lambda number, one: (
        number, str(one.number), int(one.foreign), one.der)),
    Table("pending", ("key",), 2, lambda state: state.pending, lambda key, sealed: (key, sealed)),
    Table("retired", ("id",), 1, lambda state: dict.fromkeys(state.retired), lambda number, _: (number,)),
    Table("sightings", ("device", "partner"), 3, lambda state: state.sightings, lambda key, one: (
        *key, rows.sighting_row(one))),
)  # fmt: skip


def migrate(connection: sqlite3.Connection, version: int, to: int = len(MIGRATIONS)) -> None:
    """Bring the tables of an older version to a newer one, within the transaction that the caller has begun."""
    for number in range(version, to):
        for statement in filter(str.strip, MIGRATIONS[number].split(";")):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {to}")


@cache
def _shape(version: int) -> frozenset[Row]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection, 0, version)
        return frozenset(_schema(connection))
    finally:
        connection.close()


def _schema(connection: sqlite3.Connection) -> list[Row]:
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()


def refuse_foreign(connection: sqlite3.Connection, path: str, *, version: int = len(MIGRATIONS)) -> None:
    """Refuse tables, views and triggers that this program did not make so, before anything is read from them.

    A view in the place of a table is a program: reading it may take for ever, and more memory than there is.

    Raises:
        CertificateError: There are some.
    """
    different = set(_schema(connection)) ^ _shape(version)
    found = sorted({f"the {row[0]} {row[1]!r} of the database" for row in different})
    if found:
        raise CertificateError(
            f"was changed without a password: {', '.join(found[:8])}", where=path,
            remedy="Trust nothing in it: put a backup back (ouc project backup), and see who can write to the file",
        )  # fmt: skip


def oddities(connection: sqlite3.Connection) -> list[str]:
    """Counters that this program did not make so; empty for none."""
    counted = connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    last = connection.execute("SELECT max(seq) FROM history").fetchone()[0]
    return ["the counter of the history"] if counted != ([(HISTORY, last)] if last is not None else []) else []


def read(connection: sqlite3.Connection, path: str) -> Content:
    """All rows; the caller holds a transaction, so all of it is of one moment.

    Raises:
        ParameterError: It is no project.
    """
    content = {one.name: connection.execute(f"SELECT * FROM {one.name}").fetchall() for one in TABLES}  # noqa: S608
    content[HISTORY] = connection.execute("SELECT * FROM history ORDER BY seq").fetchall()
    content[TAGS] = connection.execute("SELECT place, key, tag FROM tags").fetchall()
    if not content["project"]:
        raise ParameterError("is not a project file", where=path, remedy="Name a file that `ouc project new` has made")
    return content


def state_of(content: Content, path: str) -> State:
    """The state that rows stand for.

    Raises:
        ParameterError: They refer to what is not there.
    """
    values: dict[Any, Any] = dict(content["project"])
    entries = {row[0]: rows.entry_from(*row) for row in content["entries"]}
    state = State(
        name=values["name"], uuid=values["uuid"], generation=int(values["generation"]), next_id=int(values["next_id"]),
        mirror=values["mirror"] == "1", protection=_protection(values["protection"]), entries=entries,
        devices={row[0]: rows.device_from(*row) for row in content["devices"]},
        groups={row[0]: rows.group_from(*row) for row in content["groups"]},
        crls={row[0]: rows.crl_from(*row) for row in content["crls"]},
        users={row[0]: rows.user_from(*row) for row in content["users"]},
        sightings={row[:2]: rows.sighting_from(*row) for row in content["sightings"]},
        pending=dict(content["pending"]),
        retired=frozenset(row[0] for row in content["retired"]),
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


def events_of(content: Content, number: int | None) -> tuple[Event, ...]:
    """Lines of history, oldest first: of one ID, or all."""
    return tuple(rows.event_from(*row[1:]) for row in content[HISTORY] if number in (None, row[2]))


@attrs.frozen
class Difference:
    """What one commit writes.

    Attributes:
        put: Rows written, with their table.
        gone: Keys of rows taken out, with their table.
        lines: Rows added to the history.
    """

    put: list[tuple[str, Row, Row]]
    gone: list[tuple[str, Row]]
    lines: list[Row]


def _differences(old: State, new: State) -> Iterator[tuple[Table, list[Row], list[Row]]]:
    for table in TABLES:
        before, after = table.part(old), table.part(new)
        put, gone = rows.changed(before, after, table.same)
        yield table, [table.row(key, after[key]) for key in put], [_as_row(key) for key in gone]


def _as_row(key: Hashable) -> Row:
    return key if isinstance(key, tuple) else (key,)


def write(connection: sqlite3.Connection, old: State | None, new: State, events: list[Event]) -> Difference:
    """Write the difference between two states; without an old one, everything."""
    done = Difference([], [], [])
    for table, put, gone in _differences(old or State(name="", uuid=""), new):
        where = " AND ".join(f"{name} = ?" for name in table.keys)
        connection.executemany(f"DELETE FROM {table.name} WHERE {where}", gone)  # noqa: S608 - names of our own tables
        connection.executemany(f"REPLACE INTO {table.name} VALUES ({', '.join('?' * table.columns)})", put)  # noqa: S608
        done.put.extend((table.name, table.key_of(row), row) for row in put)
        done.gone.extend((table.name, key) for key in gone)
    for one in events:
        line = (one.at.isoformat(), one.id, one.what, one.common_name, one.fingerprint, one.note)
        added = connection.execute(
            "INSERT INTO history (at, id, what, common_name, fingerprint, note) VALUES (?, ?, ?, ?, ?, ?)", line
        )
        done.lines.append((added.lastrowid, *line))
    return done
