"""Both sides compared: what only the pair shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.params import (
    PAIR_RULES,
    TCON_QDN,
    TCON_QDN_SEC,
    Area,
    Description,
    Side,
    TCON_IP_v4,
    check,
    compare,
    meeting,
    partner,
)
from ouc.profiles import profile
from ouc.s7 import DataBlock

from .strategies import (
    CA,
    CLIENT,
    CLIENT_CERTIFICATE,
    CPU,
    NOW,
    SERVER,
    SERVER_CERTIFICATE,
    any_description,
    changed,
    ip_v4,
    profiles,
    rfc,
    rules,
    secure,
)

DATA = DataBlock({"Var1": "Bool", "Var2": "String"}).layout
LONGER = DataBlock({"Var1": "Bool", "Var2": "String", "Var3": "Int"}).layout
OTHER = DataBlock({"Var1": "Bool", "Var2": "Array[1..256] of Byte"}).layout
SERVER_ID, CLIENT_ID, CA_ID = 9, 11, 3


def plc_1(description: Description = SERVER, **about: Any) -> Side:
    """The server of the published example."""
    held = (CA, SERVER_CERTIFICATE)
    return Side(
        **{"description": description, "profile": CPU, "own_address": "192.168.0.1", "certificates": held, **about}
    )


def plc_2(description: Description = CLIENT, **about: Any) -> Side:
    """The client of the published example."""
    held = (CA, CLIENT_CERTIFICATE)
    return Side(
        **{"description": description, "profile": CPU, "own_address": "192.168.0.2", "certificates": held, **about}
    )


def server(path: str, value: Any, **about: Any) -> Side:
    return plc_1(changed(SERVER, path, value), **about)


def client(path: str, value: Any, **about: Any) -> Side:
    return plc_2(changed(CLIENT, path, value), **about)


def plain(**members: Any) -> TCON_IP_v4:
    return TCON_IP_v4(**{"RemoteAddress": "192.168.0.1", "LocalPort": 0, **members})


UDP_1 = TCON_IP_v4(ConnectionType=19, ActiveEstablished=False, RemoteAddress="192.168.0.2", RemotePort=0)
UDP_2 = attrs.evolve(UDP_1, RemoteAddress="192.168.0.1")
NAMED_SERVER = TCON_QDN_SEC(
    ConnPara=TCON_QDN(active_established=False, remote_port=0, local_port=2000),
    ActivateSecureConn=True,
    TLSServerCertRef=9,
)
NAMED_CLIENT = TCON_QDN_SEC(
    ConnPara=TCON_QDN(remote_qdn="plc1.plant.", local_port=0), ActivateSecureConn=True, ExtTLSCapabilities=1,
    TLSServerCertRef=3,
)  # fmt: skip
MUTE = attrs.evolve(CLIENT, TLSClientCertRef=0)
ROOT, BELOW = attrs.evolve(CA, id=2), attrs.evolve(CA, issuer_ids=(2,))
LEAF = attrs.evolve(SERVER_CERTIFICATE, issuer_ids=(3, 2))

#: For every rule of the pair: sides of which nothing else can be said.
PAIRS: Mapping[str, tuple[tuple[Side, Side], ...]] = {
    "protocols differ": ((plc_1(UDP_1), plc_2(plain())),),
    "roles do not meet": (
        (plc_1(), plc_2(attrs.evolve(SERVER, ConnPara=attrs.evolve(SERVER.ConnPara, RemoteAddress="192.168.0.1"),
                                     TLSServerCertRef=11))),
        (plc_1(attrs.evolve(CLIENT, ConnPara=plain(RemoteAddress="192.168.0.2"), TLSClientCertRef=9)), plc_2()),
    ),
    "ports do not meet": ((plc_1(), client("ConnPara.RemotePort", 2001)), (server("ConnPara.LocalPort", 2002), plc_2())),
    "passive side expects another port": (
        (server("ConnPara.RemotePort", 2000), plc_2()),
        (server("ConnPara.RemotePort", 2000), client("ConnPara.LocalPort", 2003)),
    ),
    "datagrams miss": ((plc_1(attrs.evolve(UDP_1, RemotePort=2001)), plc_2(UDP_2)),),
    "addresses do not meet": (
        (plc_1(), client("ConnPara.RemoteAddress", "192.168.0.3")),
        (server("ConnPara.RemoteAddress", "192.168.0.3"), plc_2()),
        (server("ConnPara.RemoteAddress", "192.168.0.1", own_address=None), plc_2(own_address=None)),
    ),
    "selectors do not meet": (),
    "secure against plain": (
        (plc_1(SERVER.ConnPara), plc_2()),
        (plc_1(), plc_2(CLIENT.ConnPara)),
    ),
    "no client certificate": ((plc_1(), plc_2(MUTE)),),
    "chains do not verify": (
        (plc_1(), plc_2(attrs.evolve(CLIENT, TLSServerCertRef=5),
                        certificates=(CA, CLIENT_CERTIFICATE, attrs.evolve(CA, id=5)))),
        (plc_1(certificates=(CA, LEAF)), plc_2()),
        (plc_1(certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, complete=False))), plc_2()),
        (plc_1(certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, issuer_ids=()))),
         plc_2(attrs.evolve(CLIENT, TLSServerCertRef=0))),
        (plc_1(), plc_2(certificates=(CA, attrs.evolve(CLIENT_CERTIFICATE, issuer_ids=(4,))))),
    ),
    "name not in the certificate": (
        (plc_1(certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, addresses=("10.0.0.1",)))), client("ExtTLSCapabilities", 1)),
        (plc_1(NAMED_SERVER, certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, names=("plc2.plant",)))), plc_2(NAMED_CLIENT)),
        (plc_1(NAMED_SERVER, certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, names=("*.plant",)))), plc_2(NAMED_CLIENT)),
    ),
    "key the partner cannot verify": (
        (plc_1(certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, key_type="rsa-4096"))), plc_2(profile="S7-1200 V4.6")),
    ),
    "no TLS version in common": (
        (plc_1(profile=attrs.evolve(profile(CPU), tls_versions=("1.3",))), plc_2(profile="S7-1200 V4.4")),
    ),
    "no group in common": ((plc_1(profile=attrs.evolve(profile(CPU), groups=("P-521",))), plc_2()),),
    "lengths differ": (
        (plc_1(data=Area(layout=DATA)), plc_2(data=Area(layout=LONGER))),
        (plc_1(data=Area(layout=DATA)), plc_2(data=Area(layout=DATA, length=20))),
    ),
    "layouts differ": ((plc_1(data=Area(layout=DATA)), plc_2(data=Area(layout=OTHER))),),
}  # fmt: skip


def test_the_published_pair_has_no_finding() -> None:
    assert compare(plc_1(data=Area(layout=DATA)), plc_2(data=Area(layout=DATA)), now=NOW) == ()
    assert compare(plc_2(), plc_1(), now=NOW) == ()


def test_every_rule_of_the_pair_has_a_case() -> None:
    assert set(PAIRS) == {rule.name for rule in PAIR_RULES}


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [(name, a, b) for name, pairs in PAIRS.items() for a, b in pairs],
    ids=lambda part: str(part)[:30],
)
def test_what_only_the_pair_shows_is_told_alone_and_without_STATUS(name: str, a: Side, b: Side) -> None:
    for one, other in ((a, b), (b, a)):
        findings = compare(one, other, now=NOW)
        assert rules(findings) == [name]
        assert findings[0].status is None
        assert findings[0].side == "A-B"


@given(rfc(active_established=True, remote_tselector=b"\xe0\x01", local_tselector=b"\xe0\x02"), st.data())
def test_selectors_that_do_not_meet_are_told(value: Description, data: st.DataObject) -> None:
    other = partner(value, own_address="192.168.0.77")
    assert "selectors do not meet" not in rules(compare(Side(description=value), Side(description=other)))
    member = data.draw(st.sampled_from(["remote_tselector", "local_tselector"]))
    wrong = changed(other, member, b"\xe0\x07")
    assert "selectors do not meet" in rules(compare(Side(description=value), Side(description=wrong)))


def test_a_client_certificate_that_nobody_asks_for_is_no_mistake() -> None:
    assert compare(server("TLSServerReqClientCert", False), plc_2(), now=NOW) == ()


def test_an_intermediate_is_enough_to_refer_to_if_the_root_is_held_too() -> None:
    a = plc_1(certificates=(ROOT, BELOW, LEAF), description=attrs.evolve(SERVER, TLSServerReqClientCert=False))
    b = plc_2(certificates=(ROOT, BELOW, CLIENT_CERTIFICATE))
    assert compare(a, b, now=NOW) == ()


def test_the_SAN_is_looked_at_only_when_bit_0_asks_for_it() -> None:
    bare = plc_1(certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, addresses=())))
    assert compare(bare, plc_2(), now=NOW) == ()
    assert compare(plc_1(), client("ExtTLSCapabilities", 1), now=NOW) == ()
    assert compare(plc_1(NAMED_SERVER), plc_2(NAMED_CLIENT), now=NOW) == ()


def test_a_wildcard_stands_for_one_whole_label() -> None:
    wide = plc_1(NAMED_SERVER, certificates=(CA, attrs.evolve(SERVER_CERTIFICATE, names=("*.cell.plant",))))
    near = changed(NAMED_CLIENT, "ConnPara.remote_qdn", "plc1.cell.plant.")
    far = changed(NAMED_CLIENT, "ConnPara.remote_qdn", "a.plc1.cell.plant.")
    assert compare(wide, plc_2(near), now=NOW) == ()
    assert rules(compare(wide, plc_2(far), now=NOW)) == ["name not in the certificate"]


@pytest.mark.parametrize(
    ("area", "status"),
    [
        (Area(layout=DATA, length=259), 0x8088),
        (Area(layout=DataBlock({}).layout), 0x8085),
        (Area(layout=DataBlock({"big": "Array[1..65537] of Byte"}).layout), 0x8085),
        (Area(layout=DATA, length=258, optimized=True), 0x8088),
    ],
)
def test_LEN_that_does_not_fit_DATA_is_told_with_the_STATUS_of_the_block(area: Area, status: int) -> None:
    findings = [one for one in compare(plc_1(data=area), plc_2()) if one.side == "A"]
    assert [one.status for one in findings] == [status]


def test_the_maximum_LEN_depends_on_the_firmware() -> None:
    area = Area(layout=DataBlock({"big": "Array[1..8193] of Byte"}).layout)
    assert [one.status for one in compare(plc_1(data=area), plc_2(data=area, profile="S7-1200 V4.6"))] == [0x8085]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": "Int", "b": "Int"}, {"x": "Int", "y": "Int"}, True),
        ({"a": "Array[1..4] of Int"}, {"a": "Array[0..3] of Int"}, True),
        ({"a": "Array[1..4] of Int"}, {"a": "Array[1..5] of Int"}, False),
        ({"a": "Int"}, {"a": "Word"}, False),
        ({"a": "Bool", "b": "Bool"}, {"a": "Bool"}, True),
        ({"a": "Bool", "b": "Bool"}, {"a": "Bool", "b": "Byte"}, False),
        ({"a": "String[10]"}, {"a": "String[12]"}, False),
    ],
)
def test_layouts_are_compared_by_what_lies_where(one: dict[str, str], other: dict[str, str], *, same: bool) -> None:
    findings = compare(plc_1(data=Area(layout=DataBlock(one).layout)), plc_2(data=Area(layout=DataBlock(other).layout)))
    assert ("layouts differ" not in rules(findings)) is same


@given(any_description, any_description, profiles, profiles)
def test_any_two_descriptions_can_be_compared(a: Description, b: Description, one: str, other: str) -> None:
    findings = compare(Side(description=a, profile=one), Side(description=b, profile=other))
    for side, value, cpu in (("A", a, one), ("B", b, other)):
        alone = tuple(attrs.evolve(finding, side="") for finding in findings if finding.side == side)
        assert alone == check(value, profile=cpu)
    assert all(finding.status is None for finding in findings if finding.side == "A-B")


@given(any_description, any_description)
def test_a_pair_is_the_same_from_either_side(a: Description, b: Description) -> None:
    ours = [one.rule for one in compare(Side(description=a), Side(description=b)) if one.side == "A-B"]
    theirs = [one.rule for one in compare(Side(description=b), Side(description=a)) if one.side == "A-B"]
    assert ours == theirs


@given(ip_v4() | secure() | rfc())
def test_a_description_and_its_partner_meet(value: Description) -> None:
    other = partner(value, own_address="192.168.0.255")
    findings = compare(Side(description=value), Side(description=other))
    assert [one for one in findings if one.side == "A-B" and one.rule != "no client certificate"] == []


def test_descriptions_meet_by_role_and_port() -> None:
    ours = [
        plain(RemotePort=2000),
        plain(RemotePort=2001),
        TCON_IP_v4(ActiveEstablished=False, LocalPort=3000, RemotePort=0),
    ]
    theirs = [
        TCON_IP_v4(ActiveEstablished=False, LocalPort=2001, RemotePort=0),
        TCON_IP_v4(ActiveEstablished=False, LocalPort=2000, RemotePort=0),
        plain(RemotePort=3000),
        plain(RemotePort=2000),
    ]
    assert meeting(ours, theirs) == ((0, 1), (1, 0), (2, 2))


def test_a_single_description_on_each_side_is_a_pair_whatever_it_says() -> None:
    assert meeting([plain()], [plain()]) == ((0, 0),)
