from abc import abstractmethod

from django.db import connection
from django.utils.translation import gettext_lazy as _

from analytics.models import Grain
from analytics.queries.groups import grouping
from analytics.queries.kpi import Kpi, Point, Question, Unit, register, share
from analytics.queries.periods import Period, month_after
from urm.tenancy.context import require_tenant

DAYS = [1, 7, 30]

# Day 0 is the local day of the first event. Only members whose day n is over are in the denominator.
_RETENTION = """
SELECT date_trunc('month', s.first_active_day)::date, n, {key}, count(*), count(d.member_id),
       count(*) FILTER (WHERE s.last_active_day >= s.first_active_day + n)
FROM analytics_membersummary s CROSS JOIN unnest(%(days)s) n
LEFT JOIN analytics_memberday d
  ON d.tenant_id = {tenant} AND d.day = s.first_active_day + n AND d.member_id = s.member_id {join}
WHERE s.tenant_id = {tenant} AND s.first_active_day >= %(start)s AND s.first_active_day < %(end)s
  AND s.first_active_day + n < %(today)s
GROUP BY 1, 2, 3 ORDER BY 1, 3, 2
"""


class _DayRetention(Kpi):
    denominator = _("Members first active in the row's month whose day N is over")
    unit = Unit.SHARE
    grains = (Grain.MONTH,)
    shape = "matrix"
    offset_title = _("days after the first activity")
    on_dashboard = False  # joins every member to a day of theirs: too slow for a page that is opened each morning

    @abstractmethod
    def retained(self, exactly: int, or_later: int) -> int:
        """Of the two counts the one that this figure is about."""

    def points(self, question: Question) -> list[Point]:
        months = question.periods
        key, join = grouping(question.by, "s.member_id")
        with connection.cursor() as cursor:
            cursor.execute(
                _RETENTION.format(tenant=require_tenant(), key=key, join=join),
                {
                    "days": DAYS,
                    "start": months[0].start if months else question.start,
                    "end": months[-1].end if months else question.start,
                    "today": question.today,
                },
            )
            rows = cursor.fetchall()
        points = []
        for month, day, group, size, exactly, or_later in rows:
            retained = self.retained(exactly, or_later)
            end = month_after(month)
            points.append(
                Point(
                    period=Period(month, end),
                    key=group,
                    offset=day,
                    value=share(retained, size),
                    numerator=retained,
                    denominator=size,
                    sample=size,
                    incomplete=(question.today - end).days < day,  # the last to join have not had their day N
                )
            )
        return points


@register
class DayNRetention(_DayRetention):
    name = "day_n_retention"
    label = _("Day-N retention")
    definition = _(
        "Share of new members who are active exactly on day N after their first activity (day 0), for N = 1, 7, 30."
    )
    order = 110

    def retained(self, exactly: int, or_later: int) -> int:
        return exactly


@register
class RollingRetention(_DayRetention):
    name = "rolling_retention"
    label = _("Rolling retention")
    definition = _(
        "Share of new members who are active on day N after their first activity or later, for N = 1, 7, 30."
    )
    order = 120

    def retained(self, exactly: int, or_later: int) -> int:
        return or_later
