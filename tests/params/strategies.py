"""Connection descriptions for tests: sound ones, and any that a structure can hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
from hypothesis import strategies as st

from ouc import params
from ouc.params import (
    STRUCTURES,
    TCON_FDL,
    TCON_IP_RFC,
    TCON_IP_V4_SEC,
    TCON_QDN,
    TCON_QDN_SEC,
    Description,
    TCON_Configured,
    TCON_IP_v4,
    TCON_ISOnative,
    TCON_Param,
    TCON_Phone,
)
from ouc.profiles import NAMES

from ..s7.strategies import structures

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
CPU = "S7-1500 V3.1"

DESCRIPTIONS: tuple[type[Description], ...] = tuple(
    kind for kind in STRUCTURES.values() if issubclass(kind, Description)
)

ports = st.integers(2000, 5000).filter(lambda port: port != 4840)  # that one belongs to OPC UA
hosts = st.integers(1, 254).map(lambda host: f"192.168.0.{host}")
ids = st.integers(1, 4095)
labels = st.from_regex(r"\A[a-z][a-z0-9-]{0,20}\Z")
names = st.lists(labels, min_size=1, max_size=4).map(lambda parts: ".".join(parts) + ".")
references = st.integers(1, 0xFFFFFFFF)
profiles = st.sampled_from(NAMES)


def ip_v4(**members: Any) -> st.SearchStrategy[TCON_IP_v4]:
    """A legal TCON_IP_v4 over TCP, passive or active, with some members fixed."""
    active = members.pop("ActiveEstablished", None)
    fixed = {name: st.just(value) for name, value in members.items()}

    def of(role: bool) -> st.SearchStrategy[TCON_IP_v4]:
        free: dict[str, st.SearchStrategy[Any]] = {
            "ID": ids,
            "ConnectionType": st.sampled_from([11, 17]),
            "ActiveEstablished": st.just(role),
            "RemoteAddress": hosts if role else hosts | st.just("0.0.0.0"),
            "RemotePort": ports if role else ports | st.just(0),
            "LocalPort": ports | st.just(0) if role else ports,
        }
        return st.builds(TCON_IP_v4, **{**free, **fixed})

    return (st.booleans() if active is None else st.just(active)).flatmap(of)


def udp(**members: Any) -> st.SearchStrategy[TCON_IP_v4]:
    """A legal UDP connection."""
    free: dict[str, st.SearchStrategy[Any]] = {
        "ID": ids,
        "ConnectionType": st.just(19),
        "ActiveEstablished": st.just(False),
        "RemoteAddress": hosts | st.sampled_from(["0.0.0.0", "239.1.2.3", "255.255.255.255"]),
        "RemotePort": ports | st.just(0),
        "LocalPort": ports,
    }
    return st.builds(TCON_IP_v4, **{**free, **{name: st.just(value) for name, value in members.items()}})


def qdn(**members: Any) -> st.SearchStrategy[TCON_QDN]:
    """A legal TCON_QDN over TCP."""
    active = members.pop("active_established", None)
    fixed = {name: st.just(value) for name, value in members.items()}

    def of(role: bool) -> st.SearchStrategy[TCON_QDN]:
        free: dict[str, st.SearchStrategy[Any]] = {
            "id": ids,
            "connection_type": st.sampled_from([11, 17]),
            "active_established": st.just(role),
            "remote_qdn": names if role else names | st.just(""),
            "remote_port": ports if role else ports | st.just(0),
            "local_port": ports | st.just(0) if role else ports,
        }
        return st.builds(TCON_QDN, **{**free, **fixed})

    return (st.booleans() if active is None else st.just(active)).flatmap(of)


def _tls(active: bool) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "ActivateSecureConn": st.just(True),
        "TLSServerReqClientCert": st.just(False) if active else st.booleans(),
        "ExtTLSCapabilities": st.integers(0, 1) if active else st.just(0),
        "TLSServerCertRef": references | st.just(0) if active else references,
        "TLSClientCertRef": references | st.just(0),
    }


def secure(active: bool | None = None, **members: Any) -> st.SearchStrategy[TCON_IP_V4_SEC]:
    """A legal TCON_IP_V4_SEC with TLS; `members` are those outside ConnPara."""
    fixed = {name: st.just(value) for name, value in members.items()}

    def of(plain: TCON_IP_v4) -> st.SearchStrategy[TCON_IP_V4_SEC]:
        free = {"ConnPara": st.just(plain), **_tls(plain.ActiveEstablished)}
        return st.builds(TCON_IP_V4_SEC, **{**free, **fixed})

    return ip_v4(**({} if active is None else {"ActiveEstablished": active})).flatmap(of)


def secure_by_name() -> st.SearchStrategy[TCON_QDN_SEC]:
    """A legal TCON_QDN_SEC with TLS."""
    return qdn().flatmap(
        lambda plain: st.builds(TCON_QDN_SEC, ConnPara=st.just(plain), **_tls(plain.active_established))
    )


selectors = st.binary(min_size=1, max_size=31).map(lambda rest: b"\xe0" + rest)


def rfc(**members: Any) -> st.SearchStrategy[TCON_IP_RFC]:
    """A legal TCON_IP_RFC."""
    free: dict[str, st.SearchStrategy[Any]] = {
        "id": ids,
        "connection_type": st.sampled_from([12, 18]),
        "active_established": st.booleans(),
        "remote_address": hosts,
        "remote_tselector": selectors,
        "local_tselector": selectors,
    }
    return st.builds(TCON_IP_RFC, **{**free, **{name: st.just(value) for name, value in members.items()}})


def port_bytes(port: int) -> bytes:
    """A port as TCON_Param holds it."""
    return port.to_bytes(2)


def tcon_param(**members: Any) -> st.SearchStrategy[TCON_Param]:
    """A legal active TCON_Param over TCP."""
    free: dict[str, st.SearchStrategy[Any]] = {
        "id": ids,
        "rem_staddr": hosts,
        "rem_tsap_id": ports.map(port_bytes),
    }
    return st.builds(TCON_Param, **{**free, **{name: st.just(value) for name, value in members.items()}})


#: Legal on an S7-1500 V3.1.
sound: st.SearchStrategy[Description] = st.one_of(
    ip_v4(), udp(), secure(), qdn(), secure_by_name(), rfc(), tcon_param(), st.builds(TCON_Configured, ID=ids)
)

#: Whatever a structure can hold, and near misses of legal ones.
any_description: st.SearchStrategy[Description] = st.one_of(
    sound,
    *(structures(kind) for kind in DESCRIPTIONS),
    st.builds(
        TCON_IP_V4_SEC,
        ConnPara=ip_v4() | udp(),
        ActivateSecureConn=st.booleans(),
        TLSServerReqClientCert=st.booleans(),
        ExtTLSCapabilities=st.integers(0, 3),
        TLSServerCertRef=st.integers(0, 12),
        TLSClientCertRef=st.integers(0, 12),
    ),
)

foreign = st.one_of(structures(TCON_ISOnative), structures(TCON_FDL), structures(TCON_Phone))


@attrs.frozen(kw_only=True)
class Held:
    """What a test says of a certificate on a device."""

    id: int
    has_key: bool = False
    is_ca: bool = False
    not_before: datetime = datetime(2024, 1, 15, tzinfo=UTC)
    not_after: datetime = datetime(2037, 1, 14, tzinfo=UTC)
    key_type: str = "ec-p256"
    issuer_ids: Sequence[int] = ()
    complete: bool = True
    addresses: Sequence[str] = ()
    names: Sequence[str] = ()
    revoked: datetime | None = None
    refused_as_server: str = ""
    refused_as_client: str = ""


CA = Held(id=3, is_ca=True)
SERVER_CERTIFICATE = Held(id=9, has_key=True, issuer_ids=(3,), addresses=("192.168.0.1",), names=("plc1.plant",))
CLIENT_CERTIFICATE = Held(id=11, has_key=True, issuer_ids=(3,), addresses=("192.168.0.2",))

SERVER = TCON_IP_V4_SEC(
    ConnPara=TCON_IP_v4(ActiveEstablished=False, RemoteAddress="192.168.0.2", RemotePort=0, LocalPort=2000),
    ActivateSecureConn=True,
    TLSServerReqClientCert=True,
    TLSServerCertRef=9,
    TLSClientCertRef=3,
)
CLIENT = TCON_IP_V4_SEC(
    ConnPara=TCON_IP_v4(RemoteAddress="192.168.0.1", RemotePort=2000, LocalPort=0),
    ActivateSecureConn=True,
    TLSServerCertRef=3,
    TLSClientCertRef=11,
)


def changed(description: Any, path: str, value: Any) -> Any:
    """The description with one member changed, `ConnPara.RemotePort` for one inside."""
    outer, _, inner = path.partition(".")
    if inner:
        value = changed(getattr(description, outer), inner, value)
    return attrs.evolve(description, **{outer: value})


def rules(findings: Sequence[params.Finding]) -> list[str]:
    """The names of the rules that were broken."""
    return [finding.rule for finding in findings]
