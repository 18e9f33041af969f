"""Hostile TLS partners over real sockets: each is refused in its time, and a good partner beside it is served at once.

The five seconds for the good partner are the promise itself, not a measure of speed: it is served while the hostile one is
still at it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from ouc import params, profiles
from ouc.errors import OUCError
from ouc.tls import DEFAULT, TLSContext, TLSEngine
from ouc.transport import Listener, Opener, TCPStream, TLSStream, Wire, dial, explain, loopback

from ..plant import client_description, plant, server_description
from ..tls.forge import DATA, Forger13
from .pairs import LOOPBACK

# Room for a handshake on a busy machine, and soon over for the partner that never finishes one.
PROFILE = attrs.evolve(profiles.DEFAULT, handshake_timeout=2.0)


def opener(device: str, *, resumption: bool = False) -> Opener:
    held = plant().device(device)
    return Opener(
        device=held, profile=PROFILE, policy=attrs.evolve(DEFAULT, resumption=resumption),
        address=None, addresses=loopback(), bind=LOOPBACK,
    )  # fmt: skip


@attrs.define
class House:
    """A passive end that echoes to whoever passes, and what it said about everybody else."""

    listener: Listener
    opener: Opener
    refused: list[OUCError] = attrs.field(factory=list)
    broken: list[OUCError] = attrs.field(factory=list)
    changed: trio.Event = attrs.field(factory=trio.Event)  # set and replaced at each entry

    def note(self, kind: list[OUCError], error: OUCError) -> None:
        kind.append(error)
        self.changed.set()
        self.changed = trio.Event()

    async def first(self, kind: list[OUCError]) -> OUCError:
        while not kind:
            await self.changed.wait()
        return kind[0]

    async def serve(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                nursery.start_soon(self._welcome, await self.listener.accept())

    async def _welcome(self, tcp: TCPStream) -> None:
        end = params.endpoint(server_description(self.listener.port))
        end = attrs.evolve(end, remote_address=None)
        try:
            wire = await self.opener.open_passive(end, tcp)
        except OUCError as error:
            self.note(self.refused, error)
            return
        try:
            while data := await wire.stream.receive_some():
                await wire.stream.send_all(data)
        except trio.BrokenResourceError as error:
            self.note(self.broken, explain(error))
        finally:
            wire.tcp.abort()


@asynccontextmanager
async def house(*, resumption: bool = False) -> AsyncIterator[House]:
    with opener("PLC-1").listen(params.endpoint(server_description(0))) as listener:
        built = House(listener, opener("PLC-1", resumption=resumption))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(built.serve)
            with trio.fail_after(30):
                yield built
            nursery.cancel_scope.cancel()


async def good(port: int) -> Wire:
    return await opener("PLC-2").open_active(params.endpoint(client_description(port)))


async def served(port: int) -> None:
    """A good partner comes, is answered and leaves."""
    with trio.fail_after(5):
        wire = await good(port)
        await wire.stream.send_all(b"still there?")
        assert await wire.stream.receive_some() == b"still there?"
        wire.tcp.abort()


# -- before the handshake is over ----------------------------------------------------------------------------------------


def hello() -> bytes:
    context = TLSContext.build(DEFAULT, _credentials(), server_side=False)
    engine = TLSEngine(context)
    engine.handshake()
    return engine.take()


def _credentials() -> Any:
    found = opener("PLC-2").credentials(params.endpoint(client_description(2000)))
    assert found is not None
    return found


async def _silent(tcp: TCPStream) -> None:
    await trio.sleep_forever()


async def _dripping(tcp: TCPStream) -> None:
    for byte in hello():
        await tcp.send_all(bytes([byte]))
        await trio.sleep(0.05)
    await trio.sleep_forever()


async def _half_a_hello(tcp: TCPStream) -> None:
    await tcp.send_all(hello()[:100])
    await trio.sleep_forever()


async def _silent_after_the_hello(tcp: TCPStream) -> None:
    await tcp.send_all(hello())
    await trio.sleep_forever()


async def _cut(tcp: TCPStream) -> None:
    await tcp.send_all(hello()[:100])
    await tcp.aclose()


async def _reset(tcp: TCPStream) -> None:
    await tcp.send_all(hello())
    await tcp.receive_some(1)
    tcp.abort()


async def _too_much(tcp: TCPStream) -> None:
    record = b"\x16\x03\x03\x40\x00" + b"\x01\xff\xff\xff" + bytes(16_380)
    while True:
        await tcp.send_all(record)


PATIENT = [_silent, _dripping, _half_a_hello, _silent_after_the_hello]
BRISK: dict[str, tuple[Callable[[TCPStream], Awaitable[None]], int]] = {
    "cut in the hello": (_cut, 0x80C5),
    "reset after the hello": (_reset, 0x80C5),
    "more bytes than any handshake": (_too_much, 0x80E0),
}


async def harmed(tcp: TCPStream, act: Callable[[TCPStream], Awaitable[None]]) -> None:
    """Do harm until it ends or is ended."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await act(tcp)


