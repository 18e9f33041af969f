"""Members by name, by address and through views, in place."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.s7 import Array, ArrayView, DataBlock, Member, Paths, Struct, StructView, changed, leaves, typeof

from .strategies import layouts, values

MOTOR = Struct([Member("Speed", typeof("Int")), Member("On", typeof("Bool")), Member("Name", typeof("String[8]"))])
PLANT = Struct([
    Member("Var1", typeof("Bool")),
    Member("Motor", Array(((1, 4),), MOTOR)),
    Member("Matrix", typeof("Array[0..1, 1..3] of Int")),
    Member("Main drive", MOTOR),
    Member("Bits", typeof("Array[0..9] of Bool")),
    Member("items", typeof("Int")),
])  # fmt: skip


def plant() -> DataBlock:
    return DataBlock(PLANT, name="Plant")


def test_a_member_is_read_and_written_by_its_path_in_any_letter_case() -> None:
    db = plant()
    db["Motor[3].Speed"] = 1500
    assert db["motor[3].SPEED"] == 1500
    assert db["Motor[ 3 ].Speed"] == 1500
    assert db.Motor[3].Speed == 1500
    assert db["Motor"][3]["Speed"] == 1500


def test_a_name_with_a_blank_needs_no_quotes_alone_and_quotes_in_a_path() -> None:
    db = plant()
    db['"Main drive".Speed'] = 7
    assert db["Main drive"].Speed == 7
    assert db["Main drive.Speed"] == 7
    assert db['"main drive"']["speed"] == 7


def test_views_write_through_to_the_one_image() -> None:
    image = bytearray(PLANT.size)
    db = DataBlock(PLANT, image)
    motor = db["Motor[2]"]
    motor.Speed = 3
    motor["On"] = True
    assert db.image is image
    place = db.type_at("Motor[2].Speed").size
    assert image[2 + 14 : 2 + 14 + place] == b"\x00\x03"
    image[2 + 14 + 1] = 9
    assert motor.Speed == 9


def test_a_memoryview_is_worked_on_in_place() -> None:
    memory = bytearray(PLANT.size)
    DataBlock(PLANT, memoryview(memory))["items"] = 0x0102
    assert memory[-2:] == b"\x01\x02"


def test_bytes_are_copied() -> None:
    image = bytes(PLANT.size)
    db = DataBlock(PLANT, image)
    db["items"] = 5
    assert image == bytes(PLANT.size)
    assert db["items"] == 5


def test_a_structure_takes_a_mapping_that_names_some_members() -> None:
    db = plant()
    db["Motor[1]"] = {"Speed": 5, "name": "pump"}
    db["Motor[1]"] = {"On": True}
    assert db["Motor[1]"].to_dict() == {"Speed": 5, "On": True, "Name": "pump"}
    db["Motor[2]"] = db["Motor[1]"]
    assert db["Motor[2]"] == db["Motor[1]"]


def test_a_mapping_with_one_wrong_value_changes_nothing() -> None:
    db = plant()
    before = bytes(db)
    with pytest.raises(ParameterError) as caught:
        db["Motor[1]"] = {"Speed": 5, "Name": "a name too long"}
    assert caught.value.failure.where == "Motor[1].Name"
    with pytest.raises(ParameterError):
        db.update({"items": 5, "Motor[1].Speed": 1 << 20})
    assert bytes(db) == before


def test_arrays_are_indexed_by_their_declared_bounds() -> None:
    db = plant()
    db["Matrix"] = [[1, 2, 3], [4, 5, 6]]
    assert db["Matrix[1,3]"] == db.Matrix[1, 3] == db.Matrix[1][3] == 6
    db.Matrix[0, 1] = -1
    assert db.Matrix[:] == [[-1, 2, 3], [4, 5, 6]]
    db.Matrix[1] = [7, 8, 9]
    assert [list(row) for row in db.Matrix] == [[-1, 2, 3], [7, 8, 9]]
    assert db.Matrix.bounds == ((0, 1), (1, 3))
    assert len(db.Matrix) == 2
    assert bytes(db.Matrix) == bytes.fromhex("FFFF 0002 0003 0007 0008 0009")
    db.Bits[9] = True
    assert list(db.Bits) == [False] * 9 + [True]
    db.Bits[:] = [True] * 10
    assert bytes(db.Bits) == b"\xff\x03"


@pytest.mark.parametrize("index", [0, 5, -1, "1", 1.0, True, None, (1, 1)])
def test_an_index_outside_the_bounds_is_refused(index: object) -> None:
    with pytest.raises(ParameterError):
        plant().Motor[index]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("Motr", "did you mean Motor?"),
        ("Motor[5]", "not in 1..4"),
        ("Motor[3].Sped", "did you mean Speed?"),
        ("Var1.x", "Bool does not have the member x"),
        ("Var1[1]", "Bool does not have the index 1"),
        ("Motor.Speed", "does not have the member Speed"),
        ("Matrix[0,1,2]", "Int does not have the index 2"),
        ("", "leads nowhere"),
        ("Motor[", "is no path"),
        ("Motor[1]Speed", "is no path"),
        (".Motor", "is no path"),
        ("Motor..Speed", "is no path"),
        ("Motor[x]", "is no path"),
        ("x" * 10_000, "there is no member"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_with_what_is_wrong(path: str, reason: str) -> None:
    db = plant()
    for use in (lambda: db[path], lambda: db.__setitem__(path, 1)):
        with pytest.raises(ParameterError) as caught:
            use()
        assert reason in caught.value.failure.what


def test_an_attribute_that_is_no_member_is_an_attribute_error() -> None:
    db = plant()
    assert not hasattr(db, "Motr")
    with pytest.raises(AttributeError, match="Motr"):
        db.Motr = 1


def test_a_member_named_like_a_method_is_reached_with_brackets() -> None:
    db = plant()
    db["items"] = 3
    assert ("items", 3) in db.items()
    assert callable(db.items)


def test_a_block_iterates_over_its_members_like_a_dict() -> None:
    db = plant()
    assert list(db) == db.keys() == ["Var1", "Motor", "Matrix", "Main drive", "Bits", "items"]
    assert len(db) == 6
    assert "main DRIVE" in db
    assert "Speed" not in db
    assert isinstance(db.values()[1], ArrayView)
    assert isinstance(db["Main drive"], StructView)
    assert "Motor" in dir(db)


def test_what_lies_behind_a_text_does_not_count_in_a_comparison() -> None:
    one, other = plant(), plant()
    one["Main drive"] = other["Main drive"] = {"Name": "pump"}
    place = next(offset for path, _, offset in leaves(PLANT) if path == '"Main drive".Name')
    one.image[place + 2 + 7] = 0x55
    assert bytes(one) != bytes(other)
    assert one == other
    assert one.changes(other) == []
    other["Main drive"].Name = "pumq"
    assert one != other
    assert [(change.path, change.old, change.new) for change in one.changes(other)] == [
        ('"Main drive".Name', "pump", "pumq")
    ]


def test_a_view_is_equal_to_the_dict_it_would_give() -> None:
    db = plant()
    assert db == db.to_dict()
    assert db["Motor"] == db["Motor"].to_list()
    assert db != {}
    assert db["Motor[1]"] != 5


@given(st.data())
def test_the_changed_members_are_exactly_those_that_were_written(data: st.DataObject) -> None:
    struct = data.draw(layouts)
    db = DataBlock(struct)
    other = db.copy()
    places = list(leaves(struct))
    written = data.draw(st.lists(st.sampled_from(places), max_size=3, unique_by=lambda place: place[0]))
    for path, kind, _ in written:
        other[path] = data.draw(values(kind))
    expected = [path for path, kind, offset in places if not kind.same(db.image, offset, other.image, offset)]
    assert [change.path for change in changed(struct, db.image, other.image)] == expected
    assert set(expected) <= {path for path, _, _ in written}
    assert (db == other) == (not expected)


@given(st.data())
def test_a_block_survives_its_dict(data: st.DataObject) -> None:
    struct = data.draw(layouts)
    db, other = DataBlock(struct), DataBlock(struct)
    db.update(data.draw(values(struct)))
    other.update(db.to_dict())
    assert bytes(other) == bytes(db)


@given(st.data())
def test_every_leaf_is_reached_by_its_path(data: st.DataObject) -> None:
    struct = data.draw(layouts)
    db = DataBlock(struct)
    path, kind, offset = data.draw(st.sampled_from(list(leaves(struct))))
    value = data.draw(values(kind))
    db[path] = value
    assert db[path] == value == kind.read(db.image, offset)


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ("DBX0.0", True), ("dbx0.0", True), ("%DB1.DBX0.0", True), ("DB1.DBX0.1", False), ("DBB2", 0x12), ("DBW2", 0x1234),
        ("DBD2", 0x12345678), ("P#DB1.DBX0.0 BOOL 1", True),
    ],
)  # fmt: skip
def test_absolute_addresses_are_those_of_the_S7_world(address: str, value: Any) -> None:
    db = DataBlock({"b": "Bool", "d": "DWord"})
    db["b"], db["d"] = True, 0x12345678
    assert db[address] == value
    db[address] = value
    assert db["d"] == 0x12345678


def test_a_pointer_gives_the_bytes_in_place() -> None:
    db = DataBlock({"b": "Bool", "d": "DWord"})
    part = db["P#DB1.DBX2.0 BYTE 4"]
    part[3] = 7
    assert db["d"] == 7
    db["P#DBX2.0 WORD 2"] = b"\0\0\0\x09"
    assert db["d"] == 9
    with pytest.raises(ParameterError, match="4 bytes"):
        db["P#DBX2.0 BYTE 4"] = b"123"


NO_ADDRESSES = ["DBX0.8", "DBW6", "DBD4", "DBX0", "DBB0.1", "P#DBX0.0 BYTE 7", "P#DBX0.1 BYTE 1", "P#DBX0.0 KM 1"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_does_not_exist_is_refused(address: str) -> None:
    with pytest.raises(ParameterError):
        DataBlock({"b": "Bool", "d": "DWord"})[address]


def test_a_member_called_like_an_address_wins_over_the_address() -> None:
    db = DataBlock({"a": "Int", "DBW0": "Int"})
    db["DBW0"] = 5
    assert db["a"] == 0


def test_an_address_means_nothing_inside_a_structure() -> None:
    with pytest.raises(ParameterError, match="no member DBW0"):
        plant()["Motor[1]"]["DBW0"]


def test_a_record_is_one_value_with_members() -> None:
    db = DataBlock({"at": "DTL", "ip": "IP_V4"})
    db["at"] = {"YEAR": 2008, "MONTH": 10}
    assert (db["at"].year, db["at.MONTH"]) == (2008, 10)
    db["ip"] = "192.168.0.1"
    assert db["ip"] == IPv4Address("192.168.0.1")
    assert (db["ip.ADDR[1]"], db["ip[4]"], db["ip.ADDR"][:]) == (192, 1, [192, 168, 0, 1])
    db["ip[4]"] = 2
    assert str(db["ip"]) == "192.168.0.2"


def test_an_opaque_type_is_raw_bytes_whose_inside_is_not_guessed() -> None:
    db = DataBlock({"t": "IEC_TIMER"})
    assert db["t"] == bytes(16)
    db["t"] = b"\1" * 16
    assert bytes(db) == b"\1" * 16
    with pytest.raises(ParameterError, match="not published"):
        db["t.PT"]


@pytest.mark.parametrize("length", [0, 1, 257, 259, 260])
def test_an_image_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ParameterError, match=f"has 258 bytes, not {length}"):
        DataBlock({"a": "Bool", "b": "String"}, bytes(length))


def test_the_padding_byte_at_the_end_may_be_missing() -> None:
    db = DataBlock({"i": "Int", "b": "Byte"}, b"\0\x05\x07")
    assert db.to_dict() == {"i": 5, "b": 7}
    assert len(bytes(db)) == 4


def test_the_known_paths_do_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paths, "LIMIT", 50)
    db = DataBlock({"a": "Array[1..200] of Int"})
    for index in range(1, 201):
        db[f"a[{index}]"] = index
    assert [db[f"a[{index}]"] for index in (1, 100, 200)] == [1, 100, 200]
    assert len(PLANT.remember(Paths)) <= 50


def test_errors_inside_nested_views_name_the_whole_path() -> None:
    db = plant()
    with pytest.raises(ParameterError) as caught:
        db.Motor[2].Speed = "fast"
    assert caught.value.failure.where == "Motor[2].Speed"
    with pytest.raises(ParameterError) as caught:
        db["Matrix"] = [[1, 2, 3], [4, 99_999, 6]]
    assert caught.value.failure.where == "Matrix[1][2]"


def test_reprs_are_short_and_say_what_it_is() -> None:
    db = plant()
    assert repr(db) == '<data block "Plant": 6 members, 88 bytes>'
    assert repr(db["Motor[1]"]) == "<Struct Motor[1]: 3 members, 14 bytes>"
    assert repr(db.Motor) == "<Motor: Array[1..4] of Struct>"


def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(ParameterError, match="two members called A"):
        Struct([Member("a", typeof("Int")), Member("A", typeof("Int"))])
