"""A device that is carried away: its file, its password, and what happens when a new download replaces it."""

from __future__ import annotations

import json
import logging
import os
import random
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ouc.certs import Device, Project, open_device
from ouc.certs.keys import to_pkcs8
from ouc.errors import ParameterError

from .strategies import CHEAP, NOW, make_project, plant


def carried(project: Project, path: Path, password: str = "device") -> Device:
    project.download("PLC-1", path, password=password, cost=CHEAP)
    return Device.open(path, password=password)


def test_a_carried_device_answers_every_reference_as_the_project_does(tmp_path: Path) -> None:
    project = plant()
    second = project.new(usage="ca", issuer="self", common_name="New CA", now=NOW)
    project.assign(second.id, "PLC-1", used_as="trusted", now=NOW)
    group = project.group("both", [3, second.id], now=NOW)
    project.set_revocation("PLC-1", "required", now=NOW)
    project.new_crl(3, now=NOW)
    here, there = project.device("PLC-1").download(), carried(project, tmp_path / "plc-1.ouc").download()
    assert there.own_ids == here.own_ids == (4, 8, 9)
    assert there.facts() == here.facts()
    assert there.generation == here.generation
    for reference in (0, 3, second.id, group.id):
        ours, theirs = here.trust(reference, side="server"), there.trust(reference, side="server")
        assert (ours.ids, ours.pool, ours.crls, ours.revocation) == (theirs.ids, theirs.pool, theirs.crls, theirs.revocation)
    own = there.own(9, side="server")
    assert own is not None
    assert to_pkcs8(own.key) == to_pkcs8(here.own(9, side="server").key)  # type: ignore[union-attr]


def test_the_file_holds_no_ca_key_and_nothing_of_other_devices(tmp_path: Path) -> None:
    project = plant()
    path = tmp_path / "plc-1.ouc"
    project.download("PLC-1", path, password=None, insecure_keys=True)
    data = path.read_bytes()
    document = json.loads(data.partition(b"\n")[2])
    assert {row["id"] for row in document["held"] if row["key"] is not None} == {4, 8, 9}
    assert all(row["id"] not in (10, 11) for row in document["held"])
    for number in (1, 2, 3):
        key = project._key(project.entry(number)).private_numbers()
        secret = key.private_value if hasattr(key, "private_value") else key.d
        assert secret.to_bytes((secret.bit_length() + 7) // 8, "big") not in data


def test_the_sealed_file_shows_neither_certificates_nor_keys(tmp_path: Path) -> None:
    project = plant()
    carried(project, tmp_path / "plc-1.ouc")
    data = (tmp_path / "plc-1.ouc").read_bytes()
    assert project.entry(9).certificate.public_bytes(Encoding.DER)[:64] not in data
    assert b"PLC-1/TLS" not in data
    assert stat.S_IMODE((tmp_path / "plc-1.ouc").stat().st_mode) & 0o077 == 0 or os.name == "nt"


def test_a_wrong_password_a_missing_one_and_a_superfluous_one_are_refused(tmp_path: Path) -> None:
    project = plant()
    carried(project, tmp_path / "plc-1.ouc")
    for password, part in (("wrong", "wrong password"), (None, "protected by a password")):
        with pytest.raises(ParameterError, match=part):
            Device.open(tmp_path / "plc-1.ouc", password=password)
    with pytest.raises(ParameterError, match="a device file needs a password"):
        project.download("PLC-1", tmp_path / "x.ouc", password=None)
    project.download("PLC-1", tmp_path / "open.ouc", password=None, insecure_keys=True)
    with pytest.raises(ParameterError, match="takes no password"):
        Device.open(tmp_path / "open.ouc", password="device")


def test_a_new_download_is_taken_over_without_the_password(tmp_path: Path) -> None:
    project = plant()
    device = carried(project, tmp_path / "plc-1.ouc")
    before = device.download()
    assert device.download() is before
    project.renew(9, now=NOW)
    project.download("PLC-1", tmp_path / "plc-1.ouc", password="device", cost=CHEAP)
    assert device.download().changes_from(before).renewed == (9,)
    assert before.own(9, side="server") is not device.download().own(9, side="server")


def test_another_project_s_file_under_the_same_password_takes_the_place_of_this_one(tmp_path: Path) -> None:
    device = carried(plant(), tmp_path / "plc-1.ouc")
    before = device.download()
    carried(plant(), tmp_path / "other.ouc")
    (tmp_path / "other.ouc").replace(tmp_path / "plc-1.ouc")
    after = device.download()
    assert after.generation == before.generation
    assert after.changes_from(before).renewed == tuple(before.held)
    assert device.download() is after


def test_a_successor_that_cannot_be_read_leaves_what_was_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = plant()
    path = tmp_path / "plc-1.ouc"
    device = carried(project, path)
    before = device.download()
    for write in (
        lambda: project.download("PLC-1", path, password="another", cost=CHEAP),
        lambda: path.write_bytes(b"nonsense"),
        path.unlink,
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "ouc.certs"):
            write()
            assert device.download() is before
            assert device.download() is before
        assert len(caplog.records) == (0 if not path.exists() else 1)


def test_a_file_without_a_seal_never_replaces_a_sealed_one(tmp_path: Path) -> None:
    project = plant()
    path = tmp_path / "plc-1.ouc"
    device = carried(project, path)
    before = device.download()
    project.download("PLC-1", path, password=None, insecure_keys=True)
    assert device.download() is before


def test_a_damaged_file_is_one_error(tmp_path: Path) -> None:
    project = plant()
    path = tmp_path / "plc-1.ouc"
    carried(project, path)
    whole = path.read_bytes()
    chance = random.Random(7)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        with pytest.raises(ParameterError) as caught:
            Device.open(path, password="device")
        assert "plc-1.ouc" in str(caught.value) or "scrypt" in str(caught.value) or "password" in str(caught.value)
    for size in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ParameterError):
            Device.open(path, password="device")


