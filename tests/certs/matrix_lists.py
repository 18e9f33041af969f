"""Rows of the matrix about revocation lists: what they say, and whether they can be used at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ouc.certs import Policy
from ouc.certs.issue import Revoked, make_crl, moment

from .case import ALONE, GOOD, IMPOSTOR, MIDDLE, OTHER_ROOT, ROOT, UNKNOWN, Case, Crl
from .strategies import DAY, NOW, SERVER, Made, made, numbered, rewritten_list, tlv, usage

__all__ = ["revocations"]


def _crl(ca: Made, *revoked: Made, start: datetime = NOW - DAY, days: int = 30, number: int = 1) -> Crl:
    lines = [Revoked(one.certificate.serial_number, moment(start)) for one in revoked]
    return make_crl(ca.signer, lines, number=number, now=start, days=days)


def revocations() -> list[Case]:
    below = made("leaf", MIDDLE, purposes=[SERVER])
    silent = made("CA without CRL signing", ca=True, key_usage=usage("key_cert_sign"))
    of_silent = made("leaf", silent, purposes=[SERVER])
    stale = _crl(ROOT, GOOD, start=NOW - 60 * DAY)
    empty_stale = _crl(ROOT, start=NOW - 60 * DAY)
    early = _crl(ROOT, start=NOW + DAY)
    forged = _crl(IMPOSTOR, GOOD)
    why = "plain OpenSSL is not asked about revocation"

    def case(name: str, revocation: str, crls: Sequence[Crl], status: int | None, sent: Made = GOOD,
             held: Sequence[Made] = (ROOT,), *, warned: str = "", policy: Policy | None = None) -> Case:
        return Case(name=name, sent=[sent], held=held, crls=crls, revocation=revocation, status=status, warned=warned,
                    policy=policy, rule="revocation" if status else "", openssl_differs=why if status else "")  # fmt: skip

    names_it = [Revoked(GOOD.certificate.serial_number, moment(NOW - DAY))]
    bad: list[tuple[str, str, Crl, Made, Made]] = [
        ("forged", "its signature is not its issuer's", forged, GOOD, ROOT),
        ("damaged", "its signature is not its issuer's", _flipped(_crl(ROOT, GOOD)), GOOD, ROOT),
        ("its CA may not sign lists", "key usage without cRLSign", _crl(silent, of_silent), of_silent, silent),
        ("unknown critical extension", "1.3.6.1.4.1.4196.99.1 is not supported",
         _built(ROOT, extra=[(UNKNOWN, True)], lines=names_it), GOOD, ROOT),
        ("unknown critical extension of a line", "one of its lines is not supported",
         _built(ROOT, line_extra=[(UNKNOWN, True)], lines=names_it), GOOD, ROOT),
        ("delta", "difference to another list",
         _built(ROOT, extra=[(x509.DeltaCRLIndicator(1), True)], lines=names_it), GOOD, ROOT),
        ("delta that hides", "difference to another list",
         _built(ROOT, extra=[(x509.DeltaCRLIndicator(1), False)], lines=names_it), GOOD, ROOT),
        ("part of the certificates", "covers only a part", _built(ROOT, extra=[(_PART, True)], lines=names_it), GOOD, ROOT),
    ]  # fmt: skip
    strict = Policy(strict=True)
    lax: list[tuple[str, Crl]] = [
        ("number missing", _built(ROOT, number=None)), ("number critical", _built(ROOT, number_critical=True)),
        ("no key identifier", _built(ROOT, identifier=False)),
    ]  # fmt: skip
    rows = []
    for name, reason, crl, leaf, ca in bad:
        rows += [
            case(f"unusable list, {name}, off", "off", [crl], None, leaf, [ca]),
            case(f"unusable list, {name}, if present", "if-present", [crl], None, leaf, [ca], warned=reason),
            case(f"unusable list, {name}, required", "required", [crl], 0x80E4, leaf, [ca], warned=reason),
            case(f"unusable list, {name}, if present, strict", "if-present", [crl], 0x80E4, leaf, [ca], warned=reason,
                 policy=strict),
        ]  # fmt: skip
    rows += [case(f"list, {name}", "required", [crl], None) for name, crl in lax]
    rows += [
        case(f"list, {name}, {when}, strict", when, [crl], 0x80E4, policy=strict, warned="cannot be used")
        for name, crl in lax for when in ("if-present", "required")
    ]  # fmt: skip
    numbers = {"0": b"\0", "-5": b"\xfb"}
    for number, serial in numbers.items():
        leaf = numbered("leaf", serial, ROOT, purposes=[SERVER])
        # Followed by a date of 13 digits; the number stays as long as it was.
        date = b"\x17\x0d"
        listing = _built(ROOT, lines=[Revoked(0x5A, moment(NOW - DAY))])
        listing = rewritten_list(listing, ROOT, tlv(2, b"\x5a") + date, tlv(2, serial) + date)
        rows += [
            case(f"revoked serial number {number}", "if-present", [listing], 0x80E3, leaf),
            case(f"serial number {number} beside another", "required", [_crl(ROOT, ALONE)], None, leaf),
        ]
    return [
        *rows,
        case("a good list beside an unusable one", "required", [forged, _crl(ROOT)], None, warned="not its issuer's"),
        case("a good list that names the leaf beside an unusable one", "required", [forged, _crl(ROOT, GOOD)], 0x80E3),
        case("revoked, policy off", "off", [_crl(ROOT, GOOD)], None),
        case("revoked, if present", "if-present", [_crl(ROOT, GOOD)], 0x80E3),
        case("revoked, required", "required", [_crl(ROOT, GOOD)], 0x80E3),
        case("another one revoked", "required", [_crl(ROOT, ALONE)], None),
        case("no list, if present", "if-present", [], None),
        case("no list, required", "required", [], 0x80E4),
        case("list of another CA, required", "required", [_crl(OTHER_ROOT)], 0x80E4),
        case("stale list, if present", "if-present", [empty_stale], None),
        case("stale list, required", "required", [empty_stale], 0x80E4),
        case("stale list that names the leaf, if present", "if-present", [stale], 0x80E3),
        case("list from the future, required", "required", [early], 0x80E4),
        case("forged list that names the leaf", "if-present", [forged], None, warned="not its issuer's"),
        case("forged list, required", "required", [forged], 0x80E4),
        case("revoked intermediate", "if-present", [_crl(ROOT, MIDDLE)], 0x80E3, below, (ROOT, MIDDLE)),
        case("lists for the whole chain", "required", [_crl(ROOT), _crl(MIDDLE)], None, below, (ROOT, MIDDLE)),
        case("list for the intermediate only", "required", [_crl(MIDDLE)], 0x80E4, below, (ROOT, MIDDLE)),
        case("self-signed pin needs no list", "required", [], None, ALONE, (ALONE,)),
        case("CA may not sign lists", "required", [_crl(silent)], 0x80E4, of_silent, (silent,)),
        case("the newer of two lists names the leaf", "if-present", [_crl(ROOT), _crl(ROOT, GOOD, number=2)], 0x80E3),
    ]  # fmt: skip


def _flipped(crl: Crl) -> Crl:
    der = bytearray(crl.public_bytes(Encoding.DER))
    der[-5] ^= 1
    return x509.load_der_x509_crl(bytes(der))


_PART = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)


def _built(
    ca: Made, *, lines: Sequence[Revoked] = (), number: int | None = 1, number_critical: bool = False, identifier: bool = True,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (), line_extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Crl:  # fmt: skip
    """A list with extensions of any kind, rightly signed."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.certificate.subject)
    builder = builder.last_update(NOW - DAY).next_update(NOW + 30 * DAY)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=number_critical)
    if identifier:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
    for value, critical in extra:
        builder = builder.add_extension(value, critical=critical)
    for line in lines:
        entry = x509.RevokedCertificateBuilder().serial_number(line.serial).revocation_date(line.at)
        for value, critical in line_extra:
            entry = entry.add_extension(value, critical=critical)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(ca.key, hashes.SHA256())
