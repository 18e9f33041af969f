"""The true limits: a cable is pulled in every way and both ends notice within 70 s; EN_R = 0 for five minutes is no loss.

python -m tests.soak.pulled_cable

Needs root and the command `ip` (apt-get install iproute2). Ends with 1 if a limit or a message was missed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import trio

from ouc import TRCV_C, TSEND_C, Station, profiles
from ouc.connection import LinkEvent

from ..station.test_pulled_cable import Both, ends, large, small, until
from ..transport import network

# Seconds.
LIMIT = 70
CLOSED = 300
#: After a window that was closed for so long, the system asks rarely: every two minutes on older systems.
LONGER = 480
MESSAGES = 3_000

Busy = dict[str, Callable[[Any], Awaitable[None]]]
WAYS: tuple[tuple[str, Busy], ...] = (
    ("nobody", {}), ("A", {"a": small}), ("B", {"b": small}), ("both", {"a": small, "b": small}), ("large", {"a": large}),
)  # fmt: skip


def pull(sides: str, name: str, busy: Busy, objections: list[str]) -> None:
    """One way to pull a cable."""
    with network.Cable() as cable:
        both = Both(cable, profiles.DEFAULT, 3 * LIMIT)
        begun: list[float] = []

        def clock() -> None:
            both.pulled.wait()
            begun.append(time.monotonic())

        threading.Thread(target=clock).start()
        try:
            losses = both.run(sides, busy)
        except BaseException as error:
            objections.append(f"{name} busy, {sides} pulled: {error!r}")
            return
        seconds = time.monotonic() - begun[0]
    told = sorted(str(loss.status) for loss in losses.values())
    print(f"{name} busy, {sides} pulled: {told} after {seconds:.1f} s", flush=True)
    if seconds > LIMIT or told != ["16#80C6"] * 2:
        objections.append(f"{name} busy, {sides} pulled: {told} after {seconds:.1f} s")


class Blocks:
    """TSEND_C sends until nothing leaves any more, TRCV_C has EN_R = 0 for five minutes and receives everything then."""

    def __init__(self, cable: network.Cable) -> None:
        self.cable = cable
        self.full, self.open, self.done = threading.Event(), threading.Event(), threading.Event()
        self.lost: list[LinkEvent] = []

    def note(self, happening: Any) -> None:
        """Keep losses, except those of the end."""
        if happening.event is LinkEvent.LOST and not self.done.is_set():
            self.lost.append(happening.event)

    async def send(self) -> None:
        """Number messages."""
        async with Station(on_event=self.note) as station:
            block, request, number = TSEND_C(station), True, 0
            idle = trio.current_time()
            while number < MESSAGES:
                out = block(REQ=request, CONT=True, CONNECT=ends()[0], DATA=number.to_bytes(4).ljust(8_000, b"."))
                if out.DONE and request:
                    idle = trio.current_time()
                request = not out.DONE
                number += out.DONE
                if trio.current_time() - idle > 5:
                    self.full.set()
                await trio.sleep(0.001)
            await until(self.done, 2 * CLOSED)

    async def receive(self) -> int:
        """Nothing at first, then everything; the number of messages in order."""
        async with Station(on_event=self.note) as station:
            block, area, number = TRCV_C(station), bytearray(8_000), 0
            begun = float("inf")
            while number < MESSAGES:
                if begun == float("inf") and self.full.is_set():
                    begun = trio.current_time()
                enabled = trio.current_time() - begun > CLOSED
                out = block(EN_R=enabled, CONT=True, CONNECT=ends()[1], DATA=area, LEN=8_000)
                if out.DONE and enabled and out.RCVD_LEN:
                    if int.from_bytes(area[:4]) != number:
                        break
                    number += 1
                await trio.sleep(0.001)
            self.done.set()
            return number


def closed_window(objections: list[str]) -> None:
    """EN_R = 0 for five minutes."""
    with network.Cable() as cable:
        blocks = Blocks(cable)
        found = cable.run(a=blocks.send, b=blocks.receive)["b"]
    print(f"EN_R = 0 for {CLOSED} s: {found} of {MESSAGES} messages, {len(blocks.lost)} losses", flush=True)
    if found != MESSAGES or blocks.lost:
        objections.append("EN_R = 0 lost something")


def main(arguments: Sequence[str] = ()) -> int:
    """All ways at once; gives the exit status."""
    del arguments
    if network.WHY:
        print(network.WHY)
        return 0
    objections: list[str] = []
    ways = [partial(pull, sides, name, busy, objections) for sides in ("ab", "a", "b") for name, busy in WAYS]
    threads = [threading.Thread(target=one) for one in (*ways, partial(closed_window, objections))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for objection in objections:
        print(f"pulled_cable: {objection}")
    return bool(objections)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
