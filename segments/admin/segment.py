"""Segments: the list with size and trend, the page of one, the editor with its live count, and why."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from members.models import Member
from segments.actions import SegmentError, create_segment, delete_segment, edit_segment, start_recompute
from segments.actions.background import current_job
from segments.admin.forms import EMPTY_RULE, SegmentForm, examples
from segments.admin.lists import SegmentPages
from segments.admin.usage import uses_of
from segments.admin.why import WhyPage
from segments.models import Segment
from segments.queries import (
    members_of,
    recent_changes,
    rule_in_words,
    sizes,
    trend,
)
from segments.queries.checks import recompute_percent
from segments.queries.conditions import condition_counts, trends
from urm.rules import Names, RuleError
from urm.rules.workspace import current_names
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.admin.changelist import KeysetChangeList
from urm.ui.components import Chart, Series, Step
from urm.ui.formats import number
from urm.ui.pages import needs
from urm.ui.panels import render_panels
from urm.ui.templatetags.ui import sparkline


class SegmentChangeList(KeysetChangeList):
    """Sizes, trends and words for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        current, names, percent = sizes(), current_names(), recompute_percent()
        lines = trends(current, [segment.pk for segment in self.result_list])
        for segment in self.result_list:
            segment.size, segment.line = current.get(segment.pk, 0), lines[segment.pk]
            segment.words, segment.percent = words_of(segment, names), percent


def words_of(segment: Segment, names: Names) -> str:
    if segment.kind == Segment.Kind.STATIC:
        return gettext("a list put together by hand")
    try:
        return rule_in_words(segment.rule, names=names)
    except RuleError as error:
        return gettext("The rule cannot be read any more: %(problem)s") % {"problem": error.message}


