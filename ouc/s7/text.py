"""Char, WChar, String and WString.

A string carries its declared maximum and its used length in front of the text, and both travel with the block. Bytes
behind the used length mean nothing: a CPU leaves the remains of longer texts there. We write zeros, so that what was
deleted is not sent, and compare texts, never images.

Single-byte text is in the Windows code page of the engineering PC. The code pages here are made lossless: a byte
that the page leaves undefined stands for the character of the same number, so every byte survives reading and writing.
"""

from __future__ import annotations

import codecs
import functools
import struct
from typing import Any

import attrs

from ..errors import ParameterError
from .base import Image, Unfit, quoted, shown
from .scalars import Scalar

__all__ = ["Codepage", "String", "WString", "char", "codepage", "wchar"]

_LENGTHS = struct.Struct(">HH")
_LAST_UNIT = 0xD7FF  # the help permits WChar up to here; surrogates begin behind it


@attrs.frozen
class Codepage:
    """A Windows code page without holes: 256 bytes, 256 characters."""

    name: str
    table: str = attrs.field(repr=False)

    def decode(self, data: bytes) -> str:
        """Bytes to text; never fails."""
        return codecs.charmap_decode(data, "strict", self.table)[0]

    def encode(self, text: str) -> bytes:
        """Text to bytes; raises `Unfit` at the first character that the page does not have."""
        try:
            return codecs.charmap_encode(text, "strict", _encoder(self.table))[0]
        except UnicodeEncodeError as error:
            raise Unfit(f"{quoted(text[error.start])} is not in the code page {self.name}; WString holds it") from None


@functools.cache
def _encoder(table: str) -> Any:
    return codecs.charmap_build(table)


@functools.cache
def codepage(name: str = "cp1252") -> Codepage:
    """The single-byte code page `name`, as Python spells it: `cp1252` (western Europe), `cp1251`, `latin-1`, ….

    Raises:
        ParameterError: Python does not know it, or it needs more than one byte for a character.
    """
    try:
        table = [bytes([byte]).decode(name, "replace") for byte in range(256)]
        # Where bytes join into one character the page is none of single bytes: in UTF-8 C3 A4, in cp932 81 61.
        pairs = (bytes([byte, after]) for byte in range(256) for after in b"\x61\xa4")
        joined = any(len(pair.decode(name, "replace")) != 2 for pair in pairs)
    except LookupError:
        table, joined = [], True
    table = [chr(byte) if character == "\ufffd" else character for byte, character in enumerate(table)]
    if joined or len(set(table)) != 256 or table[0x41] != "A":
        raise ParameterError(f"{quoted(name)} is no single-byte code page", remedy="Use cp1252, cp1250, cp1251 or latin-1")
    return Codepage(name, "".join(table))


def _text(value: Any, kind: str) -> str:
    if not isinstance(value, str):
        raise Unfit(f"{shown(value)} does not fit {kind}: text")
    return value


def _units(value: str, kind: str) -> bytes:
    for character in value:
        if ord(character) > _LAST_UNIT:
            raise Unfit(f"{quoted(character)} does not fit {kind}: characters U+0000 to U+D7FF")
    return value.encode("utf-16-be")


def _from_units(data: bytes, kind: str) -> str:
    # Reading is more liberal than writing: the help contradicts itself above U+D7FF, surrogates alone are never valid.
    if any(0xD8 <= high <= 0xDF for high in data[::2]):
        raise Unfit(f"{kind} holds a surrogate, which is no character")
    return data.decode("utf-16-be")


@functools.cache
def char(page: Codepage) -> Scalar:
    """Char in a code page: one byte, a `str` of length 1, a space when nothing else was said."""

    def read(image: Image, offset: int) -> str:
        return page.table[image[offset]]

    def write(image: Image, offset: int, value: Any) -> None:
        if len(_text(value, "Char")) != 1:
            raise Unfit(f"{shown(value)} does not fit Char: one character")
        image[offset] = page.encode(value)[0]

    return Scalar("Char", 1, 1, read, write, b" ", "one character", "char")


@functools.cache
def wchar() -> Scalar:
    """WChar: one UTF-16 code unit, a `str` of length 1, a space when nothing else was said."""

    def read(image: Image, offset: int) -> str:
        return _from_units(bytes(image[offset : offset + 2]), "WChar")

    def write(image: Image, offset: int, value: Any) -> None:
        if len(_text(value, "WChar")) != 1:
            raise Unfit(f"{shown(value)} does not fit WChar: one character")
        image[offset : offset + 2] = _units(value, "WChar")

    return Scalar("WChar", 2, 2, read, write, b"\0 ", "one character U+0000 to U+D7FF", "wchar")


