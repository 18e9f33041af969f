"""Every row of the reference's table of layouts (section 3), read from text sources as a user would have them."""

from __future__ import annotations

import pytest

from ouc.errors import ParameterError
from ouc.s7 import Struct, leaves, typeof
from ouc.source import loads


def layout(declaration: str, types: str = "") -> Struct:
    source = f"DATA_BLOCK \"X\" {{ S7_Optimized_Access := 'FALSE' }} STRUCT {declaration} END_STRUCT; END_DATA_BLOCK"
    return loads(types + source).declaration("X").layout


def offsets(struct: Struct) -> list[str]:
    return [slot.address for slot in struct]


def at(struct: Struct, path: str) -> int:
    return next(offset for leaf, _, offset in leaves(struct) if leaf == path)


SIX = "a:S5Time; b:Date; c:Time; d:Time_Of_Day; e:Date_And_Time; f:String[254];"


def test_L1_a_text_begins_at_the_even_byte_behind_a_bool() -> None:
    struct = layout("Var1:Bool; Var2:String;")
    assert (offsets(struct), struct.size) == (["0.0", "2.0"], 258)


def test_L2_the_block_of_many_types() -> None:
    struct = layout(
        "int1,int2:Int; float1,float2:Real; byte1,byte2:Byte; word1,word2:Word; dword1,dword2:DWord; dint1,dint2:DInt;"
        "char1,char2:Char; bool0,bool1,bool2,bool3,bool4,bool5,bool6,bool7:Bool;"
    )
    whole = [0, 2, 4, 8, 12, 13, 14, 16, 18, 22, 26, 30, 34, 35]
    assert offsets(struct) == [f"{byte}.0" for byte in whole] + [f"36.{bit}" for bit in range(8)]
    assert struct.size == 38


def test_L3_an_array_of_bytes_between_integers() -> None:
    struct = layout("DB_VAR:Int; aa:Array[1..8] of Byte; bb:Int; aa1:Int;")
    assert (offsets(struct), struct.size) == (["0.0", "2.0", "10.0", "12.0"], 14)


@pytest.mark.parametrize(
    ("row", "declaration", "size"),
    [
        ("L4", "F:Array[0..67,1..2] of Struct X:DInt; END_STRUCT;", 544),
        ("L5", "X:Array[0..67,0..16,1..2] of Int;", 4624),
        ("L9", f"s:Struct {','.join(f'b{n}' for n in range(16))}:Bool; END_STRUCT;", 2),
    ],
)
def test_L4_L5_L9_sizes_of_single_members(row: str, declaration: str, size: int) -> None:
    assert layout(declaration).size == size


def test_L6_structures_in_arrays_lie_back_to_back() -> None:
    struct = layout(f"{SIX} g:Array[1..10] of Struct {SIX} END_STRUCT; h:Array[33..38] of Struct {SIX} END_STRUCT;")
    assert offsets(struct) == ["0.0", "2.0", "4.0", "8.0", "12.0", "20.0", "276.0", "3036.0"]
    assert [at(struct, f"g[1].{name}") for name in "abcdef"] == [276, 278, 280, 284, 288, 296]
    assert at(struct, "g[2].a") == 276 + 276
    assert struct.size == 4692


def test_L7_a_structure_of_three_bytes_takes_four() -> None:
    pair = "Struct i:Int; b:Byte; END_STRUCT;"
    struct = layout(
        f"a:Array[1..10] of Int; b:Array[1..10] of {pair} c:Array[1..10,1..10] of Int; d:Array[1..10,1..10] of {pair}"
    )
    assert (offsets(struct), struct.size) == (["0.0", "20.0", "60.0", "260.0"], 660)
    assert (at(struct, "b[1].b"), at(struct, "b[2].i")) == (22, 24)


def test_L8_five_reals_and_seven_integers() -> None:
    struct = layout("a,b,c,d,e:Real; f,g,h,i,j,k,l:Int;")
    assert offsets(struct) == [f"{byte}.0" for byte in (0, 4, 8, 12, 16, 20, 22, 24, 26, 28, 30, 32)]
    assert struct.size == 34


