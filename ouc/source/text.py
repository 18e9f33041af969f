"""From the bytes of a file to text: encoding, comments, program code.

TIA Portal writes UTF-8 with a byte order mark and CRLF; it reads UTF-16 and UTF-32 with a mark and the Windows code
page without one. Copies in version control often have lost the mark or the CR. Everything here is linear in the size
of the file, whatever it holds.
"""

from __future__ import annotations

import codecs
import itertools
import re
from pathlib import Path

import attrs

from ..errors import ParameterError
from ..s7 import Codepage, codepage
from ..visible import visible
from . import siblings

__all__ = ["MAX_SEPARATORS", "MAX_SOURCE", "SourceText", "read_text", "scan"]

#: Largest source in bytes. The largest real exports seen are below 1 MiB.
MAX_SOURCE = 8 * 1024 * 1024

#: Most separators (`; , . ( [ {`) in a source: what bounds the time and memory of reading it. A block of 100,000 members
#: with as many assignments has about half of them.
MAX_SEPARATORS = 600_000

# The longer marks first: that of UTF-32 little-endian begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# XML without a mark: its first character is known.
_UNMARKED = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))

# What hides keywords (comments, texts, quoted names), the keywords that enclose program code, and what only SIMATIC SD
# has: attributes in double quotes, and the names of types on a line of their own. Each alternative ends at the end of
# the text at the latest, or is bounded, so that nothing unfinished makes the scan start over.
_SCAN = re.compile(
    r"(?P<sd>\{[^{}'\"/]{0,200}\bS7_\w{1,64}\s{0,20}:=\s{0,20}\"|\bTYPE[ \t]{0,20}\n\s{0,80}\w{1,64}\s{0,20}:\s{0,20}STRUCT\b)"
    r"|//(?P<comment>[^\r\n]*)|\(\*[\s\S]*?(?:\*\)|\Z)|'[^'$\r\n]*(?:\$.[^'$\r\n]*)*'?|\"[^\"\r\n]*\"?"
    r"|\b(?P<word>FUNCTION_BLOCK|FUNCTION|ORGANIZATION_BLOCK|PROGRAM|BEGIN|END_VAR|END_CONST"
    r"|END_(?:FUNCTION_BLOCK|FUNCTION|ORGANIZATION_BLOCK|PROGRAM))\b",
    re.IGNORECASE,
)


@attrs.frozen
class SourceText:
    """A source that is ready to be parsed.

    Attributes:
        name: What errors call it: the path as it was given.
        text: The source; program code is blanked, line by line, so that positions stay.
        comments: `// …` comments without slashes, by line and column, both counted from 1.
    """

    name: str
    text: str = attrs.field(repr=False)
    comments: dict[int, tuple[int, str]] = attrs.field(repr=False)


