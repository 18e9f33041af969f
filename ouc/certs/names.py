"""Names in certificates: subjects, subjectAltName entries, and how both are written for people.

A subjectAltName entry is written `IP:192.168.0.1`, `DNS:plc-1.plant`, `URI:urn:…`, `EMAIL:…`, `RID:1.2.3` or
`OTHER:1.2.3=text` (R51). An other name is a text under an object identifier; one whose value is no UTF-8 text is written with
its DER in hex, `OTHER:1.2.3=#0403…`.
An IP address or a URI may be written without its prefix; what looks like neither is a DNS name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ..errors import ParameterError
from .extensions import extension

__all__ = [
    "SAN_LIMIT", "common_name", "dns_matches", "issuer_text", "parse_san", "san_addresses", "san_entries", "san_names",
    "san_text", "subject",
]  # fmt: skip

# Entries in one subjectAltName: more than any CPU has interfaces and names.
SAN_LIMIT: Final = 64
_NAME_LIMIT: Final = 64  # ub-common-name, RFC 5280 appendix A
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")


def subject(common_name: str, *, organization: str = "", country: str = "") -> x509.Name:
    """A distinguished name from what TIA Portal's dialog asks for.

    Args:
        common_name: 1 to 64 bytes in UTF-8, without control characters.
        organization: Up to 64 bytes in UTF-8, empty for none.
        country: Two letters, empty for none.

    Raises:
        ParameterError: A part is outside these limits.
    """
    _check_text(common_name, "common name", at_least=1)
    _check_text(organization, "organization", at_least=0)
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise ParameterError(f"country {country!r} is not a code of two letters", where="country", remedy="Write DE, FR, …")
    parts = [
        x509.NameAttribute(oid, text)
        for oid, text in (
            (NameOID.COUNTRY_NAME, country.upper()),
            (NameOID.ORGANIZATION_NAME, organization),
            (NameOID.COMMON_NAME, common_name),
        )
        if text
    ]
    return x509.Name(parts)


def _check_text(text: str, what: str, *, at_least: int) -> None:
    if not text.isprintable():
        raise ParameterError(
            f"the {what} {text!r} holds a control character", where=what,
            remedy="Write it with letters, digits and common signs",
        )
    size = len(text.encode())
    if not at_least <= size <= _NAME_LIMIT:
        raise ParameterError(
            f"the {what} has {size} bytes in UTF-8; {at_least} to {_NAME_LIMIT} are allowed", where=what,
            remedy="Shorten or complete it",
        )


def common_name(name: x509.Name) -> str:
    """The common name; without one the whole name, so that a row of a table is never blank."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else name.rfc4514_string()


def issuer_text(name: x509.Name) -> str:
    """Common name, organisation and country, as the column `Issuer` shows them (R36)."""
    parts = [
        str(found[-1].value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.COUNTRY_NAME)
        if (found := name.get_attributes_for_oid(oid))
    ]
    return ", ".join(parts) if parts else name.rfc4514_string()


def _dns(text: str) -> x509.GeneralName:
    name = text.removesuffix(".")
    labels = name.split(".")
    plain = labels[1:] if labels[0] == "*" and len(labels) > 2 else labels
    if len(name) > 253 or not all(_LABEL.match(label) for label in plain):
        raise ParameterError(f"{text!r} is not a DNS name", where="subjectAltName", remedy="Write it in ASCII letters")
    return x509.DNSName(name)


