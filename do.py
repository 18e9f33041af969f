#!/usr/bin/env python3
"""One entry point for people and machines, on every system: `python3 do.py COMMAND [arguments]`.

A fresh clone, Python 3.11 and pip are all it takes. Each command first makes sure that `.venv` in this folder holds
the exact versions of `requirements.lock`, every file checked against its hash, and then `ouc` itself (editable). What
that state was made from is written down in the environment as a fingerprint; while nothing of it changes, set-up
costs a few milliseconds. Nothing is read or written outside this folder, apart from what pip does.

Only the standard library is used, and only what pip and venv document. Python 3.6 can read the syntax too, so that
whoever types `python3` on an old system gets one clear line.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this line is for older ones
    sys.exit("do.py: Python 3.11 or later is needed, this is %d.%d" % sys.version_info[:2])  # noqa: UP031 - old too

import collections
import datetime
import hashlib
import importlib.util
import os
import platform
import re
import subprocess
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK = ROOT / "requirements.lock"
WHEELHOUSE = ROOT / "wheelhouse"
CHANGELOG = ROOT / "CHANGELOG.md"
FRAGMENTS = ROOT / "changelog.d"

# Warnings are errors in the tests, in pytest's workers and in every program that a test starts (-W reaches only the first).
STRICT = {"PYTHONWARNINGS": "error"}

# Reference pages that are written by the code they describe: page -> "module:function", which returns its whole text.
GENERATED = {
    "docs/reference/status.md": "ouc.status:page",
    "docs/reference/profiles.md": "ouc.profiles:page",
    "docs/reference/connection-descriptions.md": "ouc.params.page:page",
    "docs/reference/data-types.md": "ouc.s7.page:page",
    "docs/reference/certificates.md": "ouc.certs.page:page",
    "docs/reference/blocks.md": "ouc.blocks.page:page",
    "docs/reference/probe.md": "ouc.probe.page:page",
    "docs/reference/programs.md": "ouc.api.page:page",
}

# Kinds of changelog fragments, in the order in which a release lists them.
KINDS = {"security": "Security", "added": "Added", "changed": "Changed", "removed": "Removed", "fixed": "Fixed"}
FRAGMENT = re.compile(rf"[a-z0-9]+(?:-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md")

# Where pip comes to a package: one from an index, one for another system, one that is there, one in a folder.
PROGRESS = re.compile(
    r"(?:Collecting|Ignoring|Requirement already satisfied:) ([\w.-]+)|Processing .*[/\\]([\w.]+)-\d[^/\\]*\.whl"
)
VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")

Command = Sequence[str | Path]


class CommandError(Exception):
    """The command cannot go on; the text is the one line that the user sees, `status` the exit status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def say(text: str) -> None:
    """Print one plain line at once, so that it keeps its place among the output of child processes."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Print the one line that says why a command ends without success."""
    print(f"do.py: {text}", file=sys.stderr, flush=True)


# --- running things ---------------------------------------------------------------------------------------------------


