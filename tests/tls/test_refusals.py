"""Refusals of our own making are told in TLS's way: an alert, in clear before there are keys and under them afterwards."""

from __future__ import annotations

import struct
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import memory_stream_pair

from ouc.errors import OUCError, RemoteProtocolError
from ouc.tls import DEFAULT, Policy, TLSContext, TLSEngine
from ouc.transport.tls import TLSStream

from ..api.test_hold import station
from ..api.test_serve import for_anybody
from ..plant import PLC_1, free_port
from .forge import HANDSHAKE, HELLO_REQUEST, TICKET, forged
from .pair import Pair, credentials
from .test_hostile import SECOND_HELLO, _hello, _issued, _meet

BOTH = pytest.mark.parametrize("who", ["client", "server"])
UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW = 10, 20, 22


def records(data: bytes) -> list[tuple[int, bytes]]:
    """Type and content of each record."""
    found = []
    while data:
        kind, _, size = struct.unpack_from(">BHH", data)
        found.append((kind, data[5 : 5 + size]))
        data = data[5 + size :]
    return found


def in_records(message: bytes, size: int) -> bytes:
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(struct.pack(">BHH", 22, 0x0301, len(part)) + part for part in parts)


def giant(size: int) -> bytes:
    """A message that says it is a ClientHello of `size` bytes."""
    return b"\x01" + (size - 4).to_bytes(3) + bytes(size - 4)


def server(**changes: Any) -> TLSEngine:
    policy: Policy = attrs.evolve(DEFAULT, **changes)
    return TLSEngine(TLSContext.build(policy, credentials("192.168.0.1", side="server"), server_side=True))


def fed(machine: TLSEngine, data: bytes, piece: int) -> OUCError:
    """The reason after which nothing more is taken."""
    with pytest.raises(OUCError) as caught:
        for at in range(0, len(data), piece):
            machine.receive_data(data[at : at + piece])
    return caught.value


# -- before there are keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versions", [("1.2",), ("1.3",), ("1.2", "1.3")], ids="+".join)
@pytest.mark.parametrize("resumption", [False, True], ids=["full", "resuming"])
@given(
    size=st.integers(65_600, 300_000), record=st.integers(1_000, 16_384), piece=st.sampled_from([1_000, 16_389, 65_536])
)
def test_a_hello_beyond_the_limit_is_answered_with_one_fatal_alert_in_clear(
    versions: Any, resumption: bool, size: int, record: int, piece: int
) -> None:
    machine = server(versions=versions, resumption=resumption)
    error = fed(machine, in_records(giant(size), record), piece)
    assert error.status in (0x80E0, 0x80E1)
    (kind, content), *more = records(machine.take())
    assert not more
    assert (kind, content[0]) == (21, 2)
    with pytest.raises(OUCError) as again:
        machine.receive_data(b"more")
    assert again.value is error
    assert machine.take() == b""


@pytest.mark.parametrize("cut", [0, 1, 4, 5, 6, 500, 999])
def test_the_alert_comes_wherever_in_a_record_the_limit_is_reached(cut: int) -> None:
    machine = server(max_handshake=10_050 + cut)
    error = fed(machine, in_records(giant(100_000), 1_000), 65_536)
    assert "is refused" in str(error)
    assert records(machine.take()) == [(21, bytes([2, UNEXPECTED_MESSAGE]))]


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_partner_whose_certificate_is_too_large_is_told(who: str, version: str) -> None:
    joined = _meet(*_issued(65_000), [], version, who)
    victim, told = (
        (joined.server_error, joined.client_error) if who == "client" else (joined.client_error, joined.server_error)
    )
    assert victim is not None
    assert "65536 bytes is refused" in str(victim)
    assert told is not None
    assert "(alert " in str(told)


# -- under the keys -----------------------------------------------------------------------------------------------------------


def partner_of(joined: Pair, who: str) -> TLSEngine:
    return joined.client if who == "client" else joined.server


