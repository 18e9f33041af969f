"""What the password vouches for: a tag over every row of a project file, and one over all of them together.

A project file can be edited by whoever can write it, with any tool for SQLite. What may be trusted therefore does not follow
from what lies in the file but from what somebody who knew a password put there. Each user's password opens an integrity key
(a ring of the keyring, see `ouc.certs.vault`); it makes an HMAC-SHA256 of

* every row, bound to the project, the table and the row itself, so that an error can name what was added, changed or removed;
* the history, as a chain, because it only grows;
* all those tags in order, so that rows cannot be taken from an older file, nor left out.

They are written in the transaction that changes the rows. A commit computes the tags of its own rows and the last one; its
cost is some microseconds for each changed row and about one per row of the project.

What this does not do. A whole file of an earlier day is authentic: it is what somebody wrote. A process that has seen a later
one says so; one that starts afresh cannot know. A user with any password holds the key: rights restrain what the program
does for them, and keys of CAs and devices stay closed to them, but against a user's own forgery only the backup helps. And a
project without a password has no key, so nothing in it can be vouched for; opening one says so.
"""

from __future__ import annotations

import hmac
import json
import sqlite3
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeAlias

from ..errors import CertificateError
from .schema import HISTORY, TABLES, TAGS, Content, Difference, Row

__all__ = ["Tags", "integrity_key", "store", "tags_of", "updated", "verify"]

# Tags of rows by table and key; the history is one of them.
Tags: TypeAlias = Mapping[tuple[str, str], bytes]

_WHOLE: Final = ("", "")
_CHAIN: Final = (HISTORY, "")
_NAMED: Final = 8
_WORDS: Final = {
    "project": "the project's own value {}", "users": "user {}", "entries": "certificate {}", "devices": "device {}",
    "groups": "group {}", "crls": "the revocation list of CA {}", "pending": "a waiting signing request",
    "retired": "the deleted ID {}", "sightings": "what {} showed", HISTORY: "the history", "": "the tag of the whole",
}  # fmt: skip


def integrity_key(device_ring: bytes, project: str) -> bytes:
    """The key of the tags, from the ring that administrators and standard users have held since the first version.

    So a file of the first version can be brought up by either of them without anybody else's password.
    """
    return hmac.digest(device_ring, f"ouc project integrity\0{project}".encode(), sha256)


def _encoded(values: Iterable[Any]) -> bytes:
    """A sequence of SQLite's values in bytes: different sequences, also of different types, give different bytes."""
    parts = []
    for value in values:
        kind, data = b"b", value
        if not isinstance(value, bytes):
            kind, data = type(value).__name__[:1].encode(), str(value).encode("utf-8", "surrogatepass")
        parts.append(b"%s%d:%s" % (kind, len(data), data))
    return b"".join(parts)


def _name(key: Row) -> str:
    return json.dumps(list(key), ensure_ascii=False)


class _Pen:
    """Makes tags for one project."""

    def __init__(self, key: bytes, project: str) -> None:
        self._key = key
        self._project = project

    def of(self, *values: Any) -> bytes:
        return hmac.digest(self._key, _encoded((self._project, *values)), sha256)

    def whole(self, tags: Tags) -> bytes:
        return self.of("whole", *(part for (place, name), tag in sorted(tags.items()) for part in (place, name, tag)))

    def chain(self, tag: bytes, lines: Iterable[Row]) -> bytes:
        for line in lines:
            tag = self.of(HISTORY, tag, *line)
        return tag


def tags_of(key: bytes, project: str, content: Content) -> dict[tuple[str, str], bytes]:
    """The tags that rows should have, without the one over all of them."""
    pen = _Pen(key, project)
    tags = {
        (table.name, _name(table.key_of(row))): pen.of(table.name, *row) for table in TABLES for row in content[table.name]
    }
    tags[_CHAIN] = pen.chain(b"", content[HISTORY])
    return tags


def updated(key: bytes, project: str, tags: Tags, done: Difference) -> dict[tuple[str, str], bytes]:
    """The tags after a commit."""
    pen = _Pen(key, project)
    fresh = dict(tags)
    for place, gone in done.gone:
        del fresh[place, _name(gone)]
    fresh |= {(place, _name(name)): pen.of(place, *row) for place, name, row in done.put}
    fresh[_CHAIN] = pen.chain(tags[_CHAIN], done.lines)
    return fresh


def store(connection: sqlite3.Connection, key: bytes, project: str, before: Tags, after: Tags) -> None:
    """Write the tags that changed, and the one over all of them."""
    connection.executemany("DELETE FROM tags WHERE place = ? AND key = ?", [one for one in before if one not in after])
    put = [(*one, tag) for one, tag in after.items() if before.get(one) != tag]
    put.append((*_WHOLE, _Pen(key, project).whole(after)))
    connection.executemany("REPLACE INTO tags VALUES (?, ?, ?)", put)


def verify(key: bytes, content: Content, *, where: str, odd: Iterable[str] = ()) -> Tags:
    """The tags of rows that are what somebody with a password wrote.

    Args:
        key: The integrity key.
        content: All rows.
        where: The file, for the error.
        odd: What is wrong with the tables themselves.

    Raises:
        CertificateError: A row is not; says which.
    """
    project = next((str(row[1]) for row in content["project"] if row[0] == "uuid"), "")
    stored = {(row[0], row[1]): row[2] for row in content[TAGS]}
    whole = stored.pop(_WHOLE, None)
    right = tags_of(key, project, content)
    wrong = [*odd, *_differing(right, stored)]
    if not wrong and not (isinstance(whole, bytes) and hmac.compare_digest(whole, _Pen(key, project).whole(right))):
        wrong = ["a part of it is of another day"]
    if wrong:
        raise CertificateError(
            f"was changed without a password: {_listed(wrong)}", where=where,
            remedy="Trust nothing in it: put a backup back (ouc project backup), and see who can write to the file",
        )  # fmt: skip
    return right


def _differing(right: Tags, stored: Tags) -> list[str]:
    verbs = ((right.keys() - stored.keys(), "was added"), (stored.keys() - right.keys(), "was removed"),
             ({one for one in right.keys() & stored.keys() if right[one] != stored[one]}, "was changed"))  # fmt: skip
    return [f"{_spoken(*one)} {verb}" for ones, verb in verbs for one in sorted(ones, key=str)]


def _spoken(place: object, key: object) -> str:
    try:
        named = ", ".join(str(one) for one in json.loads(str(key))[-1:])
    except (ValueError, TypeError, KeyError, RecursionError):
        named = str(key)
    word = _WORDS.get(str(place), "a tag")
    shown = "".join(one if one.isprintable() else "?" for one in named[:64])
    return word.format(shown if shown.isdecimal() else repr(shown))


def _listed(wrong: list[str]) -> str:
    more = f", and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return ", ".join(wrong[:_NAMED]) + more
