"""The audit log, to read and to search."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from urm.audit.models import AuditEntry
from urm.ui.admin.base import ModelAdmin, actor_column
from urm.ui.components import Empty
from urm.ui.deeds import deed_words, kind_words
from urm.ui.navigation import Entry


@admin.register(AuditEntry)
class AuditAdmin(ModelAdmin):
    area = "audit"
    may_add = may_change = may_delete = False
    sidebar = Entry("workspace", 50, "history", key="l")
    empty = Empty(
        _("Nothing has been changed yet"), _("Every change by staff, keys and the system is written down here.")
    )
    keyset = ("-at", "-id")
    exported_as = "audit"
    list_display = ("at", "by", "deed", "kind", "target_label")
    list_filter = ("actor_kind",)
    search_fields = ("actor_label", "verb", "target_label", "target_id")
    search_help_text = _("Search by person, action or object")
    fields = ("at", "actor_kind", "by", "deed", "verb", "kind", "target_id", "target_label", "before", "after")
    readonly_fields = ("by", "deed", "kind")

    by = actor_column("actor_label", _("by"))

    @admin.display(description=_("what was done"))
    def deed(self, entry: AuditEntry) -> str:
        return deed_words(entry.verb)

    @admin.display(description=_("kind of object"))
    def kind(self, entry: AuditEntry) -> str:
        return kind_words(entry.target_type)
