"""An attacker at the level of bytes, between two ends that open and use TLS as a station does.

One run is one connection through the fault wire. One side sends a payload and closes; the other reads to the end. Time is
the virtual clock of the caller, so a side that waits for what was stolen reaches its time limit at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import IPv4Address
from typing import Any, Final

import attrs
import trio

from emulator.faults import Proxy, wire
from emulator.faults.wire import Direction, Harm
from ouc import profiles
from ouc.errors import OUCError
from ouc.params import TCON_IP_V4_SEC, Endpoint, TCON_IP_v4, endpoint
from ouc.status import Status
from ouc.tls import DEFAULT, TLSFacts
from ouc.tls.policy import Version
from ouc.transport import IDENTITY, Opener, TCPStream, Wire, explain, listen

from ..tls.pair import device

__all__ = ["KINDS", "PAYLOAD", "Attack", "Outcome", "attacks", "carry_out", "carry_out_all", "objections"]

HERE: Final = IPv4Address("127.0.0.1")
# Twenty jobs of the published example's size, each with its number.
_MESSAGE: Final = 258
_MESSAGES: Final = [number.to_bytes(2) + bytes([number + 32]) * (_MESSAGE - 2) for number in range(20)]
PAYLOAD: Final = b"".join(_MESSAGES)

# What an attacker can do to bytes that pass him; what happens at accept is no matter of TLS.
KINDS: Final = tuple(one for one in wire.KINDS if one.place is not wire.Place.ACCEPT)

# Bytes and records of a direction that belong to the handshake of either version, and those of the payload after it.
# With the certificates used here a handshake takes 630 to 1,450 bytes of a direction.
_HANDSHAKE: Final[dict[str, Any]] = {"span": range(1_000), "records": range(4)}
_DATA: Final[dict[str, Any]] = {"span": range(1_500, 6_000), "records": range(6, 24)}


@attrs.frozen
class Attack:
    """What one run does, made from its number.

    Attributes:
        number: The seed of everything.
        kind: The fault.
        version: The TLS version that both sides speak.
        direction: What is struck; the payload takes the same way.
        phase: `handshake` or `data`.
    """

    number: int
    kind: wire.Kind
    version: Version
    direction: Direction
    phase: str

    def plan(self) -> wire.WirePlan:
        places = _HANDSHAKE if self.phase == "handshake" else _DATA
        return wire.plan(self.kind, seed=self.number, direction=self.direction, **places)


def attacks(numbers: Iterable[int]) -> Sequence[Attack]:
    """The attacks with these numbers: every kind in turn, all else by chance."""
    made = []
    for number in numbers:
        chance = random.Random(f"attack {number}")
        versions: tuple[Version, ...] = ("1.2", "1.3")
        made.append(
            Attack(
                number, KINDS[number % len(KINDS)], chance.choice(versions),
                chance.choice(list(Direction)), chance.choice(["handshake", "data"]),
            )
        )  # fmt: skip
    return made


@attrs.define
class Side:
    """What became of one side."""

    name: str
    received: bytes = b""
    clean: bool = False
    failure: OUCError | None = None
    facts: TLSFacts | None = None

    @property
    def status(self) -> Status | None:
        return None if self.failure is None else self.failure.status


@attrs.frozen
class Outcome:
    """What became of a run."""

    attack: Attack
    sender: Side
    reader: Side
    struck: bool

    @property
    def complete(self) -> bool:
        return self.reader.clean and self.reader.received == PAYLOAD

    @property
    def told(self) -> str:
        """How the reading side would show it."""
        return "complete" if self.complete else str(self.reader.status)


class _Opener(Opener):
    async def _note_partner(self, where: str, facts: TLSFacts) -> None:
        """Writes in a thread, which a virtual clock cannot see, and is not what is attacked here."""


@cache
def _opener(version: Version) -> _Opener:
    return _Opener(
        device=device(str(HERE)),
        profile=profiles.DEFAULT,
        policy=attrs.evolve(DEFAULT, versions=(version,)),
        address=None,
        addresses=IDENTITY,
        bind=HERE,
    )


def _end(*, active: bool, port: int) -> Endpoint:
    # A device of files gives the ID 1 to its first CA; 2 is its own certificate. 0: every CA.
    own = device("127.0.0.1").own_ids[0]
    return endpoint(
        TCON_IP_V4_SEC(
            ConnPara=TCON_IP_v4(
                ActiveEstablished=active,
                RemoteAddress="127.0.0.1",
                RemotePort=port if active else 0,
                LocalPort=0 if active else port,
            ),
            ActivateSecureConn=True,
            TLSServerReqClientCert=not active,
            TLSServerCertRef=0 if active else own,
            TLSClientCertRef=own if active else 0,
        )
    )


async def carry_out(attack: Attack, *, plan: wire.WirePlan | None = None) -> Outcome:
    """One connection, from dialling to its end; `plan` where it is not the attack's own."""
    forth = attack.direction is Direction.FORTH
    dialling, listening = Side("client"), Side("server")
    sender, reader = (dialling, listening) if forth else (listening, dialling)
    with listen(HERE, 0) as listener:
        async with Proxy(plan or attack.plan(), (HERE, listener.port)) as proxy:

            async def active() -> None:
                await _use(dialling, sends=forth, opening=_dial(attack, proxy.port))

            async def passive() -> None:
                tcp = await listener.accept()
                await _use(listening, sends=not forth, opening=_welcome(attack, tcp))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(active)
                nursery.start_soon(passive)
            return Outcome(attack, sender, reader, proxy.struck > 0)


