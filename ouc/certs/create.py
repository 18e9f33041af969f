"""Creating, renewing and replacing: the operations that put a certificate under an ID.

Only renew and replace put a new certificate under an existing ID (certificates.md 1.4, 1.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import attrs
from cryptography import x509

from ..errors import ParameterError
from ..profiles import FEATURES, profile
from .entry import Entry, Tab, der_of, path_length, summary
from .fitness import remarks
from .issue import DEFAULT_DAYS, MAX_DAYS, Order, Signer, issue, moment, reissue
from .keys import PrivateKey, key_kind, usable_by
from .names import parse_san, subject
from .renewal import renewed_end, renewed_san
from .state import DeviceConfig, Draft
from .templates import TEMPLATES, Template, template

__all__ = [
    "APPLICATION_URI", "DEFAULT_CAS", "Issuer", "Wish", "create", "default_ca", "default_cas", "lacking", "renew", "replace",
]  # fmt: skip

Issuer: TypeAlias = int | Literal["self"] | None

# Application URI of the OPC UA server (certificates.md 2).
APPLICATION_URI: Final = "urn:SIMATIC.S7-1500.OPC-UA.Application:{device}"


@attrs.frozen
class DefaultCA:
    """A CA that comes with a project (R33, R34)."""

    id: int
    key: str
    hash: str
    note: str = ""


DEFAULT_CAS: Final = {
    "rsa-sha1": DefaultCA(1, "rsa-2048", "sha1", "signed with SHA-1: for legacy partners only"),
    "rsa": DefaultCA(2, "rsa-2048", "sha256"),
    "ec": DefaultCA(3, "ec-p256", "sha256"),
}


@attrs.frozen(kw_only=True)
class Wish:
    """What the create dialog asks for; None means the template's default.

    Attributes:
        usage: Name of a template.
        issuer: ID of a CA with its key in the project, `"self"`, or None for the template's default CA.
        device: Device that gets it as its own, empty for none.
        common_name: 1 to 64 bytes in UTF-8.
        san: Entries as `ouc.certs.names.parse_san` reads them.
        key: Key kind.
        hash: Hash of the signature.
        days: Validity in days, 1 to 36525; about 13 years by default, but never longer than the issuer's.
        not_before, not_after: Validity as moments; `days` counts from `not_before`.
        path_length: For a CA.
        organization, country: Parts of the subject.
        legacy: Allow SHA-1 and RSA 1024.
    """

    usage: str
    issuer: Issuer = None
    device: str = ""
    common_name: str | None = None
    san: Sequence[str] | None = None
    key: str | None = None
    hash: str | None = None
    days: int | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    path_length: int | None = None
    organization: str = ""
    country: str = ""
    legacy: bool = False


def default_cas(draft: Draft) -> None:
    """CAs 1 and 2, which exist in every project."""
    for name in ("rsa-sha1", "rsa"):
        default_ca(draft, name)


def default_ca(draft: Draft, name: str) -> Entry:
    """The default CA of that name, made if it is not there yet (R34)."""
    for entry in draft.entries.values():
        if entry.default_ca == name:
            return entry
    row = DEFAULT_CAS[name]
    number = draft.allocate(row.id, reserved=True)
    # The three need different subjects: chains are built by name.
    title = "Siemens TIA Project({})-{}"
    room = 64 - len(title.format("", number))
    who = subject(title.format(draft.before.name.encode()[:room].decode(errors="ignore"), number))
    key = draft.make_key(row.key)
    order = Order(
        subject=who, template=TEMPLATES["ca"], not_before=draft.now, hash=row.hash,
        not_after=draft.now + timedelta(days=DEFAULT_DAYS),
    )  # fmt: skip
    certificate = issue(order, key.public_key(), None, key)
    entry = Entry(
        id=number, der=der_of(certificate), facts=summary(certificate), tab=Tab.CA, usage="ca", issuer_id=number,
        used_as=TEMPLATES["ca"].used_as, sealed=draft.vault.seal(key, "authority"), default_ca=name,
        notes=(row.note,) if row.note else (),
    )  # fmt: skip
    return draft.put(entry, "created")


def create(draft: Draft, wish: Wish) -> Entry:
    """Make a certificate under a new ID.

    Raises:
        ParameterError: Something about the wish cannot be had; nothing is created then.
    """
    row = template(wish.usage)
    device = draft.device(wish.device) if wish.device else None
    if device is not None and (since := lacking(device, row)):
        raise ParameterError(
            f"the firmware of {device.name}, {device.profile}, has no certificates for {row.screen!r}; {since}",
            where="usage", remedy="If the device has other firmware, say so: ouc device set --profile",
        )  # fmt: skip
    issuer_id = _issuer(draft, wish.issuer, row, device)
    signer = None if issuer_id is None else draft.signer(issuer_id)
    kind = key_kind(wish.key or row.key)
    _check_legacy(kind.name, wish.hash, allowed=wish.legacy)
    san = parse_san(wish.san) if wish.san is not None else default_san(row, device)
    # Everything a user can get wrong is checked before an ID is spent; the name needs the ID.
    start, end = validity(draft.now, wish, signer)
    if wish.common_name is not None:
        subject(wish.common_name, organization=wish.organization, country=wish.country)
    elif device is None:
        raise ParameterError("a certificate needs a common name", where="common name", remedy="Give one, or a device")
    number = draft.allocate()
    text = wish.common_name
    if text is None:
        text = f"{wish.device}/{row.service}-{number}"
    who = subject(text, organization=wish.organization, country=wish.country)
    key = draft.make_key(kind.name)
    order = Order(
        subject=who, template=row, san=san, not_before=start, not_after=end, hash=wish.hash or "sha256",
        path_length=wish.path_length,
    )  # fmt: skip
    entry = _entry(draft, number, issue(order, key.public_key(), signer, key), key, row, issuer_id, device)
    draft.put(entry, "created", f"issued by {issuer_id}" if issuer_id is not None else "self-signed")
    if device is not None and not row.is_ca:
        draft.devices[device.name] = attrs.evolve(device, own=(*device.own, number))
    return entry


def _entry(
    draft: Draft, number: int, certificate: x509.Certificate, key: PrivateKey, row: Template, issuer_id: int | None,
    device: DeviceConfig | None,
) -> Entry:  # fmt: skip
    facts = summary(certificate)
    entry = Entry(
        id=number, der=der_of(certificate), facts=facts, tab=Tab.CA if row.is_ca else Tab.DEVICE, usage=row.name,
        issuer_id=number if issuer_id is None else issuer_id, device=device.name if device else "",
        used_as=row.used_as if device is not None or row.is_ca else "Not assigned",
        sealed=draft.vault.seal(key, "authority" if row.is_ca else "device"),
    )  # fmt: skip
    return attrs.evolve(entry, notes=notes(entry, row, device))


def notes(entry: Entry, row: Template | None, device: DeviceConfig | None) -> tuple[str, ...]:
    """What a user should know about a certificate, one sentence each."""
    facts, found = entry.facts, []
    if "SHA1" in facts.algorithm:
        found.append("signed with SHA-1: for legacy partners only")
    if facts.key_type == "rsa-1024":
        found.append("RSA 1024 is too weak for anything but legacy partners")
    if device is not None and not usable_by(facts.key_type, device.family):
        found.append(f"the TLS services of {device.profile} do not take a key of the kind {facts.key_type}")
    if row is not None and row.opc_ua and not facts.key_type.startswith("rsa"):
        found.append("OPC UA on S7 controllers takes RSA keys only")
    if row is not None and row.opc_ua and not any(text.startswith("URI:") for text in facts.san):
        found.append("OPC UA needs the application URI in the subjectAltName (R144)")
    if row is not None and row.addresses and not row.opc_ua and not facts.addresses:
        found.append("no IP address in the subjectAltName: partners that check it will refuse it (R144)")
    # What the project makes has the names of its device, or was asked to have none.
    told = [str(one) for one in remarks(entry.certificate) if row is None or "subjectAltName" not in one.what]
    return (*found, *told)


def lacking(device: DeviceConfig, row: Template) -> str:
    """Since when the device's family has the service of a template, where its firmware lacks it; empty if it has it."""
    try:
        known = profile(device.profile) if device.profile else None
    except ParameterError:  # a project of an earlier version took any text
        return ""
    if known is None or row.is_ca or known.has(row.feature):
        return ""
    first = FEATURES[row.feature][0].get(known.family)
    return f"{known.family} has them from V{first[0]}.{first[1]} on" if first else f"no {known.family} has them"


