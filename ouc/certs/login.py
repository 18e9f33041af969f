"""Opening a project file: its version, who logs in, and what a file of an older version needs first."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

import attrs

from ..errors import CertificateError, ParameterError
from ..visible import logger
from . import authentic, rows, schema
from .database import NO_PROJECT, connect, connected, is_database, said_clearly
from .file import FileBacking, copy_into
from .keys import generate
from .state import Draft, State
from .vault import ClearVault, MemoryVault, OpenVault, Right, Ring, User, Vault, open_user, seal_user

__all__ = ["needs_password", "open_file"]

_log = logger("ouc.certs")

_NEWEST: Final = len(schema.MIGRATIONS)
_VOUCHED: Final = 2  # the first version in which rows are authenticated


@attrs.frozen
class _Door:
    """What is known of a file before anybody has logged in; nothing of it is authentic."""

    version: int
    values: dict[str, str]
    users: dict[str, User]

    @property
    def is_protected(self) -> bool:
        # A protected project that was made to say that it is none still asks for its password, and says so then.
        return self.values["protection"] == "password" or bool(self.users)


def _door(name: str) -> _Door:
    if not Path(name).is_file():
        what = "is no file" if Path(name).exists() else "no such file"
        raise ParameterError(what, where=name, remedy="Name a project, or make one: ouc project new")
    if not is_database(name):
        raise ParameterError("is not a project file", where=name, remedy=NO_PROJECT)
    with said_clearly(name), connected(name) as connection:
        connection.execute("BEGIN")
        if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
            raise ParameterError("is not a project file", where=name, remedy=NO_PROJECT)
        version = _version(connection, name)
        schema.refuse_foreign(connection, name, version=version)
        values = dict(connection.execute("SELECT name, value FROM project"))
        users = {row[0]: rows.user_from(*row) for row in connection.execute("SELECT * FROM users")}
        return _Door(version, {"protection": values["protection"], "uuid": values["uuid"]}, users)


def _version(connection: sqlite3.Connection, name: str) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > _NEWEST:
        raise ParameterError(
            f"was written by a newer version (schema {version}, known up to {_NEWEST})", where=name, remedy="Update ouc"
        )
    if version < 1:
        raise ParameterError("is damaged", where=name, remedy="Restore it from a backup")
    return version


def needs_password(path: str | os.PathLike[str]) -> bool:
    """Whether a project file is protected.

    Raises:
        ParameterError: No such file, or not a project.
    """
    return _door(os.fspath(path)).is_protected


def open_file(
    path: str | os.PathLike[str], *, password: str | bytes | None, user: str
) -> tuple[FileBacking, Vault, Right]:
    """Open a project file and log a user in.

    Raises:
        CertificateError: It was changed without a password.
        ParameterError: No such file, not a project, newer than this program; a wrong password or an unknown user.
    """
    name = os.fspath(path)
    door = _door(name)
    if not door.is_protected:
        return _without_password(name, door, password)
    if password is None:
        raise ParameterError(
            "the project is protected by a password", where=name,
            remedy="Give it: --password-file, OUC_PROJECT_PASSWORD, or password=",
        )  # fmt: skip
    known = door.users.get(user)
    if known is None:
        raise ParameterError(f"there is no user {user!r}", where=name, remedy=f"Users: {', '.join(sorted(door.users))}")
    rings = open_user(door.values["uuid"], known, password)
    return _with_rings(name, door, known, rings, password)


def _without_password(name: str, door: _Door, password: str | bytes | None) -> tuple[FileBacking, Vault, Right]:
    if password is not None:
        raise ParameterError(
            "the project is not protected; it takes no password", where=name,
            remedy="If it was protected before, somebody has put another file in its place",
        )  # fmt: skip
    if door.version < _NEWEST:
        _bring_up(name, door, None, None)
    backing = FileBacking(name, key=None, project=door.values["uuid"])
    try:
        backing.memory = memory = MemoryVault()
        clear = backing.current().protection == "clear"
    except BaseException:
        backing.close()
        raise
    _log.warning("%s: not authenticated: it has no password, so nobody can tell whether it was changed", name)
    return backing, (ClearVault() if clear else memory), "administrator"


def _with_rings(
    name: str, door: _Door, known: User, rings: dict[Ring, bytes], password: str | bytes
) -> tuple[FileBacking, Vault, Right]:
    uuid = door.values["uuid"]
    older = "integrity" not in rings  # the login was sealed by a version that knew no such ring
    if older and "device" in rings:
        rings = {**rings, "integrity": authentic.integrity_key(rings["device"], uuid)}
    renewed: User | None = None
    if older and "integrity" in rings:
        renewed = seal_user(uuid, known.name, known.right, password, rings, known.cost)
    if door.version < _VOUCHED:
        if not older:
            raise CertificateError(
                "was changed without a password: it was set back to a version in which nothing is authenticated", where=name,
                remedy="Put a backup back, and see who can write to the file",
            )  # fmt: skip
        if renewed is None:
            raise ParameterError(
                "was written by an older version and has to be brought up once", where=name,
                remedy="Let an administrator open it first",
            )  # fmt: skip
        _bring_up(name, door, renewed, rings["integrity"])
        known = renewed
    backing = FileBacking(name, key=rings.get("integrity"), project=uuid)
    try:
        state = backing.current()
        _still(state, known, name)
        if renewed not in (None, known):
            _renew_login(backing, known, renewed)
    except BaseException:
        backing.close()
        raise
    if "integrity" not in rings:
        _log.warning("%s: not authenticated for %s, whose login is of an older version: an administrator sets the password "
                     "again (ouc project password --of)", name, known.name)  # fmt: skip
    return backing, OpenVault(uuid, rings), known.right


def _still(state: State, known: User, name: str) -> None:
    """Only in the state that was read with the key the user's own row is authentic, and with it the right."""
    if state.users.get(known.name) != known or state.protection != "password":
        raise ParameterError("the login was changed at this moment", where=name, remedy="Repeat the command")


