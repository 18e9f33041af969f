"""ISO-on-TCP (RFC 1006) connections. Source: ouc-blocks.md 1.6."""

from __future__ import annotations

import attrs

from ..s7 import Structure, s7
from .addresses import Address
from .description import Description

__all__ = ["TCON_IP_RFC", "TSelector"]


def _selector(value: object) -> object:
    """A transport selector may be given as its bytes, or as text for an "ASCII TSAP"."""
    if isinstance(value, str):
        value = value.encode("ascii", "replace")
    if isinstance(value, bytes | bytearray) and len(value) <= 32:
        return TSelector(TSelLength=len(value), TSel=bytes(value))
    return value


@attrs.frozen(kw_only=True)
class TSelector(Structure):
    """A transport selector; 34 bytes.

    Attributes:
        TSelLength: Bytes of `TSel` that count, 0 to 32.
        TSel: The selector, filled up with zeros to 32 bytes.
    """

    TSelLength: int = s7("UInt", default=0)
    TSel: bytes = s7("Array[1..32] of Byte", default=b"")

    @property
    def selector(self) -> bytes:
        """The bytes that count."""
        return self.TSel[: self.TSelLength]


@attrs.frozen(kw_only=True)
class TCON_IP_RFC(Description):
    """ISO-on-TCP with an IPv4 partner, TCP port 102; 80 bytes.

    Attributes:
        interface_id: Hardware identifier of the local interface, 1 to 65535.
        id: Connection ID, 1 to 4095.
        connection_type: 12 or 18.
        active_established: True on the side that opens the connection.
        remote_address: The partner's address.
        remote_tselector: The partner's transport selector; bytes or ASCII text are accepted too.
        local_tselector: The own transport selector.
    """

    interface_id: int = s7("HW_ANY", default=64)
    id: int = s7("CONN_OUC", default=1)
    connection_type: int = s7("Byte", default=12)
    active_established: bool = s7("Bool", default=True)
    remote_address: Address = s7("IP_V4", at=8, default="0.0.0.0")  # noqa: S104 - the start value
    remote_tselector: TSelector = s7(TSelector, factory=TSelector, converter=_selector)
    local_tselector: TSelector = s7(TSelector, factory=TSelector, converter=_selector)