def _issuer(draft: Draft, wanted: Issuer, row: Template, device: DeviceConfig | None) -> int | None:
    """ID of the CA that signs, None for a self-signed certificate."""
    local = device is not None and not device.global_settings
    if wanted == "self" or (wanted is None and (local or row.is_ca)):
        return None
    if local and device is not None:
        raise ParameterError(
            f"{device.name} uses its local certificate manager, which makes self-signed certificates only",
            where="issuer",
            remedy="Switch on 'Use global security settings for certificate manager': ouc device set --global",
        )
    names = {row.id: name for name, row in DEFAULT_CAS.items()}
    number = row.default_issuer if wanted is None else wanted
    # A default CA that nobody needed yet appears now (R34). In a mirrored project IDs mean what they mean there.
    if number in names and not draft.before.mirror and (wanted is None or not draft.before.used(number)):
        return default_ca(draft, names[number]).id
    return number


def _check_legacy(kind: str, algorithm: str | None, *, allowed: bool) -> None:
    weak = "RSA 1024" if key_kind(kind).legacy else "SHA-1" if algorithm == "sha1" else ""
    if weak and not allowed:
        raise ParameterError(
            f"{weak} is broken and made for legacy partners only", where="key" if weak == "RSA 1024" else "hash",
            remedy="Choose a stronger one, or ask for it by name: legacy=True, --legacy",
        )  # fmt: skip


