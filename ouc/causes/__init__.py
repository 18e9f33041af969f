"""Why a connection does not work: one table for exceptions, blocks, logs, commands and the probe.

Whoever meets a failure collects `Evidence` and asks `find`; the row tells STATUS, cause and remedy for our role. Nothing here
waits, and nothing here has a socket.
"""

from __future__ import annotations

from typing import Any

import attrs

from .. import status
from ..errors import ConnectionLost, Failure, OUCError
from . import remedies
from .alerts import ABOUT_OUR_CERTIFICATE, ALERTS
from .evidence import End, Evidence, Moment, Opening, Role
from .rows import GONE, NAMED, PARTNER_CERTIFICATE, RESET, ROWS, UNKNOWN
from .table import Row

__all__ = [
    "ABOUT_OUR_CERTIFICATE", "ALERTS", "GONE", "NAMED", "PARTNER_CERTIFICATE", "RESET", "ROWS", "UNKNOWN", "End", "Evidence",
    "Moment", "Opening", "Role", "Row", "closed", "closer", "error", "failure", "find", "named", "with_remedy",
]  # fmt: skip

_NAMED = {row.cause: row for row in NAMED}


def find(seen: Evidence) -> Row | None:
    """The first row that fits; None if nothing went wrong, as far as is known."""
    return next((row for row in ROWS if row.applies(seen)), None)


def failure(seen: Evidence) -> Failure:
    """Why a connection failed, always with a remedy."""
    if seen.verdict is not None:
        return seen.verdict
    return (find(seen) or UNKNOWN).failure(seen)


def error(seen: Evidence) -> OUCError:
    """The exception for it, sorted by what the caller does next."""
    if seen.verdict is not None:
        return PARTNER_CERTIFICATE["bad-certificate"].kind.of(seen.verdict)
    row = find(seen) or UNKNOWN
    return row.kind.of(row.failure(seen))


def with_remedy(failure: Failure) -> Failure:
    """A failure that was told without one, by a rule below: by its STATUS, whichever end this is."""
    if failure.remedy or failure.status is None:
        return failure
    remedy = remedies.BY_STATUS.get(failure.status) or status.explain(failure.status).remedy or remedies.INTERRUPTED
    return attrs.evolve(failure, remedy=remedy)


def closed(where: str) -> ConnectionLost:
    """The partner of an established connection has closed it in order."""
    return ConnectionLost.of(failure(Evidence(moment=Moment.ESTABLISHED, end=End.CLOSED, farewell=True, where=where)))


def named(cause: str, seen: Evidence, **facts: Any) -> OUCError:
    """The exception for a cause that only the caller can see; `facts` fill in its sentence."""
    row = _NAMED[cause]
    return row.kind.of(row.failure(seen, **facts))


def closer(role: Role, host: str, port: int) -> str:
    """The command that looks closer: at a partner that we dial, or at whoever dials us."""
    return f"ouc probe {host}:{port}" if role == "client" else f"ouc probe --listen {port}"
