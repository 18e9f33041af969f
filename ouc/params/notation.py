"""Descriptions as TOML and as Python, and from TOML and dictionaries back.

[Server]
structure = "TCON_IP_V4_SEC"
ActivateSecureConn = true
TLSServerCertRef = 9

[Server.ConnPara]
ActiveEstablished = false
RemoteAddress = "192.168.0.2"
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Address
from keyword import iskeyword
from typing import Any, Final

from ..errors import ParameterError
from ..s7 import Structure, shown
from .description import Description
from .structures import STRUCTURES

__all__ = ["from_mapping", "loads", "to_python", "to_toml"]

# Text of connection descriptions is small: 4095 connections of a station are some 2 MB.
_MAX_TEXT: Final = 4 * 1024 * 1024


def from_mapping(members: Mapping[str, Any], *, where: str = "") -> Description:
    """A description from the names and values of its members.

    Args:
        members: Either spelling of each member, and `structure` with the structure's name. ConnPara may be a mapping of
            its own, or its members may stand beside the others.
        where: Place for error messages.

    Raises:
        ParameterError: No such structure or member, or a value that does not fit it.
    """
    given = dict(members)
    wanted = given.pop("structure", None)
    known = {name.casefold(): kind for name, kind in STRUCTURES.items() if issubclass(kind, Description)}
    kind = known.get(wanted.casefold()) if isinstance(wanted, str) else None
    if kind is None:
        names = ", ".join(one.__name__ for one in known.values())
        raise ParameterError(
            f"{shown(wanted)} is no connection description" if wanted is not None else "the member 'structure' is missing",
            where=where,
            remedy=f"structure is one of {names}",
        )
    try:
        return kind(**_nested(kind, given))
    except ParameterError as error:
        told = error.failure
        place = ": ".join(part for part in (where, told.where) if part)
        raise ParameterError(told.what, status=told.status, where=place, remedy=told.remedy) from None


def _nested(kind: type[Description], given: dict[str, Any]) -> dict[str, Any]:
    """Move members of ConnPara that stand beside the others to where they belong."""
    slot = kind.layout().find("ConnPara")
    if slot is None or any(name.replace("_", "").lower() == "connpara" for name in given):
        return given
    outer = {name: value for name, value in given.items() if kind.layout().find(name) is not None}
    inner = {name: value for name, value in given.items() if name not in outer}
    return {**outer, "ConnPara": inner} if inner else outer


def loads(text: str, *, name: str = "<toml>") -> dict[str, Description]:
    """Descriptions from TOML, one table each, by the name of the table.

    Args:
        text: At most 4 MiB.
        name: What error messages call it.

    Raises:
        ParameterError: No TOML (with line and column), or a table that is no description.
    """
    if len(text) > _MAX_TEXT:
        raise ParameterError(
            f"{len(text)} characters are more than the {_MAX_TEXT} that are read", where=name,
            remedy="Split the file",
        )
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(
            f"this is no TOML: {error}", where=name,
            remedy="See the example in the reference: [Name], structure = \"TCON_IP_v4\" and its members",
        ) from None
    except RecursionError:
        raise ParameterError(
            "this is no description: its tables lie too deep inside one another", where=name,
            remedy="A description is a table of its members; ConnPara is the only one inside it",
        ) from None
    found = {}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise ParameterError(f"{key} is no table", where=name, remedy=f"Write [{key}] and its members below")
        found[key] = from_mapping(table, where=f"{name}: {key}")
    return found


def to_toml(descriptions: Mapping[str, Description]) -> str:
    """TOML that `loads` reads back."""
    return "\n".join(_table(_text(name), value, structure=True) for name, value in descriptions.items())


def _table(path: str, value: Structure, *, structure: bool = False) -> str:
    lines = [f"[{path}]"]
    if structure:
        lines.append(f"structure = {_text(type(value).__name__)}")
    inside = []
    for slot in type(value).layout():
        member = getattr(value, slot.name)
        if isinstance(member, Structure):
            inside.append(_table(f"{path}.{slot.name}", member))
        else:
            lines.append(f"{slot.name} = {_toml(member)}")
    return "\n".join([*lines, "", *inside])


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value) if isinstance(value, int) else _text(str(value))


def _text(value: str) -> str:
    # JSON's text is TOML's basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def to_python(descriptions: Mapping[str, Description]) -> str:
    """Python that makes the values, members that follow from the others left out; a number tells equal names apart."""
    kinds = sorted({name for value in descriptions.values() for name in _classes(value)})
    lines = [f"from ouc.params import {', '.join(kinds)}", ""] if kinds else []
    taken: set[str] = set()
    for name, value in descriptions.items():
        plain = _identifier(name)
        free = next(one for one in (plain, *(f"{plain}_{n}" for n in range(2, len(taken) + 3))) if one not in taken)
        taken.add(free)
        lines += [f"{free} = {_python(value)}", ""]
    return "\n".join(lines)


def _classes(value: Structure) -> set[str]:
    members = (getattr(value, slot.name) for slot in type(value).layout())
    return {type(value).__name__}.union(*(_classes(one) for one in members if isinstance(one, Structure)))


def _python(value: Any, indent: str = "") -> str:
    if isinstance(value, IPv4Address):
        return json.dumps(str(value))
    if isinstance(value, bytes):
        return repr(value.rstrip(b"\0"))
    if not isinstance(value, Structure):
        return repr(value)
    deeper = indent + "    "
    lines = [f"{type(value).__name__}("]
    for slot in type(value).layout():
        member = getattr(value, slot.name)
        if member != value.made_without(slot.name):
            lines.append(f"{deeper}{slot.name}={_python(member, deeper)},")
    return "\n".join([*lines, f"{indent})"]) if len(lines) > 1 else f"{lines[0]})"


def _identifier(name: str) -> str:
    plain = "".join(part if part.isalnum() and part.isascii() else "_" for part in name).strip("_").lower()
    usable = plain.isidentifier() and not iskeyword(plain)
    return plain if usable else f"connection_{plain}".rstrip("_")
