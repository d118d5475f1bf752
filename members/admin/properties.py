"""One property of an event: its type, what it means, whether it is personal. Listed on the event's page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from members.models import EventProperty
from urm.ui.admin import Empty, ModelAdmin
from urm.ui.templatetags.ui import ago


@admin.register(EventProperty)
class PropertyAdmin(ModelAdmin):
    area = "workspace"
    may_add = may_delete = False
    empty = Empty(_("No properties yet"), _("They appear by themselves as events come in."), "data_object")
    keyset = ("event_id", "id")
    list_display = ("name", "event", "type", "types", "personal", "hidden", "last_seen")
    list_filter = ("type", "personal", "hidden")
    list_select_related = ("event",)
    search_fields = ("name",)
    fields = ("event", "name", "type", "types", "label_en", "label_zh", "description", "hidden", "personal")
    readonly_fields = ("event", "name", "types")

    @admin.display(description=_("types seen"))
    def types(self, row: EventProperty) -> str:
        return row.seen_labels

    @admin.display(description=_("last seen"))
    def last_seen(self, row: EventProperty) -> str:
        return ago(row.last_at)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What staff say about a type settles the conflict; the next value that disagrees opens it again."""
        if "type" in form.changed_data:
            obj.conflict_at = None
        super().save_model(request, obj, form, change)
