"""Hostile TLS clients, byte by byte, and the plain server that judges what may be refused.

No socket and no task: a script is a list of pieces that are fed to a server's machine, to ours and to OpenSSL's as
pyOpenSSL gives it, with the same settings. What came of it is compared. Whatever the plain server takes, ours has to
take, and where it refuses, ours refuses with the same alert and a STATUS; `STRICTER` names what we refuse on purpose.

The scripts follow RFC 8446 (4.1.2 ClientHello, 4.2 extensions, 5 records, 6 alerts, D.4) and RFC 5246.
"""

from __future__ import annotations

import abc
import itertools
import random
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import attrs
from OpenSSL import SSL, crypto

from ouc.errors import OUCError
from ouc.tls import DEFAULT, DataReceived, PeerClosed, TLSContext, TLSEngine, _openssl

from ..tls.pair import credentials

__all__ = ["STRICTER", "Ours", "Outcome", "Plain", "Server", "message", "mutants", "ours", "plain", "record", "scripts"]

CHANGE, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24

# What we refuse although OpenSSL alone does not, or earlier than it does, with the reason.
STRICTER: Final = {
    "a hundred key updates": "max_key_updates: a partner may not keep this side busy with keys",
    "a hundred key updates that ask for ours": "max_key_updates",
    "a hundred key updates among single bytes": "max_key_updates: a byte now and then does not make up for them",
}


# --- making bytes -----------------------------------------------------------------------------------------------------


def record(kind: int, body: bytes, *, version: int = 0x0303, length: int | None = None) -> bytes:
    """A record with a header that may lie about its length."""
    return struct.pack("!BHH", kind, version, len(body) if length is None else length) + body


def message(kind: int, body: bytes, *, length: int | None = None) -> bytes:
    """A handshake message with a header that may lie about its length."""
    size = len(body) if length is None else length
    return bytes([kind]) + size.to_bytes(3, "big") + body


def _vector(body: bytes, size: int, lie: int = 0) -> bytes:
    return ((len(body) + lie) % (1 << 8 * size)).to_bytes(size, "big") + body


def _words(*words: int) -> bytes:
    return struct.pack(f"!{len(words)}H", *words)


_GROUPS = (10, _vector(_words(29, 23, 24), 2))
_POINTS = (11, b"\x01\x00")
_SIGNATURES = (13, _vector(_words(0x0403, 0x0804, 0x0401), 2))
_SECRET = (23, b"")
_RENEGOTIATION = (0xFF01, b"\x00")
_VERSIONS = (43, _vector(_words(0x0304), 1))
# Any 32 bytes are a public key of X25519; these are the base point.
_SHARE = (51, _vector(_words(29) + _vector(b"\x09".ljust(32, b"\0"), 2), 2))
OLD = (_GROUPS, _POINTS, _SIGNATURES, _SECRET, _RENEGOTIATION)
NEW = (_GROUPS, _SIGNATURES, _VERSIONS, _SHARE)
_ECDHE = (0xC02B, 0xC02C, 0xCCA9)


def hello(
    extensions: tuple[tuple[int, bytes], ...] = NEW,
    *,
    version: int = 0x0303,
    suites: tuple[int, ...] = (0x1301, 0x1302, *_ECDHE),
    session: bytes = b"",
    compressions: bytes = b"\x00",
    lies: tuple[int, int, int, int] = (0, 0, 0, 0),
    length: int | None = None,
    tail: bytes = b"",
) -> bytes:
    """A ClientHello message.

    Args:
        extensions: Type and body of each, in order.
        version, suites, session, compressions: The fields of that name.
        lies: Added to the lengths of session, suites, compressions and extensions.
        length: Another length in the message's header than its own.
        tail: Bytes behind the last field.
    """
    listed = b"".join(_words(kind) + _vector(body, 2) for kind, body in extensions)
    body = (
        _words(version)
        + bytes(range(32))
        + _vector(session, 1, lies[0])
        + _vector(_words(*suites), 2, lies[1])
        + _vector(compressions, 1, lies[2])
        + (_vector(listed, 2, lies[3]) if extensions else b"")
        + tail
    )
    return message(1, body, length=length)


# --- the two machines -------------------------------------------------------------------------------------------------


@attrs.frozen
class Outcome:
    """What a server made of a script.

    Attributes:
        answered: Whether it said anything but alerts.
        alert: The alert it sent, None for none.
        failed: Whether it gave up; otherwise it waits for more, or has seen the client's close_notify.
        echoed: The data that it understood and sent back.
        status: The STATUS of ours, 0 where there is none; not compared.
    """

    answered: bool
    alert: int | None
    failed: bool
    echoed: bytes = b""
    status: int = attrs.field(default=0, eq=False)


