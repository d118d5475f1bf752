"""Sizes of segments and stages, day by day."""

from datetime import date

from django.db import connection, transaction

from analytics.models import DailySize
from urm.tenancy.context import require_tenant

# Everybody who is neither merged away nor erased; 0 stands for "no stage".
_SIZES = """
WITH live AS (
    SELECT s.segment_ids, s.stage_id FROM members_member m
    LEFT JOIN members_memberstate s ON s.tenant_id = {tenant} AND s.member_id = m.id
    WHERE m.tenant_id = {tenant} AND m.merged_into_id IS NULL AND m.erased_at IS NULL
)
SELECT 'members', 0, count(*) FROM live
UNION ALL SELECT 'stage', coalesce(stage_id, 0), count(*) FROM live GROUP BY 2
UNION ALL SELECT 'segment', id, count(*) FROM live, unnest(segment_ids) id GROUP BY 2
"""


def record_sizes(*, day: date) -> None:
    """Note how many members every segment and stage has now as the size on `day`; a later look replaces it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SIZES.format(tenant=require_tenant()))
        sizes = [DailySize(day=day, kind=kind, key=key, size=size) for kind, key, size in cursor.fetchall()]
        DailySize.objects.filter(day=day).delete()
        DailySize.objects.bulk_create(sizes)
