"""`ouc send`: bytes to a passive partner, and what comes back."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Annotated, Any

import attrs
import trio
import typer

from ..errors import ConnectionLost, ParameterError, RemoteProtocolError
from ..params import Endpoint
from ..transport import Background, Opener, Wire, explain
from ._partners import CA, Cert, DeviceName, Key, Own, PasswordFile, ProjectFile, Target, Trusted, certificates, place
from ._projects import say
from ._wire import (
    Address,
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


def register(app: typer.Typer) -> None:
    """Add `ouc send` to the command."""
    app.command()(send)


def send(
    partner: Annotated[str, typer.Argument(metavar="HOST:PORT", help="A partner that listens.")],
    *,
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
    output: Save = None,
    echo: Annotated[bool, typer.Option("--echo", help="Wait for the same bytes to come back, and compare.")] = False,
    count: Count = 1,
    timeout: Seconds = 30.0,
    tls: TLSVersion = None,
    check_address: Address = True,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Send bytes to a partner that listens: from --hex, from --file, or from standard input.

    --count sends them N times over one connection. --output without --echo goes on receiving until the partner closes, at
    most --timeout seconds more. The exit status is 1, with STATUS and remedy on standard error, if anything fails.
    """
    target = place(partner)
    found = certificates(
        project=project, device=device, own=own, trust=reference_of(trust), ca=ca, cert=cert, key=key,
        password_file=password_file,
    )  # fmt: skip
    opens = opener(found, tls, plain=plain, trust=trust, active=True)
    warn_if_insecure(trust, plain=plain)
    data = read_input(file, text)
    if data is None:
        data = sys.stdin.buffer.read()
    if not data:
        raise ParameterError("nothing to send", status=0x8085, remedy="Give --hex or --file, or write to standard input")
    end = Endpoint(
        structure="TCON_IP_V4_SEC", connection_id=1, interface_id=0, connection_type=11, protocol="TCP", active=True,
        remote_address=target.address, remote_name=None if target.address is not None else target.host,
        remote_port=target.port, secure=not plain, check_subject_alternative_name=check_address,
        tls_server_cert_ref=found.trust or 0, tls_client_cert_ref=found.own,
    )  # fmt: skip
    job = _Job(opens, end, data, count or 1, echo=echo, collect=output is not None)
    result = run(job.run, target, timeout or 30.0)
    if output is not None:
        output.write_bytes(job.received)
    if as_json:
        say(json.dumps(result))
    else:
        back = f", {result['received']} received" if echo or output is not None else ""
        say(f"{result['sent']} bytes sent to {result['partner']}{back} ({result['tls']})")


@attrs.define
class _Job:
    """One connection's worth of sending."""

    opener: Opener
    end: Endpoint
    data: bytes
    count: int
    echo: bool = attrs.field(kw_only=True)
    collect: bool = attrs.field(kw_only=True)
    received: bytearray = attrs.field(factory=bytearray)

    async def run(self, target: Target, limit: float) -> dict[str, Any]:
        where = f"{target.host}:{target.port}"
        wire: Wire | None = None
        try:
            with trio.fail_after(limit):
                wire = await self.opener.open_active(self.end)
                await self._send(wire.stream)
            if self.collect and not self.echo:
                with trio.move_on_after(limit):
                    while piece := await wire.stream.receive_some(_PIECE):
                        self.received += piece
            await wire.stream.aclose()
        except trio.TooSlowError:
            raise ConnectionLost(
                f"not finished within {limit:g} s", status=0x80C7, where=where, remedy="Is the partner's receive block enabled?"
            ) from None
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise explain(error, where=where) from error
        finally:
            if wire is not None:
                wire.tcp.abort()
        return {
            "partner": wire.partner, "sent": self.count * len(self.data), "received": len(self.received),
            "tls": told(wire.facts),
        }  # fmt: skip

    async def _send(self, stream: trio.abc.Stream) -> None:
        for _ in range(self.count):
            if self.echo:
                await self._exchange(stream)
            else:
                await stream.send_all(self.data)

    async def _exchange(self, stream: trio.abc.Stream) -> None:
        """Send once and take as much back, both at the same time: an echo begins before the sending has ended."""
        back = bytearray()
        async with Background() as nursery:
            nursery.start_soon(self._say, stream)
            while len(back) < len(self.data):
                piece = await stream.receive_some(len(self.data) - len(back))
                if not piece:
                    raise trio.BrokenResourceError("the partner closed before all bytes had come back")
                back += piece
        self.received += back
        if back != self.data:
            at = next(index for index, (one, other) in enumerate(zip(back, self.data, strict=True)) if one != other)
            raise RemoteProtocolError(f"what came back differs from byte {at} on", remedy="Does the partner echo?")

    async def _say(self, stream: trio.abc.Stream) -> None:
        # A connection that breaks is noticed, and told, where the echo is awaited.
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(self.data)
