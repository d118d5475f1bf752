from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from members.models import AttributeDefinition
from urm.ui.admin import Empty, Entry, ModelAdmin


@admin.register(AttributeDefinition)
class AttributeAdmin(ModelAdmin):
    area = "workspace"
    may_delete = False  # values and rules refer to it by name
    sidebar = Entry("workspace", 30, "tune")
    empty = Empty(
        _("No attributes yet"),
        _("An attribute gives a fact of your own about members a type and a name, so that rules can use it."),
        icon="tune",
    )
    list_display = ("name", "label_en", "label_zh", "type", "personal")
    list_filter = ("type", "personal")
    search_fields = ("name", "label_en", "label_zh")
    ordering = ("name",)
    fields = ("name", "type", "label_en", "label_zh", "choices", "personal")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "type") if obj else ()
