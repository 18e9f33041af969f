"""Certificates in and out: import, the export matrix, requests out and signed certificates in, foreign requests signed.

Source of the matrix: certificates.md 3, requirements.md R43 to R48.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import Final, Literal, TypeAlias

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from OpenSSL import crypto

from ..errors import ParameterError
from .create import Wish, default_san, notes, replace, validity
from .devices import assign
from .entry import Entry, Tab, der_of, summary
from .extensions import UNREADABLE
from .issue import Order, issuable, issue, make_request
from .keys import PrivateKey, key_kind, same_public_key, spki, to_pkcs8
from .links import chain_ids
from .material import Material
from .names import parse_san, san_entries, subject
from .revoke import mark_listed
from .state import Draft, State
from .templates import TEMPLATES, template
from .vault import Ring

__all__ = ["FORMATS", "METHODS", "Export", "Format", "ImportedAs", "export", "import_material", "request", "sign", "swap"]

ImportedAs: TypeAlias = Literal["device", "partner", "ca", "trusted"]

_TABS: Final[dict[str, Tab]] = {
    "device": Tab.DEVICE, "partner": Tab.TRUSTED, "trusted": Tab.TRUSTED, "ca": Tab.CA,
}  # fmt: skip


def import_material(
    draft: Draft, found: Material, *, imported_as: ImportedAs, device: str, wanted: int | None
) -> tuple[Entry, ...]:
    """Take certificates over under new IDs; the first is the one that was meant, the others are its chain.

    Args:
        draft: The operation's draft.
        found: What was read.
        imported_as: `device` (needs its key), `partner`, `ca` or `trusted`.
        device: Device to assign it to, empty for none; a partner's certificate needs one.
        wanted: The ID that TIA Portal gave, None for the next one.

    Raises:
        ParameterError: The key is missing or another one's, the certificate is here already, the ID was used, or the
            kind does not fit.
    """
    if imported_as not in _TABS:
        raise ParameterError(f"'as' {imported_as!r} is not known", remedy=f"Choose among {', '.join(_TABS)}")
    certificates = found.leaf_first()
    if not certificates:
        raise ParameterError(
            "no certificate to import", where="import",
            remedy="Give a file that holds one: PEM, DER or PKCS#12",
        )
    if imported_as == "partner" and not device:
        raise ParameterError("a partner's certificate needs the device that will trust it", remedy="Name it: --device")
    leaf, *above = certificates
    facts = summary(leaf)
    _refuse_twin(draft, facts.fingerprint)
    if found.key is not None and not same_public_key(found.key, leaf.public_key()):
        raise ParameterError(
            "the private key belongs to none of the certificates", where="import",
            remedy="Give the key that belongs to the certificate",
        )
    key = found.key if imported_as in ("device", "ca") else None
    if key is None and imported_as in ("device", "ca"):
        key = _waiting_key(draft, leaf, "authority" if facts.is_ca else "device")
    if imported_as == "device" and key is None:
        raise ParameterError(
            "a device certificate needs its private key", where="import", remedy="Give PKCS#12, or the key: --key"
        )
    if imported_as == "ca" and not facts.is_ca:
        raise ParameterError(f"{facts.common_name!r} is not a CA", where="import", remedy="Import it as trusted")
    if imported_as == "device" and facts.is_ca:
        raise ParameterError(f"{facts.common_name!r} is a CA", where="import", remedy="Import it as ca")
    first = _import_one(draft, leaf, key, _TABS[imported_as], wanted)
    entries = [first]
    # In a mirrored project only IDs that TIA Portal gave exist; the chain comes with imports of its own.
    for one in above if not draft.before.mirror else ():
        known = summary(one)
        if known.fingerprint not in draft.fingerprints:
            entries.append(_import_one(draft, one, None, Tab.CA if known.is_ca else Tab.TRUSTED, None))
    if any(entry.facts.is_ca for entry in entries):
        draft.link()
    mark_listed(draft)
    if device:
        role = "device" if imported_as == "device" else "trusted"
        assign(draft, first.id, device, role)
    return tuple(draft.entries[entry.id] for entry in entries)


def _refuse_twin(draft: Draft, fingerprint: str) -> None:
    twin = draft.fingerprints.get(fingerprint)
    if twin is not None:
        raise ParameterError(f"this certificate is in the project already, as ID {twin}", remedy=f"Use ID {twin}")


def _import_one(draft: Draft, certificate: x509.Certificate, key: PrivateKey | None, tab: Tab, wanted: int | None) -> Entry:
    facts = summary(certificate)
    _refuse_twin(draft, facts.fingerprint)
    number = draft.allocate(wanted)
    entry = Entry(
        id=number, der=der_of(certificate), facts=facts, tab=tab, issuer_id=draft.issuer_of(certificate, own_id=number),
        used_as=TEMPLATES["ca"].used_as if facts.is_ca else "Not assigned", imported=True,
        sealed=draft.vault.seal(key, "authority" if facts.is_ca else "device") if key is not None else b"",
    )  # fmt: skip
    return draft.put(attrs.evolve(entry, notes=notes(entry, None, None)), "imported")


@attrs.frozen(kw_only=True)
class Format:
    """A column of the export matrix.

    Attributes:
        encoding: Of the certificate.
        key: Where the private key goes: `none`, `separate` file, `same` file, or `always`.
        encrypts: The key can be encrypted.
        chain: The certificates above can come along.
    """

    encoding: Literal["DER", "PEM", "PKCS#12"]
    key: Literal["none", "separate", "same", "always"]
    encrypts: bool = False
    chain: bool = False


FORMATS: Final[dict[str, Format]] = {
    "cer": Format(encoding="DER", key="separate"),
    "der": Format(encoding="DER", key="separate"),
    "crt": Format(encoding="PEM", key="same", encrypts=True, chain=True),
    "pem": Format(encoding="PEM", key="same", encrypts=True, chain=True),
    "p12": Format(encoding="PKCS#12", key="always", encrypts=True),
}

# "Method selectable" for encrypted keys in PEM; the first where nobody chooses.
METHODS: Final = {"aes-256": "aes-256-cbc", "aes-192": "aes-192-cbc", "aes-128": "aes-128-cbc", "3des": "des-ede3-cbc"}


@attrs.frozen(kw_only=True)
class Export:
    """What an export writes.

    Attributes:
        data: The file's bytes.
        separate_key: Bytes of the second file with the private key, None where there is none. It cannot be imported
            again by TIA Portal.
        warning: What the user should know, empty for nothing.
    """

    data: bytes = attrs.field(repr=False)
    separate_key: bytes | None = attrs.field(default=None, repr=False)
    warning: str = ""


@attrs.frozen(kw_only=True)
class Protection:
    """How an export protects the private key, as it was asked for.

    Attributes:
        password: Encrypts the key or the archive, None for none.
        default_password: Use the project's name as password, as TIA Portal does when none is typed.
        method: Encryption of a key in PEM; None for the first of `METHODS`.
        unencrypted: Write the key in clear.
    """

    password: str | bytes | None = attrs.field(default=None, repr=False)
    default_password: bool = False
    method: str | None = None
    unencrypted: bool = False

    @property
    def encrypts(self) -> bool:
        """Something was asked for that only an encrypted key can have."""
        return self.password is not None or self.default_password or self.method is not None


def export(
    state: State, entry: Entry, form: str, *, key: PrivateKey | None, chain: bool, protection: Protection
) -> Export:
    """Write a certificate in one of the formats of the matrix.

    Args:
        state: The project.
        entry: The certificate.
        form: `cer`, `der`, `crt`, `pem` or `p12`.
        key: Its private key, None to leave it out.
        chain: Write the public certificates up to the root too.
        protection: Of the private key.

    Raises:
        ParameterError: The matrix does not have this combination, a password would protect nothing, or the private key
            would lie in clear without a word that says so.
    """
    row = FORMATS.get(form)
    if row is None:
        raise ParameterError(f"format {form!r} is not known", where="format", remedy=f"Choose among {', '.join(FORMATS)}, crl")
    if chain and not row.chain:
        raise ParameterError(f".{form} holds no chain", where="format", remedy="Choose crt or pem")
    if row.key == "always" and key is None:
        raise ParameterError(f".{form} needs the private key", where="format", remedy="Choose another format")
    _check_protection(form, row, key, protection)
    warning = "the password is the project's name, which is no secret" if protection.default_password else ""
    password = state.name if protection.default_password else protection.password
    secret = password.encode() if isinstance(password, str) else password
    if form == "p12":
        assert key is not None and secret is not None  # noqa: S101, PT018 - refused above
        return Export(data=_archive(entry, key, secret), warning=warning)
    encoding = Encoding.DER if row.encoding == "DER" else Encoding.PEM
    data = entry.certificate.public_bytes(encoding)
    if chain:
        data += b"".join(one.certificate.public_bytes(encoding) for one in _above(state, entry))
    if key is None:
        return Export(data=data, warning=warning)
    if row.key == "separate":
        return Export(data=data, separate_key=to_pkcs8(key), warning="the key file is not encrypted and export-only")
    if secret is None:
        warning = "the private key in the file is not encrypted"
    return Export(data=data + _pem_key(key, secret, protection.method or next(iter(METHODS))), warning=warning)


_CLEAR: Final = "or say that it may lie in clear: unencrypted=True, --unencrypted"


def _check_protection(form: str, row: Format, key: PrivateKey | None, asked: Protection) -> None:
    """Refuse a password that protects nothing, and a key in clear that nobody asked for; the first that is true."""
    written = f".{form} with the private key" if key is not None else f".{form} without the private key"
    encrypted = row.encrypts and key is not None
    rules = (
        (asked.password in ("", b""), "password", "an empty password protects nothing", "Leave it out, or give one"),
        (asked.password is not None and asked.default_password, "password", "two passwords for one key",
         "Give one, or ask for TIA Portal's default"),
        (asked.method not in (None, *METHODS), "method", f"method {asked.method!r} is not known",
         f"Choose among {', '.join(METHODS)}"),
        (asked.encrypts and not encrypted, "password", f"a password protects nothing in {written}",
         "Choose crt, pem or p12 with the private key, or leave the password out"),
        (form == "p12" and asked.method is not None, "method", ".p12 has an encryption of its own", "Leave the method out"),
        (asked.unencrypted and asked.encrypts, "unencrypted", "a password and a key in clear exclude each other",
         "Leave one of them out"),
        (asked.unencrypted and (key is None or row.key == "always"), "unencrypted", f"no key lies in clear in {written}",
         "Leave it out"),
        (key is not None and not row.encrypts and not asked.unencrypted, "unencrypted",
         f".{form} writes the private key in clear, into a second file", f"Choose crt, pem or p12 with a password, {_CLEAR}"),
        (encrypted and asked.password is None and not asked.default_password and not asked.unencrypted, "password",
         f"the private key in .{form} needs a password",
         "Give one, or ask for TIA Portal's default by name" + ("" if row.key == "always" else f", {_CLEAR}")),
    )  # fmt: skip
    for broken, where, what, remedy in rules:
        if broken:
            raise ParameterError(what, where=where, remedy=remedy)


def _above(state: State, entry: Entry) -> tuple[Entry, ...]:
    above, complete = chain_ids(entry.id, lambda one: state.entries[one].issuer_id)
    if not complete:
        raise ParameterError(
            f"the chain of certificate {entry.id} is not complete in the project", remedy="Import the CA above it first"
        )
    return tuple(state.entries[one] for one in above)


def _archive(entry: Entry, key: PrivateKey, secret: bytes) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        entry.common_name.encode(), key, entry.certificate, None, BestAvailableEncryption(secret)
    )


def _pem_key(key: PrivateKey, secret: bytes | None, method: str) -> bytes:
    if secret is None:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if method == "aes-256":
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(secret))
    with warnings.catch_warnings():
        # pyOpenSSL would have us use cryptography, which offers no other method.
        warnings.simplefilter("ignore", DeprecationWarning)
        wrapped = crypto.PKey.from_cryptography_key(key)
        return crypto.dump_privatekey(crypto.FILETYPE_PEM, wrapped, METHODS[method], secret)


def swap(draft: Draft, number: int, found: Material) -> tuple[Entry, tuple[int, ...]]:
    """Replace a certificate by what was read; where the key pair stays, the key in the project serves on."""
    certificates = found.leaf_first()
    if not certificates:
        raise ParameterError(
            "no certificate to replace it with", where="replace",
            remedy="Give a file that holds one: PEM, DER or PKCS#12",
        )
    old, key = draft.entry(number), found.key
    if key is not None and not same_public_key(key, certificates[0].public_key()):
        raise ParameterError(
            "the private key belongs to none of the certificates", where="replace",
            remedy="Give the key that belongs to the certificate",
        )
    if key is None and old.has_key and spki(old.certificate.public_key()) == spki(certificates[0].public_key()):
        key = draft.key(old)
    return replace(draft, number, certificates[0], key)


def _pending_name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _waiting_key(draft: Draft, certificate: x509.Certificate, ring: Ring) -> PrivateKey | None:
    """The key of the request that this certificate answers; it waits no longer."""
    public = spki(certificate.public_key())
    sealed = draft.pending.pop(_pending_name(public), None)
    return None if sealed is None else draft.vault.unseal(sealed, ring, public)


def request(draft: Draft, wish: Wish, number: int | None) -> x509.CertificateSigningRequest:
    """A PKCS#10 request: for a successor of an ID with its key, or with a new key that waits in the project."""
    if number is not None:
        entry = draft.entry(number)
        key = draft.key(entry)
        row = template(entry.usage or "tls")
        order = Order(subject=entry.certificate.subject, template=row, san=san_entries(entry.certificate),
                      not_before=draft.now, not_after=draft.now)  # fmt: skip
        draft.log(entry, "requested")
        return make_request(order, key)
    row = template(wish.usage)
    device = draft.device(wish.device) if wish.device else None
    name = wish.common_name or (f"{wish.device}/{row.service}" if device else None)
    if name is None:
        raise ParameterError("a request needs a common name", where="common name", remedy="Give one, or a device")
    key = draft.make_key(key_kind(wish.key or row.key).name)
    order = Order(
        subject=subject(name, organization=wish.organization, country=wish.country), template=row,
        san=parse_san(wish.san) if wish.san is not None else default_san(row, device), not_before=draft.now,
        not_after=draft.now,
    )  # fmt: skip
    sealed = draft.vault.seal(key, "authority" if row.is_ca else "device")
    draft.pending[_pending_name(spki(key.public_key()))] = sealed
    return make_request(order, key)


