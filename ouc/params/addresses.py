"""IPv4 addresses as members of structures."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address
from typing import Any, TypeAlias

__all__ = ["Address", "address_array"]

#: An `ipaddress.IPv4Address` when read; going in, text (`"192.168.0.1"`), four bytes or an `ipaddress` object. Python's
#: annotations cannot say both of one member, so type checkers are told nothing.
Address: TypeAlias = Any


def address_array(length: int) -> Callable[[object], object]:
    """A converter for arrays of USInt that hold an IPv4 address in their first four elements.

    Args:
        length: Elements of the array; those behind the address become 0.
    """

    def convert(value: object) -> object:
        if isinstance(value, str | IPv4Address):
            try:
                packed = IPv4Address(value).packed
            except AddressValueError:
                return value
            return tuple(packed.ljust(length, b"\0"))
        return tuple(value) if isinstance(value, bytes | bytearray) else value

    return convert
