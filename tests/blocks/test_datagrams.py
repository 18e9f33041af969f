"""TUSEND, TURCV, and the compact blocks with UDP (ouc-blocks.md 1.9, 2.4, 2.9, 3.2)."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from ouc.blocks import TCON, TRCV, TRCV_C, TSEND, TSEND_C, TURCV, TUSEND
from ouc.params import TADDR_RCV_IP, TADDR_SEND_QDN, TCON_IP_V4_SEC, TADDR_Param, check
from ouc.profiles import profile

from ..connection.shell import ACTIVE, UDP, Bench
from .rows import row
from .test_jobs import word


def partner(address: str) -> TADDR_Param:
    return TADDR_Param(rem_ip_addr=tuple(IPv4Address(address).packed), rem_port_nr=2001)


PARTNER = partner("192.168.0.2")
FROM = (IPv4Address("192.168.0.2"), 2001)


class Desk:
    """A bench whose connection 1 is a UDP port, with one instance of each block."""

    def __init__(self, description: Any = UDP, **options: Any) -> None:
        self.bench = Bench(receive_buffer=8192, **options)
        port = self.bench.port
        self.tusend, self.turcv, self.tsend, self.trcv = TUSEND(port), TURCV(port), TSEND(port), TRCV(port)
        self.link = port.establish(description)
        self.bench.up()

    def send(self, data: bytes = b"0123456789", length: int | None = None, addr: Any = PARTNER) -> str:
        self.tusend(REQ=False, ID=1, LEN=1, DATA=data, ADDR=addr)
        return word(self.tusend(REQ=True, ID=1, LEN=len(data) if length is None else length, DATA=data, ADDR=addr))


# -- TUSEND -----------------------------------------------------------------------------------------------------------


@row("2.9 TUSEND with ADDR")
def test_TUSEND_sends_LEN_bytes_to_the_partner_at_ADDR() -> None:
    desk = Desk()
    assert desk.send(length=4) == "7001 BUSY"
    assert (desk.bench.jobs[0].data, desk.bench.jobs[0].to) == (b"0123", FROM)
    desk.bench.sent()
    assert word(desk.tusend(REQ=True, ID=1, LEN=4, DATA=b"0123456789", ADDR=PARTNER)) == "0000 DONE"


def test_TUSEND_sends_to_a_name() -> None:
    desk = Desk()
    assert desk.send(addr=TADDR_SEND_QDN(RemoteQDN="plc-2.plant.", RemotePort=2002)) == "7001 BUSY"
    assert desk.bench.jobs[0].to == ("plc-2.plant.", 2002)


def test_ADDR_may_be_the_image_of_a_structure() -> None:
    desk = Desk()
    for one in (PARTNER, TADDR_SEND_QDN(RemoteQDN="a.b.", RemotePort=1)):
        assert desk.send(addr=bytearray(one.to_bytes())) == "7001 BUSY"
        desk.bench.sent()
        desk.tusend(REQ=False, ID=1, LEN=1, DATA=b"0123456789", ADDR=PARTNER)
    assert [job.to for job in desk.bench.jobs] == [FROM, ("a.b.", 1)]


@row("2.9 TUSEND LEN 0 is 8085")
@pytest.mark.parametrize(
    ("length", "status"), [(0, "8085"), (-1, "8085"), (2049, "8085"), (11, "8088")],
    ids=["LEN 0", "negative", "above the maximum", "larger than DATA"],
)  # fmt: skip
def test_a_wrong_LEN_of_TUSEND_is_refused(length: int, status: str) -> None:
    desk = Desk()
    assert desk.send(length=length) == f"{status} ERROR"
    assert desk.bench.jobs == []


@row("2.9 maximum by firmware")
@pytest.mark.parametrize(("name", "maximum"), [("S7-1200 V4.7", 1472), ("S7-1500 V2.1", 1472), ("S7-1500 V2.5", 2048)])
def test_the_longest_datagram_depends_on_the_firmware(name: str, maximum: int) -> None:
    desk = Desk(profile=profile(name))
    assert desk.send(bytes(maximum + 1)) == "8085 ERROR"
    assert desk.send(bytes(maximum)) == "7001 BUSY"


@row("2.9 broadcast 1472")
@pytest.mark.parametrize("address", ["255.255.255.255", "192.168.0.255"])
def test_a_broadcast_of_more_than_1472_bytes_is_8085(address: str) -> None:
    everybody = partner(address)
    desk = Desk()
    assert desk.send(bytes(1473), addr=everybody) == "8085 ERROR"
    assert desk.send(bytes(1473)) == "7001 BUSY"


@pytest.mark.parametrize(
    ("addr", "status"),
    [
        (None, "8089"),
        (7, "8089"),
        (TADDR_RCV_IP(), "8089"),
        (bytes(20), "80B7"),
        (TADDR_Param(rem_ip_addr=(192, 168, 0, 2), rem_port_nr=0), "80B7"),
        (partner("0.0.0.0"), "80B7"),
        (partner("240.0.0.1"), "80A4"),
        (partner("192.168.0.7"), "80A4"),
        (TADDR_SEND_QDN(RemoteQDN="plc-2.plant"), "80A4"),
        (TADDR_SEND_QDN(RemoteQDN="plc-2.plant.", RemotePort=0), "80B7"),
    ],
    ids=["missing", "a number", "another structure", "not 8 bytes", "port 0", "0.0.0.0", "no partner's", "own",
         "no final dot", "port 0 with a name"],
)  # fmt: skip
def test_an_impossible_partner_is_refused_and_nothing_is_sent(addr: Any, status: str) -> None:
    desk = Desk(check=lambda one: check(one, own_address="192.168.0.7"))
    assert desk.send(addr=addr) == f"{status} ERROR"
    assert desk.bench.jobs == []


def test_structures_for_names_are_8089_where_the_firmware_has_none() -> None:
    desk = Desk(profile=profile("S7-1200 V4.7"))
    assert desk.send(addr=TADDR_SEND_QDN(RemoteQDN="a.b.")) == "8089 ERROR"
    assert word(desk.turcv(EN_R=True, ID=1, DATA=bytearray(4), ADDR=TADDR_RCV_IP)) == "8089 ERROR"


@row("2.3 not on UDP")
def test_each_block_keeps_to_its_protocols_80B3() -> None:
    udp, tcp = Desk(), Desk(ACTIVE)
    assert word(udp.tsend(REQ=True, ID=1, DATA=b"x")) == "80B3 ERROR"
    assert word(udp.trcv(EN_R=True, ID=1, DATA=bytearray(1))) == "80B3 ERROR"
    assert tcp.send() == "80B3 ERROR"
    assert word(tcp.turcv(EN_R=True, ID=1, DATA=bytearray(1))) == "80B3 ERROR"


@row("2.0 DATA swapped is 80B1")
def test_DATA_swapped_is_80B1_for_TUSEND_and_TURCV() -> None:
    desk = Desk()
    desk.send()
    assert word(desk.tusend(REQ=True, ID=1, LEN=1, DATA=b"other", ADDR=PARTNER)) == "80B1 ERROR"
    desk.turcv(EN_R=True, ID=1, DATA=bytearray(8))
    assert word(desk.turcv(EN_R=True, ID=1, DATA=bytearray(8))) == "80B1 ERROR"


@row("2.9 no DTLS")
def test_a_secure_UDP_connection_is_80EA() -> None:
    bench = Bench(check=check)
    secure = TCON_IP_V4_SEC(ConnPara=UDP, ActivateSecureConn=True)
    assert word(TCON(bench.port)(REQ=True, ID=1, CONNECT=secure)) == "80EA ERROR"


def test_a_datagram_whose_name_is_not_resolved_fails_with_80D3() -> None:
    desk = Desk()
    desk.send(data := b"abc")
    desk.bench.break_off(0x80D3)
    assert word(desk.tusend(REQ=True, ID=1, LEN=3, DATA=data, ADDR=PARTNER)) == "80D3 ERROR"


# -- TURCV ------------------------------------------------------------------------------------------------------------


@row("2.9 TURCV with ADDR")
def test_TURCV_delivers_one_datagram_and_its_sender() -> None:
    desk, area = Desk(), bytearray(8)
    assert word(desk.turcv(EN_R=True, ID=1, DATA=area)) == "7001 BUSY"
    desk.bench.deliver(b"abc", FROM)
    desk.bench.deliver(b"defg", FROM)
    out = desk.turcv(EN_R=True, ID=1, DATA=area)
    assert (word(out), out.RCVD_LEN, out.ADDR, bytes(area[:3])) == ("0000 NDR", 3, PARTNER, b"abc")
    out = desk.turcv(EN_R=True, ID=1, DATA=area, ADDR=TADDR_RCV_IP)
    assert out.ADDR == TADDR_RCV_IP(RemoteAddress=bytes([192, 168, 0, 2]), RemotePort=2001)
    out = desk.turcv(EN_R=True, ID=1, DATA=area)
    assert (word(out), out.RCVD_LEN, out.ADDR) == ("7001 BUSY", 0, None)


def test_a_wrong_type_at_ADDR_of_TURCV_is_8089_and_takes_nothing() -> None:
    desk = Desk()
    desk.bench.deliver(b"abc", FROM)
    wrong: Any = TADDR_SEND_QDN
    assert word(desk.turcv(EN_R=True, ID=1, DATA=bytearray(8), ADDR=wrong)) == "8089 ERROR"
    assert len(desk.link.inbox) == 3


@row("2.4 UDP, area too small")
@pytest.mark.parametrize(("option", "status"), [("80C9", "80C9 ERROR"), ("8088", "8088 ERROR"), ("rest", "0000 NDR")])
def test_an_area_that_is_too_small_follows_the_option(option: Any, status: str) -> None:
    desk, area = Desk(udp_too_small=option), bytearray(4)
    desk.bench.deliver(b"abcdef", FROM)
    out = desk.turcv(EN_R=True, ID=1, DATA=area)
    assert word(out) == status
    if out.ERROR:
        assert (out.RCVD_LEN, bytes(area)) == (6, bytes(4))
        assert desk.turcv(EN_R=True, ID=1, DATA=bytearray(6)).RCVD_LEN == 6
    else:
        assert bytes(area) == b"abcd"
        assert desk.turcv(EN_R=True, ID=1, DATA=area).RCVD_LEN == 2


@row("2.0 LEN or DATA changed is 8085")
def test_LEN_changed_during_a_job_of_TURCV_is_8085() -> None:
    desk, area = Desk(), bytearray(8)
    desk.turcv(EN_R=True, ID=1, DATA=area)
    assert word(desk.turcv(EN_R=True, ID=1, DATA=area, LEN=4)) == "8085 ERROR"


# -- compact blocks ---------------------------------------------------------------------------------------------------


def sender_and_receiver() -> tuple[Bench, Any, Any]:
    bench = Bench()
    return bench, TSEND_C(bench.port), TRCV_C(bench.port, same_id="join")


@row("2.5 ADDR with UDP")
def test_compact_blocks_with_UDP_need_ADDR_and_use_it() -> None:
    bench, send, receive = sender_and_receiver()
    area = bytearray(8)
    common: dict[str, Any] = {"CONT": True, "CONNECT": UDP}

    def both(**addr: Any) -> tuple[str, str]:
        return (
            word(send(REQ=bool(addr), DATA=b"abc", ADDR=addr.get("send"), **common)),
            word(receive(EN_R=True, DATA=area, ADDR=addr.get("receive"), **common)),
        )

    both()
    bench.up()
    assert both() == ("0001", "0001")
    assert both(send=None) == ("80B3 ERROR", "80B3 ERROR")
    both()
    assert both(send=PARTNER, receive=TADDR_Param) == ("7005 BUSY", "7006 BUSY")
    assert bench.jobs[0].to == FROM
    bench.deliver(b"back", FROM)
    out = receive(EN_R=True, DATA=area, ADDR=TADDR_Param, **common)
    assert (word(out), out.RCVD_LEN, out.ADDR) == ("0000 DONE", 4, PARTNER)
    assert receive(EN_R=True, DATA=area, ADDR=TADDR_Param, **common).ADDR is None
