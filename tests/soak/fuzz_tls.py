"""Hostile TLS clients: written scripts, bent hellos and, with tlslite-ng, rules broken under the keys.

Each is judged by what pyOpenSSL alone makes of the same bytes (tests/peers/hostile.py), then all scripts go to an emulated
PLC-1 over real sockets, which has to serve PLC-2 afterwards. The arguments are the number of bent hellos and a seed;
without a seed there is a new one each time, and it is printed. Ends with 1 if anything came out otherwise.

`pip install tlslite-ng` adds the scripts under the keys. tlsfuzzer itself is on no package index.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable

import trio

from ..peers import hostile, keyed
from ..peers.hostile import Outcome
from ..peers.live import assail, then_serve

MUTANTS = 100_000
STEP = 20_000


def differences(seen: Iterable[tuple[str, Outcome, Outcome]]) -> list[str]:
    """What came out otherwise than at the plain server, without what we refuse on purpose."""
    found = []
    for name, ours, plain in seen:
        if name in hostile.STRICTER:
            if not ours.failed:
                found.append(f"{name}: is not refused")
        elif ours != plain:
            found.append(f"{name}: ours {ours}, plain {plain}")
    return found


def bent(number: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Compare `number` bent hellos; gives the differences and how often which alert was sent."""
    found: list[str] = []
    kinds: Counter[str] = Counter()
    for done, pieces in enumerate(hostile.mutants(seed, number), start=1):
        ours, plain = hostile.ours(pieces), hostile.plain(pieces)
        kinds["answered" if ours.answered else "waits" if not ours.failed else f"alert {ours.alert}"] += 1
        # A large piece may meet our limit on handshakes first.
        if ours != plain and sum(map(len, pieces)) <= 65_536:
            found.append(f"{b'|'.join(pieces).hex()}: ours {ours}, plain {plain}")
        if done % STEP == 0:
            print(f"{done:,} of {number:,} bent hellos", flush=True)
    return found, kinds


def under_the_keys() -> list[tuple[str, Outcome, Outcome]]:
    """Carry out the scripts that need keys."""
    if not keyed.available():
        print("scripts under the keys are left out: tlslite-ng is not installed (pip install tlslite-ng)")
        return []
    seen = []
    for (name, version), script in keyed.scripts().items():
        ours = keyed.carry_out(script, hostile.Ours(demand=False), version)
        plain = keyed.carry_out(script, hostile.Plain(demand=False), version)
        seen.append((name, ours, plain))
    return seen


async def live(scripts: list[list[bytes]]) -> int:
    """All scripts over sockets, then a good partner."""
    with trio.fail_after(300):
        return await then_serve(lambda port: assail(port, scripts))


def main(number: int = MUTANTS, seed: int | None = None) -> int:
    """Run everything; gives the exit status."""
    begun = time.monotonic()
    seed = secrets.randbits(32) if seed is None else seed
    print(f"seed {seed}", flush=True)
    written = [(name, hostile.ours(pieces), hostile.plain(pieces)) for name, pieces in hostile.scripts().items()]
    secret = under_the_keys()
    found = differences(written + secret)
    more, kinds = bent(number, seed)
    ended = trio.run(live, [*hostile.scripts().values(), *hostile.mutants(seed + 1, 300)])
    for text in found + more:
        print(text)
    for kind, count in sorted(kinds.items()):
        print(f"{kind:12}{count:>10,}")
    print(
        f"fuzz_tls: {len(written)} scripts, {len(secret)} under the keys, {number:,} bent hellos, {ended} over sockets "
        f"before a good partner was served, {len(found) + len(more)} differences, {time.monotonic() - begun:.0f} s"
    )
    return 1 if found or more else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
