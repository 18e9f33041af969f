"""TCP and UDP connections: partners known by IPv4 address or by name, plain or secured with TLS.

Sources: ouc-blocks.md 1.2 to 1.5 (TIA Portal Information System, "Configuring devices and networks"); start values of
the published tables. Members keep the spelling of their table; either documented spelling is accepted.
"""

from __future__ import annotations

from typing import Final

import attrs

from ..s7 import s7
from .addresses import Address
from .description import Description

__all__ = ["TCON_IP_V4_SEC", "TCON_QDN", "TCON_QDN_SEC", "TCON_IP_v4"]

_PORT: Final = 2000  # start value of both ports in the published tables
_ANY: Final = 0


@attrs.frozen(kw_only=True)
class TCON_IP_v4(Description):
    """TCP or UDP with an IPv4 partner; 14 bytes, 16 inside a secure description.

    Attributes:
        InterfaceId: Hardware identifier of the local interface, 1 to 65535; 64 is the first PROFINET interface.
        ID: Connection ID, 1 to 4095, unique on the CPU and equal to the block's ID.
        ConnectionType: 11 or 17 TCP, 19 UDP.
        ActiveEstablished: True on the side that opens the connection; False on both sides with UDP.
        RemoteAddress: The partner's address. 0.0.0.0 on a passive side admits any partner.
        RemotePort: The partner's port; 0 on a passive side admits any port. Left out in Python or TOML: 2000 on an active
            side, 0 on a passive one.
        LocalPort: The own port; 0 on an active side lets the CPU choose one. Left out in Python or TOML: 0 on an active
            side, 2000 on a passive one.

    A variable in a data block starts with 2000 for both ports, as TIA Portal's table has it.
    """

    LENGTHS = (16,)

    InterfaceId: int = s7("HW_ANY", default=64)
    ID: int = s7("CONN_OUC", default=1)
    ConnectionType: int = s7("Byte", default=11)
    ActiveEstablished: bool = s7("Bool", default=True)
    RemoteAddress: Address = s7("IP_V4", default="0.0.0.0")  # noqa: S104 - no socket: the start value of the table
    RemotePort: int = s7("UInt", default=_PORT, default_by=lambda own: _PORT if own.ActiveEstablished else _ANY)
    LocalPort: int = s7("UInt", default=_PORT, default_by=lambda own: _ANY if own.ActiveEstablished else _PORT)


@attrs.frozen(kw_only=True)
class TCON_IP_V4_SEC(Description):
    """`TCON_IP_v4` secured with TLS; 28 bytes.

    Attributes:
        ConnPara: The connection below TLS. InterfaceId 0 lets the CPU choose the interface by its routes.
        ActivateSecureConn: Run TLS; False makes the connection plain and all members below it mean nothing.
        TLSServerReqClientCert: On the passive side (TLS server): demand and verify a client certificate.
        ExtTLSCapabilities: Bit 0, on the active side (TLS client) only: compare the subjectAltName of the server's
            certificate with RemoteAddress. Bits 1 to 15 are reserved.
        TLSServerCertRef: Passive side: ID of the own certificate. Active side: ID of the certificate to verify the
            server with, 0 for every CA certificate on the device.
        TLSClientCertRef: Active side: ID of the own certificate, 0 for none. Passive side: ID of the certificate to
            verify the client with, 0 for every CA certificate on the device.
    """

    ConnPara: TCON_IP_v4 = s7(TCON_IP_v4, size=16, factory=TCON_IP_v4)
    ActivateSecureConn: bool = s7("Bool", at=16, default=False)
    TLSServerReqClientCert: bool = s7("Bool", at=17, default=False)
    ExtTLSCapabilities: int = s7("Word", default=0)
    TLSServerCertRef: int = s7("UDInt", default=0)
    TLSClientCertRef: int = s7("UDInt", default=0)


@attrs.frozen(kw_only=True)
class TCON_QDN(Description):
    """TCP or UDP with a partner known by its fully qualified domain name; 266 bytes, 272 inside a secure description.

    Attributes:
        interface_id: 0 is the CPU's own interface; otherwise the hardware identifier of a plugged CP.
        id: Connection ID, 1 to 4095, unique on the CPU and equal to the block's ID.
        connection_type: 11 or 17 TCP, 19 UDP.
        active_established: True on the side that opens the connection; False on both sides with UDP.
        remote_qdn: The partner's name, at most 254 characters, with a dot at its end.
        remote_port: The partner's port; 0 on a passive side admits any port.
        local_port: The own port; 0 on an active side lets the CPU choose one.

    Ports that are left out are those of `TCON_IP_v4`.
    """

    LENGTHS = (272,)

    interface_id: int = s7("HW_ANY", default=0)
    id: int = s7("CONN_OUC", default=1)
    connection_type: int = s7("Byte", default=11)
    active_established: bool = s7("Bool", default=True)
    remote_qdn: str = s7("String", default="")
    remote_port: int = s7("UInt", default=_PORT, default_by=lambda own: _PORT if own.active_established else _ANY)
    local_port: int = s7("UInt", default=_PORT, default_by=lambda own: _ANY if own.active_established else _PORT)


@attrs.frozen(kw_only=True)
class TCON_QDN_SEC(Description):
    """`TCON_QDN` secured with TLS; 284 bytes.

    The members below ConnPara are those of `TCON_IP_V4_SEC`; bit 0 of ExtTLSCapabilities compares the subjectAltName
    with the partner's name instead of its address.
    """

    ConnPara: TCON_QDN = s7(TCON_QDN, size=272, factory=TCON_QDN)
    ActivateSecureConn: bool = s7("Bool", at=272, default=False)
    TLSServerReqClientCert: bool = s7("Bool", at=273, default=False)
    ExtTLSCapabilities: int = s7("Word", default=0)
    TLSServerCertRef: int = s7("UDInt", default=0)
    TLSClientCertRef: int = s7("UDInt", default=0)
