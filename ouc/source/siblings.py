"""What is no text source, though people take it for one: other exports of TIA Portal, archives, certificates.

Each is recognised by its first bytes or by what only it contains, and told by name with the way to a source. None is
read by chance: a SIMATIC SD source looks much like a text source and says the opposite of it in places (its access
stands in `S7_Optimized`, not in `S7_Optimized_Access`).
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

import attrs

from ..errors import ParameterError

__all__ = ["SD", "Sibling", "of_bytes", "of_name", "of_text"]


@attrs.frozen
class Sibling:
    """A kind of file that is no text source.

    Attributes:
        name: What it is, behind "is".
        remedy: How to get a source, or where it is used instead.
    """

    name: str
    remedy: str

    def error(self, where: str) -> ParameterError:
        """The refusal of a file of this kind."""
        return ParameterError(f"is {self.name}, no text source", where=where, remedy=self.remedy)


_GENERATE: Final = (
    "In TIA Portal right-click the block, choose 'Generate source from blocks' and give the .db, .udt or .scl file"
)
_RETRIEVE: Final = f"Open the project (Project > Retrieve for an archive). {_GENERATE}"

#: Blocks as text documents, new in TIA Portal V20.
SD: Final = Sibling("a SIMATIC SD source (.s7dcl, TIA Portal V20 and later)", _GENERATE)
_SD_TEXTS = Sibling("the texts of a SIMATIC SD source (.s7res)", _GENERATE)
_ML = Sibling("SimaticML (the XML of TIA Portal Openness)", _GENERATE)
_PROJECT = Sibling("a project, archive or library of TIA Portal", _RETRIEVE)
_ZIP = Sibling("a zip archive, as TIA Portal's archives (.zap) and Excel workbooks are", _RETRIEVE)
_XML = Sibling("an XML file", _GENERATE)
_PEM = Sibling("a certificate or key in PEM", "Certificates are read by `ouc cert` and `--cert`, `--ca`")
_SQLITE = Sibling("an SQLite database, as certificate projects of `ouc` are", "Name it with --project")
_TOML = Sibling("TOML", "Give a description in TOML a name that ends in .toml")
_JSON = Sibling("JSON", _GENERATE)
_PACKED = Sibling("a packed file", _RETRIEVE)
_BINARY = Sibling("a binary file", _GENERATE)

_MAGIC: Final = (
    (b"PK\x03\x04", _ZIP), (b"PK\x05\x06", _ZIP), (b"SQLite format 3\0", _SQLITE), (b"\x1f\x8b", _PACKED),
    (b"7z\xbc\xaf\x27\x1c", _PACKED), (b"Rar!\x1a", _PACKED), (b"MSCF", _PACKED), (b"BZh", _PACKED),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Sibling("an Office document or a binary project file", _GENERATE)),
    (b"%PDF-", Sibling("a PDF document", _GENERATE)), (b"\x7fELF", _BINARY), (b"MZ\x90", _BINARY),
    (b"\x89PNG", Sibling("a picture", _GENERATE)), (b"\xff\xd8\xff", Sibling("a picture", _GENERATE)),
    (b"\x30\x82", Sibling("a certificate or key in DER", _PEM.remedy)), (b"-----BEGIN ", _PEM),
)  # fmt: skip

_NAMES: Final = (
    (re.compile(r"\.s7dcl\Z", re.IGNORECASE), SD),
    (re.compile(r"\.s7res\Z", re.IGNORECASE), _SD_TEXTS),
    (re.compile(r"\.z?a[pl]\d{1,2}(?:_\d)?\Z", re.IGNORECASE), _PROJECT),
)

_HEAD: Final = 4096  # characters in which a file shows its kind
_ROOTS: Final = (
    (re.compile(r"<Document\b(?=[\s\S]*<Engineering\b)|<SW\.\w+|<Engineering\b"), _ML),
    (re.compile(r"<CAEXFile\b"), Sibling("AutomationML (a CAx export)", _GENERATE)),
    (re.compile(r"<ISO15745Profile\b"), Sibling("a device description (GSDML)", _GENERATE)),
    (re.compile(r"plcopen\.org/xml"), Sibling("PLCopen XML", _GENERATE)),
    (re.compile(r"<Tagtable\b", re.IGNORECASE), Sibling("a tag table of TIA Portal", _GENERATE)),
    (re.compile(r"<!doctype\s+html|<html\b", re.IGNORECASE), Sibling("a web page", _GENERATE)),
    (re.compile(""), _XML),
)
_TEXTS: Final = (
    (re.compile(r"-----BEGIN "), _PEM),
    (re.compile(r'\{\s*(?:"[^"\n]*"\s*:|\})|\[\s*[\[{"]'), _JSON),
    (re.compile(r"(?:#[^\n]*\n\s*)*\[[^\]\n]+\]\s*(?:#[^\n]*)?\n\s*\w+\s*=(?!=)"), _TOML),
    (re.compile(r"%YAML|---\s*\n"), Sibling("YAML", _GENERATE)),
)


def of_name(path: PurePath | str) -> Sibling | None:
    """What the ending of a file's name says, where no text source has that ending."""
    name = PurePath(path).name
    return next((kind for pattern, kind in _NAMES if pattern.search(name)), None)


def of_bytes(data: bytes) -> Sibling | None:
    """What the first bytes of a file say."""
    return next((kind for mark, kind in _MAGIC if data.startswith(mark)), None)


def of_text(text: str) -> Sibling | None:
    """What the beginning of a text says."""
    head = text[: 2 * _HEAD].lstrip("\ufeff \t\r\n")[:_HEAD]
    kinds = _ROOTS if head.startswith("<") else _TEXTS
    found = (kind for pattern, kind in kinds if (pattern.search(head) if kinds is _ROOTS else pattern.match(head)))
    return next(found, None)
