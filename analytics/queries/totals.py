"""What a period adds up to, from the days of members: the same statements fill the roll-ups and split them by group."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from analytics.models import Grain
from analytics.queries.groups import grouping
from analytics.queries.periods import DAY, Period, period_before
from urm.tenancy.context import require_tenant


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums and distinct members of one period and group; see PeriodTotals for what each figure means."""

    start: date
    key: str = ""
    events: int = 0
    active: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)
    buyers: int = 0
    repeat_buyers: int = 0
    returning_buyers: int = 0
    new_members: int = 0
    new_customers: int = 0


@dataclass(frozen=True, kw_only=True)
class Churned:
    start: date
    key: str = ""
    base: int
    lost: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    cohort: date
    month: date
    key: str = ""
    buyers: int
    orders: int
    revenue: Decimal


# Each period is one range of the key. Members are counted once in it, whatever they did; `before` opens the range
# one period earlier, to see who of the buyers had bought then as well.
_TOTALS = """
WITH period AS (SELECT * FROM unnest(%(before)s::date[], %(starts)s::date[], %(ends)s::date[]) p(before, first, after)),
activity AS (
    SELECT p.first, {key} AS key, sum(m.events)::bigint AS events, count(*) AS active, sum(m.orders)::bigint AS orders,
           sum(m.revenue) AS revenue, count(*) FILTER (WHERE m.orders > 0) AS buyers,
           count(*) FILTER (WHERE m.orders > 1) AS repeat_buyers,
           count(*) FILTER (WHERE m.orders > 0 AND m.bought_before) AS returning_buyers
    FROM period p CROSS JOIN LATERAL (
        SELECT member_id, sum(events) FILTER (WHERE day >= p.first) AS events,
               sum(orders) FILTER (WHERE day >= p.first) AS orders,
               sum(revenue) FILTER (WHERE day >= p.first) AS revenue,
               bool_or(day < p.first AND orders > 0) AS bought_before
        FROM analytics_memberday
        WHERE tenant_id = {tenant} AND day >= p.before AND day < p.after GROUP BY member_id
    ) m {join_activity}
    WHERE m.events > 0 GROUP BY 1, 2
), seen AS (
    SELECT p.first, {key} AS key, count(*) AS new_members
    FROM (SELECT member_id, {seen} AS first FROM analytics_membersummary
          WHERE tenant_id = {tenant} AND first_seen_day >= %(start)s AND first_seen_day < %(end)s) s
    JOIN period p USING (first) {join_summary} GROUP BY 1, 2
), bought AS (
    SELECT p.first, {key} AS key, count(*) AS new_customers
    FROM (SELECT member_id, {bought} AS first FROM analytics_membersummary
          WHERE tenant_id = {tenant} AND first_order_day >= %(start)s AND first_order_day < %(end)s) s
    JOIN period p USING (first) {join_summary} GROUP BY 1, 2
)
SELECT first, key, coalesce(events, 0), coalesce(active, 0), coalesce(orders, 0), coalesce(revenue, 0),
       coalesce(buyers, 0), coalesce(repeat_buyers, 0), coalesce(returning_buyers, 0), coalesce(new_members, 0),
       coalesce(new_customers, 0)
FROM activity FULL JOIN seen USING (first, key) FULL JOIN bought USING (first, key) ORDER BY first, key
"""

_FIRST_DAY = {
    Grain.DAY: "{column}",
    Grain.WEEK: "date_trunc('week', {column})::date",
    Grain.MONTH: "date_trunc('month', {column})::date",
    Grain.TOTAL: "%(start)s::date",
}

# A member's recency at the end of a day is the number of days since the last active one. Active at the start: recency
# on the day before is at most the window. Lost: recency at the end is more than the window.
_CHURN = """
SELECT p.first, {key}, count(*), count(*) FILTER (WHERE NOT m.still)
FROM unnest(%(starts)s::date[], %(untils)s::date[]) p(first, until)
CROSS JOIN LATERAL (
    SELECT member_id, bool_or(day < p.first) AS was, bool_or(day >= p.until - %(window)s) AS still
    FROM analytics_memberday
    WHERE tenant_id = {tenant} AND day >= p.first - 1 - %(window)s AND day <= p.until GROUP BY member_id
) m {join}
WHERE m.was GROUP BY 1, 2 ORDER BY 1, 2
"""

