"""`ouc probe`: why does the handshake fail, and what has to be changed?"""

from __future__ import annotations

from functools import partial
from ipaddress import IPv4Address
from typing import Annotated, Any

import attrs
import trio
import typer

from .. import probe as diagnosis
from ..probe import Answer, Finding, Means, Observation
from ..profiles import DEFAULT as PROFILE
from ._partners import (
    CA,
    Cert,
    Certificates,
    ConnectTimeout,
    DeviceName,
    HandshakeTimeout,
    Key,
    Own,
    PasswordFile,
    ProjectFile,
    Target,
    Trusted,
    addresses,
    certificates,
    place,
)  # fmt: skip
from ._projects import note, say
from ._show import print_json
from ._usage import COULD_NOT_LOOK, UsageError, looking

__all__ = ["register"]

# What says nothing about the partner: this computer could not look.
_OURS = frozenset({"no-descriptors", "no-memory", "no-port-free", "no-such-address", "port-in-use", "port-not-allowed"})


def register(app: typer.Typer) -> None:
    """Add `ouc probe` to the command."""
    app.command()(probe)


@looking
def probe(
    partner: Annotated[str | None, typer.Argument(metavar="HOST:PORT", help="A PLC that listens.")] = None,
    *,
    listen: Annotated[
        str | None,
        typer.Option(metavar="[HOST:]PORT", help="Wait for a PLC that connects instead; a port alone means all addresses."),
    ] = None,
    project: ProjectFile = None,
    device: DeviceName = None,
    own: Own = None,
    trust: Trusted = None,
    ca: CA = None,
    cert: Cert = None,
    key: Key = None,
    password_file: PasswordFile = None,
    check_address: Annotated[
        bool, typer.Option("--check-address/--no-check-address", help="A subjectAltName for another address is a fault.")
    ] = True,
    survey: Annotated[
        bool, typer.Option("--survey", help="Ask more, one connection per question. Not in a running plant.")
    ] = False,
    pause: Annotated[float, typer.Option(metavar="S", min=0, help="Seconds between the questions of a survey.")] = 1.0,
    patience: Annotated[float, typer.Option(metavar="S", min=0, help="Seconds to wait for a PLC with --listen.")] = 300.0,
    connect_timeout: ConnectTimeout = PROFILE.connect_timeout,
    handshake_timeout: HandshakeTimeout = PROFILE.handshake_timeout,
    as_json: Annotated[bool, typer.Option("--json", help="A report for machines and colleagues; holds no secret.")] = False,
) -> None:  # fmt: skip
    """Look at one connection, name what is wrong with it, and say what to change in TIA Portal.

    One connection is made, and no data are sent over it. The exit status is 0 if all is well, 1 if something fails, and 3 if
    the probe could not look.
    """
    if partner is not None and listen is not None:
        raise UsageError("HOST:PORT and --listen exclude each other", remedy="Leave one of them out")
    if partner is None and listen is None:
        raise UsageError("nobody to look at", remedy="Give HOST:PORT of a PLC that listens, or --listen PORT")
    if survey and partner is None:
        raise UsageError("--survey is for a PLC that listens", remedy="Give HOST:PORT, or leave --survey out")
    found = certificates(
        project=project, device=device, own=own, trust=trust, ca=ca, cert=cert, key=key, password_file=password_file
    )
    means = Means(
        known=found.known, addresses=addresses(), check_address=check_address, connect_timeout=connect_timeout,
        handshake_timeout=handshake_timeout, own_address=found.address,
    )  # fmt: skip
    answers: list[Answer] = []
    if partner is not None:
        target = place(partner)
        means = attrs.evolve(means, trust=found.believed("client"), own=found.shown("client"))
        seen, answers = _ask(target, means, pause if survey else None)
    else:
        here = place(listen or "0", own=True)
        seen = _wait(here, found, means, patience)
    findings = diagnosis.diagnose(seen)
    document = diagnosis.report(seen, findings, answers)
    if as_json:
        print_json(document)
    else:
        _print(seen, document, findings)
    if not document["healthy"]:
        raise typer.Exit(COULD_NOT_LOOK if findings and findings[0].cause in _OURS else 1)