FLOODS: dict[str, tuple[str, str, Any]] = {
    "key updates of a client": ("client", "1.3", lambda forger: forger.key_update()),
    "key updates of a server": ("server", "1.3", lambda forger: forger.key_update()),
    "key updates between bytes": ("client", "1.3", lambda forger: forger.key_update() + forger.record(b"x")),
    "tickets": ("server", "1.3", lambda forger: forger.record(TICKET, HANDSHAKE)),
    "second hellos": ("client", "1.2", lambda forger: forger.record(SECOND_HELLO, HANDSHAKE)),
    "hello requests": ("server", "1.2", lambda forger: forger.record(HELLO_REQUEST, HANDSHAKE)),
}  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_answered_with_an_alert_under_the_keys(flood: str) -> None:
    who, version, forge = FLOODS[flood]
    _, victim, forger = forged(who, version)
    error = None
    for _ in range(100):
        try:
            victim.receive_data(forge(forger))
        except OUCError as refusal:
            error = refusal
            break
        victim.take()
    assert error is not None
    assert "without data" in str(error)
    assert victim._session.observed.alert_sent == (UNEXPECTED_MESSAGE if version == "1.3" else RECORD_OVERFLOW)
    kind, content = records(victim.take())[-1]
    assert kind == (23 if version == "1.3" else 21)
    assert len(content) > 2  # encrypted


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("cut", [0, 1, 3, 5, 10, 25])
@pytest.mark.parametrize("unread", [b"", b"unread data"], ids=["read", "unread"])
def test_a_refusal_reaches_the_partner_wherever_in_a_record_it_comes(
    who: str, version: str, cut: int, unread: bytes
) -> None:
    joined, victim, forger = forged(who, version)
    reason = RemoteProtocolError("too much of it", status=0x80E0)
    victim.feed((forger.record(unread) if unread else b"") + forger.record(bytes(600))[:cut])
    if cut and not unread:
        victim.read()
    assert victim.refuse(reason) is reason
    with pytest.raises(OUCError, match=r"the partner ended the connection: .* \(alert "):
        partner_of(joined, who).receive_data(victim.take())
    for call in (victim.read, lambda: victim.write(b"x"), victim.handshake):
        with pytest.raises(OUCError) as caught:
            call()
        assert caught.value is reason
    victim.close()
    assert victim.take() == b""


def test_what_waits_unread_is_not_answered_any_more_when_a_machine_refuses() -> None:
    # Each of them would cost a new key and an answer.
    _, victim, forger = forged("client")
    victim.feed(b"".join(forger.key_update() for _ in range(1_000)))
    victim.refuse(RemoteProtocolError("enough", status=0x80E0))
    assert len(victim.take()) < 100
    assert victim._session.idle_messages == 0


# -- on a stream ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        in_records(_hello(20_000), 16_384),
        in_records(b"\x01\x00\x00\x03abc", 100),
        in_records(b"\x02\x00\x00\x03abc", 100),
        b"\x17\x03\x03\x00\x01a",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
    ids=["too large", "too short", "another message", "data", "HTTP"],
)  # fmt: skip
async def test_a_hello_that_is_read_before_the_handshake_is_refused_with_an_alert_as_one_that_is_not(
    sent: bytes,
) -> None:
    ours, theirs = memory_stream_pair()
    stream = TLSStream(ours, server())
    with trio.fail_after(30):
        await theirs.send_all(sent)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.read_hello()
        assert isinstance(caught.value.__cause__, OUCError)
        await ours.aclose()
        answer = b""
        while piece := await theirs.receive_some():
            answer += piece
    kind, content = records(answer)[-1]
    assert (kind, content[0]) == (21, 2)


async def test_a_flood_ends_a_stream_with_an_alert_on_the_wire() -> None:
    _, victim, forger = forged("client")
    ours, theirs = memory_stream_pair()
    stream = TLSStream(ours, victim)
    with trio.fail_after(30):
        await theirs.send_all(b"".join(forger.key_update() for _ in range(60)))
        with pytest.raises(trio.BrokenResourceError, match="without data"):
            await stream.receive_some()
        assert victim._session.observed.alert_sent == UNEXPECTED_MESSAGE
        assert victim.take() == b""  # it is under way
        assert await theirs.receive_some()


async def test_a_giant_hello_to_a_server_is_answered_with_an_alert_before_the_connection_ends() -> None:
    async def nobody(_: Any) -> None:
        pytest.fail("it was let in")

    port = free_port()
    with trio.fail_after(30):
        async with station("PLC-1") as one, trio.open_nursery() as nursery:
            await nursery.start(one.serve, for_anybody(port), nobody)
            sock = await trio.open_tcp_stream(PLC_1, port)
            await sock.send_all(in_records(giant(100_000), 16_384))
            answer = b"".join([piece async for piece in sock])
            await sock.aclose()
            nursery.cancel_scope.cancel()
    assert records(answer) == [(21, bytes([2, UNEXPECTED_MESSAGE]))]
