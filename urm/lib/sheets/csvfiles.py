"""CSV as it comes out of spreadsheets and old systems: what it is encoded in, what separates it, its rows."""

import codecs
import csv
from collections.abc import Iterable, Iterator

from django.utils.translation import gettext_noop

from urm.lib.sheets.errors import MAX_COLUMNS, MAX_FIELD, SheetError

ENCODINGS = ("utf-8", "gb18030", "utf-16", "windows-1252")
DELIMITERS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAX_LINE = 4 * MAX_FIELD
csv.field_size_limit(MAX_FIELD)  # of this process; no other code reads CSV with longer fields


def guess_encoding(chunks: Iterable[bytes]) -> str:
    """By the byte order mark; else the first of UTF-8, GB18030 and Windows-1252 that the whole file can be read in."""
    left = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8", "gb18030", "windows-1252")}
    beginning = True
    for chunk in chunks:
        if beginning:
            for mark, name in _BOMS:
                if chunk.startswith(mark):
                    return name
            beginning = False
        for name, decoder in list(left.items()):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                del left[name]
        if not left:
            break
    for name, decoder in list(left.items()):
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            del left[name]
    if not left:
        raise SheetError(gettext_noop("The file is neither UTF-8 nor GB18030 nor Windows-1252. Save it as UTF-8."))
    return next(iter(left))


def guess_delimiter(lines: list[str]) -> str:
    """The separator that cuts these first lines into the most columns, equally many in each."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
            if score > best_score:
                best, best_score = delimiter, score
    return best


def lines_of(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The lines with their ends. Raises SheetError where the bytes are no text, or a line has no end."""
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    waiting, number = "", 1
    try:
        for chunk in chunks:
            text = waiting + decoder.decode(chunk)
            lines = _only_real_ends(text)
            waiting = lines.pop() if lines and not lines[-1].endswith("\n") else ""
            for line in lines:
                yield line
                number += 1
            if len(waiting) > _MAX_LINE:
                raise SheetError(gettext_noop("Line %(line)s has no end. Is this really a CSV file?"), line=number)
        waiting += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise SheetError(
            gettext_noop(
                "After line %(line)s the file is not %(encoding)s. Choose another encoding, or save it as UTF-8."
            ),
            line=number,
            encoding=encoding.upper(),
        ) from error
    if waiting:
        yield waiting


def _only_real_ends(text: str) -> list[str]:
    r"""Split after \n only (and a lone \r): str.splitlines would also split at U+2028 and the like."""
    if "\r" in text:
        kept = text[-1:] if text.endswith("\r") else ""  # its \n may come with the next chunk
        body = text[: len(text) - len(kept)].replace("\r\n", "\n").replace("\r", "\n") + kept
    else:
        body = text
    parts = body.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def rows_of(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """The rows, empty ones too. Raises SheetError where a field or a row is too long."""
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for row in reader:
            if len(row) > MAX_COLUMNS:
                raise SheetError(
                    gettext_noop("Line %(line)s has %(columns)s columns; at most %(limit)s are taken."),
                    line=reader.line_num,
                    columns=len(row),
                    limit=MAX_COLUMNS,
                )
            yield row
    except csv.Error as error:
        raise SheetError(
            gettext_noop(
                "Line %(line)s has a field of more than %(limit)s characters. Is a closing quotation mark missing?"
            ),
            line=reader.line_num,
            limit=MAX_FIELD,
        ) from error
