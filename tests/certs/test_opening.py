"""A device that was opened from a file owns that file, and gives it back on every way out."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

import ouc
from ouc.certs import Device, Project, open_device
from ouc.errors import OUCError

from .strategies import CHEAP, NOW, make_project


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    path = tmp_path / "plant.ouc"
    with make_project(path=path, password="secret") as project:
        for name in ("PLC-1", "PLC-2"):
            project.add_device(name, addresses=["192.168.0.1"], now=NOW)
        project.download("PLC-1", tmp_path / "plc-1.device", password="d", cost=CHEAP)
    return path


@pytest.fixture
def still_open(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many databases are open that were opened in this test, also those that nobody refers to any more."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def kept(*args: object, **options: object) -> sqlite3.Connection:
        opened.append(connect(*args, **options))  # type: ignore[call-overload]
        return opened[-1]

    def count() -> int:
        found = 0
        for one in opened:
            try:
                one.total_changes  # noqa: B018
            except sqlite3.ProgrammingError:
                continue
            found += 1
        return found

    monkeypatch.setattr("sqlite3.connect", kept)
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
    return count


def test_a_device_lets_go_of_the_project_that_was_opened_for_it(plant: Path, still_open: Callable[[], int]) -> None:
    with open_device(plant, device="PLC-1", password="secret") as device:
        store = device.download()
        assert still_open() == 1
    assert still_open() == 0
    assert store.own_ids == (4,)
    device.close()


def test_a_device_of_a_project_that_somebody_else_opened_leaves_it_open(plant: Path, still_open: Callable[[], int]) -> None:
    with Project.open(plant, password="secret") as project:
        project.device("PLC-1").close()
        assert len(project.entries()) == 5
    assert still_open() == 0


@pytest.mark.parametrize(
    "mistake",
    [
        lambda plant: open_device(plant, password="secret"),
        lambda plant: open_device(plant, device="PLC-9", password="secret"),
        lambda plant: open_device(plant, device="PLC-1", password="wrong"),
        lambda plant: open_device(plant, device="PLC-1"),
        lambda plant: open_device(plant, device="PLC-1", password="secret", user="nobody"),
        lambda plant: open_device(plant.with_name("plc-1.device"), password="wrong"),
        lambda plant: open_device(plant.with_name("plc-1.device"), device="PLC-2", password="d"),
        lambda plant: Device.open(plant, password="secret"),
        lambda plant: Project.open(plant, password="wrong"),
        lambda plant: Project.create("Plant", path=plant, password="x"),
    ],
)
def test_a_mistake_leaves_nothing_open(plant: Path, still_open: Callable[[], int], mistake: Callable[[Path], object]) -> None:
    with pytest.raises(OUCError):
        mistake(plant)
    assert still_open() == 0


async def test_a_plain_connection_lets_go_of_its_project(plant: Path, still_open: Callable[[], int]) -> None:
    with pytest.raises(ouc.ConnectionLost), trio.fail_after(30):
        async with ouc.connect("127.0.0.1", 1, project=plant, device="PLC-1", password="secret"):
            pass
    assert still_open() == 0
