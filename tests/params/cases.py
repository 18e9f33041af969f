"""For every rule: descriptions that break it and nothing else, with what the check has to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
from hypothesis import strategies as st

from ouc.params import (
    TCON_IP_V4_SEC,
    TCON_QDN_SEC,
    Description,
    TCON_Configured,
    TCON_IP_v4,
    TCON_Param,
    TSelector,
)
from ouc.params.endpoints import view
from ouc.profiles import profile

from .strategies import (
    CA,
    CLIENT_CERTIFICATE,
    CPU,
    NOW,
    SERVER_CERTIFICATE,
    Held,
    changed,
    foreign,
    hosts,
    ids,
    ip_v4,
    names,
    port_bytes,
    ports,
    qdn,
    rfc,
    secure,
    sound,
    tcon_param,
    udp,
)

#: What a description is checked with, besides itself.
Situation = tuple[Description, dict[str, Any]]
Case = st.SearchStrategy[Situation]


def on(value: st.SearchStrategy[Any], **situation: Any) -> Case:
    """The description on a CPU, which is an S7-1500 V3.1 unless told."""
    return value.map(lambda one: (one, {"profile": CPU, **situation}))


def but(value: st.SearchStrategy[Any], path: str, wrong: Any, **situation: Any) -> Case:
    """The same with one member changed to any of some values."""
    values = wrong if isinstance(wrong, st.SearchStrategy) else st.just(wrong)
    return on(st.builds(changed, value, st.just(path), values), **situation)


HELD = (CA, SERVER_CERTIFICATE, CLIENT_CERTIFICATE)

server = st.just(None).flatmap(lambda _: secure(active=False, TLSServerCertRef=9, TLSClientCertRef=3))
client = st.just(None).flatmap(lambda _: secure(active=True, TLSServerCertRef=3, TLSClientCertRef=11))
asking = secure(active=False, TLSServerCertRef=9, TLSClientCertRef=3, TLSServerReqClientCert=True)
silent = secure(active=False, TLSServerCertRef=9, TLSServerReqClientCert=False)
sides = server | client


def holding(**changes: Any) -> tuple[Held, ...]:
    """The devices' certificates with one of them changed: `_3`, `_9` or `_11`."""
    return tuple(attrs.evolve(one, **changes.get(f"_{one.id}", {})) for one in HELD)


def without(number: int) -> tuple[Held, ...]:
    """The devices' certificates but one."""
    return tuple(one for one in HELD if one.id != number)


def _twin(value: Description) -> Situation:
    return value, {"profile": CPU, "others": [value]}


def _rival(value: TCON_IP_v4) -> Situation:
    # An active connection that chooses its local port shares none.
    return value, {
        "profile": CPU,
        "others": [attrs.evolve(value, ActiveEstablished=True, RemotePort=1999, LocalPort=0)],
    }


def _neighbour(value: TCON_IP_v4) -> Situation:
    other = attrs.evolve(value, ID=value.ID % 4095 + 1)
    return value, {"profile": CPU, "others": [other]}


def _own_partner(value: TCON_IP_v4) -> Situation:
    return value, {"profile": CPU, "own_address": value.RemoteAddress}


def _other_block(value: Description) -> Situation:
    return value, {"profile": CPU, "block_id": view(value).connection_id % 4095 + 1}


def _ignored(value: TCON_IP_V4_SEC) -> TCON_IP_V4_SEC:
    return attrs.evolve(value, ActivateSecureConn=False, TLSServerCertRef=value.TLSServerCertRef or 1)


specific = ip_v4(ActiveEstablished=True) | hosts.flatmap(lambda host: ip_v4(RemoteAddress=host))
passive_param = st.builds(
    TCON_Param, id=ids, active_est=st.just(False), rem_staddr=hosts, rem_tsap_id_len=st.just(0),
    local_tsap_id_len=st.just(2), local_tsap_id=ports.map(port_bytes),
)  # fmt: skip
iso_param = st.builds(
    TCON_Param, id=ids, connection_type=st.just(18), active_est=st.booleans(), rem_staddr=hosts,
    local_tsap_id_len=st.just(4), local_tsap_id=st.just(b"\xe0\0\0\1"),
    rem_tsap_id_len=st.just(4), rem_tsap_id=st.just(b"\xe0\0\0\2"),
)  # fmt: skip
unsecured_types = st.integers(0, 255).filter(lambda number: number not in (11, 17, 19))
bad_selectors = (
    st.just(b"") | st.just(b"SIMATIC-ROOT") | st.binary(min_size=2, max_size=2).filter(lambda b: b[0] != 0xE0)
)
bad_names = st.sampled_from([
    ".", "a..b.", ".a.", "x" * 64 + ".", "plc\0.example.", "a b.", "10.1.", "0x7f.", "plc:2000.",
])  # fmt: skip
services = st.sampled_from([80, 102, 443, 4840, 34962, 34963, 34964])
reserved = st.sampled_from(sorted(profile(CPU).reserved_ports))
multicast = st.integers(0, 0x0FFFFFFF).map(lambda low: (0xE0000000 + low).to_bytes(4))
classless = st.integers(0xF0000000, 0xFFFFFFFE).map(lambda address: address.to_bytes(4))
before, after = NOW - timedelta(days=1), NOW + timedelta(days=1)
ADDRESS, PORT, OWN_PORT = "RemoteAddress", "RemotePort", "LocalPort"

