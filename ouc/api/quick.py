"""The plain way: a partner's address and a few files, no project.

The files are held in a device in memory; the same references, checks and verdicts as everywhere else stand behind it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import AddressValueError, IPv4Address
from typing import Any, NoReturn, TypeAlias, TypedDict, Unpack

import attrs
import trio

from ..certs import Device, Project
from ..errors import ParameterError
from ..params import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4
from .connection import Connection
from .held import Held, LifeSign, WhenDown
from .station import Handler, Station

__all__ = ["Credentials", "Material", "connect", "hold", "serve", "serving"]

Material: TypeAlias = str | os.PathLike[str] | bytes


class Credentials(TypedDict, total=False):
    """Where certificates come from.

    Attributes:
        ca: Certificates to verify the partner with: the CA that issued its certificate with every intermediate, or its
            self-signed certificate. PEM, DER or PKCS#12, as paths or bytes.
        cert: Own certificate. A client needs one where the controller asks for it (TLSServerReqClientCert), a server always.
        key: Its private key; may be left out where `cert` is a PEM with the key in it, or a PKCS#12 archive.
        password: Of the key, the archive, the project or the device file.
        project: Instead of `ca`, `cert` and `key`: a project file together with `device`, or a device file that was
            carried away (`ouc device download`) without it.
        device: Whose certificates in the project to use.
        trust: ID of the certificate to verify the partner with; 0 for every CA on the device.
        own: ID of the own certificate; 0 for none.
        plain: An unsecured connection; `ca`, `cert`, `key` and `project` must be absent then.
    """

    ca: Material | Sequence[Material] | None
    cert: Material | None
    key: Material | None
    password: str | bytes | None
    project: str | os.PathLike[str] | None
    device: str | None
    trust: int
    own: int
    plain: bool


@attrs.frozen(kw_only=True)
class _Held:
    """What the credentials came to."""

    device: Device | None
    own: int
    trust: int
    verifies: bool
    plain: bool


async def _resolve(given: Credentials, *, server: bool = False) -> _Held:
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
        source = ca if ca is not None else cert
        assert source is not None  # noqa: S101 - one of them was asked for above
        held = Device.from_files(ca=source, cert=cert, key=given.get("key"), password=given.get("password"))
        own = next(iter(held.own_ids), 0)
    return _Held(
        device=held, own=own, trust=trust or 0, verifies=ca is not None or trust is not None, plain=plain
    )  # fmt: skip


def _dialled(
    host: str, port: int, found: _Held, *, check_address: bool, local_port: int
) -> TCON_IP_V4_SEC | TCON_QDN_SEC:
    security: dict[str, Any] = {
        "ActivateSecureConn": not found.plain,
        "ExtTLSCapabilities": int(check_address and not found.plain),
        "TLSServerCertRef": found.trust,
        "TLSClientCertRef": found.own,
    }
    try:
        address = IPv4Address(host)
    except AddressValueError:
        name = host if host.endswith(".") else host + "."
        by_name = TCON_QDN(remote_qdn=name, remote_port=port, local_port=local_port)
        return TCON_QDN_SEC(ConnPara=by_name, **security)
    by_address = TCON_IP_v4(RemoteAddress=address, RemotePort=port, LocalPort=local_port)
    return TCON_IP_V4_SEC(ConnPara=by_address, **security)


@asynccontextmanager
async def connect(
    host: str, port: int, *, check_address: bool = True, local_port: int = 0, **credentials: Unpack[Credentials]
) -> AsyncIterator[Connection]:
    """Connect to a controller's secure OUC port, once, for the body of the `async with`.

    Args:
        host: IPv4 address, or a name.
        port: The partner's LocalPort, 1 to 65535.
        check_address: Compare `host` with the subjectAltName of the controller's certificate.
        local_port: Local port, 0 lets the system choose.
        credentials: See `Credentials`.

    Raises:
        ParameterError: A file or an argument is not what it should be.
        CertificateError: The trust does not work out, on this side or the other.
        ConnectionLost: The partner is not there, or has gone.
    """
    found = await _resolve(credentials)
    description = _dialled(host, port, found, check_address=check_address, local_port=local_port)
    async with Station(found.device) as station, station.connect(description) as connection:
        yield connection


@asynccontextmanager
async def hold(
    host: str,
    port: int,
    *,
    when_down: WhenDown = "raise",
    patience: float | None = None,
    life_sign: LifeSign | None = None,
    check_address: bool = True,
    local_port: int = 0,
    **credentials: Unpack[Credentials],
) -> AsyncIterator[Held]:
    """As `connect`, but the connection comes back by itself whenever it is lost; see `Station.hold`.

    Raises:
        ParameterError: A file or an argument is not what it should be.
        CertificateError: A reference names what the device does not have.
    """
    found = await _resolve(credentials)
    description = _dialled(host, port, found, check_address=check_address, local_port=local_port)
    async with (
        Station(found.device) as station,
        station.hold(description, when_down=when_down, patience=patience, life_sign=life_sign) as held,
    ):
        yield held


@asynccontextmanager
async def serving(
    port: int,
    handler: Handler,
    *,
    host: str | None = None,
    partner: str = "0.0.0.0",  # noqa: S104 - what a description says for "any partner"
    require_client_certificate: bool | None = None,
    at_once: int | None = None,
    **credentials: Unpack[Credentials],
) -> AsyncIterator[Station]:
    """As `serve`, for the body of an `async with`, which begins when the port is open.

    Raises:
        OUCError: As `serve`.
    """
    found = await _resolve(credentials, server=True)
    require = found.verifies if require_client_certificate is None else require_client_certificate
    base = TCON_IP_v4(ActiveEstablished=False, RemoteAddress=partner, RemotePort=0, LocalPort=port)
    description = TCON_IP_V4_SEC(
        ConnPara=base,
        ActivateSecureConn=not found.plain,
        TLSServerReqClientCert=require and not found.plain,
        TLSServerCertRef=found.own,
        TLSClientCertRef=found.trust,
    )
    async with Station(found.device, address=host) as station, station.serving(description, handler, at_once=at_once):
        yield station


async def serve(
    port: int,
    handler: Handler,
    *,
    host: str | None = None,
    partner: str = "0.0.0.0",  # noqa: S104 - what a description says for "any partner"
    require_client_certificate: bool | None = None,
    at_once: int | None = None,
    **credentials: Unpack[Credentials],
) -> NoReturn:
    """Be the server for any number of controllers, until cancelled; see `Station.serve`.

    Args:
        port: Local port, 1 to 65535.
        handler: Called with each partner's `Connection`, in a task of its own.
        host: Local address to listen on; None for all of them.
        partner: The only address that may connect; any by default.
        require_client_certificate: Demand a certificate from each client and verify it. By default exactly where there
            is something to verify it with (`ca` or `trust`).
        at_once: Partners at the same time.
        credentials: See `Credentials`; a server needs `cert`, or a project with `own`.

    Raises:
        OUCError: A file or an argument is not what it should be, or the port cannot be opened.
    """
    async with serving(
        port, handler, host=host, partner=partner, require_client_certificate=require_client_certificate,
        at_once=at_once, **credentials,
    ):  # fmt: skip
        await trio.sleep_forever()
    raise AssertionError  # it sleeps until it is cancelled


def _from_project(path: str | os.PathLike[str], device: str | None, password: str | bytes | None) -> Device:
    if device is None:
        return Device.open(path, password=password)
    return Project.open(path, password=password).device(device)
