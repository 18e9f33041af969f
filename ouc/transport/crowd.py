"""Those who have connected and are not known yet: how many at once, and who has to go when there are more.

Anybody can connect; only who finishes the handshake is known. Strangers who connect and say nothing, half a hello, a byte now
and then or a whole hello and no more hold a place each until the time for the handshake is over. So places are many, and when
all are taken, one is taken back. By age alone a slow partner would go before the strangers that come after it. Therefore:

- Nobody goes before it has had `PATIENCE` seconds for its next step: to say something, to finish its hello, to answer ours.
  If everybody is younger, the next ones wait in the system's queue.
- The place is taken from the step at which most are waiting, there from the address with the most, there the one that has
  waited longest. A partner is only in danger while the strangers are at its own step and come from its own address.

All ends of a program share the places, because they share its descriptors; address means one address at one local port.
"""

from __future__ import annotations

import enum
import sys
from collections import Counter
from ipaddress import IPv4Address

import attrs
import trio

from .tcp import TCPStream

__all__ = ["Crowd", "Step"]

# Seconds that everybody gets for each step; ours. A partner needs a round trip and its own work, an S7-1200 about half a
# second for a signature.
PATIENCE = 1.0
# Places: half of the descriptors that the process may have, within these bounds; ours.
# A place costs about 60 KB, and 200 KB where a stranger sends all that a handshake may have.
_FEWEST, _MOST = 64, 1024


class Step(enum.IntEnum):
    """How far somebody has come who is not known yet."""

    SILENT = 0
    BEGUN = 1
    ANSWERED = 2


@attrs.define(eq=False)
class _Guest:
    tcp: TCPStream
    address: tuple[int, IPv4Address]
    came: float

    def step(self) -> tuple[Step, float]:
        """The step, and since when."""
        if self.tcp.spoke_at is not None:
            return Step.ANSWERED, self.tcp.spoke_at
        if self.tcp.heard_at is not None:
            return Step.BEGUN, self.tcp.heard_at
        return Step.SILENT, self.came


class Crowd:
    """The places of one program.

    Args:
        places: How many; None for as many as descriptors and memory allow.
    """

    def __init__(self, places: int | None = None) -> None:
        self.places = _affordable() if places is None else places
        self._guests: dict[TCPStream, _Guest] = {}
        self._left = trio.Event()

    @classmethod
    def here(cls) -> Crowd:
        """The one of this trio run."""
        try:
            return _HERE.get()
        except LookupError:
            crowd = cls()
            _HERE.set(crowd)
            return crowd

    def __contains__(self, tcp: TCPStream) -> bool:
        return tcp in self._guests

    def __len__(self) -> int:
        return len(self._guests)

    async def enter(self, tcp: TCPStream, port: int) -> None:
        """Take a place, as soon as there is one."""
        while len(self._guests) >= self.places and (victim := self._victim()) is not None:
            guest, end = victim
            if trio.current_time() >= end:
                self._send_off(guest)
                continue
            with trio.move_on_at(end):
                await self._left.wait()
        self._guests[tcp] = _Guest(tcp, (port, tcp.partner[0]), trio.current_time())

    def leave(self, tcp: TCPStream) -> None:
        """Give the place back: known now, refused, or gone."""
        if self._guests.pop(tcp, None) is not None:
            self._left.set()
            self._left = trio.Event()

    def make_room(self) -> bool:
        """Take a place back, with a reset; False if everybody there is still within its time."""
        victim = self._victim()
        if victim is None or trio.current_time() < victim[1]:
            return False
        self._send_off(victim[0])
        return True

    def _send_off(self, guest: _Guest) -> None:
        self.leave(guest.tcp)
        guest.tcp.abort()

    def _victim(self) -> tuple[_Guest, float] | None:
        """Who would be next, and when its time is over."""
        if not self._guests:
            return None
        standing = [(guest, *guest.step()) for guest in self._guests.values()]
        steps = Counter(step for _, step, _ in standing)
        fullest = max(steps, key=lambda step: (steps[step], -step))
        there = [(guest, since) for guest, step, since in standing if step is fullest]
        addresses = Counter(guest.address for guest, _ in there)
        most = max(addresses.values())
        guest, since = min((one for one in there if addresses[one[0].address] == most), key=lambda one: one[1])
        return guest, since + PATIENCE


_HERE: trio.lowlevel.RunVar[Crowd] = trio.lowlevel.RunVar("ouc.transport.crowd")


def _affordable() -> int:
    if sys.platform == "win32":
        return _MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(_FEWEST, min(_MOST, soft // 2))