def start(
    command: Command, *, capture: bool = False, cwd: Path | None = ROOT, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a program; `capture` joins its two outputs into a pipe, otherwise they go where ours go."""
    try:
        return subprocess.Popen(
            [os.fspath(part) for part in command],
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            cwd=cwd,
            env={**os.environ, **(variables or {})},
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise CommandError(f"{command[0]}: {error.strerror}", 127) from None


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for a program and return its exit status; a death by signal N counts as 128 + N, as shells have it."""
    try:
        status = process.wait()
    except KeyboardInterrupt:
        # Ctrl-C went to the whole group: the program is already ending and may want to say what it has done so far.
        try:
            process.wait()
        except KeyboardInterrupt:
            process.kill()
        raise
    return status if status >= 0 else 128 - status


def run(step: str, command: Command, *, cwd: Path | None = ROOT, variables: Mapping[str, str] | None = None) -> None:
    """Run a program to its end.

    Raises:
        CommandError: It ended with a status other than 0, which becomes ours.
    """
    status = finish(start(command, cwd=cwd, variables=variables))
    if status:
        raise CommandError(f"{step} failed (exit status {status})", status)


def run_all(steps: Mapping[str, Command], *, variables: Mapping[str, str] | None = None) -> None:
    """Run every step even when one fails, so that one visit shows everything that is wrong.

    Raises:
        CommandError: At least one failed; all that did are named. The first one's status becomes ours.
    """
    failed = {}
    for name, command in steps.items():
        say(f"== {name}")
        status = finish(start(command, variables=variables))
        if status:
            failed[name] = status
    if failed:
        raise CommandError(f"failed: {', '.join(failed)}", next(iter(failed.values())))


# --- set-up -----------------------------------------------------------------------------------------------------------


def machine() -> str:
    """Name what compiled packages depend on: the Python version, the system and the processor."""
    python = f"{platform.python_implementation()} {sys.version_info[0]}.{sys.version_info[1]}"
    return f"{python} {sys.platform} {platform.machine()}"


def fingerprint(root: Path) -> str:
    """Hash all that the content of an environment is made from."""
    files = [(root / name).read_bytes() for name in ("requirements.lock", "pyproject.toml")]
    return hashlib.sha256(b"\0".join([machine().encode(), *files])).hexdigest()


def wheelhouse_label() -> str:
    """Say what a wheelhouse made here and now fits: this machine and this very lock file."""
    return f"{machine()}\n{hashlib.sha256(LOCK.read_bytes()).hexdigest()}\n"


def package_source() -> list[str]:
    """Choose where pip looks: in `wheelhouse/` alone if it fits this machine and lock, else where pip is set up to."""
    label = WHEELHOUSE / "made-for.txt"
    if not label.is_file():
        return []
    if label.read_text(encoding="utf-8") != wheelhouse_label():
        say("set-up: wheelhouse/ was made for another machine, Python or lock file and is not used")
        return []
    say("set-up: packages come from wheelhouse/")
    return ["--no-index", "--find-links", os.fspath(WHEELHOUSE)]


def is_ours(python: Path) -> bool:
    """Tell whether an environment's interpreter starts and has our Python version."""
    if not python.is_file():
        return False
    process = start([python, "-c", "import sys; print(*sys.version_info[:2])"], capture=True)
    answer, _ = process.communicate()
    return process.returncode == 0 and answer.split() == [str(part) for part in sys.version_info[:2]]


def create_environment() -> None:
    """Make `.venv` from scratch, without a pip of its own where Python came without `ensurepip` (Debian, say)."""
    say(f"set-up: creating .venv with Python {platform.python_version()}")
    plain: Command = [sys.executable, "-m", "venv", "--clear", VENV]
    if importlib.util.find_spec("ensurepip") is None:
        run("creating .venv", [*plain, "--without-pip"])
        return
    process = start(plain, capture=True)
    process.communicate()
    if finish(process):
        # `ensurepip` is there but has nothing to install from.
        run("creating .venv", [*plain, "--without-pip"])


def pip(*arguments: str | Path) -> Command:
    """Return the command line of the environment's pip, or of our own pip working on the environment."""
    probe = start([PYTHON, "-c", "import pip"], capture=True)
    probe.communicate()
    own: Command = [PYTHON, "-m", "pip"]
    lent: Command = [sys.executable, "-m", "pip", "--python", PYTHON]
    if probe.returncode and importlib.util.find_spec("pip") is None:
        raise CommandError(f"{sys.executable} has no pip; install it (Debian and Ubuntu: python3-pip) and try again")
    return [*(lent if probe.returncode else own), "--disable-pip-version-check", "--no-input", *arguments]


def follow_pip(step: str, command: Command, total: int) -> None:
    """Run pip and show one line per package instead of its chatter; show the chatter's end if it fails."""
    seen: set[str] = set()
    last: collections.deque[str] = collections.deque(maxlen=15)
    process = start(command, capture=True, variables={"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            last.append(line.rstrip())
            found = PROGRESS.match(line)
            name = found and (found[1] or found[2])
            if name and name not in seen:
                seen.add(name)
                say(f"{step}: {len(seen)} of {total}: {name}")
            elif line.startswith("Installing collected packages"):
                say(f"{step}: unpacking")
    status = finish(process)
    if status:
        say("\n".join(last))
        raise CommandError(f"{step}: pip ended with status {status} (without a network: docs/how-to/work-offline.md)")


def locked_packages() -> int:
    """Count the packages of the lock file, whatever system they are for."""
    return len(re.findall(r"^[\w.-]+==", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE))


def set_up() -> None:
    """Bring `.venv` to the state that lock file and `pyproject.toml` describe; do nothing if it is there already."""
    stamp, here = VENV / "ouc-set-up.txt", ascii(str(ROOT)) + "\n"
    wanted = here + fingerprint(ROOT)
    # An environment that someone else made in this place is welcome as long as it works.
    known = stamp.read_text(encoding="ascii") if stamp.is_file() else here
    if known == wanted and PYTHON.is_file():
        return
    began = time.monotonic()
    # Its scripts hold the folder they were made for, so an environment that was copied along is of no use.
    if not known.startswith(here) or not is_ours(PYTHON):
        create_environment()
    stamp.write_text(here, encoding="ascii")
    install: Command = [*pip("install"), "--progress-bar", "off", *package_source()]
    follow_pip("set-up", [*install, "--only-binary", ":all:", "--require-hashes", "-r", LOCK], locked_packages())
    say("set-up: ouc itself")
    run("set-up", [*install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT])
    stamp.write_text(wanted, encoding="ascii")
    say(f"set-up: done in {time.monotonic() - began:.0f} s")


# --- commands ---------------------------------------------------------------------------------------------------------


def demo(arguments: list[str]) -> None:
    """Run the published secure OUC example between two emulated CPUs (arguments: those of `ouc demo`)."""
    # The user's own folder stays current: arguments may name files.
    run("demo", [BIN / "ouc", "demo", *arguments], cwd=None)


def test(arguments: list[str]) -> None:
    """Run the tests (arguments: pytest's; without any, all tests on all processors)."""
    run("test", [PYTHON, "-m", "pytest", *(arguments or parallel())], variables=STRICT)


def parallel() -> list[str]:
    """Spread a whole run over the processors; tests that share an address keep together by `xdist_group`."""
    return ["-n", "auto", "--dist", "loadgroup"] if (os.cpu_count() or 1) > 1 else []


def check(arguments: list[str]) -> None:
    """Run ruff, mypy --strict and the import contract (arguments: paths for ruff and mypy; without any, everything)."""
    mypy: Command = [PYTHON, "-m", "mypy"]
    steps: dict[str, Command] = {"ruff": [PYTHON, "-m", "ruff", "check", *arguments], "mypy": [*mypy, *arguments]}
    if not arguments:
        steps["mypy do.py"] = [*mypy, "do.py"]
    steps["import contract"] = [BIN / "lint-imports", "--no-logo"]
    # The tools print more than the code page of a Windows console may hold.
    run_all(steps, variables={"PYTHONUTF8": "1"})
    say("check: all clean")


def bench(arguments: list[str]) -> None:
    """Run the benchmarks (arguments: names first, `s7` for benches/bench_s7.py, then what each of them takes)."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted((ROOT / "benches").glob("bench_*.py"))}
    names = [name for name in arguments if name in known]
    rest = [argument for argument in arguments if argument not in known]
    if rest and not names and not rest[0].startswith("-"):
        raise CommandError(f"no benches/bench_{rest[0]}.py; there are: {', '.join(known) or 'none'}", 2)
    if not known:
        raise CommandError("there are no benches/bench_*.py")
    run_all({name: [PYTHON, "-m", f"benches.bench_{name}", *rest] for name in names or known})


def docs(arguments: list[str]) -> None:
    """Check the documentation: generated pages, links, examples (argument: --write writes the generated pages)."""
    if arguments not in ([], ["--write"]):
        raise CommandError(f"docs takes no argument but --write, not {' '.join(arguments)}", 2)
    for page, source in GENERATED.items() if arguments else ():
        (ROOT / page).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / page).write_text(generate(source), encoding="utf-8", newline="\n")
        say(f"docs: wrote {page}")
    claims = [ROOT / "tests" / "test_repository.py", *sorted((ROOT / "tests").rglob("test_docs*.py"))]
    run("docs", [PYTHON, "-m", "pytest", *claims])


def generate(source: str) -> str:
    """Let the environment's Python call `module:function` and return the text of the page."""
    module, _, function = source.partition(":")
    code = f"import sys; from {module} import {function} as page; sys.stdout.buffer.write(page().encode())"
    process = subprocess.run([PYTHON, "-c", code], cwd=ROOT, capture_output=True, check=False)
    if process.returncode:
        reason = process.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise CommandError(f"docs: {source}() gives no page: {reason}")
    return process.stdout.decode()


def soak(arguments: list[str]) -> None:
    """Run the long campaigns: all tests with many cases, tests/soak/*.py (arguments: a script and its own, or pytest's)."""
    scripts = [path.stem for path in sorted((ROOT / "tests" / "soak").glob("[!_]*.py")) if path.stem[:5] != "test_"]
    rest: list[str] = []
    if arguments and arguments[0] in scripts:
        scripts, rest = arguments[:1], arguments[1:]
    else:
        run("soak", [PYTHON, "-m", "pytest", *(arguments or parallel())], variables={**STRICT, "OUC_SOAK": "1"})
        scripts = [] if arguments else scripts
    for script in scripts:
        say(f"== {script}")
        run(script, [PYTHON, "-m", f"tests.soak.{script}", *rest], variables={"OUC_SOAK": "1"})


def wheelhouse(arguments: list[str]) -> None:
    """Fill wheelhouse/ with all packages, for machines of this kind that have no network (arguments: pip's)."""
    WHEELHOUSE.mkdir(exist_ok=True)
    for old in (*WHEELHOUSE.glob("*.whl"), *WHEELHOUSE.glob("made-for.txt")):
        old.unlink()
    download = pip("download", "--progress-bar", "off", "--only-binary", ":all:", "--require-hashes", *arguments)
    follow_pip("wheelhouse", [*download, "-r", LOCK, "-d", WHEELHOUSE], locked_packages())
    run("wheelhouse", pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", WHEELHOUSE, ROOT))
    (WHEELHOUSE / "made-for.txt").write_text(wheelhouse_label(), encoding="utf-8")
    size = sum(path.stat().st_size for path in WHEELHOUSE.glob("*.whl")) / 1e6
    say(f"wheelhouse: {len(list(WHEELHOUSE.glob('*.whl')))} files, {size:.0f} MB, for {machine()}")
    say("wheelhouse: copy the folder to the other machine; the one line there is")
    say(f"  python3 -m pip install --no-index --find-links wheelhouse ouc=={project_version()}")


def project_version() -> str:
    """Read the version from `pyproject.toml`."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def changelog(arguments: list[str]) -> None:
    """Fold changelog.d/ into CHANGELOG.md (argument: the VERSION; without, only show what is waiting)."""
    fragments = read_fragments(FRAGMENTS)
    if not arguments:
        say(release_notes("next", fragments))
        return
    version = arguments[0]
    text = fold(CHANGELOG.read_text(encoding="utf-8"), version, datetime.datetime.now().astimezone().date(), fragments)
    CHANGELOG.write_text(text, encoding="utf-8", newline="\n")
    for name in fragments:
        (FRAGMENTS / name).unlink()
    say(f"changelog: {len(fragments)} fragments are now {version} in CHANGELOG.md")


def read_fragments(folder: Path) -> dict[str, str]:
    """Read the fragments of a folder, by file name.

    Raises:
        CommandError: A file is not called `<slug>.<kind>.md`, is empty, or there is none.
    """
    fragments = {}
    for path in sorted(folder.glob("*")):
        if not FRAGMENT.fullmatch(path.name):
            raise CommandError(f"changelog.d/{path.name}: fragments are called <slug>.<{'|'.join(KINDS)}>.md")
        fragments[path.name] = path.read_text(encoding="utf-8").strip()
        if not fragments[path.name]:
            raise CommandError(f"changelog.d/{path.name} is empty")
    if not fragments:
        raise CommandError("changelog.d/ holds no fragments: nothing has changed for users")
    return fragments


def release_notes(title: str, fragments: dict[str, str]) -> str:
    """Write a release's section: fragments as list items, grouped by kind, by name within a kind."""
    lines = [f"## {title}"]
    for kind, heading in KINDS.items():
        items = [text for name, text in fragments.items() if name.endswith(f".{kind}.md")]
        if items:
            lines += ["", f"### {heading}", ""]
            lines += ["- " + text.removeprefix("- ").replace("\n", "\n  ") for text in items]
    return "\n".join(lines)


def fold(text: str, version: str, day: datetime.date, fragments: dict[str, str]) -> str:
    """Put the new release above the older ones.

    Raises:
        CommandError: The version is not `1.2.3`, `1.2.3a1`, `1.2.3b1` or `1.2.3rc1`, or the changelog has it already.
    """
    if not VERSION.fullmatch(version):
        raise CommandError(f"{version!r} is not a version like 1.2.3 or 1.2.3rc1", 2)
    if re.search(rf"^## {re.escape(version)}( |$)", text, flags=re.MULTILINE):
        raise CommandError(f"CHANGELOG.md has {version} already")
    head, mark, older = text.partition("\n## ")
    notes = release_notes(f"{version} ({day.isoformat()})", fragments)
    return "\n".join([head.rstrip(), "", notes, *(["", mark.lstrip() + older.rstrip()] if mark else []), ""])


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    command.__name__: command for command in (demo, test, check, bench, docs, soak, wheelhouse, changelog)
}
WITHOUT_ENVIRONMENT = {"changelog"}


def usage() -> str:
    """List the commands, each with the first line of its docstring."""
    lines = (f"  {name:<11} {(command.__doc__ or '').partition(chr(10))[0]}" for name, command in COMMANDS.items())
    return "\n".join(["usage: python3 do.py COMMAND [arguments]", "", *lines])


def main(arguments: list[str]) -> int:
    """Run one command and return the exit status: the failing step's, 2 for wrong usage, 130 after Ctrl-C."""
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        say(usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        complain(f"no command {name!r}; there are: {', '.join(COMMANDS)}")
        return 2
    try:
        if name not in WITHOUT_ENVIRONMENT:
            set_up()
        COMMANDS[name](rest)
    except CommandError as error:
        complain(str(error))
        return error.status
    except KeyboardInterrupt:
        complain("stopped")
        return 130
    except OSError as error:
        complain(f"{error.filename or name}: {error.strerror or error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
