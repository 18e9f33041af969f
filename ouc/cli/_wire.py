"""What `ouc serve` and `ouc send` share: an opener made from options, and lines about what happens."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import attrs
import trio
import typer

from ..certs import OwnCertificate
from ..errors import ParameterError
from ..params import Endpoint
from ..profiles import DEFAULT as PROFILE
from ..tls import DEFAULT, Credentials, Policy, TLSContext, TLSFacts
from ..transport import Opener
from ._partners import Certificates, addresses
from ._projects import note

__all__ = [
    "ANY", "Address", "Count", "Input", "Json", "Plain", "Save", "Seconds", "TLSVersion", "Version", "opener", "policy",
    "read_input", "reference_of", "run", "told", "warn_if_insecure",
]  # fmt: skip

_T = TypeVar("_T")

#: Instead of an ID at --trust: whoever answers is believed (R7).
ANY: Final = "any-insecure"


class Version(StrEnum):
    """Exactly this version of TLS."""

    tls_1_2 = "1.2"
    tls_1_3 = "1.3"


TLSVersion = Annotated[Version | None, typer.Option("--tls", help="Exactly this version; both otherwise.")]
Plain = Annotated[bool, typer.Option("--plain", help="No TLS: anybody on the network can read and change the data.")]
Address = Annotated[
    bool, typer.Option("--check-address/--no-check-address", help="Compare HOST with the partner's subjectAltName.")
]
Input = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Send the bytes of this file.")]
Save = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write received bytes there.")]
Count = Annotated[int | None, typer.Option(min=1, metavar="N", help="How often, or how many partners; see above.")]
Seconds = Annotated[float | None, typer.Option("--timeout", min=0.01, metavar="S", help="Give up after this many seconds.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def policy(version: Version | None) -> Policy:
    """TLS settings of the library, or of exactly one version."""
    if version is None:
        return DEFAULT
    return attrs.evolve(DEFAULT, versions=("1.2",) if version is Version.tls_1_2 else ("1.3",))


def reference_of(trust: str | None) -> str | None:
    """What --trust says to a certificate store; `any-insecure` says nothing to it."""
    return None if trust == ANY else trust


def warn_if_insecure(trust: str | None, *, plain: bool) -> None:
    """At each start, on standard error."""
    if trust == ANY:
        note(f"--trust {ANY}: whoever answers is believed. For commissioning only, never in a plant")
    if plain:
        note("--plain: nothing is encrypted and nobody is verified")


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


def opener(found: Certificates, version: Version | None, *, plain: bool, trust: str | None, active: bool) -> Opener:
    """What opens the connections of a command.

    Raises:
        ParameterError: --plain together with certificates, or a secure connection without any.
    """
    if plain and (found.device is not None or trust is not None):
        raise ParameterError("--plain and certificates exclude each other", remedy="Leave one of them out")
    common: dict[str, Any] = {
        "device": found.device, "profile": PROFILE, "policy": policy(version), "address": found.address,
        "addresses": addresses(),
    }  # fmt: skip
    if trust == ANY and active:
        return _Unverified(**common, shows=found.shown("client"))
    if found.device is None and not plain:
        raise ParameterError(
            "no certificates", status=0x80E4 if active else 0x80E9,
            remedy="Give --project, --device, --own and --trust, or --ca, --cert and --key; or --plain for no TLS",
        )  # fmt: skip
    if active and not plain and not found.trusts:
        raise ParameterError(
            "nothing to verify the partner with", status=0x80E4, where="--ca",
            remedy="Export the CA of the partner's certificate from TIA Portal and name it with --ca",
        )  # fmt: skip
    return Opener(**common)


def told(facts: TLSFacts | None) -> str:
    """What TLS agreed on, in a few words."""
    return "plain TCP" if facts is None else f"{facts.version}, {facts.suite}"


def read_input(file: Path | None, text: str | None) -> bytes | None:
    """Bytes from --file or --hex; None if neither was given.

    Raises:
        ParameterError: Both, or no hexadecimal digits.
    """
    if file is not None and text is not None:
        raise ParameterError("--file and --hex exclude each other", remedy="Leave one of them out")
    if file is not None:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    if text is None:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ParameterError(
            "these are no hexadecimal digits", where="--hex", remedy="Write two digits per byte, such as 0100FE0C"
        ) from None


def run(work: Callable[..., Awaitable[_T]], *arguments: Any) -> _T:
    """`trio.run`, with Ctrl-C as Python has it and not in a group of exceptions."""
    try:
        return trio.run(work, *arguments)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        raise KeyboardInterrupt from None
