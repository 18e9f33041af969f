"""UDP ends: a local port that is "established" as soon as it is open; every datagram has its own partner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from typing import Any, ClassVar

import trio

from ..connection import Effect, Link, LinkEvent, SendJob
from ..errors import Failure, OUCError
from ..status import Status
from ..transport import UDPPort, explain
from .life import Host, Life, overtaken
from .pauses import Pauses

__all__ = ["DatagramLife"]


class DatagramLife(Life):
    """One UDP port.

    While its inbox is full nothing is read; what the system cannot keep either is lost, as UDP allows.

    Jobs leave in the order in which they were handed over. One exception: who waits for the address of a name holds up only
    jobs to the same name.
    """

    def __init__(self, host: Host, link: Link) -> None:
        super().__init__(host, link)
        self._udp: UDPPort | None = None
        self._room: trio.Event | None = None
        self._pauses = Pauses(host.profile, host.chance)
        # Name, or None for all addresses -> jobs in their order, each with the port it was handed to.
        self._waiting: dict[str | None, deque[tuple[UDPPort, SendJob]]] = {}

    # -- what the port asks for ------------------------------------------------------------------------------------

    def transmit(self, job: SendJob) -> None:
        """Begin to send one datagram."""
        if self._udp is None:
            job.failure = Failure("the connection is not established", Status(0x80A1))
        elif job.to is None:
            job.failure = Failure(
                "a datagram needs an address", Status(0x80B3), remedy="Use TUSEND, or Station.datagrams"
            )
        else:
            self._line_up(self._udp, job, None if isinstance(job.to[0], IPv4Address) else job.to[0])

    def _line_up(self, udp: UDPPort, job: SendJob, line: str | None) -> None:
        if line in self._waiting:
            self._waiting[line].append((udp, job))
        else:
            self._waiting[line] = deque([(udp, job)])
            self.start(partial(self._work_off, line))

    def room_made(self) -> None:
        """Let the readers go on if they wait for room."""
        if self._room is not None and self.link.inbox.room > 0:
            self._room.set()
            self._room = None

    def abort(self) -> None:
        """Give the port back."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None

    def _listen(self) -> None:
        ttl = self.link.settings.multicast_ttl or 1
        try:
            self._udp = self.host.opener.open_datagrams(self.link.endpoint, ttl=ttl)
        except OUCError as error:
            self.start(partial(self._port_taken, error))
        else:
            self.start(partial(self._attend, self._udp))

    def _drop(self) -> None:
        # Nothing was agreed on with anybody: reset is over as soon as the inbox is empty, which the port has seen to.
        self.start(self._up)

    EFFECTS: ClassVar[dict[Effect, Callable[[Any], None]]] = {
        Effect.LISTEN: _listen,
        Effect.DROP: _drop,
        Effect.CLOSE: Life.close,
    }

    # -- tasks -------------------------------------------------------------------------------------------------------

    async def _up(self) -> None:
        self.host.tell(self.link, LinkEvent.UP, partner=f"UDP port {self.link.endpoint.local_port}")

    async def _port_taken(self, error: OUCError) -> None:
        self.host.tell(self.link, LinkEvent.REFUSED, failure=error.failure)
        await self._again()

    async def _again(self) -> None:
        await trio.sleep(self._pauses.next())
        self.host.report(self.link, LinkEvent.RETRY_DUE)

    def _has(self, udp: UDPPort) -> bool:
        return self._udp is udp

    async def _attend(self, udp: UDPPort) -> None:
        if not self._has(udp):
            return  # closed before this task ran
        since = trio.current_time()
        await self._up()
        async with trio.open_nursery() as nursery:
            for number in range(udp.listening):
                nursery.start_soon(self._collect, udp, number)
        if not self._has(udp):
            # The network failed below the port: open it anew.
            self._pauses.was_established(trio.current_time() - since)
            await self._again()

    async def _collect(self, udp: UDPPort, number: int) -> None:
        link, addresses = self.link, self.host.opener.addresses
        while True:
            while link.inbox.room <= 0:
                self._room = self._room or trio.Event()
                await self._room.wait()
            try:
                data, host, port = await udp.receive(number)
            except trio.ClosedResourceError:
                return
            except OSError as error:
                self.abort()
                self.host.tell(link, LinkEvent.LOST, failure=explain(error).failure)
                return
            sender = addresses.to_plant(host)
            if addresses.plant is not None and sender is not None and sender not in addresses.plant:
                continue  # another plant on this computer, heard at the loopback network's one broadcast address
            link.inbox.put(data, (sender or host, port))
            link.received += len(data)
            link.stir()

    async def _work_off(self, line: str | None) -> None:
        jobs = self._waiting[line]
        try:
            while jobs:
                await self._transmit(*jobs[0])
                jobs.popleft()
        finally:
            del self._waiting[line]
            for _, job in jobs:
                if not (job.done or job.failure):
                    job.failure = overtaken()
            self.link.stir()

    async def _transmit(self, udp: UDPPort, job: SendJob) -> None:
        assert job.to is not None  # noqa: S101 - the blocks see to it
        host, port = job.to
        where = f"{host}:{port}"
        try:
            address, port = await self.host.opener.place_of(job.to)
            # TCONSettings may have written it since the port was opened.
            if address.is_multicast and self.link.settings.multicast_ttl is not None:
                udp.set_ttl(self.link.settings.multicast_ttl)
            await udp.send(job.data, address, port)
            job.done = True
            self.link.sent += len(job.data)
        except OSError as error:
            job.failure = explain(error, where=where).failure
        except OUCError as error:
            job.failure = error.failure
        except trio.ClosedResourceError:
            pass  # closed from this side; the job learns it below
        finally:
            if not job.done and job.failure is None:
                job.failure = overtaken()
            self.link.stir()
