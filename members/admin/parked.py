"""Events that a consumer could not digest: why, and what can be done."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from members.consumers.parked import drop_parked, retry_parked
from members.models import ParkedEvent
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.pages import needs


@admin.register(ParkedEvent)
class ParkedAdmin(ModelAdmin):
    area = "workspace"
    may_add = may_change = may_delete = False
    sidebar = Entry("workspace", 45, "front_hand")
    empty = Empty(_("Nothing is parked"), _("Every event that came in was digested."), icon="task_alt")
    keyset = ("-parked_at", "-id")
    list_display = ("consumer", "reason", "member", "parked_at")
    list_filter = ("consumer",)
    list_select_related = ("member",)
    search_fields = ("consumer", "reason")
    fields = ("consumer", "reason", "member", "received_at", "number", "body", "parked_at")
    readonly_fields = ("number",)
    actions = ("retry",)
    change_form_outer_after_template = "members/parked_tools.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/retry/", wrap(require_POST(self.retry_one)), name="parked_retry"),
            path("<int:pk>/drop/", wrap(require_POST(self.drop)), name="parked_drop"),
            *urls,
        ]

    @admin.display(description=_("number of the event"))
    def number(self, parked: ParkedEvent) -> int | None:
        return parked.event_id

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.may("workspace.change"))  # type: ignore[union-attr]

    @admin.action(description=_("Try again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ParkedEvent]) -> None:
        outcomes = [retry_parked(parked=parked) for parked in queryset[:500]]
        digested, failed = outcomes.count(True), outcomes.count(False)
        if digested:
            text = ngettext("%(n)s event was taken.", "%(n)s events were taken.", digested)
            messages.success(request, text % {"n": digested})
        if failed:
            text = ngettext("%(n)s failed again.", "%(n)s failed again.", failed)
            messages.warning(request, text % {"n": failed})

    @needs("workspace.change")
    def retry_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        parked = self.get_object(request, str(pk))
        if retry_parked(parked=parked):
            messages.success(request, gettext("The event was taken."))
            return redirect("admin:members_parkedevent_changelist")
        messages.warning(request, gettext("It failed again; the reason below is the newest."))
        return redirect("admin:members_parkedevent_change", pk)

    @needs("workspace.change")
    def drop(self, request: HttpRequest, pk: int) -> HttpResponse:
        drop_parked(parked=self.get_object(request, str(pk)))
        messages.success(request, gettext("The event was dropped; the log keeps it."))
        return redirect("admin:members_parkedevent_changelist")
