"""A held connection under any sequence of sends, cancellations and cuts: nothing doubled, reordered or silently lost."""

from __future__ import annotations

import os
import random
import struct

import attrs
import pytest
import trio

from ouc.api import Held
from ouc.errors import ConnectionLost

from .test_hold import both, cut

SEEDS = range(200 if os.environ.get("OUC_SOAK") == "1" else 8)
STEPS = 120


@attrs.define
class Story:
    """What happened to numbered messages."""

    sent: list[int] = attrs.field(factory=list)
    raised: list[int] = attrs.field(factory=list)
    received: list[int] = attrs.field(factory=list)
    # By establishment of the receiver. Two that a client began one right behind the other may pass the handshake in another
    # order; within each of them the order is the sender's.
    each: dict[int, list[int]] = attrs.field(factory=dict)
    # Numbers that began an establishment at the receiver.
    firsts: list[int] = attrs.field(factory=list)

    def take(self, establishment: int, number: int) -> None:
        self.received.append(number)
        self.each.setdefault(establishment, []).append(number)

    def check_order(self) -> None:
        numbers = [number for number in self.received if number < STEPS]
        assert len(numbers) == len(set(numbers)), "doubled"
        for part in self.each.values():
            assert part == sorted(part), "reordered"


async def listen(server: Held, story: Story, last: trio.Event, final: int) -> None:
    async for connection in server:
        fresh = True
        try:
            while True:
                (number,) = struct.unpack(">Q", await connection.receive(8))
                if fresh:
                    story.firsts.append(number)
                fresh = False
                story.take(connection.number, number)
                if number == final:
                    last.set()
        except ConnectionLost:
            continue


async def send(client: Held, number: int, story: Story, patience: float) -> None:
    try:
        with trio.move_on_after(patience) as scope:
            await client.send(struct.pack(">Q", number))
    except ConnectionLost:
        story.raised.append(number)
    else:
        if scope.cancelled_caught:
            # Whether it left is unknown; that it is whole is checked by every later number.
            story.raised.append(number)
        else:
            story.sent.append(number)


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_sequence_of_sends_cancellations_and_cuts_loses_nothing_silently(seed: int) -> None:
    chance, story, last = random.Random(seed), Story(), trio.Event()
    async with both(when_down=chance.choice(["raise", "wait"])) as (client, server, one):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, server, story, last, STEPS)
            for number in range(STEPS):
                what = chance.random()
                if what < 0.06 and server.up:
                    cut(one)
                elif what < 0.2:
                    await send(client, number, story, 0)
                else:
                    await send(client, number, story, 20)
                if chance.random() < 0.3:
                    await trio.lowlevel.checkpoint()
            # A connection that is about to be told as lost takes messages still, as TCP does: go on until one arrives.
            while not last.is_set():
                await client.wait_up()
                await send(client, STEPS, story, 20)
                with trio.move_on_after(0.05):
                    await last.wait()
            nursery.cancel_scope.cancel()
    story.check_order()
    # What was sent without an error and never arrived was lost with an establishment: the next one begins behind it.
    for number in set(story.sent) - set(story.received):
        following = min(one for one in story.received if one > number)
        assert following in story.firsts, f"{number} is missing, and nothing was told"


async def take(server: Held, story: Story, chance: random.Random, last: trio.Event, final: int) -> None:
    """As `listen`, by the calls of the held connection itself, which go over from one establishment to the next."""
    while not last.is_set():
        try:
            with trio.move_on_after(chance.choice([0, 0.001, 20])):
                (number,) = struct.unpack(">Q", await server.receive(8))
                assert server._source is not None
                story.take(server._source.number, number)
                if number == final:
                    last.set()
        except ConnectionLost:
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("seed", SEEDS)
async def test_cancelled_receives_and_resets_neither_double_nor_reorder_nor_lose_what_had_arrived(seed: int) -> None:
    chance, story, last = random.Random(seed), Story(), trio.Event()
    async with both(when_down="wait") as (client, server, one):
        async with trio.open_nursery() as nursery:
            cuts = 0
            for number in range(STEPS):
                what = chance.random()
                if what < 0.05 and server.up:
                    cuts += 1
                    cut(one)
                elif what < 0.08 and client.up:
                    cuts += 1
                    client.port.reset(client.link)
                await send(client, number, story, chance.choice([0, 20]))
                if number == STEPS // 3:
                    # Until now nobody received: what came meanwhile waits.
                    nursery.start_soon(take, server, story, chance, last, STEPS)
            while not last.is_set():
                await client.wait_up()
                await send(client, STEPS, story, 20)
                with trio.move_on_after(0.05):
                    await last.wait()
    story.check_order()
    lost = set(story.sent) - set(story.received)
    assert not lost or cuts, "lost although nothing was cut"