class Server(abc.ABC):
    """An echo server without a socket: bytes in, bytes out."""

    def __init__(self) -> None:
        self.said = b""
        self.echoed = b""
        self.failed = self.closed = False

    @abc.abstractmethod
    def feed(self, piece: bytes) -> bytes:
        """Take what a client sent; gives what is sent back. One that has given up, or was told the end, says nothing."""

    @abc.abstractmethod
    def outcome(self) -> Outcome:
        """What came of it so far."""

    def _answered(self) -> bool:
        at, kinds = 0, set()
        while at + 5 <= len(self.said):
            kinds.add(self.said[at])
            at += 5 + int.from_bytes(self.said[at + 3 : at + 5], "big")
        return bool(kinds - {ALERT})


class Ours(Server):
    """Our machine. Anything but an `OUCError` is a bug and passes through."""

    def __init__(self, *, demand: bool = True) -> None:
        super().__init__()
        self._engine = TLSEngine(_context(demand))
        self._status = 0

    def feed(self, piece: bytes) -> bytes:
        if self.failed or self.closed:
            return b""
        try:
            for event in self._engine.receive_data(piece):
                if isinstance(event, DataReceived):
                    self.echoed += event.data
                    self._engine.write(event.data)
                self.closed |= isinstance(event, PeerClosed)
        except OUCError as error:
            self.failed, self._status = True, int(error.status or 0)
        said = self._engine.take()
        self.said += said
        return said

    def outcome(self) -> Outcome:
        alert = self._engine._session.observed.alert_sent
        return Outcome(self._answered(), alert, self.failed, self.echoed, self._status)


class Plain(Server):
    """pyOpenSSL's connection with the same settings."""

    def __init__(self, *, demand: bool = True) -> None:
        super().__init__()
        self._alerts: list[int] = []
        self._ssl = SSL.Connection(_plain_context(demand))
        self._ssl.set_app_data(self._alerts)
        self._ssl.set_accept_state()

    def feed(self, piece: bytes) -> bytes:
        if self.failed or self.closed:
            return b""
        self._ssl.bio_write(piece)
        try:
            self._ssl.do_handshake()
            while True:
                data = self._ssl.recv(65_536)
                self.echoed += data
                self._ssl.sendall(data)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error:
            self.failed = True
        said = b""
        while True:
            try:
                said += self._ssl.bio_read(65_536)
            except SSL.WantReadError:
                self.said += said
                return said

    def outcome(self) -> Outcome:
        return Outcome(self._answered(), self._alerts[-1] if self._alerts else None, self.failed, self.echoed)


@cache
def _context(demand: bool) -> TLSContext:
    return TLSContext.build(DEFAULT, credentials("192.168.0.1", side="server", trust=demand), server_side=True)


@cache
def _plain_context(demand: bool) -> SSL.Context:
    held = _context(demand).credentials
    assert held.own is not None
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_min_proto_version(SSL.TLS1_2_VERSION)
    made.set_cipher_list(":".join(DEFAULT.suites_12).encode() + b":@SECLEVEL=2")
    made.set_tls13_ciphersuites(":".join(DEFAULT.suites_13).encode())
    _openssl.set_groups(made, DEFAULT.groups)
    _openssl.set_signature_algorithms(made, DEFAULT.signatures)
    made.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.use_certificate(held.own.certificate)
    made.use_privatekey(held.own.key)
    if held.trust is not None:
        store = made.get_cert_store()
        assert store is not None
        for certificate in held.trust.pool:
            store.add_cert(crypto.X509.from_cryptography(certificate))
        made.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *seen: bool(seen[4]))
    made.set_info_callback(_note_alert)
    return made


def _note_alert(connection: SSL.Connection, where: int, value: int) -> None:
    # close_notify is an answer, not an objection.
    if where & SSL.SSL_CB_ALERT and where & SSL.SSL_CB_WRITE and value & 0xFF:
        connection.get_app_data().append(value & 0xFF)


def ours(pieces: list[bytes]) -> Outcome:
    """Feed a script to our machine."""
    return _fed(Ours(), pieces)


def plain(pieces: list[bytes]) -> Outcome:
    """Feed a script to pyOpenSSL's connection."""
    return _fed(Plain(), pieces)


