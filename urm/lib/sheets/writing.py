"""Tables written piece by piece: CSV, JSON lines, XLSX. Nothing that people typed becomes a formula."""

import csv
import zipfile
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import IO, Any
from xml.sax.saxutils import escape

import orjson

from urm.lib.spreadsheets import is_formula, safe_cell

SHEET_ROWS = 1_048_576
_NOT_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)])


def csv_bytes(rows: Iterable[Sequence[Any]], *, begin: bool = False) -> bytes:
    """Rows as CSV; the first piece of a file begins with a byte order mark, for Excel's sake."""
    text = StringIO()
    csv.writer(text).writerows([safe_cell("" if cell is None else cell) for cell in row] for row in rows)
    return (("\ufeff" if begin else "") + text.getvalue()).encode("utf-8", "replace")


def plain_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV for a program: nothing is escaped but what CSV asks for."""
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def json_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Each row as an object, with the header's names for keys; JSON knows no formulas."""
    return b"".join(
        orjson.dumps(dict(zip(header, row, strict=True)), default=str, option=orjson.OPT_APPEND_NEWLINE) for row in rows
    )


def write_xlsx(target: IO[bytes], rows: Iterable[Sequence[Any]]) -> None:
    """A workbook; a table that is too long for one sheet goes on in the next.

    Texts are written as such; what looks like a formula is also marked as quoted, so that it stays text when edited.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as book:
        count = 0
        iterator = iter(rows)
        more = True
        while more:
            count += 1
            more = _write_sheet(book, f"xl/worksheets/sheet{count}.xml", iterator)
        numbers = range(1, count + 1)
        book.writestr("[Content_Types].xml", _TYPES % "".join(_SHEET_TYPE % number for number in numbers))
        book.writestr("_rels/.rels", _ROOT)
        book.writestr("xl/styles.xml", _STYLES)
        book.writestr("xl/workbook.xml", _BOOK % "".join(_SHEET % (number, number, number) for number in numbers))
        relations = "".join(_RELATION % (number, number) for number in numbers)
        book.writestr("xl/_rels/workbook.xml.rels", _RELATIONS % relations)


def _write_sheet(book: zipfile.ZipFile, name: str, rows: Any) -> bool:
    with book.open(name, "w", force_zip64=True) as sheet:
        sheet.write(_BEGIN)
        full = True
        for _number in range(SHEET_ROWS):
            row = next(rows, None)
            if row is None:
                full = False
                break
            sheet.write(f"<row>{''.join(map(_cell, row))}</row>".encode())
        sheet.write(b"</sheetData></worksheet>")
    return full


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float) and abs(value) < 10**15:
        return f"<c><v>{value}</v></c>"
    text = str(value)
    quoted = ' s="1"' if is_formula(text) else ""
    content = escape(text.translate(_NOT_XML)[:32_767])
    return f'<c{quoted} t="inlineStr"><is><t xml:space="preserve">{content}</t></is></c>'


_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_BEGIN = f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode()
_TYPES = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>%s</Types>'
)
_SHEET_TYPE = f'<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="{_KIND}.worksheet+xml"/>'
_ROOT = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_BOOK = f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>%s</sheets></workbook>'
_SHEET = '<sheet name="Sheet%d" sheetId="%d" r:id="rId%d"/>'
_RELATIONS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">%s'
    f'<Relationship Id="rIdStyles" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
)
_RELATION = f'<Relationship Id="rId%d" Type="{_OFFICE}/worksheet" Target="worksheets/sheet%d.xml"/>'
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf quotePrefix="1"/></cellXfs><cellStyles count="1">'
    '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
