"""Open User Communication instructions as a PLC program calls them: once per scan, returning at once."""

from __future__ import annotations

from .compact import TRCV_C, TSEND_C, ReceiveOutputs, SendOutputs
from .datagrams import TURCV, TUSEND, TURCVOutputs
from .edge import JobOutputs, SupportsPort
from .jobs import T_DIAG, T_RESET, TCON, TDISCON, TSEND, DiagnosisOutputs
from .receive import TRCV, TRCVOutputs
from .settings import TCONSettings, TCONSettingsOutputs

__all__ = [
    "TCON",
    "TDISCON",
    "TRCV",
    "TRCV_C",
    "TSEND",
    "TSEND_C",
    "TURCV",
    "TUSEND",
    "T_DIAG",
    "T_RESET",
    "DiagnosisOutputs",
    "JobOutputs",
    "ReceiveOutputs",
    "SendOutputs",
    "SupportsPort",
    "TCONSettings",
    "TCONSettingsOutputs",
    "TRCVOutputs",
    "TURCVOutputs",
]
