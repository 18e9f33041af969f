"""Members of data blocks as people type and read them: `PATH=VALUE`, STEP 7's literals, JSON."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from typing import Any

import attrs

from ..errors import OUCError, ParameterError
from ..s7 import Array, DataBlock, Image, Record, Scalar, String, Struct, Type, Unfit, WString, leaves, literal, parse
from ._usage import UsageError

__all__ = ["address", "assign", "lines", "plain", "written"]


def assign(db: DataBlock, assignment: str, *, where: str) -> None:
    """Change a member as `--set` says.

    Args:
        db: The block.
        assignment: `PATH=VALUE`; the value as STEP 7's literal, or text without quotes.
        where: The file, for the error.

    Raises:
        ParameterError: It is no assignment, there is no such member, or the value does not fit it.
    """
    # The first equals sign outside quotes: names in quotes may hold one, and so may the value.
    match = re.match(r'((?:"[^"]*"|[^"=])+)=', assignment)
    if match is None:
        raise UsageError("write it as PATH=VALUE", where=f"{where}: --set {assignment}", remedy="Such as Motor.Speed=1500")
    path, typed = match[1].strip(), assignment[match.end() :].strip()
    try:
        db[path] = _value(db.type_at(path), path, typed)
    except OUCError as error:
        found = error.failure
        place = f"{where}: {found.where}" if found.where else where
        raise ParameterError.of(
            attrs.evolve(found, where=place, remedy=found.remedy or "`ouc db show` lists members and types")
        ) from None


def _value(kind: Type, path: str, typed: str) -> Any:
    try:
        return parse(kind, typed)
    except Unfit as refusal:
        # Nobody wants to quote a text twice, once for the shell and once for STEP 7.
        if not _is_text(kind) or typed[:1] == "'":
            raise refusal.error(path) from None
        return typed


def _is_text(kind: Type) -> bool:
    return isinstance(kind, String | WString) or kind.name in ("Char", "WChar")


def address(kind: Type, at: int) -> str:
    """Byte and bit, as TIA Portal's column Offset has them."""
    return f"{at}.{(kind.bit or 0) if isinstance(kind, Scalar) else 0}"


def written(kind: Type, value: Any) -> str:
    """A value as STEP 7 writes it; bytes without a literal in hex."""
    pointer = isinstance(kind, Scalar) and kind.kind in ("any", "pointer")
    if isinstance(value, bytes) and not pointer:
        return value.hex(" ").upper()
    try:
        return literal(kind, value)
    except Unfit:
        return value.hex(" ").upper() if isinstance(value, bytes) else str(value)


def plain(kind: Type, value: Any) -> Any:
    """A value as JSON has it: numbers, texts and truths as they are, everything else as STEP 7's literal."""
    if isinstance(value, dict) and isinstance(kind, Struct):
        return {name: plain(kind.slot(name).type, part) for name, part in value.items()}
    if isinstance(value, list) and isinstance(kind, Array):
        return [plain(kind.inner, part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bool | str | float) or type(value) is int:
        return value
    if isinstance(value, dt.date | dt.time | dt.timedelta) or isinstance(kind, Record | Scalar):
        return written(kind, value).strip("'")
    return value.hex(" ").upper() if isinstance(value, bytes) else str(value)


def lines(layout: Struct, image: Image) -> Iterator[tuple[str, str]]:
    """Path and value of every member; bytes that are no value of their type are told as such."""
    for path, kind, at in leaves(layout):
        try:
            yield path, written(kind, kind.read(image, at))
        except Unfit as refusal:
            yield path, f"?? {refusal.reason}"
