"""The mailbox between a program that never waits and a communication side that never decides.

The program's side (blocks) calls `establish`, `terminate`, `reset`, `send` and `receive`; each returns at once. The
communication side is a `Shell`: it carries out effects and calls `report`. Both run in one thread. Nothing in this room
waits, so a test can play either side with a list.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import attrs

from ..errors import Failure, ParameterError
from ..params import Endpoint, Finding, endpoint
from ..status import Status
from ..wire import Delivery, Inbox
from .link import Effect, LinkEvent, LinkState, step

__all__ = ["Link", "Port", "SendJob", "Shell"]

_log = logging.getLogger("ouc.connection")

# STATUS of a failure -> T_DIAG's reason (ouc-blocks.md 1.11); what TLS refuses counts as a protocol error [I].
_PROTOCOL, _RESET_HERE = 0x4F04, 0x4F09
_REASONS: Final = {
    0x80C5: 0x4F03,
    0x80C6: 0x4F01,
    0x80C7: 0x4F07,
    0x80C4: 0x4F05,
    0x80C3: 0x4F0A,
    0x8087: 0x4F0A,
    0x80A1: 0x4F0E,
    0x80A2: 0x4F0E,
    0x80A4: 0x4F08,
}


@attrs.define(eq=False)
class SendJob:
    """Bytes handed over for sending.

    Attributes:
        data: What goes out, as it was when the job began.
        done: TCP has taken all of it. No proof that the partner has read it (ouc-blocks.md 2.3).
        failure: Why it will never be done, None while it may.
    """

    data: bytes
    done: bool = False
    failure: Failure | None = None


@attrs.define(eq=False)
class Link:
    """A connection ID in use: what both sides of the port know about it.

    Attributes:
        description: The structure at CONNECT.
        endpoint: The same, in the words that all structures share.
        inbox: Bytes received and not yet taken.
        direct: A Python program reads and writes the stream itself; no reader stands between.
        state: Changed by `Port.report` and by the program's calls only.
        epoch: Counts establishments, so that a program that scans slowly still sees that a connection was replaced.
        failures: Counts failures, for the same reason.
        failure: The latest one.
        trials, successes: As T_DIAG counts them (ouc-blocks.md 1.11).
        sent, received: Bytes of user data.
        last_refusal, last_loss: T_DIAG's reason and the time, of the last failed attempt and the last disconnection.
    """

    description: Any
    endpoint: Endpoint
    inbox: Inbox
    direct: bool = False
    state: LinkState = LinkState.ABSENT
    epoch: int = 0
    failures: int = 0
    failure: Failure | None = None
    trials: int = 0
    successes: int = 0
    sent: int = 0
    received: int = 0
    last_refusal: tuple[int, datetime] | None = None
    last_loss: tuple[int, datetime] | None = None

    @property
    def connection_id(self) -> int:
        """The connection ID, 1 to 4095."""
        return self.endpoint.connection_id

    @property
    def established(self) -> bool:
        """Whether data can flow now."""
        return self.state is LinkState.ESTABLISHED


class Shell(Protocol):
    """What the communication side offers to the port. No call may wait."""

    def perform(self, effect: Effect, link: Link) -> None:
        """Begin to carry out `effect`; what comes of it is reported later."""

    def transmit(self, link: Link, job: SendJob) -> None:
        """Begin to send; `job` tells when it is done or why not."""

    def room_made(self, link: Link) -> None:
        """The inbox has room again."""


class Port:
    """The connection table of one station.

    Args:
        shell: The communication side.
        check: Tells what is wrong with a description on this station; errors keep it from being used.
        resources: Connections at most (8087 beyond).
        receive_buffer: Bytes buffered per connection while no receive job waits.
        max_length: Bytes that one job moves at most (8085 beyond).
        clock: Time stamps for T_DIAG (aware); the host's by default.
    """

    def __init__(
        self,
        shell: Shell,
        *,
        check: Callable[[Any], Sequence[Finding]],
        resources: int,
        receive_buffer: int,
        max_length: int = 65_536,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.max_length = max_length
        self._clock = clock or _utc_now
        self._shell = shell
        self._check = check
        self._resources = resources
        self._receive_buffer = receive_buffer
        self._links: dict[int, Link] = {}

    @property
    def port(self) -> Port:
        """Itself, so that blocks take a station or a port alike."""
        return self

    @property
    def links(self) -> tuple[Link, ...]:
        """Every connection in the table."""
        return tuple(self._links.values())

    def find(self, connection_id: int) -> Link | None:
        """The connection with this ID, None if the table has none."""
        return self._links.get(connection_id)

    # -- the program's side ------------------------------------------------------------------------------------

    def establish(
        self, description: Any, *, join: bool = False, direct: bool = False, block_id: int | None = None
    ) -> Link:
        """Put a connection into the table and begin to establish it.

        Args:
            description: A TCON_* structure.
            join: A connection with the same ID and the same description is used together (compact blocks do this).
            direct: See `Link`.
            block_id: The ID at the block, which must be the one in the description (80B8).

        Raises:
            ParameterError: With the STATUS that TCON shows: a rule between members is broken, the ID is taken (80A3,
                80C8), the local port is taken (80A1), or no resource is left (8087).
        """
        for finding in self._check(description):
            if finding.is_error:
                raise ParameterError(
                    finding.message, status=finding.status, where=finding.member, remedy=finding.remedy
                )
        wanted = endpoint(description)
        if block_id is not None and block_id != wanted.connection_id:
            raise ParameterError(
                f"the block has ID {block_id}, its description {wanted.connection_id}",
                status=0x80B8,
                where="ID",
                remedy="Write the same ID at both places",
            )
        known = self._links.get(wanted.connection_id)
        if known is not None:
            self._refuse_or_join(known, description, join=join)
            return known
        if len(self._links) >= self._resources:
            raise ParameterError(
                f"all {self._resources} connections are in use",
                status=0x8087,
                remedy="Terminate one that is not needed",
            )
        if not wanted.active and any(self._same_port(link.endpoint, wanted) for link in self._links.values()):
            raise ParameterError(
                f"local port {wanted.local_port} is used by another connection",
                status=0x80A1,
                remedy="Choose another LocalPort",
            )
        link = Link(description, wanted, Inbox(self._receive_buffer), direct=direct)
        self._links[wanted.connection_id] = link
        try:
            self._advance(link, LinkEvent.ESTABLISH)
        except BaseException:
            del self._links[wanted.connection_id]
            raise
        return link

    @staticmethod
    def _same_port(one: Endpoint, other: Endpoint) -> bool:
        return not one.active and one.local_port == other.local_port and one.protocol == other.protocol

    @staticmethod
    def _refuse_or_join(known: Link, description: Any, *, join: bool) -> None:
        number = known.connection_id
        if known.state is LinkState.CLOSING:
            raise ParameterError(
                f"connection {number} is just being closed", status=0x80C4, remedy="Try again in the next scan"
            )
        if known.description != description:
            raise ParameterError(
                f"connection ID {number} is in use with other settings",
                status=0x80C8,
                remedy="Give each connection its own ID",
            )
        if not join:
            raise ParameterError(
                f"connection {number} exists already", status=0x80A3, remedy="Use it, or call TDISCON first"
            )

    def terminate(self, link: Link) -> None:
        """Close the connection and take its ID out of the table."""
        self._advance(link, LinkEvent.TERMINATE)

    def reset(self, link: Link) -> None:
        """Close the connection, forget what was received, and establish it anew; the ID stays in the table."""
        link.inbox.clear()
        if link.established:
            link.last_loss = (_RESET_HERE, self._clock())
        self._advance(link, LinkEvent.RESET)

    def terminate_all(self) -> None:
        """What the change to STOP does to programmed connections."""
        for link in self.links:
            self.terminate(link)

    def send(self, link: Link, data: bytes) -> SendJob:
        """Hand over bytes; look at the job later.

        Returns:
            A job that has failed already (80A1) where the connection is not established.
        """
        job = SendJob(data)
        if link.established:
            self._shell.transmit(link, job)
        else:
            job.failure = Failure("the connection is not established", Status(0x80A1))
        return job

    def receive(self, link: Link, area: memoryview, delivery: Delivery) -> int:
        """Complete a receive job if enough bytes are there; tells how many were copied, 0 for "not yet"."""
        taken = link.inbox.take(area, delivery)
        link.inbox.want(0 if taken else len(area))
        self._shell.room_made(link)
        return taken

    def withdraw(self, link: Link) -> None:
        """No receive job waits any more (EN_R = 0): only the receive buffer is filled from now on."""
        link.inbox.want(0)

    def clear(self) -> None:
        """The communication side is gone, and every connection with it."""
        for link in self.links:
            link.state = LinkState.ABSENT
        self._links.clear()

    # -- the communication side ----------------------------------------------------------------------------------

    def report(self, link: Link, event: LinkEvent, failure: Failure | None = None) -> None:
        """Tell what happened to a connection.

        Args:
            link: Which one.
            event: What happened.
            failure: The reason, for `REFUSED` and `LOST`.
        """
        if failure is not None:
            link.failure = failure
            link.failures += 1
            reason = (_REASONS.get(int(failure.status or 0), _PROTOCOL), self._clock())
            if event is LinkEvent.LOST:
                link.last_loss = reason
            else:
                link.last_refusal = reason
        if event is LinkEvent.UP:
            link.epoch += 1
            link.successes += 1
            link.trials = 0
            # Until now a program that scans slowly could still take what the last partner sent.
            if dropped := link.inbox.clear():
                _log.warning(
                    "connection %d: %d bytes that no receive job took are dropped", link.connection_id, dropped
                )
        self._advance(link, event)
        if link.state is LinkState.ABSENT:
            self._links.pop(link.connection_id, None)

    def _advance(self, link: Link, event: LinkEvent) -> None:
        link.state, effect = step(link.state, event, active=link.endpoint.active)
        if effect is Effect.DIAL:
            link.trials += 1
        if effect is not Effect.NOTHING:
            self._shell.perform(effect, link)


def _utc_now() -> datetime:
    return datetime.now(UTC)
