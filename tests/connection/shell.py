"""The communication side, played by a test: effects are written down, nothing happens by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from ouc.connection import Effect, Link, LinkEvent, LinkState, Port, SendJob
from ouc.errors import Failure
from ouc.params import TCON_IP_RFC, Finding, TCON_IP_v4
from ouc.profiles import DEFAULT, Profile
from ouc.status import Status

ACTIVE = TCON_IP_v4(RemoteAddress="192.168.0.1", RemotePort=2000, LocalPort=0)
PASSIVE = TCON_IP_v4(RemoteAddress="192.168.0.2", RemotePort=0, LocalPort=2000, ActiveEstablished=False)
# Bytes for a selector; the structure converts them.
_CALLED: Any = b"\xe0\x01ISOonTCP-1"
_CALLING: Any = b"\xe0\x02ISOonTCP-1"
UDP = TCON_IP_v4(
    ConnectionType=0x13, ActiveEstablished=False, RemoteAddress="192.168.0.9", RemotePort=0, LocalPort=2000
)
ISO = TCON_IP_RFC(
    remote_address="192.168.0.1",
    remote_tselector=_CALLED,
    local_tselector=_CALLING,
)


class Bench:
    """A port with a shell that a test drives by hand."""

    def __init__(
        self,
        *,
        profile: Profile = DEFAULT,
        resources: int = 8,
        receive_buffer: int = 64,
        check: Callable[[Any], Sequence[Finding]] = lambda _: (),
        **options: Any,
    ) -> None:
        self.effects: list[Effect] = []
        self.jobs: list[SendJob] = []
        self.rooms = 0
        profile = attrs.evolve(profile, connections=resources, receive_buffer=receive_buffer, **options)
        self.port = Port(self, check=check, profile=profile)

    # -- Shell
    def perform(self, effect: Effect, link: Link) -> None:
        self.effects.append(effect)

    def transmit(self, link: Link, job: SendJob) -> None:
        self.jobs.append(job)

    def room_made(self, link: Link) -> None:
        self.rooms += 1

    # -- what a network would do
    @property
    def link(self) -> Link:
        return self.port.links[0]

    def up(self) -> None:
        self.port.report(self.link, LinkEvent.UP)

    def lose(self, status: int = 0x80C5) -> None:
        self.port.report(self.link, LinkEvent.LOST, Failure("lost", Status(status)))

    def refuse(self, status: int = 0x80C6) -> None:
        self.port.report(self.link, LinkEvent.REFUSED, Failure("refused", Status(status)))

    def gone(self) -> None:
        for link in self.port.links:
            if link.state is LinkState.CLOSING:
                self.port.report(link, LinkEvent.GONE)

    def deliver(self, data: bytes, sender: Any = None) -> None:
        self.link.inbox.put(data, sender)

    def sent(self) -> None:
        self.jobs[-1].done = True

    def break_off(self, status: int = 0x80C5) -> None:
        self.jobs[-1].failure = Failure("broken", Status(status))


def described(**members: Any) -> TCON_IP_v4:
    return TCON_IP_v4(**{"RemoteAddress": "192.168.0.1", "RemotePort": 2000, "LocalPort": 0, **members})
