"""What this app shows on the home page."""

from typing import Any

from django.utils.translation import gettext_lazy

from analytics.admin.figures import chart_of, heatmap_of, tile_of
from analytics.models import Grain
from analytics.queries import Kpi, ask, kpi_named, measure
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.panels import panel

TILES = ("active_members", "new_members", "revenue", "repeat_purchase_rate", "churn", "clv", "nps")


def _known(*names: str) -> list[Kpi]:
    """Those of the figures that are there: any may be deleted."""
    return [kpi for kpi in map(kpi_named, names) if kpi is not None]


@panel(
    "home",
    title=gettext_lazy("Key figures"),
    capability="analytics.view",
    template="analytics/panels/tiles.html",
    order=10,
    width="full",
)
def tiles(request: WorkspaceRequest, _subject: Any) -> dict[str, Any] | None:
    kpis = [kpi for kpi in _known(*TILES) if Grain.MONTH in kpi.grains]
    if not kpis:
        return None
    question = ask(kpis[0], {"period": Grain.MONTH}, tenant=request.workspace)
    return {"tiles": [tile_of(kpi, question, request.workspace) for kpi in kpis]}


@panel(
    "home",
    title="",
    capability="analytics.view",
    template="analytics/panels/chart.html",
    order=30,
)
def stages(request: WorkspaceRequest, _subject: Any) -> dict[str, Any] | None:
    """How it moved; there is nothing to see before the second day."""
    for kpi in _known("members_by_stage"):
        measured = measure(kpi, ask(kpi, {}, tenant=request.workspace), tenant=request.workspace)
        if len({point.period.start for point in measured.points}) > 1:
            return {"chart": chart_of(measured)}
    return None


@panel(
    "home",
    title="",
    capability="analytics.view",
    template="analytics/panels/retention.html",
    order=40,
    width="full",
)
def cohorts(request: WorkspaceRequest, _subject: Any) -> dict[str, Any] | None:
    for kpi in _known("cohort_retention"):
        measured = measure(kpi, ask(kpi, {}, tenant=request.workspace), tenant=request.workspace)
        return {"kpi": kpi, "map": heatmap_of(measured) if measured.points else None, "unit": kpi.offset_title}
    return None
