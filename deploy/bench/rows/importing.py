"""Row 8: an import, dry run and writing together, against COPY of the members it made and looking their ids up.

Both in CPU seconds of this process and of the server's. The tables that COPY fills hold as much already and have the
same indexes and references, and no row-level security.
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

ROWS = 20_000
_TABLES = {
    "members_member": (
        "tenant_id, id, external_id, email, phone, first_name, last_name, city, attributes, first_seen_at, created_at, "
        "updated_at"
    ),
    "members_identity": "tenant_id, id, member_id, kind, value, from_profile, created_at",
    "members_membertag": "tenant_id, id, member_id, tag_id, since, added_by",
    "members_memberstate": "tenant_id, member_id, segment_ids, tag_ids",
    "members_consent": "tenant_id, id, member_id, channel, purpose, granted, at",
    "members_consentrecord": "tenant_id, id, member_id, channel, purpose, granted, at, source, wording, recorded_by",
}
_HEADER = (
    b"external_id,email,phone,first_name,last_name,city,attributes.pets,attributes.plan,attributes.garden,tags,"
    b"consent.email.marketing\r\n"
)
_RESOLVE = """
SELECT count(i.member_id) FROM unnest(%s::text[]) given(value)
LEFT JOIN bench.members_identity i ON i.tenant_id = %s AND i.kind = 'external_id' AND i.value = given.value
"""
_REFERENCES = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass"


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
    yield _HEADER
    phones = 13_000_000_000 + int(time.time()) % 100_000 * 60_000  # nobody's yet
    for start in range(0, ROWS, 1000):
        lines = (
            f"{run}-{n},{run}-{n}@example.com,+86{phones + n},Name {n},Family {n % 977},City {n % 97},{n % 7},"
            f"plan {n % 5},{'yes' if n % 3 else 'no'},t{n % 10}; u{n % 4},{'yes' if n % 2 else 'no'}\r\n"
            for n in range(start, start + 1000)
        )
        yield "".join(lines).encode()


def _timed_import(run: str) -> float:
    """Steps as the job runner takes them, without its own rows."""
    gc.collect()
    connection.ensure_connection()
    clock = BackendClock(connection.connection)
    started = clock.now() + time.process_time()
    importing = upload(name="bench.csv", chunks=_file(run))
    save_mapping(
        job=importing,
        columns=importing.columns,
        mode="overwrite",
        options={"match": ["email"], "consent_source": "fair"},
    )
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
    owner = connections["owner"]
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
        made = f"SELECT id FROM members_member WHERE tenant_id = {tenant} AND external_id LIKE '{run}-%'"
        texts = {}
        for table, columns in _TABLES.items():
            mine = f"{'id' if table == 'members_member' else 'member_id'} IN ({made})"
            texts[table] = StringIO()
            rows = f"SELECT {columns} FROM {table} WHERE tenant_id = {tenant}"
            owner.tell_tenant()  # type: ignore[attr-defined]  # of our backend
            cursor.copy_expert(f"COPY ({rows} AND {mine}) TO STDOUT", texts[table])
            cursor.execute(f"CREATE TABLE bench.{table} (LIKE {table} INCLUDING ALL)")
            cursor.execute(f"INSERT INTO bench.{table} ({columns}) {rows} AND NOT {mine}")
            cursor.execute(_REFERENCES, [table])
            for (reference,) in cursor.fetchall():
                to = reference.replace("REFERENCES members_member(", "REFERENCES bench.members_member(")
                cursor.execute(f"ALTER TABLE bench.{table} ADD {to}")
            cursor.execute(f"ANALYZE bench.{table}")
        gc.collect()
        clock = BackendClock(owner.connection)
        started = clock.now() + time.process_time()
        cursor.execute(_RESOLVE, [[f"{run}-{n}" for n in range(ROWS)], tenant])
        for table, columns in _TABLES.items():
            texts[table].seek(0)
            cursor.copy_expert(f"COPY bench.{table} ({columns}) FROM STDIN", texts[table])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        spent = clock.now() + time.process_time() - started
        transaction.set_rollback(True, using="owner")
    return spent
