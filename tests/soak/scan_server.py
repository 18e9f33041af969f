"""What TLS scanners say about an emulated PLC-1: sslyze (`pip install sslyze`) and testssl.sh (Debian: testssl.sh).

Those that are not installed are left out with one line. What a scanner complains about and the profile does on purpose
stands in `ON_PURPOSE`, each with the reason; anything else is printed, and the exit status is 1 then.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import trio

from ouc.tls import DEFAULT

from ..peers.live import serving
from ..plant import PLC_1, Files, free_port, pem_files, plc_1

# Seconds after which a scanner is ended; testssl.sh takes 40 to 120.
LIMIT = 600

# Scanner, what it names, why that is so.
ON_PURPOSE: Final[dict[tuple[str, str], str]] = {
    ("testssl", "engine_problem"): "about testssl.sh's own OpenSSL",
    ("testssl", "cert_trust"): "the certificate carries the plant address 192.168.0.1, the scanner dials the loopback network",
    ("testssl", "cert_chain_of_trust"): "the project's CA is private, and a CPU sends its own certificate only",
    ("testssl", "cert_validityPeriod"): "13 years, as TIA Portal gives",
    ("testssl", "cert_revocation"): "a plant has neither OCSP nor distribution points; lists are imported",
    ("testssl", "secure_client_renego"): "not tested without a certificate; sslyze tests it with one",
    ("testssl", "BREACH"): "about HTTP, which is not spoken here",
    ("sslyze", "certificate is not trusted by public stores"): "the project's CA is private",
}

_OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
# What sslyze calls its scans; one not scheduled is one not run, and that is a complaint of its own.
_FLAGS = (
    "--certinfo", "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--compression", "--fallback",
    "--heartbleed", "--openssl_ccs", "--robot", "--elliptic_curves", "--ems",
)  # fmt: skip
# Those that log in. One partner holds a passive end, so each has PLC-1 for itself.
_LOGGED_IN = ("--reneg", "--early_data")
_GROUPS: Final = {"X25519": "X25519", "secp256r1": "P-256", "secp384r1": "P-384"}


def _complaints_of_sslyze(results: dict[str, Any]) -> Iterator[str]:
    """Read the parts of a result; what was not asked for is no part of it."""
    for scan, part in results.items():
        if part["status"] == "ERROR":
            yield f"{scan} failed: {part['error_reason']}"
        if part["status"] != "COMPLETED":
            continue
        result = part["result"]
        match scan.removesuffix("_cipher_suites"):
            case version if version in _OLD:
                if result["accepted_cipher_suites"]:
                    yield f"{version} is accepted"
            case "tls_1_2" | "tls_1_3" as version:
                named = DEFAULT.suites_12 if version == "tls_1_2" else DEFAULT.suites_13
                taken = {suite["cipher_suite"]["openssl_name"] for suite in result["accepted_cipher_suites"]}
                if not taken or not taken <= set(named):
                    yield f"{version} takes {sorted(taken)}"
            case "certificate_info":
                yield from _about_certificate(result["certificate_deployments"])
            case "elliptic_curves":
                taken = {_GROUPS.get(curve["name"], curve["name"]) for curve in result["supported_curves"]}
                if taken != set(DEFAULT.groups):
                    yield f"groups {sorted(taken)}"
            case "robot":
                if not result["robot_result"].startswith("NOT_VULNERABLE"):
                    yield f"robot: {result['robot_result']}"
            case _:
                yield from (f"{name} is {value}" for name, value in result.items() if _EXPECTED.get(name) != value)


_EXPECTED: Final = {
    "supports_compression": False,
    "is_vulnerable_to_ccs_injection": False,
    "is_vulnerable_to_heartbleed": False,
    "supports_fallback_scsv": True,
    "supports_ems_extension": True,
    "supports_early_data": False,
    "supports_secure_renegotiation": True,
    "is_vulnerable_to_client_renegotiation_dos": False,
    "client_renegotiations_success_count": 0,
}


def _about_certificate(deployments: list[dict[str, Any]]) -> Iterator[str]:
    if len(deployments) != 1:
        yield f"{len(deployments)} certificates are shown"
    for deployment in deployments:
        if not deployment["received_chain_has_valid_order"]:
            yield "the chain is in disorder"
        if not any(store["was_validation_successful"] for store in deployment["path_validation_results"]):
            yield "certificate is not trusted by public stores"


@asynccontextmanager
async def _plc_1() -> AsyncIterator[int]:
    port = free_port()
    plc, program = plc_1(serving(port, mutual=True))
    async with plc:
        plc.run()
        await plc.wait_listening()
        yield port
    if program.received:
        raise AssertionError("a scanner delivered data")


async def _run(command: list[str]) -> str:
    with trio.fail_after(LIMIT):
        ended = await trio.run_process(
            command, capture_stdout=True, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False
        )
    return ended.stdout.decode(errors="replace")


async def sslyze(command: str, files: Files, folder: Path) -> tuple[int, list[str]]:
    """Run sslyze once without a certificate and once for each scan that needs one; gives scans made and complaints."""
    done, found = 0, []
    for flags in (_FLAGS, *((flag,) for flag in _LOGGED_IN)):
        own = ["--cert", str(files.cert), "--key", str(files.key)] if flags is not _FLAGS else []
        answer = folder / "sslyze.json"
        async with _plc_1() as port:
            said = await _run(
                [command, *own, *flags, "--mozilla_config", "disable", "--json_out", str(answer), f"{PLC_1}:{port}"]
            )
        if not answer.exists():
            return done, [f"sslyze gave no result: {said[-300:]}"]
        (server,) = json.loads(answer.read_text(encoding="utf-8"))["server_scan_results"]
        answer.unlink()
        if server["scan_result"] is None:
            return done, [f"sslyze could not connect: {server['connectivity_error_trace']}"]
        done += sum(part["status"] == "COMPLETED" for part in server["scan_result"].values())
        found += list(_complaints_of_sslyze(server["scan_result"]))
    if done != len(_FLAGS) + len(_LOGGED_IN):
        found.append(f"{done} scans of {len(_FLAGS) + len(_LOGGED_IN)} were made")
    return done, found


async def testssl(command: str, files: Files, folder: Path) -> tuple[int, list[str]]:
    """Run testssl.sh, which cannot log in; gives findings and complaints, by their identifiers."""
    answer = folder / "testssl.json"
    async with _plc_1() as port:
        said = await _run(
            [command, "--warnings", "off", "--color", "0", "--quiet", "-n", "none", "--jsonfile", str(answer),
             f"{PLC_1}:{port}"]
        )  # fmt: skip
    if not answer.exists():
        return 0, [f"testssl.sh gave no result: {said[-300:]}"]
    findings = json.loads(answer.read_text(encoding="utf-8"))
    if not any(finding["id"] == "TLS1_3" and finding["severity"] == "OK" for finding in findings):
        return len(findings), ["TLS 1.3 was not found: the scan is worthless"]
    return len(findings), [finding["id"] for finding in findings if finding["severity"] not in {"OK", "INFO", "DEBUG"}]


SCANNERS: Final = (
    ("sslyze", ("sslyze",), sslyze, "pip install sslyze, in an environment of its own"),
    ("testssl", ("testssl", "testssl.sh"), testssl, "Debian: testssl.sh"),
)


def main() -> int:
    """Run the scanners that are there; gives the exit status."""
    begun, unexpected, figures = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory() as name:
        files = pem_files(Path(name))
        for scanner, commands, scan, install in SCANNERS:
            command = next(filter(None, map(shutil.which, commands)), None)
            if command is None:
                print(f"{scanner} is left out: not installed ({install})", flush=True)
                continue
            print(f"{scanner} …", flush=True)
            made, found = trio.run(scan, command, files, Path(name))
            for complaint in found:
                reason = ON_PURPOSE.get((scanner, complaint))
                unexpected += reason is None
                print(f"  {'as meant' if reason else 'NOT MEANT'}: {complaint}{f' - {reason}' if reason else ''}")
            figures.append(f"{scanner} {made} results, {len(found)} complaints")
    told = "; ".join(figures) or "no scanner is installed"
    print(f"scan_server: {told}; {unexpected} not meant, {time.monotonic() - begun:.0f} s")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
