"""The RFM grid: who is in which cell, and segments made of it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.actions import make_rfm_segment, request_rfm
from analytics.models import RfmGrid, RfmScore
from analytics.queries.rfm import READY, Block, block_rule, cells, count_in, is_empty, latest_grid
from members.models import Member
from segments.actions import SegmentError
from segments.queries import preview
from urm.rules import RuleError
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Empty
from urm.ui.formats import number
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may

PAGE = 50
EMPTY = Empty(
    _("Nobody has bought yet"),
    _("With the first purchases every buyer gets three scores: how recently, how often and for how much they bought."),
    icon="apps",
)


@page("rfm/", title=_("RFM"), capability="analytics.view", sidebar=Entry("understand", 30, "apps"))
def rfm(request: WorkspaceRequest) -> HttpResponse:
    grid = latest_grid()
    if request.method == "POST":
        return _write(request, grid)
    if grid is None:
        return render_page(request, "analytics/rfm.html", {"empty": EMPTY})
    found = cells()
    most = max((cell.count for cell in found.values()), default=1)
    rows = [
        {
            "r": r,
            "cells": [
                {
                    "cell": cell,
                    "f": f,
                    "shade": round(10 * cell.count / most) if cell else 0,
                    "mean": cell.amount / cell.count if cell else None,
                }
                for f in range(1, 6)
                for cell in [found.get((r, f))]
            ],
        }
        for r in range(5, 0, -1)
    ]
    ready = [{"ready": one, "count": count_in(one.blocks, found), "where": _where(one.blocks[0])} for one in READY]
    context = {
        "grid": grid,
        "rows": rows,
        "ready": ready,
        "limits": _limits(grid),
        "may_change": staff_may(request, "segments.change"),
    }
    return render_page(request, "analytics/rfm.html", context)


@page("rfm/cell/", title=_("Members of an RFM cell"), capability="analytics.view", name="rfm_cell")
def rfm_cell(request: WorkspaceRequest) -> HttpResponse:
    """`?r=5&f=4`: the buyers that stand in the cell, and whom a segment by its limits would hold."""
    if not staff_may(request, "members.view"):
        raise PermissionDenied
    grid = latest_grid()
    r, f = _score(request.GET.get("r", "1")), _score(request.GET.get("f", "1"))
    rows = RfmScore.objects.filter(r=r, f=f).order_by("member_id")
    after = request.GET.get("after", "")
    count = rows.count()
    if after.isdigit() and len(after) < 19:
        rows = rows.filter(member_id__gt=int(after))
    found = list(rows[: PAGE + 1])
    people = Member.objects.in_bulk([row.member_id for row in found])
    block = Block((r, r), (f, f))
    by_rule = None
    if grid is not None and not is_empty(grid, block):
        by_rule = preview(block_rule(grid, [block])).count
    context = {
        "parent_title": gettext("RFM"),
        "parent_url": "../",
        "r": r,
        "f": f,
        "count": count,
        "by_rule": by_rule,
        "rows": [(row, people[row.member_id]) for row in found[:PAGE] if row.member_id in people],
        "more": urlencode({"r": r, "f": f, "after": found[PAGE - 1].member_id}) if len(found) > PAGE else "",
        "may_change": staff_may(request, "segments.change") and grid is not None,
        "empty": Empty(_("Nobody is in this cell"), _("Choose another one in the grid."), icon="apps"),
    }
    title = gettext("Recency %(r)s, frequency %(f)s") % {"r": r, "f": f}
    return render_page(request, "analytics/rfm_cell.html", context, title=title)


def _write(request: WorkspaceRequest, grid: RfmGrid | None) -> HttpResponse:
    if not staff_may(request, "segments.change"):
        raise PermissionDenied
    if "compute" in request.POST or grid is None:
        request_rfm()
        messages.success(request, gettext("The grid is being computed anew."))
        return redirect("admin:rfm")
    chosen = next((one for one in READY if one.key == request.POST.get("ready")), None)
    if chosen:
        blocks, name, about = chosen.blocks, str(chosen.title), str(chosen.advice)
    else:
        r, f = _score(request.POST.get("r", "")), _score(request.POST.get("f", ""))
        blocks, name, about = (Block((r, r), (f, f)),), f"R{r} F{f}", ""
    if any(is_empty(grid, block) for block in blocks):
        words = gettext("Too many members have the same number of orders: no limit parts these scores.")
        messages.error(request, words)
        return redirect("admin:rfm")
    limits = gettext("Limits frozen on %(day)s.") % {"day": grid.day.isoformat()}
    try:
        made = make_rfm_segment(name=name, rule=block_rule(grid, blocks), description=f"{about} {limits}".strip())
    except SegmentError as error:
        messages.error(request, " ".join(error.fields.values()))
        return redirect("admin:rfm")
    except RuleError as error:
        messages.error(request, error.message)
        return redirect("admin:rfm")
    messages.success(request, gettext("%(segment)s is saved; its members are being found.") % {"segment": made})
    return redirect("admin:segments_segment_change", made.pk)


def _score(text: str) -> int:
    if text not in {"1", "2", "3", "4", "5"}:
        raise Http404(gettext("There is no such cell."))
    return int(text)


def _where(block: Block) -> str:
    def span(ends: tuple[int, int]) -> str:
        return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}–{ends[1]}"

    return f"R {span(block.r)} · F {span(block.f)}"


def _limits(grid: RfmGrid) -> list[dict[str, Any]]:
    """What each score means, best first."""
    return [
        {
            "score": score,
            "r": number(grid.cuts["r"][score - 1], 1),
            "f": number(grid.cuts["f"][score - 1]),
            "m": grid.cuts["m"][score - 1],
        }
        for score in range(5, 0, -1)
    ]
