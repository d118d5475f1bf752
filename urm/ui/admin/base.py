"""ModelAdmin for rows of a workspace: capabilities for permissions, audit for history, keyset paging, empty states."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold import admin as unfold

from urm.audit.actions import record, snapshot
from urm.audit.models import AuditEntry
from urm.ui.admin.changelist import KeysetChangeList
from urm.ui.admin.forms import TenantModelForm
from urm.ui.components import Empty, ListButton
from urm.ui.deeds import actor_words
from urm.ui.navigation import Entry, add_to_sidebar
from urm.ui.pages import staff_may


def actor_column(field: str, title: str | Promise) -> Callable[[Any, Any], str]:
    """A column of a list for a field that names who did it: `by = actor_column("created_by", _("created by"))`."""

    @admin.display(description=title)  # type: ignore[arg-type]  # the stubs know Promise by another name
    def by(_admin: Any, obj: Any) -> str:
        return actor_words(getattr(obj, field)) or "–"

    return by


class _ByCapability:
    """Permissions from the role in the workspace: `<area>.view` to see, `<area>.change` for all writing."""

    area: ClassVar[str]
    may_add: ClassVar[bool] = True
    may_change: ClassVar[bool] = True
    may_delete: ClassVar[bool] = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return staff_may(request, f"{self.area}.view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return staff_may(request, f"{self.area}.view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_add and staff_may(request, f"{self.area}.change")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change and staff_may(request, f"{self.area}.change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and staff_may(request, f"{self.area}.change")


class TabularInline(_ByCapability, unfold.TabularInline):  # type: ignore[misc]  # unfold is not typed
    form = TenantModelForm
    extra = 0


class StackedInline(_ByCapability, unfold.StackedInline):  # type: ignore[misc]
    form = TenantModelForm
    extra = 0


class ModelAdmin(_ByCapability, unfold.ModelAdmin):  # type: ignore[misc]
    """See urm.ui for what a subclass says. A subclass without `area` is refused."""

    sidebar: ClassVar[Entry | None] = None
    heading: ClassVar[str | Promise] = ""  # of the list and in the sidebar, where it isn't the model's plural
    add_label: ClassVar[str | Promise] = ""
    empty: ClassVar[Empty | None] = None
    keyset: ClassVar[Sequence[str]] = ()
    exported_as: ClassVar[str] = ""  # the name of an export (urm.jobs.exports) that the list offers
    unaudited: ClassVar[Sequence[str]] = ()  # fields whose values must not stand in the audit log

    form: Any = TenantModelForm
    list_per_page = 50
    show_full_result_count = False
    empty_value_display = "–"
    list_filter_submit = False
    warn_unsaved_form = True
    compressed_fields = True
    actions: Any = ()

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        if not getattr(self, "area", None):
            raise TypeError(f"{type(self).__name__} must say its area, for example area = 'members'.")
        super().__init__(model, admin_site)
        if self.sidebar:
            add_to_sidebar(
                self.sidebar,
                title=self.heading or model._meta.verbose_name_plural or "",
                url_name=f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist",
                visible=self.has_module_permission,
            )

    # --- lists

    def list_buttons(self) -> list[ListButton]:
        """Beside the export above the list; each address gets the list's search and filters."""
        return []

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        changelist: type[ChangeList] = KeysetChangeList if self.keyset else super().get_changelist(request, **kwargs)
        return changelist

    def get_sortable_by(self, request: HttpRequest) -> Sequence[str]:
        """Large tables have one order, that of their index."""
        sortable: Sequence[str] = () if self.keyset else super().get_sortable_by(request)
        return sortable

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = {"title": capfirst(str(self.heading or self.opts.verbose_name_plural)), "subtitle": None}
        response: HttpResponse = super().changelist_view(request, {**title, **(extra_context or {})})
        return response

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Only what the class names: Django adds “delete selected” to every list."""
        actions: dict[str, Any] = super().get_actions(request)
        if "delete_selected" not in (self.actions or ()):
            actions.pop("delete_selected", None)
        return actions

    # --- one object

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One way to save; and no link to a history that the role may not see."""
        buttons = {"show_save_and_continue": False, "show_save_and_add_another": False}
        history = {"show_history": staff_may(request, "audit.view")}
        response: HttpResponse = super().changeform_view(
            request, object_id, form_url, {"heading": self.heading, **buttons, **history, **(extra_context or {})}
        )
        return response

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """As Django's; only, a foreign id and an impossible one end in the same 404 as one that doesn't exist."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404(_("There is no such page in this workspace."))
        return found

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Save and audit. Override it to call the app's action, which audits itself."""
        with transaction.atomic():
            fields = self.audited_fields(obj)
            stored = type(obj)._default_manager.filter(pk=obj.pk).first() if change else None
            before = snapshot(stored, *fields) if stored else None
            super().save_model(request, obj, form, change)
            record(
                verb=f"{self.opts.model_name}.{'update' if change else 'create'}",
                target=obj,
                before=before,
                after=snapshot(obj, *fields),
            )

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        """Delete and audit. Override it to call the app's action, which audits itself."""
        with transaction.atomic():
            record(verb=f"{self.opts.model_name}.delete", target=obj, before=snapshot(obj, *self.audited_fields(obj)))
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def audited_fields(self, obj: models.Model) -> list[str]:
        return [
            field.name
            for field in obj._meta.concrete_fields
            if field.editable and not field.primary_key and field.name not in self.unaudited
        ]

    # --- history: Django's log table does not exist, urm.audit stands for it

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> None:
        """Nothing: save_model has audited."""

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> None:
        """Nothing: save_model has audited."""

    def log_deletions(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        """Nothing: delete_model has audited."""

    def log_deletion(self, request: HttpRequest, obj: models.Model, object_repr: str) -> None:
        """Nothing: delete_model has audited."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if not self.has_view_permission(request, obj) or not staff_may(request, "audit.view"):
            raise PermissionDenied
        entries = AuditEntry.objects.filter(target_type=self.opts.label_lower, target_id=str(obj.pk)).order_by("-at")
        context = {
            **self.admin_site.each_context(request),
            "title": _("History: %(object)s") % {"object": obj},
            "entries": entries[:100],
            "object": obj,
            "opts": self.opts,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "ui/history.html", context)
