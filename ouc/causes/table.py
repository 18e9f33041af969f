"""How a row of the table of causes is made, and how it becomes a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from ..errors import CertificateError, ConnectionLost, Failure, OUCError, ParameterError, RemoteProtocolError
from ..status import Status
from ..visible import visible
from .alerts import ALERTS
from .evidence import REFUSED, Evidence

__all__ = ["Remedy", "Row"]

#: One text, or one for us as active end and one for us as passive end.
Remedy = str | tuple[str, str]

_SHOWN_BYTES: Final = 16


@attrs.frozen(kw_only=True)
class Row:
    """A reason why a connection does not work.

    Attributes:
        cause: Its name: in reports, in `Failure.cause` and in the reference.
        status: The STATUS that a CPU in our place shows.
        what: One sentence with placeholders.
        remedy: What to do, with placeholders.
        applies: Whether it is the reason; rows about the partner's certificate are chosen by its verification instead.
        kind: The exception that carries it.
        meaning: For the reference, where `what` is made by the verification.
    """

    cause: str
    status: int
    what: str
    remedy: Remedy
    applies: Callable[[Evidence], bool] = attrs.field(default=lambda _: False, repr=False)
    kind: type[OUCError] = ConnectionLost
    meaning: str = ""

    def remedy_for(self, seen: Evidence, **facts: Any) -> str:
        """The remedy for our role, filled in."""
        text = self.remedy if isinstance(self.remedy, str) else self.remedy[0 if seen.client else 1]
        return text.format(**{**_placeholders(seen), **facts})

    def failure(self, seen: Evidence, **facts: Any) -> Failure:
        """The row, filled in with what was seen."""
        what = self.what.format(**{**_placeholders(seen), **facts})
        return Failure(
            what, self._status(seen), seen.where, self.remedy_for(seen, **facts), cause=self.cause,
            certificate=seen.own if self.cause.startswith("own-") else None,
        )  # fmt: skip

    def _status(self, seen: Evidence) -> Status:
        """The row's STATUS; where the partner refuses with an alert, the one that the profile has for it."""
        refused = seen.alert is not None and not seen.established and self.status == REFUSED
        return Status(seen.refused_status if refused else self.status)


LOST, PROTOCOL, CERTIFICATE, PARAMETER = ConnectionLost, RemoteProtocolError, CertificateError, ParameterError


def _placeholders(seen: Evidence) -> dict[str, Any]:
    alert = seen.told
    name, _, meaning = ALERTS.get(alert or 0, (f"{alert}", 0, "for a reason that has no name"))
    own = seen.own
    return {
        "where": seen.where or "the partner",
        "port": f"port {seen.port}" if seen.port else "this port",
        "local_address": seen.local_address or "that was asked for",
        "local_port": f"port {seen.local_port or seen.port}" if seen.local_port or seen.port else "port",
        "limit": f"{seen.limit:g}",
        "versions": ", ".join(seen.versions) or "nothing readable",
        "groups": ", ".join(seen.groups) or "nothing readable",
        "first": _bytes(seen.first),
        "how": seen.how,
        "alert": name,
        "meaning": meaning,
        "told": "" if alert is None else f" (alert {name})",
        "reason": seen.reason or "no reason given",
        "number": seen.number,
        "own": f"our certificate '{visible(own.subject)}'" if own is not None else "our certificate",
        "own_ca": f"its CA '{visible(own.issuer)}'" if own is not None else "its CA",
        "own_until": f" on {own.valid_to:%Y-%m-%d}" if own is not None else "",
        "own_from": f" before {own.valid_from:%Y-%m-%d}" if own is not None else "",
        "own_san": (", ".join(visible(one) for one in own.san) or "none") if own is not None else "unknown",
        "own_address": seen.own_address or "the one it dials",
    }  # fmt: skip


def _bytes(data: bytes) -> str:
    """The beginning of foreign bytes: in hex, and as text where it is text."""
    shown = data[:_SHOWN_BYTES]
    text = shown.decode("ascii", "replace").rstrip("\r\n")
    readable = f" ({text!r})" if len(text) > 2 and text.isprintable() and "\ufffd" not in text else ""
    return f"{shown.hex(' ')}{readable}"
