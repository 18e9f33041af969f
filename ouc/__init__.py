"""Secure Open User Communication with Siemens S7 controllers.

The names that most programs need are here; everything else is in its room: `ouc.params` (connection descriptions),
`ouc.certs` (certificates by ID), `ouc.s7` and `ouc.source` (data blocks and TIA Portal's text sources), `ouc.tls`.
Each name is imported when it is first used, so that a program which only reads data blocks never loads TLS.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import aio, certs, params, profiles, s7, source, status, sync
    from .api import Connection, Held, LifeSign, Station, connect, hold, serve
    from .blocks import T_DIAG, T_RESET, TCON, TDISCON, TRCV, TRCV_C, TSEND, TSEND_C, TURCV, TUSEND, TCONSettings
    from .certs import Project
    from .errors import (
        CertificateError,
        ConnectionLost,
        Failure,
        LocalProtocolError,
        OUCError,
        ParameterError,
        RemoteProtocolError,
    )
    from .params import TCON_IP_V4_SEC, TCON_QDN, TCON_QDN_SEC, TCON_IP_v4
    from .source import DataBlock
    from .status import Status
    from .transport import AddressMap, loopback

# Public name -> the room it lives in.
_HOMES = {
    **dict.fromkeys(("Connection", "Held", "LifeSign", "Station", "connect", "hold", "serve"), "api"),
    **dict.fromkeys(
        ("TCON", "TDISCON", "TRCV", "TRCV_C", "TSEND", "TSEND_C", "TURCV", "TUSEND", "T_DIAG", "T_RESET",
         "TCONSettings"), "blocks"),
    "Project": "certs",
    **dict.fromkeys(
        ("CertificateError", "ConnectionLost", "Failure", "LocalProtocolError", "OUCError", "ParameterError",
         "RemoteProtocolError"), "errors"),
    **dict.fromkeys(("TCON_IP_V4_SEC", "TCON_IP_v4", "TCON_QDN", "TCON_QDN_SEC"), "params"),
    "DataBlock": "source",
    "Status": "status",
    **dict.fromkeys(("AddressMap", "loopback"), "transport"),
}  # fmt: skip
_ROOMS = frozenset({"aio", "certs", "params", "profiles", "s7", "source", "status", "sync"})

__all__ = [
    "TCON",
    "TCON_IP_V4_SEC",
    "TCON_QDN",
    "TCON_QDN_SEC",
    "TDISCON",
    "TRCV",
    "TRCV_C",
    "TSEND",
    "TSEND_C",
    "TURCV",
    "TUSEND",
    "T_DIAG",
    "T_RESET",
    "AddressMap",
    "CertificateError",
    "Connection",
    "ConnectionLost",
    "DataBlock",
    "Failure",
    "Held",
    "LifeSign",
    "LocalProtocolError",
    "OUCError",
    "ParameterError",
    "Project",
    "RemoteProtocolError",
    "Station",
    "Status",
    "TCONSettings",
    "TCON_IP_v4",
    "aio",
    "certs",
    "connect",
    "hold",
    "loopback",
    "params",
    "profiles",
    "s7",
    "serve",
    "source",
    "status",
    "sync",
]

# A library is silent unless the program that uses it wants to listen.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
