"""What can go wrong, sorted by what the caller does next.

Every exception carries one `Failure`: the STATUS word that a block would show, what happened, where, and the remedy.
Blocks report a `Failure` at their outputs, the Python faces raise it; both speak from the same value.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

import attrs

from .status import Status
from .visible import visible

__all__ = [
    "CertificateError",
    "CertificateSummary",
    "ConnectionLost",
    "Failure",
    "LocalProtocolError",
    "OUCError",
    "ParameterError",
    "RemoteProtocolError",
]


@attrs.frozen(kw_only=True)
class CertificateSummary:
    """What a failure can say about the certificate it is about; plain text, no key, nothing that has to be parsed.

    Attributes:
        subject: Common name, or the whole name where there is none.
        issuer: The same of its issuer.
        valid_from, valid_to: Aware.
        san: Entries of the subjectAltName, as `IP:192.168.0.1`.
        fingerprint: SHA-256, hexadecimal.
    """

    subject: str
    issuer: str
    valid_from: datetime
    valid_to: datetime
    san: tuple[str, ...] = ()
    fingerprint: str = ""


@attrs.frozen
class Failure:
    """One thing that went wrong, told once for blocks, exceptions, logs and reports.

    Attributes:
        what: One sentence without a final full stop. Never holds a secret.
        status: The STATUS word a CPU shows for it, or None where a CPU has none (a missing file, say).
        where: The place: `file:line:column`, a member path, a partner's address; empty where there is none.
        remedy: What to do about it, in TIA Portal's words where TIA Portal is where it is done.
        cause: Its name in the table of causes (`ouc.causes`), empty where it is in none.
        closer: The command that looks closer at this very partner, empty where none would help.
        certificate: The certificate that it is about, None where it is about none.
    """

    what: str
    status: Status | None = None
    where: str = ""
    remedy: str = ""
    cause: str = attrs.field(default="", kw_only=True)
    closer: str = attrs.field(default="", kw_only=True)
    certificate: CertificateSummary | None = attrs.field(default=None, kw_only=True)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        code = f" (STATUS {self.status})" if self.status is not None else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        closer = f"; look closer: {self.closer}" if self.closer else ""
        return visible(f"{place}{self.what}{code}{remedy}{closer}")


class OUCError(Exception):
    """Everything this package raises on purpose.

    `str()` gives one line: where, what, STATUS, remedy, and the command that looks closer where there is one.
    """

    # A STATUS for kinds of error that a CPU always shows with the same word.
    default_status: ClassVar[int | None] = None

    def __init__(self, what: str, *, status: int | None = None, where: str = "", remedy: str = "") -> None:
        code = self.default_status if status is None else status
        self.failure = Failure(what, None if code is None else Status(code), where, remedy)
        super().__init__(what)

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """Raise-able form of a failure that a machine reported."""
        error = cls(failure.what)
        error.failure = failure
        return error

    @property
    def status(self) -> Status | None:
        """The STATUS word of a block in the same situation, None where a CPU has none."""
        return self.failure.status

    def __str__(self) -> str:
        return str(self.failure)


class ParameterError(OUCError, ValueError):
    """Fix the call, the file or the description: nothing was sent."""


class LocalProtocolError(OUCError):
    """We asked out of turn, such as sending on a closed connection: a mistake in the program on this side."""


class RemoteProtocolError(OUCError):
    """The partner broke the rules of TLS or RFC 1006; its bytes were not used."""


class CertificateError(OUCError):
    """Fix the trust: a certificate, a key or a reference does not do what the connection needs."""


class ConnectionLost(OUCError):  # noqa: N818 - the field's word; what is lost is not the caller's error
    """The connection is not there, or no longer: wait, then try again."""