def _renew_login(backing: FileBacking, known: User, renewed: User) -> None:
    """Seal a login of an older version anew, so that it knows from now on that the file has to be authentic."""

    def work(state: State) -> Draft:
        draft = Draft(state, vault=MemoryVault(), now=_NO_TIME, make_key=generate)
        if state.users.get(known.name) == known:
            draft.users[known.name] = renewed
        return draft

    try:
        backing.change(work)
    except ParameterError as error:  # such as a file that can only be read
        _log.info("%s: the login of %s stays as it is: %s", backing.path, known.name, error)


_NO_TIME: Final[Any] = None  # the draft writes no line of history


def _bring_up(name: str, door: _Door, renewed: User | None, key: bytes | None) -> None:
    """Bring a file of an older version up, with a copy of it beside it.

    Raises:
        ParameterError: It is in use, or cannot be written.
    """
    with said_clearly(name):
        connection = connect(name)
        try:
            _alone(connection, name)
            copy = _copied(name, f"{name}.version-{door.version}")
            connection.execute("BEGIN EXCLUSIVE")
            if _version(connection, name) != door.version:
                raise ParameterError("was brought up by another process at this moment", where=name,
                                     remedy="Repeat the command")  # fmt: skip
            schema.migrate(connection, door.version)
            content = schema.read(connection, name)
            schema.state_of(content, name)
            if renewed is not None and key is not None:
                _seal(connection, name, door.values["uuid"], renewed, key)
            connection.execute("COMMIT")
        finally:
            connection.close()
    _log.warning(
        "%s: was written by an older version and is brought up; what it held was taken over as it was, so compare it (ouc cert "
        "list, ouc device list); the older file is %s", name, copy,
    )  # fmt: skip


def _alone(connection: sqlite3.Connection, name: str) -> None:
    """Leave write-ahead logging, which SQLite does only while nobody else has the file open."""
    try:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        if not (getattr(error, "sqlite_errorname", None) or "").startswith("SQLITE_BUSY"):
            raise
        mode = "wal"
    if mode != "delete":
        raise ParameterError(
            "was written by an older version and has to be brought up, but another program has it open", where=name,
            remedy="End the other programs that use it, then repeat the command",
        )  # fmt: skip


def _seal(connection: sqlite3.Connection, name: str, uuid: str, renewed: User, key: bytes) -> None:
    cost = renewed.cost
    connection.execute(
        "REPLACE INTO users VALUES (?, ?, ?, ?, ?, ?, ?)",
        (renewed.name, renewed.right, renewed.salt, cost.n, cost.r, cost.p, renewed.sealed),
    )
    tags = authentic.tags_of(key, uuid, schema.read(connection, name))
    authentic.store(connection, key, uuid, {}, tags)


def _copied(name: str, wanted: str) -> str:
    copy = _free_name(wanted)
    try:
        copy_into(name, copy)
    except ParameterError as error:
        raise ParameterError(
            f"was written by an older version and has to be brought up, but no copy can be put beside it: {error.failure.what}",
            where=name, remedy="Open it once where its folder can be written",
        ) from error  # fmt: skip
    return copy


def _free_name(wanted: str) -> str:
    number, name = 1, wanted
    while Path(name).exists():
        number += 1
        name = f"{wanted}-{number}"
    return name

