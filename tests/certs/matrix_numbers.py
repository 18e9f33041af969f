"""Rows of the matrix about what RFC 5280 asks of issuers and verifiers differently: serial numbers, and about curves."""

from __future__ import annotations

from ouc.certs import Policy

from .case import ROOT, Case
from .strategies import CLIENT, SERVER, Made, explicit, made, numbered

__all__ = ["curves", "serials"]


def serials() -> list[Case]:
    """RFC 5280 4.1.2.2: who issues must not, who verifies should handle it."""
    strict = Policy(strict=True)
    odd = {"zero": b"\0", "negative": b"\x80\1", "of 21 octets": b"\0" + b"\xff" * 20, "of 60 octets": b"\1" * 60}
    cases = []
    for what, serial in odd.items():
        root = numbered(f"Root {what}", serial, ca=True)
        middle = numbered(f"Middle {what}", serial, ROOT, ca=True)
        rows: list[tuple[str, Made, list[Made], str]] = [
            ("root", made("leaf", root, purposes=[SERVER]), [root], "server"),
            ("root, client", made("leaf", root, purposes=[CLIENT]), [root], "client"),
            ("intermediate", made("leaf", middle, purposes=[SERVER]), [ROOT, middle], "server"),
            ("leaf", numbered("leaf", serial, ROOT, purposes=[SERVER]), [ROOT], "server"),
            ("self-signed pin", pin := numbered("pin", serial), [pin], "server"),
        ]
        for title, leaf, held, purpose in rows:
            name = f"serial number {what}: {title}"
            cases.append(Case(name=name, sent=[leaf], held=held, purpose=purpose, status=None))
            cases.append(Case(name=f"{name}, strict", sent=[leaf], held=held, purpose=purpose, policy=strict, status=0x80E2,
                              rule="profile", openssl_differs="plain OpenSSL is not strict"))  # fmt: skip
    most = numbered("leaf", b"\x7f" * 20, ROOT, purposes=[SERVER])
    return [*cases, Case(name="serial number of 20 octets, strict", sent=[most], held=[ROOT], policy=strict, status=None)]


def curves() -> list[Case]:
    root = explicit("Explicit root", ca=True)
    middle = explicit("Explicit middle", ROOT, ca=True)
    rows = [
        ("leaf", explicit("leaf", ROOT, purposes=[SERVER]), [ROOT]), ("root", made("leaf", root), [root]),
        ("intermediate", made("leaf", middle), [ROOT, middle]), ("self-signed pin", pin := explicit("pin"), [pin]),
    ]  # fmt: skip
    return [
        Case(name=f"curve as numbers: {name}{', strict' if strict else ''}", sent=[leaf], held=held,
             policy=Policy(strict=strict), status=0x80E2, rule="strength",
             openssl_differs="OpenSSL does not look at the curve of a chain of one" if "pin" in name else "")
        for name, leaf, held in rows for strict in (False, True)
    ]  # fmt: skip
