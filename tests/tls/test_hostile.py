"""Partners that know the protocol and mean harm: each limit of the machine, and what it says when it is reached."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID, ObjectIdentifier
from OpenSSL import SSL

from ouc.errors import OUCError, RemoteProtocolError
from ouc.tls import DEFAULT, DataReceived, HelloReader, PeerClosed, TLSContext, TLSEngine

from .forge import ALERT, HANDSHAKE, HELLO_REQUEST, TICKET, forged
from .pair import Pair, authority, credentials

BOTH = pytest.mark.parametrize("who", ["client", "server"])
# The first bytes of a second ClientHello (RFC 5246 7.4.1.2), enough to be one.
SECOND_HELLO = b"\x01\x00\x00\x26\x03\x03" + bytes(36)


def refused_after(victim: TLSEngine, forge: Callable[[], bytes], most: int) -> tuple[int, OUCError, int]:
    """Feed forgeries until the machine refuses: how many it took, the reason, and the bytes of answers meanwhile."""
    answers = 0
    for number in range(most):
        try:
            victim.receive_data(forge())
        except OUCError as error:
            return number, error, answers
        answers += len(victim.take())
    pytest.fail(f"{most} were accepted")


# -- after the handshake ---------------------------------------------------------------------------------------------


@BOTH
def test_a_flood_of_key_updates_is_refused(who: str) -> None:
    _, victim, forger = forged(who)
    number, error, answers = refused_after(victim, forger.key_update, 100)
    assert number <= DEFAULT.max_key_updates
    assert error.status == 0x80E0
    assert answers <= DEFAULT.max_key_updates * 27


@BOTH
def test_key_updates_between_single_bytes_of_data_are_refused_too(who: str) -> None:
    _, victim, forger = forged(who)
    number, error, _ = refused_after(victim, lambda: forger.key_update() + forger.record(b"x"), 200)
    assert number < 2 * DEFAULT.max_key_updates
    assert error.status == 0x80E0


@BOTH
def test_key_updates_in_one_piece_before_data_are_refused_before_the_data_are_delivered(who: str) -> None:
    _, victim, forger = forged(who)
    flood = b"".join(forger.key_update() for _ in range(100)) + forger.record(b"never delivered")
    with pytest.raises(RemoteProtocolError, match="without data"):
        victim.receive_data(flood)


@BOTH
def test_a_partner_that_renews_its_keys_now_and_then_is_served_for_ever(who: str) -> None:
    _, victim, forger = forged(who)
    for _ in range(10 * DEFAULT.max_key_updates):
        piece = forger.key_update() + b"".join(forger.record(b"x") for _ in range(16))
        assert len(victim.receive_data(piece)) == 16


def test_a_flood_of_tickets_from_a_server_is_refused() -> None:
    _, victim, forger = forged("server")
    number, error, _ = refused_after(victim, lambda: forger.record(TICKET, HANDSHAKE), 100)
    assert number <= DEFAULT.max_key_updates
    assert "tickets" in str(error)


@pytest.mark.parametrize(("who", "message"), [("client", SECOND_HELLO), ("server", HELLO_REQUEST)])
def test_a_flood_of_attempts_to_renegotiate_is_refused(who: str, message: bytes) -> None:
    _, victim, forger = forged(who, "1.2")
    number, error, answers = refused_after(victim, lambda: forger.record(message, HANDSHAKE), 100)
    assert number <= DEFAULT.max_key_updates
    assert error.status == 0x80E0
    assert answers <= DEFAULT.max_key_updates * 31


@pytest.mark.parametrize(("who", "message"), [("client", SECOND_HELLO), ("server", HELLO_REQUEST)])
def test_one_attempt_to_renegotiate_is_declined_and_the_connection_goes_on(who: str, message: bytes) -> None:
    joined, victim, forger = forged(who, "1.2")
    assert victim.receive_data(forger.record(message, HANDSHAKE)) == []
    assert victim.receive_data(forger.record(b"data")) == [DataReceived(b"data")]
    victim.write(b"answer")
    assert joined.client.established
    assert joined.server.established
    assert len(victim.take()) > 31


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_empty_records_without_end_are_refused(who: str, version: str) -> None:
    _, victim, forger = forged(who, version)
    number, error, answers = refused_after(victim, lambda: forger.record(b""), 100)
    assert number <= 32
    assert error.status == 0x80E0
    assert answers == 0


@BOTH
def test_warnings_without_end_are_refused(who: str) -> None:
    # user_canceled as a warning (RFC 8446 6.1) asks for nothing and ends nothing.
    _, victim, forger = forged(who)
    number, error, _ = refused_after(victim, lambda: forger.record(b"\x01\x5a", ALERT), 100)
    assert number <= 32
    assert error.status is not None


@BOTH
def test_a_forged_close_notify_under_the_right_keys_is_an_end_and_nothing_after_it_is_delivered(who: str) -> None:
    # The forger itself is honest: what it writes is what the partner's TLS would have written.
    _, victim, forger = forged(who)
    events = victim.receive_data(forger.record(b"last") + forger.record(b"\x01\x00", ALERT) + forger.record(b"more"))
    assert events == [DataReceived(b"last"), PeerClosed()]
    assert victim.read() == b""


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_record_sent_a_second_time_is_not_delivered_a_second_time(who: str, version: str) -> None:
    _, victim, forger = forged(who, version)
    record = forger.record(b"open the valve")
    assert victim.receive_data(record) == [DataReceived(b"open the valve")]
    with pytest.raises(RemoteProtocolError) as caught:
        victim.receive_data(record)
    assert caught.value.status == 0x80E0


@BOTH
def test_a_machine_that_only_sends_neither_answers_nor_gathers_what_it_is_not_fed(who: str) -> None:
    # Nobody reads, so nothing is fed: the partner's flood stays in the network's buffers and the records go out.
    _, victim, forger = forged(who)
    for _ in range(50):
        forger.key_update()
        victim.write(bytes(100))
        assert len(victim.take()) == 122


# -- in the handshake ------------------------------------------------------------------------------------------------


def _server(**changes: Any) -> TLSEngine:
    policy = attrs.evolve(DEFAULT, **changes)
    return TLSEngine(TLSContext.build(policy, credentials("192.168.0.1", side="server"), server_side=True))


def _hello(size: int) -> bytes:
    """The message of a ClientHello with an extension of noise that makes it `size` bytes long."""
    noise = size - 4 - 2 - 32 - 1 - 4 - 2 - 2 - 4
    body = (
        b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x02" + b"\x01\x00"
        + struct.pack(">HHH", noise + 4, 0xFE00, noise) + bytes(noise)
    )  # fmt: skip
    return b"\x01" + len(body).to_bytes(3) + body


def test_a_hello_byte_by_byte_in_records_of_one_byte_costs_one_look_per_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    record = HelloReader._record

    def counted(reader: HelloReader) -> bytes | None:
        nonlocal looks
        looks += 1
        return record(reader)

    monkeypatch.setattr(HelloReader, "_record", counted)
    server = _server(resumption=True)
    sent = b"".join(struct.pack(">BHHB", 22, 0x0301, 1, byte) for byte in _hello(2000))
    with pytest.raises(OUCError):
        for byte in sent:
            server.receive_data(bytes([byte]))
        server.receive_data(b"")
    # A look per byte and per record; the message about the failure reads the first 4,096 bytes once more.
    assert looks <= len(sent) + 2000 + 4096 // 6


@pytest.mark.parametrize("resumption", [False, True], ids=["full", "resuming"])
def test_a_giant_hello_in_fragments_is_refused_at_the_limit(resumption: bool) -> None:
    server, fed = _server(resumption=resumption), 0
    message = b"\x01\xff\xff\xff" + bytes(200_000)
    with pytest.raises(OUCError) as caught:
        for start in range(0, len(message), 1000):
            piece = message[start : start + 1000]
            fed += len(piece)
            server.receive_data(struct.pack(">BHH", 22, 0x0301, len(piece)) + piece)
    assert caught.value.status == 0x80E0
    assert fed <= DEFAULT.max_handshake


def test_a_hello_that_names_hundreds_of_sessions_is_read_and_gets_a_full_handshake() -> None:
    identities = b"".join(b"\x00\x20" + bytes(31) + bytes([number]) + bytes(4) for number in range(200))
    extension = struct.pack(">HHH", 41, len(identities) + 2, len(identities)) + identities
    body = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x02\x01\x00" + struct.pack(">H", len(extension)) + extension
    message = b"\x01" + len(body).to_bytes(3) + body
    hello = HelloReader().feed(struct.pack(">BHH", 22, 0x0301, len(message)) + message)
    assert hello is not None
    assert len(hello.identities) == 200
    assert all(len(name) == 32 for name in hello.identities)


def test_an_extension_given_twice_is_refused() -> None:
    twice = struct.pack(">HH", 23, 0) * 2
    body = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x02\x01\x00" + struct.pack(">H", len(twice)) + twice
    message = b"\x01" + len(body).to_bytes(3) + body
    with pytest.raises(RemoteProtocolError, match="twice"):
        HelloReader().feed(struct.pack(">BHH", 22, 0x0301, len(message)) + message)


NOW = datetime(2026, 6, 1, tzinfo=UTC)


Issued = tuple[x509.Certificate, Any]


def _plant() -> Issued:
    ca = authority("plant")
    return (
        x509.load_pem_x509_certificate(ca.cert_pem.bytes()),
        load_pem_private_key(ca.private_key_pem.bytes(), None),
    )


def _issued(noise: int, *, above: Issued | None = None, ca: bool = False) -> Issued:
    """A certificate of the plant's CA (or of `above`) that is `noise` bytes larger than need be, and its key."""
    issuer, signer = above or _plant()
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"noise {serial:x}"[:64])])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject).public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=365_000))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )  # fmt: skip
    if noise:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(noise)), critical=False
        )
    return builder.sign(signer, hashes.SHA256()), key


