"""Commands on the wire inside the test's process: partners in threads, lines in queues instead of a terminal."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from queue import Queue
from typing import Any, Self

import attrs
import trio
import typer
from typer.testing import CliRunner

from emulator import faults
from ouc.certs import Project
from ouc.cli import probe, receive, send, serve

from ..certs.strategies import CHEAP, KeyPool
from .commands import Ran

PASSWORD = "a good password 1"
# Seconds that nothing here needs; a test that waits for them has failed.
LONG = 30.0


def run(*arguments: object, data: bytes | None = None, env: dict[str, str] | None = None) -> Ran:
    """Run a command on the wire as the command line would."""
    app = typer.Typer()
    for module in (probe, send, serve, receive):
        module.register(app)
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=data, env=env)
    error = None if isinstance(result.exception, SystemExit) else result.exception
    return Ran(result.exit_code, result.stdout, result.stderr, error)


@attrs.frozen
class Files:
    """A healthy partner's files, and options that name them."""

    ca: Path
    crl: Path
    cert: Path
    key: Path

    @property
    def trusting(self) -> tuple[object, ...]:
        return ("--ca", self.ca, "--ca", self.crl)

    @property
    def showing(self) -> tuple[object, ...]:
        return ("--cert", self.cert, "--key", self.key)

    @property
    def mutual(self) -> tuple[object, ...]:
        return (*self.trusting, *self.showing)


@cache
def planned(name: str, role: Any) -> faults.Plan:
    """A fault for now: commands judge certificates by the host's clock."""
    row = faults.Fault(name=name, role=role) if name == "none" else faults.fault(name, role)
    return faults.plan(row, now=datetime.now(UTC))


def files(plan: faults.Plan, folder: Path) -> Files:
    """Write what the healthy partner of a faulty PLC holds."""
    found = Files(*(folder / f"{name}.pem" for name in ("ca", "crl", "cert", "key")))
    for path, data in zip(
        (found.ca, found.crl, found.cert, found.key), (plan.root, plan.crl, plan.partner_cert, plan.partner_key), strict=True
    ):
        path.write_bytes(data)
    return found


def plant_file(folder: Path) -> Path:
    """A project with the certificates of the published example under their IDs: CA 3, PLC-1's 9 and PLC-2's 11."""
    path = folder / "plant.ouc"
    wanted = {9: "PLC-1", 11: "PLC-2"}
    with Project.create("Plant", path=path, password=PASSWORD, cost=CHEAP, make_key=KeyPool()) as project:
        project.add_device("PLC-1", addresses=["192.168.0.1"])
        project.add_device("PLC-2", addresses=["192.168.0.2"])
        made = 0
        while made < max(wanted):
            # IDs are given out in order; those between are of no use here.
            made = project.new(usage="tls", issuer=3, device=wanted.get(made + 1, "PLC-2")).id
    return path


@contextmanager
def passive(plan: faults.Plan) -> Iterator[str]:
    """A faulty PLC that listens, in a thread; gives HOST:PORT."""
    ready: Queue[tuple[int, Callable[[], None]]] = Queue()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            port = await nursery.start(faults.serve, plan)
            token = trio.lowlevel.current_trio_token()
            ready.put((port, lambda: trio.from_thread.run_sync(nursery.cancel_scope.cancel, trio_token=token)))

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    port, stop = ready.get(timeout=LONG)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        stop()
        thread.join(LONG)


def active(plan: faults.Plan, port: int) -> threading.Thread:
    """A faulty PLC that dials, in a thread."""
    thread = threading.Thread(target=trio.run, args=(partial(faults.dial, plan), port))
    thread.start()
    return thread


class Serving:
    """`ouc serve`, `ouc receive` or `ouc send` in a thread of its own; its lines come through a queue."""

    module: Any = serve
    name = "serve"

    def __init__(self, monkeypatch: Any, *arguments: object, ends_at: str | None = None) -> None:
        self.lines: Queue[str] = Queue()
        self.seen: list[str] = []
        self.ran: Ran | None = None
        self._arguments = arguments
        self._ends_at = ends_at
        monkeypatch.setattr(self.module, "say", self._say)
        self._thread = threading.Thread(target=self._run)

    def _say(self, line: str) -> None:
        self.lines.put(line)
        if self._ends_at is not None and line.startswith(self._ends_at):
            # That nobody reads on ends a command at a moment of our choice.
            raise BrokenPipeError

    def _run(self) -> None:
        app = typer.Typer()
        self.module.register(app)
        app.command("other")(lambda: None)
        command = typer.main.get_command(app)
        error: BaseException | None = None
        try:
            command.main([self.name, *map(str, self._arguments)], standalone_mode=False)
        except (Exception, SystemExit) as caught:
            error = caught
        self.ran = Ran(1 if error else 0, "", "", error)
        # Whoever waits for a line that never comes is told at once.
        self.lines.put("")

    def begin(self) -> None:
        """Start without waiting for the port."""
        self._thread.start()

    def __enter__(self) -> Self:
        self.begin()
        first = self.lines.get(timeout=LONG)
        assert first.startswith("listening "), self.ran
        self.where = first.removeprefix("listening ")
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(LONG)
        assert not self._thread.is_alive()

    def until(self, word: str) -> str:
        """Wait for a line with `word` in it."""
        while line := self.lines.get(timeout=LONG):
            self.seen.append(line)
            if word in line:
                return line
        raise AssertionError(f"no line with {word!r}: {self.seen}, {self.ran}")

    def rest(self) -> list[str]:
        """All further lines, once the command has ended."""
        self._thread.join(LONG)
        return [line for line in (self.lines.get_nowait() for _ in range(self.lines.qsize())) if line]

    def events(self) -> list[dict[str, Any]]:
        """The same of --json."""
        return [json.loads(one) for one in self.rest()]


class Receiving(Serving):
    """`ouc receive`."""

    module: Any = receive
    name = "receive"


class Sending(Serving):
    """`ouc send`, for what goes on for a while."""

    module: Any = send
    name = "send"
