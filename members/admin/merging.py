"""Merging members by hand, taking it back, and the list of those who may be one person."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from members.actions import (
    MergeError,
    change_merge_kinds,
    dismiss_duplicate,
    merge_members,
    request_comparison,
    unmerge_members,
)
from members.actions.identities import ANONYMOUS
from members.admin.extensions import EventWords, add_event_words
from members.models import DuplicateCandidate, Identity, Member
from members.queries import live_members, search_members
from members.queries.merging import SURVIVOR, duplicates, merge_kinds, merges_of, preview_merge
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.pages import needs, page, render_page, staff_may
from urm.ui.panels import panel

FOUND = 20  # members offered at once
SHOWN = 10  # merges in the panel of a member

add_event_words("urm.member.merged", EventWords(_("Merged with another member"), "merge", lambda p: f"#{p['other']}"))
add_event_words("urm.member.unmerged", EventWords(_("Merge taken back"), "call_split", lambda p: f"#{p['other']}"))
add_event_words(
    "urm.event.retracted",
    EventWords(_("Event deleted or corrected"), "undo", lambda p: f"{p['event_name']} · {p['occurred_at'][:10]}"),
)


def merge_view(request: HttpRequest, member: Member, other: Member | None = None) -> HttpResponse:
    """`?q=` looks for the other, `?other=` shows both side by side, POST merges them."""
    back = reverse("admin:members_member_change", args=[member.pk])
    given = request.POST if request.method == "POST" else request.GET
    other = other or _chosen(given.get("other", ""))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Merge %(member)s") % {"member": member},
        "parent_title": str(member),
        "parent_url": back,
        "member": member,
    }
    if other is None or other.pk == member.pk:
        text = request.GET.get("q", "").strip()
        found = _suggested(member) if not text else search_members(text).exclude(pk=member.pk).order_by("-pk")
        context |= {"text": text, "found": found[:FOUND]}
        return TemplateResponse(request, "members/merge_choose.html", context)
    preview = preview_merge(member, other)
    if request.method == "POST":
        choices = {
            one.field: request.POST[f"take {one.field}"]
            for one in preview.differences
            if f"take {one.field}" in request.POST
        }
        try:
            merge_members(survivor=member, other=other, choices=choices)
        except MergeError as error:
            messages.error(request, error.message)
        else:
            words = gettext("%(other)s is merged into %(member)s. It can be taken back below.")
            messages.success(request, words % {"other": other, "member": member})
            return redirect(back)
    context |= {"other": other, "preview": preview, "survivor_word": SURVIVOR}
    return TemplateResponse(request, "members/merge.html", context)


def unmerge_view(request: HttpRequest, member: Member) -> HttpResponse:
    """`?merge=` (or the newest): what taking that merge back will do; POST does it."""
    given = request.POST if request.method == "POST" else request.GET
    number = given.get("merge", "")
    back = reverse("admin:members_member_change", args=[member.pk])
    if number.isdigit() and len(number) < 19:
        merge = get_object_or_404(merges_of(member), pk=int(number))
    elif (newest := merges_of(member).filter(unmerged_at=None).first()) is not None:
        merge = newest
    else:
        return redirect(back)
    if request.method == "POST":
        try:
            other = unmerge_members(merge=merge)
        except MergeError as error:
            messages.error(request, error.message)
            return redirect(back)
        messages.success(request, gettext("%(other)s is a member of its own again.") % {"other": other})
        return redirect("admin:members_member_change", other.pk)
    brought = Identity.objects.filter(member=member, logged_as=merge.other_id).order_by("kind", "value")
    context = {
        **admin.site.each_context(request),
        "title": gettext("Take a merge back"),
        "parent_title": str(member),
        "parent_url": back,
        "member": member,
        "merge": merge,
        "identities": brought,
        "fields": [_label(name) for name in merge.changes if name != "first_seen_at"],
    }
    return TemplateResponse(request, "members/unmerge.html", context)


@panel(
    "member",
    title=_("Merged members"),
    capability="members.view",
    template="members/panels/merges.html",
    order=36,
    width="third",
)
def merged_members(request: WorkspaceRequest, member: Member) -> dict[str, Any] | None:
    found = list(merges_of(member)[: SHOWN + 1])
    if not found:
        return None
    return {
        "merges": found[:SHOWN],
        "more": len(found) > SHOWN,
        "member": member,
        "may_change": staff_may(request, "members.change"),
    }


@admin.register(DuplicateCandidate)
class DuplicateAdmin(ModelAdmin):
    area = "members"
    may_add = may_change = may_delete = False
    sidebar = Entry("people", 25, "group_remove")
    heading = _("Possible duplicates")
    empty = Empty(
        _("Nobody seems to be here twice"),
        _(
            "Members with the same e-mail, the same phone, or the same name and birthday are listed here as soon as "
            "they are written, for you to merge or to keep apart."
        ),
        icon="task_alt",
    )
    keyset = ("-id",)
    list_display = ("pair", "why", "found_at", "next_step")
    list_display_links = None
    list_filter = ("reason",)
    search_fields = ("reason",)
    search_help_text = _("Name, e-mail, phone or id of either")
    actions = ("dismiss",)
    change_list_template = "members/duplicates.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DuplicateCandidate]:
        return duplicates().order_by()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DuplicateCandidate], search_term: str
    ) -> tuple[QuerySet[DuplicateCandidate], bool]:
        if not search_term.strip():
            return queryset, False
        found = search_members(search_term).order_by().values("pk")
        return queryset.filter(Q(first__in=found) | Q(second__in=found)), False

    @admin.display(description=_("members"))
    def pair(self, candidate: DuplicateCandidate) -> str:
        people = [(reverse("admin:members_member_change", args=[one.pk]), one) for one in _two(candidate)]
        (first, one), (second, other) = people
        return format_html(
            '<a class="ui-link" href="{}">{}</a> · <a class="ui-link" href="{}">{}</a>', first, one, second, other
        )

    @admin.display(description=_("why"))
    def why(self, candidate: DuplicateCandidate) -> str:
        shown = {"email": candidate.first.email, "phone": candidate.first.phone, "name": candidate.first.birthday}
        value = shown.get(candidate.reason)
        return f"{candidate.get_reason_display()}: {value}" if value else candidate.get_reason_display()

    @admin.display(description=_("next step"))
    def next_step(self, candidate: DuplicateCandidate) -> str:
        return format_html('<a class="ui-link" href="{}">{}</a>', _address(candidate), gettext("Compare and merge"))

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        return staff_may(request, "members.change")

    @admin.action(description=_("These are two people"), permissions=["dismiss"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[DuplicateCandidate]) -> None:
        chosen = list(queryset[:500])
        for candidate in chosen:
            dismiss_duplicate(candidate=candidate)
        text = ngettext("%(n)s pair is kept apart.", "%(n)s pairs are kept apart.", len(chosen))
        messages.success(request, text % {"n": len(chosen)})

    def get_urls(self) -> list[URLPattern]:
        scan = self.admin_site.admin_view(require_POST(self.scan))
        return [path("scan/", scan, name="duplicates_scan"), *super().get_urls()]

    @needs("members.change")
    def scan(self, request: HttpRequest) -> HttpResponse:
        request_comparison()
        messages.success(request, gettext("All members are being compared. New pairs appear here in a moment."))
        return redirect("admin:members_duplicatecandidate_changelist")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        candidate = self.get_object(request, object_id)
        if not staff_may(request, "members.change"):
            raise PermissionDenied
        return merge_view(request, candidate.first, candidate.second)


@page(
    "identities/",
    title=_("Identities"),
    capability="workspace.view",
    sidebar=Entry("workspace", 46, "fingerprint"),
    name="identity_settings",
)
def identity_settings(request: WorkspaceRequest) -> HttpResponse:
    """Which identities merge two known people without asking."""
    offered = [(kind, label) for kind, label in Identity.Kind.choices if kind not in ANONYMOUS]
    may_change = staff_may(request, "workspace.change")
    if request.method == "POST" and may_change:
        known = {kind for kind, _label in offered}
        change_merge_kinds(kinds=[kind for kind in request.POST.getlist("kind") if kind in known])
        messages.success(request, gettext("The rules are saved."))
        return redirect("admin:identity_settings")
    chosen = merge_kinds()
    kinds = [(kind, label, kind in chosen) for kind, label in offered]
    return render_page(request, "members/identities.html", {"kinds": kinds, "may_change": may_change})


def alias_of(object_id: str) -> Member | None:
    """The member whose number in an address is that of somebody merged away, if it is."""
    if not object_id.isdigit() or len(object_id) > 18:
        return None
    return Member.objects.select_related("merged_into").filter(pk=object_id, merged_into__isnull=False).first()


def _chosen(number: str) -> Member | None:
    return live_members().filter(pk=int(number)).first() if number.isdigit() and len(number) < 19 else None


def _suggested(member: Member) -> list[Member]:
    pairs = duplicates().filter(Q(first=member) | Q(second=member))[:FOUND]
    return [other for pair in pairs for other in _two(pair) if other.pk != member.pk]


def _two(candidate: DuplicateCandidate) -> tuple[Member, Member]:
    return candidate.first, candidate.second


def _address(candidate: DuplicateCandidate) -> str:
    address = reverse("admin:member_merge", args=[candidate.first_id])
    return f"{address}?{urlencode({'other': candidate.second_id})}"


def _label(name: str) -> str:
    if name.startswith("attributes."):
        return name.removeprefix("attributes.")
    return str(Member._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
