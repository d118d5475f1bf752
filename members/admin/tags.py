from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db import connection
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from members.actions import create_tag
from members.models import MemberTag, Tag
from urm.tenancy.context import require_tenant
from urm.ui.admin import Empty, Entry, ModelAdmin
from urm.ui.admin.changelist import KeysetChangeList
from urm.ui.formats import number


class TagChangeList(KeysetChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [tag.pk for tag in self.result_list]
        sizes, ends = tag_sizes(ids), tag_ends(ids)
        for tag in self.result_list:
            tag.size, tag.ending = sizes.get(tag.pk, 0), ends.get(tag.pk, 0)


def tag_sizes(ids: list[int]) -> dict[int, int]:
    """How many members have each tag, manual or by rule: one pass over the narrow rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t, count(*) FROM members_memberstate, unnest(tag_ids) t "
            "WHERE tenant_id = %s AND t = ANY (%s) GROUP BY t",
            [require_tenant(), ids],
        )
        return dict(cursor.fetchall())


def tag_ends(ids: list[int]) -> dict[int, int]:
    """On how many members each tag has an end."""
    rows = MemberTag.objects.filter(tag_id__in=ids, expires_at__isnull=False).values("tag_id")
    return {row["tag_id"]: row["n"] for row in rows.annotate(n=Count("id"))}


class GroupFilter(SimpleListFilter):
    title = _("group")
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Tag.objects.exclude(group="").order_by("group").values_list("group", flat=True).distinct()
        return [(name, name) for name in names[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tag]) -> QuerySet[Tag]:
        return queryset.filter(group=self.value()) if self.value() else queryset


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    area = "members"
    sidebar = Entry("people", 30, "sell", key="t")
    empty = Empty(_("No tags yet"), _("A tag marks people for your own purposes, by hand or by a rule."), icon="sell")
    keyset = ("group", "name", "id")
    list_display = ("name", "in_group", "kind", "members", "ends", "description")
    list_filter = (GroupFilter, "kind")
    search_fields = ("name", "group", "description")
    fields = ("name", "group", "description")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return TagChangeList

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The name stands in the log and in rules, so it stays."""
        return ("name",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A tag with members is kept; take it off them first, or let its rule end."""
        if obj is not None and (obj.kind == Tag.Kind.RULE or tag_sizes([obj.pk])):
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            tag = create_tag(name=obj.name, group=obj.group, description=obj.description)
            obj.pk = tag.pk

    @admin.display(description=_("group"))
    def in_group(self, tag: Tag) -> str:
        return tag.group or "–"

    @admin.display(description=_("with an end"))
    def ends(self, tag: Any) -> str:
        return number(tag.ending) if tag.ending else "–"

    @admin.display(description=_("members"))
    def members(self, tag: Any) -> str:
        url = reverse("admin:members_member_changelist")
        return format_html('<a href="{}?tag={}">{}</a>', url, tag.pk, number(tag.size))
