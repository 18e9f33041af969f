"""ISO-on-TCP, two machines joined by a list, and strangers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ConnectionLost, LocalProtocolError, OUCError, RemoteProtocolError
from ouc.wire import IsoConnected, IsoConnection, IsoDisconnected, IsoMessage

# STEP 7's default selectors: E0, rack and slot, and the extension "ISOonTCP-1" (ouc-blocks.md 1.6).
CALLING, CALLED = b"\xe0\x02ISOonTCP-1", b"\xe0\x01ISOonTCP-1"


def joined(*, calling: bytes = CALLING, expected: bytes = CALLING) -> tuple[IsoConnection, IsoConnection]:
    active = IsoConnection(active=True, local=calling, remote=CALLED)
    passive = IsoConnection(active=False, local=CALLED, remote=expected)
    active.connect()
    assert passive.receive_data(active.take()) == [IsoConnected(8192)]
    assert active.receive_data(passive.take()) == [IsoConnected(8192)]
    return active, passive


def test_the_connect_request_is_the_one_of_RFC_1006() -> None:
    active = IsoConnection(active=True, local=b"\xe0\x02", remote=b"\xe0\x01")
    active.connect()
    assert active.take() == bytes.fromhex("03 00 00 16 11 E0 00 00 00 01 00 C0 01 0D C1 02 E0 02 C2 02 E0 01")


def test_a_short_message_is_one_TPKT_with_the_end_mark() -> None:
    active, _ = joined()
    active.send(b"abc")
    assert active.take() == bytes.fromhex("03 00 00 0A 02 F0 80") + b"abc"


@given(st.lists(st.binary(max_size=30_000), max_size=4), st.integers(1, 9000))
def test_messages_keep_their_boundaries_under_any_segmentation(messages: list[bytes], cut: int) -> None:
    active, passive = joined()
    for message in messages:
        active.send(message)
    stream, got = active.take(), []
    for start in range(0, len(stream), cut):
        got += passive.receive_data(stream[start : start + cut])
    assert got == [IsoMessage(message) for message in messages]


@given(st.integers(7, 13))
def test_the_smaller_TPDU_size_is_agreed_on(exponent: int) -> None:
    passive = IsoConnection(active=False, local=CALLED, remote=b"")
    request = IsoConnection(active=True, local=CALLING, remote=CALLED)
    request.connect()
    bent = request.take().replace(b"\xc0\x01\x0d", bytes((0xC0, 1, exponent)))
    assert passive.receive_data(bent) == [IsoConnected(1 << exponent)]
    passive.send(bytes(1000))
    assert max(len(tpkt) for tpkt in _tpkts(passive.take())) <= 4 + (1 << exponent)


def test_another_selector_is_refused_with_a_disconnect_and_80C9() -> None:
    active = IsoConnection(active=True, local=b"\xe0\x05other", remote=CALLED)
    passive = IsoConnection(active=False, local=CALLED, remote=CALLING)
    active.connect()
    with pytest.raises(RemoteProtocolError) as caught:
        passive.receive_data(active.take())
    assert caught.value.status == 0x80C9
    (event,) = active.receive_data(passive.take())
    assert isinstance(event, IsoDisconnected)
    assert str(event) == "the selector is unknown there"


def test_an_empty_remote_selector_admits_any_partner() -> None:
    active, _ = joined(calling=b"anyone", expected=b"")
    assert active.established


def test_sending_before_the_connection_stands_is_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        IsoConnection(active=True, local=b"", remote=CALLED).send(b"x")
    assert caught.value.status == 0x80A1


def test_a_message_that_never_ends_is_refused() -> None:
    _, passive = joined()
    part = bytes.fromhex("03 00 04 07 02 F0 00") + bytes(1024)
    with pytest.raises(RemoteProtocolError) as caught:
        for _ in range(65):
            passive.receive_data(part)
    assert caught.value.status == 0x8088


def test_an_end_between_messages_is_clean_and_inside_one_a_loss() -> None:
    active, passive = joined()
    assert passive.receive_data(b"") == []
    active, passive = joined()
    active.send(bytes(100))
    passive.receive_data(active.take()[:50])
    with pytest.raises(ConnectionLost):
        passive.receive_data(b"")


@given(st.binary(max_size=200))
def test_random_bytes_give_events_or_one_clear_error(noise: bytes) -> None:
    for end in (joined()[1], IsoConnection(active=False, local=CALLED, remote=b"")):
        with contextlib.suppress(OUCError):
            end.receive_data(noise)
            end.receive_data(b"")


def _tpkts(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        size = int.from_bytes(stream[2:4])
        found.append(stream[:size])
        stream = stream[size:]
    return found
