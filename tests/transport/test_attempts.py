"""Attempts that this computer or its network ends, live: who is blamed, with which STATUS, and what is advised."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
import trio

import ouc
from ouc.params import TCON_IP_v4

from ..plant import free_port

HOST = "127.0.0.1"


def active(port: int, *, local_port: int = 0, host: str = HOST, number: int = 1) -> TCON_IP_v4:
    return TCON_IP_v4(ID=number, ActiveEstablished=True, RemoteAddress=host, RemotePort=port, LocalPort=local_port)


async def failure_of(description: Any, **options: Any) -> ouc.OUCError:
    async with ouc.Station(**options) as station:
        with pytest.raises(ouc.OUCError) as caught:
            async with station.connect(description):
                pass
    return caught.value


async def test_a_second_connection_from_one_local_port_to_one_partner_is_told_by_the_port_and_not_by_the_address() -> (
    None
):
    local_port = free_port()
    with socket.create_server((HOST, 0)) as partner:
        port = partner.getsockname()[1]
        async with ouc.Station() as station, station.connect(active(port, local_port=local_port)):
            error = await failure_of(active(port, local_port=local_port, number=2))
    assert error.status == 0x80A1
    assert f"the local port {local_port} is already in use" in str(error)
    assert "LocalPort to 0" in error.failure.remedy
    assert str(error).endswith(f"look closer: ouc probe {HOST}:{port}")


@pytest.mark.parametrize(
    ("number", "status", "cause"),
    [
        (errno.ENETUNREACH, 0x80C6, "network-unreachable"),
        (errno.EHOSTUNREACH, 0x80C6, "unreachable"),
        (errno.EMFILE, 0x80C3, "no-descriptors"),
        (errno.ENOBUFS, 0x80C3, "no-memory"),
        (errno.EADDRNOTAVAIL, 0x80C4, "no-such-address"),
        (errno.ETIMEDOUT, 0x80C6, "no-answer"),
        (errno.EPERM, 0x80C6, "not-permitted"),
        (errno.ECONNRESET, 0x80C5, "turned-away"),
    ],
    ids=lambda one: errno.errorcode.get(one, str(one)) if isinstance(one, int) else one,
)
async def test_what_the_system_says_while_dialling_has_its_row(
    number: int, status: int, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dial(*_: Any, **__: Any) -> None:
        raise OSError(number, "text")

    monkeypatch.setattr("ouc.transport.opening.dial", dial)
    error = await failure_of(active(2000))
    assert (error.status, error.failure.cause) == (status, cause)
    assert error.failure.remedy
    assert str(error).startswith(f"{HOST}:2000: ")
    assert str(error).endswith(f"; look closer: ouc probe {HOST}:2000")


async def test_a_name_that_nobody_knows_has_a_cause_and_the_command_that_looks_closer() -> None:
    with pytest.raises(ouc.OUCError) as caught:
        async with ouc.connect("no.such.name.invalid", 2000, plain=True):
            pass
    told = caught.value.failure
    assert (told.cause, told.status) == ("name-unknown", 0x80D3)
    assert told.closer == "ouc probe no.such.name.invalid:2000"


@pytest.mark.parametrize(
    ("number", "status", "cause"),
    [(errno.EACCES, 0x80A2, "port-not-allowed"), (errno.EADDRINUSE, 0x80A1, "port-in-use"),
     (errno.EADDRNOTAVAIL, 0x80C4, "no-such-address"), (errno.EMFILE, 0x80C3, "no-descriptors")],
)  # fmt: skip
async def test_what_the_system_says_to_a_passive_end_has_its_row(
    number: int, status: int, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(*_: Any, **__: Any) -> None:
        raise OSError(number, "text")

    monkeypatch.setattr("ouc.transport.opening.listen", listen)
    description = TCON_IP_v4(ID=1, ActiveEstablished=False, RemoteAddress="0.0.0.0", RemotePort=0, LocalPort=2000)
    error = await failure_of(description, address=HOST)
    assert (error.status, error.failure.cause) == (status, cause)
    assert "2000" in str(error)
    assert len(error.failure.remedy) > 40


async def test_a_partner_from_another_port_than_the_described_one_is_told_that_the_port_is_it() -> None:
    told: list[Any] = []
    refused = trio.Event()
    port = free_port()

    def happened(one: Any) -> None:
        if one.failure is not None:
            told.append(one.failure)
            refused.set()

    description = TCON_IP_v4(ID=1, ActiveEstablished=False, RemoteAddress=HOST, RemotePort=2000, LocalPort=port)
    async with ouc.Station(address=HOST, on_event=happened) as station, trio.open_nursery() as nursery:
        nursery.start_soon(_connected, station, description)
        with trio.fail_after(30):
            while not refused.is_set():
                try:
                    stream = await trio.open_tcp_stream(HOST, port)
                except OSError:
                    await trio.lowlevel.checkpoint()
                    continue
                async with stream:
                    await refused.wait()
        nursery.cancel_scope.cancel()
    assert (told[0].status, told[0].cause) == (0x80C9, "other-partner")
    assert "the address fits, the port does not" in told[0].what
    assert "0 for any port" in told[0].remedy


async def _connected(station: ouc.Station, description: Any) -> None:
    async with station.connect(description):
        await trio.sleep_forever()
