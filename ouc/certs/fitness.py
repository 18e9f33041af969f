"""What TLS will say of a certificate, asked before a partner does: at import, in checks, in the facts for descriptions.

The same rules judge that a handshake applies (`rules`), so the two cannot drift apart. What needs a chain or a clock is left
to the handshake.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from .entry import is_ca
from .extensions import UNREADABLE, extension
from .names import san_addresses, san_names
from .rules import RULES, Broken, Judgement, Policy

__all__ = ["Remark", "refused_as", "remarks"]

_ASKED: Final = ("readable", "extensions", "authority", "usage", "strength")
_NO_NAME: Final = "no address and no DNS name in the subjectAltName: a client that checks it refuses this server"


@attrs.frozen
class Remark:
    """Something that a user should know of a certificate, and what to do about it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}"


def refused_as(certificate: x509.Certificate, role: Literal["server", "client"]) -> Remark | None:
    """Why every partner refuses this certificate in that role, by the certificate alone; None if nobody has to."""
    broken = _broken((certificate,), 0, role)
    return None if broken is None else _remark(broken, f"TLS refuses it as a {role}")


def remarks(certificate: x509.Certificate) -> tuple[Remark, ...]:
    """What TLS will refuse of a certificate that somebody else made."""
    if is_ca(certificate):
        # Above something: what a CA must be is asked of it only there.
        broken = _broken((certificate, certificate), 1, "server")
        return () if broken is None else (_remark(broken, "TLS refuses what it has issued"),)
    server, client = refused_as(certificate, "server"), refused_as(certificate, "client")
    if server is not None and client is not None:
        return (attrs.evolve(server, what=server.what.replace(" as a server", "", 1)),)
    names = san_addresses(certificate) or san_names(certificate)
    return () if names or server is not None or _client_only(certificate) else (Remark(_NO_NAME, _ADD_NAME),)


_ADD_NAME: Final = "Renew it with the addresses of its device: ouc cert renew PROJECT ID --san IP:ADDRESS"


def _broken(path: tuple[x509.Certificate, ...], depth: int, role: Literal["server", "client"]) -> Broken | None:
    try:
        at = path[0].not_valid_before_utc
    except UNREADABLE:
        return Broken(0x80E2, "{} cannot be read", "Replace it")
    judgement = Judgement(path=path, purpose=role, now=at, policy=Policy())
    asked = (rule for rule in RULES if rule.name in _ASKED)
    return next((found for rule in asked if (found := rule.check(judgement, depth)) is not None), None)


def _remark(broken: Broken, head: str) -> Remark:
    return Remark(f"{head}: {broken.what.format('it')}", broken.remedy)


def _client_only(certificate: x509.Certificate) -> bool:
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    return purposes is not None and ExtendedKeyUsageOID.SERVER_AUTH not in purposes
