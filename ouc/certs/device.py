"""A device as a station sees it: a name, addresses, and the certificates it holds now.

Where they come from differs (a project, a file that was downloaded from one, loose files); the face does not.
`download()` is cheap enough to be asked before every handshake: it answers with the same snapshot until something changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from cryptography import x509

from ..errors import ParameterError
from ..visible import logger
from .entry import summary
from .keys import same_public_key
from .links import find_issuer
from .material import Material, Source, read
from .snapshot import DeviceStore, Held, OwnCertificate, Trust, refuse_too_many

__all__ = ["Device", "Resolution"]

_log = logger("ouc.certs")

Resolution: TypeAlias = Literal["server", "client", "trust-server", "trust-client"]
Saw = Callable[[str, x509.Certificate, datetime], bool]


class Device:
    """A device and its certificates.

    Made by `Project.device`, `Device.open` or `Device.from_files`.

    Args:
        name: As in the project; "" for loose files.
        addresses: Plant addresses of its interfaces.
        download: Gives the snapshot of now.
        saw: Keeps what a partner presented, where there is somebody to keep it.
        release: Closes what was opened for this device alone, such as a project file; `close` calls it.
    """

    def __init__(
        self,
        name: str,
        *,
        addresses: Sequence[str] = (),
        profile: str = "",
        download: Callable[[], DeviceStore],
        saw: Saw | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.addresses = tuple(addresses)
        self.profile = profile
        self._download = download
        self._saw = saw
        self._release = release

    def close(self) -> None:
        """Let go of the file that was opened for this device, if one was. Snapshots that it has given stay usable."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Device({self.name!r})"

    def download(self) -> DeviceStore:
        """The certificates of this moment, an immutable snapshot; the same object until something has changed."""
        return self._download()

    @property
    def generation(self) -> int:
        """Grows whenever what the device holds has changed; begins anew where another file takes the place of this one."""
        return self._download().generation

    @property
    def own_ids(self) -> tuple[int, ...]:
        """IDs of the certificates whose private keys the device holds, ascending."""
        return self._download().own_ids

    def resolve(self, reference: int, role: Resolution) -> OwnCertificate | Trust | None:
        """What a reference means on this device.

        Args:
            reference: An ID, or 0.
            role: `server` or `client` for the own certificate in that role; `trust-server` for what verifies a server
                (asked by a client), `trust-client` for what verifies a client.

        Raises:
            CertificateError: See `DeviceStore.own` and `DeviceStore.trust`.
        """
        store = self._download()
        match role:
            case "server" | "client":
                return store.own(reference, side=role)
            case "trust-server":
                return store.trust(reference, side="client")
            case "trust-client":
                return store.trust(reference, side="server")

    @property
    def takes_notes(self) -> bool:
        """Whether there is anybody to note what partners present."""
        return self._saw is not None

    def saw(self, partner: str, certificate: x509.Certificate, now: datetime) -> bool:
        """Note what a partner presented, for `ouc cert rollout`. Gives back whether there was anybody to note it."""
        return self._saw is not None and self._saw(partner, certificate, now)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, password: str | bytes | None) -> Device:
        """A device that was downloaded into a file of its own.

        The file is only read. When a new download replaces it, the next handshake uses it.

        Raises:
            ParameterError: No such file, not a device file, or a wrong password.
        """
        from .carried import open_device

        return open_device(path, password=password)

    @classmethod
    def from_files(
        cls,
        *,
        ca: Source | Sequence[Source],
        cert: Source | None = None,
        key: Source | None = None,
        password: str | bytes | None = None,
        name: str = "",
    ) -> Device:
        """A device in memory from loose certificates and keys, without a project.

        IDs are given in order: the trusted ones from 1 up, then what `cert` brought. Reference 0 stands for all of `ca`.

        Args:
            ca: What partners are verified with: CAs with their intermediates, or self-signed certificates. None at all is
                enough for a server that asks for no client certificate.
            cert: Own certificate, with its chain if there is one; PEM (with the key in it or not), DER or PKCS#12.
            key: Its private key, where `cert` does not hold it.
            password: Of the key or the archive.
            name: For messages.

        Raises:
            ParameterError: A file cannot be read, or certificate and key do not belong together.
            CertificateError: A certificate is damaged.
        """
        trusted = Material()
        sources = [ca] if isinstance(ca, str | bytes | os.PathLike) else list(ca)
        for source in sources:
            trusted.add(read(source), str(source) if not isinstance(source, bytes) else "ca")
        if not trusted.certificates and (sources or cert is None):
            raise ParameterError(
                "no certificate to verify a partner with", status=0x80E4, where="ca",
                remedy="Give the partner's CA: ca=, --ca FILE",
            )
        own = _own_material(cert, key, password)
        store = _loose_store(name, trusted, own)
        return cls(name, addresses=(), download=lambda: store)


def _own_material(cert: Source | None, key: Source | None, password: str | bytes | None) -> Material | None:
    if cert is None:
        if key is not None:
            raise ParameterError("a private key without its certificate", where="cert", remedy="Give cert= as well")
        return None
    where = "cert" if isinstance(cert, bytes) else os.fspath(cert)
    own = read(cert, password if key is None else None)
    if key is not None:
        own.add(read(key, password), "key")
    if not own.certificates:
        raise ParameterError(
            "no certificate in it", where=where,
            remedy="Give a file with the certificate: PEM, DER or PKCS#12",
        )
    if own.key is None:
        raise ParameterError("the own certificate comes without its private key", where=where, remedy="Give key= as well")
    if not same_public_key(own.key, own.leaf_first()[0].public_key()):
        raise ParameterError(
            "the private key does not belong to the certificate", where=where,
            remedy="Give the key that belongs to it",
        )
    return own


def _loose_store(name: str, trusted: Material, own: Material | None) -> DeviceStore:
    certificates = dict(enumerate(trusted.certificates, start=1))
    zero = tuple(certificates)
    extra: list[x509.Certificate] = []
    if own is not None:
        extra = [one for one in own.leaf_first() if one not in trusted.certificates]
        certificates |= dict(enumerate(extra, start=len(certificates) + 1))
    refuse_too_many(len(certificates), name)
    held: list[Held] = []
    for number, one in certificates.items():
        issuer = find_issuer(one, certificates.items())
        mine = own is not None and one == own.leaf_first()[0]
        held.append(
            Held(
                id=number, certificate=one, facts=summary(one), key=own.key if mine and own is not None else None,
                role="own" if mine else "chain" if one in extra else "authority", issuer_id=issuer,
            )
        )  # fmt: skip
    crls: list[Any] = [*trusted.crls, *(own.crls if own is not None else ())]
    for crl in crls:
        if all(crl.issuer != one.subject for one in certificates.values()):
            _log.warning("the revocation list of %s is never asked: its CA is not among the files", crl.issuer.rfc4514_string())
    return DeviceStore(
        device=name, generation=1, held=held, zero=zero, crls=crls, revocation="if-present" if crls else "off"
    )
