"""The portrait of a segment: who its members are, beside everybody else."""

from typing import Any

from django.http import HttpResponse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.queries.portrait import DAYS, READ, Portrait, portrait
from segments.models import Segment
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Chart, Empty, Series
from urm.ui.formats import number
from urm.ui.pages import page, render_page, staff_may
from urm.ui.palette import BLUE, GREY
from urm.ui.panels import panel

OFFERED = 500


@page("portrait/", title=_("Portrait"), capability="analytics.view", name="segment_portrait")
def segment_portrait(request: WorkspaceRequest) -> HttpResponse:
    """`?segment=7`."""
    given = request.GET.get("segment", "")
    number_given = int(given) if given.isdigit() and len(given) < 10 else 0
    segment = Segment.objects.filter(pk=number_given).first() if number_given else None
    offered = list(Segment.objects.order_by("name").values_list("id", "name")[:OFFERED])
    context: dict[str, Any] = {"offered": offered, "segment": segment, "empty": _EMPTY if offered else _NO_SEGMENTS}
    if segment is None:
        return render_page(request, "analytics/portrait.html", context)
    found = portrait(segment)
    context |= {"found": found, "charts": _charts(found, request), "about": _about(found)}
    title = gettext("Portrait of %(segment)s") % {"segment": segment}
    return render_page(request, "analytics/portrait.html", context, title=title)


@panel("segment", title=_("Portrait"), capability="analytics.view", template="analytics/panels/portrait.html", order=20)
def portrait_of(request: WorkspaceRequest, segment: Segment) -> dict[str, Any] | None:
    return {"segment": segment} if staff_may(request, "analytics.view") else None


_EMPTY = Empty(_("Choose a segment"), _("Its members are then shown beside everybody else."), icon="groups")
_NO_SEGMENTS = Empty(
    _("No segments yet"),
    _("Make a segment first; its portrait shows who its members are beside everybody else."),
    icon="groups",
    action_url="admin:segments_segment_add",
    action_label=_("Make a segment"),
)


def _about(found: Portrait) -> str:
    if not found.sampled:
        return gettext("All members were looked at.")
    return gettext(
        "A sample was looked at: %(inside)s of %(size)s members of the segment and %(outside)s of %(others)s others."
    ) % {
        "inside": number(found.looked_at[0]),
        "size": number(found.size),
        "outside": number(found.looked_at[1]),
        "others": number(found.others),
    }


def _charts(found: Portrait, request: WorkspaceRequest) -> list[Chart]:
    """Shares of all events, so that sides of different size can be compared."""
    if not sum(found.hours[0]):
        return []
    definition = gettext(
        "Share of all events of the last %(days)s days by the workspace's local time (%(zone)s), read of up to "
        "%(read)s members on each side."
    ) % {"days": DAYS, "zone": request.workspace.time_zone, "read": READ}

    def shares(counts: list[int]) -> list[float | None]:
        total = sum(counts)
        return [round(100 * count / total, 1) if total else None for count in counts]

    def chart(title: str, labels: list[str], counts: tuple[list[int], list[int]], x_title: str) -> Chart:
        return Chart(
            title=title,
            labels=labels,
            series=[
                Series(gettext("this segment"), shares(counts[0]), BLUE),
                Series(gettext("everybody else"), shares(counts[1]), GREY),
            ],
            x_title=x_title,
            y_title="%",
            kind="bar",
            definition=definition,
        )

    days = [str(WEEKDAYS[day]) for day in range(7)]
    hours = [f"{hour:02}" for hour in range(24)]
    return [
        chart(gettext("Activity by hour"), hours, found.hours, gettext("hour")),
        chart(gettext("Activity by weekday"), days, found.weekdays, gettext("weekday")),
    ]
