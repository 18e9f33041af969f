"""Another file in the place of a device's own: the next handshake believes what is in it, whatever number it bears."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

import ouc
from emulator.published import make_project
from ouc.certs import Device, DeviceStore, Project
from ouc.errors import ParameterError
from ouc.tls import DEFAULT

from ..certs.strategies import make_project as file_project
from .test_resumption import NOW, RESUMING, Meetings, shows


@cache
def example(number: int) -> Project:
    """The published example, made anew for each number: the same names, IDs and generation, other keys."""
    return make_project(NOW)


def write(project: Project, folder: Path) -> None:
    """Both devices' files, as a download writes them, but all of one size (JSON ends in any number of spaces)."""
    folder.mkdir(exist_ok=True)
    for name in ("PLC-1", "PLC-2"):
        project.download(name, folder / name, password=None, insecure_keys=True)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data.ljust(32_768))


def meetings(folder: Path, policy: Any) -> Meetings:
    plant = Meetings(project=example(1), policy=policy)
    for attribute, name in (("one", "PLC-1"), ("two", "PLC-2")):
        options: Any = {"addresses": ouc.loopback(), "policy": policy, "clock": lambda: NOW}
        setattr(plant, attribute, ouc.Station(Device.open(folder / name, password=None), **options))
    return plant


def by_rename(new: Path, old: Path) -> None:
    shutil.copy(new, new.with_suffix(".new"))
    new.with_suffix(".new").replace(old)


def in_place(new: Path, old: Path) -> None:
    old.write_bytes(new.read_bytes())


