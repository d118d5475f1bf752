"""XLSX, the first sheet of it, row by row.

A workbook is a ZIP file of XML. Sizes inside are checked before anything is unpacked; the table of shared strings lies
in a temporary file, so that a million rows need no more memory than ten; document types, and with them entities, are
refused.
"""

import mmap
import re
import tempfile
import zipfile
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import IO, Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from django.utils.translation import gettext_noop

from urm.lib.sheets.errors import MAX_COLUMNS, MAX_FIELD, SheetError

MAX_UNPACKED = 2 * 1024**3
_ALWAYS_FINE = 20 * 1024**2
_MAX_RATIO = 100
_SMALL = 4 * 1024**2  # of the workbook's own parts, which are read whole
_CHUNK = 64 * 1024
_NO_XLSX = gettext_noop("This is no XLSX file. Save the table as XLSX or CSV in your spreadsheet program.")

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_BUILT_IN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_A_DATE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_REFERENCE = re.compile(r"([A-Z]{1,3})[0-9]+")


def xlsx_rows(file: IO[bytes]) -> Iterator[list[str]]:
    """The rows of the first sheet as texts; dates as ISO 8601. Rows that the file leaves out come as empty lists."""
    with ExitStack() as stack:
        try:
            book = stack.enter_context(zipfile.ZipFile(file))
            _check_sizes(book)
            sheet, dates_from = _first_sheet(book)
            date_styles = _date_styles(book)
            strings = stack.enter_context(_SharedStrings(book))
            content = stack.enter_context(book.open(sheet))
            yield from _Sheet(strings, date_styles, dates_from).rows(content)
        except (zipfile.BadZipFile, KeyError, ET.ParseError, expat.ExpatError, EOFError, NotImplementedError) as error:
            raise SheetError(_NO_XLSX) from error
        except RuntimeError as error:  # zipfile's word for an encrypted part
            raise SheetError(gettext_noop("The file is protected by a password. Save it without one.")) from error


def _check_sizes(book: zipfile.ZipFile) -> None:
    """What the parts say they unpack to; zipfile reads no byte more of a part than it says."""
    parts = book.infolist()
    unpacked = sum(part.file_size for part in parts)
    packed = max(1, sum(part.compress_size for part in parts))
    if len(parts) > 5000 or unpacked > MAX_UNPACKED or (unpacked > _ALWAYS_FINE and unpacked / packed > _MAX_RATIO):
        raise SheetError(
            gettext_noop("The file would unpack to %(size)s MB, which looks like an attack. Save the table as CSV."),
            size=unpacked // 1024**2,
        )


def _small(book: zipfile.ZipFile, name: str) -> ET.Element:
    with book.open(name) as part:
        content = part.read(_SMALL + 1)
    if len(content) > _SMALL or b"<!DOCTYPE" in content:
        raise SheetError(_NO_XLSX)
    return ET.fromstring(content)  # noqa: S314 - small, and without a document type there are no entities


def _first_sheet(book: zipfile.ZipFile) -> tuple[str, datetime]:
    """The path of the first sheet, and the day that the workbook counts from."""
    root = _small(book, "xl/workbook.xml")
    first = root.find(f"{_MAIN}sheets/{_MAIN}sheet")
    if first is None:
        raise SheetError(_NO_XLSX)
    wanted = first.get(_RELATION)
    for relation in _small(book, "xl/_rels/workbook.xml.rels"):
        if relation.get("Id") == wanted:
            target = relation.get("Target", "")
            properties = root.find(f"{_MAIN}workbookPr")
            late = properties is not None and properties.get("date1904") in {"1", "true"}
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            return path, datetime(1904, 1, 1) if late else datetime(1899, 12, 30)
    raise SheetError(_NO_XLSX)


def _date_styles(book: zipfile.ZipFile) -> set[str]:
    """The numbers of those cell styles that show a number as a date or time."""
    if "xl/styles.xml" not in book.namelist():
        return set()
    root = _small(book, "xl/styles.xml")
    dates = set(_BUILT_IN_DATES)
    for form in root.iterfind(f"{_MAIN}numFmts/{_MAIN}numFmt"):
        code = _NOT_A_DATE.sub("", form.get("formatCode", "")).lower()
        if any(letter in code for letter in "ymdhs"):
            dates.add(int(form.get("numFmtId", "0")))
    cells = root.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf")
    return {str(number) for number, style in enumerate(cells) if int(style.get("numFmtId", "0")) in dates}


