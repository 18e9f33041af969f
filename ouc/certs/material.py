"""Reading what other tools wrote: certificates, keys, archives, revocation lists and requests, in whatever wrapping.

PEM and DER are told apart by their content, never by the file's ending; one PEM may hold a chain and a key together.
Everything read here comes from outside: sizes, numbers and the cost of passwords are limited, one pass finds what is in a
file, and what cannot be read ends in one error that says where.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ..errors import OUCError, ParameterError
from .armor import PemBlock, is_pem, pem_blocks
from .effort import refuse_costly
from .entry import MAX_CERTIFICATE, certificate_of
from .extensions import UNREADABLE, load_certificate, load_crl
from .keys import PrivateKey, checked, same_public_key, to_pkcs8

__all__ = ["Material", "Source", "read", "read_bytes"]

Source: TypeAlias = str | os.PathLike[str] | bytes
Password: TypeAlias = str | bytes | None

SIZE_LIMIT: Final = 4 * 1024 * 1024
# Blocks of any kind in one file, and certificates in one archive: a bundle of all public CAs has about 150.
COUNT_LIMIT: Final = 1000
# Blocks with a private key in one file. One is used; the check of each RSA key takes tenths of a second.
KEY_LIMIT: Final = 4
# An archive holds one key and its chain.
ARCHIVE_LIMIT: Final = 1024 * 1024
# Bits of an RSA private key: more are used by no S7 controller (certificates.md 6.2), and checking 8192 takes seconds.
RSA_LIMIT: Final = 4096

_ONE_KEY: Final = "Give a file with one key and the certificates above its own"


@attrs.define
class Material:
    """What was found, in the order it was found."""

    certificates: list[x509.Certificate] = attrs.field(factory=list)
    key: PrivateKey | None = attrs.field(default=None, repr=False)
    crls: list[x509.CertificateRevocationList] = attrs.field(factory=list)
    requests: list[x509.CertificateSigningRequest] = attrs.field(factory=list)

    def leaf_first(self) -> list[x509.Certificate]:
        """The certificates with the one in front that the key belongs to; without a key, one that issued no other."""
        if self.key is not None:
            mine = [one for one in self.certificates if same_public_key(self.key, one.public_key())]
            front = mine[:1]
        else:
            issuers = {one.issuer.public_bytes() for one in self.certificates if one.issuer != one.subject}
            front = [one for one in self.certificates if one.subject.public_bytes() not in issuers][:1]
        return front + [one for one in self.certificates if one not in front]

    def add(self, other: Material, where: str) -> None:
        """Take over what another file held."""
        self.certificates = list(dict.fromkeys((*self.certificates, *other.certificates)))
        self.crls += other.crls
        self.requests += other.requests
        if other.key is not None:
            _one_key(self, other.key, where)


def _one_key(found: Material, key: PrivateKey, where: str) -> None:
    if found.key is not None and not same_public_key(key, found.key.public_key()):
        raise ParameterError("more than one private key", where=where, remedy="Give the file with the one that is meant")
    found.key = key


def read_bytes(source: Source, *, limit: int = SIZE_LIMIT) -> tuple[bytes, str]:
    """The bytes of a path or the bytes themselves, and what to call them in messages.

    Raises:
        ParameterError: No such file, not readable, or larger than `limit` bytes.
    """
    if isinstance(source, bytes):
        data, name = source, "the given bytes"
    else:
        name = os.fspath(source)
        try:
            with Path(source).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise ParameterError(
                error.strerror or "cannot be read", where=name,
                remedy="Check the name, the folder and the permissions",
            ) from error
    if len(data) > limit:
        raise ParameterError(f"larger than {limit} bytes", where=name, remedy="Give the certificate's file alone")
    if not data.strip():
        raise ParameterError("is empty", where=name, remedy="Copy or export the file again")
    return data, name


def read(source: Source, password: Password = None) -> Material:
    """Everything in a file or in bytes.

    Args:
        source: A path, or bytes.
        password: For an encrypted key or an archive. Several keys with several passwords need several calls.

    Raises:
        ParameterError: Not readable, not what it says, or encrypted and the password is missing or wrong.
        CertificateError: A certificate is damaged.
    """
    data, where = read_bytes(source)
    secret = password.encode() if isinstance(password, str) else password
    found = Material()
    if is_pem(data):
        for block in _counted(pem_blocks(data, where), where):
            _pem(found, block, secret, where)
    else:
        _der(found, data, secret, where)
    if not (found.certificates or found.key or found.crls or found.requests):
        raise ParameterError(
            "neither a certificate nor a key, archive, request or revocation list", where=where,
            remedy="Give PEM, DER or PKCS#12",
        )  # fmt: skip
    return found


def _counted(blocks: Iterator[PemBlock], where: str) -> Iterator[PemBlock]:
    keys = 0
    for number, block in enumerate(blocks, start=1):
        if number > COUNT_LIMIT:
            raise ParameterError(f"more than {COUNT_LIMIT} objects", where=where, remedy="Split the file")
        keys += block.label.endswith("PRIVATE KEY")
        if keys > KEY_LIMIT:
            raise ParameterError(f"more than {KEY_LIMIT} private keys", where=where, remedy=_ONE_KEY)
        yield block


def _pem(found: Material, block: PemBlock, password: bytes | None, where: str) -> None:
    label = block.label
    if label in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
        found.certificates.append(_located(certificate_of, _decoded(block.text, where), where))
    elif label.endswith("PRIVATE KEY"):
        _one_key(found, _pem_key(block, password, where), where)
    elif label == "X509 CRL":
        found.crls.append(_crl(_decoded(block.text, where), where))
    elif label in ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"):
        found.requests.append(_request(_decoded(block.text, where), where))
    # Other blocks, such as EC PARAMETERS, stand beside a key and say nothing of their own.


def _pem_key(block: PemBlock, password: bytes | None, where: str) -> PrivateKey:
    # The traditional form has headers before its base64, and hashes its password once (MD5, RFC 1423).
    if b":" not in block.text:
        refuse_costly(_decoded(block.text, where), where)
    return _key(lambda: serialization.load_pem_private_key(block.whole, password, unsafe_skip_rsa_key_validation=True),
                password, where)  # fmt: skip


def _decoded(text: bytes, where: str) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise ParameterError(
            "damaged: its PEM is not base64", where=where,
            remedy="Copy the whole file again, from BEGIN to END",
        ) from None


def _located(read_der: Callable[[bytes], x509.Certificate], der: bytes, where: str) -> x509.Certificate:
    try:
        return read_der(der)
    except OUCError as error:
        told = error.failure
        raise type(error)(told.what, status=told.status, where=where, remedy=told.remedy) from error


def _key(load: Callable[[], object], password: bytes | None, where: str) -> PrivateKey:
    try:
        key = load()
    except TypeError:
        # cryptography says so both for a missing and for a superfluous password.
        if password is None:
            raise ParameterError("the private key is encrypted", where=where, remedy="Give its password") from None
        raise ParameterError(
            "the private key is not encrypted, yet a password was given", where=where,
            remedy="Leave the password out",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        what = "wrong password, or a damaged private key" if password is not None else "the private key is damaged"
        raise ParameterError(what, where=where, remedy="Give its password, or export the key again") from None
    return _validated(checked(key), where)


def _validated(key: PrivateKey, where: str) -> PrivateKey:
    """Check an RSA key's numbers, once its size is known: the check of 16,384 bits takes half a minute."""
    if not isinstance(key, rsa.RSAPrivateKey):
        return key
    if key.key_size > RSA_LIMIT:
        raise ParameterError(
            f"an RSA key of {key.key_size} bits; at most {RSA_LIMIT} are read", where=where,
            remedy="Use RSA 2048, RSA 4096, EC prime256v1 or EC secp384r1",
        )  # fmt: skip
    try:
        return checked(serialization.load_der_private_key(to_pkcs8(key), None))
    except ValueError:
        raise ParameterError("the private key is damaged", where=where, remedy="Copy or export the key again") from None


