"""The ADDR pin: where a datagram goes, and where one came from (ouc-blocks.md 1.9, 2.9, 3.2)."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any, Final, TypeAlias, cast

from ..connection import Port
from ..errors import ParameterError
from ..params import TADDR_RCV_IP, TADDR_SEND_QDN, TADDR_Param, TCON_IP_v4

__all__ = ["Sender", "Target", "check_sender_kind", "sender", "target"]

Target: TypeAlias = tuple[IPv4Address | str, int]
#: What TURCV shows at ADDR.
Sender: TypeAlias = TADDR_Param | TADDR_RCV_IP

#: A broadcast is not split into fragments (ouc-blocks.md 2.9, 4.1).
_BROADCAST_MAX: Final = 1472
# What an image at ADDR is, by its length.
_BY_SIZE: Final[dict[int, type[TADDR_Param] | type[TADDR_SEND_QDN]]] = {8: TADDR_Param, 260: TADDR_SEND_QDN}
_NEEDS_NAMES: Final = (TADDR_SEND_QDN, TADDR_RCV_IP)


def target(addr: Any, port: Port, size: int) -> Target:
    """Where TUSEND sends to.

    Args:
        addr: `TADDR_Param`, `TADDR_SEND_QDN`, or the image of one (8 or 260 bytes).
        port: Whose rules judge the address.
        size: Bytes of the datagram.

    Raises:
        ParameterError: Another type at ADDR (8089) or another length (80B7); port 0 or address 0.0.0.0 (80B7); the own
            address, one that no partner can have, or a name without its final dot (80A4); a broadcast of more than
            1472 bytes (8085).
    """
    partner = _structure(addr, port)
    if isinstance(partner, TADDR_SEND_QDN):
        _require_port(partner.RemotePort)
        name = partner.RemoteQDN
        if len(name) < 2 or not name.endswith("."):
            # 80D0 and 80D1 stand only in TCON's table; what TUSEND has for a partner that is none is 80A4 [I].
            raise ParameterError(
                f"{name!r} is no full name", status=0x80A4, where="ADDR", remedy="End RemoteQDN with a dot"
            )
        return name, partner.RemotePort
    _require_port(partner.rem_port_nr)
    address = partner.address
    if address.is_unspecified:
        raise ParameterError("ADDR holds 0.0.0.0", status=0x80B7, where="ADDR", remedy="Enter the partner's address")
    _judge(address, port)
    if size > _BROADCAST_MAX and _is_broadcast(address):
        raise ParameterError(f"a broadcast has at most {_BROADCAST_MAX} bytes, not {size}", status=0x8085, where="LEN")
    return address, partner.rem_port_nr


def check_sender_kind(kind: Any, port: Port) -> None:
    """Refuse what TURCV cannot fill.

    Raises:
        ParameterError: Neither `TADDR_Param` nor `TADDR_RCV_IP`, or one that the firmware does not know (8089).
    """
    if kind not in (TADDR_Param, TADDR_RCV_IP) or (kind in _NEEDS_NAMES and not _has_names(port)):
        raise _wrong_type(kind, "Use TADDR_Param, or TADDR_RCV_IP from S7-1500 V2.0")


def sender(kind: type[Sender], came_from: tuple[IPv4Address | str, int]) -> Sender:
    """The sender of a datagram, in the structure that the program wants."""
    address, number = IPv4Address(came_from[0]), came_from[1]
    if kind is TADDR_RCV_IP:
        return TADDR_RCV_IP(RemoteAddress=address.packed, RemotePort=number)
    return TADDR_Param(rem_ip_addr=tuple(address.packed), rem_port_nr=number)


def _structure(addr: Any, port: Port) -> TADDR_Param | TADDR_SEND_QDN:
    partner: Any = addr
    if not isinstance(addr, TADDR_Param | TADDR_SEND_QDN):
        try:
            image = bytes(memoryview(getattr(addr, "image", addr)))
        except (TypeError, ValueError, ParameterError):
            raise _wrong_type(addr, "Use TADDR_Param, or TADDR_SEND_QDN from S7-1500 V2.0") from None
        kind = _BY_SIZE.get(len(image))
        if kind is None:
            raise ParameterError(
                f"ADDR has {len(image)} bytes", status=0x80B7, where="ADDR", remedy="TADDR_Param has 8 bytes"
            )
        partner = kind.from_bytes(image)
    if isinstance(partner, _NEEDS_NAMES) and not _has_names(port):
        raise _wrong_type(partner, "This firmware takes TADDR_Param only")
    return cast("TADDR_Param | TADDR_SEND_QDN", partner)


def _has_names(port: Port) -> bool:
    return port.profile.has("datagram_names")


def _wrong_type(found: Any, remedy: str) -> ParameterError:
    name = found.__name__ if isinstance(found, type) else type(found).__name__
    return ParameterError(f"ADDR has a wrong type, {name}", status=0x8089, where="ADDR", remedy=remedy)


def _require_port(number: int) -> None:
    if number == 0:
        raise ParameterError("ADDR holds port 0", status=0x80B7, where="ADDR", remedy="Enter the partner's port")


def _judge(address: IPv4Address, port: Port) -> None:
    """Ask the rules that judge RemoteAddress in a description: they know the own address."""
    probe = TCON_IP_v4(ConnectionType=0x13, ActiveEstablished=False, RemoteAddress=address)
    for finding in port.findings(probe):
        if finding.status == 0x80A4:
            raise ParameterError(finding.message, status=0x80A4, where="ADDR", remedy="Enter the partner's address")


def _is_broadcast(address: IPv4Address) -> bool:
    # A port does not know the subnet's mask; the usual 255.255.255.0 is assumed [I].
    return address.packed[3] == 255
