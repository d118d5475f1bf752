"""Privacy: for how long what is kept, and who was erased."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from members.actions import MemberError, preview_retention, set_retention
from members.models import Erasure, RetentionPeriod
from urm.privacy.retention import kinds_of_retention
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.admin import Empty, ModelAdmin
from urm.ui.formats import number
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may


class RetentionForm(forms.Form):
    """One field per kind of data; empty keeps it for ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = {row.kind: row.days for row in RetentionPeriod.objects.all()}
        for kind in kinds_of_retention().values():
            self.fields[kind.name] = forms.IntegerField(
                label=str(kind.label),
                required=False,
                min_value=kind.least_days,
                max_value=36_500,
                initial=stored.get(kind.name),
                help_text=str(kind.effect),
                widget=UnfoldAdminIntegerFieldWidget(attrs={"min": kind.least_days, "max": 36_500}),
            )


@page("privacy/", title=_("Privacy"), capability="workspace.view", sidebar=Entry("workspace", 65, "shield_person"))
def privacy(request: WorkspaceRequest) -> HttpResponse:
    may_change = staff_may(request, "workspace.change")
    form = RetentionForm(request.POST or None)
    preview: dict[str, int] | None = None
    if request.method == "POST" and may_change and form.is_valid():
        if request.POST.get("do") == "save":
            try:
                set_retention(periods=form.cleaned_data)
            except MemberError as error:
                for name, text in error.fields.items():
                    form.add_error(name, text)
            else:
                messages.success(request, gettext("The periods are saved. Nothing goes before the night."))
                return redirect("admin:privacy")
        else:
            preview = preview_retention(periods=form.cleaned_data)
    if not may_change:
        for field in form.fields.values():
            field.disabled = True
    nights = {row.kind: row for row in RetentionPeriod.objects.exclude(ran_on=None)}
    context = {
        "form": form,
        "may_change": may_change,
        "rows": [(form[name], _going(preview, name), nights.get(name)) for name in form.fields],
        "previewed": preview is not None,
        "erased": Erasure.objects.count(),
        "may_see_erasures": staff_may(request, "members.view"),
    }
    return render_page(request, "members/privacy.html", context)


def _going(preview: dict[str, int] | None, name: str) -> str:
    if preview is None:
        return ""
    if name not in preview:
        return gettext("kept for ever")
    count = preview[name]
    return ngettext("%(n)s would go", "%(n)s would go", count) % {"n": number(count)}


@admin.register(Erasure)
class ErasureAdmin(ModelAdmin):
    area = "members"
    may_add = may_change = may_delete = False
    empty = Empty(
        _("Nobody was erased"),
        _("Erased members are listed by their number alone, so that a restored backup can forget them again."),
        icon="person_off",
    )
    keyset = ("-id",)
    list_display = ("__str__", "requested_at", "erased_at")
    fields = ("member_id", "requested_at", "erased_at")

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {"view": self.has_view_permission(request)}
