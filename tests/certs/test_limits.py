"""What a file from outside may cost: work grows no faster than the file, and numbers in it have limits."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs import armor, device, effort, links
from ouc.certs.armor import pem_blocks
from ouc.certs.effort import ITERATION_LIMIT, refuse_costly
from ouc.certs.material import ARCHIVE_LIMIT, COUNT_LIMIT, KEY_LIMIT, SIZE_LIMIT, read
from ouc.errors import OUCError, ParameterError

from .strategies import made, pem

BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class Counting:
    """Stands for the regular expression and counts the bytes that it is given to look at."""

    def __init__(self, marker: re.Pattern[bytes]) -> None:
        self._marker = marker
        self.looked_at = 0

    def finditer(self, data: bytes) -> Iterator[re.Match[bytes]]:
        self.looked_at += len(data)
        return self._marker.finditer(data)


SHAPES = {
    "BEGIN lines": BEGIN + b"\n",
    "END lines": END + b"\n",
    "BEGIN lines of other kinds": b"-----BEGIN A-----\n-----BEGIN B-----\n",
    "empty blocks": BEGIN + b"\n" + END + b"\n",
    "crossed blocks": BEGIN + b"\n-----END X509 CRL-----\n",
    "markers that do not end": b"-----BEGIN CERTIFICATE\n",
    "labels that do not end": b"-----BEGIN A A A A A A A A A A A A A A A A A A A A A A A A A A A A ",
    "dashes": b"-----",
    "blocks of no interest": b"-----BEGIN X-----\nAAAA\n-----END X-----\n",
    "open BER": b"\x30\x80",
    "an archive of open parts": b"\x30\x83\x3f\xff\xf0\x02\x01\x03\x30\x80\x24\x80",
    "nested strings": b"\x24\x82\xff\xff",
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_largest_file_of_any_shape_is_looked_at_once(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(armor._MARKER)
    monkeypatch.setattr(armor, "_MARKER", counting)
    data = (SHAPES[shape] * (SIZE_LIMIT // len(SHAPES[shape]) + 1))[:SIZE_LIMIT]
    with pytest.raises(OUCError):
        read(data)
    assert counting.looked_at in (0, len(data))


def work(data: bytes) -> int:
    """Elements that reading the cost of a password looks at."""
    walk = effort._Walk()
    with suppress(effort._Malformed, ParameterError):
        tuple(walk.below(walk.all(data)))
    return effort._ELEMENTS - walk.left


@pytest.mark.parametrize("part", [b"\x30\x00", b"\x04\x02\x05\x00", b"\x24\x04\x04\x02\x05\x00", b"\xa0\x02\x05\x00"])
def test_twice_the_parts_are_twice_the_work(part: bytes) -> None:
    small, large = part * 300, part * 600
    assert work(b"\x30\x82" + len(large).to_bytes(2, "big") + large) <= 2 * work(
        b"\x30\x82" + len(small).to_bytes(2, "big") + small
    )


def test_a_nest_of_strings_is_left_when_it_is_deeper_than_any_archive() -> None:
    data = b""
    for _ in range(200):
        data = b"\x04\x82" + len(data).to_bytes(2, "big") + data
    with pytest.raises(ParameterError, match="more parts than"):
        refuse_costly(data, "it")


@given(
    st.lists(
        st.sampled_from((BEGIN, END, b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----", b"AAAA", b"\n", b"-"))
    )
)
def test_blocks_are_all_of_a_pem_or_an_error(parts: list[bytes]) -> None:
    """What comes out as blocks has its ends; every marker belongs to one of them."""
    data = b"".join(parts)
    try:
        blocks = list(pem_blocks(data, "it"))
    except ParameterError as error:
        assert "has no" in error.failure.what
        assert error.failure.remedy
        return
    assert all(one.whole.startswith(b"-----BEGIN") and one.whole in data for one in blocks)
    assert 2 * len(blocks) == len(armor._MARKER.findall(data))
    assert not any(armor._MARKER.search(one.text) for one in blocks)


@pytest.mark.parametrize("cut", [0, 1])
def test_a_bundle_with_a_cut_certificate_is_refused_and_says_in_which_line(cut: int) -> None:
    lines = pem(made("a").certificate, made("b").certificate).splitlines(keepends=True)
    del lines[(len(lines) // 2 - 1, -1)[cut]]
    with pytest.raises(ParameterError, match=r"BEGIN CERTIFICATE in line \d+ has no END"):
        read(b"".join(lines))


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_any_line_end_and_text_between_blocks_are_read(newline: bytes) -> None:
    text = b"Subject: CN=a\n" + pem(made("a").certificate) + b"\n# another one\n" + pem(made("b").certificate)
    assert len(read(text.replace(b"\n", newline)).certificates) == 2


def clear(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_file_has_at_most_so_many_blocks_and_keys() -> None:
    other = b"-----BEGIN X-----\n-----END X-----\n"
    with pytest.raises(ParameterError, match=f"more than {COUNT_LIMIT} objects"):
        read(other * (COUNT_LIMIT + 1))
    with pytest.raises(ParameterError, match=f"more than {KEY_LIMIT} private keys"):
        read(clear(made("x").key) * (KEY_LIMIT + 1))


@cache
def big_rsa() -> bytes:
    """A key of 8191 bits in DER, whose numbers nobody has to search primes for: reading must end before they are checked."""
    public = 65537
    p, q = (1 << 4095) + 1, (1 << 4095) + 3
    numbers = rsa.RSAPrivateNumbers(
        p=p, q=q, d=3, dmp1=3, dmq1=3, iqmp=3, public_numbers=rsa.RSAPublicNumbers(public, p * q)
    )
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def test_an_rsa_key_that_no_controller_takes_is_refused_before_its_numbers_are_checked() -> None:
    with pytest.raises(ParameterError, match="8191 bits; at most 4096"):
        read(big_rsa())


def test_an_rsa_key_with_wrong_numbers_is_damaged() -> None:
    good = rsa.generate_private_key(65537, 1024).private_numbers()
    bad = rsa.RSAPrivateNumbers(
        p=good.p,
        q=good.q,
        d=good.d + 2,
        dmp1=good.dmp1,
        dmq1=good.dmq1,
        iqmp=good.iqmp,
        public_numbers=good.public_numbers,
    )
    key = bad.private_key(unsafe_skip_rsa_key_validation=True)
    for encoding in (Encoding.DER, Encoding.PEM):
        with pytest.raises(ParameterError, match="damaged"):
            read(key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption()))


def archive(rounds: int) -> bytes:
    leaf = made("leaf")
    way = (
        PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(SHA256()).build(b"pw")
    )  # fmt: skip
    return pkcs12.serialize_key_and_certificates(b"leaf", leaf.key, leaf.certificate, None, way)


def with_rounds(data: bytes, before: int, after: int) -> bytes:
    """The same bytes with another number of rounds, as long as the old one."""
    old = b"\x02\x03" + before.to_bytes(3, "big")
    assert old in data
    return data.replace(old, b"\x02\x03" + after.to_bytes(3, "big"))


def test_an_archive_says_what_its_password_costs_and_is_refused_before_it_is_paid() -> None:
    cheap = archive(70_000)
    assert read(cheap, "pw").key is not None
    costly = with_rounds(cheap, 70_000, 8_000_000)
    for password in ("pw", None):
        with pytest.raises(ParameterError, match=rf"rounds of hashing; at most {ITERATION_LIMIT}"):
            read(costly, password)


def tlv(tag: int, *parts: bytes) -> bytes:
    inside = b"".join(parts)
    return bytes([tag, 0x84]) + len(inside).to_bytes(4, "big") + inside


def number(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def sealed_with(function: bytes, *numbers: int) -> bytes:
    """PKCS#8 that names a function for its password and its numbers (RFC 5958 3, RFC 8018 A.4)."""
    cipher = tlv(0x30, tlv(6, bytes.fromhex("60864801650304012a")), tlv(4, bytes(16)))
    stretching = tlv(0x30, tlv(6, function), tlv(0x30, tlv(4, b"salt"), *(number(one) for one in numbers)))
    scheme = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d01050d")), tlv(0x30, stretching, cipher))
    return tlv(0x30, scheme, tlv(4, bytes(64)))


