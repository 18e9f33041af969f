"""`ouc project`, `ouc device` and `ouc cert`, as somebody at a terminal uses them."""

from __future__ import annotations

import json
import re
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
import typer
from typer.testing import CliRunner

from ouc.certs import COLUMNS, Device, Project
from ouc.cli import _projects, cert, device, project
from ouc.errors import CertificateError, OUCError, ParameterError
from tests.certs.strategies import CHEAP, KeyPool, made, pem

PASSWORD = "correct horse"


@attrs.define
class Shell:
    """A folder with a project in it, and the command."""

    folder: Path

    @property
    def plant(self) -> Path:
        return self.folder / "plant.ouc"

    def __call__(self, *words: object, password: str | None = PASSWORD, fails: bool = False) -> str:
        app = typer.Typer()
        for module in (project, device, cert):
            module.register(app)
        env = {"OUC_PROJECT_PASSWORD": password} if password is not None else {}
        ran = CliRunner().invoke(app, [str(word) for word in words], env=env)
        if isinstance(ran.exception, OUCError):
            raise ran.exception
        assert (ran.exit_code != 0) == fails, ran.output
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        return ran.stdout

    def json(self, *words: object, fails: bool = False) -> Any:
        return json.loads(self(*words, "--json", fails=fails))

    def secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text + "\n", "utf-8")
        return path


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Project.create("Plant", path=tmp_path / "plant.ouc", password=PASSWORD, cost=CHEAP, make_key=KeyPool())
    made.add_device("PLC-1", addresses=["192.168.0.1"])
    made.close()
    return Shell(tmp_path)


def test_a_new_project_is_for_its_owner_only_and_has_two_cas(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert "2 certificates" in shell("project", "new", shell.plant)
    assert stat.S_IMODE(shell.plant.stat().st_mode) == 0o600
    info = shell.json("project", "info", shell.plant)
    assert (info["name"], info["protection"], info["certificates"]) == ("plant", "password", 2)
    with pytest.raises(ParameterError, match="exists already"):
        shell("project", "new", shell.plant)


def test_a_new_project_without_anybody_to_ask_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="a password is needed"):
        Shell(tmp_path)("project", "new", tmp_path / "x.ouc", password=None)


def test_a_wrong_password_is_one_error(shell: Shell) -> None:
    with pytest.raises(ParameterError, match="wrong password for user 'admin'"):
        shell("cert", "list", shell.plant, password="wrong")


def test_a_certificate_is_made_listed_shown_renewed_and_deleted(shell: Shell) -> None:
    assert shell("cert", "new", shell.plant, "--usage", "tls", "--device", "PLC-1", "--days", 90).startswith("5  PLC-1/TLS-5")
    row = next(row for row in shell.json("cert", "list", shell.plant) if row["id"] == 5)
    assert (row["issuer_id"], row["san"], row["key_type"], row["private_key"]) == (3, ["IP:192.168.0.1"], "ec-p256", True)
    assert shell.json("cert", "show", shell.plant, 5)["on_devices"] == ["PLC-1"]
    renewed = shell.json("cert", "renew", shell.plant, 5, "--days", 30, "--san", "IP:10.0.0.1", "--san", "DNS:plc-1.plant")
    assert (renewed["san"], renewed["download"]) == (["IP:10.0.0.1", "DNS:plc-1.plant"], ["PLC-1"])
    assert renewed["fingerprint"] != row["fingerprint"]
    shell("cert", "delete", shell.plant, 5)
    events = shell.json("cert", "history", shell.plant, 5)
    assert [event["what"] for event in events] == ["created", "renewed", "deleted"]
    assert shell.json("cert", "new", shell.plant, "--usage", "tls", "--device", "PLC-1")["id"] == 6


def test_no_output_holds_a_private_key(shell: Shell) -> None:
    output = shell("cert", "show", shell.plant, 4) + shell("cert", "show", shell.plant, 4, "--json")
    output += shell("device", "show", shell.plant, "PLC-1", "--json")
    assert "PRIVATE" not in output
    assert "sealed" not in output


def test_the_tables_have_tia_portals_columns(shell: Shell) -> None:
    title, first = shell("cert", "list", shell.plant, "--tab", "ca").splitlines()[:2]
    assert tuple(re.split(r" {2,}", title)) == COLUMNS
    assert re.split(r" {2,}", first)[:2] == ["1", "Siemens TIA Project(Plant)-1"]
    with pytest.raises(ParameterError, match="there is no tab 'cas'"):
        shell("cert", "list", shell.plant, "--tab", "cas")


