"""The manager against a simple model: whatever is done in whatever order, IDs, references and history agree."""

from __future__ import annotations

import os

import attrs
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from ouc.certs import Project
from ouc.certs.snapshot import DeviceStore
from ouc.errors import CertificateError, ParameterError

from .strategies import DAY, NOW, Made, made, make_project, pem

DEVICES = ("PLC-1", "PLC-2", "PC-1")


@attrs.define
class Row:
    """What the model knows of an ID."""

    fingerprint: str
    issuer: int
    has_key: bool
    ca: bool
    revoked: bool = False
    history: list[str] = attrs.field(factory=list)


class Manager(RuleBasedStateMachine):
    """Random operations on a project, and a dictionary beside it that says what should be."""

    ids = Bundle("ids")

    @initialize()
    def start(self) -> None:
        self.day = 0
        self.project: Project = make_project()
        self.rows: dict[int, Row] = {}
        self.gone: dict[int, Row] = {}
        self.own: dict[str, list[int]] = {}
        self.partners: dict[str, list[int]] = {}
        self.snapshots: dict[str, DeviceStore] = {}
        self.foreign: dict[int, Made] = {}
        for number in (1, 2):
            self._created(number)
        for name in DEVICES:
            kind = "PC" if name.startswith("PC") else "CPU"
            self.project.add_device(name, addresses=["192.168.0.1"], kind=kind, now=NOW)  # type: ignore[arg-type]
            self.own[name], self.partners[name] = [], []
            if kind == "CPU":
                new = sorted(entry.id for entry in self.project.entries() if entry.id not in self.rows)
                for number in new:
                    self._created(number)
                self.own[name].append(new[-1])

    @property
    def now(self):  # type: ignore[no-untyped-def]
        return NOW + self.day * DAY

    def _created(self, number: int, what: str = "created") -> int:
        entry = self.project.entry(number)
        self.rows[number] = Row(entry.facts.fingerprint, entry.issuer_id or 0, entry.has_key, entry.facts.is_ca, history=[what])
        return number

    def _changed(self, number: int, what: str) -> None:
        entry = self.project.entry(number)
        row = self.rows[number]
        assert entry.facts.fingerprint != row.fingerprint
        row.fingerprint, row.issuer, row.has_key = entry.facts.fingerprint, entry.issuer_id or 0, entry.has_key
        row.revoked = False
        row.history.append(what)

    def _signing(self) -> list[int]:
        return [number for number, row in self.rows.items() if row.ca and row.has_key and not row.revoked]

    @rule(target=ids, device=st.sampled_from(DEVICES), data=st.data())
    def new(self, device: str, data: st.DataObject) -> int:
        issuer = data.draw(st.sampled_from(["self", *self._signing()]))
        entry = self.project.new(usage="tls", issuer=issuer, device=device, days=100, now=self.now)  # type: ignore[arg-type]
        assert entry.id not in self.rows
        assert entry.id not in self.gone
        self.own[device].append(entry.id)
        return self._created(entry.id)

    @rule(target=ids, data=st.data())
    def new_ca(self, data: st.DataObject) -> int:
        issuer = data.draw(st.sampled_from(["self", *self._signing()]))
        entry = self.project.new(usage="ca", issuer=issuer, common_name="CA", key="ec-p256", now=self.now)  # type: ignore[arg-type]
        return self._created(entry.id)

    @rule(target=ids, as_ca=st.booleans(), gap=st.integers(0, 3))
    def import_foreign(self, as_ca: bool, gap: int) -> int:
        one = made("foreign", ca=as_ca)
        taken = max([*self.rows, *self.gone]) + gap if gap else None
        if taken in self.rows or taken in self.gone:
            taken = None
        (entry,) = self.project.import_(pem(one.certificate), as_="ca" if as_ca else "trusted", id=taken, now=self.now)
        assert taken in (None, entry.id)
        self.foreign[entry.id] = one
        return self._created(entry.id, "imported")

    @rule(number=ids)
    def an_id_is_never_given_twice(self, number: int) -> None:
        with pytest.raises(ParameterError, match="never used again"):
            self.project.import_(pem(made("late").certificate), as_="trusted", id=number, now=self.now)

    @rule(number=ids, keep=st.sampled_from([None, True, False]))
    def renew(self, number: int, keep: bool | None) -> None:
        row = self.rows.get(number)
        self.day += 1
        possible = row is not None and row.has_key and (row.issuer == number or row.issuer in self._signing())
        if not possible or row is None:
            with pytest.raises(ParameterError):
                self.project.renew(number, keep_key=keep, now=self.now)
            return
        children = self._children(number) if row.ca and keep is False else []
        try:
            self.project.renew(number, keep_key=keep, now=self.now)
        except ParameterError as error:
            assert "ends before it begins" in str(error) or "outlive" in str(error)
            return
        self._changed(number, "renewed")
        for child in children:
            self._changed(child, "re-issued")

    def _children(self, number: int) -> list[int]:
        return [
            child for child, row in self.rows.items()
            if row.issuer == number and child != number and not row.revoked
            and self.project.entry(child).facts.not_after > self.now
        ]  # fmt: skip

    @rule(number=ids)
    def replace_foreign(self, number: int) -> None:
        if number not in self.foreign or number not in self.rows:
            return
        one = made("successor", ca=self.rows[number].ca)
        self.project.replace(number, one.certificate.public_bytes(Encoding.DER), now=self.now)
        self._changed(number, "replaced")

    @rule(number=ids)
    def delete(self, number: int) -> None:
        row = self.rows.get(number)
        in_use = any(other.issuer == number and child != number for child, other in self.rows.items())
        if row is None or in_use or number in (1, 2, 3):
            with pytest.raises(ParameterError):
                self.project.delete(number, now=self.now)
            return
        self.project.delete(number, now=self.now)
        row.history.append("deleted")
        self.gone[number] = self.rows.pop(number)
        for table in (*self.own.values(), *self.partners.values()):
            if number in table:
                table.remove(number)

    @rule(number=ids)
    def revoke(self, number: int) -> None:
        row = self.rows.get(number)
        possible = row is not None and not row.revoked and row.issuer in self._signing() and row.issuer != number
        if not possible or row is None:
            with pytest.raises(ParameterError):
                self.project.revoke(number, now=self.now)
            return
        self.project.revoke(number, now=self.now)
        row.revoked = True
        row.history.append("revoked")
        self.rows[row.issuer].history.append("revocation list")
        crl = self.project.crl(row.issuer)
        assert crl is not None
        assert crl.get_revoked_certificate_by_serial_number(self.project.entry(number).certificate.serial_number) is not None

    @rule(number=ids, device=st.sampled_from(DEVICES))
    def assign_as_partner(self, number: int, device: str) -> None:
        if number not in self.rows:
            with pytest.raises(ParameterError):
                self.project.assign(number, device, used_as="trusted", now=self.now)
            return
        self.project.assign(number, device, used_as="trusted", now=self.now)
        self.rows[number].history.append("assigned")
        if number not in self.partners[device]:
            self.partners[device].append(number)

    @rule(number=ids, device=st.sampled_from(DEVICES))
    def unassign(self, number: int, device: str) -> None:
        tables = [table for table in (self.own[device], self.partners[device]) if number in table]
        if not tables:
            with pytest.raises(ParameterError):
                self.project.unassign(number, device, now=self.now)
            return
        self.project.unassign(number, device, now=self.now)
        self.rows[number].history.append("unassigned")
        for table in tables:
            table.remove(number)

    @rule(target=ids)
    def take_a_used_id(self):  # type: ignore[no-untyped-def]
        return multiple(*list(self.rows)[:2])

    @invariant()
    def the_table_is_what_the_model_says(self) -> None:
        if not hasattr(self, "project"):
            return
        shown = {entry.id: entry for entry in self.project.entries()}
        assert set(shown) == set(self.rows)
        assert not set(shown) & set(self.gone)
        for number, row in self.rows.items():
            entry = shown[number]
            assert (entry.facts.fingerprint, entry.has_key, entry.facts.is_ca) == (row.fingerprint, row.has_key, row.ca)
            assert (entry.revoked is not None) == row.revoked
        for number, row in {**self.rows, **self.gone}.items():
            assert [event.what for event in self.project.history(number)] == row.history

    @invariant()
    def devices_hold_what_their_tables_and_chains_say(self) -> None:
        if not hasattr(self, "project"):
            return
        for name in DEVICES:
            store = self.project.device(name).download()
            expected = set(self.own[name]) | set(self.partners[name])
            for number in tuple(expected):
                expected |= self._above(number)
            assert set(store.held) == expected
            assert set(store.own_ids) == {number for number in self.own[name] if self.rows[number].has_key}
            before = self.snapshots.get(name)
            if before is not None:
                assert store.generation >= before.generation
                assert (store is before) == (store.generation == before.generation)
            self.snapshots[name] = store

    @invariant()
    def every_reference_is_answered_as_the_model_says(self) -> None:
        if not hasattr(self, "project"):
            return
        store = self.project.device("PLC-1").download()
        for number in [*self.rows, *self.gone]:
            mine = number in self.own["PLC-1"] and self.rows[number].has_key
            try:
                own = store.own(number, side="server")
            except CertificateError as error:
                assert error.status == 0x80ED
                assert not mine
            else:
                assert mine
                assert own is not None
                assert store.identify(own.certificate) == number
            if number in self.gone:
                with pytest.raises(CertificateError) as caught:
                    store.trust(number, side="client")
                assert caught.value.status == 0x80ED

    def _above(self, number: int) -> set[int]:
        found: set[int] = set()
        row = self.rows[number]
        while row.issuer and row.issuer in self.rows and row.issuer not in found and row.issuer != number:
            found.add(row.issuer)
            number, row = row.issuer, self.rows[row.issuer]
        return found


TestManager = Manager.TestCase
if os.environ.get("OUC_SOAK") != "1":  # a soak run takes its number of cases from its profile
    TestManager.settings = settings(max_examples=15, stateful_step_count=25)
