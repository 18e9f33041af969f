"""Every row of the matrix of certificates over sockets: what must be refused is, with its STATUS, and not a byte is delivered.

The showing side is plain pyOpenSSL on a socket and believes anybody; the verifying side is our stream as a station uses it.
The showing side sends right after its handshake, which under TLS 1.3 is before its certificate has been judged.
"""

from __future__ import annotations

import socket
from functools import cache
from ipaddress import IPv4Address
from typing import Any, Literal

import attrs
import pytest
import trio
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL

from ouc.certs import verify
from ouc.errors import OUCError
from ouc.status import Status
from ouc.tls import DEFAULT, Credentials, TLSContext, TLSEngine
from ouc.transport import TLSStream, dial, explain, listen

from ..certs.case import Case
from ..certs.matrix import CASES
from ..certs.test_verify import trust_of
from ..tls.pair import credentials

HERE = IPv4Address("127.0.0.1")
PAYLOAD = bytes(range(256)) + b"\1\2"
Version = Literal["1.2", "1.3"]

POLICY = DEFAULT


@attrs.frozen
class Meeting:
    """One row in one role."""

    case: Case
    purpose: str  # what the showing side is

    @property
    def id(self) -> str:
        return f"{self.case.name} [{self.purpose}]"


def meetings() -> list[Meeting]:
    """Each row in its own role, and in the other one where verification says that the role does not matter."""
    found = []
    for case in CASES:
        if case.policy is not None:
            continue  # a setting of `certs.verify` that no connection has
        found.append(Meeting(case, case.purpose))
        other = "client" if case.purpose == "server" else "server"
        if case.identity is None and _usable(case, other) and _judged(case, other) == (case.status, case.rule):
            found.append(Meeting(case, other))
    return found


def _usable(case: Case, purpose: str) -> bool:
    """Whether the leaf claims to be for that role; for another one a second reason would hide the row's own."""
    try:
        extension = case.sent[0].certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return True
    return {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}[
        purpose
    ] in extension.value


def _judged(case: Case, purpose: Any) -> tuple[int | None, str]:
    verdict = verify([one.certificate for one in case.sent], purpose=purpose, trust=trust_of(case), now=case.now)
    return verdict.status, verdict.rule


MEETINGS = meetings()


@cache
def _own() -> Any:
    return credentials("192.168.0.1", side="server").own


def verifying(meeting: Meeting, version: Version) -> TLSEngine:
    """Our side."""
    case, serving = meeting.case, meeting.purpose == "client"
    policy = attrs.evolve(POLICY, versions=(version,))
    context = TLSContext.build(
        policy, Credentials(own=_own() if serving else None, trust=trust_of(case)), server_side=serving
    )
    identity = case.identity
    expect: Any = None if identity is None else identity.address or identity.name
    return TLSEngine(context, expect=expect, clock=lambda: case.now)