def _fed(server: Server, pieces: list[bytes]) -> Outcome:
    for piece in pieces:
        server.feed(piece)
    return server.outcome()


# --- the scripts ------------------------------------------------------------------------------------------------------


def _split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _fragments(body: bytes, size: int) -> bytes:
    return b"".join(record(HANDSHAKE, part, version=0x0301) for part in _split(body, size))


def _with(kind: int, body: bytes, base: tuple[tuple[int, bytes], ...] = NEW) -> list[bytes]:
    """A hello in which one extension has another body, or is added."""
    kept = tuple((number, body if number == kind else old) for number, old in base)
    return _one(hello(kept if kind in dict(base) else ((kind, body), *base)))


def _without(*kinds: int) -> list[bytes]:
    return _one(hello(tuple(extension for extension in NEW if extension[0] not in kinds)))


def _one(body: bytes) -> list[bytes]:
    return [record(HANDSHAKE, body, version=0x0301)]


def _share(*shares: tuple[int, bytes]) -> bytes:
    return _vector(b"".join(_words(group) + _vector(key, 2) for group, key in shares), 2)


def scripts() -> dict[str, list[bytes]]:
    """All hand-written scripts by what they do; the first ones are harmless."""
    good, old = hello(), hello(OLD, suites=_ECDHE)
    finished = message(20, bytes(12))
    return {
        # what has to be taken
        "a TLS 1.3 hello": _one(good),
        "a TLS 1.2 hello": _one(old),
        "a hello one byte at a time": _split(_one(good)[0], 1),
        "a hello in records of one byte": [_fragments(good, 1)],
        "a hello in records of 50 bytes": [_fragments(good, 50)],
        "a hello with a session ID of 32 bytes": _one(hello(session=bytes(32))),
        "unknown suites and extensions": _one(hello(((0x0A0A, b""), *NEW, (0x1A1A, b"\0")), suites=(0x0A0A, 0x1301))),
        "an unknown group and an unknown version": _with(43, _vector(_words(0x0A0A, 0x0304), 1)),
        "a key share for an unknown group": _with(51, _share((0x0A0A, b"\0"), (29, b"\x09".ljust(32, b"\0")))),
        "no key share yet": _with(51, _share()),
        "a change_cipher_spec behind the hello": [*_one(hello(session=bytes(32))), record(CHANGE, b"\x01")],
        "a padded hello of 16 KiB": _with(21, bytes(16_000)),
        # records
        "no TLS": [b"GET / HTTP/1.1\r\n\r\n"],
        "an SSLv2 hello": [b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37)],
        "an SSLv3 hello": [record(HANDSHAKE, hello((), version=0x0300, suites=(0x000A,)), version=0x0300)],
        "a TLS 1.0 hello": [record(HANDSHAKE, hello(OLD, version=0x0301, suites=(0xC013,)), version=0x0301)],
        "a TLS 1.1 hello": [record(HANDSHAKE, hello(OLD, version=0x0302, suites=(0xC013,)), version=0x0302)],
        "a record of version 9.9": [record(HANDSHAKE, good, version=0x0909)],
        "an empty handshake record": [record(HANDSHAKE, b""), *_one(good)],
        "a hundred empty handshake records": [record(HANDSHAKE, b"") * 100],
        "an empty record in the middle of a hello": [
            record(HANDSHAKE, good[:9]) + record(HANDSHAKE, b"") + record(HANDSHAKE, good[9:])
        ],
        "a record of 16,385 bytes": [record(HANDSHAKE, good.ljust(16_385, b"\0"))],
        "a record of 65,535 bytes": [record(HANDSHAKE, bytes(65_535))],
        "a record that says more than comes": [record(HANDSHAKE, good, length=len(good) + 100)],
        "a record that says less than comes": [record(HANDSHAKE, good, length=len(good) - 10)],
        "application data first": [record(DATA, b"hello")],
        "a change_cipher_spec first": [record(CHANGE, b"\x01"), *_one(good)],
        "a change_cipher_spec of two": [record(CHANGE, b"\x02"), *_one(good)],
        "a change_cipher_spec of two bytes": [*_one(good), record(CHANGE, b"\x01\x01")],
        "a hundred change_cipher_spec": [*_one(good), *[record(CHANGE, b"\x01")] * 100],
        "a heartbeat first": [record(HEARTBEAT, b"\x01\x40\x00" + bytes(16))],
        "a heartbeat behind the hello": [*_one(old), record(HEARTBEAT, b"\x01\x40\x00" + bytes(16))],
        "a record of type 99": [record(99, b"\0")],
        "a record of type 99 behind the hello": [*_one(good), record(99, b"\0")],
        "a fatal alert first": [record(ALERT, b"\x02\x28")],
        "a close_notify first": [record(ALERT, b"\x01\x00")],
        "an alert of one byte": [record(ALERT, b"\x02")],
        "an alert of level 9": [record(ALERT, b"\x09\x00")],
        "an empty alert": [record(ALERT, b"")],
        "fifty warnings": [*_one(old), record(ALERT, b"\x01\x5a") * 50],
        "data inside a hello": [record(HANDSHAKE, good[:20]), record(DATA, b"x"), record(HANDSHAKE, good[20:])],
        # messages
        "an empty hello": _one(message(1, b"")),
        "a hello of one byte": _one(message(1, b"\x03")),
        "a hello that says more than comes": _one(hello(length=len(good) + 5)),
        "a hello that says less than comes": _one(hello(length=len(good) - 9)),
        "a hello of 16 MiB": _one(hello(length=0xFFFFFF)),
        "a hello with bytes behind it": _one(hello(tail=b"\0\0\0")),
        "a session ID of 33 bytes": _one(hello(session=bytes(33))),
        "a wrong session ID length": _one(hello(lies=(1, 0, 0, 0))),
        "a wrong suites length": _one(hello(lies=(0, 1, 0, 0))),
        "an odd suites length": _one(hello(lies=(0, -1, 0, 0))),
        "a wrong compressions length": _one(hello(lies=(0, 0, 1, 0))),
        "a wrong extensions length": _one(hello(lies=(0, 0, 0, 1))),
        "a short extensions length": _one(hello(lies=(0, 0, 0, -3))),
        "no suites": _one(hello(suites=())),
        "only unknown suites": _one(hello(suites=(0x0A0A, 0x1A1A))),
        "only RSA key transport": _one(hello(OLD, suites=(0x009C, 0x002F))),
        "only NULL and anonymous suites": _one(hello(OLD, suites=(0x0001, 0x0034, 0xC006, 0xC018))),
        "no compression method": _one(hello(compressions=b"")),
        "compression asked for with TLS 1.3": _one(hello(compressions=b"\x01\x00")),
        "only compression": _one(hello(OLD, suites=_ECDHE, compressions=b"\x01")),
        "a fallback from a higher version": _one(hello(OLD, suites=(*_ECDHE, 0x5600))),
        "no extensions": _one(hello((), suites=_ECDHE)),
        "two hellos": [*_one(good), *_one(good)],
        "two TLS 1.2 hellos": [*_one(old), *_one(old)],
        "a ServerHello": _one(message(2, good[4:])),
        "a HelloRequest": _one(message(0, b"")),
        "a Finished first": _one(finished),
        "a Finished behind a TLS 1.2 hello": [*_one(old), *_one(finished)],
        "a plain Finished behind a TLS 1.3 hello": [*_one(good), *_one(finished)],
        "a certificate before its time": _one(message(11, b"\0\0\0")),
        "a key exchange without a certificate": [*_one(old), *_one(message(16, b"\x20" + bytes(32)))],
        "an empty certificate list": [*_one(old), *_one(message(11, b"\0\0\0"))],
        "a certificate list that lies": [*_one(old), *_one(message(11, b"\0\0\x09\0\0\x05ab"))],
        "a certificate that is none": [*_one(old), *_one(message(11, b"\0\0\x07\0\0\x04abcd"))],
        "a change_cipher_spec before the keys": [*_one(old), record(CHANGE, b"\x01"), *_one(finished)],
        "a key update in the clear": [*_one(good), *_one(message(24, b"\0"))],
        "a message of type 99": _one(message(99, b"\0\0")),
        "empty messages": _one(message(99, b"") * 50),
        "a hello that is followed by 400 hellos": [*_one(good), *[_fragments(good, 50)] * 400],
        # extensions
        "an extension twice": _one(hello((*NEW, _GROUPS))),
        "an unknown extension twice": _one(hello(((0x0A0A, b""), (0x0A0A, b""), *NEW))),
        "an extension that says more than comes": _one(hello((*NEW, (13, b"\xff\xff")))),
        "no groups": _without(10),
        "no signature algorithms": _without(13),
        "no key share": _without(51),
        "empty groups": _with(10, _vector(b"", 2)),
        "groups of odd length": _with(10, b"\0\x03\0\x1d\0"),
        "only groups that we do not have": _with(10, _vector(_words(0x0A0A, 30), 2)),
        "empty signature algorithms": _with(13, _vector(b"", 2)),
        "only SHA-1 signatures": _with(13, _vector(_words(0x0201, 0x0203), 2)),
        "empty versions": _with(43, b"\0"),
        "versions of odd length": _with(43, b"\x03\x03\x04\x03"),
        "only version 9.9": _with(43, _vector(_words(0x0909), 1)),
        "only SSL 3 among the versions": _with(43, _vector(_words(0x0300), 1)),
        "a key share of 31 bytes": _with(51, _share((29, bytes(31)))),
        "a key share of 33 bytes": _with(51, _share((29, b"\x09".ljust(33, b"\0")))),
        "an empty key": _with(51, _share((29, b""))),
        "a key share of zeros": _with(51, _share((29, bytes(32)))),
        "a P-256 share that is no point": _with(51, _share((23, b"\x04" + b"\x01" * 64))),
        "a P-256 share at infinity": _with(51, _share((23, b"\0"))),
        "two key shares of one group": _with(51, _share((29, b"\x09".ljust(32, b"\0")), (29, b"\x09".ljust(32, b"\0")))),
        "a key share of a group not listed": _with(10, _vector(_words(23), 2)),
        "key shares that lie": _with(51, b"\xff\xff\0\x1d"),
        "an empty name": _with(0, b"\0\0"),
        "a name with a zero in it": _with(0, _vector(b"\0" + _vector(b"a\0b", 2), 2)),
        "a name of 300 letters": _with(0, _vector(b"\0" + _vector(b"a" * 300, 2), 2)),
        "an empty protocol name": _with(16, _vector(b"\0", 2)),
        "early data without a key": _with(42, b""),
        "early data and its bytes": [*_with(42, b""), record(DATA, bytes(100))],
        "a pre-shared key that is not last": _with(41, b"\0\x07\0\x01x\0\0\0\0\0\x21\x20" + bytes(32)),
        "a pre-shared key without a mode": _one(hello((*NEW, (41, b"\0\x07\0\x01x\0\0\0\0\0\x21\x20" + bytes(32))))),
        "a pre-shared key nobody knows": _one(
            hello((*NEW, (45, b"\x01\x01"), (41, b"\0\x07\0\x01x\0\0\0\0\0\x21\x20" + bytes(32))))
        ),
        "a cookie nobody gave": _with(44, _vector(b"biscuit", 2)),
        "a heartbeat extension": _with(15, b"\x01"),
        "a record limit of one": _with(28, b"\0\x01"),
        "a fragment length of nine": _with(1, b"\x09"),
        "a renegotiation that never was": _with(0xFF01, b"\x0c" + bytes(12), OLD),
        "a ticket of garbage": _with(35, b"\xff" * 200, OLD),
        "a status request of garbage": _with(5, b"\x01\xff\xff"),
        "six hundred unknown extensions": _one(hello((*((0x2A00 + n, b"") for n in range(600)), *NEW))),
    }  # fmt: skip


