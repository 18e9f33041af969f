"""A project that somebody has opened: who may do what, one step at a time, and the snapshots that devices get."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ..errors import OUCError, ParameterError
from ..visible import logger
from . import devices as tables
from .backing import Backing
from .device import Device
from .entry import Entry, Tab
from .findings import CertificateFinding, findings
from .issue import moment
from .keys import KeySource, PrivateKey, generate, spki
from .names import common_name, issuer_text
from .revoke import crl_of
from .snapshot import CERTIFICATE_LIMIT, DeviceStore
from .state import DeviceConfig, Draft, Event, Group, Protection, Sighting, State
from .vault import LockedVault, Right, User, Vault

__all__ = ["Session", "utc_now"]

T = TypeVar("T")
_log = logger("ouc.certs")

_RANK: Final[dict[Right, int]] = {"diagnostics": 0, "standard": 1, "administrator": 2}


def utc_now() -> datetime:
    """The host's clock, aware."""
    return datetime.now(UTC)


class Session:
    """What every operation of a project stands on: reading, rights, and the step that changes something.

    Attributes:
        user: Who is logged in.
        right: What the session may do: `administrator`, `standard` (tables of devices) or `diagnostics` (reads).
    """

    def __init__(
        self, backing: Backing, vault: Vault, *, user: str = "admin", right: Right, make_key: KeySource = generate
    ) -> None:
        self._backing = backing
        self._vault = vault
        self._make_key = make_key
        self.user = user
        self.right: Right = right
        # As the user was at this login; a new administrator, say, begins with a login of their own.
        self._login: User | None = backing.current().users.get(user)
        self._told: dict[str, str] = {}
        self._stores: dict[str, tuple[State, tuple[object, ...], DeviceStore]] = {}

    def __repr__(self) -> str:
        state = self._backing.current()
        return f"Project({state.name!r}, generation={state.generation}, certificates={len(state.entries)})"

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The project's name."""
        return self._backing.current().name

    @property
    def generation(self) -> int:
        """Grows by one with every operation."""
        return self._backing.current().generation

    @property
    def mirror(self) -> bool:
        """The project mirrors one in TIA Portal."""
        return self._backing.current().mirror

    @property
    def protection(self) -> Protection:
        """`password`; `process` for a project in memory; `none` or `clear` for an unprotected file."""
        return self._backing.current().protection

    def entries(self, device: str | None = None, tab: Tab | str | None = None) -> list[Entry]:
        """Rows of the certificate manager, by ID.

        Args:
            device: Only what this device holds.
            tab: Only this tab: `ca`, `device` or `trusted`.

        Raises:
            ParameterError: There is no such device or tab.
        """
        state = self._backing.current()
        ids = sorted(state.entries) if device is None else sorted(tables.ids_on(state, state.device(device)))
        try:
            wanted = Tab(tab) if isinstance(tab, str) else tab
        except ValueError:
            known = ", ".join(one.value for one in Tab)
            raise ParameterError(f"there is no tab {tab!r}", where="tab", remedy=f"Choose among {known}") from None
        return [state.entries[number] for number in ids if wanted in (None, state.entries[number].tab)]

    def entry(self, number: int) -> Entry:
        """One row.

        Raises:
            ParameterError: There is no such ID now.
        """
        return self._backing.current().entry(number)

    def findings(self) -> tuple[CertificateFinding, ...]:
        """What is wrong with the certificates that devices use, dates excepted: revoked, refused by TLS, no list."""
        return findings(self._backing.current())

    def identify(self, certificate: x509.Certificate) -> int | None:
        """The ID under which the project holds a certificate, None if it does not."""
        return self._backing.current().fingerprints.get(certificate.fingerprint(hashes.SHA256()).hex())

    def history(self, number: int | None = None) -> tuple[Event, ...]:
        """What happened to an ID, or to all of them, oldest first; deleted ones included."""
        return self._backing.history(number)

    @property
    def devices(self) -> tuple[DeviceConfig, ...]:
        """The devices and their tables, by name."""
        return tuple(one for _, one in sorted(self._backing.current().devices.items()))

    def overfull(self) -> dict[str, int]:
        """Devices that more certificates belong to than fit (64), with how many. Such a device cannot be used."""
        return tables.overfull(self._backing.current())

    @property
    def groups(self) -> tuple[Group, ...]:
        """Groups of anchors, by ID."""
        return tuple(one for _, one in sorted(self._backing.current().groups.items()))

    @property
    def users(self) -> tuple[tuple[str, Right], ...]:
        """Users and their rights."""
        return tuple((one.name, one.right) for one in self._backing.current().users.values())

    def sightings(self) -> tuple[Sighting, ...]:
        """What partners presented when stations last saw them, by device and partner."""
        return tuple(one for _, one in sorted(self._backing.current().sightings.items()))

    def crl(self, issuer_id: int) -> x509.CertificateRevocationList | None:
        """The current revocation list of a CA, None if it has none."""
        state = self._backing.current()
        state.entry(issuer_id)
        return crl_of(state.crls[issuer_id].der) if issuer_id in state.crls else None

    def affected(self, number: int) -> tuple[int, ...]:
        """IDs that a CA's replacement, or its renewal with a new key, issues again."""
        state = self._backing.current()
        state.entry(number)
        children = (one for one in state.entries.values() if one.issuer_id == number != one.id)
        return tuple(sorted(one.id for one in children if one.revoked is None))

    # -- devices ------------------------------------------------------------------------------------------------------

    def device(self, name: str, *, release: Callable[[], None] | None = None) -> Device:
        """A device as a station uses it; it follows every later change of the project.

        Args:
            name: Of the device.
            release: What the device's `close` does, where the project was opened for it alone.

        Raises:
            ParameterError: There is no such device, or more certificates belong to it than fit.
        """
        state = self._backing.current()
        config = state.device(name)
        count = len(tables.ids_on(state, config))
        if count > CERTIFICATE_LIMIT:
            raise ParameterError(tables.too_many(name, count), where=name, remedy=tables.SMALLER)
        return Device(
            name,
            addresses=config.addresses,
            profile=config.profile,
            download=lambda: self._download(name),
            saw=lambda partner, certificate, now: self._saw(name, partner, certificate, now),
            release=release,
        )

    def _download(self, name: str) -> DeviceStore:
        known = self._stores.get(name)
        try:
            state = self._backing.current()
        except OUCError as error:
            if known is None:
                raise
            # A station goes on with what was authentic: whoever spoils the file must not stop the plant by it.
            self._tell_once(name, f"what {name} held before stays: {error}")
            return known[2]
        # The very same state: a file in the place of this one may hold another state with the same number.
        if known is not None and known[0] is state:
            return known[2]
        config = state.device(name)
        content = tables.content(state, config)
        if known is not None and known[1] == content:
            self._stores[name] = (state, content, known[2])
            return known[2]
        store = self._snapshot(state, config, known[2] if known is not None else None)
        self._stores[name] = (state, content, store)
        return store

    def _tell_once(self, device: str, what: str) -> None:
        if self._told.get(device) != what:
            self._told[device] = what
            _log.warning("%s", what)

    def _snapshot(self, state: State, config: DeviceConfig, older: DeviceStore | None) -> DeviceStore:
        keys = {}
        for number in config.own:
            entry = state.entries[number]
            before = older.held.get(number) if older is not None else None
            if before is not None and before.key is not None and before.facts.fingerprint == entry.facts.fingerprint:
                keys[number] = before.key
            elif entry.has_key:
                keys[number] = self._key(entry)
        held = tables.held_by(state, config, keys)
        on_device = {one.id for one in held}
        return DeviceStore(
            device=config.name,
            generation=state.generation,
            held=held,
            groups={one.id: one.members for one in state.groups.values()},
            elsewhere=frozenset(state.entries) - on_device,
            crls=[crl_of(crl.der) for issuer, crl in state.crls.items() if issuer in on_device],
            revocation=config.revocation,
        )

    def _key(self, entry: Entry) -> PrivateKey:
        return self._vault.unseal(entry.sealed, entry.ring, spki(entry.certificate.public_key()))

    def _saw(self, device: str, partner: str, certificate: x509.Certificate, now: datetime) -> bool:
        """Note a partner's certificate; only what is new costs a write, so a flapping connection costs none."""
        state = self._backing.current()
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        known = state.sightings.get((device, partner))
        if known is not None and known.fingerprint == fingerprint and known.at.date() == now.date():
            return True

        def note(draft: Draft) -> None:
            draft.sightings[device, partner] = Sighting(
                device=device, partner=partner, at=draft.now, fingerprint=fingerprint,
                common_name=common_name(certificate.subject), issuer=issuer_text(certificate.issuer),
                issuer_id=draft.issuer_of(certificate, own_id=draft.fingerprints.get(fingerprint, 0)),
                not_after=certificate.not_valid_after_utc,
            )  # fmt: skip

        self._change("diagnostics", now, note)
        return True

    # -- changing -----------------------------------------------------------------------------------------------------

    def _change(self, needs: Right, now: datetime | None, operation: Callable[[Draft], T]) -> T:
        """Run one operation and commit it; the only way anything changes."""
        if _RANK[self.right] < _RANK[needs]:
            raise ParameterError(
                f"this needs the right '{needs}', and the session has '{self.right}'", where=self.name,
                remedy=f"Log in as a user with the right '{needs}'",
            )  # fmt: skip
        at = moment(now or utc_now())
        results: list[T] = []

        def work(state: State) -> Draft:
            draft = Draft(state, vault=self._vault, now=at, make_key=self._make_key)
            self._still_logged_in(state)
            results[:] = [operation(draft)]
            tables.check_limits(draft)
            return draft

        self._backing.change(work)
        return results[0]

    def _still_logged_in(self, state: State) -> None:
        """Refuse a session whose user was removed, or has another right or password by now (R62)."""
        if self._login is None or state.protection != "password" or isinstance(self._vault, LockedVault):
            return
        now = state.users.get(self.user)
        if now != self._login:
            what = "was removed" if now is None else "has another password or right now"
            raise ParameterError(f"user {self.user!r} {what}", where=state.name, remedy="Log in again: open the project again")

    def _global(self) -> None:
        """Refuse what TIA Portal's unprotected projects cannot do (certificates.md 1.3, R141)."""
        if self.protection in ("none", "clear"):
            raise ParameterError(
                "the global certificate manager needs a protected project", where=self.name,
                remedy="Protect the project: ouc project password",
            )  # fmt: skip
