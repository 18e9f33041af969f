"""A download that can be carried away: one file with one device's certificates, keys and trust, and nothing else.

Production hosts hold this file and never the project with the keys of its CAs. It is a header in one line of JSON and a
payload, sealed with AES-256-GCM under a key that scrypt makes of the file's own password. It is written beside its name and
put in place in one step; reading needs no journal, so it works from a read-only folder.

A new download for the same device and password keeps the salt: a station that has opened the file once reads its successor at
once, and uses it for the next handshake. A file with another salt in its place, such as another project's, costs one more
stretching of the password.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import OUCError, ParameterError
from ..visible import logger
from .device import Device
from .entry import certificate_of, der_of, summary
from .extensions import load_crl
from .keys import from_pkcs8, same_public_key, to_pkcs8
from .material import SIZE_LIMIT, read_bytes
from .snapshot import DeviceStore, Held
from .state import DeviceConfig
from .vault import Cost, seal_bytes, stretch, unseal_bytes

__all__ = ["open_device", "write_device"]

_FORMAT: Final = "ouc device"
_VERSION: Final = 1
_log = logger("ouc.certs")


def write_device(
    path: str | os.PathLike[str], store: DeviceStore, config: DeviceConfig, *, password: str | bytes | None, cost: Cost
) -> None:
    """Write a device file, replacing an older one in one step.

    Args:
        path: The file.
        store: What the device holds.
        config: Its name, addresses and profile.
        password: Of the file; None writes the keys in clear.
        cost: Of the password's stretching.

    Raises:
        ParameterError: It cannot be written.
    """
    name = os.fspath(path)
    body = json.dumps(_document(store, config), separators=(",", ":")).encode()
    header: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, "device": config.name, "generation": store.generation}
    if password is not None:
        salt = _salt_of(name, password) or secrets.token_bytes(16)
        header["scrypt"] = {"salt": salt.hex(), "n": cost.n, "r": cost.r, "p": cost.p}
        first = _line(header)
        body = seal_bytes(stretch(password, salt, cost), body, first)
    else:
        first = _line(header)
    _replace(name, first + body)


def _line(header: dict[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _replace(name: str, data: bytes) -> None:
    draft = f"{name}.{secrets.token_hex(4)}.new"
    try:
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(name)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise ParameterError(
            error.strerror or "cannot be written", where=name,
            remedy="Check the name, the folder and the permissions",
        ) from error


def _salt_of(name: str, password: str | bytes) -> bytes | None:
    """The salt of the file that is about to be replaced, if the password opens it."""
    if not Path(name).exists():
        return None
    try:
        header, first, body = _split(name)
        salt = bytes.fromhex(header["scrypt"]["salt"])
        _unseal(_key_of(header, password), first, body, name)
    except (OUCError, KeyError, TypeError, ValueError):
        return None
    return salt


def _document(store: DeviceStore, config: DeviceConfig) -> dict[str, Any]:
    return {
        "name": config.name,
        "addresses": config.addresses,
        "profile": config.profile,
        "generation": store.generation,
        "zero": store.zero,
        "groups": [[number, *members] for number, members in store.groups.items()],
        "revocation": store.revocation,
        "crls": [_text(crl.public_bytes(Encoding.DER)) for crl in store.crls],
        "held": [
            {
                "id": one.id, "der": _text(der_of(one.certificate)), "role": one.role, "issuer": one.issuer_id,
                "key": _text(to_pkcs8(one.key)) if one.key is not None else None,
            }
            for one in store.held.values()
        ],
    }  # fmt: skip


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _split(name: str) -> tuple[dict[str, Any], bytes, bytes]:
    data, _ = read_bytes(name, limit=SIZE_LIMIT)
    first, newline, body = data.partition(b"\n")
    try:
        header = json.loads(first[:4096]) if newline else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ParameterError("is not a device file", where=name, remedy="Make one: ouc device download PROJECT DEVICE -o FILE")
    if header.get("version") != _VERSION:
        raise ParameterError(f"is a device file of version {header.get('version')!r}", where=name, remedy="Update ouc")
    return header, first + b"\n", body


def _key_of(header: dict[str, Any], password: str | bytes) -> bytes:
    settings = header["scrypt"]
    return stretch(password, bytes.fromhex(settings["salt"]), Cost(settings["n"], settings["r"], settings["p"]))


def _unseal(key: bytes, first: bytes, body: bytes, name: str) -> bytes:
    try:
        return unseal_bytes(key, body, first)
    except ParameterError:
        raise ParameterError(
            "wrong password, or a damaged device file", where=name,
            remedy="Give the password of this file (--password-file); otherwise download it again: ouc device download",
        ) from None


def _store(document: dict[str, Any]) -> DeviceStore:
    held = []
    for row in document["held"]:
        certificate = certificate_of(base64.b64decode(row["der"]))
        key = from_pkcs8(base64.b64decode(row["key"])) if row["key"] is not None else None
        if key is not None and not same_public_key(key, certificate.public_key()):
            raise ParameterError("a private key does not belong to its certificate")
        held.append(
            Held(id=int(row["id"]), certificate=certificate, facts=summary(certificate), key=key, role=row["role"],
                 issuer_id=row["issuer"])
        )  # fmt: skip
    return DeviceStore(
        device=document["name"],
        generation=int(document["generation"]),
        held=held,
        zero=tuple(document["zero"]),
        groups={group[0]: tuple(group[1:]) for group in document["groups"]},
        crls=[load_crl(base64.b64decode(crl)) for crl in document["crls"]],
        revocation=document["revocation"],
    )


class _File:
    """Reads the file again when it was replaced; a successor that cannot be read leaves what was."""

    def __init__(self, name: str, password: str | bytes | None) -> None:
        self._name = name
        self._stamp = self._look()
        header, first, body = _split(name)
        self._password = password
        # The key that the password makes, and the header's settings it was made with.
        self._key: tuple[object, bytes] | None = None
        if password is None and "scrypt" in header:
            raise ParameterError("the device file is protected by a password", where=name, remedy="Give its password")
        if password is not None and "scrypt" not in header:
            raise ParameterError(
                "the device file is not protected; it takes no password", where=name,
                remedy="Leave the password out; if it was protected before, somebody has put another file in its place",
            )
        self.document = self._open(header, first, body)
        self.store = self._read(self.document)

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self._name)  # noqa: PTH116 - asked before every handshake; half the time of Path.stat
        except OSError:
            return None
        # The last one cannot be set by whoever restores a file with its old date.
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns

    def _open(self, header: dict[str, Any], first: bytes, body: bytes) -> dict[str, Any]:
        # Whether a file is sealed is not the file's to say once a password was given.
        if self._password is None:
            if "scrypt" in header:
                raise ParameterError(
                    "the device file is protected by a password now", where=self._name,
                    remedy="Open it again with its password",
                )
            plain = body
        else:
            plain = _unseal(self._sealed_with(header, self._password), first, body, self._name)
        try:
            document = json.loads(plain)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise ParameterError(
                "is a damaged device file", where=self._name,
                remedy="Download it again: ouc device download PROJECT DEVICE -o FILE",
            )
        return document

    def _sealed_with(self, header: dict[str, Any], password: str | bytes) -> bytes:
        """The key, made anew where the file of another project, or of another folder, has other settings."""
        settings = header.get("scrypt")
        if self._key is None or self._key[0] != settings:
            if settings is None:
                raise ParameterError(
                    "the device file is not protected any more", where=self._name,
                    remedy="Download it again under its password: ouc device download",
                )
            try:
                self._key = settings, _key_of(header, password)
            except OUCError as error:
                raise ParameterError(error.failure.what, where=self._name, remedy=error.failure.remedy) from error
            except (KeyError, TypeError, ValueError) as error:
                raise ParameterError(
                    "is a damaged device file", where=self._name,
                    remedy="Download it again: ouc device download PROJECT DEVICE -o FILE",
                ) from error
        return self._key[1]

    def _read(self, document: dict[str, Any]) -> DeviceStore:
        try:
            return _store(document)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ParameterError(
                "is a damaged device file", where=self._name,
                remedy="Download it again: ouc device download PROJECT DEVICE -o FILE",
            ) from error

    def download(self) -> DeviceStore:
        stamp = self._look()
        if stamp is not None and stamp != self._stamp:
            self._stamp = stamp
            try:
                self.store = self._read(self._open(*_split(self._name)))
            except OUCError as error:
                _log.warning("%s: the new download cannot be used, the older one stays: %s", self._name, error)
            else:
                _log.info("%s: generation %d taken over", self._name, self.store.generation)
        return self.store


def open_device(path: str | os.PathLike[str], *, password: str | bytes | None) -> Device:
    """Open a device file for reading.

    Raises:
        ParameterError: See `Device.open`.
    """
    file = _File(os.fspath(path), password)
    document = file.document
    return Device(
        str(document.get("name", "")),
        addresses=[str(one) for one in document.get("addresses", ())],
        profile=str(document.get("profile", "")),
        download=file.download,
    )
