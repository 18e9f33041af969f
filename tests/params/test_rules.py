"""The table of rules: each can be broken alone, and then speaks alone."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc import status
from ouc.errors import ParameterError
from ouc.params import RULES, TCON_IP_V4_SEC, Description, Severity, TCON_IP_v4, check
from ouc.params.endpoints import view
from ouc.profiles import profile

from .cases import CASES, HELD, Situation, asking, client, server, silent
from .strategies import CLIENT, CPU, NOW, SERVER, any_description, changed, hosts, ids, profiles, rules, sound

TCON_CODES = {row.code for row in status.of_block("TCON")}


def test_every_rule_has_a_case_and_every_case_a_rule() -> None:
    assert {rule.name for rule in RULES} == set(CASES)
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_rule_that_is_broken_alone_is_reported_as_exactly_it(name: str, data: st.DataObject) -> None:
    description, situation = data.draw(CASES[name])
    findings = check(description, **situation)
    assert rules(findings) == [name]
    assert findings[0].status in TCON_CODES


@given(sound)
def test_a_sound_description_has_no_finding(value: Description) -> None:
    assert check(value, profile=CPU, own_address="192.168.1.1", block_id=view(value).connection_id) == ()


@given(server | client | asking | silent)
def test_references_that_the_device_holds_have_no_finding(value: Description) -> None:
    assert check(value, profile=CPU, certificates=HELD, now=NOW) == ()


@given(any_description, profiles, hosts | st.none(), ids | st.none(), st.booleans() | st.none())
def test_any_members_give_findings_that_TCON_can_show(
    value: Description, cpu: str, address: str | None, block_id: int | None, dns: bool | None
) -> None:
    findings = check(
        value, profile=cpu, own_address=address, block_id=block_id, dns_server=dns, certificates=HELD, now=NOW
    )
    for finding in findings:
        assert finding.status in TCON_CODES
        assert finding.is_error == (finding.severity is Severity.ERROR)
        assert finding.message
        assert finding.remedy


@given(any_description, profiles)
def test_a_finding_names_a_member_that_the_structure_has(value: Description, cpu: str) -> None:
    for finding in check(value, profile=cpu):
        if finding.member != "CONNECT":
            part: Any = value
            for step in finding.member.split("."):
                part = getattr(part, step)


@given(any_description)
def test_warnings_alone_let_a_station_use_the_description(value: Description) -> None:
    findings = check(value, profile=CPU)
    if not any(finding.is_error for finding in findings):
        end = _endpoint(value)
        assert end is None or 1 <= end.connection_id <= 4095


def _endpoint(value: Description) -> Any:
    try:
        return value.endpoint
    except ParameterError as error:
        # The network view's connections are sound, and none that a station has.
        assert error.status == 0x80A3
        return None


# One member of the published pair changed: what each side says (ouc-blocks.md 1.2, 1.3, 1.12, 3.2), None if it is legal.
SINGLE_CHANGES: tuple[tuple[Description, str, Any, int | None], ...] = (
    (CLIENT, "ConnPara.InterfaceId", 0, None),
    (CLIENT, "ConnPara.InterfaceId", 72, None),
    (CLIENT, "ConnPara.ID", 0, 0x8086),
    (CLIENT, "ConnPara.ID", 4095, None),
    (CLIENT, "ConnPara.ID", 4096, 0x8086),
    (CLIENT, "ConnPara.ConnectionType", 0x0C, 0x80B6),
    (CLIENT, "ConnPara.ConnectionType", 0x11, None),
    (CLIENT, "ConnPara.ConnectionType", 0xFE, 0x80B6),
    (CLIENT, "ConnPara.RemoteAddress", "0.0.0.0", 0x80B7),
    (CLIENT, "ConnPara.RemoteAddress", "224.0.0.1", 0x80A4),
    (CLIENT, "ConnPara.RemoteAddress", "255.255.255.255", 0x80A4),
    (CLIENT, "ConnPara.RemoteAddress", "10.1.2.3", None),
    (CLIENT, "ConnPara.RemotePort", 0, 0x80B7),
    (CLIENT, "ConnPara.RemotePort", 1, None),
    (CLIENT, "ConnPara.RemotePort", 8883, None),
    (CLIENT, "ConnPara.RemotePort", 65535, None),
    (CLIENT, "ConnPara.LocalPort", 2000, None),
    (CLIENT, "ConnPara.LocalPort", 102, 0x80A2),
    (CLIENT, "ConnPara.LocalPort", 65535, None),
    (CLIENT, "TLSServerReqClientCert", True, 0x80EB),
    (CLIENT, "ExtTLSCapabilities", 1, None),
    (CLIENT, "ExtTLSCapabilities", 2, 0x0000),
    (CLIENT, "TLSServerCertRef", 0, None),
    (CLIENT, "TLSServerCertRef", 2**32 - 1, None),
    (CLIENT, "TLSClientCertRef", 0, None),
    (CLIENT, "ActivateSecureConn", False, 0x0000),
    (SERVER, "ConnPara.ActiveEstablished", False, None),
    (SERVER, "ConnPara.ID", 0, 0x8086),
    (SERVER, "ConnPara.RemoteAddress", "0.0.0.0", None),
    (SERVER, "ConnPara.RemoteAddress", "239.0.0.1", 0x80A4),
    (SERVER, "ConnPara.RemotePort", 0, None),
    (SERVER, "ConnPara.RemotePort", 2000, None),
    (SERVER, "ConnPara.LocalPort", 0, 0x80B7),
    (SERVER, "ConnPara.LocalPort", 80, 0x80A2),
    (SERVER, "ConnPara.LocalPort", 443, 0x80A2),
    (SERVER, "ConnPara.LocalPort", 34964, 0x80A2),
    (SERVER, "ConnPara.LocalPort", 49152, None),
    (SERVER, "ConnPara.ConnectionType", 0x13, 0x80EA),
    (SERVER, "TLSServerReqClientCert", False, None),
    (SERVER, "ExtTLSCapabilities", 1, 0x80EC),
    (SERVER, "ExtTLSCapabilities", 0x8000, 0x0000),
    (SERVER, "TLSServerCertRef", 0, 0x80E9),
    (SERVER, "TLSServerCertRef", 1, None),
    (SERVER, "TLSClientCertRef", 0, None),
    (SERVER, "ActivateSecureConn", False, 0x0000),
)


def test_the_published_pair_has_no_finding_on_an_S7_1500_V3_1() -> None:
    assert check(CLIENT, profile="S7-1500 V3.1", own_address="192.168.0.2") == ()
    assert check(SERVER, profile="S7-1500 V3.1", own_address="192.168.0.1") == ()


@pytest.mark.parametrize(("side", "path", "value", "expected"), SINGLE_CHANGES)
def test_one_member_changed_is_told_by_one_STATUS_or_is_legal(
    side: Description, path: str, value: Any, expected: int | None
) -> None:
    findings = check(changed(side, path, value), profile=CPU)
    assert [finding.status for finding in findings] == ([] if expected is None else [expected])
    if expected:
        assert findings[0].member == path or expected == 0x80EA


# The published pair with one member changed, against what the devices hold (CA 3, server 9, client 11).
REFERENCES: tuple[tuple[Description, str, int, int | None], ...] = (
    (SERVER, "TLSServerCertRef", 9, None),
    (SERVER, "TLSServerCertRef", 12, 0x80ED),
    (SERVER, "TLSServerCertRef", 3, 0x80ED),
    (SERVER, "TLSClientCertRef", 12, 0x80E4),
    (SERVER, "TLSClientCertRef", 9, 0x80E2),
    (SERVER, "TLSClientCertRef", 0, None),
    (CLIENT, "TLSServerCertRef", 12, 0x80ED),
    (CLIENT, "TLSServerCertRef", 11, 0x80E2),
    (CLIENT, "TLSServerCertRef", 0, None),
    (CLIENT, "TLSClientCertRef", 12, 0x80E2),
    (CLIENT, "TLSClientCertRef", 3, 0x80E2),
    (CLIENT, "TLSClientCertRef", 0, None),
)


@pytest.mark.parametrize(("side", "path", "value", "expected"), REFERENCES)
def test_one_reference_changed_is_told_as_the_defaults_say(
    side: Description, path: str, value: int, expected: int | None
) -> None:
    findings = check(changed(side, path, value), profile=CPU, certificates=HELD, now=NOW)
    assert [finding.status for finding in findings] == ([] if expected is None else [expected])


def test_all_findings_are_told_at_once() -> None:
    wrong = TCON_IP_V4_SEC(
        ConnPara=TCON_IP_v4(ID=0, ActiveEstablished=False, LocalPort=102),
        ActivateSecureConn=True,
        ExtTLSCapabilities=1,
    )
    assert [finding.status for finding in check(wrong, profile=CPU)] == [0x8086, 0x80A2, 0x80EC, 0x80E9]


def test_a_server_that_asks_for_no_certificate_does_not_evaluate_its_trust() -> None:
    deaf = attrs.evolve(SERVER, TLSServerReqClientCert=False, TLSClientCertRef=4711)
    assert check(deaf, profile=CPU, certificates=HELD, now=NOW) == ()


def test_a_self_signed_partner_is_trusted_by_its_own_ID() -> None:
    pinned = attrs.evolve(HELD[1], id=20, has_key=False, issuer_ids=())
    value = attrs.evolve(CLIENT, TLSServerCertRef=20)
    assert check(value, profile=CPU, certificates=[*HELD, pinned], now=NOW) == ()


def test_options_of_the_profile_choose_the_STATUS_of_an_unknown_trust() -> None:
    odd = attrs.evolve(profile(CPU), unknown_trust_server=0x80E4)
    value = attrs.evolve(CLIENT, TLSServerCertRef=12)
    assert check(value, profile=odd, certificates=HELD)[0].status == 0x80E4


@pytest.mark.parametrize("port", [20, 21, 25, 80, 102, 443, 5001, 34962, 34963, 34964])
def test_ports_reserved_on_S7_1200_G2_are_80A2_there(port: int) -> None:
    value = TCON_IP_v4(ActiveEstablished=False, LocalPort=port)
    assert [finding.status for finding in check(value, profile="S7-1200 G2 V1.0")] == [0x80A2]


def test_a_computer_may_talk_to_itself_over_loopback() -> None:
    assert check(TCON_IP_v4(RemoteAddress="127.0.0.1"), own_address="127.0.0.1") == ()


def test_a_finding_says_member_reason_STATUS_and_remedy_in_one_line() -> None:
    (finding,) = check(changed(CLIENT, "ConnPara.RemotePort", 0), profile=CPU)
    assert str(finding) == (
        "error: ConnPara.RemotePort: the active side needs the partner's port, not 0 (STATUS 16#80B7). "
        "Enter the partner's LocalPort in RemotePort"
    )
    assert finding.to_dict()["status"] == "16#80B7"


@pytest.mark.parametrize("name", ["S7-300", "", "S7-1500 V9.9", "x" * 1000])
def test_an_unknown_profile_is_told_with_those_there_are(name: str) -> None:
    with pytest.raises(ParameterError, match=r"S7-1500 V3\.1"):
        check(CLIENT, profile=name)


@pytest.mark.parametrize("address", ["192.168.0", "somewhere", "::1"])
def test_an_own_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ParameterError, match="no IPv4 address"):
        check(CLIENT, own_address=address)


@given(st.sampled_from(sorted(CASES)).flatmap(lambda name: CASES[name]))
def test_a_check_is_remembered_on_the_value(case: Situation) -> None:
    description, situation = case
    if {"others", "certificates"} & set(situation):
        return
    first = check(description, **situation)
    assert check(description, **situation) is first
    assert len(description.remembered) <= 17


@given(st.lists(st.tuples(profiles, hosts), min_size=20, max_size=40))
def test_what_is_remembered_does_not_grow_without_end(asked: list[tuple[str, str]]) -> None:
    value = TCON_IP_v4(RemoteAddress="10.0.0.1")
    for cpu, address in asked:
        assert check(value, profile=cpu, own_address=address) == check(
            TCON_IP_v4(RemoteAddress="10.0.0.1"), profile=cpu
        )
        assert len(value.remembered) <= 16


@pytest.mark.parametrize("port", [80, 102, 443, 4840])
@pytest.mark.parametrize("secure", [True, False])
def test_a_partner_port_of_another_service_gets_a_note_and_passes(port: int, *, secure: bool) -> None:
    end = TCON_IP_v4(RemoteAddress="192.168.0.1", RemotePort=port)
    description = TCON_IP_V4_SEC(ConnPara=end, ActivateSecureConn=secure)
    (found,) = description.check(CPU)
    assert (found.rule, found.is_error, found.status) == ("partner port of another service", False, 0)
    assert found.member == "ConnPara.RemotePort"
    assert str(port) in found.message
    assert "ActiveEstablished = FALSE" in found.remedy
    waiting = attrs.evolve(end, ActiveEstablished=False, LocalPort=2000)
    assert not attrs.evolve(description, ConnPara=waiting, TLSServerCertRef=5 if secure else 0).check(CPU)


def test_remedies_about_certificates_speak_to_whoever_sits_at_the_library_too() -> None:
    told = {rule.name: rule.remedy for rule in RULES}
    for name in ("own certificate not usable", "server without certificate", "trusted certificate unknown", "nobody to trust",
                 "chain not on the device"):  # fmt: skip
        assert "`ouc cert assign PROJECT ID DEVICE" in told[name]
        assert "download the hardware configuration" in told[name]
        assert "ca=" in told[name] or "cert=" in told[name]
