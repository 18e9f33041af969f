"""A hostile partner: writes records that no TLS library would, under the keys of a handshake that was honest.

The key log of the partner's context gives the secrets. RFC 8446 7.1 to 7.3 (TLS 1.3), RFC 5246 5 and 6.3 with RFC 5288
(TLS 1.2). Only for suites with AES-256-GCM and SHA-384, which the default policy prefers.
"""

from __future__ import annotations

import hmac
import struct
from typing import Any

import attrs
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ouc.tls import DEFAULT, Policy, TLSContext, TLSEngine

from .pair import Pair, credentials

HANDSHAKE, ALERT, DATA = 22, 21, 23
# KeyUpdate with update_requested (RFC 8446 4.6.3): costs the receiver a new key and an answer.
KEY_UPDATE = b"\x18\x00\x00\x01\x01"
# HelloRequest and the beginning of a ClientHello (RFC 5246 7.4.1): attempts to renegotiate.
HELLO_REQUEST = b"\x00\x00\x00\x00"
# NewSessionTicket (RFC 8446 4.6.1): 2 h, no age, one byte of nonce, 32 bytes of ticket, no extension.
TICKET = b"\x04\x00\x00\x2e" + struct.pack(">II", 7200, 0) + b"\x01\x00\x00\x20" + bytes(32) + b"\x00\x00"


def _label(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label with an empty context; one block is enough for every size used here."""
    full = b"tls13 " + label
    info = struct.pack(">HB", size, len(full)) + full + b"\0"
    return hmac.digest(secret, info + b"\x01", "sha384")[:size]


def _prf(secret: bytes, seed: bytes, size: int) -> bytes:
    """P_SHA384 (RFC 5246 5)."""
    out, step = b"", seed
    while len(out) < size:
        step = hmac.digest(secret, step, "sha384")
        out += hmac.digest(secret, step + seed, "sha384")
    return out[:size]


@attrs.define
class Forger13:
    """One direction of a TLS 1.3 connection.

    Attributes:
        secret: The application traffic secret of that direction.
        number: Records that the honest partner has sent under it.
    """

    secret: bytes
    number: int

    def record(self, content: bytes, kind: int = DATA, *, padding: int = 0) -> bytes:
        inner = content + bytes([kind]) + bytes(padding)
        header = struct.pack(">BHH", DATA, 0x0303, len(inner) + 16)
        nonce = int.from_bytes(_label(self.secret, b"iv", 12)) ^ self.number
        self.number += 1
        return header + AESGCM(_label(self.secret, b"key", 32)).encrypt(nonce.to_bytes(12), inner, header)

    def key_update(self) -> bytes:
        record = self.record(KEY_UPDATE, HANDSHAKE)
        self.secret, self.number = _label(self.secret, b"traffic upd", 48), 0
        return record


@attrs.define
class Forger12:
    """One direction of a TLS 1.2 connection; the partner's Finished was record 0."""

    key: bytes
    salt: bytes
    number: int = 1

    def record(self, content: bytes, kind: int = DATA) -> bytes:
        explicit = self.number.to_bytes(8)
        header = struct.pack(">BHH", kind, 0x0303, len(content))
        sealed = AESGCM(self.key).encrypt(self.salt + explicit, content, explicit + header)
        self.number += 1
        return struct.pack(">BHH", kind, 0x0303, 8 + len(sealed)) + explicit + sealed


def forged(
    who: str, version: str = "1.3", *, policy: Policy = DEFAULT, honest: Policy = DEFAULT
) -> tuple[Pair, TLSEngine, Any]:
    """A pair after its handshake, the honest side's machine, and what `who` writes from now on."""
    lines: list[bytes] = []
    versions: Any = {"versions": (version,)}

    def context(side: Any, address: str) -> TLSContext:
        hostile = side == who
        return TLSContext.build(
            attrs.evolve(policy if hostile else honest, **versions), credentials(address, side=side),
            server_side=side == "server", key_log=lines.append if hostile else None,
        )  # fmt: skip

    joined = Pair(TLSEngine(context("client", "192.168.0.2")), TLSEngine(context("server", "192.168.0.1"))).talk()
    assert "AES256-GCM" in joined.client.facts.suite.replace("AES_256_GCM", "AES256-GCM")
    secrets = {line.split()[0].decode(): bytes.fromhex(line.split()[2].decode()) for line in lines}
    victim = joined.server if who == "client" else joined.client
    if version == "1.3":
        # A server's two tickets are its first records.
        secret = secrets[f"{who.upper()}_TRAFFIC_SECRET_0"]
        return joined, victim, Forger13(secret, 2 if who == "server" else 0)
    ssl = (joined.client if who == "client" else joined.server)._ssl
    seed = b"key expansion" + (ssl.server_random() or b"") + (ssl.client_random() or b"")
    block = _prf(secrets["CLIENT_RANDOM"], seed, 72)
    at = 0 if who == "client" else 1
    return joined, victim, Forger12(block[32 * at : 32 * at + 32], block[64 + 4 * at : 68 + 4 * at])
