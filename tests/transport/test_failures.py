"""Every exception of the edge becomes one failure, for the role and the moment."""

from __future__ import annotations

import errno

import pytest
import trio

from ouc.causes import End, Evidence, Moment, Role
from ouc.errors import CertificateError, ConnectionLost, LocalProtocolError, ParameterError
from ouc.transport import explain
from ouc.transport.failures import Attempt, listening

# errno -> STATUS while dialling, while opening a local port, on an established connection; None where it cannot happen.
STATUS = {
    errno.ECONNREFUSED: (0x80C5, None, 0x80C5),
    errno.ECONNRESET: (0x80C5, None, 0x80C5),
    errno.ECONNABORTED: (0x80C5, None, 0x80C5),
    errno.EPIPE: (None, None, 0x80C5),
    errno.ETIMEDOUT: (0x80C6, None, 0x80C6),
    errno.EHOSTUNREACH: (0x80C6, None, 0x80C6),
    errno.ENETUNREACH: (0x80C6, None, 0x80C6),
    errno.ENETDOWN: (0x80C6, None, 0x80C6),
    errno.ENETRESET: (0x80C6, None, 0x80C6),
    errno.EADDRINUSE: (0x80C3, 0x80A1, None),
    errno.EADDRNOTAVAIL: (0x80C4, 0x80C4, None),
    errno.EACCES: (0x80C6, 0x80A2, None),
    errno.EPERM: (0x80C6, None, None),
    errno.EMFILE: (0x80C3, 0x80C3, None),
    errno.ENFILE: (0x80C3, 0x80C3, None),
    errno.ENOBUFS: (0x80C3, 0x80C3, 0x80C3),
    errno.ENOMEM: (0x80C3, 0x80C3, 0x80C3),
    errno.EIO: (0x80C4, 0x80C4, 0x80C4),
}
SEEN = (
    Evidence(moment=Moment.DIALLING, where="192.168.0.1:2000", port=2000),
    listening(2000),
    Evidence(moment=Moment.ESTABLISHED, where="192.168.0.1:2000"),
)
CASES = [
    (number, seen, status) for number, row in STATUS.items() for seen, status in zip(SEEN, row, strict=True) if status
]


@pytest.mark.parametrize(
    ("number", "seen", "status"), CASES, ids=[f"{errno.errorcode[one]}-{seen.moment.name}" for one, seen, _ in CASES]
)
def test_each_errno_has_its_STATUS_and_a_remedy_at_each_moment_and_keeps_the_original(
    number: int, seen: Evidence, status: int
) -> None:
    original = OSError(number, "text")
    result = explain(original, seen=seen)
    assert isinstance(result, ConnectionLost)
    assert result.status == status
    assert result.__cause__ is original
    assert result.failure.where == seen.where
    assert len(result.failure.remedy) > 40


def test_a_port_that_is_taken_is_blamed_as_a_port_with_the_remedy_of_its_role() -> None:
    taken = OSError(errno.EADDRINUSE, "in use")
    passive = explain(taken, seen=listening(2000))
    active = explain(taken, seen=Evidence(moment=Moment.DIALLING, local_port=2000, where="192.168.0.1:2001"))
    for told in (passive, active):
        assert told.status == 0x80A1
        assert "the local port 2000 is already in use" in str(told)
    assert "RemotePort at the partner" in passive.failure.remedy
    assert "LocalPort to 0" in active.failure.remedy


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_reset_of_an_established_connection_sends_nobody_to_look_whether_a_passive_end_listens(role: Role) -> None:
    told = explain(OSError(errno.ECONNRESET, "reset"), seen=Evidence(role=role, moment=Moment.ESTABLISHED))
    assert "listen" not in told.failure.remedy
    assert "passive" not in told.failure.remedy


def test_the_root_of_a_chain_of_causes_decides() -> None:
    reason = CertificateError("no", status=0x80E4, remedy="Import it")
    try:
        raise trio.BrokenResourceError from reason
    except trio.BrokenResourceError as error:
        assert explain(error) is reason


def test_trio_s_own_errors_are_told_apart_and_have_remedies() -> None:
    closed, busy = explain(trio.ClosedResourceError()), explain(trio.BusyResourceError("busy"))
    assert isinstance(closed, LocalProtocolError)
    assert isinstance(busy, LocalProtocolError)
    assert explain(trio.BrokenResourceError()).status == 0x80C5
    assert all(one.failure.remedy for one in (closed, busy, explain(trio.BrokenResourceError())))
    with pytest.raises(TypeError):
        explain(ValueError("a bug"))


def test_an_attempt_names_its_place_and_ends_with_the_command_that_looks_closer() -> None:
    attempt = Attempt(
        seen=Evidence(where="192.168.0.1:2000", port=2000, end=End.OURS), closer="ouc probe 192.168.0.1:2000"
    )
    for error in (
        OSError(errno.ECONNRESET, "reset"), trio.TooSlowError(), CertificateError("refused", status=0x80E4),
        ParameterError("no name", status=0x80D2),
    ):  # fmt: skip
        told = attempt.failed(error)
        assert str(told).startswith("192.168.0.1:2000: ")
        assert str(told).endswith("; look closer: ouc probe 192.168.0.1:2000")
    assert isinstance(attempt.failed(CertificateError("refused")), CertificateError)


@pytest.mark.parametrize("status", [0x80A1, 0x80C5, 0x80C7, 0x80C9, 0x80E0, 0x80E1, 0x80E2, 0x8085, 0x8380])
def test_a_failure_that_comes_from_below_without_a_remedy_gets_one_that_fits_both_ends(status: int) -> None:
    told = explain(ConnectionLost("something went wrong", status=status), where="192.168.0.1:2000").failure
    assert len(told.remedy) > 20
    assert told.where == "192.168.0.1:2000"
    assert (told.what, told.status) == ("something went wrong", status)
