"""A project file is what somebody with a password wrote, or it is refused: edits from outside, older rows, older files."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ouc.certs import Project, open_device
from ouc.certs import vault as keyring
from ouc.certs.entry import Entry, Tab, summary
from ouc.certs.rows import entry_row
from ouc.certs.schema import MIGRATIONS
from ouc.certs.vault import Right, seal_user
from ouc.errors import CertificateError, OUCError, ParameterError

from .strategies import CHEAP, NOW, KeyPool, made, make_project


def wrong(project: Project) -> list[str]:
    """What the check says, apart from the revoked certificate that the project has in use."""
    return [one for one in project.check() if " was revoked on " not in one]


def open_(path: Path, password: str | None = "secret", user: str = "admin") -> Project:
    return Project.open(path, password=password, user=user, make_key=KeyPool())


@contextmanager
def edited(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as somebody sees it who has SQLite and no password."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("BEGIN")
        yield database
        database.execute("COMMIT")
    finally:
        database.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with something in every table."""
    path = tmp_path_factory.mktemp("full") / "plant.ouc"
    with make_project(path=path, password="secret") as project:
        project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
        project.new(usage="tls", device="PLC-1", now=NOW)
        project.add_user("anna", "standard", "anna", now=NOW)
        project.add_user("looks", "diagnostics", "looks", now=NOW)
        project.revoke(5, reason="key-compromise", now=NOW)
        project.group("both", [2, 3], now=NOW)
        project.request(device="PLC-1", now=NOW)
        project.delete(project.new(usage="tls", device="PLC-1", now=NOW).id, now=NOW)
        project.device("PLC-1").saw("192.168.0.7:2000", project.entry(5).certificate, NOW)
    return path


@pytest.fixture
def plant(full: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(full, tmp_path / "plant.ouc"))


def rogue(number: int) -> tuple[Any, ...]:
    """A CA of somebody else, as a row that this program would write."""
    certificate = made("Rogue", ca=True).certificate
    entry = Entry(
        id=number, der=certificate.public_bytes(Encoding.DER), facts=summary(certificate), tab=Tab.CA, usage="",
        issuer_id=number, imported=True,
    )  # fmt: skip
    return number, entry.der, b"", entry_row(entry)


def test_a_rogue_CA_is_named_and_the_project_stays_closed(plant: Path) -> None:
    with edited(plant) as database:
        database.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", rogue(99))
        row = database.execute("SELECT row FROM devices WHERE name = 'PLC-1'").fetchone()[0]
        database.execute("UPDATE devices SET row = ?", (row.replace('"partners":[', '"partners":[99'),))
    with pytest.raises(CertificateError) as caught:
        open_(plant)
    assert "certificate 99 was added" in str(caught.value)
    assert "device 'PLC-1' was changed" in str(caught.value)
    assert "put a backup back" in str(caught.value)
    for password, user in (("anna", "anna"), ("looks", "looks")):
        with pytest.raises(CertificateError, match="certificate 99 was added"):
            open_(plant, password, user)
    with pytest.raises(CertificateError, match="without a password"):
        open_device(plant, device="PLC-1", password="secret")


def _tables(path: Path) -> dict[str, list[str]]:
    database = sqlite3.connect(path)
    try:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [row[1] for row in database.execute(f"PRAGMA table_info({name})")] for name in names}
    finally:
        database.close()


