"""What one device holds at one moment: an immutable answer to every reference.

A station asks it before each handshake, so an answer costs a dictionary look-up. A change of the project is a new
snapshot; an old one keeps telling what it told.

Reference 0, unknown and unsuitable IDs: ../design/defaults.md and certificates.md 4.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from .. import profiles
from ..errors import CertificateError, ParameterError
from .entry import Facts, Summary, is_ca
from .extensions import extension
from .fitness import Remark, refused_as
from .keys import PrivateKey
from .links import chain_ids
from .revocation import named_on, speaks_for

__all__ = ["CERTIFICATE_LIMIT", "Changes", "DeviceStore", "Held", "OwnCertificate", "Revocation", "Role", "Side", "Trust"]

# Certificates on one device: no profile has another number (certificates.md 5).
CERTIFICATE_LIMIT: Final = profiles.DEFAULT.certificates

Side: TypeAlias = Literal["server", "client"]
Role: TypeAlias = Literal["own", "partner", "authority", "chain"]
Revocation: TypeAlias = Literal["off", "if-present", "required"]

_ASSIGN: Final = "Add it to the device's table ('Certificates of partner devices' or its own certificates) and download"
_IMPORT_CHAIN: Final = "Add the root and every intermediate to 'Certificates of partner devices' and download"


def refuse_too_many(count: int, device: str) -> None:
    """Refuse more certificates than a device holds."""
    if count > CERTIFICATE_LIMIT:
        raise ParameterError(
            f"{count} certificates for one device; at most {CERTIFICATE_LIMIT} fit",
            where=device,
            remedy="Trust a CA instead of many certificates, or unassign what is not used",
        )


@attrs.frozen(kw_only=True, eq=False)
class Held:
    """One certificate on a device.

    Attributes:
        id: Its ID.
        certificate: The certificate.
        facts: What is in it.
        key: Its private key, own certificates only.
        role: `own`, `partner`, `authority` (a CA that verifies) or `chain` (a foreign CA above an own certificate: it is
            sent along, but trusted only once it is assigned).
        issuer_id: ID of its issuer, its own if self-signed, None if the issuer is nowhere in the project.
    """

    id: int
    certificate: x509.Certificate
    facts: Summary
    key: PrivateKey | None = attrs.field(default=None, repr=False)
    role: Role
    issuer_id: int | None = None


@attrs.frozen(kw_only=True, eq=False)
class OwnCertificate:
    """What a device shows of itself.

    Attributes:
        id: Its ID.
        certificate: The certificate.
        key: Its private key.
        chain: The certificates above it that are known, nearest first. A CPU does not send them.
    """

    id: int
    certificate: x509.Certificate
    key: PrivateKey = attrs.field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()


@attrs.frozen(kw_only=True, eq=False)
class Trust:
    """What a reference makes a device believe.

    Attributes:
        reference: As written in the description; a tuple where several anchors were named.
        ids: IDs of the anchors.
        anchors: A verified chain must contain one of them.
        pool: The anchors with everything on the device above and below them: what chains may be built of. A chain must
            end at a self-signed certificate among them.
        crls: Revocation lists of the issuers in the pool; empty where the device's policy is `off`.
        revocation: The device's policy.
        stale_passes: Under `if-present` a stale list is consulted and passes what it does not name; otherwise it counts as
            a list that is missing where one is required.
    """

    reference: int | tuple[int, ...]
    ids: tuple[int, ...]
    anchors: tuple[x509.Certificate, ...] = attrs.field(repr=False)
    pool: tuple[x509.Certificate, ...] = attrs.field(repr=False)
    crls: tuple[x509.CertificateRevocationList, ...] = attrs.field(default=(), repr=False)
    revocation: Revocation = "off"
    stale_passes: bool = True


@attrs.frozen
class Changes:
    """What a download brings to a device that runs with an older one (R59 to R62).

    Attributes:
        added: IDs that the device does not have yet.
        renewed: IDs with another certificate under them.
        removed: IDs that go.
    """

    added: tuple[int, ...]
    renewed: tuple[int, ...]
    removed: tuple[int, ...]

    def needs_stop(self, *, load_in_run: bool) -> bool:
        """Whether a CPU must go to STOP to take the download over.

        Args:
            load_in_run: The firmware loads renewed certificates in RUN: S7-1500 from V3.1 (R60). Without it every
                change of certificates needs STOP; with it only new IDs do (R61).
        """
        changed = bool(self.added or self.renewed or self.removed)
        return bool(self.added) if load_in_run else changed


class DeviceStore:
    """The certificates of one device, one generation. Immutable.

    Attributes:
        digest: Of everything that decides what a reference means: certificates, which keys are there, roles, groups,
            revocation lists and policy. Whatever is kept for a snapshot is kept under its digest; `generation` is for
            people, because another file in the place of this one may have counted to the same number.

    Args:
        device: Name of the device.
        generation: Grows with every change of what the device holds, as long as the file behind it is the same.
        held: At most 64 certificates.
        zero: IDs that reference 0 stands for; by default every CA that is not only part of an own chain.
        groups: Members of the groups of anchors by group ID.
        elsewhere: IDs of the project that the device does not hold, for better messages.
        crls: Revocation lists.
        revocation: Policy of the device.

    Raises:
        ParameterError: More than 64 certificates.
    """

    def __init__(
        self,
        *,
        device: str,
        generation: int,
        held: Iterable[Held],
        zero: Iterable[int] | None = None,
        groups: Mapping[int, tuple[int, ...]] | None = None,
        elsewhere: frozenset[int] = frozenset(),
        crls: Iterable[x509.CertificateRevocationList] = (),
        revocation: Revocation = "off",
    ) -> None:
        self.device: Final = device
        self.generation: Final = generation
        self.held: Final = {one.id: one for one in sorted(held, key=lambda one: one.id)}
        refuse_too_many(len(self.held), device)
        trusted = (one.id for one in self.held.values() if one.role != "chain" and one.facts.is_ca)
        self.zero: Final = tuple(trusted if zero is None else zero)
        self.groups: Final = dict(groups or {})
        self.elsewhere: Final = elsewhere
        self.crls: Final = tuple(crls)
        self.revocation: Final = revocation
        self._issuers = {one.id: one.issuer_id for one in self.held.values() if one.issuer_id in self.held}
        self._by_fingerprint = {one.facts.fingerprint: one.id for one in self.held.values()}
        self._own: dict[int, OwnCertificate] = {one.id: self._show(one) for one in self.held.values() if one.key is not None}
        self._trust: dict[tuple[int | tuple[int, ...], Side, bool], Trust] = {}
        self.digest: Final = self._digest()

    def _digest(self) -> bytes:
        held = [
            (one.id, one.role, one.issuer_id, one.key is not None, one.certificate.fingerprint(hashes.SHA256()))
            for one in self.held.values()
        ]
        crls = [crl.fingerprint(hashes.SHA256()) for crl in self.crls]
        decides = (self.device, held, self.zero, sorted(self.groups.items()), crls, self.revocation)
        return hashlib.sha256(repr(decides).encode()).digest()

    def __repr__(self) -> str:
        return f"DeviceStore({self.device!r}, generation={self.generation}, ids={tuple(self.held)})"

    def _show(self, one: Held) -> OwnCertificate:
        assert one.key is not None  # noqa: S101 - the caller filters
        above, _ = chain_ids(one.id, self._issuers.get)
        return OwnCertificate(
            id=one.id, certificate=one.certificate, key=one.key, chain=tuple(self.held[up].certificate for up in above)
        )

    @property
    def own_ids(self) -> tuple[int, ...]:
        """IDs of the certificates whose private keys the device holds, ascending."""
        return tuple(self._own)

    def own(self, reference: int, *, side: Side) -> OwnCertificate | None:
        """The device's own certificate under an ID.

        Args:
            reference: TLSServerCertRef on the server, TLSClientCertRef on the client.
            side: Which of the two this device is.

        Returns:
            None only on a client with reference 0, which shows no certificate.

        Raises:
            CertificateError: 0 on a server (16#80E9); not on the device or without private key (16#80ED on a server,
                16#80E2 on a client).
        """
        found = self._own.get(reference)
        if found is not None:
            return found
        if reference == 0:
            if side == "client":
                return None
            raise CertificateError(
                "a TLS server needs a certificate of its own, and the reference is 0",
                status=0x80E9,
                where="TLSServerCertRef",
                remedy="Enter the ID of a device certificate with private key",
            )
        server = side == "server"
        field, status = ("TLSServerCertRef", 0x80ED) if server else ("TLSClientCertRef", 0x80E2)
        if reference in self.held:
            what = f"the private key of certificate {reference} is not on {self.device or 'this device'}"
            remedy = "Enter the ID of one of the device's own certificates: " + (_list(self._own) or "it has none")
            raise CertificateError(what, status=status, where=field, remedy=remedy)
        raise self._absent(reference, field, status)

    def trust(
        self, reference: int | Sequence[int], *, side: Side, unknown: int | None = None, stale_passes: bool = True
    ) -> Trust:
        """What the partner's certificate is verified with.

        Args:
            reference: TLSServerCertRef on the client, TLSClientCertRef on the server; 0 for every CA on the device; the
                ID of a group; or several IDs, any of which may be in the partner's chain.
            side: Which side this device is.
            unknown: STATUS where a certificate is not on the device, None for the default.
            stale_passes: Under `if-present` a stale revocation list passes what it does not name.

        Raises:
            CertificateError: Not on the device (`unknown`, else 16#80ED for TLSServerCertRef, 16#80E4 for TLSClientCertRef);
                not fit to verify with (16#80E2); an intermediate or a partner's certificate without its chain up to a
                root, or 0 on a device without CA (16#80E4).
        """
        key = reference if isinstance(reference, int) else tuple(reference)
        found = self._trust.get((key, side, stale_passes))
        if found is None:
            # Only answers are kept, and there are no more of them than IDs, unless somebody invents tuples.
            found = attrs.evolve(self._believe(key, side, unknown), stale_passes=stale_passes)
            if isinstance(key, int):
                self._trust[key, side, stale_passes] = found
        return found

    def _believe(self, reference: int | tuple[int, ...], side: Side, unknown: int | None) -> Trust:
        field, status = ("TLSServerCertRef", 0x80ED) if side == "client" else ("TLSClientCertRef", 0x80E4)
        status = unknown or status
        named = (reference,) if isinstance(reference, int) else reference
        ids: list[int] = []
        for one in named:
            if one == 0:
                ids += self.zero
            elif one in self.groups:
                ids += self.groups[one]
            else:
                ids.append(one)
        if not ids:
            raise CertificateError(
                f"there is no CA certificate on {self.device or 'this device'}",
                status=0x80E4,
                where=field,
                remedy=_IMPORT_CHAIN,
            )
        pool: dict[int, None] = {}
        # What a group or 0 stands for was chosen by somebody else: what is unusable of it is left out, not complained of.
        several = len(ids) > 1
        usable: list[int] = []
        for one in dict.fromkeys(ids):
            try:
                around = self._around(one, field, status, side)
            except CertificateError:
                if several and one not in named:
                    continue
                raise
            usable.append(one)
            pool |= dict.fromkeys(around)
        if not usable:
            raise CertificateError(
                f"no CA on {self.device or 'this device'} has its chain up to a root there",
                status=0x80E4,
                where=field,
                remedy=_IMPORT_CHAIN,
            )
        return Trust(
            reference=reference,
            ids=tuple(usable),
            anchors=tuple(self.held[one].certificate for one in usable),
            pool=tuple(self.held[one].certificate for one in pool),
            crls=self.crls if self.revocation != "off" else (),
            revocation=self.revocation,
        )

    def _around(self, reference: int, field: str, status: int, side: Side) -> tuple[int, ...]:
        """An anchor, everything above it, and every CA below it."""
        one = self.held.get(reference)
        if one is None or one.role == "chain":
            raise self._absent(reference, field, status)
        reason = _unfit(one, side)
        if reason:
            raise CertificateError(f"certificate {reference} {reason}", status=0x80E2, where=field, remedy=_ASSIGN)
        above, complete = chain_ids(reference, self._issuers.get)
        if not complete:
            raise CertificateError(
                f"the chain of certificate {reference} ({one.facts.common_name}) up to its root is not on "
                f"{self.device or 'this device'}",
                status=0x80E4,
                where=field,
                remedy=_IMPORT_CHAIN,
            )
        below = tuple(
            other.id for other in self.held.values()
            if other.facts.is_ca and reference in chain_ids(other.id, self._issuers.get)[0]
        )  # fmt: skip
        return (reference, *above, *below)

    def _absent(self, reference: int, field: str, status: int) -> CertificateError:
        name = self.device or "this device"
        if reference in self.elsewhere:
            what = f"certificate {reference} is in the project, but not on {name}"
            return CertificateError(what, status=status, where=field, remedy=_ASSIGN)
        remedy = f"Enter an ID that {name} holds: {_list(self.held) or 'it holds none'}"
        return CertificateError(f"certificate {reference} is not on {name}", status=status, where=field, remedy=remedy)

    def identify(self, certificate: x509.Certificate) -> int | None:
        """The ID under which the device holds a certificate, None if it does not. Compares all of it, not names."""
        return self._by_fingerprint.get(certificate.fingerprint(hashes.SHA256()).hex())

    def facts(self) -> dict[int, Facts]:
        """Facts of every certificate on the device by ID, for checks of connection descriptions."""
        found = {}
        for one in self.held.values():
            above, complete = chain_ids(one.id, self._issuers.get)
            found[one.id] = Facts(
                id=one.id, has_key=one.key is not None, is_ca=one.facts.is_ca, not_before=one.facts.not_before,
                not_after=one.facts.not_after, key_type=one.facts.key_type, addresses=one.facts.addresses,
                names=one.facts.names, issuer_ids=above, complete=complete, common_name=one.facts.common_name,
                fingerprint=one.facts.fingerprint, revoked=self._revoked(one),
                refused_as_server=_why(refused_as(one.certificate, "server")),
                refused_as_client=_why(refused_as(one.certificate, "client")),
            )  # fmt: skip
        return found

    def _revoked(self, one: Held) -> datetime | None:
        """When a list on the device says that a certificate was revoked, whatever the device does with lists."""
        issuer = self.held.get(one.issuer_id or 0)
        if issuer is None or issuer.id == one.id:
            return None
        told = (named_on(crl, one.certificate) for crl in self.crls if speaks_for(crl, issuer.certificate))
        return next((at for at in told if at is not None), None)

    def changes_from(self, older: DeviceStore) -> Changes:
        """What this download changes on a device that runs with an older one."""
        return Changes(
            added=tuple(one for one in self.held if one not in older.held),
            renewed=tuple(
                one for one, now in self.held.items()
                if one in older.held and older.held[one].facts.fingerprint != now.facts.fingerprint
            ),
            removed=tuple(one for one in older.held if one not in self.held),
        )  # fmt: skip

    def expiring(self, before: datetime) -> tuple[Held, ...]:
        """What ends before a moment, soonest first."""
        ending = (one for one in self.held.values() if one.facts.not_after < before)
        return tuple(sorted(ending, key=lambda one: one.facts.not_after))


def _why(remark: Remark | None) -> str:
    return "" if remark is None else remark.what


def _list(ids: Iterable[int]) -> str:
    return ", ".join(str(one) for one in ids)


_PURPOSE: Final = {"client": ExtendedKeyUsageOID.SERVER_AUTH, "server": ExtendedKeyUsageOID.CLIENT_AUTH}


def _unfit(one: Held, side: Side) -> str:
    """Why a certificate on the device cannot verify a partner; empty if it can."""
    if is_ca(one.certificate):
        usage = extension(one.certificate, x509.KeyUsage)
        return "" if usage is None or usage.key_cert_sign else "is a CA that may not sign certificates (key usage)"
    if one.key is not None and one.issuer_id != one.id:
        return "is this device's own certificate: the partner cannot show it (are the two references swapped?)"
    purposes = extension(one.certificate, x509.ExtendedKeyUsage)
    fits = purposes is None or _PURPOSE[side] in purposes or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes
    partner = "server" if side == "client" else "client"
    return "" if fits else f"is not meant for a TLS {partner} (extended key usage)"
