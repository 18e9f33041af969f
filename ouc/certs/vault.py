"""Private keys at rest: keyrings, opened by a user's password.

Every private key is sealed with AES-256-GCM under one of two random ring keys: `authority` for the keys of CAs, `device` for
all others. A user's password, stretched by scrypt, seals the rings that the user's right opens: an administrator gets both,
a standard user the device ring, a diagnostics user none. So the separation of rights is one of keys, not of good manners.
A third one, `integrity`, is everybody's: it tells what was written by somebody with a password (`ouc.certs.authentic`).

The sealed form of a key is bound to the project and to its public key, so that a blob cannot be moved under another
certificate. Python cannot erase memory; keys are opened late, kept by nobody who does not need them, and never printed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeAlias

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..errors import ParameterError
from .keys import PrivateKey, from_pkcs8, spki, to_pkcs8

__all__ = [
    "RIGHTS", "ClearVault", "Cost", "LockedVault", "MemoryVault", "OpenVault", "Right", "Ring", "Rings", "User", "Vault",
    "new_rings", "open_user", "seal_bytes", "seal_user", "stretch", "unseal_bytes",
]  # fmt: skip

Ring: TypeAlias = Literal["authority", "device", "integrity"]
Right: TypeAlias = Literal["administrator", "standard", "diagnostics"]
Rings: TypeAlias = Mapping[Ring, bytes]

# What each right opens (R26, certificates.md 1.1).
RIGHTS: Final[dict[Right, tuple[Ring, ...]]] = {
    "administrator": ("authority", "device", "integrity"),
    "standard": ("device", "integrity"),
    "diagnostics": ("integrity",),
}

_NONCE = 12
PASSWORD_LIMIT: Final = 1024


def _in_range(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    # A file from a stranger names its own cost: at most 256 MiB and some seconds.
    low, high = {"n": (2**10, 2**18), "r": (1, 8), "p": (1, 4)}[attribute.name]
    if not isinstance(value, int) or not low <= value <= high or (attribute.name == "n" and value & (value - 1)):
        raise ParameterError(
            f"scrypt parameter {attribute.name} = {value!r} is outside {low} to {high}",
            remedy="Put a backup back, or download the device file again",
        )


@attrs.frozen
class Cost:
    """Cost of scrypt (RFC 7914). The default takes 128 MiB and about a third of a second, once per login."""

    n: int = attrs.field(default=2**17, validator=_in_range)
    r: int = attrs.field(default=8, validator=_in_range)
    p: int = attrs.field(default=1, validator=_in_range)


@attrs.frozen(kw_only=True)
class User:
    """A user as the file keeps them: the right, and the rings sealed under the password."""

    name: str
    right: Right
    salt: bytes = attrs.field(repr=False)
    cost: Cost
    sealed: bytes = attrs.field(repr=False)


def stretch(password: str | bytes, salt: bytes, cost: Cost) -> bytes:
    """A 32-byte key from a password.

    Raises:
        ParameterError: The password is empty or longer than 1024 bytes.
    """
    secret = password.encode() if isinstance(password, str) else bytes(password)
    if not 0 < len(secret) <= PASSWORD_LIMIT:
        raise ParameterError(f"a password has 1 to {PASSWORD_LIMIT} bytes", where="password", remedy="Choose another one")
    return Scrypt(salt=salt, length=32, n=cost.n, r=cost.r, p=cost.p).derive(secret)


def seal_bytes(key: bytes, data: bytes, bound_to: bytes) -> bytes:
    """Encrypt and authenticate: nonce, ciphertext, tag."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, bound_to)


