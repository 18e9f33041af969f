"""`do.py`: what people and CI type. Nothing here touches the network or the environment that runs the tests."""

from __future__ import annotations

import datetime
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

import do

TODAY = datetime.date(2024, 1, 15)
TITLE = "# Changelog\n\nWhat users notice.\n"

letters = st.characters(categories=["L", "N"], include_characters=" .,`\n")
texts = st.text(letters, min_size=1).map(str.strip).filter(bool)
names = st.builds(
    "{}.{}.md".format, st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True), st.sampled_from(list(do.KINDS))
)
fragments = st.dictionaries(names, texts, min_size=1, max_size=6)
versions = st.builds("{}.{}.{}".format, *[st.integers(0, 99)] * 3)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own for `do`: a lock file, a project file, no environment."""
    (tmp_path / "requirements.lock").write_text("attrs==26.1.0 \\\n    --hash=sha256:00\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n', encoding="utf-8")
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "CHANGELOG.md").write_text(TITLE, encoding="utf-8")
    bin_name = do.BIN.name
    for constant, path in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "BIN": tmp_path / ".venv" / bin_name,
        "PYTHON": tmp_path / ".venv" / bin_name / do.PYTHON.name,
        "LOCK": tmp_path / "requirements.lock",
        "WHEELHOUSE": tmp_path / "wheelhouse",
        "CHANGELOG": tmp_path / "CHANGELOG.md",
        "FRAGMENTS": tmp_path / "changelog.d",
    }.items():
        monkeypatch.setattr(do, constant, path)
    return tmp_path


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# --- commands and their ends ------------------------------------------------------------------------------------------


def test_without_a_command_all_commands_are_listed_and_the_status_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert do.main([]) == 2
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[2:]] == list(do.COMMANDS)


def test_help_is_no_failure() -> None:
    assert do.main(["--help"]) == 0


def test_an_unknown_command_ends_with_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert do.main(["tset"]) == 2
    assert re.fullmatch(r"do\.py: no command 'tset'; there are: demo, test, .*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (do.CommandError("mypy failed (exit status 3)", 3), 3, "do.py: mypy failed (exit status 3)\n"),
        (KeyboardInterrupt(), 130, "do.py: stopped\n"),
        (PermissionError(13, "Permission denied", ".venv"), 1, "do.py: .venv: Permission denied\n"),
    ],
    ids=["a failing step", "Ctrl-C", "the system"],
)
def test_whatever_stops_a_command_is_one_line_and_a_status(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(arguments: list[str]) -> NoReturn:
        raise error

    monkeypatch.setitem(do.COMMANDS, "changelog", fail)
    assert do.main(["changelog"]) == status
    assert capsys.readouterr().err == line


def test_a_step_passes_its_exit_status_on() -> None:
    with pytest.raises(do.CommandError, match=r"step failed \(exit status 7\)") as caught:
        do.run("step", python("raise SystemExit(7)"))
    assert caught.value.status == 7


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no deaths by signal")
def test_a_death_by_signal_counts_as_128_and_its_number() -> None:
    assert do.finish(do.start(python("import os; os.kill(os.getpid(), 9)"))) == 137


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(do.CommandError, match="no-such-program: ") as caught:
        do.run("step", ["no-such-program"])
    assert caught.value.status == 127


def test_every_step_runs_although_one_fails_and_all_that_fail_are_named(tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    with pytest.raises(do.CommandError, match=r"^failed: one, two$") as caught:
        do.run_all(
            {
                "one": python("raise SystemExit(4)"),
                "two": python("raise SystemExit(5)"),
                "three": python(f"open({str(reached)!r}, 'w').close()"),
            }
        )
    assert caught.value.status == 4
    assert reached.exists()


class Interrupted:
    """A program during which Ctrl-C is pressed `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.killed = self.ended = False

    def wait(self) -> int:
        if self.times:
            self.times -= 1
            raise KeyboardInterrupt
        self.ended = True
        return 0

    def kill(self) -> None:
        self.killed = True


def test_the_first_interrupt_lets_the_program_finish_its_words_and_the_second_kills_it() -> None:
    once, twice = Interrupted(1), Interrupted(2)
    for program in (once, twice):
        with pytest.raises(KeyboardInterrupt):
            do.finish(program)  # type: ignore[arg-type]
    assert (once.ended, once.killed) == (True, False)
    assert (twice.ended, twice.killed) == (False, True)


# --- set-up -----------------------------------------------------------------------------------------------------------


def test_the_fingerprint_follows_the_lock_file_and_the_project_file(house: Path) -> None:
    seen = {do.fingerprint(house)}
    for file in ("requirements.lock", "pyproject.toml"):
        with (house / file).open("a", encoding="utf-8") as appended:
            appended.write("# changed\n")
        seen.add(do.fingerprint(house))
    assert len(seen) == 3


@pytest.fixture
def done(house: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What set-up does in `house`, in order; its steps themselves do nothing."""
    log: list[str] = []

    def create() -> None:
        log.append("create")
        do.BIN.mkdir(parents=True, exist_ok=True)
        do.PYTHON.touch()

    def install(step: str, command: list[str], total: int = 0) -> None:
        log.append("ouc" if "--editable" in command else "packages")
        needed = {"ouc": ["--no-deps", "--no-build-isolation"], "packages": ["--require-hashes", "--only-binary"]}
        assert set(needed[log[-1]]) <= set(command)

    monkeypatch.setattr(do, "create_environment", create)
    monkeypatch.setattr(do, "is_ours", lambda python: python.is_file())
    monkeypatch.setattr(do, "pip", lambda *arguments: ["pip", *arguments])
    monkeypatch.setattr(do, "follow_pip", install)
    monkeypatch.setattr(do, "run", install)
    return log


def test_set_up_installs_packages_then_ouc_and_finds_all_in_place_afterwards(house: Path, done: list[str]) -> None:
    do.set_up()
    assert done == ["create", "packages", "ouc"]
    do.set_up()
    assert done == ["create", "packages", "ouc"]


def test_a_changed_lock_file_is_installed_into_the_same_environment(house: Path, done: list[str]) -> None:
    do.set_up()
    do.LOCK.write_text("attrs==26.2.0\n", encoding="utf-8")
    do.set_up()
    assert done[3:] == ["packages", "ouc"]


def test_an_environment_that_was_copied_along_with_the_folder_is_made_anew(
    house: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    do.set_up()
    monkeypatch.setattr(do, "ROOT", house.with_name("elsewhere"))
    monkeypatch.setattr(do, "fingerprint", lambda root: "0")
    do.set_up()
    assert done[3:] == ["create", "packages", "ouc"]


def test_an_environment_that_someone_else_made_is_filled_not_replaced(house: Path, done: list[str]) -> None:
    do.BIN.mkdir(parents=True)
    do.PYTHON.touch()
    do.set_up()
    assert done == ["packages", "ouc"]


def test_a_set_up_that_failed_is_tried_again(house: Path, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(step: str, command: do.Command, total: int) -> NoReturn:
        raise do.CommandError("pip ended with status 1")

    do.set_up()
    do.LOCK.write_text("attrs==26.2.0\n", encoding="utf-8")
    with monkeypatch.context() as broken:
        broken.setattr(do, "follow_pip", fail)
        with pytest.raises(do.CommandError):
            do.set_up()
    # Back at the first lock file the environment might be half new.
    do.LOCK.write_text("attrs==26.1.0 \\\n    --hash=sha256:00\n", encoding="utf-8")
    do.set_up()
    assert done[3:] == ["packages", "ouc"]


def test_where_ensurepip_is_missing_our_own_pip_works_on_the_environment(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    do.create_environment()
    assert do.is_ours(do.PYTHON)
    assert do.pip("install")[:5] == [sys.executable, "-m", "pip", "--python", do.PYTHON]


def test_without_any_pip_the_remedy_is_named(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(do.VENV)], check=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(do.CommandError, match="has no pip; install it"):
        do.pip("install")


def test_an_interpreter_that_does_not_start_is_not_ours(tmp_path: Path) -> None:
    assert not do.is_ours(tmp_path / "python")


def test_packages_come_from_a_wheelhouse_only_if_it_fits(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert do.package_source() == []
    do.WHEELHOUSE.mkdir()
    label = do.WHEELHOUSE / "made-for.txt"
    label.write_text(do.wheelhouse_label(), encoding="utf-8")
    assert do.package_source() == ["--no-index", "--find-links", str(do.WHEELHOUSE)]
    do.LOCK.write_text("attrs==26.2.0\n", encoding="utf-8")
    assert do.package_source() == []
    assert "was made for another machine, Python or lock file" in capsys.readouterr().out


def test_each_package_is_one_line_of_progress(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chatter = [
        "Collecting attrs==26.1.0 (from -r /a-1/requirements.lock (line 70))",
        "  Downloading attrs-26.1.0-py3-none-any.whl (5.3 kB)",
        "Collecting attrs",
        "Ignoring colorama: markers 'sys_platform == \"win32\"' do not match your environment",
        "Requirement already satisfied: idna==3.20 in /a-1/site-packages",
        "Processing /a-1/wheel house/annotated_types-0.8.0-py3-none-any.whl (from -r /a-1/requirements.lock (line 7))",
        r"Processing c:\wheels\trio-0.35.0-py3-none-any.whl",
        "Installing collected packages: attrs, idna",
    ]
    do.follow_pip("set-up", python(f"print({chr(10).join(chatter)!r})"), 5)
    assert capsys.readouterr().out.splitlines() == [
        "set-up: 1 of 5: attrs",
        "set-up: 2 of 5: colorama",
        "set-up: 3 of 5: idna",
        "set-up: 4 of 5: annotated_types",
        "set-up: 5 of 5: trio",
        "set-up: unpacking",
    ]


def test_what_pip_said_last_is_shown_when_it_fails(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(do.CommandError, match="pip ended with status 1"):
        do.follow_pip("set-up", python("raise SystemExit('ERROR: no matching distribution')"), 2)
    assert "ERROR: no matching distribution" in capsys.readouterr().out


# --- single commands --------------------------------------------------------------------------------------------------


def test_arguments_reach_pytest_and_only_a_whole_run_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(do, "run", lambda step, command, **options: commands.append([str(c) for c in command[1:]]))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    do.test(["tests/s7", "-k", "x"])
    do.test([])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    do.test([])
    assert commands == [
        ["-m", "pytest", "tests/s7", "-k", "x"],
        ["-m", "pytest", "-n", "auto", "--dist", "loadgroup"],
        ["-m", "pytest"],
    ]


def test_soak_raises_the_number_of_cases(monkeypatch: pytest.MonkeyPatch, house: Path) -> None:
    variables: list[dict[str, str]] = []
    monkeypatch.setattr(do, "run", lambda step, command, variables=None, into=variables: into.append(variables))
    do.soak([])
    assert variables == [{"PYTHONWARNINGS": "error", "OUC_SOAK": "1"}]


def test_soak_runs_every_script_or_the_one_that_is_named_with_its_arguments(
    monkeypatch: pytest.MonkeyPatch, house: Path
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(do, "run", lambda step, command, variables=None: started.append(list(map(str, command[2:]))))
    monkeypatch.setattr(do, "parallel", list)
    (house / "tests" / "soak").mkdir(parents=True)
    for name in ("fuzz", "mutants", "_hidden", "test_mutants"):
        (house / "tests" / "soak" / f"{name}.py").touch()
    do.soak([])
    do.soak(["mutants", "--room", "tls"])
    do.soak(["tests/tls"])
    assert started == [
        ["pytest"], ["tests.soak.fuzz"], ["tests.soak.mutants"], ["tests.soak.mutants", "--room", "tls"],
        ["pytest", "tests/tls"],
    ]  # fmt: skip


def test_bench_takes_names_first_and_passes_the_rest_on(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(do, "run_all", lambda steps: started.extend([list(map(str, c[2:])) for c in steps.values()]))
    (house / "benches").mkdir()
    for name in ("s7", "tls"):
        (house / "benches" / f"bench_{name}.py").touch()
    do.bench(["tls", "--rounds", "3"])
    do.bench([])
    assert started == [["benches.bench_tls", "--rounds", "3"], ["benches.bench_s7"], ["benches.bench_tls"]]
    with pytest.raises(do.CommandError, match=r"no benches/bench_tsl\.py; there are: s7, tls"):
        do.bench(["tsl"])


def test_docs_refuses_what_it_does_not_know() -> None:
    with pytest.raises(do.CommandError, match="no argument but --write, not --wirte"):
        do.docs(["--wirte"])


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
@pytest.mark.parametrize(("failing", "status"), [("", 0), ("check", 3), ("test", 3), ("check test", 3)])
def test_ci_runs_check_and_test_and_fails_if_either_fails(failing: str, status: int, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\necho "$@"\ncase " {failing} " in *" $2 "*) exit 3;; esac\n', encoding="utf-8")
    fake.chmod(0o755)
    script = Path(__file__).resolve().parent.parent / ".ci" / "run"
    variables = {**os.environ, "PYTHON": str(fake)}
    done = subprocess.run(["bash", script], env=variables, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "do.py check\ndo.py test\n"
    assert done.returncode == status


# --- the changelog ----------------------------------------------------------------------------------------------------


@given(versions, fragments)
def test_release_notes_hold_every_fragment_under_its_kind(version: str, waiting: dict[str, str]) -> None:
    blocks = re.split(r"^### ", do.release_notes(version, waiting), flags=re.MULTILINE)[1:]
    by_heading = {block.partition("\n")[0]: block for block in blocks}
    assert list(by_heading) == [heading for heading in do.KINDS.values() if heading in by_heading]
    for name, text in waiting.items():
        block = by_heading[do.KINDS[name.split(".")[1]]]
        assert "- " + text.replace("\n", "\n  ") in block


@given(st.lists(versions, unique=True, min_size=1, max_size=4), fragments)
def test_each_release_stands_above_the_older_ones_and_changes_nothing_below(
    history: list[str], waiting: dict[str, str]
) -> None:
    text = TITLE
    for version in history:
        before, text = text, do.fold(text, version, TODAY, waiting)
        assert text.startswith(TITLE)
        assert text.endswith(before.removeprefix(TITLE))
    assert re.findall(r"^## (\S+) \(2024-01-15\)$", text, re.MULTILINE) == history[::-1]


@given(versions, fragments)
def test_a_version_is_released_once(version: str, waiting: dict[str, str]) -> None:
    released = do.fold(TITLE, version, TODAY, waiting)
    with pytest.raises(do.CommandError, match="already"):
        do.fold(released, version, TODAY, waiting)


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3.dev0", "1.2.3-rc1", "next", ""])
def test_a_release_has_a_version_of_three_numbers(version: str) -> None:
    with pytest.raises(do.CommandError, match="is not a version"):
        do.fold(TITLE, version, TODAY, {"a.added.md": "x"})


def test_folding_moves_the_fragments_into_the_changelog(house: Path) -> None:
    fragment = house / "changelog.d" / "renew.added.md"
    fragment.write_text("Certificates can be renewed\nin RUN.\n", encoding="utf-8")
    assert do.main(["changelog", "0.1.0"]) == 0
    assert re.search(
        r"\n## 0\.1\.0 \(\d{4}-\d\d-\d\d\)\n\n### Added\n\n- Certificates can be renewed\n  in RUN\.\n$",
        do.CHANGELOG.read_text(encoding="utf-8"),
    )
    assert not fragment.exists()


def test_showing_what_is_waiting_changes_nothing(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (house / "changelog.d" / "renew.fixed.md").write_text("Renewal.\n", encoding="utf-8")
    assert do.main(["changelog"]) == 0
    assert capsys.readouterr().out == "## next\n\n### Fixed\n\n- Renewal.\n"
    assert do.CHANGELOG.read_text(encoding="utf-8") == TITLE


@pytest.mark.parametrize("name", ["Renew.added.md", "renew.md", "renew.news.md", "re new.added.md", "renew.added.txt"])
def test_a_fragment_of_another_name_is_refused(name: str, house: Path) -> None:
    (house / "changelog.d" / name).write_text("x", encoding="utf-8")
    with pytest.raises(do.CommandError, match=re.escape(f"changelog.d/{name}: fragments are called")):
        do.read_fragments(do.FRAGMENTS)


def test_a_release_without_changes_is_refused(house: Path) -> None:
    assert do.main(["changelog", "0.1.0"]) == 1
    assert do.CHANGELOG.read_text(encoding="utf-8") == TITLE
