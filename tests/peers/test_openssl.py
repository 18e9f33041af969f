"""The openssl command as a client."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from ..plant import PAYLOAD, PLC_1, PLC_2, free_port, pem_files, plc_1, server_description

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
FROM = PLC_1 if sys.platform == "darwin" else PLC_2


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_s_client_delivers_the_258_bytes(version: str, tmp_path: Path) -> None:
    port, files = free_port(), pem_files(tmp_path)
    command = [
        "openssl", "s_client", "-connect", f"{PLC_1}:{port}", "-bind", f"{FROM}:0", version, "-quiet",
        "-CAfile", str(files.ca), "-cert", str(files.cert), "-key", str(files.key), "-verify_return_error",
    ]  # fmt: skip
    plc, program = plc_1(server_description(port))
    async with plc:
        plc.run()
        with trio.fail_after(30):
            await plc.wait_scan(lambda: "16#7002" in program.history)
            process = await trio.lowlevel.open_process(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            try:
                assert process.stdin is not None
                await process.stdin.send_all(PAYLOAD)
                await plc.wait_scan(lambda: program.received == 1)
            finally:
                process.terminate()
                await process.wait()
                for pipe in (process.stdin, process.stderr):
                    if pipe is not None:
                        await pipe.aclose()
        assert bytes(plc.cpu["Received_Data"]) == PAYLOAD
