"""What the rules need to know of a certificate, so that this room stays free of certificates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

__all__ = ["CertificateFacts", "Certificates", "by_id"]


class CertificateFacts(Protocol):
    """One certificate on a device."""

    @property
    def id(self) -> int:
        """Its ID in the certificate manager, 1 to 4294967295."""

    @property
    def has_key(self) -> bool:
        """Whether the device holds the private key."""

    @property
    def is_ca(self) -> bool:
        """Whether it may issue certificates."""

    @property
    def not_before(self) -> datetime:
        """First moment of validity, aware."""

    @property
    def not_after(self) -> datetime:
        """Last moment of validity, aware."""

    @property
    def key_type(self) -> str:
        """`ec-p256`, `rsa-2048` and so on, as `Profile.key_types` names them."""

    @property
    def revoked(self) -> datetime | None:
        """When it was revoked, as far as the device knows; None if it was not."""

    @property
    def refused_as_server(self) -> str:
        """Why every TLS partner refuses it as a server's certificate; empty if nobody has to."""

    @property
    def refused_as_client(self) -> str:
        """The same for a client's certificate."""

    @property
    def issuer_ids(self) -> Sequence[int]:
        """IDs of the certificates above it, nearest first, as far as the device holds them."""

    @property
    def complete(self) -> bool:
        """Whether `issuer_ids` end at a self-signed certificate, or it is self-signed itself."""

    @property
    def addresses(self) -> Collection[str]:
        """IP addresses in the subjectAltName."""

    @property
    def names(self) -> Collection[str]:
        """DNS names in the subjectAltName, without a final dot."""


#: The certificates of one device by their IDs.
Certificates: TypeAlias = Mapping[int, CertificateFacts]


def by_id(held: Certificates | Iterable[CertificateFacts]) -> Certificates:
    """The certificates of a device by their IDs, however they were given."""
    return held if isinstance(held, Mapping) else {one.id: one for one in held}
