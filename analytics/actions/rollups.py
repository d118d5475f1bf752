"""Writing roll-ups. Whoever writes holds the row lock on our cursor: one writer per workspace at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from analytics.models import (
    CONSUMER,
    CohortCell,
    Grain,
    KpiSettings,
    MemberDay,
    MemberSummary,
    PeriodTotals,
    RollupState,
    StaleDay,
)
from analytics.queries.periods import Period, period_end, period_start, periods_between, workspace
from analytics.queries.totals import (
    Totals,
    churn_until,
    compute_cells,
    compute_churn,
    compute_totals,
    joining_whole_tables,
    months_with_churn_of,
)
from members.consumers.log import ABSORBER, BEGINNING
from members.models import Cursor
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake

_FILL_DAYS = """
INSERT INTO analytics_memberday (tenant_id, day, member_id, events, orders, revenue)
SELECT {tenant}, d.day, d.member_id, sum(d.count),
       coalesce(sum(d.amount_count) FILTER (WHERE n.name = %(purchase)s), 0),
       coalesce(sum(d.amount_sum) FILTER (WHERE n.name = %(purchase)s), 0)
FROM members_daily d
JOIN members_eventname n ON n.tenant_id = {tenant} AND n.id = d.name_id AND NOT n.platform
WHERE d.tenant_id = {tenant} GROUP BY d.day, d.member_id ORDER BY d.day, d.member_id
ON CONFLICT DO NOTHING
"""

_FILL_SUMMARIES = """
INSERT INTO analytics_membersummary (tenant_id, member_id, first_seen_day, first_active_day, last_active_day,
                                     first_order_day, cohort, orders, revenue)
SELECT {tenant}, m.id, (m.first_seen_at AT TIME ZONE %(zone)s)::date, d.first_active_day, d.last_active_day,
       d.first_order_day, date_trunc('month', d.first_order_day)::date, coalesce(d.orders, 0), coalesce(d.revenue, 0)