DEEP = 20_000  # lists inside one another: more than Python's reader of JSON goes down
NESTS = (
    b"[" * DEEP + b"\n",
    b'{"format":"ouc device","version":1,"x":' + b"[" * DEEP + b"\n",
    b'{"format":"ouc device","version":1}\n' + b"[" * DEEP,
    b'{"format":"ouc device","version":1}\n' + b'{"a":' * DEEP,
)


@pytest.mark.parametrize("data", NESTS)
def test_lists_that_lie_too_deep_are_a_damaged_file_and_leave_what_a_station_holds(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "plc-1.ouc"
    device = carried(plant(), path)
    before = device.download()
    path.write_bytes(data)
    for password in ("device", None):
        with pytest.raises(ParameterError, match=r"plc-1\.ouc"):
            Device.open(path, password=password)
    assert device.download() is before


def test_a_header_cannot_ask_for_endless_work(tmp_path: Path) -> None:
    path = tmp_path / "plc-1.ouc"
    carried(plant(), path)
    first, _, body = path.read_bytes().partition(b"\n")
    header = json.loads(first)
    header["scrypt"]["n"] = 2**30
    path.write_bytes(json.dumps(header).encode() + b"\n" + body)
    with pytest.raises(ParameterError, match="scrypt parameter n"):
        Device.open(path, password="device")


def test_a_device_opens_from_either_kind_of_file(tmp_path: Path) -> None:
    with make_project(path=tmp_path / "plant.ouc", password="secret") as project:
        project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
        carried(project, tmp_path / "plc-1.ouc")
        project.add_device("PLC-2", addresses=["192.168.0.2"], now=NOW)
    for path, name, password in (
        ("plant.ouc", "PLC-1", "secret"), ("plc-1.ouc", "PLC-1", "device"), ("plc-1.ouc", None, "device"),
    ):  # fmt: skip
        assert open_device(tmp_path / path, device=name, password=password).own_ids == (4,)
    for path, given, secret, part in (
        ("plant.ouc", None, "secret", "PLC-1, PLC-2"), ("plant.ouc", "PLC-7", "secret", "no device 'PLC-7'"),
        ("plc-1.ouc", "PLC-2", "device", "holds the device 'PLC-1'"), ("none.ouc", None, None, "No such file"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=part):
            open_device(tmp_path / path, device=given, password=secret)


_READER = """
import os, sys
from ouc.certs import Device
os.setgroups([]); os.setgid(65534); os.setuid(65534)
device = Device.open(sys.argv[1], password="device")
print(device.name, device.own_ids)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser can become somebody else")
def test_it_works_from_a_read_only_folder_under_another_user() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        _open_as_nobody(Path(name))


def _open_as_nobody(folder: Path) -> None:
    carried(plant(), folder / "plc-1.ouc")
    os.chown(folder / "plc-1.ouc", 65534, 65534)
    (folder / "plc-1.ouc").chmod(0o400)
    folder.chmod(0o555)
    ran = subprocess.run(
        [sys.executable, "-c", _READER, str(folder / "plc-1.ouc")], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert ran.stdout.split("\n")[0] == "PLC-1 (4, 8, 9)", ran.stderr
    assert [path.name for path in folder.iterdir()] == ["plc-1.ouc"]