def _crl(der: bytes, where: str) -> x509.CertificateRevocationList:
    try:
        return load_crl(der)
    except UNREADABLE as error:
        raise ParameterError(
            f"the revocation list is damaged: {error}", where=where,
            remedy="Fetch the list again",
        ) from error


def _request(der: bytes, where: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_der_x509_csr(der)
        good = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ParameterError(f"the request is damaged: {error}", where=where, remedy="Make the request again") from error
    if not good:
        raise ParameterError("the signature of the request is wrong", where=where, remedy="Make the request again")
    return request


def _der(found: Material, data: bytes, password: bytes | None, where: str) -> None:
    """DER says nothing about its kind: ask for each in turn. An archive comes before a key, which takes a password too."""
    if len(data) <= MAX_CERTIFICATE:
        try:
            found.certificates.append(load_certificate(data))
        except (ValueError, x509.InvalidVersion):
            pass
        else:
            return
    if _is_archive(data):
        _archive(found, data, password, where)
        return
    try:
        x509.load_der_x509_crl(data)
    except ValueError:
        pass
    else:
        found.crls.append(_crl(data, where))
        return
    try:
        x509.load_der_x509_csr(data)
    except ValueError:
        pass
    else:
        found.requests.append(_request(data, where))
        return
    if data[:1] != b"\x30":
        return
    refuse_costly(data, where)
    try:
        found.key = _key(
            lambda: serialization.load_der_private_key(data, password, unsafe_skip_rsa_key_validation=True),
            password,
            where,
        )
    except ParameterError as error:
        if "damaged" not in error.failure.what:
            raise
        raise ParameterError(
            "damaged, or no certificate, key, archive, request or revocation list", where=where, status=0x80E2,
            remedy="Give PEM, DER or PKCS#12; copy or export the file again",
        ) from error


# A PFX is a SEQUENCE that begins with INTEGER 3 and goes on with a SEQUENCE (RFC 7292 4); a key begins with 0 or 1.
_PFX: Final = re.compile(rb"\x30(?:[\x00-\x7f]|\x80|\x81.|\x82..|\x83...|\x84....)\x02\x01\x03\x30", re.DOTALL)


def _is_archive(data: bytes) -> bool:
    return _PFX.match(data) is not None


def _archive(found: Material, data: bytes, password: bytes | None, where: str) -> None:
    if len(data) > ARCHIVE_LIMIT:
        raise ParameterError(f"an archive of more than {ARCHIVE_LIMIT} bytes", where=where, remedy=_ONE_KEY)
    refuse_costly(data, where)
    # An archive without password comes in two kinds: none at all, and an empty one.
    attempts: Sequence[bytes | None] = (None, b"") if password is None else (password,)
    for attempt in attempts:
        try:
            with warnings.catch_warnings():
                # Archives of older tools are BER; cryptography reads them and says that it may stop to.
                warnings.simplefilter("ignore", UserWarning)
                archive = pkcs12.load_pkcs12(data, attempt)
        except UNREADABLE:
            continue
        _unpack(found, archive, where)
        return
    if password is None:
        raise ParameterError("the archive is protected by a password", where=where, remedy="Give its password")
    raise ParameterError(
        "wrong password, or a damaged archive", where=where,
        remedy="Give the archive's own password, or export it again",
    )


def _unpack(found: Material, archive: pkcs12.PKCS12KeyAndCertificates, where: str) -> None:
    if archive.key is not None:
        found.key = checked(archive.key)
    inside = [one.certificate for one in (archive.cert, *archive.additional_certs) if one is not None]
    if len(inside) > COUNT_LIMIT:
        raise ParameterError(f"more than {COUNT_LIMIT} certificates", where=where, remedy=_ONE_KEY)
    found.certificates += inside
