"""The plain way: a partner's address and a few files, no project.

The files are held in a device in memory; the same references, checks and verdicts as everywhere else stand behind it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import AddressValueError, IPv4Address
from typing import Any, TypeAlias

import trio

from ..certs import Device, Project
from ..errors import ParameterError
from ..params import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4
from .connection import Connection
from .station import Station

__all__ = ["Material", "connect"]

Material: TypeAlias = str | os.PathLike[str] | bytes


@asynccontextmanager
async def connect(
    host: str,
    port: int,
    *,
    ca: Material | Sequence[Material] | None = None,
    cert: Material | None = None,
    key: Material | None = None,
    password: str | bytes | None = None,
    project: str | os.PathLike[str] | None = None,
    device: str | None = None,
    trust: int = 0,
    own: int = 0,
    check_address: bool = True,
    plain: bool = False,
    local_port: int = 0,
) -> AsyncIterator[Connection]:
    """Connect to a controller's secure OUC port.

    Args:
        host: IPv4 address, or a name.
        port: The partner's LocalPort, 1 to 65535.
        ca: Certificates to verify the controller with: the CA that issued its certificate with every intermediate, or
            its self-signed certificate. PEM, DER or PKCS#12, as paths or bytes.
        cert: Own certificate, for controllers that ask for one (TLSServerReqClientCert).
        key: Its private key; may be left out where `cert` is a PEM with the key in it, or a PKCS#12 archive.
        password: Of the key, the archive, the project or the device file.
        project: Instead of `ca`, `cert` and `key`: a project file together with `device`, or a device file that was
            carried away (`ouc device download`) without it.
        device: Whose certificates in the project to use.
        trust: ID of the certificate to verify the controller with, as TLSServerCertRef; 0 for every CA on the device.
        own: ID of the own certificate, as TLSClientCertRef; 0 for none.
        check_address: Compare `host` with the subjectAltName of the controller's certificate.
        plain: Open an unsecured connection; `ca`, `cert` and `key` must be absent then.
        local_port: Local port, 0 lets the system choose.

    Raises:
        ParameterError: A file or an argument is not what it should be.
        CertificateError: The trust does not work out, on this side or the other.
        ConnectionLost: The partner is not there, or has gone.
    """
    given = [name for name, value in (("ca", ca), ("project", project)) if value is not None]
    if len(given) > 1 or (plain and (given or cert is not None or key is not None)):
        names = " and ".join(["plain=True", "certificates"] if plain else given)
        raise ParameterError(f"{names} exclude each other", remedy="Leave one of them out")
    if not plain and not given:
        raise ParameterError(
            "no certificate to verify the controller with",
            status=0x80E4,
            where="ca",
            remedy="Export the CA of the controller's certificate from TIA Portal and pass it as ca=",
        )
    held: Device | None = None
    if project is not None:
        # Stretching the password takes its time; others go on meanwhile.
        held = await trio.to_thread.run_sync(_from_project, project, device, password)
    elif ca is not None:
        held = Device.from_files(ca=ca, cert=cert, key=key, password=password)
        own = next(iter(held.own_ids), 0)
    security: dict[str, Any] = {
        "ActivateSecureConn": not plain,
        "ExtTLSCapabilities": int(check_address and not plain),
        "TLSServerCertRef": trust,
        "TLSClientCertRef": own,
    }
    description: TCON_IP_V4_SEC | TCON_QDN_SEC
    try:
        address = IPv4Address(host)
    except AddressValueError:
        name = host if host.endswith(".") else host + "."
        by_name = TCON_QDN(remote_qdn=name, remote_port=port, local_port=local_port)
        description = TCON_QDN_SEC(ConnPara=by_name, **security)
    else:
        by_address = TCON_IP_v4(RemoteAddress=address, RemotePort=port, LocalPort=local_port)
        description = TCON_IP_V4_SEC(ConnPara=by_address, **security)
    async with Station(held) as station, station.connect(description) as connection:
        yield connection


def _from_project(path: str | os.PathLike[str], device: str | None, password: str | bytes | None) -> Device:
    if device is None:
        return Device.open(path, password=password)
    return Project.open(path, password=password).device(device)
