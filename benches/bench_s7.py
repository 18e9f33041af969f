"""How long reading, writing and laying out data blocks takes, against what was promised.

    one Int by name                          at most 3 x struct.unpack_from behind one function call
    1,000 mixed members into a dict          at most 5 ms
    a source of 2,000 members                at most 2 s

Run it with `python3 do.py bench`. The exit status is 1 if a promise is broken; the figures are medians of several runs.
"""

from __future__ import annotations

import statistics
import struct
import sys
import timeit
from collections.abc import Callable

from ouc.s7 import DataBlock
from ouc.source import loads

# Of every kind something; repeated to 1,000 members.
MIXED = [
    "Bool", "Byte", "Int", "UInt", "DInt", "Real", "String[16]", "Time", "Date", "DTL", "Word", "LReal", "Char", "WString[8]",
    "Date_And_Time", "Time_Of_Day", "LTime", "Bool", "Bool", "Array[0..3] of Int",
]  # fmt: skip


def median(call: Callable[[], object], number: int, repeat: int = 11) -> float:
    """Seconds for one call."""
    return statistics.median(timeit.repeat(call, number=number, repeat=repeat)) / number


def beside(
    code: str, yardstick: str, names: dict[str, object], number: int = 50_000, rounds: int = 25
) -> tuple[float, float]:
    """Seconds for one execution of a statement, and how many times the yardstick that is.

    The two are timed in turn and compared within a round: the speed of a shared machine drifts, the ratio does not.
    """
    timers = [timeit.Timer(text, globals=names) for text in (code, yardstick)]
    times = [[timer.timeit(number) / number for timer in timers] for _ in range(rounds)]
    return statistics.median(pair[0] for pair in times), statistics.median(pair[0] / pair[1] for pair in times)


def main() -> int:
    """Measure, print, and compare with the promises."""
    failed = 0

    def report(what: str, seconds: float, limit: float) -> None:
        nonlocal failed
        scale, unit = (1e9, "ns") if seconds < 1e-6 else (1e6, "µs") if seconds < 1e-3 else (1e3, "ms")
        kept = seconds <= limit
        failed += not kept
        print(
            f"{what:52} {seconds * scale:9.1f} {unit}   limit {limit * scale:9.1f} {unit}   {'kept' if kept else 'BROKEN'}"
        )

    db = DataBlock({f"m{n}": MIXED[n % len(MIXED)] for n in range(1000)})
    offset = next(slot.offset for slot in db.layout if slot.name == "m2")

    def unpack(image: bytearray) -> int:
        value: int = struct.unpack_from(">h", image, offset)[0]
        return value

    def pack(image: bytearray, value: int) -> None:
        struct.pack_into(">h", image, offset, value)

    names: dict[str, object] = {"db": db, "unpack": unpack, "pack": pack, "image": db.image}
    for what, code, yardstick in (
        ("read one Int by name", 'db["m2"]', "unpack(image)"),
        ("write one Int by name", 'db["m2"] = 5', "pack(image, 5)"),
    ):
        seconds, ratio = beside(code, yardstick, names)
        report(f"{what} ({ratio:.2f} x struct)", seconds, seconds * 3 / ratio)
    report("1,000 mixed members into a dict", median(db.to_dict, 10), 5e-3)

    members = "".join(f"      member_{n} : {MIXED[n % len(MIXED)]};   // comment {n}\n" for n in range(2000))
    begin = "".join(f"   member_{n} := {n % 1000};\n" for n in range(2, 2000, len(MIXED)))
    head = "DATA_BLOCK \"X\"\n{ S7_Optimized_Access := 'FALSE' }\nVERSION : 0.1\n   STRUCT \n"
    source = f"{head}{members}   END_STRUCT;\n\n\nBEGIN\n{begin}\nEND_DATA_BLOCK\n"
    report("a source of 2,000 members", median(lambda: bytes(loads(source).block()), 1, 5), 2.0)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
