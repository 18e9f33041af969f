"""Resumption between two stations: it is there when asked for, and it ends with the trust that it rests on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
import trio

import ouc
from emulator.published import make_project
from ouc.certs import Project
from ouc.tls import DEFAULT, TLSFacts

from ..plant import client_description, free_port, server_description

RESUMING = attrs.evolve(DEFAULT, resumption=True)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@attrs.define
class Meetings:
    """PLC-2 connects to PLC-1 again and again, on one port."""

    project: Project = attrs.field(factory=lambda: make_project(NOW))
    now: datetime = NOW
    port: int = attrs.field(factory=free_port)
    policy: Any = RESUMING
    told: list[ouc.OUCError] = attrs.field(factory=list)
    got: list[bytes] = attrs.field(factory=list)
    one: ouc.Station = attrs.field(init=False)
    two: ouc.Station = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        options: Any = {"addresses": ouc.loopback(), "policy": self.policy, "clock": lambda: self.now}
        self.one = ouc.Station(self.project.device("PLC-1"), **options)
        self.two = ouc.Station(self.project.device("PLC-2"), **options)

    async def meet(self) -> tuple[TLSFacts | None, TLSFacts | None]:
        """The facts of both ends of one connection, over which a byte travelled each way; None where it was refused."""
        found: dict[str, TLSFacts | None] = {"client": None, "server": None}
        client = client_description(self.port)

        async def serve() -> None:
            async with self.one.connect(server_description(self.port)) as connection:
                found["server"] = connection.tls
                self.got.append(await connection.receive(1))
                await connection.send(b"a")
                with pytest.raises(ouc.ConnectionLost):
                    await connection.receive(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            try:
                await self._dial(client, found)
            except ouc.OUCError as error:
                self.told.append(error)
                nursery.cancel_scope.cancel()
        return found["client"], found["server"]

    async def _dial(self, client: Any, found: dict[str, TLSFacts | None]) -> None:
        while True:
            try:
                async with self.two.connect(client) as connection:
                    found["client"] = connection.tls
                    await connection.send(b"q")
                    assert await connection.receive(1) == b"a"
                    return
            except ouc.ConnectionLost as error:
                # The other task has not opened its port yet.
                if "refused the connection" not in str(error):
                    raise
                await trio.lowlevel.checkpoint()


def shows(facts: TLSFacts | None) -> bool | None:
    return None if facts is None else facts.resumed


async def test_two_stations_resume_when_their_policy_says_so_and_only_then() -> None:
    with trio.fail_after(30):
        for policy, expected in ((RESUMING, [False, True, True]), (DEFAULT, [False, False, False])):
            plant = Meetings(policy=policy)
            async with plant.one, plant.two:
                outcomes = [await plant.meet() for _ in range(3)]
            assert [[shows(facts) for facts in ends] for ends in outcomes] == [[one, one] for one in expected]
            partners = [[facts.partner for facts in ends if facts] for ends in outcomes]
            assert partners[0] == partners[1] == partners[2]
            assert None not in partners[0]


CHANGES: dict[str, tuple[Callable[[Project], Any], int | None]] = {
    "the server's certificate is renewed": (lambda project: project.renew(9, now=NOW), None),
    "the client's certificate is renewed": (lambda project: project.renew(11, now=NOW), None),
    "the server's certificate is revoked": (lambda project: project.revoke(9, now=NOW), 0x80E3),
    "the client's certificate is revoked": (lambda project: project.revoke(11, now=NOW), 0x80E1),
    "revocation lists are demanded where there are none": (
        lambda project: project.set_revocation("PLC-2", "required", now=NOW), 0x80E4),
    "another certificate comes to both devices": (
        lambda project: [project.assign(project.new(usage="tls", issuer=3, device=name, now=NOW).id, other)
                         for name, other in (("PLC-1", "PLC-2"), ("PLC-2", "PLC-1"))], None),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_the_certificates_ends_resumption_at_once(change: str) -> None:
    act, status = CHANGES[change]
    plant = Meetings()
    plant.project.set_revocation("PLC-1", "if-present", now=NOW)
    plant.project.set_revocation("PLC-2", "if-present", now=NOW)
    with trio.fail_after(30):
        async with plant.one, plant.two:
            await plant.meet()
            assert [shows(facts) for facts in await plant.meet()] == [True, True]
            act(plant.project)
            bytes_before = len(plant.got)
            after = await plant.meet()
    if status is None:
        assert [shows(facts) for facts in after] == [False, False]
    else:
        assert after == (None, None)
        assert [error.status for error in plant.told] == [status]
        assert len(plant.got) == bytes_before


@pytest.mark.parametrize("years", [1, 30])
async def test_a_session_of_2026_is_judged_at_the_time_of_each_connection(years: int) -> None:
    plant = Meetings()
    with trio.fail_after(30):
        async with plant.one, plant.two:
            await plant.meet()
            plant.now += timedelta(days=365 * years)
            after = await plant.meet()
    if years == 1:
        assert [shows(facts) for facts in after] == [True, True]
    else:
        assert after == (None, None)
        assert [error.status for error in plant.told] == [0x80E5]
        assert len(plant.got) == 1