def read_text(path: Path, page: Codepage | None = None) -> str:
    """Read a file in whatever encoding TIA Portal would take it.

    Args:
        path: The file.
        page: The code page of a file that has no byte order mark and is no UTF-8, cp1252 unless told.

    Raises:
        ParameterError: No such file, a folder, larger than 8 MiB, binary, or another kind of file than a source.
    """
    if path.is_dir():
        raise ParameterError("is a folder", where=str(path), remedy="Name a file in it")
    kind = siblings.of_name(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SOURCE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise ParameterError("there is no such file", where=str(path), remedy="Check the name and the folder") from None
    except OSError as error:
        raise ParameterError(
            f"cannot be read: {error.strerror}", where=str(path),
            remedy="Check the name, the folder and the permissions",
        ) from None
    except ValueError:  # a zero byte in the name
        raise ParameterError(
            "this is no name of a file", where=visible(str(path)),
            remedy="Give the name of a source: .db, .udt, .scl or .awl",
        ) from None
    if kind is not None:
        raise kind.error(str(path))
    if len(data) > MAX_SOURCE:
        raise ParameterError(
            f"is larger than {MAX_SOURCE // 2**20} MiB, which no source is", where=str(path),
            remedy="Generate the sources of single blocks",
        )
    return decode(data, str(path), page)


def decode(data: bytes, name: str = "<source>", page: Codepage | None = None) -> str:
    """Bytes of a source to text; raises `ParameterError` where they are no text, or another kind of file."""
    kind = siblings.of_bytes(data)
    if kind is not None:
        raise kind.error(name)
    text = _decoded(data, name, page or codepage())
    kind = siblings.of_text(text)
    if kind is not None:
        raise kind.error(name)
    return text


def _decoded(data: bytes, name: str, page: Codepage) -> str:
    try:
        for mark, encoding in _UNMARKED:
            if data.startswith(mark):
                return data.decode(encoding)
        for mark, encoding in _MARKS:
            if data.startswith(mark):
                return data[len(mark) :].decode(encoding)
        if b"\0" in data:
            remedy = "Save it as UTF-8 with byte order mark, if it is a text in UTF-16"
            raise ParameterError("is no text: it holds zero bytes", where=name, remedy=remedy)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return page.decode(data)
    except UnicodeDecodeError as error:
        raise ParameterError(
            f"is no {error.encoding} text: {error.reason} at byte {error.start}", where=name,
            remedy="Save it as UTF-8, or name its code page: code_page=, --code-page",
        ) from None


def scan(name: str, text: str) -> SourceText:
    """Find the comments and blank the code of program blocks; lines end in a line feed afterwards."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if sum(map(text.count, ";,.([{")) > MAX_SEPARATORS:
        raise ParameterError(
            "holds more statements than any block that a CPU can load", where=_too_many(name, text),
            remedy="Generate the sources of single blocks",
        )
    comments: dict[int, tuple[int, str]] = {}
    pieces: list[str] = []
    line, counted, kept = 1, 0, 0
    in_block, code_from, declared_to = False, -1, -1
    for match in _SCAN.finditer(text):
        comment, word = match["comment"], match["word"]
        if match["sd"] is not None:
            if code_from >= 0:
                continue
            raise siblings.SD.error(f"{name}:{_place(text, match.start())}")
        if comment is not None and code_from < 0:
            line += text.count("\n", counted, match.start())
            counted = match.start()
            comments[line] = (counted - text.rfind("\n", 0, counted), comment.strip())
        elif word is None:
            continue
        elif word.upper() in ("END_VAR", "END_CONST"):
            declared_to = match.end() if in_block and code_from < 0 else declared_to
        elif word.upper().startswith("END_"):
            # Classic SCL may leave BEGIN out: its statements follow the last declaration.
            code_from = code_from if code_from >= 0 else declared_to
            if code_from >= 0:
                pieces += [text[kept:code_from], _blank(text, code_from, match.start())]
                kept = match.start()
            in_block, code_from, declared_to = False, -1, -1
        elif word.upper() == "BEGIN":
            code_from = match.end() if in_block and code_from < 0 else code_from
        elif code_from < 0:
            in_block = True
    if code_from >= 0:
        pieces += [text[kept:code_from], _blank(text, code_from, len(text))]
        kept = len(text)
    return SourceText(name, "".join([*pieces, text[kept:]]), comments)


def _too_many(name: str, text: str) -> str:
    """Where the first separator stands that is one too many."""
    found = next(itertools.islice(re.finditer(r"[;,.(\[{]", text), MAX_SEPARATORS, None))
    return f"{name}:{_place(text, found.start())}"


def _place(text: str, at: int) -> str:
    """Line and column of a position, both counted from 1."""
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


def _blank(text: str, start: int, end: int) -> str:
    """As many lines as the stretch has, the last as long as it is, so that what follows keeps line and column."""
    lines = text.count("\n", start, end)
    last = text.rfind("\n", start, end) if lines else start - 1
    return "\n" * lines + " " * (end - last - 1)
