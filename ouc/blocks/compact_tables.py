"""TSEND_C and TRCV_C as tables (ouc-blocks.md 2.5 to 2.7), for both generations of the blocks.

A call takes one step. The rows of a state are looked at in their order, and the first event that holds is taken: the
order of the rows is the priority of the events. Outputs are read off the step. An event without a row does not concern
the state; a second edge at REQ while a job runs is not an error on a PLC, it is simply not seen.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal, TypeAlias

import attrs

__all__ = ["FAILED_ON", "FORGETS_REQUEST", "Effect", "Event", "Rules", "State", "Transitions", "Version", "rules"]

#: Which generation of the block: 3.0 and later, or 2.1 as on S7-1200 below FW V4.0.
Version: TypeAlias = Literal["3.0", "2.1"]


class State(enum.Enum):
    """Where an instance stands between two calls."""

    IDLE = "no connection wanted"
    ESTABLISHING = "connection wanted, never there yet"
    RECONNECTING = "connection wanted, was there"
    READY = "connected, no job"
    SENDING = "connected, send job running"
    RECEIVING = "connected, waiting for data"
    DISTURBED = "waiting for data, connection lost"
    RECREATING = "being closed by COM_RST, wanted again"
    ENDED = "the attempt has failed for good, until CONT falls"
    TERMINATING = "being closed"


class Event(enum.Enum):
    """What a call can find."""

    CONT_HIGH = "CONT is 1"
    CONT_LOW = "CONT is 0"
    UP = "the connection has come to stand"
    LOST = "the connection is lost"
    REFUSED = "an attempt has failed"
    MISSING = "the endpoint does not exist"
    RESET = "COM_RST rises"
    REQUEST = "REQ has risen"
    SENT = "the send job is done"
    NOT_SENT = "the send job has failed"
    EN_R_HIGH = "EN_R is 1"
    EN_R_LOW = "EN_R is 0"
    RECEIVED = "the receive job is complete"


class Effect(enum.Enum):
    """What a step does at the port."""

    NOTHING = "nothing"
    ESTABLISH = "establish the connection, or join it"
    TERMINATE = "close it and take it out of the table"
    RESET = "interrupt it, keep the endpoint"
    SEND = "begin a send job"
    RECEIVE = "begin a receive job"


Transitions: TypeAlias = Mapping[State, Mapping[Event, tuple[State, Effect]]]
S, E, F = State, Event, Effect

_COMMON: Final[Transitions] = {
    S.IDLE: {E.CONT_HIGH: (S.ESTABLISHING, F.ESTABLISH)},
    S.ESTABLISHING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.UP: (S.READY, F.NOTHING),
        E.REFUSED: (S.ESTABLISHING, F.NOTHING),
        # Someone else took the endpoint away: with CONT = 1 TCON is repeated by itself.
        E.MISSING: (S.ESTABLISHING, F.ESTABLISH),
    },
    S.RECONNECTING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.UP: (S.READY, F.NOTHING),
        # The communication side goes on by itself, whatever became of one attempt.
        E.REFUSED: (S.RECONNECTING, F.NOTHING),
        E.MISSING: (S.ESTABLISHING, F.ESTABLISH),
    },
    S.TERMINATING: {E.MISSING: (S.IDLE, F.NOTHING)},
}

_SEND: Final[Transitions] = {
    **_COMMON,
    S.READY: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.LOST: (S.RECONNECTING, F.NOTHING),
        E.RESET: (S.RECONNECTING, F.RESET),
        E.REQUEST: (S.SENDING, F.SEND),
    },
    S.SENDING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        # First what became of the job, then what became of the connection.
        E.SENT: (S.READY, F.NOTHING),
        E.LOST: (S.RECONNECTING, F.NOTHING),
        E.NOT_SENT: (S.READY, F.NOTHING),
        E.RESET: (S.RECONNECTING, F.RESET),
    },
}

_RECEIVE: Final[Transitions] = {
    **_COMMON,
    S.READY: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.RESET: (S.RECONNECTING, F.RESET),
        E.EN_R_HIGH: (S.RECEIVING, F.RECEIVE),
        E.LOST: (S.RECONNECTING, F.NOTHING),
    },
    S.RECONNECTING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        # A program that was not ready to receive when the connection was lost (EN_R = 0) gets what had arrived once it is,
        # whether or not the partner ever comes back; as TRCV does.
        E.RECEIVED: (S.RECONNECTING, F.NOTHING),
        **{event: step for event, step in _COMMON[S.RECONNECTING].items() if event is not E.CONT_LOW},
    },
    S.RECEIVING: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        # What arrived completely before the connection was lost is delivered before the loss is told.
        E.RECEIVED: (S.RECEIVING, F.NOTHING),
        E.LOST: (S.DISTURBED, F.NOTHING),
        E.RESET: (S.RECONNECTING, F.RESET),
        E.EN_R_LOW: (S.READY, F.NOTHING),
    },
    S.DISTURBED: {
        E.CONT_LOW: (S.TERMINATING, F.TERMINATE),
        E.UP: (S.READY, F.NOTHING),
        E.EN_R_LOW: (S.RECONNECTING, F.NOTHING),
        E.REFUSED: (S.DISTURBED, F.NOTHING),
        E.MISSING: (S.ESTABLISHING, F.ESTABLISH),
    },
}

#: Events that are failures; each brings a STATUS of its own.
FAILED_ON: Final = frozenset({E.LOST, E.REFUSED, E.NOT_SENT})

#: Events after which an edge that came before means nothing: the call that shows the loss has answered it with ERROR, and
#: the program repeats it. Kept as well, the message would leave twice.
FORGETS_REQUEST: Final = frozenset({E.LOST})


@attrs.frozen(eq=False)
class Rules:
    """Everything that makes one kind of compact block.

    Attributes:
        transitions: The steps.
        status_while: STATUS shown call after call while nothing happens.
        status_once: STATUS shown in the call that takes the step. Failures bring their own.
        done_on: Events that are shown with DONE.
        busy_while: States of a running job. Published for 7006 only; for 7001 to 7003 and 7004 chosen [I]
            (ouc-blocks.md 8.7).
        refused_to: Where a step leads whose effect the port or the pins refused; elsewhere the state stays.
    """

    transitions: Transitions
    status_while: Mapping[State, int]
    status_once: Mapping[tuple[State, Event], int]
    done_on: frozenset[Event]
    busy_while: frozenset[State] = frozenset(
        {S.ESTABLISHING, S.RECONNECTING, S.SENDING, S.RECEIVING, S.RECREATING, S.TERMINATING}
    )
    refused_to: Mapping[State, State] = {S.RECEIVING: S.READY}


_WHILE: Final = {
    S.IDLE: 0x7000, S.ESTABLISHING: 0x7002, S.RECONNECTING: 0x7002, S.READY: 0x7004, S.SENDING: 0x7005,
    S.RECEIVING: 0x7006, S.DISTURBED: 0x80C4, S.RECREATING: 0x7003, S.ENDED: 0x7000, S.TERMINATING: 0x7003,
}  # fmt: skip
_ONCE: Final = {
    (S.IDLE, E.CONT_HIGH): 0x7001,
    (S.ESTABLISHING, E.UP): 0x0001,
    (S.RECONNECTING, E.UP): 0x0001,
    (S.DISTURBED, E.UP): 0x0001,
    (S.ESTABLISHING, E.MISSING): 0x7001,
    (S.RECONNECTING, E.MISSING): 0x7001,
    (S.DISTURBED, E.MISSING): 0x7001,
    (S.RECREATING, E.MISSING): 0x7001,
    (S.SENDING, E.SENT): 0x0000,
    (S.SENDING, E.RESET): 0x80A7,
    (S.RECEIVING, E.RECEIVED): 0x0000,
    (S.RECONNECTING, E.RECEIVED): 0x0000,
    (S.TERMINATING, E.MISSING): 0x0003,
}

# -- block V2.1 (ouc-blocks.md 2.5, 2.6): what it does otherwise ----------------------------------------------------

# COM_RST closes the connection and creates it anew.
_RECREATE: Final = {S.RECREATING: {E.CONT_LOW: (S.TERMINATING, F.NOTHING), E.MISSING: (S.ESTABLISHING, F.ESTABLISH)}}
# 7001 covers "waiting for the partner", 7002 "data sent".
_WHILE_2_1: Final = {**_WHILE, S.ESTABLISHING: 0x7001, S.RECONNECTING: 0x7001, S.SENDING: 0x7002}
# DONE also when the connection has come to stand.
_ONCE_2_1: Final = {**_ONCE, **dict.fromkeys(((one, E.UP) for one in (S.ESTABLISHING, S.RECONNECTING, S.DISTURBED)), 0)}


def _older(table: Transitions) -> Transitions:
    return {
        state: {event: (S.RECREATING, F.TERMINATE) if event is E.RESET else step for event, step in row.items()}
        for state, row in {**table, **_RECREATE}.items()
    }


# -- a failed attempt that is not repeated (the profile's `repeat_connect`) -------------------------------------------


def _ending(table: Transitions) -> Transitions:
    return {
        **table,
        S.ESTABLISHING: {**table[S.ESTABLISHING], E.REFUSED: (S.ENDED, F.TERMINATE)},
        S.ENDED: {E.CONT_LOW: (S.IDLE, F.NOTHING)},
    }


_GIVES_UP: Final = {S.IDLE: S.ENDED, S.ESTABLISHING: S.ENDED, S.RECONNECTING: S.ENDED, S.DISTURBED: S.ENDED}


@cache
def rules(kind: Literal["send", "receive"], *, version: Version = "3.0", repeat: bool = True) -> Rules:
    """The tables of one kind of block.

    Args:
        kind: TSEND_C or TRCV_C.
        version: Generation of the block.
        repeat: With CONT = 1 a failed attempt shows its error once and is repeated; else it ends until CONT falls.
    """
    table = _SEND if kind == "send" else _RECEIVE
    if version == "2.1":
        table = _older(table)
    made = Rules(table, _WHILE, _ONCE, frozenset({E.SENT, E.RECEIVED}))
    if version == "2.1":
        done_on = made.done_on | {E.UP}
        made = attrs.evolve(made, status_while=_WHILE_2_1, status_once=_ONCE_2_1, done_on=done_on)
    if not repeat:
        refused_to = {**made.refused_to, **_GIVES_UP}
        made = attrs.evolve(made, transitions=_ending(table), refused_to=refused_to)
    return made
