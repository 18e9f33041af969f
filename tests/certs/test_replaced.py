"""Another file under the name of a project: a backup put back, another project, and what a killed writer left beside it."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ouc.certs import Project
from ouc.certs import database as project_database
from ouc.errors import CertificateError, ParameterError

from .strategies import NOW, KeyPool, make_project

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody replace a file that is open")


def open_(path: Path, password: str = "secret") -> Project:
    return Project.open(path, password=password, make_key=KeyPool())


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Project]:
    """A protected project in a file, with PLC-1 and a TLS certificate, ID 5."""
    with make_project(path=tmp_path / "plant.ouc", password="secret") as project:
        project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
        project.new(usage="tls", device="PLC-1", now=NOW)
        yield project


def _moved(source: Path, target: Path) -> None:
    source.replace(target)


def _written_over(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def _dated_back(source: Path, target: Path) -> None:
    """As by `cp -p` or a backup program: with the date of the file that was there."""
    before = target.stat()
    target.write_bytes(source.read_bytes())
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


WAYS = pytest.mark.parametrize("put", [_moved, _written_over, _dated_back])
Put = Callable[[Path, Path], None]


@WAYS
def test_a_backup_put_back_under_running_processes_is_what_all_of_them_read(
    plant: Project, tmp_path: Path, put: Put
) -> None:
    """Nothing is removed by hand, and one of the processes still has the old file open while the other looks."""
    path = tmp_path / "plant.ouc"
    plant.backup(tmp_path / "copy.ouc")
    before = plant.entry(5).facts.fingerprint
    with open_(path) as other:
        plant.renew(5, now=NOW)
        other.new(usage="tls", device="PLC-1", now=NOW)
        assert len(plant.entries()) == 6
        put(tmp_path / "copy.ouc", path)
        with open_(path) as fresh:
            for project in (fresh, other, plant):
                assert [entry.id for entry in project.entries()] == [1, 2, 3, 4, 5]
                assert project.entry(5).facts.fingerprint == before
                assert project.check() == ()
            plant.new(usage="tls", device="PLC-1", now=NOW)
            assert fresh.entries() == other.entries() == plant.entries()
        plant.close()
    with open_(path) as fresh:
        assert [entry.id for entry in fresh.entries()] == [1, 2, 3, 4, 5, 6]
        assert fresh.check() == ()


@WAYS
def test_a_file_that_went_another_way_to_the_same_number_is_not_taken_for_the_old_one(
    plant: Project, tmp_path: Path, put: Put
) -> None:
    device = plant.device("PLC-1")
    plant.backup(tmp_path / "copy.ouc")
    plant.renew(5, now=NOW)
    with open_(tmp_path / "copy.ouc") as copy:
        copy.renew(5, now=NOW)
        theirs, number = copy.entry(5).facts.fingerprint, copy.generation
    ours = device.download()
    assert plant.generation == number
    put(tmp_path / "copy.ouc", tmp_path / "plant.ouc")
    assert plant.entry(5).facts.fingerprint == theirs
    assert device.download().changes_from(ours).renewed == (5,)
    assert device.download().digest != ours.digest
    plant.group("one", [2], now=NOW)
    with open_(tmp_path / "plant.ouc") as fresh:
        assert fresh.entry(5).facts.fingerprint == theirs
        assert fresh.check() == ()


def test_going_back_to_an_older_state_is_said(plant: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plant.backup(tmp_path / "copy.ouc")
    plant.revoke(5, reason="key-compromise", now=NOW)
    (tmp_path / "copy.ouc").replace(tmp_path / "plant.ouc")
    with caplog.at_level(logging.WARNING, "ouc.certs"):
        assert plant.entry(5).revoked is None
    assert "was put back from generation 4 to another generation 3" in caplog.text


@WAYS
def test_another_project_in_its_place_is_refused_and_a_device_keeps_what_it_had(
    plant: Project, tmp_path: Path, put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    with make_project("Other", path=tmp_path / "other.ouc", password="secret") as other:
        other.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
        other.new(usage="tls", device="PLC-1", now=NOW)
    untouched = (tmp_path / "other.ouc").read_bytes()
    device = plant.device("PLC-1")
    held = device.download()
    put(tmp_path / "other.ouc", tmp_path / "plant.ouc")
    for use in (plant.entries, lambda: plant.renew(5, now=NOW), lambda: plant.backup(tmp_path / "x.ouc")):
        with pytest.raises(CertificateError, match="is another project now"):
            use()
    assert device.download() is held
    assert "what PLC-1 held before stays" in caplog.text
    assert (tmp_path / "plant.ouc").read_bytes() == untouched
    assert not (tmp_path / "x.ouc").exists()


def test_a_change_begun_on_the_file_of_before_is_given_up(
    plant: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plant.ouc"
    plant.backup(tmp_path / "copy.ouc")
    backup = (tmp_path / "copy.ouc").read_bytes()
    make_key = plant._make_key

    def slow_key(kind: str):  # type: ignore[no-untyped-def]
        if (tmp_path / "copy.ouc").exists():
            (tmp_path / "copy.ouc").replace(path)
        return make_key(kind)

    monkeypatch.setattr(plant, "_make_key", slow_key)
    with pytest.raises(ParameterError, match="another file was put in its place; nothing was changed"):
        plant.new(usage="tls", device="PLC-1", now=NOW)
    assert path.read_bytes() == backup
    assert plant.new(usage="tls", device="PLC-1", now=NOW).id == 6


def test_a_project_that_was_deleted_is_not_made_anew_by_a_change(plant: Project, tmp_path: Path) -> None:
    (tmp_path / "plant.ouc").unlink()
    assert len(plant.entries()) == 5
    with pytest.raises(ParameterError):
        plant.new(usage="tls", device="PLC-1", now=NOW)
    assert list(tmp_path.iterdir()) == []


# -- a writer that was killed -----------------------------------------------------------------------------------------


def _killed_writer(path: Path, into: Path) -> None:
    """What lies on the disk when a writer dies in the middle: half a change, and the journal that undoes it."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA cache_size = 2")  # so that pages are written before the commit
        database.execute("PRAGMA secure_delete = ON")
        database.execute("BEGIN IMMEDIATE")
        database.execute("PRAGMA user_version = 2")
        database.execute("DELETE FROM entries")
        database.execute("DELETE FROM history")
        database.execute("DELETE FROM tags")
        for name in (path.name, f"{path.name}-journal"):
            shutil.copy(path.with_name(name), into / name)
        database.execute("ROLLBACK")
    finally:
        database.close()


