"""One side of a connection in the words that all structures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from ..errors import ParameterError
from .description import Description
from .foreign import TCON_FDL, TCON_ISOnative, TCON_Phone
from .iso import TCON_IP_RFC
from .legacy import TCON_Configured, TCON_Param
from .tcp import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4

__all__ = ["CONNECTION_TYPES", "ISO_PORT", "Endpoint", "Protocol", "endpoint", "view"]

Protocol: TypeAlias = Literal["TCP", "ISO-on-TCP", "UDP"]

#: Where ISO-on-TCP lives (RFC 1006).
ISO_PORT: Final = 102

_MODERN: Final[Mapping[int, Protocol]] = {0x0B: "TCP", 0x11: "TCP", 0x13: "UDP"}

#: For each structure the values of ConnectionType that TCON takes (ouc-blocks.md 1.1), and what runs over the network.
#: A structure that is not listed never reaches an IP station's network.
CONNECTION_TYPES: Final[Mapping[str, Mapping[int, Protocol]]] = {
    "TCON_IP_v4": _MODERN,
    "TCON_IP_V4_SEC": _MODERN,
    "TCON_QDN": _MODERN,
    "TCON_QDN_SEC": _MODERN,
    "TCON_IP_RFC": {0x0C: "ISO-on-TCP", 0x12: "ISO-on-TCP"},
    "TCON_Param": {0x11: "TCP", 0x12: "ISO-on-TCP", 0x13: "UDP"},
}


def _protocol(structure: str, connection_type: int) -> Protocol | None:
    return CONNECTION_TYPES[structure].get(connection_type)


@attrs.frozen(kw_only=True)
class Endpoint:
    """A connection description as a station works with it.

    Of a connection that is not secure, and of members that the role does not evaluate, nothing is shown here: with
    `secure` False both references are 0 and both flags False, whatever the structure holds.

    Attributes:
        structure: Name of the structure it was made from.
        connection_id: 0 to 65535; legal are 1 to 4095.
        interface_id: Hardware identifier of the local interface; 0 lets the station choose.
        connection_type: The number in the structure.
        protocol: What runs over the network, None where ConnectionType says nothing an IP station knows.
        active: True on the side that opens the connection; with TLS that is the TLS client.
        remote_address: The partner's address, None where it is known by name; 0.0.0.0 admits any partner.
        remote_name: The partner's name as it stands in the structure, None where it is known by address.
        remote_port: 0 to 65535; 0 admits any port.
        local_port: 0 to 65535; 0 lets the station choose.
        remote_selector: The partner's transport selector, at most 32 bytes; ISO-on-TCP only.
        local_selector: The own transport selector.
        secure: Whether TLS runs on the connection.
        request_client_certificate: The server demands and verifies a client certificate.
        check_subject_alternative_name: The client compares the server certificate's subjectAltName with the partner.
        tls_server_cert_ref: ID, 0 to 4294967295; own certificate on the passive side, trust on the active side.
        tls_client_cert_ref: ID, 0 to 4294967295; own certificate on the active side, trust on the passive side.
    """

    structure: str
    connection_id: int
    interface_id: int
    connection_type: int
    protocol: Protocol | None
    active: bool
    remote_address: IPv4Address | None = None
    remote_name: str | None = None
    remote_port: int = 0
    local_port: int = 0
    remote_selector: bytes = b""
    local_selector: bytes = b""
    secure: bool = False
    request_client_certificate: bool = False
    check_subject_alternative_name: bool = False
    tls_server_cert_ref: int = 0
    tls_client_cert_ref: int = 0

    @property
    def own_reference(self) -> int:
        """ID of the own certificate, 0 for none."""
        return self.tls_client_cert_ref if self.active else self.tls_server_cert_ref

    @property
    def trust_reference(self) -> int:
        """ID of the certificate to verify the partner with, 0 for every CA on the device."""
        return self.tls_server_cert_ref if self.active else self.tls_client_cert_ref


def _ip_v4(value: TCON_IP_v4) -> Endpoint:
    return Endpoint(
        structure="TCON_IP_v4",
        connection_id=value.ID,
        interface_id=value.InterfaceId,
        connection_type=value.ConnectionType,
        protocol=_protocol("TCON_IP_v4", value.ConnectionType),
        active=value.ActiveEstablished,
        remote_address=value.RemoteAddress,
        remote_port=value.RemotePort,
        local_port=value.LocalPort,
    )


def _qdn(value: TCON_QDN) -> Endpoint:
    return Endpoint(
        structure="TCON_QDN",
        connection_id=value.id,
        interface_id=value.interface_id,
        connection_type=value.connection_type,
        protocol=_protocol("TCON_QDN", value.connection_type),
        active=value.active_established,
        remote_name=value.remote_qdn,
        remote_port=value.remote_port,
        local_port=value.local_port,
    )


def _secured(value: TCON_IP_V4_SEC | TCON_QDN_SEC) -> Endpoint:
    plain = attrs.evolve(view(value.ConnPara), structure=type(value).__name__)
    if not value.ActivateSecureConn:
        return plain
    return attrs.evolve(
        plain,
        secure=True,
        request_client_certificate=value.TLSServerReqClientCert,
        check_subject_alternative_name=bool(value.ExtTLSCapabilities & 1),
        tls_server_cert_ref=value.TLSServerCertRef,
        tls_client_cert_ref=value.TLSClientCertRef,
    )


def _rfc(value: TCON_IP_RFC) -> Endpoint:
    return Endpoint(
        structure="TCON_IP_RFC",
        connection_id=value.id,
        interface_id=value.interface_id,
        connection_type=value.connection_type,
        protocol=_protocol("TCON_IP_RFC", value.connection_type),
        active=value.active_established,
        remote_address=value.remote_address,
        remote_port=ISO_PORT,
        local_port=ISO_PORT,
        remote_selector=value.remote_tselector.selector,
        local_selector=value.local_tselector.selector,
    )


def _param(value: TCON_Param) -> Endpoint:
    protocol = _protocol("TCON_Param", value.connection_type)
    iso = protocol == "ISO-on-TCP"
    local = value.local_tsap_id[: value.local_tsap_id_len]
    remote = value.rem_tsap_id[: value.rem_tsap_id_len]
    known = bytes(value.rem_staddr[:4]) if value.rem_staddr_len else bytes(4)
    return Endpoint(
        structure="TCON_Param",
        connection_id=value.id,
        interface_id=0,
        connection_type=value.connection_type,
        protocol=protocol,
        active=value.active_est,
        remote_address=IPv4Address(known),
        remote_port=ISO_PORT if iso else int.from_bytes(remote[:2]),
        local_port=ISO_PORT if iso else int.from_bytes(local[:2]),
        remote_selector=remote if iso else b"",
        local_selector=local if iso else b"",
    )


def _configured(value: TCON_Configured) -> Endpoint:
    return Endpoint(
        structure="TCON_Configured",
        connection_id=value.ID,
        interface_id=value.InterfaceID,
        connection_type=value.ConnectionType,
        protocol=None,
        active=False,
    )


def _elsewhere(value: TCON_ISOnative | TCON_FDL | TCON_Phone) -> Endpoint:
    return Endpoint(
        structure=type(value).__name__,
        connection_id=value.ID,
        interface_id=value.InterfaceId,
        connection_type=value.ConnectionType,
        protocol=None,
        active=value.ActiveEstablished,
    )


_VIEWS: Final[Mapping[type, Callable[[Any], Endpoint]]] = {
    TCON_IP_v4: _ip_v4,
    TCON_IP_V4_SEC: _secured,
    TCON_QDN: _qdn,
    TCON_QDN_SEC: _secured,
    TCON_IP_RFC: _rfc,
    TCON_Param: _param,
    TCON_Configured: _configured,
    TCON_ISOnative: _elsewhere,
    TCON_FDL: _elsewhere,
    TCON_Phone: _elsewhere,
}


def view(description: Description) -> Endpoint:
    """The endpoint of any connection description, also of one that no station can use; remembered on the value.

    Raises:
        ParameterError: It is no connection description (16#8089).
    """
    make = _VIEWS.get(type(description))
    if make is None:
        kinds = ", ".join(sorted(kind.__name__ for kind in _VIEWS))
        raise ParameterError(
            f"{type(description).__name__} is no connection description",
            status=0x8089,
            where="CONNECT",
            remedy=f"Give CONNECT one of {kinds}",
        )
    memory = description.remembered
    if "view" not in memory:
        memory["view"] = make(description)
    return cast(Endpoint, memory["view"])


def endpoint(description: Description) -> Endpoint:
    """One side of a connection as a station establishes it; remembered on the value, so asking again costs nothing.

    Raises:
        ParameterError: It is no connection description (8089), its ConnectionType does not exist (80B6), the structure
            needs hardware that an IP station does not have (809A), or it names a connection of the network view, which
            a station does not have (80A3).
    """
    found = view(description)
    if found.protocol is not None:
        return found
    if isinstance(description, TCON_ISOnative | TCON_FDL | TCON_Phone):
        raise ParameterError(
            f"{found.structure} needs hardware that an IP station does not have",
            status=0x809A,
            where="CONNECT",
            remedy="Describe the connection with TCON_IP_v4, TCON_QDN, their secure forms or TCON_IP_RFC",
        )
    if isinstance(description, TCON_Configured):
        raise ParameterError(
            f"no connection with ID {found.connection_id} is configured",
            status=0x80A3,
            where="TCON_Configured.ID",
            remedy="Configured connections come from the network view; use a programmed one, such as TCON_IP_v4",
        )
    raise ParameterError(
        f"ConnectionType {found.connection_type} does not exist for {found.structure}",
        status=0x80B6,
        where=found.structure,
        remedy="11 is TCP, 12 ISO-on-TCP, 19 UDP",
    )
