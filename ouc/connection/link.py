"""The life of a connection ID as two tables, one for each role.

After one successful establishment the communication side keeps and supervises the connection: the active end reconnects
by itself, the passive end waits again (ouc-blocks.md 2.1). States carry T_DIAG's numbers (1.11).
"""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["ACTIVE", "PASSIVE", "Effect", "LinkEvent", "LinkState", "step"]


class LinkState(enum.IntEnum):
    """Where a connection stands; 1 to 5 are what T_DIAG shows as State."""

    ABSENT = 0
    DISCONNECTED = 1  # for the moment; the active end tries again by itself
    CONNECTING = 2
    LISTENING = 3
    ESTABLISHED = 4
    CLOSING = 5


class LinkEvent(enum.Enum):
    """What happened to a connection."""

    ESTABLISH = "the program wants the connection"
    TERMINATE = "the program wants it no more"
    RESET = "the program wants it anew (COM_RST, T_RESET)"
    UP = "established, TLS handshake included"
    REFUSED = "an attempt failed"
    LOST = "it was up, and is no longer"
    RETRY_DUE = "the pause before the next attempt is over"
    GONE = "everything is closed"


class Effect(enum.Enum):
    """What the communication side has to do."""

    NOTHING = "nothing"
    DIAL = "open a connection to the partner"
    LISTEN = "open the local port and wait for the partner"
    PAUSE = "wait, then report RETRY_DUE"
    DROP = "close the transport, keep the endpoint"
    CLOSE = "close everything, then report GONE"


S, E, F = LinkState, LinkEvent, Effect

ACTIVE: Final[dict[LinkState, dict[LinkEvent, tuple[LinkState, Effect]]]] = {
    S.ABSENT: {E.ESTABLISH: (S.CONNECTING, F.DIAL)},
    S.CONNECTING: {
        E.UP: (S.ESTABLISHED, F.NOTHING),
        E.REFUSED: (S.DISCONNECTED, F.PAUSE),
        E.TERMINATE: (S.CLOSING, F.CLOSE),
    },
    S.DISCONNECTED: {
        E.RETRY_DUE: (S.CONNECTING, F.DIAL),
        E.TERMINATE: (S.CLOSING, F.CLOSE),
    },
    S.ESTABLISHED: {
        E.LOST: (S.DISCONNECTED, F.PAUSE),
        E.RESET: (S.DISCONNECTED, F.DROP),
        E.TERMINATE: (S.CLOSING, F.CLOSE),
    },
    S.CLOSING: {E.GONE: (S.ABSENT, F.NOTHING)},
}

PASSIVE: Final[dict[LinkState, dict[LinkEvent, tuple[LinkState, Effect]]]] = {
    S.ABSENT: {E.ESTABLISH: (S.LISTENING, F.LISTEN)},
    S.LISTENING: {
        E.UP: (S.ESTABLISHED, F.NOTHING),
        # A stranger who failed the handshake, or a port that is taken: told, and the end goes on waiting.
        E.REFUSED: (S.LISTENING, F.NOTHING),
        # The port itself could not be opened; tried again after a pause.
        E.RETRY_DUE: (S.LISTENING, F.LISTEN),
        E.TERMINATE: (S.CLOSING, F.CLOSE),
    },
    S.ESTABLISHED: {
        E.LOST: (S.LISTENING, F.NOTHING),
        E.RESET: (S.LISTENING, F.DROP),
        E.TERMINATE: (S.CLOSING, F.CLOSE),
    },
    S.CLOSING: {E.GONE: (S.ABSENT, F.NOTHING)},
}


def step(state: LinkState, event: LinkEvent, *, active: bool) -> tuple[LinkState, Effect]:
    """One transition; an event without a row does not concern the state."""
    return (ACTIVE if active else PASSIVE)[state].get(event, (state, Effect.NOTHING))
