"""What the workspace counts as a purchase and as a lost member."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.actions import change_kpi_settings
from analytics.models import KpiSettings
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.navigation import Entry
from urm.ui.pages import page, render_page, staff_may


class KpiSettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable when it runs
    class Meta:
        model = KpiSettings
        fields = ("purchase_event", "churn_window_days")


@page(
    "kpi-settings/",
    title=_("KPI settings"),
    capability="analytics.view",
    sidebar=Entry("understand", 90, "tune"),
)
def kpi_settings(request: WorkspaceRequest) -> HttpResponse:
    may_change = staff_may(request, "workspace.change")
    form = KpiSettingsForm(request.POST or None, instance=KpiSettings.current())
    if request.method == "POST" and may_change and form.is_valid():
        change_kpi_settings(**form.cleaned_data)
        messages.success(request, gettext("The settings are saved; every figure is being computed anew."))
        return redirect("admin:kpi_settings")
    if not may_change:
        for field in form.fields.values():
            field.disabled = True
    return render_page(request, "analytics/settings.html", {"form": form, "may_change": may_change})
