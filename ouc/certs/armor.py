"""PEM blocks (RFC 7468), found in one pass over the bytes.

A search for "BEGIN, anything, END" starts again at every BEGIN and reads to the end of the file each time: a few hundred
kilobytes of BEGIN lines then cost minutes. Here every marker is looked at once, and a BEGIN without its END ends the
reading: a certificate that was cut off must not be left out of a bundle without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from ..errors import ParameterError

__all__ = ["PemBlock", "is_pem", "pem_blocks"]

_MARKER: Final = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
_START: Final = b"-----BEGIN "


@attrs.frozen
class PemBlock:
    """One block.

    Attributes:
        label: What stands behind BEGIN, such as `CERTIFICATE`.
        text: Everything between the two markers, not decoded.
        whole: The block with its markers.
    """

    label: str
    text: bytes = attrs.field(repr=False)
    whole: bytes = attrs.field(repr=False)


def is_pem(data: bytes) -> bool:
    """Whether there is a marker in it: DER never holds one but by chance in a name."""
    return _START in data


def pem_blocks(data: bytes, where: str) -> Iterator[PemBlock]:
    """The blocks in the order in which they stand; what is between them is comment.

    Args:
        data: The file.
        where: Its name, for messages.

    Raises:
        ParameterError: A block has no end, or an end no beginning.
    """
    begin: re.Match[bytes] | None = None
    for marker in _MARKER.finditer(data):
        if marker[1] == b"BEGIN":
            if begin is not None:
                raise _cut(data, begin, where)
            begin = marker
        elif begin is None or begin[2] != marker[2]:
            raise _cut(data, begin or marker, where)
        else:
            yield PemBlock(marker[2].decode(), data[begin.end() : marker.start()], data[begin.start() : marker.end()])
            begin = None
    if begin is not None:
        raise _cut(data, begin, where)


def _cut(data: bytes, marker: re.Match[bytes], where: str) -> ParameterError:
    line = data.count(b"\n", 0, marker.start()) + 1
    missing = "END" if marker[1] == b"BEGIN" else "BEGIN"
    return ParameterError(
        f"damaged: {marker[1].decode()} {marker[2].decode()} in line {line} has no {missing}", where=where,
        remedy="Copy the whole file again: a part of it is missing",
    )  # fmt: skip