# --- mutants ----------------------------------------------------------------------------------------------------------

_Mutation = Callable[[random.Random, bytearray], None]


def _flip(dice: random.Random, data: bytearray) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _drop(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.randint(1, 8)]


def _insert(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data) + 1)
    data[at:at] = dice.randbytes(dice.randint(1, 8))


def _repeat(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data))
    data[at:at] = data[at : at + dice.randint(1, 60)]


def _extreme(dice: random.Random, data: bytearray) -> None:
    data[dice.randrange(len(data))] = dice.choice((0x00, 0x01, 0x7F, 0x80, 0xFF))


_MUTATIONS: tuple[_Mutation, ...] = (_flip, _drop, _insert, _repeat, _extreme)


def mutants(seed: int, number: int) -> Iterator[list[bytes]]:
    """Scripts whose bytes were bent in one to three places; in half of them the record's length is put right again."""
    dice, bases = random.Random(seed), list(scripts().values())[:20]
    for _ in range(number):
        data = bytearray(b"".join(dice.choice(bases)))
        begun = bytes(data[:3])
        for _ in range(dice.randint(1, 3)):
            if data:
                dice.choice(_MUTATIONS)(dice, data)
        if dice.random() < 0.5 and 5 < len(data) < 16_000:
            # The record is sound, so that what is wrong in the message is seen.
            data[:5] = begun + (len(data) - 5).to_bytes(2, "big")
        cut = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randint(0, 3)))
        yield [bytes(data[a:b]) for a, b in itertools.pairwise([0, *cut, len(data)]) if b > a]
