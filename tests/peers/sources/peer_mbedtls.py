"""A TLS partner from Mbed TLS, by the package python-mbedtls.

Arguments and habits: see tests/peers/partners.py, "Programs of ours".
"""

from __future__ import annotations

import importlib
import socket
import sys
from pathlib import Path
from typing import Any

SIZE = 258


def main(role: str, host: str, port: str, name: str, version: str, ca: str, cert: str, key: str, demand: str) -> None:
    tls, x509, pk = (importlib.import_module(f"mbedtls.{part}") for part in ("tls", "x509", "pk"))
    chain: tuple[Any, Any] = ((), None)
    if cert != "-":
        own = x509.CRT.from_PEM(Path(cert).read_text(encoding="ascii"))
        text = Path(key).read_text(encoding="ascii")
        chain = ((own,), pk.RSA.from_PEM(text))
    wire = {"1.2": tls.TLSVersion.TLSv1_2}[version]
    configuration = tls.TLSConfiguration(
        trust_store=tls.TrustStore([x509.CRT.from_PEM(Path(ca).read_text(encoding="ascii"))]),
        certificate_chain=chain if cert != "-" else None,
        lowest_supported_version=wire,
        highest_supported_version=wire,
        validate_certificates=role == "client" or demand == "demand",
    )
    if role == "client":
        data = sys.stdin.buffer.read(SIZE)
        raw = socket.create_connection((host, int(port)), timeout=20)
        connection = tls.ClientContext(configuration).wrap_socket(raw, server_hostname=None)
        connection.do_handshake()
        connection.sendall(data)
        connection.recv(1)  # the server's end, or its alert
        return
    with socket.create_server((host, int(port))) as listener:
        sys.stdout.write("READY\n")
        sys.stdout.flush()
        raw, _ = listener.accept()
        connection = tls.ServerContext(configuration).wrap_socket(raw)
        connection.do_handshake()
        while piece := connection.recv(4096):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
