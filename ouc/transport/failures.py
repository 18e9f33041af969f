"""From the operating system's and trio's exceptions to ours, once, at the edge where they enter.

Streams keep trio's contract (`BrokenResourceError` and its relatives, the cause inside), so that trio's own checkers can
judge them; whoever speaks to people calls `explain`, or `Attempt.failed` where a connection is still being opened. What they
say stands in the table of causes (`ouc.causes`).
"""

from __future__ import annotations

from typing import Any, Final

import attrs
import trio

from .. import causes
from ..causes import End, Evidence, Moment
from ..errors import Failure, LocalProtocolError, OUCError

__all__ = ["Attempt", "explain", "listening", "located"]

_CLOSED_HERE: Final = "Open it again; a connection that was closed or left carries nothing any more"
_ONE_TASK: Final = "Let one task send and one task receive, or protect the connection by a lock"

#: Causes of the table: where one of them was named with less evidence, it is named again with more.
_ROWS: Final = frozenset(row.cause for row in causes.ROWS) | {causes.UNKNOWN.cause}


def listening(port: int, address: object = None, *, kind: str = "") -> Evidence:
    """What is known where a local port cannot be opened.

    Args:
        port: The port that was asked for.
        address: The local address that was asked for, None for all of them.
        kind: `UDP`, or empty.
    """
    where = f"local {kind} port {port}" if kind else f"local port {port}"
    local = "" if address is None else str(address)
    return Evidence(
        role="server", moment=Moment.LISTENING, where=where, port=port, local_port=port, local_address=local, plain=True
    )


def explain(error: BaseException, *, where: str = "", seen: Evidence | None = None) -> OUCError:
    """Translate what a stream, a socket call or a time limit raised; the original becomes the cause.

    Args:
        error: An `OSError`, one of trio's resource errors (its cause is looked at first) or an `OUCError`.
        where: The partner or local address, for the message.
        seen: Role and moment, and what else is known; by default an established connection.
    """
    root = _root(error)
    known = seen or Evidence(moment=Moment.ESTABLISHED, plain=True)
    known = attrs.evolve(known, where=where or known.where)
    result: OUCError
    if isinstance(root, OUCError):
        placed = attrs.evolve(root.failure, where=root.failure.where or where)
        result = _again(root, causes.with_remedy(placed), cause=root.__cause__)
    elif isinstance(root, OSError):
        result = causes.error(_with_number(known, root))
    elif isinstance(error, trio.ClosedResourceError):
        result = LocalProtocolError(
            "this side has closed the connection", status=0x80A1, where=where, remedy=_CLOSED_HERE
        )
    elif isinstance(error, trio.BusyResourceError):
        what = str(error) or "another task is already doing this"
        result = LocalProtocolError(what, where=where, remedy=_ONE_TASK)
    elif isinstance(error, trio.BrokenResourceError):
        result = causes.error(attrs.evolve(known, end=End.CLOSED, farewell=True))
        if str(error):
            result.failure = attrs.evolve(result.failure, what=str(error))
    else:
        raise TypeError(f"no failure of a connection: {error!r}")
    if result is not error and result.__cause__ is None:
        result.__cause__ = error
    return result


@attrs.frozen(kw_only=True)
class Attempt:
    """A connection that is being opened.

    Attributes:
        seen: What is known so far; `where`, `port` and the role are what a machine does not know.
        closer: The command that looks closer, empty where none would help.
    """

    seen: Evidence
    closer: str = ""

    def with_tls(self, evidence: Evidence) -> Attempt:
        """The same attempt, with what its TLS machine knows."""
        mine = self.seen
        return attrs.evolve(
            self,
            seen=attrs.evolve(
                evidence, where=mine.where, port=mine.port, own_address=mine.own_address,
                local_address=mine.local_address, local_port=mine.local_port,
            ),
        )  # fmt: skip

    def failed(self, error: BaseException, **changes: Any) -> OUCError:
        """As `explain`, with the place and the command that looks closer.

        Args:
            error: As `explain` takes it, or a `trio.TooSlowError`.
            changes: To what is known.
        """
        seen = attrs.evolve(self.seen, **changes)
        root = _root(error)
        if isinstance(root, trio.TooSlowError):
            reason = causes.error(attrs.evolve(seen, end=End.TIMEOUT))
        elif isinstance(root, OUCError) and root.failure.cause in _ROWS and seen.verdict is None:
            # The machine that named it did not know the port or our address.
            reason = causes.error(seen)
        else:
            reason = explain(error, seen=seen)
        found = reason.failure
        return _again(reason, attrs.evolve(found, where=found.where or seen.where, closer=self.closer), cause=error)

    def iso_failed(self, error: BaseException) -> OUCError:
        """The same for ISO-on-TCP, where no TLS can be the reason."""
        root = _root(error)
        if isinstance(root, OUCError):
            return self.failed(error)
        end = End.RESET if isinstance(root, OSError) else End.CLOSED
        return causes.named("iso-refused", attrs.evolve(self.seen, end=end))


def located(error: BaseException, where: str) -> OUCError:
    """As `explain`, with the place filled in where the reason does not know it."""
    reason = explain(error)
    if reason.failure.where or not where:
        return reason
    return _again(reason, attrs.evolve(reason.failure, where=where), cause=reason.__cause__)


def _again(reason: OUCError, failure: Failure, *, cause: BaseException | None) -> OUCError:
    if failure == reason.failure:
        return reason
    result = type(reason).of(failure)
    result.__cause__ = cause
    return result


def _root(error: BaseException) -> BaseException:
    root = error
    while not isinstance(root, (OSError, OUCError)) and root.__cause__ is not None:
        root = root.__cause__
    return root


def _with_number(seen: Evidence, error: OSError) -> Evidence:
    """What the system's number says; a reset ends a handshake as it ends an established connection."""
    number = error.errno or 0
    if number in causes.GONE:
        if seen.moment is Moment.DIALLING:
            # Accepted and reset before this program had a chance to see the connection.
            seen = attrs.evolve(seen, moment=Moment.HANDSHAKE, spoke=True)
        return attrs.evolve(seen, number=number, end=End.RESET if number in causes.RESET else End.CLOSED)
    return attrs.evolve(seen, number=number, reason=seen.reason or (error.strerror or type(error).__name__).lower())
