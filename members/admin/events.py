"""The names of events: what apps send, and what the platform itself writes."""

from typing import Any

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from members.admin.extensions import words_for
from members.models import EventName
from urm.tenancy.context import require_tenant
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.admin.changelist import KeysetChangeList
from urm.ui.formats import number
from urm.ui.templatetags.ui import ago

NEWEST = 10_000


def recent_events() -> dict[int, tuple[int, Any]]:
    """By name id: how many of the NEWEST rows of the log bear it, and when the last one came in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name_id, count(*), max(received_at) FROM (SELECT name_id, received_at FROM members_event "
            "WHERE tenant_id = %s ORDER BY received_at DESC, id DESC LIMIT %s) newest GROUP BY name_id",
            [require_tenant(), NEWEST],
        )
        return {name_id: (count, at) for name_id, count, at in cursor.fetchall()}


class EventChangeList(KeysetChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        recent = recent_events()
        for name in self.result_list:
            name.recent, name.last_at = recent.get(name.pk, (0, None))


@admin.register(EventName)
class EventAdmin(ModelAdmin):
    area = "workspace"
    may_add = may_change = may_delete = False
    sidebar = Entry("workspace", 40, "bolt", key="e")
    empty = Empty(
        _("No events yet"), _("Events arrive through the REST API; each new name appears here by itself."), "bolt"
    )
    keyset = ("name", "id")
    list_display = ("name", "meaning", "platform", "recent", "last_received", "created_at")
    list_filter = ("platform",)
    search_fields = ("name",)
    fields = ("name", "platform", "created_at")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return EventChangeList

    @admin.display(description=_("meaning"))
    def meaning(self, name: EventName) -> str:
        label = str(words_for(name.name).label)
        return label if label != name.name else "–"

    @admin.display(description=_("among the newest 10,000"))
    def recent(self, name: Any) -> str:
        return number(name.recent)

    @admin.display(description=_("last received"))
    def last_received(self, name: Any) -> str:
        return ago(name.last_at)
