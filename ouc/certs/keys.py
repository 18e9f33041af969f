"""Key kinds: what may be generated, what a device's profile can use, how a key is written down.

Sources: certificates.md 2 (templates) and 6.2 (keys that the CPUs accept).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from ..errors import ParameterError

__all__ = [
    "KEY_KINDS", "KeyKind", "KeySource", "PrivateKey", "curve_name", "from_pkcs8", "generate", "key_kind", "key_length",
    "key_type", "same_public_key", "strength", "to_pkcs8", "usable_by",
]  # fmt: skip

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KeySource: TypeAlias = Callable[[str], PrivateKey]


@attrs.frozen
class KeyKind:
    """A kind of key that the certificate manager makes.

    Attributes:
        name: As on the command line.
        screen: As TIA Portal's dialog names it.
        legacy: Too weak for anything but old partners; made only where that is asked for by name.
        refused_by: Families whose TLS services do not take it (certificates.md 6.2).
    """

    name: str
    screen: str
    make: Callable[[], PrivateKey] = attrs.field(repr=False)
    legacy: bool = False
    refused_by: frozenset[str] = frozenset()


def _rsa(bits: int) -> Callable[[], PrivateKey]:
    return lambda: rsa.generate_private_key(public_exponent=65537, key_size=bits)


KEY_KINDS: Final[dict[str, KeyKind]] = {
    kind.name: kind
    for kind in (
        KeyKind("ec-p256", "EC prime256v1", lambda: ec.generate_private_key(ec.SECP256R1())),
        KeyKind("ec-p384", "EC secp384r1", lambda: ec.generate_private_key(ec.SECP384R1())),
        KeyKind("rsa-2048", "RSA 2048", _rsa(2048)),
        KeyKind("rsa-4096", "RSA 4096", _rsa(4096), refused_by=frozenset({"S7-1200"})),
        KeyKind("rsa-1024", "RSA 1024", _rsa(1024), legacy=True),
    )
}

# Names of the curves in the dialogs; prime256v1 and secp256r1 are one curve.
_CURVES: Final = {"secp256r1": "ec-p256", "secp384r1": "ec-p384", "secp521r1": "ec-p521"}
_ALIASES: Final = {
    "prime256v1": "ec-p256", "secp256r1": "ec-p256", "p256": "ec-p256", "p-256": "ec-p256", "ec": "ec-p256",
    "secp384r1": "ec-p384", "p384": "ec-p384", "p-384": "ec-p384", "rsa": "rsa-2048",
}  # fmt: skip


def key_kind(name: str) -> KeyKind:
    """The kind called `name`; curve names of the dialogs are understood too.

    Raises:
        ParameterError: There is no such kind.
    """
    kind = KEY_KINDS.get(_ALIASES.get(name.lower(), name.lower()))
    if kind is None:
        raise ParameterError(f"key kind {name!r} is not known", where="key", remedy=f"Choose among {', '.join(KEY_KINDS)}")
    return kind


def generate(name: str) -> PrivateKey:
    """Make a new key of the kind called `name`. RSA takes a noticeable fraction of a second or more."""
    return key_kind(name).make()


def key_type(key: CertificatePublicKeyTypes) -> str:
    """The kind of a public key as a word: `ec-p256`, `rsa-2048`, `ed25519`, `other`."""
    match key:
        case rsa.RSAPublicKey():
            return f"rsa-{key.key_size}"
        case ec.EllipticCurvePublicKey():
            return _CURVES.get(key.curve.name, f"ec-{key.curve.name}")
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case ed448.Ed448PublicKey():
            return "ed448"
        case _:
            return "other"


def key_length(key: CertificatePublicKeyTypes) -> int:
    """Length in bits, as the column `Key length` shows it."""
    match key:
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey() | dsa.DSAPublicKey():
            return key.key_size
        case ed448.Ed448PublicKey():
            return 456
        case _:
            return 256


def curve_name(kind: str) -> str:
    """The name TIA Portal's dialog gives to a kind; other kinds keep the word."""
    known = KEY_KINDS.get(kind)
    return known.screen if known is not None else kind


def strength(key: CertificatePublicKeyTypes) -> int:
    """Security in bits (NIST SP 800-57 part 1, table 2); 0 for keys that nobody should trust."""
    match key:
        case rsa.RSAPublicKey() | dsa.DSAPublicKey():
            return next((bits for size, bits in ((3072, 128), (2048, 112), (1024, 80)) if key.key_size >= size), 0)
        case ec.EllipticCurvePublicKey():
            return key.key_size // 2
        case ed25519.Ed25519PublicKey():
            return 128
        case ed448.Ed448PublicKey():
            return 224
        case _:
            return 0


def usable_by(kind: str, family: str) -> bool:
    """Whether the TLS services of a CPU family take a key of this kind (certificates.md 6.2).

    Args:
        kind: As `key_type` says.
        family: `S7-1500`, `S7-1200` or another word; other words stand for partners without a documented limit.
    """
    if not family.startswith("S7-"):
        return True
    known = KEY_KINDS.get(kind)
    return known is not None and family not in known.refused_by


def to_pkcs8(key: PrivateKey) -> bytes:
    """The key in clear, PKCS#8 in DER: for sealing, never for a file."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def from_pkcs8(data: bytes) -> PrivateKey:
    """The inverse of `to_pkcs8`.

    Raises:
        ParameterError: Not a key, or one of a kind that TLS with controllers cannot use.
    """
    try:
        key = serialization.load_der_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ParameterError("a stored private key cannot be read", remedy="Restore the file from a backup") from None
    return checked(key)


def checked(key: object) -> PrivateKey:
    """Narrow a loaded key to the kinds that the certificate manager holds: RSA and elliptic curves.

    Raises:
        ParameterError: Another kind, such as Ed25519, which no S7 controller accepts.
    """
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ParameterError(
            f"a private key of the kind {type(key).__name__.lstrip('_').removesuffix('PrivateKey')} cannot be used",
            status=0x80E2,
            remedy="Use RSA 2048, RSA 4096, EC prime256v1 or EC secp384r1",
        )
    return key


def same_public_key(key: PrivateKey, public: CertificatePublicKeyTypes) -> bool:
    """Whether a private key belongs to a certificate's public key."""
    return spki(key.public_key()) == spki(public)


def spki(key: CertificatePublicKeyTypes) -> bytes:
    """SubjectPublicKeyInfo in DER: what two public keys are compared by."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
