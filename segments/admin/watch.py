"""Who came into a stage lately: first of all, who is at risk of leaving. The list is there to act on."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from members.actions import MemberError, tag_members
from members.admin.extensions import event_labels
from members.models import DailyCount, EventName, MemberState
from members.queries import live_members
from segments.actions import SegmentError, create_segment
from segments.models import Stage
from segments.queries import explain_rule
from segments.queries.flow import newly_in
from segments.queries.overlap import unused_name
from urm.audit.actions import record
from urm.lib.spreadsheets import csv_text
from urm.rules import RuleError, check
from urm.rules.workspace import current_names
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.attention import Concern, concern
from urm.ui.components import Empty
from urm.ui.confirming import ask_to_confirm, is_confirmed
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may

PAGE = 50
MOST = 10_000  # tagged or exported at once
SPANS = ("7", "30", "90")
WARNING = "at_risk"  # key of the stage that the page begins with


@page("lifecycle/watch/", title=_("Churn warning"), capability="segments.view", name="churn_warning",
      sidebar=Entry("people", 44, "notification_important"))  # fmt: skip
def churn_warning(request: WorkspaceRequest) -> HttpResponse:
    """`?stage=at_risk&days=7`; POST acts on the whole list."""
    if not staff_may(request, "members.view"):
        raise PermissionDenied
    stages = list(Stage.objects.all())
    given = request.POST if request.method == "POST" else request.GET
    stage = next((one for one in stages if one.key == given.get("stage", WARNING)), stages[0] if stages else None)
    days = days if (days := given.get("days", "")) in SPANS else SPANS[1]
    if request.method == "POST" and stage is not None:
        return _act(request, stage, int(days))
    states = newly_in(stage, int(days)) if stage else MemberState.objects.none()
    after = request.GET.get("after", "")
    offset = int(after) if after.isdigit() and len(after) < 6 else 0
    found = list(states.select_related("member")[offset : offset + PAGE + 1])
    shown = found[:PAGE]
    seen = _seen([state.member_id for state in shown])
    labels = {one.pk: one.label for one in stages}
    context = {
        "stages": stages,
        "stage": stage,
        "days": days,
        "spans": SPANS,
        "count": states.count(),
        "rows": [
            {
                "member": state.member,
                "since": state.stage_since,
                "before": labels.get(state.previous_stage_id or 0, "–"),
                "seen": seen.get(state.member_id, {}).get("at"),
                "spent": seen.get(state.member_id, {}).get("spent"),
            }
            for state in shown
        ],
        "more": urlencode([("stage", stage.key if stage else ""), ("days", days), ("after", offset + PAGE)])
        if len(found) > PAGE
        else "",
        "most": MOST,
        "may_tag": staff_may(request, "members.change"),
        "may_export": staff_may(request, "members.export"),
        "may_change": staff_may(request, "segments.change"),
        "empty": Empty(
            _("Nobody, in this time"),
            _("Members who come into this stage stand here, with what they did last, for you to act on."),
            icon="task_alt",
        ),
    }
    return render_page(request, "segments/watch.html", context)


@page("lifecycle/why/", title=_("Why is somebody in this stage?"), capability="segments.view", name="stage_why")
def stage_why(request: WorkspaceRequest) -> HttpResponse:
    """`?stage=3&member=7`: the stage's rule, condition by condition; `?fragment` for use in another page."""
    if "member" not in request.GET:
        words = _("Open the churn warning and choose “Why?” beside a member.")
        empty = Empty(_("Choose a member first"), words, icon="help", action_url="admin:churn_warning",
                      action_label=_("Churn warning"))  # fmt: skip
        return render_page(request, "segments/no_list.html", {"empty": empty})
    stage = get_object_or_404(Stage, pk=_number(request.GET.get("stage", "")))
    member = get_object_or_404(live_members(), pk=_number(request.GET.get("member", "")))
    explanation, problem = None, ""
    try:
        names = current_names()
        explanation = explain_rule(check(stage.rule, names), member, names)
    except RuleError as error:
        problem = error.message
    context = {
        "segment": stage.label,
        "member": member,
        "explanation": explanation,
        "problem": problem,
        "labels": event_labels(),
    }
    if "fragment" in request.GET:
        return TemplateResponse(request, "segments/explanation.html", context)
    return render_page(request, "segments/stage_why.html", context)


@concern("segments.view")
def newly_at_risk(request: WorkspaceRequest) -> Concern | None:
    stage = Stage.objects.filter(key=WARNING).first()
    count = newly_in(stage, 7).count() if stage else 0
    text = ngettext(
        "member came to be at risk in the last 7 days", "members came to be at risk in the last 7 days", count
    )
    return Concern(text, count, f"{reverse('admin:churn_warning')}?days=7") if count else None


def _act(request: WorkspaceRequest, stage: Stage, days: int) -> HttpResponse:
    back = f"{reverse('admin:churn_warning')}?{urlencode([('stage', stage.key), ('days', days)])}"
    if "export" in request.POST:
        if staff_may(request, "members.export") and not is_confirmed(request):
            return ask_to_confirm(request, then=back)
        return _export(request, stage, days)
    if "tag" in request.POST:
        if not staff_may(request, "members.change"):
            raise PermissionDenied
        ids = list(newly_in(stage, days).values_list("member_id", flat=True)[:MOST])
        try:
            count = tag_members(member_ids=ids, name=request.POST.get("name", ""))
        except MemberError as error:
            messages.error(request, " ".join(error.fields.values()))
        else:
            messages.success(request, gettext("%(count)s members were tagged.") % {"count": count})
        return redirect(back)
    if not staff_may(request, "segments.change"):
        raise PermissionDenied
    conditions = [
        {"fact": "stage", "op": "eq", "value": stage.key},
        {"fact": "stage", "what": "since", "op": "within_last", "value": days},
    ]
    name = gettext("%(stage)s, in the last %(days)s days") % {"stage": stage.label, "days": days}
    try:
        made = create_segment(name=unused_name(name), rule={"version": 1, "all": conditions})
    except SegmentError as error:
        messages.error(request, " ".join(error.fields.values()))
        return redirect(back)
    messages.success(request, gettext("%(segment)s is saved; its members are being found.") % {"segment": made})
    return redirect("admin:segments_segment_change", made.pk)


def _export(request: WorkspaceRequest, stage: Stage, days: int) -> HttpResponse:
    if not staff_may(request, "members.export"):
        raise PermissionDenied
    states = list(newly_in(stage, days).select_related("member")[:MOST])
    seen = _seen([state.member_id for state in states])
    header = ["external_id", "name", "email", "stage", "since", "last_seen", "spent"]
    rows = [
        [
            state.member.external_id,
            state.member.full_name,
            state.member.email,
            stage.key,
            timezone.localtime(state.stage_since, request.workspace.zone).isoformat(),
            seen.get(state.member_id, {}).get("at"),
            seen.get(state.member_id, {}).get("spent"),
        ]
        for state in states
    ]
    with transaction.atomic():
        record(verb="stage.export", target=stage, after={"days": days, "rows": len(rows)})
    response = HttpResponse(csv_text(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{stage.key}-{days}-days.csv"'
    return response


def _seen(member_ids: list[int]) -> dict[int, dict[str, Any]]:
    """When each member was last active, and what they spent in all."""
    own = EventName.objects.filter(platform=False).values("id")
    rows = DailyCount.objects.filter(member_id__in=member_ids, name_id__in=own).values("member_id")
    return {row["member_id"]: dict(row) for row in rows.annotate(at=Max("last_at"), spent=Sum("amount_sum"))}


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 19 else 0
