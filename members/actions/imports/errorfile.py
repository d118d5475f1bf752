"""The file of rows with problems: the original row, its number and the reasons, to be mended and imported again."""

from django.utils import translation

from members.actions.imports.uploading import KEEP
from members.models import Import, ImportRow
from urm.jobs.files import CSV, add_part, new_file
from urm.jobs.models import File, Job
from urm.lib.refusals import shown
from urm.lib.sheets.writing import csv_bytes

SLICE = 10_000


def write_errors(job: Job, importing: Import) -> bool:
    """Write the next rows with problems; False when all are written. Nothing is made where there are none."""
    first = importing.pk << 32
    after = int(job.position.get("listed", first))
    rows = list(
        ImportRow.objects.filter(
            import_id=importing.pk, id__gt=after, id__lte=first + 0xFFFF_FFFF, outcome=ImportRow.Outcome.ERROR
        ).order_by("id")[:SLICE]
    )
    if not rows:
        return False
    beginning = "listed" not in job.position
    if beginning:
        name = f"{importing.name.rpartition('.')[0] or importing.name} – errors.csv"
        file = new_file(name=name, content_type=CSV, capability="members.change", keep=KEEP)
        Import.objects.filter(pk=importing.pk).update(error_file_id=file.pk)
        job.position["error_file"] = file.pk
    file = File.objects.get(pk=job.position["error_file"])
    width = len(importing.columns)
    with translation.override(importing.options.get("language")):
        table = [[*_padded(row.raw or [], width), row.number, reasons(row)] for row in rows]
    if beginning:
        table.insert(0, [*(column["header"] for column in importing.columns), "urm_row", "urm_problem"])
    add_part(file, csv_bytes(table, begin=beginning))
    job.position["listed"] = rows[-1].pk
    return len(rows) == SLICE


def reasons(row: ImportRow) -> str:
    return "; ".join(f"{header}: {words}" if header else words for header, words in problems_of(row))


def problems_of(row: ImportRow) -> list[tuple[str, str]]:
    """(header of the column or "", what is wrong) in the active language."""
    return [(header, shown(*words)) for header, *words in row.problems or ()]


def _padded(cells: list[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]
