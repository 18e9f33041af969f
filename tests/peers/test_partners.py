"""Partners that we did not write, one by one: a table of partner, role, version and mutual authentication.

The usual run meets each partner once or twice, `OUC_SOAK=1` in every cell. A partner that is not installed is skipped
with the way to get it. What is found so stands in docs/reference/interoperability.md.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

import ouc
from ouc.errors import CertificateError, OUCError
from ouc.station import Happening

from ..plant import PAYLOAD, PLC_1, Files, client_description, free_port, pem_files, plant, plc_1
from .live import serving
from .partners import PARTNERS, Cell, Partner, Role, Version

ALL = os.environ.get("OUC_SOAK") == "1"
# Kills what hangs; nothing is measured by it.
LIMIT = 30


def _meetings(role: Role, *, refused: bool) -> list[Any]:
    cells: list[Any] = []
    for partner in PARTNERS:
        for version in partner.versions:
            usual = (role, version) in partner.reduced
            if getattr(partner, role) is None or not (usual or ALL):
                continue
            missing = partner.missing()
            marks = [pytest.mark.skipif(bool(missing), reason=missing)]
            name = f"{partner.name}, TLS {version}"
            if refused:
                # In the usual run the standard library's tests stand for these.
                if ALL:
                    cells.append(pytest.param(partner, version, marks=marks, id=name))
                continue
            can = partner.demands if role == "server" else version in partner.shows
            for mutual in (True, False):
                if (can or not mutual) and (ALL or mutual or not can):
                    how = "mutual" if mutual else "one-sided"
                    cells.append(pytest.param(partner, version, mutual, marks=marks, id=f"{name}, {how}"))
    return cells


def _cell(partner: Partner, folder: Path, **members: Any) -> Cell:
    own = folder / partner.name.replace(" ", "")
    own.mkdir()
    cell = Cell(host=PLC_1, folder=own, **members)
    if partner.prepare is not None:
        partner.prepare(cell)
    return cell


class Running:
    """A partner's process and what it has said so far."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.said = b""

    async def until(self, text: bytes) -> None:
        """Read on until `text` was said.

        Raises:
            AssertionError: The partner ended before.
        """
        assert self.process.stdout is not None
        while text not in self.said:
            piece = await self.process.stdout.receive_some()
            assert piece, f"the partner ended without {text!r}: {self.said!r}"
            self.said += piece

    async def rest(self) -> bytes:
        """All that it says until its end."""
        assert self.process.stdout is not None
        while piece := await self.process.stdout.receive_some():
            self.said += piece
        return self.said


@asynccontextmanager
async def _started(command: list[str]) -> AsyncIterator[Running]:
    """Start a partner; whatever happens, it has ended afterwards."""
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Running(process)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                await pipe.aclose()


async def _listening(partner: Partner, cell: Cell, running: Running) -> None:
    """Wait until a server takes connections."""
    await running.until(partner.ready)
    while partner.hasty:
        try:
            await (await trio.open_tcp_stream(cell.host, cell.port)).aclose()
        except OSError:
            await trio.lowlevel.checkpoint()
        else:
            return