def in_place_with_the_old_date(new: Path, old: Path) -> None:
    """As a restore does that keeps dates."""
    before = old.stat()
    old.write_bytes(new.read_bytes())
    os.utime(old, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert old.stat().st_size == before.st_size


WAYS = [by_rename, in_place, in_place_with_the_old_date]


@pytest.mark.parametrize("policy", [DEFAULT, RESUMING], ids=["full", "resuming"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("exchanged", ["PLC-1", "PLC-2"])
async def test_another_project_s_device_file_with_the_same_number_is_believed_at_the_next_handshake(
    tmp_path: Path, policy: Any, way: Callable[[Path, Path], None], exchanged: str
) -> None:
    write(example(1), tmp_path / "now")
    write(example(2), tmp_path / "other")
    plant = meetings(tmp_path / "now", policy)
    with trio.fail_after(60):
        async with plant.one, plant.two:
            assert await plant.meet() != (None, None)
            again = await plant.meet()
            assert [shows(facts) for facts in again] == [policy is RESUMING] * 2
            bytes_before = len(plant.got)
            numbers = [plant.one.device.generation, plant.two.device.generation]  # type: ignore[union-attr]
            way(tmp_path / "other" / exchanged, tmp_path / "now" / exchanged)
            assert await plant.meet() == (None, None)
            assert [error.status for error in plant.told] == [0x80E4]
            assert len(plant.got) == bytes_before
            assert numbers == [plant.one.device.generation, plant.two.device.generation]  # type: ignore[union-attr]
            # With both exchanged they understand each other again, and nothing of the time before is resumed.
            for name in {"PLC-1", "PLC-2"} - {exchanged}:
                way(tmp_path / "other" / name, tmp_path / "now" / name)
            assert [shows(facts) for facts in await plant.meet()] == [False, False]


# -- a project's own file ------------------------------------------------------------------------------------------------


def restore(backup: Path, file: Path) -> None:
    """Put a backup in place, with what SQLite keeps beside the old file gone."""
    backup.replace(file)
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def a_plant_in_a_file(path: Path) -> Project:
    project = file_project("Example", path=path, password="secret")
    for number, name in ((1, "PLC-1"), (2, "PLC-2")):
        project.add_device(name, addresses=[f"192.168.0.{number}"], now=NOW)
        project.new(usage="tls", device=name, now=NOW)
    return project


@pytest.mark.skipif(os.name == "nt", reason="an open file is not replaced there")
def test_a_backup_that_went_another_way_to_the_same_number_is_another_download(tmp_path: Path) -> None:
    path, other = tmp_path / "p.ouc", tmp_path / "backup.ouc"
    with a_plant_in_a_file(path) as project:
        own = project.device("PLC-1").own_ids[-1]
        project.backup(other)
        with Project.open(other, password="secret") as copy:
            copy.revoke(own, now=NOW)
            copy.set_revocation("PLC-1", "required", now=NOW)
        project.renew(own, now=NOW)
        project.set_revocation("PLC-1", "if-present", now=NOW)
        device, before = project.device("PLC-1"), project.device("PLC-1").download()
        restore(other, path)
        after = device.download()
        assert after.generation == before.generation
        assert after.digest != before.digest
        assert after.revocation == "required"
        assert after.changes_from(before).renewed == (own,)
        # What is written now is written upon what is there now.
        project.add_device("PLC-3", addresses=["192.168.0.3"], now=NOW)
        assert device.download().revocation == "required"
    with Project.open(path, password="secret") as again:
        # The file is in order; the one thing to say is that its certificate is revoked.
        assert [finding.id for finding in again.findings()] == [own]
        assert again.device("PLC-1").download().digest == after.digest


@pytest.mark.skipif(os.name == "nt", reason="an open file is not replaced there")
def test_a_change_right_after_another_file_took_the_place_is_made_to_that_file(tmp_path: Path) -> None:
    path, other = tmp_path / "p.ouc", tmp_path / "backup.ouc"
    with a_plant_in_a_file(path) as project:
        project.backup(other)
        with Project.open(other, password="secret") as copy:
            copy.add_device("Restored", addresses=["192.168.0.7"], now=NOW)
        project.add_device("Lost", addresses=["192.168.0.8"], now=NOW)
        restore(other, path)
        project.add_device("New", addresses=["192.168.0.9"], now=NOW)
    with Project.open(path, password="secret") as again:
        names = {name for name in ("PLC-1", "PLC-2", "Restored", "Lost", "New") if _has(again, name)}
    assert names == {"PLC-1", "PLC-2", "Restored", "New"}


def _has(project: Project, name: str) -> bool:
    try:
        project.device(name)
    except ParameterError:
        return False
    return True


# -- what a digest is made of -------------------------------------------------------------------------------------------


CHANGES: dict[str, Callable[[Project, int], Any]] = {
    "a renewed certificate": lambda project, own: project.renew(own, now=NOW),
    "a revocation list": lambda project, own: project.new_crl(3, now=NOW),
    "a policy": lambda project, own: project.set_revocation("PLC-1", "required", now=NOW),
    "a group": lambda project, own: project.group("some", [3], now=NOW),
    "one more certificate": lambda project, own: project.new(usage="tls", device="PLC-1", now=NOW),
    "one certificate less": lambda project, own: project.delete(own, now=NOW),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_what_a_device_believes_changes_its_digest(change: str) -> None:
    project = file_project("Example")
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    own = project.new(usage="tls", device="PLC-1", now=NOW).id
    project.add_device("PLC-2", addresses=["192.168.0.2"], now=NOW)
    device = project.device("PLC-1")
    seen = [device.download().digest]
    project.new(usage="tls", device="PLC-2", now=NOW)  # nothing that PLC-1 holds
    assert device.download().digest == seen[0]
    CHANGES[change](project, own)
    assert device.download().digest not in seen


def test_a_digest_tells_keys_roles_issuers_and_what_0_stands_for_apart() -> None:
    store = example(1).device("PLC-1").download()
    held = list(store.held.values())
    options: Any = {"device": store.device, "generation": store.generation, "groups": store.groups}
    own = next(one for one in held if one.key is not None)
    rest = [one for one in held if one is not own]

    def digest(*changed: Any, **more: Any) -> bytes:
        return DeviceStore(held=[*rest, *changed], zero=more.pop("zero", store.zero), **options, **more).digest

    found = [
        store.digest,
        digest(attrs.evolve(own, key=None)),
        digest(attrs.evolve(own, role="chain")),
        digest(attrs.evolve(own, issuer_id=None)),
        digest(own, zero=()),
        digest(),
    ]
    assert digest(own) == store.digest
    assert len(set(found)) == len(found)
