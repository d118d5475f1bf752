from django.utils.translation import gettext_lazy as _

from analytics.models import Grain
from analytics.queries.kpi import Kpi, Point, Question, Unit, register, share
from analytics.queries.periods import Period, period_end
from analytics.queries.stored import totals_of


@register
class RepurchaseRate(Kpi):
    name = "repurchase_rate"
    label = _("Repurchase rate")
    definition = _(
        "Customers of the period who buy again in the next one ÷ customers of the period (回购率). Incomplete until "
        "the next period has ended."
    )
    denominator = _("Customers with at least one order in the period")
    unit = Unit.SHARE
    grains = (Grain.MONTH, Grain.WEEK)
    order = 70

    def points(self, question: Question) -> list[Point]:
        periods = question.periods
        if not periods:
            return []
        last = periods[-1]
        following = [*periods, Period(last.end, period_end(question.grain, last.end))]
        found = {(totals.start, totals.key): totals for totals in totals_of(question, following)}
        points = []
        for period, after in zip(periods, following[1:], strict=True):
            for key in sorted({key for _start, key in found}):
                buyers, again = found[period.start, key].buyers, found[after.start, key].returning_buyers
                begun = after.start <= question.today
                points.append(
                    Point(
                        period=period,
                        key=key,
                        value=share(again, buyers) if begun else None,
                        numerator=again if begun else None,
                        denominator=buyers,
                        sample=buyers,
                        incomplete=after.is_incomplete(question.today),
                    )
                )
        return points
