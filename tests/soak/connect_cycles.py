"""10,000 times connect with mutual TLS, send, close: no growth in descriptors, tasks or memory.

python -m tests.soak.connect_cycles [CYCLES]
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import attrs
import trio

import ouc
from ouc import profiles

from ..plant import PAYLOAD, client_description, free_port, plant, server_description

CYCLES = 10_000
# Caches (contexts, certificates, allocator) are warm after that many.
WARM = 500
# Kilobytes by which memory may differ between then and the end: the allocator's own noise.
TOLERANCE = 4096


def used() -> tuple[int, int, int]:
    """Open descriptors, tasks, and kilobytes of memory now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return len(list(Path("/proc/self/fd").iterdir())), trio.lowlevel.current_statistics().tasks_living, resident


async def main(cycles: int) -> bool:
    """Run; tells whether nothing has grown."""
    port = free_port()
    quick = attrs.evolve(profiles.DEFAULT, retry_first=0.01, retry_max=0.02)
    stations = [
        ouc.Station(plant().device(name), addresses=ouc.loopback(), profile=quick) for name in ("PLC-1", "PLC-2")
    ]
    received = 0
    began = time.monotonic()
    async with stations[0] as one, stations[1] as two, trio.open_nursery() as nursery:

        async def handler(connection: ouc.Connection) -> None:
            nonlocal received
            async for piece in connection:
                received += len(piece)

        await nursery.start(one.serve, server_description(port), handler)
        before = (0, 0, 0)
        for cycle in range(1, cycles + 1):
            async with two.connect(client_description(port)) as connection:
                await connection.send(PAYLOAD)
            if cycle == min(WARM, cycles // 2):
                await trio.testing.wait_all_tasks_blocked(0.05)
                before = used()
            if cycle % 1000 == 0:
                print(f"{cycle} cycles, {time.monotonic() - began:.0f} s, {used()}", flush=True)
        await trio.testing.wait_all_tasks_blocked(0.05)
        after = used()
        nursery.cancel_scope.cancel()
    seconds = time.monotonic() - began
    good = received == cycles * len(PAYLOAD) and after[:2] == before[:2] and after[2] - before[2] < TOLERANCE
    print(
        f"{cycles} cycles in {seconds:.0f} s ({1000 * seconds / cycles:.1f} ms each): descriptors {before[0]} and {after[0]}, "
        f"tasks {before[1]} and {after[1]}, memory {after[2] - before[2]:+d} kB, peak "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} kB, bytes {received} of {cycles * len(PAYLOAD)}: "
        f"{'good' if good else 'NOT GOOD'}"
    )
    return good


if __name__ == "__main__":
    import trio.testing

    sys.exit(0 if trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else CYCLES) else 1)
