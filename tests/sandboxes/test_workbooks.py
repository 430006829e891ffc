"""Workbooks are compared by their cells."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime
from types import ModuleType
from typing import Any

import openpyxl
import pytest

from engine.sandboxes._remote import sources


@pytest.fixture(scope="module")
def workbooks() -> Iterator[ModuleType]:
    loaded: dict[str, ModuleType] = {}
    for name, source in sources():
        if name in ("json_values", "workbooks"):
            module = ModuleType(name)
            sys.modules[name] = loaded[name] = module
            exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    yield loaded["workbooks"]
    for name in loaded:
        del sys.modules[name]


def book(cells: dict[str, Any], **sheets: dict[str, Any]) -> bytes:
    made = openpyxl.Workbook()
    for number, (name, held) in enumerate({"Sheet": cells, **sheets}.items()):
        sheet = made.active if number == 0 else made.create_sheet(name)
        assert sheet is not None
        for place, value in held.items():
            sheet[place] = value
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def packed(parts: dict[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return target.getvalue()


def changed(data: bytes, **parts: bytes) -> bytes:
    """Return a workbook with other or further parts of these names (an underscore stands for a dot)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    for name, text in parts.items():
        file = name.replace("_", ".")
        kept[next((one for one in kept if one.endswith(f"/{file}")), f"xl/{file}")] = text
    return packed(dict(kept))


def test_every_kind_of_cell_is_a_value(workbooks: ModuleType) -> None:
    cells = {"A1": "tea", "B2": 4, "B3": 2.5, "C1": True, "D1": "=B2*2", "E1": datetime(2026, 3, 1), "F1": "tea"}
    value, digest = workbooks.load(book(cells, Prices={"A1": "é & <x>"}))
    assert value == {
        "Sheet": {"A1": "tea", "B2": 4, "B3": 2.5, "C1": True, "D1": "=B2*2", "E1": 46082, "F1": "tea"},
        "Prices": {"A1": "é & <x>"},
    }
    assert len(digest) == 32


def test_what_a_program_writes_about_itself_does_not_count(workbooks: ModuleType) -> None:
    data = book({"A1": 1, "A2": "x"})
    later = changed(data, core_xml=b"<later/>", styles_xml=b"<other/>")
    assert later != data
    assert workbooks.load(later) == workbooks.load(data)
    assert workbooks.load(book({"A1": 1, "A2": "y"}))[1] != workbooks.load(data)[1]
    assert workbooks.load(book({"A1": True, "A2": "x"}))[1] != workbooks.load(data)[1]


def test_runs_and_inline_texts_are_read(workbooks: ModuleType) -> None:
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    runs = f"<sst {main}><si><r><t>ab</t></r><r><t>c</t></r><rPh><t>no</t></rPh></si></sst>".encode()
    rows = '<row><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>in</t></is></c><c r="C1"/></row>'
    sheet = f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>".encode()
    data = changed(book({"A1": "abc"}), sharedStrings_xml=runs, sheet1_xml=sheet)
    assert workbooks.load(data)[0] == {"Sheet": {"A1": "abc", "B1": "in"}}


BOMB = b'<!DOCTYPE x [<!ENTITY a "%s">]><worksheet>&a;</worksheet>' % (b"x" * 1000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 and nothing",
        packed({"a.txt": "x"}),
        book({"A1": 1})[:-200],
        changed(book({"A1": 1}), sheet1_xml=BOMB),
        changed(book({"A1": 1}), sheet1_xml=b"<not closed"),
        changed(book({"A1": 1}), workbook_xml_rels=b"<none/>"),
        changed(book({"A1": 1}), sheet1_xml=b" " * (65 << 20)),
    ],
)
def test_what_is_no_workbook_is_none(workbooks: ModuleType, data: bytes) -> None:
    assert workbooks.load(data) is None
