"""A cable is pulled: both ends notice within their limit, whatever was under way; a partner that only does not read is alive.

The limits are a few seconds here, and a minute in `tests/soak/pulled_cable.py`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs
import pytest
import trio

from ouc import Station, profiles
from ouc.connection import LinkEvent
from ouc.errors import ConnectionLost
from ouc.params import TCON_IP_v4
from ouc.profiles import Profile

from ..transport.network import Cable, needs_a_network

pytestmark = needs_a_network

PROFILE = attrs.evolve(profiles.DEFAULT, keep_alive=1.0, keep_alive_interval=1.0, keep_alive_probes=3)
# Seconds; what hangs must end, and what is slow on a busy computer must not.
LIMIT = 60
PORT = 2000


def ends() -> tuple[TCON_IP_v4, TCON_IP_v4]:
    """A dials, B waits for it."""
    a, b = Cable.ADDRESSES["a"], Cable.ADDRESSES["b"]
    return (
        TCON_IP_v4(ID=1, RemoteAddress=b, RemotePort=PORT, LocalPort=0),
        TCON_IP_v4(ID=1, RemoteAddress=a, RemotePort=0, LocalPort=PORT, ActiveEstablished=False),
    )


async def until(event: threading.Event, limit: float = LIMIT) -> None:
    """Wait for what a thread does."""
    await trio.to_thread.run_sync(event.wait, limit, abandon_on_cancel=True)


class Both:
    """Two held connections over one cable; A has sent something, and B has it, before anything else happens."""

    def __init__(self, cable: Cable, profile: Profile = PROFILE, limit: float = LIMIT) -> None:
        self.cable, self.profile, self.limit = cable, profile, limit
        self.ready, self.pulled = threading.Event(), threading.Event()

    async def loss(self, end: int, busy: Callable[[Any], Awaitable[None]] | None) -> ConnectionLost:
        """Hold one end, work until the connection is lost, and give the loss."""
        with trio.fail_after(self.limit):
            async with Station(profile=self.profile) as station, station.hold(ends()[end]) as held:
                connection = await held.wait_up()
                if end == 0:
                    await connection.send(b"first")
                else:
                    assert await connection.receive(5) == b"first"
                    self.ready.set()
                await until(self.pulled)
                async with trio.open_nursery() as nursery:
                    if busy is not None:
                        nursery.start_soon(busy, connection)
                    async for change in held.changes():
                        if change.event is LinkEvent.LOST:
                            break
                    nursery.cancel_scope.cancel()
                assert change.failure is not None
                return ConnectionLost.of(change.failure)

    def run(self, sides: str, busy: dict[str, Callable[[Any], Awaitable[None]]]) -> dict[str, ConnectionLost]:
        """Pull these sides while these ends are busy."""

        def pull() -> None:
            assert self.ready.wait(self.limit)
            self.cable.pull(sides)
            self.pulled.set()

        puller = threading.Thread(target=pull)
        puller.start()
        try:
            return self.cable.run(a=partial(self.loss, 0, busy.get("a")), b=partial(self.loss, 1, busy.get("b")))
        finally:
            puller.join()


async def small(connection: Any) -> None:
    """A message again and again, as a PLC sends them."""
    while True:
        try:
            await connection.send(bytes(100))
        except ConnectionLost:
            return
        await trio.sleep(0.05)


async def large(connection: Any) -> None:
    """One message that no buffer takes."""
    try:
        await connection.send(bytes(50_000_000))
    except ConnectionLost:
        return


BUSY: dict[str, dict[str, Callable[[Any], Awaitable[None]]]] = {
    "nobody": {},
    "A": {"a": small},
    "B": {"b": small},
    "both": {"a": small, "b": small},
    "large": {"a": large},
}
# Each takes as long as the kernel's own timers: every way to be busy once here, each with each side in the campaign.
CASES = (
    [(sides, name) for sides in ("ab", "a", "b") for name in BUSY]
    if os.environ.get("OUC_SOAK")
    else [("ab", "nobody"), ("a", "A"), ("b", "B"), ("a", "both"), ("ab", "large")]
)


@pytest.mark.parametrize(("sides", "name"), CASES)
def test_a_pulled_cable_is_noticed_on_both_sides_whoever_is_busy(
    sides: str, name: str
) -> None:
    with Cable() as cable:
        losses = Both(cable).run(sides, BUSY[name])
    told = sorted(str(loss.status) for loss in losses.values())
    # If one direction still carries something, the end that notices first resets the other. That one sees why from the times
    # of what was repeated, which a busy computer blurs at limits as short as these; the long campaign is strict about it.
    assert told == ["16#80C6", "16#80C6"] or (len(sides) == 1 and told == ["16#80C5", "16#80C6"])


async def connected(end: int, ready: threading.Event, pulled: threading.Event) -> str:
    """The same for `connect`: its next send, or the receive that waits, raises."""
    with trio.fail_after(LIMIT):
        async with Station(profile=PROFILE) as station:
            while True:
                try:
                    async with station.connect(ends()[end]) as connection:
                        if end == 0:
                            await connection.send(b"first")
                            await until(pulled)
                            while True:
                                await connection.send(bytes(100))
                                await trio.sleep(0.05)
                        assert await connection.receive(5) == b"first"
                        ready.set()
                        await connection.receive(10_000_000)
                except ConnectionLost as error:
                    if ready.is_set():
                        assert not connection.established
                        return str(error.status)
                    await trio.sleep(0.05)  # nobody listens yet


def test_a_pulled_cable_ends_a_connect_too() -> None:
    ready, pulled = threading.Event(), threading.Event()
    with Cable() as cable:

        def pull() -> None:
            assert ready.wait(LIMIT)
            cable.pull()
            pulled.set()

        puller = threading.Thread(target=pull)
        puller.start()
        told = cable.run(a=partial(connected, 0, ready, pulled), b=partial(connected, 1, ready, pulled))
        puller.join()
    assert told == {"a": "16#80C6", "b": "16#80C6"}


COUNT = 40_000


def numbered(number: int) -> bytes:
    return number.to_bytes(4).ljust(100, b".")


async def fill(full: threading.Event, done: threading.Event) -> list[LinkEvent]:
    """Send more than all buffers take; the partner does not read meanwhile."""
    events: list[LinkEvent] = []
    sent = 0

    async def watch() -> None:
        before = -1
        while before != sent:
            before = sent
            await trio.sleep(1)
        full.set()

    with trio.fail_after(2 * LIMIT):
        async with (
            Station(
                profile=PROFILE, on_event=lambda one: None if done.is_set() else events.append(one.event)
            ) as station,
            station.hold(ends()[0]) as held,
            trio.open_nursery() as nursery,
        ):
            connection = await held.wait_up()
            nursery.start_soon(watch)
            for number in range(COUNT):
                await connection.send(numbered(number))
                sent += 1
            await until(done)
    return events


async def read_late(full: threading.Event, done: threading.Event) -> list[LinkEvent]:
    """Read nothing for three times the limit of silence, then everything."""
    events: list[LinkEvent] = []
    with trio.fail_after(2 * LIMIT):
        async with (
            Station(
                profile=PROFILE, on_event=lambda one: None if done.is_set() else events.append(one.event)
            ) as station,
            station.hold(ends()[1]) as held,
        ):
            connection = await held.wait_up()
            await until(full)
            await trio.sleep(12)
            for number in range(COUNT):
                assert await connection.receive(100) == numbered(number)
            done.set()
    return events


def test_a_partner_that_does_not_read_for_long_but_answers_is_alive() -> None:
    full, done = threading.Event(), threading.Event()
    with Cable() as cable:
        events = cable.run(a=partial(fill, full, done), b=partial(read_late, full, done))
    assert LinkEvent.LOST not in events["a"]
    assert LinkEvent.LOST not in events["b"]
