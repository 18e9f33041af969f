"""Tools that we did not write read what is exported and write what is imported."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ouc.certs import Project

from .strategies import NOW, make_project, plant


def tool(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


def ran(*command: str, text: str = "") -> str:
    done = subprocess.run(command, capture_output=True, text=True, input=text, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _exported(folder: Path) -> Project:
    project = plant()
    for form in ("cer", "crt", "pem", "der"):
        (folder / f"nine.{form}").write_bytes(project.export(9, form).data)
    (folder / "chain.pem").write_bytes(project.export(9, "pem", chain=True).data)
    (folder / "ca.pem").write_bytes(project.export(3, "pem").data)
    (folder / "key.pem").write_bytes(project.export(9, "pem", private_key=True, password="pw").data)
    (folder / "nine.p12").write_bytes(project.export(9, "p12", password="pw").data)
    project.revoke(11, now=NOW)
    (folder / "ca.crl").write_bytes(project.export(3, "crl").data)
    (folder / "eleven.pem").write_bytes(project.export(11, "pem").data)
    return project


@tool("openssl")
def test_openssl_reads_what_is_exported(tmp_path: Path) -> None:
    project = _exported(tmp_path)
    here = {path.name: str(path) for path in tmp_path.iterdir()}
    at = str(int(NOW.timestamp()))
    strict = ("-x509_strict", "-attime", at, "-CAfile", here["ca.pem"])
    assert "OK" in ran("openssl", "verify", *strict, "-purpose", "sslserver", here["nine.pem"])
    assert "OK" in ran("openssl", "verify", *strict, "-purpose", "sslclient", here["nine.pem"])
    assert "PLC-1/TLS" in ran("openssl", "x509", "-inform", "DER", "-in", here["nine.cer"], "-noout", "-subject")
    assert "PLC-1/TLS" in ran("openssl", "pkcs12", "-in", here["nine.p12"], "-passin", "pass:pw", "-nodes", "-info")
    assert "PRIVATE KEY" in ran("openssl", "pkey", "-in", here["key.pem"], "-passin", "pass:pw")
    crl = ran("openssl", "crl", "-inform", "DER", "-in", here["ca.crl"], "-noout", "-text", "-CAfile", here["ca.pem"])
    assert "verify OK" in crl
    assert project.entry(11).facts.serial in crl
    pem_list = tmp_path / "crl.pem"
    pem_list.write_text(ran("openssl", "crl", "-inform", "DER", "-in", here["ca.crl"]))
    revoked = subprocess.run(
        ["openssl", "verify", *strict, "-crl_check", "-CRLfile", str(pem_list), here["eleven.pem"]],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "certificate revoked" in revoked.stdout + revoked.stderr


@tool("openssl")
def test_openssl_accepts_the_requests(tmp_path: Path) -> None:
    (tmp_path / "request.pem").write_bytes(plant().request(device="PLC-1", now=NOW))
    shown = ran("openssl", "req", "-in", str(tmp_path / "request.pem"), "-verify", "-noout", "-text")
    assert "verify OK" in shown
    assert "IP Address:192.168.0.1" in shown


@tool("openssl")
@pytest.mark.parametrize("cipher", ["-certpbe AES-256-CBC -keypbe AES-256-CBC", "-legacy", "-nokeys"])
def test_what_openssl_writes_is_imported(tmp_path: Path, cipher: str) -> None:
    _exported(tmp_path)
    target = tmp_path / "openssl.p12"
    source = str(tmp_path / "key.pem")
    ran("openssl", "pkcs12", "-export", "-in", source, "-passin", "pass:pw", "-passout", "pass:out", "-out", str(target),
        "-certfile", str(tmp_path / "ca.pem"), *cipher.split())  # fmt: skip
    keyless = cipher == "-nokeys"
    entries = make_project("Other").import_(target, as_="trusted" if keyless else "device", password="out", now=NOW)
    assert {entry.common_name for entry in entries} == {"PLC-1/TLS", "Siemens TIA Project(Example)-3"}
    assert entries[0].has_key != keyless


@tool("keytool")
def test_the_java_keystore_reads_and_writes_archives(tmp_path: Path) -> None:
    _exported(tmp_path)
    store = ("-keystore", str(tmp_path / "nine.p12"), "-storepass", "pw", "-storetype", "PKCS12")
    assert "PrivateKeyEntry" in ran("keytool", "-list", *store)
    assert "PLC-1/TLS" in ran("keytool", "-printcert", "-file", str(tmp_path / "nine.cer"))
    java = ("-keystore", str(tmp_path / "java.p12"), "-storepass", "password", "-storetype", "PKCS12")
    ran("keytool", "-genkeypair", "-alias", "a", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=from Java", *java)
    entries = make_project("Other").import_(tmp_path / "java.p12", as_="device", password="password", now=NOW)
    assert [(entry.common_name, entry.has_key) for entry in entries] == [("from Java", True)]


@tool("certtool")
def test_gnutls_reads_and_writes_archives(tmp_path: Path) -> None:
    _exported(tmp_path)
    shown = ran("certtool", "--p12-info", "--inder", "--infile", str(tmp_path / "nine.p12"), "--password", "pw")
    assert "BEGIN CERTIFICATE" in shown
    assert "PLC-1/TLS" in ran("certtool", "--certificate-info", "--infile", str(tmp_path / "nine.pem"))
    target = tmp_path / "gnutls.p12"
    ran("certtool", "--to-p12", "--load-privkey", str(tmp_path / "key.pem"), "--load-certificate", str(tmp_path / "nine.pem"),
        "--p12-name", "nine", "--password", "pw", "--outder", "--outfile", str(target))  # fmt: skip
    (entry,) = make_project("Other").import_(target, as_="device", password="pw", now=NOW)
    assert (entry.common_name, entry.has_key) == ("PLC-1/TLS", True)
