"""Connection descriptions: the structures at CONNECT, the rules between their members, and their two sides compared."""

from __future__ import annotations

from .checking import check
from .counterpart import partner, partners
from .data import Area
from .description import Description
from .diagnosis import TCON_IPMulticastTTL, TCON_TCPTermination, TDiag_Status, TDiag_StatusExt
from .endpoints import CONNECTION_TYPES, ISO_PORT, Endpoint, Protocol, endpoint, view
from .facts import CertificateFacts, Certificates
from .findings import Finding, Mark, Severity
from .foreign import TCON_FDL, TCON_ISOnative, TCON_Phone
from .host_names import flaw_of_name
from .images import decode
from .iso import TCON_IP_RFC, TSelector
from .legacy import TCON_Configured, TCON_Param
from .notation import from_mapping, loads, to_python, to_toml
from .pair import PAIR_RULES, Side, compare, meeting
from .rules import RULES
from .structures import STRUCTURES
from .tcp import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4
from .udp import TADDR_RCV_IP, TADDR_SEND_QDN, TADDR_Param

__all__ = [
    "CONNECTION_TYPES",
    "ISO_PORT",
    "PAIR_RULES",
    "RULES",
    "STRUCTURES",
    "TADDR_RCV_IP",
    "TADDR_SEND_QDN",
    "TCON_FDL",
    "TCON_IP_RFC",
    "TCON_IP_V4_SEC",
    "TCON_QDN",
    "TCON_QDN_SEC",
    "Area",
    "CertificateFacts",
    "Certificates",
    "Description",
    "Endpoint",
    "Finding",
    "Mark",
    "Protocol",
    "Severity",
    "Side",
    "TADDR_Param",
    "TCON_Configured",
    "TCON_IPMulticastTTL",
    "TCON_IP_v4",
    "TCON_ISOnative",
    "TCON_Param",
    "TCON_Phone",
    "TCON_TCPTermination",
    "TDiag_Status",
    "TDiag_StatusExt",
    "TSelector",
    "check",
    "compare",
    "decode",
    "endpoint",
    "flaw_of_name",
    "from_mapping",
    "loads",
    "meeting",
    "partner",
    "partners",
    "to_python",
    "to_toml",
    "view",
]
