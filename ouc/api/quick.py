"""The plain way: a partner's address and a few files, no project.

The files are held in a device in memory; the same references, checks and verdicts as everywhere else stand behind it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import AddressValueError, IPv4Address
from typing import Any, TypeAlias

from ..certs import Device
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
        password: Of the key or the archive.
        check_address: Compare `host` with the subjectAltName of the controller's certificate.
        plain: Open an unsecured connection; `ca`, `cert` and `key` must be absent then.
        local_port: Local port, 0 lets the system choose.

    Raises:
        ParameterError: A file or an argument is not what it should be.
        CertificateError: The trust does not work out, on this side or the other.
        ConnectionLost: The partner is not there, or has gone.
    """
    if plain and (ca is not None or cert is not None or key is not None):
        raise ParameterError("plain=True and certificates exclude each other", remedy="Leave one of them out")
    device = None
    if ca is not None:
        device = Device.from_files(ca=ca, cert=cert, key=key, password=password)
    elif not plain:
        raise ParameterError(
            "no certificate to verify the controller with",
            status=0x80E4,
            where="ca",
            remedy="Export the CA of the controller's certificate from TIA Portal and pass it as ca=",
        )
    own = next(iter(device.own_ids), 0) if device is not None else 0
    security: dict[str, Any] = {
        "ActivateSecureConn": not plain,
        "ExtTLSCapabilities": int(check_address and not plain),
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
    async with Station(device) as station, station.connect(description) as connection:
        yield connection
