"""ISO-on-TCP and UDP over real sockets: boundaries stay, selectors choose, and every datagram names its sender."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
import trio

from ouc import Station, loopback, profiles
from ouc.connection import Link, LinkState, SendJob
from ouc.params import TCON_IP_RFC, TCON_IP_v4
from ouc.station.datagrams import DatagramLife
from ouc.wire import Delivery

from ..plant import PLC_1, free_port

# The receive buffer of a CPU.
QUICK = attrs.evolve(profiles.DEFAULT, retry_first=0.02, retry_max=0.05, handshake_timeout=5.0, receive_buffer=8192)
CALLED: Any = b"\xe0\x01ISOonTCP-1"
CALLING: Any = b"\xe0\x02ISOonTCP-1"
no_own_addresses = pytest.mark.skipif(sys.platform == "darwin", reason="macOS configures one loopback address")


def station(number: int, **options: Any) -> Station:
    options.setdefault("profile", QUICK)
    return Station(address=f"192.168.0.{number}", addresses=loopback(), **options)


async def until(condition: Callable[[], Any]) -> None:
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - many things may make it true
            await trio.sleep(0.002)


async def sent(station: Station, link: Link, data: bytes, to: Any = None) -> SendJob:
    job = station.port.send(link, data, to=to)
    await until(lambda: job.done or job.failure)
    return job


def take(station: Station, link: Link, room: int = 65_536) -> bytes:
    area = bytearray(room)
    return bytes(area[: station.port.receive(link, memoryview(area), Delivery.FIXED_LENGTH)])


def passive_iso(**members: Any) -> TCON_IP_RFC:
    return TCON_IP_RFC(
        active_established=False,
        remote_address="192.168.0.2",
        local_tselector=CALLED,
        remote_tselector=CALLING,
        **members,
    )


def active_iso(**members: Any) -> TCON_IP_RFC:
    members.setdefault("remote_tselector", CALLED)
    return TCON_IP_RFC(remote_address="192.168.0.1", local_tselector=CALLING, **members)


@asynccontextmanager
async def iso_pair() -> AsyncIterator[tuple[Station, Station, Link, Link]]:
    port = free_port()
    async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
        passive, active = one.port.establish(passive_iso()), two.port.establish(active_iso())
        await until(lambda: passive.established and active.established)
        yield one, two, passive, active


# -- ISO-on-TCP ------------------------------------------------------------------------------------------------------


@no_own_addresses
async def test_ISO_messages_keep_their_boundaries_in_both_directions() -> None:
    async with iso_pair() as (one, two, passive, active):
        for size in (1, 5, 8189, 8190, 65_536):
            await sent(two, active, bytes([size & 0xFF]) * size)
            await until(lambda: len(passive.inbox))
            assert len(take(one, passive)) == size
        await sent(one, passive, b"back")
        await sent(one, passive, b"again")
        await until(lambda: len(active.inbox) == 9)
        assert (take(two, active), take(two, active), take(two, active)) == (b"back", b"again", b"")


@no_own_addresses
async def test_an_ISO_message_that_does_not_fit_is_8088_and_stays_for_a_larger_area() -> None:
    from ouc.wire import AreaTooSmallError

    async with iso_pair() as (one, two, passive, active):
        await sent(two, active, b"0123456789")
        await until(lambda: len(passive.inbox))
        with pytest.raises(AreaTooSmallError) as caught:
            take(one, passive, 9)
        assert (caught.value.status, caught.value.size) == (0x8088, 10)
        assert take(one, passive, 10) == b"0123456789"


@no_own_addresses
async def test_two_passive_ends_share_the_port_and_the_called_selector_chooses() -> None:
    port = free_port()
    async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
        names: dict[int, Any] = {1: b"end-1", 2: b"end-2"}
        ends = [one.port.establish(attrs.evolve(passive_iso(id=n), local_tselector=names[n])) for n in (1, 2)]
        links = [two.port.establish(active_iso(id=n, remote_tselector=b"end-%d" % n)) for n in (2, 1)]
        await until(lambda: all(link.established for link in (*ends, *links)))
        await sent(two, links[0], b"for two")
        await until(lambda: len(ends[1].inbox))
        assert len(ends[0].inbox) == 0
        # One end goes; the other keeps its connection and the door stays open.
        one.port.terminate(ends[0])
        await until(lambda: links[1].state is LinkState.DISCONNECTED or links[1].state is LinkState.CONNECTING)
        await sent(two, links[0], b"still")
        await until(lambda: len(ends[1].inbox) == 12)


@no_own_addresses
async def test_the_last_passive_end_closes_the_door_and_the_next_one_opens_it_at_once() -> None:
    port = free_port()
    async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
        for _ in range(5):
            passive = one.port.establish(passive_iso())
            active = two.port.establish(active_iso())
            await until(lambda: all(each.port.links[0].established for each in (one, two)))
            assert passive.failures == 0
            one.port.terminate(passive)
            two.port.terminate(active)
            await until(lambda: not (one.port.links or two.port.links))


@no_own_addresses
async def test_a_selector_that_nobody_has_is_refused_and_told_with_a_reason() -> None:
    port = free_port()
    async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
        passive = one.port.establish(passive_iso())
        active = two.port.establish(active_iso(remote_tselector=b"nobody"))
        await until(lambda: active.failures)
        assert active.failure is not None
        assert active.failure.status == 0x80C5
        assert passive.state is LinkState.LISTENING


@no_own_addresses
async def test_a_stranger_who_speaks_no_ISO_disturbs_nobody() -> None:
    port = free_port()
    async with station(1, iso_port=port) as one, station(2, iso_port=port) as two:
        passive = one.port.establish(passive_iso())
        for greeting in (b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("0300000702f080"), b""):
            with socket.create_connection((PLC_1, port)) as sock:
                sock.sendall(greeting)
        active = two.port.establish(active_iso())
        await until(lambda: passive.established and active.established)


@no_own_addresses
async def test_a_lost_ISO_connection_is_told_and_comes_back() -> None:
    async with iso_pair() as (one, two, passive, active):
        one.port.reset(passive)
        await until(lambda: active.epoch >= 2 and active.established)
        await sent(two, active, b"after")
        await until(lambda: len(passive.inbox))
        assert take(one, passive) == b"after"


# -- UDP ---------------------------------------------------------------------------------------------------------------


def datagrams(port: int, **members: Any) -> TCON_IP_v4:
    return TCON_IP_v4(ConnectionType=0x13, ActiveEstablished=False, LocalPort=port, RemotePort=0, **members)


@asynccontextmanager
async def udp_pair(**members: Any) -> AsyncIterator[tuple[Station, Station, Link, Link, int]]:
    port = free_port()
    members.setdefault("RemoteAddress", "192.168.0.9")
    async with station(1) as one, station(2) as two:
        links = [each.port.establish(datagrams(port, **members)) for each in (one, two)]
        await until(lambda: all(link.established for link in links))
        yield one, two, links[0], links[1], port


@no_own_addresses
async def test_datagrams_keep_their_boundaries_and_name_their_sender() -> None:
    async with udp_pair() as (one, two, first, second, port):
        for data in (b"a", bytes(2048), b"b" * 700):
            assert (await sent(two, second, data, (IPv4Address("192.168.0.1"), port))).done
        await until(lambda: len(first.inbox) == 2749)
        assert [len(take(one, first)) for _ in range(3)] == [1, 2048, 700]
        assert (second.sent, first.received) == (2749, 2749)
        assert first.inbox.sender == (IPv4Address("192.168.0.2"), port)


@no_own_addresses
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no multicast or broadcast on loopback")
@pytest.mark.parametrize(
    ("members", "target"),
    [({"RemoteAddress": "239.1.2.3"}, "239.1.2.3"), ({}, "192.168.0.255")],
    ids=["multicast", "broadcast"],
)
async def test_a_group_and_the_broadcast_address_reach_every_station(members: dict[str, Any], target: str) -> None:
    async with udp_pair(**members) as (one, two, first, second, port):
        assert (await sent(two, second, b"to all", (IPv4Address(target), port))).done
        await until(lambda: len(first.inbox) and len(second.inbox))
        assert take(one, first) == take(two, second) == b"to all"
        assert first.inbox.sender == (IPv4Address("192.168.0.2"), port)


@no_own_addresses
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no multicast on loopback")
async def test_the_time_to_live_of_multicast_can_be_set_while_the_port_is_open() -> None:
    async with udp_pair(RemoteAddress="239.1.2.4") as (_, two, __, second, port):
        life = two._lives[second]
        assert isinstance(life, DatagramLife)
        assert life._udp is not None
        assert life._udp.ttl == 1
        second.settings.multicast_ttl = 7
        assert (await sent(two, second, b"far", (IPv4Address("239.1.2.4"), port))).done
        assert life._udp.ttl == 7


@no_own_addresses
async def test_a_UDP_port_that_is_taken_is_80A1_and_tried_again() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as blocker:
        blocker.bind((PLC_1, port))
        async with station(1) as one:
            link = one.port.establish(datagrams(port, RemoteAddress="192.168.0.9"))
            await until(lambda: link.failures)
            assert link.failure is not None
            assert link.failure.status == 0x80A1
            blocker.close()
            await until(lambda: link.established)


@no_own_addresses
async def test_a_reset_forgets_datagrams_and_the_port_goes_on() -> None:
    async with udp_pair() as (one, two, first, second, port):
        await sent(two, second, b"old", (IPv4Address("192.168.0.1"), port))
        await until(lambda: len(first.inbox))
        one.port.reset(first)
        await until(lambda: first.established and first.epoch >= 2)
        assert len(first.inbox) == 0
        await sent(two, second, b"new", (IPv4Address("192.168.0.1"), port))
        await until(lambda: len(first.inbox))
        assert take(one, first) == b"new"


@no_own_addresses
async def test_a_flood_of_datagrams_is_bounded_and_the_port_survives() -> None:
    async with udp_pair() as (one, two, first, second, port):
        for number in range(300):
            await sent(two, second, struct.pack(">I", number) * 100, (IPv4Address("192.168.0.1"), port))
        assert len(first.inbox) <= QUICK.receive_buffer + QUICK.max_len_udp
        got = []
        while data := take(one, first):
            got.append(struct.unpack(">I", data[:4])[0])
            await trio.lowlevel.checkpoint()
        assert got == sorted(set(got))


@no_own_addresses
async def test_the_tap_hears_datagrams_and_ISO_alike() -> None:
    heard: list[tuple[int, str, bytes]] = []
    port, iso_port = free_port(), free_port()
    async with station(1, iso_port=iso_port) as one:
        async with station(2, iso_port=iso_port, tap=lambda *what: heard.append(what)) as two:
            first, second = (each.port.establish(datagrams(port, RemoteAddress="192.168.0.9")) for each in (one, two))
            passive, active = one.port.establish(passive_iso(id=2)), two.port.establish(active_iso(id=2))
            await until(lambda: passive.established and active.established and first.established and second.established)
            await sent(two, second, b"datagram", (IPv4Address("192.168.0.1"), port))
            await sent(one, first, b"answer", (IPv4Address("192.168.0.2"), port))
            await sent(two, active, b"message")
            await until(lambda: len(second.inbox))
    assert [what for number, *what in heard if number == 1] == [["sent", b"datagram"], ["received", b"answer"]]
    said = b"".join(data for number, way, data in heard if (number, way) == (2, "sent"))
    assert said.endswith(bytes.fromhex("0300000e02f080") + b"message")


# -- names --------------------------------------------------------------------------------------------------------------


async def _answer(server: trio.socket.SocketType, address: bytes | None) -> None:
    """A DNS server that knows one answer (RFC 1035 4): an A record, or that the name does not exist."""
    while True:
        query, asker = await server.recvfrom(512)
        end = query.index(b"\0", 12) + 5
        flags, count = (b"\x81\x80", 1) if address else (b"\x81\x83", 0)
        reply = query[:2] + flags + b"\0\1" + count.to_bytes(2) + bytes(4) + query[12:end]
        if address:
            reply += b"\xc0\x0c\0\1\0\1" + (60).to_bytes(4) + b"\0\4" + address
        await server.sendto(reply, asker)


@pytest.mark.parametrize(
    ("address", "status"), [(bytes((127, 0, 0, 1)), None), (None, 0x80D3)], ids=["known", "unknown"]
)
async def test_names_are_asked_of_the_stations_own_DNS_server(address: bytes | None, status: int | None) -> None:
    from ouc.errors import ConnectionLost
    from ouc.transport import resolve

    server = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
    with server:
        await server.bind(("127.0.0.1", 0))
        where = (IPv4Address("127.0.0.1"), server.getsockname()[1])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_answer, server, address)
            with trio.fail_after(30):
                if status is None:
                    assert await resolve("plc-1.plant.", servers=(where,)) == IPv4Address("127.0.0.1")
                else:
                    with pytest.raises(ConnectionLost) as caught:
                        await resolve("plc-1.plant.", servers=(where,))
                    assert caught.value.status == status
            nursery.cancel_scope.cancel()


async def test_a_name_without_a_DNS_server_is_80D2_before_a_packet_leaves() -> None:
    from ouc.errors import ParameterError
    from ouc.params import TCON_QDN

    async with station(1, dns=[]) as one:
        with pytest.raises(ParameterError) as caught:
            one.port.establish(TCON_QDN(remote_qdn="plc-1.plant.", remote_port=2000, local_port=0))
        assert caught.value.status == 0x80D2


async def test_DNS_servers_are_addresses_or_pairs_with_a_port_and_nothing_else() -> None:
    from ouc.errors import ParameterError

    good = ["192.168.0.10", IPv4Address("192.168.0.11"), ("192.168.0.12", 5353)]
    assert station(1, dns=good).opener.servers == (
        IPv4Address("192.168.0.10"),
        IPv4Address("192.168.0.11"),
        (IPv4Address("192.168.0.12"), 5353),
    )
    for bad in ("192.168.0", ("192.168.0.12", 70_000), ("nonsense", 53), ("192.168.0.12", 53, 1), 10):
        with pytest.raises(ParameterError):
            station(1, dns=[bad])
