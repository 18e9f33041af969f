"""The two tasks of one connection, upon a stream that is a list; and what a station does with a job that nobody can send."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from ouc import Station
from ouc.connection import LinkEvent, SendJob
from ouc.errors import ConnectionLost, Failure
from ouc.station import Happening
from ouc.station.attendance import Attendance
from ouc.station.streams import StreamLife
from ouc.status import Status
from ouc.transport import Opener

from ..connection.shell import ACTIVE, Bench
from ..plant import free_port
from .partner import dial, passive
from .test_messages import no_own_addresses, station, until


class Listed:
    """A stream that gives what is in its list, then nothing for ever, and takes everything."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent: list[bytes] = []

    async def receive_some(self, most: int) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self.pieces:
            await trio.sleep_forever()
        assert len(self.pieces[0]) <= most
        return self.pieces.pop(0)

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(data)


def attended(stream: Listed) -> tuple[Bench, Attendance]:
    bench = Bench(receive_buffer=1000)
    bench.port.establish(ACTIVE)
    bench.up()
    wire: Any = SimpleNamespace(stream=stream, partner="192.168.0.1:2000", tcp=SimpleNamespace())
    return bench, Attendance(bench.link, wire)


async def test_a_lost_connection_gives_every_piece_that_had_arrived_and_not_only_the_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench, attendance = attended(Listed(b"one", b"two", b"three"))
    attendance.lose(ConnectionLost("a send failed", status=0x80C5))
    assert await attendance.run() is False
    assert len(bench.link.inbox) == len(b"onetwothree")
    # What is quiet for a moment has given all.
    assert 0 < trio.current_time() - autojump_clock.autojump_threshold < 5


class Steps(trio.abc.Instrument):
    """Counts how often each task runs."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.of[task.name] += 1


async def test_a_sender_without_jobs_rests() -> None:
    stream = Listed()
    bench, attendance = attended(stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attendance.run)
        for number in range(3):
            job = SendJob(b"%d" % number, None)
            attendance.transmit(job)
            with trio.fail_after(30):
                while not job.done:
                    await trio.lowlevel.checkpoint()
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        for _ in range(50):
            await trio.lowlevel.checkpoint()
        trio.lowlevel.remove_instrument(steps)
        nursery.cancel_scope.cancel()
    assert stream.sent == [b"0", b"1", b"2"]
    assert bench.link.sent == 3
    assert sum(count for name, count in steps.of.items() if name.endswith("Attendance._send")) <= 3


@no_own_addresses
async def test_a_job_for_a_connection_that_does_not_stand_or_does_not_exist_fails_with_80A1() -> None:
    async with station(1) as one:
        link = one.port.establish(passive(free_port()))
        (life,) = one._lives.values()
        assert isinstance(life, StreamLife)
        for transmit in (life.transmit, lambda job: one.transmit(Bench().port.establish(ACTIVE), job)):
            job = SendJob(b"x", None)
            transmit(job)
            assert job.failure is not None
            assert job.failure.status == 0x80A1
        assert not link.established


@pytest.mark.parametrize("who", ["on_event", "a listener", "nobody"])
async def test_the_partners_ID_is_looked_up_for_whoever_listens(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Station, "_known", lambda *_: 7)
    one = station(1, on_event=(lambda _: None) if who == "on_event" else None)
    if who == "a listener":
        one.listeners.append(lambda _: None)
    happening = one.happened(Bench().port.establish(ACTIVE), LinkEvent.UP)
    assert happening.partner_id == (None if who == "nobody" else 7)


async def test_an_end_is_orderly_only_where_somebody_says_so() -> None:
    told: list[Happening] = []
    async with station(1, on_event=told.append) as one:
        one.tell(one.port.establish(passive(free_port())), LinkEvent.REFUSED, failure=Failure("no", Status(0x80C6)))
    assert [happening.orderly for happening in told if happening.event is LinkEvent.REFUSED] == [False]
    assert not Happening(connection_id=1, event=LinkEvent.LOST).orderly


@no_own_addresses
async def test_a_second_partner_is_not_judged_while_the_first_one_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    original = Opener.open_passive

    async def open_passive(opener: Opener, *arguments: Any) -> Any:
        judged.append(arguments)
        return await original(opener, *arguments)

    monkeypatch.setattr(Opener, "open_passive", open_passive)
    port = free_port()
    async with station(1) as one:
        link = one.port.establish(passive(port))
        first = await dial(port)
        await until(lambda: link.established)
        # The reset may come while the second one still connects.
        with trio.fail_after(30), pytest.raises((OSError, trio.BrokenResourceError)):
            async with await dial(port) as second:
                await second.receive_some(1)
        assert len(judged) == 1
        await first.aclose()
