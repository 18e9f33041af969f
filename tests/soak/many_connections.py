"""1,000 secure connections at once for ten minutes, each exchanging a message a second.

python -m tests.soak.many_connections [CONNECTIONS] [SECONDS]
"""

from __future__ import annotations

import resource
import sys
import time

import attrs
import trio

import ouc
from ouc import profiles
from ouc.errors import OUCError

from ..plant import PAYLOAD, client_description, free_port, plant, server_description
from .connect_cycles import used

CONNECTIONS, SECONDS = 1_000, 600.0


async def main(connections: int, seconds: float) -> bool:
    """Run; tells whether every message came back and every connection stood to the end."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port = free_port()
    profile = attrs.evolve(profiles.DEFAULT, connect_timeout=60.0, handshake_timeout=60.0, connections=connections + 1)
    stations = [
        ouc.Station(plant().device(name), addresses=ouc.loopback(), profile=profile) for name in ("PLC-1", "PLC-2")
    ]
    exchanged, standing, failures = 0, 0, []
    everybody, slowest = trio.Event(), 0.0

    async def handler(connection: ouc.Connection) -> None:
        async for piece in connection:
            await connection.send(piece)

    async def partner(two: ouc.Station, number: int, gate: trio.CapacityLimiter) -> None:
        nonlocal exchanged, standing, slowest
        described = client_description(port)
        mine = attrs.evolve(described, ConnPara=attrs.evolve(described.ConnPara, ID=number))
        try:
            await gate.acquire()
            try:
                manager = two.connect(mine)
                connection = await manager.__aenter__()
            finally:
                gate.release()
            standing += 1
            if standing == connections:
                everybody.set()
            await everybody.wait()
            end = trio.current_time() + seconds
            # Spread over the second, so that the two processors are asked evenly.
            await trio.sleep(number / connections)
            while trio.current_time() < end:
                asked = trio.current_time()
                await connection.send(PAYLOAD)
                if await connection.receive(len(PAYLOAD)) != PAYLOAD:
                    failures.append(f"{number}: other bytes")
                exchanged += 1
                slowest = max(slowest, trio.current_time() - asked)
                await trio.sleep(1)
            await manager.__aexit__(None, None, None)
        except OUCError as error:
            failures.append(f"{number}: {error}")

    began = time.monotonic()
    async with stations[0] as one, stations[1] as two, trio.open_nursery() as nursery:
        await nursery.start(one.serve, server_description(port), handler)
        empty = used()

        async def report() -> None:
            await everybody.wait()
            up = used()
            print(
                f"{connections} connections after {time.monotonic() - began:.0f} s; {(up[2] - empty[2]) / connections:.1f} kB "
                f"for both ends of one",
                flush=True,
            )
            while True:
                await trio.sleep(60)
                print(
                    f"{time.monotonic() - began:.0f} s, {exchanged} exchanged, {len(failures)} failed, {used()}",
                    flush=True,
                )

        nursery.start_soon(report)
        gate = trio.CapacityLimiter(8)
        async with trio.open_nursery() as partners:
            for number in range(1, connections + 1):
                partners.start_soon(partner, two, number, gate)
        nursery.cancel_scope.cancel()
    good = not failures and standing == connections and exchanged >= connections * max(1, seconds / 3)
    print(
        f"{connections} connections for {seconds:.0f} s: {exchanged} messages of 258 bytes there and back, slowest "
        f"{slowest:.2f} s, failures {failures[:3] or 'none'}: {'good' if good else 'NOT GOOD'}"
    )
    return good


if __name__ == "__main__":
    numbers = [float(one) for one in sys.argv[1:]]
    sys.exit(0 if trio.run(main, int([*numbers, CONNECTIONS][0]), [*numbers, 0, SECONDS][1] or SECONDS) else 1)