def _ask(target: Target, means: Means, pause: float | None) -> tuple[Observation, list[Answer]]:
    async def conversation() -> tuple[Observation, list[Answer]]:
        seen = await diagnosis.ask(target.host, target.port, means)
        if pause is None or seen.opening is not diagnosis.Opening.CONNECTED:
            return seen, []
        note(diagnosis.WARNING.format(count=len(diagnosis.QUESTIONS)))
        return seen, [one async for one in diagnosis.survey(target.host, target.port, means, pause=pause)]

    return trio.run(conversation)


def _wait(here: Target, found: Certificates, means: Means, patience: float) -> Observation:
    believed, shown = found.believed("server"), found.shown("server")
    if shown is None:
        raise UsageError(
            "waiting for a PLC needs a certificate to show", where="--listen", status=0x80E9,
            remedy="Give --own ID with --project and --device, or --cert and --key",
        )  # fmt: skip
    means = attrs.evolve(means, trust=believed, own=shown, ask=believed is not None, listen_on=_address(here))

    def listening(port: int) -> None:
        note(f"waiting for a PLC on port {port}, at most {patience:g} s")

    return trio.run(partial(diagnosis.wait, here.port, means, patience=patience, listening=listening))


def _address(here: Target) -> IPv4Address | None:
    """The local address to listen on, None for all of them."""
    if here.host in {"0.0.0.0", "*"}:  # noqa: S104 - that is what None means
        return None
    if here.address is None:
        raise UsageError(
            f"{here.host!r} is no address of this computer",
            where="--listen",
            remedy="Write [ADDRESS:]PORT, such as 2000",
        )
    return here.address


# -- for people --------------------------------------------------------------------------------------------------------


def _print(seen: Observation, document: dict[str, Any], findings: tuple[Finding, ...]) -> None:
    say(f"{seen.where}: TCP {document['tcp']}")
    hello = document["client_hello"]
    if seen.role == "server" and hello is not None:
        say(f"  the PLC offers {', '.join(hello['versions'])}; groups {', '.join(hello['groups']) or 'none'}")
        say(f"  cipher suites {', '.join(hello['suites'])}")
    tls = document["tls"]
    if tls is not None and tls["complete"]:
        say(f"  {tls['version']}, {tls['suite']}, group {tls['group'] or 'unknown'}")
    for number, one in enumerate(tls["chain"] if tls is not None else ()):
        _print_certificate(number, one)
    if tls is not None and seen.role == "client":
        issuers = f", of {' or '.join(tls['accepted_issuers'])}" if tls["accepted_issuers"] else ""
        say(f"  client certificate: {'asked for' + issuers if tls['client_certificate_asked'] else 'not asked for'}")
    for answer in document.get("survey", ()):
        say(f"  {answer['kind']} {answer['offered']}: {'yes' if answer['agreed'] else 'no'} ({answer['told']})")
    if seen.trust is None and seen.tls.chain:
        say("  its issuer was not judged: give --project, --device and --trust ID, or --ca FILE")
    for one in findings:
        say(f"{one.level} {one.cause}: {one.failure.what} (STATUS {one.failure.status})")
        say(f"  {one.failure.remedy}")
    if not findings:
        say("healthy: nothing found")


def _print_certificate(number: int, facts: dict[str, Any]) -> None:
    if "unreadable" in facts:
        say(f"  certificate {number}: cannot be read ({facts['unreadable']})")
        return
    say(f"  certificate {number}: {facts['subject']}, issued by {facts['issuer']}, {facts['key']}")
    say(f"    valid {facts['valid_from'][:10]} to {facts['valid_to'][:10]}, SAN {', '.join(facts['san']) or 'none'}")
