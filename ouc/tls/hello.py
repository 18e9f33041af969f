"""A reader for the first message of a TLS connection, the ClientHello.

We read it for three reasons: to prove that what OpenSSL sends is what the policy says (controllers reset a hello that
offers groups they do not know), to let an emulated server be as strict as a real one before OpenSSL sees a byte, and to
tell a commissioning engineer what the partner offers. RFC 8446 section 4.1.2 (TLS 1.3), RFC 5246 section 7.4.1.2.

The bytes come from a stranger: every length is checked, and nothing is believed beyond them.
"""

from __future__ import annotations

from typing import Final

import attrs

from ..errors import RemoteProtocolError

__all__ = [
    "GROUP_NAMES",
    "SIGNATURE_NAMES",
    "SUITE_NAMES",
    "VERSION_NAMES",
    "ClientHello",
    "HelloReader",
    "read_client_hello_untrusted",
]

# RFC 8446 4.1.1 and B.3.1: ProtocolVersion.
VERSION_NAMES: Final = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}

# IANA "TLS Supported Groups"; the names are those that OpenSSL takes.
GROUP_NAMES: Final = {
    0x0015: "P-224", 0x0016: "secp256k1", 0x0017: "P-256", 0x0018: "P-384", 0x0019: "P-521",
    0x001A: "brainpoolP256r1", 0x001B: "brainpoolP384r1", 0x001C: "brainpoolP512r1",
    0x001D: "X25519", 0x001E: "X448", 0x0100: "ffdhe2048", 0x0101: "ffdhe3072", 0x0102: "ffdhe4096",
    0x0200: "MLKEM512", 0x0201: "MLKEM768", 0x0202: "MLKEM1024",
    0x11EB: "SecP256r1MLKEM768", 0x11EC: "X25519MLKEM768", 0x11ED: "SecP384r1MLKEM1024",
}  # fmt: skip

# IANA "TLS Cipher Suites", those that S7 profiles and common partners use; OpenSSL's names.
SUITE_NAMES: Final = {
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256", 0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305", 0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0xC023: "ECDHE-ECDSA-AES128-SHA256", 0xC024: "ECDHE-ECDSA-AES256-SHA384",
    0xC027: "ECDHE-RSA-AES128-SHA256", 0xC028: "ECDHE-RSA-AES256-SHA384",
    0xC009: "ECDHE-ECDSA-AES128-SHA", 0xC00A: "ECDHE-ECDSA-AES256-SHA",
    0xC013: "ECDHE-RSA-AES128-SHA", 0xC014: "ECDHE-RSA-AES256-SHA",
    0x009C: "AES128-GCM-SHA256", 0x009D: "AES256-GCM-SHA384", 0x002F: "AES128-SHA", 0x0035: "AES256-SHA",
    0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x5600: "TLS_FALLBACK_SCSV",
}  # fmt: skip

# IANA "TLS SignatureScheme"; OpenSSL's names.
SIGNATURE_NAMES: Final = {
    0x0201: "rsa_pkcs1_sha1", 0x0203: "ecdsa_sha1", 0x0401: "rsa_pkcs1_sha256", 0x0403: "ecdsa_secp256r1_sha256",
    0x0501: "rsa_pkcs1_sha384", 0x0503: "ecdsa_secp384r1_sha384", 0x0601: "rsa_pkcs1_sha512",
    0x0603: "ecdsa_secp521r1_sha512", 0x0804: "rsa_pss_rsae_sha256", 0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512", 0x0807: "ed25519", 0x0808: "ed448", 0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384", 0x080B: "rsa_pss_pss_sha512",
    0x0904: "mldsa44", 0x0905: "mldsa65", 0x0906: "mldsa87",
}  # fmt: skip

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _SUPPORTED_GROUPS, _SIGNATURE_ALGORITHMS, _ALPN = 0, 10, 13, 16
_SESSION_TICKET, _PRE_SHARED_KEY, _EARLY_DATA, _SUPPORTED_VERSIONS, _KEY_SHARE = 35, 41, 42, 43, 51

# A hello with three post-quantum shares stays below 6 kB; what is larger is not a hello anyone wants to parse.
MAX_HELLO = 16_384