@admin.register(Segment)
class SegmentAdmin(WhyPage, SegmentPages, ModelAdmin):
    area = "segments"
    sidebar = Entry("people", 20, "donut_small", key="s")
    empty = Empty(
        _("No segments yet"),
        _("A segment is a group of members that a rule describes. It fills and empties by itself."),
        icon="donut_small",
        action_label=_("Make a segment"),
    )
    add_label = _("Make a segment")
    keyset = ("name", "id")
    list_display = ("name", "rule_words", "size", "trend_line", "state")
    list_filter = ("kind",)
    search_fields = ("name", "description")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return SegmentChangeList

    @admin.display(description=_("rule"))
    def rule_words(self, segment: Any) -> str:
        return str(segment.words)

    @admin.display(description=_("members"))
    def size(self, segment: Any) -> str:
        url = reverse("admin:members_member_changelist")
        return format_html('<a class="text-link" href="{}?segment={}">{}</a>', url, segment.pk, number(segment.size))

    @admin.display(description=_("last 30 days"))
    def trend_line(self, segment: Any) -> str:
        change = segment.line[-1] - segment.line[0]
        return format_html("{} {}", sparkline(segment.line), f"{change:+,}")

    @admin.display(description=_("state"))
    def state(self, segment: Any) -> str:
        return state_of(segment, segment.percent)

    # --- pages

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/edit/", wrap(self.edit), name="segment_edit"),
            path("<int:pk>/compute/", wrap(require_POST(self.compute)), name="segment_compute"),
            path("<int:pk>/why/", wrap(require_safe(self.why)), name="segment_why"),
            *self.further_urls(),
            *urls,
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        segment = self.get_object(request, object_id)
        if not self.has_view_permission(request, segment):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        names = current_names()
        days = int(given) if (given := request.GET.get("days", "")) in {"90", "365"} else 30
        line = trend(segment, days)
        everybody, conditions = _conditions(segment)
        changes = recent_changes(segment, limit=20)
        context = {
            **self._context(request, segment),
            "segment": segment,
            "words": words_of(segment, names),
            "size": line[-1].size,
            "chart": Chart(
                title=gettext("Size, last %(days)s days") % {"days": days},
                labels=[f"{point.day:%m-%d}" for point in line],
                series=[Series(gettext("members"), [point.size for point in line])],
                x_title=gettext("day"),
                y_title=gettext("members"),
                definition=gettext(
                    "Members in the segment at the end of each day, in the workspace's time zone; "
                    "the last day is not over."
                ),
            ),
            "steps": conditions and [Step(gettext("all members"), everybody), *conditions],
            "sample": members_of(segment).order_by("id")[:8],
            "changes": changes,
            "people": Member.objects.in_bulk({change.member_id for change in changes}),
            "used_in": uses_of(segment, names),
            "days": days,
            "moved": line[-1].size - line[0].size,
            "panels": render_panels(request, "segment", segment),
            "state": state_of(segment, recompute_percent()),
            "job": current_job() if segment.stale else None,
            "may_change": self.has_change_permission(request, segment),
        }
        return TemplateResponse(request, "segments/segment.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._form(request, None)

    @needs("segments.change")
    def edit(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._form(request, self.get_object(request, str(pk)))

    @needs("segments.change")
    def compute(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Start the computation again that somebody cancelled."""
        segment = self.get_object(request, str(pk))
        start_recompute(again=True)
        return redirect("admin:segments_segment_change", segment.pk)

    def _form(self, request: HttpRequest, segment: Segment | None) -> HttpResponse:
        initial: dict[str, Any] = {"rule": EMPTY_RULE}
        if segment:
            initial = {name: getattr(segment, name) for name in ("name", "description", "value_proposition", "rule")}
        form = SegmentForm(request.POST or None, initial=initial)
        if segment and segment.kind == Segment.Kind.STATIC:
            del form.fields["rule"]
        if request.method == "POST" and form.is_valid():
            try:
                saved = (
                    edit_segment(segment=segment, **form.cleaned_data)
                    if segment
                    else create_segment(**form.cleaned_data)
                )
            except SegmentError as error:
                for field, message in error.fields.items():
                    form.add_error(field if field in form.fields else None, message)
            except RuleError as error:
                form.add_error("rule", [f"{problem.path}: {problem.message}" for problem in error.problems])
            else:
                messages.success(
                    request, gettext("%(segment)s is saved; its members are being found.") % {"segment": saved}
                )
                return redirect("admin:segments_segment_change", saved.pk)
        title = str(segment) if segment else gettext("Make a segment")
        context = {
            **self._context(request, segment),
            "title": title,
            "form": form,
            "segment": segment,
            "examples": examples(),
        }
        return TemplateResponse(request, "segments/edit.html", context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_segment(segment=obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            response: HttpResponse = super().delete_view(request, object_id, extra_context)
        except SegmentError as error:
            messages.error(request, " ".join(error.fields.values()))
            return redirect("admin:segments_segment_change", object_id)
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Rows that hang on a segment are part of it: nobody needs a permission of their own for them."""
        deleted, counts, _lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected

    def _context(self, request: HttpRequest, segment: Segment | None) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": str(segment) if segment else "",
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:segments_segment_changelist"),
        }


def state_of(segment: Segment, percent: int | None) -> str:
    """`percent`: how far a job that computes new rules is, if there is one."""
    if segment.problem:
        return gettext("needs attention: %(problem)s") % {"problem": segment.problem}
    if not segment.stale:
        return gettext("up to date")
    return gettext("being computed") if percent is None else gettext("recomputing %(n)s %%") % {"n": percent}


def _conditions(segment: Segment) -> tuple[int, list[Step]]:
    if segment.kind == Segment.Kind.STATIC:
        return 0, []
    try:
        everybody, counts = condition_counts(segment.rule)
    except RuleError:
        return 0, []
    alone = gettext("%(count)s alone")
    return everybody, [Step(one.words, one.together, note=alone % {"count": number(one.alone)}) for one in counts]
