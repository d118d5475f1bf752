"""How up to five segments overlap: a chart, its table, and a segment of any part of it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from segments.actions import SegmentError, create_segment
from segments.models import Segment
from segments.queries.overlap import MOST, combination_rule, overlap, unused_name
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Empty
from urm.ui.diagrams import UpSet
from urm.ui.pages import page, render_page, staff_may

OFFERED = 500


@page("segments/overlap/", title=_("Overlap of segments"), capability="segments.view", name="segment_overlap")
def overlap_page(request: WorkspaceRequest) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    ids = list(dict.fromkeys(int(one) for one in given.getlist("segment") if one.isdigit() and len(one) < 10))[:MOST]
    known = Segment.objects.in_bulk(ids)
    chosen = [known[pk] for pk in ids if pk in known]
    if request.method == "POST":
        return _make_segment(request, chosen)
    found = overlap(chosen)
    names = [segment.name for segment in chosen]
    rows = [
        {
            "inside": [names[at] for at in sorted(places)],
            "outside": [name for at, name in enumerate(names) if at not in places],
            "count": count,
            "share": count / found.anywhere if found.anywhere else None,
            "places": ",".join(str(at) for at in sorted(places)),
        }
        for places, count in found.combinations
    ]
    diagram = UpSet(gettext("Overlap of segments"), names, found.sizes, found.combinations)
    offered = list(Segment.objects.order_by("name").values_list("id", "name")[:OFFERED])
    context = {
        "parent_title": Segment._meta.verbose_name_plural,
        "parent_url": reverse("admin:segments_segment_changelist"),
        "chosen": chosen,
        "choices": [*ids, *[None] * (MOST - len(ids))],
        "offered": offered,
        "diagram": diagram if found.combinations else None,
        "rows": rows,
        "anywhere": found.anywhere,
        "may_change": staff_may(request, "segments.change"),
        "empty": Empty(
            _("Choose two to five segments"),
            _("You see how many members are in exactly which of them, and can make a segment of any part."),
            icon="join_inner",
        ),
    }
    return render_page(request, "segments/overlap.html", context)


def _make_segment(request: WorkspaceRequest, chosen: list[Segment]) -> HttpResponse:
    if not staff_may(request, "segments.change"):
        raise PermissionDenied
    places = {int(one) for one in request.POST.get("places", "").split(",") if one.isdigit() and len(one) == 1}
    inside = {at for at in places if at < len(chosen)}
    if not inside:
        messages.error(request, gettext("Choose a part of the overlap."))
        return redirect("admin:segment_overlap")
    name = " & ".join(chosen[at].name for at in sorted(inside))
    left_out = [segment.name for at, segment in enumerate(chosen) if at not in inside]
    name = f"{name} − {', '.join(left_out)}" if left_out else name
    try:
        made = create_segment(name=unused_name(name), rule=combination_rule(chosen, inside))
    except SegmentError as error:
        messages.error(request, " ".join(error.fields.values()))
        return redirect("admin:segment_overlap")
    messages.success(request, gettext("%(segment)s is saved; its members are being found.") % {"segment": made})
    return redirect("admin:segments_segment_change", made.pk)
