"""What the plain calls take besides host and port; the same in all three faces."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Any, Final, TypeAlias, TypedDict, get_type_hints

from .. import arguments
from ..arguments import Kind, check_all, optional, whole
from ..errors import ParameterError
from .held import HOLDING, LifeSign, WhenDown

__all__ = ["KINDS", "Credentials", "Dialling", "Holding", "Material", "Serving", "check_options"]

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
        retry_first: Seconds before the first attempt after a failure, 0.01 or more; by default 1. The pause doubles with each
            further one.
        retry_max: Seconds that the doubling pause ends at; by default 30.
    """

    when_down: WhenDown
    patience: float | None
    life_sign: LifeSign | None
    retry_first: float
    retry_max: float


class Serving(Credentials, total=False):
    """Of a passive end for many partners.

    Attributes:
        host: Local address to listen on; None, the default, for all of them.
        partner: The only address that may connect; 0.0.0.0, the default, admits any.
        require_client_certificate: Demand a certificate from each client and verify it. By default exactly where there
            is something to verify it with (`ca` or `trust`).
        at_once: Partners at the same time; None, the default, for as many as the profile has.
    """

    host: str | IPv4Address | None
    partner: str | IPv4Address
    require_client_certificate: bool | None
    at_once: int | None


# The references of a description are UDInt.
_REFERENCE: Final = whole(0, 0xFFFF_FFFF)
#: Every option and every plain argument -> what it takes; a test compares it with the options above.
KINDS: Final[Mapping[str, Kind]] = {
    "ca": optional(arguments.MATERIALS),
    "cert": optional(arguments.MATERIAL),
    "key": optional(arguments.MATERIAL),
    "password": optional(arguments.SECRET),
    "project": optional(arguments.PATH),
    "device": optional(arguments.TEXT),
    "trust": _REFERENCE,
    "own": _REFERENCE,
    "plain": arguments.YES_NO,
    "check_address": arguments.YES_NO,
    "local_port": arguments.PORT_OR_ANY,
    **HOLDING,
    "retry_first": arguments.PAUSE,
    "retry_max": arguments.PAUSE,
    "host": optional(arguments.ADDRESS),
    "partner": arguments.ADDRESS,
    "require_client_certificate": optional(arguments.YES_NO),
    "at_once": optional(whole(1)),
}


def check_options(given: Mapping[str, Any], options: type) -> None:
    """Refuse an option that does not exist or has no such value: a setting for security must not be lost to a slip of the
    keyboard.

    Args:
        given: What the caller wrote.
        options: `Dialling`, `Holding` or `Serving`.

    Raises:
        ParameterError: With the name that was probably meant, or what the option takes.
    """
    known = list(get_type_hints(options))
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            remedy = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}"
            raise ParameterError(f"there is no option {name!r}", where=name, remedy=remedy)
    check_all(given, KINDS)
