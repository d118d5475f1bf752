"""Row 8: an import, dry run and writing together, against COPY of the members it made and looking their ids up.

Both in CPU seconds of this process and of the server's. The tables that COPY fills have the same indexes, and no
row-level security.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from io import StringIO
from statistics import median

from django.db import connection, connections, transaction

from deploy.bench.table import BackendClock, Context, Row, measures
from members.actions.imports import check_import, save_mapping, upload
from members.actions.imports.checking import check_step, end_check
from members.actions.imports.running import end_run, run_import, run_step
from members.models import Import
from urm.jobs.models import Job
from urm.tenancy.context import tenant_context

ROWS = 50_000
_TABLES = {
    "members_member": (
        "tenant_id, id, external_id, email, phone, first_name, city, attributes, first_seen_at, created_at, updated_at"
    ),
    "members_identity": "tenant_id, id, member_id, kind, value, from_profile, created_at",
}
_RESOLVE = """
SELECT count(i.member_id) FROM unnest(%s::text[]) given(value)
LEFT JOIN bench.members_identity i ON i.tenant_id = %s AND i.kind = 'external_id' AND i.value = given.value
"""


@measures("8")
def importing(context: Context) -> Row:
    tenant = context.large
    pairs = []
    for turn in range(max(2, context.rounds // 2)):
        run = f"i{time.time():.0f}-{turn}"
        with tenant_context(tenant.id):
            ours = _timed_import(run)
            limit = _timed_copy(tenant.id, run)
        if turn:  # the first is a warm-up
            pairs.append((ours, limit))
    ours, limit = median(a for a, _ in pairs), median(b for _, b in pairs)
    return context.row(
        "8",
        median(a / b for a, b in pairs),
        f"{ROWS / ours:,.0f} rows/s imported, {ROWS / limit:,.0f} rows/s copied and resolved",
        costs={"import.row_seconds": ours / ROWS},
    )


def _file(run: str) -> Iterator[bytes]:
    yield b"external_id,email,phone,first_name,city,attributes.pets\r\n"
    for start in range(0, ROWS, 1000):
        lines = (
            f"{run}-{n},{run}-{n}@example.com,+86138{n:08},Name {n},City {n % 97},{n % 7}\r\n"
            for n in range(start, start + 1000)
        )
        yield "".join(lines).encode()


def _timed_import(run: str) -> float:
    """Steps as the job runner takes them, without its own rows."""
    gc.collect()
    clock = BackendClock(connection.connection)
    started = clock.now() + time.process_time()
    importing = upload(name="bench.csv", chunks=_file(run))
    save_mapping(job=importing, columns=importing.columns, mode="overwrite", options={"match": []})
    _work_off(check_import(job=importing), check_step, end_check)
    importing.refresh_from_db()
    _work_off(run_import(job=importing), run_step, end_run)
    spent = clock.now() + time.process_time() - started
    if Import.objects.get(pk=importing.pk).counts != {"new": ROWS}:
        raise RuntimeError("the import did not write every row")
    return spent


def _work_off(job: Job, step: Callable[[Job], bool], end: Callable[[Job], None]) -> None:
    more = True
    while more:
        with transaction.atomic():
            more = step(job)
    job.state = Job.State.DONE
    with transaction.atomic():
        end(job)
        job.save()


def _timed_copy(tenant: int, run: str) -> float:
    """The rows that the import made, into tables of the same shape that hold as much."""
    with connections["owner"].cursor() as owner:
        owner.execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        texts = {}
        for table, columns in _TABLES.items():
            mine = (
                f"external_id LIKE '{run}-%%'"
                if table == "members_member"
                else f"member_id IN (SELECT id FROM members_member WHERE tenant_id = {tenant} "
                f"AND external_id LIKE '{run}-%%')"
            )
            texts[table] = StringIO()
            owner.cursor.copy_expert(
                f"COPY (SELECT {columns} FROM {table} WHERE tenant_id = {tenant} "
                f"AND {mine.replace('%%', '%')}) TO STDOUT",
                texts[table],
            )
            owner.execute(f"CREATE TABLE bench.{table} (LIKE {table} INCLUDING ALL)")
            names = ", ".join(name.strip() for name in columns.split(","))
            owner.execute(
                f"INSERT INTO bench.{table} ({names}) SELECT {names} FROM {table} "
                f"WHERE tenant_id = {tenant} AND NOT ({mine})",
                [],
            )
        gc.collect()
        clock = BackendClock(owner.connection)
        started = clock.now() + time.process_time()
        owner.execute(_RESOLVE, [[f"{run}-{n}" for n in range(ROWS)], tenant])
        for table, columns in _TABLES.items():
            texts[table].seek(0)
            owner.cursor.copy_expert(f"COPY bench.{table} ({columns}) FROM STDIN", texts[table])
        spent = clock.now() + time.process_time() - started
        owner.execute("DROP SCHEMA bench CASCADE")
    return spent