@pytest.fixture
def crashed(plant: Project, tmp_path: Path) -> Path:
    """A project whose writer was killed, with a backup of before beside it."""
    plant.backup(tmp_path / "copy.ouc")
    for _ in range(3):
        plant.delete(plant.new(usage="tls", device="PLC-1", now=NOW).id, now=NOW)
    folder = tmp_path / "crashed"
    folder.mkdir()
    _killed_writer(tmp_path / "plant.ouc", folder)
    return folder / "plant.ouc"


def test_what_a_killed_writer_left_is_undone_by_the_next_one(crashed: Path, plant: Project) -> None:
    torn = crashed.read_bytes()
    with open_(crashed) as project:
        assert project.entries() == plant.entries()
        assert project.check() == ()
    assert crashed.read_bytes() != torn
    assert not crashed.with_name("plant.ouc-journal").exists()


@WAYS
def test_the_journal_of_a_killed_writer_is_not_put_over_a_backup(crashed: Path, tmp_path: Path, put: Put) -> None:
    backup = (tmp_path / "copy.ouc").read_bytes()
    put(tmp_path / "copy.ouc", crashed)
    for use in (lambda: open_(crashed), lambda: Project.is_protected(crashed)):
        with pytest.raises(ParameterError, match="written for another file") as caught:
            use()
        assert f"remove {crashed}-journal" in str(caught.value)
    assert crashed.read_bytes() == backup
    crashed.with_name("plant.ouc-journal").unlink()
    with open_(crashed) as project:
        assert [entry.id for entry in project.entries()] == [1, 2, 3, 4, 5]
        assert project.check() == ()


