"""Days, weeks and months of the workspace's own calendar."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from analytics.models import Grain
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Period:
    """Local days from `start` up to and without `end`."""

    start: date
    end: date

    def is_incomplete(self, today: date) -> bool:
        """Whether it is still running (or to come): its figures may yet change."""
        return self.end > today


def workspace() -> Tenant:
    return Tenant.objects.get(pk=require_tenant())


def local_today(tenant: Tenant, now: datetime | None = None) -> date:
    return (now or timezone.now()).astimezone(tenant.zone).date()


def period_start(grain: str, day: date) -> date:
    """The first day of the period that `day` lies in; weeks begin on Monday."""
    if grain == Grain.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain == Grain.MONTH else day


def period_end(grain: str, start: date) -> date:
    """The first day after the period that begins on `start`."""
    if grain == Grain.WEEK:
        return start + timedelta(days=7)
    return month_after(start) if grain == Grain.MONTH else start + DAY


def period_before(grain: str, start: date) -> date:
    """Where the period begins that ends on `start`."""
    return period_start(grain, start - DAY)


def month_after(month: date, months: int = 1) -> date:
    """The first day of the month so many months after (or, negative, before) that of `month`."""
    year, index = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(year, index + 1, 1)


def months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def periods_between(grain: str, start: date, end: date) -> Iterator[Period]:
    """Whole periods that touch [start, end), in order; one alone for the grain `total`."""
    if grain == Grain.TOTAL:
        yield Period(start, end)
        return
    first = period_start(grain, start)
    while first < end:
        after = period_end(grain, first)
        yield Period(first, after)
        first = after
