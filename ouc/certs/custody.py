"""Opening a project and keeping it safe: files, logins, users, backups, and devices that are carried away."""

from __future__ import annotations

import os
import stat
import uuid
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from ..errors import OUCError, ParameterError
from ..profiles import profile
from . import devices as tables
from . import users as people
from .backing import Backing, MemoryBacking
from .carried import open_device, write_device
from .create import default_cas
from .entry import Summary, summary
from .file import FileBacking, create_file
from .issue import moment
from .keys import KeySource, generate
from .login import needs_password, open_file
from .session import Session, utc_now
from .snapshot import Changes, DeviceStore
from .state import DeviceConfig, Draft, Protection, State
from .vault import ClearVault, Cost, LockedVault, MemoryVault, OpenVault, Right, Vault, new_rings, seal_user

__all__ = ["Custody"]


class Custody(Session):
    """A project as something that is opened, locked, copied and closed. Also a context manager that closes it."""

    @classmethod
    def create(
        cls,
        name: str,
        *,
        path: str | os.PathLike[str] | None = None,
        password: str | bytes | None = None,
        user: str = "admin",
        mirror: bool = False,
        insecure_keys: bool = False,
        now: datetime | None = None,
        make_key: KeySource = generate,
        cost: Cost | None = None,
    ) -> Self:
        """A new project with its default CAs 1 and 2 (R33).

        Args:
            name: 1 to 64 characters; part of the default CAs' names.
            path: A new file; None keeps the project in memory, keys included, and gone with the process.
            password: Of the first administrator. A file without one can do what TIA Portal allows an unprotected
                project: local managers with self-signed certificates, their keys in memory only.
            user: Name of that administrator.
            mirror: The project mirrors one in TIA Portal: it makes nothing by itself and gives out no IDs; every import
                names its ID.
            insecure_keys: Keep the keys of an unprotected file in the file, in clear. For laboratories.
            now: Time of creation.
            make_key: Where new keys come from, by kind.
            cost: Of the password's stretching.

        Raises:
            ParameterError: The file exists, or an argument is not what it should be.
        """
        if not 0 < len(name) <= 64 or not name.isprintable():
            raise ParameterError(f"{name!r} cannot be the name of a project", where="name", remedy="1 to 64 characters")
        if path is None and (password is not None or insecure_keys):
            raise ParameterError("a project in memory has no password", where="password", remedy="Give a path as well")
        if password is not None and insecure_keys:
            raise ParameterError("a password and insecure keys exclude each other", where="insecure_keys",
                                 remedy="Leave one of them out")  # fmt: skip
        protection: Protection = "process" if path is None else "clear" if insecure_keys else "none"
        state = State(name=name, uuid=uuid.uuid4().hex, mirror=mirror, protection=protection)
        vault: Vault = ClearVault() if insecure_keys else MemoryVault()
        integrity: bytes | None = None
        if password is not None:
            rings = new_rings()
            first = seal_user(state.uuid, user, "administrator", password, rings, cost or Cost())
            state = attrs.evolve(state, protection="password", users={user: first})
            vault, integrity = OpenVault(state.uuid, rings), rings["integrity"]
        draft = Draft(state, vault=vault, now=moment(now or utc_now()), make_key=make_key)
        if not mirror and state.protection in ("process", "password"):
            default_cas(draft)
        backing: Backing
        if path is None:
            backing = MemoryBacking(draft.finished(), draft.events)
        else:
            memory = vault if isinstance(vault, MemoryVault) else None
            backing = create_file(path, draft.finished(), draft.events, key=integrity, memory=memory)
        return cls(backing, vault, user=user, right="administrator", make_key=make_key)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        password: str | bytes | None = None,
        user: str = "admin",
        make_key: KeySource = generate,
    ) -> Self:
        """Open a project file, logging a user in.

        Args:
            path: The file.
            password: Of the user; None for a project without protection.
            user: Who logs in; the right comes with the user.
            make_key: Where new keys come from, by kind.

        Raises:
            ParameterError: No such file, not a project, a wrong password or an unknown user.
        """
        backing, vault, right = open_file(path, password=password, user=user)
        return cls(backing, vault, user=user, right=right, make_key=make_key)

    @staticmethod
    def is_protected(path: str | os.PathLike[str]) -> bool:
        """Whether a project file asks for a password.

        Raises:
            ParameterError: No such file, or not a project.
        """
        return needs_password(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. Snapshots that devices have given stay usable."""
        self._backing.close()

    # -- users --------------------------------------------------------------------------------------------------------

    def protect(
        self, password: str | bytes, *, user: str = "admin", cost: Cost | None = None, now: datetime | None = None
    ) -> None:
        """Protect an unprotected project: the first administrator, sealed keys, and default CAs 1 and 2 (R32).

        This session is logged out by it; open the project again with the password (R62).
        """
        self._change("administrator", now, lambda draft: people.protect(draft, user, password, cost or Cost()))
        self._vault, self.right = LockedVault(), "diagnostics"

    def add_user(
        self, name: str, right: Right, password: str | bytes, *, cost: Cost | None = None, now: datetime | None = None
    ) -> None:
        """A new user with a password of their own.

        Args:
            name: 1 to 64 characters.
            right: `administrator`, `standard` (tables of devices, opens their keys) or `diagnostics` (reads).
            password: 1 to 1024 bytes.
            cost: Of the password's stretching; as for this session's user by default.
            now: Time of the operation.
        """
        self._change("administrator", now, lambda draft: people.add(draft, name, right, password, cost or self._cost()))

    def set_password(
        self, password: str | bytes, *, user: str | None = None, cost: Cost | None = None, now: datetime | None = None
    ) -> None:
        """Another password for this session's user or, as an administrator, for another one."""
        name = user or self.user
        needs: Right = "diagnostics" if name == self.user else "administrator"
        self._change(needs, now, lambda draft: people.set_password(draft, name, password, cost or self._cost()))
        if name == self.user:
            self._login = self._backing.current().users[name]

    def remove_user(self, name: str, *, now: datetime | None = None) -> None:
        """Remove a user; one administrator has to stay."""
        self._change("administrator", now, lambda draft: people.remove(draft, name))

    def _cost(self) -> Cost:
        """What this session's own login costs, for passwords that are set by it."""
        known = self._backing.current().users.get(self.user)
        return Cost() if known is None else known.cost

    # -- copies -------------------------------------------------------------------------------------------------------

    def download(
        self,
        device: str,
        path: str | os.PathLike[str],
        *,
        password: str | bytes | None,
        insecure_keys: bool = False,
        in_run: bool = False,
        cost: Cost | None = None,
    ) -> Changes:
        """Write one device's certificates, keys and trust into a file of its own, for `Device.open` (R62).

        Args:
            device: Name.
            path: The file; one that is there is replaced in one step, and what the device holds is compared with it.
            password: Of the file, not of the project.
            insecure_keys: Without a password, write the keys in clear. For laboratories.
            in_run: Refuse what a running CPU does not take over: an ID that the older download in `path` does not have, and
                any change below the firmware that loads certificates in RUN (R60, R61). Stations of this library take
                everything over at their next handshake.
            cost: Of the password's stretching.

        Returns:
            What differs from the older download in `path`; everything is new where there is none that the password opens.

        Raises:
            ParameterError: Not an administrator; nothing to protect the keys; not loadable in RUN; the file cannot be written.
        """
        state = self._backing.current()
        self._still_logged_in(state)
        if self.right != "administrator":
            raise ParameterError("only an administrator downloads a device", where=self.name,
                                 remedy="Log in as an administrator: --user")  # fmt: skip
        if password is None and not insecure_keys:
            raise ParameterError("a device file needs a password", where="password", remedy="Give one")
        if password is not None and insecure_keys:
            raise ParameterError("a password and insecure keys exclude each other", where="insecure_keys",
                                 remedy="Leave one of them out")  # fmt: skip
        config, store = state.device(device), self._download(device)
        changes = store.changes_from(_older(path, device, password))
        if in_run:
            _refuse_stop(config, changes)
        write_device(path, store, config, password=password, cost=cost or self._cost())
        return changes

    def backup(self, target: str | os.PathLike[str]) -> None:
        """Copy the project into a new file, while others may go on working with it."""
        self._backing.backup(os.fspath(target))

    def check(self) -> tuple[str, ...]:
        """What is wrong with the project, one sentence each: the file, its permissions, every certificate and key.

        Certificates in use that were revoked, or that TLS refuses, are wrong too.
        """
        found = list(self._backing.damage())
        if isinstance(self._backing, FileBacking) and os.name == "posix":
            mode = stat.S_IMODE(Path(self._backing.path).stat().st_mode)
            if mode & 0o077:
                found.append(f"the file can be read by others (mode {mode:04o}); it should be 0600")
        if self.protection == "clear":
            found.append("private keys lie in the file in clear")
        state = self._backing.current()
        found += [tables.too_many(name, count) for name, count in tables.overfull(state).items()]
        for number, entry in sorted(state.entries.items()):
            try:
                if not _same(summary(entry.certificate), entry.facts):
                    found.append(f"certificate {number}: what the table says differs from the certificate")
                if entry.sealed and self._vault.holds(entry.sealed, entry.ring):
                    self._key(entry)
            except OUCError as error:
                found.append(f"certificate {number}: {error}")
        return (*found, *(str(one) for one in self.findings()))


def _same(read: Summary, kept: Summary) -> bool:
    """Whether a row says what its certificate says; older versions called every other name `OTHER` and nothing more."""
    if "OTHER" in kept.san:
        read = attrs.evolve(read, san=tuple("OTHER" if one.startswith("OTHER:") else one for one in read.san))
    return read == kept


def _older(path: str | os.PathLike[str], device: str, password: str | bytes | None) -> DeviceStore:
    """What was downloaded into a file before; nothing where there is no such file of the device, or it does not open."""
    try:
        held = open_device(path, password=password)
    except OUCError:
        held = None
    if held is None or held.name != device:
        return DeviceStore(device=device, generation=0, held=())
    return held.download()


def loads_in_run(config: DeviceConfig) -> bool:
    """Whether a device takes renewed certificates over without STOP (R60)."""
    if config.kind == "PC" or not config.profile:
        return True
    try:
        return profile(config.profile).has("certificates_in_run")
    except ParameterError:  # a project of an earlier version took any text
        return False


def _refuse_stop(config: DeviceConfig, changes: Changes) -> None:
    load_in_run = loads_in_run(config)
    if config.kind == "PC" or not changes.needs_stop(load_in_run=load_in_run):
        return
    if load_in_run:
        ids = ", ".join(map(str, changes.added))
        why = f"{config.name} does not have certificate {ids} yet, and a CPU takes a new ID over in STOP only (R61)"
    else:
        why = f"{config.profile or config.name} takes certificates over in STOP only (R59; in RUN from S7-1500 V3.1 on)"
    raise ParameterError(why, where=config.name, remedy="Download without --in-run, and load it in STOP")
