"""The common kind of KPI: one figure from the totals of a period."""

from abc import abstractmethod
from dataclasses import dataclass

from analytics.queries.kpi import Kpi, Point, Question, Value
from analytics.queries.stored import totals_of
from analytics.queries.totals import Totals


@dataclass(frozen=True)
class Figure:
    value: Value | None
    sample: int
    numerator: Value | None = None
    denominator: Value | None = None


class TotalsKpi(Kpi):
    """Subclasses say what the figure of one period and group is."""

    @abstractmethod
    def figure(self, totals: Totals) -> Figure: ...

    def points(self, question: Question) -> list[Point]:
        periods = {period.start: period for period in question.periods}
        points = []
        for totals in totals_of(question):
            figure, period = self.figure(totals), periods[totals.start]
            points.append(
                Point(
                    period=period,
                    key=totals.key,
                    value=figure.value,
                    numerator=figure.numerator,
                    denominator=figure.denominator,
                    sample=figure.sample,
                    incomplete=period.is_incomplete(question.today),
                )
            )
        return points
