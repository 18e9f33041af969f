"""1,000,000 numbered messages from TSEND_C to TRCV_C over wires with every kind of fault; the argument is another number.

Every connection is struck, at another place each time, in the handshake too. Prints a table, and ends with 1 if a message was
lost silently, doubled, reordered or altered, if an interruption was not told, or if a connection did not come back.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import count

import trio

from emulator.faults import wire
from emulator.faults.wire import Direction, Harm, Place

from ..attack.lossy import Report, Run, carry, wires

MESSAGES = 1_000_000
IN_A_RUN = 4_000
# Seconds after which the campaign ends whatever it has reached.
LIMIT = 3_000


def run_of(kind: wire.Kind, *, secure: bool, seed: int) -> Run:
    """A run that strikes every connection where messages still get through between two strikes."""
    often = kind.harm is not Harm.HARMLESS and kind.place in (Place.BYTE, Place.RECORD) and kind.records is None
    return Run(
        kind=kind,
        messages=IN_A_RUN,
        secure=secure,
        seed=seed,
        strikes=None if often else 3,
        # Most bytes go forth; a third of the runs strikes what comes back.
        direction=Direction.BACK if seed % 3 == 2 else Direction.FORTH,
        span=range(60_000 if often else 10_000),
        records=range(30 if secure else 4_000),
    )


def table(reports: Sequence[Report]) -> str:
    """What each kind of wire did."""
    lines = [f"{'':20}{'received':>10}{'lost':>8}{'struck':>8}  ERROR at TSEND_C; at TRCV_C"]
    for kind, secure in wires():
        mine = [one for one in reports if (one.run.kind, one.run.secure) == (kind, secure)]
        told = ["", ""]
        for which, counters in enumerate(([one.sender for one in mine], [one.receiver for one in mine])):
            total = sum(counters, Counter[str]())
            told[which] = ", ".join(f"{status[3:]}: {number}" for status, number in sorted(total.items())) or "-"
        received, lost, struck = (sum(getattr(one, name) for one in mine) for name in ("received", "lost", "struck"))
        name = f"{kind.name} {'TLS' if secure else 'TCP'}"
        lines.append(f"{name:20}{received:10,}{lost:8,}{struck:8,}  {'; '.join(told)}")
    return "\n".join(lines)


def main(messages: int = MESSAGES) -> int:
    """Send, and tell what came of it; gives the exit status."""
    begun = time.monotonic()
    reports: list[Report] = []
    received = 0
    for seed in count():
        for kind, secure in wires():
            if received >= messages or time.monotonic() - begun > LIMIT:
                break
            report = trio.run(carry, run_of(kind, secure=secure, seed=seed))
            reports.append(report)
            received += report.received
            for objection in report.objections:
                print(f"{kind.name} {'TLS' if secure else 'TCP'}, seed {seed}: {objection}", flush=True)
        print(f"{received:,} of {messages:,} messages, {time.monotonic() - begun:.0f} s", flush=True)
        if received >= messages or time.monotonic() - begun > LIMIT:
            break
    bad = sum(len(one.objections) for one in reports)
    print(table(reports))
    told = sum(one.sender.total() + one.receiver.total() for one in reports)
    print(
        f"lossy_messages: {received:,} messages received, {sum(one.lost for one in reports):,} lost with an interruption "
        f"that was told, {sum(one.struck for one in reports):,} strikes, {told:,} ERRORs shown, {bad} objections, "
        f"{time.monotonic() - begun:.0f} s"
    )
    return 1 if bad or received < messages else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
