"""Name constraints (RFC 5280 4.2.1.10): which names a CA may certify."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from .extensions import extension
from .names import san_entries

__all__ = ["constraints_of", "first_violation", "violates"]

# Names times constraints: beyond it the certificates are made to keep us busy.
WORK_LIMIT: Final = 100_000

Names = list[x509.GeneralName]


def constraints_of(certificate: x509.Certificate) -> x509.NameConstraints | None:
    """The name constraints of a CA, None without. That they can be read is asked before."""
    return extension(certificate, x509.NameConstraints)


def names_of(certificate: x509.Certificate) -> Names:
    """Everything constraints apply to: the subject, its e-mail addresses, and the subjectAltName."""
    found: Names = list(san_entries(certificate))
    if list(certificate.subject):
        found.append(x509.DirectoryName(certificate.subject))
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        try:
            found.append(x509.RFC822Name(str(attribute.value)))
        except ValueError:
            found.append(x509.RFC822Name("invalid"))
    return found


def violates(constraints: x509.NameConstraints, certificate: x509.Certificate) -> str:
    """The first name of a certificate that its CA may not certify, in words; empty if all are allowed."""
    names = names_of(certificate)
    permitted, excluded = list(constraints.permitted_subtrees or ()), list(constraints.excluded_subtrees or ())
    if len(names) * (len(permitted) + len(excluded)) > WORK_LIMIT:
        return "more names than can be checked"
    for limit in (*permitted, *excluded):
        if not _sound(limit, as_constraint=True):
            return f"the constraint {_text(limit)!r} is malformed"
    for name in names:
        kind = type(name)
        inside = _MATCHERS.get(kind)
        same = [one for one in permitted if type(one) is kind]
        out = [one for one in excluded if type(one) is kind]
        if not same and not out:
            continue
        if inside is None:
            return "a constraint on a kind of name that is not supported"
        if not _sound(name, as_constraint=False):
            return f"{_text(name)!r} is malformed"
        if any(inside(name, one) or _could_reach(name, one) for one in out):
            return f"{_text(name)} is excluded"
        if same and not any(inside(name, one) for one in same):
            return f"{_text(name)} is not permitted"
    return ""


def _text(name: x509.GeneralName) -> str:
    return name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else str(name.value)


_LABELS: Final = re.compile(r"[^.*]+(\.[^.*]+)*\.?\Z")


def _sound(name: x509.GeneralName, *, as_constraint: bool) -> bool:
    """Whether a name has the form of its kind; a DNS constraint has neither wildcard nor leading dot, a URI one may have."""
    text = str(name.value)
    if isinstance(name, x509.DNSName):
        plain = text if as_constraint else text.removeprefix("*.")
        return (as_constraint and not text) or _LABELS.match(plain) is not None
    if isinstance(name, x509.RFC822Name):
        return text.count("@") <= 1 if as_constraint else text.count("@") == 1
    return True


def _could_reach(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    """A wildcard stands for names inside an excluded subtree that lies below its parent."""
    if not isinstance(name, x509.DNSName) or not name.value.startswith("*."):
        return False
    return _below(str(limit.value), name.value.removeprefix("*."))


def _below(host: str, limit: str) -> bool:
    """A host name lies in a subtree: itself, or with labels added on the left."""
    name, tree = host.lower().removesuffix("."), limit.lower().removesuffix(".")
    return not tree or name == tree or name.endswith("." + tree)


def _dns(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    # A wildcard lies inside where everything below its parent does.
    return _below(str(name.value).removeprefix("*."), str(limit.value))


def _ip(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    network, address = limit.value, name.value
    if not isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return False
    return address.version == network.version and address in network


def _uri(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    try:
        host = urlsplit(str(name.value)).hostname
    except ValueError:
        host = None
    if not host:
        return False
    tree = str(limit.value).lower()
    return host.endswith(tree) if tree.startswith(".") else host == tree


def _mail(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    tree, address = str(limit.value), str(name.value)
    box, _, host = address.rpartition("@")
    if "@" in tree:
        wanted_box, _, wanted = tree.rpartition("@")
        return box == wanted_box and host.lower() == wanted.lower()
    return host.lower().endswith(tree.lower()) if tree.startswith(".") else host.lower() == tree.lower()


def _plain(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    return [frozenset((one.oid.dotted_string, " ".join(str(one.value).casefold().split())) for one in rdn) for rdn in name.rdns]


def _directory(name: x509.GeneralName, limit: x509.GeneralName) -> bool:
    mine, tree = _plain(name.value), _plain(limit.value)
    return mine[: len(tree)] == tree


_MATCHERS: Final[dict[type[x509.GeneralName], Callable[[x509.GeneralName, x509.GeneralName], bool]]] = {
    x509.DNSName: _dns,
    x509.IPAddress: _ip,
    x509.UniformResourceIdentifier: _uri,
    x509.RFC822Name: _mail,
    x509.DirectoryName: _directory,
}


def first_violation(issuers: Iterable[x509.Certificate], certificate: x509.Certificate) -> str:
    """The first complaint of any issuer above a certificate."""
    for issuer in issuers:
        constraints = constraints_of(issuer)
        if constraints is not None and (complaint := violates(constraints, certificate)):
            return complaint
    return ""
