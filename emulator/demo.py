"""What `ouc demo` shows: the published example, run between two emulated CPUs on this computer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import trio

from ouc.certs import Project
from ouc.connection import LinkEvent
from ouc.errors import ConnectionLost, Failure, OUCError
from ouc.params import endpoint
from ouc.s7 import DataBlock
from ouc.station import Happening
from ouc.tls import TLSFacts
from ouc.transport import Direction

from .cpu import watch_table
from .plc import PLC
from .published import Receiver, Sender, description, make_project, receive_area, send_area

__all__ = ["Transfer", "run_demo", "unsecured"]

# Seconds that one transfer may take before the demo says what is missing.
LIMIT = 8.0

TEXT = "Hello World!"


@attrs.define
class Transfer:
    """What one transfer showed.

    Attributes:
        before, after: Watch table rows of `Received_Data`.
        sender_status, receiver_status: STATUS words that the two blocks went through.
        facts: What TLS agreed on, as the client saw it, None if unsecured.
        on_the_wire: Bytes of the one send job as they crossed the socket.
        handshake: Sizes of the flights before them, sent by the client and by the server in turn.
        intact: Every byte that was sent has arrived.
    """

    before: list[tuple[str, str, str]] = attrs.field(factory=list)
    after: list[tuple[str, str, str]] = attrs.field(factory=list)
    sender_status: list[str] = attrs.field(factory=list)
    receiver_status: list[str] = attrs.field(factory=list)
    facts: TLSFacts | None = None
    on_the_wire: bytes = b""
    handshake: list[tuple[Direction, int]] = attrs.field(factory=list)
    intact: bool = False


def unsecured(connect: Any) -> Any:
    """The same description with ActivateSecureConn off; everything behind it is ignored then."""
    return attrs.evolve(connect, ActivateSecureConn=False)


async def transfer(project: Project | None, server: Any, client: Any) -> Transfer:
    """Start both CPUs, wait for the connection, trigger REQ once, and watch `Received_Data`.

    Raises:
        OUCError: The connection could not be established; the first reason that either side knows.
    """
    shown = Transfer()
    received, sending = receive_area(), send_area()
    receiver, sender = Receiver(server), Sender(client)
    flights: list[tuple[Direction, bytes]] = []

    def note(happening: Happening) -> None:
        if happening.event is LinkEvent.UP:
            shown.facts = happening.facts

    def failed() -> bool:
        return receiver.failure is not None or sender.failure is not None

    plc_1 = PLC(
        "PLC-1",
        receiver,
        device=project.device("PLC-1") if project else None,
        address=_plant(client),
        data_blocks={"Received_Data": received},
    )
    plc_2 = PLC(
        "PLC-2",
        sender,
        device=project.device("PLC-2") if project else None,
        address=_plant(server),
        data_blocks={"Send_Data": sending},
        on_event=note,
        tap=lambda _, direction, data: flights.append((direction, data)),
    )
    async with plc_1, plc_2:
        with trio.move_on_after(LIMIT):
            plc_1.run()
            await plc_1.wait_scan()
            shown.before = list(watch_table("Received_Data", received))
            if not failed():
                plc_2.run()
                await plc_2.wait_scan(lambda: _ready(sender) or failed())
            if not failed():
                sending["Var1"], sending["Var2"] = True, TEXT
                before = len(flights)
                sender.REQ = True
                await plc_1.wait_scan(lambda: receiver.received > 0 or failed())
                await plc_2.wait_scan(lambda: sender.sent > 0 or failed())
                shown.handshake = [(direction, len(data)) for direction, data in flights[:before]]
                shown.on_the_wire = b"".join(data for direction, data in flights[before:] if direction == "sent")
            # Both sides have had a scan to say what they know.
            await plc_1.wait_scan()
        shown.after = list(watch_table("Received_Data", received))
        shown.sender_status, shown.receiver_status = sender.history, receiver.history
        shown.intact = bytes(received) == bytes(sending) and receiver.received == 1
    _raise_what_is_wrong(shown, receiver.failure, sender.failure)
    return shown


def _ready(sender: Sender) -> bool:
    return sender.outputs is not None and sender.outputs.STATUS == 0x7004


def _plant(partner: Any) -> str | None:
    """A station's own plant address is the one that its partner's description names."""
    address = endpoint(partner).remote_address
    return None if address is None or int(address) == 0 else str(address)


def _raise_what_is_wrong(shown: Transfer, *failures: Failure | None) -> None:
    # The side that refuses knows why; the one that was refused knows only that (80E1, 80C5, 80C6).
    known = [failure for failure in failures if failure is not None]
    for failure in sorted(known, key=lambda failure: failure.status in (0x80E1, 0x80C5, 0x80C6)):
        raise OUCError.of(failure)
    if not shown.intact:
        last = [(history or ["nothing"])[-1] for history in (shown.sender_status, shown.receiver_status)]
        raise ConnectionLost(
            f"the data did not arrive within {LIMIT:g} s; PLC-2 shows {last[0]}, PLC-1 shows {last[1]}"
        )


@attrs.frozen
class Demo:
    """Everything that the demo shows."""

    project: Project
    secured: Transfer
    plain: Transfer
    sent: DataBlock


def run_demo(server: Path, client: Path) -> Demo:
    """Run the example secured and unsecured with the given connection descriptions.

    Raises:
        OUCError: A source cannot be read, a reference is wrong, or the connection does not come about.
    """
    now = datetime.now(UTC)
    described = description(server), description(client)
    project = make_project(now)
    secured = trio.run(transfer, project, *described)
    plain = trio.run(transfer, None, *(unsecured(connect) for connect in described))
    return Demo(project, secured, plain, send_area())
