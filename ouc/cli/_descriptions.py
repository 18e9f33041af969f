"""Descriptions and data blocks as the command line names them: `FILE`, `FILE#variable`, `FILE#block`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from ..errors import ParameterError
from ..params import Area, Description, loads
from ..s7 import quoted
from ..source import Block, load

__all__ = ["Named", "area", "block_at", "default_profile", "descriptions"]


@attrs.frozen
class Named:
    """A description and where it was found.

    Attributes:
        file: The file.
        name: The variable's name, or the table's in TOML.
        value: The description.
        others: The other descriptions of the file.
    """

    file: Path
    name: str
    value: Description
    others: tuple[Description, ...]


def _split(place: str) -> tuple[Path, str | None]:
    """File and name; a `#` that belongs to the file's name is left there."""
    if Path(place).exists():
        return Path(place), None
    file, mark, name = place.rpartition("#")
    return (Path(file), name) if mark else (Path(place), None)


def _is_toml(file: Path) -> bool:
    return file.suffix.lower() == ".toml"


def default_profile(place: str) -> str:
    """Sources of TIA Portal are for a controller, TOML is for this library."""
    return "Python" if _is_toml(_split(place)[0]) else "S7-1500"


def _all(file: Path, code_page: str) -> Mapping[str, Description]:
    if not _is_toml(file):
        found = [one for one in load(file, code_page=code_page).structures() if isinstance(one.value, Description)]
        shared = {one.name for one in found if sum(other.name == one.name for other in found) > 1}
        # A name that two blocks use is told apart by the block in front of it.
        return {
            f"{one.block}.{one.path}" if one.name in shared else one.name: one.value
            for one in found
            if isinstance(one.value, Description)
        }
    try:
        return loads(file.read_text("utf-8-sig"), name=str(file))
    except UnicodeDecodeError:
        raise ParameterError("the file is not UTF-8 text", where=str(file), remedy="Save it as UTF-8") from None
    except OSError as error:
        raise ParameterError(
            f"cannot be read: {error.strerror}", where=str(file),
            remedy="Check the name, the folder and the permissions",
        ) from None


def descriptions(place: str, *, code_page: str = "cp1252") -> list[Named]:
    """The description that `FILE#variable` names, or all of `FILE`.

    Args:
        place: As it was typed.
        code_page: How a source without byte order mark is read.

    Raises:
        ParameterError: No such file or variable, an error in the file, or no description in it.
    """
    file, name = _split(place)
    known = _all(file, code_page)
    found = [
        Named(file, key, value, tuple(other for this, other in known.items() if this != key))
        for key, value in known.items()
    ]
    if name is None and found:
        return found
    if name is not None:
        wanted = name.strip('"').casefold()
        chosen = [one for one in found if one.name.casefold() == wanted]
        if len(chosen) == 1:
            return chosen
    held = ", ".join(known)
    what = "there is no connection description" + (f" {quoted(name)}" if name else "")
    raise ParameterError(what, where=str(file), remedy=f"It holds {held}" if held else "It holds no TCON_ structure")


def area(place: str | None, length: int, *, code_page: str) -> Area | None:
    """The area at DATA that `FILE#block` names, with its LEN; None if none is named.

    Raises:
        ParameterError: No such file or block, or an error in it.
    """
    if place is None:
        return None
    block = block_at(place, code_page=code_page)
    return Area(layout=block.layout, length=length, optimized=block.optimized)


def block_at(place: str, *, code_page: str) -> Block:
    """The data block or type that `FILE#block` names.

    Raises:
        ParameterError: No such file or block, several and none is named, or an error in it.
    """
    file, name = _split(place)
    return load(file, code_page=code_page).declaration(name)