class _SharedStrings:
    """Texts by number, on disk; only where each begins is in memory (8 bytes a text)."""

    def __init__(self, book: zipfile.ZipFile) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        self._ends = array("Q", [0])
        self._map: mmap.mmap | None = None
        if "xl/sharedStrings.xml" in book.namelist():
            with book.open("xl/sharedStrings.xml") as part:
                self._read(part)
            if self._ends[-1]:
                self._file.flush()
                self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def __enter__(self) -> "_SharedStrings":
        return self

    def __exit__(self, *error: object) -> None:
        if self._map is not None:
            self._map.close()
        self._file.close()

    def __getitem__(self, number: int) -> str:
        if self._map is None or not 0 <= number < len(self._ends) - 1:
            return ""
        return self._map[self._ends[number] : self._ends[number + 1]].decode()

    def _read(self, part: IO[bytes]) -> None:
        text: list[str] = []
        inside = {"si": False, "t": False, "rPh": False}

        def start(name: str, attributes: dict[str, str]) -> None:
            name = name.rpartition(":")[2]
            if name in inside:
                inside[name] = True

        def end(name: str) -> None:
            name = name.rpartition(":")[2]
            if name in inside:
                inside[name] = False
            if name == "si":
                content = "".join(text).encode()
                text.clear()
                self._file.write(content)
                self._ends.append(self._ends[-1] + len(content))

        def characters(given: str) -> None:
            if inside["t"] and not inside["rPh"]:  # rPh: how Japanese is read aloud
                text.append(given)
                _refuse_long(text)

        _parse(part, start, end, characters)


class _Sheet:
    def __init__(self, strings: _SharedStrings, date_styles: set[str], dates_from: datetime) -> None:
        self.strings = strings
        self.date_styles = date_styles
        self.dates_from = dates_from
        self.ready: deque[list[str]] = deque()
        self.number = 0  # of the last row
        self.row: list[str] = []
        self.kind = self.style = ""
        self.column = -1
        self.text: list[str] = []
        self.taking = False

    def rows(self, content: IO[bytes]) -> Iterator[list[str]]:
        yield from _feed(content, self._start, self._end, self._characters, self.ready)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "c":
            self._begin_cell(attributes)
        elif name in {"v", "t"}:
            self.taking = True
        elif name == "row":
            number = int(attributes.get("r") or self.number + 1)
            if not self.number < number <= 2_000_000:
                raise SheetError(_NO_XLSX)
            missing = number - self.number - 1
            if missing > 100_000:
                raise SheetError(_NO_XLSX)
            self.ready.extend([] for _ in range(missing))
            self.number, self.row, self.column = number, [], -1

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self.kind, self.style = attributes.get("t", "n"), attributes.get("s", "")
        self.text.clear()
        match = _REFERENCE.fullmatch(attributes.get("r", ""))
        if match is None:
            self.column += 1
        else:
            index = 0
            for letter in match[1]:
                index = index * 26 + ord(letter) - 64
            self.column = index - 1

    def _end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name in {"v", "t"}:
            self.taking = False
        elif name == "c":
            value = self._value("".join(self.text))
            if value:
                if self.column >= MAX_COLUMNS:
                    raise SheetError(
                        gettext_noop("Line %(line)s has %(columns)s columns; at most %(limit)s are taken."),
                        line=self.number,
                        columns=self.column + 1,
                        limit=MAX_COLUMNS,
                    )
                self.row.extend([""] * (self.column + 1 - len(self.row)))
                self.row[self.column] = value
        elif name == "row":
            self.ready.append(self.row)

    def _characters(self, given: str) -> None:
        if self.taking:
            self.text.append(given)
            _refuse_long(self.text)

    def _value(self, text: str) -> str:
        match self.kind:
            case "s":
                return self.strings[int(text)] if text.isdigit() else ""
            case "b":
                return {"1": "true", "0": "false"}.get(text, text)
            case "n" if text:
                return self._number(text)
            case "e":
                return ""  # what a formula could not compute
        return text

    def _number(self, text: str) -> str:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text
        if not number.is_finite() or abs(number.adjusted()) > 30:
            return text
        if self.style in self.date_styles and 0 <= number < 3_000_000:
            moment = self.dates_from + timedelta(seconds=round(float(number) * 86_400))
            if number < 1:
                return moment.time().isoformat()
            return moment.date().isoformat() if number == int(number) else moment.isoformat()
        plain = f"{float(number):.15g}" if len(number.as_tuple().digits) > 15 else text
        return f"{Decimal(plain).normalize():f}"


def _refuse_long(text: list[str]) -> None:
    if len(text) > 1000 or sum(map(len, text)) > MAX_FIELD:
        joined = "".join(text)
        text[:] = [joined]
        if len(joined) > MAX_FIELD:
            raise SheetError(gettext_noop("A cell has more than %(limit)s characters."), limit=MAX_FIELD)


def _feed(part: IO[bytes], start: Any, end: Any, characters: Any, ready: deque[list[str]]) -> Iterator[list[str]]:
    """Parse the part piece by piece, handing out what became ready with each."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    while chunk := part.read(_CHUNK):
        parser.Parse(chunk, False)
        while ready:
            yield ready.popleft()
    parser.Parse(b"", True)
    yield from ready


def _parse(part: IO[bytes], start: Any, end: Any, characters: Any) -> None:
    for _row in _feed(part, start, end, characters, deque()):
        pass


def _refuse_doctype(*_arguments: Any) -> None:
    raise SheetError(_NO_XLSX)
