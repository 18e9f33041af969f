"""Partners of the standard library with certificates that nobody expected, and what happens after the handshake."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import ouc
from ouc.certs import Device, Project

from ..certs.strategies import KeyPool
from ..cli.wire import LONG
from .asking import (
    HOST,
    VERSIONS,
    agree,
    by_exception,
    by_probe,
    dialled,
    policy,
    profile,
    running,
)
from .rude import finish, serve

# -- certificates that nobody expected -----------------------------------------------------------------------------------


def self_signed(name: str, *, key_identifiers: bool = True, address: str = HOST) -> tuple[bytes, bytes]:
    """A certificate that signs itself, as PLCs and people make them; always with a new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
    )  # fmt: skip
    if key_identifiers:
        digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(digest, critical=False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(digest), critical=False
        )
    made = builder.sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), secret


def standard_server(folder: Path, cert: bytes, key: bytes) -> ssl.SSLContext:
    (folder / "server.pem").write_bytes(cert + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def speaking(context: ssl.SSLContext, after: Callable[[trio.SSLStream[Any]], Any] | None = None) -> Any:
    """A partner of the standard library; `after` is what it does once it believes in the connection."""

    async def conduct(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True)
        await secured.do_handshake()
        if after is not None:
            await after(secured)
        else:
            await secured.receive_some()

    return conduct


@VERSIONS
@pytest.mark.parametrize("key_identifiers", [True, False], ids=["with key identifiers", "without"])
async def test_a_self_signed_certificate_that_was_created_again_is_told_as_that_by_all(
    version: str, key_identifiers: bool, tmp_path: Path
) -> None:
    old, _ = self_signed("PLC-1", key_identifiers=key_identifiers)
    new, key = self_signed("PLC-1", key_identifiers=key_identifiers)
    held = Device.from_files(ca=[old])
    with trio.fail_after(LONG):
        async with running(serve, speaking(standard_server(tmp_path, new, key))) as port:
            raised = await by_exception(port, held, version)
            (probed,) = await by_probe(port, held, version)
    agree(raised, probed, closer=f"ouc probe {HOST}:{port}")
    assert (raised.cause, raised.status) == ("other-key", 0x80E4)
    assert "'PLC-1' has the name of one that this device holds" in raised.what
    assert raised.certificate is not None
    assert raised.certificate.fingerprint in raised.remedy
    assert "--ca" in raised.remedy


async def test_a_self_signed_certificate_that_nobody_knows_is_told_with_what_to_import(tmp_path: Path) -> None:
    known, _ = self_signed("PLC-1")
    other, key = self_signed("PLC-2")
    held = Device.from_files(ca=[known])
    with trio.fail_after(LONG):
        async with running(serve, speaking(standard_server(tmp_path, other, key))) as port:
            raised = await by_exception(port, held, "1.3")
            (probed,) = await by_probe(port, held, "1.3")
    agree(raised, probed, closer=f"ouc probe {HOST}:{port}")
    assert (raised.cause, raised.status) == ("unknown-self-signed", 0x80E4)
    assert "ca= in Python" in raised.remedy


async def test_a_plant_whose_ca_was_created_again_is_told_as_that(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old = Project.create("Plant", make_key=KeyPool())
    new = Project.create("Plant", make_key=KeyPool())
    for project in (old, new):
        project.add_device("PLC-1", addresses=[HOST])
    certificate = new.new(usage="tls", issuer=3, device="PLC-1", now=now)
    exported = new.device("PLC-1").download().own(certificate.id, side="server")
    assert exported is not None
    cert = exported.certificate.public_bytes(Encoding.PEM)
    key = exported.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    held = Device.from_files(ca=[old.entry(3).certificate.public_bytes(Encoding.PEM)])
    with trio.fail_after(LONG):
        async with running(serve, speaking(standard_server(tmp_path, cert, key))) as port:
            raised = await by_exception(port, held, "1.3")
            (probed,) = await by_probe(port, held, "1.3")
    agree(raised, probed, closer=f"ouc probe {HOST}:{port}")
    assert (raised.cause, raised.status) == ("other-key", 0x80E4)
    assert "another key than the one that issued" in raised.what


# -- after the handshake -------------------------------------------------------------------------------------------------


def refusing(context: ssl.SSLContext) -> Any:
    """A server of the standard library that says its alert; trio's SSLStream would keep it to itself."""

    async def conduct(stream: trio.SocketStream) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        machine = context.wrap_bio(incoming, outgoing, server_side=True)
        try:
            while True:
                try:
                    machine.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await stream.send_all(outgoing.read())
                    incoming.write(bytes(await stream.receive_some()))
        except ssl.SSLError:
            await stream.send_all(outgoing.read())
            await finish(stream, "close")

    return conduct


async def test_a_client_certificate_that_a_standard_server_refuses_after_the_handshake_is_told_the_same_way(
    tmp_path: Path,
) -> None:
    cert, key = self_signed("PLC-1")
    other, _ = self_signed("somebody else")
    own, own_key = self_signed("PC-1")
    context = standard_server(tmp_path, cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=other.decode())
    for held, cause in (
        (Device.from_files(ca=[cert], cert=own, key=own_key), "own-unknown-ca"),
        (Device.from_files(ca=[cert]), "no-client-certificate"),
    ):
        with trio.fail_after(LONG):
            async with running(serve, refusing(context)) as port:
                raised = await by_exception(port, held, "1.3")
                (probed,) = await by_probe(port, held, "1.3")
        agree(raised, probed, closer=f"ouc probe {HOST}:{port}")
        assert (raised.cause, raised.status) == (cause, 0x80E1)


@VERSIONS
@pytest.mark.parametrize(("then", "cause"), [("close", "cut-off"), ("reset", "lost-by-reset"), ("goodbye", "closed")])
async def test_the_end_of_an_established_connection_is_told_as_an_end(
    then: str, cause: str, version: str, tmp_path: Path
) -> None:
    cert, key = self_signed("PLC-1")
    held = Device.from_files(ca=[cert])

    async def after(secured: trio.SSLStream[Any]) -> None:
        await secured.receive_some()
        if then == "goodbye":
            await secured.aclose()
        else:
            await finish(secured.transport_stream, then)

    with trio.fail_after(LONG):
        async with running(serve, speaking(standard_server(tmp_path, cert, key), after)) as port:
            async with ouc.Station(held, profile=profile(), policy=policy(version)) as station:
                async with station.connect(dialled(port, held)) as connection:
                    await connection.send(b"q")
                    with pytest.raises(ouc.ConnectionLost) as caught:
                        await connection.receive_some()
    told = caught.value.failure
    assert (told.status, told.cause) == (0x80C5, cause)
    assert len(told.remedy) > 40
    assert told.where == f"{HOST}:{port}"
    assert told.closer == ""
