"""Words that options of the certificate commands take: judged before a project is opened or a password asked for."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from ..certs.devices import ROLES
from ..certs.exchange import METHODS
from ..certs.issue import HASHES, reason_flag
from ..certs.keys import KEY_KINDS
from ..certs.names import parse_san
from ..certs.templates import TEMPLATES
from ..certs.vault import RIGHTS
from ..errors import ParameterError
from ..s7 import quoted
from ._usage import among, judged

__all__ = [
    "known_address", "known_entry", "known_hash", "known_import", "known_key", "known_method", "known_policy",
    "known_reason", "known_right", "known_role", "known_usage",
]  # fmt: skip


def _address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ParameterError(f"{quoted(text[:100])} is no IP address", remedy="Write 192.168.0.1") from None


known_address: Final = judged(_address)
known_entry: Final = judged(lambda text: parse_san((text,)))
known_hash: Final = among("hash", HASHES)
known_import: Final = among("kind", ("device", "partner", "ca", "trusted"))
known_key: Final = among("key kind", KEY_KINDS)
known_method: Final = among("method", METHODS)
known_policy: Final = among("policy", ("off", "if-present", "required"))
known_reason: Final = judged(reason_flag)
known_right: Final = among("right", RIGHTS)
known_role: Final = among("role", ROLES)
known_usage: Final = among("usage", TEMPLATES)