def test_a_running_process_does_not_put_the_journal_over_a_backup_either(
    crashed: Path, plant: Project, tmp_path: Path
) -> None:
    backup = (tmp_path / "copy.ouc").read_bytes()
    shutil.copy(crashed.with_name("plant.ouc-journal"), tmp_path / "plant.ouc-journal")
    (tmp_path / "copy.ouc").replace(tmp_path / "plant.ouc")
    for use in (plant.entries, lambda: plant.new(usage="tls", device="PLC-1", now=NOW)):
        with pytest.raises(ParameterError, match="written for another file"):
            use()
    assert (tmp_path / "plant.ouc").read_bytes() == backup


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 512, b"nothing of SQLite", b"\xd9\xd5\x05\xf9 \xa1c\xd7" + b"\xff" * 40]
)
def test_a_journal_that_says_nothing_hinders_nobody(plant: Project, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plant.ouc-journal").write_bytes(content)
    with open_(tmp_path / "plant.ouc") as project:
        assert project.entries() == plant.entries()


def test_a_writer_at_work_is_not_taken_for_a_killed_one(plant: Project, tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "plant.ouc", isolation_level=None)
    try:
        for _ in range(3):
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE project SET value = value || 'x'")
            assert (tmp_path / "plant.ouc-journal").exists()
            with open_(tmp_path / "plant.ouc") as project:
                assert project.entries() == plant.entries()
            database.execute("ROLLBACK")
    finally:
        database.close()


@pytest.mark.parametrize("commits", [0, 1, 2])
def test_a_backup_of_just_before_is_told_apart_from_the_file_of_the_killed_writer(
    plant: Project, tmp_path: Path, commits: int
) -> None:
    plant.backup(tmp_path / "copy.ouc")
    for number in range(commits):
        plant.group(f"group {number}", [2], now=NOW)
    backup, folder = (tmp_path / "copy.ouc").read_bytes(), tmp_path / "crashed"
    folder.mkdir()
    _killed_writer(tmp_path / "plant.ouc", folder)
    shutil.copy(tmp_path / "copy.ouc", folder / "plant.ouc")
    with pytest.raises(ParameterError, match="written for another file"):
        open_(folder / "plant.ouc")
    assert (folder / "plant.ouc").read_bytes() == backup


def test_the_log_of_a_file_of_the_first_version_is_not_put_over_a_backup(plant: Project, tmp_path: Path) -> None:
    """As it was left by a program that was running, or was killed, when the backup was put back."""
    plant.backup(tmp_path / "old.ouc")
    plant.backup(tmp_path / "copy.ouc")
    path, backup = tmp_path / "old.ouc", (tmp_path / "copy.ouc").read_bytes()
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("DELETE FROM history")
        (tmp_path / "copy.ouc").replace(path)
        assert path.with_name("old.ouc-wal").stat().st_size
        with pytest.raises(ParameterError, match="a write-ahead log lies beside it that was written for another") as caught:
            open_(path)
        assert f"remove {path}-wal" in str(caught.value)
        assert path.read_bytes() == backup
    finally:
        database.close()
        for name in ("old.ouc-wal", "old.ouc-shm"):
            path.with_name(name).unlink(missing_ok=True)
    with open_(path) as project:
        assert project.check() == ()


@pytest.mark.parametrize("ending", ["-journal", "-wal"])
def test_a_new_project_does_not_take_what_an_older_one_of_its_name_left(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"new.ouc{ending}").write_bytes(b"x" * 1024)
    with pytest.raises(ParameterError, match=rf"new\.ouc{ending}: exists already, of an older project"):
        make_project(path=tmp_path / "new.ouc", password="secret")
    assert [one.name for one in tmp_path.iterdir()] == [f"new.ouc{ending}"]


# -- whatever is opened is closed -------------------------------------------------------------------------------------


def test_a_connection_that_cannot_be_set_up_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def counted(*args: object, **options: object) -> sqlite3.Connection:
        opened.append(connect(*args, **options))  # type: ignore[call-overload]
        return opened[-1]

    (tmp_path / "other.ouc").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    monkeypatch.setattr("sqlite3.connect", counted)
    with pytest.raises(ParameterError):
        open_(tmp_path / "other.ouc")
    with pytest.raises(sqlite3.DatabaseError):
        project_database.connect(str(tmp_path / "other.ouc"))
    assert len(opened) > 1
    for one in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            one.execute("SELECT 1")
