"""Recruitment by acquisition source: chart, table, the very members, CSV."""

from datetime import date
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.models import Grain, RollupState
from analytics.queries.periods import DAY, local_today, period_end, period_start
from analytics.queries.recruitment import DIRECT, Recruitment, recruitment
from urm.lib.spreadsheets import csv_text
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Chart, Empty, Series
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page

SHOWN = 6  # series of the chart; the others are one more
SPANS = {
    Grain.DAY.value: gettext_lazy("last 30 days"),
    Grain.WEEK.value: gettext_lazy("last 26 weeks"),
    Grain.MONTH.value: gettext_lazy("last 13 months"),
}
_BACK = {Grain.DAY.value: 29, Grain.WEEK.value: 25, Grain.MONTH.value: 12}
DEFINITION = gettext_lazy(
    "Recruited: members first seen in the period, by their acquisition source (the first touch that named one, or what "
    "the profile says). Converted: those of them with at least one order until now. Revenue: all their orders until "
    "now. Merged and erased members are left out. Time zone: %(zone)s."
)
EMPTY = Empty(
    gettext_lazy("Nobody was recruited in this period"),
    gettext_lazy("As soon as members are seen for the first time, their sources stand here."),
    icon="signpost",
    action_url="admin:members_acquisitionsource_changelist",
    action_label=gettext_lazy("Set up sources"),
)


@page(
    "recruitment/",
    title=gettext_lazy("Recruitment"),
    capability="analytics.view",
    sidebar=Entry("understand", 25, "signpost"),
)
def recruitment_page(request: WorkspaceRequest) -> HttpResponse:
    grain, report = _report(request)
    links = {
        one.code: reverse("admin:members_member_changelist")
        + "?"
        + urlencode({"source": one.code or "-", "recruited": f"{report.start}~{report.end}"})
        for one in report.sources
    }
    state = RollupState.objects.first()
    context = {
        "spans": SPANS,
        "period": grain,
        "chart": _chart(grain, report, request) if report.sources else None,
        "rows": [(one, _name(one.code, one.name), links[one.code]) for one in report.sources],
        "export": f"{reverse('admin:recruitment_export')}?period={grain}",
        "empty": EMPTY,
        "currency": request.workspace.currency,
        "rolled_at": state.rolled_at if state else None,
    }
    return render_page(request, "analytics/recruitment.html", context)


@page("recruitment/export/", title=gettext_lazy("Export"), capability="analytics.view", name="recruitment_export")
def recruitment_export(request: WorkspaceRequest) -> HttpResponse:
    _grain, report = _report(request)
    header = [_("source"), _("name"), _("kind"), _("recruited"), _("converted"), _("conversion"), _("orders")]
    rows = [
        [
            one.code,
            _name(one.code, one.name),
            one.kind,
            one.recruited,
            one.converted,
            one.conversion,
            one.orders,
            one.revenue,
        ]
        for one in report.sources
    ]
    text = csv_text([*header, f"{_('revenue')} ({request.workspace.currency})"], rows)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="recruitment-{report.start}-{report.end}.csv"'
    return response


def _report(request: WorkspaceRequest) -> tuple[str, Recruitment]:
    grain = request.GET.get("period", "")
    grain = grain if grain in SPANS else Grain.MONTH.value
    today = local_today(request.workspace)
    start = period_start(grain, today)
    end = period_end(grain, start)
    for _turn in range(_BACK[grain]):
        start = period_start(grain, start - DAY)
    return grain, recruitment(grain, start, end)


def _chart(grain: str, report: Recruitment, request: WorkspaceRequest) -> Chart:
    named = [(_name(one.code, one.name), report.per_period[one.code]) for one in report.sources]
    others = [sum(counts) for counts in zip(*(counts for _label, counts in named[SHOWN:]), strict=True)]
    series = [Series(label, counts) for label, counts in named[:SHOWN]]
    if others:
        series.append(Series(_("all others"), others))
    return Chart(
        title=_("Recruited members by source"),
        labels=[_label(grain, period.start) for period in report.periods],
        series=series,
        x_title={"day": _("Day"), "week": _("Week from"), "month": _("Month")}[grain],
        y_title=_("Members"),
        kind="stacked",
        definition=DEFINITION % {"zone": request.workspace.time_zone},
        incomplete_last=True,
    )


def _label(grain: str, day: date) -> str:
    return date_format(day, "YEAR_MONTH_FORMAT" if grain == Grain.MONTH else "SHORT_DATE_FORMAT")


def _name(code: str, name: str) -> str:
    return _("source not known") if code == DIRECT else name
