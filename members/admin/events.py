"""The registry of events: what apps send and what the platform itself writes, how often, with which properties."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from members.admin.extensions import words_of
from members.models import EventName, EventProperty
from members.queries.schema import property_examples
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.formats import number
from urm.ui.templatetags.ui import ago


def label_of(event: EventName) -> str:
    """What staff call it, else the platform's own words, else nothing."""
    words = str(words_of(event).label)
    return words if words != event.name else ""


@admin.register(EventName)
class EventAdmin(ModelAdmin):
    area = "workspace"
    may_add = may_delete = False
    sidebar = Entry("workspace", 40, "bolt", key="e")
    empty = Empty(
        _("No events yet"), _("Events arrive through the REST API; each new name appears here by itself."), "bolt"
    )
    keyset = ("name", "id")
    list_display = ("name", "meaning", "times", "last_seen", "known_properties", "conflicts", "platform", "hidden")
    list_filter = ("platform", "hidden", "strict")
    search_fields = ("name", "label_en", "label_zh")
    fields = ("name", "label_en", "label_zh", "description", "hidden", "strict")
    change_form_outer_after_template = "members/event_properties.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        conflicts = Count("properties", filter=Q(properties__conflict_at__isnull=False))
        found: Any = super().get_queryset(request)
        annotated: QuerySet[Any] = found.annotate(known=Count("properties"), conflicting=conflicts)
        return annotated

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "strict") if obj and obj.platform else ("name",)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        event = EventName.objects.filter(pk=object_id).first() if object_id and object_id.isdigit() else None
        context: dict[str, Any] = {}
        if event:
            properties = list(EventProperty.objects.filter(event=event).order_by("hidden", "name"))
            examples = property_examples(event, properties)
            context = {"properties": [(row, examples.get(row.name, [])) for row in properties], "event": event}
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    @admin.display(description=_("meaning"))
    def meaning(self, event: EventName) -> str:
        return label_of(event) or "–"

    @admin.display(description=_("events"))
    def times(self, event: EventName) -> str:
        return number(event.count)

    @admin.display(description=_("last seen"))
    def last_seen(self, event: EventName) -> str:
        return ago(event.last_at)

    @admin.display(description=_("properties"))
    def known_properties(self, event: Any) -> str:
        return number(event.known)

    @admin.display(description=_("conflicts"))
    def conflicts(self, event: Any) -> str:
        return number(event.conflicting) if event.conflicting else "–"
