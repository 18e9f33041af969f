"""Descriptions of older programs and of connections made in the network view. Sources: ouc-blocks.md 1.7 and 1.8."""

from __future__ import annotations

import attrs

from ..s7 import s7
from .addresses import address_array
from .description import Description

__all__ = ["TCON_Configured", "TCON_Param"]


@attrs.frozen(kw_only=True)
class TCON_Configured(Description):
    """Names a connection that was configured in the network view; 5 documented bytes in 6.

    Attributes:
        InterfaceID: Ignored.
        ID: ID of the configured connection, 1 to 4095; the only member that is evaluated.
        ConnectionType: 254; ignored.
    """

    LENGTHS = (5,)

    InterfaceID: int = s7("HW_ANY", default=64)
    ID: int = s7("CONN_OUC", default=1)
    ConnectionType: int = s7("Byte", default=254)


@attrs.frozen(kw_only=True)
class TCON_Param(Description):
    """The description of S7-300/400 and S7-1200 below V4.0, kept for migration; 64 bytes.

    Attributes:
        block_length: 64.
        id: Connection ID, 1 to 4095.
        connection_type: 17 TCP, 18 ISO-on-TCP, 19 UDP.
        active_est: True on the side that opens the connection; False with UDP.
        local_device_id: The local interface; 1 on the CPU.
        local_tsap_id_len: Bytes of `local_tsap_id` that count: TCP 0 or 2, ISO-on-TCP 2 to 16, UDP 2.
        rem_subnet_id_len: Unused.
        rem_staddr_len: 0: any partner; 4: `rem_staddr` counts.
        rem_tsap_id_len: Bytes of `rem_tsap_id` that count: TCP 0 or 2, ISO-on-TCP 2 to 16, UDP 0.
        next_staddr_len: Unused.
        local_tsap_id: Local port (high byte first) or TSAP.
        rem_subnet_id: Unused.
        rem_staddr: The partner's IPv4 address in the first four bytes; text is accepted too.
        rem_tsap_id: The partner's port (high byte first) or TSAP.
        next_staddr: Unused.
        spare: 0.
    """

    block_length: int = s7("UInt", default=64)
    id: int = s7("CONN_OUC", default=1)
    connection_type: int = s7("USInt", default=17)
    active_est: bool = s7("Bool", default=True)
    local_device_id: int = s7("USInt", default=1)
    local_tsap_id_len: int = s7("USInt", default=0)
    rem_subnet_id_len: int = s7("USInt", default=0)
    rem_staddr_len: int = s7("USInt", default=4)
    rem_tsap_id_len: int = s7("USInt", default=2)
    next_staddr_len: int = s7("USInt", default=0)
    local_tsap_id: bytes = s7("Array[1..16] of Byte", default=b"")
    rem_subnet_id: tuple[int, ...] = s7("Array[1..6] of USInt", default=(0,) * 6)
    rem_staddr: tuple[int, ...] = s7("Array[1..6] of USInt", default=(0,) * 6, converter=address_array(6))
    rem_tsap_id: bytes = s7("Array[1..16] of Byte", default=b"")
    next_staddr: bytes = s7("Array[1..6] of Byte", default=b"")
    spare: int = s7("Word", default=0)
