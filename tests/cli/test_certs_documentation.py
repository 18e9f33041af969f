"""The pages about certificates: their commands and programs are run, their tables are made from the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ouc.certs import Project
from ouc.certs.page import page
from ouc.cli import cert, device, project
from tests.certs.strategies import CHEAP, KeyPool, made, pem

DOCS = Path(__file__).parent.parent.parent / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PASSWORD = "the first line of {}"


@pytest.fixture(autouse=True)
def _a_folder_with_what_the_pages_assume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pc-1.password", "plc-1.password", "p12.password"):
        Path(name).write_text(PASSWORD.format(name) + "\n", "utf-8")
    Path("foreign-ca.pem").write_bytes(pem(made("Foreign CA", ca=True).certificate))
    tia = Project.create("plant", make_key=KeyPool())
    tia.add_device("PLC-1", addresses=["192.168.0.1"])
    entry = tia.new(usage="tls-client", issuer=3, common_name="PC-1/TLS-6")
    Path("ca-3.cer").write_bytes(tia.export(3, "cer").data)
    Path("pc-1.p12").write_bytes(tia.export(entry.id, "p12", password=PASSWORD.format("p12.password")).data)


def plant() -> None:
    """What the first page leaves behind, for the second."""
    with Project.create("plant", path="plant.ouc", password="x", cost=CHEAP, make_key=KeyPool()) as made_:
        made_.add_device("PLC-1", addresses=["192.168.0.1"])
        made_.new(usage="tls", device="PLC-1")
        made_.add_device("PC-1", kind="PC")
        made_.new(usage="tls-client", device="PC-1")


def run(command: str) -> str:
    app = typer.Typer()
    for module in (project, device, cert):
        module.register(app)
    ran = CliRunner().invoke(app, shlex.split(command), env={"OUC_PROJECT_PASSWORD": "x"})
    assert ran.exit_code == 0, (command, ran.output, ran.exception)
    return ran.stdout


def blocks(name: str, kind: str) -> list[str]:
    found = [text for word, text in BLOCK.findall((DOCS / name).read_text("utf-8")) if word == kind]
    assert found
    return found


@pytest.mark.parametrize("name", ["how-to/manage-certificates.md", "how-to/renew-without-stopping.md"])
def test_the_commands_of_a_page_write_what_the_page_shows(name: str) -> None:
    if name.endswith("stopping.md"):
        plant()
    for block in blocks(name, "console"):
        for part in re.split(r"^\$ ouc ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            pattern = re.escape(shown).replace(r"\{date\}", r"\d{4}-\d\d-\d\d").replace(r"\{number\}", r"\d+")
            assert re.fullmatch(pattern, run(command)), command
    if name.endswith("certificates.md"):
        for program in blocks(name, "python"):
            exec(compile(program, name, "exec"), {})


def test_the_reference_page_is_made_from_the_tables() -> None:
    assert (DOCS / "reference" / "certificates.md").read_text("utf-8") == page()
