"""What is derived from a member's rows in the log, made again after somebody's history changed."""

from collections.abc import Collection
from typing import Any

from django.db import connection

from members.models import Cursor, Member
from members.queries.merging import history_ids
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

_FORGET = "DELETE FROM members_daily WHERE tenant_id = {tenant} AND member_id = ANY (%(logged)s)"

_COUNT = """
INSERT INTO members_daily (tenant_id, member_id, name_id, day, count, amount_count, amount_sum, amount_min,
                           amount_max, first_at, last_at)
SELECT {tenant}, coalesce(m.merged_into_id, m.id), e.name_id, (e.occurred_at AT TIME ZONE %(zone)s)::date, count(*),
       count(e.amount), sum(e.amount), min(e.amount), max(e.amount), min(e.occurred_at), max(e.occurred_at)
FROM members_event e JOIN members_member m ON m.tenant_id = {tenant} AND m.id = e.member_id
WHERE e.tenant_id = {tenant} AND e.member_id = ANY (%(logged)s) GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
ON CONFLICT DO NOTHING
"""

_SEEN = """
UPDATE members_member m SET first_seen_at = d.first_at
FROM (SELECT member_id, min(first_at) AS first_at FROM members_daily
      WHERE tenant_id = {tenant} AND member_id = ANY (%(logged)s) GROUP BY 1) d
WHERE m.tenant_id = {tenant} AND m.id = d.member_id AND d.first_at < m.first_seen_at
"""


def hold_log() -> None:
    """Keep the absorber out until the caller's transaction ends, so that no event is counted for whom it was before.

    One batch, a second's work, may have to be waited for. The absorber itself holds the same lock already.
    """
    Cursor.objects.select_for_update().filter(consumer="absorb").first()


def recount(member_ids: Collection[int]) -> None:
    """Make the daily counts of these members anew from the log; the caller holds it. Others' stay as they are."""
    survivors = Member.objects.filter(pk__in=member_ids).values_list("merged_into", "pk")
    logged = history_ids({merged_into or pk for merged_into, pk in survivors})
    given: dict[str, Any] = {
        "logged": sorted({*logged, *member_ids}),
        "zone": Tenant.objects.get(pk=require_tenant()).time_zone,
    }
    with connection.cursor() as cursor:
        for statement in (_FORGET, _COUNT, _SEEN):
            cursor.execute(statement.format(tenant=require_tenant()), given)