def test_L10_thirty_two_bools_fill_four_bytes() -> None:
    bools = ",".join(f"b{n}" for n in range(32))
    one = f"Struct {bools}:Bool; d1,d2,d3,d4,d5,d6,d7:DInt; r1,r2,r3,r4:Real; a:Array[0..7] of DInt; END_STRUCT;"
    struct = layout(f"s:{one} t:{one}")
    inner = struct.slots[0].type
    assert isinstance(inner, Struct)
    assert offsets(inner)[:32] == [f"{n // 8}.{n % 8}" for n in range(32)]
    assert offsets(inner)[32:] == [f"{byte}.0" for byte in (4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48)]
    assert struct.slots[1].offset == 80


@pytest.mark.parametrize(("p", "q", "size"), [(1, 1, 6), (2, 15, 6), (2, 16, 6), (2, 17, 8), (3, 15, 8), (3, 17, 10)])
def test_L11_arrays_of_odd_length_are_filled_up(p: int, q: int, size: int) -> None:
    struct = layout(f"a:Bool; b:Array[1..{p}] of Byte; c:Array[1..{q}] of Bool;")
    assert offsets(struct) == ["0.0", "2.0", f"{2 + p + p % 2}.0"]
    assert struct.size == size


def test_L12_the_golden_table_of_every_type() -> None:
    kinds = [
        "String", "SInt", "USInt", "Int", "UInt", "DInt", "UDInt", "Real", "LReal", "LInt", "ULInt", "Word",
        "DWord", "LWord", "Time", "Date", "TOD", "Time_Of_Day",
    ]  # fmt: skip
    members = "".join(f"m{n}:{kind};" for n, kind in enumerate(kinds))
    struct = layout(f"{members} b0,b1,b2,b3,b4,b5,b6,b7,b8:Bool; i:Int; s:String[10]; t:String[9];")
    whole = [0, 256, 257, 258, 260, 262, 266, 270, 274, 282, 290, 298, 300, 304, 312, 316, 318, 322]
    bools = [f"326.{bit}" for bit in range(8)] + ["327.0"]
    assert offsets(struct) == [f"{byte}.0" for byte in whole] + bools + ["328.0", "330.0", "342.0"]


def test_L13_L14_arrays_of_texts_and_nested_structures() -> None:
    struct = layout(
        "head:Array[1..490] of Byte; p:Array[0..2] of Bool; q:Array[0..8] of Bool; r:Array[0..2] of String[20];"
        "s:Struct x:Int; y:Bool; s:String[10]; inner:Struct a:DInt; b:Bool; END_STRUCT; END_STRUCT;"
        "t:IEC_TIMER; end:Int;"
    )
    assert offsets(struct) == ["0.0", "490.0", "492.0", "494.0", "560.0", "582.0", "598.0"]
    inner = struct.slots[4].type
    assert isinstance(inner, Struct)
    assert [560 + slot.offset for slot in inner] == [560, 562, 564, 576]
    assert at(struct, "s.inner.b") == 580


@pytest.mark.parametrize(
    ("kind", "places"), [("DTL", [0, 2, 14]), ("Char", [0, 1, 2]), ("WString[3]", [0, 2, 12])]
)
def test_L15_what_stands_between_two_bytes(kind: str, places: list[int]) -> None:
    struct = layout(f"lead:SInt; s:{kind}; tail:SInt;")
    assert [slot.offset for slot in struct] == places


def test_L16_structures_and_types_of_one_byte_take_two() -> None:
    anonymous = layout("s:Struct x:SInt; END_STRUCT; tail:SInt;")
    named = layout('u:"U"; tail:SInt;', 'TYPE "U" STRUCT x:Bool; END_STRUCT; END_TYPE ')
    assert (offsets(anonymous), anonymous.size) == (["0.0", "2.0"], 4)
    assert (offsets(named), named.size) == (["0.0", "2.0"], 4)


@pytest.mark.parametrize(
    ("row", "declaration", "offset"),
    [
        ("L17", "a:Int; w:WString[5]; b:Int;", 16),
        ("L17", "a:Int; w:Array[0..2] of WString[3]; b:Int;", 32),
        ("L17", "a:Int; w:Array[0..1] of WString; b:Int;", 1026),
        ("L18", "s:String[0]; b:Int;", 2),
        ("L18", "s:Array[0..1] of String; b:Int;", 512),
        ("L18", "s:Array[0..1] of String[20]; b:Int;", 44),
    ],
)
def test_L17_L18_what_follows_texts(row: str, declaration: str, offset: int) -> None:
    assert layout(declaration).slots[-1].offset == offset


