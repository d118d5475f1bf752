"""The rows of an import's file, whatever its format. A reader stays open between the steps of a job."""

from collections.abc import Iterator

from members.models import Import
from urm.jobs.files import chunks_of, on_disk
from urm.jobs.models import File
from urm.lib.sheets.csvfiles import lines_of, rows_of
from urm.lib.sheets.xlsxfiles import xlsx_rows

Row = tuple[int, list[str]]

# The one reader of this process: whose it is, the number of the row that it gave last, and the reader.
_open: dict[int, tuple[int, Iterator[Row]]] = {}


def all_rows(job: Import) -> Iterator[Row]:
    """(number, cells) of every row that is not empty, the header too; numbers begin with 1. Raises SheetError."""
    file = File.objects.get(pk=job.file_id)
    if job.format == "xlsx":
        with on_disk(file) as copy:
            yield from _numbered(xlsx_rows(copy))
    else:
        yield from _numbered(rows_of(lines_of(chunks_of(file), job.encoding), job.delimiter))


def rows_after(job: Import, number: int) -> Iterator[Row]:
    """The rows after this one. Goes on with the reader of the last step where there is one, else begins anew."""
    last, reader = _open.pop(job.pk, (-1, iter(())))
    if last != number:
        _open.clear()
        reader = (row for row in all_rows(job) if row[0] > number)
    return reader


def keep_open(job: Import, number: int, reader: Iterator[Row]) -> None:
    """For the next step: `number` is the row that the reader gave last."""
    _open.clear()
    _open[job.pk] = (number, reader)


def _numbered(rows: Iterator[list[str]]) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        if any(cell.strip() for cell in row):
            yield number, row
