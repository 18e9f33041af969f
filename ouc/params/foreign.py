"""Descriptions that need hardware an IP station does not have: an Industrial Ethernet CP, PROFIBUS, a modem.

They are read and printed, so that a source that holds one is understood; a station answers them with 16#809A.
Source: ouc-blocks.md 1.10.
"""

from __future__ import annotations

import attrs

from ..s7 import s7
from .description import Description
from .iso import TSelector

__all__ = ["TCON_FDL", "TCON_ISOnative", "TCON_Phone"]


@attrs.frozen(kw_only=True)
class TCON_ISOnative(Description):
    """ISO transport without IP, through CP 1543-1 or CP 1545-1; 98 bytes.

    MAC addresses are 6 bytes. CrRetransmitionTime, InactivityTime and WindowTime are seconds, DataRetransmitionTime is
    milliseconds.
    """

    InterfaceId: int = s7("HW_ANY", default=0)
    ID: int = s7("CONN_OUC", default=1)
    ConnectionType: int = s7("Byte", default=0x16)
    ActiveEstablished: bool = s7("Bool", default=True)
    RemoteMacAddress: bytes = s7("Array[1..6] of Byte", at=8, default=b"")
    LocalMacAddress: bytes = s7("Array[1..6] of Byte", default=b"")
    RemoteTSelector: TSelector = s7(TSelector, factory=TSelector)
    LocalTSelector: TSelector = s7(TSelector, factory=TSelector)
    CrRetransmitionTime: int = s7("UInt", default=0)
    DataRetransmitionTime: int = s7("UInt", default=100)
    MaxRetransmitionCount: int = s7("UInt", default=0)
    InactivityTime: int = s7("UInt", default=0)
    WindowTime: int = s7("UInt", default=0)


@attrs.frozen(kw_only=True)
class TCON_FDL(Description):
    """PROFIBUS through CM 1542-5; 14 bytes.

    The published offsets contradict each other; these follow the layout rules.
    """

    InterfaceId: int = s7("HW_ANY", default=0)
    ID: int = s7("CONN_OUC", default=1)
    ConnectionType: int = s7("Byte", default=0x15)
    ActiveEstablished: bool = s7("Bool", default=True)
    PBAddresses: bytes = s7("Array[1..4] of Byte", at=6, default=b"")
    RemoteLSAP: int = s7("Word", default=0)
    LocalLSAP: int = s7("Word", default=0)


@attrs.frozen(kw_only=True)
class TCON_Phone(Description):
    """A telephone partner through a modem; 32 bytes.

    Attributes:
        PhoneNumber: At most 22 characters.
    """

    InterfaceId: int = s7("HW_ANY", default=0)
    ID: int = s7("CONN_OUC", default=1)
    ConnectionType: int = s7("Byte", default=0x0E)
    ActiveEstablished: bool = s7("Bool", default=True)
    PhoneNumber: str = s7("String[22]", at=8, default="")
