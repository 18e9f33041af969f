"""Files that people take for text sources, in every encoding: told by name, never read by chance."""

from __future__ import annotations

import codecs
import io
import zipfile
from pathlib import Path

import pytest

from ouc.errors import ParameterError
from ouc.source import load, loads

from .reading import HEAD, db

BODY = "VAR\n        a : Int;\n    END_VAR\nEND_DATA_BLOCK\n"
SD = {
    "as exported": '{\n    S7_Optimized := "FALSE";\n    S7_Version := "0.1"\n}\nDATA_BLOCK Probe\n    ' + BODY,
    "attribute in the block": 'DATA_BLOCK "X"\n{ S7_BlockComment := "MLC_1"; S7_Optimized := "TRUE" }\n' + BODY,
    "behind another attribute": 'DATA_BLOCK "X"\n{ Author := "me"; S7_Optimized := "TRUE" }\n' + BODY,
    "single quotes": "DATA_BLOCK \"X\"\n{ S7_Optimized := 'FALSE' }\n" + BODY,
    "attribute of a member": 'DATA_BLOCK "X"\n VAR\n a { S7_SetPoint := "True" } : Int;\n END_VAR\nEND_DATA_BLOCK\n',
    "behind a comment": '(* { S7_Optimized_Access := \'FALSE\' } *)\n{ S7_Optimized := "FALSE" }\nDATA_BLOCK "X"\n' + BODY,
    "type": "TYPE\n    typeMotor : STRUCT\n        speed : Real;\n    END_STRUCT;\nEND_TYPE\n",
    "program": 'FUNCTION_BLOCK "F"\n VAR_INPUT\n a : Bool;\n END_VAR\n'
    ' { S7_Language := "LAD" }\n NETWORK\n RUNG wire#powerrail\n'
    " END_RUNG\n END_NETWORK\nEND_FUNCTION_BLOCK\n",
}
ML = (
    '<?xml version="1.0" encoding="utf-8"?>\n<Document>\n  <Engineering version="V17" />\n'
    '  <SW.Blocks.GlobalDB ID="0"/>\n</Document>\n'
)


def refused(text: str) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        loads(text, name="x.db")
    return caught.value


@pytest.mark.parametrize("text", SD.values(), ids=list(SD))
def test_a_simatic_sd_source_is_recognised_by_its_text(text: str) -> None:
    error = refused(text.replace("\n", "\r\n"))
    assert "SIMATIC SD" in error.failure.what
    assert "Generate source from blocks" in error.failure.remedy
    assert error.failure.where.startswith("x.db:")


@pytest.mark.parametrize("name", ["x.s7dcl", "x.S7DCL", "x.s7res", "plant.zap17", "plant.ap19", "library.zal15_1", "l.al20"])
def test_other_exports_are_recognised_by_their_names(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(HEAD + "STRUCT a : Int; END_STRUCT; END_DATA_BLOCK")
    with pytest.raises(ParameterError, match=r"SIMATIC SD|project, archive or library") as caught:
        load(tmp_path / name)
    assert caught.value.failure.remedy
    with pytest.raises(ParameterError):
        loads(HEAD + "STRUCT a : Int; END_STRUCT; END_DATA_BLOCK", name=name)


def zipped() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("a.txt", "a")
    return memory.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "SimaticML": (ML.encode(), "SimaticML"),
    "SimaticML with mark": (codecs.BOM_UTF8 + ML.encode(), "SimaticML"),
    "SimaticML in UTF-16": (ML.encode("utf-16"), "SimaticML"),
    "SimaticML in UTF-16 BE": (codecs.BOM_UTF16_BE + ML.encode("utf-16-be"), "SimaticML"),
    "SimaticML in UTF-16 without mark": (ML.encode("utf-16-le"), "SimaticML"),
    "SimaticML in UTF-16 BE without mark": (ML.encode("utf-16-be"), "SimaticML"),
    "SimaticML without declaration": (b"\r\n  <Document>\n<Engineering version='V20'/>", "SimaticML"),
    "CAx": (b"<?xml version='1.0'?><CAEXFile FileName='a'/>", "AutomationML"),
    "GSDML": (b"<?xml version='1.0'?><ISO15745Profile/>", "GSDML"),
    "PLCopen": (b"<project xmlns='http://www.plcopen.org/xml/tc6_0201'/>", "PLCopen"),
    "tags": (b"<?xml version='1.0'?><Tagtable name='a'/>", "tag table"),
    "page": (b"<!DOCTYPE html><html></html>", "web page"),
    "other XML": (b"<?xml version='1.0'?><a/>", "an XML file"),
    "zip": (zipped(), "zip archive"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "zip archive"),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "packed"),
    "project of ouc": (b"SQLite format 3\0" + bytes(84), "SQLite"),
    "PEM": (b"-----BEGIN CERTIFICATE-----\nMII\n", "PEM"),
    "DER": (b"\x30\x82\x01\x0a\x02\x82", "DER"),
    "PDF": (b"%PDF-1.7\n", "PDF"),
    "JSON": (b'{\n "DATA_BLOCK": 1}', "JSON"),
    "JSON list": (b'[{"a": 1}]', "JSON"),
    "TOML": (b'# my plant\n[Server]\nstructure = "TCON_IP_v4"\n', "TOML"),
    "program": (b"\x7fELF" + bytes(60), "binary"),
    "zeros": (bytes(100), "zero bytes"),
}


