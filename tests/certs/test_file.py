"""The project on disk: passwords, rights, several processes, a full disk, and `kill -9` in the middle of a write."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from ouc.certs import Project
from ouc.certs import database as project_database
from ouc.certs import file as project_file
from ouc.certs.keys import to_pkcs8
from ouc.errors import OUCError, ParameterError

from .strategies import CHEAP, NOW, KeyPool, make_project

SOAK = os.environ.get("OUC_SOAK") == "1"
POSIX = pytest.mark.skipif(os.name != "posix", reason="file modes and signals are POSIX")


def open_(path: Path, password: str | None = "secret", user: str = "admin") -> Project:
    return Project.open(path, password=password, user=user, make_key=KeyPool())


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Project]:
    """A protected project in a file, with PLC-1 and a TLS certificate, ID 5."""
    project = make_project(path=tmp_path / "plant.ouc", password="secret")
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    project.new(usage="tls", device="PLC-1", now=NOW)
    yield project
    project.close()


def where(project: Project) -> Path:
    return Path(project._backing.path)  # type: ignore[attr-defined]


def test_what_was_written_is_read_again_exactly(plant: Project) -> None:
    plant.revoke(5, reason="superseded", now=NOW)
    plant.group("both", [2, 3], now=NOW)
    plant.request(device="PLC-1", now=NOW)
    plant.device("PLC-1").saw("192.168.0.7:2000", plant.entry(5).certificate, NOW)
    plant.delete(plant.new(usage="tls", device="PLC-1", now=NOW).id, now=NOW)
    with open_(where(plant)) as again:
        assert again._backing.current() == plant._backing.current()
        assert again.history() == plant.history()
        assert [one.partition(" on ")[0] for one in again.check()] == ["certificate 5 (PLC-1/TLS-5) was revoked"]


def test_a_wrong_password_or_user_opens_nothing(plant: Project) -> None:
    for password, user, part in (
        ("wrong", "admin", "wrong password"), ("secret", "eve", "no user 'eve'"), (None, "admin", "protected"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=part):
            open_(where(plant), password, user)


def test_a_stolen_copy_holds_no_key_in_clear(plant: Project, tmp_path: Path) -> None:
    numbers = [plant._key(plant.entry(number)).private_numbers() for number in (1, 2, 3, 4, 5)]
    whole = [to_pkcs8(plant._key(plant.entry(number))) for number in (1, 2, 3, 4, 5)]
    plant.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for one in numbers:
        secret = one.private_value if hasattr(one, "private_value") else one.d
        assert secret.to_bytes((secret.bit_length() + 7) // 8, "big") not in data
    assert all(key not in data for key in whole)
    assert b"secret" not in data


@POSIX
def test_the_file_and_those_beside_it_are_for_their_owner_only(plant: Project) -> None:
    with sqlite3.connect(where(plant)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM retired")
        database.execute("UPDATE project SET value = 'x' WHERE name = 'name'")
        beside = list(where(plant).parent.iterdir())
        assert len(beside) == 2
        assert {stat.S_IMODE(path.stat().st_mode) for path in beside} == {0o600}
        database.rollback()
    database.close()
    assert list(where(plant).parent.iterdir()) == [where(plant)]


def test_a_key_moved_under_another_certificate_does_not_open(plant: Project) -> None:
    state = plant._backing.current()
    moved = attrs.evolve(state.entries[4], sealed=state.entries[5].sealed)
    with pytest.raises(ParameterError, match="sealed data cannot be opened"):
        plant._key(moved)


def test_rights_are_rights_to_keys_too(plant: Project) -> None:
    plant.add_user("standard", "standard", "s", now=NOW)
    plant.add_user("looks", "diagnostics", "d", now=NOW)
    with open_(where(plant), "s", "standard") as standard:
        assert standard.device("PLC-1").download().own(5, side="server") is not None
        standard.assign(2, "PLC-1", used_as="trusted", now=NOW)
        for forbidden in (
            lambda: standard.new(usage="tls", device="PLC-1", now=NOW),
            lambda: standard.renew(5, now=NOW),
            lambda: standard.delete(5, now=NOW),
            lambda: standard.export(5, "p12", password="x"),
            lambda: standard.add_user("x", "standard", "x", now=NOW),
            lambda: standard.download("PLC-1", "x.ouc", password="x"),
        ):
            with pytest.raises(ParameterError, match="administrator"):
                forbidden()
        with pytest.raises(ParameterError, match="private key of a CA is not open"):
            standard._key(standard.entry(3))
    with open_(where(plant), "d", "looks") as looks:
        assert len(looks.entries()) == 5
        with pytest.raises(ParameterError, match="not open to this user"):
            looks.device("PLC-1").download()
        with pytest.raises(ParameterError, match="needs the right 'standard'"):
            looks.assign(2, "PLC-1", used_as="trusted", now=NOW)
        looks.set_password("better", now=NOW)
    open_(where(plant), "better", "looks").close()


def test_changing_a_password_closes_the_old_one(plant: Project) -> None:
    plant.set_password("new", now=NOW)
    with pytest.raises(ParameterError, match="wrong password"):
        open_(where(plant), "secret")
    open_(where(plant), "new").close()


def test_an_unprotected_project_keeps_its_keys_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "bare.ouc"
    bare = make_project(path=path)
    bare.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    assert [(entry.id, entry.issuer_id) for entry in bare.entries()] == [(4, 4)]
    assert bare.device("PLC-1").download().own(4, side="server") is not None
    for refused in (
        lambda: bare.new(usage="tls", issuer=2, common_name="x", now=NOW),
        lambda: bare.new(usage="ca", issuer="self", common_name="x", now=NOW),
        lambda: bare.import_(bare.export(4, "pem").data, as_="trusted", now=NOW),
        lambda: bare.export(4, "p12", password="x"),
    ):
        with pytest.raises(ParameterError, match="protected project"):
            refused()
    with open_(path, None) as later:
        assert [entry.has_key for entry in later.entries()] == [False]
        assert later.device("PLC-1").own_ids == ()
    bare.close()


def test_insecure_keys_lie_in_the_file_because_they_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "lab.ouc"
    lab = make_project(path=path, insecure_keys=True)
    lab.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    lab.close()
    with open_(path, None) as later:
        assert later.device("PLC-1").own_ids == (4,)
        assert "private keys lie in the file in clear" in later.check()


def test_protecting_a_project_seals_its_keys_and_logs_the_session_out(tmp_path: Path) -> None:
    path = tmp_path / "bare.ouc"
    bare = make_project(path=path)
    bare.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    bare.protect("secret", cost=CHEAP, now=NOW)
    with pytest.raises(ParameterError, match="needs the right 'administrator'"):
        bare.new(usage="tls", issuer="self", device="PLC-1", now=NOW)
    bare.close()
    with open_(path) as protected:
        assert [entry.id for entry in protected.entries()] == [1, 2, 4]
        assert protected.device("PLC-1").own_ids == (4,)
        assert protected.check() == ()


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\x00" + b"\x00" * 84, b"no database at all", b"\x30\x82" + bytes(range(256)) * 8]
)
def test_a_file_that_is_no_project_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.ouc"
    path.write_bytes(content)
    with pytest.raises(ParameterError, match=r"is not a project file|is damaged|cannot be used"):
        open_(path)


def test_a_damaged_file_never_ends_in_anything_but_one_error(plant: Project, tmp_path: Path) -> None:
    plant.backup(tmp_path / "copy.ouc")
    whole = (tmp_path / "copy.ouc").read_bytes()
    chance = random.Random(6)
    broken = tmp_path / "broken.ouc"
    refused = 0
    for _ in range(400 if SOAK else 60):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 40)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        broken.write_bytes(data)
        try:
            with open_(broken) as project:
                project.check()
                project.history()
                project.device("PLC-1").download()
        except OUCError:
            refused += 1
        finally:
            for name in ("broken.ouc-wal", "broken.ouc-shm", "broken.ouc-journal"):
                (tmp_path / name).unlink(missing_ok=True)
    assert refused > 20


def test_a_file_of_a_newer_version_is_refused(plant: Project) -> None:
    database = sqlite3.connect(where(plant))
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ParameterError, match="newer version"):
        open_(where(plant))


def test_a_full_disk_changes_nothing_and_says_so(plant: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = project_database.connect

    def cramped(path: str) -> sqlite3.Connection:
        connection = connect(path)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    before = plant.entries()
    monkeypatch.setattr(project_database, "connect", cramped)
    with pytest.raises(ParameterError, match="the disk is full; nothing was changed"):
        for _ in range(50):
            plant.new(usage="tls", device="PLC-1", now=NOW)
            before = plant.entries()
    monkeypatch.undo()
    assert plant.entries() == before
    with open_(where(plant)) as again:
        assert again.entries() == before
        assert again.check() == ()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.close()


def test_a_project_that_somebody_else_is_writing_to_says_so(plant: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_database, "BUSY_SECONDS", 0.0)
    with _locked(where(plant)), pytest.raises(ParameterError, match="another process is writing"):
        plant.new(usage="tls", device="PLC-1", now=NOW)
    assert plant.new(usage="tls", device="PLC-1", now=NOW).id == 6


def test_another_process_writes_and_a_device_sees_it_at_its_next_look(plant: Project) -> None:
    device = plant.device("PLC-1")
    before = device.download()
    with open_(where(plant)) as other:
        other.renew(5, now=NOW)
    after = device.download()
    assert after.changes_from(before).renewed == (5,)


_WRITER = """
import sys
from tests.certs.strategies import KeyPool
from ouc.certs import Project
project = Project.open(sys.argv[1], password="secret", make_key=KeyPool())
for _ in range(int(sys.argv[2])):
    entry = project.new(usage="tls", device="PLC-1")
    if entry.id % 3 == 0:
        project.renew(entry.id)
    if entry.id % 5 == 0:
        project.delete(entry.id)
    print(entry.id, project.generation, flush=True)
