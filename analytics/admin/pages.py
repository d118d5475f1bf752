"""Dashboards, retention and exports."""

from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.admin.figures import chart_of, heatmap_of, table_of, written
from analytics.models import Grain, RollupState
from analytics.queries import Kpi, Measured, Question, QuestionError, ask, kpi_named, measure, registered_kpis
from analytics.queries.groups import DIMENSIONS
from urm.lib.spreadsheets import csv_text
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Empty
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page

_SPANS = {
    Grain.DAY.value: gettext_lazy("last 30 days"),
    Grain.WEEK.value: gettext_lazy("last 26 weeks"),
    Grain.MONTH.value: gettext_lazy("last 13 months"),
}
EMPTY = Empty(
    gettext_lazy("No figures yet"),
    gettext_lazy("As soon as events come in, each figure stands here with its trend, its definition and its data."),
    icon="monitoring",
)


@page(
    "dashboards/",
    title=gettext_lazy("Dashboards"),
    capability="analytics.view",
    sidebar=Entry("understand", 10, "monitoring", key="d"),
)
def dashboards(request: WorkspaceRequest) -> HttpResponse:
    period = _choice(request, "period", _SPANS, Grain.MONTH.value)
    by = _choice(request, "by", DIMENSIONS, "")
    questions: dict[tuple[str, str], Question] = {}
    cards = [
        _card(kpi, period, by, request, questions)
        for kpi in registered_kpis()
        if kpi.on_dashboard and kpi.shape == "series"
    ]
    state = RollupState.objects.first()
    context = {
        "cards": cards if state and state.rolled_at else [],
        "empty": EMPTY,
        "spans": _SPANS,
        "period": period,
        "dimensions": DIMENSIONS,
        "by": by,
        "rolled_at": state.rolled_at if state else None,
    }
    return render_page(request, "analytics/dashboards.html", context)


@page(
    "retention/",
    title=gettext_lazy("Retention"),
    capability="analytics.view",
    sidebar=Entry("understand", 20, "grid_on", key="r"),
)
def retention(request: WorkspaceRequest) -> HttpResponse:
    maps = []
    for kpi in registered_kpis():
        if kpi.shape == "matrix":
            measured = measure(kpi, ask(kpi, {}, tenant=request.workspace), tenant=request.workspace)
            maps.append({"kpi": kpi, "map": heatmap_of(measured), "unit": kpi.offset_title, "rows": _rows(measured)})
    return render_page(request, "analytics/retention.html", {"maps": maps})


@page("dashboards/export/", title=gettext_lazy("Export"), capability="analytics.view", name="kpi_export")
def kpi_export(request: WorkspaceRequest) -> HttpResponse:
    """`?kpi=churn&period=month&from=2026-01&to=2026-07&by=stage` as CSV, every value with what it was made from."""
    given = request.GET.dict()
    kpi = kpi_named(given.pop("kpi", "active_members"))
    if kpi is None:
        raise Http404(_("There is no such figure."))
    try:
        question = ask(kpi, given, tenant=request.workspace)
    except QuestionError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
    measured = measure(kpi, question, tenant=request.workspace)
    response = HttpResponse(csv_text(*table_of(measured)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{kpi.name}-{question.start}-{question.end}.csv"'
    return response


def _card(
    kpi: Kpi, period: str, by: str, request: WorkspaceRequest, questions: dict[tuple[str, str], Question]
) -> dict[str, Any]:
    """A KPI that cannot be asked for such periods or split so is shown the way it can be."""
    grain = period if period in kpi.grains else str(kpi.grains[0])
    split = by if by in kpi.dimensions else ""
    if (grain, split) not in questions:
        questions[grain, split] = ask(kpi, {"period": grain, "by": split}, tenant=request.workspace)
    measured = measure(kpi, questions[grain, split], tenant=request.workspace)
    export = f"kpi={kpi.name}&period={grain}" + (f"&by={split}" if split else "")
    last = next((point for point in reversed(measured.points) if not point.incomplete), None)
    return {
        "kpi": kpi,
        "chart": chart_of(measured),
        "has_points": any(point.value is not None for point in measured.points),
        "export": export,
        "other_period": grain != period,
        "not_split": bool(by) and not split and kpi.split is None,
        "value": written(kpi, last.value, request.workspace, last.margin)
        if last and not split and kpi.split is None
        else None,
        "last": last,
    }


def _rows(measured: Measured) -> list[dict[str, Any]]:
    return [
        {"point": point, "value": written(measured.kpi, point.value, measured.tenant)}
        for point in measured.points
        if point.offset is not None
    ]


def _choice(request: WorkspaceRequest, name: str, choices: Any, otherwise: str) -> str:
    chosen = request.GET.get(name, otherwise)
    return chosen if chosen in choices else otherwise
