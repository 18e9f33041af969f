"""The first true cause wins: what anybody can write before there are keys hides and forges no reason."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ConnectionLost, OUCError
from ouc.tls import DEFAULT, DataReceived, Need, TLSContext, TLSEngine
from ouc.tls.verdict import ALERTS

from .forge import ALERT, forged
from .pair import Pair, credentials, pair

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"], ids="TLS {}".format)
CLOSE_NOTIFY, USER_CANCELED, NO_RENEGOTIATION = 0, 90, 100
# A warning of these is an end by itself: a farewell, and what OpenSSL takes for one.
ENDS = {CLOSE_NOTIFY, NO_RENEGOTIATION}
WARNINGS = sorted(set(ALERTS) - ENDS)


def alert(level: int, description: int) -> bytes:
    """A record in clear, as anybody on the path can write it."""
    return bytes([21, 3, 3, 0, 2, level, description])


def of(version: str) -> Any:
    versions: Any = {"versions": (version,)}
    return attrs.evolve(DEFAULT, **versions)


def warned(version: str, description: int, *, who: str, times: int = 1, **options: Any) -> Pair:
    """A handshake in which `who` sends warnings in clear before anything else that it says (a server), or behind its
    hello (a client)."""
    said: list[str] = []

    def bend(side: str, records: bytes) -> bytes:
        if side != who or said:
            return records
        said.append(side)
        warnings = alert(1, description) * times
        return warnings + records if who == "server" else records + warnings

    return pair(client_policy=of(version), server_policy=of(version), **options).talk(bend)


# -- on a client -----------------------------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("description", WARNINGS, ids=lambda number: ALERTS[number][0])
def test_a_warning_before_the_server_s_hello_does_not_hide_that_its_CA_is_unknown(
    version: str, description: int
) -> None:
    joined = warned(
        version, description, who="server", server=credentials("192.168.0.1", side="server", issuer="other")
    )
    assert joined.client_error is not None
    assert joined.client_error.status == 0x80E4
    assert ALERTS[description][0] not in str(joined.client_error)


@VERSIONS
@pytest.mark.parametrize("description", [42, 48, 112, USER_CANCELED], ids=lambda number: ALERTS[number][0])
def test_a_warning_before_the_server_s_hello_ends_nothing_and_is_no_reason_of_a_later_end(
    version: str, description: int
) -> None:
    joined = warned(version, description, who="server")
    assert joined.client.established
    joined.server.write(b"data")
    joined.talk()
    assert DataReceived(b"data") in joined.events["client"]
    with pytest.raises(OUCError) as caught:
        joined.client.receive_data(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert caught.value.status == 0x80E0
    assert "damaged" in str(caught.value)


@VERSIONS
def test_a_flood_of_warnings_is_refused_as_what_it_is(version: str) -> None:
    joined = warned(version, 48, who="server", times=10)
    assert joined.client_error is not None
    assert joined.client_error.status == 0x80E0
    assert "too many warn alerts" in str(joined.client_error)


@VERSIONS
@pytest.mark.parametrize("level", [0, 3, 255])
def test_an_alert_of_a_level_that_there_is_not_is_a_broken_rule_and_no_refusal(version: str, level: int) -> None:
    client = TLSEngine(
        TLSContext.build(of(version), credentials("192.168.0.2", side="client"), server_side=False)
    )  # fmt: skip
    assert client.handshake() is Need.READ
    with pytest.raises(OUCError) as caught:
        client.receive_data(alert(level, 48))
    assert caught.value.status == 0x80E0
    assert "refused" not in str(caught.value)


@VERSIONS
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_warning_is_told_where_the_partner_leaves_without_another_word(version: str, who: str) -> None:
    joined = pair(client_policy=of(version), server_policy=of(version))
    joined.client.handshake()
    hello = joined.client.take()
    victim = joined.client if who == "client" else joined.server
    if who == "server":
        victim.receive_data(hello)
        if version == "1.3":  # there it would be an end, whatever its level
            return
    victim.receive_data(alert(1, 48))
    with pytest.raises(ConnectionLost, match="the warning unknown_ca") as caught:
        victim.receive_data(b"")
    assert caught.value.status == 0x80C5


# -- on a server -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("description", WARNINGS, ids=lambda number: ALERTS[number][0])
def test_a_warning_behind_the_hello_does_not_hide_from_a_TLS_1_2_server_that_the_client_s_CA_is_unknown(
    description: int,
) -> None:
    joined = warned("1.2", description, who="client", client=credentials("192.168.0.2", side="client", issuer="other"))
    assert joined.server_error is not None
    assert joined.server_error.status == 0x80E4


def test_a_user_canceled_of_any_level_behind_the_hello_hides_nothing_from_a_TLS_1_3_server() -> None:
    for level in (1, 2):
        joined = pair(client=credentials("192.168.0.2", side="client", issuer="other"), client_policy=of("1.3"))
        joined.client.handshake()
        joined.server.receive_data(joined.client.take() + alert(level, USER_CANCELED))
        joined.flights.append(("client", b""))
        joined.talk()
        assert joined.server_error is not None
        assert joined.server_error.status == 0x80E4


# -- what does end the handshake --------------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("description", [CLOSE_NOTIFY, 40, 48, USER_CANCELED, 250])
def test_a_fatal_alert_in_answer_to_the_hello_is_the_partner_s_refusal(version: str, description: int) -> None:
    client = TLSEngine(TLSContext.build(of(version), credentials("192.168.0.2", side="client"), server_side=False))
    client.handshake()
    with pytest.raises(OUCError, match="the partner refused") as caught:
        client.receive_data(alert(2, description))
    assert caught.value.status == 0x80E1


@VERSIONS
def test_a_farewell_in_the_handshake_is_told_as_one(version: str) -> None:
    client = TLSEngine(TLSContext.build(of(version), credentials("192.168.0.2", side="client"), server_side=False))
    client.handshake()
    with pytest.raises(ConnectionLost, match="close_notify"):
        client.receive_data(alert(1, CLOSE_NOTIFY))


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("description", [42, 48, 112])
def test_a_warning_under_the_keys_of_TLS_1_2_ends_nothing_and_is_no_reason_later(who: str, description: int) -> None:
    _, victim, forger = forged(who, "1.2")
    assert victim.receive_data(forger.record(bytes([1, description]), ALERT)) == []
    assert victim.receive_data(forger.record(b"data")) == [DataReceived(b"data")]
    with pytest.raises(OUCError) as caught:
        victim.receive_data(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert caught.value.status == 0x80E0


@given(
    noise=st.lists(st.tuples(st.sampled_from([1, 1, 1, 0, 2, 3, 255]), st.integers(0, 255)), max_size=4),
    version=st.sampled_from(["1.2", "1.3"]),
)
def test_a_server_of_another_CA_is_80E4_unless_something_ended_the_handshake_first(
    noise: list[tuple[int, int]], version: str
) -> None:
    said: list[str] = []

    def bend(side: str, records: bytes) -> bytes:
        if side == "server" and not said:
            said.append(side)
            return b"".join(alert(*one) for one in noise) + records
        return records

    joined = pair(
        client_policy=of(version), server=credentials("192.168.0.1", side="server", issuer="other")
    ).talk(bend)  # fmt: skip
    error = joined.client_error
    assert error is not None
    first = next((one for one in noise if one[0] != 1 or one[1] in ENDS), None)
    if first is None:
        assert error.status == 0x80E4
    elif first[0] == 2 or first == (1, NO_RENEGOTIATION):
        assert error.status == 0x80E1
        assert ALERTS.get(first[1], (f"alert {first[1]}",))[0] in str(error)
    elif first == (1, CLOSE_NOTIFY):
        assert error.status == 0x80C5
    else:
        assert error.status == 0x80E0


# -- confirmed by data --------------------------------------------------------------------------------------------------------


def test_data_of_a_TLS_1_3_server_prove_that_it_accepted_us_so_that_a_later_alert_is_an_end() -> None:
    joined, _, forger = forged("server")
    forger.number = 2
    joined.client._session.observed.confirmed = False
    assert joined.client.receive_data(forger.record(b"welcome")) == [DataReceived(b"welcome")]
    assert joined.client.confirmed
    with pytest.raises(OUCError) as caught:
        joined.client.receive_data(forger.record(bytes([2, 48]), ALERT))
    assert caught.value.status == 0x80C5
