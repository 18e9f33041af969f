"""Revocation lists that cannot be used are told in the log, once, and never passed over in silence."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ouc.certs import Device, OwnCertificate
from ouc.certs.issue import make_crl
from ouc.tls import DEFAULT, Credentials, TLSContext, TLSEngine

from ..certs.case import GOOD, IMPOSTOR, OTHER_ROOT, ROOT
from ..certs.strategies import DAY, NOW, pem, trust_in
from .pair import Pair


def met(context: TLSContext, own: Any) -> Pair:
    shower = TLSContext.build(attrs.evolve(DEFAULT, send_chain=True), own, server_side=True)
    return Pair(
        client=TLSEngine(context, clock=lambda: NOW), server=TLSEngine(shower, clock=lambda: NOW)
    ).talk()


@pytest.mark.parametrize(("revocation", "good"), [("off", True), ("if-present", True), ("required", False)])
def test_a_forged_list_is_told_once_and_refuses_where_one_is_required(
    revocation: Any, good: bool, caplog: pytest.LogCaptureFixture
) -> None:
    forged = make_crl(IMPOSTOR.signer, (), number=1, now=NOW - DAY, days=30)
    trust = attrs.evolve(trust_in(ROOT), crls=(forged,), revocation=revocation)
    context = TLSContext.build(DEFAULT, Credentials(trust=trust), server_side=False)
    own = OwnCertificate(id=1, certificate=GOOD.certificate, key=GOOD.key)
    with caplog.at_level(logging.WARNING, "ouc.tls"):
        for _ in range(3):
            pair = met(context, Credentials(own=own))
            assert pair.client.established == good
    told = [one for one in caplog.messages if "cannot be used" in one]
    assert len(told) == (0 if revocation == "off" else 1)
    assert good or pair.client_error is not None
    if pair.client_error is not None:
        assert pair.client_error.status == 0x80E4
        assert "not its issuer's" in str(pair.client_error)


def test_a_list_of_a_ca_that_is_not_there_is_told(caplog: pytest.LogCaptureFixture) -> None:
    stray = make_crl(OTHER_ROOT.signer, (), number=1, now=NOW, days=30).public_bytes(Encoding.DER)
    with caplog.at_level(logging.WARNING, "ouc.certs"):
        Device.from_files(ca=[pem(ROOT.certificate), stray])
    assert caplog.messages == ["the revocation list of CN=Other root is never asked: its CA is not among the files"]