CASES: Mapping[str, Case] = {
    "structure needs other hardware": on(foreign.map(lambda one: attrs.evolve(one, ID=1))),
    "structure unknown to the firmware": on(secure(), profile="S7-1200 V4.3")
    | on(qdn(connection_type=11), profile="S7-1200 V4.3")
    | on(tcon_param(), profile="S7-1200 V4.5")
    | on(st.builds(TCON_Configured, ID=ids), profile="S7-1500R/H V3.1"),
    "ID out of range": but(ip_v4() | udp(), "ID", st.just(0) | st.integers(4096, 65535))
    | but(secure(), "ConnPara.ID", 0)
    | but(st.builds(TCON_Configured), "ID", 4096)
    | but(rfc() | qdn() | tcon_param(), "id", 5000),
    "ID differs from the block's": sound.map(_other_block),
    "description used twice": sound.map(_twin),
    "ID used twice": ip_v4(ActiveEstablished=True, RemotePort=2000).map(_rival),
    "unknown ConnectionType": but(ip_v4() | udp(), "ConnectionType", unsecured_types)
    | but(secure(), "ConnPara.ConnectionType", unsecured_types)
    | but(rfc(), "connection_type", unsecured_types.filter(lambda number: number not in (12, 18)))
    | but(qdn(), "connection_type", 17, profile="S7-1200 V4.5"),
    "InterfaceId 0": but(ip_v4() | udp(), "InterfaceId", 0) | but(rfc(), "interface_id", 0),
    "InterfaceId 0 of a secure description": but(secure(), "ConnPara.InterfaceId", 0, profile="S7-1200 V4.5"),
    "InterfaceId of a description by name": but(qdn(), "interface_id", 64),
    "InterfaceId of a CP": but(qdn(), "interface_id", st.integers(1, 65535).filter(lambda number: number != 64)),
    "multicast without interface": on(
        udp(InterfaceId=0, RemoteAddress="239.1.2.3").map(lambda plain: TCON_IP_V4_SEC(ConnPara=plain))
    ),
    "own interface without address": on(sound, own_address="0.0.0.0"),
    "UDP on an active side": but(udp(), "ActiveEstablished", True),
    "active without address": but(ip_v4(ActiveEstablished=True), ADDRESS, "0.0.0.0")
    | but(tcon_param(), "rem_staddr_len", 0),
    "passive without address": on(
        ip_v4(ActiveEstablished=False, RemoteAddress="0.0.0.0"),
        profile=attrs.evolve(profile(CPU), accept_any_partner=False),
    ),
    "ISO-on-TCP without address": but(rfc(), "remote_address", "0.0.0.0") | but(iso_param, "rem_staddr_len", 0),
    "own address as partner": specific.map(_own_partner),
    "impossible partner address": but(ip_v4(), ADDRESS, multicast | classless)
    | but(udp(), ADDRESS, classless)
    | but(udp(), ADDRESS, multicast, profile="S7-1200 V4.7")
    | but(rfc(), "remote_address", multicast),
    "active without name": but(qdn(active_established=True), "remote_qdn", ""),
    "name without final dot": but(qdn(), "remote_qdn", names.map(lambda name: name[:-1])),
    "impossible name": but(qdn(), "remote_qdn", bad_names),
    "no DNS server": on(qdn(active_established=True), dns_server=False),
    "active without partner port": but(ip_v4(ActiveEstablished=True), PORT, 0)
    | but(qdn(active_established=True), "remote_port", 0)
    | but(tcon_param(), "rem_tsap_id_len", 0),
    "partner port of another service": but(ip_v4(ActiveEstablished=True), PORT, services)
    | but(secure(active=True), "ConnPara.RemotePort", services) | but(qdn(active_established=True), "remote_port", services),
    "passive without local port": but(ip_v4(ActiveEstablished=False), OWN_PORT, 0)
    | but(qdn(active_established=False), "local_port", 0)
    | but(passive_param, "local_tsap_id_len", 0),
    "UDP without local port": but(udp(), OWN_PORT, 0),
    "partner port too high": but(ip_v4(ActiveEstablished=True), PORT, st.integers(49152, 65535), profile="S7-1500 V2.9")
    | but(secure(active=True), "ConnPara.RemotePort", st.integers(49152, 65535), profile="S7-1200 V4.7"),
    "local port too high": but(ip_v4(), OWN_PORT, st.integers(49152, 65535), profile="S7-1200 V4.5")
    | but(udp(RemoteAddress="10.0.0.1"), OWN_PORT, st.integers(49152, 65535), profile="S7-1500 V2.8"),
    "reserved local port": but(ip_v4(), OWN_PORT, reserved) | but(secure(), "ConnPara.LocalPort", reserved),
    "local port used twice": ip_v4(ActiveEstablished=False).map(_neighbour) | udp().map(_neighbour),
    "selector too long": but(
        rfc(), "remote_tselector", st.integers(33, 65535).map(lambda length: TSelector(TSelLength=length, TSel=b"\xe0"))
    ),
    "local selector": but(rfc(active_established=False), "local_tselector", bad_selectors)
    | but(
        iso_param.map(lambda one: attrs.evolve(one, active_est=False, local_tsap_id_len=8)),
        "local_tsap_id",
        b"SIMATIC-",
    ),
    "local selector of an active side": but(rfc(active_established=True), "local_tselector", bad_selectors),
    "length in TCON_Param": but(tcon_param(), "block_length", st.integers(0, 63))
    | but(tcon_param(), "local_tsap_id_len", st.integers(1, 255))
    | but(tcon_param(), "rem_tsap_id_len", st.integers(3, 255))
    | but(tcon_param(), "rem_staddr_len", st.integers(5, 255))
    | but(passive_param, "rem_tsap_id_len", 2)
    | but(iso_param, "local_tsap_id_len", st.sampled_from([0, 1, 17])),
    "interface in TCON_Param": but(tcon_param(), "local_device_id", 0),
    "UDP with TLS": on(udp().map(lambda plain: TCON_IP_V4_SEC(ConnPara=plain, ActivateSecureConn=True)))
    | on(
        qdn(active_established=False, connection_type=19).map(
            lambda plain: TCON_QDN_SEC(ConnPara=plain, ActivateSecureConn=True)
        )
    ),
    "client asks for a client certificate": but(secure(active=True), "TLSServerReqClientCert", True),
    "server checks the name": but(secure(active=False), "ExtTLSCapabilities", 1),
    "reserved bits": but(secure(), "ExtTLSCapabilities", st.integers(1, 0x7FFF).map(lambda bits: bits << 1)),
    "server without certificate": but(secure(active=False), "TLSServerCertRef", 0),
    "TLS members of a plain connection": on(secure().map(_ignored)),
    "own certificate not usable": on(server, certificates=without(9))
    | on(server, certificates=holding(_9={"has_key": False}))
    | on(client, certificates=without(11))
    | on(client, certificates=holding(_11={"has_key": False})),
    "own certificate not valid yet": on(server, certificates=holding(_9={"not_before": after}), now=NOW)
    | on(client, certificates=holding(_11={"not_before": after}), now=NOW),
    "own certificate expired": on(server, certificates=holding(_9={"not_after": before}), now=NOW)
    | on(client, certificates=holding(_11={"not_after": before}), now=NOW),
    "own certificate revoked": on(server, certificates=holding(_9={"revoked": before}))
    | on(client, certificates=holding(_11={"revoked": before})),
    "own certificate refused": on(server, certificates=holding(_9={"refused_as_server": "TLS refuses it"}))
    | on(client, certificates=holding(_11={"refused_as_client": "TLS refuses it"})),
    "key of the own certificate": on(server, certificates=holding(_9={"key_type": "rsa-8192"}))
    | on(client, certificates=holding(_11={"key_type": "rsa-4096"}), profile="S7-1200 V4.6"),
    "CA as own certificate": on(sides, certificates=holding(_9={"is_ca": True}, _11={"is_ca": True})),
    "trusted certificate unknown": on(asking, certificates=without(3)) | on(client, certificates=without(3)),
    "nobody to trust": on(
        asking.map(lambda one: attrs.evolve(one, TLSClientCertRef=0))
        | client.map(lambda one: attrs.evolve(one, TLSServerCertRef=0)),
        certificates=without(3),
    ),
    "trusted certificate verifies nobody": on(
        client | asking, certificates=holding(_3={"is_ca": False, "has_key": True, "issuer_ids": (9,)})
    ),
    "chain not on the device": on(client | asking, certificates=holding(_3={"complete": False})),
    "trusted certificate not valid yet": on(client | asking, certificates=holding(_3={"not_before": after}), now=NOW),
    "trusted certificate expired": on(client | asking, certificates=holding(_3={"not_after": before}), now=NOW),
    "trusted certificate revoked": on(client | asking, certificates=holding(_3={"revoked": before})),
    "key of the trusted certificate": on(client | asking, certificates=holding(_3={"key_type": "ed25519"})),
}


__all__ = ["CASES", "HELD", "Situation", "asking", "client", "server", "silent"]
