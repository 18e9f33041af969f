"""What a user sees of an error: his own lines and one of ours, in every face."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

import ouc
from ouc import aio, sync

from ..plant import free_port

ROOT = Path(ouc.__file__).parent
LONG = 30.0


def frames(error: BaseException) -> list[str]:
    """Whose lines a traceback shows, from the first to the last: mine, ours, or another library's."""
    found = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    return ["mine" if file == Path(__file__) else "ours" for file in found if file == Path(__file__) or ROOT in file.parents]


@pytest.fixture
def gone() -> Iterator[socket.socket]:
    """The port of a partner that accepts and closes at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def trio_connect(port: Any) -> None:
    async def main() -> None:
        async with ouc.connect("127.0.0.1", port, plain=True):
            pytest.fail("connected")

    trio.run(main)


def aio_connect(port: Any) -> None:
    async def main() -> None:
        async with aio.connect("127.0.0.1", port, plain=True):
            pytest.fail("connected")

    asyncio.run(main())


def sync_connect(port: Any) -> None:
    with sync.connect("127.0.0.1", port, plain=True):
        pytest.fail("connected")


def sync_calls() -> dict[str, Callable[[sync.Connection], Any]]:
    return {
        "send": lambda connection: connection.send("no bytes"),
        "receive": lambda connection: connection.receive(0),
        "receive_some": lambda connection: connection.receive_some(timeout="5"),
        "timeout": lambda connection: connection.receive(1, timeout=0),
        "records": lambda connection: next(connection.records(ouc.DataBlock({"a": "Int"}))),
    }


@pytest.mark.parametrize("connect", [trio_connect, aio_connect, sync_connect])
@pytest.mark.parametrize("port", ["nobody", "wrong"])
def test_a_connect_that_fails_shows_one_line_of_ours_below_the_caller_s(
    connect: Callable[[Any], None], port: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "ouc.traceback"), pytest.raises(ouc.OUCError) as caught:
        connect(free_port() if port == "nobody" else "2000")
    assert set(frames(caught.value)[:-1]) == {"mine"}
    assert frames(caught.value)[-1] == "ours"
    cause = caught.value.__cause__
    assert cause is None or cause.__traceback__ is None
    # The whole way is there for those who look for it.
    assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("name", sync_calls())
def test_a_call_that_fails_shows_one_line_of_ours(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with sync.connect("127.0.0.1", listener.getsockname()[1], plain=True, timeout=LONG) as connection:
            other, _ = listener.accept()
            with other:
                if name == "records":
                    other.sendall(b"1")
                    other.shutdown(socket.SHUT_WR)
                with pytest.raises((ouc.OUCError, TimeoutError)) as caught:
                    sync_calls()[name](connection)
    assert frames(caught.value)[-1] == "ours"
    assert frames(caught.value).count("ours") == 1


def test_what_the_body_raises_keeps_its_own_way() -> None:
    async def body() -> None:
        raise ouc.ConnectionLost("from the body")

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with ouc.connect("127.0.0.1", listener.getsockname()[1], plain=True):
                await body()

    with pytest.raises(ouc.ConnectionLost) as caught:
        trio.run(main)
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][-1] == "body"


def test_a_wrong_option_of_a_server_shows_one_line_of_ours() -> None:
    with pytest.raises(ouc.ParameterError) as caught:
        sync.serve(2000, print, at_once=0)
    assert frames(caught.value) == ["mine", "ours"]


TRIO: dict[str, Callable[[Any], Any]] = {
    "send": lambda connection: connection.send("no bytes"),
    "send_many": lambda connection: connection.send_many([3]),
    "receive": lambda connection: connection.receive(3),
    "receive_some": lambda connection: connection.receive_some(),
    "receive_into": lambda connection: connection.receive_into(bytearray(3)),
}


@pytest.mark.parametrize("name", TRIO)
@pytest.mark.parametrize("way", ["connect", "hold"])
def test_a_call_of_the_trio_face_that_fails_shows_one_line_of_ours(name: str, way: str, gone: socket.socket) -> None:
    async def main() -> None:
        async with getattr(ouc, way)("127.0.0.1", gone.getsockname()[1], plain=True) as opened:
            connection = await opened.wait_up() if way == "hold" else opened
            other, _ = gone.accept()
            other.close()
            await TRIO[name](connection)

    with pytest.raises(ouc.OUCError) as caught:
        trio.run(main)
    assert frames(caught.value)[-1] == "ours"
    assert frames(caught.value).count("ours") == 1
