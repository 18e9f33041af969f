"""The mailbox between a program that never waits and a communication side that never decides.

The program's side (blocks) calls `establish`, `terminate`, `reset`, `send` and `receive`; each returns at once. The
communication side is a `Shell`: it carries out effects and calls `report`. Both run in one thread. Nothing in this room
waits, so a test can play either side with a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any, Final, Protocol
from weakref import WeakSet

from ..errors import Failure, OUCError, ParameterError
from ..params import Endpoint, Finding, endpoint, view
from ..profiles import DEFAULT, Profile
from ..status import Status
from ..visible import logger
from ..wire import Delivery, Inbox, MessageInbox
from .link import Effect, LinkEvent, LinkState, step
from .row import Link, SendJob, Settings, Unread

__all__ = ["Port", "Shell"]

_log = logger("ouc.connection")

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
        profile: Resources (8087 beyond), receive buffer, longest jobs (8085 beyond), and the options of the blocks.
        clock: Time stamps for T_DIAG (aware); the host's by default.
    """

    def __init__(
        self,
        shell: Shell,
        *,
        check: Callable[[Any], Sequence[Finding]],
        profile: Profile = DEFAULT,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.profile = profile
        self._clock = clock or _utc_now
        self._shell = shell
        self._check = check
        self._links: dict[int, Link] = {}
        self._reserved: dict[int, Settings] = {}
        # Every number that was ever reserved.
        self._given: set[int] = set()
        #: Instances of TCONSettings whose job runs: at most as many as there are connections (ouc-blocks.md 2.8).
        self.preparing: WeakSet[Any] = WeakSet()
        #: Why the last description that was refused came into no table; None while none was.
        self.refusal: Failure | None = None

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

    def findings(self, description: Any) -> Sequence[Finding]:
        """What this station has to say against a description."""
        return self._check(description)

    def max_length(self, link: Link) -> int:
        """Bytes that one job moves at most over this connection."""
        return self.profile.max_len_udp if link.endpoint.protocol == "UDP" else self.profile.max_len

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
        try:
            return self._establish(description, join=join, direct=direct, block_id=block_id)
        except OUCError as error:
            self.refusal = error.failure
            raise

    def _establish(self, description: Any, *, join: bool, direct: bool, block_id: int | None) -> Link:
        for finding in self._check(description):
            # The one rule that a number from TCONSettings breaks on purpose: it lies outside 1 to 4095.
            reserved = finding.status == 0x8086 and view(description).connection_id in self._reserved
            if finding.is_error and not reserved:
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
        if len(self._links) >= self.profile.connections:
            raise ParameterError(
                f"all {self.profile.connections} connections are in use",
                status=0x8087,
                remedy="Terminate one that is not needed",
            )
        if not wanted.active and any(_collide(link.endpoint, wanted) for link in self._links.values()):
            what = (
                f"local selector {wanted.local_selector.hex(' ')}"
                if wanted.protocol == "ISO-on-TCP"
                else f"local port {wanted.local_port}"
            )
            raise ParameterError(
                f"{what} is used by another connection",
                status=0x80A1,
                remedy="Choose another LocalPort, or another local T-selector",
            )
        settings = self._reserved.get(wanted.connection_id, Settings())
        _fit(settings, wanted)
        link = Link(description, wanted, self._inbox(wanted), direct=direct, settings=settings)
        self._links[wanted.connection_id] = link
        try:
            self._advance(link, LinkEvent.ESTABLISH)
        except BaseException:
            del self._links[wanted.connection_id]
            raise
        return link

    def _inbox(self, end: Endpoint) -> Inbox | MessageInbox:
        profile = self.profile
        if end.protocol == "ISO-on-TCP":
            return MessageInbox(profile.receive_buffer, too_small=profile.iso_too_small)
        if end.protocol == "UDP":
            return MessageInbox(profile.receive_buffer, too_small=profile.udp_too_small)
        return Inbox(profile.receive_buffer)

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
        if link.established:
            link.loss = None
        self._advance(link, LinkEvent.TERMINATE)

    def reset(self, link: Link) -> None:
        """Close the connection, forget what was received, and establish it anew; the ID stays in the table."""
        link.forget_received()
        if link.established:
            link.resetting = True
            link.loss = None
            link.last_loss = (_RESET_HERE, self._clock())
        self._advance(link, LinkEvent.RESET)

    def terminate_all(self) -> None:
        """What the change to STOP does to programmed connections: always RST, and reserved IDs are free again."""
        self._reserved.clear()
        for link in self.links:
            link.settings.graceful_shutdown = False
            self.terminate(link)

    def reserve(self) -> int:
        """Give out a connection ID for TCONSettings; the range is ours, no source gives it.

        Raises:
            ParameterError: None is left (16#8087).
        """
        number = next((one for one in _RESERVABLE if one not in self._reserved and one not in self._links), None)
        if number is None or len(self._reserved) >= self.profile.connections:
            raise ParameterError(
                "no connection ID is left to reserve", status=0x8087, remedy="Release one with TDISCON"
            )
        self._reserved[number] = Settings()
        self._given.add(number)
        return number

    def is_id(self, number: int) -> bool:
        """Whether a number can be a connection ID: 1 to 4095, or one that was given out, also if it is free again."""
        return 1 <= number <= 0x0FFF or number in self._given

    def settings(self, connection_id: int) -> Settings | None:
        """Properties of a connection, or of an ID that is only reserved; None if there is neither."""
        link = self._links.get(connection_id)
        return self._reserved.get(connection_id) if link is None else link.settings

    def release(self, connection_id: int) -> None:
        """Take back a reserved ID that no connection uses."""
        self._reserved.pop(connection_id, None)

    def send(self, link: Link, data: bytes, *, to: tuple[IPv4Address | str, int] | None = None) -> SendJob:
        """Hand over bytes; look at the job later.

        Args:
            link: The connection.
            data: At least one byte.
            to: Where to; for datagrams only.

        Returns:
            A job that has failed already where the connection is not established (80A1), or is being reset (80C4).
        """
        job = SendJob(data, to)
        if link.established:
            self._shell.transmit(link, job)
        else:
            job.failure = self.not_established(link)
        return job

    @staticmethod
    def not_established(link: Link) -> Failure:
        """Why data cannot flow now."""
        if link.resetting:
            return Failure("the connection is just being reset", Status(0x80C4), remedy="Try again a little later")
        return Failure("the connection is not established", Status(0x80A1), remedy="Wait until TCON is DONE")

    def receive(self, link: Link, area: memoryview, delivery: Delivery, *, upto: int | None = None) -> int:
        """Complete a receive job if enough bytes are there; tells how many were copied, 0 for "not yet".

        What an earlier establishment received comes first, and no job mixes the bytes of two.

        Args:
            link: The connection.
            area: Where the bytes go.
            delivery: When the job is complete.
            upto: The latest establishment that the program knows of (`Link.epoch`); bytes of a later one wait until the
                loss of this one was told. None: whatever is there.

        Raises:
            AreaTooSmallError: The next message is longer than the area, and the profile wants an error then.
        """
        known = link.epoch if upto is None else upto
        taken = self._take_unread(link, area, delivery, known)
        if not taken and link.epoch <= known:
            taken = link.inbox.take(area, delivery)
            link.inbox.want(0 if taken else len(area))
            self._shell.room_made(link)
        return taken

    @staticmethod
    def _take_unread(link: Link, area: memoryview, delivery: Delivery, known: int) -> int:
        while link.unread and link.unread[0].number <= known:
            first = link.unread[0]
            taken = first.inbox.take(area, delivery)
            # What is left cannot complete a job any more, but smaller jobs may come until its loss was told.
            if not taken and first.number == known:
                return 0
            if not taken or not len(first.inbox):
                link.unread.popleft()
                _warn_dropped(link, len(first.inbox))
            if taken:
                return taken
        return 0

    def withdraw(self, link: Link) -> None:
        """No receive job waits any more (EN_R = 0): only the receive buffer is filled from now on."""
        link.inbox.want(0)

    def clear(self) -> None:
        """The communication side is gone, and every connection with it."""
        for link in self.links:
            link.state = LinkState.ABSENT
            link.stir()
        self._links.clear()
        self._reserved.clear()

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
        if event in _ENDS_RESET:
            link.resetting = False
        if event is LinkEvent.LOST:
            link.loss = failure
        if event is LinkEvent.UP:
            link.epoch += 1
            link.successes += 1
            link.trials = 0
            self._begin_inbox(link)
        self._advance(link, event)
        # What is told late, of a connection that is gone, must not take away the next one with its ID.
        if link.state is LinkState.ABSENT and self._links.get(link.connection_id) is link:
            self._links.pop(link.connection_id, None)
            self._reserved.pop(link.connection_id, None)
        link.stir()

    def _begin_inbox(self, link: Link) -> None:
        """A new establishment has an inbox of its own; what the last one received stays for programs that scan slowly."""
        if link.endpoint.protocol == "UDP":
            return  # every datagram stands for itself, whatever the network did between two of them
        # A program that waits instead of scanning keeps the inbox itself.
        if len(link.inbox) and not link.watchers:
            link.unread.append(Unread(link.epoch - 1, link.inbox))
            while link.unread and not self._may_keep(link):
                _warn_dropped(link, len(link.unread.popleft().inbox))
        link.inbox = self._inbox(link.endpoint)

    def _may_keep(self, link: Link) -> bool:
        size = sum(len(one.inbox) for one in link.unread)
        return self.profile.keep_unread and len(link.unread) <= _MOST_UNREAD and size <= _LARGEST_UNREAD

    def _advance(self, link: Link, event: LinkEvent) -> None:
        link.state, effect = step(link.state, event, active=link.endpoint.active)
        if effect is Effect.DIAL:
            link.trials += 1
        if effect is not Effect.NOTHING:
            self._shell.perform(effect, link)


# The first thing that becomes of a reset: the connection stands again, or the attempt failed.
_ENDS_RESET: Final = frozenset({LinkEvent.UP, LinkEvent.REFUSED, LinkEvent.GONE})

# What earlier establishments of one connection may keep, together: establishments, and bytes. Ours; a partner that sends,
# leaves and comes back faster than the program reads must not fill the memory.
_MOST_UNREAD: Final = 64
_LARGEST_UNREAD: Final = 16 * 1024 * 1024

# TCONSettings gives out numbers outside 1 to 4095; which ones is not published (ouc-blocks.md 8.14).
_RESERVABLE: Final = range(0x1000, 0x10000)


def _collide(one: Endpoint, other: Endpoint) -> bool:
    """Two passive ends that a partner could not tell apart."""
    if one.active or one.protocol != other.protocol:
        return False
    if one.protocol == "ISO-on-TCP":
        return one.local_selector == other.local_selector
    return one.local_port == other.local_port


def _fit(settings: Settings, end: Endpoint) -> None:
    """What was prepared with TCONSettings must suit the protocol (8090)."""
    wrong = (settings.graceful_shutdown is not None and end.protocol != "TCP") or (
        settings.multicast_ttl is not None and end.protocol != "UDP"
    )
    if wrong:
        raise ParameterError(
            f"what TCONSettings has set does not go with {end.protocol}",
            status=0x8090,
            where="CONNECT",
            remedy="TCON_TCPTermination is for TCP, TCON_IPMulticastTTL for UDP; reserve another ID",
        )


def _warn_dropped(link: Link, size: int) -> None:
    if size:
        _log.warning("connection %d: %d bytes that no receive job took are dropped", link.connection_id, size)


def _utc_now() -> datetime:
    return datetime.now(UTC)
