"""Figures as the components of the admin show them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _

from analytics.models import Grain
from analytics.queries import Kpi, Measured, Point, Question, Unit
from analytics.queries.kpi import Value
from segments.models import Stage
from urm.tenancy.models import Tenant
from urm.ui.components import Chart, HeatCell, HeatMap, HeatRow, Series, Tile
from urm.ui.formats import money, number, percent
from urm.ui.palette import GREY, SERIES, STAGES

MOST_GROUPS = len(SERIES)
COLUMNS = 13  # of a cohort matrix: the month itself and twelve after it


def written(kpi: Kpi, value: Value | None, tenant: Tenant, margin: float | None = None) -> str | None:
    """A value as people read it; None where there is none."""
    if value is None:
        return None
    match kpi.unit:
        case Unit.MONEY:
            return money(value, tenant.currency)
        case Unit.SHARE:
            return percent(value if isinstance(value, Decimal) else float(value))
        case Unit.SCORE:
            return f"{number(value)} ± {number(margin)}" if margin is not None else number(value)
    return number(value)


def unit_title(kpi: Kpi, tenant: Tenant) -> str:
    return {
        Unit.MEMBERS: _("members"),
        Unit.ORDERS: _("orders"),
        Unit.MONEY: tenant.currency,
        Unit.SHARE: "%",
        Unit.POINTS: _("points"),
        Unit.SCORE: _("score"),
    }[kpi.unit]


def period_name(grain: str, start: date) -> str:
    """Short, and the same in both languages: 2026-03 for a month, 2026-03-02 for a day or the Monday of a week."""
    return f"{start:%Y-%m}" if grain == Grain.MONTH else start.isoformat()


def tile_of(kpi: Kpi, question: Question, tenant: Tenant) -> Tile:
    """The last period that is over, against the one before it; the running one is said beside it."""
    points = kpi.points(question)
    over = [point for point in points if not point.incomplete]
    running = [point for point in points if point.incomplete]
    last = over[-1] if over else None
    note = formats.date_format(last.period.start, "YEAR_MONTH_FORMAT") if last else ""
    if running and running[0].value is not None and running[0].denominator is None:  # sums; rates settle at the end
        note = _("%(period)s · so far this month %(value)s") % {
            "period": note,
            "value": written(kpi, running[0].value, tenant),
        }
    if last and last.small_sample and last.value is not None:
        note = _("%(note)s · only %(sample)s counted") % {"note": note, "sample": number(last.sample)}
    return Tile(
        label=kpi.label,
        value=written(kpi, last.value, tenant, last.margin) if last else None,
        definition=definition_of(kpi, question, tenant),
        note=note,
        change=_change(over, kpi),
        good_when=kpi.good_when,
        trend=[point.value for point in over if point.value is not None],
        url=f"{reverse('admin:dashboards')}#{kpi.name}",
    )


def definition_of(kpi: Kpi, question: Question, tenant: Tenant) -> str:
    """The definition with denominator, time zone and the settings it depends on."""
    parts = [str(kpi.definition)]
    if kpi.denominator:
        parts.append(_("Denominator: %(denominator)s.") % {"denominator": kpi.denominator})
    parts += kpi.circumstances(question)
    parts.append(_("Time zone: %(zone)s.") % {"zone": tenant.time_zone})
    return " ".join(parts)


def chart_of(measured: Measured) -> Chart:
    """A line (or bars) for each group, the largest groups first and no more than the palette tells apart."""
    kpi, question = measured.kpi, measured.question
    groups: dict[str, dict[date, Point]] = defaultdict(dict)
    for point in measured.points:
        groups[point.key][point.period.start] = point
    starts = sorted({point.period.start for point in measured.points})
    keys = _largest(groups)
    split = kpi.split or question.by
    colors = _colors(split)
    sized = kpi.split is not None
    return Chart(
        title=kpi.label,
        labels=[period_name(question.grain, start) for start in starts],
        series=[
            Series(
                label=measured.labels.get(key, key) if split else kpi.label,
                values=[
                    _drawn(kpi, groups[key][start].value if start in groups[key] else (0 if sized else None))
                    for start in starts
                ],
                color=colors.get(key, GREY if key == "" and split else ""),
            )
            for key in keys
        ],
        x_title=str(Grain(question.grain).label),
        y_title=unit_title(kpi, measured.tenant),
        kind=_kind(kpi, split),
        definition=definition_of(kpi, question, measured.tenant),
        incomplete_last=any(point.incomplete for point in measured.points),
    )


def heatmap_of(measured: Measured, *, columns: int = COLUMNS, newest: int | None = None) -> HeatMap:
    """A matrix whose rows are cohorts; cells of periods that are not over are marked."""
    rows: dict[date, dict[int, Point]] = defaultdict(dict)
    for point in measured.points:
        if point.offset is not None and point.key == "":
            rows[point.period.start][point.offset] = point
    offsets = sorted({offset for cells in rows.values() for offset in cells})[:columns]
    starts = sorted(rows)[-newest:] if newest else sorted(rows)
    return HeatMap(
        title=measured.kpi.label,
        columns=[str(offset) for offset in offsets],
        rows=[
            HeatRow(
                label=period_name(Grain.MONTH, start),
                size=max((point.sample for point in rows[start].values()), default=0),
                cells=[_cell(rows[start].get(offset)) for offset in offsets],
            )
            for start in starts
        ],
        row_title=_("Month"),
        size_title=_("Members"),
        definition=definition_of(measured.kpi, measured.question, measured.tenant),
    )


def table_of(measured: Measured) -> tuple[list[str], Iterable[Sequence[object]]]:
    """Header and rows of the export: every value with what it was made from."""
    header = [
        "from",
        "to",
        *(["offset"] if measured.kpi.shape == "matrix" else []),
        *(["group"] if measured.kpi.split or measured.question.by else []),
        measured.kpi.name,
        "numerator",
        "denominator",
        "sample",
        "incomplete",
    ]
    rows = (
        [
            point.period.start.isoformat(),
            point.period.end.isoformat(),
            *([point.offset] if measured.kpi.shape == "matrix" else []),
            *([measured.labels.get(point.key, point.key)] if measured.kpi.split or measured.question.by else []),
            point.value,
            point.numerator,
            point.denominator,
            point.sample,
            int(point.incomplete),
        ]
        for point in measured.points
    )
    return header, rows


def _cell(point: Point | None) -> HeatCell:
    if point is None or point.value is None:
        return HeatCell(share=None)
    return HeatCell(share=float(point.value), incomplete=point.incomplete)


def _change(over: Sequence[Point], kpi: Kpi) -> float | None:
    if len(over) < 2 or kpi.unit == Unit.SCORE:
        return None
    before, now = over[-2].value, over[-1].value
    return float((now - before) / before) if before and now is not None else None  # type: ignore[operator]


def _drawn(kpi: Kpi, value: Value | None) -> float | int | Decimal | None:
    if value is None:
        return None
    if kpi.unit == Unit.SHARE:
        return round(float(value) * 100, 2)
    return value if isinstance(value, int) else round(Decimal(value), 2)


def _kind(kpi: Kpi, split: str | None) -> Literal["line", "bar", "stacked"]:
    if kpi.split == "stage":
        return "stacked"
    return "bar" if kpi.unit in (Unit.MONEY, Unit.ORDERS, Unit.POINTS) and not split else "line"


def _largest(groups: dict[str, dict[date, Point]]) -> list[str]:
    def size(key: str) -> int:
        return sum(point.sample for point in groups[key].values())

    return sorted(groups, key=lambda key: (-size(key), key))[:MOST_GROUPS]


def _colors(split: str | None) -> dict[str, str]:
    if split != "stage":
        return {}
    return {str(pk): STAGES.get(key, "") for pk, key in Stage.objects.values_list("pk", "key")}
