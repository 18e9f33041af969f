"""Every structure by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..errors import ParameterError
from ..s7 import Structure, quoted
from .diagnosis import TCON_IPMulticastTTL, TCON_TCPTermination, TDiag_Status, TDiag_StatusExt
from .foreign import TCON_FDL, TCON_ISOnative, TCON_Phone
from .iso import TCON_IP_RFC, TSelector
from .legacy import TCON_Configured, TCON_Param
from .tcp import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4
from .udp import TADDR_RCV_IP, TADDR_SEND_QDN, TADDR_Param

__all__ = ["STRUCTURES", "structure"]

_KNOWN: Final[tuple[type[Structure], ...]] = (
    TCON_IP_v4,
    TCON_IP_V4_SEC,
    TCON_QDN,
    TCON_QDN_SEC,
    TCON_IP_RFC,
    TCON_Configured,
    TCON_Param,
    TCON_ISOnative,
    TCON_FDL,
    TCON_Phone,
    TSelector,
    TADDR_Param,
    TADDR_SEND_QDN,
    TADDR_RCV_IP,
    TCON_TCPTermination,
    TCON_IPMulticastTTL,
    TDiag_Status,
    TDiag_StatusExt,
)

#: Every structure by its name as Siemens spells it.
STRUCTURES: Final[Mapping[str, type[Structure]]] = MappingProxyType({kind.__name__: kind for kind in _KNOWN})


def structure(name: str) -> type[Structure]:
    """The structure of that name, letter case ignored.

    Raises:
        ParameterError: There is none (16#8089).
    """
    wanted = name.casefold()
    for known, kind in STRUCTURES.items():
        if known.casefold() == wanted:
            return kind
    raise ParameterError(
        f"there is no structure {quoted(name[:64])}", status=0x8089, remedy=f"Choose one of {', '.join(STRUCTURES)}"
    )
