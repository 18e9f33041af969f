"""Hostile TLS clients that hold the keys: they finish a handshake, or nearly, and then break the rules inside it.

tlslite-ng does the cryptography and lets every record be sent; without it there are no such scripts. It talks to a
machine (`hostile.Server`) through something that looks like a socket, so nothing waits here either.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

from .hostile import ALERT, CHANGE, DATA, HANDSHAKE, HEARTBEAT, Outcome, Server, hello, message, record

__all__ = ["available", "carry_out", "scripts"]

Script = Callable[["Client"], None]


def available() -> bool:
    """Whether tlslite-ng is installed (`pip install tlslite-ng`)."""
    return importlib.util.find_spec("tlslite") is not None


def _lite(module: str) -> Any:
    with warnings.catch_warnings():
        # It imports asyncore, which Python 3.11 announces the end of.
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module(f"tlslite.{module}")


class _Line:
    """The socket that tlslite-ng sees: what it sends is fed to the server at once, and answers wait to be read."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._waiting = b""
        self.sent: list[bytes] = []
        # May change what is sent, or hold it back.
        self.bend: Callable[[bytes], bytes] = bytes

    def send(self, data: bytes) -> int:
        piece = self.bend(bytes(data))
        if piece:
            self.sent.append(piece)
            self._waiting += self._server.feed(piece)
        return len(data)

    def sendall(self, data: bytes) -> None:
        self.send(data)

    def recv(self, size: int) -> bytes:
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def close(self) -> None:
        """Nothing is open."""


