"""The `ouc` command as a process: what a user's mistake looks like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.published import CLIENT, SERVER, example_file

from ..plant import ALONE

# The demo uses the published port 2000; two at once would meet there.
pytestmark = pytest.mark.xdist_group("plant")

# Started as `python -m`-less code so that the tests need no script on the path.
OUC = [sys.executable, "-P", "-c", "from ouc.cli import main; main()"]


def ouc(*arguments: str | Path, cwd: Path | None = None, command: list[str] = OUC) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=120,
        check=False,
        env={**os.environ, "OUC_LOOPBACK": ALONE},
    )


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The single line of a failure: exit status 1, nothing that looks like a traceback."""
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def changed(folder: Path, name: str, *replacements: tuple[str, str]) -> Path:
    """One of the example's sources with some text replaced."""
    text = example_file(name).read_bytes().decode("utf-8-sig")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text, encoding="utf-8-sig", newline="")
    return path


def test_the_demo_shows_every_byte_arrived() -> None:
    result = ouc("demo")
    assert result.returncode == 0, result.stderr
    for shown in (
        "'Hello World!'",
        "TLS 1.3",
        "certificate 9: PLC-1/",
        "280 bytes: one record",
        "16#0000",
        "Every byte arrived",
    ):
        assert shown in result.stdout
    for number in (3, 4, 8, 9, 10, 11):
        assert f"\n {number} " in result.stdout
    assert "01 00 fe 0c 48 65 6c 6c" in result.stdout


def test_version_names_the_OpenSSL_that_speaks() -> None:
    result = ouc("version")
    assert result.returncode == 0
    assert "OpenSSL " in result.stdout


@pytest.mark.parametrize(
    ("name", "replacements", "status", "word"),
    [
        (CLIENT, [("TLSServerCertRef := 3", "TLSServerCertRef := 11"), ("TLSClientCertRef := 11", "TLSClientCertRef := 3")],
         "16#80E", "ID"),
        (SERVER, [("TLSServerCertRef := 9", "TLSServerCertRef := 3"), ("TLSClientCertRef := 3", "TLSClientCertRef := 9")],
         "16#80ED", "certificate 3"),
        (CLIENT, [("TLSServerCertRef := 3", "TLSServerCertRef := 77")], "16#80ED", "77"),
        (SERVER, [("TLSServerCertRef := 9", "TLSServerCertRef := 0")], "16#80E9", "certificate"),
        (CLIENT, [("TLSServerReqClientCert := FALSE", "TLSServerReqClientCert := TRUE")], "16#80EB", "TLSServerReqClientCert"),
        (SERVER, [("ExtTLSCapabilities := 16#0000", "ExtTLSCapabilities := 16#0001")], "16#80EC", "ExtTLSCapabilities"),
    ],
    ids=["client's references swapped", "server's references swapped", "an ID that is not on the device",
         "server without certificate", "client asks for a certificate", "server checks the SAN"],
)  # fmt: skip
def test_a_wrong_description_is_one_line_with_STATUS_and_remedy(
    tmp_path: Path, name: str, replacements: list[tuple[str, str]], status: str, word: str
) -> None:
    option = "--client" if name == CLIENT else "--server"
    line = one_line(ouc("demo", option, changed(tmp_path, name, *replacements)))
    assert status in line
    assert word in line


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    assert "nowhere.db" in one_line(ouc("demo", "--client", tmp_path / "nowhere.db"))


def test_a_syntax_error_is_one_line_with_line_and_column(tmp_path: Path) -> None:
    path = changed(tmp_path, CLIENT, ("RemotePort := 2000;", "RemotePort := ;;2000"))
    assert f"{path}:" in (line := one_line(ouc("demo", "--client", path)))
    assert any(f":{number}:" in line for number in range(19, 22))


def test_another_package_called_emulator_in_front_of_ours_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "emulator").mkdir()
    (tmp_path / "emulator" / "__init__.py").write_text("")
    (tmp_path / "emulator" / "cli.py").write_text("def demo(): print('not ours')")
    # Without -P the current folder comes first, as it does for `python -m` and for scripts.
    command = [sys.executable, "-c", "from ouc.cli import main; main()"]
    line = one_line(ouc("demo", cwd=tmp_path, command=command))
    assert "another package called 'emulator'" in line
    assert ouc("version", cwd=tmp_path, command=command).returncode == 0


@pytest.mark.parametrize(
    "raised", [KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])], ids=["plain", "in a group"]
)
def test_Ctrl_C_is_one_word_and_exit_status_130(
    raised: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ouc.cli

    def stop() -> None:
        raise raised

    monkeypatch.setattr(ouc.cli, "build", lambda: stop)
    with pytest.raises(SystemExit) as caught:
        ouc.cli.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_group_that_holds_more_than_Ctrl_C_is_a_bug_and_shown_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import ouc.cli

    def stop() -> None:
        raise BaseExceptionGroup("", [KeyboardInterrupt(), ValueError("a bug")])

    monkeypatch.setattr(ouc.cli, "build", lambda: stop)
    with pytest.raises(BaseExceptionGroup):
        ouc.cli.main()
