"""The description for the other side of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Any, Final

import attrs

from ..errors import ParameterError
from .checking import address
from .description import Description
from .endpoints import view
from .iso import TCON_IP_RFC
from .legacy import TCON_Param
from .tcp import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4

__all__ = ["partner", "partners"]

_ANY: Final = IPv4Address(0)


@attrs.frozen(kw_only=True)
class _Wish:
    """What the description at hand cannot know of the other side."""

    address: IPv4Address
    name: str
    connection_id: int
    own: int | None
    trust: int | None


def _role(value: Description) -> bool:
    end = view(value)
    return end.protocol != "UDP" and not end.active


def _ip_v4(value: TCON_IP_v4, wish: _Wish) -> TCON_IP_v4:
    return TCON_IP_v4(
        ID=wish.connection_id,
        ConnectionType=value.ConnectionType,
        ActiveEstablished=_role(value),
        RemoteAddress=wish.address,
        RemotePort=value.LocalPort,
        LocalPort=value.RemotePort,
    )


def _qdn(value: TCON_QDN, wish: _Wish) -> TCON_QDN:
    return TCON_QDN(
        id=wish.connection_id,
        connection_type=value.connection_type,
        active_established=_role(value),
        remote_qdn=wish.name,
        remote_port=value.local_port,
        local_port=value.remote_port,
    )


def _secured(value: TCON_IP_V4_SEC | TCON_QDN_SEC, wish: _Wish) -> Description:
    active = _role(value.ConnPara)
    # Whatever the role, the member that held the own certificate holds the trust on the other side.
    server, client = value.TLSClientCertRef, value.TLSServerCertRef
    if wish.own is not None:
        server, client = (server, wish.own) if active else (wish.own, client)
    if wish.trust is not None:
        server, client = (wish.trust, client) if active else (server, wish.trust)
    members: dict[str, Any] = {
        "ConnPara": _TURNED[type(value.ConnPara)](value.ConnPara, wish),
        "ActivateSecureConn": value.ActivateSecureConn,
        "TLSServerReqClientCert": value.ActivateSecureConn and not active and value.TLSClientCertRef != 0,
        "TLSServerCertRef": server,
        "TLSClientCertRef": client,
    }
    return type(value)(**members)


def _rfc(value: TCON_IP_RFC, wish: _Wish) -> TCON_IP_RFC:
    return TCON_IP_RFC(
        id=wish.connection_id,
        connection_type=value.connection_type,
        active_established=not value.active_established,
        remote_address=wish.address,
        remote_tselector=value.local_tselector,
        local_tselector=value.remote_tselector,
    )


def _param(value: TCON_Param, wish: _Wish) -> TCON_Param:
    return TCON_Param(
        id=wish.connection_id,
        connection_type=value.connection_type,
        active_est=_role(value),
        local_tsap_id_len=value.rem_tsap_id_len,
        local_tsap_id=value.rem_tsap_id,
        rem_tsap_id_len=value.local_tsap_id_len,
        rem_tsap_id=value.local_tsap_id,
        rem_staddr_len=4 if int(wish.address) else 0,
        rem_staddr=(*wish.address.packed, 0, 0),
    )


_TURNED: Final[Mapping[type, Callable[[Any, _Wish], Description]]] = {
    TCON_IP_v4: _ip_v4,
    TCON_IP_V4_SEC: _secured,
    TCON_QDN: _qdn,
    TCON_QDN_SEC: _secured,
    TCON_IP_RFC: _rfc,
    TCON_Param: _param,
}


def partner(
    description: Description,
    *,
    own_address: IPv4Address | str | None = None,
    own_name: str = "",
    connection_id: int | None = None,
    own: int | None = None,
    trust: int | None = None,
) -> Description:
    """The description for the other side: roles and ports swapped, references exchanged by role.

    The other side's own certificate and its trust take the place of ours: what we call our own ID it calls its own, so
    give `own` where the two devices hold different certificates. Names are checked on neither side until you ask for
    it (ExtTLSCapabilities 0). A client certificate is asked for where the client names one.

    Args:
        description: This side.
        own_address: IPv4 address of this side's device, which becomes RemoteAddress of the other. Without it that is
            0.0.0.0: fine for a passive side, which then admits any partner, and 16#80B7 for an active one.
        own_name: The same for descriptions by name.
        connection_id: ID on the other device, 1 to 4095; the same one by default.
        own: ID of the other side's own certificate.
        trust: ID of the certificate that the other side verifies this one with, 0 for every CA it holds.

    Raises:
        ParameterError: A structure without another side that an IP station could have (16#809A), or an address or ID
            that is none.
    """
    end = view(description)
    turn = _TURNED.get(type(description))
    if turn is None:
        raise ParameterError(
            f"the other side of {end.structure} cannot be derived",
            status=0x809A,
            where="CONNECT",
            remedy="Use TCON_IP_v4, TCON_QDN, their secure forms, TCON_IP_RFC or TCON_Param",
        )
    return turn(
        description,
        _Wish(
            address=address(own_address) or _ANY,
            name=own_name,
            connection_id=end.connection_id if connection_id is None else connection_id,
            own=own,
            trust=trust,
        ),
    )


def partners(descriptions: Iterable[Description], **options: Any) -> tuple[Description, ...]:
    """The other sides of several connections, all on one device: IDs that are taken are replaced by free ones.

    That is what a computer needs that many controllers connect to, each of them with ID 1.

    Args:
        descriptions: One side of each connection.
        options: As `partner` takes them, for all of them; a `connection_id` is the first ID to use.

    Raises:
        ParameterError: As `partner`, or more than 4095 connections.
    """
    first = options.pop("connection_id", None)
    turned: list[Description] = []
    taken: set[int] = set()
    for description in descriptions:
        wanted = view(description).connection_id if first is None else first
        free = next((number for number in (wanted, *range(first or 1, 4096)) if number not in taken), None)
        if free is None:
            raise ParameterError("no connection ID from 1 to 4095 is left", status=0x8086, where="ID")
        taken.add(free)
        turned.append(partner(description, connection_id=free, **options))
    return tuple(turned)
