"""The list of members and the page of one: its panels come from every app."""

from datetime import timedelta
from typing import Any

import orjson
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from members.actions import MemberError, add_tag, export_person, remove_tag, request_erasure
from members.actions.export import as_html, as_json
from members.admin.extensions import list_buttons, member_columns, member_filters
from members.admin.filters import (
    ConsentFilter,
    FirstSeenFilter,
    GenderFilter,
    KnownFilter,
    RecruitedFilter,
    SourceFilter,
    TagFilter,
)
from members.admin.forms import MemberForm
from members.admin.merging import alias_of, merge_view, unmerge_view
from members.models import DailyCount, Member
from members.queries import live_members, search_members
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.admin.changelist import KeysetChangeList
from urm.ui.components import ListButton
from urm.ui.confirming import confirmed
from urm.ui.pages import needs
from urm.ui.panels import render_panels
from urm.ui.templatetags.ui import ago

MAX_TAG_DAYS = 3650


class MemberChangeList(KeysetChangeList):
    """Fills what the columns show for the members of this page, each column with one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        members = self.result_list
        ids = [member.pk for member in members]
        seen = DailyCount.objects.filter(member_id__in=ids).values("member_id").annotate(at=Max("last_at"))
        last_seen = {row["member_id"]: row["at"] for row in seen}
        columns = {column.name: column.values(members) for column in member_columns()}
        for member in members:
            member.last_seen_at = last_seen.get(member.pk)
            member.columns = {name: values.get(member.pk, "–") for name, values in columns.items()}


@admin.register(Member)
class MemberAdmin(ModelAdmin):
    area = "members"
    may_delete = False  # erasure takes its place
    sidebar = Entry("people", 10, "group", key="m")
    empty = Empty(
        _("No members yet"),
        _("Members appear as soon as your shop, app or web site sends events, or when you add one here."),
        icon="group_add",
        action_label=_("Add a member"),
    )
    add_label = _("Add a member")
    keyset = ("-created_at", "-id")
    exported_as = "members"
    search_fields = ("search_text",)
    search_help_text = _("Name, e-mail, phone or id")

    def list_buttons(self) -> list[ListButton]:
        return list_buttons()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return MemberChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return live_members()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Member], search_term: str
    ) -> tuple[QuerySet[Member], bool]:
        return search_members(search_term, queryset), False

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        extra = [_column(column.name, column.title) for column in member_columns()]
        return ["who", "contact", *extra, "last_seen", "first_seen"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [
            *member_filters(),
            TagFilter,
            SourceFilter,
            RecruitedFilter,
            FirstSeenFilter,
            ConsentFilter,
            KnownFilter,
            GenderFilter,
        ]

    @admin.display(description=_("name"))
    def who(self, member: Member) -> str:
        return str(member)

    @admin.display(description=_("contact"))
    def contact(self, member: Member) -> str:
        return member.email or member.phone or "–"

    @admin.display(description=_("last seen"))
    def last_seen(self, member: Any) -> str:
        return ago(member.last_seen_at)

    @admin.display(description=_("first seen"))
    def first_seen(self, member: Member) -> str:
        return ago(member.first_seen_at)

    # --- the page of one member

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/edit/", wrap(self.edit), name="member_edit"),
            path("<int:pk>/tag/", wrap(require_POST(self.tag)), name="member_tag"),
            path("<int:pk>/untag/", wrap(require_POST(self.untag)), name="member_untag"),
            path("<int:pk>/export/", wrap(require_POST(self.export)), name="member_export"),
            path("<int:pk>/merge/", wrap(self.merge), name="member_merge"),
            path("<int:pk>/unmerge/", wrap(self.unmerge), name="member_unmerge"),
            path("<int:pk>/erase/", wrap(require_POST(self.erase)), name="member_erase"),
            *urls,
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if (alias := alias_of(object_id)) is not None and self.has_view_permission(request, alias):
            words = gettext("%(other)s was merged into this member.")
            messages.info(request, words % {"other": alias})
            return redirect("admin:members_member_change", alias.merged_into_id)
        member = self.get_object(request, object_id)
        if not self.has_view_permission(request, member):
            raise PermissionDenied
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])  # changes have addresses of their own
        context = {
            **self.admin_site.each_context(request),
            "title": str(member),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:members_member_changelist"),
            "member": member,
            "head": render_panels(request, "member_head", member),
            "panels": render_panels(request, "member", member),
            "may_change": self.has_change_permission(request, member) and member.external_id is not None,
            "may_merge": self.has_change_permission(request, member) and not member.erasure_requested_at,
            "may_export": request.user.may("members.export"),  # type: ignore[union-attr]
            "may_erase": request.user.may("members.erase"),  # type: ignore[union-attr]
        }
        return TemplateResponse(request, "members/member.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._form(request, None)

    @needs("members.change")
    def edit(self, request: HttpRequest, pk: int) -> HttpResponse:
        member = self.get_object(request, str(pk))
        if member.external_id is None:
            messages.info(request, gettext("An anonymous visitor has no profile until an app tells who it is."))
            return redirect("admin:members_member_change", pk)
        return self._form(request, member)

    def _form(self, request: HttpRequest, member: Member | None) -> HttpResponse:
        form = MemberForm(request.POST or None, member=member)
        if request.method == "POST" and form.is_valid() and (saved := form.save()):
            messages.success(request, gettext("%(member)s is saved.") % {"member": saved})
            return redirect("admin:members_member_change", saved.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": str(member) if member else gettext("Add a member"),
            "parent_title": self.opts.verbose_name_plural,
            "parent_url": reverse("admin:members_member_changelist"),
            "member": member,
            "form": form,
        }
        return TemplateResponse(request, "members/edit.html", context)

    @needs("members.change")
    def tag(self, request: HttpRequest, pk: int) -> HttpResponse:
        member = self.get_object(request, str(pk))
        try:
            days = request.POST.get("days", "")
            valid = days.isdigit() and 0 < int(days[:6]) <= MAX_TAG_DAYS
            if days and not valid:
                raise MemberError({"days": gettext("Give a number of days up to %(most)s.") % {"most": MAX_TAG_DAYS}})
            end = timezone.now() + timedelta(days=int(days)) if days else None
            add_tag(member=member, name=request.POST.get("name", ""), expires_at=end)
        except MemberError as error:
            messages.error(request, " ".join(error.fields.values()))
        return redirect("admin:members_member_change", pk)

    @needs("members.change")
    def untag(self, request: HttpRequest, pk: int) -> HttpResponse:
        member = self.get_object(request, str(pk))
        try:
            remove_tag(member=member, name=request.POST.get("name", ""))
        except MemberError as error:
            messages.error(request, " ".join(error.fields.values()))
        return redirect("admin:members_member_change", pk)

    @needs("members.export")
    @confirmed(back="admin:members_member_change")
    def export(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Everything about the person: a document to read, or the same for programs."""
        member = self.get_object(request, str(pk))
        sections = export_person(member=member)
        if request.POST.get("format") == "json":
            content, kind = orjson.dumps(as_json(sections), option=orjson.OPT_INDENT_2), "json"
        else:
            content, kind = as_html(sections).encode(), "html"
        response = HttpResponse(content, content_type=f"{_TYPES[kind]}; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="member-{member.pk}.{kind}"'
        return response

    @needs("members.change")
    def merge(self, request: HttpRequest, pk: int) -> HttpResponse:
        return merge_view(request, self.get_object(request, str(pk)))

    @needs("members.change")
    def unmerge(self, request: HttpRequest, pk: int) -> HttpResponse:
        return unmerge_view(request, self.get_object(request, str(pk)))

    @needs("members.erase")
    @confirmed(back="admin:members_member_change")
    def erase(self, request: HttpRequest, pk: int) -> HttpResponse:
        member = self.get_object(request, str(pk))
        request_erasure(member=member)
        messages.success(
            request, gettext("The erasure is under way: name, addresses and attributes go, anonymous figures stay.")
        )
        return redirect("admin:members_member_changelist")


_TYPES = {"json": "application/json", "html": "text/html"}


def _column(name: str, title: Any) -> Any:
    @admin.display(description=title)
    def value(member: Any) -> Any:
        return member.columns[name]

    value.__name__ = name
    return value
