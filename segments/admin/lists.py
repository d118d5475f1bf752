"""Further pages of one segment: who came and went, the static list, and freezing it as it is."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from members.models import Member
from segments.actions import SegmentError, change_list_by_ids, freeze_segment, remove_from_list
from segments.admin.proposition import proposition_page
from segments.models import Change, Segment, StaticMember
from segments.queries import changes_of_segment
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Empty
from urm.ui.pages import needs, staff_may

PAGE = 50


class IdsForm(forms.Form):
    ids = forms.CharField(
        label=_("External ids"),
        widget=forms.Textarea(attrs={"rows": 8, "class": "ui-code", "spellcheck": "false"}),
        max_length=2_000_000,
        help_text=_("One on each line, or the first column of a table pasted here."),
    )

    def clean_ids(self) -> list[str]:
        """The first cell of each line, be the cells parted by tabs or commas."""
        lines = self.cleaned_data["ids"].replace("\0", "").splitlines()
        return [line.split("\t")[0].split(",")[0].strip().strip('"') for line in lines]


class SegmentPages:
    """Mixed into the admin of segments."""

    admin_site: Any
    get_object: Any
    _context: Any

    def further_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/history/", wrap(require_safe(self.history)), name="segment_history"),
            path("<int:pk>/list/", wrap(self.static_list), name="segment_list"),
            path("<int:pk>/proposition/", wrap(self.proposition), name="segment_proposition"),
            path("<int:pk>/freeze/", wrap(require_POST(self.freeze)), name="segment_freeze"),
        ]

    @needs("segments.view")
    def history(self, request: HttpRequest, pk: int) -> HttpResponse:
        segment = self.get_object(request, str(pk))
        chosen = request.GET.get("moved", "")
        entered = {"in": True, "out": False}.get(chosen)
        changes = changes_of_segment(
            segment, entered=entered, before=_position(request.GET.get("before", "")), limit=PAGE + 1
        )
        shown = changes[:PAGE]
        address = reverse("admin:segment_history", args=[pk])
        earlier = ""
        if len(changes) > PAGE:
            last = shown[-1]
            query = {"moved": chosen} if chosen else {}
            earlier = f"{address}?{urlencode({**query, 'before': f'{last.at.isoformat()}~{last.id}'})}"
        context = {
            **self._context(request, segment),
            "title": gettext("Entries and exits: %(segment)s") % {"segment": segment},
            "segment": segment,
            "changes": [(change, str(Change.Cause(change.cause).label)) for change in shown],
            "people": Member.objects.in_bulk({change.member_id for change in shown}),
            "chosen": chosen,
            "earlier": earlier,
            "newest": address if request.GET.get("before") else "",
        }
        return TemplateResponse(request, "segments/history.html", context)

    @needs("segments.view")
    def static_list(self, request: WorkspaceRequest, pk: int) -> HttpResponse:
        segment = self.get_object(request, str(pk))
        may_change = staff_may(request, "segments.change")
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        if segment.kind != Segment.Kind.STATIC:
            return TemplateResponse(request, "segments/no_list.html", self._no_list(request, segment))
        form = IdsForm(request.POST if request.method == "POST" and "ids" in request.POST else None)
        unknown: tuple[str, ...] = ()
        if request.method == "POST" and "member" in request.POST:
            return self._remove_one(request, segment)
        if form.is_valid():
            remove = request.POST.get("do") == "remove"
            try:
                listed = change_list_by_ids(segment=segment, external_ids=form.cleaned_data["ids"], remove=remove)
            except SegmentError as error:
                form.add_error(None, " ".join(error.fields.values()))
            else:
                words = (
                    gettext("%(changed)s taken off; %(already)s were not on it.")
                    if remove
                    else gettext("%(changed)s put on the list; %(already)s were on it already.")
                )
                messages.success(request, words % {"changed": listed.changed, "already": listed.already})
                if not listed.unknown:
                    return redirect("admin:segment_list", pk)
                unknown, form = listed.unknown, IdsForm()
        after = request.GET.get("after", "")
        rows = StaticMember.objects.filter(segment=segment).select_related("member").order_by("-id")
        if after.isdigit() and len(after) < 19:
            rows = rows.filter(pk__lt=int(after))
        found = list(rows[: PAGE + 1])
        context = {
            **self._context(request, segment),
            "title": gettext("Members of the list %(segment)s") % {"segment": segment},
            "segment": segment,
            "form": form,
            "rows": found[:PAGE],
            "after": found[PAGE - 1].pk if len(found) > PAGE else None,
            "paged": bool(after),
            "unknown": unknown[:100],
            "unknown_count": len(unknown),
            "may_change": may_change,
        }
        return TemplateResponse(request, "segments/list.html", context)

    def _no_list(self, request: HttpRequest, segment: Segment) -> dict[str, Any]:
        words = _("Freeze it on its page to get a list of its members as they are now.")
        empty = Empty(_("This segment follows its rule"), words, icon="ac_unit")
        return {**self._context(request, segment), "empty": empty}

    def _remove_one(self, request: HttpRequest, segment: Segment) -> HttpResponse:
        number = request.POST.get("member", "")
        members = Member.objects.filter(pk=int(number)) if number.isdigit() and len(number) < 19 else ()
        if remove_from_list(segment=segment, members=list(members)):
            messages.success(request, gettext("Taken off the list."))
        return redirect("admin:segment_list", segment.pk)

    @needs("segments.view")
    def proposition(self, request: HttpRequest, pk: int) -> HttpResponse:
        segment = self.get_object(request, str(pk))
        if request.method == "POST" and not staff_may(request, "segments.change"):
            raise PermissionDenied
        return proposition_page(request, segment, self._context(request, segment))

    @needs("segments.change")
    def freeze(self, request: WorkspaceRequest, pk: int) -> HttpResponse:
        segment = self.get_object(request, str(pk))
        try:
            frozen = freeze_segment(segment=segment)
        except SegmentError as error:
            messages.error(request, " ".join(error.fields.values()))
            return redirect("admin:segments_segment_change", pk)
        messages.success(request, gettext("%(list)s holds everybody who is in the segment now.") % {"list": frozen})
        return redirect("admin:segments_segment_change", frozen.pk)


def _position(text: str) -> tuple[datetime, int] | None:
    """`2026-01-31T12:00:00+00:00~42`, as the link to earlier changes says; anything else is the newest page."""
    moment, _tilde, number = text.partition("~")
    try:
        at = parse_datetime(moment)
    except ValueError:
        return None
    return (at, int(number)) if at and at.tzinfo and number.isdigit() and len(number) < 19 else None
