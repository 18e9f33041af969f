"""Groups of anchors: one reference that believes several CAs, so that a CA can be changed without a standstill."""

from __future__ import annotations

from ..errors import ParameterError
from .state import Draft, Group

__all__ = ["GROUP_LIMIT", "put"]

GROUP_LIMIT = 16


def put(draft: Draft, name: str, members: tuple[int, ...], *, wanted: int | None) -> Group:
    """Make a group, or give the one of that name other members.

    Raises:
        ParameterError: A member does not exist, or there are none or more than 16.
    """
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise ParameterError(f"{name!r} cannot be the name of a group", where="name", remedy="1 to 64 printable characters")
    unique = tuple(dict.fromkeys(members))
    if not 0 < len(unique) <= GROUP_LIMIT:
        raise ParameterError(
            f"a group has 1 to {GROUP_LIMIT} members, not {len(unique)}", where=name,
            remedy="Leave some out",
        )
    for number in unique:
        draft.entry(number)
    old = next((group for group in draft.groups.values() if group.name == name), None)
    if old is not None and wanted not in (None, old.id):
        raise ParameterError(f"group {name!r} has the ID {old.id}", where=name, remedy="Use its ID, or choose another name")
    number = draft.allocate(wanted) if old is None else old.id
    draft.groups[number] = Group(number, name, unique)
    return draft.groups[number]
