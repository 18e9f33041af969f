"""Results of T_DIAG and properties set with TCONSettings. Sources: ouc-blocks.md 1.10 and 1.11.

The tables name members and types of the T_DIAG results but no offsets; these follow from the layout rules.
"""

from __future__ import annotations

import attrs

from ..s7 import LDT, Structure, s7

__all__ = ["TCON_IPMulticastTTL", "TCON_TCPTermination", "TDiag_Status", "TDiag_StatusExt"]


@attrs.frozen(kw_only=True)
class TDiag_Status(Structure):
    """What T_DIAG tells about a connection; 16 bytes.

    Attributes:
        InterfaceID: Hardware identifier of the interface in use.
        ID: Connection ID.
        ConnectionType: See `ouc.params.CONNECTION_TYPES`.
        ActiveEstablished: Whether this side opens the connection.
        State: 1 disconnected for the moment, 2 trying to connect, 3 waiting for the partner, 4 established, 5 being
            closed.
        Kind: 1 configured, 2 configured and dynamic, 3 programmed, 4 temporary.
        SentBytes, ReceivedBytes: Bytes of user data.
    """

    InterfaceID: int = s7("HW_ANY", default=64)
    ID: int = s7("CONN_OUC", default=1)
    ConnectionType: int = s7("Byte", default=0)
    ActiveEstablished: bool = s7("Bool", default=False)
    State: int = s7("Byte", default=1)
    Kind: int = s7("Byte", default=3)
    SentBytes: int = s7("UDInt", default=0)
    ReceivedBytes: int = s7("UDInt", default=0)


@attrs.frozen(kw_only=True)
class TDiag_StatusExt(Structure):
    """The extended form on S7-1500; 48 bytes.

    Attributes:
        ConnTrials: Attempts since the connection stood last; back to 0 on success.
        ConnTrialsSuccess: How often it came to stand; 1 means it never had trouble.
        LastConnErrReason, LastDisconnReason: See `ouc.status.REASONS`; 0 for none.
        LastConnErrTimeStamp, LastDisconnTimeStamp: When.

    The members before them are those of `TDiag_Status`.
    """

    InterfaceID: int = s7("HW_ANY", default=64)
    ID: int = s7("CONN_OUC", default=1)
    ConnectionType: int = s7("Byte", default=0)
    ActiveEstablished: bool = s7("Bool", default=False)
    State: int = s7("Byte", default=1)
    Kind: int = s7("Byte", default=3)
    SentBytes: int = s7("UDInt", default=0)
    ReceivedBytes: int = s7("UDInt", default=0)
    ConnTrials: int = s7("UDInt", default=0)
    ConnTrialsSuccess: int = s7("UDInt", default=0)
    LastConnErrReason: int = s7("UDInt", default=0)
    LastConnErrTimeStamp: LDT = s7("LDT", default=LDT(0))
    LastDisconnReason: int = s7("UDInt", default=0)
    LastDisconnTimeStamp: LDT = s7("LDT", default=LDT(0))


@attrs.frozen(kw_only=True)
class TCON_TCPTermination(Structure):
    """How TDISCON ends a TCP connection.

    Attributes:
        GracefulShutdown: True: FIN; False: RST, and what was not yet sent is lost.
    """

    GracefulShutdown: bool = s7("Bool", default=False)


@attrs.frozen(kw_only=True)
class TCON_IPMulticastTTL(Structure):
    """Time to live of multicast datagrams, S7-1500 only.

    Attributes:
        IPMulticastTTLValue: 1 to 255 routers.
    """

    IPMulticastTTLValue: int = s7("USInt", default=1)