@attrs.frozen(kw_only=True)
class ClientHello:
    """What a TLS client offers, in its own order.

    Numbers are those of the IANA registries; the `*_NAMES` tables of this module translate them.

    Attributes:
        size: Bytes of the whole flight on the wire, record headers included.
        versions: Offered protocol versions (`supported_versions`, else the legacy field), first is preferred.
        suites: Cipher suites.
        groups: Key-exchange groups (`supported_groups`).
        key_shares: Groups for which the hello already carries a key, a part of `groups`.
        signatures: Signature schemes accepted from the server.
        server_name: Host name of the SNI extension, empty if there is none.
        protocols: ALPN protocol names.
        extensions: Types of all extensions, in order.
        resumes: A session of earlier is offered (TLS 1.3 pre-shared key).
        session_id: Up to 32 bytes. Under TLS 1.2 the session that the client wants to resume; a TLS 1.3 client may fill
            it with noise (RFC 8446 D.4).
        identities: Names of the pre-shared keys on offer, which are the tickets of earlier sessions.
        compressions: Compression methods; 0 is none, and the only one that TLS 1.3 allows.
    """

    size: int
    versions: tuple[int, ...]
    suites: tuple[int, ...]
    groups: tuple[int, ...] = ()
    key_shares: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    server_name: str = ""
    protocols: tuple[str, ...] = ()
    extensions: tuple[int, ...] = ()
    resumes: bool = False
    session_id: bytes = attrs.field(default=b"", repr=False)
    identities: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    compressions: tuple[int, ...] = (0,)

    @property
    def early_data(self) -> bool:
        """The client wants to send data before the handshake is over (RFC 8446 4.2.10); replayable, so never wanted."""
        return _EARLY_DATA in self.extensions

    @property
    def wants_ticket(self) -> bool:
        """The client asks for, or shows, a ticket of TLS 1.2 in which the server keeps its memory (RFC 5077)."""
        return _SESSION_TICKET in self.extensions

    @property
    def group_names(self) -> tuple[str, ...]:
        """Groups by OpenSSL's names; unknown ones as `0x1234`."""
        return _names(self.groups, GROUP_NAMES)

    @property
    def suite_names(self) -> tuple[str, ...]:
        """Cipher suites by OpenSSL's names; unknown ones as `0x1234`."""
        return _names(self.suites, SUITE_NAMES)

    @property
    def version_names(self) -> tuple[str, ...]:
        """Protocol versions as people write them."""
        return _names(self.versions, VERSION_NAMES)

    @property
    def signature_names(self) -> tuple[str, ...]:
        """Signature schemes by OpenSSL's names; unknown ones as `0x1234`."""
        return _names(self.signatures, SIGNATURE_NAMES)


def _names(numbers: tuple[int, ...], table: dict[int, str]) -> tuple[str, ...]:
    return tuple(table.get(number, f"0x{number:04X}") for number in numbers)


class _Reader:
    """Takes lengths from a stranger and refuses those that point outside."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._at, self._what = data, 0, what

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise RemoteProtocolError(
                f"{self._what} ends {end - len(self._data)} bytes too early", status=0x80E0, where=f"byte {self._at}"
            )
        part, self._at = self._data[self._at : end], end
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, length_size: int, what: str) -> _Reader:
        return _Reader(self.take(self.number(length_size)), what)

    def numbers(self, size: int) -> tuple[int, ...]:
        return tuple(self.number(size) for _ in range(self.left // size))

    def rest(self) -> bytes:
        return self.take(self.left)

    @property
    def left(self) -> int:
        return len(self._data) - self._at


class HelloReader:
    """Reads the first message of a stream of TLS records as it comes in.

    Each byte is looked at once: a stranger who sends a hello byte by byte, each in a record of its own, costs no more
    than one who sends it whole.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._message = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> ClientHello | None:
        """Take the next bytes from the client.

        Returns:
            The hello, or None while more bytes are needed. What follows the hello is not looked at.

        Raises:
            RemoteProtocolError: The bytes are not the beginning of a TLS handshake, or contradict themselves (16#80E0).
        """
        self._rest += data
        while (record := self._record()) is not None:
            self._message += record
            if len(self._message) < 4:
                continue
            if self._message[0] != _CLIENT_HELLO:
                raise RemoteProtocolError(f"not a ClientHello: handshake type {self._message[0]}", status=0x80E0)
            length = int.from_bytes(self._message[1:4])
            if length > MAX_HELLO:
                raise RemoteProtocolError(f"a ClientHello of {length} bytes is refused", status=0x80E0)
            if len(self._message) >= 4 + length:
                return _read_body(bytes(self._message[4 : 4 + length]), self._size)
        return None

    def _record(self) -> bytes | None:
        """The content of the next record, None if it is not complete."""
        rest = self._rest
        if rest and rest[0] != _HANDSHAKE:
            raise RemoteProtocolError(
                f"not a TLS handshake: record type {rest[0]}", status=0x80E0, where=f"byte {self._size}"
            )
        if len(rest) < 5:
            return None
        size = int.from_bytes(rest[3:5])
        if rest[1] != 3 or not 0 < size <= MAX_HELLO:
            raise RemoteProtocolError("not a TLS record header", status=0x80E0, where=f"byte {self._size}")
        if len(rest) < 5 + size:
            return None
        content = bytes(rest[5 : 5 + size])
        del rest[: 5 + size]
        self._size += 5 + size
        return content