def sign(draft: Draft, csr: x509.CertificateSigningRequest, wish: Wish) -> Entry:
    """Sign a foreign request: its key and subject, the usage of the wish; its subjectAltName unless the wish has one."""
    row = template(wish.usage)
    issuer_id = wish.issuer if isinstance(wish.issuer, int) else row.default_issuer
    signer = draft.signer(issuer_id)
    start, end = validity(draft.now, wish, signer)
    try:
        asked = tuple(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        asked = ()
    except UNREADABLE as error:
        raise ParameterError(
            f"the request's extensions cannot be read: {error}", where="csr",
            remedy="Ask for the request again",
        ) from error
    public = issuable(csr.public_key())
    certificate = issue(
        Order(
            subject=csr.subject, template=row, san=parse_san(wish.san) if wish.san is not None else asked,
            not_before=start, not_after=end, hash=wish.hash or "sha256", path_length=wish.path_length,
        ),
        public, signer, None,
    )  # fmt: skip
    number = draft.allocate()
    entry = Entry(
        id=number, der=der_of(certificate), facts=summary(certificate), tab=Tab.CA if row.is_ca else Tab.DEVICE,
        usage=row.name, issuer_id=issuer_id, used_as=row.used_as if row.is_ca else "Not assigned",
    )  # fmt: skip
    return draft.put(attrs.evolve(entry, notes=notes(entry, row, None)), "signed", f"request, issued by {issuer_id}")
