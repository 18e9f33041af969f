"""100,000 random sequences over all blocks and connections; the arguments are another number and the first seed.

Each sequence is 20 to 200 steps of a program and a network that do what they like (`tests.blocks.world`). Prints what each
block has shown, and ends with 1 if a rule was broken; the seed and the length of such a sequence are printed, which repeat it.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from random import Random

from ..blocks.world import World

SEQUENCES = 100_000
EVERY = 10_000
# Seconds after which the campaign ends whatever it has reached.
LIMIT = 3_000


def main(sequences: int = SEQUENCES, first: int | None = None) -> int:
    """Play, and tell what came of it; gives the exit status."""
    start = Random().randrange(2**40) if first is None else first
    begun = time.monotonic()
    shown: Counter[tuple[str, int]] = Counter()
    calls = sent = received = broken = played = 0
    for played in range(1, sequences + 1):
        seed = start + played
        chance = Random(seed)
        world, steps = World(chance), 20 + seed % 181
        try:
            world.play(steps)
        except Exception:
            broken += 1
            print(f"seed {seed}, {steps} steps: {traceback.format_exc()}", flush=True)
        calls, sent, received = calls + world.steps, sent + world.jobs_done, received + world.received
        shown.update(world.shown)
        if played % EVERY == 0:
            print(
                f"{played:,} of {sequences:,} sequences, {calls:,} calls, {time.monotonic() - begun:.0f} s", flush=True
            )
        if time.monotonic() - begun > LIMIT:
            break
    for name in sorted({name for name, _ in shown}):
        words = ", ".join(f"{status:04X}: {shown[one, status]:,}" for one, status in sorted(shown) if one == name)
        print(f"{name:14}{words}")
    print(
        f"block_sequences: {played:,} sequences from seed {start + 1}, {calls:,} calls, {sent:,} send jobs DONE, {received:,} "
        f"bytes received in order, {len(shown)} pairs of block and STATUS, {broken} broken, {time.monotonic() - begun:.0f} s"
    )
    return 1 if broken or played < sequences else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
