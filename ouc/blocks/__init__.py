"""Open User Communication instructions as a PLC program calls them: once per scan, returning at once."""

from __future__ import annotations

from .compact import TRCV_C, TSEND_C, ReceiveOutputs, SendOutputs, SupportsPort
from .jobs import T_DIAG, T_RESET, TCON, TDISCON, TRCV, TSEND, DiagnosisOutputs, JobOutputs, TRCVOutputs

__all__ = [
    "TCON",
    "TDISCON",
    "TRCV",
    "TRCV_C",
    "TSEND",
    "TSEND_C",
    "T_DIAG",
    "T_RESET",
    "DiagnosisOutputs",
    "JobOutputs",
    "ReceiveOutputs",
    "SendOutputs",
    "SupportsPort",
    "TRCVOutputs",
]
