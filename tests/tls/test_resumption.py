"""Resumed sessions: short handshakes that never believe longer than full ones would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import attrs
import pytest
from OpenSSL import SSL

from ouc.errors import CertificateError, LocalProtocolError, RemoteProtocolError
from ouc.tls import DEFAULT, Credentials, DataReceived, Policy, TLSContext, TLSEngine, read_client_hello_untrusted
from ouc.tls.resumption import CLIENT_SESSIONS, ClientSessions, Remembered, ServerSessions

from .pair import Pair, credentials

RESUMING = attrs.evolve(DEFAULT, resumption=True)
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"], ids="TLS {}".format)
# trustme's certificates are valid from 2000 to 3000.
NOW, LATER = datetime(2026, 6, 1, tzinfo=UTC), datetime(3050, 6, 1, tzinfo=UTC)
ADDRESS = IPv4Address("192.168.0.1")


@attrs.define
class Couple:
    """A client and a server context that meet again and again."""

    client: TLSContext
    server: TLSContext

    def meet(
        self,
        *,
        client_now: Callable[[], datetime] = lambda: NOW,
        server_now: Callable[[], datetime] = lambda: NOW,
        expect: IPv4Address | str | None = None,
        partner: str | None = "192.168.0.1:2000",
    ) -> Pair:
        return Pair(
            TLSEngine(self.client, expect=expect, clock=client_now, partner=partner),
            TLSEngine(self.server, clock=server_now),
        ).talk()

    @property
    def kept(self) -> tuple[int, int]:
        """How many sessions the client and the server remember."""
        assert isinstance(self.client.sessions, ClientSessions)
        assert isinstance(self.server.sessions, ServerSessions)
        return len(self.client.sessions), len(self.server.sessions)


def part(joined: Pair) -> None:
    """Both say goodbye, the client first."""
    joined.client.close()
    joined.talk()
    joined.server.close()
    joined.talk()


def couple(
    version: str = "1.3",
    *,
    client: Credentials | None = None,
    server: Credentials | None = None,
    client_policy: Policy = RESUMING,
    server_policy: Policy = RESUMING,
) -> Couple:
    versions: Any = {"versions": (version,)}
    return Couple(
        TLSContext.build(
            attrs.evolve(client_policy, **versions),
            client or credentials("192.168.0.2", side="client"),
            server_side=False,
        ),
        TLSContext.build(
            attrs.evolve(server_policy, **versions),
            server or credentials("192.168.0.1", side="server"),
            server_side=True,
        ),
    )


def resumed(joined: Pair) -> tuple[bool, bool]:
    return joined.client.facts.resumed, joined.server.facts.resumed


def errors(joined: Pair) -> tuple[int | None, int | None]:
    return tuple(  # type: ignore[return-value]
        None if one is None else int(one.status or 0) for one in (joined.client_error, joined.server_error)
    )


# -- that it works -------------------------------------------------------------------------------------------------


@VERSIONS
def test_the_second_handshake_is_resumed_and_shorter_and_the_first_is_not(version: str) -> None:
    plant = couple(version)
    first = plant.meet()
    part(first)
    second = plant.meet()
    assert resumed(first) == (False, False)
    assert resumed(second) == (True, True)
    sizes = [sum(len(records) for _, records in one.flights) for one in (first, second)]
    assert sizes[1] < sizes[0] / 1.5


@VERSIONS
def test_a_resumed_connection_still_tells_partner_and_chain_on_both_ends(version: str) -> None:
    plant = couple(version)
    first = plant.meet()
    part(first)
    second = plant.meet()
    for before, after in ((first.client, second.client), (first.server, second.server)):
        assert after.facts.resumed
        assert after.facts.partner == before.facts.partner
        assert after.facts.chain == before.facts.chain
        assert len(after.facts.chain) == 2


@VERSIONS
def test_data_pass_over_a_resumed_connection_and_it_can_be_resumed_in_turn(version: str) -> None:
    plant = couple(version)
    for number in range(4):
        joined = plant.meet()
        assert resumed(joined) == (number > 0, number > 0)
        joined.client.write(b"to the server")
        joined.server.write(b"to the client")
        joined.talk()
        assert DataReceived(b"to the server") in joined.events["server"]
        assert DataReceived(b"to the client") in joined.events["client"]
        part(joined)


@VERSIONS
def test_without_a_word_in_the_policy_nothing_is_kept_or_resumed(version: str) -> None:
    plant = couple(version, client_policy=DEFAULT, server_policy=DEFAULT)
    assert plant.client.sessions is plant.server.sessions is None
    part(plant.meet())
    second = plant.meet()
    assert resumed(second) == (False, False)


@VERSIONS
@pytest.mark.parametrize("who", ["client", "server"])
def test_one_side_that_does_not_resume_makes_every_handshake_a_full_one(version: str, who: str) -> None:
    plant = couple(version, **{f"{who}_policy": DEFAULT})  # type: ignore[arg-type]
    for _ in range(2):
        joined = plant.meet()
        assert resumed(joined) == (False, False)
        assert errors(joined) == (None, None)
        part(joined)


@VERSIONS
def test_a_server_that_asks_for_no_certificate_resumes_too(version: str) -> None:
    plant = couple(version, server=credentials("192.168.0.1", side="server", trust=False))
    part(plant.meet())
    second = plant.meet()
    assert resumed(second) == (True, True)
    assert second.server.facts.chain == ()
    assert (second.server.facts.verified, second.client.facts.verified) == (False, True)
    assert len(second.client.facts.chain) == 2


# -- each session once, and only after a good end --------------------------------------------------------------------


@VERSIONS
def test_a_session_resumes_one_connection(version: str) -> None:
    plant = couple(version)
    part(plant.meet())
    second, third = plant.meet(), plant.meet()
    assert resumed(second) == (True, True)
    assert resumed(third) == (False, False)


@VERSIONS
def test_a_session_shown_twice_is_not_accepted_twice(version: str) -> None:
    plant = couple(version)
    part(plant.meet())
    assert isinstance(plant.client.sessions, ClientSessions)
    key = ("192.168.0.1:2000", None)
    copy = plant.client.sessions.take(key)
    assert copy is not None
    for number in range(3):
        plant.client.sessions.keep(key, copy)
        joined = plant.meet()
        assert resumed(joined) == (number == 0, number == 0)
        assert errors(joined) == (None, None)


@VERSIONS
def test_a_connection_that_just_breaks_leaves_no_session(version: str) -> None:
    plant = couple(version)
    joined = plant.meet()
    assert plant.kept == (0, 0)
    del joined
    again = plant.meet()
    assert resumed(again) == (False, False)


@VERSIONS
def test_a_connection_that_failed_leaves_no_session(version: str) -> None:
    plant = couple(version)
    joined = plant.meet()
    for engine in (joined.client, joined.server):
        with pytest.raises(RemoteProtocolError):
            engine.receive_data(b"\x17\x03\x03\x00\x20" + bytes(32))
        engine.close()
    assert plant.kept == (0, 0)


def test_a_TLS_1_3_client_that_never_read_its_tickets_has_nothing_to_resume() -> None:
    plant = couple("1.3")
    joined = Pair(TLSEngine(plant.client, partner="p"), TLSEngine(plant.server))
    joined.client.handshake()
    joined.server.receive_data(joined.client.take())
    joined.client.receive_data(joined.server.take())
    joined.client.close()
    assert plant.kept[0] == 0


# -- whom it is offered to ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("again", "offered"),
    [({}, True), ({"partner": "192.168.0.9:2000"}, False), ({"partner": None}, False), ({"expect": ADDRESS}, False)],
    ids=["the same", "another partner", "nobody in particular", "another expectation"],
)
def test_a_session_is_offered_to_the_partner_and_expectation_it_was_made_with(again: Any, offered: bool) -> None:
    plant = couple()
    part(plant.meet())
    client = TLSEngine(plant.client, **{"partner": "192.168.0.1:2000", **again})
    client.handshake()
    hello = read_client_hello_untrusted(client.take())
    assert hello is not None
    assert hello.resumes is offered
    assert not hello.early_data


@VERSIONS
def test_the_expected_address_is_compared_again_when_a_session_is_resumed(version: str) -> None:
    plant = couple(version)
    part(plant.meet(expect=ADDRESS))
    assert resumed(plant.meet(expect=ADDRESS)) == (True, True)
    # Filed under an expectation that its chain does not fulfil, it is not offered, and the full handshake refuses.
    part(plant.meet(expect=ADDRESS))
    assert isinstance(plant.client.sessions, ClientSessions)
    other = IPv4Address("192.168.0.7")
    remembered = plant.client.sessions.take(("192.168.0.1:2000", ADDRESS))
    assert remembered is not None
    plant.client.sessions.keep(("192.168.0.1:2000", other), remembered)
    refused = plant.meet(expect=other)
    assert refused.client_error is not None
    assert refused.client_error.status == 0x80E1
    assert not refused.client.established


# -- that it never outlives the certificates -----------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_clock_that_has_passed_the_partner_s_date_refuses_as_a_full_handshake_does(version: str, who: str) -> None:
    late: Any = {f"{who}_now": lambda: LATER}
    fresh = couple(version).meet(**late)
    plant = couple(version)
    part(plant.meet())
    aged = plant.meet(**late)
    assert errors(aged) == errors(fresh)
    assert 0x80E5 in errors(aged)
    assert str(aged.client_error) == str(fresh.client_error)
    assert str(aged.server_error) == str(fresh.server_error)
    # Forgotten for good: a clock that goes back does not bring it back.
    assert resumed(plant.meet()) == (False, False)


@VERSIONS
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_date_that_passes_within_the_handshake_ends_it_before_a_byte_of_data(version: str, who: str) -> None:
    plant = couple(version)
    part(plant.meet())
    # The clock is asked when the connection is made, before the session is offered or accepted, and afterwards.
    times = iter([NOW] * (2 if who == "client" else 3))
    late: Any = {f"{who}_now": lambda: next(times, LATER)}
    joined = plant.meet(**late)
    engine, error = getattr(joined, who), getattr(joined, f"{who}_error")
    assert isinstance(error, CertificateError)
    assert error.status == 0x80E5
    assert not engine.established
    assert engine.take() == b""
    if who == "client":  # its last flight stays with it, so the server never believes in the connection
        assert not joined.server.established
    with pytest.raises(CertificateError):
        engine.read()
    with pytest.raises(CertificateError):
        engine.write(b"data")
    assert not any(isinstance(event, DataReceived) for events in joined.events.values() for event in events)


@VERSIONS
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_handshake_that_OpenSSL_resumed_on_its_own_is_refused(
    version: str, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What must never happen: OpenSSL resumes, and nobody here has verified anything.
    plant = couple(version)
    part(plant.meet())
    if who == "client":
        offer = TLSEngine._offer

        def offer_and_forget(engine: TLSEngine, sessions: ClientSessions) -> None:
            offer(engine, sessions)
            engine._offered = None

        monkeypatch.setattr(TLSEngine, "_offer", offer_and_forget)
    else:
        choose = ServerSessions.choose

        def choose_and_forget(sessions: ServerSessions, hello: Any, good: Any) -> Any:
            return choose(sessions, hello, good)[0], None

        monkeypatch.setattr(ServerSessions, "choose", choose_and_forget)
    joined = plant.meet()
    error = getattr(joined, f"{who}_error")
    assert error is not None
    assert "not kept here" in str(error)
    assert not getattr(joined, who).established


@VERSIONS
def test_a_session_that_OpenSSL_resumed_in_the_place_of_the_one_that_was_verified_is_refused(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The chain that was judged again would be good; but it is another session's, so nobody has judged this one's.
    plant = couple(version)
    part(plant.meet())
    choose = ServerSessions.choose

    def choose_another(sessions: ServerSessions, hello: Any, good: Any) -> Any:
        shelf, remembered = choose(sessions, hello, good)
        assert remembered is not None
        return shelf, attrs.evolve(remembered, name=remembered.name[:-1] + b"?")

    monkeypatch.setattr(ServerSessions, "choose", choose_another)
    joined = plant.meet()
    assert joined.server_error is not None
    assert joined.server_error.status == 0x80E1
    assert "not kept here" in str(joined.server_error)
    assert not joined.server.established
    with pytest.raises(CertificateError):
        joined.server.write(b"data")


def test_a_session_without_a_certificate_is_worth_nothing_where_one_is_demanded() -> None:
    plant = couple("1.2")
    part(plant.meet())
    assert isinstance(plant.server.sessions, ServerSessions)
    shelf = plant.server.sessions._shelf
    for name in shelf.names:
        shelf.keep(Remembered(name=name))
    joined = plant.meet()
    assert resumed(joined) == (False, False)
    assert len(joined.server.facts.chain) == 2


@VERSIONS
def test_a_new_context_remembers_nothing_of_the_old_one(version: str) -> None:
    plant = couple(version)
    part(plant.meet())
    for fresh in (Couple(couple(version).client, plant.server), Couple(plant.client, couple(version).server)):
        assert resumed(fresh.meet()) == (False, False)


# -- the server's two contexts -------------------------------------------------------------------------------------------


def outcomes_of(plant: Couple, meetings: int) -> list[bool]:
    found = []
    for _ in range(meetings):
        joined = plant.meet()
        assert len(set(resumed(joined))) == 1
        found.append(resumed(joined)[0])
        part(joined)
    return found


@VERSIONS
def test_after_a_restart_of_the_server_one_full_handshake_is_enough(version: str) -> None:
    plant = couple(version)
    part(plant.meet())
    assert outcomes_of(Couple(plant.client, couple(version).server), 3) == [False, True, True]


@pytest.mark.parametrize(("version", "expected"), [("1.2", [False, True, True]), ("1.3", [False, False, True])])
def test_a_partner_that_showed_a_spent_session_can_resume_again(version: str, expected: list[bool]) -> None:
    # The cold context gives out TLS 1.3 tickets that name nothing: the next handshake is a full one as well.
    plant = couple(version)
    part(plant.meet())
    assert isinstance(plant.client.sessions, ClientSessions)
    key = ("192.168.0.1:2000", None)
    spent = plant.client.sessions.take(key)
    assert spent is not None
    plant.client.sessions.keep(key, spent)
    plant.meet()
    plant.client.sessions.keep(key, spent)
    assert outcomes_of(plant, 3) == expected


def test_a_server_begins_afresh_when_it_has_given_out_its_number_of_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ouc.tls.resumption.SERVER_SESSIONS", 6)
    plant = couple("1.3")
    assert isinstance(plant.server.sessions, ServerSessions)
    for number in range(12):
        part(plant.meet(partner=f"partner {number}"))
        assert len(plant.server.sessions._shelf.names) <= 6 + 1
        assert plant.kept[1] <= 6 + 1
    assert resumed(plant.meet(partner="partner 0")) == (False, False)


def test_a_client_forgets_the_partner_it_has_not_met_for_longest() -> None:
    sessions = ClientSessions()
    for number in range(CLIENT_SESSIONS + 10):
        sessions.keep(number, Remembered())
    assert len(sessions) == CLIENT_SESSIONS
    assert sessions.take(9) is None
    assert sessions.take(10) is not None
    assert sessions.take(10) is None


def test_a_hello_that_names_two_sessions_gets_a_full_handshake() -> None:
    plant = couple("1.3")
    part(plant.meet())
    assert isinstance(plant.server.sessions, ServerSessions)
    names = [name for name, one in plant.server.sessions._shelf.names.items() if one is not None]
    assert len(names) == 2
    client = TLSEngine(plant.client)
    client.handshake()
    hello = read_client_hello_untrusted(client.take())
    assert hello is not None
    shelf, remembered = plant.server.sessions.choose(attrs.evolve(hello, identities=tuple(names)), lambda _: True)
    assert shelf is None
    assert remembered is None


def test_a_hello_cut_into_single_bytes_resumes_as_a_whole_one_does() -> None:
    plant = couple("1.3")
    part(plant.meet())
    client, server = TLSEngine(plant.client, partner="192.168.0.1:2000"), TLSEngine(plant.server)
    client.handshake()
    for byte in client.take():
        server.receive_data(bytes([byte]))
    joined = Pair(client, server)
    joined.flights.append(("client", b""))
    joined.talk()
    assert resumed(joined) == (True, True)


# -- what it rests on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "server_side"), [("SSL_session_reused", False), ("SSL_session_reused", True), ("i2d_SSL_SESSION", True)]
)
def test_a_pyOpenSSL_that_cannot_tell_is_refused_while_the_context_is_built(
    name: str, server_side: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = SSL._lib  # type: ignore[attr-defined]

    class Without:
        def __getattr__(self, asked: str) -> Any:
            if asked == name:
                raise AttributeError(asked)
            return getattr(library, asked)

    monkeypatch.setattr("ouc.tls._openssl._lib", Without())
    own = credentials("192.168.0.1", side="server" if server_side else "client")
    with pytest.raises(LocalProtocolError, match=name):
        TLSContext.build(RESUMING, own, server_side=server_side)
    TLSContext.build(DEFAULT, own, server_side=server_side)
