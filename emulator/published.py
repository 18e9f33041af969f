"""The published application example (entry 109769068, section 2.6) as a plant: two CPUs and one TLS connection.

PLC-1 (192.168.0.1) serves with TRCV_C, PLC-2 (192.168.0.2) connects with TSEND_C. The connection descriptions and data
blocks are TIA Portal sources beside this file; the certificates are created in the order that yields the published IDs.
"""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs

from ouc.blocks import TRCV_C, TSEND_C, ReceiveOutputs, SendOutputs
from ouc.certs import Project
from ouc.errors import Failure, ParameterError
from ouc.source import DataBlock, load

from .cpu import CPU, OrganizationBlock

__all__ = [
    "CLIENT",
    "SERVER",
    "Receiver",
    "Sender",
    "description",
    "example_file",
    "make_project",
    "receive_area",
    "send_area",
]

SERVER = "Server_Connection_Parameters.db"
CLIENT = "Client_Connection_Parameters.db"


def example_file(name: str) -> Path:
    """One of the four sources of the example, as a path."""
    return Path(str(files(__package__) / "example" / name))


def description(path: Path) -> Any:
    """The one connection description in a source.

    Raises:
        ParameterError: The file cannot be read, or does not hold exactly one.
    """
    found = load(path).structures()
    if len(found) != 1:
        names = ", ".join(variable.name for variable in found) or "none"
        raise ParameterError(
            f"one connection description is needed, found: {names}",
            where=str(path),
            remedy="Keep one TCON_* variable in the file",
        )
    return found[0].value


def receive_area() -> DataBlock:
    """`Received_Data` with its start values: 258 bytes."""
    return DataBlock.from_source(example_file("Received_Data.db"))


def send_area() -> DataBlock:
    """`Send_Data` with its start values: 258 bytes."""
    return DataBlock.from_source(example_file("Send_Data.db"))


def make_project(now: datetime) -> Project:
    """The project with its two devices and the certificate IDs of the example (requirements.md R40).

    CAs 1 and 2 come with the project; PLC-1 brings CA 3 and its own certificate 4; 5 to 7 are created and deleted again,
    because IDs are never reused; then 8 PLC-1/Webserver-8, 9 the server's, 10 PLC-2/Communication-10, 11 the client's.
    """
    project = Project.create("Example", now=now)
    project.add_device("PLC-1", addresses=["192.168.0.1"], now=now)
    for _ in range(3):
        project.delete(project.new(usage="tls", issuer=3, device="PLC-1", now=now).id)
    project.enable_web_server("PLC-1", now=now)
    project.new(usage="tls", issuer=3, device="PLC-1", common_name="PLC-1/TLS", now=now)
    project.add_device("PLC-2", addresses=["192.168.0.2"], now=now)
    project.new(usage="tls", issuer=3, device="PLC-2", common_name="PLC-2/TLS", now=now)
    return project


@attrs.define
class Receiver:
    """PLC-1's program: one TRCV_C, its outputs kept for the watch table.

    Attributes:
        connect: The connection description.
        EN_R, CONT: As a watch table sets them.
        history: STATUS words in the order seen, repeated ones once.
        received: How many jobs were DONE.
        failure: Why the block last showed ERROR.
    """

    connect: Any
    EN_R: bool = True
    CONT: bool = True
    outputs: ReceiveOutputs | None = None
    history: list[str] = attrs.field(factory=list)
    received: int = 0
    failure: Failure | None = None

    def __call__(self, cpu: CPU) -> OrganizationBlock:
        """Start-up: a fresh instance of the block; gives back OB1."""
        block = TRCV_C(cpu)

        def ob1() -> None:
            self.outputs = block(EN_R=self.EN_R, CONT=self.CONT, CONNECT=self.connect, DATA=cpu["Received_Data"])
            self.received += self.outputs.DONE
            self.failure = block.failure
            _remember(self.history, str(self.outputs.STATUS))

        return ob1


@attrs.define
class Sender:
    """PLC-2's program: one TSEND_C, its outputs kept for the watch table.

    Attributes:
        connect: The connection description.
        REQ, CONT: As a watch table sets them.
        history: STATUS words in the order seen, repeated ones once.
        sent: How many jobs were DONE.
        failure: Why the block last showed ERROR.
    """

    connect: Any
    REQ: bool = False
    CONT: bool = True
    outputs: SendOutputs | None = None
    history: list[str] = attrs.field(factory=list)
    sent: int = 0
    failure: Failure | None = None

    def __call__(self, cpu: CPU) -> OrganizationBlock:
        """Start-up: a fresh instance of the block; gives back OB1."""
        block = TSEND_C(cpu)

        def ob1() -> None:
            self.outputs = block(REQ=self.REQ, CONT=self.CONT, CONNECT=self.connect, DATA=cpu["Send_Data"])
            self.sent += self.outputs.DONE
            self.failure = block.failure
            _remember(self.history, str(self.outputs.STATUS))

        return ob1


def _remember(history: list[str], status: str) -> None:
    if not history or history[-1] != status:
        history.append(status)
