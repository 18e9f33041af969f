"""Everything that the trio face offers, blocking: held connections, servers, records, datagrams."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

import ouc
from ouc import profiles, sync
from ouc.connection import LinkEvent
from ouc.params import TCON_IP_v4
from ouc.s7 import DataBlock

from ..plant import client_description, free_port, plant, server_description

QUICK = attrs.evolve(profiles.DEFAULT, retry_first=0.01, retry_max=0.02)
LONG = 30.0


def station(name: str) -> sync.Station:
    return sync.Station(plant().device(name), addresses=ouc.loopback(), profile=QUICK)


def for_anybody(port: int) -> Any:
    described = server_description(port)
    return attrs.evolve(described, ConnPara=attrs.evolve(described.ConnPara, RemoteAddress="0.0.0.0"))


def echo(connection: sync.Conversation) -> None:
    for piece in connection:
        connection.send(piece)


@contextmanager
def served(handler: Any = echo) -> Iterator[tuple[sync.Station, Any, sync.Server]]:
    port = free_port()
    with station("PLC-1") as one, station("PLC-2") as two:
        with one.serve(for_anybody(port), handler, at_once=10) as server:
            yield two, client_description(port), server


def test_ten_partners_are_served_each_in_a_thread() -> None:
    with served() as (two, description, _):
        together = threading.Barrier(10)
        failed: list[BaseException] = []

        def partner(number: int) -> None:
            try:
                mine = attrs.evolve(description, ConnPara=attrs.evolve(description.ConnPara, ID=number))
                with two.connect(mine, timeout=LONG) as connection:
                    connection.send(b"%02d" % number, timeout=LONG)
                    assert connection.receive(2, timeout=LONG) == b"%02d" % number
                    together.wait(LONG)
            except BaseException as error:
                failed.append(error)
                together.abort()

        threads = [threading.Thread(target=partner, args=(number,)) for number in range(1, 11)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
    assert failed == []


@pytest.mark.parametrize("error", [TimeoutError, ZeroDivisionError])
def test_what_fails_in_a_handler_ends_its_own_partner_and_the_server_goes_on(error: type[Exception]) -> None:
    def wrong(connection: sync.Conversation) -> None:
        if connection.receive(3) == b"bad":
            raise error("a mistake")
        connection.send(b"good")

    with served(wrong) as (two, description, server):
        with pytest.raises(ouc.ConnectionLost), two.connect(description, timeout=LONG) as connection:
            connection.send(b"bad", timeout=LONG)
            connection.receive(1, timeout=LONG)
        with two.connect(description, timeout=LONG) as connection:
            connection.send(b"one", timeout=LONG)
            assert connection.receive(4, timeout=LONG) == b"good"
        with pytest.raises(TimeoutError):
            server.wait(timeout=0.01)


def test_a_held_connection_comes_back_and_tells_its_changes() -> None:
    with served() as (two, description, _), two.hold(description, when_down="wait") as held:
        connection = held.wait_up(timeout=LONG)
        held.send(b"one", timeout=LONG)
        assert connection.receive(3, timeout=LONG) == b"one"
        assert (held.up, held.failure, held.dropped) == (True, None, 0)
        assert next(held.changes()).event is LinkEvent.UP
        assert next(iter(held)).partner == held.current.partner
        held.send(b"two", timeout=LONG)
        assert held.receive_some(timeout=LONG) == b"two"
        assert held.current.facts.sent == 6


def test_records_joined_messages_and_facts() -> None:
    block = DataBlock({"number": "Int"})
    with served() as (two, description, _), two.connect(description, timeout=LONG) as connection:
        images = []
        for number in range(3):
            block["number"] = number
            images.append(bytes(block))
        assert connection.send_many(iter(images), timeout=LONG) == 3
        records = connection.records(block)
        assert [next(records)["number"] for _ in range(3)] == [0, 1, 2]
        assert connection.facts.tls is not None


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")
def test_datagrams() -> None:
    port = free_port()
    described = TCON_IP_v4(
        ConnectionType=19, ActiveEstablished=False, RemoteAddress="192.168.0.9", LocalPort=port, RemotePort=0
    )
    options: dict[str, Any] = {"addresses": ouc.loopback()}
    with sync.Station(address="192.168.0.1", **options) as one, sync.Station(address="192.168.0.2", **options) as two:
        with one.datagrams(described) as first, two.datagrams(described) as second:
            first.send(b"ping", ("192.168.0.2", port), timeout=LONG)
            data, sender = second.receive(timeout=LONG)
            assert (data, str(sender[0])) == (b"ping", "192.168.0.1")
            with pytest.raises(TimeoutError):
                second.receive(timeout=0.01)


def test_serving_on_a_port_that_is_taken_is_told_at_once() -> None:
    with served() as (_, description, __):
        port = description.ConnPara.RemotePort
        with station("PLC-1") as other, pytest.raises(ouc.OUCError) as caught:
            other.serve(for_anybody(port), echo)
        assert caught.value.status == 0x80A1


def test_the_plain_way_to_serve_and_to_hold(tmp_path: Any) -> None:
    from ..plant import pem_files

    own, theirs = tmp_path / "plc-1", tmp_path / "plc-2"
    own.mkdir()
    theirs.mkdir()
    server, client = pem_files(own, device="PLC-1", own=9), pem_files(theirs)
    port = free_port()
    with sync.serve(port, echo, host="127.0.0.1", ca=server.ca, cert=server.cert, key=server.key):
        files: Any = {"ca": client.ca, "cert": client.cert, "key": client.key}
        with sync.hold("127.0.0.1", port, **files, check_address=False, when_down="wait") as held:
            held.send(b"hello", timeout=LONG)
            assert held.receive(5, timeout=LONG) == b"hello"
        # The CA is there to verify clients with, so one without a certificate is refused.
        with pytest.raises(ouc.CertificateError) as caught:
            with sync.connect("127.0.0.1", port, ca=client.ca, check_address=False, timeout=LONG) as connection:
                connection.receive(1, timeout=LONG)
        assert caught.value.status == 0x80E1


def test_a_server_without_a_certificate_says_what_is_missing() -> None:
    with pytest.raises(ouc.ParameterError) as caught:
        sync.serve(free_port(), echo)
    assert caught.value.status == 0x80E9