@pytest.mark.parametrize(("data", "name"), FILES.values(), ids=list(FILES))
def test_another_kind_of_file_is_told_by_its_name_with_a_remedy(data: bytes, name: str, tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(data)
    with pytest.raises(ParameterError) as caught:
        load(file)
    assert name in caught.value.failure.what
    assert caught.value.failure.where.startswith(str(file))
    assert caught.value.failure.remedy


@pytest.mark.parametrize(
    "source",
    [
        "{ S7_Optimized_Access := 'FALSE' }\nDATA_BLOCK \"X\" STRUCT a : Int; END_STRUCT; END_DATA_BLOCK",
        HEAD + 'STRUCT S7_a : Int; END_STRUCT; BEGIN\n S7_a := "MAX"; END_DATA_BLOCK',
        HEAD + "// { S7_Optimized := \"TRUE\" }\n(* { S7_Optimized := \"TRUE\" } *)"
        "STRUCT a : String := '{S7_a := \"'; END_STRUCT; END_DATA_BLOCK",
        'FUNCTION_BLOCK "F" VAR a : Int; END_VAR BEGIN\n{ S7_a := "x"; }\nEND_FUNCTION_BLOCK '
        + HEAD + '"F" BEGIN END_DATA_BLOCK',
        'TYPE "U" : STRUCT a : Int; END_STRUCT; END_TYPE ' + HEAD + '"U" BEGIN END_DATA_BLOCK',
        "TYPE UDT5 : STRUCT a : Int; END_STRUCT; END_TYPE " + HEAD + "UDT5 BEGIN END_DATA_BLOCK",
    ],
)  # fmt: skip
def test_a_text_source_is_not_taken_for_another_kind(source: str) -> None:
    assert not loads(source, constants={"MAX": 5}).blocks["X"].optimized


def test_a_folder_or_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    for path, what in ((tmp_path, "is a folder"), (tmp_path / "no", "no such file"), (tmp_path / "a\0b", "no name of a file")):
        with pytest.raises(ParameterError, match=what) as caught:
            load(path)
        assert "\0" not in str(caught.value)
    (tmp_path / "x.db").write_text("")
    with pytest.raises(ParameterError, match="no such file"):
        load(tmp_path / "x.db" / "y.db")


@pytest.mark.parametrize(
    ("page", "text"), [("cp1251", "Жёлтый"), ("cp1250", "Řízení"), ("cp1253", "Ωμέγα"), ("cp1252", "Größe")]
)
def test_the_code_page_decides_how_a_file_without_mark_is_read(page: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(f"{HEAD}STRUCT {text} : String[20] := '{text}'; END_STRUCT; END_DATA_BLOCK".encode(page))
    block = load(file, code_page=page).block("X")
    assert block.to_dict() == {text: text}
    assert bytes(block)[2 : 2 + len(text)] == text.encode(page)
    file.write_bytes(file.read_bytes().decode(page).encode())
    assert load(file, code_page=page).block("X").to_dict() == {text: text}


ACCESS = "{{ S7_Optimized_Access := '{}' }}"


@pytest.mark.parametrize(("function", "instance", "optimized"), [
    ("TRUE", "FALSE", True), ("FALSE", "TRUE", False), ("FALSE", "", False), ("TRUE", "", True),
    ("", "FALSE", False), ("", "", True),
])  # fmt: skip
def test_an_instance_has_the_access_of_its_function_block(
    function: str, instance: str, optimized: bool, tmp_path: Path
) -> None:
    said = {text: ACCESS.format(text) if text else "" for text in (function, instance)}
    block = f'FUNCTION_BLOCK "F"\n{said[function]}\nVAR a : Int; END_VAR BEGIN END_FUNCTION_BLOCK\n'
    data = f'DATA_BLOCK "X"\n{said[instance]}\n"F"\nBEGIN\nEND_DATA_BLOCK\n'
    assert loads(data + block).blocks["X"].optimized is optimized
    (tmp_path / "f.scl").write_text(block)
    (tmp_path / "x.db").write_text(data)
    assert load(tmp_path / "x.db", tmp_path).blocks["X"].optimized is optimized
    (tmp_path / "f.awl").write_text(block)
    (tmp_path / "f.scl").unlink()
    assert load(tmp_path / "x.db", tmp_path).blocks["X"].optimized is (optimized if function or instance else False)


def test_too_many_separators_are_told_with_their_place() -> None:
    with pytest.raises(ParameterError) as caught:
        loads("\n" + ";" * 600_005)
    assert caught.value.failure.where == "<source>:2:600001"
    assert db("a : Int;").block("X").to_dict() == {"a": 0}
