"""Messages over a wire that breaks: none altered, doubled, reordered or silently lost, and the connection comes back."""

from __future__ import annotations

import struct
import zlib

import pytest

from emulator.faults import wire
from emulator.faults.wire import Direction, Harm, Place

from .lossy import SIZE, Report, Run, _Receiving, block, carry, wires


@pytest.mark.parametrize(
    ("row", "secure"), wires(), ids=lambda value: getattr(value, "name", "TLS" if value else "TCP")
)
async def test_messages_survive_each_fault_and_each_interruption_is_told(row: wire.Kind, secure: bool) -> None:
    # After the handshake, where the messages are; 16-byte frames count as records on a plain connection.
    report = await carry(
        Run(
            kind=row, messages=600, secure=secure, direction=Direction.FORTH, at_most=32, patient=True,
            span=range(4_000, 6_000), records=range(8, 13),
        )
    )  # fmt: skip
    assert report.objections == []
    ends = row.place is Place.END  # nobody ends the connection here
    assert report.struck == (not ends)
    if row.harm is not Harm.HARMLESS and not ends:
        assert report.sender or report.receiver


def test_a_message_follows_from_its_number() -> None:
    assert len(block(5, 3)) == 3 * SIZE
    assert block(5, 3) == block(5, 1) + block(6, 2)
    assert len({block(number, 1) for number in range(1_000)}) == 1_000


def judged(*jobs: bytes, told_before: int = -1) -> tuple[list[str], int]:
    """What is objected to when receive jobs bring this; an ERROR is shown before job `told_before`."""
    receiving = _Receiving(Report(Run(kind=wire.kind("none"), messages=1)))
    for number, job in enumerate(jobs):
        receiving.told = number == told_before
        receiving.take(job)
    return receiving.report.objections, receiving.report.lost


def test_a_gap_is_allowed_only_where_an_interruption_was_told() -> None:
    assert judged(block(0, 4), block(4, 4)) == ([], 0)
    assert judged(block(0, 4), block(7, 4), told_before=1) == ([], 3)
    assert judged(block(0, 4), block(7, 4)) == (["4 to 6 are missing, and nothing was told"], 3)
    # A job never spans two connections.
    assert judged(block(0, 2) + block(5, 2), told_before=0)[0] == ["2 to 4 are missing, and nothing was told"]


def test_a_doubled_a_reordered_and_an_altered_message_are_noticed() -> None:
    assert judged(block(0, 4), block(3, 1))[0] == ["message 3 came after 3"]
    assert judged(block(0, 1) + block(2, 1) + block(1, 1), told_before=0)[0][-1] == "message 1 came after 2"
    for at in range(SIZE):
        bad = bytearray(block(0, 1))
        bad[at] ^= 1
        assert judged(bytes(bad))[0] == ["the message after -1 is altered"]
    # A checksum that fits does not make another content right.
    body = struct.pack(">IQ", 0, 1)
    assert judged(body + zlib.crc32(body).to_bytes(4))[0] == ["the message after -1 is altered"]


def test_a_report_objects_to_interruptions_that_nobody_was_told_of() -> None:
    lost = Report(Run(kind=wire.kind("reset"), messages=1), losses=[1, 0])
    lost.conclude()
    assert lost.objections == ["the receiver lost 1 connections and told of 0"]
    harmless = Report(Run(kind=wire.kind("stall"), messages=1), lost=2)
    harmless.conclude()
    assert len(harmless.objections) == 1
