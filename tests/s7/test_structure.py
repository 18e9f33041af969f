"""Structures declared as classes."""



from __future__ import annotations

import functools
from ipaddress import IPv4Address
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.s7 import DataBlock, Struct, Structure, s7

from .strategies import structures


@attrs.frozen(kw_only=True)
class Inner(Structure):
    """Seven bytes that take eight, ten where they are reserved."""

    LENGTHS: ClassVar[tuple[int, ...]] = (7, 10)
    InterfaceId: int = s7("HW_ANY", default=64)
    RemoteAddress: IPv4Address = s7("IP_V4", default="10.0.0.1")
    ActiveEstablished: bool = s7("Bool", default=True)


@attrs.frozen(kw_only=True)
class Outer(Structure):
    """Everything a connection description uses."""

    ConnPara: Inner = s7(Inner, size=10, factory=Inner)
    Flag: bool = s7("Bool", at=11, default=False)
    Other: bool = s7("Bool", at=13, default=False)
    remote_name: str = s7("String[10]", default="plc.")
    TSel: bytes = s7("Array[1..4] of Byte", default=b"\xe0")
    Ports: tuple[int, ...] = s7("Array[0..2] of UInt", default=(1, 2, 3))
    Grid: Any = s7("Array[0..1, 0..1] of Bool", default=((True, False), (False, True)))
    Stamp: int = s7("LDT", default=0)

    @functools.cached_property
    def checked(self) -> str:
        """Something remembered on a frozen value."""
        return self.remote_name.upper()


@given(structures(Outer))
def test_a_structure_survives_its_image(value: Outer) -> None:
    assert len(value.to_bytes()) == Outer.SIZE
    assert Outer.from_bytes(value.to_bytes()) == value
    assert Outer(**value.to_dict()) == value
    assert hash(Outer.from_bytes(value.to_bytes())) == hash(value)


@given(st.binary(min_size=Outer.SIZE, max_size=Outer.SIZE))
def test_a_random_image_is_a_value_or_one_clear_error(image: bytes) -> None:
    try:
        value = Outer.from_bytes(image)
    except ParameterError as error:
        assert error.failure.where.startswith("Outer.")
        return
    assert Outer.from_bytes(value.to_bytes()) == value


def test_members_lie_where_the_declaration_says() -> None:
    assert [(slot.name, slot.address) for slot in Outer.layout()] == [
        ("ConnPara", "0.0"), ("Flag", "11.0"), ("Other", "13.0"), ("remote_name", "14.0"), ("TSel", "26.0"),
        ("Ports", "30.0"), ("Grid", "36.0"), ("Stamp", "38.0"),
    ]  # fmt: skip
    assert (Inner.SIZE, Outer.SIZE) == (8, 46)


def test_the_start_values_are_those_of_the_declaration() -> None:
    assert Outer.layout().blank == Outer().to_bytes()
    assert [slot.member.start for slot in Inner.layout()] == [64, IPv4Address("10.0.0.1"), True]


def test_values_have_one_form_whatever_they_were_given_as() -> None:
    make: Any = Outer  # what the annotations promise is what reading gives; writing takes more
    inner = Inner(InterfaceId=1, RemoteAddress=IPv4Address("1.2.3.4"))
    value = make(ConnPara={"InterfaceId": 1, "RemoteAddress": "1.2.3.4"}, TSel=[1, 2], Ports=[4, 5, 6])
    assert value == Outer(ConnPara=inner, TSel=b"\1\2", Ports=(4, 5, 6))
    assert value.TSel == b"\1\2\0\0"
    assert isinstance(value.ConnPara.RemoteAddress, IPv4Address)


def test_both_documented_spellings_of_a_member_are_taken() -> None:
    make: Any = Inner
    assert make(interface_id=7, REMOTE_ADDRESS="1.1.1.1", active_established=False) == make(
        InterfaceId=7, RemoteAddress="1.1.1.1", ActiveEstablished=False
    )
    make = Outer
    assert make(RemoteName="x.").remote_name == "x."


