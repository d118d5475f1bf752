"""Recency, frequency and money of every buyer, scored by equal sizes; the limits between scores are frozen with it."""

from datetime import date, datetime, time, timedelta
from math import ceil
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from analytics.models import KpiSettings, RfmGrid, RfmScore
from analytics.queries.periods import local_today, workspace
from analytics.queries.rfm import latest_grid
from segments.actions import create_segment
from segments.models import Segment
from segments.queries.overlap import unused_name
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake_after_commit

WINDOW = 365  # days
NIGHT = time(2, 0)  # local

# Equal sizes: ties are split by id, the higher id scores higher.
_SCORE = """
INSERT INTO analytics_rfmscore (tenant_id, member_id, last_at, orders, amount, r, f, m)
SELECT {tenant}, member_id, last_at, orders, amount, ntile(5) OVER (ORDER BY last_at, member_id),
       ntile(5) OVER (ORDER BY orders, member_id), ntile(5) OVER (ORDER BY amount, member_id)
FROM (
    SELECT d.member_id, max(d.last_at) AS last_at, sum(d.count) AS orders, coalesce(sum(d.amount_sum), 0) AS amount
    FROM members_daily d JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id
    JOIN members_member b ON b.tenant_id = {tenant} AND b.id = d.member_id
    WHERE d.tenant_id = {tenant} AND n.name = %(event)s AND d.day > %(start)s AND d.day <= %(day)s
      AND b.merged_into_id IS NULL AND b.erased_at IS NULL
    GROUP BY d.member_id
) bought
ON CONFLICT DO NOTHING
"""
_CUTS = """
SELECT k, (SELECT max(extract(epoch FROM %(now)s - last_at)) / 86400 FROM analytics_rfmscore
           WHERE tenant_id = {tenant} AND r >= k),
       (SELECT min(orders) FROM analytics_rfmscore WHERE tenant_id = {tenant} AND f >= k),
       (SELECT min(amount) FROM analytics_rfmscore WHERE tenant_id = {tenant} AND m >= k)
FROM generate_series(1, 5) k ORDER BY k
"""


def compute_rfm(*, now: datetime | None = None) -> RfmGrid | None:
    """Score everybody who bought in the last WINDOW local days, today included; None where nobody has."""
    now, tenant = now or timezone.now(), workspace()
    today, event = local_today(tenant, now), KpiSettings.current().purchase_event
    given: dict[str, str | date | datetime] = {
        "event": event,
        "start": today - timedelta(days=WINDOW),
        "day": today,
        "now": now,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        RfmScore.objects.all().delete()
        cursor.execute(_SCORE.format(tenant=require_tenant()), given)
        buyers = cursor.rowcount
        if not buyers:
            RfmGrid.objects.filter(stale=True).update(stale=False)
            return None
        cursor.execute(_CUTS.format(tenant=require_tenant()), given)
        cuts: dict[str, list[Any]] = {"r": [], "f": [], "m": []}
        for _k, days, orders, amount in cursor.fetchall():
            # Rounded to the side on which everybody of the score stays.
            cuts["r"].append(None if days is None else ceil(days * 10_000) / 10_000)
            cuts["f"].append(orders)
            cuts["m"].append(None if amount is None else float(amount))
        RfmGrid.objects.filter(day=today).delete()
        return RfmGrid.objects.create(
            day=today, computed_at=now, window_days=WINDOW, event=event, buyers=buyers, cuts=cuts
        )


def request_rfm() -> None:
    """Have the grid computed again soon, in the background."""
    with transaction.atomic():
        if (grid := latest_grid()) is not None:
            RfmGrid.objects.filter(pk=grid.pk).update(stale=True)
        wake_after_commit("rfm")


def rfm_is_due(*, now: datetime | None = None) -> bool:
    """Whether the night's grid is missing, or a new one is asked for."""
    now, tenant = now or timezone.now(), workspace()
    grid = latest_grid()
    if grid is None or grid.stale:
        return True
    return grid.day < local_today(tenant, now) and now.astimezone(tenant.zone).time() >= NIGHT


def make_rfm_segment(*, name: str, rule: dict[str, Any], description: str) -> Segment:
    """An ordinary segment with frozen limits in its rule."""
    return create_segment(name=unused_name(name), rule=rule, description=description)
