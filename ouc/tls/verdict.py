"""What TLS said, as a STATUS word, a cause and a remedy.

The table of causes (`ouc.causes`) has the answers; here are the results of certificate verification by OpenSSL's numbers
(x509_vfy.h), for certificates about which nothing more is known. The side that refuses knows why and says it; the side that
was refused knows an alert's name at most, and says that (certificates.md 4.3, ../design/defaults.md).
"""

from __future__ import annotations

from typing import Final

import attrs
from cryptography import x509
from OpenSSL import SSL

from .. import causes
from ..causes import ABOUT_OUR_CERTIFICATE, ALERTS, Evidence, Moment, Role
from ..errors import Failure, OUCError
from .partner import failure_about, summarize

__all__ = ["ALERTS", "VERIFY_RESULTS", "Cause", "Observed", "by_number", "judge", "reason"]


@attrs.frozen
class Cause:
    """What a number of OpenSSL means: what a CPU shows, what happened, and the row of the table of causes."""

    status: int
    what: str
    cause: str


# Where several numbers mean the same to the user they share a row.
_NO_ISSUER = Cause(0x80E4, "no CA on this device leads to the partner's certificate", "unknown-ca")
_NO_CRL = Cause(0x80E4, "no current revocation list of the issuer is on this device", "no-crl")
_CONSTRAINT = Cause(0x80E2, "a CA of the partner's chain may not issue this certificate (constraints)", "bad-ca")
_WEAK = Cause(0x80E2, "the partner's certificate uses a key or hash that is too weak", "bad-certificate")
_MISMATCH = Cause(0x80E1, "the partner's certificate does not carry the configured address or name", "wrong-address")

VERIFY_RESULTS: Final[dict[int, Cause]] = {
    2: _NO_ISSUER, 18: _NO_ISSUER, 19: _NO_ISSUER, 20: _NO_ISSUER, 21: _NO_ISSUER, 27: _NO_ISSUER,
    3: _NO_CRL, 11: _NO_CRL, 12: _NO_CRL, 33: _NO_CRL, 44: _NO_CRL,
    4: Cause(0x80E6, "a signature in the partner's chain cannot be decoded", "forged"),
    6: Cause(0x80E2, "the public key of an issuer cannot be decoded", "bad-ca"),
    7: Cause(0x80E6, "a signature in the partner's chain is wrong", "forged"),
    8: Cause(0x80E4, "the signature of the revocation list is wrong", "no-crl"),
    9: Cause(0x80E2, "a certificate of the partner's chain is not yet valid", "not-yet-valid"),
    10: Cause(0x80E5, "a certificate of the partner's chain has expired", "expired"),
    13: Cause(0x80E2, "the start of validity of a certificate cannot be read", "bad-certificate"),
    14: Cause(0x80E2, "the end of validity of a certificate cannot be read", "bad-certificate"),
    22: Cause(0x80E2, "the partner's chain is too long", "bad-certificate"),
    23: Cause(0x80E3, "the partner's certificate was revoked by its issuer", "revoked"),
    24: Cause(0x80E2, "the issuer of the partner's certificate is no CA", "bad-ca"),
    25: _CONSTRAINT, 32: _CONSTRAINT, 47: _CONSTRAINT, 48: _CONSTRAINT, 49: _CONSTRAINT, 50: _CONSTRAINT,
    51: _CONSTRAINT, 52: _CONSTRAINT, 53: _CONSTRAINT, 79: _CONSTRAINT,
    26: Cause(0x80E2, "the partner's certificate is not meant for its role (extended key usage)", "wrong-usage"),
    28: Cause(0x80E3, "the partner's certificate was rejected", "revoked"),
    34: Cause(0x80E7, "a certificate of the partner's chain has a critical extension nobody here knows", "bad-certificate"),
    62: _MISMATCH, 63: _MISMATCH, 64: _MISMATCH,
    66: _WEAK, 67: _WEAK, 68: _WEAK,
}  # fmt: skip


@attrs.define
class Observed:
    """What one TLS machine saw on its way to a failure; filled by callbacks, read once by `judge`.

    Attributes:
        verify_result, verify_depth: OpenSSL's verification: the first bad number, and where in the chain.
        refused: The certificate at that place.
        verdict: What our own verification said, or is to be said.
        alert_sent: The alert by which this side ended the connection.
        alert_received: The alert by which the partner ended it. Warnings are none: they end nothing, and before there are
            keys anybody on the path can write them.
        warned: The last warning of the partner.
        established, confirmed: As the machine's.
        settled: Nobody waits for the partner's verdict on our certificate any longer.
    """

    verify_result: int = 0
    verify_depth: int = 0
    refused: x509.Certificate | None = None
    verdict: Failure | None = None
    alert_sent: int | None = None
    alert_received: int | None = None
    warned: int | None = None
    established: bool = False
    confirmed: bool = False
    settled: bool = False

    @property
    def moment(self) -> Moment:
        """How far the connection has come. A late word about our certificate is still the verdict on it."""
        if not self.established:
            return Moment.HANDSHAKE
        late = self.alert_received in ABOUT_OUR_CERTIFICATE
        return Moment.ESTABLISHED if self.confirmed or (self.settled and not late) else Moment.AFTER_CERTIFICATE


def judge(observed: Observed, error: SSL.Error | None, evidence: Evidence | None = None) -> OUCError:
    """Turn what OpenSSL raised and what was observed into the one failure that everybody speaks from.

    Args:
        observed: What the callbacks saw.
        error: What OpenSSL raised; None where the transport ended.
        evidence: What else is known.
    """
    seen = evidence or Evidence()
    role = seen.role
    return causes.error(
        attrs.evolve(
            seen,
            moment=observed.moment,
            alert=observed.alert_received,
            reason="" if error is None else reason(error),
            verdict=None if observed.alert_received is not None else observed.verdict or by_number(observed, role),
        )
    )


def by_number(observed: Observed, role: Role) -> Failure | None:
    """What OpenSSL's verification refused, where our own has nothing to say."""
    if not observed.verify_result:
        return None
    unknown = Cause(
        0x80E2,
        f"the partner's certificate is not acceptable (verification result {observed.verify_result})",
        "bad-certificate",
    )
    cause = VERIFY_RESULTS.get(observed.verify_result, unknown)
    about = summarize(observed.refused)
    named = "" if about is None else f": '{about.subject}', issued by '{about.issuer}', ends {about.valid_to:%Y-%m-%d}"
    place = "" if observed.verify_depth == 0 else f" (certificate {observed.verify_depth} of its chain)"
    return failure_about(
        cause.cause, f"{cause.what}{named}{place}", observed.refused, seen=Evidence(role=role), status=cause.status
    )


def reason(error: SSL.Error) -> str:
    """OpenSSL's reasons, lower case; they name no secret."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(entry[2]) for entry in queue).lower()
