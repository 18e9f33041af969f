"""`ouc probe` on the command line."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from emulator import faults
from ouc.certs import Project
from ouc.cli import probe
from ouc.cli._usage import UsageError
from ouc.probe import QUESTIONS
from ouc.probe.page import page

from ..plant import free_port
from .wire import active, files, passive, planned, run


def test_a_healthy_plc_ends_with_exit_status_0_and_its_facts(tmp_path: Path) -> None:
    plan = planned("none", "server")
    with passive(plan) as where:
        ran = run("probe", where, *files(plan, tmp_path).mutual)
    assert (ran.exit_code, ran.error) == (0, None)
    lines = ran.stdout.splitlines()
    assert lines[0] == f"{where}: TCP connected"
    assert lines[-1] == "healthy: nothing found"
    assert any(line.startswith("  TLS 1.3, ") for line in lines)
    assert any("Faulty PLC, issued by Plant root, ec-p256" in line for line in lines)


def test_a_fault_ends_with_exit_status_1_its_name_its_status_and_the_remedy(tmp_path: Path) -> None:
    plan = planned("expired", "server")
    with passive(plan) as where:
        ran = run("probe", where, *files(plan, tmp_path).mutual)
    assert (ran.exit_code, ran.error) == (1, None)
    assert "error expired: the partner's certificate 'Faulty PLC'" in ran.stdout
    assert "(STATUS 16#80E5)" in ran.stdout
    assert "Renew" in ran.stdout


def test_the_report_for_a_colleague_is_json_without_a_secret(tmp_path: Path) -> None:
    plan = planned("unknown-ca", "server")
    with passive(plan) as where:
        ran = run("probe", where, *files(plan, tmp_path).mutual, "--json")
    report = ran.json
    assert ran.exit_code == 1
    assert report["healthy"] is False
    assert report["findings"][0]["cause"] == "unknown-ca"
    assert report["findings"][0]["status"] == "16#80E4"
    assert "TLSServerCertRef" in report["findings"][0]["remedy"]
    assert report["tls"]["chain"][0]["subject"] == "Faulty PLC"
    assert "PRIVATE" not in ran.stdout


def test_a_project_names_the_intermediate_that_is_not_assigned(tmp_path: Path) -> None:
    plan = planned("missing-intermediate", "server")
    path = tmp_path / "plant.ouc"
    project = Project.create("Plant", path=path, password="a good password 1")
    project.add_device("PC", kind="PC")
    (root,) = project.import_(plan.root, as_="ca", device="PC")
    (middle,) = project.import_(plan.intermediate, as_="ca")
    secret = tmp_path / "password"
    secret.write_text("a good password 1\n", encoding="utf-8")
    options = ("--project", path, "--device", "PC", "--trust", root.id, "--password-file", secret)
    with passive(plan) as where:
        ran = run("probe", where, *options)
        by_environment = run("probe", where, *options[:6], env={"OUC_PROJECT_PASSWORD": "a good password 1"})
    assert ran.exit_code == by_environment.exit_code == 1
    assert "error missing-intermediate" in ran.stdout
    assert f"ID {middle.id} of the project" in ran.stdout
    assert "error missing-intermediate" in by_environment.stdout


def test_an_active_plc_is_waited_for_and_its_hello_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned("expired", "client")
    threads: list[threading.Thread] = []

    def dial(line: str) -> None:
        threads.append(active(plan, int(line.removeprefix("waiting for a PLC on port ").partition(",")[0])))

    monkeypatch.setattr(probe, "note", dial)
    ran = run("probe", "--listen", 0, *files(plan, tmp_path).mutual)
    for thread in threads:
        thread.join()
    assert (ran.exit_code, ran.error) == (1, None)
    assert "the PLC offers TLS 1.3, TLS 1.2; groups X25519, P-256, P-384" in ran.stdout
    assert "error expired" in ran.stdout


@pytest.mark.parametrize("here", ["{port}", "127.0.0.1:{port}", "0.0.0.0:{port}"])
def test_the_probe_waits_on_a_port_alone_or_on_one_address(
    here: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned("none", "client")
    threads: list[threading.Thread] = []

    def dial(line: str) -> None:
        threads.append(active(plan, int(line.removeprefix("waiting for a PLC on port ").partition(",")[0])))

    monkeypatch.setattr(probe, "note", dial)
    ran = run("probe", "--listen", here.format(port=free_port()), *files(plan, tmp_path).mutual)
    for thread in threads:
        thread.join()
    assert (ran.exit_code, ran.error) == (0, None)


def test_a_name_is_no_place_to_listen_on(tmp_path: Path) -> None:
    ran = run("probe", "--listen", "plc-1.plant:2000", *files(planned("none", "client"), tmp_path).mutual)
    assert isinstance(ran.error, UsageError)
    assert "no address of this computer" in str(ran.error)


def test_a_port_that_is_taken_is_no_finding_about_the_partner_and_ends_with_exit_status_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("probe", "--listen", f"127.0.0.1:{port}", *files(planned("none", "client"), tmp_path).mutual)
    assert ran.exit_code == 3
    assert f"the local port {port} is already in use (STATUS 16#80A1)" in ran.stderr


def test_a_port_without_a_listener_is_told_before_any_tls() -> None:
    ran = run("probe", f"127.0.0.1:{free_port()}")
    assert ran.exit_code == 1
    assert "TCP refused" in ran.stdout
    assert "STATUS 16#80C5" in ran.stdout


def test_without_references_the_issuer_is_not_judged_and_the_report_says_so() -> None:
    with passive(planned("none", "server")) as where:
        ran = run("probe", where)
    assert ran.exit_code == 0
    assert "its issuer was not judged" in ran.stdout


def test_an_address_that_nobody_checks_does_not_fail_the_probe(tmp_path: Path) -> None:
    plan = planned("wrong-address", "server")
    with passive(plan) as where:
        strict = run("probe", where, *files(plan, tmp_path).mutual)
        lax = run("probe", where, *files(plan, tmp_path).mutual, "--no-check-address")
    assert (strict.exit_code, lax.exit_code) == (1, 0)
    assert "error wrong-address" in strict.stdout
    assert "note wrong-address" in lax.stdout


def test_a_survey_warns_first_and_asks_one_connection_per_question(tmp_path: Path, monkeypatch: Any) -> None:
    plan = planned("none", "server")
    few = [one for one in QUESTIONS if one.name in {"TLS 1.2", "TLS 1.3", "P-521", "OPC UA"}]
    monkeypatch.setattr("ouc.probe.questions.QUESTIONS", few)
    with passive(plan) as where:
        ran = run("probe", where, *files(plan, tmp_path).mutual, "--survey", "--pause", 0, "--json")
    assert ran.exit_code == 0
    assert "Do not survey a running plant" in ran.stderr
    answers = {one["offered"]: one["agreed"] for one in ran.json["survey"]}
    assert answers["TLS 1.2"] is True
    assert answers["TLS 1.3"] is True
    assert answers["P-521"] is False
    assert answers["OPC UA"] is False


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "nobody to look at"),
        (("127.0.0.1:2000", "--listen", 2000), "HOST:PORT and --listen exclude each other"),
        (("--listen", 2000, "--survey"), "--survey is for"),
        (("127.0.0.1",), "no HOST:PORT"),
        (("127.0.0.1:0",), "no HOST:PORT"),
        (("127.0.0.1:99999",), "no HOST:PORT"),
        (("127.0.0.1:2000", "--trust", "3"), "IDs of a project"),
        (("127.0.0.1:2000", "--trust", "all"), "no ID of a certificate"),
        (("--listen", 0), "needs a certificate to show"),
        (("--listen", "nonsense"), "no HOST:PORT"),
        (("--listen", "70000"), "no HOST:PORT"),
        (("--listen", "plc-1.plant:2000"), "needs a certificate to show"),
    ],
)
def test_a_command_that_cannot_be_meant_ends_in_one_clear_error(arguments: Any, what: str) -> None:
    ran = run("probe", *arguments)
    assert isinstance(ran.error, UsageError)
    assert what in str(ran.error)
    assert ran.error.failure.remedy


DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_causes_is_made_from_the_tables_and_names_every_planted_fault() -> None:
    text = (DOCS / "reference" / "probe.md").read_text(encoding="utf-8")
    assert text == page()
    assert {one.name for one in faults.FAULTS} - {"mute"} <= set(
        re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)
    )


def test_the_options_that_the_how_to_names_are_those_of_the_command() -> None:
    text = (DOCS / "how-to" / "find-out-why-a-handshake-fails.md").read_text(encoding="utf-8")
    shown = run("probe", "--help", env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}).stdout
    named = set(re.findall(r"--[a-z-]+", " ".join(re.findall(r"^\$ ouc probe (.*)$", text, re.MULTILINE))))
    assert len(named) >= 6
    assert {one for one in named if one not in shown} == set()


def test_the_IDs_of_the_how_to_are_those_that_the_page_about_certificates_makes() -> None:
    text = (DOCS / "how-to" / "find-out-why-a-handshake-fails.md").read_text(encoding="utf-8")
    made = (DOCS / "how-to" / "manage-certificates.md").read_text(encoding="utf-8")
    ((device, trust, own),) = re.findall(r"--project plant.ouc --device (\S+) --trust (\d+) --own (\d+)", text)
    assert re.search(rf"^{own}  {device}/TLS-{own}$", made, re.MULTILINE)
    assert re.search(rf"^{trust}  Siemens TIA Project", made, re.MULTILINE)


def test_the_program_in_the_how_to_names_its_fault(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "how-to" / "find-out-why-a-handshake-fails.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    exec(compile(program, "how-to", "exec"), {})
    assert capsys.readouterr().out.startswith("expired 16#80E5 Renew")
