"""The dry run: every row is read, cleaned and compared once. Running writes what was found here."""

from collections.abc import Iterator
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Count
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from members.actions.imports import statements as sql
from members.actions.imports.cleaning import Cleaned, Cleaner
from members.actions.imports.errorfile import write_errors
from members.actions.imports.reading import Row, keep_open, rows_after
from members.actions.imports.slices import look_at_growth, look_up_by_key, resolve, run, slice_of
from members.actions.imports.targets import believed_more
from members.actions.imports.uploading import KEEP, OPEN, identifying
from members.models import Import, ImportRow
from urm.audit.actions import record
from urm.jobs.actions import start_job
from urm.jobs.kinds import JobError
from urm.jobs.models import Job
from urm.lib.sheets.errors import SheetError
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

SLICE = 2500  # about a second's work
SLICE_BYTES = 4 * 1024 * 1024
MAX_ROWS = 5_000_000
MAX_TAGS = 500
State = Import.State
Outcome = ImportRow.Outcome


def check_import(*, job: Import, then_run: bool = False) -> Job:
    """Start the dry run; with `then_run` the import goes on by itself, leaving out the rows with problems."""
    with transaction.atomic():
        current = Import.objects.select_for_update().get(pk=job.pk)
        if current.state not in OPEN or current.finished_at is not None:
            raise ValidationError(_("This import is running or has run; it cannot be changed."), code="import_has_run")
        started = start_job(
            kind="members.import.check",
            label=job.name,
            parameters={"import": job.pk, "then_run": then_run},
            total=current.rows,
        )
        Import.objects.filter(pk=job.pk).update(state=State.CHECKING, job_id=started.pk, counts={})
        record(verb="import.check", target=job)
    job.refresh_from_db()
    return started


def check_step(job: Job) -> bool:
    """One slice of the dry run. Stages: clear (rows of an earlier one), read, list problems."""
    look_up_by_key()
    importing = Import.objects.get(pk=job.parameters["import"])
    match job.position.setdefault("stage", "clear"):
        case "clear":
            job.say(gettext_noop("Getting ready"))
            if not clear_rows(importing.pk):
                job.position |= {"stage": "read", "row": 0, "tags": []}
        case "read":
            try:
                _read_slice(job, importing)
            except SheetError as error:
                raise JobError(error.text, **error.values) from error
        case _:
            job.say(gettext_noop("Listing the rows with problems"))
            return write_errors(job, importing)
    return True


def clear_rows(import_id: int, limit: int = 20_000) -> bool:
    """Delete some rows of an import; False when none is left."""
    first = import_id << 32
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM members_importrow WHERE tenant_id = %(t)s AND id IN (SELECT id FROM members_importrow "
            "WHERE tenant_id = %(t)s AND id > %(first)s AND id <= %(last)s LIMIT %(limit)s)",
            {"t": require_tenant(), "first": first, "last": first + 0xFFFF_FFFF, "limit": limit},
        )
        return bool(cursor.rowcount)


def end_check(job: Job) -> None:
    """However it ended: the counts, and the next state."""
    states = {"done": State.CHECKED, "failed": State.FAILED, "cancelled": State.CANCELLED}
    importing = Import.objects.get(pk=job.parameters["import"])
    importing.state = states[job.state]
    importing.counts = count_rows(importing.pk)
    importing.rows = sum(importing.counts.values())
    importing.undo_until = timezone.now() + KEEP
    importing.save(update_fields=["state", "counts", "rows", "undo_until"])
    job.result = {"import_id": importing.pk, "counts": importing.counts, "error_file_id": importing.error_file_id}
    if job.state == "done" and job.parameters.get("then_run"):
        from members.actions.imports.running import run_import  # noqa: PLC0415 - it needs this module's clear_rows

        run_import(job=importing)


def count_rows(import_id: int) -> dict[str, int]:
    first = import_id << 32
    rows = ImportRow.objects.filter(id__gt=first, id__lte=first + 0xFFFF_FFFF).values("outcome")
    return dict(rows.annotate(n=Count("id")).values_list("outcome", "n"))


