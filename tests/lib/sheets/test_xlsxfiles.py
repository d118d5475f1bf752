"""Workbooks, written by another program and by us, and hostile ones."""

import io
import tracemalloc
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from urm.lib.sheets import writing
from urm.lib.sheets.errors import MAX_FIELD, SheetError
from urm.lib.sheets.writing import write_xlsx
from urm.lib.sheets.xlsxfiles import xlsx_rows

ROWS: list[list[Any]] = [
    ["姓名", "phone", "born", "seen", "spent", "vip", "note"],
    ["王小明", 13812345678, date(1990, 12, 31), datetime(2026, 3, 1, 9, 30, 15), 12.5, True, "a <b> & \n c"],
    [],
    ["Ada", "+442071838750", None, None, 0.1, False, "=1+1"],
]


def workbook(rows: list[list[Any]]) -> io.BytesIO:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file


def test_workbook_of_another_program_is_read_as_it_looks() -> None:
    book = openpyxl.load_workbook(workbook(ROWS))
    book.active["G4"].data_type = "s"  # a text, not a formula
    file = io.BytesIO()
    book.save(file)
    assert list(xlsx_rows(file)) == [
        ["姓名", "phone", "born", "seen", "spent", "vip", "note"],
        ["王小明", "13812345678", "1990-12-31", "2026-03-01T09:30:15", "12.5", "true", "a <b> & \n c"],
        [],
        ["Ada", "+442071838750", "", "", "0.1", "false", "=1+1"],
    ]


def test_what_we_write_opens_elsewhere_without_a_formula() -> None:
    file = io.BytesIO()
    dangerous = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1+1", " =1", "plain", "null\x00 and \ud800 gone"]
    write_xlsx(file, [["name", 7, True, None], dangerous])
    file.seek(0)
    sheet = openpyxl.load_workbook(file).active
    assert [cell.value for cell in sheet[1]][:3] == ["name", 7, True]
    assert [cell.data_type for cell in sheet[2]] == ["s"] * len(dangerous)
    assert [cell.quotePrefix for cell in sheet[2]] == [True] * 8 + [False] * 2
    file.seek(0)
    assert list(xlsx_rows(file))[1][-1] == "null and  gone"


def test_table_that_is_too_long_for_a_sheet_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SHEET_ROWS", 2)
    file = io.BytesIO()
    write_xlsx(file, [[1], [2], [3]])
    sheets = openpyxl.load_workbook(file).worksheets
    assert [[cell.value for [cell] in sheet.iter_rows()] for sheet in sheets] == [[1, 2], [3]]


def refused(file: io.BytesIO) -> str:
    file.seek(0)
    with pytest.raises(SheetError) as error:
        list(xlsx_rows(file))
    return str(error.value)


def with_part(name: str, content: bytes) -> io.BytesIO:
    """A workbook with one part exchanged."""
    made = io.BytesIO()
    with zipfile.ZipFile(workbook(ROWS)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return made


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = with_part("xl/worksheets/sheet1.xml", b"<worksheet>" + b" " * 124_000_000 + b"</worksheet>")
    assert len(bomb.getvalue()) < 400_000
    tracemalloc.start()
    assert refused(bomb) == "The file would unpack to 118 MB, which looks like an attack. Save the table as CSV."
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 1024 * 1024


def test_entities_are_refused() -> None:
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet><sheetData/></worksheet>'
    assert refused(with_part("xl/worksheets/sheet1.xml", laughs)).startswith("This is no XLSX file.")
    assert refused(with_part("xl/workbook.xml", laughs)).startswith("This is no XLSX file.")


@pytest.mark.parametrize("content", [b"", b"a,b\r\n1,2\r\n", b"PK\x03\x04 but nothing else", b"\xd0\xcf\x11\xe0old"])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    assert refused(io.BytesIO(content)).startswith("This is no XLSX file.")


def test_workbook_cut_off_in_the_middle_is_refused() -> None:
    assert refused(io.BytesIO(workbook(ROWS).getvalue()[:-40])).startswith("This is no XLSX file.")


def test_long_cell_far_column_and_far_row_are_refused() -> None:
    sheet = b"<worksheet><sheetData>%s</sheetData></worksheet>"
    name = "xl/worksheets/sheet1.xml"
    long = b'<row><c t="str"><v>%s</v></c></row>' % (b"x" * (MAX_FIELD + 1))
    assert refused(with_part(name, sheet % long)) == f"A cell has more than {MAX_FIELD} characters."
    far = b'<row r="1"><c r="ZZZ1"><v>1</v></c></row>'
    assert refused(with_part(name, sheet % far)).startswith("Line 1 has 18278 columns")
    assert refused(with_part(name, sheet % b'<row r="1999999"/>')).startswith("This is no XLSX file.")


def test_memory_stays_flat_over_a_hundred_thousand_rows() -> None:
    file = io.BytesIO()
    write_xlsx(file, ([f"C{number}", f"person{number}@example.com", number] for number in range(100_000)))
    tracemalloc.start()
    count = sum(1 for _row in xlsx_rows(file))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 4 * 1024 * 1024
