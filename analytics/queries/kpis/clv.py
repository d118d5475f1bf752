from collections import defaultdict
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from analytics.models import Grain
from analytics.queries.kpi import Kpi, Point, Question, Unit, register
from analytics.queries.periods import period_start, periods_between
from analytics.queries.stored import first_day, totals_of


@register
class HistoricalClv(Kpi):
    name = "clv"
    label = _("Customer lifetime value (historical)")
    definition = _(
        "Revenue of all orders up to the end of the period ÷ customers with an order by then. Revenue, not margin; "
        "refunds are not netted. It looks back only and predicts nothing."
    )
    denominator = _("Customers with at least one order up to the end of the period")
    unit = Unit.MONEY
    grains = (Grain.MONTH, Grain.WEEK, Grain.DAY)
    order = 90

    def points(self, question: Question) -> list[Point]:
        first = first_day() or question.start
        periods = list(periods_between(question.grain, min(first, question.start), question.end))
        asked = period_start(question.grain, question.start)
        ends = {period.start: period for period in periods}
        revenue: dict[str, Decimal] = defaultdict(Decimal)
        customers: dict[str, int] = defaultdict(int)
        points = []
        for totals in totals_of(question, periods):
            revenue[totals.key] += totals.revenue
            customers[totals.key] += totals.new_customers
            if totals.start >= asked:
                count = customers[totals.key]
                points.append(
                    Point(
                        period=ends[totals.start],
                        key=totals.key,
                        value=revenue[totals.key] / count if count else None,
                        numerator=revenue[totals.key],
                        denominator=count,
                        sample=count,
                        incomplete=ends[totals.start].is_incomplete(question.today),
                    )
                )
        return points
