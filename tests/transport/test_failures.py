"""Every exception of the edge becomes one failure."""

from __future__ import annotations

import errno

import pytest
import trio

from ouc.errors import CertificateError, ConnectionLost, LocalProtocolError
from ouc.transport import explain
from ouc.transport.failures import ERRORS


@pytest.mark.parametrize("number", ERRORS, ids=lambda number: errno.errorcode[number])
def test_each_errno_has_its_STATUS_and_keeps_the_original_as_cause(number: int) -> None:
    original = OSError(number, "text")
    result = explain(original, where="192.168.0.1:2000")
    assert isinstance(result, ConnectionLost)
    assert result.status == ERRORS[number][0]
    assert result.__cause__ is original
    assert result.failure.where == "192.168.0.1:2000"


def test_the_root_of_a_chain_of_causes_decides() -> None:
    reason = CertificateError("no", status=0x80E4)
    try:
        raise trio.BrokenResourceError from reason
    except trio.BrokenResourceError as error:
        assert explain(error) is reason


def test_trio_s_own_errors_are_told_apart() -> None:
    assert isinstance(explain(trio.ClosedResourceError()), LocalProtocolError)
    assert isinstance(explain(trio.BusyResourceError("busy")), LocalProtocolError)
    assert explain(trio.BrokenResourceError()).status == 0x80C5
    with pytest.raises(TypeError):
        explain(ValueError("a bug"))
