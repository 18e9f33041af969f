"""From a fault to everything it needs: a small certificate authority, the PLC's certificate with its flaw, its partner's."""

from __future__ import annotations

import ipaddress
import random
from datetime import datetime, timedelta
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ouc.certs import Device
from ouc.certs.issue import Order, Revoked, Signer, issue, make_crl, moment
from ouc.certs.names import subject
from ouc.certs.templates import TEMPLATES
from ouc.tls import Credentials

from .table import Conduct, Fault, Leaf

__all__ = ["Plan", "plan"]

_DAY: Final = timedelta(days=1)
# First and last day of validity, counted from now.
_VALID: Final = {Leaf.EXPIRED: (-30, -1), Leaf.EARLY: (1, 30)}
_GOOD: Final = (-2, 30)
# For documentation (RFC 5737): no PLC has it.
_ELSEWHERE: Final = "192.0.2.99"


@attrs.frozen(kw_only=True)
class Plan:
    """A fault with its certificates.

    Attributes:
        fault: The row of the table.
        now: Time that everything was made for, aware.
        credentials: What the faulty PLC shows and believes.
        root, crl, intermediate: PEM; what its partner holds, and the one it should.
        partner_cert, partner_key: PEM of the partner's own certificate, which is good.
    """

    fault: Fault
    now: datetime
    credentials: Credentials
    root: bytes
    crl: bytes
    intermediate: bytes
    partner_cert: bytes
    partner_key: bytes = attrs.field(repr=False)

    def partner(self) -> Device:
        """The healthy partner as a device: it believes in the root, knows its revocation list, and has a certificate."""
        return Device.from_files(ca=[self.root, self.crl], cert=self.partner_cert, key=self.partner_key)


class _Authority:
    """Makes keys from the seed and certificates from both."""

    def __init__(self, now: datetime, seed: int) -> None:
        self._now = moment(now)
        self._chance = random.Random(seed)  # noqa: S311 - these keys protect nothing, and must be the same every time

    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self._chance.getrandbits(255) + 1, ec.SECP256R1())

    def make(
        self, name: str, signer: Signer | None, usage: str, *, address: str = "", days: tuple[int, int] = (-60, 365)
    ) -> Signer:
        key = self._key()
        order = Order(
            subject=subject(name), template=TEMPLATES[usage],
            san=(x509.IPAddress(ipaddress.ip_address(address)),) if address else (),
            not_before=self._now + days[0] * _DAY, not_after=self._now + days[1] * _DAY,
        )  # fmt: skip
        return Signer(issue(order, key.public_key(), signer, key), key)


def plan(fault: Fault, *, now: datetime, seed: int = 0, plc: str = "127.0.0.1", partner: str = "127.0.0.1") -> Plan:
    """Make what a fault needs.

    Args:
        fault: A row of the table.
        now: What the dates are counted from, aware.
        seed: Keys are made from it.
        plc: Plant address of the faulty PLC.
        partner: Plant address of its partner.
    """
    made = _Authority(now, seed)
    root = made.make("Plant root", None, "ca")
    intermediate = made.make("Plant intermediate", root, "ca")
    stranger = made.make("Somebody else's root", None, "ca")
    good = made.make("Partner", root, "tls", address=partner, days=_GOOD)
    issuer = {Leaf.STRANGER: stranger, Leaf.BELOW: intermediate}.get(fault.leaf, root)
    other_role = "tls-client" if fault.role == "server" else "tls-server"
    leaf = made.make(
        "Faulty PLC", issuer, other_role if fault.leaf is Leaf.USAGE else "tls",
        address=_ELSEWHERE if fault.leaf is Leaf.ELSEWHERE else plc, days=_VALID.get(fault.leaf, _GOOD),
    )  # fmt: skip
    revoked = [Revoked(leaf.certificate.serial_number, moment(now) - _DAY)] if fault.leaf is Leaf.REVOKED else []
    crl = make_crl(root, revoked, number=1, now=moment(now) - _DAY, days=30)
    pem = root.certificate.public_bytes(Encoding.PEM)
    shown = fault.leaf is not Leaf.NONE
    store = Device.from_files(
        ca=pem, cert=leaf.certificate.public_bytes(Encoding.PEM) if shown else None, key=_pem(leaf) if shown else None
    ).download()
    believes = fault.role == "client" or fault.conduct is Conduct.DEMAND
    return Plan(
        fault=fault, now=now,
        credentials=Credentials(
            own=store.own(store.own_ids[0], side=fault.role) if shown else None,
            trust=store.trust(0, side=fault.role) if believes else None,
        ),
        root=pem, crl=crl.public_bytes(Encoding.PEM),
        intermediate=intermediate.certificate.public_bytes(Encoding.PEM),
        partner_cert=good.certificate.public_bytes(Encoding.PEM), partner_key=_pem(good),
    )  # fmt: skip


def _pem(signer: Signer) -> bytes:
    return signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