@pytest.mark.parametrize(
    ("members", "where", "what"),
    [
        ({"InterfaceId": 70_000}, "Inner.InterfaceId", "0 to 65535"),
        ({"InterfaceId": "64"}, "Inner.InterfaceId", "0 to 65535"),
        ({"RemoteAddress": "1.2.3"}, "Inner.RemoteAddress", "IPv4 address"),
        ({"RemoteAddress": 7}, "Inner.RemoteAddress", "IPv4 address"),
        ({"ActiveEstablished": 2}, "Inner.ActiveEstablished", "TRUE or FALSE"),
        ({"Remote": 1}, "", "has no member Remote"),
        ({"InterfaceId": 1, "interface_id": 2}, "", "given twice"),
    ],
)
def test_a_wrong_member_fails_where_it_is_written(members: dict[str, Any], where: str, what: str) -> None:
    with pytest.raises(ParameterError, match=what) as caught:
        Inner(**members)
    assert caught.value.failure.where == where


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"ConnPara": 5}, "Outer.ConnPara"), ({"ConnPara": Outer()}, "Outer.ConnPara"), ({"TSel": b"12345"}, "Outer.TSel"),
        ({"TSel": [1, 2, 300]}, "Outer.TSel[3]"), ({"TSel": "1234"}, "Outer.TSel[1]"), ({"Ports": (1, 2)}, "Outer.Ports"),
        ({"Ports": (1, 2, -3)}, "Outer.Ports[2]"), ({"remote_name": "longer than ten"}, "Outer.remote_name"),
    ],
)  # fmt: skip
def test_a_wrong_nested_value_is_told_with_its_path(members: dict[str, Any], where: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Outer(**members)
    assert caught.value.failure.where == where


@pytest.mark.parametrize("length", [0, 6, 9, 11])
def test_an_image_of_a_wrong_length_is_refused_with_the_right_ones(length: int) -> None:
    with pytest.raises(ParameterError, match=f"has 7 or 8 or 10 bytes, not {length}"):
        Inner.from_bytes(bytes(length))


@pytest.mark.parametrize("length", [7, 8, 10])
def test_images_of_the_documented_lengths_are_taken(length: int) -> None:
    image = bytes.fromhex("0007 01020304 01")
    expected = Inner(InterfaceId=7, RemoteAddress=IPv4Address("1.2.3.4"))
    assert Inner.from_bytes(image.ljust(length, b"\xff")) == expected


def test_a_member_without_start_value_must_be_given() -> None:
    @attrs.frozen(kw_only=True)
    class Strict(Structure):
        ID: int = s7("CONN_OUC")

    with pytest.raises(ParameterError, match="Strict needs ID"):
        Strict()
    assert Strict(ID=3).to_bytes() == b"\0\3"


def test_converters_and_validators_of_the_declaration_are_run() -> None:
    def even(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
        if value % 2:
            raise ParameterError("odd", where=attribute.name)

    @attrs.frozen(kw_only=True)
    class Picky(Structure):
        Count: int = s7("Int", default="4", converter=int, validator=even)

    make: Any = Picky
    assert make().Count == 4
    with pytest.raises(ParameterError, match="odd"):
        make(Count="5")


def test_something_may_be_remembered_on_the_frozen_value() -> None:
    value = Outer()
    assert value.checked == "PLC."
    assert value.checked is value.checked


def test_a_declared_structure_is_a_type_of_data_blocks() -> None:
    db = DataBlock({"lead": "Bool", "c": Outer.layout(), "tail": "Int"})
    assert db["c"].value() == Outer()
    db["c.conn_para.interface_id"] = 5
    assert db["c"].value() == Outer(ConnPara=Inner(InterfaceId=5))
    db["c"] = Outer(Flag=True)
    assert db["c.Flag"] is True
    with pytest.raises(ParameterError, match="Inner does not fit Outer"):
        db["c"] = Inner()


def test_a_reservation_smaller_than_the_type_is_refused() -> None:
    @attrs.frozen(kw_only=True)
    class Small(Structure):
        Part: Inner = s7(Inner, size=6, factory=Inner)

    with pytest.raises(ParameterError, match="8 bytes, more than the 6 reserved"):
        Small.layout()


def test_a_place_that_is_taken_is_refused() -> None:
    @attrs.frozen(kw_only=True)
    class Overlapping(Structure):
        First: int = s7("DInt", default=0)
        Second: int = s7("Int", at=2, default=0)

    with pytest.raises(ParameterError, match="Second cannot lie at byte 2"):
        Overlapping.layout()


def test_the_layout_is_computed_once() -> None:
    assert isinstance(Outer.layout(), Struct)
    assert Outer.layout() is Outer.layout()
    assert Inner.layout() is not Outer.layout()
