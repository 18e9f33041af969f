"""What the commands on the wire share: HOST:PORT, and where certificates come from (a project, a device file, loose files)."""

from __future__ import annotations

import os
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Annotated

import attrs
import typer
from cryptography import x509

from ..certs import Device, OwnCertificate, Project, Trust
from ..certs.snapshot import Side
from ..errors import OUCError, ParameterError
from ..transport import IDENTITY, AddressMap, loopback
from ._projects import PASSWORD, opened, password_from, spoken
from ._usage import UsageError

__all__ = [
    "CA",
    "Cert",
    "Certificates",
    "ConnectTimeout",
    "DeviceName",
    "HandshakeTimeout",
    "Key",
    "Own",
    "PasswordFile",
    "ProjectFile",
    "Target",
    "Trusted",
    "addresses",
    "certificates",
    "place",
]  # fmt: skip

ProjectFile = Annotated[Path | None, typer.Option("--project", metavar="FILE", help="The project, or a device file.")]
DeviceName = Annotated[str | None, typer.Option("--device", metavar="NAME", help="Which device of the project this is.")]
Own = Annotated[int | None, typer.Option("--own", metavar="ID", min=0, help="Own certificate, by its ID.")]
Trusted = Annotated[
    str | None,
    typer.Option("--trust", metavar="ID", help="What the partner is verified with, by its ID; 0: every CA on the device."),
]
CA = Annotated[
    list[Path] | None, typer.Option("--ca", metavar="FILE", help="CA or revocation list, without a project; repeatable.")
]
Cert = Annotated[Path | None, typer.Option("--cert", metavar="FILE", help="Own certificate, without a project.")]
Key = Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its private key.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help=f"First line: the key's password, or the project's (otherwise {PASSWORD})."
    ),
]
ConnectTimeout = Annotated[float, typer.Option("--connect-timeout", metavar="S", min=0.01, help="Seconds for TCP.")]
HandshakeTimeout = Annotated[float, typer.Option("--handshake-timeout", metavar="S", min=0.01, help="Seconds for TLS.")]


@attrs.frozen
class Target:
    """HOST:PORT, taken apart."""

    host: str
    port: int

    @property
    def address(self) -> IPv4Address | None:
        """The host, where it is an address and no name."""
        try:
            return IPv4Address(self.host)
        except AddressValueError:
            return None


def place(text: str, *, own: bool = False) -> Target:
    """Read HOST:PORT.

    Args:
        text: As typed.
        own: Of this computer: a port alone means all its addresses, and port 0 any free one.

    Raises:
        UsageError: It is not that.
    """
    host, _, port = text.rpartition(":") if ":" in text or not own else ("0.0.0.0", "", text)  # noqa: S104 - all of them
    least = 0 if own else 1
    if not host or not port.isascii() or not port.isdecimal() or len(port) > 5 or not least <= int(port) <= 65535:
        raise UsageError(
            f"{text!r} is no HOST:PORT", where="HOST:PORT",
            remedy=f"Write 192.168.0.1:2000{' or 2000' if own else ''}; the port is {least} to 65535",
        )
    return Target(host, int(port))


def addresses() -> AddressMap:
    """Where plant addresses are: as they are, or on the loopback network that OUC_LOOPBACK names."""
    return loopback() if os.environ.get("OUC_LOOPBACK") else IDENTITY


