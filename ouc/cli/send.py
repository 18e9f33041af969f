"""`ouc send`: bytes or a data block to a partner, and what comes back."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Protocol

import attrs
import trio
import typer

from .. import causes
from ..api import Connection, Datagrams, Held, Station
from ..causes import End as Ending
from ..causes import Evidence, Opening
from ..connection import LinkEvent
from ..errors import ConnectionLost, OUCError, ParameterError, RemoteProtocolError
from ..params import Description
from ..station import Happening
from ..tls import TLSFacts
from ..transport import Background
from ._descriptions import block_at
from ._end import End, Options, settle
from ._members import assign
from ._partners import CA, Cert, DeviceName, Key, Own, PasswordFile, ProjectFile, Trusted
from ._projects import note, say
from ._screen import Screen, told
from ._usage import CodePage, UsageError
from ._wire import (
    ISO,
    UDP,
    Address,
    Connect,
    Count,
    Input,
    Json,
    LocalPort,
    LocalTSAP,
    Plain,
    RemoteTSAP,
    RetryFirst,
    RetryMax,
    Save,
    Seconds,
    TLSVersion,
    farewell,
    kept,
    read_input,
    run,
)

__all__ = ["register"]

_PIECE = 65_536
# Seconds in which a partner that expects TLS answers plain bytes; ours.
_REACTION = 0.3
# Seconds for all of it, unless --timeout says otherwise or a connection is kept up.
_LIMIT = 30.0


class WhenDown(StrEnum):
    """What becomes of a message while a connection that is kept up is down."""

    refuse = "raise"
    wait = "wait"
    latest = "latest"


def register(app: typer.Typer) -> None:
    """Add `ouc send` to the command."""
    app.command()(send)


def send(
    partner: Annotated[str | None, typer.Argument(metavar="[HOST:PORT]", help="A partner that listens.")] = None,
    *,
    connect: Connect = None,
    project: ProjectFile = None,
    device: DeviceName = None,
    own: Own = None,
    trust: Trusted = None,
    ca: CA = None,
    cert: Cert = None,
    key: Key = None,
    password_file: PasswordFile = None,
    text: Annotated[str | None, typer.Option("--hex", metavar="HEX", help="Send these bytes.")] = None,
    file: Input = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="FILE[#BLOCK]", help="Send this data block, with the start values of its source."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a member of --data first; may be repeated."),
    ] = None,
    output: Save = None,
    code_page: CodePage = "cp1252",
    echo: Annotated[bool, typer.Option("--echo", help="Wait for the same bytes to come back, and compare.")] = False,
    count: Count = None,
    hold: Annotated[bool, typer.Option("--hold", help="Keep the connection up until Ctrl-C or --timeout.")] = False,
    repeat: Annotated[
        float | None,
        typer.Option("--repeat", min=0.0, metavar="S", help="Send every S seconds; keeps the connection up."),
    ] = None,
    when_down: Annotated[
        WhenDown | None,
        typer.Option("--when-down", help="With --hold or --repeat: a message while the connection is down; else wait."),
    ] = None,
    retry_first: RetryFirst = None,
    retry_max: RetryMax = None,
    timeout: Seconds = None,
    tls: TLSVersion = None,
    check_address: Address = None,
    iso: ISO = False,
    udp: UDP = False,
    local_tsap: LocalTSAP = None,
    remote_tsap: RemoteTSAP = None,
    local_port: LocalPort = None,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Send bytes to a partner: a data block, --hex, --file, or standard input.

    --count sends them N times over one connection, 1 by default and without end under --repeat. --output without --echo
    goes on receiving until the partner closes, at most --timeout seconds more (30). The exit status is 1, with STATUS and
    remedy on standard error, if anything fails.
    """
    holds = hold or repeat is not None
    end = settle(
        Options(
            role="active", target=partner, connect=connect, project=project, device=device, own=own, trust=trust, ca=ca,
            cert=cert, key=key, password_file=password_file, tls=tls, plain=plain, iso=iso, udp=udp,
            local_tsap=local_tsap, remote_tsap=remote_tsap, local_port=local_port, check_address=check_address,
            retry_first=retry_first, retry_max=retry_max, code_page=code_page,
        )
    )  # fmt: skip
    if connect is not None and not end.active and not end.udp:
        note(f"{connect} is passive: the partner has to connect; `ouc partner {connect}` makes the other side")
    _check(end, hold=hold, holds=holds, echo=echo, when_down=when_down)
    if not holds and (retry_first is not None or retry_max is not None):
        raise UsageError("--retry-first is about a connection that is kept up", remedy="Give --hold or --repeat")
    message = _message(file, text, data, values or [], code_page)
    if count is None and repeat is None:
        count = 1
    with kept(output, "wb") as opened:
        screen = Screen(say=say, protocol=end.protocol, as_json=as_json, announces=holds and not end.udp)
        job = _Job(
            end, screen, message, count, echo=echo, output=opened, every=repeat, when_down=(when_down or WhenDown.wait).value
        )
        limit = timeout or (None if holds else _LIMIT)
        try:
            # Collecting begins a time of its own: this command keeps its limits itself.
            in_time = run(
                lambda: screen.attend(lambda: job.run(limit, holds=holds), limit if holds else None), screen.interrupt
            )
        except KeyboardInterrupt:
            _summary(screen, job, as_json=as_json, interrupted=True)
            raise typer.Exit(screen.exit_status) from None
    if not in_time and count is not None and screen.messages < count:
        raise ConnectionLost(
            f"only {screen.messages} of {count} messages were sent within {limit or 0:g} s", status=0x80C7,
            where=partner or str(connect),
        )  # fmt: skip
    _summary(screen, job, as_json=as_json)
    if screen.trouble is not None:
        raise screen.trouble


