"""Reading the roll-ups: what a KPI asks for, from the stored rows where there are any, computed where it is split."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date

from analytics.models import CohortCell, Grain, PeriodTotals
from analytics.queries.kpi import Question
from analytics.queries.periods import Period, month_after
from analytics.queries.totals import Cell, Churned, Totals, churn_until, compute_cells, compute_churn, compute_totals

_COLUMNS = [field.name for field in fields(Totals) if field.name != "key"]


def totals_of(question: Question, periods: Sequence[Period] | None = None) -> list[Totals]:
    """One Totals for each period and each group that occurs, in order; zeros where nothing happened."""
    periods = question.periods if periods is None else periods
    if not periods:
        return []
    if question.by is None and question.grain != Grain.TOTAL:
        rows = PeriodTotals.objects.filter(
            grain=question.grain, start__gte=periods[0].start, start__lte=periods[-1].start
        ).values(*_COLUMNS)
        found = [Totals(**row) for row in rows]
    else:
        found = compute_totals(question.grain, periods, by=question.by)
    known = {(totals.start, totals.key): totals for totals in found}
    keys = [""] if question.by is None else sorted({totals.key for totals in found})
    return [known.get((period.start, key)) or Totals(start=period.start, key=key) for period in periods for key in keys]


def first_day() -> date | None:
    """The first local day that anything is known of."""
    return PeriodTotals.objects.filter(grain=Grain.DAY).order_by("start").values_list("start", flat=True).first()


def churn_of(question: Question) -> list[Churned]:
    """Churn of the months asked for, from the stored rows as far as they were measured on the right day."""
    months = [month for month in question.periods if month.start <= question.today]
    window = question.settings.churn_window_days
    if question.by is not None:
        return compute_churn(months, window=window, today=question.today, by=question.by)
    stored = {
        row.start: Churned(start=row.start, base=row.base or 0, lost=row.lost or 0)
        for row in PeriodTotals.objects.filter(grain=Grain.MONTH, start__in=[month.start for month in months])
        if row.churn_until == churn_until(Period(row.start, month_after(row.start)), question.today)
    }
    missing = [month for month in months if month.start not in stored]
    if missing:
        stored |= {churned.start: churned for churned in compute_churn(missing, window=window, today=question.today)}
    return [stored.get(month.start) or Churned(start=month.start, base=0, lost=0) for month in months]


def cells_of(question: Question) -> list[Cell]:
    """The cohorts of the months asked for, in every month until today; cells without buyers are left out."""
    cohorts = {month.start for month in question.periods}
    if question.by is not None:
        months = [
            Period(month, month_after(month)) for month in _months(min(cohorts, default=question.today), question.today)
        ]
        return [cell for cell in compute_cells(months, by=question.by) if cell.cohort in cohorts]
    rows = CohortCell.objects.filter(cohort__in=cohorts).order_by("cohort", "month")
    return [Cell(**row) for row in rows.values("cohort", "month", "buyers", "orders", "revenue")]


def _months(first: date, today: date) -> list[date]:
    months = []
    while first <= today:
        months.append(first)
        first = month_after(first)
    return months
