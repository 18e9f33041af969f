"""The published example as a fixture: project, devices, descriptions, and free ports instead of 2000."""

from __future__ import annotations

import itertools
import os
import socket
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from emulator.plc import PLC
from emulator.published import (
    CLIENT,
    SERVER,
    Receiver,
    Sender,
    description,
    example_file,
    make_project,
    receive_area,
    send_area,
)
from ouc.certs import Project

PLC_1, PLC_2 = "127.0.0.1", "127.0.0.2"
# A loopback network for programs that use the published port 2000, so that several test runs do not meet there.
ALONE = f"127.{1 + os.getpid() // 250 % 250}.{1 + os.getpid() % 250}.0/24"
# The payload of the published capture (requirements.md R131).
PAYLOAD = bytes.fromhex("0100FE0C48656C6C6F20576F726C6421").ljust(258, b"\0")


@cache
def plant() -> Project:
    """The example's project; made once, because RSA keys take their time."""
    return make_project(datetime.now(UTC))


# Below the ports that systems give to outgoing connections: one of those could take a free port away again.
_PORTS = itertools.cycle(range(15_000, 32_000))
for _ in range(os.getpid() * 97 % 17_000):
    next(_PORTS)


def free_port() -> int:
    """A port that nobody listens on now, another one at each call; processes begin at different places."""
    for port in _PORTS:
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def server_description(port: int, **members: Any) -> Any:
    """PLC-1's description, listening on `port`."""
    published = description(example_file(SERVER))
    return attrs.evolve(published, ConnPara=attrs.evolve(published.ConnPara, LocalPort=port), **members)


def client_description(port: int, **members: Any) -> Any:
    """PLC-2's description, dialling `port`."""
    published = description(example_file(CLIENT))
    return attrs.evolve(published, ConnPara=attrs.evolve(published.ConnPara, RemotePort=port), **members)


def plc_1(connect: Any, **options: Any) -> tuple[PLC, Receiver]:
    """PLC-1 with its TRCV_C program, and the program."""
    program = Receiver(connect)
    options.setdefault("device", plant().device("PLC-1"))
    return PLC("PLC-1", program, data_blocks={"Received_Data": receive_area()}, **options), program


def plc_2(connect: Any, **options: Any) -> tuple[PLC, Sender]:
    """PLC-2 with its TSEND_C program, and the program."""
    program = Sender(connect)
    options.setdefault("device", plant().device("PLC-2"))
    return PLC("PLC-2", program, data_blocks={"Send_Data": send_area()}, **options), program


@attrs.frozen
class Files:
    """What a partner from outside needs, as PEM files."""

    ca: Path
    cert: Path
    key: Path


def pem_files(folder: Path, *, device: str = "PLC-2", own: int = 11) -> Files:
    """The project's CA 3 and a device's certificate with its key."""
    side: Any = "client" if device == "PLC-2" else "server"
    held = plant().device(device).download().own(own, side=side)
    assert held is not None
    trust = plant().device(device).download().trust(3, side=side)
    files = Files(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    files.ca.write_bytes(trust.anchors[0].public_bytes(Encoding.PEM))
    files.cert.write_bytes(held.certificate.public_bytes(Encoding.PEM))
    files.key.write_bytes(held.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
