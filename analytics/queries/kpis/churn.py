from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.models import Grain
from analytics.queries.kpi import Kpi, Point, Question, Unit, register, share
from analytics.queries.stored import churn_of


@register
class Churn(Kpi):
    name = "churn"
    label = _("Churn rate")
    definition = _(
        "Members lost in the month ÷ members active at its start; those who joined in the month are in neither. A "
        "member is active on a day when the last activity is at most as many local days ago as the workspace's setting "
        "says (90 unless changed), and lost on the first day when it is more. A running month is measured until "
        "yesterday. Rates don't add up: twelve months at c make 1 − (1 − c)¹²."
    )
    denominator = _("Members active at the start of the month")
    unit = Unit.SHARE
    grains = (Grain.MONTH,)
    good_when = "down"
    order = 80

    def circumstances(self, question: Question) -> list[str]:
        return [gettext("Days until lost: %(days)s.") % {"days": question.settings.churn_window_days}]

    def points(self, question: Question) -> list[Point]:
        months = {month.start: month for month in question.periods}
        return [
            Point(
                period=months[churned.start],
                key=churned.key,
                value=share(churned.lost, churned.base),
                numerator=churned.lost,
                denominator=churned.base,
                sample=churned.base,
                incomplete=months[churned.start].is_incomplete(question.today),
            )
            for churned in churn_of(question)
        ]
