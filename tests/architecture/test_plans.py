"""Hot queries use their indexes under row-level security: the condition itself, not only the tenant, is in the index.

Sequential scans are made unattractive, since the tables of a test are small; an operator that is not LEAKPROOF would
still stay out of the index condition.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, connections, transaction

from members.models import DirtyMember, Identity, MemberState
from members.queries import search_members
from urm.tenancy.context import require_tenant, tenant_context
from urm.tenancy.models import Tenant


def plan(sql: str, parameters: list[Any] | None = None) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (COSTS off) {sql}", parameters or [])
        return "\n".join(line for (line,) in cursor.fetchall())


def plan_of(queryset: object) -> str:
    sql, parameters = queryset.query.sql_with_params()  # type: ignore[attr-defined]
    return plan(sql, list(parameters))


@pytest.fixture
def crowd(committed_db: None) -> Iterator[None]:
    """Enough rows, with statistics, that a wrong index costs more than the right one."""
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    with tenant_context(tenant.pk):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO members_member "
                "(tenant_id, external_id, first_name, attributes, first_seen_at, created_at, updated_at) "
                "SELECT %s, 'c-' || n, md5(n::text), '{}', now(), now(), now() FROM generate_series(1, 5000) n",
                [tenant.pk],
            )
            cursor.execute(
                "INSERT INTO members_identity (tenant_id, member_id, kind, value, created_at) "
                "SELECT tenant_id, id, 'external_id', external_id, now() FROM members_member WHERE tenant_id = %s",
                [tenant.pk],
            )
            cursor.execute(
                "INSERT INTO members_memberstate (tenant_id, member_id, segment_ids, tag_ids, next_at) "
                "SELECT tenant_id, id, '{}', '{}', now() + id * interval '1 minute' FROM members_member "
                "WHERE tenant_id = %s",
                [tenant.pk],
            )
            cursor.execute(
                "INSERT INTO members_dirtymember (tenant_id, member_id, marked_at) "
                "SELECT tenant_id, id, now() FROM members_member WHERE tenant_id = %s",
                [tenant.pk],
            )
        with connections["owner"].cursor() as cursor:
            cursor.execute("ANALYZE members_member, members_identity, members_memberstate, members_dirtymember")
        yield


@pytest.mark.parametrize("text", ["adal", "王伟"])
def test_search_uses_trigrams(crowd: None, text: str) -> None:
    used = plan_of(search_members(text))
    assert "Index Scan on member_search" in used
    assert "search_text ~~" in used.split("Index Cond:")[1]


def test_identity_is_found_by_its_key(crowd: None) -> None:
    used = plan_of(Identity.objects.filter(kind="external_id", value="c-1"))
    assert "identity_once" in used
    assert "value" in used.split("Index Cond:")[1]


def test_timeline_reads_one_members_events(in_acme: Tenant) -> None:
    used = plan(
        "SELECT id FROM members_event WHERE tenant_id = %s AND member_id = %s AND (occurred_at, id) < (%s, %s) "
        "ORDER BY occurred_at DESC, id DESC LIMIT 50",
        [require_tenant(), 1, datetime(2026, 1, 1, tzinfo=UTC), 1],
    )
    assert "Seq Scan" not in used
    assert "member_id = 1" in used


def test_cursor_reads_the_log_by_its_key(in_acme: Tenant) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    used = plan(
        "SELECT id FROM members_event WHERE tenant_id = %s AND received_at >= %s AND (received_at, id) > (%s, %s) "
        "ORDER BY received_at, id LIMIT 5000",
        [require_tenant(), moment, moment, 0],
    )
    assert "Seq Scan" not in used
    assert "received_at" in used.split("Index Cond:")[1]


def test_list_page_at_any_depth_reads_its_index(crowd: None) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    used = plan(
        "SELECT id FROM members_member WHERE tenant_id = %s AND (created_at, id) < (%s, %s) "
        "ORDER BY created_at DESC, id DESC LIMIT 50",
        [require_tenant(), moment, 1],
    )
    assert "member_newest" in used
    assert "Sort" not in used


def test_ageing_members_are_found_by_next_at(crowd: None) -> None:
    used = plan_of(MemberState.objects.filter(next_at__lte=datetime(2026, 1, 1, tzinfo=UTC)))
    assert "state_next" in used


def test_dirty_members_are_found_by_their_key(crowd: None) -> None:
    assert "members_dirtymember_pkey_tenant" in plan_of(DirtyMember.objects.filter(pk=1))
