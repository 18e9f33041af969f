"""The plain way: a partner's address and a few files, no project.

The files are held in a device in memory; the same references, checks and verdicts as everywhere else stand behind it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import AddressValueError, IPv4Address
from typing import Any, NoReturn, Unpack

import attrs
import trio

from .. import arguments
from ..arguments import check
from ..certs import Device, open_device
from ..errors import ParameterError
from ..params import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4
from ..profiles import paused
from .connection import Connection
from .held import Held
from .options import Credentials, Dialling, Holding, Serving, check_options
from .station import Handler, Station, require_trio
from .tracebacks import entering, shortened

__all__ = ["connect", "hold", "serve", "serving"]


@attrs.frozen(kw_only=True)
class _Held:
    """What the credentials came to."""

    device: Device | None
    own: int
    trust: int
    verifies: bool
    plain: bool

    def __enter__(self) -> _Held:
        return self

    def __exit__(self, *_: object) -> None:
        if self.device is not None:
            self.device.close()


async def _resolve(given: Credentials, kind: type, *, server: bool = False) -> _Held:
    require_trio()
    check_options(given, kind)
    ca, cert, project, plain = given.get("ca"), given.get("cert"), given.get("project"), given.get("plain", False)
    named = [name for name in ("ca", "project") if given.get(name) is not None]
    if len(named) > 1 or (plain and (named or cert is not None or given.get("key") is not None)):
        names = " and ".join(["plain=True", "certificates"] if plain else named)
        raise ParameterError(f"{names} exclude each other", remedy="Leave one of them out")
    if not plain and project is None and (cert is None if server else ca is None):
        what, status = ("own certificate", 0x80E9) if server else ("certificate to verify the controller with", 0x80E4)
        remedy = (
            "Create one for this computer in the project and pass it as cert="
            if server
            else "Export the CA of the controller's certificate from TIA Portal and pass it as ca="
        )
        raise ParameterError(f"no {what}", status=status, where="cert" if server else "ca", remedy=remedy)
    own, trust = given.get("own", 0), given.get("trust")
    held: Device | None = None
    if project is not None:
        # Stretching the password takes its time; others go on meanwhile.
        held = await trio.to_thread.run_sync(_from_project, project, given.get("device"), given.get("password"))
    elif not plain:
        held = Device.from_files(
            ca=() if ca is None else ca, cert=cert, key=given.get("key"), password=given.get("password")
        )
        own = next(iter(held.own_ids), 0)
    return _Held(
        device=held, own=own, trust=trust or 0, verifies=ca is not None or trust is not None, plain=plain
    )  # fmt: skip


def _check_partner(host: Any, port: Any) -> None:
    check("host", host, arguments.HOST)
    check("port", port, arguments.PORT)


def _dialled(host: str | IPv4Address, port: int, found: _Held, options: Dialling) -> TCON_IP_V4_SEC | TCON_QDN_SEC:
    compared = options.get("check_address", True) and not found.plain
    local_port = options.get("local_port", 0)
    security: dict[str, Any] = {
        "ActivateSecureConn": not found.plain,
        "ExtTLSCapabilities": int(compared),
        "TLSServerCertRef": found.trust,
        "TLSClientCertRef": found.own,
    }
    try:
        address = IPv4Address(host)
    except AddressValueError:
        name = str(host)
        name = name if name.endswith(".") else name + "."
        by_name = TCON_QDN(remote_qdn=name, remote_port=port, local_port=local_port)
        return TCON_QDN_SEC(ConnPara=by_name, **security)
    by_address = TCON_IP_v4(RemoteAddress=address, RemotePort=port, LocalPort=local_port)
    return TCON_IP_V4_SEC(ConnPara=by_address, **security)


@entering
@asynccontextmanager
async def connect(host: str | IPv4Address, port: int, **options: Unpack[Dialling]) -> AsyncIterator[Connection]:
    """Connect to a controller's secure OUC port, once, for the body of the `async with`.

    Args:
        host: IPv4 address, or a name.
        port: The partner's LocalPort, 1 to 65535.
        options: `ca`, `cert`, `key` and so on: see `Dialling` and `Credentials`.

    Raises:
        ParameterError: A file or an argument is not what it should be.
        CertificateError: The trust does not work out, on this side or the other.
        ConnectionLost: The partner is not there, or has gone.
    """
    _check_partner(host, port)
    with await _resolve(options, Dialling) as found:
        async with Station(found.device) as station, station.connect(_dialled(host, port, found, options)) as connection:
            yield connection


@entering
@asynccontextmanager
async def hold(host: str | IPv4Address, port: int, **options: Unpack[Holding]) -> AsyncIterator[Held]:
    """As `connect`, but the connection comes back by itself whenever it is lost; see `Station.hold`.

    Args:
        host: IPv4 address, or a name.
        port: The partner's LocalPort, 1 to 65535.
        options: See `Holding`, `Dialling` and `Credentials`.

    Raises:
        ParameterError: A file or an argument is not what it should be.
        CertificateError: A reference names what the device does not have.
    """
    _check_partner(host, port)
    with await _resolve(options, Holding) as found:
        async with (
            Station(found.device, profile=paused(options.get("retry_first"), options.get("retry_max"))) as station,
            station.hold(
                _dialled(host, port, found, options), when_down=options.get("when_down", "raise"),
                patience=options.get("patience"), life_sign=options.get("life_sign"),
            ) as held,
        ):  # fmt: skip
            yield held


@entering
@asynccontextmanager
async def serving(port: int, handler: Handler, **options: Unpack[Serving]) -> AsyncIterator[Station]:
    """As `serve`, for the body of an `async with`, which begins when the port is open.

    Raises:
        OUCError: As `serve`.
    """
    check("port", port, arguments.PORT)
    with await _resolve(options, Serving, server=True) as found:
        require = options.get("require_client_certificate")
        description = TCON_IP_V4_SEC(
            ConnPara=TCON_IP_v4(
                ActiveEstablished=False, RemoteAddress=IPv4Address(options.get("partner", "0.0.0.0")), RemotePort=0,  # noqa: S104
                LocalPort=port,
            ),
            ActivateSecureConn=not found.plain,
            TLSServerReqClientCert=(found.verifies if require is None else require) and not found.plain,
            TLSServerCertRef=found.own,
            TLSClientCertRef=found.trust,
        )  # fmt: skip
        async with (
            Station(found.device, address=options.get("host")) as station,
            station.serving(description, handler, at_once=options.get("at_once")),
        ):
            yield station


@shortened
async def serve(port: int, handler: Handler, **options: Unpack[Serving]) -> NoReturn:
    """Be the server for any number of controllers, until cancelled; see `Station.serve`.

    Args:
        port: Local port, 1 to 65535.
        handler: Called with each partner's `Connection`, in a task of its own.
        options: See `Serving` and `Credentials`; a server needs `cert`, or a project with `own`.

    Raises:
        OUCError: A file or an argument is not what it should be, or the port cannot be opened.
    """
    async with serving(port, handler, **options):
        await trio.sleep_forever()
    raise AssertionError  # it sleeps until it is cancelled


def _from_project(path: str | os.PathLike[str], device: str | None, password: str | bytes | None) -> Device:
    if device is None:
        return Device.open(path, password=password)
    return open_device(path, device=device, password=password)
