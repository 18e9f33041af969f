"""What a row of the matrix is, and the certificates that its sections share."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime

import attrs
from cryptography import x509

from ouc.certs import Identity, Policy

from .strategies import CLIENT, NOW, SERVER, Made, made

Crl = x509.CertificateRevocationList


@attrs.frozen(kw_only=True)
class Case:
    """One row of the matrix."""

    name: str
    sent: Sequence[Made]
    held: Sequence[Made]
    status: int | None
    rule: str = ""
    purpose: str = "server"
    reference: int = 0
    now: datetime = NOW
    policy: Policy | None = None
    identity: Identity | None = None
    crls: Sequence[Crl] = ()
    revocation: str = "off"
    # Part of a warning of the verdict; empty where no list is called unusable.
    warned: str = ""
    # Why plain OpenSSL decides otherwise; empty where both must agree.
    openssl_differs: str = ""


def ip(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(text))


def dns(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


ROOT = made("Root", ca=True)
MIDDLE = made("Middle", ROOT, ca=True)
LOW = made("Low", MIDDLE, ca=True)
OTHER_ROOT = made("Other root", ca=True)
IMPOSTOR = made("Root", ca=True)
GOOD = made("leaf", ROOT, purposes=[SERVER, CLIENT], san=[ip("192.168.0.1"), dns("plc-1.plant")])
ALONE = made("alone", purposes=[SERVER, CLIENT], san=[ip("192.168.0.1")])
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.4196.99.1"), b"\x05\x00")

OURS = "the rule is ours, OpenSSL does not have it"
