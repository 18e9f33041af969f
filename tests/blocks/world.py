"""Every block on one port, several instances and connections, in any order; what must hold is checked in each step.

The world plays program and network at once. Beside the port it keeps a model that is too simple to be wrong: for each
connection a queue of what was delivered and not yet received, for each block the send job it has open and the outputs of its
last call. A `random.Random` chooses: a seeded one makes sequences that can be repeated, hypothesis' own such that shrink.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from ipaddress import IPv4Address
from random import Random
from typing import Any, Final

import attrs

from ouc.blocks import T_DIAG, T_RESET, TCON, TDISCON, TRCV, TRCV_C, TSEND, TSEND_C, TURCV, TUSEND, TCONSettings
from ouc.blocks.compact import State
from ouc.connection import Effect, Link, LinkEvent, LinkState, SendJob
from ouc.errors import Failure
from ouc.params import TADDR_Param, TCON_IPMulticastTTL, TCON_TCPTermination
from ouc.status import BLOCKS, ROWS, Status

from ..connection.shell import ACTIVE, ISO, PASSIVE, UDP, Bench

__all__ = ["World"]

DESCRIPTIONS: Final[dict[int, Any]] = {
    1: ACTIVE,
    2: attrs.evolve(PASSIVE, ID=2),
    3: attrs.evolve(ISO, id=3),
    4: attrs.evolve(UDP, ID=4),
}
PARTNER: Final = TADDR_Param(rem_ip_addr=(192, 168, 0, 2), rem_port_nr=2001)
CAME_FROM: Final = (IPv4Address("192.168.0.2"), 2001)
AREA: Final = 24
LENGTHS: Final = (0, 0, 0, 1, 4, 8, AREA, AREA + 1, 70_000)
RECEIVERS: Final = (TRCV, TURCV, TRCV_C)
SENDERS: Final = (TSEND, TUSEND, TSEND_C)
COMPACT: Final = (TSEND_C, TRCV_C)
EDGE: Final = (TCON, TDISCON, TSEND, TUSEND, T_RESET, T_DIAG, TCONSettings)
KINDS: Final = (TSEND_C, TRCV_C, TCON, TDISCON, TSEND, TRCV, TUSEND, TURCV, T_RESET, T_DIAG, TCONSettings)
TOO_SMALL: Final = frozenset({0x8088, 0x80C9})
LOSSES: Final = (0x80C4, 0x80C5)
REFUSALS: Final = (0x80C4, 0x80C5, 0x80C6, 0x80C7, 0x80E1, 0x80E4)


def _known(name: str) -> frozenset[int]:
    """Every STATUS word that the block's own table has, or that of a block it calls inside."""
    family = {name, *BLOCKS[name]}
    return frozenset(int(code) for code, row in ROWS.items() if family & set(row.blocks))


KNOWN: Final = {kind: _known(kind.__name__) for kind in KINDS}


@attrs.define(eq=False)
class Actor:
    """One instance of a block, its pins as they are, and what it showed last.

    Attributes:
        job: The send job that is open.
        wanted: A compact block has begun to establish.
        asked: A rise of REQ that no send job has come of yet.
        epoch: Which establishment the block's job, or its connection, belongs to.
    """

    block: Any
    kind: Any
    number: int
    older: bool = False
    pins: dict[str, Any] = attrs.field(factory=dict)
    busy: bool = False
    status: int = 0x7000
    previous: bool = False
    job: SendJob | None = None
    wanted: bool = False
    asked: bool = False
    epoch: int | None = None


@attrs.define(eq=False)
class Wire:
    """The model of one connection: what is on its way in, and the send jobs that are on their way out.

    What came in is kept for each establishment that has unread bytes; the last one is the present one.
    """

    parts: deque[deque[bytes]] = attrs.field(factory=lambda: deque([deque()]))
    jobs: list[SendJob] = attrs.field(factory=list)

    def sizes(self) -> list[int]:
        return [sum(map(len, part)) for part in self.parts]

    def begin(self) -> None:
        """A new establishment."""
        if self.parts[-1]:
            self.parts.append(deque())

    def forget(self) -> None:
        self.parts = deque([deque()])


