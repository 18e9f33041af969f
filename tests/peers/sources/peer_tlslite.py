"""A TLS partner from tlslite-ng, written in Python throughout.

Arguments and habits: see tests/peers/partners.py, "Programs of ours".
"""

from __future__ import annotations

import importlib
import socket
import sys
from pathlib import Path

SIZE = 258


def main(role: str, host: str, port: str, name: str, version: str, ca: str, cert: str, key: str, demand: str) -> None:
    tlslite = importlib.import_module("tlslite.api")
    settings = tlslite.HandshakeSettings()
    settings.minVersion = settings.maxVersion = {"1.2": (3, 3), "1.3": (3, 4)}[version]
    chain = own = None
    if cert != "-":
        chain = tlslite.X509CertChain()
        chain.parsePemList(Path(cert).read_text(encoding="ascii"))
        own = tlslite.parsePEMKey(Path(key).read_text(encoding="ascii"), private=True)
    if role == "client":
        data = sys.stdin.buffer.read(SIZE)
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            tls = tlslite.TLSConnection(raw)
            tls.handshakeClientCert(chain, own, settings=settings)
            tls.sendall(data)
            tls.recv(1)  # the server's end, or its alert
        return
    with socket.create_server((host, int(port))) as listener:
        listener.settimeout(20)
        sys.stdout.write("READY\n")
        sys.stdout.flush()
        raw, _ = listener.accept()
        with raw:
            tls = tlslite.TLSConnection(raw)
            tls.handshakeServer(certChain=chain, privateKey=own, reqCert=demand == "demand", settings=settings)
            if demand == "demand" and not tls.session.clientCertChain:
                raise SystemExit("the client showed no certificate")
            while piece := tls.recv(4096):
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
