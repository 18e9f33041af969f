"""Descriptions as TOML, dictionaries and Python."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc import params
from ouc.errors import ParameterError
from ouc.params import Description, from_mapping, loads, to_python, to_toml

from .strategies import CLIENT, DESCRIPTIONS, SERVER, any_description

variable_names = st.text(max_size=30)


@given(st.dictionaries(variable_names, any_description, max_size=4))
def test_TOML_reads_back_as_what_was_written(values: dict[str, Description]) -> None:
    assert loads(to_toml(values)) == values


@given(any_description)
def test_a_dictionary_with_the_name_of_the_structure_reads_back(value: Description) -> None:
    assert from_mapping({"structure": type(value).__name__, **value.to_dict()}) == value


@given(
    st.dictionaries(
        st.sampled_from(["a b", "a_b", "A-B", "as", "if", "1", "", "ü"]) | variable_names, any_description, max_size=4
    )
)
def test_Python_makes_the_same_values(values: dict[str, Description]) -> None:
    # What is executed is an import of ouc.params and calls of its classes.
    text = to_python(values)
    tree = ast.parse(text)
    assert all(isinstance(line, ast.ImportFrom | ast.Assign) for line in tree.body)
    made: dict[str, Any] = {}
    exec(compile(tree, "<description>", "exec"), made)
    assert [made[target.id] for target in _targets(tree)] == list(values.values())


def _targets(tree: ast.Module) -> list[ast.Name]:
    lines = [line for line in tree.body if isinstance(line, ast.Assign)]
    return [target for line in lines for target in line.targets if isinstance(target, ast.Name)]


def test_members_of_ConnPara_may_stand_beside_the_others() -> None:
    flat = {
        "structure": "tcon_ip_v4_sec",
        "remote_address": "192.168.0.1",
        "LocalPort": 0,
        "ActivateSecureConn": True,
        "TLSServerCertRef": 3,
        "tls_client_cert_ref": 11,
    }
    assert from_mapping(flat) == CLIENT


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x = 1\ny y", "line 2"),
        ("x = 5", "no table"),
        ("[x]\nID = 5", "structure"),
        ('[x]\nstructure = "TCON_XYZ"', "TCON_XYZ"),
        ('[x]\nstructure = "TADDR_Param"', "no connection description"),
        ('[x]\nstructure = "TCON_IP_v4"\nRemotePort = 70000', "0 to 65535"),
        ('[x]\nstructure = "TCON_IP_v4"\nColour = 5', "no member Colour"),
        ('[x]\nstructure = "TCON_IP_v4"\nRemoteAddress = "nowhere"', "IPv4 address"),
        ('[x]\nstructure = "TCON_IP_V4_SEC"\nConnPara = 5', "does not fit TCON_IP_v4"),
        ('[x]\nstructure = "TCON_IP_v4"\nID = [1]', "CONN_OUC"),
        ("x = " + "[" * 100_000, "deep"),
    ],
)
def test_what_is_no_description_is_told_with_its_place(text: str, part: str) -> None:
    with pytest.raises(ParameterError, match=part) as caught:
        loads(text, name="plant.toml")
    assert str(caught.value).startswith("plant.toml")


def test_a_text_of_more_than_4_MiB_is_refused_unread() -> None:
    with pytest.raises(ParameterError, match="more than"):
        loads("#" * (4 * 1024 * 1024 + 1))


@given(st.text(max_size=200))
def test_any_text_is_descriptions_or_one_error(text: str) -> None:
    try:
        found = loads(text)
    except ParameterError:
        return
    assert all(isinstance(value, Description) for value in found.values())


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
members = sorted({slot.name for kind in DESCRIPTIONS for slot in kind.layout()})


@given(
    st.sampled_from(DESCRIPTIONS),
    st.dictionaries(st.sampled_from(members) | st.text(max_size=8), json_like, max_size=4),
)
def test_any_mapping_is_a_description_or_one_error(kind: type[Description], values: dict[str, Any]) -> None:
    try:
        found = from_mapping({**values, "structure": kind.__name__})
    except ParameterError as error:
        assert error.failure.what
        return
    assert isinstance(found, kind)


def test_Python_leaves_out_what_has_its_start_value() -> None:
    text = to_python({"server": SERVER})
    assert "ConnectionType" not in text
    assert "TLSServerCertRef=9" in text
    assert text.startswith("from ouc.params import TCON_IP_V4_SEC, TCON_IP_v4\n")


def test_every_structure_at_CONNECT_is_exported() -> None:
    assert {kind.__name__ for kind in DESCRIPTIONS} <= set(params.__all__)