class World(Bench):
    """See the module.

    Attributes:
        steps: Calls of blocks so far.
        shown: How often each block showed each STATUS.
        jobs_done, received: Send jobs told as DONE, and bytes delivered at outputs.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        super().__init__(
            resources=chance.choice((3, 8)),
            iso_too_small=chance.choice(("8088", "80C9")),
            udp_too_small=chance.choice(("80C9", "8088", "rest")),
            remember_req=chance.random() < 0.5,
            repeat_connect=chance.random() < 0.7,
            adhoc_chunk=chance.choice((None, 3)),
        )
        self.wires: dict[Link, Wire] = {}
        self.caller: Actor | None = None
        self.steps = self.jobs_done = self.received = 0
        self.shown: Counter[tuple[str, int]] = Counter()
        self._next_byte = 0
        self.reserved: set[int] = set()
        reset, self.port.reset = self.port.reset, self._reset  # type: ignore[method-assign]
        self._really_reset = reset
        self.actors = [self._actor(kind) for kind in (*KINDS, *chance.choices(KINDS, k=6))]

    def _actor(self, kind: Any) -> Actor:
        chance = self.chance
        options: dict[str, Any] = {}
        if kind in COMPACT:
            options = {"version": chance.choice(("3.0", "3.0", "2.1")), "same_id": chance.choice(("80AA", "join"))}
        if kind in (TRCV, TRCV_C):
            options["legacy_adhoc"] = chance.choice((None, None, 0, 65535))
        if kind is TCON:
            options["ends_with_error"] = chance.choice((None, False))
        if kind is TDISCON:
            options["overtakes"] = chance.random() < 0.5
        # Several instances meet at one connection; most of those for datagrams at the one that carries them.
        number = chance.choice((4, 4, 4, 4, 4, 1) if kind in (TUSEND, TURCV) else (1, 1, 2, 2, 3, 4, 4))
        actor = Actor(kind(self.port, **options), kind, number, older=options.get("version") == "2.1")
        actor.pins = self._first_pins(actor)
        return actor

    def _first_pins(self, actor: Actor) -> dict[str, Any]:
        kind, pins = actor.kind, dict[str, Any]()
        if kind in COMPACT:
            pins.update(CONT=True, CONNECT=DESCRIPTIONS[actor.number], COM_RST=False)
        else:
            pins["ID"] = actor.number
        if kind in RECEIVERS:
            pins.update(EN_R=True, DATA=bytearray(AREA), LEN=4)
        else:
            pins["REQ"] = False
        if kind in SENDERS:
            pins.update(DATA=self._fresh(AREA), LEN=4)
        if kind in (TUSEND, TSEND_C):
            pins["ADDR"] = PARTNER
        if kind is TRCV_C:
            pins["ADDR"] = TADDR_Param
        if kind in (TRCV, TRCV_C):
            pins["ADHOC"] = False
        if kind is TCON:
            pins["CONNECT"] = DESCRIPTIONS[actor.number]
        if kind is TCONSettings:
            pins.update(MODE=0, ID=0, OPTION=TCON_TCPTermination(GracefulShutdown=True))
        return pins

    def _fresh(self, size: int) -> bytes:
        """Bytes that tell their place: a doubled or exchanged piece is seen."""
        first, self._next_byte = self._next_byte, self._next_byte + size
        return bytes(number % 251 for number in range(first, first + size))

    # -- Shell: what the port asks for -----------------------------------------------------------------------------

    def perform(self, effect: Effect, link: Link) -> None:
        wire = self.wires.setdefault(link, Wire())
        if effect in (Effect.DROP, Effect.CLOSE):
            self._end_jobs(wire)

    def transmit(self, link: Link, job: SendJob) -> None:
        assert link.state is LinkState.ESTABLISHED, "a send without an established link"
        actor = self.caller
        assert actor is not None
        assert actor.kind in SENDERS, "a block that does not send has sent"
        assert actor.job is None, "a second send job of one block"
        if actor.kind is TSEND_C:
            assert actor.asked, "a second send job of one edge"
            assert actor.epoch == link.epoch, "the connection was replaced, and that was not told"
            actor.asked = False
        length = actor.pins["LEN"] or len(actor.pins["DATA"])
        assert job.data == bytes(actor.pins["DATA"][:length]), "other bytes than those at DATA"
        assert (job.to == CAME_FROM) == (link.endpoint.protocol == "UDP")
        actor.job = job
        self.wires[link].jobs.append(job)

    def _reset(self, link: Link) -> None:
        self.wires[link].forget()
        self._really_reset(link)

    def _end_jobs(self, wire: Wire) -> None:
        for job in wire.jobs:
            if not job.done and job.failure is None:
                if self.chance.random() < 0.3:
                    job.done = True
                else:
                    job.failure = Failure("cut off", Status(self.chance.choice(LOSSES)))
        wire.jobs.clear()

    # -- the network -----------------------------------------------------------------------------------------------

    def network(self) -> None:
        """One thing that a network does."""
        if not self.port.links:
            return
        link = self.chance.choice(self.port.links)
        happens = self.chance.choice(_HAPPENS[link.state])
        happens(self, link)
        self._check_wires()

    def come_up(self, link: Link) -> None:
        if link.endpoint.protocol != "UDP":
            self.wires[link].begin()
        self.port.report(link, LinkEvent.UP)

    def be_lost(self, link: Link) -> None:
        self._end_jobs(self.wires[link])
        self.port.report(link, LinkEvent.LOST, Failure("lost", Status(self.chance.choice(LOSSES))))

    def be_refused(self, link: Link) -> None:
        self.port.report(link, LinkEvent.REFUSED, Failure("refused", Status(self.chance.choice(REFUSALS))))

    def be_gone(self, link: Link) -> None:
        self.port.report(link, LinkEvent.GONE)
        self.reserved.discard(link.connection_id)
        assert self.port.settings(link.connection_id) is None, "an ID outlived its connection"

    def be_due(self, link: Link) -> None:
        self.port.report(link, LinkEvent.RETRY_DUE)

    def arrive(self, link: Link) -> None:
        if link.inbox.room <= 0:
            return
        size = self.chance.randint(1, min(30, link.inbox.room))
        data, wire = self._fresh(size), self.wires[link]
        link.inbox.put(data, CAME_FROM if link.endpoint.protocol == "UDP" else None)
        wire.parts[-1].append(data)

    def be_sent(self, link: Link) -> None:
        jobs = self.wires[link].jobs
        if jobs:
            jobs.pop(0).done = True

    def be_broken(self, link: Link) -> None:
        jobs = self.wires[link].jobs
        if jobs:
            jobs.pop(0).failure = Failure("broken", Status(self.chance.choice(LOSSES)))

    def nothing(self, link: Link) -> None:
        pass

    def stop(self) -> None:
        """The CPU goes to STOP; its blocks lose their connections, not their memory."""
        self.reserved.clear()
        self.port.terminate_all()

    # -- the program -----------------------------------------------------------------------------------------------

    def program(self) -> None:
        """One call of one block, some of its pins changed before."""
        chance = self.chance
        actor = chance.choice(self.actors)
        pins = actor.pins
        for name in ("REQ", "EN_R", "CONT", "COM_RST", "ADHOC"):
            # A job that ends a connection is begun less often, so that connections live for a while.
            if name in pins and chance.random() < (0.05 if actor.kind in (TDISCON, T_RESET) else _CHANGES[name]):
                pins[name] = not pins[name]
        if actor.kind in (TSEND_C, TRCV_C):
            # A program that gives its InOut pin back, or one that does not.
            pins["COM_RST"] = pins["COM_RST"] and chance.random() < 0.7
        if "LEN" in pins and chance.random() < 0.05:
            pins["LEN"] = chance.choice((*LENGTHS, 65535)) if actor.kind in RECEIVERS else chance.choice(LENGTHS)
        if "DATA" in pins and chance.random() < 0.05:
            pins["DATA"] = bytearray(AREA) if actor.kind in RECEIVERS else self._fresh(AREA)
        if actor.kind is TCONSettings and not actor.busy:
            pins["MODE"] = chance.choice((0, 1, 2, 3))
            pins["ID"] = chance.choice((0, 1, 4, 9, *self.reserved))
            pins["OPTION"] = chance.choice((TCON_TCPTermination(), TCON_IPMulticastTTL(), None))
        elif actor.kind in (TCON, TDISCON, T_DIAG, T_RESET) and not actor.busy and chance.random() < 0.2:
            pins["ID"] = chance.choice((1, 2, 3, 4, 0, 9, *self.reserved))
            if actor.kind is TCON:
                pins["CONNECT"] = self._description(pins["ID"])
        self.call(actor)

    def _description(self, number: int) -> Any:
        return DESCRIPTIONS.get(number) or attrs.evolve(ACTIVE, ID=number, RemotePort=3000 + number % 1000)

    def call(self, actor: Actor) -> Any:
        """Call a block and check everything that must hold."""
        before = {link: _sizes(link) for link in self.wires}
        was_ready = actor.kind is TSEND_C and actor.block.state is State.READY
        self._foresee(actor)
        self.caller = actor
        out = actor.block(**actor.pins)
        self.caller = None
        self.steps += 1
        self.shown[actor.kind.__name__, int(out.STATUS)] += 1
        self._check_outputs(actor, out)
        if actor.kind in EDGE:
            self._check_edge(actor, out)
        elif actor.kind is not TSEND_C and actor.kind is not TRCV_C:
            self._check_level(actor, out)
        if actor.kind in SENDERS:
            self._check_sender(actor, out)
        if actor.kind in RECEIVERS:
            self._check_receiver(actor, out, before)
        if was_ready and out.ERROR:
            # The call that shows the loss has answered the edge: nothing may come of it later.
            actor.asked = False
        if actor.kind is TCONSettings and _done(out) and actor.pins["MODE"] == 0:
            assert not 1 <= out.ID <= 4095
            self.reserved.add(out.ID)
        self._remember(actor, out)
        actor.busy, actor.status, actor.previous = out.BUSY, int(out.STATUS), actor.pins.get("REQ", False)
        self.reserved = {number for number in self.reserved if self.port.settings(number) is not None}
        self._check_wires()
        return out

    def _foresee(self, actor: Actor) -> None:
        """Whether a send job may come of this call: REQ rises, or stands when CONT rises."""
        if actor.kind is TSEND_C and actor.pins["CONT"] and actor.pins["REQ"] and actor.job is None:
            actor.asked = actor.asked or not actor.previous or not actor.wanted

    def _remember(self, actor: Actor, out: Any) -> None:
        """Which establishment the block has shown to know."""
        link = self.port.find(actor.number)
        if actor.kind in COMPACT:
            # It may know a connection that came and went meanwhile, whose ID another one has now.
            link = actor.block._link
            if out.STATUS in (0x7000, 0x0003):
                actor.wanted = False
            elif out.STATUS in (0x7001, 0x80AA):
                actor.wanted = True
            came_up = out.STATUS == 0x0001 or (_done(out) and actor.older)
            if came_up and link is not None:
                actor.epoch = link.epoch
        elif out.STATUS == 0x7001:
            actor.epoch = None if link is None else link.epoch
        elif not out.BUSY:
            actor.epoch = None

    # -- what must hold --------------------------------------------------------------------------------------------

    def _check_outputs(self, actor: Actor, out: Any) -> None:
        assert _done(out) + out.BUSY + out.ERROR <= 1, "an impossible triple"
        assert out.ERROR == (out.STATUS >= 0x8000), "ERROR and STATUS do not agree"
        assert not _done(out) or out.STATUS in (0x0000, 0x0001)
        assert not out.BUSY or 0x7001 <= out.STATUS <= 0x7006
        assert int(out.STATUS) in KNOWN[actor.kind], f"{out.STATUS} is not in the table of {actor.kind.__name__}"
        if actor.kind in COMPACT:
            assert not out.COM_RST or actor.pins["COM_RST"]
            assert out.STATUS != 0x0003 or actor.status == 0x7003
        if actor.kind is T_DIAG:
            assert (out.RESULT is not None) == _done(out)

    def _check_edge(self, actor: Actor, out: Any) -> None:
        edge = actor.pins["REQ"] and not actor.previous
        if actor.busy:
            assert out.STATUS == 0x7002 or not out.BUSY, "a running job began again"
            assert out.STATUS != 0x7000, "a running job vanished"
        else:
            assert not _done(out), "DONE without a job"
            assert out.STATUS == 0x7000 or edge, "a job without an edge"
            assert out.STATUS != 0x7002

    def _check_level(self, actor: Actor, out: Any) -> None:
        assert (out.STATUS == 0x7000) == (not actor.pins["EN_R"])
        assert out.STATUS != 0x7001 or not actor.busy
        assert out.STATUS != 0x7002 or actor.busy

    def _check_sender(self, actor: Actor, out: Any) -> None:
        if _done(out):
            if actor.job is None:
                # The old compact block also shows DONE after establishing.
                assert actor.older, "DONE without a send job"
                return
            assert actor.job.done, "DONE of a job that is not done"
            self.jobs_done += 1
        if _done(out) or not out.BUSY:
            actor.job = None

    def _check_receiver(self, actor: Actor, out: Any, before: dict[Link, list[int]]) -> None:
        taken = _done(out) and out.RCVD_LEN > 0
        assert not out.RCVD_LEN or taken or (out.ERROR and out.STATUS in TOO_SMALL), "RCVD_LEN without data"
        assert not _done(out) or taken or actor.older, "DONE without data"
        addr = getattr(out, "ADDR", None)
        assert addr is None or (taken and addr == PARTNER)
        if not taken:
            return
        changed = [link for link, sizes in before.items() if _sizes(link) != sizes]
        assert len(changed) == 1, "one job took from several connections"
        link, wire = changed[0], self.wires[changed[0]]
        assert (addr is not None) == (link.endpoint.protocol == "UDP")
        data = bytes(actor.pins["DATA"][: out.RCVD_LEN])
        self.received += len(data)
        if link.endpoint.protocol == "TCP":
            while len(wire.parts) > 1 and sum(map(len, wire.parts[0])) < len(data):
                wire.parts.popleft()  # a rest that completes no job, of a connection that is over
            whole = b"".join(wire.parts[0])
            assert whole.startswith(data), "not what was delivered, or not in its order"
            wire.parts[0] = deque([rest] if (rest := whole[len(data) :]) else [])
        else:
            message = wire.parts[0].popleft()
            assert message.startswith(data), "not the next message"
            if rest := message[len(data) :]:
                assert self.port.profile.udp_too_small == "rest"
                wire.parts[0].appendleft(rest)
        if len(wire.parts) == 1:
            assert actor.epoch in (None, link.epoch), "the connection was replaced, and that was not told"
        elif not wire.parts[0]:
            wire.parts.popleft()

    def _check_wires(self) -> None:
        for link, wire in self.wires.items():
            if self.port.find(link.connection_id) is link:
                if self.caller is None:
                    while len(wire.parts) > len(link.unread) + 1:
                        wire.parts.popleft()  # as above
                assert wire.sizes() == _sizes(link), "bytes were lost or invented"
                assert link.state is not LinkState.ABSENT
        assert len(self.port.links) <= self.port.profile.connections

    def end(self) -> None:
        """Take every wish back; with a network that goes on, every block comes to rest."""
        for actor in self.actors:
            actor.pins.update({name: False for name in ("REQ", "EN_R", "CONT", "COM_RST") if name in actor.pins})
        self.stop()
        for _ in range(4):
            for link in self.port.links:
                self.be_gone(link)
            shown = [self.call(actor).STATUS for actor in self.actors]
        assert set(shown) == {0x7000}, f"not at rest: {shown}"
        assert self.port.links == ()

    def play(self, steps: int) -> None:
        """A whole sequence."""
        for _ in range(steps):
            dice = self.chance.random()
            if dice < 0.003:
                self.stop()
            elif dice < 0.4:
                self.network()
            else:
                self.program()
        self.end()


def _done(out: Any) -> bool:
    return bool(getattr(out, "DONE", False) or getattr(out, "NDR", False))


_CHANGES: Final = {"REQ": 0.5, "EN_R": 0.1, "CONT": 0.03, "COM_RST": 0.03, "ADHOC": 0.05}
_HAPPENS: Final[dict[LinkState, tuple[Callable[[World, Link], None], ...]]] = {
    LinkState.DISCONNECTED: (World.be_due, World.be_due, World.nothing),
    LinkState.CONNECTING: (World.come_up, World.come_up, World.come_up, World.be_refused, World.nothing),
    LinkState.LISTENING: (World.come_up, World.come_up, World.come_up, World.be_refused, World.be_due),
    LinkState.ESTABLISHED: (
        *([World.arrive] * 6), *([World.be_sent] * 6), World.be_broken, World.be_lost, World.nothing,
    ),
    LinkState.CLOSING: (World.be_gone, World.be_gone, World.nothing),
}  # fmt: skip


def _sizes(link: Link) -> list[int]:
    """Unread bytes of each establishment, as `Wire.sizes`."""
    return [*(len(one.inbox) for one in link.unread), len(link.inbox)]
