"""The rows of ouc-blocks.md 2.0 to 2.9, and which test holds each.

`@row("2.5 ...")` stands above a test that holds the row. `test_rows.py` asks that every row has one, so that a row without
a test, or a test of a row that does not exist, is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

__all__ = ["HELD", "NOT_MODELLED", "ROWS", "row"]

ROWS: Final = frozenset(
    {
        # Mechanics of all asynchronous blocks
        "2.0 preparatory call",
        "2.0 first call, parameters fine",
        "2.0 first call, bad parameters or no resources",
        "2.0 calls 2 to n-1",
        "2.0 last call, finished",
        "2.0 last call, failed",
        "2.0 first and last call coincide",
        "2.0 one call with REQ = 0 before the next job",
        "2.0 edges during a running job are ignored",
        "2.0 edges in the call that shows DONE or ERROR are ignored",
        "2.0 outputs are valid in one call",
        "2.0 inputs are taken over at job start",
        "2.0 DATA swapped is 80B1",
        "2.0 LEN or DATA changed is 8085",
        "2.0 STOP closes and removes",
        "2.0 DATA is not BOOL",
        # TCON
        "2.1 ID differs from the structure",
        "2.1 DONE after establishing",
        "2.1 active end reconnects by itself",
        "2.1 passive end waits again",
        "2.1 failure below V4.0 stays BUSY",
        "2.1 failure from V4.0 is an error",
        "2.1 same ID, same CONNECT is 80A3",
        "2.1 same ID, other settings is 80C8",
        "2.1 TDISCON on a running TCON is 80A7",
        "2.1 reserved ID is lost after BUSY",
        "2.1 reserved ID survives an immediate failure",
        # TDISCON
        "2.2 closes and deletes the endpoint",
        "2.2 the ID becomes invalid for transfer",
        "2.2 a reserved ID is released",
        "2.2 missing or closed is 80A3",
        "2.2 still being established is 80C4",
        "2.2 RST unless GracefulShutdown",
        "2.2 STOP always RST",
        # TSEND
        "2.3 LEN 0 is all of DATA",
        "2.3 LEN above DATA is 8088",
        "2.3 LEN above the maximum is 8085",
        "2.3 LEN and DATA both 0 is 8085",
        "2.3 LEN below the structure sends LEN bytes",
        "2.3 optimized area",
        "2.3 7001, 7002, DONE",
        "2.3 DONE can come in the second call",
        "2.3 maximum by family",
        "2.3 not on UDP",
        # TRCV
        "2.4 EN_R is a level: 7000, 7001, 7002",
        "2.4 TCP, fixed length",
        "2.4 TCP, ad hoc",
        "2.4 ad hoc with a small area",
        "2.4 ADHOC only with TCP",
        "2.4 ISO-on-TCP, one whole message",
        "2.4 ISO-on-TCP, area too small",
        "2.4 UDP, area too small",
        "2.4 EN_R pulsed",
        "2.4 RCVD_LEN is valid with NDR",
        "2.4 legacy ad hoc",
        # TSEND_C
        "2.5 CONT 0, idle",
        "2.5 CONT 0 -> 1",
        "2.5 CONT 1, REQ 0, connected",
        "2.5 CONT 1, REQ 0 -> 1, connected",
        "2.5 COM_RST 0 -> 1, connected",
        "2.5 COM_RST 0 -> 1, sending",
        "2.5 COM_RST 0 -> 1, not connected",
        "2.5 CONT 1 -> 0, connected",
        "2.5 CONT 1 -> 0, connecting",
        "2.5 CONT 1 -> 0, sending",
        "2.5 COM_RST is set back to 0",
        "2.5 TCON is repeated if the endpoint is missing",
        "2.5 0001 after establishing and 0003 after closing",
        "2.5 REQ before the connection stands",
        "2.5 ADDR with UDP",
        "2.5 block V2.1",
        # TRCV_C
        "2.6 CONT 0, idle",
        "2.6 CONT 0 -> 1",
        "2.6 EN_R 0, connected",
        "2.6 EN_R 1, connected",
        "2.6 COM_RST 0 -> 1, connected",
        "2.6 CONT 1 -> 0",
        "2.6 own limit of LEN",
        "2.6 partner closes while EN_R is 1",
        "2.6 EN_R 0 after 80C5",
        "2.6 block V2.1",
        # The state machine of the compact blocks
        "2.7 connect error, CONT still 1",
        "2.7 connect error that ends the attempt",
        "2.7 TSEND_C, partner closes",
        # T_RESET, T_DIAG, TCONSettings
        "2.8 T_RESET 0000, 0001, 8081",
        "2.8 T_RESET clears buffers and keeps the endpoint",
        "2.8 T_DIAG fills RESULT with DONE",
        "2.8 T_DIAG, TDiag_StatusExt only on S7-1500",
        "2.8 T_DIAG of a reserved ID",
        "2.8 TCONSettings from its firmware on",
        "2.8 TCONSettings MODE 0",
        "2.8 TCONSettings MODE 1",
        "2.8 TCONSettings MODE 2",
        "2.8 TCONSettings, parallel jobs",
        "2.8 TCONSettings, IDs are freed by TDISCON and STOP",
        # TUSEND, TURCV
        "2.9 TUSEND with ADDR",
        "2.9 TURCV with ADDR",
        "2.9 maximum by firmware",
        "2.9 broadcast 1472",
        "2.9 TUSEND LEN 0 is 8085",
        "2.9 no DTLS",
    }
)

#: Rows that nothing here could show, with the reason.
NOT_MODELLED: Final = {
    "2.0 consistent copies of 512 bytes": "a program and the communication side take turns in one thread",
    "2.1 ID of a configured connection is 8085": "no network view: TCON_Configured is refused with 80A3",
    "2.3 STRING at DATA": "what stands at DATA is a data block or bytes; a STRING alone has no image of its own",
    "2.4 elementary types in optimized areas": "a block with optimized access has no image",
    "3.2 80EE on TSEND and TRCV": "a link stands only after its handshake; before, both show 80A1 and TCON is not DONE",
    "3.2 80C3, another priority class": "a program here has one",
    "2.8 T_CONFIG": "not part of Open User Communication's transfer",
    "2.10": "mail and Modbus are not here",
}

HELD: Final[dict[str, list[str]]] = {}
_Test = TypeVar("_Test", bound=Callable[..., Any])


def row(*names: str) -> Callable[[_Test], _Test]:
    """Say which rows a test holds."""
    if unknown := set(names) - ROWS:
        raise LookupError(f"no such row: {', '.join(sorted(unknown))}")

    def holds(test: _Test) -> _Test:
        for name in names:
            HELD.setdefault(name, []).append(f"{test.__module__}.{test.__name__}")
        return test

    return holds
