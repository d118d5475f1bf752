"""What this app adds to the members' pages and to the home page."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from members.admin.extensions import (
    Column,
    EventWords,
    TagOrigin,
    add_event_words,
    add_member_column,
    add_member_filter,
    set_tag_origins,
)
from members.models import Member, MemberState
from members.queries import in_segment
from segments.models import Change, KeptTag, Segment, Stage
from segments.queries import segments_of
from segments.queries.conditions import stage_sizes
from urm.jobs.exports import ExportFilter, Query, add_export_filter
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.attention import Concern, concern
from urm.ui.palette import GREY, STAGES
from urm.ui.panels import panel
from urm.ui.templatetags.ui import colored


def _segment_title(properties: dict[str, Any]) -> str:
    return str(properties.get("title", ""))


def _stage_step(properties: dict[str, Any]) -> str:
    return " → ".join(str(properties[name]) for name in ("previous", "stage") if properties.get(name))


def _why(properties: dict[str, Any], member: Member) -> str:
    segment = properties.get("segment")
    return f"{reverse('admin:segment_why', args=[segment])}?member={member.pk}" if isinstance(segment, int) else ""


add_event_words(
    "urm.segment.entered", EventWords(_("Entered a segment"), "login", _segment_title, _why, "segments.view")
)
add_event_words("urm.segment.left", EventWords(_("Left a segment"), "logout", _segment_title, _why, "segments.view"))
add_event_words("urm.stage.changed", EventWords(_("Stage changed"), "stairs", _stage_step))


def _stages(members: Sequence[Member]) -> dict[int, Any]:
    stages = Stage.objects.in_bulk()
    states = MemberState.objects.filter(member_id__in=[member.pk for member in members])
    return {
        state.member_id: colored(STAGES.get(stages[state.stage_id].key, GREY), stages[state.stage_id].label)
        for state in states
        if state.stage_id in stages
    }


add_member_column(Column("stage", _("stage"), _stages))


def _tag_origins(member_id: int, tag_ids: Sequence[int]) -> dict[int, TagOrigin]:
    entered = Change.objects.filter(
        member_id=member_id, kind=Change.Kind.TAG, target_id__in=tag_ids, entered=True
    ).values("target_id")
    since = {row["target_id"]: row["at"] for row in entered.annotate(at=Max("at"))}
    until = dict(KeptTag.objects.filter(member_id=member_id, tag_id__in=tag_ids).values_list("tag_id", "until"))
    return {
        pk: TagOrigin(since.get(pk), until.get(pk), reverse("admin:segments_tagrule_change", args=[pk]))
        for pk in tag_ids
    }


set_tag_origins(_tag_origins)


class SegmentFilter(SimpleListFilter):
    title = _("segment")
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return list(Segment.objects.order_by("name").values_list("id", "name")[:200])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return in_segment(int(value), queryset) if value and value.isdigit() and len(value) < 10 else queryset


class StageFilter(SimpleListFilter):
    title = _("stage")
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [(stage.pk, stage.label) for stage in Stage.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value and value.isdigit() and len(value) < 10:
            return queryset.filter(state__stage_id=int(value))
        return queryset


def _in_segment(value: Any) -> Query:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    if not whole or not Segment.objects.filter(pk=value).exists():
        raise ValueError("There is no such segment in this workspace.")
    return {"segment": [str(value)]}


def _at_stage(value: Any) -> Query:
    stage = Stage.objects.filter(key=value).first() if isinstance(value, str) and "\x00" not in value else None
    if stage is None:
        raise ValueError("There is no such stage in this workspace; give its key.")
    return {"stage": [str(stage.pk)]}


add_export_filter("members", ExportFilter("segment_id", _in_segment))
add_export_filter("members", ExportFilter("stage", _at_stage))
add_member_filter(SegmentFilter)
add_member_filter(StageFilter)


@panel("member_head", title="", capability="segments.view", template="segments/panels/stage.html", order=10)
def stage(request: WorkspaceRequest, member: Member) -> dict[str, Any] | None:
    state = MemberState.objects.filter(member_id=member.pk).first()
    found = Stage.objects.filter(pk=state.stage_id).first() if state and state.stage_id else None
    if not state or not found:
        return None
    return {"stage": found, "color": STAGES.get(found.key, GREY), "since": state.stage_since}


@panel(
    "member",
    title=_("Segments"),
    capability="segments.view",
    template="segments/panels/segments.html",
    order=20,
    width="third",
)
def member_segments(request: WorkspaceRequest, member: Member) -> dict[str, Any]:
    held = segments_of(member)
    others = Segment.objects.exclude(pk__in=[segment.pk for segment in held]).order_by("name")[:200]
    return {"segments": held, "others": others, "member": member}


@panel(
    "home",
    title=_("Members by stage"),
    capability="segments.view",
    template="segments/panels/stages.html",
    order=20,
    width="half",
)
def members_by_stage(request: WorkspaceRequest, _subject: Any) -> dict[str, Any]:
    sizes = stage_sizes()
    everybody = sum(sizes.values())
    rows = [
        {
            "stage": one,
            "color": STAGES.get(one.key, GREY),
            "size": sizes.get(one.pk, 0),
            "share": sizes.get(one.pk, 0) / everybody if everybody else None,
            "url": f"{reverse('admin:members_member_changelist')}?stage={one.pk}",
        }
        for one in Stage.objects.all()
    ]
    return {"rows": rows, "everybody": everybody, "without": sizes.get(None, 0)}


@concern("segments.view")
def broken_rules(request: WorkspaceRequest) -> Concern | None:
    count = Segment.objects.exclude(problem="").count()
    text = ngettext("segment has a rule that cannot be computed", "segments have a rule that cannot be computed", count)
    return Concern(text, count, reverse("admin:segments_segment_changelist")) if count else None
