"""The TLS machine: figures of the published capture, verdicts on both sides, ends, limits."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouc.errors import ConnectionLost, LocalProtocolError, OUCError, RemoteProtocolError
from ouc.tls import DEFAULT, DataReceived, HandshakeCompleted, Need, PeerClosed, read_client_hello_untrusted

from .pair import credentials, pair

TLS_1_2 = attrs.evolve(DEFAULT, versions=("1.2",))
TLS_1_3 = attrs.evolve(DEFAULT, versions=("1.3",))
VERSIONS = pytest.mark.parametrize("policy", [TLS_1_2, TLS_1_3], ids=["TLS 1.2", "TLS 1.3"])


# -- figures of the published capture (requirements.md R128, certificates.md 6.5) ---------------------------------------


def test_258_bytes_leave_as_one_record_of_280_under_TLS_1_3() -> None:
    joined = pair().talk()
    joined.client.write(bytes(258))
    assert len(joined.client.take()) == 280


def test_the_server_s_tickets_are_158_bytes() -> None:
    joined = pair().talk()
    assert [len(records) for name, records in joined.flights if name == "server"][1] == 158


def test_each_side_shows_its_leaf_only_although_it_holds_the_CA() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    from .pair import authority, certificate

    joined = pair(client_policy=TLS_1_2, server_policy=TLS_1_2).talk()
    ca = certificate(authority("plant").cert_pem.bytes()).public_bytes(Encoding.DER)
    wire = b"".join(records for _, records in joined.flights)
    for engine in (joined.client, joined.server):
        partner = engine.facts.partner
        assert partner is not None
        assert partner.public_bytes(Encoding.DER) in wire
    assert ca not in wire


@pytest.mark.parametrize("size", [1, 258, 16_384, 16_385, 65_536])
def test_a_message_becomes_as_many_records_as_it_needs_and_no_more(size: int) -> None:
    joined = pair().talk()
    joined.client.write(bytes(size))
    records = -(-size // 16_384)
    assert len(joined.client.take()) == size + 22 * records


# -- what is offered ------------------------------------------------------------------------------------------------


def test_the_hello_offers_exactly_what_the_policy_says() -> None:
    joined = pair()
    joined.client.handshake()
    hello = read_client_hello_untrusted(joined.client.take())
    assert hello is not None
    assert hello.group_names == DEFAULT.groups
    assert set(hello.version_names) == {"TLS 1.2", "TLS 1.3"}
    assert set(hello.suite_names) <= {*DEFAULT.suites_12, *DEFAULT.suites_13}
    assert hello.signature_names == DEFAULT.signatures
    assert hello.server_name == ""
    assert hello.size < 512


@VERSIONS
def test_both_sides_agree_on_the_version_of_the_policy(policy: object) -> None:
    joined = pair(client_policy=policy).talk()  # type: ignore[arg-type]
    version = f"TLS {policy.versions[0]}"  # type: ignore[attr-defined]
    assert joined.client.facts.version == joined.server.facts.version == version
    assert joined.client.facts.group
    assert joined.client.facts.suite == joined.server.facts.suite


# -- verdicts -------------------------------------------------------------------------------------------------------


@VERSIONS
def test_mutual_authentication_shows_each_side_the_other_s_chain(policy: object) -> None:
    joined = pair(client_policy=policy).talk()  # type: ignore[arg-type]
    for engine in (joined.client, joined.server):
        assert len(engine.facts.chain) == 2
        assert engine.facts.chain[0] == engine.facts.partner
    assert joined.client.facts.asked_for_certificate


@VERSIONS
def test_no_client_certificate_is_80E2_for_the_server_and_80E1_for_the_client(policy: object) -> None:
    joined = pair(client=credentials("192.168.0.2", side="client", own=False), client_policy=policy).talk()  # type: ignore[arg-type]
    assert joined.server_error is not None
    assert joined.server_error.status == 0x80E2
    assert joined.client_error is not None
    assert joined.client_error.status == 0x80E1
    assert "the partner refused" in str(joined.client_error)


@VERSIONS
def test_a_client_of_another_CA_is_80E4_for_the_server_and_told_unknown_ca(policy: object) -> None:
    stranger = credentials("192.168.0.2", side="client", issuer="elsewhere")
    joined = pair(client=stranger, client_policy=policy).talk()  # type: ignore[arg-type]
    assert joined.server_error is not None
    assert joined.server_error.status == 0x80E4
    assert "unknown_ca" in str(joined.client_error)


@VERSIONS
def test_a_server_of_another_CA_is_80E4_for_the_client(policy: object) -> None:
    stranger = credentials("192.168.0.1", side="server", issuer="elsewhere")
    joined = pair(server=stranger, client_policy=policy).talk()  # type: ignore[arg-type]
    assert joined.client_error is not None
    assert joined.client_error.status == 0x80E4
    assert not joined.client.established
    assert not joined.server.established


def test_a_TLS_1_3_client_is_confirmed_by_the_tickets_not_by_its_own_handshake() -> None:
    joined = pair()
    joined.client.handshake()
    joined.server.receive_data(joined.client.take())
    joined.client.receive_data(joined.server.take())
    assert joined.client.established
    assert not joined.client.confirmed
    joined.talk()
    assert joined.client.confirmed


def test_a_server_that_asks_for_no_certificate_confirms_at_once() -> None:
    joined = pair(server=credentials("192.168.0.1", side="server", trust=False))
    joined.client.handshake()
    joined.server.receive_data(joined.client.take())
    joined.client.receive_data(joined.server.take())
    assert joined.client.confirmed
    assert not joined.client.facts.asked_for_certificate


@pytest.mark.parametrize(("address", "status"), [("192.168.0.1", None), ("192.168.0.7", 0x80E1)])
def test_the_address_is_compared_with_the_subjectAltName_if_asked_for(address: str, status: int | None) -> None:
    joined = pair(expect=IPv4Address(address)).talk()
    assert (joined.client_error.status if joined.client_error else None) == status
    if status is not None:
        assert "bad_certificate" in str(joined.server_error)


@pytest.mark.parametrize(("year", "status"), [(1999, 0x80E2), (2026, None), (9000, 0x80E5)])
def test_certificates_are_judged_at_the_station_s_time(year: int, status: int | None) -> None:
    # trustme's certificates are valid from 2000 to 3000.
    joined = pair(clock=lambda: datetime(year, 6, 1, tzinfo=UTC)).talk()
    assert (joined.client_error.status if joined.client_error else None) == status


# -- data and ends --------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.lists(st.binary(max_size=20_000), max_size=6), st.integers(1, 5000))
def test_data_arrive_exactly_under_any_segmentation(messages: list[bytes], cut: int) -> None:
    joined = pair().talk()
    for message in messages:
        joined.client.write(message)
    records, got = joined.client.take(), bytearray()
    for start in range(0, len(records), cut):
        for event in joined.server.receive_data(records[start : start + cut]):
            assert isinstance(event, DataReceived)
            got += event.data
    assert bytes(got) == b"".join(messages)


def test_close_notify_is_an_end_and_a_bare_end_of_transport_is_a_failure() -> None:
    clean = pair().talk()
    clean.client.close()
    clean.client.close()
    assert clean.server.receive_data(clean.client.take()) == [PeerClosed()]

    cut = pair().talk()
    with pytest.raises(ConnectionLost) as caught:
        cut.server.receive_data(b"")
    assert caught.value.status == 0x80C5


def test_after_the_partner_s_close_notify_we_may_still_send() -> None:
    joined = pair().talk()
    joined.client.close()
    joined.server.receive_data(joined.client.take())
    joined.server.write(b"last words")
    assert joined.client.receive_data(joined.server.take()) == [DataReceived(b"last words")]


def test_an_end_in_the_middle_of_the_handshake_is_80C5() -> None:
    joined = pair()
    assert joined.client.handshake() is Need.READ
    with pytest.raises(ConnectionLost) as caught:
        joined.client.receive_data(b"")
    assert caught.value.status == 0x80C5


def test_empty_data_are_no_record() -> None:
    joined = pair().talk()
    joined.client.write(b"")
    assert joined.client.take() == b""


def test_sending_before_the_handshake_or_after_close_is_our_own_mistake() -> None:
    early, late = pair(), pair().talk()
    with pytest.raises(LocalProtocolError) as caught:
        early.client.write(b"x")
    assert caught.value.status == 0x80EE
    late.client.close()
    with pytest.raises(LocalProtocolError):
        late.client.write(b"x")


# -- a hostile partner ----------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_a_flipped_byte_is_never_delivered_and_ends_with_a_named_STATUS(data: st.DataObject) -> None:
    joined = pair().talk()
    joined.client.write(b"0123456789" * 20)
    records = bytearray(joined.client.take())
    at = data.draw(st.integers(0, len(records) - 1))
    records[at] ^= data.draw(st.integers(1, 255))
    try:
        events = joined.server.receive_data(bytes(records)) + joined.server.receive_data(b"")
    except OUCError as error:
        assert error.status is not None
    else:
        pytest.fail(f"accepted: {events}")


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=300))
def test_random_bytes_instead_of_a_hello_end_with_a_named_STATUS(noise: bytes) -> None:
    server = pair().server
    with pytest.raises(OUCError) as caught:
        server.receive_data(noise)
        server.receive_data(b"")
    assert caught.value.status in (0x80E0, 0x80E1, 0x80C5, 0x80E6)


def test_a_handshake_larger_than_the_limit_is_refused() -> None:
    server = pair(server_policy=attrs.evolve(DEFAULT, max_handshake=1000)).server
    with pytest.raises(RemoteProtocolError, match="more than 1000 bytes"):
        server.receive_data(b"\x16\x03\x01\x40\x00" + bytes(1000))


def test_data_that_follow_the_handshake_in_one_piece_do_not_count_as_handshake() -> None:
    joined = pair(server_policy=attrs.evolve(DEFAULT, max_handshake=4_000))
    client, server = joined.client, joined.server
    client.handshake()
    server.receive_data(client.take())
    client.receive_data(server.take())
    assert client.established
    client.write(b"x" * 20_000)
    flight = client.take()
    assert len(flight) > 20_000
    got = b"".join(event.data for event in server.receive_data(flight) if isinstance(event, DataReceived))
    assert got == b"x" * 20_000


def test_plain_bytes_are_told_as_such() -> None:
    server = pair().server
    with pytest.raises(RemoteProtocolError, match="HTTP"):
        server.receive_data(b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n")


def test_a_failed_machine_stays_failed_with_its_first_reason() -> None:
    server = pair().server
    reasons = []
    for _ in range(2):
        with pytest.raises(OUCError) as caught:
            server.receive_data(b"GET / HTTP/1.1\r\n\r\n")
        reasons.append(caught.value)
    assert reasons[0] is reasons[1]


def test_HandshakeCompleted_comes_once() -> None:
    joined = pair().talk()
    for name in ("client", "server"):
        assert joined.events[name].count(HandshakeCompleted()) == 1


def test_a_certificate_that_cannot_be_read_is_80E2_and_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    from ouc.tls import _openssl

    def unreadable(_: object) -> None:
        raise ValueError("a version that does not exist")

    monkeypatch.setattr(_openssl, "load_certificate", unreadable)
    joined = pair().talk()
    assert joined.client_error is not None
    assert joined.client_error.status == 0x80E2
    assert "cannot be read" in str(joined.client_error)