def _strangers_files(folder: Path, address: str) -> Files:
    """Certificate and key from a CA that nobody in the plant holds; the plant's own CA to trust."""
    import trustme

    folder.mkdir()
    made = trustme.CA().issue_cert(address)
    files = Files(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    files.ca.write_bytes(pem_files(folder).ca.read_bytes())
    files.cert.write_bytes(made.cert_chain_pems[0].bytes())
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


# --- as clients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("partner", "version", "mutual"), _meetings("client", refused=False))
async def test_a_client_delivers_the_258_bytes_to_PLC_1(
    partner: Partner, version: Version, mutual: bool, tmp_path: Path
) -> None:
    assert partner.client is not None
    cell = _cell(
        partner, tmp_path, role="client", port=free_port(), version=version, mutual=mutual, files=pem_files(tmp_path)
    )
    happened: list[Happening] = []
    plc, program = plc_1(serving(cell.port, mutual=mutual), on_event=happened.append)
    with trio.fail_after(LIMIT):
        async with plc:
            plc.run()
            await plc.wait_listening()
            async with _started(partner.client(cell)) as running:
                assert running.process.stdin is not None
                await running.process.stdin.send_all(PAYLOAD)
                await plc.wait_scan(lambda: program.received == 1)
    facts = happened[0].facts
    assert facts is not None
    assert facts.version == f"TLS {version}"
    assert (facts.partner is not None) is mutual
    assert bytes(plc.cpu["Received_Data"]) == PAYLOAD


async def _refused(partner: Partner, cell: Cell, status: str) -> str:
    """Let a client meet PLC-1, which demands a certificate of the plant; gives the diagnostics buffer."""
    assert partner.client is not None
    plc, program = plc_1(serving(cell.port, mutual=True))
    with trio.fail_after(LIMIT):
        async with plc:
            plc.run()
            await plc.wait_listening()
            async with _started(partner.client(cell)) as running:
                assert running.process.stdin is not None
                # It may be refused before it has read its input.
                with contextlib.suppress(trio.BrokenResourceError):
                    await running.process.stdin.send_all(PAYLOAD)
                await plc.wait_scan(lambda: status in program.history)
    assert program.received == 0
    assert bytes(plc.cpu["Received_Data"]) != PAYLOAD
    return "\n".join(str(entry) for entry in plc.cpu.diagnostics)


@pytest.mark.parametrize(("partner", "version"), _meetings("client", refused=True))
async def test_a_client_without_certificate_delivers_nothing_and_is_told_as_80E2(
    partner: Partner, version: Version, tmp_path: Path
) -> None:
    cell = _cell(
        partner, tmp_path, role="client", port=free_port(), version=version, mutual=False, files=pem_files(tmp_path)
    )
    if version not in partner.declines:
        pytest.skip(f"{partner.name} cannot say that it has no certificate under TLS {version}")
    assert "sent no certificate" in await _refused(partner, cell, "16#80E2")


@pytest.mark.parametrize(("partner", "version"), _meetings("client", refused=True))
async def test_a_client_of_another_CA_delivers_nothing_and_is_told_as_80E4(
    partner: Partner, version: Version, tmp_path: Path
) -> None:
    if version not in partner.shows:
        pytest.skip(f"{partner.name} cannot show a certificate under TLS {version}")
    files = _strangers_files(tmp_path / "stranger", "192.168.0.2")
    cell = _cell(partner, tmp_path, role="client", port=free_port(), version=version, mutual=True, files=files)
    assert "no CA on this device leads" in await _refused(partner, cell, "16#80E4")


# --- as servers -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _dialled(cell: Cell, **members: Any) -> AsyncIterator[ouc.Connection]:
    """PLC-2's station, connected with whoever listens there."""
    async with ouc.Station(plant().device("PLC-2"), addresses=ouc.loopback()) as station:
        async with station.connect(client_description(cell.port, **members)) as connection:
            yield connection


@pytest.mark.parametrize(("partner", "version", "mutual"), _meetings("server", refused=False))
async def test_a_server_receives_the_258_bytes_of_PLC_2(
    partner: Partner, version: Version, mutual: bool, tmp_path: Path
) -> None:
    assert partner.server is not None
    files = pem_files(tmp_path, device="PLC-1", own=9)
    cell = _cell(partner, tmp_path, role="server", port=free_port(), version=version, mutual=mutual, files=files)
    # A server that demands no certificate is met by a client that has none to show.
    members: dict[str, Any] = {} if mutual else {"TLSClientCertRef": 0}
    with trio.fail_after(LIMIT):
        async with _started(partner.server(cell)) as running:
            await _listening(partner, cell, running)
            async with _dialled(cell, ExtTLSCapabilities=1, **members) as connection:
                assert connection.tls is not None
                assert connection.tls.version == f"TLS {version}"
                assert connection.tls.asked_for_certificate or not mutual  # some ask without demanding
                await connection.send(partner.payload)
                if partner.echoes:
                    got = b""
                    while partner.payload not in got:
                        got += await connection.receive_some()
                else:
                    await running.until(partner.payload)


@pytest.mark.parametrize(("partner", "version"), _meetings("server", refused=True))
async def test_a_server_of_another_CA_gets_nothing_and_is_told_as_80E4(
    partner: Partner, version: Version, tmp_path: Path
) -> None:
    assert partner.server is not None
    files = _strangers_files(tmp_path / "stranger", "192.168.0.1")
    cell = _cell(partner, tmp_path, role="server", port=free_port(), version=version, mutual=False, files=files)
    with trio.fail_after(LIMIT):
        async with _started(partner.server(cell)) as running:
            await _listening(partner, cell, running)
            with pytest.raises(CertificateError, match="no CA on this device leads") as caught:
                async with _dialled(cell) as connection:
                    await connection.send(partner.payload)
            assert caught.value.status == 0x80E4
            running.process.terminate()
            assert partner.payload not in await running.rest()


@pytest.mark.parametrize(("partner", "version"), _meetings("server", refused=True))
async def test_a_server_that_demands_a_certificate_refuses_PLC_2_without_one(
    partner: Partner, version: Version, tmp_path: Path
) -> None:
    assert partner.server is not None
    if not partner.demands:
        pytest.skip(f"{partner.name} cannot demand a certificate")
    files = pem_files(tmp_path, device="PLC-1", own=9)
    cell = _cell(partner, tmp_path, role="server", port=free_port(), version=version, mutual=True, files=files)
    with trio.fail_after(LIMIT):
        async with _started(partner.server(cell)) as running:
            await _listening(partner, cell, running)
            with pytest.raises(OUCError) as caught:
                async with _dialled(cell, TLSClientCertRef=0) as connection:
                    await connection.send(partner.payload)
                    await connection.receive(1)
            assert caught.value.status == (0x80C5 if version in partner.silent else 0x80E1)
            running.process.terminate()
            assert partner.payload not in await running.rest()