"""


def _writer(path: Path, rounds: int) -> subprocess.Popen[str]:
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), str(rounds)], stdout=subprocess.PIPE, text=True, cwd=root
    )


def test_two_processes_at_once_never_give_out_one_id_twice(tmp_path: Path) -> None:
    path = tmp_path / "plant.ouc"
    with make_project(path=path, password="secret") as project:
        project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
        writers = [_writer(path, 12), _writer(path, 12)]
        said = [int(line.split()[0]) for writer in writers for line in writer.communicate()[0].splitlines()]
        assert len(said) == 24
        assert sorted(said) == list(range(5, 29))
        assert [entry.id for entry in project.entries()][4:] == [number for number in range(5, 29) if number % 5]
        assert project.check() == ()


@POSIX
def test_killing_a_writer_in_the_middle_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """Five seeded kills; 200 in a soak run."""
    path = tmp_path / "plant.ouc"
    with make_project(path=path, password="secret") as project:
        project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    chance = random.Random(2026)
    for _ in range(200 if SOAK else 5):
        writer = _writer(path, 1000)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(chance.randint(1, 6))]
        for _ in range(chance.randrange(20_000)):  # somewhere in the next operation, not always at its start
            pass
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines()
        writer.wait()
        writer.stdout.close()
        said = [tuple(map(int, line.split())) for line in lines if len(line.split()) == 2]
        with open_(path) as project:
            assert project.check() == ()
            assert project.generation >= said[-1][1]
            issued = {number for number, _ in said}
            there = {entry.id for entry in project.entries()}
            assert {number for number in issued if number % 5} <= there
            history = {event.id for event in project.history() if event.what == "created"}
            assert issued <= history
            for number in sorted(there)[4:]:  # keep the device below its limit of 64
                project.delete(number)
    with pytest.raises(ParameterError, match="wrong password"):
        open_(path, "guess")


def test_a_project_that_was_never_finished_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(project_file, "_publish", broken)
    with pytest.raises(KeyboardInterrupt):
        make_project(path=tmp_path / "plant.ouc", password="secret")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_a_project_of_its_own(plant: Project, tmp_path: Path) -> None:
    plant.backup(tmp_path / "copy.ouc")
    plant.delete(5, now=NOW)
    with open_(tmp_path / "copy.ouc") as copy:
        assert [entry.id for entry in copy.entries()] == [1, 2, 3, 4, 5]
    with pytest.raises(ParameterError, match="exists already"):
        plant.backup(tmp_path / "copy.ouc")


@POSIX
def test_a_backup_that_was_put_in_place_is_noticed(plant: Project, tmp_path: Path) -> None:
    device = plant.device("PLC-1")
    plant.backup(tmp_path / "copy.ouc")
    first = device.download()
    plant.renew(5, now=NOW)
    assert device.download().changes_from(first).renewed == (5,)
    (tmp_path / "copy.ouc").replace(where(plant))
    for name in ("plant.ouc-wal", "plant.ouc-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert device.download().changes_from(first).renewed == ()


@POSIX
@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_child_reads_with_a_connection_of_its_own(plant: Project) -> None:
    plant.entries()
    child = os.fork()
    if child == 0:
        os._exit(0 if len(plant.entries()) == 5 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert plant.new(usage="tls", device="PLC-1", now=NOW).id == 6


def test_a_read_only_folder_is_told_about_device_files(plant: Project, tmp_path: Path) -> None:
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("the superuser writes everywhere")
    folder = tmp_path / "frozen"
    folder.mkdir()
    plant.backup(folder / "plant.ouc")
    folder.chmod(0o500)
    try:
        with open_(folder / "plant.ouc") as frozen, pytest.raises(ParameterError):
            frozen.new(usage="tls", device="PLC-1", now=NOW)
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)
