"""A mark set again while a refresh runs is not lost."""

import threading

from django.db import connection, transaction

from members.actions import accept_events, canonical_event, mark_dirty, upsert_member
from members.consumers.absorb import absorb
from members.models import DirtyMember
from segments.actions import refresh_members
from urm.tenancy.actions import create_workspace
from urm.tenancy.context import tenant_context


def test_mark_that_another_transaction_touches_stays_for_the_next_refresh(committed_db: None) -> None:
    tenant = create_workspace(name="Acme", slug="acme")
    with tenant_context(tenant.pk):
        member, _created = upsert_member(external_id="c-1", traits={})
    touched, refreshed = threading.Event(), threading.Event()

    def touch() -> None:
        with tenant_context(tenant.pk), transaction.atomic():
            mark_dirty([member.pk])
            touched.set()
            refreshed.wait(10)
        connection.close()

    writer = threading.Thread(target=touch)
    writer.start()
    touched.wait(10)
    with tenant_context(tenant.pk):
        during = refresh_members()
        refreshed.set()
        writer.join()
        assert during is not None
        assert during.looked_at == 0
        assert list(DirtyMember.objects.values_list("pk", flat=True)) == [member.pk]


def test_absorbing_locks_the_marks_that_are_there(committed_db: None) -> None:
    tenant = create_workspace(name="Acme", slug="acme")
    looked_at: list[int] = []

    def refresh() -> None:
        with tenant_context(tenant.pk):
            refreshed = refresh_members()
            assert refreshed is not None
            assert refreshed.looked_at is not None
            looked_at.append(refreshed.looked_at)
        connection.close()

    with tenant_context(tenant.pk):
        upsert_member(external_id="c-1", traits={})
        mark = DirtyMember.objects.get()
        event = {"name": "page", "external_id": "c-1"}
        accept_events([canonical_event(event, trusted=True, now=mark.marked_at)])
        with transaction.atomic():
            absorb()
            meanwhile = threading.Thread(target=refresh)
            meanwhile.start()
            meanwhile.join(10)
        refresh()
    assert looked_at == [0, 1]
