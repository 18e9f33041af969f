"""Who speaks no TLS to a server is told so by an alert in clear; OpenSSL alone would leave without a word."""

from __future__ import annotations

import pytest

from ouc.errors import OUCError, RemoteProtocolError
from ouc.tls import DEFAULT, TLSContext, TLSEngine

from .pair import credentials

PROTOCOL_VERSION = bytes.fromhex("15030100020246")


def server() -> TLSEngine:
    return TLSEngine(TLSContext.build(DEFAULT, credentials("127.0.0.1", side="server"), server_side=True))


@pytest.mark.parametrize(
    "said",
    [
        b"hello there, controller",
        bytes(258),
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x03\x00\x00\x16\x11\xe0",
    ],
)
def test_plain_bytes_are_answered_with_an_alert(said: bytes) -> None:
    engine = server()
    engine.feed(said)
    with pytest.raises(RemoteProtocolError):
        engine.handshake()
    assert engine.take() == PROTOCOL_VERSION
    assert engine.take() == b""


def test_an_end_without_a_word_is_answered_with_nothing() -> None:
    engine = server()
    engine.feed(b"")
    with pytest.raises(OUCError):
        engine.handshake()
    assert engine.take() == b""