async def _dial(attack: Attack, port: int) -> Wire:
    return await _opener(attack.version).open_active(_end(active=True, port=port))


async def _welcome(attack: Attack, tcp: TCPStream) -> Wire:
    return await _opener(attack.version).open_passive(_end(active=False, port=2000), tcp)


async def _use(side: Side, *, sends: bool, opening: Any) -> None:
    try:
        opened = await opening
    except OUCError as error:
        side.failure = error
        return
    side.facts = opened.facts
    stream = opened.stream
    try:
        if sends:
            for message in _MESSAGES:
                await stream.send_all(message)
        else:
            while data := await stream.receive_some():
                side.received += data
            side.clean = True
    except trio.BrokenResourceError as error:
        side.failure = explain(error)
    await stream.aclose()


def objections(outcome: Outcome) -> list[str]:
    """What must never happen and did; empty for a run as it must be."""
    reader, harm = outcome.reader, outcome.attack.kind.harm
    found = []
    if not PAYLOAD.startswith(reader.received):
        found.append("altered bytes were delivered")
    if reader.clean and reader.received != PAYLOAD:
        found.append("an incomplete payload ended as if it were complete")
    if not outcome.complete and reader.failure is None:
        found.append("the reading side tells no reason")
    for side in (outcome.sender, reader):
        if side.failure is not None and (side.status is None or not 0x8000 <= side.status <= 0x80FF):
            found.append(f"the {side.name} shows {side.status}")
        if side.failure is not None and not side.failure.failure.what:
            found.append(f"the {side.name} tells a STATUS without words")
    if not outcome.complete and (not outcome.struck or harm is Harm.HARMLESS):
        found.append("nothing harmful happened, and not everything arrived")
    return found


async def carry_out_all(attacks: Sequence[Attack], *, at_once: int = 25) -> list[Outcome]:
    """Carry out several at once; those whose ends only wait reach their time limits together.

    Raises:
        trio.TooSlowError: A run did not end within 1,000 seconds of the clock, longer than all time limits together.
    """
    outcomes: list[Outcome] = []

    async def one(attack: Attack) -> None:
        with trio.fail_after(1_000):
            outcomes.append(await carry_out(attack))

    for start in range(0, len(attacks), at_once):
        async with trio.open_nursery() as nursery:
            for attack in attacks[start : start + at_once]:
                nursery.start_soon(one, attack)
    return outcomes