def _check(end: End, *, hold: bool, holds: bool, echo: bool, when_down: WhenDown | None) -> None:
    clashes = (
        (holds and echo, "--echo and a connection that is kept up exclude each other", "Leave out --hold and --repeat"),
        (when_down is not None and not holds, "--when-down is about a connection that is kept up", "Give --hold or --repeat"),
        (end.udp and hold, "--hold and UDP exclude each other", "UDP has no connection; --repeat goes with it"),
        (end.udp and when_down is not None, "--when-down and UDP exclude each other", "UDP has no connection"),
    )
    for clash, what, remedy in clashes:
        if clash:
            raise UsageError(what, remedy=remedy)
    if end.udp and end.partner is None:
        raise UsageError("no partner is named", where="HOST:PORT", remedy="Name who is to get the datagrams")


def _message(file: Path | None, text: str | None, data: str | None, values: list[str], code_page: str) -> bytes:
    """What is to be sent."""
    if data is not None:
        if file is not None or text is not None:
            raise UsageError("--data excludes --file and --hex", remedy="Leave one of them out")
        block = block_at(data, code_page=code_page).data()
        for assignment in values:
            assign(block, assignment, where=data)
        return bytes(block)
    if values:
        raise UsageError("--set changes members of a data block", where="--set", remedy="Give --data FILE as well")
    found = read_input(file, text)
    if found is None:
        found = sys.stdin.buffer.read()
    if not found:
        raise ParameterError("nothing to send", status=0x8085, remedy="Give --hex or --file, or write to standard input")
    return found


def _summary(screen: Screen, job: _Job, *, as_json: bool, interrupted: bool = False) -> None:
    received = screen.received
    if as_json:
        result: dict[str, Any] = {
            "partner": job.partner, "sent": screen.sent, "received": received, "tls": told(job.tls, screen.protocol),
        }  # fmt: skip
        if job.dropped:
            result["dropped"] = job.dropped
        if interrupted and job.under_way:
            result["under_way"] = job.under_way
        screen.line(json.dumps(result))
        return
    back = f", {received} received" if job.echo or job.output is not None else ""
    lost = f", {job.dropped} messages dropped" if job.dropped else ""
    begun = "interrupted: " if interrupted else ""
    cut = f", a message of {job.under_way} bytes was under way" if interrupted and job.under_way else ""
    if job.partner:
        screen.line(f"{begun}{screen.sent} bytes sent to {job.partner}{cut}{back}{lost} ({told(job.tls, screen.protocol)})")
    elif interrupted:
        note("interrupted before anything was sent")


class _Line(Protocol):
    """What one connection and one UDP partner have in common."""

    @property
    def partner(self) -> str: ...

    @property
    def tls(self) -> TLSFacts | None: ...

    async def send(self, data: Any) -> None: ...

    async def receive_some(self, limit: int = ...) -> bytes: ...


