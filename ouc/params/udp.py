"""Partners of UDP jobs, as they stand at the ADDR pin. Source: ouc-blocks.md 1.9."""

from __future__ import annotations

from ipaddress import IPv4Address

import attrs

from ..s7 import Structure, s7
from .addresses import address_array

__all__ = ["TADDR_RCV_IP", "TADDR_SEND_QDN", "TADDR_Param"]


@attrs.frozen(kw_only=True)
class TADDR_Param(Structure):
    """Partner of TUSEND, or sender of what TURCV received; 8 bytes.

    Attributes:
        rem_ip_addr: Four numbers; text and `ipaddress` objects are accepted too.
        rem_port_nr: Port, 0 to 65535.
        reserved: 0.
    """

    rem_ip_addr: tuple[int, ...] = s7("Array[1..4] of USInt", default=(0, 0, 0, 0), converter=address_array(4))
    rem_port_nr: int = s7("UInt", default=2000)
    reserved: int = s7("Word", default=0)

    @property
    def address(self) -> IPv4Address:
        """`rem_ip_addr` as an address."""
        return IPv4Address(bytes(self.rem_ip_addr))


@attrs.frozen(kw_only=True)
class TADDR_SEND_QDN(Structure):
    """Partner of TUSEND by name, S7-1500 from FW V2.0; 260 bytes.

    Attributes:
        RemoteQDN: Name of at most 254 characters with a dot at its end.
        RemotePort: Port, 0 to 65535.
        reserved: 0.
    """

    RemoteQDN: str = s7("String", default="")
    RemotePort: int = s7("UInt", default=2000)
    reserved: int = s7("Word", default=0)


@attrs.frozen(kw_only=True)
class TADDR_RCV_IP(Structure):
    """Sender of what TURCV received, S7-1500 from FW V2.0; 20 bytes.

    Attributes:
        RemoteAddress: 16 bytes, an IPv4 address in the first four.
        RemotePort: Port, 0 to 65535.
        RemAddrType: 3 IPv4, 4 IPv6.
        reserved: 0.
    """

    RemoteAddress: bytes = s7("Array[1..16] of Byte", default=b"")
    RemotePort: int = s7("UInt", default=0)
    RemAddrType: int = s7("Byte", default=3)
    reserved: int = s7("Byte", default=0)
