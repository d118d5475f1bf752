from django.utils.translation import gettext_lazy as _

from analytics.models import Grain
from analytics.queries.kpi import Kpi, Point, Question, Unit, register, share
from analytics.queries.periods import Period, month_after, months_between
from analytics.queries.stored import cells_of


@register
class CohortRetention(Kpi):
    name = "cohort_retention"
    label = _("Cohort retention")
    definition = _(
        "Row: members by the month of their first order. Column k: share of the row who ordered in the k-th month "
        "after; column 0 is 100 %. The month that is running, and a row whose own month is, are incomplete."
    )
    denominator = _("Members whose first order is in the row's month")
    unit = Unit.SHARE
    grains = (Grain.MONTH,)
    shape = "matrix"
    offset_title = _("months after the first order")
    order = 100

    def points(self, question: Question) -> list[Point]:
        cells = cells_of(question)
        buyers = {(cell.cohort, cell.key, months_between(cell.cohort, cell.month)): cell.buyers for cell in cells}
        rows = sorted({(cohort, key) for cohort, key, _offset in buyers})
        points = []
        for cohort, key in rows:
            size = buyers.get((cohort, key, 0), 0)
            for offset in range(months_between(cohort, question.today) + 1):
                again = buyers.get((cohort, key, offset), 0)
                points.append(
                    Point(
                        period=Period(cohort, month_after(cohort)),
                        key=key,
                        offset=offset,
                        value=share(again, size),
                        numerator=again,
                        denominator=size,
                        sample=size,
                        incomplete=month_after(cohort, offset + 1) > question.today,
                    )
                )
        return points
