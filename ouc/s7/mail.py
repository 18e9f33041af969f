"""What TMAIL_C is given at MAIL_ADDR_PARAM: the mail server, and who sends.

Members and their order are those of TIA Portal's pages on MAIL_ADDR_PARAM; no page has offsets, so these follow from the
layout rules. The pages call one member ActiveEstablishment that is ActiveEstablished elsewhere; both names are read.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from .base import Type
from .clock import TIMES
from .composite import Member, Struct
from .scalars import BITS, HARDWARE_TYPES, NUMBERS
from .system import SYSTEM_TYPES
from .text import Codepage, String

__all__ = ["MAIL_TYPES", "mail_type"]

_SENDER = "EMAIL_ADDR"
_HEAD = ("InterfaceId", "HW_ANY"), ("ID", "CONN_OUC"), ("ConnectionType", "Byte")
_TAIL = ("UserName", "String"), ("PassWord", "String"), ("From", _SENDER)
_SECURE = (
    ("RemotePort", "UInt"),
    ("ActivateSecureConn", "Bool"),
    ("ExtTLSCapabilities", "Byte"),
    ("TLSServerCertRef", "UDInt"),
)
_PLAIN = ("ActiveEstablished", "Bool"), ("CertIndex", "Byte"), ("WatchDogTime", "Time")
_WATCHED = ("ActiveEstablishment", "Bool"), ("WatchDogTime", "Time")

#: Structure, ConnectionType, members. LADDR of the pages is HW_ANY.
MAIL_TYPES: Mapping[str, tuple[int, tuple[tuple[str, str], ...]]] = {
    "TMAIL_V4": (0x20, (*_HEAD, *_PLAIN, ("MailServerAddress", "IP_V4"), *_TAIL)),
    "TMAIL_FQDN": (0x22, (*_HEAD, *_PLAIN, ("MailServerAddress", "String"), *_TAIL)),
    "TMAIL_V4_SEC": (0x20, (*_HEAD, *_WATCHED, ("MailServerAddress", "IP_V4"), *_TAIL, *_SECURE)),
    "TMAIL_QDN_SEC": (0x22, (*_HEAD, *_WATCHED, ("MailServerQDN", "String"), *_TAIL, *_SECURE)),
}
_OTHER_NAMES = {"ActiveEstablishment": {"activeestablished": "ActiveEstablishment"}}


def mail_type(name: str, page: Codepage) -> Type | None:
    """The structure of that name, letter case ignored, with texts in a code page; None if there is none."""
    found = {_SENDER, *MAIL_TYPES}.intersection({name.upper()})
    return _made(found.pop(), page) if found else None


@functools.cache
def _made(name: str, page: Codepage) -> Struct:
    known: dict[str, Type] = {**NUMBERS, **HARDWARE_TYPES, **TIMES, **SYSTEM_TYPES, "bool": BITS[0]}
    known["string"] = String(254, page)
    if name == _SENDER:
        parts = [Member("LocalPartPlusAtSign", String(64, page)), Member("FullQualifiedDomainName", known["string"])]
        return Struct(parts, name=name)
    known[_SENDER.lower()] = _made(_SENDER, page)
    kind, members = MAIL_TYPES[name]
    presets = {"ConnectionType": bytes([kind])}
    declared = [Member(member, known[of.lower()], preset=presets.get(member)) for member, of in members]
    aliases = [_OTHER_NAMES[member] for member, _ in members if member in _OTHER_NAMES]
    return Struct(declared, name=name, aliases=aliases[0] if aliases else None)