FROM members_member m LEFT JOIN (
    SELECT member_id, min(day) AS first_active_day, max(day) AS last_active_day,
           min(day) FILTER (WHERE orders > 0) AS first_order_day, sum(orders) AS orders, sum(revenue) AS revenue
    FROM analytics_memberday WHERE tenant_id = {tenant} GROUP BY member_id
) d ON d.member_id = m.id
WHERE m.tenant_id = {tenant} AND m.merged_into_id IS NULL
ON CONFLICT DO NOTHING
"""

_ALL_DAYS = """
SELECT DISTINCT day FROM analytics_memberday WHERE tenant_id = {tenant}
UNION SELECT DISTINCT first_seen_day FROM analytics_membersummary WHERE tenant_id = {tenant}
"""


def claim_cursor() -> Cursor | None:
    """Lock our place in the log until the transaction ends; None when another worker has it."""
    ours = Cursor.objects.select_for_update(skip_locked=True).filter(consumer=CONSUMER)
    cursor = ours.first()
    if cursor is None and not Cursor.objects.filter(consumer=CONSUMER).exists():
        Cursor.objects.bulk_create([Cursor(consumer=CONSUMER, received_at=BEGINNING)], ignore_conflicts=True)
        cursor = ours.first()
    return cursor


def request_rebuild() -> None:
    """Have everything rolled up anew by the next worker."""
    now = timezone.now()
    if not RollupState.objects.update(rebuild_requested_at=now):
        RollupState.objects.bulk_create([RollupState(rebuild_requested_at=now)], ignore_conflicts=True)
    transaction.on_commit(lambda: wake("rollups"))


def rebuild_rollups(*, cursor: Cursor, today: date) -> None:
    """Throw all roll-ups away and make them anew from the daily counts, in the transaction that holds `cursor`.

    Events absorbed meanwhile may be counted already when the cursor comes to them: taking a day of a member into
    account again changes nothing, for its figures are replaced and not added to.
    """
    tenant = workspace()
    mark = Cursor.objects.filter(consumer=ABSORBER).first()
    for model in (MemberDay, MemberSummary, PeriodTotals, CohortCell, StaleDay):
        model.objects.all().delete()
    settings = {"purchase": KpiSettings.current().purchase_event, "zone": tenant.time_zone}
    with joining_whole_tables() as db:
        for statement in (_FILL_DAYS, _FILL_SUMMARIES, _ALL_DAYS):
            db.execute(statement.format(tenant=require_tenant()), settings)
        days = [day for (day,) in db.fetchall()]
    refresh_statistics()
    roll_up(days=days, today=today)
    if mark is not None:
        cursor.received_at, cursor.event_id = mark.received_at, mark.event_id
        cursor.save(update_fields=["received_at", "event_id"])
    RollupState.objects.update(time_zone=tenant.time_zone, rolled_at=timezone.now())


def refresh_statistics() -> None:
    """Let the planner know what a large fill has changed; autovacuum may come much later."""
    with connection.cursor() as db:
        db.execute("SELECT app.analyze_rollups()")


def roll_up(*, days: Iterable[date], today: date) -> None:
    """Compute the given local days again, with their weeks, months, cohorts and the months whose churn they decide."""
    days = set(days)
    window = KpiSettings.current().churn_window_days
    with transaction.atomic():
        _replace(Grain.DAY, [Period(day, period_end(Grain.DAY, day)) for day in sorted(days)])
        _replace(Grain.WEEK, _touched(Grain.WEEK, days, today))
        cohort_months = _touched(Grain.MONTH, days, today)
        churn_months = _churn_months(days, window=window, today=today)
        months = PeriodTotals.objects.filter(grain=Grain.MONTH, churn_until__isnull=False)
        measured = {month.start: month for month in months}
        _replace(Grain.MONTH, sorted({*cohort_months, *churn_months}))
        CohortCell.objects.filter(month__in=[month.start for month in cohort_months]).delete()
        CohortCell.objects.bulk_create(
            CohortCell(
                cohort=cell.cohort, month=cell.month, buyers=cell.buyers, orders=cell.orders, revenue=cell.revenue
            )
            for cell in compute_cells(cohort_months)
        )
        _measure_churn({*cohort_months, *churn_months}, churn_months, measured, window=window, today=today)


def _touched(grain: str, days: set[date], today: date) -> list[Period]:
    """The periods of the days, and the ones after them as far as they have begun: their returning buyers depend."""
    starts = {period_start(grain, day) for day in days}
    starts |= {after for after in (period_end(grain, start) for start in starts) if after <= today}
    return [Period(start, period_end(grain, start)) for start in sorted(starts)]


def _churn_months(days: set[date], *, window: int, today: date) -> set[Period]:
    months: set[Period] = set()
    for month in {period_start(Grain.MONTH, day) for day in days if day < today}:
        last_of_month = max(day for day in days if period_start(Grain.MONTH, day) == month and day < today)
        _first, last = months_with_churn_of(last_of_month, window)
        months |= set(periods_between(Grain.MONTH, month, min(last, today) + (date.resolution)))
    return months


def _replace(grain: str, periods: Sequence[Period]) -> None:
    """Store the totals of the periods; one in which nothing happened is stored with zeros."""
    starts = [period.start for period in periods]
    found = {totals.start: totals for totals in compute_totals(grain, periods)} if periods else {}
    PeriodTotals.objects.filter(grain=grain, start__in=starts).delete()
    PeriodTotals.objects.bulk_create(
        [PeriodTotals(grain=grain, **_columns(found.get(start) or Totals(start=start))) for start in starts],
        batch_size=1000,
    )


def _columns(totals: Totals) -> dict[str, Any]:
    columns = asdict(totals)
    del columns["key"]
    return columns


def _measure_churn(
    written: set[Period], changed: set[Period], measured: dict[date, PeriodTotals], *, window: int, today: date
) -> None:
    """Fill in the churn of month rows just written: what was `measured` stays where nothing changed it."""
    anew = {
        month
        for month in written
        if month in changed
        or month.start not in measured
        or measured[month.start].churn_until != churn_until(month, today)
    }
    found = {churned.start: churned for churned in compute_churn(sorted(anew), window=window, today=today)}
    for month in written:
        row = PeriodTotals.objects.filter(grain=Grain.MONTH, start=month.start)
        if month not in anew:
            old = measured[month.start]
            row.update(churn_until=old.churn_until, base=old.base, lost=old.lost)
        elif churned := found.get(month.start):
            row.update(churn_until=churn_until(month, today), base=churned.base, lost=churned.lost)
        else:
            row.update(churn_until=churn_until(month, today), base=0, lost=0)
