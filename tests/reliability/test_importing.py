"""A worker killed in the middle of an import: every row is written once, and the undo takes every row back."""

from __future__ import annotations

from django.db import connection, connections

from members.actions.imports import check_import, save_mapping, undo_import, upload
from members.models import EventName, Identity, Import, ImportRow, Member, MemberTag
from members.queries import live_members
from tests.reliability.conftest import Programs, eventually
from urm.tenancy.models import Tenant

WITHIN = 120.0
ROWS = 10_000


def is_importing() -> bool:
    """Whether some other connection is inside a step of an import right now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND state = 'active' AND query LIKE '%%members_importrow%%'"
        )
        return bool(cursor.fetchone()[0])


def kill_workers_in_the_middle(programs: Programs, times: int) -> None:
    for _ in range(times):
        worker = programs.worker()
        eventually(is_importing, WITHIN, programs.logs)
        programs.kill(worker)
        connections.close_all()


def state() -> str:
    return Import.objects.values_list("state", flat=True).get()


def test_worker_killed_while_importing_and_undoing_loses_nothing_and_doubles_nothing(
    programs: Programs, shop: Tenant
) -> None:
    lines = "".join(f"c{n},person{n}@example.com,fair\r\n" for n in range(ROWS))
    job = upload(name="long.csv", chunks=[b"external_id,email,tags\r\n", lines.encode()])
    save_mapping(job=job, columns=job.columns, mode="overwrite", options={})
    check_import(job=job, then_run=True)
    programs.dispatcher()
    kill_workers_in_the_middle(programs, 3)
    programs.worker()
    eventually(lambda: state() == "done", WITHIN, programs.logs)
    assert Import.objects.values_list("counts", flat=True).get() == {"new": ROWS}
    assert ImportRow.objects.count() == ROWS
    assert Member.objects.count() == ROWS
    assert Identity.objects.count() == 2 * ROWS
    assert MemberTag.objects.count() == ROWS
    created = "SELECT count(*), count(DISTINCT member_id) FROM members_event WHERE tenant_id = %s AND name_id = %s"

    def all_are_noted() -> bool:
        name = EventName.objects.filter(name="urm.member.created").first()
        if name is None:
            return False
        with connection.cursor() as cursor:
            cursor.execute(created, [shop.pk, name.pk])
            return bool(cursor.fetchone() == (ROWS, ROWS))

    eventually(all_are_noted, WITHIN, programs.logs)
    undo_import(job=Import.objects.get())
    eventually(lambda: state() == "undone", WITHIN, programs.logs)
    assert live_members().count() == 0
    assert (Identity.objects.count(), MemberTag.objects.count()) == (0, 0)
    assert Import.objects.values_list("counts", flat=True).get()["undo"]["removed"] == ROWS