def test_a_long_list_is_written_in_plain_lines(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_projects, "DRAWN_ROWS", 3)
    lines = shell("cert", "list", shell.plant).splitlines()
    assert len(lines) == 5
    assert lines[4].startswith("4   PLC-1/Communication-4")
    assert lines[0].index("Issuer") == lines[4].index("Siemens TIA")


def test_what_cannot_be_done_is_said_in_one_line(shell: Shell) -> None:
    for words, part in (
        (("cert", "show", shell.plant, 99), "certificate 99 does not exist"),
        (("cert", "new", shell.plant, "--usage", "nonsense", "--cn", "x"), "usage 'nonsense' is not known"),
        (("cert", "new", shell.plant, "--usage", "tls", "--cn", "x", "--issuer", "me"), "neither an ID nor 'self'"),
        (("cert", "new", shell.plant, "--usage", "tls", "--device", "PLC-7"), "there is no device 'PLC-7'"),
        (("cert", "delete", shell.plant, 1), "cannot be deleted"),
        (("cert", "import", shell.plant, shell.plant, "--as", "ca"), "plant.ouc"),
        (("cert", "import", shell.plant, shell.folder / "no.pem", "--as", "ca"), "No such file"),
        (("device", "add", shell.plant, "PLC-1"), "already"),
        (("device", "add", shell.plant, "X", "--kind", "TOASTER"), "kind 'TOASTER'"),
        (("device", "add", shell.plant, "X", "--address", "300.1.1.1"), "300.1.1.1"),
        (("cert", "list", shell.folder / "none.ouc"), "no such file"),
    ):
        with pytest.raises(OUCError) as caught:
            shell(*words)
        assert part in str(caught.value)
        assert "\n" not in str(caught.value)