def _meet(certificate: x509.Certificate, key: Any, above: list[x509.Certificate], version: str, who: str) -> Pair:
    """A handshake in which `who` shows the given certificates, by a TLS library without our limits."""
    versions: Any = {"versions": (version,)}
    policy = attrs.evolve(DEFAULT, **versions)
    addresses = {"client": "192.168.0.2", "server": "192.168.0.1"}
    # The partner's own limits must not come first.
    open_minded = attrs.evolve(policy, max_handshake=10_000_000)
    contexts = {
        side: TLSContext.build(
            open_minded if side == who else policy, credentials(addresses[side], side=side),
            server_side=side == "server",
        )
        for side in ("client", "server")
    }  # fmt: skip
    contexts[who].ssl.use_certificate(certificate)
    contexts[who].ssl.use_privatekey(key)
    for one in above:
        contexts[who].ssl.add_extra_chain_cert(one)
    return Pair(TLSEngine(contexts["client"]), TLSEngine(contexts["server"])).talk()


def _verdict(joined: Pair, who: str) -> OUCError:
    """What the side said that was shown the certificates; it has established nothing."""
    victim, error = (joined.server, joined.server_error) if who == "client" else (joined.client, joined.client_error)
    assert not victim.established
    assert error is not None
    return error


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_certificate_of_reasonable_size_passes_and_a_huge_one_is_refused(who: str, version: str) -> None:
    fine = _meet(*_issued(2_000), [], version, who)
    assert fine.client_error is fine.server_error is None
    huge = _verdict(_meet(*_issued(65_000), [], version, who), who)
    assert huge.status == 0x80E0
    assert "65536 bytes is refused" in str(huge)


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_chain_of_many_certificates_is_refused_by_its_length_or_its_size(who: str, version: str) -> None:
    above: Issued | None = None
    chain: list[x509.Certificate] = []
    for _ in range(DEFAULT.max_depth):
        above = _issued(0, above=above, ca=True)
        chain.insert(0, above[0])
    just = _meet(*_issued(0, above=above), chain, version, who)
    assert just.client_error is just.server_error is None
    above = _issued(0, above=above, ca=True)
    tall = _verdict(_meet(*_issued(0, above=above), [above[0], *chain], version, who), who)
    assert tall.status == 0x80E2
    assert "too long" in str(tall)
    # Certificates that belong to nothing are not even looked at when there are too many bytes of them.
    heavy = _verdict(_meet(*_issued(0), [_issued(20_000, ca=True)[0] for _ in range(4)], version, who), who)
    assert heavy.status == 0x80E0


