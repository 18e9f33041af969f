"""Sealed keys and passwords: what opens, what does not, and what never shows."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.certs.keys import spki
from ouc.certs.vault import (
    RIGHTS,
    ClearVault,
    Cost,
    LockedVault,
    MemoryVault,
    OpenVault,
    Right,
    new_rings,
    open_user,
    seal_bytes,
    seal_user,
    unseal_bytes,
)
from ouc.errors import ParameterError

from .strategies import CHEAP, made

KEY = made("x").key
PUBLIC = spki(KEY.public_key())


@given(st.binary(max_size=200), st.binary(max_size=20), st.binary(min_size=32, max_size=32))
def test_what_is_sealed_opens_with_the_same_key_and_binding_only(data: bytes, bound: bytes, key: bytes) -> None:
    sealed = seal_bytes(key, data, bound)
    assert unseal_bytes(key, sealed, bound) == data
    for other_key, other_bound in ((key, bound + b"x"), (bytes(32), bound) if key != bytes(32) else (b"1" * 32, bound)):
        with pytest.raises(ParameterError):
            unseal_bytes(other_key, sealed, other_bound)


@given(st.binary(min_size=1, max_size=100), st.data())
def test_one_changed_bit_of_sealed_data_is_noticed(data: bytes, draw: st.DataObject) -> None:
    sealed = bytearray(seal_bytes(bytes(32), data, b""))
    sealed[draw.draw(st.integers(0, len(sealed) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(ParameterError):
        unseal_bytes(bytes(32), bytes(sealed), b"")


@pytest.mark.parametrize("size", range(30))
def test_sealed_data_that_was_cut_is_one_error(size: int) -> None:
    with pytest.raises(ParameterError):
        unseal_bytes(bytes(32), seal_bytes(bytes(32), b"a" * 8, b"")[:size], b"")


@given(st.sampled_from(list(RIGHTS)), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_password_opens_the_rings_of_its_right_and_another_opens_none(right: Right, password: str, other: str) -> None:
    rings = new_rings()
    user = seal_user("project", "anna", right, password.encode("utf-8", "replace"), rings, CHEAP)
    assert open_user("project", user, password.encode("utf-8", "replace")) == {ring: rings[ring] for ring in RIGHTS[right]}
    if other.encode("utf-8", "replace") != password.encode("utf-8", "replace"):
        with pytest.raises(ParameterError, match="wrong password"):
            open_user("project", user, other.encode("utf-8", "replace"))
    with pytest.raises(ParameterError, match="wrong password"):
        open_user("another project", user, password.encode("utf-8", "replace"))


def test_a_right_cannot_be_raised_in_the_file() -> None:
    user = seal_user("project", "anna", "standard", "pw", new_rings(), CHEAP)
    with pytest.raises(ParameterError, match="wrong password"):
        open_user("project", attrs.evolve(user, right="administrator"), "pw")


def test_nobody_gives_away_rings_they_do_not_hold() -> None:
    rings = new_rings()
    with pytest.raises(ParameterError, match="only an administrator"):
        seal_user("project", "eve", "administrator", "pw", {"device": rings["device"]}, CHEAP)


@pytest.mark.parametrize("cost", [{"n": 2**30}, {"n": 3}, {"n": 2**9}, {"r": 99}, {"p": 0}])
def test_a_cost_outside_its_limits_is_refused_before_any_work(cost: dict[str, int]) -> None:
    with pytest.raises(ParameterError, match="scrypt parameter"):
        Cost(**cost)


@pytest.mark.parametrize("password", ["", "x" * 1025])
def test_a_password_has_1_to_1024_bytes(password: str) -> None:
    with pytest.raises(ParameterError, match="1 to 1024 bytes"):
        seal_user("project", "anna", "standard", password, new_rings(), CHEAP)


@pytest.mark.parametrize(
    "vault", [MemoryVault(), ClearVault(), OpenVault("project", new_rings())], ids=lambda one: type(one).__name__
)
def test_each_vault_gives_back_the_key_for_its_own_certificate_only(vault: MemoryVault | ClearVault | OpenVault) -> None:
    sealed = vault.seal(KEY, "device")
    assert vault.holds(sealed, "device")
    assert vault.unseal(sealed, "device", PUBLIC).private_numbers() == KEY.private_numbers()
    with pytest.raises(ParameterError):
        vault.unseal(sealed, "device", spki(made("other").key.public_key()))


def test_nothing_about_keys_shows_in_what_is_printed() -> None:
    rings = new_rings()
    user = seal_user("project", "anna", "administrator", "hunter2", rings, CHEAP)
    printed = repr(user) + repr(OpenVault("project", rings)) + repr(MemoryVault())
    secrets = (rings["device"].hex(), rings["authority"].hex(), "hunter2", user.sealed.hex())
    assert all(secret not in printed for secret in secrets)
    assert "salt" not in printed


def test_a_locked_vault_gives_nothing() -> None:
    vault = LockedVault()
    assert not vault.holds(b"x", "device")
    with pytest.raises(ParameterError, match="nobody is logged in"):
        vault.unseal(b"x", "device", PUBLIC)
