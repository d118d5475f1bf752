"""From what a page or a request says to a Question, and from there to figures with all that explains them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from analytics.models import Grain, RollupState
from analytics.queries.groups import group_labels
from analytics.queries.kpi import Kpi, Point, Question
from analytics.queries.periods import local_today, month_after, period_end, period_start, workspace
from urm.tenancy.models import Tenant

MAX_PERIODS = 1100  # three years of days
_BACK = {Grain.DAY: 29, Grain.WEEK: 25, Grain.MONTH: 12, Grain.TOTAL: 12}  # periods before the present one
_MONTH = re.compile(r"(\d{4})-(\d{2})")


class QuestionError(ValueError):
    """A question that makes no sense; `fields` maps each parameter to what is wrong with it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in fields.items()))
        self.fields = dict(fields)


@dataclass(frozen=True)
class Measured:
    """A KPI's answer. `labels` says how each group reads."""

    kpi: Kpi
    question: Question
    tenant: Tenant
    points: list[Point]
    labels: dict[str, str]
    rolled_at: datetime | None


def default_question(kpi: Kpi, *, grain: str | None = None, tenant: Tenant, now: datetime | None = None) -> Question:
    """The present period and those before it: 12 months, 25 weeks or 29 days."""
    return ask(kpi, {"period": grain or ""}, tenant=tenant, now=now)


def ask(kpi: Kpi, given: Mapping[str, str], *, tenant: Tenant, now: datetime | None = None) -> Question:
    """Understand `from`, `to` (without it), `period` and `by`; raises QuestionError naming all that is wrong.

    Days are written 2026-03-01, months 2026-03. What begins or ends inside a period is widened to the whole of it.
    """
    today = local_today(tenant, now)
    problems: dict[str, str] = {}
    grain = given.get("period") or str(kpi.grains[0])
    if grain not in kpi.grains:
        problems["period"] = _("Must be one of: %(choices)s.") % {"choices": ", ".join(kpi.grains)}
        grain = str(kpi.grains[0])
    by = given.get("by") or None
    if by is not None and by not in kpi.dimensions:
        choices = ", ".join(kpi.dimensions)
        problems["by"] = (
            _("Must be one of: %(choices)s.") % {"choices": choices}
            if choices
            else _("This figure cannot be split; leave it out.")
        )
        by = None
    days: dict[str, date | None] = {}
    for name in ("from", "to"):
        try:
            days[name] = _day(given.get(name, ""))
        except ValueError:
            problems[name] = _("Must be a day such as 2026-03-01 or a month such as 2026-03.")
    if problems:
        raise QuestionError(problems)
    start, end = _span(grain, days["from"], days["to"], today)
    if start >= end:
        raise QuestionError({"to": _("Must lie after from: the day or month it names is not included.")})
    question = Question(grain=grain, start=start, end=end, today=today, by=by)
    if (end - start).days > 366 * 30 or len(question.periods) > MAX_PERIODS:
        raise QuestionError({"from": _("Too many periods; ask for at most %(limit)s.") % {"limit": MAX_PERIODS}})
    return question


def measure(kpi: Kpi, question: Question, *, tenant: Tenant | None = None) -> Measured:
    points = kpi.points(question)
    state = RollupState.objects.first()
    return Measured(
        kpi=kpi,
        question=question,
        tenant=tenant or workspace(),
        points=points,
        labels=group_labels(kpi.split or question.by, {point.key for point in points}),
        rolled_at=state.rolled_at if state else None,
    )


def _day(text: str) -> date | None:
    if not text:
        return None
    if match := _MONTH.fullmatch(text):
        return _sane(date(int(match[1]), int(match[2]), 1))
    return _sane(date.fromisoformat(text) if len(text) == 10 else _refuse(text))


def _sane(day: date) -> date:
    return day if 1970 <= day.year <= 2200 else _refuse(str(day))


def _refuse(text: str) -> date:
    raise ValueError(text)


def _span(grain: str, start: date | None, end: date | None, today: date) -> tuple[date, date]:
    """Whole periods; what is not said follows from the other, or from today."""
    unit = Grain.MONTH if grain == Grain.TOTAL else grain
    if end is None:
        end = max(today + timedelta(days=1), start + timedelta(days=1) if start else today)
        if grain != Grain.TOTAL:
            end = period_end(unit, period_start(unit, end - timedelta(days=1)))
    elif grain != Grain.TOTAL:
        last = end - timedelta(days=1)
        end = period_end(unit, period_start(unit, last))
    if start is None:
        last = period_start(unit, end - timedelta(days=1))
        back = _BACK[Grain(grain)]
        if unit == Grain.MONTH:
            start = month_after(last, -back)
        else:
            start = last - timedelta(days=back * (7 if unit == Grain.WEEK else 1))
    return (start if grain == Grain.TOTAL else period_start(unit, start)), end
