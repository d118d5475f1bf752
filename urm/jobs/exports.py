"""Exports: any list as a file, written by a job in slices, downloaded through a link that runs out.

An app says what can be exported::

    register_export(Export(
        name="members", label=_("Members"), capability="members.export",
        header=member_header, fetch=member_slice,
    ))

`fetch(query, after, limit)` gives the next rows as lists of cells and where to go on (JSON; None when nothing is
left). `query` is what the list's address held: `{"tag": ["3"], "q": ["ada"]}`.

Programs narrow an export by filters that apps declare, also for one of an app below::

    add_export_filter("members", ExportFilter("tag", _tagged))
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_noop, override
from django.utils.translation import gettext_lazy as _

from urm.audit.actions import record
from urm.jobs.actions import start_job
from urm.jobs.files import CHUNK, CSV, JSON_LINES, XLSX, add_part, chunks_of, delete_content, fill, new_file
from urm.jobs.kinds import JobError, register_job
from urm.jobs.models import File, Job
from urm.lib.sheets.writing import csv_bytes, json_lines, write_xlsx

KEEP = timedelta(days=7)
SLICE = 5000
MOST_XLSX = 200_000
FORMATS = {"csv": CSV, "xlsx": XLSX, "jsonl": JSON_LINES}

Query = Mapping[str, Sequence[str]]
Fetch = Callable[[Query, Any, int], tuple[list[list[Any]], Any]]


@dataclass(frozen=True)
class Export:
    """`header` gives the names of the columns: the same for every reader, so that programs can rely on them."""

    name: str
    label: str | Promise
    capability: str
    header: Callable[[], list[str]]
    fetch: Fetch


@dataclass(frozen=True)
class ExportFilter:
    """`query` turns the value given (JSON) into what the list's address holds for it.

    It raises ValueError with words where the value means nothing: a filter that is not understood must not export
    everybody.
    """

    name: str
    query: Callable[[Any], Query]


_exports: dict[str, Export] = {}
_filters: dict[str, dict[str, ExportFilter]] = {}


def register_export(export: Export) -> None:
    _exports[export.name] = export


def export_named(name: str) -> Export | None:
    return _exports.get(name)


def exports_with(capability: str) -> list[str]:
    """The names of the exports that need this capability."""
    return [export.name for export in _exports.values() if export.capability == capability]


def add_export_filter(what: str, one: ExportFilter) -> None:
    _filters.setdefault(what, {})[one.name] = one


def export_filters(what: str) -> dict[str, ExportFilter]:
    return dict(_filters.get(what, {}))


def start_export(*, what: str, file_format: str, query: Query, columns: Sequence[str] = ()) -> Job:
    """Start writing a file; the capability is the caller's to check. The words searched for stay out of the audit.

    `columns` are names of the header, in the order wanted; none means all.
    """
    export = _exports[what]
    if file_format not in FORMATS:
        raise ValueError(f"{file_format!r} is no format of exports.")
    with transaction.atomic():
        job = start_job(
            kind="export",
            label=str(export.label),
            parameters={
                "what": what,
                "format": file_format,
                "query": {name: list(values) for name, values in query.items()},
                "columns": list(columns),
                "language": get_language() or "en",
            },
        )
        record(verb="export.start", target=job, after={"what": what, "format": file_format, "filters": sorted(query)})
    return job


def _end(job: Job) -> None:
    """An export that was given up leaves no file."""
    if job.state != Job.State.DONE:
        for pk in {job.position.get("file"), job.position.get("rows")} - {None}:
            File.objects.filter(pk=pk).update(expires_at=job.created_at)
        return
    job.result = {"file_id": job.position["file"], "rows": job.done}


@register_job("export", label=_("Export"), view="members.view", change="members.export", on_end=_end)
def export_step(job: Job) -> bool:
    """Write the next slice. A workbook cannot be added to: its rows are gathered first and written at the end."""
    export = _exports[job.parameters["what"]]
    with override(job.parameters["language"]):
        if "file" not in job.position:
            _begin(job, export)
        rows, after = export.fetch(job.parameters["query"], job.position.get("after"), SLICE)
        header, rows = _chosen(job, export, rows)
        kind = job.parameters["format"]
        if kind == "xlsx":
            _gather(job, header, rows)
            if after is None:
                _bind(job)
        else:
            file = File.objects.get(pk=job.position["file"])
            first = job.done == 0 and file.parts == 0
            if kind == "csv":
                content = csv_bytes([header, *rows] if first else rows, begin=first)
            else:
                content = json_lines(header, rows)
            if content:
                add_part(file, content)
    job.done += len(rows)
    job.position["after"] = after
    job.say(gettext_noop("Writing the file"))
    return after is not None


def _chosen(job: Job, export: Export, rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """The columns that were asked for; one that is gone meanwhile stays empty."""
    header, columns = export.header(), job.parameters.get("columns")
    if not columns:
        return header, rows
    places = [header.index(name) if name in header else None for name in columns]
    return columns, [[None if place is None else row[place] for place in places] for row in rows]


def _begin(job: Job, export: Export) -> None:
    kind = job.parameters["format"]
    name = f"{export.name}-{job.created_at:%Y-%m-%d}.{kind}"
    job.position["file"] = new_file(name=name, content_type=FORMATS[kind], capability=export.capability, keep=KEEP).pk
    if kind == "xlsx":
        gathered = new_file(name="rows", content_type=JSON_LINES, capability=export.capability, keep=KEEP)
        job.position["rows"] = gathered.pk


def _gather(job: Job, header: list[str], rows: list[list[Any]]) -> None:
    if job.done + len(rows) > MOST_XLSX:
        raise JobError(gettext_noop("A workbook holds at most %(limit)s rows here. Choose CSV."), limit=MOST_XLSX)
    gathered = File.objects.get(pk=job.position["rows"])
    table = [header, *rows] if job.done == 0 else rows
    add_part(gathered, b"".join(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE) for row in table))


def _bind(job: Job) -> None:
    gathered, file = File.objects.get(pk=job.position["rows"]), File.objects.get(pk=job.position["file"])
    with tempfile.TemporaryFile() as book:
        write_xlsx(book, (orjson.loads(line) for line in _lines(gathered)))
        book.seek(0)
        fill(file, iter(lambda: book.read(CHUNK), b""))
    delete_content(gathered)


def _lines(file: File) -> Any:
    waiting = b""
    for chunk in chunks_of(file):
        *lines, waiting = (waiting + chunk).split(b"\n")
        yield from lines