def read_client_hello_untrusted(data: bytes) -> ClientHello | None:
    """Read the ClientHello at the start of a stream of TLS records.

    Args:
        data: Everything received so far from the client, from the first byte on. Whoever receives piece by piece takes
            a `HelloReader`.

    Returns:
        The hello, or None while more bytes are needed.

    Raises:
        RemoteProtocolError: The bytes are not the beginning of a TLS handshake, or contradict themselves (16#80E0).
    """
    return HelloReader().feed(data)


def _read_body(body: bytes, size: int) -> ClientHello:
    reader = _Reader(body, "the ClientHello")
    legacy_version = reader.number(2)
    reader.take(32)  # random
    session_id = reader.vector(1, "the session ID").rest()
    suites = reader.vector(2, "the list of cipher suites").numbers(2)
    compressions = reader.vector(1, "the list of compression methods").numbers(1)
    found: dict[int, bytes] = {}
    if reader.left:
        extensions = reader.vector(2, "the list of extensions")
        while extensions.left:
            kind = extensions.number(2)
            if kind in found:  # RFC 8446 4.2
                raise RemoteProtocolError(f"the ClientHello has extension {kind} twice", status=0x80E0)
            found[kind] = extensions.take(extensions.number(2))

    def inside(kind: int, what: str) -> _Reader | None:
        return _Reader(found[kind], what) if kind in found else None

    versions: tuple[int, ...] = (legacy_version,)
    if part := inside(_SUPPORTED_VERSIONS, "supported_versions"):
        versions = part.vector(1, "supported_versions").numbers(2)
    groups: tuple[int, ...] = ()
    if part := inside(_SUPPORTED_GROUPS, "supported_groups"):
        groups = part.vector(2, "supported_groups").numbers(2)
    signatures: tuple[int, ...] = ()
    if part := inside(_SIGNATURE_ALGORITHMS, "signature_algorithms"):
        signatures = part.vector(2, "signature_algorithms").numbers(2)
    shares: list[int] = []
    if part := inside(_KEY_SHARE, "key_share"):
        entries = part.vector(2, "key_share")
        while entries.left:
            shares.append(entries.number(2))
            entries.vector(2, "a key share")
    return ClientHello(
        size=size,
        versions=versions,
        suites=suites,
        groups=groups,
        key_shares=tuple(shares),
        signatures=signatures,
        server_name=_server_name(inside(_SERVER_NAME, "server_name")),
        protocols=_protocols(inside(_ALPN, "application_layer_protocol_negotiation")),
        extensions=tuple(found),
        resumes=_PRE_SHARED_KEY in found,
        session_id=session_id,
        identities=_identities(inside(_PRE_SHARED_KEY, "pre_shared_key")),
        compressions=compressions,
    )


def _identities(part: _Reader | None) -> tuple[bytes, ...]:
    names: list[bytes] = []
    if part is not None:
        offered = part.vector(2, "the list of pre-shared keys")
        while offered.left:
            names.append(offered.take(offered.number(2)))
            offered.take(4)  # obfuscated age
    return tuple(names)


def _server_name(part: _Reader | None) -> str:
    if part is None or not part.left:
        return ""
    names = part.vector(2, "server_name")
    while names.left:
        kind = names.number(1)
        name = names.take(names.number(2))
        if kind == 0:
            return name.decode("ascii", "replace")
    return ""


def _protocols(part: _Reader | None) -> tuple[str, ...]:
    names: list[str] = []
    if part is not None:
        listed = part.vector(2, "the list of protocols")
        while listed.left:
            names.append(listed.take(listed.number(1)).decode("latin-1"))
    return tuple(names)
