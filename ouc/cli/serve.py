"""`ouc serve`: a passive end for partners that connect, one after another or several at once."""

from __future__ import annotations

from typing import Annotated

import attrs
import typer

from ..api import Connection, Station
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
    Connect,
    Count,
    Data,
    Input,
    Json,
    LocalTSAP,
    Partner,
    Plain,
    RemoteTSAP,
    Save,
    Seconds,
    TLSVersion,
    farewell,
    kept,
    layout,
    read_input,
    run,
)

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `ouc serve` to the command."""
    app.command()(serve)


def serve(
    local: Annotated[
        str | None,
        typer.Argument(metavar="[[HOST:]PORT]", help="Own address, all without HOST; port 0 for a free one."),
    ] = None,
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
    require: Annotated[
        bool, typer.Option("--require-client-certificate", help="Ask for a client certificate and verify it.")
    ] = False,
    partner: Partner = None,
    data: Data = None,
    code_page: CodePage = "cp1252",
    as_hex: Annotated[bool, typer.Option("--hex", help="Show all received bytes in hex.")] = False,
    file: Input = None,
    output: Save = None,
    echo: Annotated[bool, typer.Option("--echo", help="Send back what is received.")] = False,
    count: Count = None,
    timeout: Seconds = None,
    tls: TLSVersion = None,
    check_address: Annotated[  # noqa: ARG001 - a server never checks it; the option is `ouc send`'s
        bool, typer.Option("--check-address/--no-check-address", help="Means nothing here: only clients check it.")
    ] = True,
    iso: ISO = False,
    udp: UDP = False,
    local_tsap: LocalTSAP = None,
    remote_tsap: RemoteTSAP = None,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Wait for partners that connect, and show what they send.

    The first line is `listening HOST:PORT`. Partners may come one after another and several at once; one that is refused
    is told with its STATUS and disturbs nobody. --count ends after N partners have come and gone (with --udp: after N
    datagrams); --timeout ends after S seconds, with exit status 1 if that was before --count. --file is sent to each
    partner at once.
    """
    end = settle(
        Options(
            role="passive", target=local, connect=connect, project=project, device=device, own=own, trust=trust, ca=ca,
            cert=cert, key=key, password_file=password_file, tls=tls, plain=plain, iso=iso, udp=udp,
            local_tsap=local_tsap, remote_tsap=remote_tsap, partner=partner, require=require,
            code_page=code_page,
        )
    )  # fmt: skip
    if end.active:
        raise UsageError(
            "only a passive end serves", where=str(connect), remedy="Set ActiveEstablished to FALSE, or use `ouc send`"
        )
    shape = layout(data, code_page) if data is not None else None
    greeting = read_input(file, None) or b""
    if greeting and end.udp:
        raise UsageError("--file and --udp exclude each other", remedy="A datagram has no beginning to greet at")
    with kept(output, "wb") as opened:
        screen = Screen(
            say=say, protocol=end.protocol, as_json=as_json, as_hex=as_hex, layout=shape, output=opened
        )  # fmt: skip
        server = _Server(end, screen, greeting, echo=echo, count=count)
        try:
            in_time = run(lambda: screen.attend(server.run, timeout), screen.interrupt)
        except KeyboardInterrupt:
            screen.line(f"interrupted: {screen.received} bytes received, partners served: {server.served}")
            raise typer.Exit(screen.exit_status) from None
    if not in_time and count is None and not server.served:
        note(f"no {'datagram' if end.udp else 'partner'} came within {timeout or 0:g} s")
    if not in_time and count is not None:
        what = "datagrams" if end.udp else "partners"
        raise ConnectionLost(
            f"only {server.served} of {count} {what} came within {timeout or 0:g} s", status=0x80C7,
            where=local or str(connect),
        )  # fmt: skip


@attrs.define(eq=False)
class _Server:
    """The passive end, until enough partners have come."""

    end: End
    screen: Screen
    greeting: bytes
    echo: bool = attrs.field(kw_only=True)
    count: int | None = attrs.field(kw_only=True)
    served: int = 0
    _present: int = 0
    _where: str = ""

    async def run(self) -> None:
        """Serve until it is cancelled, or `count` is reached."""
        async with self.end.running(self.screen.happened, self._listening, self.screen.stop) as (station, description):
            if self.end.udp:
                await self._datagrams(station, description)
            else:
                await station.serve(description, self._attend)

    def _look(self) -> None:
        self.screen.state = f"partners: {self._present}" if self._present else f"listening {self._where}"

    def _listening(self, where: str) -> None:
        self._where = where
        self._look()
        self.screen.line(f"listening {where}")

    async def _datagrams(self, station: Station, description: Description) -> None:
        async with station.datagrams(description) as port:
            self._listening(f"{self.end.shown}:{port.local_port}")
            async for data, (host, number) in port:
                self.screen.message(f"{host}:{number}", data)
                if self.echo:
                    try:
                        await port.send(data, (host, number))
                    except OUCError as error:
                        self.screen.fail("lost", f"{host}:{number}", error.failure)
                self._count()

    async def _attend(self, connection: Connection) -> None:
        """Take what comes until the partner closes."""
        self._present += 1
        self.screen.connected(connection.partner, connection.tls)
        self._look()
        try:
            async with farewell(connection):
                await self._converse(connection)
        except OUCError as error:
            self.screen.fail("lost", connection.partner, error.failure)
        finally:
            self._present -= 1
            self._look()
        self._count()

    async def _converse(self, connection: Connection) -> None:
        screen, layout = self.screen, self.screen.layout
        if self.greeting:
            await connection.send(self.greeting)
            screen.sent += len(self.greeting)
        while True:
            try:
                data = await (connection.receive_some() if layout is None else connection.receive(layout.layout.size))
            except ConnectionLost:
                if connection.ended and not connection.incomplete:
                    break
                raise
            screen.message(connection.partner, data)
            if self.echo:
                await connection.send(data)
                screen.sent += len(data)
        total = connection.facts.received
        screen.tell("closed", connection.partner, f"{total} bytes received", bytes=total)
        await connection.aclose()

    def _count(self) -> None:
        self.served += 1
        if self.count is not None and self.served >= self.count:
            self.screen.finish()
