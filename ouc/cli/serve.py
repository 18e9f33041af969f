"""`ouc serve`: a passive end for partners that connect, one after another or several at once."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import attrs
import trio
import typer

from ..errors import ConnectionLost, OUCError, ParameterError
from ..params import Endpoint
from ..tls import resolve_credentials
from ..transport import Listener, Opener, TCPStream, Wire, explain, listen
from ._partners import CA, Cert, DeviceName, Key, Own, PasswordFile, ProjectFile, Target, Trusted, certificates, place
from ._projects import say
from ._wire import (
    ANY,
    Count,
    Input,
    Json,
    Plain,
    Save,
    Seconds,
    TLSVersion,
    opener,
    read_input,
    reference_of,
    run,
    told,
    warn_if_insecure,
)

__all__ = ["register"]

_PIECE = 65_536
# Partners at once, those in handshake included; a CPU 1516 has 128 connections.
_AT_ONCE = 128
# Bytes of a piece that a line shows.
_SHOWN = 64


def register(app: typer.Typer) -> None:
    """Add `ouc serve` to the command."""
    app.command()(serve)


def serve(
    local: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Own address, 0.0.0.0 for all; port 0 for a free one.")],
    *,
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
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Wait for partners that connect, and show what they send.

    The first line is `listening HOST:PORT`. Partners may come one after another and several at once; one that is refused
    is told with its STATUS and disturbs nobody. --count ends after N partners have come and gone; --timeout ends after S
    seconds, with exit status 1 if that was before --count. --file is sent to each partner at once.
    """  # fmt: skip
    target = place(local, free=True)
    if require and (trust == ANY or plain):
        raise ParameterError("--require-client-certificate verifies a partner", remedy=f"Leave out --plain and --trust {ANY}")
    found = certificates(
        project=project, device=device, own=own, trust=reference_of(trust), ca=ca, cert=cert, key=key,
        password_file=password_file,
    )  # fmt: skip
    opens = opener(found, tls, plain=plain, trust=trust, active=False)
    if require and not found.trusts:
        raise ParameterError("nothing to verify partners with", status=0x80E4, remedy="Give --ca FILE")
    end = Endpoint(
        structure="TCON_IP_V4_SEC", connection_id=1, interface_id=0, connection_type=11, protocol="TCP", active=False,
        local_port=target.port, secure=not plain, request_client_certificate=require, tls_server_cert_ref=found.own,
        tls_client_cert_ref=found.trust or 0,
    )  # fmt: skip
    if not plain:
        # Now, not when the first partner is there.
        resolve_credentials(
            opens.store(), active=False, server_reference=found.own, client_reference=found.trust or 0,
            request_client_certificate=require,
        )  # fmt: skip
    greeting = read_input(file, None)
    warn_if_insecure(trust, plain=plain)
    with _opened(output) as kept:
        server = _Server(opens, end, kept, greeting or b"", echo=echo, as_hex=as_hex, as_json=as_json, count=count)
        ended = run(server.run, target, timeout)
    if not ended and count is not None:
        raise ConnectionLost(
            f"only {server.served} of {count} partners came within {timeout or 0:g} s", status=0x80C7, where=local
        )


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO | None]:
    if output is None:
        yield None
    else:
        with output.open("wb") as file:
            yield file


@attrs.define(eq=False)
class _Server:
    """The passive end, until enough partners have come or the time is over."""

    opener: Opener
    end: Endpoint
    output: BinaryIO | None
    greeting: bytes
    echo: bool = attrs.field(kw_only=True)
    as_hex: bool = attrs.field(kw_only=True)
    as_json: bool = attrs.field(kw_only=True)
    count: int | None = attrs.field(kw_only=True)
    served: int = 0
    trouble: OSError | None = None
    _present: int = 0

    async def run(self, target: Target, limit: float | None) -> bool:
        """Serve; False if the time was over first."""
        try:
            listener = listen(self._address(target), target.port)
        except OSError as error:
            raise explain(error, where=f"{target.host}:{target.port}") from error
        with listener, trio.move_on_after(limit if limit is not None else math.inf) as scope:
            say(f"listening {target.host}:{listener.port}")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._guarded, partial(self._accept, listener, nursery), nursery)
        if self.trouble is not None:
            raise self.trouble
        return not scope.cancelled_caught

    async def _guarded(self, work: Callable[[], Awaitable[None]], nursery: trio.Nursery) -> None:
        """What goes wrong on this computer (a full disk, nobody reading our lines) ends the command, and not in a group."""
        try:
            await work()
        except OSError as error:
            self.trouble = self.trouble or error
            nursery.cancel_scope.cancel()

    def _address(self, target: Target) -> IPv4Address | None:
        if target.address is None:
            raise ParameterError(f"{target.host!r} is no own IPv4 address", remedy="Write 0.0.0.0:2000 for all of them")
        return None if int(target.address) == 0 else self.opener.addresses.to_local(target.address)

    async def _accept(self, listener: Listener, nursery: trio.Nursery) -> None:
        while True:
            tcp = await listener.accept()
            if self._present >= _AT_ONCE:
                tcp.abort()
            else:
                self._present += 1
                nursery.start_soon(self._guarded, partial(self._welcome, tcp, nursery), nursery)

    async def _welcome(self, tcp: TCPStream, nursery: trio.Nursery) -> None:
        where = self.opener.partner_of(tcp)
        try:
            # Whoever is refused was no partner, and does not count.
            wire = await self._open(tcp, where)
            if wire is None:
                return
            try:
                await self._attend(wire)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._fail("lost", where, explain(error, where=where))
            finally:
                wire.tcp.abort()
        finally:
            self._present -= 1
        self.served += 1
        if self.count is not None and self.served >= self.count:
            nursery.cancel_scope.cancel()

    async def _open(self, tcp: TCPStream, where: str) -> Wire | None:
        try:
            wire = await self.opener.open_passive(self.end, tcp)
        except OUCError as error:
            self._fail("refused", where, error)
            return None
        self._tell("connected", wire.partner, told(wire.facts))
        return wire

    async def _attend(self, wire: Wire) -> None:
        """Take what comes until the partner closes."""
        total = 0
        if self.greeting:
            await wire.stream.send_all(self.greeting)
        while piece := bytes(await wire.stream.receive_some(_PIECE)):
            total += len(piece)
            if self.output is not None:
                self.output.write(piece)
                self.output.flush()
            self._received(wire.partner, piece)
            if self.echo:
                await wire.stream.send_all(piece)
        self._tell("closed", wire.partner, f"{total} bytes received", bytes=total)
        await wire.stream.aclose()

    # -- lines ---------------------------------------------------------------------------------------------------------

    def _tell(self, event: str, partner: str, detail: str, **members: Any) -> None:
        if self.as_json:
            say(json.dumps({"event": event, "partner": partner, "detail": detail, **members}))
        else:
            say(f"{event} {partner}: {detail}")

    def _received(self, partner: str, piece: bytes) -> None:
        shown = piece if self.as_hex else piece[:_SHOWN]
        text = shown.hex(" ") if self.as_hex else "".join(chr(one) if 32 <= one < 127 else "." for one in shown)
        self._tell(
            "received", partner, f"{len(piece)} bytes: {text}{'' if len(shown) == len(piece) else ' …'}", bytes=len(piece)
        )

    def _fail(self, event: str, partner: str, error: OUCError) -> None:
        failure = error.failure
        status = None if failure.status is None else str(failure.status)
        detail = failure.what if self.as_json else str(attrs.evolve(failure, where=""))
        self._tell(event, partner, detail, status=status, remedy=failure.remedy)
