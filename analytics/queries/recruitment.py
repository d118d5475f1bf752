"""How many members each acquisition source brought, and what became of them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection

from analytics.models import Grain
from analytics.queries.periods import Period, periods_between
from members.models import AcquisitionSource
from urm.tenancy.context import require_tenant

DIRECT = ""  # the code of members without a known source

_BY_SOURCE = """
SELECT coalesce(m.source, ''), s.first_seen_day, count(*), count(s.first_order_day), coalesce(sum(s.orders), 0),
       coalesce(sum(s.revenue), 0)
FROM analytics_membersummary s
JOIN members_member m ON m.tenant_id = {tenant} AND m.id = s.member_id
WHERE s.tenant_id = {tenant} AND s.first_seen_day >= %s AND s.first_seen_day < %s
  AND m.merged_into_id IS NULL AND m.erased_at IS NULL
GROUP BY 1, 2
"""


@dataclass
class Recruited:
    """Members first seen in the span, by where they came from: `converted` of them bought something since."""

    code: str
    name: str
    kind: str
    recruited: int = 0
    converted: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)

    @property
    def conversion(self) -> float | None:
        return self.converted / self.recruited if self.recruited else None


@dataclass(frozen=True)
class Recruitment:
    """`per_period` holds recruits by code, one for each of `periods`; `sources` come with the most recruits first."""

    start: date
    end: date
    periods: list[Period]
    sources: list[Recruited]
    per_period: dict[str, list[int]]


def recruitment(grain: str, start: date, end: date) -> Recruitment:
    """Local days of first seeing in [start, end); orders and revenue are all there are up to now."""
    periods = list(periods_between(grain, start, end))
    with connection.cursor() as db:
        db.execute(_BY_SOURCE.format(tenant=require_tenant()), [start, end])
        rows = db.fetchall()
    known = {source.code: source for source in AcquisitionSource.objects.filter(code__in={row[0] for row in rows})}
    sources: dict[str, Recruited] = {}
    per_period: dict[str, list[int]] = {}
    for code, day, recruited, converted, orders, revenue in rows:
        found = known.get(code)
        one = sources.setdefault(code, Recruited(code, str(found or code), found.get_kind_display() if found else ""))
        one.recruited += recruited
        one.converted += converted
        one.orders += orders
        one.revenue += revenue
        counts = per_period.setdefault(code, [0] * len(periods))
        at = next(index for index, period in enumerate(periods) if period.start <= day < period.end)
        counts[at] += recruited
    ordered = sorted(sources.values(), key=lambda one: (-one.recruited, one.code))
    return Recruitment(start, end, periods, ordered, per_period)


__all__ = ["DIRECT", "Grain", "Recruited", "Recruitment", "recruitment"]
