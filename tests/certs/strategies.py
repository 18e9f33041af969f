"""What the tests of this room share: keys that were made once, certificates of any kind, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ouc.certs import Device, Project, Trust
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


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates in one PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def trust_in(*held: Made, reference: int = 0) -> Trust:
    """The trust of a device that holds these certificates, the first of them as ID 1."""
    device = Device.from_files(ca=[pem(one.certificate) for one in held])
    return device.download().trust(reference, side="client")