@pytest.mark.parametrize("resumption", [False, True], ids=["full", "resuming"])
async def test_partners_that_take_their_time_are_ended_by_ours_and_a_good_one_is_served_meanwhile(
    resumption: bool,
) -> None:
    async with house(resumption=resumption) as one, trio.open_nursery() as nursery:
        partners = [await dial(LOOPBACK, one.listener.port) for _ in PATIENT]
        for tcp, act in zip(partners, PATIENT, strict=True):
            nursery.start_soon(harmed, tcp, act)
        await served(one.listener.port)
        while len(one.refused) < len(PATIENT):
            await one.changed.wait()
        assert {error.status for error in one.refused} == {0x80C7}
        await served(one.listener.port)
        nursery.cancel_scope.cancel()
    for tcp in partners:
        tcp.abort()


@pytest.mark.parametrize("how", BRISK)
async def test_a_partner_that_breaks_its_handshake_is_told_apart_and_a_good_one_is_served_meanwhile(how: str) -> None:
    act, status = BRISK[how]
    async with house() as one, trio.open_nursery() as nursery:
        tcp = await dial(LOOPBACK, one.listener.port)
        nursery.start_soon(harmed, tcp, act)
        await served(one.listener.port)
        assert (await one.first(one.refused)).status == status
        await served(one.listener.port)
        nursery.cancel_scope.cancel()
    tcp.abort()


# -- after the handshake ----------------------------------------------------------------------------------------------------


async def _forger(port: int) -> tuple[TCPStream, Forger13]:
    """A partner that passes, and the pen with which it goes on."""
    lines: list[bytes] = []
    tcp = await dial(LOOPBACK, port)
    policy = attrs.evolve(DEFAULT, versions=("1.3",))
    context = TLSContext.build(policy, _credentials(), server_side=False, key_log=lines.append)
    await TLSStream(tcp, TLSEngine(context)).do_handshake()
    secrets = {line.split()[0]: bytes.fromhex(line.split()[2].decode()) for line in lines}
    return tcp, Forger13(secrets[b"CLIENT_TRAFFIC_SECRET_0"], 0)


FLOODS: dict[str, Callable[[Forger13], bytes]] = {
    "key updates": lambda forger: forger.key_update(),
    "key updates and single bytes": lambda forger: forger.key_update() + forger.record(b"x"),
    "empty records": lambda forger: forger.record(b""),
    "noise": lambda forger: b"\x17\x03\x03\x00\x40" + bytes(64),
    "plain text": lambda forger: b"GET / HTTP/1.1\r\n\r\n",
    "records of nothing but padding": lambda forger: forger.record(b"", DATA, padding=1000),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_partner_that_floods_after_its_handshake_is_ended_with_80E0_and_a_good_one_is_served_meanwhile(
    flood: str,
) -> None:
    async def pour(tcp: TCPStream) -> None:
        while True:
            await tcp.send_all(FLOODS[flood](forger))

    async with house() as one, trio.open_nursery() as nursery:
        tcp, forger = await _forger(one.listener.port)
        nursery.start_soon(harmed, tcp, pour)
        await served(one.listener.port)
        error = await one.first(one.broken)
        assert error.status == 0x80E0
        nursery.cancel_scope.cancel()
    tcp.abort()


async def test_a_partner_that_floods_while_nobody_reads_it_holds_up_neither_our_sending_nor_a_good_partner() -> None:
    async with house() as one, trio.open_nursery() as nursery:
        with one.opener.listen(params.endpoint(server_description(0))) as listener:
            tasks: dict[str, Any] = {}

            async def accept() -> None:
                tcp = await listener.accept()
                end = params.endpoint(server_description(listener.port))
                tasks["wire"] = await one.opener.open_passive(attrs.evolve(end, remote_address=None), tcp)

            async with trio.open_nursery() as both:
                both.start_soon(accept)
                tcp, forger = await _forger(listener.port)

            async def flood() -> None:
                # As much as the network takes: then it stands still, because nobody reads.
                piece = b"".join(forger.key_update() for _ in range(1000))
                while True:
                    await tcp.send_all(piece)

            async def drain() -> None:
                while True:
                    tasks["got"] = tasks.get("got", 0) + len(await tcp.receive_some())

            nursery.start_soon(flood)
            nursery.start_soon(drain)
            for _ in range(50):
                await tasks["wire"].stream.send_all(bytes(16_384))
            while tasks.get("got", 0) < 50 * 16_384:
                await trio.testing.wait_all_tasks_blocked()
            await served(one.listener.port)
            nursery.cancel_scope.cancel()
    tasks["wire"].tcp.abort()
    tcp.abort()