def test_a_certificate_beyond_OpenSSL_s_own_limit_is_refused_where_ours_is_wider() -> None:
    joined = _meet(*_issued(150_000), [], "1.3", "server")
    assert _verdict(joined, "server").status == 0x80E0


# -- what stays off ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server_side", [False, True])
def test_a_key_log_named_by_the_environment_stays_unwritten(
    server_side: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    joined = Pair(
        TLSEngine(TLSContext.build(DEFAULT, credentials("192.168.0.2", side="client"), server_side=False)),
        TLSEngine(TLSContext.build(DEFAULT, credentials("192.168.0.1", side="server"), server_side=True)),
    ).talk()
    assert joined.client.established
    assert not log.exists()


@pytest.mark.parametrize("server_side", [False, True])
def test_a_key_log_asked_for_by_argument_has_the_secrets_of_that_side_only(server_side: bool) -> None:
    lines: list[bytes] = []
    contexts = [
        TLSContext.build(
            DEFAULT, credentials(address, side=side), server_side=side == "server",
            key_log=lines.append if (side == "server") is server_side else None,
        )
        for side, address in (("client", "192.168.0.2"), ("server", "192.168.0.1"))
    ]  # fmt: skip
    Pair(TLSEngine(contexts[0]), TLSEngine(contexts[1])).talk()
    labels = [line.split()[0] for line in lines]
    assert sorted(labels) == sorted(set(labels))
    assert {b"CLIENT_TRAFFIC_SECRET_0", b"SERVER_TRAFFIC_SECRET_0"} <= set(labels)


def test_a_TLS_1_1_partner_is_refused_with_the_version_in_words() -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_min_proto_version(SSL.TLS1_1_VERSION)
    context.set_max_proto_version(SSL.TLS1_1_VERSION)
    old = SSL.Connection(context)
    old.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        old.do_handshake()
    with pytest.raises(OUCError) as caught:
        _server().receive_data(old.bio_read(65_536))
    assert caught.value.status == 0x80E1
    assert "version" in str(caught.value)