def _read_slice(job: Job, importing: Import) -> None:
    last = int(job.position["row"])
    reader = rows_after(importing, last)
    tenant = Tenant.objects.get(pk=require_tenant())
    with translation.override(importing.options.get("language")):
        cleaner = Cleaner(importing, tenant.zone)
        kinds = identifying(importing)
        rows, size, ended = [], 0, True
        for number, cells in _below_the_header(reader, last):
            rows.append(_staged(number, cells, cleaner.clean(cells), kinds, importing))
            last = number
            size += sum(map(len, cells))
            if len(rows) >= SLICE or size > SLICE_BYTES:
                ended = False
                break
        if rows:
            _insert(job, importing, rows)
            _note_tags(job, rows)
    job.done += len(rows)
    if job.done > MAX_ROWS:
        raise JobError(gettext_noop("The file has more than %(limit)s rows. Split it."), limit=MAX_ROWS)
    job.say(gettext_noop("Reading and comparing the rows"))
    job.position["row"] = last
    if ended:
        job.position["stage"] = "problems"
        job.total = job.done
    else:
        keep_open(importing, last, reader)


def _below_the_header(reader: Iterator[Row], last: int) -> Iterator[Row]:
    if last == 0:
        next(reader, None)
    return reader


def _staged(number: int, cells: list[str], row: Cleaned, kinds: list[str], importing: Import) -> dict[str, Any]:
    key = next((f"{kind}:{row.identities[kind]}" for kind in kinds if kind in row.identities), None)
    if key is None and not row.problems:
        row.problems.append(("", gettext_noop("Nothing in this row says who it is about."), {}))
    wrong = bool(row.problems)
    return {
        "id": (importing.pk << 32) + number,
        "k": None if wrong else key,
        "o": Outcome.ERROR if wrong else Outcome.NEW,
        "v": {} if wrong else row.values,
        "i": {} if wrong else row.identities,
        "t": row.tags or None,
        "c": row.consents or None,
        "raw": _raw(cells) if wrong else None,
        "p": row.problems or None,
        "cells": cells,
    }


def _insert(job: Job, importing: Import, rows: list[dict[str, Any]]) -> None:
    """Stage the rows with what each would do; two about the same person are a problem of the later one."""
    cells = {row["id"]: row["cells"] for row in rows}
    with connection.cursor() as cursor:
        slice_of(cursor, _json(rows))
        run(cursor, sql.EARLIER, importing=importing.pk)
        _spoil(cursor, cells, gettext_noop("An earlier row of the file is about the same person."))
        resolve(cursor, kinds=identifying(importing))
        run(cursor, sql.SAME_MEMBER)
        _spoil(cursor, cells, gettext_noop("Another row of the file is about the same person."))
        run(cursor, sql.TELL, mode=importing.mode, believed=believed_more(importing))
        run(cursor, sql.STAGE, importing=importing.pk)
        look_at_growth(cursor, "members_importrow", before=job.done, after=job.done + len(rows))


def _spoil(cursor: CursorWrapper, cells: dict[int, list[str]], words: str) -> None:
    """Make problems of the rows that the last statement found."""
    if rows := [{"id": pk, "raw": _raw(cells[pk])} for (pk,) in cursor.fetchall()]:
        run(cursor, sql.SPOIL, problem=orjson.dumps([("", words, {})]).decode(), rows=orjson.dumps(rows).decode())


def _raw(cells: list[str]) -> list[str]:
    return [cell.replace("\x00", "�")[:1000] for cell in cells]


def _json(rows: list[dict[str, Any]]) -> str:
    wanted = ("id", "k", "o", "v", "i", "t", "c", "raw", "p")
    return orjson.dumps([{name: row[name] for name in wanted} for row in rows]).decode()


def _note_tags(job: Job, rows: list[dict[str, Any]]) -> None:
    tags = {*job.position["tags"], *(tag for row in rows for tag in row["t"] or ())}
    if len(tags) > MAX_TAGS:
        raise JobError(
            gettext_noop("The file has more than %(limit)s different tags. Is this column really one of tags?"),
            limit=MAX_TAGS,
        )
    job.position["tags"] = sorted(tags)
