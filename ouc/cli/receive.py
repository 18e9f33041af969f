"""`ouc receive`: what one partner sends, message by message."""

from __future__ import annotations

from typing import Annotated

import attrs
import typer

from ..api import Connection, Conversation, Station
from ..errors import ConnectionLost, OUCError
from ..params import Description
from ._end import End, Options, settle
from ._partners import CA, Cert, DeviceName, Key, Own, PasswordFile, ProjectFile, Trusted
from ._projects import note, say
from ._screen import Screen
from ._usage import CodePage, UsageError
from ._wire import (
    ISO,
    UDP,
    Address,
    Connect,
    Data,
    Json,
    LocalPort,
    LocalTSAP,
    Partner,
    Plain,
    RemoteTSAP,
    RetryFirst,
    RetryMax,
    Save,
    Seconds,
    TLSVersion,
    farewell,
    kept,
    layout,
    run,
)

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `ouc receive` to the command."""
    app.command()(receive)


def receive(
    local: Annotated[
        str | None,
        typer.Argument(metavar="[[HOST:]PORT]", help="Own address, all without HOST; port 0 for a free one."),
    ] = None,
    *,
    active: Annotated[bool, typer.Option("--active", help="Connect to HOST:PORT instead of waiting there.")] = False,
    connect: Connect = None,
    project: ProjectFile = None,
    device: DeviceName = None,
    own: Own = None,
    trust: Trusted = None,
    ca: CA = None,
    cert: Cert = None,
    key: Key = None,
    password_file: PasswordFile = None,
    require: Annotated[
        bool, typer.Option("--require-client-certificate", help="Ask for a client certificate and verify it.")
    ] = False,
    partner: Partner = None,
    data: Data = None,
    code_page: CodePage = "cp1252",
    size: Annotated[
        int | None,
        typer.Option("--size", min=1, max=16_777_216, metavar="N", help="Messages of N bytes; otherwise as they come."),
    ] = None,
    as_hex: Annotated[bool, typer.Option("--hex", help="Show all received bytes in hex.")] = False,
    output: Save = None,
    count: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after N messages.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End when the partner leaves.")] = False,
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
    """Wait for a partner, or connect to it with --active or where --connect says so, and show what it sends.

    The first line of an end that waits is `listening HOST:PORT`. When the partner leaves, the next one is waited for, or
    it is connected to again, unless --once is given. --output appends. TCP has no message boundaries: without --size and
    --data a message is what arrives at once. --timeout ends after S seconds, with exit status 1 if that was before
    --count.
    """
    _check_role(active=active, connect=connect, udp=udp, partner=partner, require=require)
    if check_address is not None and connect is None and not active:
        raise UsageError("only an active end checks addresses", where="--check-address", remedy="Leave it out")
    end = settle(
        Options(
            role="active" if active else "passive", target=local,
            connect=connect, project=project, device=device, own=own, trust=trust, ca=ca,
            cert=cert, key=key, password_file=password_file, tls=tls, plain=plain, iso=iso, udp=udp,
            local_tsap=local_tsap, remote_tsap=remote_tsap, partner=partner, require=require,
            check_address=check_address, retry_first=retry_first, retry_max=retry_max, local_port=local_port,
            code_page=code_page,
        )
    )  # fmt: skip
    if size is not None and data is not None:
        raise UsageError("--size and --data exclude each other", remedy="The block's size is that of its bytes")
    shape = layout(data, code_page) if data is not None else None
    with kept(output, "ab") as opened:
        screen = Screen(
            say=say, protocol=end.protocol, as_json=as_json, as_hex=as_hex, layout=shape, output=opened
        )  # fmt: skip
        receiver = _Receiver(end, screen, shape.layout.size if shape else size, count, once=once)
        try:
            in_time = run(lambda: screen.attend(receiver.run, timeout), screen.interrupt)
        except KeyboardInterrupt:
            screen.line(f"interrupted: {screen.messages} messages, {screen.received} bytes received")
            raise typer.Exit(screen.exit_status) from None
    if not in_time and count is None and not screen.messages:
        note(f"nothing came within {timeout or 0:g} s")
    if count is not None and screen.messages < count:
        why = f"came within {timeout or 0:g} s" if not in_time else "came before the partner left"
        raise ConnectionLost(
            f"only {screen.messages} of {count} messages {why}", status=0x80C5 if in_time else 0x80C7,
            where=local or str(connect),
        )  # fmt: skip


def _check_role(*, active: bool, connect: str | None, udp: bool, partner: str | None, require: bool) -> None:
    clashes = (
        (connect is not None, "--connect", "The description says who connects"),
        (udp, "--udp", "UDP has no connection: give the own port alone"),
        (partner is not None, "--partner", "HOST:PORT is the partner"),
        (require, "--require-client-certificate", "Only the end that waits asks for a client certificate"),
    )
    for clash, other, remedy in clashes if active else ():
        if clash:
            raise UsageError(f"--active and {other} exclude each other", remedy=remedy)


@attrs.define(eq=False)
class _Receiver:
    """One end that listens to one partner."""

    end: End
    screen: Screen
    size: int | None
    count: int | None
    once: bool = attrs.field(kw_only=True)

    async def run(self) -> None:
        """Receive until enough has come; with `once`, until the partner leaves."""
        async with self.end.running(self.screen.happened, self._listening, self.screen.stop) as (station, description):
            if self.end.udp:
                await self._datagrams(station, description)
            elif self.once:
                async with station.connect(description) as connection:
                    await self._only(connection)
            else:
                await self._each(station, description)

    def _listening(self, where: str) -> None:
        self.screen.state = f"listening {where}"
        self.screen.line(f"listening {where}")

    async def _datagrams(self, station: Station, description: Description) -> None:
        async with station.datagrams(description) as port:
            self._listening(f"{self.end.shown}:{port.local_port}")
            async for data, (host, number) in port:
                self.screen.message(f"{host}:{number}", data)
                if self._enough or self.once:
                    return

    async def _only(self, connection: Connection) -> None:
        self.screen.connected(connection.partner, connection.tls)
        async with farewell(connection):
            await self._take(connection)

    async def _each(self, station: Station, description: Description) -> None:
        async with station.hold(description) as held:
            async for connection in held:
                self.screen.connected(connection.partner, connection.tls)
                try:
                    await self._take(connection)
                except OUCError as error:
                    self.screen.fail("lost", connection.partner, error.failure)
                if self._enough:
                    return
                self.screen.state = "waiting for the partner"

    @property
    def _enough(self) -> bool:
        return self.count is not None and self.screen.messages >= self.count

    async def _take(self, connection: Conversation) -> None:
        """Messages of one partner, until it leaves or enough have come."""
        total = 0
        while not self._enough:
            try:
                data = await (connection.receive_some() if self.size is None else connection.receive(self.size))
            except ConnectionLost as error:
                if not connection.ended:
                    raise
                if connection.incomplete:
                    left = len(await connection.receive_some())
                    raise ConnectionLost(
                        f"the partner left in the middle of a message: {left} of {self.size} bytes had come",
                        status=error.status, where=connection.partner, remedy="Compare LEN of both sides",
                    ) from None
                break
            total += len(data)
            self.screen.message(connection.partner, data)
        self.screen.tell("closed", connection.partner, f"{total} bytes received", bytes=total)