def default_san(row: Template, device: DeviceConfig | None) -> tuple[x509.GeneralName, ...]:
    """What the create dialog fills in for a device: addresses, names, and the application URI for OPC UA."""
    if device is None or not row.addresses:
        return ()
    entries = [f"IP:{address}" for address in device.addresses] + [f"DNS:{name}" for name in device.names]
    if row.opc_ua:
        entries.insert(0, "URI:" + APPLICATION_URI.format(device=device.name))
    return parse_san(entries)


def validity(now: datetime, wish: Wish, signer: Signer | None) -> tuple[datetime, datetime]:
    """Start and end that a wish means."""
    start = now if wish.not_before is None else moment(wish.not_before)
    if wish.not_after is not None and wish.days is not None:
        raise ParameterError(
            "a number of days and an end exclude each other", where="valid until", remedy="Leave one of them out"
        )
    if wish.not_after is not None:
        return start, moment(wish.not_after)
    if wish.days is not None:
        if not 1 <= wish.days <= MAX_DAYS:
            raise ParameterError(
                f"a certificate cannot be valid for {wish.days} days", where="days",
                remedy="Give 1 to 36525 days",
            )
        return start, start + timedelta(days=wish.days)
    end = start + timedelta(days=DEFAULT_DAYS)
    return start, end if signer is None else min(end, signer.certificate.not_valid_after_utc)


def renew(draft: Draft, number: int, wish: Wish, *, keep_key: bool | None) -> tuple[Entry, tuple[int, ...]]:
    """A new certificate with the same ID, prefilled from the old one.

    Args:
        draft: The operation's draft.
        number: ID of a certificate whose private key is in the project.
        wish: What is to change; `usage` is ignored, None keeps what was.
        keep_key: Keep the key pair. By default a CA keeps it, so that what it signed stays valid, and a device gets a
            new one.

    Returns:
        The entry, and the IDs that were re-issued because a CA changed its key.
    """
    old = draft.entry(number)
    keep = old.facts.is_ca if keep_key is None else keep_key
    own = draft.key(old)
    row = template(old.usage or ("ca" if old.facts.is_ca else "tls"))
    kind = key_kind(wish.key) if wish.key is not None else None
    if kind is not None and kind.name != old.facts.key_type:
        keep = False
    _check_legacy(kind.name if kind else "ec-p256", wish.hash, allowed=wish.legacy)
    key = own if keep else draft.make_key(kind.name if kind else old.facts.key_type)
    self_signed = old.issuer_id == old.id if wish.issuer is None else wish.issuer == "self"
    issuer_id = None if self_signed else _renewing_issuer(old, wish.issuer)
    signer = None if issuer_id is None else draft.signer(issuer_id)
    start, end = validity(draft.now, wish, signer)
    if wish.days is None and wish.not_after is None:
        end = renewed_end(old, start, signer)
    certificate = old.certificate
    name = certificate.subject
    if wish.common_name is not None:
        name = subject(wish.common_name, organization=wish.organization, country=wish.country)
    order = Order(
        subject=name, template=row, san=_san_of_successor(draft, old, wish),
        not_before=start, not_after=end,
        path_length=path_length(certificate) if wish.path_length is None else wish.path_length,
        hash=wish.hash or ("sha1" if old.default_ca == "rsa-sha1" else "sha256"),
    )  # fmt: skip
    fresh = issue(order, key.public_key(), signer, key)
    entry = _succeed(draft, old, fresh, key, number if issuer_id is None else issuer_id, "renewed")
    changed_name = old.certificate.subject != fresh.subject
    affected = _reissue_children(draft, entry) if old.facts.is_ca and (not keep or changed_name) else ()
    return entry, affected


