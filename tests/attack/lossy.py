"""Numbered messages from a TSEND_C to a TRCV_C over a wire that breaks.

A message has 16 bytes: its number, eight bytes that follow from it, and a checksum. One job carries many, as an array does,
and the receiving jobs have other lengths than the sending ones. A number that was handed over is never handed over again,
so a message may be missing where a STATUS told of an interruption, and nothing else may ever be wrong.
"""

from __future__ import annotations

import random
import struct
import time
import zlib
from collections import Counter
from ipaddress import IPv4Address
from typing import Any, Final

import attrs
import trio

from emulator.faults import Proxy, wire
from emulator.faults.wire import Direction, Harm
from ouc import TRCV_C, TSEND_C, Station, loopback, profiles
from ouc.blocks.compact_tables import State
from ouc.connection import LinkEvent
from ouc.station import Happening

from ..plant import client_description, free_port, plant, server_description

__all__ = ["Report", "Run", "block", "carry", "wires"]

SIZE: Final = 16
_MESSAGE: Final = struct.Struct(">IQI")
# A multiplier without a pattern, so that neighbours differ in every byte.
_SPREAD: Final = 0x9E37_79B9_7F4A_7C15

# Seconds. What hangs must end soon, and what is slow on a busy computer must not end at all.
_IMPATIENT: Final = attrs.evolve(
    profiles.DEFAULT, retry_first=0.001, retry_max=0.002, handshake_timeout=0.3, confirmation_grace=0.2
)
_PATIENT: Final = attrs.evolve(_IMPATIENT, handshake_timeout=30.0)


def block(first: int, count: int) -> bytes:
    """Messages `first` to `first + count - 1`."""
    parts = []
    for number in range(first, first + count):
        body = struct.pack(">IQ", number, number * _SPREAD & 0xFFFF_FFFF_FFFF_FFFF)
        parts.append(body + zlib.crc32(body).to_bytes(4))
    return b"".join(parts)


@attrs.frozen(kw_only=True)
class Run:
    """One wire and what goes over it.

    Attributes:
        kind: The fault.
        messages: The run ends when the receiver has a message with this number or a higher one.
        secure: TLS or plain TCP.
        seed: Of the fault and of the lengths of the jobs.
        strikes, direction, span, records: See `wire.plan`.
        at_most: Messages in a job.
        patient: No handshake is given up soon; for faults that leave it alone, or end it.
        limit: Seconds until the run is given up.
    """

    kind: wire.Kind
    messages: int
    secure: bool = True
    seed: int = 0
    strikes: int | None = 1
    direction: Direction | None = None
    span: range = range(4_096)
    records: range = range(12)
    at_most: int = 256
    patient: bool = False
    limit: float = 60.0


@attrs.define
class Report:
    """What came of a run.

    Attributes:
        run: Which one.
        received, lost: Messages.
        struck: Connections that the fault has struck.
        sender, receiver: ERRORs at the blocks by STATUS; `16#80C4`, which TRCV_C repeats in each call, is not counted.
        losses: Established connections that each station (receiver, sender) has lost.
        objections: What must never happen and did.
    """

    run: Run
    received: int = 0
    lost: int = 0
    struck: int = 0
    sender: Counter[str] = attrs.field(factory=Counter)
    receiver: Counter[str] = attrs.field(factory=Counter)
    losses: list[int] = attrs.field(factory=lambda: [0, 0])
    seconds: float = 0.0
    objections: list[str] = attrs.field(factory=list)

    def conclude(self) -> None:
        """Object to what only the end of a run shows."""
        shown = self.receiver.total(), self.sender.total()
        for name, told, lost in zip(("receiver", "sender"), shown, self.losses, strict=True):
            if told < lost:
                self.objections.append(f"the {name} lost {lost} connections and told of {told}")
        row = self.run.kind
        if row.harm is Harm.HARMLESS and (self.lost or (sum(shown) and not row.shuts)):
            self.objections.append(
                f"a harmless fault was told ({self.receiver}, {self.sender}), or lost {self.lost} messages"
            )
        for status in (*self.sender, *self.receiver):
            if not status.startswith("16#80"):
                self.objections.append(f"an ERROR came with STATUS {status}")


