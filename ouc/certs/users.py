"""Users of a protected project, and protecting an unprotected one (R26, R32, certificates.md 1.1)."""

from __future__ import annotations

import attrs

from ..errors import ParameterError
from .create import default_cas
from .keys import PrivateKey
from .state import Draft
from .vault import Cost, OpenVault, Right, new_rings, seal_user

__all__ = ["add", "protect", "remove", "set_password"]

USER_LIMIT = 64


def _vault(draft: Draft) -> OpenVault:
    if not isinstance(draft.vault, OpenVault):
        raise ParameterError("an unprotected project has no users", where=draft.before.name,
                             remedy="Protect it: ouc project password")  # fmt: skip
    return draft.vault


def add(draft: Draft, name: str, right: Right, password: str | bytes, cost: Cost) -> None:
    """A new user; what they may do begins with their own login (R62)."""
    vault = _vault(draft)
    if name in draft.users:
        raise ParameterError(
            f"there is a user {name!r} already", where=draft.before.name,
            remedy="Choose another name, or set the password: ouc project password --of",
        )
    if len(draft.users) >= USER_LIMIT:
        raise ParameterError(
            f"at most {USER_LIMIT} users", where=draft.before.name,
            remedy="Remove one: ouc project user remove",
        )
    draft.users[name] = seal_user(draft.before.uuid, name, right, password, vault.rings, cost)


def set_password(draft: Draft, name: str, password: str | bytes, cost: Cost) -> None:
    """Another password for a user. Copies of the file made before still open with the old one."""
    known = draft.users.get(name)
    if known is None:
        raise ParameterError(
            f"there is no user {name!r}", where=draft.before.name,
            remedy="List them: ouc project user list",
        )
    draft.users[name] = seal_user(draft.before.uuid, name, known.right, password, _vault(draft).rings, cost)


def remove(draft: Draft, name: str) -> None:
    """Remove a user; one administrator has to stay."""
    if name not in draft.users:
        raise ParameterError(
            f"there is no user {name!r}", where=draft.before.name,
            remedy="List them: ouc project user list",
        )
    del draft.users[name]
    if not any(user.right == "administrator" for user in draft.users.values()):
        raise ParameterError(
            "the last administrator cannot be removed", where=draft.before.name,
            remedy="Add another administrator first: ouc project user add --right administrator",
        )


def protect(draft: Draft, name: str, password: str | bytes, cost: Cost) -> None:
    """Make an unprotected project a protected one: its first administrator, sealed keys, default CAs 1 and 2.

    Keys that were in memory or in clear are sealed; those of an earlier process are lost and stay lost.
    """
    if draft.protection not in ("none", "clear"):
        raise ParameterError(
            "the project is protected already", where=draft.before.name,
            remedy="Change a password: ouc project password",
        )
    open_keys: dict[int, PrivateKey] = {}
    for number, entry in draft.entries.items():
        if entry.sealed and draft.vault.holds(entry.sealed, entry.ring):
            open_keys[number] = draft.key(entry)
    rings = new_rings()
    sealed = Draft(
        draft.before, vault=OpenVault(draft.before.uuid, rings), now=draft.now, make_key=draft.make_key
    )
    for number, entry in sealed.entries.items():
        key = open_keys.get(number)
        sealed.entries[number] = attrs.evolve(entry, sealed=sealed.vault.seal(key, entry.ring) if key else b"")
    sealed.users[name] = seal_user(draft.before.uuid, name, "administrator", password, rings, cost)
    if not draft.before.mirror:
        default_cas(sealed)
    draft.entries, draft.users, draft.fingerprints = sealed.entries, sealed.users, sealed.fingerprints
    draft.next_id, draft.events = sealed.next_id, sealed.events
    draft.protection, draft.integrity = "password", rings["integrity"]
