"""Many partners that connect in one instant, as after a power failure, against `ouc serve` with mutual TLS.

    200 together            all served within 3 x the time of a plain pyOpenSSL server with a backlog of 512
    500 together            none is reset

Run it with `python3 do.py bench burst [PARTNERS ...]`. The exit status is 1 if a promise is broken; the figures are medians of
several bursts, after one that warms the server up.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from OpenSSL import SSL

from tests.plant import Files, pem_files

HERE = "127.0.0.1"
FACTOR, ROUNDS, LIMIT = 3.0, 3, 120.0


def plain(files: Files, announce: Callable[[int], None]) -> None:
    """The measure: one thread per partner, and nothing between it and pyOpenSSL."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_file(str(files.cert))
    context.use_privatekey_file(str(files.key))
    context.load_verify_locations(str(files.ca))
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *given: bool(given[4]))
    with socket.create_server((HERE, 0), backlog=512) as listener:
        announce(listener.getsockname()[1])
        while True:
            raw, _ = listener.accept()
            threading.Thread(target=_echo, args=(context, raw), daemon=True).start()


def _echo(context: SSL.Context, raw: socket.socket) -> None:
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = SSL.Connection(context, raw)
    connection.set_accept_state()
    with contextlib.suppress(SSL.Error):
        connection.do_handshake()
        while True:
            connection.sendall(connection.recv(65_536))
    raw.close()


@contextmanager
def server(kind: str, files: Files) -> Iterator[int]:
    """A server in a process of its own; gives its port."""
    command = {
        "ouc serve": [
            "-m", "ouc", "serve", f"{HERE}:0", "--cert", str(files.cert), "--key", str(files.key), "--ca", str(files.ca),
            "--require-client-certificate", "--echo",
        ],
        "pyOpenSSL": ["-m", "benches.bench_burst", "--serve", str(files.ca.parent)],
    }[kind]  # fmt: skip
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline().rpartition(":")[2])
            threading.Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True).start()
            yield port
        finally:
            process.kill()


def burst(port: int, files: Files, partners: int) -> tuple[float, int]:
    """Seconds until all are served, and how many were not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.cert, files.key)
    ready, failed = threading.Barrier(partners + 1), list[Exception]()

    def partner() -> None:
        ready.wait()
        try:
            with socket.create_connection((HERE, port), timeout=LIMIT) as raw, context.wrap_socket(raw) as tls:
                tls.sendall(b"hello")
                if tls.recv(5) != b"hello":
                    failed.append(ConnectionError("no answer"))
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=partner) for _ in range(partners)]
    for thread in threads:
        thread.start()
    ready.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun, len(failed)


def measure(kind: str, files: Files, partners: int) -> tuple[float, int]:
    """The median of several bursts, and all that failed."""
    with server(kind, files) as port:
        rounds = [burst(port, files, partners) for _ in range(ROUNDS + 1)]
    return statistics.median(seconds for seconds, _ in rounds[1:]), sum(failed for _, failed in rounds)


def main() -> int:
    """Run; 1 if a promise is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("partners", nargs="*", type=int, default=[200, 500])
    parser.add_argument("--serve", type=Path)
    given = parser.parse_args()
    if given.serve is not None:
        folder = given.serve
        plain(Files(folder / "ca.pem", folder / "cert.pem", folder / "key.pem"), lambda port: print(f":{port}", flush=True))
    good = True
    with tempfile.TemporaryDirectory() as folder:
        files = pem_files(Path(folder))
        for partners in given.partners:
            measured = {kind: measure(kind, files, partners) for kind in ("pyOpenSSL", "ouc serve")}
            for kind, (seconds, failed) in measured.items():
                print(f"{partners:5} partners, {kind:10} {seconds:7.3f} s, {failed} not served")
            factor = measured["ouc serve"][0] / measured["pyOpenSSL"][0]
            print(f"{partners:5} partners: {factor:.2f} x")
            good &= measured["ouc serve"][1] == 0 and factor <= FACTOR
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
