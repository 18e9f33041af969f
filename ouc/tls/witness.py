"""What one TLS machine can say about its own failure: kept while it runs, asked for when it fails."""

from __future__ import annotations

import contextlib
from typing import Final

import attrs
from cryptography import x509
from OpenSSL import SSL

from ..causes import End, Evidence, Role
from ..certs.extensions import UNREADABLE
from ..errors import OUCError
from . import _openssl
from .context import Session, TLSContext
from .hello import ClientHello, read_client_hello_untrusted
from .partner import partner_failures, summarize
from .resumption import Expected
from .verdict import by_number, judge, reason

__all__ = ["HEARD", "Witness"]

#: Bytes kept of what a partner says first: a whole ClientHello fits, and with it the groups that it offers.
HEARD: Final = 4096
_TLS_1_2: Final = 0x0303


@attrs.define
class Witness:
    """Remembers what a failure will be explained with.

    Attributes:
        context, session: Of the machine.
        expect: The address or name that the partner's certificate must carry.
        heard: The beginning of what the partner said, until the handshake is over.
        ended: The transport has ended.
        farewell: The partner said close_notify in the handshake.
        error: What OpenSSL raised.
    """

    context: TLSContext
    session: Session
    expect: Expected = None
    heard: bytearray = attrs.field(factory=bytearray)
    ended: bool = False
    farewell: bool = False
    error: SSL.Error | None = None

    @property
    def role(self) -> Role:
        """What we are."""
        return "server" if self.session.server_side else "client"

    def hear(self, records: bytes) -> None:
        """Keep the beginning of what the partner says."""
        self.heard += records[: HEARD - len(self.heard)]

    def evidence(self) -> Evidence:
        """For the table of causes."""
        observed, policy, own = self.session.observed, self.context.policy, self.context.credentials.own
        hello = self._partner_hello() if self.session.server_side else None
        versions = tuple(f"TLS {one}" for one in sorted(policy.versions, reverse=True))
        return Evidence(
            role=self.role,
            moment=observed.moment,
            end=End.CLOSED if self.ended or self.farewell else End.OURS,
            farewell=self.farewell,
            first=bytes(self.heard[:64]),
            versions=versions if hello is None else hello.version_names,
            groups=policy.groups if hello is None else hello.group_names,
            old=hello is not None and max(hello.versions, default=0) < _TLS_1_2,
            alert=observed.alert_received,
            warned=observed.warned,
            asked=self.session.asked_for_certificate,
            reason="" if self.error is None else reason(self.error),
            own=None if own is None else summarize(own.certificate),
            now=self.session.clock(),
            verdict=observed.verdict if observed.alert_received is None else None,
            refused_status=policy.refused_status,
        )

    def judge(self, ssl: SSL.Connection, error: SSL.Error | None) -> OUCError:
        """The failure that everybody speaks from.

        Args:
            ssl: The connection that failed.
            error: What OpenSSL raised; None where the transport ended, or the partner said goodbye.
        """
        self.error = error
        self.ended = self.ended or (error is None and not self.farewell)
        self._name_what_the_partner_showed(ssl)
        return judge(self.session.observed, error, self.evidence())

    def _partner_hello(self) -> ClientHello | None:
        try:
            return read_client_hello_untrusted(bytes(self.heard))
        except OUCError:
            return None

    def _name_what_the_partner_showed(self, ssl: SSL.Connection) -> None:
        """Its certificate was refused: say so with its name, its dates, its addresses and the missing CA."""
        observed = self.session.observed
        if observed.verdict is None and not observed.verify_result:
            return
        with contextlib.suppress(*UNREADABLE):
            found = partner_failures(
                self._shown(ssl),
                role=self.role,
                trust=self.context.credentials.trust,
                now=self.session.clock(),
                expect=self.expect,
            )
            observed.verdict = next(iter(found), observed.verdict)
        observed.verdict = observed.verdict or by_number(observed, self.role)

    def _shown(self, ssl: SSL.Connection) -> tuple[x509.Certificate, ...]:
        """What the partner sent, as far as OpenSSL keeps it: a server throws away what it has refused."""
        sent = () if self.session.server_side else _openssl.sent(ssl)
        if sent:
            return sent
        observed, chain = self.session.observed, dict(self.session.chain)
        if observed.refused is not None:
            chain[observed.verify_depth] = observed.refused
        return tuple(chain[depth] for depth in sorted(chain)) if 0 in chain else ()
