"""Points issued and redeemed, from the ledger itself."""

from collections import defaultdict
from datetime import date, datetime, time
from typing import ClassVar

from django.db.models import Q, Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from analytics.models import Grain
from analytics.queries.kpi import Kpi, Point, Question, Unit, register
from analytics.queries.periods import period_start, workspace
from loyalty.models import Account, Transfer


class _Points(Kpi):
    unit = Unit.POINTS
    grains = (Grain.MONTH, Grain.WEEK, Grain.DAY)
    dimensions = ()
    account: ClassVar[str]
    comes_from_account: ClassVar[bool]

    def points(self, question: Question) -> list[Point]:
        sums = self._by_period(question)
        return [
            Point(
                period=period,
                value=sums.get(period.start, (0, 0))[0],
                sample=sums.get(period.start, (0, 0))[1],
                incomplete=period.is_incomplete(question.today),
            )
            for period in question.periods
        ]

    def _by_period(self, question: Question) -> dict[date, tuple[int, int]]:
        """Net points and number of transfers by period: what came back by a reversal is taken off."""
        account = Account.objects.filter(kind=self.account).values_list("pk", flat=True).first()
        periods = question.periods
        if account is None or not periods:
            return {}
        zone = workspace().zone
        rows = (
            Transfer.objects.filter(
                Q(debit_account=account) | Q(credit_account=account),
                occurred_at__gte=datetime.combine(periods[0].start, time.min, zone),
                occurred_at__lt=datetime.combine(periods[-1].end, time.min, zone),
            )
            .annotate(day=TruncDate("occurred_at", tzinfo=zone))
            .values_list("day", "debit_account")
            .annotate(total=Sum("amount"), transfers=Sum(1))
        )
        sums: dict[date, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for day, debited, total, transfers in rows:
            start = period_start(question.grain, day)
            sign = 1 if (debited == account) is self.comes_from_account else -1
            points, count = sums[start]
            sums[start] = (points + sign * total, count + transfers)
        return sums


@register
class PointsIssued(_Points):
    name = "points_issued"
    label = _("Points issued")
    definition = _("Points given to members in the period, by when they were earned; reversals are taken off.")
    account = Account.Kind.ISSUED
    comes_from_account = True
    good_when = "neither"
    order = 140


@register
class PointsRedeemed(_Points):
    name = "points_redeemed"
    label = _("Points redeemed")
    definition = _("Points that members spent on rewards in the period; reversals are taken off.")
    account = Account.Kind.REDEEMED
    comes_from_account = False
    order = 150
