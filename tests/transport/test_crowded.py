"""Real sockets at a passive end: strangers that never finish, many partners in one instant, and no descriptor left."""

from __future__ import annotations

import errno
import random
import socket
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from ouc.transport import crowd, dial, listen

from ..plant import Files, free_port, pem_files
from ..soak.strangers import ENDS, KINDS, OWN, Slow, client_context, flood, partners, passive
from .pairs import LOOPBACK


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return pem_files(tmp_path)


@pytest.fixture
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "_affordable", lambda: 6)
    # The promise itself is tested with a mock clock; here nobody has to wait for it.
    monkeypatch.setattr(crowd, "PATIENCE", 0.05)


@pytest.mark.usefixtures("few_places")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ENDS)
async def test_more_strangers_than_places_do_not_keep_the_next_partner_out(end: str, kind: str, files: Files) -> None:
    port, come = free_port(), trio.Event()
    count = 0

    def one_more() -> None:
        nonlocal count
        count += 1
        if count == 25:
            come.set()
            raise _Enough

    with trio.fail_after(60):
        async with passive(end, files, port, 10), trio.open_nursery() as nursery:

            async def strangers() -> None:
                try:
                    await flood(port, 1_000, kind, OWN, one_more)
                except* _Enough:
                    pass

            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(strangers)
            await come.wait()
            assert await partners(files, port, 1, 0.0) == 1
            nursery.cancel_scope.cancel()


class _Enough(Exception):
    pass


async def test_many_partners_in_one_instant_are_all_served(files: Files) -> None:
    port, chance, context = free_port(), random.Random(11), client_context(files)
    answers: list[bytes] = []

    async def partner() -> None:
        async with await trio.open_tcp_stream(OWN, port, local_address=OWN) as stream:
            answers.append(await Slow.over(stream, context, chance.choice([0, 0, 0.01])).exchange())

    with trio.fail_after(120):
        async with passive("serve", files, port, 100):
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(partner)
    assert answers == [b"hello"] * 100


async def test_as_many_may_wait_in_the_system_s_queue_as_an_end_may_have_partners(files: Files) -> None:
    port = free_port()
    async with passive("serve", files, port, 1_000):
        # Nothing is accepted meanwhile: this task does not give way.
        waiting = [socket.create_connection((OWN, port), timeout=30) for _ in range(120)]
        for one in waiting:
            one.close()


class Exhausted:
    """A listening socket whose accept(2) fails so many times."""

    def __init__(self, sock: socket.socket, failures: list[int]) -> None:
        self._sock, self.failures = sock, failures

    def accept(self) -> Any:
        if self.failures:
            number = self.failures.pop(0)
            raise OSError(number, "Too many open files")
        return self._sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


async def test_a_lack_of_descriptors_is_told_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    with listen(LOOPBACK, 0) as listener:
        real = listener._socket
        listener._socket = Exhausted(real, [errno.EMFILE] * 20 + [errno.ENFILE] * 20)  # type: ignore[assignment]
        ours = await dial(LOOPBACK, listener.port)
        theirs = await listener.accept()
        (line,) = [record.getMessage() for record in caplog.records]
        assert "no descriptor left" in line
        assert "ulimit -n" in line
        listener._socket = real
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.accept)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert "free again" in caplog.records[-1].getMessage()
        assert len(caplog.records) == 2
        ours.abort()
        theirs.abort()


async def test_a_stranger_makes_room_for_a_partner_when_no_descriptor_is_left(caplog: pytest.LogCaptureFixture) -> None:
    freed: list[int] = []

    def make_room() -> bool:
        freed.append(1)
        return True

    with listen(LOOPBACK, 0) as listener:
        real = listener._socket
        listener._socket = Exhausted(real, [errno.EMFILE])  # type: ignore[assignment]
        ours = await dial(LOOPBACK, listener.port)
        theirs = await listener.accept(make_room)
        assert freed == [1]
        assert not caplog.records
        listener._socket = real
        ours.abort()
        theirs.abort()


async def test_a_network_error_of_a_partner_in_the_queue_ends_no_listener() -> None:
    with trio.fail_after(30), listen(LOOPBACK, 0) as listener:
        real = listener._socket
        listener._socket = Exhausted(real, [errno.EPROTO, errno.ECONNABORTED, errno.ENETDOWN])  # type: ignore[assignment]
        ours = await dial(LOOPBACK, listener.port)
        theirs = await listener.accept()
        listener._socket = real
        ours.abort()
        theirs.abort()


async def test_a_closed_listener_says_so_at_once() -> None:
    listener = listen(LOOPBACK, 0)
    listener.close()
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()