def test_L19_an_array_of_bools_does_not_share_a_byte_with_a_bool() -> None:
    struct = layout("b1:Bool; ba:Array[0..2] of Bool;")
    assert (offsets(struct), struct.size) == (["0.0", "2.0"], 4)


def test_L20_a_type_may_be_used_before_it_is_defined() -> None:
    types = (
        'TYPE "Outer" STRUCT inner:"Inner"; tag:Int; END_STRUCT; END_TYPE '
        'TYPE "Inner" STRUCT a,b:Int; END_STRUCT; END_TYPE '
    )
    struct = layout('o:"Outer"; after:Int;', types)
    assert (struct.slots[1].offset, struct.size) == (6, 8)


def test_L21_TCON_IP_v4_has_the_offsets_of_its_table() -> None:
    from ouc.params import TCON_IP_v4

    struct = TCON_IP_v4.layout()
    assert offsets(struct) == ["0.0", "2.0", "4.0", "5.0", "6.0", "10.0", "12.0"]
    assert TCON_IP_v4.SIZE == 14


def test_L22_every_row_of_bools_begins_a_byte() -> None:
    struct = layout("m:Array[0..1,0..2] of Bool; t:Byte;")
    places = {path: f"{offset}.{kind.bit or 0}" for path, kind, offset in leaves(struct)}  # type: ignore[attr-defined]
    asked = ("m[0,0]", "m[0,2]", "m[1,0]", "m[1,2]", "t")
    assert [places[path] for path in asked] == ["0.0", "0.2", "1.0", "1.2", "2.0"]
    assert struct.size == 4


def test_L23_rows_of_bytes_touch() -> None:
    struct = layout("m:Array[0..1,0..2] of Byte; t:Byte;")
    assert (at(struct, "m[1,0]"), at(struct, "t"), struct.size) == (3, 6, 8)


def test_L24_texts_of_odd_size_begin_even_in_an_array() -> None:
    struct = layout("s:Array[1..3] of String[5]; t:Byte;")
    assert [at(struct, f"s[{n}]") for n in (1, 2, 3)] == [0, 8, 16]
    assert (at(struct, "t"), struct.size) == (24, 26)


def test_L25_system_records_have_their_published_sizes() -> None:
    assert [typeof(name).size for name in ("ErrorStruct", "ERROR_STRUCT", "CREF", "NREF")] == [28, 28, 8, 8]
    error = typeof("ErrorStruct")
    assert isinstance(error, Struct)
    assert [slot.offset for slot in error] == [0, 2, 3, 4, 12, 14, 16, 18, 20]


def test_TCON_IP_V4_SEC_is_laid_out_as_published_not_as_computed() -> None:
    from ouc.params import TCON_IP_V4_SEC

    assert offsets(TCON_IP_V4_SEC.layout()) == ["0.0", "16.0", "17.0", "18.0", "20.0", "24.0"]
    assert TCON_IP_V4_SEC.SIZE == 28


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        ("a:Array[1..1000000000] of Int;", "1..1000000000 are no bounds"),
        ("a:Array[1..1000,1..1000,1..1000] of Byte;", "at most 16777216"),
        ("a:Array[0..32767] of Struct b:Array[0..32767] of Byte; END_STRUCT;", "at most 16777216"),
        ("a:Array[1..1,1..1,1..1,1..1,1..1,1..1,1..1] of Int;", "1 to 6 dimensions"),
        ("a:Array[5..4] of Int;", "5..4 are no bounds"),
        ("a:Array[0..40000] of Int;", "0..40000 are no bounds"),
        ("a:Array[1..2] of Struct END_STRUCT;", "the element has no size"),
    ],
)
def test_an_impossible_array_is_refused_where_it_is_declared(declaration: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason) as caught:
        layout(declaration)
    assert caught.value.failure.where.startswith("<source>:1:")


def test_eight_levels_of_structures_are_read_and_a_ninth_is_refused() -> None:
    def nested(levels: int) -> str:
        return "s:Struct " * levels + "x:Int;" + "END_STRUCT; " * levels

    assert layout(nested(8)).size == 2
    with pytest.raises(ParameterError, match="more than 8 levels"):
        layout(nested(9))
