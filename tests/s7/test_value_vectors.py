"""Every row of the reference's table of value vectors (section 2), encoded and decoded."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from ouc.errors import ParameterError
from ouc.s7 import LDT, DataBlock, LTimeOfDay, S5Time, Struct, Unfit, parse, typeof

# number, type, value (a literal where it is text in angle brackets), bytes; "…" marks a row that gives the first only.
ROWS = [
    ("V1", "Bool", "<TRUE>", "01"),
    ("V2", "Array[0..7] of Bool", [True] * 4 + [False] * 4, "0F"),
    ("V3", "Byte", "<16#FE>", "FE"),
    ("V4", "USInt", 254, "FE"),
    ("V5", "USInt", 129, "81"),
    ("V6", "SInt", 127, "7F"),
    ("V7", "SInt", -127, "81"),
    ("V8", "Word", "<16#FFFF>", "FF FF"),
    ("V9", "Word", 100, "00 64"),
    ("V10", "DWord", "<16#FFFF_FFFF>", "FF FF FF FF"),
    ("V11", "LWord", "<16#ABCD>", "00 00 00 00 00 00 AB CD"),
    ("V12", "Int", 255, "00 FF"),
    ("V13", "Int", -1, "FF FF"),
    ("V14", "Int", 1000, "03 E8"),
    ("V15", "Int", 16, "00 10"),
    ("V16", "Int", 257, "01 01"),
    ("V17", "UInt", 12345, "30 39"),
    ("V18", "DInt", -2147483648, "80 00 00 00"),
    ("V19", "UDInt", 123456789, "07 5B CD 15"),
    ("V20", "LInt", 2, "00 00 00 00 00 00 00 02"),
    ("V21", "ULInt", 1, "00 00 00 00 00 00 00 01"),
    ("V22", "Real", 827.3, "44 4E D3 33"),
    ("V23", "Real", 123.321, "42 F6 A4 5A"),
    ("V24", "Real", 1.0, "3F 80 00 00"),
    ("V25", "Real", 4.0, "40 80 00 00"),
    ("V26", "LReal", 123456789.123456789, "41 9D 6F 34 54 7E 6B 75"),
    ("V27", "LReal", 512.0, "40 80 00 00 00 00 00 00"),
    ("V28", "LReal", 4.0, "40 10 00 00 00 00 00 00"),
    ("V29", "Char", "A", "41"),
    ("V30", "WChar", "Ω", "03 A9"),
    ("V31", "Array[0..2] of Char", ["7", "7", "7"], "37 37 37"),
    ("V32", "String[4]", "test", "04 04 74 65 73 74"),
    ("V33", "String[0]", "", "00 00"),
    ("V34", "String[1]", "", "01 00 00"),
    ("V35", "String[1]", "A", "01 01 41"),
    ("V36", "String[2]", "A", "02 01 41 00"),
    ("V37", "String[4]", "Abc", "04 03 41 62 63 00"),
    ("V38", "String[200]", "888", "C8 03 38 38 38 …"),
    ("V39", "String[254]", "1aaffdd", "FE 07 31 61 61 66 66 64 64 …"),
    ("V40", "String", "Hello World!", "FE 0C 48 65 6C 6C 6F 20 57 6F 72 6C 64 21 …"),
    ("V41", "WString[4]", "ΩstÄ", "00 04 00 04 03 A9 00 73 00 74 00 C4"),
    ("V42", "WString[0]", "", "00 00 00 00"),
    ("V43", "WString[1]", "A", "00 01 00 01 00 41"),
    ("V44", "WString[2]", "A", "00 02 00 01 00 41 00 00"),
    ("V45", "WString[4]", "Abc", "00 04 00 03 00 41 00 62 00 63 00 00"),
    ("V46", "S5Time", S5Time(10, 0), "00 10"),
    ("V47", "S5Time", "<S5T#1H_2M>", "33 72"),
    ("V48", "S5Time", "<S5T#2M_7S>", "21 27"),
    ("V49", "S5Time", "<S5T#9S_990MS>", "09 99"),
    ("V50", "S5Time", "<S5T#12S_300MS>", "11 23"),
    ("V51", "S5Time", "<S5T#2H_46M_30S>", "39 99"),
    ("V52", "Time", "<T#12D_0H_59M_37S_856MS>", "3E 02 E8 00"),
    ("V53", "Time", "<T#-24D_20H_31M_23S_648MS>", "80 00 00 00"),
    ("V54", "Time", "<T#24D_20H_31M_23S_647MS>", "7F FF FF FF"),
    ("V55", "Time", "<T#1D_0H_2M_3S_4MS>", "05 28 3C 7C"),
    ("V56", "Time", "<T#10MS>", "00 00 00 0A"),
    ("V57", "Time", "<T#-1MS>", "FF FF FF FF"),
    ("V58", "LTime", "<LT#1S>", "00 00 00 00 3B 9A CA 00"),
    ("V59", "LTime", "<LT#-106751D_23H_47M_16S_854MS_775US_808NS>", "80 00 00 00 00 00 00 00"),
    ("V60", "Date", "<D#1990-01-01>", "00 00"),
    ("V61", "Date", "<D#1990-01-03>", "00 02"),
    ("V62", "Date", "<D#2001-02-03>", "0F D3"),
    ("V63", "Date", "<D#2022-03-09>", "2D EB"),
    ("V64", "Date", "<D#2169-06-06>", "FF FF"),
    ("V65", "Time_Of_Day", "<TOD#12:34:56>", "02 B3 29 80"),
    ("V66", "Time_Of_Day", "<TOD#01:02:03.400>", "00 38 D0 88"),
    ("V67", "TOD", "<TOD#00:00:00.002>", "00 00 00 02"),
    ("V68", "Time_Of_Day", "<TOD#23:59:59.999>", "05 26 5B FF"),
    ("V69", "LTime_Of_Day", LTimeOfDay(200), "00 00 00 00 00 00 00 C8"),
    ("V70", "LTime_Of_Day", "<LTOD#12:00:00>", "00 00 27 4A 48 A7 80 00"),
    ("V71", "LTOD", "<LTOD#10:20:30.400365215>", "00 00 21 DC 60 C9 E2 9F"),
    ("V72", "Date_And_Time", "<DT#2020-07-12-17:32:02.854>", "20 07 12 17 32 02 85 41"),
    ("V73", "Date_And_Time", "<DT#1993-12-25-08:12:34.567>", "93 12 25 08 12 34 56 77"),
    ("V74", "Date_And_Time", "<DT#1999-02-03-01:02:03.400>", "99 02 03 01 02 03 40 04"),
    ("V75", "Date_And_Time", "<DT#2010-11-12-13:14:15>", "10 11 12 13 14 15 00 06"),
    ("V76", "DT", "<DT#1990-01-01-00:00:00.000>", "90 01 01 00 00 00 00 02"),
    ("V77", "Date_And_Time", "<DT#2089-12-31-23:59:59.999>", "89 12 31 23 59 59 99 97"),
    ("V78", "LDT", LDT(200), "00 00 00 00 00 00 00 C8"),
    ("V79", "LDT", "<LDT#2020-01-01-00:00:00>", "15 E5 9A 35 B9 8A 00 00"),
    ("V80", "DATE_AND_LTIME", "<LDT#2262-04-11-23:47:16.854775807>", "7F FF FF FF FF FF FF FF"),
    ("V81", "DTL", "<DTL#2022-03-09-12:34:45>", "07 E6 03 09 04 0C 22 2D 00 00 00 00"),
    ("V82", "DTL", "<DTL#1993-12-25-08:12:34.567>", "07 C9 0C 19 07 08 0C 22 21 CB BB C0"),
    ("V83", "DTL", "<DTL#1970-01-01-00:00:00>", "07 B2 01 01 05 00 00 00 00 00 00 00"),
    ("V84", "DTL", "<DTL#2262-04-11-23:47:16.854>", "08 D6 04 0B 06 17 2F 10 32 E7 01 80"),
    ("V85", "DTL", "<DTL#2262-04-11-23:47:16.854775807>", "08 D6 04 0B 06 17 2F 10 32 F2 D7 FF"),
    ("V86", "DTL", "<DTL#2008-10-25-08:12:34.567>", "07 D8 0A 19 07 08 0C 22 21 CB BB C0"),
    ("V87", "IP_V4", IPv4Address("192.168.0.1"), "C0 A8 00 01"),
]


@pytest.mark.parametrize(("number", "name", "value", "shown"), ROWS, ids=[row[0] for row in ROWS])
def test_the_value_has_the_published_bytes_and_the_bytes_the_value(
    number: str, name: str, value: object, shown: str
) -> None:
    kind = typeof(name)
    if isinstance(value, str) and value.startswith("<"):
        value = parse(kind, value[1:-1])
    expected = bytes.fromhex(shown.removesuffix("…"))
    image = bytearray(kind.size)

    kind.write(image, 0, value)

    assert image[: len(expected)] == expected
    if not shown.endswith("…"):
        assert kind.size - len(expected) in (0, 1)  # an array of three bytes fills four
    back = kind.read(image, 0)
    assert back == (pytest.approx(value, rel=1e-7) if name == "Real" else value)


def test_V88_hardware_types_are_the_integers_they_stand_for() -> None:
    db = DataBlock({"interface": "HW_ANY", "connection": "CONN_OUC", "block": "DB_ANY"})
    db.update({"interface": 64, "connection": parse(typeof("CONN_OUC"), "16#0003"), "block": 1001})
    assert bytes(db) == bytes.fromhex("00 40 00 03 03 E9")


def test_V89_the_description_of_a_modbus_client_is_the_published_image() -> None:
    from ouc.params import TCON_IP_v4

    value = TCON_IP_v4(
        InterfaceId=64, ID=1, ConnectionType=0x0B, ActiveEstablished=True, RemoteAddress="192.168.0.1",
        RemotePort=502, LocalPort=0,
    )  # fmt: skip
    image = bytes.fromhex("00 40 00 01 0B 01 C0 A8 00 01 01 F6 00 00")
    assert value.to_bytes() == image
    assert TCON_IP_v4.from_bytes(image) == value


def test_the_captured_frame_is_the_image_of_its_block() -> None:
    db = DataBlock({"Var1": "Bool", "Var2": "String"})
    db["Var1"], db["Var2"] = True, "Hello World!"
    head = bytes.fromhex("01 00 FE 0C 48 65 6C 6C 6F 20 57 6F 72 6C 64 21")
    assert bytes(db) == head + bytes(242)


def test_the_upload_of_DB3003_reads_as_the_values_of_its_members() -> None:
    image = bytes.fromhex("3372 0FD3 05283C7C 0038D088 9902030102034004 FE 07 31 61 61 66 66 64 64")
    names = {"a": "S5Time", "b": "Date", "c": "Time", "d": "Time_Of_Day", "e": "Date_And_Time", "f": "String"}
    db = DataBlock(names, image.ljust(276, b"\0"))
    literals = ["S5T#1H_2M", "D#2001-02-03", "T#1D_2M_3S_4MS", "TOD#01:02:03.400", "DT#1999-02-03-01:02:03.400"]
    expected = [parse(typeof(kind), text) for kind, text in zip(names.values(), literals, strict=False)]
    assert [*db.to_dict().values()] == [*expected, "1aaffdd"]


def test_the_upload_of_DB3002_reads_as_the_values_of_its_members() -> None:
    image = bytes.fromhex("00000000 3F800000 40000000 00000000 40800000 0000 0002 0000 0008 0000 0010 0000")
    db = DataBlock({**{f"r{n}": "Real" for n in range(5)}, **{f"i{n}": "Int" for n in range(7)}}, image)
    assert [*db.to_dict().values()] == [0, 1.0, 2.0, 0, 4.0, 0, 2, 0, 8, 0, 16, 0]


# Decoding: what must be reported. Each names the field that is wrong.
BROKEN = [
    ("String used above maximum", "String[3]", "03 05 00 01 02"),
    ("WString used above maximum", "WString[3]", "00 03 00 05 00 00 00 00 00 00"),
    *(
        (f"DTL {what}", "DTL", image)
        for what, image in (
            ("month 0", "07C9 00 19 07 08 0C 22 21CBBBC0"),
            ("month 16#13", "07C9 13 19 07 08 0C 22 21CBBBC0"),
            ("day 0", "07C9 0C 00 07 08 0C 22 21CBBBC0"),
            ("day 16#32", "07C9 0C 32 07 08 0C 22 21CBBBC0"),
            ("hour 16#24", "07C9 0C 19 07 24 0C 22 21CBBBC0"),
            ("minute 16#60", "07C9 0C 19 07 08 60 22 21CBBBC0"),
            ("second 16#60", "07C9 0C 19 07 08 0C 60 21CBBBC0"),
            ("nanosecond 16#3BCBBBC0", "07C9 0C 19 07 08 0C 22 3BCBBBC0"),
            ("weekday 0", "07C9 0C 19 00 08 0C 22 21CBBBC0"),
            ("weekday 8", "07C9 0C 19 08 08 0C 22 21CBBBC0"),
            ("year after 2262", "0A0A 0C 19 07 08 0C 22 21CBBBC0"),
        )
    ),
    *(
        (f"Date_And_Time {what}", "Date_And_Time", image)
        for what, image in (
            ("year 16#A0", "A0 12 25 08 12 34 56 77"),
            ("month 0", "93 00 25 08 12 34 56 77"),
            ("month 16#13", "93 13 25 08 12 34 56 77"),
            ("day 0", "93 12 00 08 12 34 56 77"),
            ("day 16#32", "93 12 32 08 12 34 56 77"),
            ("hour 16#24", "93 12 25 24 12 34 56 77"),
            ("minute 16#60", "93 12 25 08 60 34 56 77"),
            ("second 16#60", "93 12 25 08 12 60 56 77"),
            ("hundredths 16#A0", "93 12 25 08 12 34 A0 77"),
            ("last digit 10", "93 12 25 08 12 34 56 A7"),
            ("weekday 0", "93 12 25 08 12 34 56 70"),
            ("weekday 8", "93 12 25 08 12 34 56 78"),
        )
    ),
    *((f"S5Time high nibble {nibble:X}", "S5Time", f"{nibble:X}0 10") for nibble in range(4, 16)),
    ("S5Time digit A", "S5Time", "00 1A"),
    ("Time_Of_Day of 24 h", "Time_Of_Day", "05 26 5C 00"),
    ("LTime_Of_Day of 24 h", "LTime_Of_Day", "00 00 4E 94 91 4F 00 00"),
    ("LDT after 2262", "LDT", "80 00 00 00 00 00 00 00"),
    ("WChar surrogate", "WChar", "D8 00"),
]


@pytest.mark.parametrize(("name", "image"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_bytes_that_are_no_value_are_reported_with_the_member_that_holds_them(name: str, image: str) -> None:
    kind = typeof(name)
    data = bytes.fromhex(image).ljust(kind.size, b"\0")
    db = DataBlock({"lead": "Int", "it": kind})
    db.image[2 : 2 + kind.size] = data
    for read in (lambda: db["it"], db.to_dict):
        with pytest.raises(ParameterError) as caught:
            read()
        assert caught.value.failure.where == "it"
        assert name.partition("[")[0] in caught.value.failure.what


def test_one_byte_where_a_string_is_expected_is_refused() -> None:
    with pytest.raises(ParameterError, match="has 256 bytes, not 1"):
        DataBlock({"s": "String"}, b"\x03")


# Encoding: what must be refused.
REFUSED = [
    ("text longer than String", "String[5]", "888888"),
    ("text longer than WString", "WString[5]", "888888"),
    ("Time above its range", "Time", "<T#24D_20H_31M_23S_648MS>"),
    ("Time below its range", "Time", "<T#-24D_20H_31M_23S_649MS>"),
    ("Date_And_Time before 1990", "Date_And_Time", "<DT#1989-12-31-23:59:59.999>"),
    ("Date_And_Time after 2089", "Date_And_Time", "<DT#2090-01-01-00:00:00>"),
    ("Time_Of_Day of 24 h", "Time_Of_Day", "<TOD#24:00:00>"),
    ("Date before 1990", "Date", "<D#1989-12-31>"),
    ("Date after 2169-06-06", "Date", "<D#2169-06-07>"),
    ("DTL of 2570", "DTL", "<DTL#2570-01-01-00:00:00>"),
    # 2 h 46 min 31 s would be cut to 30 s by the resolution of 10 s; the next count does not exist.
    ("S5Time above its range", "S5Time", "<S5T#2H_46M_40S>"),
    ("Byte above its range", "Byte", 256),
    ("Real above its range", "Real", 3.5e38),
]


@pytest.mark.parametrize(("name", "value"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_value_outside_its_type_is_refused_and_nothing_changes(name: str, value: object) -> None:
    kind = typeof(name)
    db = DataBlock({"it": kind})
    before = bytes(db)
    with pytest.raises((ParameterError, Unfit)) as caught:
        db["it"] = parse(kind, value[1:-1]) if isinstance(value, str) and value.startswith("<") else value
    assert str(caught.value)
    assert bytes(db) == before


NO_TYPES = ["String[255]", "WString[16383]", "String[-1]", "Array[1..0] of Int", "Intt", "Array[1] of Int"]


@pytest.mark.parametrize("name", NO_TYPES)
def test_a_type_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ParameterError):
        typeof(name)


def test_the_default_of_every_type_is_the_one_of_the_reference() -> None:
    defaults = {
        "Bool": "00", "Int": "0000", "Char": "20", "WChar": "0020", "String[10]": "0A00" + "00" * 10,
        "WString[2]": "0002 0000 0000 0000", "Time": "00000000", "Date": "0000", "Time_Of_Day": "00000000",
        "Date_And_Time": "9001010000000002", "LDT": "00" * 8, "DTL": "07B201010500000000000000",
    }  # fmt: skip
    for name, shown in defaults.items():
        assert typeof(name).blank == bytes.fromhex(shown), name


def test_a_layout_prints_without_its_values() -> None:
    assert repr(Struct([])) == "<Struct: 0 members, 0 bytes>"