def _san_of_successor(draft: Draft, old: Entry, wish: Wish) -> tuple[x509.GeneralName, ...]:
    return parse_san(wish.san) if wish.san is not None else renewed_san(old, draft.devices.get(old.device))


def _renewing_issuer(old: Entry, wanted: Issuer) -> int:
    found = old.issuer_id if wanted is None else wanted
    if not isinstance(found, int):
        raise ParameterError(
            f"the issuer of certificate {old.id} is not in the project", where="issuer", remedy="Name one: --issuer ID"
        )
    return found


def _succeed(
    draft: Draft, old: Entry, certificate: x509.Certificate, key: PrivateKey | None, issuer_id: int | None, what: str
) -> Entry:
    """Put a new certificate under the old ID."""
    holder = draft.devices.get(old.device)
    row = TEMPLATES.get(old.usage)
    entry = attrs.evolve(
        old, der=der_of(certificate), facts=summary(certificate), issuer_id=issuer_id, revoked=None, reason="", notes=(),
        sealed=draft.vault.seal(key, old.ring) if key is not None else b"",
    )  # fmt: skip
    entry = attrs.evolve(entry, notes=notes(entry, row, holder))
    return draft.put(entry, what, f"was {old.facts.fingerprint[:16]}, serial {old.facts.serial}")


def replace(
    draft: Draft, number: int, certificate: x509.Certificate, key: PrivateKey | None
) -> tuple[Entry, tuple[int, ...]]:
    """Swap in a certificate from outside under the same ID; for a CA, re-issue what it signed (R56).

    Returns:
        The entry, and the IDs that were re-issued.

    Raises:
        ParameterError: The key is missing, or the kinds differ.
    """
    old = draft.entry(number)
    facts = summary(certificate)
    if facts.is_ca != old.facts.is_ca:
        kinds = ("an end-entity certificate", "a CA")
        raise ParameterError(
            f"certificate {number} is {kinds[old.facts.is_ca]}, the new one is {kinds[facts.is_ca]}",
            remedy="Give a certificate of the same kind, or import it under an ID of its own",
        )
    if old.has_key and key is None:
        raise ParameterError(
            f"certificate {number} has its private key here, so its successor needs one too",
            remedy="Replace it by a PKCS#12 archive, or give the key: --key",
        )
    if not old.has_key and key is not None:
        raise ParameterError(
            f"certificate {number} has no private key here; its successor must not bring one",
            remedy="Leave its private key out",
        )
    issuer_id = draft.issuer_of(certificate, own_id=number)
    entry = _succeed(draft, old, certificate, key, issuer_id, "replaced")
    affected = _reissue_children(draft, entry) if old.facts.is_ca and old.has_key else ()
    return entry, affected


def _reissue_children(draft: Draft, authority: Entry) -> tuple[int, ...]:
    """Derive again from a changed CA everything that the old one had signed; keys, names and usages stay."""
    signer = draft.signer(authority.id)
    done = []
    for child in draft.children(authority.id):
        if child.revoked is not None:
            continue
        end = min(child.facts.not_after, signer.certificate.not_valid_after_utc)
        if end <= draft.now:
            continue  # it has run out already; a new signature does not bring it back
        fresh = reissue(child.certificate, signer, not_before=draft.now, not_after=end)
        evolved = attrs.evolve(child, der=der_of(fresh), facts=summary(fresh))
        draft.put(evolved, "re-issued", f"CA {authority.id} changed; was {child.facts.fingerprint[:16]}")
        done.append(child.id)
    return tuple(done)