@pytest.mark.parametrize(("function", "numbers", "unit"), [
    (effort._PBKDF2, (2**31 - 1,), "rounds of hashing"),
    (effort._PBKDF2, (ITERATION_LIMIT + 1,), "rounds of hashing"),
    (effort._PBKDF2, (1 << 4_000_000,), "rounds of hashing"),
    (effort._SCRYPT, (2**20, 8, 1), "scrypt"),
    (effort._SCRYPT, (2**14, 8, 1_000_000), "scrypt"),
])  # fmt: skip
def test_an_encrypted_key_says_what_its_password_costs(function: bytes, numbers: tuple[int, ...], unit: str) -> None:
    der = sealed_with(function, *numbers)
    block = (
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    for data in (der, block):
        with pytest.raises(ParameterError, match=unit):
            read(data, "pw")


def test_an_archive_has_a_size_of_its_own() -> None:
    head = b"\x30\x83\x3f\xff\xf0\x02\x01\x03\x30"
    with pytest.raises(ParameterError, match=f"archive of more than {ARCHIVE_LIMIT} bytes"):
        read(head + b"\0" * ARCHIVE_LIMIT, "pw")


@given(st.binary(max_size=200))
def test_the_cost_of_any_bytes_is_read_or_they_are_let_through(data: bytes) -> None:
    for head in (b"", b"\x30\x80", b"\x24\x80", b"\x30\x81\xc8\x02\x01\x03\x30\x80"):
        try:
            refuse_costly(head + data, "it")
        except ParameterError as error:
            assert error.failure.what


def test_a_thousand_cas_of_one_name_cost_a_bounded_number_of_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every one of them may have signed every other, as far as names tell."""
    checked = count()
    monkeypatch.setattr(links, "signed_by", lambda *_: next(checked) < 0)
    same = [made("Same", ca=True, key_identifiers=False).certificate for _ in range(200)]
    assert links.find_issuer(same[0], enumerate(same)) is None
    assert next(checked) <= links.SIGNATURE_LIMIT


def test_loose_files_with_more_certificates_than_a_device_holds_are_refused_before_any_is_linked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "find_issuer", lambda *_: pytest.fail("looked for an issuer"))
    bundle = pem(*(made(str(one)).certificate for one in range(65)))
    with pytest.raises(ParameterError, match="65 certificates for one device; at most 64"):
        device.Device.from_files(ca=bundle)
