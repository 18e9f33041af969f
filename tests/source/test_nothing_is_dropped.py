"""Every start value that the reader accepts is visible in the block, or refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.params import STRUCTURES
from ouc.s7 import Type, Unfit, literal, locate, parse, split
from ouc.s7.clock import TIMES
from ouc.s7.mail import MAIL_TYPES
from ouc.s7.pointers import POINTERS
from ouc.s7.scalars import HARDWARE_TYPES, NUMBERS
from ouc.s7.system import SYSTEM_TYPES
from ouc.source import Block, emit, loads

from .reading import HEAD, db

ELEMENTARY = sorted({
    *(kind.name for table in (NUMBERS, HARDWARE_TYPES, TIMES, POINTERS) for kind in table.values()),
    "Bool", "Char", "WChar", "String", "String[4]", "WString", "WString[4]", "IP_V4", "TOD", "LTOD", "DT",
})  # fmt: skip
OTHERS = sorted({*STRUCTURES, *SYSTEM_TYPES, *MAIL_TYPES, "EMAIL_ADDR", "Array[0..1] of Int", "Array[0..3] of Char"})

VALUES = [
    "5", "-1", "16#7F", "1.5", "1e-60", "TRUE", "'a'", "'ab'", "WSTRING#'a'", "CHAR#'a'", "T#5s", "LT#5ns", "S5T#5ms",
    "S5T#5s", "D#2009-12-31", "D#91-12-31", "TOD#10:20:30", "LTOD#10:20:30", "DT#08-10-25-08:12:34",
    "LDT#2008-10-25-08:12:34", "DTL#2008-10-25-08:12:34", "P#M50.0", "P#DB1.DBX0.0 BYTE 10", "P#0.0 VOID 0", "NULL",
    "'192.168.0.1'", "FB 7", "T 7", "B#(1,2)", "nosuch", '"nosuch"', "State#Run", "(PT := T#5s)", "(CU := TRUE)", "(ID := 9)",
    "(id := 9)", "(x := 1)", "(5)", "[5]", "[5, 6]", "[2(5)]", "(YEAR := 2008)", "(ADDR := [1, 2, 3, 4])", "(OFFSET := 7)",
    "(RemotePort := 9)", "(TSelLength := 9)", "(ActivateSecureConn := TRUE)", "(rem_port_nr := 9)",
    "(LocalPartPlusAtSign := 'a@')",
    "(GracefulShutdown := TRUE)",
]  # fmt: skip

#: Where a start value may stand, with the member's path.
PLACES = {
    "v : {type} := {value};": "v",
    "a, v : {type} := {value};": "v",
    "v : Array[1..2] of {type} := [{value}, {value}];": "v[1]",
    "v : Array[1..3] of {type} := [3({value})];": "v[3]",
    "v : Struct a : Bool; b : {type} := {value}; END_STRUCT;": "v.b",
    "v : Struct a : Bool; b : {type}; END_STRUCT := (b := {value});": "v.b",
    "v : Struct a : Bool; b : {type}; END_STRUCT := (TRUE, {value});": "v.b",
    'v : "Default{n}";': "v.s.b",
    'v : "Behind{n}";': "v.s.b",
    'v : Array[0..1] of "Plain{n}" := [(), (s := (b := {value}))];': "v[1].s.b",
    'v : "Instance{n}";': "v.b",
}
TYPES = (
    'TYPE "Default{n}" STRUCT s : Struct b : {type} := {value}; END_STRUCT; END_STRUCT; END_TYPE '
    'TYPE "Plain{n}" STRUCT s : Struct b : {type}; END_STRUCT; END_STRUCT; END_TYPE '
    'TYPE "Behind{n}" STRUCT s : Struct b : {type}; END_STRUCT; END_STRUCT := (s := (b := {value})); END_TYPE '
    'FUNCTION_BLOCK "Instance{n}" VAR b : {type} := {value}; END_VAR BEGIN END_FUNCTION_BLOCK '
)
BEGINS = {"v": "v", "Array[0..1] of {type}": "v[1]", "Struct b : {type}; END_STRUCT": "v.b"}


def cases(name: str) -> Iterator[tuple[str, str, str]]:
    """Name of a block, its source, and the path of the member with the value; the value is the second part."""
    number = 0
    for value in VALUES:
        for place, path in PLACES.items():
            number += 1
            shown = {"type": name, "value": value, "n": number}
            types = "".join(TYPES.format(**shown)) if "{n}" in place else ""
            body = f"STRUCT {place.format(**shown)} END_STRUCT; BEGIN"
            yield value, path, f"{types}{HEAD.replace('X', f'B{number}')}{body} END_DATA_BLOCK\n"
        for kind, path in BEGINS.items():
            number += 1
            declared = name if kind == "v" else kind.format(type=name)
            body = f"STRUCT v : {declared}; END_STRUCT; BEGIN {path} := {value};"
            yield value, path, f"{HEAD.replace('X', f'B{number}')}{body} END_DATA_BLOCK\n"


def meant(kind: Type, value: str) -> bytes | None:
    """The image that a literal stands for; None where it is none of the type."""
    image = bytearray(kind.blank)
    try:
        kind.write(image, 0, parse(kind, value))
    except Unfit:
        return None
    return bytes(image)


@pytest.mark.parametrize("name", [*ELEMENTARY, *OTHERS])
def test_a_start_value_is_visible_or_refused_wherever_it_stands(name: str) -> None:
    listed = list(cases(name))
    state = 'TYPE "State" : Int (Run := 7); END_TYPE '
    file = loads(state + "".join(source for _, _, source in listed))
    accepted = 0
    for (value, path, _), block in zip(listed, list(file.blocks), strict=True):
        try:
            found = file.blocks[block]
        except ParameterError as refusal:
            assert refusal.failure.where.startswith("<source>:"), refusal
            continue
        accepted += 1
        assert shows(found, path, value), f"{path} := {value} was accepted for {name} and left no trace"
    assert accepted


def shows(block: Block, path: str, value: str) -> bool:
    """Whether a block shows the start value of a member, or has no image because of it."""
    if any(kept.startswith(path) for kept in block.unplaced):
        with pytest.raises(ParameterError, match="is not published"):
            bytes(block.data())
        return True
    place = locate(block.layout, split(path))
    image = bytearray(place.type.blank)
    read = place.type.read(bytearray(block.start), place.offset)
    place.type.write(image, 0, read)
    wanted = meant(place.type, value)
    return bytes(image) == wanted if wanted is not None else bytes(image) != place.type.blank


def test_a_pointer_is_built_as_step_7_builds_it() -> None:
    values = {
        "ANY := P#DB1.DBX0.0 BYTE 10": "10 02 00 0A 00 01 84 00 00 00",
        "ANY := P#DB65535.DBX 65535.0 STRING 2": "10 13 00 02 FF FF 84 07 FF F8",
        "ANY := p#m50.3 bool 4": "10 01 00 04 00 00 83 00 01 93",
        "ANY := P#E 0.0 DATE_AND_TIME 1": "10 0E 00 01 00 00 81 00 00 00",
        "ANY := NULL": "10 00 00 00 00 00 00 00 00 00",
        "POINTER := P#M50.0": "00 00 83 00 01 90",
        "POINTER := P#DB10.DBX20.5": "00 0A 84 00 00 A5",
        "POINTER := P#20.0": "00 00 00 00 00 A0",
        "POINTER := NULL": "00 00 00 00 00 00",
        "REMOTE := P#Q4.0 WORD 1": "10 04 00 01 00 00 82 00 00 20",
    }
    for declared, image in values.items():
        block = db(f"p : {declared};").blocks["X"]
        assert block.start == bytes.fromhex(image), declared
        assert loads(emit(block)).blocks["X"].start == block.start


@pytest.mark.parametrize(
    "declared",
    [
        "ANY := 5", "ANY := P#M50.0", "ANY := P#M50.1 BYTE 2", "ANY := P#DB0.DBX0.0 BYTE 1", "ANY := P#M0.0 BYTE 0",
        "ANY := P#M0.0 LREAL 1", "ANY := P#M0.0 BYTE 65536", "ANY := P#M65536.0 BYTE 1", "ANY := P#DB1.M0.0 BYTE 1",
        "POINTER := P#M50.0 BYTE 10", "POINTER := P#X50.0", "POINTER := P#M50.8", "POINTER := 16#0", "IEC_TIMER := T#5s",
        "IEC_TIMER := (5)", "IEC_TIMER := (PT := T#5s, PT := T#6s)", "IEC_TIMER := (PT := 5)", "IEC_TIMER := (XX := 5)",
        "Real := 1.0e-50", "LReal := 1e-400", "S5Time := S5T#5ms", "Struct a : Int; END_STRUCT := (a := 1, a := 2)",
    ],
)  # fmt: skip
def test_a_start_value_that_cannot_be_built_is_refused_with_its_place(declared: str) -> None:
    with pytest.raises(ParameterError) as caught:
        db(f"v : {declared};").block("X")
    assert caught.value.failure.where.startswith("<source>:5:")


def test_a_member_that_shares_memory_or_comes_by_reference_has_no_start_value() -> None:
    with pytest.raises(ParameterError, match="shares the memory of a"):
        db("a : Word; b AT a : Int := 5;").block("X")
    function = 'FUNCTION_BLOCK "F" VAR_IN_OUT a : Array[0..1] of Int := [1, 2]; END_VAR BEGIN END_FUNCTION_BLOCK '
    with pytest.raises(ParameterError, match="passed by reference"):
        loads(f'{function}{HEAD}"F" BEGIN END_DATA_BLOCK').block("X")


def test_start_values_inside_timers_are_kept_by_their_paths_and_written_again() -> None:
    types = 'TYPE "T" STRUCT t : IEC_TIMER := (PT := T#1s); u : IEC_TIMER; END_STRUCT := (u := (ET := T#2s)); END_TYPE '
    members = 'a : "T"; b : Array[1..2] of "T" := [2((t := (PT := T#3s)))]; c : Array[0..1,0..1] of IEC_COUNTER;'
    source = types + HEAD + f"STRUCT {members} END_STRUCT; BEGIN c[1,0].PV := 7; a.t.PT := T#4s; END_DATA_BLOCK"
    block = loads(source).blocks["X"]
    expected = {
        "a.t.PT": "T#4s", "a.u.ET": "T#2s", "b[1].t.PT": "T#3s", "b[1].u.ET": "T#2s", "b[2].t.PT": "T#3s",
        "b[2].u.ET": "T#2s", "c[1,0].PV": "7",
    }  # fmt: skip
    assert block.unplaced == expected
    assert loads(emit(loads(types).types["T"]) + emit(block)).blocks["X"].unplaced == expected


MODES = 'TYPE "Mode" : Int (stop := 0, run := 7) := run; END_TYPE '


def test_the_default_of_a_named_value_type_is_the_start_value_of_its_members() -> None:
    types = f'{MODES}TYPE "U" STRUCT m : "Mode"; END_STRUCT; END_TYPE '
    members = 'a : "Mode"; b : Array[0..1] of "Mode"; c : Array[0..1,0..1] of Array[0..1] of Mode; d : "U"; e : "Mode" := stop;'
    found = loads(
        f"{types}{HEAD}STRUCT {members} f : Array[0..2] of Mode := [2(Mode#stop)]; END_STRUCT; END_DATA_BLOCK"
    ).blocks["X"]
    values = {"a": 7, "b": [7, 7], "c": [[[7, 7]] * 2] * 2, "d": {"m": 7}, "e": 0, "f": [0, 0, 7]}
    assert found.data().to_dict() == values
    assert loads(types + emit(found)).blocks["X"].start == found.start
    assert loads(f'{MODES}{HEAD}"Mode" BEGIN END_DATA_BLOCK').block("X")["THIS"] == 7
    assert loads(f'{MODES}{HEAD}ARRAY[0..1] OF "Mode" BEGIN END_DATA_BLOCK').block("X")["THIS[1]"] == 7
    flag = 'TYPE "Flag" : Bool (no := FALSE, yes := TRUE) := yes; END_TYPE '
    flags = loads(f'{flag}{HEAD}STRUCT a : "Flag"; b : Array[0..1] of "Flag"; END_STRUCT; END_DATA_BLOCK').block("X")
    assert flags.to_dict() == {"a": True, "b": [True, True]}


@pytest.mark.parametrize(
    ("types", "member", "reason"),
    [
        ('TYPE "Mode" : Int (run := 7) := nosuch; END_TYPE ', "Mode", "has no value 'nosuch'"),
        ('TYPE "Mode" : Int (run := 7) := nosuch; END_TYPE ', "Mode := run", "has no value 'nosuch'"),
        ('TYPE "Mode" : Byte (run := 700); END_TYPE ', "Mode", "does not fit Byte"),
        ('TYPE "Mode" : Int (run := T#5s); END_TYPE ', "Mode", "no literal of Int"),
        (MODES, "Mode := nosuch", "has no value 'nosuch'"),
        (MODES, "Mode := Mode#nosuch", "has no value 'nosuch'"),
        (MODES, 'Mode := "Moda"#run', "there is no named value type 'Moda'"),
        (MODES + 'TYPE "Other" : Int (away := 3); END_TYPE ', "Mode := away", "'Mode' has no value 'away'"),
        (MODES + 'TYPE "Other" : Int (run := 3); END_TYPE ', "Int := run", "is a value of Mode and Other"),
    ],
)
def test_a_value_that_its_named_value_type_does_not_have_is_refused(types: str, member: str, reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        loads(f"{types}{HEAD}STRUCT m : {member}; END_STRUCT; END_DATA_BLOCK").block("X")
    assert reason in caught.value.failure.what
    assert caught.value.failure.where.startswith("<source>:")


def test_a_value_means_what_its_own_type_says() -> None:
    types = MODES + 'TYPE "Other" : Int (run := 3); END_TYPE '
    members = 'a : "Mode" := run; b : "Other" := run; c : Array[0..0] of "Other" := [run]; d : Int := Other#run;'
    assert db(members, head=types + HEAD).block("X").to_dict() == {"a": 7, "b": 3, "c": [3], "d": 3}


@given(st.sampled_from(sorted(POINTERS)), st.binary(min_size=10, max_size=10))
def test_the_literal_of_a_pointer_means_the_pointer(name: str, data: bytes) -> None:
    kind = POINTERS[name]
    image = data[-kind.size :]
    try:
        text = literal(kind, image)
    except Unfit:
        return
    assert parse(kind, text) == image


@given(
    st.sampled_from(["BOOL", "BYTE", "WORD", "REAL", "DATE_AND_TIME", "STRING"]), st.integers(1, 0xFFFF),
    st.integers(0, 0xFFFF), st.sampled_from(["M", "I", "Q", "DBX", "DIX", "L", "V", "P"]), st.integers(0, 0xFFFF),
)  # fmt: skip
def test_every_pointer_has_a_literal_that_means_it(unit: str, count: int, block: int, area: str, byte: int) -> None:
    inside = f"DB{block}." if block and area == "DBX" else ""
    for kind, text in (
        (POINTERS["any"], f"P#{inside}{area}{byte}.0 {unit} {count}"),
        (POINTERS["pointer"], f"P#{inside}{area}{byte}.0"),
    ):
        assert literal(kind, parse(kind, text)) == text


def test_years_of_two_digits_are_those_of_date_and_time() -> None:
    moments = "b : DT := DT#90-1-1-0:0:0.000; c : DT := DT#89-12-31-23:59:59.999; d : DTL := DTL#99-1-2-3:4:5;"
    members = f"a : Date := D#90-1-1; {moments} e : LDT := LDT#00-1-1-0:0:0;"
    values = db(members).block("X")
    assert (values["a"].year, values["b"].year, values["c"].year) == (1990, 1990, 2089)
    assert (values["d"].year, values["e"].datetime.year) == (1999, 2000)
    with pytest.raises(ParameterError, match="does not fit Date"):
        db("a : Date := D#89-1-1;", "a := D#900-1-1;").block("X")


@pytest.mark.parametrize(
    ("name", "size"), [("TMAIL_V4", 850), ("TMAIL_FQDN", 1102), ("TMAIL_V4_SEC", 856), ("TMAIL_QDN_SEC", 1108)]
)
def test_the_mail_server_of_TMAIL_C_is_a_system_type(name: str, size: int) -> None:
    begin = "m.InterfaceId := 64; m.ActiveEstablished := TRUE; m.From.LocalPartPlusAtSign := 'plc@'; m.WatchDogTime := T#30s;"
    block = db(f"m : {name};", begin).block("X")
    assert block["m.From.LocalPartPlusAtSign"] == "plc@"
    assert block["m.ConnectionType"] == (0x20 if "V4" in name else 0x22)
    assert len(bytes(block)) == size
