"""What a device's firmware and its 64 places allow, what a running CPU takes over, and who has to log in again."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ouc import profiles
from ouc.certs import Project
from ouc.certs.state import Draft
from ouc.certs.templates import TEMPLATES
from ouc.errors import ParameterError

from .strategies import CHEAP, NOW, KeyPool, made, make_project


@pytest.mark.parametrize("profile", ["nonsense 1", "S7-1500 V9.9", "S7-300 V3.3", " ", "S7-1500 V3.1; x", "V3.1"])
def test_a_firmware_that_nobody_knows_is_refused_and_the_known_ones_are_listed(profile: str) -> None:
    project = make_project()
    with pytest.raises(ParameterError, match="there is no profile") as caught:
        project.add_device("PLC-1", profile=profile, now=NOW)
    assert "S7-1200 V4.6" in str(caught.value)
    assert project.devices == ()
    project.add_device("PLC-1", now=NOW)
    with pytest.raises(ParameterError, match="there is no profile"):
        project.set_profile("PLC-1", profile, now=NOW)


def test_a_firmware_is_kept_in_its_one_spelling() -> None:
    project = make_project()
    project.add_device("PLC-1", profile="s7-1200 fw 4.5", now=NOW)
    project.add_device("PC", kind="PC", profile="", now=NOW)
    assert [one.profile for one in project.devices] == ["", "S7-1200 V4.5"]


@pytest.mark.parametrize("row", TEMPLATES.values(), ids=lambda row: row.name)
@pytest.mark.parametrize("profile", profiles.NAMES)
def test_a_certificate_is_made_for_a_service_that_the_firmware_has(profile: str, row) -> None:  # type: ignore[no-untyped-def]
    project = make_project()
    project.add_device("PLC-1", addresses=["192.168.0.1"], profile=profile, now=NOW)
    has = row.is_ca or profiles.profile(profile).has(row.feature)
    if has:
        assert project.new(usage=row.name, device="PLC-1", common_name="x", now=NOW).usage == row.name
        return
    with pytest.raises(ParameterError, match=r"has no certificates for .*(from V\d\.\d on|no S7-1\d00.* has them)"):
        project.new(usage=row.name, device="PLC-1", now=NOW)
    assert all(entry.usage in ("ca", "communication") for entry in project.entries())


def test_a_cpu_brings_the_certificate_of_its_PG_and_HMI_communication_where_the_firmware_secures_it() -> None:
    project = make_project()
    project.add_device("old", profile="S7-1500 V2.8", now=NOW)
    project.add_device("new", profile="S7-1500 V2.9", now=NOW)
    assert [(entry.id, entry.device) for entry in project.entries() if entry.usage == "communication"] == [(4, "new")]
    project.set_profile("old", "S7-1500 V3.1", now=NOW)
    assert [entry.usage for entry in project.entries(device="old")] == ["ca", "communication"]
    assert project.set_profile("old", "S7-1500 V2.8", now=NOW) == (5,)


def test_switching_a_service_on_that_the_firmware_lacks_is_refused() -> None:
    project = make_project()
    project.add_device("PLC-1", addresses=["192.168.0.1"], profile="S7-1200 V4.2", now=NOW)
    for switch in (project.enable_web_server, project.enable_opc_ua_server):
        with pytest.raises(ParameterError, match=r"S7-1200 has them from V4.4 on.*ouc device set --profile"):
            switch("PLC-1", now=NOW)
    assert not project.devices[0].web
    assert not project.devices[0].opcua


# -- 64 places --------------------------------------------------------------------------------------------------------


def _filled(count: int) -> Project:
    """A project whose PLC-1 holds that many certificates: its own ones and CA 3."""
    project = make_project()
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    for _ in range(count - 2):
        project.new(usage="tls", device="PLC-1", now=NOW)
    return project


@pytest.fixture(scope="module")
def full() -> Project:
    return _filled(64)


def test_no_operation_brings_a_device_more_than_64_certificates(full: Project) -> None:
    """Neither directly nor by the chain that comes along."""
    root = made("Root", ca=True)
    leaf = made("partner", root)
    chain = root.certificate.public_bytes(Encoding.PEM) + leaf.certificate.public_bytes(Encoding.PEM)
    generation = full.generation
    for add in (
        lambda: full.new(usage="tls", device="PLC-1", now=NOW),
        lambda: full.enable_web_server("PLC-1", now=NOW),
        lambda: full.import_(chain, as_="partner", device="PLC-1", now=NOW),
        lambda: full.assign(1, "PLC-1", used_as="trusted", now=NOW),
        lambda: full.renew(5, issuer=2, now=NOW),
    ):
        with pytest.raises(ParameterError, match="certificates for PLC-1; at most 64 fit"):
            add()
    assert full.generation == generation
    assert len(full.device("PLC-1").download().held) == 64
    assert full.overfull() == {}


def _overfull() -> Project:
    """As a project of an earlier version could become."""
    project = _filled(64)

    def more(draft: Draft) -> None:
        draft.devices["PLC-1"] = attrs.evolve(draft.devices["PLC-1"], partners=(1, 2))

    backing = project._backing

    def work(state):  # type: ignore[no-untyped-def]
        draft = Draft(state, vault=project._vault, now=NOW, make_key=KeyPool())
        more(draft)
        return draft

    backing.change(work)
    return project


def test_a_device_that_holds_too_much_is_found_by_checks_and_before_a_station_uses_it() -> None:
    project = _overfull()
    assert project.overfull() == {"PLC-1": 66}
    assert "66 certificates for PLC-1; at most 64 fit" in project.check()
    with pytest.raises(ParameterError, match="66 certificates for PLC-1; at most 64 fit"):
        project.device("PLC-1")
    project.unassign(1, "PLC-1", now=NOW)
    with pytest.raises(ParameterError, match="66 certificates"):
        project.assign(1, "PLC-1", used_as="trusted", now=NOW)
    project.unassign(2, "PLC-1", now=NOW)
    assert project.check() == ()
    project.device("PLC-1").download()


# -- what a running CPU takes over --------------------------------------------------------------------------------------


@pytest.fixture
def plant(tmp_path: Path) -> Project:
    project = make_project(path=tmp_path / "plant.ouc", password="secret")
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    project.add_device("old", profile="S7-1500 V3.0", addresses=["192.168.0.3"], now=NOW)
    project.add_device("PC-1", kind="PC", profile="", addresses=["192.168.0.2"], now=NOW)
    for device in ("PLC-1", "old", "PC-1"):
        project.new(usage="tls", device=device, now=NOW)
    return project


def test_a_new_ID_is_not_loaded_in_RUN_and_a_renewed_one_is_where_the_firmware_can(plant: Project, tmp_path: Path) -> None:
    file = tmp_path / "plc-1.device"
    with plant:
        with pytest.raises(ParameterError, match=r"does not have certificate 3, 4, 6 yet.*in STOP only \(R61\)"):
            plant.download("PLC-1", file, password="x", cost=CHEAP, in_run=True)
        assert not file.exists()
        assert plant.download("PLC-1", file, password="x", cost=CHEAP).added == (3, 4, 6)
        plant.renew(6, now=NOW)
        assert plant.download("PLC-1", file, password="x", cost=CHEAP, in_run=True).renewed == (6,)
        plant.new(usage="tls", device="PLC-1", now=NOW)
        before = file.read_bytes()
        with pytest.raises(ParameterError, match="does not have certificate 9 yet"):
            plant.download("PLC-1", file, password="x", cost=CHEAP, in_run=True)
        assert file.read_bytes() == before
        assert plant.download("PLC-1", file, password="x", cost=CHEAP).added == (9,)
        assert plant.download("PLC-1", file, password="other", cost=CHEAP).added == (3, 4, 6, 9)


def test_older_firmware_takes_nothing_over_in_RUN_and_a_PC_everything(plant: Project, tmp_path: Path) -> None:
    with plant:
        plant.download("old", tmp_path / "old.device", password="x", cost=CHEAP)
        plant.renew(7, now=NOW)
        with pytest.raises(ParameterError, match=r"S7-1500 V3\.0 takes certificates over in STOP only"):
            plant.download("old", tmp_path / "old.device", password="x", cost=CHEAP, in_run=True)
        assert plant.download("PC-1", tmp_path / "pc.device", password="x", cost=CHEAP, in_run=True).added


# -- who has to log in again ----------------------------------------------------------------------------------------------


def _again(path: Path, password: str, user: str) -> Project:
    return Project.open(path, password=password, user=user, make_key=KeyPool())


def test_a_session_ends_with_its_login(plant: Project, tmp_path: Path) -> None:
    """A removed user, another password, another right: what was allowed at login is not allowed for ever."""
    path = tmp_path / "plant.ouc"
    with plant:
        plant.add_user("eva", "administrator", "e", now=NOW)
        with _again(path, "e", "eva") as eva:
            eva.new(usage="tls", device="PLC-1", now=NOW)
            plant.set_password("e2", user="eva", now=NOW)
            for use in (
                lambda: eva.new(usage="tls", device="PLC-1", now=NOW),
                lambda: eva.download("PLC-1", tmp_path / "x", password="x", cost=CHEAP),
                lambda: eva.export(6, "p12", password="x"),
            ):
                with pytest.raises(ParameterError, match=r"has another password or right now.*Log in again"):
                    use()
        with _again(path, "e2", "eva") as eva:
            eva.set_password("e3", now=NOW)
            eva.new(usage="tls", device="PLC-1", now=NOW)
            plant.remove_user("eva", now=NOW)
            with pytest.raises(ParameterError, match="user 'eva' was removed"):
                eva.new(usage="tls", device="PLC-1", now=NOW)
            plant.add_user("eva", "diagnostics", "e3", now=NOW)
            with pytest.raises(ParameterError, match="another password or right"):
                eva.delete(6, now=NOW)
    assert not (tmp_path / "x").exists()


def test_only_an_administrator_downloads_and_a_new_one_logs_in_first(plant: Project, tmp_path: Path) -> None:
    path = tmp_path / "plant.ouc"
    with plant:
        plant.add_user("anna", "standard", "a", now=NOW)
        with _again(path, "a", "anna") as anna:
            with pytest.raises(ParameterError, match="only an administrator downloads"):
                anna.download("PLC-1", tmp_path / "x", password="x", cost=CHEAP)
            plant.remove_user("anna", now=NOW)
            plant.add_user("anna", "administrator", "a", now=NOW)
            with pytest.raises(ParameterError, match="Log in again"):
                anna.download("PLC-1", tmp_path / "x", password="x", cost=CHEAP)
        with _again(path, "a", "anna") as anna:
            anna.download("PLC-1", tmp_path / "x", password="x", cost=CHEAP)
