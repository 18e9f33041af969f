"""Hostile names on the command line's own output: certificates, devices, files, sources, usage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ouc.certs import Project

from ..certs.strategies import CHEAP, NOW, made, pem

EVIL = "\x1b[2J\x9b31m\u202e\u200bname\nerror: forged"


def _name(text: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, text), x509.NameAttribute(NameOID.ORGANIZATION_NAME, text[:40]),
    ])  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Project.create("Plant", path=tmp_path / "p.ouc", password="pw", cost=CHEAP, now=NOW) as project:
        root = made("root", ca=True, subject_name=_name(EVIL))
        leaf = made("x", root, subject_name=_name(EVIL + "2"), san=[
            x509.DNSName("a\x1bb"), x509.UniformResourceIdentifier("urn:warning:\x07"), x509.RFC822Name("a\x1b@b"),
        ])  # fmt: skip
        project.import_(pem(root.certificate), as_="ca", now=NOW)
        project.add_device("PC", kind="PC", profile="", now=NOW)
        project.import_(pem(leaf.certificate), as_="partner", device="PC", now=NOW)
    (tmp_path / "pw").write_text("pw\n")
    (tmp_path / "leaf.cer").write_bytes(leaf.certificate.public_bytes(Encoding.DER))
    return tmp_path


def ran(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ouc", *arguments], cwd=folder, capture_output=True, timeout=120, check=False,
        env={"OUC_PROJECT_PASSWORD": "pw", "PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "", "COLUMNS": "200"},
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).decode()


COMMANDS = {
    "list": ("cert", "list", "p.ouc"), "list JSON": ("cert", "list", "p.ouc", "--json"), "show": ("cert", "show", "p.ouc", "5"),
    "history": ("cert", "history", "p.ouc"), "check": ("cert", "check", "p.ouc"),
    "gauges": ("cert", "check", "p.ouc", "--prometheus"), "device": ("device", "show", "p.ouc", "PC"),
    "map": ("project", "map", "p.ouc"), "import": ("cert", "import", "p.ouc", "leaf.cer", "--as", "trusted"),
    "delete": ("cert", "delete", "p.ouc", "4"), "no such file": ("cert", "list", EVIL),
    "no such source": ("lint", "\x1b[2J\u202e.db"), "usage": ("cert", "show", "p.ouc", EVIL),
    "no such option": ("cert", "list", "p.ouc", "--\x1b[2J"), "no such command": (EVIL,),
    "extra argument": ("cert", "list", "p.ouc", EVIL), "probe": ("probe", "\x1b[2J:1"),
    "device name": ("device", "show", "p.ouc", EVIL), "ID that is none": ("cert", "new", "p.ouc", "--usage", "tls",
    "--issuer", EVIL), "label": ("partner", EVIL),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_hostile_name_reaches_no_terminal(folder: Path, command: str) -> None:
    _, text = ran(folder, *COMMANDS[command])
    assert text
    assert all(line.isprintable() for line in text.splitlines()), ascii(text)
    assert "error: forged" not in [line.strip() for line in text.splitlines()]
    assert "⚠" not in text
