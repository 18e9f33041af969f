"""The `ouc` command.

Each module of this package brings its commands with `register(app)`; commands of other distributions (the emulator's
`ouc demo`, say) are found through the entry-point group `ouc.commands`, so that the library never imports them.
A mistake of the user ends in one line on standard error and exit status 1, never in a traceback.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from importlib.metadata import version as installed
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import OUCError, ParameterError
from ..visible import visible
from ._show import complain, console
from ._usage import UsageError, in_one_line

__all__ = ["build", "main"]

# Modules of this package that bring commands, in the order of `ouc --help`.
COMMAND_MODULES: tuple[str, ...] = (
    "probe", "serve", "send", "receive", "project", "device", "cert", "db", "lint", "partner", "status",
)  # fmt: skip


def version() -> None:
    """Which ouc, which Python, and which OpenSSL speaks TLS."""
    from OpenSSL import SSL

    console.print(f"ouc {installed('ouc')}")
    console.print(f"Python {platform.python_version()} on {platform.system()}")
    for package in ("pyopenssl", "cryptography", "trio"):
        console.print(f"{package} {installed(package)}")
    console.print(SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode())


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - how typer calls it
    if wanted:
        version()
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The same as `ouc version`.")
]


def _common(*, _show: _Version = False) -> None:
    """Secure Open User Communication with Siemens S7 controllers."""


class _Commands(TyperGroup):
    """What the user typed comes back in messages about usage; a file name may hold anything."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with _visible_usage():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _visible_usage():
            return super().invoke(ctx)


@contextmanager
def _visible_usage() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Typer's own exceptions are in a private module; they are the ones with a message to be shown.
        if isinstance(message := getattr(error, "message", None), str):
            error.message = visible(message)  # type: ignore[attr-defined]
        raise


def build() -> typer.Typer:
    """Put the command together from this package's modules and from the entry points of others."""
    app = typer.Typer(
        name="ouc",
        cls=_Commands,
        help="Secure Open User Communication with Siemens S7 controllers.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in COMMAND_MODULES:
        importlib.import_module(f".{name}", __package__).register(app)
    for point in entry_points(group="ouc.commands"):
        app.command(point.name)(_load(point))

    app.callback()(_common)
    app.command()(version)
    return app


def _load(point: EntryPoint) -> Callable[..., None]:
    """A command of another package, or one in its place that says in one line why there is none.

    Such a package may have a name that others have too (`emulator`); a folder of that name in front of it on Python's
    search path would be taken for it. A package that brings commands therefore carries the name of its distribution.
    """
    package = point.module.partition(".")[0]
    reason = ""
    try:
        command: Callable[..., None] = point.load()
    except (ImportError, AttributeError) as error:
        reason = str(error)
    found = sys.modules.get(package)
    origin = getattr(found, "__file__", None) or ", ".join(getattr(found, "__path__", ["nowhere"]))
    owner = point.dist.name if point.dist is not None else ""
    if getattr(found, "DISTRIBUTION", None) != owner:
        reason = f"another package called {package!r} stands in front of ours on Python's search path"
    if not reason:
        return command

    def missing() -> None:
        raise ParameterError(
            f"'ouc {point.name}' is not there: {reason}",
            where=origin,
            remedy="Start from another folder, or rename that package",
        )

    missing.__doc__ = f"(not there: {reason})"
    return missing


def main() -> None:
    """Run the command line of this process; the exit status is 0, 1 (a failure told in one line) or 2 (usage)."""
    try:
        build()()
    except UsageError as error:
        complain(str(error))
        raise SystemExit(2) from None
    except OUCError as error:
        complain(str(error))
        raise SystemExit(1) from None
    except BrokenPipeError:
        # Whoever reads our output has seen enough; python would complain once more while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        complain(in_one_line(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        complain("interrupted")
        raise SystemExit(130) from None
    except BaseExceptionGroup as group:
        # Ctrl-C may reach any of trio's tasks; what comes out is then a group of it.
        _, rest = group.split(KeyboardInterrupt)
        if rest is not None:
            raise
        complain("interrupted")
        raise SystemExit(130) from None
