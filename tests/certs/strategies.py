"""What the tests of this room share: keys that were made once, certificates of any kind, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ouc.certs import Device, Project, Trust
from ouc.certs.extensions import load_certificate
from ouc.certs.issue import Signer
from ouc.certs.keys import PrivateKey, generate
from ouc.certs.names import subject
from ouc.certs.vault import Cost

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
# scrypt at its cheapest: what a password costs is not what these tests are about.
CHEAP = Cost(n=2**10)

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@cache
def pooled(kind: str, number: int) -> PrivateKey:
    """A real key, made once per kind and number."""
    return generate(kind)


@attrs.define
class KeyPool:
    """Gives out ready RSA keys in turn, and new elliptic ones, which cost nothing."""

    numbers: Iterator[int] = attrs.field(factory=count)

    def __call__(self, kind: str) -> PrivateKey:
        if kind.startswith("rsa"):
            return pooled(kind, next(self.numbers) % 3)
        return generate(kind)


def make_project(name: str = "Plant", **options: Any) -> Project:
    """A project whose RSA keys come from the pool."""
    options.setdefault("now", NOW)
    if "password" in options:
        options.setdefault("cost", CHEAP)
    return Project.create(name, make_key=KeyPool(), **options)


def plant() -> Project:
    """The project of the published example."""
    project = make_project("Example")
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=NOW)
    for _ in range(3):
        project.delete(project.new(usage="tls", issuer=3, device="PLC-1", now=NOW).id, now=NOW)
    project.enable_web_server("PLC-1", now=NOW)
    project.new(usage="tls", issuer=3, device="PLC-1", common_name="PLC-1/TLS", now=NOW)
    project.add_device("PLC-2", addresses=["192.168.0.2"], now=NOW)
    project.new(usage="tls", issuer=3, device="PLC-2", common_name="PLC-2/TLS", now=NOW)
    return project


AnyKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@attrs.frozen
class Made:
    """A certificate with its key, made outside the library: also in ways that the library would refuse."""

    certificate: x509.Certificate
    key: Any

    @property
    def signer(self) -> Signer:
        return Signer(self.certificate, self.key)


def usage(*bits: str) -> x509.KeyUsage:
    """A key usage with just these bits."""
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: name in bits for name in names})


CA_USAGE = usage("key_cert_sign", "crl_sign")
LEAF_USAGE = usage("digital_signature")


def made(
    name: str,
    issuer: Made | None = None,
    *,
    ca: bool = False,
    path_length: int | None = None,
    basic: bool = True,
    basic_critical: bool = True,
    key_usage: x509.KeyUsage | str | None = "default",
    purposes: Sequence[x509.ObjectIdentifier] | None = None,
    san: Sequence[x509.GeneralName] = (),
    start: datetime = NOW - DAY,
    end: datetime = NOW + 365 * DAY,
    kind: str = "ec-p256",
    key: Any = None,
    digest: Any = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    key_identifiers: bool = True,
    serial: int | None = None,
    subject_name: x509.Name | None = None,
    issuer_name: x509.Name | None = None,
) -> Made:
    """A certificate, good unless told otherwise; `issuer` None signs itself."""
    own = key if key is not None else pooled(kind, 0) if kind.startswith("rsa") else generate(kind)
    who = subject_name if subject_name is not None else subject(name)
    signer = issuer if issuer is not None else Made(None, own)  # type: ignore[arg-type]
    above = issuer_name if issuer_name is not None else who if issuer is None else issuer.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .serial_number(serial if serial is not None else x509.random_serial_number())
        .subject_name(who)
        .issuer_name(above)
        .public_key(own.public_key())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=basic_critical)
    bits = (CA_USAGE if ca else LEAF_USAGE) if key_usage == "default" else key_usage
    if isinstance(bits, x509.KeyUsage):
        builder = builder.add_extension(bits, critical=True)
    if key_identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
        builder = builder.add_extension(authority, critical=False)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName(san), critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    algorithm = digest if digest is not None else hashes.SHA256()
    return Made(builder.sign(signer.key, None if isinstance(signer.key, ed25519.Ed25519PrivateKey) else algorithm), own)


def tlv(tag: int, *parts: bytes) -> bytes:
    """An element of DER with the shortest length."""
    inside = b"".join(parts)
    size = len(inside)
    if size < 0x80:
        return bytes([tag, size]) + inside
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + inside


def _resigned(tbs: bytes, old: bytes, new: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Something that was signed, with other bytes in it and a right signature."""
    assert tbs.count(old) == 1
    body = tbs.replace(old, new)
    size = body[1]
    head = 2 + (size & 0x7F if size > 0x80 else 0)
    signed = tlv(0x30, body[head:])
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256
    return tlv(0x30, signed, algorithm, tlv(3, b"\0", key.sign(signed, ec.ECDSA(hashes.SHA256()))))


def rewritten(one: Made, issuer: Made | None, old: bytes, new: bytes) -> Made:
    """A certificate that no library builds: `old` becomes `new` in it."""
    signer = one if issuer is None else issuer
    return Made(load_certificate(_resigned(one.certificate.tbs_certificate_bytes, old, new, signer.key)), one.key)


def rewritten_list(crl: x509.CertificateRevocationList, issuer: Made, old: bytes, new: bytes) -> Any:
    """A revocation list that no library builds."""
    return x509.load_der_x509_crl(_resigned(crl.tbs_certlist_bytes, old, new, issuer.key))


_PLACEHOLDER = 0x5A3C5A3C5A3C5A


def numbered(name: str, serial: bytes, issuer: Made | None = None, **options: Any) -> Made:
    """A certificate with any serial number, as it is written."""
    plain = made(name, issuer, serial=_PLACEHOLDER, **options)
    return rewritten(plain, issuer, tlv(2, _PLACEHOLDER.to_bytes(7, "big")), tlv(2, serial))


# NIST P-256 as numbers (SEC 2, 2.4.2; ECParameters of RFC 3279 2.3.5).
_P256 = tlv(
    0x30, tlv(2, b"\1"),
    tlv(0x30, bytes.fromhex("06072a8648ce3d0101"), tlv(2, bytes.fromhex(
        "00ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"))),
    tlv(0x30, tlv(4, bytes.fromhex("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc")),
        tlv(4, bytes.fromhex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")),
        tlv(3, bytes.fromhex("00c49d360886e704936a6678e1139d26b7819f7e90"))),
    tlv(4, bytes.fromhex("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                         "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")),
    tlv(2, bytes.fromhex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")), tlv(2, b"\1"),
)  # fmt: skip


def explicit(name: str, issuer: Made | None = None, **options: Any) -> Made:
    """A certificate whose key brings the numbers of P-256 instead of its name."""
    plain = made(name, issuer, **options)
    point = plain.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    named = plain.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    bits = tlv(3, b"\0", point)
    return rewritten(plain, issuer, named, tlv(0x30, tlv(0x30, bytes.fromhex("06072a8648ce3d0201"), _P256), bits))


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates in one PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def trust_in(*held: Made, reference: int = 0) -> Trust:
    """The trust of a device that holds these certificates, the first of them as ID 1."""
    device = Device.from_files(ca=[pem(one.certificate) for one in held])
    return device.download().trust(reference, side="client")
