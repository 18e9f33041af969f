"""A TLS partner from wolfSSL's shared library. Arguments and habits: tests/peers/partners.py, "Programs of ours".

The functions are those of wolfSSL's manual ("wolfSSL API Reference"); files are PEM (type 1), 1 is success.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
import sys

SIZE = 258
PEM = OK = 1
VERIFY_NONE, VERIFY_PEER, FAIL_IF_NO_PEER_CERT = 0, 1, 2


def main(role: str, host: str, port: str, name: str, version: str, ca: str, cert: str, key: str, demand: str) -> None:
    found = ctypes.util.find_library("wolfssl")
    assert found is not None  # the table asks before it starts us
    lib = ctypes.CDLL(found)
    method = getattr(lib, f"wolfTLSv{version.replace('.', '_')}_{role}_method")
    method.restype = lib.wolfSSL_CTX_new.restype = lib.wolfSSL_new.restype = ctypes.c_void_p
    lib.wolfSSL_CTX_new.argtypes = lib.wolfSSL_new.argtypes = [ctypes.c_void_p]
    lib.wolfSSL_Init()
    context = ctypes.c_void_p(lib.wolfSSL_CTX_new(method()))

    def insist(result: int, what: str) -> None:
        if result != OK:
            raise SystemExit(f"wolfSSL: {what} failed ({result})")

    insist(lib.wolfSSL_CTX_load_verify_locations(context, ca.encode(), None), "loading the CA")
    if cert != "-":
        insist(lib.wolfSSL_CTX_use_certificate_file(context, cert.encode(), PEM), "loading the certificate")
        insist(lib.wolfSSL_CTX_use_PrivateKey_file(context, key.encode(), PEM), "loading the key")
    verify = VERIFY_PEER | (FAIL_IF_NO_PEER_CERT if role == "server" else 0)
    lib.wolfSSL_CTX_set_verify(context, verify if role == "client" or demand == "demand" else VERIFY_NONE, None)
    data = b""
    if role == "client":
        data = sys.stdin.buffer.read(SIZE)
        raw = socket.create_connection((host, int(port)))
    else:
        with socket.create_server((host, int(port))) as listener:
            sys.stdout.write("READY\n")
            sys.stdout.flush()
            raw, _ = listener.accept()
    connection = ctypes.c_void_p(lib.wolfSSL_new(context))
    insist(lib.wolfSSL_set_fd(connection, raw.fileno()), "taking the socket")
    insist((lib.wolfSSL_connect if role == "client" else lib.wolfSSL_accept)(connection), "the handshake")
    if role == "client" and lib.wolfSSL_write(connection, data, len(data)) != len(data):
        raise SystemExit("wolfSSL: writing failed")
    buffer = ctypes.create_string_buffer(4096)
    while (size := lib.wolfSSL_read(connection, buffer, len(buffer))) > 0:
        sys.stdout.buffer.write(buffer.raw[:size])
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