@attrs.frozen(kw_only=True)
class Certificates:
    """What the options named.

    Attributes:
        device: Holds the certificates; None if no option named any.
        own: ID to show, 0 for none.
        trust: ID to verify with; None if no option named one.
        from_project: They come from a project or a device file: an active end without --trust believes every CA on the
            device, as reference 0 does.
        known: Certificates of the project that the device does not hold.
    """

    device: Device | None = None
    own: int = 0
    trust: int | None = None
    from_project: bool = False
    known: dict[int, x509.Certificate] = attrs.field(factory=dict, repr=False)

    def shown(self, side: Side) -> OwnCertificate | None:
        """The own certificate in a role; None where no option named one."""
        return self.device.download().own(self.own, side=side) if self.device is not None and self.own else None

    def believed(self, side: Side) -> Trust | None:
        """The trust in a role; None where no option named it."""
        reference = 0 if self.trust is None and self.from_project and side == "client" else self.trust
        if self.device is None or reference is None:
            return None
        return self.device.download().trust(reference, side=side)

    @property
    def address(self) -> IPv4Address | None:
        """The device's first IPv4 address, None where it has none."""
        held = self.device.addresses if self.device is not None else ()
        return next((IPv4Address(one) for one in held if ":" not in one), None)

    @property
    def trusts(self) -> bool:
        """There is something to verify a partner with."""
        return self.trust is not None or self.from_project


def certificates(
    *,
    project: Path | None,
    device: str | None,
    own: int | None,
    trust: str | None,
    ca: list[Path] | None,
    cert: Path | None,
    key: Path | None,
    password_file: Path | None,
) -> Certificates:
    """Find the certificates that the options name.

    Raises:
        UsageError: Options that exclude each other, or that lack another.
        ParameterError: A file that cannot be used.
    """
    reference = _reference(trust)
    if project is not None:
        if ca or cert is not None or key is not None:
            raise UsageError("--project and --ca, --cert or --key exclude each other", remedy="Leave one of them out")
        held, known = _held(project, device, password_file)
        return Certificates(device=held, own=own or 0, trust=reference, from_project=True, known=known)
    if device is not None or own or reference:
        raise UsageError("--device, --own and --trust are IDs of a project", remedy="Give --project FILE as well")
    if not ca and cert is None and key is None:
        return Certificates()
    # A device without anything to believe in is of use to a server that asks for nothing: its own chain stands there.
    source = [str(one) for one in ca or ()]
    password = password_from(password_file, what="password of the key")
    with spoken("--password-file"):
        loose = Device.from_files(
            ca=source, cert=None if cert is None else str(cert), key=None if key is None else str(key), password=password
        )
    return Certificates(device=loose, own=next(iter(loose.own_ids), 0), trust=0 if ca else None)


def _reference(trust: str | None) -> int | None:
    if trust is None:
        return None
    if not trust.isascii() or not trust.isdecimal() or int(trust[:11]) > 2**32 - 1:
        raise UsageError(f"{trust!r} is no ID of a certificate", where="--trust", remedy="Give 0 to 4294967295")
    return int(trust)


def _held(project: Path, device: str | None, password_file: Path | None) -> tuple[Device, dict[int, x509.Certificate]]:
    if device is None:
        # A file that was downloaded for one device needs no name.
        password = password_from(password_file) or os.environ.get(PASSWORD)
        try:
            with spoken(f"--password-file (or {PASSWORD})"):
                return Device.open(project, password=password), {}
        except ParameterError:
            if (names := _devices_of(project, password)) is None:
                raise
            listed = f", one of {', '.join(names)}" if names else f"; `ouc device list {project}` shows them"
            raise UsageError("is a project", where=str(project), remedy=f"Give --device NAME{listed}") from None
    manager: Project = opened(project, password_file=password_file)
    try:
        held = manager.device(device, release=manager.close)
        there = held.download().held
        return held, {entry.id: entry.certificate for entry in manager.entries() if entry.id not in there}
    except BaseException:
        manager.close()
        raise


def _devices_of(path: Path, password: str | None) -> list[str] | None:
    """Names of a project's devices, none where the password does not open it; None if the file is no project."""
    try:
        protected = Project.is_protected(path)
    except OUCError:
        return None
    try:
        with Project.open(path, password=password if protected else None) as project:
            return [device.name for device in project.devices]
    except OUCError:
        # What is told is the missing --device; the password's turn comes with the next attempt.
        return []