_COHORTS = """
SELECT s.cohort, p.first, {key}, count(*), sum(m.orders)::bigint, sum(m.revenue)
FROM unnest(%(starts)s::date[], %(ends)s::date[]) p(first, after)
CROSS JOIN LATERAL (
    SELECT member_id, sum(orders) AS orders, sum(revenue) AS revenue FROM analytics_memberday
    WHERE tenant_id = {tenant} AND day >= p.first AND day < p.after AND orders > 0 GROUP BY member_id
) m
JOIN analytics_membersummary s ON s.tenant_id = {tenant} AND s.member_id = m.member_id {join}
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def compute_totals(grain: str, periods: Sequence[Period], *, by: str | None = None) -> list[Totals]:
    """Totals of the periods (of one grain, in order); periods and groups in which nothing happened are left out."""
    if not periods:
        return []
    looks_back = grain in (Grain.WEEK, Grain.MONTH)
    key, join_activity = grouping(by, "m.member_id")
    _key, join_summary = grouping(by, "s.member_id")
    rows = _rows(
        _TOTALS,
        {
            "before": [period_before(grain, one.start) if looks_back else one.start for one in periods],
            "starts": [one.start for one in periods],
            "ends": [one.end for one in periods],
            "start": periods[0].start,
            "end": periods[-1].end,
        },
        key=key,
        join_activity=join_activity,
        join_summary=join_summary,
        seen=_FIRST_DAY[Grain(grain)].format(column="first_seen_day"),
        bought=_FIRST_DAY[Grain(grain)].format(column="first_order_day"),
    )
    names = [field.name for field in fields(Totals)]
    return [Totals(**dict(zip(names, row, strict=True))) for row in rows]


def churn_until(month: Period, today: date) -> date:
    """The last day that a month's churn is measured on: its last, or yesterday while it is running."""
    return max(month.start, min(month.end, today)) - DAY


def compute_churn(months: Iterable[Period], *, window: int, today: date, by: str | None = None) -> list[Churned]:
    """Who was active at the start of each month, and who of them was lost by `churn_until`. Joiners are in neither."""
    months = list(months)
    key, join = grouping(by, "m.member_id")
    rows = _rows(
        _CHURN,
        {
            "starts": [month.start for month in months],
            "untils": [churn_until(month, today) for month in months],
            "window": window,
        },
        key=key,
        join=join,
    )
    return [Churned(start=start, key=key, base=base, lost=lost) for start, key, base, lost in rows]


def compute_cells(months: Iterable[Period], *, by: str | None = None) -> list[Cell]:
    """Who bought in each of the months, by the month of their first order."""
    months = list(months)
    key, join = grouping(by, "m.member_id")
    rows = _rows(
        _COHORTS,
        {"starts": [month.start for month in months], "ends": [month.end for month in months]},
        key=key,
        join=join,
    )
    names = [field.name for field in fields(Cell)]
    return [Cell(**dict(zip(names, row, strict=True))) for row in rows]


def months_with_churn_of(day: date, window: int) -> tuple[date, date]:
    """The first and last day whose months' churn depends on what happened on `day`."""
    return day, day + timedelta(days=window + 1)


@contextmanager
def joining_whole_tables() -> Iterator[CursorWrapper]:
    """A cursor whose statements join by hash or merge as far as they can.

    For all that reads much of a workspace: right after a large import the planner takes a workspace it has no
    statistics of for one row, and loops over it once for every member (seen: 150 s instead of .1 s).
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        yield cursor
        cursor.execute("SET LOCAL enable_nestloop = on")


def _rows(statement: str, parameters: dict[str, Any], **parts: str) -> list[tuple[Any, ...]]:
    with joining_whole_tables() as cursor:
        cursor.execute(statement.format(tenant=require_tenant(), **parts), parameters)
        return list(cursor.fetchall())
