"""Literals in every form the reference lists (1.1), and those that are none."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouc.errors import ParameterError
from ouc.s7 import DataBlock, Unfit, literal, parse, typeof

from .strategies import ELEMENTARY

READ: list[tuple[str, str, Any]] = [
    *(("Bool", text, True) for text in ("TRUE", "true", "True", "1", "BOOL#1", "2#1", "16#1", "BOOL#TRUE", "bool#true")),
    *(("Bool", text, False) for text in ("FALSE", "0", "BOOL#0", "2#0", "16#0")),
    *(("Byte", text, 15) for text in ("16#0F", "B#16#0F", "BYTE#15", "2#0000_1111", "8#17", "15", "16#000F", "byte#16#f")),
    ("Byte", "-1", 255),
    ("Byte", "-128", 128),
    *(("Word", text, 0xF0F0) for text in ("16#F0F0", "W#16#F0F0", "WORD#61680", "2#1111_0000_1111_0000", "16#F0_F0")),
    ("Word", "C#55", 0x55),
    ("Word", "B#(127,200)", 0x7FC8),
    ("Word", "B#( 127 , 200 )", 0x7FC8),
    ("DWord", "B#(1,2,3,4)", 0x01020304),
    *(("DWord", text, 0xF0FF0F) for text in ("16#00F0_FF0F", "DW#16#00F0_FF0F", "DWORD#16#F0FF0F")),
    ("LWord", "LW#16#FFFF_FFFF_FFFF_FFFF", 2**64 - 1),
    ("SInt", "+44", 44),
    ("SInt", "SINT#10#44", 44),
    ("SInt", "16#2C", 44),
    ("SInt", "SINT#16#FF", -1),
    ("USInt", "USINT#78", 78),
    ("Int", "3_785", 3785),
    ("Int", "INT#16#0EC9", 3785),
    ("Int", "-9876", -9876),
    ("UInt", "UINT#65_295", 65295),
    ("DInt", "L#275", 275),
    ("DInt", "DINT#-125_790", -125790),
    ("LInt", "LINT#-9223372036854775808", -(2**63)),
    ("ULInt", "ULINT#18446744073709551615", 2**64 - 1),
    *(("Real", text, 1.0) for text in ("1.0", "REAL#1.0", "1", "1e0", "1.0E+00", "+1.0", "10.0e-1")),
    ("Real", "-3.402823E+38", -3.402823e38),
    ("LReal", "LREAL#1.0e-5", 1e-5),
    ("LReal", "1_000.5", 1000.5),
    *(("Char", text, "A") for text in ("'A'", "CHAR#'A'", "'$41'")),
    ("Char", "'$''", "'"),
    ("WChar", "WCHAR#'a'", "a"),
    ("WChar", "WCHAR#'$03A9'", "Ω"),
    ("WChar", "'ä'", "ä"),
    ("String", "'Name'", "Name"),
    ("String", "STRING#'NAME'", "NAME"),
    ("String", "''", ""),
    ("String", "'$$ $' $L $N $P $R $T $l$n$p$r$t $41$80 $q'", "$ ' \n \r\n \f \r \t \n\r\n\f\r\t A€ q"),
    ("String", "'// no comment'", "// no comment"),
    ("WString", "WSTRING#'Hello'", "Hello"),
    ("WString", "'$03A9$0041'", "ΩA"),
    ("Time", "T#5s", dt.timedelta(seconds=5)),
    ("Time", "t#5h10s", dt.timedelta(hours=5, seconds=10)),
    ("Time", "T#-20M_34S", -dt.timedelta(minutes=20, seconds=34)),
    ("Time", "TIME#1d_2h_3m_4s_5ms", dt.timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
    ("Time", "T#90m", dt.timedelta(minutes=90)),
    ("Time", "T#1.5s", dt.timedelta(seconds=1.5)),
    ("Time", "T#10ms", dt.timedelta(milliseconds=10)),
    ("S5Time", "S5TIME#10s", None),
    ("LTime", "LT#12S_345NS", 12_000_000_345),
    ("LTime", "LTIME#1US", 1000),
    ("LTime", "T#5s", 5 * 10**9),
    ("Date", "D#2009-12-31", dt.date(2009, 12, 31)),
    ("Date", "DATE#2009-1-3", dt.date(2009, 1, 3)),
    ("Time_Of_Day", "TOD#10:20:30.400", dt.time(10, 20, 30, 400_000)),
    ("Time_Of_Day", "TIME_OF_DAY#1:2:3", dt.time(1, 2, 3)),
    ("LTime_Of_Day", "LTOD#10:20:30.400_365_215", 37_230_400_365_215),
    ("Date_And_Time", "DATE_AND_TIME#2008-10-25-08:12:34.567", dt.datetime(2008, 10, 25, 8, 12, 34, 567_000)),
    ("LDT", "LDT#1970-01-01-00:00:00.000000001", 1),
    ("HW_ANY", "64", 64),
    ("CONN_OUC", "16#0003", 3),
    ("CONN_OUC", "3", 3),
]


@pytest.mark.parametrize(("name", "text", "value"), READ, ids=[f"{name} {text}" for name, text, _ in READ])
def test_a_literal_means_its_value(name: str, text: str, value: Any) -> None:
    kind = typeof(name)
    parsed = parse(kind, text)
    assert value is None or parsed == value
    kind.write(bytearray(kind.size), 0, parsed)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Bool", "2"), ("Bool", "'TRUE'"), ("Bool", "yes"), ("Byte", "16#1FF"), ("Byte", "256"), ("Byte", "-129"),
        ("Byte", "16#GG"), ("Byte", "2#12"), ("Byte", "16#-1"), ("Int", "16#FFFF"), ("Int", "1.5"), ("Int", "TRUE"),
        ("Int", "32768"), ("Int", "'1'"), ("Int", "T#5s"), ("Int", ""), ("Int", "1e3"), ("Int", "-"), ("Int", "9" * 5000),
        ("UInt", "-1"), ("Word", "C#5A"), ("Word", "B#(1,2,3)"), ("Word", "B#(1,256)"), ("Word", "B#()"), ("Real", "1e39"),
        ("Real", "1e999"), ("Real", "nan"), ("Real", "1,5"), ("LReal", "1e309"), ("Char", "'AB'"), ("Char", "''"),
        ("Char", "A"), ("String", "'abc"), ("String", "abc"), ("String[2]", "'abc'"), ("WChar", "'$D800'"), ("Time", "T#"),
        ("Time", "T#5"), ("Time", "T#5x"), ("Time", "T#1ms1s"), ("Time", "T#1us"), ("Time", "T#99d"), ("Time", "5s"),
        ("Time", "S5T#5s"), ("Date", "D#2009-02-30"), ("Date", "D#09/12/31"), ("Time_Of_Day", "TOD#25:00:00"),
        ("Time_Of_Day", "TOD#10:20:30.4001"), ("LTime_Of_Day", "LTOD#24:00:00"), ("Date_And_Time", "DT#2008-10-25"),
        ("DTL", "DTL#1969-12-31-00:00:00"), ("DTL", "DT#2008-10-25-08:12:34"), ("LDT", "LDT#1960-01-01-00:00:00"),
        ("IEC_TIMER", "T#5s"), ("Array[0..1] of Int", "5"),
    ],
)  # fmt: skip
def test_what_is_no_literal_or_does_not_fit_is_refused(name: str, text: str) -> None:
    kind = typeof(name)
    with pytest.raises(Unfit) as caught:
        kind.write(bytearray(kind.size), 0, parse(kind, text))
    assert 10 < len(caught.value.reason) < 250


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("Bool", True, "TRUE"), ("Byte", 15, "16#0F"), ("Word", 0xFFFF, "16#FFFF"), ("DWord", 0xCAFEBABE, "16#CAFE_BABE"),
        ("Int", -9876, "-9876"), ("DInt", -125790, "-125_790"), ("ULInt", 1_000_000, "1_000_000"), ("Real", 987.125, "987.125"),
        ("Real", 0.1, "0.1"), ("Real", -3.402823e38, "-3.402823E+38"), ("LReal", 0.1, "0.1"), ("Real", 5.0, "5.0"),
        ("Char", "'", "'$''"), ("Char", "\x81", "'$81'"), ("WChar", "ä", "WCHAR#'ä'"), ("String", "a$\n", "'a$$$L'"),
        ("WString", "\x01", "WSTRING#'$0001'"), ("Time", dt.timedelta(0), "T#0MS"),
        ("Time", -dt.timedelta(minutes=20, seconds=34), "T#-20M_34S"), ("LTime", 12_000_000_345, "LT#12S_345NS"),
        ("Time_Of_Day", dt.time(12, 13, 14, 123_000), "TOD#12:13:14.123"), ("Date", dt.date(1990, 1, 1), "D#1990-01-01"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_exports_write_it(name: str, value: Any, text: str) -> None:
    kind = typeof(name)
    image = bytearray(kind.size)
    kind.write(image, 0, value)
    assert literal(kind, kind.read(image, 0)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_STEP_7_has_no_literal_for_is_refused(value: float) -> None:
    with pytest.raises(Unfit, match="has no literal"):
        literal(typeof("Real"), value)
    with pytest.raises(Unfit, match="has no literal"):
        literal(typeof("IEC_TIMER"), b"")


ANY_TEXT = st.text(max_size=30) | st.text("0123456789#TDSL:-_.'$EMH", max_size=20)


@given(st.sampled_from([*ELEMENTARY, "String[5]", "WString[5]"]), ANY_TEXT)
def test_any_text_is_a_literal_or_one_clear_error(name: str, text: str) -> None:
    kind = typeof(name)
    db = DataBlock({"it": kind})
    try:
        db["it"] = parse(kind, text)
    except (Unfit, ParameterError) as refusal:
        assert str(refusal)
    else:
        assert db["it"] is not None
