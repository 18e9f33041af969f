"""The half of the mutation campaign that lives inside pytest: which test runs which line, and tests upon a changed file.

`OUC_MUTANTS` names a JSON file with the orders; `tests/soak/mutants.py` writes it.

A change inside a function needs no second import: in a forked child its code is exchanged, wherever the function has gone.
What runs while modules are imported (tables, classes, decorators) is imported anew in a process of its own.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from ._mutation import Mutant

# Bytes of address space and seconds of processor that a mutant may take before it counts as one that does not end.
_MEMORY, _MOMENT = 6 << 30, 0.005

_orders: dict[str, Any] = json.loads(Path(os.environ["OUC_MUTANTS"]).read_text(encoding="utf-8"))
_failed: list[str] = []


# -- which test runs which line -------------------------------------------------------------------------------------------


class _Map:
    """Lines of the room's files by the test that runs them; test -1 is the import."""

    def __init__(self, files: list[str]) -> None:
        self.files = frozenset(files)
        self.tests: list[str] = []
        self.seconds: list[float] = []
        self.found: dict[str, dict[int, list[int]]] = {file: defaultdict(list) for file in files}
        self.seen: set[tuple[str, int]] = set()

    def watch(self) -> None:
        threading.settrace(self._call)
        sys.settrace(self._call)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_filename in self.files else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    def finish(self, number: int) -> None:
        seen, self.seen = self.seen, set()
        for file, line in seen:
            self.found[file][line].append(number)


_map = _Map(_orders["files"]) if "map" in _orders else None
if _map is not None:
    _map.watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Any:
    if _map is None:
        return (yield)
    if not _map.tests:
        _map.finish(-1)
    _map.watch()  # a test may have taken the place
    begun = time.monotonic()  # as one waits for it: many tests take little of the processor and much time
    try:
        return (yield)
    finally:
        _map.tests.append(item.nodeid)
        _map.seconds.append(time.monotonic() - begun)
        _map.finish(len(_map.tests) - 1)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and report.nodeid not in _failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish() -> None:
    if _map is None:
        return
    sys.settrace(None)
    found = {"tests": _map.tests, "seconds": _map.seconds, "failed": _failed, "lines": _map.found}
    Path(_orders["map"]).write_text(json.dumps(found), encoding="utf-8")


# -- tests upon a changed file ----------------------------------------------------------------------------------------------


def _code(code: CodeType, name: str, first: int) -> CodeType | None:
    """The code of a function within the code of its file."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if (one.co_qualname, one.co_firstlineno) == (name, first):
                return one
            if (inner := _code(one, name, first)) is not None:
                return inner
    return None


def exchange(mutant: Mutant) -> bool:
    """Give every copy of the function that holds the change its new code; False if there is none."""
    source = Path(mutant.file).read_bytes()
    changed = _code(
        compile(mutant.apply(source), mutant.file, "exec", dont_inherit=True), mutant.function, mutant.first
    )
    if changed is None:
        return False
    key, count = (mutant.file, mutant.function, mutant.first), 0
    for one in gc.get_objects():
        if type(one) is FunctionType:
            code = one.__code__
            if (code.co_filename, code.co_qualname, code.co_firstlineno) == key:
                try:
                    one.__code__ = changed
                except ValueError:  # another number of variables from outside
                    return False
                count += 1
    return count > 0


def _child(mutant: Mutant, items: list[pytest.Item], out: int) -> int:
    """In the child: 0 survived, 1 killed, 2 must be imported anew."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    if not exchange(mutant):
        return 2
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if _failed:
            os.write(out, _failed[0].encode())
            return 1
    return 0


def run_forked(mutant: Mutant, items: list[pytest.Item], limit: float) -> tuple[int | None, str]:
    """Status of the child, None if it took longer than `limit` seconds, and the test that failed."""
    into, out = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        ending = 1
        try:
            ending = _child(mutant, items, out)
        finally:
            os._exit(ending)
    os.close(out)
    status = _wait(child, limit)
    with os.fdopen(into, "rb") as pipe:
        return status, pipe.read(4096).decode(errors="replace") if status == 1 else ""


def _wait(child: int, limit: float) -> int | None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            # Death by a signal is an end by the change as well.
            os_status = os.waitstatus_to_exitcode(status)
            return 1 if os_status < 0 else os_status
        time.sleep(_MOMENT)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Instead of all tests once: for each mutant those that run its line."""
    if "mutants" not in _orders:
        return None
    if session.testsfailed:
        return None
    items = {item.nodeid: item for item in session.items}
    with Path(_orders["results"]).open("a", encoding="utf-8", buffering=1) as results:
        for order in _orders["mutants"]:
            mutant = Mutant(**order["mutant"])
            begun = time.monotonic()
            chosen = [items[name] for name in order["tests"] if name in items]
            status, by = run_forked(mutant, chosen, order["limit"])
            seconds = round(time.monotonic() - begun, 2)
            results.write(
                json.dumps({"number": order["number"], "status": status, "by": by, "seconds": seconds}) + "\n"
            )
    return True


# -- a changed file from the beginning ---------------------------------------------------------------------------------------


class _Loader(importlib.machinery.SourceFileLoader):
    """Imports one file as the change left it."""

    def get_code(self, fullname: str) -> CodeType | None:
        return compile(_changed.apply(Path(self.path).read_bytes()), self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != _orders["module"]:
            return None
        return importlib.util.spec_from_file_location(fullname, _changed.file, loader=_Loader(fullname, _changed.file))


if "import" in _orders:
    _changed = Mutant(**_orders["import"])
    sys.meta_path.insert(0, _Finder())
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