@attrs.define
class _Receiving:
    """What is checked about each message."""

    report: Report
    last: int = -1
    told: bool = False

    def take(self, data: bytes) -> None:
        """Judge what a receive job brought."""
        for at, (number, body, check) in enumerate(_MESSAGE.iter_unpack(data)):
            whole = data[at * SIZE : at * SIZE + 12]
            if zlib.crc32(whole) != check or body != number * _SPREAD & 0xFFFF_FFFF_FFFF_FFFF:
                self.report.objections.append(f"the message after {self.last} is altered")
            elif number <= self.last:
                self.report.objections.append(f"message {number} came after {self.last}")
            elif number > self.last + 1:
                # Only the first message of a job can follow an interruption: a job never spans two connections.
                if not self.told or at:
                    self.report.objections.append(f"{self.last + 1} to {number - 1} are missing, and nothing was told")
                self.report.lost += number - self.last - 1
            self.last = max(self.last, number)
        self.report.received += len(data) // SIZE
        self.told = False


def wires() -> list[tuple[wire.Kind, bool]]:
    """Every kind over TLS, and over plain TCP those that do not alter bytes: nothing there would notice."""
    return [(row, secure) for row in wire.KINDS for secure in (True, False) if secure or row.harm is not Harm.ALTERING]


def _descriptions(run: Run, ports: tuple[int, int]) -> tuple[Any, Any]:
    server, client = server_description(ports[0]), client_description(ports[1])
    if not run.secure:
        server, client = (attrs.evolve(one, ActivateSecureConn=False) for one in (server, client))
    return server, client


async def carry(run: Run) -> Report:
    """Let messages flow until the last one is there."""
    report = Report(run)
    profile = _PATIENT if run.patient or run.kind.harm is Harm.HARMLESS else _IMPATIENT
    plan = wire.plan(
        run.kind, seed=run.seed, strikes=run.strikes, direction=run.direction, span=run.span, records=run.records,
        frame=None if run.secure else SIZE, pause=0.002, hole=0.02,
    )  # fmt: skip

    def station(name: str, which: int) -> Station:
        def note(happening: Happening) -> None:
            report.losses[which] += happening.event is LinkEvent.LOST

        return Station(plant().device(name), addresses=loopback(), profile=profile, on_event=note)

    ports = free_port(), free_port()
    server, client = _descriptions(run, ports)
    host = loopback().to_local(IPv4Address("192.168.0.1"))
    begun = time.monotonic()
    with trio.move_on_after(run.limit) as scope:
        async with (
            Proxy(plan, (host, ports[0]), address=host, port=ports[1]) as proxy,
            station("PLC-1", 0) as one,
            station("PLC-2", 1) as two,
        ):
            losses = await _scan(report, TRCV_C(one), TSEND_C(two), server, client)
            report.struck = proxy.struck
    if scope.cancelled_caught:
        losses = report.losses
        report.objections.append(f"after {run.limit:g} s only {report.received} messages were there")
    report.losses = losses
    report.seconds = time.monotonic() - begun
    report.conclude()
    return report


async def _scan(report: Report, trcv_c: TRCV_C, tsend_c: TSEND_C, server: Any, client: Any) -> list[int]:
    """Both programs, scan after scan, as fast as turns come; gives the losses until the last one."""
    run = report.run
    chance = random.Random(f"jobs {run.seed}")
    receiving = _Receiving(report)

    def next_area() -> bytearray:
        return bytearray(SIZE * chance.randint(1, run.at_most))

    following = count = 0

    def next_block() -> bytes:
        nonlocal following, count
        following += count
        count = chance.randint(1, run.at_most)
        return block(following, count)

    area, data, request = next_area(), next_block(), True
    losses = [0, 0]
    while receiving.last < run.messages:
        got = trcv_c(EN_R=True, CONT=True, CONNECT=server, DATA=area)
        if got.DONE:
            receiving.take(bytes(area))
            area = next_area()
        elif got.ERROR:
            receiving.told = True
            # 80C4 only repeats that the connection is not there.
            if got.STATUS != 0x80C4:
                report.receiver[str(got.STATUS)] += 1
        in_flight = tsend_c.state is State.SENDING
        out = tsend_c(REQ=request, CONT=True, CONNECT=client, DATA=data)
        if out.ERROR:
            receiving.told = True
            report.sender[str(out.STATUS)] += 1
        # The next job needs one call with REQ = 0. What was handed over is never handed over again.
        request = not (out.DONE or out.ERROR)
        if out.DONE or (out.ERROR and in_flight):
            data = next_block()
        # Of what happens after the last scan nobody could be told.
        losses = list(report.losses)
        await trio.lowlevel.checkpoint()
    return losses