class Client:
    """A client in the middle of its life."""

    def __init__(self, server: Server, version: tuple[int, int]) -> None:
        self.line = _Line(server)
        self.version = version
        self.tls: Any = _lite("tlsconnection").TLSConnection(self.line)

    def shake_hands(self) -> None:
        """Make a whole handshake."""
        settings = _lite("handshakesettings").HandshakeSettings()
        settings.minVersion = settings.maxVersion = self.version
        self.tls.handshakeClientCert(settings=settings)

    def say(self, kind: int, body: bytes) -> None:
        """Send one record under the keys, whatever it holds."""
        made = _lite("messages").Message(kind, bytearray(body))
        for _ in self.tls._recordLayer.sendRecord(made):
            pass

    def say_unprotected(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.line.send(data)

    def update_keys(self, *, ask: int) -> None:
        """Send a proper key update and use the new keys."""
        for _ in self.tls.send_keyupdate_request(ask):
            pass


def carry_out(script: Script, server: Server, version: tuple[int, int]) -> Outcome:
    """Let a script loose on a server."""
    client = Client(server, version)
    # The server may have ended it; what it said is in the outcome.
    with contextlib.suppress(_lite("errors").TLSError, OSError):
        script(client)
    return server.outcome()


def _then(*records: tuple[int, bytes]) -> Script:
    """After a whole handshake, these records and then data, which tells whether the server is still there."""

    def script(client: Client) -> None:
        client.shake_hands()
        for kind, body in records:
            client.say(kind, body)
        client.say(DATA, b"still there?")

    return script


def _updates(number: int, *, ask: int, data: bytes = b"") -> Script:
    def script(client: Client) -> None:
        client.shake_hands()
        for _ in range(number):
            client.update_keys(ask=ask)
            if data:
                client.say(DATA, data)
        client.say(DATA, b"still there?")

    return script


def _unprotected(data: bytes) -> Script:
    def script(client: Client) -> None:
        client.shake_hands()
        client.say_unprotected(data)
        client.say(DATA, b"still there?")

    return script


def _bent(bend: Callable[[bytes], bytes]) -> Script:
    """One record of data is changed on its way."""

    def script(client: Client) -> None:
        client.shake_hands()
        client.line.bend = bend
        client.say(DATA, b"to be changed")
        client.line.bend = bytes
        client.say(DATA, b"still there?")

    return script


def _replayed(client: Client) -> None:
    client.shake_hands()
    client.say(DATA, b"once")
    client.say_unprotected(client.line.sent[-1])


def _wrong(where: str, name: str, change: Callable[..., Any]) -> Script:
    """A handshake in which one message of ours is made wrongly."""

    def script(client: Client) -> None:
        messages = _lite("messages")
        made = getattr(getattr(messages, where), name)

        def create(this: Any, *arguments: Any, **options: Any) -> Any:
            return change(made, this, *arguments, **options)

        with mock.patch.object(getattr(messages, where), name, create):
            client.shake_hands()
        client.say(DATA, b"still there?")

    return script


def _bad_finished(made: Any, this: Any, data: bytearray) -> Any:
    return made(this, bytearray([data[0] ^ 1, *data[1:]]))


def _short_finished(made: Any, this: Any, data: bytearray) -> Any:
    return made(this, data[:-1])


def _bad_point(made: Any, this: Any, data: bytearray) -> Any:
    return made(this, bytearray(b"\x04" + b"\x01" * (len(data) - 1)))


def _no_point(made: Any, this: Any, data: bytearray) -> Any:
    return made(this, bytearray())


def _scripts_of_both() -> dict[str, Script]:
    return {
        "data": _then((DATA, b"hello")),
        "forty empty records of data": _then(*[(DATA, b"")] * 40),
        "a record of 16,384 bytes": _then((DATA, bytes(16_384))),
        "a record of 16,385 bytes": _then((DATA, bytes(16_385))),
        "a record of 20,000 bytes": _then((DATA, bytes(20_000))),
        "an unknown record type": _then((99, b"\0")),
        "record type 0": _then((0, b"\0")),
        "a heartbeat": _then((HEARTBEAT, b"\x01\x40\x00" + bytes(16))),
        "a change_cipher_spec under the keys": _then((CHANGE, b"\x01")),
        "an empty handshake record": _then((HANDSHAKE, b"")),
        "an empty alert": _then((ALERT, b"")),
        "an alert of three bytes": _then((ALERT, b"\x01\x5a\0")),
        "three warnings": _then(*[(ALERT, b"\x01\x5a")] * 3),
        "fifty warnings": _then(*[(ALERT, b"\x01\x5a")] * 50),
        "a fatal alert": _then((ALERT, b"\x02\x28")),
        "data behind close_notify": _then((ALERT, b"\x01\x00")),
        "a HelloRequest": _then((HANDSHAKE, message(0, b""))),
        "a new hello": _then((HANDSHAKE, hello())),
        "twenty new hellos": _then(*[(HANDSHAKE, hello())] * 20),
        "a ServerHello": _then((HANDSHAKE, message(2, hello()[4:]))),
        "a ticket from the client": _then((HANDSHAKE, message(4, bytes(13)))),
        "an end of early data": _then((HANDSHAKE, message(5, b""))),
        "a certificate": _then((HANDSHAKE, message(11, bytes(4)))),
        "a demand for a certificate": _then((HANDSHAKE, message(13, bytes(3)))),
        "another Finished": _then((HANDSHAKE, message(20, bytes(32)))),
        "an unknown message": _then((HANDSHAKE, message(99, b""))),
        "the beginning of a message, then data": _then((HANDSHAKE, message(1, b"", length=100))),
        "a message of 16 MiB": _then((HANDSHAKE, message(1, bytes(16_000), length=0xFFFFFF))),
        "bytes in the clear": _unprotected(record(DATA, b"in the clear")),
        "an alert in the clear": _unprotected(record(ALERT, b"\x02\x28")),
        "a change_cipher_spec in the clear": _unprotected(record(CHANGE, b"\x01")),
        "garbage": _unprotected(bytes(range(64))),
        "a record too long to be one": _unprotected(record(DATA, b"", length=0xFFFF) + bytes(70_000)),
        "a changed bit": _bent(lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        "a lost record": _bent(lambda _: b""),
        "a record cut short": _bent(lambda data: data[:3] + (4).to_bytes(2, "big") + data[5:9]),
        "a record of another version": _bent(lambda data: data[:1] + b"\x02\x00" + data[3:]),
        "a record twice": _replayed,
        "a wrong Finished": _wrong("Finished", "create", _bad_finished),
        "a short Finished": _wrong("Finished", "create", _short_finished),
    }  # fmt: skip


_SCRIPTS_12: dict[str, Script] = {
    "a point that is none": _wrong("ClientKeyExchange", "createECDH", _bad_point),
    "no point": _wrong("ClientKeyExchange", "createECDH", _no_point),
}

_SCRIPTS_13: dict[str, Script] = {
    "a key update": _updates(1, ask=0),
    "a key update that asks for ours": _updates(1, ask=1),
    "twenty key updates among single bytes": _updates(20, ask=1, data=b"."),
    "a hundred key updates among single bytes": _updates(100, ask=1, data=b"."),
    "a hundred key updates": _updates(100, ask=0),
    "a hundred key updates that ask for ours": _updates(100, ask=1),
    "a key update that asks for two": _then((HANDSHAKE, message(24, b"\x02"))),
    "an empty key update": _then((HANDSHAKE, message(24, b""))),
    "a key update of two bytes": _then((HANDSHAKE, message(24, b"\0\0"))),
    "a key update and more in one record": _then((HANDSHAKE, message(24, b"\0") * 2)),
    "half a key update, then data": _then((HANDSHAKE, message(24, b"\0")[:3])),
}


def scripts() -> dict[tuple[str, tuple[int, int]], Script]:
    """All scripts, by what they do and the version they speak."""
    both = _scripts_of_both()
    return {
        **{(name, (3, 3)): script for name, script in {**both, **_SCRIPTS_12}.items()},
        **{(name, (3, 4)): script for name, script in {**both, **_SCRIPTS_13}.items()},
    }