def test_certificates_go_out_and_come_in(shell: Shell) -> None:
    secret = shell.secret("key.txt", "archive password")
    shell("cert", "export", shell.plant, 4, "-o", shell.folder / "four.p12", "--key-password-file", secret)
    assert stat.S_IMODE((shell.folder / "four.p12").stat().st_mode) == 0o600
    shell("cert", "export", shell.plant, 4, "-o", shell.folder / "four.cer", "--private-key", "--unencrypted")
    assert (shell.folder / "four.key").exists()
    shell("cert", "export", shell.plant, 4, "-o", shell.folder / "four.pem", "--chain")
    assert (shell.folder / "four.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 2
    other = shell.folder / "other.ouc"
    Project.create("Other", path=other, password=PASSWORD, cost=CHEAP, make_key=KeyPool()).close()
    rows = shell.json("cert", "import", other, shell.folder / "four.p12", "--as", "device", "--key-password-file", secret)
    assert [(row["id"], row["common_name"], row["private_key"]) for row in rows] == [(4, "PLC-1/Communication-4", True)]
    (shell.folder / "ca.pem").write_bytes(pem(made("Foreign", ca=True).certificate))
    assert shell("cert", "import", other, shell.folder / "ca.pem", "--as", "ca", "--id", 77).startswith("77  Foreign")


def test_a_default_password_is_used_only_when_asked_for_and_with_a_note(shell: Shell) -> None:
    with pytest.raises(ParameterError, match="a password is needed"):
        shell("cert", "export", shell.plant, 4, "-o", shell.folder / "a.p12")
    shell("cert", "export", shell.plant, 4, "-o", shell.folder / "a.p12", "--default-password")
    imported = Project.create("Other", make_key=KeyPool()).import_(shell.folder / "a.p12", as_="device", password="Plant")
    assert imported[0].has_key


@pytest.mark.parametrize("command", [("import", ()), ("replace", (4,))], ids=lambda row: row[0])
def test_an_archive_without_its_password_is_told_with_the_option_that_gives_it(shell: Shell, command: Any) -> None:
    shell("cert", "export", shell.plant, 4, "-o", shell.folder / "a.p12", "--default-password")
    name, number = command
    options = ("--as", "device") if name == "import" else ()
    with pytest.raises(ParameterError) as caught:
        shell("cert", name, shell.plant, *number, shell.folder / "a.p12", *options)
    assert caught.value.failure.remedy == "Give its password: --key-password-file"


def test_a_request_goes_out_is_signed_elsewhere_and_comes_back(shell: Shell) -> None:
    request, signed = shell.folder / "request.pem", shell.folder / "signed.pem"
    shell("cert", "csr", shell.plant, "-o", request, "--device", "PLC-1")
    elsewhere = shell.folder / "elsewhere.ouc"
    Project.create("Elsewhere", path=elsewhere, password=PASSWORD, cost=CHEAP, make_key=KeyPool()).close()
    shell("cert", "sign", elsewhere, request, "--issuer", 2, "-o", signed)
    (row,) = shell.json("cert", "import", shell.plant, signed, "--as", "device", "--device", "PLC-1")
    assert (row["private_key"], row["issuer_id"], row["san"]) == (True, None, ["IP:192.168.0.1"])


def test_revoking_fills_the_list_of_the_ca(shell: Shell) -> None:
    assert shell.json("cert", "crl", shell.plant, 3)["revoked"] == []
    revoked = shell.json("cert", "revoke", shell.plant, 4, "--reason", "key-compromise")
    assert revoked["reason"] == "key-compromise"
    assert shell.json("cert", "crl", shell.plant, 3)["revoked"] == [revoked["serial"]]
    shell("cert", "crl", shell.plant, 3, "-o", shell.folder / "ca.crl")
    with pytest.raises(ParameterError, match="would make them valid again"):
        shell("cert", "crl", shell.plant, 3, "--empty")
    other = Project.create("Other", make_key=KeyPool())
    other.import_(_exported(shell, 3), as_="ca", id=30)
    assert other.import_crl(shell.folder / "ca.crl") == (30,)


def _exported(shell: Shell, number: int) -> bytes:
    path = shell.folder / f"{number}.pem"
    shell("cert", "export", shell.plant, number, "-o", path)
    return path.read_bytes()


def test_a_certificate_begins_and_ends_when_it_is_asked_to(shell: Shell) -> None:
    new = ("cert", "new", shell.plant, "--usage", "tls", "--cn", "a")
    span = ("--valid-from", "2027-03-01", "--valid-to", "2028-03-01T06:00+02:00")
    row = shell.json(*new, *span, "--san", "OTHER:1.2.3=anna@plant")
    assert (row["valid_from"], row["valid_to"]) == ("2027-03-01T00:00:00+00:00", "2028-03-01T04:00:00+00:00")
    assert row["san"] == ["OTHER:1.2.3=anna@plant"]
    again = shell.json("cert", "renew", shell.plant, row["id"], "--valid-from", "2027-06-01", "--days", 10)
    assert (again["valid_from"][:10], again["valid_to"][:10]) == ("2027-06-01", "2027-06-11")
    for words, part in (
        (("--valid-from", "soon"), "is no time"), (("--valid-from", "1900-01-01", "--days", 9), "1950"),
        (("--valid-to", "2001-01-01"), "ends before it begins"),
        (("--valid-to", "2030-01-01", "--days", 9), "exclude each other"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=part) as caught:
            shell(*new, *words)
        assert caught.value.failure.remedy
    assert shell("project", "check", shell.plant)


def test_a_revoked_certificate_in_use_is_found_by_every_check(shell: Shell) -> None:
    shell("cert", "revoke", shell.plant, 4, "--reason", "key-compromise")
    for words in (("project", "check", shell.plant), ("cert", "check", shell.plant, "--days", 0)):
        text = shell(*words, fails=True)
        assert "certificate 4 (PLC-1/Communication-4) was revoked on" in text
        assert "key-compromise; on PLC-1" in text
        assert "ouc cert renew PROJECT 4" in text
    (row,) = shell.json("cert", "check", shell.plant, "--days", 0, fails=True)
    assert (row["id"], row["what"], row["devices"]) == (4, "revoked", ["PLC-1"])
    assert "(revoked)" in shell("cert", "list", shell.plant)
    assert shell.json("cert", "show", shell.plant, 4)["revoked"]
    shell("cert", "renew", shell.plant, 4)
    assert "nothing found" in shell("project", "check", shell.plant)


def test_check_exits_1_when_something_that_devices_use_runs_out(shell: Shell) -> None:
    assert "nothing runs out within 60 days" in shell("cert", "check", shell.plant)
    shell("cert", "new", shell.plant, "--usage", "tls", "--device", "PLC-1", "--days", 30)
    ending = shell.json("cert", "check", shell.plant, "--days", 60, fails=True)
    assert [(row["id"], row["devices"], row["days"]) for row in ending] == [(5, ["PLC-1"], 29)]
    shell("cert", "new", shell.plant, "--usage", "tls", "--cn", "unused", "--days", 1)
    assert len(shell.json("cert", "check", shell.plant, fails=True)) == 1


def test_prometheus_gauges_name_device_and_id(shell: Shell) -> None:
    lines = shell("cert", "check", shell.plant, "--prometheus").splitlines()
    assert lines[0] == "# TYPE ouc_certificate_not_after_seconds gauge"
    assert any(line.startswith('ouc_certificate_not_after_seconds{project="Plant",device="PLC-1",id="4"') for line in lines)


def test_the_map_lists_id_fingerprint_and_name(shell: Shell) -> None:
    rows = shell.json("project", "map", shell.plant)
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert all(len(row["fingerprint"]) == 64 for row in rows)


def test_a_device_file_is_written_and_opens_with_its_own_password(shell: Shell) -> None:
    target = shell.folder / "plc-1.ouc"
    shell("device", "download", shell.plant, "PLC-1", "-o", target, "--device-password-file", shell.secret("d.txt", "device"))
    carried = Device.open(target, password="device")
    assert carried.own_ids == (4,)
    with pytest.raises(ParameterError, match="wrong password"):
        Device.open(target, password=PASSWORD)


def test_users_are_added_and_can_do_what_their_right_allows(shell: Shell) -> None:
    shell("project", "user", "add", shell.plant, "dia", "--right", "diagnostics",
          "--new-password-file", shell.secret("dia.txt", "look"))  # fmt: skip
    assert {"name": "dia", "right": "diagnostics"} in shell.json("project", "user", "list", shell.plant)
    assert "PLC-1" in shell("device", "list", shell.plant, "--user", "dia", password="look")
    with pytest.raises(ParameterError, match="needs the right 'administrator'"):
        shell("cert", "delete", shell.plant, 4, "--user", "dia", password="look")
    shell("project", "user", "remove", shell.plant, "dia")
    with pytest.raises(ParameterError, match="last administrator"):
        shell("project", "user", "remove", shell.plant, "admin")


def test_passwords_change_and_projects_get_protected(shell: Shell) -> None:
    shell("project", "password", shell.plant, "--new-password-file", shell.secret("n.txt", "fresh"))
    assert "PLC-1" in shell("device", "list", shell.plant, password="fresh")
    bare = shell.folder / "bare.ouc"
    shell("project", "new", bare, "--unprotected", password=None)
    with pytest.raises(ParameterError, match="protected project"):
        shell("cert", "new", bare, "--usage", "ca", "--cn", "x", password=None)
    shell("project", "password", bare, "--new-password-file", shell.secret("b.txt", "now"), password=None)
    assert len(json.loads(shell("cert", "list", bare, "--json", password="now"))) == 2


def test_check_and_backup_work_on_the_file(shell: Shell) -> None:
    assert "nothing found" in shell("project", "check", shell.plant)
    shell("project", "backup", shell.plant, "-o", shell.folder / "copy.ouc")
    assert len(shell.json("cert", "list", shell.folder / "copy.ouc")) == 4
    shell.plant.chmod(0o644)
    assert "mode 0644" in shell("project", "check", shell.plant, fails=True)


def test_every_command_speaks_to_machines_too(shell: Shell) -> None:
    plant, folder = shell.plant, shell.folder
    secret = shell.secret("d.txt", "device")
    assert shell.json("project", "new", folder / "n.ouc", "--mirror")["certificates"] == 0
    assert [row["id"] for row in shell.json("device", "add", plant, "PLC-2", "--address", "192.168.0.2")] == [3, 5]
    assert shell.json("cert", "assign", plant, 2, "PLC-2")["assigned_to"] == "PLC-2"
    assert shell.json("cert", "unassign", plant, 2, "PLC-2")["unassigned_from"] == "PLC-2"
    assert shell.json("cert", "delete", plant, 5) == {"id": 5, "common_name": "PLC-2/Communication-5"}
    assert shell.json("cert", "export", plant, 4, "-o", folder / "4.der", "--private-key", "--unencrypted")["files"] == [
        str(folder / "4.der"), str(folder / "4.key"),
    ]  # fmt: skip
    assert shell.json("cert", "csr", plant, "-o", folder / "r.pem", "--cn", "x")["files"] == [str(folder / "r.pem")]
    target = folder / "p.ouc"
    assert shell.json("device", "download", plant, "PLC-1", "-o", target, "--device-password-file", secret)["device"] == "PLC-1"
    assert shell.json("project", "backup", plant, "-o", folder / "b.ouc") == {"file": str(folder / "b.ouc")}


def test_a_device_is_changed(shell: Shell) -> None:
    assert shell("device", "set", shell.plant, "PLC-1", "--web-server").startswith("5  PLC-1/Webserver-5")
    shell("device", "set", shell.plant, "PLC-1", "--address", "10.0.0.1", "--revocation", "required")
    shown = shell.json("device", "show", shell.plant, "PLC-1")
    assert (shown["addresses"], shown["revocation"], shown["web"]) == (["10.0.0.1"], "required", True)
    with pytest.raises(ParameterError, match="policy 'sometimes'"):
        shell("device", "set", shell.plant, "PLC-1", "--revocation", "sometimes")


def test_groups_and_the_rollout_of_a_new_ca(shell: Shell) -> None:
    fresh = shell.json("cert", "new", shell.plant, "--usage", "ca", "--issuer", "self", "--cn", "New CA")["id"]
    assert shell.json("cert", "group", shell.plant, "both", 3, fresh) == [{"id": 6, "name": "both", "members": [3, 5]}]
    with Project.open(shell.plant, password=PASSWORD, make_key=KeyPool()) as found:
        station, now = found.device("PLC-1"), found.entry(3).facts.not_before
        old, new = (found.new(usage="tls", issuer=ca, common_name="p") for ca in (3, fresh))
        assert station.saw("192.168.0.7:2000", old.certificate, now)
        assert station.saw("192.168.0.8:2000", new.certificate, now)
        assert station.saw("192.168.0.9:2000", made("stranger").certificate, now)
    rows = shell.json("cert", "rollout", shell.plant, "--old", 3, "--new", fresh)
    assert [(row["partner"], row["stage"]) for row in rows] == [
        ("192.168.0.7:2000", "old"), ("192.168.0.8:2000", "new"), ("192.168.0.9:2000", "other"),
    ]  # fmt: skip


def test_replacing_by_a_foreign_archive_keeps_the_id(shell: Shell) -> None:
    foreign = Project.create("Foreign", make_key=KeyPool())
    entry = foreign.new(usage="tls", issuer=2, common_name="from elsewhere")
    archive = shell.folder / "new.p12"
    archive.write_bytes(foreign.export(entry.id, "p12", password="x").data)
    row = shell.json("cert", "replace", shell.plant, 4, archive, "--key-password-file", shell.secret("x.txt", "x"))
    assert (row["id"], row["common_name"], row["download"]) == (4, "from elsewhere", ["PLC-1"])


def test_assigning_brings_a_certificate_to_a_device_and_unassigning_takes_it_away(shell: Shell) -> None:
    shell("cert", "assign", shell.plant, 2, "PLC-1")
    with Project.open(shell.plant, password=PASSWORD) as found:
        assert 2 in found.device("PLC-1").download().held
    shell("cert", "unassign", shell.plant, 2, "PLC-1")
    with Project.open(shell.plant, password=PASSWORD) as found, pytest.raises(CertificateError, match="not on PLC-1"):
        found.device("PLC-1").download().trust(2, side="client")


def test_a_renewal_keeps_the_span_takes_the_present_addresses_and_notes_the_differences(shell: Shell) -> None:
    shell("cert", "new", shell.plant, "--usage", "tls", "--device", "PLC-1", "--days", 730)
    assert shell.json("cert", "renew", shell.plant, 5)["changed"] == []
    shell("device", "set", shell.plant, "PLC-1", "--address", "10.0.0.1")
    renewed = shell.json("cert", "renew", shell.plant, 5)
    assert renewed["san"] == ["IP:10.0.0.1"]
    assert renewed["changed"] == ["subjectAltName: without IP:192.168.0.1, with IP:10.0.0.1"]
    assert (datetime.fromisoformat(renewed["valid_to"]) - datetime.fromisoformat(renewed["valid_from"])).days == 730
    assert shell.json("cert", "renew", shell.plant, 5, "--days", 30)["changed"] == ["days of validity: 730 became 30"]


def test_a_download_for_a_running_cpu_is_refused_where_it_brings_a_new_id(shell: Shell) -> None:
    target, secret = shell.folder / "plc.device", shell.secret("device.password", "d")
    words = ("device", "download", shell.plant, "PLC-1", "-o", target, "--device-password-file", secret)
    with pytest.raises(ParameterError, match=r"certificate 3, 4 yet.*Download without --in-run"):
        shell(*words, "--in-run")
    assert not target.exists()
    assert shell.json(*words)["added"] == [3, 4]
    shell("cert", "renew", shell.plant, 4)
    assert shell.json(*words, "--in-run")["renewed"] == [4]


@pytest.mark.parametrize("command", [("device", "add", "{}", "X"), ("device", "set", "{}", "PLC-1")])
def test_a_firmware_that_nobody_knows_is_refused_with_those_that_there_are(shell: Shell, command: tuple[str, ...]) -> None:
    words = [word.format(shell.plant) for word in command]
    with pytest.raises(ParameterError, match=r"no profile 'nonsense 1'.*S7-1200 V4\.6"):
        shell(*words, "--profile", "nonsense 1")
    assert [row["name"] for row in shell.json("device", "list", shell.plant)] == ["PLC-1"]


def test_an_administrator_sets_the_password_of_another_user(shell: Shell) -> None:
    shell("project", "user", "add", shell.plant, "anna", "--new-password-file", shell.secret("a", "anna"))
    shell("project", "password", shell.plant, "--of", "anna", "--new-password-file", shell.secret("b", "better"))
    assert shell.json("cert", "list", shell.plant, "--user", "anna", "--password-file", shell.secret("b2", "better"))
    with pytest.raises(ParameterError, match="wrong password"):
        shell("cert", "list", shell.plant, "--user", "anna", "--password-file", shell.secret("a2", "anna"))


def test_a_password_for_a_project_that_has_none_is_no_agreement(shell: Shell) -> None:
    """Somebody who gives a password expects it to be asked for: another file may lie in the place of his."""
    bare = shell.folder / "bare.ouc"
    shell("project", "new", bare, "--unprotected", password=None)
    with pytest.raises(ParameterError, match="the project has no password, and one is given"):
        shell("cert", "list", bare)
    shell("cert", "list", bare, password=None)


@pytest.mark.parametrize(
    "words",
    [
        ("cert", "csr", "{plant}", "--cn", "x", "-o", "{taken}"),
        ("cert", "csr", "{plant}", "--cn", "x", "-o", "{taken}/x.csr"),
        ("cert", "sign", "{plant}", "{csr}", "--issuer", "2", "-o", "{taken}"),
    ],
)
def test_nothing_is_made_in_the_project_for_a_file_that_cannot_be_written(shell: Shell, words: tuple[str, ...]) -> None:
    taken, request = shell.folder / "taken", shell.folder / "request.csr"
    taken.write_text("mine")
    shell("cert", "csr", shell.plant, "--cn", "x", "-o", request)
    before = shell.json("project", "info", shell.plant)["generation"]
    with pytest.raises(ParameterError, match=r"exists already|no such folder"):
        shell(*(word.format(plant=shell.plant, taken=taken, csr=request) for word in words))
    assert shell.json("project", "info", shell.plant)["generation"] == before
    assert taken.read_text() == "mine"


def test_a_certificate_is_not_exported_without_its_key_where_the_keys_name_is_taken(shell: Shell) -> None:
    (shell.folder / "plc.key").write_text("mine")
    with pytest.raises(ParameterError, match=r"plc\.key: exists already"):
        shell("cert", "export", shell.plant, 4, "-o", shell.folder / "plc.der", "--private-key", "--unencrypted")
    assert not (shell.folder / "plc.der").exists()


def test_a_full_disk_leaves_no_half_a_file(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, handle: int, mode: str) -> None:
            self.file = open(handle, mode)  # noqa: SIM115

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, data: bytes) -> None:
            self.file.write(data[:10])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdopen", Full)
    with pytest.raises(ParameterError, match=r"ca\.pem: No space left on device"):
        shell("cert", "export", shell.plant, 2, "-o", shell.folder / "ca.pem")
    assert not (shell.folder / "ca.pem").exists()
