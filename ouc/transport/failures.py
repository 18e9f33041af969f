"""From the operating system's and trio's exceptions to ours, once, at the edge where they enter.

Streams keep trio's contract (`BrokenResourceError` and its relatives, the cause inside), so that trio's own checkers can
judge them; whoever speaks to people calls `explain`.
"""

from __future__ import annotations

import errno
from typing import Final

import trio

from ..errors import ConnectionLost, LocalProtocolError, OUCError

__all__ = ["ERRORS", "explain", "located"]

_PORTS = (
    "Is the partner in RUN, with its passive end listening on this port, and does its description name our address?"
)
_ROUTE = "Check cables, address, subnet and router of both sides"

# errno -> STATUS, what happened, remedy. STATUS words: ouc-blocks.md 3.2.
ERRORS: Final[dict[int, tuple[int, str, str]]] = {
    errno.ECONNREFUSED: (0x80C5, "the partner refused the connection", _PORTS),
    errno.ECONNRESET: (0x80C5, "the partner reset the connection", _PORTS),
    errno.ECONNABORTED: (0x80C5, "the connection was aborted", _PORTS),
    errno.EPIPE: (0x80C5, "the partner has closed the connection", ""),
    errno.ETIMEDOUT: (0x80C6, "the partner does not answer", _ROUTE),
    errno.EHOSTUNREACH: (0x80C6, "the partner is unreachable", _ROUTE),
    errno.ENETUNREACH: (0x80C6, "the partner's network is unreachable", _ROUTE),
    errno.ENETDOWN: (0x80C6, "the local network interface is down", _ROUTE),
    errno.ENETRESET: (0x80C6, "the network dropped the connection", _ROUTE),
    errno.EADDRINUSE: (
        0x80A1,
        "the local port is already in use",
        "Choose another LocalPort, or end the program that uses it",
    ),
    errno.EADDRNOTAVAIL: (
        0x80C4,
        "this computer has no such local address",
        "Compare the device's address with the computer's",
    ),
    errno.EACCES: (0x80A2, "the system does not allow this local port", "Choose a LocalPort from 2000 to 5000"),
    errno.EMFILE: (0x80C3, "this process has no free descriptor left", "Raise the limit of open files (ulimit -n)"),
    errno.ENFILE: (0x80C3, "the system has no free descriptor left", ""),
    errno.ENOBUFS: (0x80C3, "the system has no buffer left", ""),
}


def explain(error: BaseException, *, where: str = "") -> OUCError:
    """Translate what a stream, a socket call or a time limit raised; the original becomes the cause.

    Args:
        error: An `OSError`, one of trio's resource errors (its cause is looked at first) or an `OUCError`.
        where: The partner or local address, for the message.
    """
    root = error
    while not isinstance(root, (OSError, OUCError)) and root.__cause__ is not None:
        root = root.__cause__
    result: OUCError
    if isinstance(root, OUCError):
        result = root
    elif isinstance(root, OSError):
        status, what, remedy = ERRORS.get(
            root.errno or 0, (0x80C4, f"the network failed: {root.strerror or type(root).__name__}", "")
        )
        result = ConnectionLost(what, status=status, where=where, remedy=remedy)
    elif isinstance(error, trio.ClosedResourceError):
        result = LocalProtocolError("this side has closed the connection", status=0x80A1, where=where)
    elif isinstance(error, trio.BusyResourceError):
        result = LocalProtocolError(str(error) or "another task is already doing this", where=where)
    elif isinstance(error, trio.BrokenResourceError):
        result = ConnectionLost(str(error) or "the connection broke", status=0x80C5, where=where)
    else:
        raise TypeError(f"no failure of a connection: {error!r}")
    if result is not error and result.__cause__ is None:
        result.__cause__ = error
    return result


def located(error: BaseException, where: str) -> OUCError:
    """As `explain`, with the place filled in where the reason does not know it."""
    reason = explain(error)
    if reason.failure.where or not where:
        return reason
    failure = reason.failure
    return type(reason)(failure.what, status=failure.status, where=where, remedy=failure.remedy)