@attrs.frozen
class _Letters:
    """Datagrams to and from one partner."""

    port: Datagrams
    to: tuple[str, int]
    tls: TLSFacts | None = None

    @property
    def partner(self) -> str:
        return f"{self.to[0]}:{self.to[1]}"

    async def send(self, data: Any) -> None:
        await self.port.send(data, self.to)

    async def receive_some(self, limit: int = _PIECE) -> bytes:  # noqa: ARG002 - a datagram comes whole
        data, _ = await self.port.receive()
        return data


@attrs.define(eq=False)
class _Job:
    """One command's worth of sending."""

    end: End
    screen: Screen
    data: bytes
    count: int | None
    echo: bool = attrs.field(kw_only=True)
    output: BinaryIO | None = attrs.field(kw_only=True)
    every: float | None = attrs.field(kw_only=True)
    when_down: Any = attrs.field(kw_only=True)
    partner: str = ""
    tls: TLSFacts | None = None
    dropped: int = 0
    # Bytes of the message that is being sent, 0 between two.
    under_way: int = 0

    async def run(self, limit: float | None, *, holds: bool) -> None:
        async with self.end.running(self._happened, self._listening, self.screen.stop) as (station, description):
            if holds and not self.end.udp:
                async with station.hold(description, when_down=self.when_down) as held:
                    await self._keep_sending(held)
            elif holds:
                async with self._line(station, description) as line:
                    await self._repeat(line)
            else:
                await self._once(station, description, limit or _LIMIT)

    def _listening(self, where: str) -> None:
        # A passive end that speaks first: its partner has to know where.
        self.screen.state = f"listening {where}"
        note(f"listening {where}")

    def _happened(self, happening: Happening) -> None:
        """A connection that is kept up tells what happens to it; otherwise failures are raised."""
        if not self.screen.announces:
            return
        if happening.event is LinkEvent.UP:
            self.partner, self.tls = happening.partner, happening.facts
            self.screen.connected(happening.partner, happening.facts)
        elif happening.event is LinkEvent.LOST and happening.failure is not None:
            self.screen.state = "the connection is down"
            self.screen.fail("lost", happening.partner, happening.failure)
        else:
            self.screen.happened(happening)

    @asynccontextmanager
    async def _line(self, station: Station, description: Description) -> AsyncIterator[_Line]:
        if self.end.udp:
            assert self.end.partner is not None  # noqa: S101 - `_check` has looked
            async with station.datagrams(description) as port:
                letters = _Letters(port, self.end.partner)
                self._met(letters)
                yield letters
            return
        async with station.connect(description) as connection:
            self._met(connection)
            async with farewell(connection):
                yield connection

    def _met(self, line: _Line) -> None:
        self.partner, self.tls = line.partner, line.tls
        self.screen.state = f"connected {line.partner}"

    def _received(self, data: bytes) -> None:
        self.screen.received += len(data)
        output = self.output
        if output is not None:
            self.screen.guarded(lambda: (output.write(data), output.flush()))

    # -- once ----------------------------------------------------------------------------------------------------------

    async def _once(self, station: Station, description: Description, limit: float) -> None:
        where = self.partner_named
        try:
            with trio.fail_after(limit) as scope:
                async with self._line(station, description) as line:
                    for _ in range(self.count or 1):
                        await (self._exchange(line) if self.echo else self._say(line))
                    if self.output is not None and not self.echo:
                        scope.deadline = math.inf
                        await self._collect(line, limit)
                    elif isinstance(line, Connection) and line.tls is None and self.end.protocol == "TCP" and not self.echo:
                        await self._listen_for_refusal(line)
        except trio.TooSlowError:
            if not self.partner and not self.end.endpoint.active and not self.end.udp:
                raise self._nobody(limit) from None
            raise ConnectionLost(
                f"not finished within {limit:g} s", status=0x80C7, where=where, remedy="Is the partner's receive block enabled?"
            ) from None

    async def _listen_for_refusal(self, line: Connection) -> None:
        """Whoever expects TLS resets plain bytes at once, or answers with a record; that must not count as delivered."""
        end = self.end.endpoint
        seen = Evidence(
            plain=True, where=line.partner, port=end.remote_port, role="client" if end.active else "server",
        )  # fmt: skip
        with trio.move_on_after(_REACTION):
            try:
                said = await line.receive_some(_PIECE)
            except ConnectionLost:
                if line.ended:
                    return
                raise causes.named("plain-refused", attrs.evolve(seen, end=Ending.RESET)) from None
            if (row := causes.find(attrs.evolve(seen, first=said[:16]))) is not None and row.cause == "tls-expected":
                raise row.kind.of(row.failure(seen))

    def _nobody(self, limit: float) -> OUCError:
        port = self.end.endpoint.local_port
        seen = Evidence(role="server", opening=Opening.NOBODY, where=f"local port {port}", port=port, limit=limit)
        return ConnectionLost.of(attrs.evolve(causes.failure(seen), closer=causes.closer("server", "", port) if port else ""))

    @property
    def partner_named(self) -> str:
        """The partner as the description has it, before it is known."""
        end = self.end.endpoint
        return f"{end.remote_address or end.remote_name}:{end.remote_port}"

    async def _say(self, line: _Line) -> None:
        await self._send_whole(line)
        self.screen.messages += 1
        self.screen.sent += len(self.data)

    async def _collect(self, line: _Line, limit: float) -> None:
        with trio.move_on_after(limit):
            while True:
                try:
                    self._received(await line.receive_some(_PIECE))
                except ConnectionLost:
                    if getattr(line, "ended", False):
                        return
                    raise

    async def _exchange(self, line: _Line) -> None:
        """Send once and take as much back, both at the same time: an echo begins before the sending has ended."""
        back = bytearray()
        async with Background() as nursery:
            nursery.start_soon(self._say_quietly, line)
            while len(back) < len(self.data):
                # A message that is longer is a wrong echo, and has to be seen to be told.
                back += await line.receive_some(_PIECE if self.end.messages else len(self.data) - len(back))
        self._received(bytes(back))
        if back != self.data:
            pairs = enumerate(zip(back, self.data, strict=False))
            at = next((index for index, (one, other) in pairs if one != other), len(self.data))
            raise RemoteProtocolError(f"what came back differs from byte {at} on", remedy="Does the partner echo?")

    async def _say_quietly(self, line: _Line) -> None:
        # A connection that breaks is noticed, and told, where the echo is awaited.
        with contextlib.suppress(ConnectionLost):
            await self._say(line)

    # -- kept up -------------------------------------------------------------------------------------------------------

    async def _keep_sending(self, held: Held) -> None:
        async with Background() as nursery:
            nursery.start_soon(self._drain, held)
            if self.when_down == "raise":
                await _first(held)
            await self._repeat(held)
            if self.when_down == "latest":
                await held.bell.until(lambda: self._poured(held))
                self._settle(held)
            if self.every is None:
                await trio.sleep_forever()

    async def _repeat(self, line: _Line | Held) -> None:
        number = 0
        while self.count is None or number < self.count:
            if number:
                await trio.sleep(self.every or 0.0)
            number += 1
            await self._send_held(line)

    async def _send_whole(self, line: _Line | Held) -> None:
        self.under_way = len(self.data)
        await line.send(self.data)
        # Only then: an interruption in the middle is told.
        self.under_way = 0

    async def _send_held(self, line: _Line | Held) -> None:
        try:
            await self._send_whole(line)
        except ConnectionLost as error:
            if self.when_down == "raise":
                raise
            # On its way when the connection broke; the loss itself is told where it happened.
            self.dropped += 1
            self.under_way = 0
            self.screen.failure = error.failure
            return
        if isinstance(line, Held) and self.when_down == "latest":
            self._settle(line)
            return
        self.screen.messages += 1
        self.screen.sent += len(self.data)

    def _settle(self, held: Held) -> None:
        """Under `latest` the connection knows what has left."""
        self.dropped = held.dropped
        self.screen.sent = held.link.sent
        self.screen.messages = held.link.sent // len(self.data) + held.dropped

    def _poured(self, held: Held) -> bool:
        return held.link.sent // len(self.data) + held.dropped >= (self.count or 0)

    async def _drain(self, held: Held) -> None:
        """A partner that answers must not find its window closed."""
        async for connection in held:
            # How it ended is told where it happened.
            with contextlib.suppress(OUCError):
                while True:
                    self._received(await connection.receive_some())


async def _first(held: Held) -> None:
    """Wait for the first establishment; the first refusal is the answer."""
    async for change in held.changes():
        if change.event is LinkEvent.UP:
            return
        if change.failure is not None:
            raise OUCError.of(change.failure)
