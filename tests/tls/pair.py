"""Two TLS machines joined by a list: no sockets, no tasks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from ipaddress import IPv4Address
from typing import Any

import attrs
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ouc.certs import Device
from ouc.errors import OUCError
from ouc.tls import DEFAULT, Credentials, Event, Need, Policy, TLSContext, TLSEngine


@cache
def authority(name: str) -> trustme.CA:
    return trustme.CA(organization_name=name)


@cache
def device(address: str, *, issuer: str = "plant", trusts: str = "plant") -> Device:
    """A device that holds one certificate for `address` and trusts one CA."""
    leaf = authority(issuer).issue_cert(address)
    return Device.from_files(
        ca=authority(trusts).cert_pem.bytes(), cert=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes()
    )


def credentials(
    address: str, *, side: Any, issuer: str = "plant", trusts: str = "plant", own: bool = True, trust: bool = True
) -> Credentials:
    store = device(address, issuer=issuer, trusts=trusts).download()
    number = device(address, issuer=issuer, trusts=trusts).own_ids[0]
    return Credentials(
        own=store.own(number, side=side) if own else None, trust=store.trust(0, side=side) if trust else None
    )


@attrs.define
class Pair:
    """A client and a server, and what each said and got."""

    client: TLSEngine
    server: TLSEngine
    client_error: OUCError | None = None
    server_error: OUCError | None = None
    events: dict[str, list[Event]] = attrs.field(factory=lambda: {"client": [], "server": []})
    flights: list[tuple[str, bytes]] = attrs.field(factory=list)

    def talk(self, bend: Callable[[str, bytes], bytes] | None = None) -> Pair:
        """Carry records to and fro until both are silent; `bend` may change what travels."""
        if not self.client.established and not self.flights:
            assert self.client.handshake() is Need.READ
        waiting = True
        while waiting:
            waiting = False
            for name, one, other in (("client", self.client, self.server), ("server", self.server, self.client)):
                records = one.take()
                if not records:
                    continue
                waiting = True
                self.flights.append((name, records))
                self._give(
                    other, "server" if one is self.client else "client", bend(name, records) if bend else records
                )
        return self

    def _give(self, engine: TLSEngine, name: str, records: bytes) -> None:
        try:
            self.events[name] += engine.receive_data(records)
        except OUCError as error:
            if name == "client":
                self.client_error = self.client_error or error
            else:
                self.server_error = self.server_error or error


def pair(
    *,
    client: Credentials | None = None,
    server: Credentials | None = None,
    client_policy: Policy = DEFAULT,
    server_policy: Policy = DEFAULT,
    expect: IPv4Address | str | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Pair:
    """Both machines with their contexts, mutual by default."""
    ours = client or credentials("192.168.0.2", side="client")
    theirs = server or credentials("192.168.0.1", side="server")
    return Pair(
        client=TLSEngine(TLSContext.build(client_policy, ours, server_side=False), expect=expect, clock=clock),
        server=TLSEngine(TLSContext.build(server_policy, theirs, server_side=True)),
    )


def certificate(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def private_key(pem: bytes) -> Any:
    return load_pem_private_key(pem, None)