def _address(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        raise ParameterError(
            f"{text!r} is not an IP address", where="subjectAltName",
            remedy="Write IP:192.168.0.1",
        ) from None


def _ascii(kind: type[x509.UniformResourceIdentifier | x509.RFC822Name], text: str) -> x509.GeneralName:
    if not text:
        raise ParameterError("an empty entry", where="subjectAltName", remedy="Write IP:192.168.0.1 or DNS:plc-1.plant")
    try:
        return kind(text)
    except ValueError:
        raise ParameterError(
            f"{text!r} must be ASCII", where="subjectAltName",
            remedy="Write it in ASCII letters; names with others in their xn-- form",
        ) from None


def _rid(text: str) -> x509.GeneralName:
    try:
        return x509.RegisteredID(x509.ObjectIdentifier(text))
    except ValueError:
        raise ParameterError(
            f"{text!r} is not an object identifier", where="subjectAltName",
            remedy="Write RID:1.2.3.4",
        ) from None


_OTHER_LIMIT: Final = 255
_UTF8_STRING: Final = 0x0C


def _other(text: str) -> x509.GeneralName:
    """An other name (RFC 5280 4.2.1.6), such as a user principal name: OTHER:1.3.6.1.4.1.311.20.2.3=anna@plant."""
    oid, equals, value = text.partition("=")
    try:
        kind = x509.ObjectIdentifier(oid.strip())
        der = bytes.fromhex(value[1:]) if value.startswith("#") else _utf8_string(value)
    except ValueError:
        kind, der = None, b""
    if kind is None or not equals or not 2 < len(der) <= _OTHER_LIMIT or not value.isprintable():
        raise ParameterError(
            f"{text!r} is not an other name", where="subjectAltName",
            remedy=f"Write OTHER:OID=TEXT, with a printable text of at most {_OTHER_LIMIT - 3} bytes in UTF-8",
        )  # fmt: skip
    return x509.OtherName(kind, der)


def _utf8_string(text: str) -> bytes:
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 0x80 else b"\x81" + bytes([min(len(data), 0xFF)])
    return bytes([_UTF8_STRING]) + length + data


def _other_text(name: x509.OtherName) -> str:
    head = f"OTHER:{name.type_id.dotted_string}="
    body = name.value[3 if name.value[1:2] == b"\x81" else 2 :]
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    plain = text.isprintable() and not text.startswith("#") and text == text.strip() and _utf8_string(text) == name.value
    return head + (text if plain else f"#{name.value.hex()}")


_SAN_KINDS: Final = {
    "IP": _address,
    "DNS": _dns,
    "URI": lambda text: _ascii(x509.UniformResourceIdentifier, text),
    "EMAIL": lambda text: _ascii(x509.RFC822Name, text),
    "RID": _rid,
    "OTHER": _other,
}


def _one(entry: str) -> x509.GeneralName:
    kind, colon, text = entry.partition(":")
    make = _SAN_KINDS.get(kind.strip().upper())
    if colon and make is not None:
        return make(text.strip())
    try:
        return x509.IPAddress(ipaddress.ip_address(entry.strip()))
    except ValueError:
        pass
    if colon:
        if kind.strip().isalpha():
            return _ascii(x509.UniformResourceIdentifier, entry.strip())
        raise ParameterError(
            f"{entry!r} is not an entry of a subjectAltName", where="subjectAltName",
            remedy="Write IP:192.168.0.1, DNS:plc-1.plant or URI:urn:plant:plc-1",
        )  # fmt: skip
    return _dns(entry.strip())


def parse_san(entries: Iterable[str]) -> tuple[x509.GeneralName, ...]:
    """Read subjectAltName entries as people write them; doubled entries count once, the order stays.

    Raises:
        ParameterError: An entry is not what its prefix says, or there are more than 64.
    """
    found = tuple(dict.fromkeys(_one(entry) for entry in entries))
    if len(found) > SAN_LIMIT:
        raise ParameterError(
            f"{len(found)} entries in a subjectAltName; at most {SAN_LIMIT} are allowed",
            remedy="Leave some out",
        )
    return found


_WORDS: Final[tuple[tuple[type[x509.GeneralName], str], ...]] = (
    (x509.IPAddress, "IP"), (x509.DNSName, "DNS"), (x509.UniformResourceIdentifier, "URI"), (x509.RFC822Name, "EMAIL"),
)  # fmt: skip


def san_text(name: x509.GeneralName) -> str:
    """One entry as `parse_san` reads it."""
    for kind, word in _WORDS:
        if isinstance(name, kind):
            return f"{word}:{name.value}"
    if isinstance(name, x509.RegisteredID):
        return f"RID:{name.value.dotted_string}"
    if isinstance(name, x509.DirectoryName):
        return f"DIR:{name.value.rfc4514_string()}"
    return _other_text(name) if isinstance(name, x509.OtherName) else "OTHER"


def san_entries(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    """The entries of a certificate's subjectAltName; empty where it has none or an unreadable one."""
    return tuple(extension(certificate, x509.SubjectAlternativeName) or ())


def san_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    """The iPAddress entries, as text."""
    return tuple(str(name.value) for name in san_entries(certificate) if isinstance(name, x509.IPAddress))


def san_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The dNSName entries."""
    return tuple(name.value for name in san_entries(certificate) if isinstance(name, x509.DNSName))


def dns_matches(pattern: str, name: str) -> bool:
    """Whether a dNSName entry stands for `name` (RFC 6125 6.4): whole labels, `*` only as the entire leftmost one."""
    wanted, offered = name.lower().removesuffix("."), pattern.lower().removesuffix(".")
    if not offered.startswith("*."):
        return bool(offered) and wanted == offered
    _, _, parent = wanted.partition(".")
    # One label under a top-level domain would match far too much; the wildcard needs two labels after it.
    return offered.count(".") >= 2 and parent == offered[2:]
