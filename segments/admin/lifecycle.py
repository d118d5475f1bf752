"""How members move through the stages, the targets, the order of the rules with its impact, and the churn warning."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from segments.actions import SegmentError, edit_stage, remove_stage_target, set_stage_target
from segments.models import Stage, StageTarget
from segments.queries.conditions import stage_sizes
from segments.queries.flow import NEW, NONE, goals, stage_flow, stage_impact, stays
from urm.rules import RuleError
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Empty
from urm.ui.diagrams import Sankey
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may
from urm.ui.palette import GREEN, GREY, STAGES

SPANS = ("30", "90", "365")


class TargetForm(forms.Form):
    stage = forms.ChoiceField(label=_("Stage"))
    metric = forms.ChoiceField(label=_("Figure"), choices=StageTarget.Metric.choices)
    month = forms.RegexField(
        r"^20\d\d-(0[1-9]|1[0-2])$", label=_("Month"), widget=forms.TextInput(attrs={"type": "month"})
    )
    goal = forms.IntegerField(label=_("Goal"), min_value=1, max_value=1_000_000_000)

    def __init__(self, *args: Any, stages: list[Stage], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stage"].choices = [(str(stage.pk), stage.label) for stage in stages]  # type: ignore[attr-defined]


@page("lifecycle/", title=_("Stage flow"), capability="segments.view", sidebar=Entry("people", 42, "account_tree"))
def lifecycle(request: WorkspaceRequest) -> HttpResponse:
    stages = list(Stage.objects.all())
    if request.method == "POST":
        answer = _write_target(request, stages)
        if isinstance(answer, HttpResponse):
            return answer
        form = answer
    else:
        month = timezone.localtime(timezone.now(), request.workspace.zone)
        form = TargetForm(stages=stages, initial={"month": f"{month:%Y-%m}"})
    days = given if (given := request.GET.get("days", "")) in SPANS else SPANS[0]
    start = timezone.now() - timedelta(days=int(days))
    flows = stage_flow(start)
    labels = {NEW: gettext("not a member yet"), **{str(one.pk): one.label for one in stages}, NONE: gettext("no stage")}
    colors = {str(one.pk): STAGES.get(one.key, GREY) for one in stages} | {NEW: GREEN, NONE: GREY}
    known = {pair: count for pair, count in flows.items() if pair[0] in labels and pair[1] in labels}
    places = list(labels)
    ordered = sorted(known.items(), key=lambda one: (places.index(one[0][0]), places.index(one[0][1])))
    sources: dict[str, int] = {}
    for (source, _target), count in known.items():
        sources[source] = sources.get(source, 0) + count
    title = gettext("Where members were %(days)s days ago, and where they are now") % {"days": days}
    context = {
        "sankey": Sankey(title, labels, known, colors) if known else None,
        "rows": [
            {
                "source": labels[source],
                "target": labels[target],
                "count": count,
                "share": count / sources[source],
                "moved": source != target,
            }
            for (source, target), count in ordered
        ],
        "stays": stays(start),
        "goals": goals(_months(request)),
        "form": form,
        "days": days,
        "spans": SPANS,
        "may_change": staff_may(request, "segments.change"),
        "empty": Empty(
            _("No members yet"),
            _("As soon as members are there, you see how they move through the stages."),
            icon="account_tree",
        ),
    }
    return render_page(request, "segments/lifecycle.html", context)


def _months(request: WorkspaceRequest) -> list[date]:
    """Next month, this one and the five before it."""
    first = timezone.localtime(timezone.now(), request.workspace.zone).date().replace(day=1)
    found = [(first + timedelta(days=32)).replace(day=1)]
    for _turn in range(6):
        found.append(first)
        first = (first - timedelta(days=1)).replace(day=1)
    return found


def _write_target(request: WorkspaceRequest, stages: list[Stage]) -> HttpResponse | TargetForm:
    if not staff_may(request, "segments.change"):
        raise PermissionDenied
    if "remove" in request.POST:
        number = request.POST["remove"]
        target = StageTarget.objects.filter(pk=int(number)).first() if number.isdigit() and len(number) < 19 else None
        if target:
            remove_stage_target(target=target)
            messages.success(request, gettext("The target is removed."))
        return redirect("admin:lifecycle")
    form = TargetForm(request.POST, stages=stages)
    if not form.is_valid():
        return form
    given = form.cleaned_data
    stage = next(one for one in stages if str(one.pk) == given["stage"])
    month = datetime.strptime(given["month"], "%Y-%m").date()
    try:
        set_stage_target(stage=stage, month=month, metric=given["metric"], goal=given["goal"])
    except SegmentError as error:
        form.add_error(None, " ".join(error.fields.values()))
        return form
    messages.success(request, gettext("The target is set."))
    return redirect("admin:lifecycle")


@page("lifecycle/order/", title=_("Order of the stages"), capability="segments.view", name="stage_order")
def stage_order(request: WorkspaceRequest) -> HttpResponse:
    """Try another order; see who would move; save it."""
    stages = list(Stage.objects.order_by("position", "id"))
    if request.method == "POST" and not staff_may(request, "segments.change"):
        raise PermissionDenied
    order = _given_order(request.POST.get("order", ""), stages)
    moved = request.POST.get("up") or request.POST.get("down") or ""
    if moved.isdigit() and int(moved) in order:
        at = order.index(int(moved))
        to = at - 1 if "up" in request.POST else at + 1
        if 0 <= to < len(order):
            order[at], order[to] = order[to], order[at]
    by_id = {stage.pk: stage for stage in stages}
    if "save" in request.POST:
        for position, stage_id in enumerate(order, start=1):
            if by_id[stage_id].position != position:
                edit_stage(stage=by_id[stage_id], position=position)
        messages.success(request, gettext("The order is saved; all members are looked at again."))
        return redirect("admin:segments_stage_changelist")
    context: dict[str, Any] = {
        "parent_title": Stage._meta.verbose_name_plural,
        "parent_url": reverse("admin:segments_stage_changelist"),
        "stages": [by_id[stage_id] for stage_id in order],
        "order": ",".join(str(stage_id) for stage_id in order),
        "changed": order != [stage.pk for stage in stages],
        "may_change": staff_may(request, "segments.change"),
    }
    try:
        context["impact"] = (
            impact_rows({stage.pk: stage.rule for stage in stages}, order) if context["changed"] else None
        )
    except RuleError as error:
        context["problem"] = error.message
    return render_page(request, "segments/stage_order.html", context)


def _given_order(text: str, stages: list[Stage]) -> list[int]:
    """The ids in the order given; what is not a permutation of the stages is the order that holds."""
    known = [stage.pk for stage in stages]
    given = [int(one) for one in text.split(",") if one.isdigit() and len(one) < 10]
    return given if sorted(given) == sorted(known) else known


def impact_rows(rules: dict[int, Any], order: list[int]) -> dict[str, Any]:
    """For a table: sizes of each stage now and then, and who moves from where to where."""
    moves = stage_impact(rules, order)
    labels: dict[int | None, str] = {stage.pk: stage.label for stage in Stage.objects.all()}
    labels[None] = gettext("no stage")
    sizes = stage_sizes()
    then: dict[int | None, int] = {}
    for (_source, target), count in moves.items():
        then[target] = then.get(target, 0) + count
    steps = [
        {"source": labels.get(source, "?"), "target": labels.get(target, "?"), "count": count}
        for (source, target), count in sorted(moves.items(), key=lambda one: -one[1])
        if source != target
    ]
    return {
        "sizes": [
            {
                "label": label,
                "now": sizes.get(pk, 0),
                "then": then.get(pk, 0),
                "change": then.get(pk, 0) - sizes.get(pk, 0),
            }
            for pk, label in labels.items()
            if sizes.get(pk) or then.get(pk)
        ],
        "moves": steps[:20],
        "moving": sum(step["count"] for step in steps),
    }
