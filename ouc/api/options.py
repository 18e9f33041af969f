"""What the plain calls take besides host and port; the same in all three faces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias, TypedDict

from .held import LifeSign, WhenDown

__all__ = ["Credentials", "Dialling", "Holding", "Material", "Serving"]

Material: TypeAlias = str | os.PathLike[str] | bytes


class Credentials(TypedDict, total=False):
    """Where certificates come from.

    Attributes:
        ca: Certificates to verify the partner with: the CA that issued its certificate with every intermediate, or its
            self-signed certificate. PEM, DER or PKCS#12, as paths or bytes.
        cert: Own certificate. A client needs one where the controller asks for it (TLSServerReqClientCert), a server always.
        key: Its private key; may be left out where `cert` is a PEM with the key in it, or a PKCS#12 archive.
        password: Of the key, the archive, the project or the device file.
        project: Instead of `ca`, `cert` and `key`: a project file together with `device`, or a device file that was
            carried away (`ouc device download`) without it.
        device: Whose certificates in the project to use.
        trust: ID of the certificate to verify the partner with; 0 for every CA on the device.
        own: ID of the own certificate; 0 for none.
        plain: An unsecured connection; `ca`, `cert`, `key` and `project` must be absent then.
    """

    ca: Material | Sequence[Material] | None
    cert: Material | None
    key: Material | None
    password: str | bytes | None
    project: str | os.PathLike[str] | None
    device: str | None
    trust: int
    own: int
    plain: bool


class Dialling(Credentials, total=False):
    """Of an active end.

    Attributes:
        check_address: Compare `host` with the subjectAltName of the controller's certificate; on by default.
        local_port: Local port, 1 to 65535; 0, the default, lets the system choose.
    """

    check_address: bool
    local_port: int


class Holding(Dialling, total=False):
    """Of a connection that is kept up.

    Attributes:
        when_down: What a `send` does while the connection is down: `raise` (the default), `wait` or `latest`.
        patience: Seconds that `wait` waits at most; None, the default, for ever.
        life_sign: Notices a dead partner long before TCP's keep-alive does; None by default.
    """

    when_down: WhenDown
    patience: float | None
    life_sign: LifeSign | None


class Serving(Credentials, total=False):
    """Of a passive end for many partners.

    Attributes:
        host: Local address to listen on; None, the default, for all of them.
        partner: The only address that may connect; 0.0.0.0, the default, admits any.
        require_client_certificate: Demand a certificate from each client and verify it. By default exactly where there
            is something to verify it with (`ca` or `trust`).
        at_once: Partners at the same time; None, the default, for as many as the profile has.
    """

    host: str | None
    partner: str
    require_client_certificate: bool | None
    at_once: int | None