def unseal_bytes(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """The inverse of `seal_bytes`.

    Raises:
        ParameterError: Another key, or the bytes were changed.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to)
    except (InvalidTag, ValueError):
        raise ParameterError(
            "sealed data cannot be opened: it was changed, or belongs to another key",
            remedy="Put a backup back",
        ) from None


def new_rings() -> dict[Ring, bytes]:
    """Fresh ring keys for a new project."""
    return {"authority": secrets.token_bytes(32), "device": secrets.token_bytes(32), "integrity": secrets.token_bytes(32)}


def seal_user(project: str, name: str, right: Right, password: str | bytes, rings: Rings, cost: Cost) -> User:
    """Seal for a user what their right opens.

    Raises:
        ParameterError: The name, the right or the password is not acceptable, or the caller does not hold the rings.
    """
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise ParameterError(f"{name!r} cannot be a user name", where="user", remedy="1 to 64 printable characters")
    if right not in RIGHTS:
        raise ParameterError(f"right {right!r} is not known", where="right", remedy=f"Choose among {', '.join(RIGHTS)}")
    if not all(ring in rings for ring in RIGHTS[right]):
        raise ParameterError(
            f"only an administrator can give the right {right!r}", where="right",
            remedy="Log in as an administrator: --user",
        )
    salt = secrets.token_bytes(16)
    payload = json.dumps({ring: rings[ring].hex() for ring in RIGHTS[right]}).encode()
    bound = f"ouc user\0{project}\0{name}\0{right}".encode()
    return User(
        name=name, right=right, salt=salt, cost=cost, sealed=seal_bytes(stretch(password, salt, cost), payload, bound)
    )


def open_user(project: str, user: User, password: str | bytes) -> dict[Ring, bytes]:
    """Open the rings of a user.

    Raises:
        ParameterError: The password is wrong. Nothing tells it apart from a damaged file.
    """
    bound = f"ouc user\0{project}\0{user.name}\0{user.right}".encode()
    key = stretch(password, user.salt, user.cost)
    try:
        rings = json.loads(unseal_bytes(key, user.sealed, bound))
    except ParameterError:
        raise ParameterError(
            f"wrong password for user {user.name!r}", where="password",
            remedy="Try again, or ask an administrator to set it: ouc project password --of NAME",
        ) from None
    return {ring: bytes.fromhex(text) for ring, text in rings.items()}


class Vault(Protocol):
    """Where a project's private keys are, as the session that is logged in sees it."""

    def seal(self, key: PrivateKey, ring: Ring) -> bytes:
        """The form of a key that a record keeps."""

    def holds(self, sealed: bytes, ring: Ring) -> bool:
        """Whether `unseal` would give the key."""

    def unseal(self, sealed: bytes, ring: Ring, public: bytes) -> PrivateKey:
        """The key again; `public` is the SubjectPublicKeyInfo it must belong to."""


class MemoryVault:
    """Keys of a project without a password: in this process only. A record keeps a token that means nothing elsewhere."""

    def __init__(self) -> None:
        self._keys: dict[bytes, PrivateKey] = {}

    def seal(self, key: PrivateKey, ring: Ring) -> bytes:
        """Keep the key here."""
        token = ring.encode() + secrets.token_bytes(16)
        self._keys[token] = key
        return token

    def holds(self, sealed: bytes, ring: Ring) -> bool:
        """Whether it was put in by this process."""
        return sealed.startswith(ring.encode()) and sealed in self._keys

    def unseal(self, sealed: bytes, ring: Ring, public: bytes) -> PrivateKey:
        """The key itself."""
        if not self.holds(sealed, ring) or spki(self._keys[sealed].public_key()) != public:
            raise ParameterError(
                "this private key is not in memory any more",
                remedy="Make the certificate again, or protect the project so that it keeps keys: ouc project password",
            )
        return self._keys[sealed]


class ClearVault:
    """Keys in clear in the file, for whoever asked for it by `--insecure-keys`: laboratories, never plants."""

    def seal(self, key: PrivateKey, ring: Ring) -> bytes:
        """PKCS#8, unencrypted."""
        del ring
        return to_pkcs8(key)

    def holds(self, sealed: bytes, ring: Ring) -> bool:
        """Always."""
        del ring
        return bool(sealed)

    def unseal(self, sealed: bytes, ring: Ring, public: bytes) -> PrivateKey:
        """The key, checked against its certificate."""
        del ring
        return _belonging(from_pkcs8(sealed), public)


class OpenVault:
    """Keys sealed under ring keys that a login has opened; which ones depends on the user's right."""

    def __init__(self, project: str, rings: Rings) -> None:
        self._project = project
        self._rings = dict(rings)

    def __repr__(self) -> str:
        return f"OpenVault({', '.join(self._rings) or 'no ring'})"

    @property
    def rings(self) -> Rings:
        """Ring keys of this login, to seal them for another user."""
        return self._rings

    def _key(self, ring: Ring) -> bytes:
        try:
            return self._rings[ring]
        except KeyError:
            owner = "a CA" if ring == "authority" else "a device"
            raise ParameterError(
                f"the private key of {owner} is not open to this user",
                remedy=f"Log in as {'an administrator' if ring == 'authority' else 'an administrator or standard user'}",
            ) from None

    def _bound(self, ring: Ring, public: bytes) -> bytes:
        return f"ouc key\0{self._project}\0{ring}\0".encode() + public

    def seal(self, key: PrivateKey, ring: Ring) -> bytes:
        """AES-256-GCM under the ring key, bound to the project and the public key."""
        return seal_bytes(self._key(ring), to_pkcs8(key), self._bound(ring, spki(key.public_key())))

    def holds(self, sealed: bytes, ring: Ring) -> bool:
        """Whether this login opens the ring."""
        return bool(sealed) and ring in self._rings

    def unseal(self, sealed: bytes, ring: Ring, public: bytes) -> PrivateKey:
        """Open a key."""
        return _belonging(from_pkcs8(unseal_bytes(self._key(ring), sealed, self._bound(ring, public))), public)


class LockedVault:
    """No login: certificates can be read, keys cannot."""

    def seal(self, key: PrivateKey, ring: Ring) -> bytes:
        """Refused."""
        del key, ring
        raise self._refusal()

    def holds(self, sealed: bytes, ring: Ring) -> bool:
        """Never."""
        del sealed, ring
        return False

    def unseal(self, sealed: bytes, ring: Ring, public: bytes) -> PrivateKey:
        """Refused."""
        del sealed, ring, public
        raise self._refusal()

    def _refusal(self) -> ParameterError:
        return ParameterError("nobody is logged in", where="password", remedy="Open the project with a user's password")


def _belonging(key: PrivateKey, public: bytes) -> PrivateKey:
    if spki(key.public_key()) != public:
        raise ParameterError("a stored private key does not belong to its certificate", remedy="Put a backup back")
    return key
