"""The workspace's own settings."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from urm.tenancy.middleware import WorkspaceRequest
from urm.tenancy.models import Tenant
from urm.ui.actions import change_workspace
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    class Meta:
        model = Tenant
        fields = ("name", "language", "currency")
        help_texts = {
            "language": _("For new staff and for messages to members without a language of their own."),
            "currency": _("ISO 4217 code. Amounts are shown in it; changing it converts nothing."),
        }

    def save(self, commit: bool = True) -> Any:
        change_workspace(workspace=self.instance, **self.cleaned_data)
        return self.instance


@page("settings/", title=_("Settings"), capability="workspace.view", sidebar=Entry("workspace", 90, "settings"))
def workspace_settings(request: WorkspaceRequest) -> HttpResponse:
    may_change = staff_may(request, "workspace.change")
    form = WorkspaceForm(request.POST or None, instance=Tenant.objects.get(pk=request.workspace.pk))
    if request.method == "POST" and may_change and form.is_valid():
        form.save()
        messages.success(request, gettext("The settings are saved."))
        return redirect("admin:workspace_settings")
    if not may_change:
        for field in form.fields.values():
            field.disabled = True
    return render_page(request, "ui/settings.html", {"form": form, "may_change": may_change})
