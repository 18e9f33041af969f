"""The partners that we did not write: how each is started as a client and as a server.

A row of `PARTNERS` makes a command line from a `Cell`. What every partner does:

* as a client it checks PLC-1's certificate (and, where it can, the plant address in it), sends the 258 bytes that come
  in by standard input and waits for the server's end;
* as a server it prints `ready`, accepts, and prints the bytes that arrive, or sends them back where it cannot print them.

Programs of ours in `sources/` use somebody else's TLS library and share these arguments:

    ROLE HOST PORT NAME VERSION CA CERT KEY DEMAND

ROLE is `client` or `server`; HOST and PORT where to dial or to listen; NAME what the server's certificate must carry;
VERSION `1.2` or `1.3`, and no other; CA, CERT and KEY PEM files, CERT and KEY `-` for none; DEMAND is `demand` where a
server asks for a certificate, else `accept`. They are not 0 at the end if the handshake failed.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import attrs

from ..plant import PAYLOAD, Files

__all__ = ["PARTNERS", "Cell", "Partner", "Role", "Version"]

Role = Literal["client", "server"]
Version = Literal["1.2", "1.3"]
Command = list[str]

SOURCES = Path(__file__).with_name("sources")
# What PLC-1's certificate carries as its address; partners compare it although they dial the loopback network.
NAME = "192.168.0.1"


@attrs.frozen(kw_only=True)
class Cell:
    """One meeting with a partner.

    Attributes:
        role: What the partner is.
        host, port: Where it dials or listens.
        version: The only TLS version that it may speak.
        files: Its certificate and key, and the CA it trusts.
        mutual: As a client: it shows a certificate; as a server: it demands one.
        folder: Its own, for what it has to write.
    """

    role: Role
    host: str
    port: int
    version: Version
    files: Files
    mutual: bool
    folder: Path

    @property
    def shown(self) -> tuple[str, str]:
        """Certificate and key as our programs take them."""
        shows = self.role == "server" or self.mutual
        return (str(self.files.cert), str(self.files.key)) if shows else ("-", "-")

    def arguments(self) -> Command:
        """The arguments of our programs."""
        demand = "demand" if self.mutual else "accept"
        return [self.role, self.host, str(self.port), NAME, self.version, str(self.files.ca), *self.shown, demand]


def _yes() -> bool:
    return True


@attrs.frozen(kw_only=True)
class Partner:
    """A row of the table.

    Attributes:
        name: As tests and documents call it.
        commands: Programs that must be installed.
        modules: Python packages that must be installed.
        usable: Whether anything else it needs is there.
        install: How to get it, for the reason of a skipped test.
        client, server: The command line for a role, None if it cannot take it.
        versions: What it speaks.
        demands: Whether it can demand a certificate as a server.
        silent: The versions in which it then refuses a client that has none by closing, without an alert.
        shows: The versions in which it answers, as a client, when a certificate is demanded.
        declines: The same for its answer that it has none.
        ready: What it prints once it listens.
        hasty: It prints that a moment too early, and takes any number of connections: dial to see.
        prepare: Called before it is started, with the cell.
        echoes: As a server it sends back what it gets.
        payload: What is sent to it as a server; others than the published bytes only where it insists on a form.
        reduced: Its cells of the usual run, as (role, version); all others are for the long one.
    """

    name: str
    commands: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    usable: Callable[[], bool] = _yes
    install: str
    client: Callable[[Cell], Command] | None = None
    server: Callable[[Cell], Command] | None = None
    versions: tuple[Version, ...] = ("1.2", "1.3")
    demands: bool = True
    silent: tuple[Version, ...] = ()
    shows: tuple[Version, ...] = ("1.2", "1.3")
    declines: tuple[Version, ...] = ("1.2", "1.3")
    ready: bytes = b"READY"
    hasty: bool = False
    prepare: Callable[[Cell], None] | None = None
    echoes: bool = False
    payload: bytes = PAYLOAD
    reduced: tuple[tuple[Role, Version], ...] = ()

    def missing(self) -> str:
        """Why it cannot be met here, empty if it can."""
        if os.name == "nt":
            return "partners are started as on a Unix system"
        for command in self.commands:
            if shutil.which(command) is None:
                return f"{command} is not installed ({self.install})"
        for module in self.modules:
            if importlib.util.find_spec(module) is None:
                return f"the Python package with {module} is not installed ({self.install})"
        return "" if self.usable() else f"{self.name} is not installed ({self.install})"


# --- OpenSSL's command ------------------------------------------------------------------------------------------------


def _openssl() -> bool:
    # macOS has LibreSSL under this name, with other options.
    return b"LibreSSL" not in subprocess.run(["openssl", "version"], check=True, capture_output=True, timeout=30).stdout


def _openssl_client(cell: Cell) -> Command:
    own = ["-cert", str(cell.files.cert), "-key", str(cell.files.key)] if cell.mutual else []
    return [
        "openssl", "s_client", "-connect", f"{cell.host}:{cell.port}", f"-tls{cell.version.replace('.', '_')}",
        "-CAfile", str(cell.files.ca), "-verify_return_error", "-verify_ip", NAME, "-quiet", *own,
    ]  # fmt: skip


def _openssl_server(cell: Cell) -> Command:
    demand = ["-Verify", "3", "-verify_return_error"] if cell.mutual else []
    return [
        "openssl", "s_server", "-accept", f"{cell.host}:{cell.port}", f"-tls{cell.version.replace('.', '_')}",
        "-CAfile", str(cell.files.ca), "-cert", str(cell.files.cert), "-key", str(cell.files.key),
        "-naccept", "1", *demand,
    ]  # fmt: skip


# --- GnuTLS's commands ------------------------------------------------------------------------------------------------


def _gnutls(cell: Cell, *, own: bool) -> Command:
    return [
        "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{cell.version}", "--x509cafile", str(cell.files.ca),
        *(("--x509certfile", str(cell.files.cert), "--x509keyfile", str(cell.files.key)) if own else ()),
    ]  # fmt: skip


def _gnutls_client(cell: Cell) -> Command:
    names = ["--verify-hostname", NAME, "--port", str(cell.port), cell.host]
    return ["gnutls-cli", *_gnutls(cell, own=cell.mutual), *names]


def _gnutls_server(cell: Cell) -> Command:
    demand = ["--require-client-cert", "--verify-client-cert"] if cell.mutual else ["--disable-client-cert"]
    # Its lines are to be seen as they come, not when a buffer is full.
    start = ["stdbuf", "-oL", "gnutls-serv", "--echo", "--crlf"]
    return [*start, "--port", str(cell.port), *_gnutls(cell, own=True), *demand]


# --- NSS's commands ---------------------------------------------------------------------------------------------------


def _nss_prepare(cell: Cell) -> None:
    """NSS takes certificates from a data base only."""

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    folder, bundle = f"sql:{cell.folder}", str(cell.folder / "own.p12")
    run("certutil", "-N", "-d", folder, "--empty-password")
    run("certutil", "-A", "-d", folder, "-n", "ca", "-t", "CT,C,C", "-i", str(cell.files.ca))
    if cell.shown == ("-", "-"):
        return  # tstclnt would show what it finds, asked by name or not
    files = ["-in", str(cell.files.cert), "-inkey", str(cell.files.key), "-name", "own"]
    run("openssl", "pkcs12", "-export", *files, "-passout", "pass:", "-out", bundle)
    run("pk12util", "-i", bundle, "-d", folder, "-W", "", "-K", "")


def _nss_client(cell: Cell) -> Command:
    own = ["-n", "own"] if cell.mutual else []
    return [
        "tstclnt", "-h", cell.host, "-p", str(cell.port), "-d", f"sql:{cell.folder}", "-a", NAME,
        "-V", f"tls{cell.version}:tls{cell.version}", *own,
    ]  # fmt: skip


def _nss_server(cell: Cell) -> Command:
    demand = ["-r", "-r"] if cell.mutual else []
    return [
        "selfserv", "-n", "own", "-p", str(cell.port), "-d", f"sql:{cell.folder}", "-v", "-w", "",
        "-V", f"tls{cell.version}:tls{cell.version}", *demand,
    ]  # fmt: skip


# --- Botan's command --------------------------------------------------------------------------------------------------


def _botan_client(cell: Cell) -> Command:
    trust = ["--skip-system-cert-store", f"--trusted-cas={cell.files.ca}"]
    return ["botan", "tls_client", cell.host, f"--port={cell.port}", *trust]


def _botan_server(cell: Cell) -> Command:
    return ["botan", "tls_server", str(cell.files.cert), str(cell.files.key), f"--port={cell.port}"]


# --- programs of ours over somebody else's library --------------------------------------------------------------------


def _java(cell: Cell) -> Command:
    # Without the optimizing compiler and with one thread for memory a short life is shorter.
    start = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    return [*start, str(SOURCES / "Peer.java"), *cell.arguments()]


def _node(cell: Cell) -> Command:
    return ["node", str(SOURCES / "peer.js"), *cell.arguments()]


def _go_prepare(cell: Cell) -> None:
    build = ["go", "build", "-o", str(cell.folder / "peer"), str(SOURCES / "peer.go")]
    subprocess.run(build, check=True, capture_output=True, timeout=300, env={**os.environ, "GOFLAGS": "-mod=mod"})


def _go(cell: Cell) -> Command:
    return [str(cell.folder / "peer"), *cell.arguments()]


def _python(program: str, *first: str) -> Callable[[Cell], Command]:
    return lambda cell: [sys.executable, str(SOURCES / program), *first, *cell.arguments()]


_on_wolfssl = _python("peer_wolfssl.py")
_on_mbedtls = _python("peer_mbedtls.py")
_on_rustls = _python("peer_ssl.py", "rtls")
_on_boringssl = _python("peer_ssl.py", "utls")
_on_tlslite = _python("peer_tlslite.py")
_on_python = _python("peer_ssl.py", "ssl")


def _wolfssl() -> bool:
    return ctypes.util.find_library("wolfssl") is not None


# selfserv answers nothing but HTTP.
_REQUEST = b"GET / HTTP/1.0\r\nX-Text: ".ljust(254, b"x") + b"\r\n\r\n"
# gnutls-serv and botan send lines of text back.
_LINE = bytes(range(0x21, 0x7F)).ljust(257, b"x") + b"\n"

PARTNERS = (
    Partner(
        name="OpenSSL", commands=("openssl",), usable=_openssl, install="Debian: openssl",
        client=_openssl_client, server=_openssl_server, ready=b"ACCEPT",
        reduced=(("client", "1.2"), ("client", "1.3"), ("server", "1.3")),
    ),
    Partner(
        name="GnuTLS", commands=("gnutls-cli", "gnutls-serv", "stdbuf"), install="Debian: gnutls-bin",
        client=_gnutls_client, server=_gnutls_server, ready=b"listening on IPv4", hasty=True, echoes=True, payload=_LINE,
        reduced=(("client", "1.3"), ("server", "1.2")),
    ),
    Partner(
        name="Java", commands=("java", "javac"), install="Debian: default-jdk-headless",
        client=_java, server=_java, reduced=(("client", "1.3"),),
    ),
    Partner(
        name="Node.js", commands=("node",), install="Debian: nodejs",
        client=_node, server=_node, reduced=(("client", "1.2"), ("server", "1.3")),
    ),
    Partner(
        name="Go", commands=("go",), install="Debian: golang-go",
        client=_go, server=_go, prepare=_go_prepare, reduced=(("client", "1.3"), ("server", "1.2")),
    ),
    Partner(
        name="NSS", commands=("tstclnt", "selfserv", "certutil", "pk12util", "openssl"), install="Debian: libnss3-tools",
        client=_nss_client, server=_nss_server, prepare=_nss_prepare, ready=b"About to call accept",
        echoes=True, payload=_REQUEST,
    ),
    Partner(
        name="Botan", commands=("botan",), install="Debian: botan",
        client=_botan_client, server=_botan_server, versions=("1.2",), demands=False, shows=(),
        ready=b"Listening for new connections", hasty=True, echoes=True, payload=_LINE, reduced=(("client", "1.2"),),
    ),
    Partner(
        name="wolfSSL", usable=_wolfssl, install="Debian: libwolfssl35",
        client=_on_wolfssl, server=_on_wolfssl, silent=("1.2",), reduced=(("client", "1.3"), ("server", "1.2")),
    ),
    Partner(
        name="Mbed TLS", modules=("mbedtls",), install="pip install python-mbedtls", versions=("1.2",),
        client=_on_mbedtls, server=_on_mbedtls, silent=("1.2",), reduced=(("client", "1.2"),),
    ),
    Partner(
        name="rustls", modules=("rtls",), install="pip install rtls",
        client=_on_rustls, server=_on_rustls, demands=False, reduced=(("client", "1.3"), ("server", "1.2")),
    ),
    Partner(
        name="BoringSSL", modules=("utls",), install="pip install utls",
        client=_on_boringssl, server=_on_boringssl, reduced=(("client", "1.3"),),
    ),
    Partner(
        name="tlslite-ng", modules=("tlslite",), install="pip install tlslite-ng",
        # Its change_cipher_spec follows its Certificate in TLS 1.3 instead of preceding it; OpenSSL takes that from nobody.
        client=_on_tlslite, server=_on_tlslite, silent=("1.2", "1.3"), shows=("1.2",),
        declines=("1.2",),
        reduced=(("server", "1.2"),),
    ),
    Partner(name="Python", modules=("ssl",), install="Python", client=_on_python, server=_on_python),
)  # fmt: skip
