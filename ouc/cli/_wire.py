"""What `ouc send`, `receive` and `serve` share: their options, an opener made from them, and Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, TypeVar, cast

import attrs
import trio
import typer

from ..api import Connection
from ..certs import OwnCertificate
from ..params import Endpoint
from ..profiles import DEFAULT as PROFILE
from ..source import Block
from ..tls import DEFAULT, Credentials, Policy, TLSContext
from ..transport import Background, Opener
from ._descriptions import block_at
from ._partners import Certificates, addresses
from ._usage import UsageError

__all__ = [
    "ANY",
    "ISO",
    "UDP",
    "Address",
    "Connect",
    "Count",
    "Data",
    "Input",
    "Json",
    "LocalPort",
    "LocalTSAP",
    "Partner",
    "Plain",
    "RemoteTSAP",
    "RetryFirst",
    "RetryMax",
    "Save",
    "Seconds",
    "TLSVersion",
    "Version",
    "farewell",
    "kept",
    "layout",
    "opener",
    "policy",
    "read_input",
    "reference_of",
    "run",
]  # fmt: skip

_T = TypeVar("_T")

# What ends a command in order: Ctrl-C, a service manager, a terminal that is closed (Windows has Ctrl-Break instead).
_ENDS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
# Seconds that a goodbye may take after Ctrl-C.
_CLOSING = 2.0

#: Instead of an ID at --trust: whoever answers is believed (R7).
ANY: Final = "any-insecure"


class Version(StrEnum):
    """Exactly this version of TLS."""

    tls_1_2 = "1.2"
    tls_1_3 = "1.3"


TLSVersion = Annotated[Version | None, typer.Option("--tls", help="Exactly this version; both otherwise.")]
Plain = Annotated[bool, typer.Option("--plain", help="No TLS: anybody on the network can read and change the data.")]
Address = Annotated[
    bool | None,
    typer.Option("--check-address/--no-check-address", help="Compare HOST with the partner's subjectAltName; the default."),
]
Input = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Send the bytes of this file.")]
Save = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write received bytes there.")]
Count = Annotated[int | None, typer.Option(min=1, metavar="N", help="How often, or how many partners; see above.")]
Seconds = Annotated[float | None, typer.Option("--timeout", min=0.01, metavar="S", help="Give up after this many seconds.")]
Connect = Annotated[
    str | None,
    typer.Option("--connect", metavar="FILE[#NAME]", help="Take the connection from this source of TIA Portal (or .toml)."),
]
Data = Annotated[
    str | None, typer.Option("--data", metavar="FILE[#BLOCK]", help="Show what is received as this data block or type.")
]
ISO = Annotated[bool, typer.Option("--iso", help="ISO-on-TCP (RFC 1006), which has no TLS.")]
UDP = Annotated[bool, typer.Option("--udp", help="UDP, which has no TLS.")]
LocalTSAP = Annotated[
    str | None, typer.Option("--local-tsap", metavar="TSAP", help="Own selector: hex (E0.01), or text.")
]
RemoteTSAP = Annotated[str | None, typer.Option("--remote-tsap", metavar="TSAP", help="The partner's selector.")]
LocalPort = Annotated[
    int | None, typer.Option("--local-port", metavar="PORT", min=0, max=65535, help="Own port; a free one by default.")
]
RetryFirst = Annotated[
    float | None,
    typer.Option(
        "--retry-first", metavar="S", min=0.01, help="Seconds before the first attempt after a loss; then twice as long."
    ),
]
RetryMax = Annotated[
    float | None, typer.Option("--retry-max", metavar="S", min=0.01, help="Seconds that the pause between attempts ends at.")
]
Partner = Annotated[
    str | None, typer.Option("--partner", metavar="IP", help="The only address that may connect; any by default.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def policy(version: Version | None) -> Policy:
    """TLS settings of the library, or of exactly one version."""
    if version is None:
        return DEFAULT
    return attrs.evolve(DEFAULT, versions=("1.2",) if version is Version.tls_1_2 else ("1.3",))


def reference_of(trust: str | None) -> str | None:
    """What --trust says to a certificate store; `any-insecure` says nothing to it."""
    return None if trust == ANY else trust


@attrs.define(eq=False, kw_only=True)
class _Unverified(Opener):
    """Believes whoever answers; reached only under the name `any-insecure`."""

    shows: OwnCertificate | None

    def credentials(self, end: Endpoint) -> Credentials | None:
        """Our own certificate, and no trust."""
        return Credentials(own=self.shows) if end.secure else None

    def context(self, end: Endpoint) -> TLSContext:
        """A context that verifies nobody."""
        return TLSContext.build(self.policy, Credentials(own=self.shows), server_side=not end.active)


def opener(
    found: Certificates, version: Version | None, *, plain: bool, trust: str | None, active: bool, described: bool = False
) -> Opener:
    """What opens the connections of a command.

    Args:
        found: The certificates that the options name.
        version: Exactly this version of TLS.
        plain: No TLS.
        trust: What --trust says.
        active: The end opens the connection.
        described: --connect decides about TLS; a project named beside a plain description is no contradiction.

    Raises:
        UsageError: --plain together with certificates, or a secure connection without any.
    """
    if plain and not described and (found.device is not None or trust is not None):
        raise UsageError("--plain and certificates exclude each other", remedy="Leave one of them out")
    common: dict[str, Any] = {
        "device": found.device, "profile": PROFILE, "policy": policy(version), "address": found.address,
        "addresses": addresses(),
    }  # fmt: skip
    if trust == ANY and active:
        return _Unverified(**common, shows=found.shown("client"))
    if found.device is None and not plain:
        raise UsageError(
            "no certificates", status=0x80E4 if active else 0x80E9,
            remedy="Give --project, --device, --own and --trust, or --ca, --cert and --key; or --plain for no TLS",
        )  # fmt: skip
    if active and not plain and not found.trusts:
        raise UsageError(
            "nothing to verify the partner with", status=0x80E4, where="--ca",
            remedy="Export the CA of the partner's certificate from TIA Portal and name it with --ca",
        )  # fmt: skip
    return Opener(**common)


def read_input(file: Path | None, text: str | None) -> bytes | None:
    """Bytes from --file or --hex; None if neither was given.

    Raises:
        UsageError: Both, or no hexadecimal digits.
    """
    if file is not None and text is not None:
        raise UsageError("--file and --hex exclude each other", remedy="Leave one of them out")
    if file is not None:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    if text is None:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UsageError(
            "these are no hexadecimal digits", where="--hex", remedy="Write two digits per byte, such as 0100FE0C"
        ) from None


def run(work: Callable[[], Awaitable[_T]], interrupt: Callable[[int], None]) -> _T:
    """`trio.run`, with Ctrl-C and its relatives as a call of `interrupt`, so that connections are closed as at any other end.

    A second signal does not wait for that.

    Raises:
        KeyboardInterrupt: As `work` raises it, and never in a group of exceptions.
    """

    async def main() -> _T:
        async with Background() as nursery:
            if threading.current_thread() is threading.main_thread():
                await nursery.start(_watch, interrupt)
            return await work()

    try:
        return trio.run(main)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        raise KeyboardInterrupt from None


async def _watch(interrupt: Callable[[int], None], *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(*_ENDS) as signals:
        task_status.started()
        async for number in signals:
            interrupt(number)
            break
    # From here on the signals are Python's own again.
    await trio.sleep_forever()


@asynccontextmanager
async def farewell(connection: Connection) -> AsyncIterator[None]:
    """Say goodbye to a partner even where Ctrl-C or a time limit ends the body: its end is no loss for the other side."""
    try:
        yield
    except trio.Cancelled:
        with trio.move_on_after(_CLOSING, shield=True):
            await connection.aclose()
        raise


@contextmanager
def kept(output: Path | None, mode: str) -> Iterator[BinaryIO | None]:
    """The file behind --output, if there is one; `mode` as `open` has it."""
    if output is None:
        yield None
    else:
        with output.open(mode) as file:
            yield cast(BinaryIO, file)


def layout(place: str, code_page: str) -> Block:
    """The block or type that `--data FILE#block` names.

    Raises:
        ParameterError: No such file or block, an error in it, or it has no byte image.
    """
    declaration = block_at(place, code_page=code_page)
    bytes(declaration.data())
    return declaration
