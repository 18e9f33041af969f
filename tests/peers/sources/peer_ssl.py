"""A TLS partner from any module with the face of the standard library's ssl: ssl, rtls (rustls), utls (BoringSSL).

The module's name is the first argument; the others and the habits: see tests/peers/partners.py, "Programs of ours".
"""

from __future__ import annotations

import importlib
import socket
import sys

SIZE = 258


def main(
    module: str, role: str, host: str, port: str, name: str, version: str, ca: str, cert: str, key: str, demand: str
) -> None:
    ssl = importlib.import_module(module)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if role == "client" else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, f"TLSv{version.replace('.', '_')}")
    context.load_verify_locations(ca)
    if cert != "-":
        context.load_cert_chain(cert, key)
    if role == "client":
        data = sys.stdin.buffer.read(SIZE)
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            with context.wrap_socket(raw, server_hostname=name) as tls:
                tls.sendall(data)
                tls.recv(1)  # the server's end, or its alert
        return
    if demand == "demand":
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server((host, int(port))) as listener:
        listener.settimeout(20)
        sys.stdout.write("READY\n")
        sys.stdout.flush()
        raw, _ = listener.accept()
        with raw, context.wrap_socket(raw, server_side=True) as tls:
            while piece := tls.recv(4096):
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
