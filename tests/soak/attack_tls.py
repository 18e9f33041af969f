"""2,000 attacks at the level of bytes on TLS between two ends; the argument is another number of them.

Prints a table of kinds × STATUS on the reading side, and ends with 1 if anything happened that must never happen.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import trio
from trio.testing import MockClock

from ..attack.attacker import KINDS, Outcome, attacks, carry_out_all, objections

RUNS = 2_000
STEP = 250


def table(outcomes: list[Outcome]) -> str:
    """Kinds × what the reading side showed."""
    counts = Counter((outcome.attack.kind.name, outcome.told) for outcome in outcomes)
    columns = sorted({told for _, told in counts}, key=lambda told: (told != "complete", told))
    lines = [f"{'':16}" + "".join(f"{column:>10}" for column in columns)]
    for kind in KINDS:
        cells = "".join(f"{counts[kind.name, column] or '':>10}" for column in columns)
        lines.append(f"{kind.name:16}{cells}")
    return "\n".join(lines)


def main(runs: int = RUNS) -> int:
    """Attack, and tell what came of it; gives the exit status."""
    begun = time.monotonic()
    outcomes: list[Outcome] = []
    for start in range(0, runs, STEP):
        part = attacks(range(start, min(start + STEP, runs)))
        outcomes += trio.run(carry_out_all, part, clock=MockClock(autojump_threshold=0.01))
        print(f"{len(outcomes):,} of {runs:,} attacks", flush=True)
    bad = [(outcome, found) for outcome in outcomes if (found := objections(outcome))]
    for outcome, found in bad:
        print(f"attack {outcome.attack.number} ({outcome.attack.kind.name}, TLS {outcome.attack.version}): {found}")
    print(table(outcomes))
    print(
        f"attack_tls: {runs:,} attacks, {sum(outcome.struck for outcome in outcomes):,} struck, "
        f"{sum(outcome.complete for outcome in outcomes):,} complete, {len(bad)} objections, "
        f"{time.monotonic() - begun:.0f} s"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