@attrs.frozen
class String:
    """String[n]: maximum and used length in one byte each, then n bytes of text.

    Attributes:
        maximum: 0 to 254 characters.
        page: The code page of the text.
    """

    maximum: int = 254
    page: Codepage = attrs.field(factory=codepage, repr=False)
    align: int = attrs.field(default=2, init=False, repr=False)
    depth: int = attrs.field(default=0, init=False, repr=False)
    size: int = attrs.field(init=False, repr=False)
    name: str = attrs.field(init=False, repr=False)
    bit: None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.maximum <= 254:
            raise ParameterError(f"String[{self.maximum}] does not exist: String[0] to String[254]")
        object.__setattr__(self, "size", self.maximum + 2)
        object.__setattr__(self, "name", "String" if self.maximum == 254 else f"String[{self.maximum}]")

    @property
    def blank(self) -> bytes:
        """An empty text: the maximum is set, everything else is zero."""
        return bytes([self.maximum]) + bytes(self.size - 1)

    def read(self, image: Image, offset: int) -> str:
        """The text; raises `Unfit` when the used length exceeds the maximum or the declaration."""
        maximum, used = image[offset], image[offset + 1]
        if used > maximum or used > self.maximum:
            raise Unfit(f"{self.name} says it uses {used} of {min(maximum, self.maximum)} characters")
        return self.page.decode(bytes(image[offset + 2 : offset + 2 + used]))

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store a text with both lengths; the rest of the area becomes zero."""
        data = self.page.encode(_text(value, self.name))
        if len(data) > self.maximum:
            raise Unfit(f"a text of {len(data)} characters does not fit {self.name}: at most {self.maximum}")
        header = bytes([self.maximum, len(data)])
        image[offset : offset + self.size] = (header + data).ljust(self.size, b"\0")

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether the texts agree; neither the stored maximum nor what lies behind the text counts."""
        used = one[at + 1]
        if used != other[there + 1] or (used > one[at]) != (used > other[there]):
            return False
        end = 2 + min(used, self.maximum)
        return one[at + 2 : at + end] == other[there + 2 : there + end]


@attrs.frozen
class WString:
    """WString[n]: maximum and used length in two bytes each, counted in characters, then n UTF-16 code units.

    Attributes:
        maximum: 0 to 16382 characters.
    """

    maximum: int = 254
    align: int = attrs.field(default=2, init=False, repr=False)
    depth: int = attrs.field(default=0, init=False, repr=False)
    size: int = attrs.field(init=False, repr=False)
    name: str = attrs.field(init=False, repr=False)
    bit: None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.maximum <= 16382:
            raise ParameterError(f"WString[{self.maximum}] does not exist: WString[0] to WString[16382]")
        object.__setattr__(self, "size", 2 * self.maximum + 4)
        object.__setattr__(self, "name", "WString" if self.maximum == 254 else f"WString[{self.maximum}]")

    @property
    def blank(self) -> bytes:
        """An empty text: the maximum is set, everything else is zero."""
        return self.maximum.to_bytes(2, "big") + bytes(self.size - 2)

    def read(self, image: Image, offset: int) -> str:
        """The text; raises `Unfit` when the used length exceeds the maximum, or at a surrogate."""
        maximum, used = _LENGTHS.unpack_from(image, offset)
        if used > maximum or used > self.maximum:
            raise Unfit(f"{self.name} says it uses {used} of {min(maximum, self.maximum)} characters")
        return _from_units(bytes(image[offset + 4 : offset + 4 + 2 * used]), self.name)

    def write(self, image: Image, offset: int, value: Any) -> None:
        """Store a text with both lengths; the rest of the area becomes zero."""
        data = _units(_text(value, self.name), self.name)
        if len(data) > 2 * self.maximum:
            raise Unfit(f"a text of {len(data) // 2} characters does not fit {self.name}: at most {self.maximum}")
        header = self.maximum.to_bytes(2, "big") + (len(data) // 2).to_bytes(2, "big")
        image[offset : offset + self.size] = (header + data).ljust(self.size, b"\0")

    def same(self, one: Image, at: int, other: Image, there: int) -> bool:
        """Whether the texts agree; neither the stored maximum nor what lies behind the text counts."""
        (maximum, used), (limit, length) = (_LENGTHS.unpack_from(*place) for place in ((one, at), (other, there)))
        if used != length or (used > maximum) != (used > limit):
            return False
        end = 4 + 2 * min(used, self.maximum)
        return one[at + 4 : at + end] == other[there + 4 : there + end]
