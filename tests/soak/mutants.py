"""A mutation campaign: small changes to a room's code, one at a time; a test has to fail for each.

    python -m tests.soak.mutants --room tls --seed 3 --count 300

For each folder of tests: which test runs which line is found out once, for all rooms together, and kept in `.cache` (it is
found out anew when a room or these tests change). For each room: so many changes are drawn by the seed; each is tried upon
the tests that run its line, the room's own and the quickest first, until one fails. What survives is printed as a diff.
`survivors.toml` explains those that may: they change nothing that anybody could see, or only how fast it goes. Ends with 1
if more than 2 % of a room survive unexplained, or if a row of the table explains nothing any more.

Why not a ready tool: mutmut 3 is quick, but leaves alone what this house is made of (tables, class bodies, everything
decorated) and draws nothing by a seed; cosmic-ray starts pytest anew for each change, some seconds each. To have a second
opinion: `pip install mutmut` into an environment of its own, `paths_to_mutate = ["ouc/tls/"]` under `[tool.mutmut]`.
POSIX only: it forks.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

import attrs

from ._mutation import Mutant, mutants

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / ".cache" / "mutants"
EXPLAINED: Final = Path(__file__).with_name("survivors.toml")
#: Of 100 changes of a room, so many may survive without an explanation.
TOLERATED: Final = 2
#: Rooms, and the folders or files whose tests run them.
ROOMS: Final[Mapping[str, tuple[str, ...]]] = {
    "tls": ("tests/tls", "tests/attack", "tests/transport", "tests/station/test_resumption.py",
            "tests/station/test_changed_trust.py", "tests/probe", "tests/peers/test_standard_library.py"),
    "connection": ("tests/connection", "tests/blocks", "tests/station"),
    "blocks": ("tests/blocks", "tests/station", "tests/emulator", "tests/test_generated_pages.py"),
    "transport": ("tests/transport", "tests/attack", "tests/peers", "tests/station", "tests/api"),
    "station": ("tests/station", "tests/api", "tests/blocks", "tests/emulator"),
    "api": ("tests/api", "tests/station", "tests/aio", "tests/sync", "tests/blocks/test_over_sockets.py",
            "tests/test_generated_pages.py"),
}  # fmt: skip


@attrs.frozen
class Result:
    """What became of one change: `killed`, `hung` (killed as well), `survived`, `unreached` (no test runs it)."""

    mutant: Mutant
    outcome: str
    by: str = ""
    seconds: float = 0.0

    @property
    def lives(self) -> bool:
        """No test has noticed."""
        return self.outcome in ("survived", "unreached")


# -- the draw --------------------------------------------------------------------------------------------------------------


def draw(files: Iterable[Path], seed: int, count: int) -> list[Mutant]:
    """`count` changes of some files, or all there are if that is fewer; the same ones for the same seed."""
    every = [one for file in sorted(files) for one in mutants(file.read_bytes(), str(file))]
    return random.Random(seed).sample(every, min(count, len(every)))


# -- who runs what ---------------------------------------------------------------------------------------------------------


def _pytest(
    orders: Mapping[str, Any], arguments: Sequence[str], *, root: Path = ROOT, limit: float | None = None
) -> int | None:
    """Run pytest with our half inside; None if it took longer than `limit` seconds."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        file = Path(folder, "orders.json")
        file.write_text(json.dumps(orders), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.soak._mutated",
            "-p",
            "no:xdist",
            "-p",
            "no:cacheprovider",
        ]
        command += [f"--rootdir={root}", "--capture=no", f"--basetemp={folder}/base", "-q", *arguments]
        # The changes are to be noticed by the tests as everybody runs them, with few cases.
        environment = {key: value for key, value in os.environ.items() if key != "OUC_SOAK"}
        environment |= {"OUC_MUTANTS": str(file), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            command, cwd=root, env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()


def _fingerprint(files: Iterable[Path], tests: Sequence[str]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted({*files, *(one for place in tests for one in _python_files(ROOT / place))}):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _python_files(place: Path) -> Iterator[Path]:
    yield from [place] if place.is_file() else place.rglob("*.py")


def coverage(files: Sequence[Path], places: Sequence[str], *, at_once: int = 1) -> dict[str, Any]:
    """Which test of some places runs which line of some files, from `.cache` or by one run, which takes its time."""
    every = sorted({*files, *(file for name in ROOMS for file in (ROOT / "ouc" / name).glob("*.py"))})
    with ThreadPoolExecutor(at_once) as pool:
        return merged(list(pool.map(lambda place: _kept_map(place, every), places)), files)


def _kept_map(place: str, every: Sequence[Path]) -> dict[str, Any]:
    name = place.replace("/", "-").removesuffix(".py")
    kept = KEPT / f"{name}-{_fingerprint(every, [place])}.json"
    if not kept.exists():
        for old in KEPT.glob(f"{name}-*.json"):
            old.unlink()
        KEPT.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".new")
        draft.write_text(json.dumps(mapped(every, [place])), encoding="utf-8")
        draft.replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def merged(maps: Sequence[Mapping[str, Any]], files: Iterable[Path]) -> dict[str, Any]:
    """One map of several, about some of their files; test -1 stays the import."""
    lines: dict[str, dict[str, list[int]]] = {str(file): {} for file in files}
    found: dict[str, Any] = {"tests": [], "seconds": [], "failed": [], "lines": lines}
    for one in maps:
        before = len(found["tests"])
        for key in ("tests", "seconds", "failed"):
            found[key] += one[key]
        for file, seen in lines.items():
            for line, tests in one["lines"].get(file, {}).items():
                seen.setdefault(line, []).extend(at + before if at >= 0 else at for at in tests)
    return found


def mapped(files: Sequence[Path], tests: Sequence[str], *, root: Path = ROOT) -> dict[str, Any]:
    """Which test of some folders below `root` runs which line of some files; which tests fail, and how long each takes."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        out = Path(folder, "map.json")
        status = _pytest({"map": str(out), "files": [str(file) for file in files]}, tests, root=root)
        if not out.exists():
            raise SystemExit(
                f"pytest ended with {status} before any test of {', '.join(tests)}: run them without the campaign"
            )
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return found


@attrs.frozen
class Chooser:
    """Chooses the tests for a change.

    Args:
        found: As `coverage` gives it.
        near: Beginnings of the names of the tests that come first.
        budget: Seconds that the tests of one change may have taken together when they were mapped.
    """

    found: Mapping[str, Any]
    near: tuple[str, ...]
    budget: float

    def of(self, mutant: Mutant) -> tuple[list[str], float, bool]:
        """Names of the tests, how long they take, and whether some were left out."""
        names, seconds, failed = self.found["tests"], self.found["seconds"], set(self.found["failed"])
        running = self._running(mutant)
        # A test that only looks at a table runs no line of its file.
        usable = range(len(names)) if self.at_import(mutant) else running

        def order(at: int) -> tuple[Any, ...]:
            return not names[at].startswith(self.near), at not in running, seconds[at], names[at]

        chosen: list[str] = []
        total = 0.0
        sound = [one for one in usable if names[one] not in failed]
        for at in sorted(sound, key=order):
            if not chosen or total + seconds[at] <= self.budget:
                chosen.append(names[at])
                total += seconds[at]
        return chosen, total, len(chosen) < len(sound)

    def _running(self, mutant: Mutant) -> set[int]:
        """Tests that run the line, or, where it runs at import, anything of the file."""
        lines: dict[str, list[int]] = self.found["lines"][mutant.file]
        if self.at_import(mutant):
            return {at for tests in lines.values() for at in tests if at >= 0}
        for line in range(mutant.line, mutant.body[0] - 1, -1):
            if str(line) in lines:
                return {at for at in lines[str(line)] if at >= 0}
        return set()

    def at_import(self, mutant: Mutant) -> bool:
        """Whether the change is in what runs while modules are imported."""
        lines = self.found["lines"][mutant.file]
        first, last = mutant.body
        return not mutant.function or any(-1 in lines.get(str(line), ()) for line in range(first, last + 1))


# -- the campaign ----------------------------------------------------------------------------------------------------------


def campaign(
    chosen: Sequence[Mutant],
    tests: Chooser,
    places: Sequence[str],
    *,
    root: Path = ROOT,
    at_once: int = 1,
    report: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Try each change, and tell what became of it, in the order given; `report` hears of each as soon as it is known."""
    results: dict[int, Result] = {}

    def known(number: int, outcome: str, by: str = "", seconds: float = 0.0) -> None:
        results[number] = Result(chosen[number], outcome, by, round(seconds, 2))
        report(results[number])

    def attempt(tests: Chooser, numbers: Iterable[int], *, again: bool) -> list[int]:
        """Try with the tests of one choice; gives back what lived although some tests were left out."""
        orders, spared = [], []
        for number in numbers:
            names, seconds, left_out = tests.of(chosen[number])
            limit = 30 + 4 * seconds  # a busy machine takes longer than it did for the map
            orders.append({"number": number, "mutant": attrs.asdict(chosen[number]), "tests": names, "limit": limit})
            spared += [number] if left_out and again else []
        for number, status, by, seconds in _tried(orders, tests, places, root, at_once):
            if status != 0 or number not in spared:
                spared = [one for one in spared if one != number]
                known(number, _OUTCOMES.get(status, "killed"), by, seconds)
        return spared

    reached = [number for number, mutant in enumerate(chosen) if tests.of(mutant)[0]]
    for number in sorted(set(range(len(chosen))) - set(reached)):
        known(number, "unreached")
    # Most die of the first tests; what does not is worth more of them.
    wider = attrs.evolve(tests, budget=tests.budget * _SECOND)
    attempt(wider, attempt(tests, reached, again=True), again=False)
    return [results[number] for number in range(len(chosen))]


def _tried(
    orders: list[dict[str, Any]], tests: Chooser, places: Sequence[str], root: Path, at_once: int
) -> Iterator[tuple[int, int | None, str, float]]:
    """Number, pytest's status (None: it took too long), test and seconds of each change."""
    quick = [one for one in orders if not tests.at_import(Mutant(**one["mutant"]))]
    slow = [one for one in orders if one not in quick]
    by_number = {one["number"]: one for one in orders}
    # Tests mostly wait for sockets and for each other, so a few processes share one processor well.
    size = max(1, min(_AT_ONCE, -(-len(quick) // at_once)))
    with ThreadPoolExecutor(at_once) as pool:
        pieces = [quick[start : start + size] for start in range(0, len(quick), size)]
        for done in as_completed([pool.submit(_forked, piece, places, root) for piece in pieces]):
            for found in done.result():
                if found[1] == _IMPORT_ANEW:
                    slow.append(by_number[found[0]])
                else:
                    yield found
        for alone in as_completed([pool.submit(_imported, order, root) for order in slow]):
            yield alone.result()


def _imported(order: Mapping[str, Any], root: Path) -> tuple[int, int | None, str, float]:
    """Number, status, test and seconds of a change to what runs at import."""
    begun = time.monotonic()
    module = ".".join(Path(order["mutant"]["file"]).relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    orders = {"import": order["mutant"], "module": module}
    status = _pytest(orders, ["-x", *order["tests"]], root=root, limit=order["limit"] + 30)
    return order["number"], status, "", time.monotonic() - begun


# What the budget grows by for what has lived through the first tests.
_SECOND: Final = 10
# Changes that one process forks for; then their results are seen.
_AT_ONCE: Final = 20
_OUTCOMES: Final[dict[int | None, str]] = {0: "survived", None: "hung"}
_IMPORT_ANEW: Final = 2


def _forked(
    orders: list[dict[str, Any]], places: Sequence[str], root: Path
) -> list[tuple[int, int | None, str, float]]:
    """Number, status, test and seconds of each change that can be made in a forked child."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        results = Path(folder, "results.jsonl")
        results.touch()
        _pytest({"mutants": orders, "results": str(results)}, places, root=root)
        rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return [(one["number"], one["status"], one["by"], one["seconds"]) for one in rows]


# -- what may survive ---------------------------------------------------------------------------------------------------------


def explained(path: Path = EXPLAINED) -> dict[tuple[str, str, str], str]:
    """Reasons by file, function and mutation."""
    if not path.exists():
        return {}
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    return {(row["file"], row["function"], row["mutation"]): row["reason"] for row in rows}


def _key(mutant: Mutant) -> tuple[str, str, str]:
    return Path(mutant.file).relative_to(ROOT).as_posix(), mutant.function, mutant.mutation


def unknown_rows(table: Mapping[tuple[str, str, str], str], files: Iterable[Path]) -> list[tuple[str, str, str]]:
    """Rows for changes that cannot be made any more."""
    names = {file.relative_to(ROOT).as_posix() for file in files}
    possible = {_key(one) for file in files for one in mutants(file.read_bytes(), str(file))}
    return [row for row in table if row[0] in names and row not in possible]


def room(name: str, *, seed: int, count: int, budget: float, at_once: int, out: Any) -> bool:
    """Run the campaign for a room and print what it found; True if few enough have survived."""
    begun = time.monotonic()
    files, places = sorted((ROOT / "ouc" / name).glob("*.py")), [one for one in ROOMS[name] if (ROOT / one).exists()]
    found = coverage(files, places, at_once=at_once)
    print(f"{name}: {len(found['tests'])} tests mapped, {time.monotonic() - begun:.0f} s", flush=True)
    if found["failed"]:
        print(f"{name}: these fail without any change and are not asked: {', '.join(found['failed'])}", flush=True)
    table = explained()

    def report(one: Result) -> None:
        file, function, mutation = _key(one.mutant)
        outcome = "explained" if one.lives and _key(one.mutant) in table else one.outcome
        row = {"room": name, "seed": seed, "file": file, "line": one.mutant.line, "function": function}
        row |= {"mutation": mutation, "outcome": outcome, "by": one.by, "seconds": one.seconds}
        out.write(json.dumps(row) + "\n")
        if one.lives and outcome != "explained":
            print(f"--- {outcome}: {file}:{one.mutant.line} in {function or 'the module'}\n    {mutation}")
            print(one.mutant.diff(Path(one.mutant.file).read_bytes()), flush=True)

    chosen = draw(files, seed, count)
    tests = Chooser(found, (f"tests/{name}/",), budget)
    results = campaign(chosen, tests, places, at_once=at_once, report=report)
    loose = [one for one in results if one.lives and _key(one.mutant) not in table]
    stale = unknown_rows(table, files)
    for gone in stale:
        print(f"--- explains nothing any more: {gone}")
    counts = Counter(one.outcome for one in results)
    known = sum(one.lives for one in results) - len(loose)
    share = 100 * len(loose) / max(1, len(results))
    print(
        f"{name}: seed {seed}, {len(results)} changes, {counts['killed']} killed, {counts['hung']} without end, "
        f"{known} explained, {len(loose)} survived ({share:.1f} %), {time.monotonic() - begun:.0f} s",
        flush=True,
    )
    return share <= TOLERATED and not stale


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; gives the exit status."""
    parser = argparse.ArgumentParser(prog="mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--room", action="append", choices=list(ROOMS), help="one room; may be repeated (default: all)")
    parser.add_argument("--seed", type=int, default=None, help="what to draw by (default: another one each time)")
    parser.add_argument("--count", type=int, default=300, help="changes of a room (default: 300)")
    parser.add_argument(
        "--budget",
        type=float,
        default=10.0,
        help="seconds of tests; ten times as many for what lives (10)",
    )
    parser.add_argument("--at-once", type=int, default=1, help="processes of pytest that run at a time (default: 1)")
    parser.add_argument("--out", type=Path, default=KEPT / "results.jsonl", help="results as JSON lines, appended")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a", encoding="utf-8", buffering=1) as out:
        good = [
            room(name, seed=seed, count=options.count, budget=options.budget, at_once=options.at_once, out=out)
            for name in options.room or ROOMS
        ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