def _other(value: Any, draw: Callable[..., Any]) -> Any:
    """A value of the same or another kind that SQLite keeps apart from the one that is there."""
    kinds = st.one_of(st.integers(-5, 2**40), st.text(max_size=20), st.binary(max_size=20))
    near: dict[type, st.SearchStrategy[Any]] = {
        int: st.integers(-3, 3).map(lambda step: step + (value if isinstance(value, int) else 0)),
        str: st.sampled_from([f"{value} ", str(value)[1:], "1"]),
        bytes: st.just((value if isinstance(value, bytes) else b"") + b"\0"),
    }
    return draw(
        st.one_of(near.get(type(value), kinds), kinds).filter(lambda one: type(one) is not type(value) or one != value)
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_single_edit_with_sqlite_is_noticed(full: Path, tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "edited.ouc"
    path.unlink(missing_ok=True)
    shutil.copy(full, path)
    tables = _tables(path)
    table = data.draw(st.sampled_from(sorted(tables)))
    columns = tables[table]
    database = sqlite3.connect(path)
    try:
        before = sorted(database.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
        what = data.draw(st.sampled_from(["insert", "update", "delete"]))
        picked = data.draw(st.sampled_from(before)) if before else None
        where = " AND ".join(f"{name} IS ?" for name in columns)
        try:
            if what == "insert" or picked is None:
                values = [_other(None if picked is None else picked[at], data.draw) for at in range(len(columns))]
                database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", values)
            elif what == "delete":
                database.execute(f"DELETE FROM {table} WHERE {where}", picked)
            else:
                at = data.draw(st.integers(0, len(columns) - 1))
                value = _other(picked[at], data.draw)
                database.execute(f"UPDATE {table} SET {columns[at]} = ? WHERE {where}", (value, *picked))
        except sqlite3.Error:
            return  # SQLite itself refuses it
        database.commit()
        after = sorted(database.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
    finally:
        database.close()
    if before == after:
        return
    with pytest.raises(OUCError):
        open_(path).close()


@pytest.mark.parametrize("statement", [
    "CREATE TABLE other (x)",
    "CREATE TRIGGER t AFTER UPDATE ON project BEGIN DELETE FROM retired; END",
    "CREATE VIEW v AS SELECT * FROM entries",
    "DROP INDEX history_of_id",
    "DROP TABLE tags",
    "DELETE FROM tags",
    "UPDATE project SET value = 'none' WHERE name = 'protection'",
    "UPDATE project SET value = 'clear' WHERE name = 'protection'",
    "UPDATE project SET value = 'ffffffffffffffffffffffffffffffff' WHERE name = 'uuid'",
    "UPDATE users SET right = 'administrator' WHERE name = 'looks'",
    "UPDATE sqlite_sequence SET seq = seq + 1",
    "INSERT INTO project VALUES ('other', '1')",
    f"INSERT INTO tags VALUES ('entries', '{'[' * 20_000}', x'00')",
    f"UPDATE devices SET row = '{'[' * 20_000}'",
    "PRAGMA user_version = 1",
])  # fmt: skip
def test_tables_values_and_versions_are_authenticated_as_well(plant: Path, statement: str) -> None:
    database = sqlite3.connect(plant, isolation_level=None)
    database.execute(statement)
    database.close()
    for password, user in (("secret", "admin"), ("anna", "anna"), ("looks", "looks")):
        with pytest.raises(OUCError):
            open_(plant, password, user).close()


@pytest.mark.parametrize("table", ["project", "users", "entries", "devices", "tags", "history"])
def test_a_view_in_the_place_of_a_table_is_refused_before_it_is_read(plant: Path, table: str) -> None:
    columns = _tables(plant)[table]
    with edited(plant) as database:
        database.execute(f"ALTER TABLE {table} RENAME TO before")
        # Reading it fails here; one that never ends would be as easy to write.
        never = ", ".join(f"abs(-9223372036854775807 - 1) AS {column}" for column in columns)
        database.execute(f"CREATE VIEW {table} AS SELECT {never}")
    for password in ("secret", None):
        with pytest.raises(CertificateError, match=f"the view '{table}' of the database"):
            open_(plant, password)


def test_a_view_that_comes_while_a_project_is_open_is_refused_before_it_is_read(plant: Path) -> None:
    with open_(plant) as project:
        with edited(plant) as database:
            database.execute("CREATE VIEW late AS SELECT abs(-9223372036854775807 - 1) AS x")
        with pytest.raises(CertificateError, match="the view 'late' of the database"):
            project.entries()


def test_a_project_that_was_made_to_need_no_password_still_asks_for_it(plant: Path) -> None:
    with edited(plant) as database:
        database.execute("UPDATE project SET value = 'none' WHERE name = 'protection'")
    assert Project.is_protected(plant)
    with pytest.raises(ParameterError, match="protected by a password"):
        open_(plant, None)
    with pytest.raises(CertificateError, match="'protection' was changed"):
        open_(plant)


def test_setting_a_file_back_to_the_version_without_tags_does_not_make_it_believed(plant: Path) -> None:
    with edited(plant) as database:
        database.execute("DROP TABLE tags")
        database.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", rogue(99))
        database.execute("PRAGMA user_version = 1")
    for password, user in (("secret", "admin"), ("anna", "anna"), ("looks", "looks")):
        with pytest.raises(CertificateError, match="set back to a version"):
            open_(plant, password, user)


def _dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    database = sqlite3.connect(path)
    try:
        return {table: database.execute(f"SELECT * FROM {table}").fetchall() for table in _tables(path)}
    finally:
        database.close()


@pytest.mark.parametrize("with_tag", [False, True])
def test_a_row_of_an_older_day_is_noticed_with_its_tag_and_without(
    plant: Path, tmp_path: Path, *, with_tag: bool
) -> None:
    """Undoing a revocation, the attack that needs no forgery."""
    shutil.copy(plant, tmp_path / "before.ouc")
    old = _dump(tmp_path / "before.ouc")
    with open_(plant) as project:
        project.new(usage="tls", device="PLC-1", now=NOW)
        project.revoke(max(entry.id for entry in project.entries()), reason="key-compromise", now=NOW)
    with edited(plant) as database:
        for table, places in (("crls", 4), *([("tags", 3)] if with_tag else [])):
            rows = [row for row in old[table] if table == "crls" or row[0] == "crls"]
            database.executemany(f"REPLACE INTO {table} VALUES ({', '.join('?' * places)})", rows)
    with pytest.raises(CertificateError, match="of another day" if with_tag else "revocation list of CA 3 was changed"):
        open_(plant)


def test_a_running_process_refuses_what_was_edited_and_a_device_keeps_what_it_had(
    plant: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_(plant) as project:
        device = project.device("PLC-1")
        held = device.download()
        with edited(plant) as database:
            database.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", rogue(99))
        for use in (project.entries, project.history, project.check, lambda: project.delete(4, now=NOW)):
            with pytest.raises(CertificateError, match="certificate 99 was added"):
                use()
        with caplog.at_level(logging.WARNING, "ouc.certs"):
            assert device.download() is held
            assert device.download() is held
        assert caplog.text.count("what PLC-1 held before stays") == 1
        with edited(plant) as database:
            database.execute("DELETE FROM entries WHERE id = 99")
        assert wrong(project) == []


def test_a_commit_of_another_process_is_authentic_for_all(plant: Path) -> None:
    with open_(plant) as one, open_(plant, "anna", "anna") as other, open_(plant, "looks", "looks") as looks:
        one.new(usage="tls", device="PLC-1", now=NOW)
        other.assign(2, "PLC-1", used_as="trusted", now=NOW)
        looks.device("PLC-1")
        looks.set_password("looks again", now=NOW)
        one.group("one", [2], now=NOW)
        assert wrong(one) == wrong(other) == wrong(looks) == []
        assert one.history() == looks.history()
    open_(plant, "looks again", "looks").close()


# -- files of the first version ---------------------------------------------------------------------------------------


def _first_version(path: Path, monkeypatch: pytest.MonkeyPatch, users: dict[str, tuple[Right, str]]) -> None:
    """Make a file what the first version wrote: no tags, logins without the integrity ring, write-ahead logging."""
    with open_(path) as project:
        rings = project._vault.rings  # type: ignore[attr-defined]
        uuid = project._backing.current().uuid
    older = {"administrator": ("authority", "device"), "standard": ("device",), "diagnostics": ()}
    with monkeypatch.context() as patch, edited(path) as database:
        for right, names in older.items():
            patch.setitem(keyring.RIGHTS, right, names)  # type: ignore[misc]
        for name, (right, password) in users.items():
            one = seal_user(uuid, name, right, password, rings, CHEAP)
            database.execute("UPDATE users SET salt = ?, sealed = ? WHERE name = ?", (one.salt, one.sealed, name))
        database.execute("DROP TABLE tags")
        database.execute("PRAGMA user_version = 1")
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.close()


_USERS: dict[str, tuple[Right, str]] = {
    "admin": ("administrator", "secret"), "anna": ("standard", "anna"), "looks": ("diagnostics", "looks"),
}  # fmt: skip


@pytest.fixture
def older(plant: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    _first_version(plant, monkeypatch, _USERS)
    return plant


def _version(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("PRAGMA user_version").fetchone()[0])
    finally:
        database.close()


@pytest.mark.parametrize(("password", "user"), [("secret", "admin"), ("anna", "anna")])
def test_a_file_of_the_first_version_is_brought_up_once_with_a_copy_beside_it(
    older: Path, caplog: pytest.LogCaptureFixture, password: str, user: str
) -> None:
    copy = older.with_name("plant.ouc.version-1")
    before = _dump(older)
    with caplog.at_level(logging.WARNING, "ouc.certs"), open_(older, password, user) as project:
        assert len(project.entries()) == len(before["entries"])
        assert wrong(project) == []
    assert "is brought up" in caplog.text
    assert str(copy) in caplog.text
    assert _version(older) == len(MIGRATIONS)
    assert _version(copy) == 1
    assert _dump(copy) == before
    assert copy.stat().st_mode & 0o077 == 0
    caplog.clear()
    with open_(older) as project, open_(older, "anna", "anna") as anna:
        assert wrong(project) == wrong(anna) == []
    assert not caplog.text
    assert not older.with_name("plant.ouc.version-1-2").exists()
    with edited(older) as database:
        database.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", rogue(99))
    for again, name in (("secret", "admin"), ("anna", "anna")):
        with pytest.raises(CertificateError, match="certificate 99 was added"):
            open_(older, again, name)


def test_whoever_logged_in_after_the_upgrade_is_not_fooled_by_setting_the_file_back(older: Path) -> None:
    open_(older).close()
    open_(older, "anna", "anna").close()
    with edited(older) as database:
        database.execute("DROP TABLE tags")
        database.execute("PRAGMA user_version = 1")
    for password, user in (("secret", "admin"), ("anna", "anna")):
        with pytest.raises(CertificateError, match="set back"):
            open_(older, password, user)


def test_who_only_reads_waits_for_an_administrator_and_is_told_what_is_not_authenticated(
    older: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ParameterError, match="Let an administrator open it first"):
        open_(older, "looks", "looks")
    assert _version(older) == 1
    open_(older).close()
    caplog.clear()
    with open_(older, "looks", "looks") as looks:
        assert "not authenticated for looks" in caplog.text
        assert any("not authenticated" in line for line in looks.check())
        with pytest.raises(ParameterError, match="an administrator to set your password again"):
            looks.set_password("new", now=NOW)
    with open_(older) as project:
        project.set_password("looks again", user="looks", now=NOW)
    caplog.clear()
    with open_(older, "looks again", "looks") as looks:
        assert wrong(looks) == []
    assert not caplog.text


def test_a_file_of_the_first_version_in_use_elsewhere_is_not_brought_up_under_that_program(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ouc.certs.database.BUSY_SECONDS", 0.0)
    elsewhere = sqlite3.connect(older)
    elsewhere.execute("SELECT * FROM project").fetchall()
    try:
        with pytest.raises(ParameterError, match="another program has it open"):
            open_(older)
    finally:
        elsewhere.close()
    assert _version(older) == 1
    assert not older.with_name("plant.ouc.version-1").exists()
    open_(older).close()


def test_an_upgrade_that_fails_leaves_the_older_file(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _dump(older)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ouc.certs.login._seal", broken)
        with pytest.raises(KeyboardInterrupt):
            open_(older)
    assert _version(older) == 1
    assert _dump(older) == before
    open_(older).close()


def test_an_upgrade_without_room_for_the_copy_says_what_it_is_about(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str) -> None:
        raise ParameterError("No space left on device", where=path)

    with monkeypatch.context() as patch:
        patch.setattr("ouc.certs.database.new_file", full)
        with pytest.raises(ParameterError, match="has to be brought up, but no copy can be put beside it: No space left"):
            open_(older)
    assert _version(older) == 1
    open_(older).close()


# -- projects without a password --------------------------------------------------------------------------------------


@pytest.mark.parametrize("insecure_keys", [False, True])
def test_a_project_without_a_password_says_that_nothing_is_authenticated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, insecure_keys: bool
) -> None:
    path = tmp_path / "bare.ouc"
    make_project(path=path, insecure_keys=insecure_keys).close()
    with caplog.at_level(logging.WARNING, "ouc.certs"), open_(path, None) as bare:
        assert any("not authenticated" in line for line in bare.check())
    assert caplog.text.count("not authenticated") == 1


def test_protecting_a_project_authenticates_it_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "bare.ouc"
    with make_project(path=path) as bare:
        bare.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
        bare.protect("secret", cost=CHEAP, now=NOW)
        assert [entry.id for entry in bare.entries()] == [1, 2, 4]
    with open_(path) as protected:
        assert wrong(protected) == []
    with edited(path) as database:
        database.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", rogue(99))
    with pytest.raises(CertificateError, match="certificate 99 was added"):
        open_(path)