def showing(meeting: Meeting, sock: socket.socket) -> SSL.Connection:
    """Their side, which shows whatever it was given and asks for nothing."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    leaf, *above = meeting.case.sent
    context.use_certificate(leaf.certificate)
    context.use_privatekey(leaf.key)
    for one in above:
        context.add_extra_chain_cert(one.certificate)
    connection = SSL.Connection(context, sock)
    if meeting.purpose == "client":
        connection.set_connect_state()
    else:
        connection.set_accept_state()
    return connection


async def show(connection: SSL.Connection, sock: socket.socket) -> None:
    """Handshake, send, and stay until the other side has ended."""

    async def step(action: Any, *arguments: Any) -> Any:
        while True:
            try:
                return action(*arguments)
            except SSL.WantReadError:
                await trio.lowlevel.wait_readable(sock)
            except SSL.WantWriteError:
                await trio.lowlevel.wait_writable(sock)

    try:
        await step(connection.do_handshake)
        await step(connection.sendall, PAYLOAD)
        while True:
            await step(connection.recv, 4_096)
    except SSL.Error:
        pass  # refused, or the end


@attrs.define
class Met:
    """What the verifying side saw."""

    received: bytes = b""
    failure: OUCError | None = None

    @property
    def status(self) -> int | None:
        return None if self.failure is None else self.failure.status


async def meet(meeting: Meeting, version: Version) -> Met:
    """One connection."""
    met = Met()
    with listen(HERE, 0) as listener:
        theirs = await dial(HERE, listener.port)
        ours = await listener.accept()
    sock = theirs._socket
    connection = showing(meeting, sock)
    stream = TLSStream(ours, verifying(meeting, version))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(show, connection, sock)
            try:
                await stream.do_handshake()
                while len(met.received) < len(PAYLOAD):
                    met.received += await stream.receive_some()
            except trio.BrokenResourceError as error:
                met.failure = explain(error)
            ours.abort()
    theirs.abort()
    return met


_REFUSED_BY_ITS_OWN = "the showing side's own TLS refuses to use such a certificate, and says so with an alert"
_AT_ONCE = "the handshake is longer than any is allowed to be, and ends before the certificate is read"

# Where a connection answers otherwise than `certs.verify`, for every version or for one: the STATUS (None: accepted), and why.
OTHERWISE: dict[tuple[str, Version | None], tuple[int | None, str]] = {
    ("any extended key usage", None): (0x80E2, "OpenSSL does not count anyExtendedKeyUsage for TLS roles"),
    ("eleven certificates sent", None): (
        None,
        "bounds our own search, which gets the two certificates of the chain only",
    ),
    ("oversized certificate", None): (0x80E0, _AT_ONCE),
    ("P-192 leaf", None): (0x80E1, _REFUSED_BY_ITS_OWN),
    ("key usage certificate signing only", "1.2"): (0x80E1, _REFUSED_BY_ITS_OWN),
    ("non repudiation only, server", "1.2"): (0x80E1, _REFUSED_BY_ITS_OWN),
    ("non repudiation only, client", "1.2"): (0x80E1, _REFUSED_BY_ITS_OWN),
    ("key agreement without digital signature", "1.2"): (0x80E1, _REFUSED_BY_ITS_OWN),
}


def otherwise(meeting: Meeting, version: Version) -> tuple[int | None, str] | None:
    name = meeting.case.name
    # A certificate that a TLS 1.2 server cannot use, a client of either version can.
    if meeting.purpose == "client" and OTHERWISE.get((name, "1.2")):
        return None
    return OTHERWISE.get((name, None)) or OTHERWISE.get((name, version))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_every_row_is_judged_over_sockets_as_the_matrix_says_and_what_is_refused_delivers_nothing(
    version: Version,
) -> None:
    wrong: dict[str, str] = {}
    for meeting in MEETINGS:
        met = await meet(meeting, version)
        known = otherwise(meeting, version)
        expected = meeting.case.status if known is None else known[0]
        if met.status != expected or met.received != (PAYLOAD if expected is None else b""):
            told = "accepted" if met.status is None else str(Status(met.status))
            wrong[meeting.id] = f"{told} with {len(met.received)} bytes: {met.failure}"
    assert wrong == {}


def test_at_least_95_of_100_rows_show_the_STATUS_of_the_matrix_and_none_that_matters_is_accepted() -> None:
    versions: tuple[Version, ...] = ("1.2", "1.3")
    for version in versions:
        others = [meeting for meeting in MEETINGS if otherwise(meeting, version) is not None]
        assert len(others) <= 0.05 * len(MEETINGS)
    lenient = {name for (name, _), (status, _) in OTHERWISE.items() if status is None}
    assert lenient == {"eleven certificates sent"}


def test_the_rows_meet_both_roles_and_only_those_with_a_setting_of_their_own_stay_away() -> None:
    assert {meeting.case.name for meeting in MEETINGS} == {case.name for case in CASES if case.policy is None}
    roles = [meeting.purpose for meeting in MEETINGS]
    assert min(roles.count("server"), roles.count("client")) >= 50
    assert {name for name, _ in OTHERWISE} <= {case.name for case in CASES}
