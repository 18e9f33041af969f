"""Small promises of the machine, each of which could be changed without a handshake failing."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ouc.errors import OUCError, RemoteProtocolError
from ouc.tls import DEFAULT, Contexts, DataReceived, HandshakeCompleted, HelloReader, TLSContext, TLSEngine
from ouc.tls.resumption import ClientSessions, Remembered, judge_again

from .forge import HANDSHAKE, HELLO_REQUEST, TICKET, forged
from .pair import Pair, authority, credentials, pair
from .test_hostile import SECOND_HELLO

NOW = datetime(2026, 6, 1, tzinfo=UTC)
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


# -- names -----------------------------------------------------------------------------------------------------------------


def _named(common_name: str, *names: str, usage: x509.ObjectIdentifier | None = None) -> tuple[x509.Certificate, Any]:
    ca = authority("plant")
    issuer = x509.load_pem_x509_certificate(ca.cert_pem.bytes())
    signer: Any = load_pem_private_key(ca.private_key_pem.bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])).issuer_name(issuer.subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=365))
    )  # fmt: skip
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(signer, hashes.SHA256()), key


@VERSIONS
@pytest.mark.parametrize(
    ("common_name", "names", "expect", "accepted"),
    [
        ("other", ("plc.example",), "plc.example", True),
        ("other", ("plc.example",), "plc.example.", True),
        ("other", ("plc.example",), "PLC.Example", True),
        ("plc.example", ("other.example",), "plc.example", False),
        # The common name is no address, also where there is nothing else (RFC 6125 6.4.4).
        ("plc.example", (), "plc.example", False),
        ("192.168.0.1", (), "192.168.0.1", False),
    ],
)
def test_a_name_is_looked_for_in_the_subjectAltName_and_nowhere_else(
    version: Any, common_name: str, names: tuple[str, ...], expect: str, accepted: bool
) -> None:
    policy = attrs.evolve(DEFAULT, versions=(version,))
    client = TLSContext.build(policy, credentials("192.168.0.2", side="client"), server_side=False)
    server = TLSContext.build(policy, credentials("192.168.0.1", side="server"), server_side=True)
    certificate, key = _named(common_name, *names)
    server.ssl.use_certificate(certificate)
    server.ssl.use_privatekey(key)
    joined = Pair(TLSEngine(client, expect=expect, clock=lambda: NOW), TLSEngine(server)).talk()
    assert joined.client.established is accepted
    if not accepted:
        assert joined.client_error is not None
        assert joined.client_error.status == 0x80E1


@pytest.mark.parametrize(("expect", "good"), [("plc.example", True), ("other.example", False), (None, True)])
def test_a_remembered_chain_is_judged_by_the_name_that_is_expected_now(expect: str | None, good: bool) -> None:
    root = x509.load_pem_x509_certificate(authority("plant").cert_pem.bytes())
    remembered = Remembered(chain=(_named("x", "plc.example")[0], root))
    trust = credentials("192.168.0.2", side="client")
    failure, chain = judge_again(trust, remembered, server_side=False, expect=expect, now=NOW)
    assert (failure is None) is good
    assert chain or not good


# -- what is counted -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "version", "forge", "had"),
    [
        ("client", "1.3", lambda forger: forger.key_update(), 0),
        ("server", "1.3", lambda forger: forger.key_update(), 2),  # the two tickets
        ("server", "1.3", lambda forger: forger.record(TICKET, HANDSHAKE), 2),
        ("client", "1.2", lambda forger: forger.record(SECOND_HELLO, HANDSHAKE), 0),
        ("server", "1.2", lambda forger: forger.record(HELLO_REQUEST, HANDSHAKE), 0),
    ],
    ids=["key updates", "key updates of a server", "tickets", "second hellos", "hello requests"],
)
@pytest.mark.parametrize("limit", [5, 32])
def test_exactly_as_many_messages_without_data_are_taken_as_the_policy_says(
    who: str, version: str, forge: Any, had: int, limit: int
) -> None:
    policy = attrs.evolve(DEFAULT, max_key_updates=limit)
    _, victim, forger = forged(who, version, policy=policy, honest=policy)
    taken = 0
    with pytest.raises(OUCError, match=f"sent {limit + 1} messages"):
        for _ in range(100):
            victim.receive_data(forge(forger))
            taken += 1
    assert taken == limit - had


@pytest.mark.parametrize(("records", "refused"), [(0, True), (15, True), (16, False), (31, False)])
def test_sixteen_records_of_data_make_up_for_one_message_without_data(records: int, refused: bool) -> None:
    _, victim, forger = forged("client")
    for _ in range(DEFAULT.max_key_updates):
        victim.receive_data(forger.key_update())
    for _ in range(records):
        victim.receive_data(forger.record(b"x"))
    if refused:
        with pytest.raises(OUCError, match="without data"):
            victim.receive_data(forger.key_update())
        return
    victim.receive_data(forger.key_update())
    with pytest.raises(OUCError, match="without data"):
        victim.receive_data(forger.key_update())


def test_data_before_any_message_without_data_earn_nothing() -> None:
    _, victim, forger = forged("client")
    for _ in range(100):
        victim.receive_data(forger.record(b"x"))
    for _ in range(DEFAULT.max_key_updates):
        victim.receive_data(forger.key_update())
    with pytest.raises(OUCError, match="without data"):
        victim.receive_data(forger.key_update())


# -- data behind the handshake ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [1, 2, 3])
@pytest.mark.parametrize("room", [0, 1, 7])
def test_data_that_came_with_the_handshake_beyond_its_limit_are_read_whole_afterwards(pieces: int, room: int) -> None:
    policy: Any = attrs.evolve(DEFAULT, versions=("1.3",))
    joined = pair(client_policy=policy, server_policy=policy)
    joined.client.handshake()
    hello = joined.client.take()
    joined.server.receive_data(hello)
    joined.client.receive_data(joined.server.take())
    messages = [b"%d" % number * 100 for number in range(pieces)]
    sent = [joined.client.take()]
    for message in messages:
        joined.client.write(message)
        sent.append(joined.client.take())
    # Signatures differ in length, so the limit is known only now.
    joined.server._policy = attrs.evolve(policy, max_handshake=len(hello) + len(sent[0]) + room)
    for records in sent[:-1]:
        joined.server.feed(records)
    events = joined.server.receive_data(sent[-1])
    assert events == [HandshakeCompleted(), *(DataReceived(message) for message in messages)]


# -- sessions and contexts -----------------------------------------------------------------------------------------------------


def test_a_partner_that_was_met_again_is_not_the_one_that_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ouc.tls.resumption.CLIENT_SESSIONS", 2)
    sessions = ClientSessions()
    for key in ("a", "b", "a", "c"):
        sessions.keep(key, Remembered(name=key.encode()))
    assert [key for key in ("a", "b", "c") if sessions.take(key) is not None] == ["a", "c"]


def test_contexts_are_built_once_for_the_same_settings_and_log_keys_where_that_was_asked_for() -> None:
    lines: list[bytes] = []
    contexts = Contexts(key_log=lines.append)
    ours, theirs = credentials("192.168.0.2", side="client"), credentials("192.168.0.1", side="server")
    client = contexts.get(DEFAULT, ours, server_side=False)
    assert contexts.get(attrs.evolve(DEFAULT), ours, server_side=False) is client
    assert contexts.get(attrs.evolve(DEFAULT, send_chain=True), ours, server_side=False) is not client
    assert contexts.get(DEFAULT, attrs.evolve(ours, own=None), server_side=False) is not client
    server = contexts.get(DEFAULT, theirs, server_side=True)
    assert server.server_side
    assert contexts.get(DEFAULT, attrs.evolve(theirs, trust=None), server_side=True) is not server
    Pair(TLSEngine(client), TLSEngine(Contexts().get(DEFAULT, theirs, server_side=True))).talk()
    assert any(line.startswith(b"CLIENT_TRAFFIC_SECRET_0") for line in lines)


# -- hellos --------------------------------------------------------------------------------------------------------------------


def _hello(*extensions: tuple[int, bytes]) -> bytes:
    listed = b"".join(struct.pack(">HH", kind, len(content)) + content for kind, content in extensions)
    body = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x02\x01\x00" + struct.pack(">H", len(listed)) + listed
    message = b"\x01" + len(body).to_bytes(3) + body
    return struct.pack(">BHH", 22, 0x0301, len(message)) + message


@pytest.mark.parametrize(
    ("kind", "early", "ticket", "resumes"),
    [(42, True, False, False), (35, False, True, False), (41, False, False, True)],
)
def test_what_a_hello_wants_of_earlier_sessions_is_told(kind: int, early: bool, ticket: bool, resumes: bool) -> None:
    identity = struct.pack(">H", 2 + 1 + 4) + b"\x00\x01a" + bytes(4)
    hello = HelloReader().feed(_hello((kind, identity if kind == 41 else b"")))
    assert hello is not None
    assert (hello.early_data, hello.wants_ticket, hello.resumes) == (early, ticket, resumes)
    plain = HelloReader().feed(_hello())
    assert plain is not None
    assert (plain.early_data, plain.wants_ticket, plain.resumes) == (False, False, False)


@pytest.mark.parametrize(("size", "fits"), [(16_384, True), (16_385, False)])
def test_the_longest_hello_is_16_384_bytes(size: int, fits: bool) -> None:
    reader = HelloReader()
    noise = size - (2 + 32 + 1 + 4 + 2 + 2 + 4)
    record = _hello((0xFE00, bytes(noise)))
    message = record[5:]
    halves = (message[:9000], message[9000:])
    sent = b"".join(struct.pack(">BHH", 22, 0x0301, len(half)) + half for half in halves)
    if fits:
        hello = reader.feed(sent)
        assert hello is not None
        assert hello.size == len(sent)
    else:
        with pytest.raises(OUCError, match="16385 bytes is refused"):
            reader.feed(sent)


def test_a_hello_without_extensions_ends_where_it_says_whatever_follows_in_its_record() -> None:
    body = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x02\x01\x00"
    message = b"\x01" + len(body).to_bytes(3) + body + b"\x05more"
    hello = HelloReader().feed(struct.pack(">BHH", 22, 0x0301, len(message)) + message)
    assert hello is not None
    assert (hello.extensions, hello.suites) == ((), (0x1302,))


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">BHH", 22, 0x0301, 0),  # RFC 8446 5.1: no empty handshake records
        struct.pack(">BHH", 22, 0x0201, 5),
        struct.pack(">BHH", 22, 0x0301, 16_385),
        struct.pack(">BHH", 23, 0x0301, 5),
        _hello((23, b""), (23, b"")),
    ],
    ids=["empty", "not version 3", "too long", "data", "doubled extension"],
)
def test_what_is_no_beginning_of_TLS_is_80E0(sent: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        HelloReader().feed(sent)
    assert caught.value.status == 0x80E0


def test_a_hello_that_says_it_is_huge_is_refused_before_it_has_come() -> None:
    message = b"\x01\x01\x00\x10" + bytes(100)
    with pytest.raises(RemoteProtocolError, match="65552 bytes is refused"):
        HelloReader().feed(struct.pack(">BHH", 22, 0x0301, len(message)) + message)


@pytest.mark.parametrize("server_side", [False, True])
def test_a_remembered_chain_is_judged_for_the_partner_s_role(server_side: bool) -> None:
    root = x509.load_pem_x509_certificate(authority("plant").cert_pem.bytes())
    fitting, other = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    if not server_side:
        fitting, other = other, fitting
    trust = credentials("192.168.0.1", side="server" if server_side else "client")
    for usage, good in ((fitting, True), (other, False)):
        remembered = Remembered(chain=(_named("x", "plc.example", usage=usage)[0], root))
        failure, _ = judge_again(trust, remembered, server_side=server_side, expect=None, now=NOW)
        assert (failure is None) is good
