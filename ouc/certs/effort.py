"""What a password on a key or an archive costs, read before it is paid.

PKCS#8 and PKCS#12 say themselves how often a password is hashed, up to 2^31 times, and whoever reads the file pays. The
numbers stand outside what is encrypted, so they can be added up first. A walk over the tags is enough: nothing is decoded
but object identifiers and numbers. Old archives are BER, so lengths may be open and strings in pieces.

What is encrypted twice (a key in a bag in an encrypted bag) shows its number only after the first decryption and is not seen
here; no tool writes that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from ..errors import ParameterError

__all__ = ["ITERATION_LIMIT", "SCRYPT_LIMIT", "refuse_costly"]

# Rounds of all passwords in one file. OpenSSL writes 2,048, Java 10,000, NSS three times 600,000.
ITERATION_LIMIT: Final = 2_000_000
# N times r times p; memory is 128 bytes times N times r. OpenSSL writes 2^14 * 8 * 1 = 2^17.
SCRYPT_LIMIT: Final = 2**20
# Elements looked at, and how deep they may lie: an archive of a key and its chain has about 200, 15 deep.
_ELEMENTS: Final = 50_000
_DEPTH: Final = 40

_INTEGER, _OCTETS, _OID, _SEQUENCE = 2, 4, 6, 16
# RFC 8018 A.2 (PBKDF2) and A.3 (PBES1), RFC 7292 appendix C (1.2.840.113549.1.12.1.x), RFC 7914 7 (scrypt).
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_PBES1: Final = bytes.fromhex("2a864886f70d0105")
_PKCS12: Final = bytes.fromhex("2a864886f70d010c01")
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")


class _Malformed(Exception):  # noqa: N818 - never leaves this module
    """Not BER; whoever reads the file next says so in their own words."""


@attrs.frozen
class _Element:
    tag: int
    universal: bool
    constructed: bool
    content: bytes
    children: tuple[_Element, ...] = ()

    @property
    def number(self) -> int:
        # Nobody means a number of more than eight bytes; turning one of millions into digits would take its time.
        return int.from_bytes(self.content, "big", signed=True) if len(self.content) <= 8 else 1 << 63

    def is_(self, tag: int) -> bool:
        return self.universal and self.tag == tag


class _Walk:
    """Reads elements, counting them."""

    def __init__(self) -> None:
        self.left = _ELEMENTS

    def all(self, data: bytes, depth: int = 0) -> tuple[_Element, ...]:
        found, at = [], 0
        while at < len(data):
            one, at = self.one(data, at, depth)
            found.append(one)
        return tuple(found)

    def one(self, data: bytes, at: int, depth: int) -> tuple[_Element, int]:
        self.left -= 1
        if self.left < 0 or depth > _DEPTH:
            raise ParameterError(
                "holds more parts than an archive or a key has",
                remedy="Give a file with one key and the certificates above its own",
            )
        head, at = self._byte(data, at)
        tag, universal, constructed = head & 31, head < 64, bool(head & 32)
        if tag == 31:
            raise _Malformed
        length, at = self._length(data, at)
        if length is None:
            if not constructed:
                raise _Malformed
            children, at = self._until_end(data, at, depth + 1)
        else:
            if at + length > len(data):
                raise _Malformed
            children, at = self.all(data[at : at + length], depth + 1) if constructed else (), at + length
        content = b"".join(child.content for child in children) if constructed else data[at - (length or 0) : at]
        return _Element(tag, universal, constructed, content, children), at

    def _until_end(self, data: bytes, at: int, depth: int) -> tuple[tuple[_Element, ...], int]:
        found: list[_Element] = []
        while data[at : at + 2] != b"\0\0":
            one, at = self.one(data, at, depth)
            found.append(one)
        return tuple(found), at + 2

    def _length(self, data: bytes, at: int) -> tuple[int | None, int]:
        first, at = self._byte(data, at)
        if first < 128:
            return first, at
        if first == 128:
            return None, at
        size = first & 127
        if size > 4 or at + size > len(data):
            raise _Malformed
        return int.from_bytes(data[at : at + size], "big"), at + size

    def _byte(self, data: bytes, at: int) -> tuple[int, int]:
        if at >= len(data):
            raise _Malformed
        return data[at], at + 1

    def below(self, elements: tuple[_Element, ...], depth: int = 0) -> Iterator[_Element]:
        """Every element, also those inside strings that hold elements again."""
        for one in elements:
            yield one
            children = one.children
            if one.is_(_OCTETS) or (not one.universal and not one.constructed):
                try:
                    children = self.all(one.content, depth + 1)
                except _Malformed:
                    children = ()
            yield from self.below(children, depth + 1)


def refuse_costly(data: bytes, where: str) -> None:
    """Refuse a key or an archive whose password would take too long to try.

    Args:
        data: PKCS#8 or PKCS#12. What is neither is let through: its reader says what is wrong with it.
        where: Its name, for messages.

    Raises:
        ParameterError: More than `ITERATION_LIMIT` rounds or `SCRYPT_LIMIT` of scrypt, or more parts than such a file has.
    """
    walk = _Walk()
    try:
        elements = tuple(walk.below(walk.all(data)))
    except _Malformed:
        return
    except ParameterError as error:
        raise ParameterError(error.failure.what, where=where, remedy=error.failure.remedy) from None
    for unit, cost, limit in (
        ("rounds of hashing", _rounds(elements), ITERATION_LIMIT),
        ("times the work of one scrypt block (N times r times p)", _scrypt(elements), SCRYPT_LIMIT),
    ):
        if cost > limit:
            raise ParameterError(
                f"trying its password takes {cost} {unit}; at most {limit} are done", where=where,
                remedy="Write it again with fewer rounds: openssl pkcs12 -export -iter 10000, openssl pkcs8 -topk8 -iter 10000",
            )  # fmt: skip


def _rounds(elements: tuple[_Element, ...]) -> int:
    total = 0
    for one in elements:
        first, *rest = one.children or (None,)
        if not one.is_(_SEQUENCE) or first is None:
            continue
        by_name = first.is_(_OID) and (first.content == _PBKDF2 or first.content[:-1] in (_PBES1, _PKCS12))
        parts = rest[0].children if by_name and rest else one.children
        # Beside the named ones, the MAC of an archive: a digest, a salt, a number (RFC 7292 4).
        mac = len(parts) == 3 and parts[0].is_(_SEQUENCE)
        if by_name or mac:
            kinds = parts[1:] if mac and not by_name else parts
            if len(kinds) > 1 and kinds[0].is_(_OCTETS) and kinds[1].is_(_INTEGER):
                total += abs(kinds[1].number)
    return total


def _scrypt(elements: tuple[_Element, ...]) -> int:
    total = 0
    for one in elements:
        if one.is_(_SEQUENCE) and len(one.children) > 1 and one.children[0].content == _SCRYPT:
            numbers = [part.number for part in one.children[1].children if part.is_(_INTEGER)]
            cost = 1
            for number in numbers[:3]:
                cost *= abs(number)
            total += cost
    return total
